/**
 * Ticks of the past: what `GET /api/v1/past` answers, as the frames of the stream. Pure.
 *
 * The answer is cut into ticks when it comes; each is decoded when it is shown, because deltas build on what is held then.
 */
import { crc32OfText } from "./crc.ts";
import { FrameError, OP } from "./frames.ts";
import { Mirror } from "./mirror.ts";
import { Decoder, HEADER_SIZE, readHeader } from "./protocol.ts";
import { tickOf, type Tick } from "./session.ts";

/** One tick as it came. */
export interface PastTick {
  /** [ms since 1970] */
  readonly momentMs: number;
  readonly keyframe: boolean;
  readonly bytes: ArrayBuffer;
}

/** Cuts an answer at the ends of its ticks; throws FrameError where it is cut off, or of another epoch. */
export function cutTicks(data: ArrayBuffer, epoch: string): PastTick[] {
  const view = new DataView(data);
  const crc = crc32OfText(epoch);
  const ticks: PastTick[] = [];
  let begin = 0;
  for (let at = 0; at < data.byteLength;) {
    const header = readHeader(view, at);
    if (header.epochCrc !== crc) throw new FrameError("the server was started anew meanwhile");
    at = Math.ceil((at + HEADER_SIZE + header.size) / 8) * 8;
    if (at > data.byteLength) throw new FrameError("the answer is cut off");
    if (header.op !== OP.tickEnd) continue;
    const momentMs = Number(header.tickNs) / 1e6;
    ticks.push({ momentMs, keyframe: header.keyframe, bytes: data.slice(begin, at) });
    begin = at;
  }
  if (begin !== data.byteLength) throw new FrameError("the answer is cut off");
  return ticks;
}

export class PastFeed {
  /** What is held: the state of the last tick taken. */
  readonly mirror = new Mirror();
  private readonly decoder = new Decoder();

  constructor(nodes: number, signals: number) {
    this.mirror.reset(nodes, signals);
  }

  /** Takes a tick in, which goes on from the one before unless it is a keyframe. */
  take({ bytes }: PastTick): Tick {
    const frames = this.decoder.decode(bytes);
    const end = frames[frames.length - 1];
    if (end.header.keyframe) this.mirror.seq = -1;
    const poses = this.mirror.apply(end.header.seq, end.header.keyframe, frames);
    this.decoder.free();
    return tickOf(end.header, frames, poses);
  }
}
