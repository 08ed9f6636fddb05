/** From reading to reading of the signals that are looked at: charted ones, else those bound to the selection. */
import type { Workbench } from "../../workbench.ts";

/** How far on the next reading is looked for [ms]. */
const REACH_MS = 600_000;

/** Moment of the reading before or after [ms]; null where there is none, which is told. */
export async function readingBeside(bench: Workbench, at: number, way: -1 | 1): Promise<number | null> {
  const signals = signalsLookedAt(bench);
  if (!signals.length) {
    bench.notice("info", "Select something with signals, or chart one, to step through its readings.");
    return null;
  }
  const url = new URL(`api/v1/history/${way > 0 ? "range" : "as-of"}`, document.baseURI);
  for (const signal of signals.slice(0, 50)) url.searchParams.append("signal", signal);
  if (way > 0) {
    url.searchParams.set("from", new Date(at + 1).toISOString());
    url.searchParams.set("to", new Date(at + REACH_MS).toISOString());
    url.searchParams.set("limit", "1000");
  } else url.searchParams.set("at", new Date(at - 1).toISOString());
  const told = (await fetch(url).then((answer) => answer.json())) as { readings?: { eventNs: string }[] };
  const times = (told.readings ?? []).map(({ eventNs }) => Math.ceil(Number(eventNs) / 1e6));
  if (times.length) return way > 0 ? Math.min(...times) : Math.max(...times);
  bench.notice("info", way > 0 ? "There is no later reading within 10 minutes." : "There is no earlier reading.");
  return null;
}

function signalsLookedAt(bench: Workbench): readonly string[] {
  const charts = bench.state.extra.charts as { charts?: readonly { signals: readonly string[] }[] } | undefined;
  const charted = (charts?.charts ?? []).flatMap((chart) => chart.signals);
  const bound = bench.selectedPath ? bench.scene?.json.bindings[bench.selectedPath] : undefined;
  const known = new Set(bench.signals.signals.map((signal) => signal.id));
  return [...new Set(bound?.length ? bound : charted)].filter((id) => known.has(id));
}
