/**
 * What a scene leaves to the one after it: batches that still draw the same triangles go on with other instances and
 * materials, so that a save costs what it changed; the rest goes once the new scene is drawn, when nobody waits for it.
 */
import type { InstanceBatch, Part } from "./instance-batch.ts";
import type { Materials } from "./materials.ts";
import type { SharedGeometry } from "./shared-geometry.ts";

export class Leftovers {
  private readonly byGeometry = new Map<SharedGeometry, InstanceBatch[]>();
  private materials: Materials[] = [];

  /** Those batches and the materials that they wear are not drawn any more. */
  add(batches: readonly InstanceBatch[], materials: Materials): void {
    for (const batch of batches) {
      batch.remove();
      const same = this.byGeometry.get(batch.parts[0]?.geometry);
      if (same) same.push(batch);
      else if (batch.parts.length > 0) this.byGeometry.set(batch.parts[0].geometry, [batch]);
    }
    // Programs are shared and counted: kept until the new ones wear them, they need not be made again.
    this.materials.push(materials);
  }

  /** One that draws these parts' triangles, with so many rows. */
  take(parts: readonly Part[], rows: number): InstanceBatch | undefined {
    const same = this.byGeometry.get(parts[0]?.geometry);
    const at = same?.findIndex((batch) => !batch.bones && batch.instances.length === rows && drawsSame(batch.parts, parts)) ?? -1;
    return at < 0 ? undefined : same!.splice(at, 1)[0];
  }

  /** Nobody wants the rest. */
  dispose(): void {
    for (const batches of this.byGeometry.values()) for (const batch of batches) batch.dispose();
    for (const materials of this.materials) materials.dispose();
    this.byGeometry.clear();
    this.materials = [];
  }

  get isEmpty(): boolean {
    return this.materials.length === 0;
  }
}

function drawsSame(a: readonly Part[], b: readonly Part[]): boolean {
  return a.length === b.length && a.every((part, k) => part.geometry === b[k].geometry);
}
