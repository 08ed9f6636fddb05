/**
 * Control messages of twin.v1 (docs/protocol.md, sections 4 and 7). Made by scripts/viewer_types.py from the server's own
 * structures: do not edit. What has a default may be left out.
 */

/** Every tick up to `seq` is applied. `fps`: pictures a second; `apply_ms`: how long applying took [ms]. */
export interface Ack {
  readonly type: "ack";
  readonly seq: number;
  readonly fps?: number | null;
  readonly applyMs?: number | null;
}

/** What became of the command of that id. `code`: conflict, refused, invalid or forbidden, with one sentence in `error`. */
export interface Answer {
  readonly type: "answer";
  readonly id: string;
  readonly ok: boolean;
  readonly version: number;
  readonly undo?: number;
  readonly redo?: number;
  readonly kept?: boolean;
  readonly code?: string;
  readonly error?: string;
  readonly current?: Readonly<Record<string, unknown>> | null;
  readonly placed?: readonly string[];
  readonly note?: string;
}

/** Asks for the hash of what it should hold. */
export interface AskDigest {
  readonly type: "digest";
}

/** The twin behind a relay cannot be reached since then [ns since 1970, UTC, by its clock]; None: it is back. */
export interface Away {
  readonly type: "away";
  readonly sinceNs: string | null;
  readonly twins?: readonly string[];
}

/** Last message before the server closes. */
export interface Bye {
  readonly type: "bye";
  readonly reason: string;
}

/** Something is to be changed; its other fields are those of `sync.api.commands.Command`. */
export interface Command {
  readonly type: "command";
  readonly id: string;
}

/** Somebody used a control; its other fields are those of `sync.overlay.controls`. */
export interface Control {
  readonly type: "control";
  readonly name: string;
}

/** Hash of what a client should hold after tick `seq`. */
export interface Digest {
  readonly type: "digest";
  readonly seq: number;
  readonly sha256: string;
}

/** `scene` (with the new revision), `notice` (with level and text), or another with its number and data. */
export interface Event {
  readonly type: "event";
  readonly event: string;
  readonly revision?: number;
  readonly level?: string;
  readonly text?: string;
  readonly n?: number;
  readonly data?: Readonly<Record<string, unknown>> | null;
}

/** Where a client looks from, in the scene's world: metres, radians, Z up. */
export interface Eye {
  readonly position: readonly unknown[];
  readonly direction: readonly unknown[];
  readonly up?: readonly unknown[];
  readonly verticalFov?: number;
  readonly aspect?: number;
  readonly far?: number | null;
}

/** What a client still holds from an earlier connection. */
export interface Have {
  readonly epoch: string;
  readonly seq: number;
  readonly revision?: number;
}

/** First message of a client. */
export interface Hello {
  readonly type: "hello";
  readonly protocol?: Versions;
  readonly token?: string | null;
  readonly want?: readonly string[] | null;
  readonly caps?: readonly string[];
  readonly have?: Have | null;
  readonly interest?: Interest | null;
  readonly rate?: number | null;
}

/** What a client wants to be told of; a part that is null is no filter. */
export interface Interest {
  readonly type: "interest";
  readonly prims?: readonly string[] | null;
  readonly labels?: readonly string[] | null;
  readonly signals?: readonly string[] | null;
  readonly view?: Eye | null;
}

/** What the server holds clients to. */
export interface Limits {
  readonly window?: number;
  readonly maxMessageBytes?: number;
  readonly ackTimeoutSeconds?: number;
}

/** No ticks until `resume`. */
export interface Pause {
  readonly type: "pause";
}

/** Asks for a pong with the same `t`. */
export interface Ping {
  readonly type: "ping";
  readonly t: number;
}

/** The shared playhead as it stands, for one client. `part`: leads, follows or none. */
export interface Playhead {
  readonly type: "playhead";
  readonly leader: string | null;
  readonly part: "follows" | "leads" | "none";
  readonly atNs?: string | null;
  readonly playing?: boolean;
  readonly speed?: number;
  readonly saidNs?: string;
  readonly followers?: readonly string[];
  readonly count?: number;
}

/** Answer to a ping. */
export interface Pong {
  readonly type: "pong";
  readonly t: number;
  readonly serverTimeNs: string;
}

/** No more ticks a second than that; null: as many as there are. */
export interface Rate {
  readonly type: "rate";
  readonly hz?: number | null;
}

/** The client holds the scene of that revision. */
export interface Ready {
  readonly type: "ready";
  readonly revision: number;
}

/** Ends a pause. */
export interface Resume {
  readonly type: "resume";
}

/** How the USD stage was authored; the stream itself is in metres and Z-up. */
export interface StageInfo {
  readonly metersPerUnit: number;
  readonly upAxis: string;
  readonly hash: string;
}

/** The client has another tier; hz 0: single catch-ups, each after the acknowledgement of the one before. */
export interface Tier {
  readonly type: "tier";
  readonly hz: number;
  readonly reason: string;
}

/** The shared playhead. `do`: lead or tell (`at_ns`: the moment that is looked at, null the newest state; whether it plays, and how many times as fast, below 0 backwards), follow, leave. */
export interface UsePlayhead {
  readonly type: "playhead";
  readonly do?: "follow" | "lead" | "leave" | "tell";
  readonly atNs?: string | null;
  readonly playing?: boolean;
  readonly speed?: number;
}

/** A range of versions, ends included. */
export interface Versions {
  readonly min?: number;
  readonly max?: number;
}

/** Answer to a hello. `rate`: ticks a second of the client's tier. `events`: number of the newest event of this run. */
export interface Welcome {
  readonly type: "welcome";
  readonly protocol: string;
  readonly epoch: string;
  readonly revision: number;
  readonly seq: number;
  readonly want: readonly string[];
  readonly serverTimeNs: string;
  readonly limits: Limits;
  readonly role?: string;
  readonly version?: number;
  readonly caps?: readonly string[];
  readonly rate?: number;
  readonly tiers?: readonly number[];
  readonly stage?: StageInfo | null;
  readonly events?: number;
  readonly edits?: number;
  readonly serves?: readonly string[] | null;
}

export type ClientMessage = Hello | Ready | Ack | Pause | Resume | Ping | Interest | Rate | AskDigest | Command | Control | UsePlayhead;

export type ServerMessage = Welcome | Pong | Event | Bye | Tier | Digest | Answer | Away | Playhead;

/** Codes with which the server closes. */
export const CLOSE = {
  GOING_AWAY: 1001,
  RESTARTING: 1012,
  TRY_LATER: 1013,
  BAD_MESSAGE: 4400,
  NOT_ADMITTED: 4401,
  NO_PROTOCOL: 4406,
  TOO_SLOW: 4408,
  OUT_OF_ORDER: 4409,
  TOO_MANY: 4429,
} as const;
