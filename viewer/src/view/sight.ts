/** Between places of the world and points of the picture: where something is seen, and what is seen there. */
import { Vector3, type Plane, type WebGLRenderer } from "three";
import type { CameraRig } from "./camera-rig.ts";
import { Picker, type Hit } from "./picker.ts";
import type { StageView } from "./stage-view.ts";

export class Sight {
  private readonly picker = new Picker();

  constructor(
    private readonly renderer: WebGLRenderer,
    private readonly rig: CameraRig,
  ) {}

  /** Where a place of the world is in a picture of that size [px, from the top left]; null behind the eye. */
  project(
    world: readonly number[],
    origin: readonly number[],
    { width, height }: { readonly width: number; readonly height: number },
  ): { readonly x: number; readonly y: number } | null {
    const { camera } = this.rig;
    const at = new Vector3(world[0] - origin[0], world[1] - origin[1], world[2] - origin[2]);
    at.applyMatrix4(camera.matrixWorldInverse);
    if (at.z > -camera.near && !camera.isFlat) return null;
    at.applyMatrix4(camera.projectionMatrix);
    return { x: ((at.x + 1) / 2) * width, y: ((1 - at.y) / 2) * height };
  }

  /** What is hit at a point of the window, and where exactly; null for nothing. */
  hit(stage: StageView, clientX: number, clientY: number): Hit | null {
    const box = this.renderer.domElement.getBoundingClientRect();
    const [x, y] = [(clientX - box.left) / box.width, (clientY - box.top) / box.height];
    if (x < 0 || x > 1 || y < 0 || y > 1) return null;
    this.rig.camera.updateMatrixWorld();
    return this.picker.at(x, y, this.rig.camera, stage.batches, this.renderer.clippingPlanes as Plane[]);
  }

  /** How long the last search took [ms]. */
  get cost(): number {
    return this.picker.cost;
  }
}
