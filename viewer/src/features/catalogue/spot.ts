/** Where in the world something would stand that is let go at a point of the window: on what lies there, else on the ground. */
import { Raycaster, Vector2 } from "three";
import { isEmpty } from "../../core/bounds.ts";
import { diagonal } from "../../core/bounds.ts";
import { onGround, type Triple } from "../../core/standing.ts";
import { byId } from "../../ui/dom.ts";
import type { Workbench } from "../../workbench.ts";

/** So many times as far as the scene is wide, the ground ends. */
const REACH = 4;

export interface Spot {
  /** In the world [m]. */
  readonly point: Triple;
  /** Path of what is stood on; null: the ground. */
  readonly on: string | null;
}

export function spotAt(bench: Workbench, clientX: number, clientY: number): Spot | null {
  const { stage, scene, viewport } = bench;
  if (!stage || !scene) return null;
  const hit = viewport.hit(clientX, clientY);
  const [ox, oy, oz] = stage.origin;
  if (hit) {
    const { point, node, prim } = scene.instances;
    const path = scene.nodePath(point[hit.instance] >= 0 ? node[hit.instance] : prim[hit.instance]);
    return { point: [hit.point.x + ox, hit.point.y + oy, hit.point.z + oz], on: path };
  }
  const box = byId("canvas").getBoundingClientRect();
  const ray = new Raycaster();
  const at = new Vector2((2 * (clientX - box.left)) / box.width - 1, 1 - (2 * (clientY - box.top)) / box.height);
  ray.setFromCamera(at, viewport.rig.camera);
  const { origin: from, direction } = ray.ray;
  const empty = isEmpty(stage.framing);
  const height = empty ? 0 : stage.framing.min[2];
  const reach = REACH * Math.max(10, diagonal(stage.framing));
  const point = onGround([from.x + ox, from.y + oy, from.z + oz], [direction.x, direction.y, direction.z], height, reach);
  return point && { point, on: null };
}

/** The middle of the picture, in the window. */
export function middleOfView(): { readonly x: number; readonly y: number } {
  const { left, top, width, height } = byId("canvas").getBoundingClientRect();
  return { x: left + width / 2, y: top + height / 2 };
}
