/** All that a mirror holds as one keyframe: for a picture that showed something else meanwhile. Pure. */
import { POSE } from "../core/matrix.ts";
import { type Header, OP } from "./frames.ts";
import type { Mirror } from "./mirror.ts";
import { tickOf, type Tick, type ValueFrame } from "./session.ts";

export function wholeTick(mirror: Mirror): Tick {
  const header: Header = {
    ...{ op: OP.tickEnd, flags: 1, keyframe: true, n: 0, seq: mirror.seq, baseSeq: 0, epochCrc: 0, size: 0 },
    ...{ eventNs: 0n, watermarkNs: 0n, tickNs: 0n },
  };
  const posed = rows(mirror.posed);
  const batch = mirror.pool.take(posed.length);
  posed.forEach((node, k) => {
    batch.ids[k] = node;
    mirror.poseOf(node, batch.poses, k * POSE);
  });
  const styled = rows(mirror.styled);
  const switched = rows(mirror.switched);
  const seen = rows(mirror.seen);
  const texts = Uint32Array.from(mirror.texts.keys()).sort();
  const eventNs = BigInt64Array.from(seen, (id) => mirror.eventNs[id]);
  const textNs = BigInt64Array.from(texts, (id) => mirror.eventNs[id]);
  const frames: ValueFrame[] = [
    { op: OP.style, header, ids: styled, rgba: Uint8Array.from([...styled].flatMap((id) => [...mirror.rgba.subarray(4 * id, 4 * id + 4)])) },
    { op: OP.visibility, header, ids: switched, visible: Uint8Array.from(switched, (id) => mirror.visible[id]) },
    {
      ...{ op: OP.signals, header, ids: seen, eventNs, eventMs: Float64Array.from(eventNs, (ns) => Number(ns) / 1e6) },
      values: Float64Array.from(seen, (id) => mirror.value[id]),
      quality: Uint32Array.from(seen, (id) => mirror.quality[id]),
    },
    {
      ...{ op: OP.text, header, ids: texts, eventNs: textNs, eventMs: Float64Array.from(textNs, (ns) => Number(ns) / 1e6) },
      texts: [...texts].map((id) => mirror.texts.get(id)?.text ?? ""),
      quality: Uint32Array.from(texts, (id) => mirror.texts.get(id)?.quality ?? 0),
    },
  ];
  return tickOf(header, frames, [batch]);
}

function rows(flags: Uint8Array): Uint32Array {
  const found: number[] = [];
  for (let i = 0; i < flags.length; i++) if (flags[i]) found.push(i);
  return Uint32Array.from(found);
}
