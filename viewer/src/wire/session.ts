/**
 * The client's half of twin.v1 without any I/O: messages go in, effects come out.
 *
 * `link.ts` owns the socket and carries out the effects; tests drive this class directly. It remembers what the
 * viewer holds (epoch, revision, last applied tick), so that a new connection continues where the last one broke.
 */
import { decode, FrameError, OP, type Frame } from "./protocol.ts";

/** All changes of one `seq`, to be applied together. */
export interface Tick {
  readonly seq: number;
  readonly keyframe: boolean;
  /** [ms since 1970]; 0 = none yet. */
  readonly eventMs: number;
  readonly frames: readonly Frame[];
}

export type Effect =
  | { readonly kind: "send"; readonly message: Record<string, unknown> }
  | { readonly kind: "fetch"; readonly epoch: string }
  | { readonly kind: "tick"; readonly tick: Tick }
  | { readonly kind: "pong"; readonly sent: number; readonly serverMs: number }
  | { readonly kind: "notice"; readonly level: string; readonly text: string }
  | { readonly kind: "close"; readonly code: number; readonly reason: string };

export type Phase = "down" | "greeting" | "loading" | "live" | "ended";

const RETRY = new Set([1001, 1005, 1006, 1011, 1012, 1013, 4408, 4429]);
/** A message that breaks the protocol closes the connection with the code for it, and is not retried. */
const BROKEN = 4400;

export class Session {
  phase: Phase = "down";
  epoch: string | null = null;
  revision = -1;
  /** The last tick that was applied, -1 = none: what `have` claims. */
  seq = -1;
  reason = "";
  private epochCrc = 0;
  private hidden = false;
  private partial: Frame[] = [];

  opened(): Effect[] {
    this.phase = "greeting";
    this.partial = [];
    const have =
      this.epoch !== null && this.seq >= 0 ? { epoch: this.epoch, revision: this.revision, seq: this.seq } : null;
    return [send({ type: "hello", token: null, want: ["pose", "scalar", "style"], have })];
  }

  text(data: string): Effect[] {
    const message = parse(data);
    switch (message.type) {
      case "welcome":
        return this.welcome(message);
      case "event":
        return this.event(message);
      case "pong":
        return [{ kind: "pong", sent: Number(message.t), serverMs: Number(message.serverTimeNs) / 1e6 }];
      case "bye":
        this.reason = String(message.reason ?? "");
        return [];
      default:
        return [];
    }
  }

  binary(data: ArrayBuffer): Effect[] {
    if (this.phase !== "live") return [];
    let frames: Frame[];
    try {
      frames = decode(data);
    } catch (error) {
      if (error instanceof FrameError) return [{ kind: "close", code: BROKEN, reason: error.message }];
      throw error;
    }
    return frames.flatMap((frame) => this.frame(frame));
  }

  private frame(frame: Frame): Effect[] {
    if (frame.header.epochCrc !== this.epochCrc) return [];
    if (frame.op !== OP.tickEnd) {
      this.partial.push(frame);
      return [];
    }
    const { seq, keyframe, eventNs } = frame.header;
    const frames = this.partial.filter((part) => part.header.seq === seq);
    this.partial = [];
    return [{ kind: "tick", tick: { seq, keyframe, eventMs: Number(eventNs) / 1e6, frames } }];
  }

  private welcome(message: Json): Effect[] {
    const epoch = String(message.epoch);
    this.epochCrc = crc32(epoch);
    if (epoch === this.epoch && Number(message.revision) === this.revision) return this.ready();
    this.phase = "loading";
    return [{ kind: "fetch", epoch }];
  }

  private event(message: Json): Effect[] {
    if (message.event === "notice")
      return [{ kind: "notice", level: String(message.level), text: String(message.text) }];
    if (message.event !== "scene" || this.epoch === null) return [];
    this.phase = "loading";
    this.partial = [];
    return [{ kind: "fetch", epoch: this.epoch }];
  }

  /** The scene was fetched and is shown; ids of ticks from now on refer to it. */
  sceneLoaded(epoch: string, revision: number): Effect[] {
    const same = epoch === this.epoch && revision === this.revision;
    this.epoch = epoch;
    this.epochCrc = crc32(epoch);
    this.revision = revision;
    if (!same) this.seq = -1;
    return this.phase === "loading" ? this.ready() : [];
  }

  private ready(): Effect[] {
    this.phase = "live";
    const effects = [send({ type: "ready", revision: this.revision })];
    if (this.hidden) effects.push(send({ type: "pause" }));
    return effects;
  }

  /** The tick is on screen. */
  applied(seq: number): Effect[] {
    this.seq = seq;
    return this.phase === "live" ? [send({ type: "ack", seq })] : [];
  }

  setHidden(hidden: boolean): Effect[] {
    if (hidden === this.hidden) return [];
    this.hidden = hidden;
    return this.phase === "live" ? [send({ type: hidden ? "pause" : "resume" })] : [];
  }

  ping(now: number): Effect[] {
    return this.phase === "live" || this.phase === "loading" ? [send({ type: "ping", t: now })] : [];
  }

  /** The connection is gone; true where it is worth trying again. */
  closed(code: number, reason: string): boolean {
    const retry = RETRY.has(code);
    this.phase = retry ? "down" : "ended";
    this.partial = [];
    if (reason) this.reason = reason;
    return retry;
  }
}

type Json = Record<string, unknown>;

function parse(data: string): Json {
  try {
    const value: unknown = JSON.parse(data);
    return typeof value === "object" && value !== null ? (value as Json) : {};
  } catch {
    return {};
  }
}

function send(message: Json): Effect {
  return { kind: "send", message };
}

/** CRC-32 (IEEE) of a text's UTF-8 bytes. */
export function crc32(text: string): number {
  let crc = ~0;
  for (const byte of new TextEncoder().encode(text)) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}
