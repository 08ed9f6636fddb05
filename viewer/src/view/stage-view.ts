/**
 * The scene as three objects: which batch draws which instance, and what to update when nodes move.
 *
 * Geometry arrives after the scene's description; each batch is added as soon as its prototype is there.
 */
import { Group, type InstancedMesh } from "three";
import { Appearance } from "../core/appearance.ts";
import { boxOf, emptyBox, framingBox, include, instanceWorld, type Box } from "../core/bounds.ts";
import { determinant3 } from "../core/matrix.ts";
import { childrenOf, SceneModel, type Children } from "../core/scene-model.ts";
import type { SceneData } from "../wire/scene-data.ts";
import { mirrored, type GeometryCache, type Primitive } from "./geometry.ts";
import { InstanceBatch } from "./instance-batch.ts";
import { Materials } from "./materials.ts";
import type { Textures } from "./textures.ts";

interface Plan {
  readonly prototype: number;
  readonly materialSet: number;
  readonly isMirrored: boolean;
  readonly instances: number[];
}

export class StageView {
  readonly group = new Group();
  /** What is shown now: interpolated, unlike what the session holds. */
  readonly model: SceneModel;
  readonly appearance: Appearance;
  /** Where float32 positions start from [m]. */
  readonly origin: readonly [number, number, number];
  /** The box worth looking at, at load. */
  readonly framing: Box;
  readonly batches: InstanceBatch[] = [];
  loaded = 0;
  readonly total: number;
  readonly materials: Materials;
  private readonly batchOf: (InstanceBatch | undefined)[];
  private readonly rowOf: Int32Array;
  private readonly byNode: Children;
  private readonly treeChildren: Children;
  private readonly scratch = new Float64Array(16);
  private disposed = false;

  constructor(
    readonly scene: SceneData,
    private readonly geometry: GeometryCache,
    textures: Textures,
    private readonly onChange: () => void,
    lean: boolean,
  ) {
    const { instances } = scene;
    this.model = new SceneModel(scene.transformParent, scene.local);
    this.appearance = new Appearance(scene.treeParent);
    this.materials = new Materials(scene.json, textures, onChange, lean);
    this.batchOf = new Array<InstanceBatch | undefined>(instances.count);
    this.rowOf = new Int32Array(instances.count);
    this.byNode = groupBy(instances.node, scene.nodeCount);
    this.treeChildren = childrenOf(scene.treeParent);
    this.framing = framingBox(
      [...instances.drawable.keys()].filter((k) => instances.drawable[k]).map((k) => this.instanceBox(k)),
    );
    this.origin = [0, 1, 2].map((c) => Math.round((this.framing.min[c] + this.framing.max[c]) / 2) || 0) as [
      number,
      number,
      number,
    ];
    this.total = this.load();
  }

  get ready(): boolean {
    return this.loaded === this.total;
  }

  /** Starts loading all prototypes; returns how many. */
  private load(): number {
    const plans = new Map<number, Plan[]>();
    for (const plan of this.plan().values()) plans.set(plan.prototype, [...(plans.get(plan.prototype) ?? []), plan]);
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

  private plan(): Map<string, Plan> {
    const { instances } = this.scene;
    const plans = new Map<string, Plan>();
    for (let k = 0; k < instances.count; k++) {
      if (!instances.drawable[k]) continue;
      instanceWorld(this.scratch, this.model.world, instances.node[k], instances.local, k);
      const isMirrored = determinant3(this.scratch, 0) < 0;
      const [prototype, materialSet] = [instances.prototype[k], instances.materialSet[k]];
      const key = `${prototype}|${materialSet}|${isMirrored}`;
      let plan = plans.get(key);
      if (!plan) plans.set(key, (plan = { prototype, materialSet, isMirrored, instances: [] }));
      plan.instances.push(k);
    }
    return plans;
  }

  private add(plan: Plan, primitives: readonly Primitive[]): void {
    if (this.disposed) return;
    const { doubleSided } = this.scene.json.prototypes[plan.prototype];
    const parts = primitives.map(({ slot, geometry }) => ({
      geometry: plan.isMirrored ? mirrored(geometry) : geometry,
      material: this.materials.get(plan.materialSet, slot, geometry.hasAttribute("color"), doubleSided),
    }));
    const batch = new InstanceBatch(Int32Array.from(plan.instances), parts, plan.isMirrored);
    this.batches.push(batch);
    batch.instances.forEach((instance, row) => {
      this.batchOf[instance] = batch;
      this.rowOf[instance] = row;
      this.place(instance);
      this.dress(instance);
    });
    batch.flush();
    this.group.add(...batch.meshes);
  }

  private place(instance: number): void {
    const { node, local } = this.scene.instances;
    instanceWorld(this.scratch, this.model.world, node[instance], local, instance);
    this.batchOf[instance]?.setMatrix(this.rowOf[instance], this.scratch, 0, this.origin);
  }

  private dress(instance: number): void {
    const { node, prim } = this.scene.instances;
    const batch = this.batchOf[instance];
    if (!batch) return;
    batch.setVisible(this.rowOf[instance], this.appearance.shows(node[instance], prim[instance]));
    batch.setTint(this.rowOf[instance], this.appearance.tint(node[instance]));
  }

  /** Carries moved nodes (as `SceneModel.update` returns them) over to what is drawn. */
  moved(nodes: Int32Array): void {
    const { start, list } = this.byNode;
    for (const node of nodes) for (let k = start[node]; k < start[node + 1]; k++) this.place(list[k]);
  }

  /** Brings visibility and tints up to date; true where anything changed. */
  dressAll(): boolean {
    if (!this.appearance.update()) return false;
    for (let k = 0; k < this.scene.instances.count; k++) this.dress(k);
    return true;
  }

  /** Hands all changes to the GPU; true where an instance moved, appeared or went. */
  flush(): boolean {
    let changed = false;
    for (const batch of this.batches) changed = batch.flush() || changed;
    return changed;
  }

  get meshes(): InstancedMesh[] {
    return this.batches.flatMap((batch) => batch.meshes);
  }

  /** The instances that belong to a node: its own and those below it. */
  instancesUnder(node: number): number[] {
    const inside = new Set<number>();
    const stack = [node];
    for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
      inside.add(next);
      for (let k = this.treeChildren.start[next]; k < this.treeChildren.start[next + 1]; k++)
        stack.push(this.treeChildren.list[k]);
    }
    const { count, node: nodes, prim } = this.scene.instances;
    const out: number[] = [];
    for (let k = 0; k < count; k++)
      if (inside.has(nodes[k]) || (node < this.scene.primCount && inside.has(prim[k]))) out.push(k);
    return out;
  }

  /** Where an instance is drawn: its batch and row; undefined while it loads. */
  drawing(instance: number): { batch: InstanceBatch; row: number } | undefined {
    const batch = this.batchOf[instance];
    return batch && { batch, row: this.rowOf[instance] };
  }

  /** The box of an instance as shown now [m]; empty where its bounds are not known. */
  instanceBox(instance: number): Box {
    const { instances, json } = this.scene;
    const { bounds } = json.prototypes[instances.prototype[instance]];
    if (!bounds) return emptyBox();
    instanceWorld(this.scratch, this.model.world, instances.node[instance], instances.local, instance);
    return boxOf(this.scratch, 0, bounds);
  }

  /** The box of everything that belongs to a node and is shown [m]. */
  boxUnder(node: number): Box {
    const box = emptyBox();
    for (const instance of this.instancesUnder(node))
      if (this.scene.instances.drawable[instance]) include(box, this.instanceBox(instance));
    return box;
  }

  dispose(): void {
    this.disposed = true;
    for (const batch of this.batches) batch.dispose();
    this.materials.dispose();
    this.group.removeFromParent();
  }
}

/** Rows by the value in `keys`. */
function groupBy(keys: Int32Array, groups: number): Children {
  const start = new Int32Array(groups + 1);
  for (const key of keys) start[key + 1]++;
  for (let i = 0; i < groups; i++) start[i + 1] += start[i];
  const fill = start.slice(0, groups);
  const list = new Int32Array(keys.length);
  keys.forEach((key, row) => (list[fill[key]++] = row));
  return { start, list };
}
