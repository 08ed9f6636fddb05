/**
 * All drawings of one prototype with one material set: an InstancedMesh a material slot, sharing matrices and tints.
 *
 * Hidden instances are left out by packing the shown ones to the front. Positions are relative to the view's origin,
 * subtracted in Float64, so that float32 matrices stay exact far from the world's origin.
 */
import { BufferGeometry, DynamicDrawUsage, InstancedBufferAttribute, InstancedMesh, type Material } from "three";
import type { Tint } from "../core/appearance.ts";
import { TINT_ATTRIBUTE } from "./material-patch.ts";

export interface Part {
  readonly geometry: BufferGeometry;
  readonly material: Material;
}

export class InstanceBatch {
  readonly meshes: InstancedMesh[];
  /** Matrices of all instances, column-major, row k = instances[k]. */
  readonly matrices: Float32Array;
  private readonly tints: Float32Array;
  private readonly matrixColumn: InstancedBufferAttribute;
  private readonly tintColumn: InstancedBufferAttribute;
  private readonly visible: Uint8Array;
  /** Row of the k-th one that is drawn, and the reverse (-1 = hidden). */
  private readonly shown: Int32Array;
  private readonly place: Int32Array;
  private repack = true;
  private low = Infinity;
  private high = -1;

  constructor(
    /** Instance numbers. */
    readonly instances: Int32Array,
    readonly parts: readonly Part[],
    /** Geometry is the mirror image in x: matrices are corrected for it. */
    readonly isMirrored: boolean,
  ) {
    const n = instances.length;
    this.matrices = new Float32Array(n * 16);
    this.tints = new Float32Array(n * 4);
    this.visible = new Uint8Array(n).fill(1);
    this.shown = new Int32Array(n);
    this.place = new Int32Array(n);
    this.matrixColumn = new InstancedBufferAttribute(new Float32Array(n * 16), 16).setUsage(DynamicDrawUsage);
    this.tintColumn = new InstancedBufferAttribute(new Float32Array(n * 4), 4);
    this.meshes = parts.map((part) => this.mesh(part));
  }

  private mesh(part: Part): InstancedMesh {
    // A geometry of its own, since the tint column belongs to the batch; the vertex buffers are shared.
    const geometry = new BufferGeometry();
    geometry.setIndex(part.geometry.getIndex());
    for (const [name, attribute] of Object.entries(part.geometry.attributes)) geometry.setAttribute(name, attribute);
    geometry.setAttribute(TINT_ATTRIBUTE, this.tintColumn);
    geometry.boundingBox = part.geometry.boundingBox;
    geometry.boundingSphere = part.geometry.boundingSphere;
    const mesh = new InstancedMesh(geometry, part.material, this.instances.length);
    mesh.instanceMatrix = this.matrixColumn;
    mesh.matrixAutoUpdate = false;
    mesh.castShadow = !part.material.transparent;
    mesh.receiveShadow = true;
    mesh.userData.batch = this;
    return mesh;
  }

  /** world: row-major Float64 at [at..]; origin: what float32 positions are relative to. */
  setMatrix(row: number, world: Float64Array, at: number, origin: readonly number[]): void {
    const m = this.matrices,
      o = row * 16;
    const mirror = this.isMirrored ? -1 : 1;
    for (let r = 0; r < 3; r++) {
      m[o + r] = world[at + 4 * r] * mirror;
      m[o + 4 + r] = world[at + 4 * r + 1];
      m[o + 8 + r] = world[at + 4 * r + 2];
      m[o + 12 + r] = world[at + 4 * r + 3] - origin[r];
    }
    m[o + 15] = 1;
    const slot = this.place[row];
    if (this.repack || slot < 0) return;
    this.matrixColumn.array.set(m.subarray(o, o + 16), slot * 16);
    this.low = Math.min(this.low, slot);
    this.high = Math.max(this.high, slot);
  }

  setTint(row: number, tint: Tint): void {
    const at = row * 4;
    if (tint.every((value, c) => Math.fround(value) === this.tints[at + c])) return;
    this.tints.set(tint, at);
    if (this.repack || this.place[row] < 0) return;
    this.tintColumn.array.set(tint, this.place[row] * 4);
    this.tintColumn.needsUpdate = true;
  }

  setVisible(row: number, visible: boolean): void {
    if ((this.visible[row] === 1) === visible) return;
    this.visible[row] = visible ? 1 : 0;
    this.repack = true;
  }

  isVisible(row: number): boolean {
    return this.visible[row] === 1;
  }

  /** Instance number of what three calls instanceId. */
  instanceAt(slot: number): number {
    return this.instances[this.shown[slot]];
  }

  /** Hands what was set to the GPU; true where anything changed. */
  flush(): boolean {
    const changed = this.repack || this.high >= 0;
    if (this.repack) this.pack();
    else if (this.high >= 0) {
      this.matrixColumn.addUpdateRange(this.low * 16, (this.high - this.low + 1) * 16);
      this.matrixColumn.needsUpdate = true;
    }
    if (changed)
      for (const mesh of this.meshes) {
        mesh.boundingSphere = null;
        mesh.boundingBox = null;
      }
    [this.low, this.high, this.repack] = [Infinity, -1, false];
    return changed;
  }

  private pack(): void {
    let count = 0;
    for (let row = 0; row < this.instances.length; row++) {
      this.place[row] = this.visible[row] ? count : -1;
      if (this.visible[row]) this.shown[count++] = row;
    }
    for (let slot = 0; slot < count; slot++) {
      const row = this.shown[slot];
      this.matrixColumn.array.set(this.matrices.subarray(row * 16, row * 16 + 16), slot * 16);
      this.tintColumn.array.set(this.tints.subarray(row * 4, row * 4 + 4), slot * 4);
    }
    this.matrixColumn.clearUpdateRanges();
    this.matrixColumn.needsUpdate = true;
    this.tintColumn.needsUpdate = true;
    for (const mesh of this.meshes) {
      mesh.count = count;
      mesh.visible = count > 0;
    }
  }

  dispose(): void {
    for (const mesh of this.meshes) {
      mesh.removeFromParent();
      mesh.geometry.dispose();
      mesh.dispose();
    }
  }
}
