/** What three needs to bend an InstancedMesh by bones on the GPU, and the bent geometry for whoever looks for a hit. */
import { BufferAttribute, BufferGeometry, DataTexture, FloatType, Matrix4, RGBAFormat, type Mesh } from "three";
import { deform, type SkinPose } from "../core/skin.ts";
import type { SharedGeometry } from "./shared-geometry.ts";

const IDENTITY = new Matrix4();

/** The bones of one drawing on the GPU: four texels a bone, in a square. */
export class Bones {
  readonly boneTexture: DataTexture;
  private readonly values: Float32Array<ArrayBuffer>;
  private version = -1;
  private readonly bentOnes = new Map<SharedGeometry, { version: number; geometry: BufferGeometry }>();

  constructor(readonly pose: SkinPose) {
    const side = Math.max(4, 4 * Math.ceil(Math.sqrt(4 * pose.nodes.length) / 4));
    this.values = new Float32Array(4 * side * side);
    this.boneTexture = new DataTexture(this.values, side, side, RGBAFormat, FloatType);
    this.update();
  }

  /** three calls it once a frame in which a mesh of these bones is drawn. */
  update(): void {
    if (this.version === this.pose.version) return;
    this.version = this.pose.version;
    this.values.set(this.pose.matrices);
    this.boneTexture.needsUpdate = true;
  }

  /** From now on the mesh is bent. Its geometry has skinIndex and skinWeight. */
  bend(mesh: Mesh): void {
    Object.assign(mesh, { isSkinnedMesh: true, skeleton: this, bindMatrix: IDENTITY, bindMatrixInverse: IDENTITY });
  }

  /** The triangles as they are bent now, around the middle. */
  bent(shared: SharedGeometry): BufferGeometry {
    const { full } = shared;
    let known = this.bentOnes.get(shared);
    if (!known) {
      const geometry = new BufferGeometry().setIndex(full.getIndex());
      geometry.setAttribute("position", new BufferAttribute(new Float32Array(3 * full.getAttribute("position").count), 3));
      this.bentOnes.set(shared, (known = { version: -1, geometry }));
    }
    if (known.version !== this.pose.version) {
      known.version = this.pose.version;
      const column = (name: string): ArrayLike<number> => full.getAttribute(name).array;
      const position = known.geometry.getAttribute("position") as BufferAttribute;
      deform(this.pose.matrices, column("position"), column("skinIndex"), column("skinWeight"), position.array as Float32Array);
      known.geometry.computeBoundingBox();
      known.geometry.computeBoundingSphere();
    }
    return known.geometry;
  }

  dispose(): void {
    this.boneTexture.dispose();
  }
}

/** The columns of the wire as three calls them. */
export function nameSkin(geometry: BufferGeometry): BufferGeometry {
  for (const [theirs, ours] of [["skinIndex", "_joints"], ["skinWeight", "_weights"]] as const) {
    const column = geometry.getAttribute(ours) as BufferAttribute | undefined;
    if (!column) continue;
    geometry.setAttribute(theirs, column);
    geometry.deleteAttribute(ours);
  }
  return geometry;
}
