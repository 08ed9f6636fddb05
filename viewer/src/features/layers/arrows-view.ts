/** Arrows in the scene: one draw call for all, each a place, a way and a colour. */
import { BufferGeometry, Color, ConeGeometry, CylinderGeometry, InstancedMesh, Matrix4, MeshBasicMaterial, Quaternion, Vector3 } from "three";
import { mergeGeometries } from "three/addons/utils/BufferGeometryUtils.js";
import type { Viewport } from "../../view/viewport.ts";

export interface Arrow {
  /** Where it begins, in the world [m]. */
  readonly from: readonly [number, number, number];
  /** Its whole way [m]. */
  readonly way: readonly [number, number, number];
  readonly color: number;
}

const MOST = 500;
const UP = new Vector3(0, 0, 1);

export class Arrows {
  private mesh: InstancedMesh<BufferGeometry, MeshBasicMaterial> | null = null;
  count = 0;

  constructor(private readonly viewport: Viewport) {}

  /** `thickness`: of the shaft [m]. */
  show(arrows: readonly Arrow[], thickness: number): void {
    this.count = Math.min(MOST, arrows.length);
    if (this.count === 0 && !this.mesh) return;
    const mesh = (this.mesh ??= this.make());
    const base = arrows[0]?.from ?? [0, 0, 0];
    this.viewport.anchored.set(mesh, base);
    const matrix = new Matrix4();
    const color = new Color();
    const turn = new Quaternion();
    arrows.slice(0, MOST).forEach(({ from, way, color: hex }, k) => {
      const length = Math.hypot(...way);
      turn.setFromUnitVectors(UP, new Vector3(...way).divideScalar(length || 1));
      const at = new Vector3(from[0] - base[0], from[1] - base[1], from[2] - base[2]);
      const width = Math.min(thickness, length / 4);
      mesh.setMatrixAt(k, matrix.compose(at, turn, new Vector3(width, width, length)));
      mesh.setColorAt(k, color.setHex(hex));
    });
    mesh.count = this.count;
    mesh.visible = this.count > 0;
    mesh.instanceMatrix.needsUpdate = true;
    if (mesh.instanceColor) mesh.instanceColor.needsUpdate = true;
    mesh.boundingSphere = null;
    this.viewport.invalidate();
  }

  /** A shaft half as wide as one, a head twice as wide, one long. */
  private make(): InstancedMesh<BufferGeometry, MeshBasicMaterial> {
    const shaft = new CylinderGeometry(0.5, 0.5, 0.75, 10).translate(0, 0.375, 0);
    const head = new ConeGeometry(1.4, 0.28, 14).translate(0, 0.86, 0);
    const geometry = mergeGeometries([shaft, head]).rotateX(Math.PI / 2);
    const mesh = new InstancedMesh(geometry, new MeshBasicMaterial({ toneMapped: false, depthTest: false, transparent: true }), MOST);
    mesh.frustumCulled = false;
    mesh.renderOrder = 5;
    return mesh;
  }
}
