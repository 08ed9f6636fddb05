/**
 * What the user chose: selection, what is hidden, which panels are open, theme. Plain data and one pure function.
 *
 * A feature keeps what is worth saving or sharing in `extra` under its own name, and what is not to itself.
 */

export type Theme = "dark" | "light" | "system";
export type Side = "left" | "right" | "bottom";

export interface UiState {
  /** Path of the selected prim or point, or null. */
  readonly selected: string | null;
  /** Paths that this viewer hid, with all below. */
  readonly hidden: ReadonlySet<string>;
  /** Only this and what is below is shown; null shows all. */
  readonly isolated: string | null;
  /** Open panel of each side; null: that side is closed. */
  readonly open: Readonly<Record<Side, string | null>>;
  /** Sides of panels that were moved, by panel; others stand where they were made for. */
  readonly places: Readonly<Record<string, Side>>;
  /** Widths of left and right, height of bottom [px]. */
  readonly sizes: Readonly<Record<Side, number>>;
  readonly theme: Theme;
  /** JSON values of features, by feature name. */
  readonly extra: Readonly<Record<string, unknown>>;
}

export type Action =
  | { readonly type: "select"; readonly path: string | null }
  | { readonly type: "hide"; readonly path: string; readonly hidden: boolean }
  | { readonly type: "showAll" }
  | { readonly type: "isolate"; readonly path: string | null }
  | { readonly type: "open"; readonly side: Side; readonly panel: string | null }
  /** To another side, from the one where it stands, and open there. */
  | { readonly type: "move"; readonly panel: string; readonly from: Side; readonly to: Side }
  | { readonly type: "resize"; readonly side: Side; readonly size: number }
  | { readonly type: "theme"; readonly theme: Theme }
  | { readonly type: "extra"; readonly feature: string; readonly value: unknown }
  | { readonly type: "restore"; readonly state: Partial<UiState> };

/** Sizes of sides lie between these [px]. */
export const SMALLEST = 160;
export const LARGEST = 960;

export const START: UiState = {
  selected: null,
  hidden: new Set(),
  isolated: null,
  open: { left: "tree", right: "properties", bottom: null },
  places: {},
  sizes: { left: 280, right: 320, bottom: 240 },
  theme: "dark",
  extra: {},
};

/** The state after an action; the same object where nothing changes. */
export function reduce(state: UiState, action: Action): UiState {
  switch (action.type) {
    case "select":
      return action.path === state.selected ? state : { ...state, selected: action.path };
    case "hide":
      return state.hidden.has(action.path) === action.hidden ? state : { ...state, hidden: withHidden(state, action) };
    case "showAll":
      return state.hidden.size === 0 && state.isolated === null ? state : { ...state, hidden: new Set(), isolated: null };
    case "isolate":
      return action.path === state.isolated ? state : { ...state, isolated: action.path };
    case "open":
      return state.open[action.side] === action.panel
        ? state
        : { ...state, open: { ...state.open, [action.side]: action.panel } };
    case "move": {
      if (action.from === action.to) return state;
      const left = state.open[action.from] === action.panel ? null : state.open[action.from];
      const open = { ...state.open, [action.from]: left, [action.to]: action.panel };
      return { ...state, open, places: { ...state.places, [action.panel]: action.to } };
    }
    case "resize": {
      const size = Math.round(Math.min(LARGEST, Math.max(SMALLEST, action.size)));
      return state.sizes[action.side] === size ? state : { ...state, sizes: { ...state.sizes, [action.side]: size } };
    }
    case "theme":
      return action.theme === state.theme ? state : { ...state, theme: action.theme };
    case "extra":
      return { ...state, extra: { ...state.extra, [action.feature]: action.value } };
    case "restore":
      return { ...state, ...action.state };
  }
}

function withHidden(state: UiState, action: { readonly path: string; readonly hidden: boolean }): ReadonlySet<string> {
  const hidden = new Set(state.hidden);
  if (action.hidden) hidden.add(action.path);
  else hidden.delete(action.path);
  return hidden;
}
