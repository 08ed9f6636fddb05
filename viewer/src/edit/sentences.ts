/** What people read about edits: why not, what was refused, what to do about it. Pure. */
import type { Answer } from "../wire/commands.ts";

/**
 * Why nothing can be changed now; null: it can. `role`: as the server said it (docs/access.md); `past`: a moment of the past is
 * looked at.
 */
export function whyNot(phase: string, role: string, past = false): string | null {
  if (past) return "This is the past; go back to live to change something.";
  if (phase === "ended") return "The connection to the twin has ended, so nothing can be changed.";
  if (phase !== "live" && phase !== "loading") return "The twin is away; wait until the link is back.";
  if (role === "engineer" || role === "admin") return null;
  return `Changes need the role engineer; yours is ${role || "not known"}.`;
}

/** A refusal as one sentence, with what stands in the way. */
export function refusal(answer: Pick<Answer, "code" | "error" | "current">): string {
  const said = sentence(answer.error ?? "the twin refused it");
  const fix = fixFor(answer);
  return fix ? `${said} ${fix}` : said;
}

/** What can be done about it; empty where the sentence says it all. */
export function fixFor({ code, current, error }: Pick<Answer, "code" | "error" | "current">): string {
  if (code === "conflict")
    return current ? `Now it is ${shown(current.value)}; look at it and do it again if it is still wanted.` : "";
  if (code === "refused" && /commands a second/.test(error ?? "")) return "Wait a second and do it again.";
  return "";
}

/** With a capital and a full stop. */
export function sentence(text: string): string {
  const trimmed = text.trim();
  const start = trimmed.startsWith("/") ? trimmed : trimmed.charAt(0).toUpperCase() + trimmed.slice(1);
  return /[.!?]$/.test(start) ? start : `${start}.`;
}

/** A value of an edit, short. */
export function shown(value: unknown): string {
  if (value === null || value === undefined) return "as designed";
  if (typeof value === "number") return String(round(value));
  if (Array.isArray(value)) return value.map((one) => (typeof one === "number" ? String(round(one)) : String(one))).join(" ");
  if (typeof value === "object") return String((value as { kind?: unknown }).kind ?? JSON.stringify(value));
  return String(value);
}

function round(value: number): number {
  return Math.round(value * 1e4) / 1e4;
}

/** What a property of an edit is called: `pose` -> position, `binding:KEY` -> the binding KEY. */
export function propertyName(property: string): string {
  if (property === "pose") return "pose";
  if (property.startsWith("binding:")) return `binding ${property.slice(8)}`;
  if (property.startsWith("variant:")) return `variant ${property.slice(8)}`;
  if (property === "primvars:displayColor") return "colour";
  if (property.startsWith("semantics:labels:")) return `labels (${property.slice(17)})`;
  return property;
}
