/** Which charts there are: plain data in `UiState.extra.charts`, and pure functions that change it. */

export interface ChartSpec {
  readonly id: number;
  readonly signals: readonly string[];
}

export interface ChartsState {
  readonly charts: readonly ChartSpec[];
  /** How much time is seen [ms]. */
  readonly spanMs: number;
  /** Layouts that the user saved, by name. */
  readonly layouts: Readonly<Record<string, readonly ChartSpec[]>>;
}

export const NO_CHARTS: ChartsState = { charts: [], spanMs: 120_000, layouts: {} };
/** The least time that is seen [ms]. */
export const LEAST_SPAN_MS = 200;
export const MOST_CHARTS = 8;
export const MOST_SIGNALS = 8;

/** What was kept, as far as it is well-formed: it may come from an older page or from an address. */
export function chartsState(kept: unknown): ChartsState {
  const { charts, spanMs, layouts } = (typeof kept === "object" && kept !== null ? kept : {}) as Partial<ChartsState>;
  const named = typeof layouts === "object" && layouts !== null ? Object.entries(layouts) : [];
  return {
    charts: specs(charts),
    spanMs: typeof spanMs === "number" && spanMs >= LEAST_SPAN_MS ? spanMs : NO_CHARTS.spanMs,
    layouts: Object.fromEntries(named.map(([name, list]) => [name, specs(list)])),
  };
}

function specs(list: unknown): ChartSpec[] {
  const found = (Array.isArray(list) ? list : []) as Partial<ChartSpec>[];
  return found
    .filter((chart) => Array.isArray(chart?.signals) && chart.signals.length > 0)
    .slice(0, MOST_CHARTS)
    .map((chart, id) => ({ id, signals: (chart.signals as unknown[]).map(String).slice(0, MOST_SIGNALS) }));
}

/** Signals into the chart with that id, or into a new one (null); one that is there already stays. */
export function withSignals(state: ChartsState, signals: readonly string[], into: number | null): ChartsState {
  const target = state.charts.find(({ id }) => id === into);
  if (!target) {
    const id = 1 + Math.max(-1, ...state.charts.map((chart) => chart.id));
    const added = { id, signals: [...new Set(signals)].slice(0, MOST_SIGNALS) };
    return signals.length ? { ...state, charts: [...state.charts, added].slice(-MOST_CHARTS) } : state;
  }
  const joined = [...new Set([...target.signals, ...signals])].slice(0, MOST_SIGNALS);
  return { ...state, charts: state.charts.map((chart) => (chart === target ? { ...chart, signals: joined } : chart)) };
}

/** Without a signal of a chart; the chart goes with its last one. `signal` null: without the chart. */
export function without(state: ChartsState, id: number, signal: string | null): ChartsState {
  const charts = state.charts.map((chart) =>
    chart.id === id ? { ...chart, signals: signal === null ? [] : chart.signals.filter((one) => one !== signal) } : chart,
  );
  return { ...state, charts: charts.filter(({ signals }) => signals.length > 0) };
}

export function withLayout(state: ChartsState, name: string, keep: boolean): ChartsState {
  const layouts = Object.entries(state.layouts).filter(([one]) => one !== name);
  if (keep) layouts.push([name, state.charts]);
  return { ...state, layouts: Object.fromEntries(layouts) };
}
