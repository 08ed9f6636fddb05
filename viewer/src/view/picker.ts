/** What lies under a point of the picture: a ray against the instances that are drawn. */
import { Raycaster, Vector2, type Camera, type InstancedMesh, type Intersection } from "three";
import type { InstanceBatch } from "./instance-batch.ts";

export interface Hit {
  readonly instance: number;
  readonly distance: number;
}

export class Picker {
  private readonly raycaster = new Raycaster();
  /** How long the last search took [ms]: hovering is given up where it is slow. */
  cost = 0;

  /** x, y: position in the canvas as fractions, from the top left. */
  at(x: number, y: number, camera: Camera, meshes: InstancedMesh[]): Hit | null {
    const start = performance.now();
    this.raycaster.setFromCamera(new Vector2(2 * x - 1, 1 - 2 * y), camera);
    const hits: Intersection[] = this.raycaster.intersectObjects(
      meshes.filter((mesh) => mesh.visible),
      false,
    );
    this.cost = performance.now() - start;
    const hit = hits.find((candidate) => candidate.instanceId !== undefined);
    if (!hit) return null;
    const batch = hit.object.userData.batch as InstanceBatch;
    return { instance: batch.instanceAt(hit.instanceId as number), distance: hit.distance };
  }
}
