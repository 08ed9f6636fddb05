/** A translucent second picture of a part of the scene, drawn with the geometry that is there. */
import { Color, Group, InstancedMesh, type Material, Matrix4, MeshStandardMaterial } from "three";
import { multiplyAffine } from "../core/matrix.ts";
import type { InstanceBatch } from "./instance-batch.ts";
import type { StageView } from "./stage-view.ts";
import { ghostWorlds } from "../core/ghost.ts";

export class GhostView {
  readonly group = new Group();
  private readonly materials: MeshStandardMaterial[] = [];
  private opacity: number;
  private readonly given: (() => void)[] = [];
  private readonly parts: { mesh: InstancedMesh; instances: number[]; mirrored: boolean }[] = [];
  private loaded = -1;

  constructor(
    private readonly stage: StageView,
    private readonly root: number,
    private readonly poses: ReadonlyMap<number, readonly number[]>,
    /** Of all of it; null: each part has its own. */
    private readonly color: string | null,
    opacity: number,
  ) {
    this.opacity = opacity;
  }

  private material(of: Material): MeshStandardMaterial {
    const known = this.color === null ? undefined : this.materials[0];
    if (known) return known;
    const look = of as Partial<MeshStandardMaterial>;
    const color = this.color === null ? (look.color ?? new Color(0.5, 0.5, 0.5)) : new Color(this.color);
    const made = new MeshStandardMaterial({
      ...{ color, transparent: true, opacity: this.opacity, depthWrite: false },
      ...(this.color === null
        ? { map: look.map ?? null, vertexColors: look.vertexColors ?? false, roughness: look.roughness ?? 0.8, metalness: look.metalness ?? 0 }
        : { emissive: color, emissiveIntensity: 0.25, roughness: 0.8 }),
    });
    this.materials.push(made);
    return made;
  }

  /** How much of it there is, 0 to 1. */
  fade(opacity: number): void {
    this.opacity = opacity;
    for (const material of this.materials) material.opacity = opacity;
  }

  /** Puts it where it stands now; returns the world place that the group is to be at [m]. */
  place(): [number, number, number] {
    const { stage } = this;
    if (stage.loaded !== this.loaded) this.build();
    const worlds = ghostWorlds(stage.model, this.root, this.poses);
    const own = worlds.get(this.root) as Float64Array;
    const base: [number, number, number] = [own[3], own[7], own[11]];
    for (const { mesh, instances, mirrored } of this.parts) {
      instances.forEach((instance, k) => mesh.setMatrixAt(k, this.matrix(worlds, instance, mirrored, base)));
      mesh.instanceMatrix.needsUpdate = true;
    }
    return base;
  }

  /** The meshes, of the geometry that is there by now. */
  private build(): void {
    this.clear();
    const { stage } = this;
    this.loaded = stage.loaded;
    const worlds = ghostWorlds(stage.model, this.root, this.poses);
    const rows = new Map<InstanceBatch, number[]>();
    for (const instance of stage.instancesUnder(this.root)) {
      const drawing = stage.drawing(instance);
      if (!drawing || drawing.batch.bones || !worlds.has(stage.scene.instances.node[instance]) || !stage.scene.instances.drawable[instance]) continue;
      rows.set(drawing.batch, [...(rows.get(drawing.batch) ?? []), instance]);
    }
    for (const [batch, instances] of rows)
      for (const part of batch.parts) {
        const geometry = part.geometry.take(0);
        this.given.push(() => part.geometry.give(geometry));
        const mesh = new InstancedMesh(geometry, this.material(part.material), instances.length);
        mesh.frustumCulled = false;
        mesh.renderOrder = 3;
        this.parts.push({ mesh, instances, mirrored: batch.isMirrored });
        this.group.add(mesh);
      }
  }

  private matrix(worlds: Map<number, Float64Array>, instance: number, mirrored: boolean, base: readonly number[]): Matrix4 {
    const { node, local } = this.stage.scene.instances;
    let m = worlds.get(node[instance]) as Float64Array;
    if (local) {
      const own = new Float64Array(16);
      local.read(instance, own, 0);
      const whole = new Float64Array(16);
      multiplyAffine(whole, 0, m, 0, own, 0);
      m = whole;
    }
    const x = mirrored ? -1 : 1;
    return new Matrix4().set(
      ...([m[0] * x, m[1], m[2], m[3] - base[0], m[4] * x, m[5], m[6], m[7] - base[1]] as const),
      ...([m[8] * x, m[9], m[10], m[11] - base[2], 0, 0, 0, 1] as const),
    );
  }

  private clear(): void {
    for (const { mesh } of this.parts.splice(0)) {
      mesh.removeFromParent();
      mesh.dispose();
    }
    for (const give of this.given.splice(0)) give();
  }

  dispose(): void {
    this.clear();
    for (const material of this.materials) material.dispose();
  }
}
