/** The heat map as a picture that lies on the floor. */
import { ClampToEdgeWrapping, DataTexture, DoubleSide, LinearFilter, Mesh, MeshBasicMaterial, PlaneGeometry, RGBAFormat, SRGBColorSpace } from "three";
import type { Viewport } from "../../view/viewport.ts";
import { colorAt, placeIn } from "./colors.ts";
import type { Field } from "./heat.ts";
import type { ColorMap } from "./settings.ts";

const MOST_ALPHA = 190;

export class HeatMap {
  private mesh: Mesh<PlaneGeometry, MeshBasicMaterial> | null = null;

  constructor(private readonly viewport: Viewport) {}

  /** `height`: of the floor, in the world [m]. */
  show(field: Field, height: number, map: ColorMap, range: readonly [number, number]): void {
    const mesh = (this.mesh ??= this.make());
    const { columns, rows, values, trust } = field;
    let texture = mesh.material.map as DataTexture | null;
    if (!texture || texture.image.width !== columns || texture.image.height !== rows) {
      texture?.dispose();
      texture = new DataTexture(new Uint8Array(4 * columns * rows), columns, rows, RGBAFormat);
      texture.colorSpace = SRGBColorSpace;
      texture.magFilter = texture.minFilter = LinearFilter;
      texture.wrapS = texture.wrapT = ClampToEdgeWrapping;
      mesh.material.map = texture;
      mesh.material.needsUpdate = true;
    }
    const data = texture.image.data as Uint8Array;
    for (let k = 0; k < values.length; k++)
      data.set([...colorAt(map, placeIn(values[k], range)), Math.round(MOST_ALPHA * Math.min(1, 1.6 * trust[k]))], 4 * k);
    texture.needsUpdate = true;
    mesh.scale.set(field.width, field.height, 1);
    this.viewport.anchored.set(mesh, [field.x + field.width / 2, field.y + field.height / 2, height + 0.02]);
    mesh.visible = true;
    this.viewport.invalidate();
  }

  hide(): void {
    if (!this.mesh?.visible) return;
    this.mesh.visible = false;
    this.viewport.invalidate();
  }

  private make(): Mesh<PlaneGeometry, MeshBasicMaterial> {
    const material = new MeshBasicMaterial({ transparent: true, depthWrite: false, side: DoubleSide, toneMapped: false, polygonOffset: true, polygonOffsetFactor: -2, polygonOffsetUnits: -8 });
    const mesh = new Mesh(new PlaneGeometry(1, 1), material);
    mesh.renderOrder = -0.5;
    return mesh;
  }
}
