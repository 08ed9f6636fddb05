/**
 * The client's half of twin.v1 without any I/O: messages go in, effects come out.
 *
 * `link.ts` owns the socket and carries out the effects; tests drive this class directly. It remembers what the
 * viewer holds (epoch, revision, last applied tick), so that a new connection continues where the last one broke.
 */
import type { PoseBatch } from "../core/pose-pool.ts";
import { type Answer, type CommandFields, Commands, type EditEvent, readEdit } from "./commands.ts";
import { crc32OfText } from "./crc.ts";
import { digestOf } from "./digest.ts";
import { type DeltaFrame, FLAG_ZSTD, type Frame, FrameError, type Header, OP, type PoseFrame, type TickEndFrame } from "./frames.ts";
import { Mirror } from "./mirror.ts";
import { type ClientMessage, CLOSE, type Digest, type Event, type Eye, type Hello, type UsePlayhead, type Welcome } from "./messages.ts";
import { Decoder, VERSION } from "./protocol.ts";

/** Frames other than of poses. */
export type ValueFrame = Exclude<Frame, PoseFrame | DeltaFrame | TickEndFrame>;

/** All changes of one `seq`, to be applied together. */
export interface Tick {
  readonly seq: number;
  readonly keyframe: boolean;
  /** [ms since 1970]; 0 = none yet. */
  readonly eventMs: number;
  /** When the server made it, by its clock [ms since 1970]. */
  readonly madeMs: number;
  /** Poses that it changed; to be given back to the mirror's pool. */
  readonly poses: readonly PoseBatch[];
  readonly frames: readonly ValueFrame[];
  /** Rows that came as changes, and bodies that came compressed: for figures. */
  readonly deltaRows: number;
  readonly inflated: number;
}

/** What a client wants to hear of; absent or null parts do not filter. */
export interface Interest {
  readonly prims?: readonly string[] | null;
  readonly labels?: readonly string[] | null;
  readonly signals?: readonly string[] | null;
  readonly view?: Eye | null;
}

/** The new value of a control, or where a prim was clicked: its path, and the place in the world [m]. */
export interface ControlUse {
  readonly value?: number | string | boolean;
  readonly path?: string;
  readonly position?: readonly [number, number, number];
}

export type PlayheadUse = Omit<UsePlayhead, "type">;

/** How the viewer gets along, for the server's choice of a rate. */
export interface Pace {
  readonly fps: number;
  readonly applyMs: number;
}

export type Effect =
  | { readonly kind: "send"; readonly message: Record<string, unknown> }
  | { readonly kind: "fetch"; readonly epoch: string }
  | { readonly kind: "tick"; readonly tick: Tick }
  | { readonly kind: "pong"; readonly sent: number; readonly serverMs: number }
  | { readonly kind: "notice"; readonly level: string; readonly text: string }
  | { readonly kind: "alarm"; readonly count: number }
  | { readonly kind: "event"; readonly name: string; readonly data: unknown }
  | { readonly kind: "answer"; readonly answer: Answer }
  | { readonly kind: "edit"; readonly edit: EditEvent }
  | { readonly kind: "close"; readonly code: number; readonly reason: string };

export type Phase = "down" | "greeting" | "loading" | "live" | "ended";

const RETRY = new Set<number>([
  ...[CLOSE.GOING_AWAY, CLOSE.RESTARTING, CLOSE.TRY_LATER, CLOSE.TOO_SLOW, CLOSE.TOO_MANY],
  ...[1005, 1006, 1011], // no close at all, and a server that failed
]);
/** Closes a connection whose bytes do not fit together; a new one starts from a keyframe. */
const BROKEN = CLOSE.BAD_MESSAGE;
/** Of a new connection, until the server says who does. */
const NOBODY_LEADS: Effect = { kind: "event", name: "playhead", data: null };
const WANT = ["pose", "scalar", "style", "entity", "event"] as const;
const CAPS = ["delta", "zstd", "digest", "playhead"] as const;

export class Session {
  phase: Phase = "down";
  epoch: string | null = null;
  revision = -1;
  /** The last tick that was applied, -1 = none: what `have` claims. */
  seq = -1;
  reason = "";
  /** Code with which the last connection ended; 0: none has, or one is there. */
  closeCode = 0;
  /** Sent with the greeting where the server wants one; never part of an address. */
  token: string | null = null;
  role = "";
  /** Parts of the REST interface that the server has; null where it does not say. */
  serves: readonly string[] | null = null;
  /** What both sides can do. */
  caps: readonly string[] = [];
  /** Ticks a second that the server sends now, and why; 0 = not said. */
  hz = 0;
  /** All rates that the server has, the fastest first. */
  tiers: readonly number[] = [];
  hzReason = "";
  /** Since when the twin behind a relay is away, by its clock [ms since 1970], and which of several; NaN: it is there. */
  awayMs = Number.NaN;
  awayTwins: readonly string[] = [];
  /** Text messages and events of kinds that this viewer does not know. */
  unknownMessages = 0;
  /** Times that the state held was in doubt and everything was taken anew. */
  resyncs = 0;
  /** The server's digests so far and those that differed from what is held here. */
  readonly digests = { checked: 0, wrong: 0 };
  readonly mirror = new Mirror();
  readonly decoder = new Decoder();
  readonly commands = new Commands();
  private rate: number | null = null;
  private interest: Interest | null = null;
  /** Something was left out since the last keyframe: what is held is of different ticks. */
  private narrowed = false;
  private epochCrc = 0;
  private hidden = false;
  private partial: Frame[] = [];
  /** Newest tick that came over this connection: no other may be acknowledged on it. */
  private received = -1;
  private broken = false;

  opened(): Effect[] {
    this.phase = "greeting";
    this.partial = [];
    this.received = -1;
    this.broken = false;
    const { token, interest, rate, epoch, revision, seq } = this;
    const whole = epoch !== null && seq >= 0 && !this.narrowed;
    const have = whole ? { epoch, revision, seq } : null;
    this.narrowed ||= interest !== null;
    const protocol = { min: VERSION, max: VERSION };
    const hello = send({ type: "hello", protocol, token, want: WANT, caps: CAPS, have, interest: interest as Required<Hello>["interest"], rate });
    return [hello, NOBODY_LEADS];
  }

  text(data: string): Effect[] {
    const message = parse(data);
    switch (message.type) {
      case "welcome":
        return this.welcome(message);
      case "event":
        return this.event(message);
      case "tier":
        this.hz = Number(message.hz) || 0;
        this.hzReason = String(message.reason ?? "");
        return [];
      case "digest":
        return this.compare(message);
      case "away":
        this.awayMs = typeof message.sinceNs === "string" ? Number(message.sinceNs) / 1e6 : Number.NaN;
        this.awayTwins = Array.isArray(message.twins) ? message.twins.map(String) : [];
        return [];
      case "answer":
        return this.answer(message);
      case "playhead":
        return [{ kind: "event", name: "playhead", data: message }];
      case "pong":
        return [{ kind: "pong", sent: Number(message.t), serverMs: Number(message.serverTimeNs) / 1e6 }];
      case "bye":
        this.reason = String(message.reason ?? "");
        return [];
      default:
        this.unknownMessages++;
        return [];
    }
  }

  binary(data: ArrayBuffer): Effect[] {
    if (this.phase !== "live") return [];
    try {
      return this.decoder.decode(data).flatMap((frame) => this.frame(frame));
    } catch (error) {
      if (error instanceof FrameError) return this.doubt(error.message);
      throw error;
    }
  }

  private frame(frame: Frame): Effect[] {
    if (frame.header.epochCrc !== this.epochCrc) return [];
    if (frame.op !== OP.tickEnd) {
      this.partial.push(frame);
      return [];
    }
    const { seq, keyframe } = frame.header;
    const frames = this.partial;
    this.partial = [];
    const poses = this.mirror.apply(seq, keyframe, [...frames, frame]);
    this.decoder.free();
    this.received = seq;
    if (keyframe) this.narrowed = this.interest !== null;
    return [{ kind: "tick", tick: tickOf(frame.header, frames, poses) }];
  }

  /** What is held is not what the server thinks: the connection ends, and the next one starts from a keyframe. */
  private doubt(reason: string): Effect[] {
    this.resyncs++;
    this.broken = true;
    this.seq = this.mirror.seq = -1;
    this.partial = [];
    this.decoder.free();
    this.phase = "down";
    return [{ kind: "close", code: BROKEN, reason }];
  }

  private welcome(message: Said<Welcome>): Effect[] {
    const epoch = String(message.epoch);
    this.epochCrc = crc32OfText(epoch);
    this.closeCode = 0;
    this.caps = Array.isArray(message.caps) ? message.caps.map(String) : [];
    this.role = String(message.role ?? "");
    this.serves = Array.isArray(message.serves) ? message.serves.map(String) : null;
    this.hz = Number(message.rate) || 0;
    this.tiers = Array.isArray(message.tiers) ? message.tiers.map(Number) : [];
    this.hzReason = "";
    this.awayMs = Number.NaN;
    this.commands.version = Number(message.edits) || 0;
    const again = this.commands.again().map(order);
    if (epoch === this.epoch && Number(message.revision) === this.revision) return [...this.ready(), ...again];
    this.phase = "loading";
    return [{ kind: "fetch", epoch }, ...again];
  }

  private event(message: Said<Event>): Effect[] {
    if (message.event === "notice")
      return [{ kind: "notice", level: String(message.level), text: String(message.text) }];
    if (message.event === "overlay" || message.event === "watch") return [{ kind: "event", name: message.event, data: message.data }];
    if (message.event === "alarm" || message.event === "missed") return [{ kind: "alarm", count: Number(message.n) || 0 }];
    if (message.event === "edit") return this.edited(readEdit(message.data));
    if (message.event !== "scene") this.unknownMessages++;
    if (message.event !== "scene" || this.epoch === null) return [];
    this.phase = "loading";
    this.partial = [];
    return [{ kind: "fetch", epoch: this.epoch }];
  }

  private edited(edit: EditEvent): Effect[] {
    this.commands.version = Math.max(this.commands.version, edit.version);
    return [{ kind: "edit", edit }];
  }

  private answer(message: Json): Effect[] {
    const known = this.commands.answered(message);
    if (!known) {
      this.unknownMessages++;
      return [];
    }
    return [{ kind: "answer", answer: known.answer }, ...known.send.map(order)];
  }

  /** Asks for a change; its answer comes as an effect with the same id, after a lost connection, too. */
  command(id: string, fields: CommandFields): Effect[] {
    return this.commands.add(id, fields, this.greeted).map(order);
  }

  private compare(message: Said<Digest>): Effect[] {
    // Between its tick and the digest the server sends nothing else; a digest of another tick cannot be judged.
    if (this.phase !== "live" || Number(message.seq) !== this.mirror.seq) return [];
    this.digests.checked++;
    if (String(message.sha256) === digestOf(this.mirror)) return [];
    this.digests.wrong++;
    return this.doubt(`what is held at tick ${this.mirror.seq} differs from the server's`);
  }

  /** The scene was fetched and is shown; ids of ticks from now on refer to it. */
  sceneLoaded(epoch: string, revision: number, nodes: number, signals: number): Effect[] {
    const same = epoch === this.epoch && revision === this.revision;
    this.epoch = epoch;
    this.epochCrc = crc32OfText(epoch);
    this.revision = revision;
    if (!same) {
      this.seq = -1;
      this.mirror.reset(nodes, signals);
    }
    return this.phase === "loading" ? this.ready() : [];
  }

  private ready(): Effect[] {
    this.phase = "live";
    const effects = [send({ type: "ready", revision: this.revision })];
    if (this.hidden) effects.push(send({ type: "pause" }));
    return effects;
  }

  /** The tick is on screen. */
  applied(seq: number, pace: Pace | null = null): Effect[] {
    // A tick of a state that was given up is not claimed, and one of an earlier connection not acknowledged.
    if (this.mirror.seq < 0) return [];
    this.seq = seq;
    return this.phase === "live" && seq <= this.received ? [send({ type: "ack", seq, ...pace })] : [];
  }

  setHidden(hidden: boolean): Effect[] {
    if (hidden === this.hidden) return [];
    this.hidden = hidden;
    return this.phase === "live" ? [send({ type: hidden ? "pause" : "resume" })] : [];
  }

  /** Restricts what comes; null: everything. Also holds for later connections. */
  setInterest(interest: Interest | null): Effect[] {
    this.interest = interest;
    this.narrowed ||= interest !== null;
    const { prims = null, labels = null, signals = null, view = null } = interest ?? {};
    return this.greeted ? [send({ type: "interest", prims, labels, signals, view })] : [];
  }

  /** Most ticks a second that are wanted; null: as many as the server makes. */
  setRate(hz: number | null): Effect[] {
    this.rate = hz;
    return this.greeted ? [send({ type: "rate", hz })] : [];
  }

  /** Asks the server for its digest after some tick; the answer is compared with what is held. */
  askDigest(): Effect[] {
    return this.phase === "live" && this.caps.includes("digest") ? [send({ type: "digest" })] : [];
  }

  useControl(name: string, what: ControlUse): Effect[] {
    return this.greeted ? [order({ type: "control", name, ...what })] : [];
  }

  /** Leads, follows or leaves the shared playhead. */
  usePlayhead(what: PlayheadUse): Effect[] {
    return this.greeted ? [send({ type: "playhead", ...what })] : [];
  }

  ping(now: number): Effect[] {
    return this.greeted ? [send({ type: "ping", t: now })] : [];
  }

  private get greeted(): boolean {
    return this.phase === "live" || this.phase === "loading";
  }

  /** The connection is gone; true where it is worth trying again. */
  closed(code: number, reason: string): boolean {
    const retry = this.broken || RETRY.has(code);
    this.phase = retry ? "down" : "ended";
    this.closeCode = code;
    this.partial = [];
    this.decoder.free();
    if (reason) this.reason = reason;
    return retry;
  }
}

/** A tick of its last header, its frames, and the poses that they changed. */
export function tickOf(end: Header, frames: readonly Frame[], poses: readonly PoseBatch[]): Tick {
  return {
    seq: end.seq,
    keyframe: end.keyframe,
    eventMs: Number(end.eventNs) / 1e6,
    madeMs: Number(end.tickNs) / 1e6,
    poses,
    frames: frames.filter(isValueFrame),
    deltaRows: frames.reduce((sum, { op, header }) => sum + (op === OP.delta ? header.n : 0), 0),
    inflated: frames.filter(({ header }) => header.flags & FLAG_ZSTD).length,
  };
}

function isValueFrame(frame: Frame): frame is ValueFrame {
  return frame.op !== OP.pose && frame.op !== OP.delta && frame.op !== OP.tickEnd;
}

type Json = Record<string, unknown>;
/** A message as it came: fields that the protocol knows, of types that nobody has checked. */
type Said<T> = { readonly [K in keyof T]?: unknown };

function parse(data: string): Json {
  try {
    const value: unknown = JSON.parse(data);
    return typeof value === "object" && value !== null ? (value as Json) : {};
  } catch {
    return {};
  }
}

function send(message: ClientMessage): Effect {
  return order({ ...message });
}

/** A message whose other fields are those of its own table (commands, controls). */
function order(message: Json): Effect {
  return { kind: "send", message };
}
