/** Two panels of lines: what happened (notices, alarms, commands, connection), and the messages of the wire as they come. */
import { type LogLine, logLine, Ring, type WireLine, wireLine } from "../../core/journal.ts";
import type { Feature, Workbench } from "../../workbench.ts";
import { Lines } from "./lines.ts";

const MOST_LOG = 500;
const MOST_WIRE = 500;
const PHASES: Readonly<Record<string, string>> = { down: "The link is lost", live: "Live", ended: "Disconnected for good" };

export const log: Feature = {
  name: "log",
  install(bench) {
    addLog(bench);
    addWire(bench);
  },
};

function addLog(bench: Workbench): void {
  const ring = new Ring<LogLine>(MOST_LOG);
  const lines = new Lines<LogLine>("log", ["Time", "Topic", "What"], ring, {
    cells: ({ ms, topic, text }) => [clock(ms), topic, text],
    level: ({ level }) => level,
    topics: ["notice", "alarm", "command", "link"],
    topic: ({ topic }) => topic,
  });
  bench.addPanel({ id: "log", title: "Log", side: "bottom", order: 40, element: lines.element, refresh: () => lines.refresh() });
  bench.link.taps.add((way, data) => {
    const line = typeof data === "string" ? logLine(way, data, Date.now()) : null;
    if (line) ring.push(line);
  });
  let phase: string = bench.link.session.phase;
  window.setInterval(() => {
    const now = bench.link.session.phase;
    if (now === phase) return;
    phase = now;
    const reason = bench.link.session.reason;
    const text = PHASES[now];
    if (text) ring.push({ ms: Date.now(), topic: "link", level: now === "live" ? "info" : "warning", text: reason && now !== "live" ? `${text}: ${reason}` : text });
  }, 250);
  bench.expose("log", { get lines() { return ring.list; } });
}

function addWire(bench: Workbench): void {
  const ring = new Ring<WireLine>(MOST_WIRE);
  const lines = new Lines<WireLine>("wire", ["Time", "", "Kind", "Seq", "Rows", "Bytes", "Content"], ring, {
    cells: ({ ms, way, kind, seq, rows, bytes, text }) => [clock(ms), way === "in" ? "←" : "→", kind, seq < 0 ? "" : String(seq), rows ? String(rows) : "", String(bytes), text],
    level: () => "info",
    topics: ["tick", "keyframe", "text", "sent"],
    topic: ({ way, seq, kind }) => (way === "out" ? "sent" : seq < 0 ? "text" : kind),
  });
  let seen = false;
  bench.addPanel({
    ...{ id: "wire", title: "Messages", side: "bottom", order: 50, element: lines.element },
    refresh: () => lines.refresh(),
    shown: (visible) => (seen = visible),
  });
  // Taken apart only while somebody looks, but for texts: a tick has no lasting interest.
  bench.link.taps.add((way, data) => {
    if (!lines.paused && (seen || typeof data === "string")) ring.push(wireLine(way, data, Date.now()));
  });
  bench.expose("messages", { get lines() { return ring.list; } });
}

/** Local clocks differ: UTC, with milliseconds. */
function clock(ms: number): string {
  return new Date(ms).toISOString().slice(11, 23);
}

