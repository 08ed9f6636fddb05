/**
 * The scene as three objects: which batch draws which instance, and what to update when nodes move.
 *
 * Geometry arrives after the scene's description; each batch is added as soon as its prototype is there. Batches of many
 * instances are split into cells, which are left out of the picture and drawn with less detail one by one.
 */
import { Group, type InstancedMesh } from "three";
import { Appearance, type Tint } from "../core/appearance.ts";
import { boxOf, emptyBox, framingOf, include, instanceWorld, isEmpty, type Box } from "../core/bounds.ts";
import { isClosed } from "../core/closed.ts";
import { cellCount, split } from "../core/cells.ts";
import { AT_EASE, detailOf, FULL, pixelsPerMetre } from "../core/detail.ts";
import { determinant3 } from "../core/matrix.ts";
import { childrenOf, SceneModel, type Children } from "../core/scene-model.ts";
import type { SceneData } from "../wire/scene-data.ts";
import type { GeometryCache, Primitive } from "./geometry.ts";
import { InstanceBatch, type InstanceSource } from "./instance-batch.ts";
import { Leftovers } from "./leftovers.ts";
import { Materials } from "./materials.ts";
import type { RigCamera } from "./rig-camera.ts";
import { Bones } from "./skinned.ts";
import { placeAt, Skins } from "../core/skins.ts";
import type { Textures } from "./textures.ts";

interface Plan {
  readonly prototype: number;
  readonly materialSet: number;
  readonly isMirrored: boolean;
  readonly instances: Int32Array;
}

/** Two-sided meshes of more triangles are not tried for whether they enclose something. */
const MOST_TRIED = 60_000;

export class StageView implements InstanceSource {
  readonly group = new Group();
  /** What is shown now: interpolated, unlike what the session holds. */
  readonly model: SceneModel;
  readonly appearance: Appearance;
  /** Where float32 positions start from [m]; `rebase` moves it. */
  origin: readonly [number, number, number];
  /** The box worth looking at, at load. */
  readonly framing: Box;
  readonly batches: InstanceBatch[] = [];
  loaded = 0;
  readonly total: number;
  readonly materials: Materials;
  /** Number of an instance's batch, -1 while it loads, and its row there. */
  private readonly batchOf: Int32Array;
  private readonly rowOf: Int32Array;
  private readonly byNode: Children;
  private readonly byPrim: Children;
  private readonly treeChildren: Children;
  private readonly scratch = new Float64Array(16);
  private readonly lean: boolean;
  private disposed = false;
  /** What bends drawings, by instance; null where nothing does. */
  private readonly skins: Skins | null;
  private left = new Leftovers();

  constructor(
    readonly scene: SceneData,
    private readonly geometry: GeometryCache,
    textures: Textures,
    private readonly onChange: () => void,
    lean: boolean,
    /** Whether materials are stood in for by plain ones, until `finish`. */
    private isPlain: boolean,
    /** The scene that was shown before, which is shown no more: what it drew goes on where it is the same. */
    before: StageView | null = null,
  ) {
    const { instances } = scene;
    if (before) this.left = before.leave();
    this.lean = lean;
    this.model = new SceneModel(scene.transformParent, scene.local);
    this.appearance = new Appearance(scene.treeParent);
    this.materials = new Materials(scene.json, textures, onChange, lean);
    this.batchOf = new Int32Array(instances.count).fill(-1);
    this.rowOf = new Int32Array(instances.count);
    this.byNode = groupBy(instances.node, scene.nodeCount);
    this.byPrim = groupBy(instances.prim, scene.primCount);
    this.treeChildren = childrenOf(scene.treeParent);
    this.skins = Skins.of(scene, this.model.world);
    this.framing = this.boxAll();
    this.origin = isEmpty(this.framing) ? [0, 0, 0] : roundedMiddle(this.framing);
    this.total = this.load();
  }

  private boxAll(): Box {
    const { count, drawable } = this.scene.instances;
    const flat = new Float64Array(6 * count);
    let n = 0;
    for (let k = 0; k < count; k++) {
      if (!drawable[k]) continue;
      const { min, max } = this.instanceBox(k);
      for (let c = 0; c < 3; c++) [flat[6 * n + c], flat[6 * n + 3 + c]] = [min[c], max[c]];
      n++;
    }
    return framingOf(flat, n);
  }

  get ready(): boolean {
    return this.loaded === this.total;
  }

  /** Starts loading all prototypes; returns how many. */
  private load(): number {
    const plans = new Map<number, Plan[]>();
    for (const plan of this.plan().values()) {
      const same = plans.get(plan.prototype);
      if (same) same.push(plan);
      else plans.set(plan.prototype, [plan]);
    }
    for (const [prototype, list] of plans) {
      const json = this.scene.json.prototypes[prototype];
      this.geometry
        .get(json)
        .then(
          (primitives) => list.forEach((plan) => this.add(plan, primitives)),
          (error: unknown) => console.error(`geometry ${json.hash.slice(0, 12)} cannot be shown:`, error),
        )
        .finally(() => {
          this.loaded++;
          this.onChange();
        });
    }
    return plans.size;
  }

  /** Instances by what draws them: prototype, material set, mirrored or not. */
  private plan(): Map<number, Plan> {
    const { instances } = this.scene;
    const sets = Math.max(1, this.scene.json.materialSets.length);
    const key = new Float64Array(instances.count).fill(-1);
    const sizes = new Map<number, number>();
    for (let k = 0; k < instances.count; k++) {
      if (!instances.drawable[k]) continue;
      this.worldOf(k, this.scratch);
      const mirrored = determinant3(this.scratch, 0) < 0 ? 1 : 0;
      const bent = this.skins?.at(k) !== undefined;
      key[k] = bent ? -2 - k : 2 * (instances.prototype[k] * sets + Math.max(0, instances.materialSet[k])) + mirrored;
      sizes.set(key[k], (sizes.get(key[k]) ?? 0) + 1);
    }
    const plans = new Map<number, Plan>();
    const fill = new Map<number, number>();
    for (let k = 0; k < instances.count; k++) {
      if (key[k] === -1) continue;
      let plan = plans.get(key[k]);
      if (!plan) {
        const [prototype, materialSet] = [instances.prototype[k], instances.materialSet[k]];
        const rows = new Int32Array(sizes.get(key[k]) ?? 0);
        plans.set(key[k], (plan = { prototype, materialSet, isMirrored: key[k] >= 0 && key[k] % 2 === 1, instances: rows }));
      }
      const at = fill.get(key[k]) ?? 0;
      plan.instances[at] = k;
      fill.set(key[k], at + 1);
    }
    return plans;
  }

  private add(plan: Plan, primitives: readonly Primitive[]): void {
    if (this.disposed) return;
    const { doubleSided, triangles } = this.scene.json.prototypes[plan.prototype];
    const solid = !doubleSided || (triangles <= MOST_TRIED && enclose(primitives));
    const parts = primitives.map(({ slot, geometry }) => {
      const material = this.materials.get(plan.materialSet, slot, geometry.hasColors, doubleSided, solid);
      const plain = this.isPlain ? this.materials.plain(material) : undefined;
      return { slot, geometry: plan.isMirrored ? geometry.mirrored() : geometry, material, plain };
    });
    for (const rows of this.cells(plan.instances, triangles)) {
      const skin = rows.length === 1 ? this.skins?.at(rows[0]) : undefined;
      const isBent = skin !== undefined && parts.every(({ geometry }) => geometry.full.hasAttribute("skinWeight"));
      const known = isBent ? undefined : this.left.take(parts, rows.length);
      known?.renew(rows, parts, plan.isMirrored, this);
      const batch = known ?? new InstanceBatch(rows, parts, plan.isMirrored, this, isBent ? new Bones(skin) : null);
      const number = this.batches.push(batch) - 1;
      rows.forEach((instance, row) => {
        this.batchOf[instance] = number;
        this.rowOf[instance] = row;
        batch.setVisible(row, this.isShown(instance));
      });
      batch.flush();
      this.group.add(...batch.meshes);
    }
  }

  private cells(instances: Int32Array, triangles: number): Int32Array[] {
    const cells = cellCount(instances.length, triangles);
    if (cells === 1) return [instances];
    const at = new Float32Array(3 * instances.length);
    instances.forEach((instance, k) => {
      this.worldOf(instance, this.scratch);
      for (let c = 0; c < 3; c++) at[3 * k + c] = this.scratch[4 * c + 3] - this.origin[c];
    });
    const rows = Int32Array.from(instances, (_, k) => k);
    return split(rows, at, cells).map((cell) => cell.map((k) => instances[k]));
  }

  // --- InstanceSource ------------------------------------------------------------------------------------------

  get worlds(): Float64Array {
    return this.model.world;
  }

  get nodes(): Int32Array {
    return this.scene.instances.node;
  }

  get isOffset(): boolean {
    return this.scene.instances.local !== null;
  }

  worldOf(instance: number, out: Float64Array): void {
    const { node, local } = this.scene.instances;
    const skin = this.skins?.at(instance);
    if (skin) return placeAt(out, skin.middle);
    instanceWorld(out, this.model.world, node[instance], local, instance);
  }

  tintOf(instance: number): Tint {
    return this.appearance.tint(this.scene.instances.node[instance]);
  }

  private isShown(instance: number): boolean {
    const { node, prim } = this.scene.instances;
    return this.appearance.shows(node[instance], prim[instance]);
  }

  private dress(instance: number): void {
    const batch = this.batches[this.batchOf[instance]];
    if (!batch) return;
    batch.setVisible(this.rowOf[instance], this.isShown(instance));
    batch.paintRow(this.rowOf[instance]);
  }

  // --- changes -------------------------------------------------------------------------------------------------

  /** Carries moved nodes (as `SceneModel.update` returns them) over to what is drawn. */
  moved(nodes: Int32Array): void {
    const { start, list } = this.byNode;
    const { batchOf, rowOf } = this;
    for (const instance of this.skins?.moved(nodes, this.model.world) ?? [])
      if (batchOf[instance] >= 0) this.batches[batchOf[instance]].moveRow(rowOf[instance]);
    for (let i = 0; i < nodes.length; i++)
      for (let k = start[nodes[i]]; k < start[nodes[i] + 1]; k++) {
        const instance = list[k];
        if (batchOf[instance] >= 0) this.batches[batchOf[instance]].moveRow(rowOf[instance]);
      }
  }

  /** Brings visibility and tints up to date; true where anything may have changed. */
  dressAll(): boolean {
    if (!this.appearance.update()) return false;
    const { byNode, byPrim } = this;
    for (const node of this.appearance.changed) {
      for (let k = byNode.start[node]; k < byNode.start[node + 1]; k++) this.dress(byNode.list[k]);
      if (node < this.scene.primCount)
        for (let k = byPrim.start[node]; k < byPrim.start[node + 1]; k++) this.dress(byPrim.list[k]);
    }
    return this.appearance.changed.length > 0;
  }

  /** Puts the origin of float32 positions there [m]; all is written anew at the next `flush`. */
  rebase(origin: readonly [number, number, number]): void {
    this.origin = origin;
    for (const batch of this.batches) batch.restart();
  }

  /** Chooses how closely each cell is drawn, from this camera in a picture of `height` pixels; true where it changed. */
  adapt(camera: RigCamera, height: number): boolean {
    const total = this.batches.reduce((sum, batch) => sum + batch.shownCount * batch.triangles, 0);
    const atEase = total <= (this.lean ? AT_EASE.cpu : AT_EASE.gpu);
    const slope = Math.tan((camera.fov * Math.PI) / 360) / camera.zoom;
    const flat = height / (2 * camera.halfHeight);
    let changed = false;
    for (const batch of this.batches) {
      const scale = camera.isFlat ? flat : pixelsPerMetre(height, slope, batch.distanceTo(camera.position));
      const px = 2 * batch.reach * scale;
      changed = batch.setDetail(atEase ? FULL : detailOf(px, this.lean)) || changed;
    }
    return changed;
  }

  /** Hands all changes to the GPU; true where an instance moved, appeared or went. */
  flush(): boolean {
    let changed = false;
    for (const batch of this.batches) changed = batch.flush() || changed;
    return changed;
  }

  /** Draws the materials themselves for the time of `during`, as far as they are stood in for. */
  asFinished<T>(during: () => T): T {
    for (const batch of this.batches) batch.setPlain(false);
    try {
      return during();
    } finally {
      for (const batch of this.batches) batch.setPlain(this.isPlain);
    }
  }

  /** From now on the materials themselves are drawn. */
  finish(): void {
    if (!this.isPlain) return;
    this.isPlain = false;
    for (const batch of this.batches) batch.setPlain(false);
    this.materials.forgetPlain();
  }

  get meshes(): InstancedMesh[] {
    return this.batches.flatMap((batch) => batch.meshes);
  }

  /** The instances that belong to a node: its own and those below it. */
  instancesUnder(node: number): number[] {
    const inside = new Uint8Array(this.scene.nodeCount);
    const stack = [node];
    for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
      inside[next] = 1;
      for (let k = this.treeChildren.start[next]; k < this.treeChildren.start[next + 1]; k++)
        stack.push(this.treeChildren.list[k]);
    }
    const { count, node: nodes, prim } = this.scene.instances;
    const out: number[] = [];
    for (let k = 0; k < count; k++)
      if (inside[nodes[k]] || (node < this.scene.primCount && inside[prim[k]])) out.push(k);
    return out;
  }

  /** Where an instance is drawn: its batch and row; undefined while it loads. */
  drawing(instance: number): { batch: InstanceBatch; row: number } | undefined {
    const batch: InstanceBatch | undefined = this.batches[this.batchOf[instance]];
    return batch && { batch, row: this.rowOf[instance] };
  }

  /** The box of an instance as shown now [m]; empty where its bounds are not known. */
  instanceBox(instance: number): Box {
    const { instances, json } = this.scene;
    const skin = this.skins?.at(instance);
    if (skin) return { min: [...skin.box.min], max: [...skin.box.max] };
    const { bounds } = json.prototypes[instances.prototype[instance]];
    if (!bounds) return emptyBox();
    this.worldOf(instance, this.scratch);
    return boxOf(this.scratch, 0, bounds);
  }

  /** The box of everything that belongs to a node and is shown [m]. */
  boxUnder(node: number): Box {
    const box = emptyBox();
    for (const instance of this.instancesUnder(node))
      if (this.scene.instances.drawable[instance]) include(box, this.instanceBox(instance));
    return box;
  }

  /** All of it is drawn: what the scene before left and nobody took goes. */
  settle(): void {
    if (this.ready && !this.left.isEmpty) this.left.dispose();
  }

  /** Ends, and leaves what it has to the next one. */
  private leave(): Leftovers {
    this.disposed = true;
    this.left.dispose();
    this.left.add(this.batches, this.materials);
    this.group.removeFromParent();
    const { left } = this;
    this.batches.length = 0;
    this.left = new Leftovers();
    return left;
  }

  dispose(): void {
    this.leave().dispose();
  }
}

const enclosing = new WeakMap<readonly Primitive[], boolean>();

/** Whether the primitives of a prototype enclose something, all together; worked out once. */
function enclose(primitives: readonly Primitive[]): boolean {
  let known = enclosing.get(primitives);
  if (known === undefined) {
    known = isClosed(primitives.map(({ geometry: { full } }) => ({ position: full.getAttribute("position").array, index: full.getIndex()?.array ?? null })));
    enclosing.set(primitives, known);
  }
  return known;
}

/** Whole metres, and no negative zero. */
function roundedMiddle(box: Box): [number, number, number] {
  return [0, 1, 2].map((c) => Math.round((box.min[c] + box.max[c]) / 2) || 0) as [number, number, number];
}

/** Rows by the value in `keys`. */
function groupBy(keys: Int32Array, groups: number): Children {
  const start = new Int32Array(groups + 1);
  for (let k = 0; k < keys.length; k++) start[keys[k] + 1]++;
  for (let i = 0; i < groups; i++) start[i + 1] += start[i];
  const fill = start.slice(0, groups);
  const list = new Int32Array(keys.length);
  for (let row = 0; row < keys.length; row++) list[fill[keys[row]]++] = row;
  return { start, list };
}
