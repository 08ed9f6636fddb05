/** Items as three objects, in the frame of their parent: each kind is one function. Coordinates are metres. */
import {
  AxesHelper,
  BufferAttribute,
  BufferGeometry,
  Color,
  DoubleSide,
  Group,
  LineBasicMaterial,
  LineSegments,
  type Material,
  Mesh,
  MeshBasicMaterial,
  type Object3D,
  PlaneGeometry,
  Points,
  PointsMaterial,
} from "three";
import { type DataRef, isRef, type Item, number, numbers, text } from "./board.ts";
import type { DataCache } from "./data.ts";

const HERE = [0, 0, 0, 1, 0, 0, 0] as const;

/** Makes the object of an item. Rejects where its data cannot be had. */
type Make = (item: Item, data: DataCache) => Promise<Object3D>;

function posed(object: Object3D, item: Item): Object3D {
  const [x, y, z, qw, qx, qy, qz] = numbers(item.pose, 7, HERE);
  object.position.set(x, y, z);
  object.quaternion.set(qx, qy, qz, qw);
  return object;
}

function ref(item: Item, field: string): DataRef {
  const value = item[field];
  if (!isRef(value)) throw new Error(`overlay ${item.name} lacks its ${field}`);
  return value;
}

/** Linear rgb of each vertex from one sRGB colour a point, or a piece of line (`each` vertices). */
async function colors(item: Item, data: DataCache, count: number, each: number): Promise<BufferAttribute | null> {
  if (!isRef(item.colors)) return null;
  const bytes = await data.octets(item.colors);
  if (bytes.length !== 3 * count) throw new Error(`overlay ${item.name} has ${bytes.length / 3} colours for ${count}`);
  const out = new Float32Array(3 * count * each);
  const color = new Color();
  for (let k = 0; k < count; k++) {
    color.setRGB(bytes[3 * k] / 255, bytes[3 * k + 1] / 255, bytes[3 * k + 2] / 255, "srgb");
    for (let v = 0; v < each; v++) color.toArray(out, 3 * (k * each + v));
  }
  return new BufferAttribute(out, 3);
}

async function cloud(item: Item, data: DataCache, each: number): Promise<BufferGeometry> {
  const places = await data.floats(ref(item, "positions"));
  const geometry = new BufferGeometry();
  geometry.setAttribute("position", new BufferAttribute(places, 3));
  const own = await colors(item, data, places.length / 3 / each, each);
  if (own) geometry.setAttribute("color", own);
  return geometry;
}

function tinted(item: Item, geometry: BufferGeometry): { color: Color; vertexColors: boolean; toneMapped: false } {
  const vertexColors = geometry.hasAttribute("color");
  return { color: new Color(vertexColors ? "#ffffff" : text(item.color) || "#4cc2e6"), vertexColors, toneMapped: false };
}

function at(object: Object3D, item: Item): Object3D {
  object.position.fromArray(numbers(item.origin, 3, [0, 0, 0]));
  return object;
}

const points: Make = async (item, data) => {
  const geometry = await cloud(item, data, 1);
  return at(new Points(geometry, new PointsMaterial({ ...tinted(item, geometry), size: number(item.size, 0.03) })), item);
};

const lines: Make = async (item, data) => {
  const geometry = await cloud(item, data, 2);
  return at(new LineSegments(geometry, new LineBasicMaterial(tinted(item, geometry))), item);
};

const frame: Make = async (item) => {
  const axes = new AxesHelper(number(item.length, 0.3));
  axes.setColors(new Color("#e0604f"), new Color("#6fae7d"), new Color("#5b9bd5"));
  (axes.material as Material).toneMapped = false;
  return posed(axes, item);
};

async function plane(item: Item, data: DataCache, width: number, height: number): Promise<Mesh> {
  const map = await data.picture(ref(item, "image"));
  return new Mesh(new PlaneGeometry(width, height), new MeshBasicMaterial({ map, side: DoubleSide, transparent: true, toneMapped: false }));
}

const image: Make = async (item, data) => {
  const width = number(item.width, 1);
  return posed(await plane(item, data, width, width / number(item.aspect, 1)), item);
};

const frustum: Make = async (item, data) => {
  const depth = number(item.depth, 0.5);
  const h = depth * Math.tan(number(item.fov, 0.8) / 2);
  const w = h * number(item.aspect, 1.5);
  const corners = [[-w, -h], [w, -h], [w, h], [-w, h]];
  const places: number[] = [];
  corners.forEach(([x, y], k) => {
    const [nx, ny] = corners[(k + 1) % 4];
    places.push(0, 0, 0, x, y, -depth, x, y, -depth, nx, ny, -depth);
  });
  // A small roof over the upper edge says which way is up.
  places.push(-0.4 * w, h, -depth, 0, 1.4 * h, -depth, 0, 1.4 * h, -depth, 0.4 * w, h, -depth);
  const geometry = new BufferGeometry().setAttribute("position", new BufferAttribute(new Float32Array(places), 3));
  const group = new Group();
  group.add(new LineSegments(geometry, new LineBasicMaterial({ color: text(item.color) || "#e0a63c", toneMapped: false })));
  if (isRef(item.image)) {
    const seen = await plane(item, data, 2 * w, 2 * h);
    seen.position.z = -depth;
    group.add(seen);
  }
  return posed(group, item);
};

export const KINDS: Readonly<Record<string, Make>> = { points, lines, frame, image, frustum };

/** Gives back what the object holds on the GPU. */
export function disposeOf(object: Object3D): void {
  object.traverse((one) => {
    const { geometry, material } = one as Partial<Mesh>;
    geometry?.dispose();
    for (const each of Array.isArray(material) ? material : material ? [material] : []) {
      const { map } = each as MeshBasicMaterial;
      map?.dispose();
      each.dispose();
    }
  });
  object.removeFromParent();
}
