/** Asks the server for moments and spans of the past. */
import { isoOf } from "../../core/playhead.ts";
import { refusalOf } from "../../wire/refused.ts";
import { cutTicks, type PastTick } from "../../wire/past.ts";
import type { Workbench } from "../../workbench.ts";

export interface Answer {
  readonly ticks: PastTick[];
  readonly untilMs: number;
  /** Paths of the twins of a relay that have no past: they are shown live. */
  readonly live: readonly string[];
}

/** How this page calls itself: the server works on its newest question alone. */
const VIEWER = Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, "0")).join("");
/** Another question of the same page came after. */
const SUPERSEDED = 409;

/**
 * One moment, or with `to` the ticks on or back to there; null where another scene is shown by now, or something else was asked
 * since.
 */
export async function askPast(
  bench: Workbench,
  at: number,
  span: { readonly to?: number; readonly hz?: number; readonly signal?: AbortSignal } = {},
): Promise<Answer | null> {
  const { to, hz, signal } = span;
  const { scene } = bench;
  if (!scene) return null;
  const url = new URL("api/v1/past", document.baseURI);
  url.searchParams.set("at", isoOf(at));
  if (to !== undefined) url.searchParams.set("to", isoOf(to));
  if (hz !== undefined) url.searchParams.set("hz", hz.toPrecision(6));
  url.searchParams.set("viewer", VIEWER);
  const response = await fetch(url, { cache: "no-store", signal: signal ?? null });
  if (response.status === SUPERSEDED) return null;
  if (!response.ok) throw new Error(await refusalOf(response));
  const data = await response.arrayBuffer();
  const { epoch, revision } = scene.json;
  if (scene !== bench.scene || response.headers.get("twin-revision") !== String(revision)) return null;
  const untilMs = Number(response.headers.get("twin-until-ns")) / 1e6;
  const live = JSON.parse(response.headers.get("twin-live") ?? "[]") as string[];
  return { ticks: cutTicks(data, epoch), untilMs, live };
}
