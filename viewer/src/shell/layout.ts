/** Which panels are open, how large, and the theme: kept in this browser from one visit to the next. */
import { placesFrom } from "../core/layouts.ts";
import { START, type Side, type Theme, type UiState } from "../core/ui-state.ts";
import type { UiStore } from "../core/ui-store.ts";

const KEY = "twinstage.layout";
/** Features whose choices are kept, too. */
const FEATURES: readonly string[] = ["alarms", "layers"];

interface Kept {
  readonly open?: Partial<Record<Side, string | null>>;
  readonly places?: unknown;
  readonly sizes?: Partial<Record<Side, number>>;
  readonly theme?: Theme;
  readonly extra?: Readonly<Record<string, unknown>>;
}

/** The state to begin with. */
export function keptLayout(): UiState {
  try {
    const kept = JSON.parse(window.localStorage.getItem(KEY) ?? "{}") as Kept;
    return {
      ...START,
      open: { ...START.open, ...kept.open },
      places: placesFrom(kept.places),
      sizes: { ...START.sizes, ...kept.sizes },
      theme: kept.theme ?? START.theme,
      extra: { ...START.extra, ...kept.extra },
    };
  } catch {
    return START; // storage is forbidden or damaged
  }
}

/** `narrow`: the sides lie over the picture now, and what is open is no choice for later. */
export function keepLayout(store: UiStore, narrow: () => boolean): void {
  let open = store.state.open;
  const save = (): void => {
    const { places, sizes, theme } = store.state;
    if (!narrow()) ({ open } = store.state);
    try {
      window.localStorage.setItem(KEY, JSON.stringify({ open, places, sizes, theme, extra: chosen(store.state.extra) }));
    } catch {
      // Without storage the layout lasts as long as the page.
    }
  };
  for (const part of ["open", "places", "sizes", "theme", "extra"] as const)
    store.watch(
      (state) => state[part],
      (value) => value !== START[part] && save(),
    );
}

function chosen(extra: UiState["extra"]): UiState["extra"] {
  return Object.fromEntries(Object.entries(extra).filter(([name]) => FEATURES.includes(name)));
}
