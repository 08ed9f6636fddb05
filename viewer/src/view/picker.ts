/**
 * What lies under a point of the picture: a ray against the instances that are drawn.
 *
 * First against a sphere around each instance, in one loop over the matrices as they are drawn; then, nearest first,
 * against the triangles, until nothing nearer can come. So a million instances cost a few milliseconds.
 */
import { Matrix3, Matrix4, Mesh, Raycaster, Vector2, Vector3, type Camera, type Intersection, type Plane } from "three";
import type { InstanceBatch } from "./instance-batch.ts";

export interface Hit {
  readonly instance: number;
  readonly distance: number;
  /** Where, relative to the view's origin [m]. */
  readonly point: Vector3;
  /** Unit normal of the triangle, towards the eye. */
  readonly normal: Vector3;
  /** Corners of the triangle, relative to the view's origin [m]. */
  readonly corners: readonly Vector3[];
}

interface Candidate {
  readonly batch: InstanceBatch;
  readonly slot: number;
  /** Least distance at which the ray may hit it [m]. */
  readonly near: number;
}

/** Half of the picture is cut away in front of these; what is cut cannot be hit. */
export type Cuts = readonly Plane[];

export class Picker {
  private readonly raycaster = new Raycaster();
  private readonly probe = new Mesh();
  /** How long the last search took [ms]: hovering is given up where it is slow. */
  cost = 0;

  /** x, y: position in the canvas as fractions, from the top left. */
  at(x: number, y: number, camera: Camera, batches: readonly InstanceBatch[], cuts: Cuts = []): Hit | null {
    const start = performance.now();
    this.raycaster.setFromCamera(new Vector2(2 * x - 1, 1 - 2 * y), camera);
    const candidates = batches.flatMap((batch) => this.candidates(batch));
    candidates.sort((a, b) => a.near - b.near);
    let best: Hit | null = null;
    for (const candidate of candidates) {
      if (best && candidate.near > best.distance) break;
      best = this.hit(candidate, cuts, best);
    }
    this.cost = performance.now() - start;
    return best;
  }

  private candidates(batch: InstanceBatch): Candidate[] {
    const { origin, direction } = this.raycaster.ray;
    const count = batch.drawnCount;
    if (count === 0 || !this.raycaster.ray.intersectsSphere(batch.sphere)) return [];
    const { matrices, reach } = batch;
    const out: Candidate[] = [];
    const most = reach * reach;
    for (let slot = 0; slot < count; slot++) {
      const o = 16 * slot + 12;
      const x = matrices[o] - origin.x,
        y = matrices[o + 1] - origin.y,
        z = matrices[o + 2] - origin.z;
      const along = x * direction.x + y * direction.y + z * direction.z;
      const aside = x * x + y * y + z * z - along * along;
      if (aside <= most && along >= -reach) out.push({ batch, slot, near: along - reach });
    }
    return out;
  }

  private hit({ batch, slot }: Candidate, cuts: Cuts, best: Hit | null): Hit | null {
    const { probe } = this;
    probe.matrixWorld.fromArray(batch.matrices, 16 * slot);
    for (const { geometry, material } of batch.parts) {
      probe.geometry = batch.bones ? batch.bones.bent(geometry) : geometry.full;
      probe.material = material;
      const found: Intersection[] = [];
      probe.raycast(this.raycaster, found);
      for (const one of found) {
        if (best && one.distance >= best.distance) continue;
        if (cuts.some((plane) => plane.distanceToPoint(one.point) < 0)) continue;
        best = this.told(batch.instanceAt(slot), one);
      }
    }
    return best;
  }

  private told(instance: number, { distance, point, face }: Intersection): Hit {
    const { matrixWorld, geometry } = this.probe;
    const normal = face!.normal.clone().applyMatrix3(new Matrix3().getNormalMatrix(matrixWorld)).normalize();
    if (normal.dot(this.raycaster.ray.direction) > 0) normal.negate();
    const position = geometry.getAttribute("position");
    const corners = [face!.a, face!.b, face!.c].map((v) =>
      new Vector3().fromBufferAttribute(position, v).applyMatrix4(matrixWorld as Matrix4),
    );
    return { instance, distance, point: point.clone(), normal, corners };
  }
}
