/** What goes on live while the rest of a scene is shown as it was: the twins of a relay that keep no history. Pure. */
import type { PoseBatch } from "../core/pose-pool.ts";
import { OP } from "./frames.ts";
import type { SceneData } from "./scene-data.ts";
import type { Tick, ValueFrame } from "./session.ts";

export interface LivePart {
  /** 1 for each node and each signal that belongs to it. */
  readonly nodes: Uint8Array;
  readonly signals: Uint8Array;
}

/** Of the twins that a relay shows below these paths; null where there are none. */
export function livePart(scene: SceneData, twins: readonly string[]): LivePart | null {
  if (twins.length === 0) return null;
  const prims = Uint8Array.from(scene.json.nodes.path, (path) => (twins.some((twin) => `${path}/`.startsWith(`${twin}/`)) ? 1 : 0));
  const nodes = new Uint8Array(scene.nodeCount);
  for (let node = 0; node < nodes.length; node++) nodes[node] = prims[scene.primOf(node)];
  const names = twins.map((twin) => `${twin.slice(1).replaceAll("/", ".")}.`);
  const signals = Uint8Array.from(scene.json.signals, ({ id }) => (names.some((name) => id.startsWith(name)) ? 1 : 0));
  return { nodes, signals };
}

/** The rows of poses that belong to it: places in the batch. */
export function posesOf(batch: PoseBatch, part: LivePart): number[] {
  const places: number[] = [];
  for (let k = 0; k < batch.n; k++) if (part.nodes[batch.ids[k]]) places.push(k);
  return places;
}

/** The other rows of a tick that belong to it. */
export function framesOf(tick: Tick, part: LivePart): ValueFrame[] {
  return tick.frames.map((frame) => {
    const mask = frame.op === OP.signals || frame.op === OP.text ? part.signals : part.nodes;
    const places = Array.from(frame.ids.keys()).filter((k) => mask[frame.ids[k]]);
    const ids = Uint32Array.from(places, (k) => frame.ids[k]);
    switch (frame.op) {
      case OP.style:
        return { ...frame, ids, rgba: Uint8Array.from(places.flatMap((k) => [...frame.rgba.subarray(4 * k, 4 * k + 4)])) };
      case OP.visibility:
        return { ...frame, ids, visible: Uint8Array.from(places, (k) => frame.visible[k]) };
      case OP.entity:
        return { ...frame, ids, entities: BigInt64Array.from(places, (k) => frame.entities[k]) };
      case OP.text:
        return { ...frame, ids, ...timesOf(frame, places), texts: places.map((k) => frame.texts[k]) };
      default:
        return { ...frame, ids, ...timesOf(frame, places), values: Float64Array.from(places, (k) => frame.values[k]) };
    }
  });
}

function timesOf(
  frame: { readonly eventNs: BigInt64Array; readonly eventMs: Float64Array; readonly quality: Uint32Array },
  places: readonly number[],
): { eventNs: BigInt64Array; eventMs: Float64Array; quality: Uint32Array } {
  return {
    eventNs: BigInt64Array.from(places, (k) => frame.eventNs[k]),
    eventMs: Float64Array.from(places, (k) => frame.eventMs[k]),
    quality: Uint32Array.from(places, (k) => frame.quality[k]),
  };
}
