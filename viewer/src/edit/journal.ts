/** The journal of edits as people read it: what was changed, by whom, whether it still stands. Pure. */

import { shown } from "./sentences.ts";
import { anglesOf } from "../core/trs.ts";

export interface ChangedJson {
  readonly path: string;
  readonly property: string;
  readonly before: unknown;
  readonly after: unknown;
}

/** As `GET /api/v1/edits/journal` tells them, the newest first. */
export interface TransactionJson {
  readonly version: number;
  readonly at: string;
  readonly author: string;
  readonly id: string;
  readonly did: "edit" | "undo" | "redo";
  readonly of: number | null;
  readonly changes: readonly ChangedJson[];
}

export interface JournalRow {
  readonly transaction: TransactionJson;
  readonly title: string;
  /** Taken back by a later undo. */
  readonly undone: boolean;
  /** Why this viewer cannot take it back; null: it can. */
  readonly locked: string | null;
}

/** `me`: name of this viewer's author. */
export function journalRows(transactions: readonly TransactionJson[], me: string): JournalRow[] {
  const undone = new Set<number>();
  // From the oldest to the newest: what was done last counts.
  for (const { did, of } of [...transactions].reverse()) {
    if (of === null) continue;
    if (did === "undo") undone.add(of);
    else undone.delete(of);
  }
  return transactions.map((transaction) => {
    const gone = transaction.did === "edit" && undone.has(transaction.version);
    return { transaction, title: titleOf(transaction), undone: gone, locked: lockOf(transaction, gone, me) };
  });
}

function lockOf({ did, author }: TransactionJson, undone: boolean, me: string): string | null {
  if (did !== "edit") return "Undo and redo are taken back by redo and undo.";
  if (undone) return "It was taken back.";
  return author === me ? null : `Only ${author} can take it back.`;
}

function titleOf({ did, of, changes }: TransactionJson): string {
  if (did !== "edit") return `${did === "undo" ? "Took back" : "Did again"} version ${of}`;
  const [first] = changes;
  if (!first) return "Nothing changed";
  const more = changes.length > 1 ? `, and ${changes.length - 1} more` : "";
  return `${verbOf(first)}${more}`;
}

function verbOf({ path, property, after }: ChangedJson): string {
  const name = path.slice(path.lastIndexOf("/") + 1);
  if (property.startsWith("binding:")) {
    const binding = after as { prim?: string; pattern?: string; kind?: string } | string | null;
    if (binding === null || typeof binding === "string") return `Unbound ${property.slice(8)}`;
    return `Bound ${binding.prim ?? binding.pattern ?? property.slice(8)} (${binding.kind ?? "binding"})`;
  }
  if (after === null) return `Cleared ${nameOf(property)} of ${name}`;
  if (property === "pose") return `Moved ${name}`;
  if (property === "visibility") return `${after === false || after === "invisible" ? "Hid" : "Showed"} ${name}`;
  if (property.startsWith("variant:")) return `${property.slice(8)} of ${name}: ${String(after)}`;
  return `Set ${nameOf(property)} of ${name}`;
}

/** From what to what, as people read it: of a pose, what has changed of it. */
export function changeText({ property, before, after }: ChangedJson): string {
  if (property !== "pose") return `${shown(before)} → ${shown(after)}`;
  const [from, to] = [numbers(before), numbers(after)];
  const parts: string[] = [];
  for (const part of POSE_PARTS) {
    const [a, b] = [from && part.read(from), to && part.read(to)];
    if (a !== b) parts.push(`${a ?? "as designed"} → ${b ?? "as designed"}`);
    if (!from || !to) break;
  }
  return parts.join(", ") || "as it was";
}

/** x, y, z [m], w, x, y, z, and the scale along x, y, z. */
const POSE_PARTS: readonly { read(pose: readonly number[]): string }[] = [
  { read: (p) => `${shown(p.slice(0, 3))} m` },
  { read: (p) => `${shown(degrees(p))}°` },
  { read: (p) => `× ${shown(p.slice(7, 10))}` },
];

function degrees([, , , w, x, y, z]: readonly number[]): number[] {
  return anglesOf([w, x, y, z]).map((angle) => Math.round((angle * 18000) / Math.PI) / 100 || 0);
}

function numbers(value: unknown): readonly number[] | null {
  return Array.isArray(value) && value.length === 10 ? (value as number[]) : null;
}

function nameOf(property: string): string {
  if (property === "primvars:displayColor") return "colour";
  if (property === "pose") return "the pose";
  if (property.startsWith("semantics:labels:")) return "labels";
  return property;
}
