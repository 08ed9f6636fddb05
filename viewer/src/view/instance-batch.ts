/**
 * A cell of drawings of one prototype with one material set: an InstancedMesh a material slot, sharing matrices and tints.
 *
 * Hidden instances are left out by packing the shown ones to the front. Positions are relative to the view's origin,
 * subtracted in Float64, so that float32 matrices stay exact far from the world's origin. What stands where is asked of
 * the source; nothing is kept twice.
 */
import { DynamicDrawUsage, InstancedBufferAttribute, InstancedMesh, type Material, type Sphere, type Vector3 } from "three";
import type { Tint } from "../core/appearance.ts";
import { FULL, type Detail, type Shape } from "../core/detail.ts";
import { Ranges } from "../core/ranges.ts";
import { Extent } from "./extent.ts";
import type { SharedGeometry } from "./geometry.ts";
import type { Bones } from "./skinned.ts";
import { TINT_ATTRIBUTE } from "./material-patch.ts";

export interface Part {
  /** Material slot of the prototype. */
  readonly slot: number;
  readonly geometry: SharedGeometry;
  readonly material: Material;
  /** What stands in for it at first; undefined: nothing does. */
  readonly plain?: Material | undefined;
}

/** Where instances stand and how they are painted now. */
export interface InstanceSource {
  readonly origin: readonly number[];
  /** world_from_node, 16 values a node, row-major, and the node of each instance. */
  readonly worlds: Float64Array;
  readonly nodes: Int32Array;
  /** Instances do not stand exactly where their nodes do: `worldOf` tells. */
  readonly isOffset: boolean;
  /** Writes world_from_geometry, 16 values row-major. */
  worldOf(instance: number, out: Float64Array): void;
  tintOf(instance: number): Tint;
}

/** Ranges of one column that wait to be uploaded. */
const MOST_RANGES = 64;

const scratch = new Float64Array(16);

export class InstanceBatch {
  readonly meshes: InstancedMesh[];
  private readonly matrixColumn: InstancedBufferAttribute;
  private readonly tintColumn: InstancedBufferAttribute;
  /** Columns that the GPU is to get whole: ranges must not stand in for that. */
  private readonly whole = new Set<InstancedBufferAttribute>();
  private readonly visible: Uint8Array;
  /** Row of the k-th one that is drawn, and the reverse (-1 = hidden). */
  private readonly shown: Int32Array;
  private readonly place: Int32Array;
  private count = 0;
  private detail: Detail = FULL;
  private repack = true;
  private readonly moved = new Ranges();
  private readonly painted = new Ranges();
  private readonly extent: Extent;
  /** What the GPU had of it in the scene before: matrices, tints, rows. */
  private before: [Float32Array, Uint8Array, number] | null = null;

  constructor(
    /** Instance numbers; row k = instances[k]. */
    public instances: Int32Array,
    public parts: readonly Part[],
    /** Geometry is the mirror image in x: matrices are corrected for it. */
    public isMirrored: boolean,
    private source: InstanceSource,
    /** What bends its only row. */
    readonly bones: Bones | null = null,
  ) {
    const n = instances.length;
    this.visible = new Uint8Array(n).fill(1);
    this.shown = new Int32Array(n);
    this.place = new Int32Array(n).fill(-1);
    this.matrixColumn = new InstancedBufferAttribute(new Float32Array(n * 16), 16).setUsage(DynamicDrawUsage);
    this.tintColumn = new InstancedBufferAttribute(new Uint8Array(n * 4), 4, true);
    for (const column of [this.matrixColumn, this.tintColumn]) column.onUpload(() => this.whole.delete(column));
    this.extent = new Extent(Math.max(0, ...parts.map((part) => part.geometry.radius)), bones?.pose ?? null);
    this.meshes = parts.map((part) => this.mesh(part));
  }

  private mesh(part: Part): InstancedMesh {
    const geometry = part.geometry.take(0, { [TINT_ATTRIBUTE]: this.tintColumn });
    const mesh = new InstancedMesh(geometry, part.plain ?? part.material, 0);
    mesh.instanceMatrix = this.matrixColumn;
    mesh.matrixAutoUpdate = false;
    mesh.castShadow = !part.material.transparent;
    mesh.receiveShadow = true;
    mesh.boundingSphere = this.sphere;
    mesh.userData.batch = this;
    this.bones?.bend(mesh);
    return mesh;
  }

  /**
   * Goes on with as many instances of another scene, and with other materials. What the GPU has of it stays, as far as it is
   * the same.
   */
  renew(instances: Int32Array, parts: readonly Part[], isMirrored: boolean, source: InstanceSource): void {
    this.before = [this.matrices.slice(), this.tintColumn.array.slice() as Uint8Array, this.count];
    [this.instances, this.parts, this.isMirrored, this.source] = [instances, parts, isMirrored, source];
    this.visible.fill(1);
    this.repack = true;
    this.extent.moved = 0;
    this.meshes.forEach((mesh, k) => (mesh.material = parts[k].plain ?? parts[k].material));
  }

  /** Around all that is drawn, relative to the view's origin. */
  get sphere(): Sphere {
    return this.extent.sphere;
  }

  /** Greatest radius of one instance [m]. */
  get reach(): number {
    return this.extent.reach;
  }

  /** How many are drawn, were all details full. */
  get shownCount(): number {
    return this.count;
  }

  /** How many are drawn. */
  get drawnCount(): number {
    return this.meshes[0]?.visible ? this.meshes[0].count : 0;
  }

  get triangles(): number {
    return this.parts.reduce((sum, part) => sum + part.geometry.triangles, 0);
  }

  /** Triangles that are drawn now. */
  get drawnTriangles(): number {
    return this.meshes.reduce((sum, mesh) => sum + (mesh.count * (mesh.geometry.index?.count ?? 0)) / 3, 0);
  }

  /** Takes over where the instance stands now. */
  moveRow(row: number): void {
    const slot = this.place[row];
    if (this.repack || slot < 0) return;
    this.write(row, slot);
    this.moved.add(slot);
    this.extent.moved++;
  }

  private write(row: number, slot: number): void {
    const { source } = this;
    const instance = this.instances[row];
    if (source.isOffset || this.bones) {
      source.worldOf(instance, scratch);
      this.place16(scratch, 0, 16 * slot);
    } else this.place16(source.worlds, 16 * source.nodes[instance], 16 * slot);
  }

  /** The matrix at w[i..] to where the GPU takes it from, columns first and around the view's origin. */
  private place16(w: Float64Array, i: number, o: number): void {
    const m = this.matrixColumn.array as Float32Array;
    const { origin } = this.source;
    const x = w[i + 3] - origin[0];
    const y = w[i + 7] - origin[1];
    const z = w[i + 11] - origin[2];
    const mirror = this.isMirrored ? -1 : 1;
    m[o] = w[i] * mirror;
    m[o + 1] = w[i + 4] * mirror;
    m[o + 2] = w[i + 8] * mirror;
    m[o + 4] = w[i + 1];
    m[o + 5] = w[i + 5];
    m[o + 6] = w[i + 9];
    m[o + 8] = w[i + 2];
    m[o + 9] = w[i + 6];
    m[o + 10] = w[i + 10];
    m[o + 12] = x;
    m[o + 13] = y;
    m[o + 14] = z;
    m[o + 15] = 1;
    this.extent.embrace(x, y, z);
    this.extent.grow(w, i);
  }

  /** Takes over how the instance is painted now. */
  paintRow(row: number): void {
    const slot = this.place[row];
    if (this.repack || slot < 0 || !this.paint(row, slot)) return;
    this.painted.add(slot);
  }

  /** The tint as roots of the linear values, which the shader squares: fine enough in the dark. */
  private paint(row: number, slot: number): boolean {
    const tint = this.source.tintOf(this.instances[row]);
    const to = this.tintColumn.array,
      at = slot * 4;
    let changed = false;
    for (let c = 0; c < 4; c++) {
      const byte = Math.round(255 * (c < 3 ? Math.sqrt(tint[c]) : tint[c]));
      changed ||= to[at + c] !== byte;
      to[at + c] = byte;
    }
    return changed;
  }

  setVisible(row: number, visible: boolean): void {
    if ((this.visible[row] === 1) === visible) return;
    this.visible[row] = visible ? 1 : 0;
    this.repack = true;
  }

  isVisible(row: number): boolean {
    return this.visible[row] === 1;
  }

  /** The matrix as drawn, 16 values column-major, relative to the view's origin; false where it is not drawn. */
  readMatrix(row: number, out: Float32Array | number[], at = 0): boolean {
    const slot = this.place[row];
    if (slot < 0) return false;
    for (let c = 0; c < 16; c++) out[at + c] = this.matrixColumn.array[16 * slot + c];
    return true;
  }

  /** The matrices of what is drawn, by slot: column-major, relative to the view's origin. */
  get matrices(): Float32Array {
    return this.matrixColumn.array as Float32Array;
  }

  /** Instance number of what three calls instanceId. */
  instanceAt(slot: number): number {
    return this.instances[this.shown[slot]];
  }

  /** All is to be written anew: the view's origin is another one. */
  restart(): void {
    this.repack = true;
  }

  /** Hands what was set to the GPU; true where anything moved, appeared or went. */
  flush(): boolean {
    const changed = this.repack || !this.moved.isEmpty;
    if (this.repack) this.pack();
    else {
      this.upload(this.matrixColumn, this.moved, 16);
      this.upload(this.tintColumn, this.painted, 4);
    }
    if (changed) this.extent.bound(this.matrices, this.count);
    return changed;
  }

  private upload(column: InstancedBufferAttribute, rows: Ranges, width: number): void {
    if (rows.isEmpty) return;
    if (this.whole.has(column)) rows.clear();
    else for (const [start, end] of rows.take()) column.addUpdateRange(start * width, (end - start) * width);
    // What is not in the picture is not uploaded, and its ranges pile up.
    if (column.updateRanges.length > MOST_RANGES) {
      column.clearUpdateRanges();
      this.whole.add(column);
    }
    column.needsUpdate = true;
  }

  private pack(): void {
    let count = 0;
    this.extent.restart();
    for (let row = 0; row < this.instances.length; row++) {
      this.place[row] = this.visible[row] ? count : -1;
      if (!this.visible[row]) continue;
      this.shown[count] = row;
      this.write(row, count);
      this.paint(row, count++);
    }
    this.count = count;
    const known = this.before !== null && this.before[2] === count && this.whole.size === 0 ? this.before : null;
    this.before = null;
    [this.matrixColumn, this.tintColumn].forEach((column, k) => {
      column.clearUpdateRanges();
      if (known && same(known[k] as Float32Array | Uint8Array, column.array)) return;
      column.needsUpdate = true;
      this.whole.add(column);
    });
    this.moved.clear();
    this.painted.clear();
    this.repack = false;
    this.applyDetail();
  }

  /** Draws the cell so closely; false where it already is. */
  setDetail(detail: Detail): boolean {
    const { shape, share } = this.detail;
    if (detail.shape === shape && Math.abs(detail.share - share) <= 0.15 * share && (detail.share === 1) === (share === 1))
      return false;
    this.detail = detail;
    if (detail.shape !== shape)
      this.meshes.forEach((mesh, k) => {
        const { geometry } = this.parts[k];
        const before = mesh.geometry;
        mesh.geometry = geometry.take(detail.shape, { [TINT_ATTRIBUTE]: this.tintColumn });
        geometry.give(before);
      });
    this.applyDetail();
    return true;
  }

  private applyDetail(): void {
    const count = this.count === 0 ? 0 : Math.max(1, Math.round(this.count * this.detail.share));
    for (const mesh of this.meshes) {
      mesh.count = count;
      mesh.visible = count > 0;
      mesh.castShadow = this.detail.share === 1 && !(mesh.material as Material).transparent;
    }
  }

  /** Draws the materials themselves, or what stands in for them. */
  setPlain(isPlain: boolean): void {
    this.meshes.forEach((mesh, k) => {
      const { material, plain } = this.parts[k];
      mesh.material = isPlain && plain ? plain : material;
    });
  }

  get shape(): Shape {
    return this.detail.shape;
  }

  /** Distance from a point to the nearest the cell may come to it [m]. */
  distanceTo(point: Vector3): number {
    return Math.max(0, this.sphere.center.distanceTo(point) - this.sphere.radius);
  }

  /** It is not drawn any more, and may be again. */
  remove(): void {
    for (const mesh of this.meshes) mesh.removeFromParent();
  }

  dispose(): void {
    this.remove();
    this.meshes.forEach((mesh, k) => {
      this.parts[k].geometry.give(mesh.geometry);
      mesh.dispose();
    });
    this.bones?.dispose();
  }
}

function same(a: ArrayLike<number>, b: ArrayLike<number>): boolean {
  for (let k = 0; k < a.length; k++) if (a[k] !== b[k]) return false;
  return true;
}
