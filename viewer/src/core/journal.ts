/** What happened on the link, in words: the log's lines, and messages of the wire taken apart. Pure. */
import { OP } from "../wire/frames.ts";
import { HEADER_SIZE, readHeader } from "../wire/protocol.ts";

export type Topic = "notice" | "alarm" | "command" | "link";
export type Level = "info" | "warning" | "error";

export interface LogLine {
  /** [ms since 1970], this machine's clock. */
  readonly ms: number;
  readonly topic: Topic;
  readonly level: Level;
  readonly text: string;
}

export interface WireLine {
  readonly ms: number;
  readonly way: "in" | "out";
  /** Type of a text message, or `tick`. */
  readonly kind: string;
  /** Of a tick, -1 for texts. */
  readonly seq: number;
  /** Rows in it. */
  readonly rows: number;
  readonly bytes: number;
  readonly text: string;
}

type Json = Readonly<Record<string, unknown>>;
const NAMES: Readonly<Record<number, string>> = {
  [OP.pose]: "poses",
  [OP.signals]: "values",
  [OP.style]: "styles",
  [OP.visibility]: "switches",
  [OP.delta]: "pose deltas",
  [OP.text]: "texts",
  [OP.entity]: "entities",
};
const LONGEST = 2000;

/** One message of the wire, for people. */
export function wireLine(way: "in" | "out", data: string | ArrayBuffer, ms: number): WireLine {
  if (typeof data === "string") {
    const kind = String(parsed(data).type ?? "?");
    const text = data.length > LONGEST ? `${data.slice(0, LONGEST)}…` : data;
    return { ms, way, kind, seq: -1, rows: 0, bytes: new TextEncoder().encode(data).length, text };
  }
  const view = new DataView(data);
  const parts: string[] = [];
  let [rows, seq, keyframe] = [0, -1, false];
  try {
    for (let at = 0; at < data.byteLength;) {
      const header = readHeader(view, at);
      at = Math.ceil((at + HEADER_SIZE + header.size) / 8) * 8;
      seq = header.seq;
      keyframe ||= header.keyframe;
      if (header.op === OP.tickEnd) continue;
      rows += header.n;
      parts.push(`${header.n} ${NAMES[header.op] ?? `of op ${header.op}`}`);
    }
  } catch (error) {
    parts.push(`not to be read: ${(error as Error).message}`);
  }
  return { ms, way, kind: keyframe ? "keyframe" : "tick", seq, rows, bytes: data.byteLength, text: parts.join(", ") || "nothing new" };
}

/** What a text message tells people; null where it is nothing for a log. */
export function logLine(way: "in" | "out", data: string, ms: number): LogLine | null {
  const message = parsed(data);
  const line = (topic: Topic, level: Level, text: string): LogLine => ({ ms, topic, level, text });
  if (way === "out") return message.type === "command" ? line("command", "info", commandText(message)) : null;
  if (message.type === "welcome") return line("link", "info", `Connected as ${String(message.role ?? "viewer")}, epoch ${String(message.epoch)}`);
  if (message.type === "bye") return line("link", "warning", `The server says goodbye: ${String(message.reason)}`);
  if (message.type === "tier") return line("link", "info", `${String(message.hz)} ticks a second: ${String(message.reason)}`);
  if (message.type === "answer") return answerLine(message, line);
  return message.type === "event" ? eventLine(message, line) : null;
}

type Make = (topic: Topic, level: Level, text: string) => LogLine;

function eventLine(message: Json, line: Make): LogLine | null {
  const data = (message.data ?? {}) as Json;
  switch (message.event) {
    case "notice": {
      const level = message.level === "error" || message.level === "warning" ? message.level : "info";
      return line(/\balarm\b/.test(String(message.text)) ? "alarm" : "notice", level, String(message.text));
    }
    case "alarm": {
      const records = (Array.isArray(data.records) ? data.records : []) as Json[];
      const texts = records.map(({ alarm, what, by }) => `${String(alarm)} ${String(what)}${by ? ` by ${String(by)}` : ""}`);
      return line("alarm", records.some(({ what }) => what === "raised") ? "warning" : "info", texts.join("; ") || "Alarms have changed");
    }
    case "edit": {
      const done = (Array.isArray(data.transactions) ? data.transactions : []) as Json[];
      const texts = done.map(({ author, did, count, version }) => `${String(author)}: ${String(did)} of ${String(count)} (version ${String(version)})`);
      return line("command", "info", texts.join("; "));
    }
    case "watch":
      if (data.state === "broken") return line("notice", "warning", `A save is not shown: ${String(data.text)}`);
      return line("notice", "info", `Saved: ${(Array.isArray(data.files) ? data.files : []).join(", ")}, shown after ${String(data.ms)} ms`);
    case "scene":
      return line("link", "info", `Another scene, revision ${String(message.revision)}`);
    default:
      return null;
  }
}

function answerLine(message: Json, line: Make): LogLine {
  const text = message.ok ? `Done, version ${String(message.version)}` : `Refused (${String(message.code)}): ${String(message.error)}`;
  return line("command", message.ok ? "info" : "error", text);
}

function commandText({ kind, path, action, alarms }: Json): string {
  const what = path ?? (Array.isArray(alarms) ? alarms.join(", ") : "");
  return `Asked: ${String(kind)}${action ? ` ${String(action)}` : ""} ${String(what)}`.trimEnd();
}

function parsed(text: string): Json {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Json) : {};
  } catch {
    return {};
  }
}

/** The last so many things, the oldest first. */
export class Ring<T> {
  private items: T[] = [];
  /** How many there ever were. */
  total = 0;

  constructor(private readonly most: number) {}

  push(item: T): void {
    this.total++;
    this.items.push(item);
    if (this.items.length > 2 * this.most) this.items = this.items.slice(-this.most);
  }

  get list(): readonly T[] {
    return this.items.slice(-this.most);
  }

  clear(): void {
    this.items = [];
  }
}
