/**
 * Commands to the twin and their answers, without I/O (docs/commands.md): each has an id that is never used again, so one that
 * was not answered is sent again after a lost connection, and is done once.
 */

/** What a command says besides its id: `kind` and the fields of that kind. */
export interface CommandFields {
  readonly kind: string;
  /** Version that its author knew; null takes what there is. */
  readonly base?: number | null;
  readonly [field: string]: unknown;
}

export interface CurrentValue {
  readonly path: string;
  readonly property: string;
  readonly value: unknown;
  readonly version: number;
  readonly author: string;
}

export interface Answer {
  readonly id: string;
  readonly ok: boolean;
  readonly version: number;
  /** How many transactions the author can take back, and do again. */
  readonly undo: number;
  readonly redo: number;
  /** False: done, but not on the disk yet. */
  readonly kept: boolean;
  readonly code: "conflict" | "refused" | "invalid" | "forbidden" | null;
  /** One sentence; null where it was done. */
  readonly error: string | null;
  readonly current: CurrentValue | null;
  /** Paths of what `place` made. */
  readonly placed: readonly string[];
  /** What was made up for, such as the units of an asset; empty for nothing. */
  readonly note: string;
}

/** Transactions that were accepted, whoever made them. */
export interface EditEvent {
  readonly version: number;
  readonly transactions: readonly {
    readonly version: number;
    readonly author: string;
    readonly did: string;
    readonly count: number;
    readonly edits: readonly (readonly [string, string])[];
  }[];
}

type Json = Record<string, unknown>;

/** Unanswered ones that the server may be left with (docs/protocol.md). */
const MOST_UNANSWERED = 16;

export class Commands {
  /** Newest version that is known: the `base` of what is done next. */
  version = 0;
  private readonly waiting = new Map<string, Json>();
  private queue: Json[] = [];

  get unanswered(): number {
    return this.waiting.size + this.queue.length;
  }

  /** Takes a command; the message to send now, or none where it has to wait. */
  add(id: string, fields: CommandFields, connected: boolean): Json[] {
    this.queue.push({ type: "command", id, ...fields });
    return connected ? this.due() : [];
  }

  /** Messages after a new connection: all that were not answered on the one before. */
  again(): Json[] {
    const before = [...this.waiting.values()];
    return [...before, ...this.due()];
  }

  /** Reads an answer; null where nobody asked. `send`: what can go now. */
  answered(message: Json): { answer: Answer; send: Json[] } | null {
    const id = String(message.id);
    if (!this.waiting.delete(id)) return null;
    const answer = readAnswer(message);
    this.version = Math.max(this.version, answer.version);
    return { answer, send: this.due() };
  }

  private due(): Json[] {
    const now = this.queue.splice(0, Math.max(0, MOST_UNANSWERED - this.waiting.size));
    for (const message of now) this.waiting.set(String(message.id), message);
    return now;
  }
}

function readAnswer(message: Json): Answer {
  return {
    id: String(message.id),
    ok: message.ok === true,
    version: Number(message.version) || 0,
    undo: Number(message.undo) || 0,
    redo: Number(message.redo) || 0,
    kept: message.kept !== false,
    code: (message.code as Answer["code"]) ?? null,
    error: typeof message.error === "string" ? message.error : null,
    current: (message.current as CurrentValue | undefined) ?? null,
    placed: Array.isArray(message.placed) ? message.placed.map(String) : [],
    note: typeof message.note === "string" ? message.note : "",
  };
}

/** Reads the data of an `edit` event. */
export function readEdit(data: unknown): EditEvent {
  const { version, transactions } = (data ?? {}) as { version?: unknown; transactions?: unknown };
  return {
    version: Number(version) || 0,
    transactions: Array.isArray(transactions) ? (transactions as EditEvent["transactions"]) : [],
  };
}

/** 128 random bits: pages that are not served over TLS have no `randomUUID`. */
export function newId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
