/**
 * One set of triangles that many drawings share, in three grades of detail. Each drawing takes a geometry of its own, which
 * may have columns of its own, over vertex buffers that are there once; with the last drawing the GPU's copies go.
 *
 * three frees all attributes of a geometry that is disposed of, also those that others still use, so what is shared is
 * counted here and taken out before.
 */
import { BufferAttribute, BufferGeometry } from "three";
import type { Shape } from "../core/detail.ts";
import { boxShape, clustered } from "../core/simplify.ts";

type Columns = Readonly<Record<string, BufferAttribute>>;

/** Fewer triangles than this are not worth leaving out. */
const FEW = 96;
/** How many geometries use an attribute. */
const uses = new Map<BufferAttribute, number>();

/** Attributes that are shared or owned by geometries now; for tests of leaks. */
export function sharedAttributes(): number {
  return uses.size;
}

export class SharedGeometry {
  /** Distance of the farthest point from the origin [m]. */
  readonly radius: number;
  readonly triangles: number;
  private readonly shapes: (BufferGeometry | undefined)[];
  private mirror: SharedGeometry | null = null;

  constructor(private readonly base: BufferGeometry) {
    base.computeBoundingBox();
    base.computeBoundingSphere();
    this.shapes = [base];
    this.triangles = (base.getIndex()?.count ?? base.getAttribute("position").count) / 3;
    const { min, max } = base.boundingBox!;
    this.radius = Math.hypot(...(["x", "y", "z"] as const).map((c) => Math.max(Math.abs(min[c]), Math.abs(max[c]))));
  }

  /** The triangles as they are. */
  get full(): BufferGeometry {
    return this.base;
  }

  get hasColors(): boolean {
    return this.base.hasAttribute("color");
  }

  /** A geometry to draw, with `own` columns; `give` it back. */
  take(shape: Shape, own: Columns = {}): BufferGeometry {
    const source = this.shaped(shape);
    const out = new BufferGeometry();
    out.setIndex(source.getIndex());
    for (const [name, attribute] of Object.entries(source.attributes)) out.setAttribute(name, attribute);
    for (const [name, attribute] of Object.entries(own)) out.setAttribute(name, attribute);
    out.boundingBox = source.boundingBox;
    out.boundingSphere = source.boundingSphere;
    for (const attribute of attributesOf(out)) uses.set(attribute, (uses.get(attribute) ?? 0) + 1);
    return out;
  }

  give(geometry: BufferGeometry): void {
    const index = geometry.getIndex();
    if (index && stillUsed(index)) geometry.setIndex(null);
    for (const [name, attribute] of Object.entries(geometry.attributes))
      if (stillUsed(attribute as BufferAttribute)) geometry.deleteAttribute(name);
    geometry.dispose();
  }

  /** The mirror image in x: an instance matrix that mirrors times this one does not, so triangles keep their winding. */
  mirrored(): SharedGeometry {
    return (this.mirror ??= new SharedGeometry(mirrorImage(this.base)));
  }

  private shaped(shape: Shape): BufferGeometry {
    // The six sides of a box hang on no bones.
    if (this.base.hasAttribute("skinWeight") && shape > 1) shape = 1;
    if (this.triangles <= 12 || (shape === 1 && this.triangles <= FEW)) return this.base;
    return (this.shapes[shape] ??= shape === 1 ? this.coarse() : this.box());
  }

  private get bounds(): number[] {
    const { min, max } = this.base.boundingBox!;
    return [...min.toArray(), ...max.toArray()];
  }

  private coarse(): BufferGeometry {
    const { base } = this;
    const index = base.getIndex();
    if (!index) return base;
    const out = base.clone();
    for (const [name, attribute] of Object.entries(base.attributes)) out.setAttribute(name, attribute);
    const fewer = clustered(base.getAttribute("position").array, index.array, this.bounds);
    if (fewer.length === 0 && base.hasAttribute("skinWeight")) return base;
    return fewer.length === 0 ? this.box() : out.setIndex(new BufferAttribute(fewer, 1));
  }

  private box(): BufferGeometry {
    const { position, normal, index } = boxShape(this.bounds);
    const out = new BufferGeometry();
    out.setIndex(new BufferAttribute(index, 1));
    out.setAttribute("position", new BufferAttribute(position, 3));
    out.setAttribute("normal", new BufferAttribute(normal, 3));
    for (const name of ["uv", "color"]) {
      const original = this.base.getAttribute(name) as BufferAttribute | undefined;
      if (original) out.setAttribute(name, mean(original, position.length / 3));
    }
    out.boundingBox = this.base.boundingBox;
    out.boundingSphere = this.base.boundingSphere;
    return out;
  }
}

function attributesOf(geometry: BufferGeometry): BufferAttribute[] {
  const index = geometry.getIndex();
  return [...(index ? [index] : []), ...(Object.values(geometry.attributes) as BufferAttribute[])];
}

function stillUsed(attribute: BufferAttribute): boolean {
  const left = (uses.get(attribute) ?? 1) - 1;
  if (left > 0) uses.set(attribute, left);
  else uses.delete(attribute);
  return left > 0;
}

/** The attribute's mean, `count` times. */
function mean(attribute: BufferAttribute, count: number): BufferAttribute {
  const { itemSize } = attribute;
  const sum = new Array<number>(itemSize).fill(0);
  for (let i = 0; i < attribute.count; i++) for (let c = 0; c < itemSize; c++) sum[c] += attribute.getComponent(i, c);
  const out = new Float32Array(count * itemSize);
  for (let i = 0; i < out.length; i++) out[i] = sum[i % itemSize] / attribute.count;
  return new BufferAttribute(out, itemSize);
}

function mirrorImage(geometry: BufferGeometry): BufferGeometry {
  const out = geometry.clone();
  for (const name of ["position", "normal"]) {
    const attribute = out.getAttribute(name) as BufferAttribute | undefined;
    if (!attribute) continue;
    for (let i = 0; i < attribute.count; i++) attribute.setX(i, -attribute.getX(i));
  }
  const index = out.getIndex();
  if (index)
    for (let i = 0; i + 2 < index.count; i += 3) {
      const b = index.getX(i + 1);
      index.setX(i + 1, index.getX(i + 2));
      index.setX(i + 2, b);
    }
  out.boundingBox = null;
  out.boundingSphere = null;
  return out;
}
