/**
 * Panels at the three sides of the picture: tabs, one panel a side, with an edge to drag. What is open and how large
 * is part of the state (`open`, `resize`); this only shows it.
 */
import type { UiStore } from "../core/ui-store.ts";
import { LARGEST, SMALLEST, type Side } from "../core/ui-state.ts";
import { byId, h, icon, setText } from "../ui/dom.ts";
import type { Panel, Undo } from "../workbench.ts";

export const SIDES: readonly Side[] = ["left", "right", "bottom"];
const STEP = 16;
const NAMES: Readonly<Record<Side, string>> = { left: "Left panels", right: "Right panels", bottom: "Bottom panels" };

interface Place {
  readonly panel: Panel;
  readonly tab: HTMLElement;
  readonly note: HTMLElement;
  readonly page: HTMLElement;
}

/** What a tab that is dragged says it is. */
const DRAGGED = "application/x-twinstage-panel";

interface Docked {
  readonly panel: Panel;
  side: Side;
  undo: Undo;
  note: readonly [string, string];
}

export class Docks {
  private readonly docks: Readonly<Record<Side, Dock>>;
  private readonly docked = new Map<string, Docked>();
  /** Panel that had the focus last. */
  private last: string | null = null;

  constructor(private readonly store: UiStore) {
    const dock = (side: Side): Dock => new Dock(side, store, (panel, to) => this.move(panel, to), (panel) => (this.last = panel));
    this.docks = { left: dock("left"), right: dock("right"), bottom: dock("bottom") };
    store.watch(
      (state) => state.open,
      () => this.show(),
    );
    store.watch(
      (state) => state.places,
      () => this.place(),
    );
    store.watch(
      (state) => state.sizes,
      (sizes) => SIDES.forEach((side) => this.docks[side].resize(sizes[side])),
    );
  }

  add(panel: Panel): Undo {
    const side = this.store.state.places[panel.id] ?? panel.side;
    this.docked.set(panel.id, { panel, side, undo: this.docks[side].add(panel), note: ["", "info"] });
    this.show();
    return () => {
      this.docked.get(panel.id)?.undo();
      this.docked.delete(panel.id);
    };
  }

  /** Where a panel stands now. */
  sideOf(panel: Panel): Side {
    return this.docked.get(panel.id)?.side ?? panel.side;
  }

  /** To another side; of no panel in particular, the one that had the focus last. */
  move(id: string | null, to: Side): void {
    const one = this.docked.get(id ?? this.last ?? "");
    if (one) this.store.dispatch({ type: "move", panel: one.panel.id, from: one.side, to });
  }

  /** Panels go where they were moved to. */
  private place(): void {
    for (const one of this.docked.values()) {
      const side = this.store.state.places[one.panel.id] ?? one.panel.side;
      if (side === one.side) continue;
      const focused = one.panel.element.contains(document.activeElement) || document.activeElement?.id === `tab-${one.panel.id}`;
      one.undo();
      one.side = side;
      one.undo = this.docks[side].add(one.panel);
      this.docks[side].note(one.panel.id, ...one.note);
      if (focused) byId(`tab-${one.panel.id}`).focus();
    }
    this.show();
  }

  panels(): Panel[] {
    return SIDES.flatMap((side) => this.docks[side].places.map(({ panel }) => panel));
  }

  find(id: string): Panel | undefined {
    return this.panels().find((panel) => panel.id === id);
  }

  isShown(id: string): boolean {
    return SIDES.some((side) => this.docks[side].shown === id);
  }

  /** A few letters beside a panel's title, such as a count; empty takes them away. */
  note(id: string, text: string, level: string): void {
    const one = this.docked.get(id);
    if (!one) return;
    one.note = [text, level];
    this.docks[one.side].note(id, text, level);
  }

  refresh(nowMs: number): void {
    for (const side of SIDES) this.docks[side].current?.refresh?.(nowMs);
  }

  private show(): void {
    for (const side of SIDES) this.docks[side].show(this.store.state.open[side]);
  }
}

class Dock {
  readonly places: Place[] = [];
  /** Id of the panel that is seen. */
  shown: string | null = null;
  private readonly element: HTMLElement;
  private readonly tabs: HTMLElement;
  private readonly body = h("div", { class: "dock-body" });
  private readonly edge: HTMLElement;

  constructor(
    private readonly side: Side,
    private readonly store: UiStore,
    private readonly move: (panel: string, to: Side) => void,
    focused: (panel: string) => void,
  ) {
    this.element = byId(`dock-${side}`);
    this.tabs = h("div", { class: "tabs", role: "tablist", "aria-label": NAMES[side] });
    if (side !== "bottom") this.tabs.setAttribute("aria-orientation", "horizontal");
    const close = h("button", { class: "dock-close", type: "button", title: "Close", "aria-label": `Close ${NAMES[side].toLowerCase()}` }, icon("close"));
    close.addEventListener("click", () => this.open(null));
    this.edge = h("div", {
      class: "dock-edge",
      role: "separator",
      tabindex: "0",
      "aria-label": `Size of ${NAMES[side].toLowerCase()}`,
      "aria-orientation": side === "bottom" ? "horizontal" : "vertical",
      "aria-valuemin": String(SMALLEST),
      "aria-valuemax": String(LARGEST),
    });
    this.element.append(h("div", { class: "dock-head" }, this.tabs, close), this.body, this.edge);
    this.tabs.addEventListener("click", (event) => this.click(event));
    this.tabs.addEventListener("keydown", (event) => this.key(event));
    this.element.addEventListener("focusin", () => {
      if (this.shown !== null) focused(this.shown);
    });
    this.bindDrop();
    this.bindEdge();
  }

  /** A tab of another side may be dropped here. */
  private bindDrop(): void {
    const { element } = this;
    element.addEventListener("dragover", (event) => {
      if (!event.dataTransfer?.types.includes(DRAGGED)) return;
      event.preventDefault();
      element.dataset.drop = "";
    });
    element.addEventListener("dragleave", () => delete element.dataset.drop);
    element.addEventListener("drop", (event) => {
      const panel = event.dataTransfer?.getData(DRAGGED);
      delete element.dataset.drop;
      if (!panel) return;
      event.preventDefault();
      this.move(panel, this.side);
    });
  }

  get current(): Panel | undefined {
    return this.places.find(({ panel }) => panel.id === this.shown)?.panel;
  }

  add(panel: Panel): Undo {
    const note = h("span", { class: "tab-note" });
    const tab = h(
      "button",
      { class: "tab", type: "button", role: "tab", id: `tab-${panel.id}`, "data-panel": panel.id, "aria-controls": `panel-${panel.id}` },
      h("span", {}, panel.title),
      note,
    );
    tab.draggable = true;
    tab.title = "Drag it to another side, or Alt and an arrow key";
    tab.addEventListener("dragstart", (event) => event.dataTransfer?.setData(DRAGGED, panel.id));
    const page = h("div", { class: "dock-page", role: "tabpanel", id: `panel-${panel.id}`, "aria-labelledby": tab.id }, panel.element);
    page.hidden = true;
    const place = { panel, tab, note, page };
    this.places.push(place);
    this.places.sort((a, b) => a.panel.order - b.panel.order);
    this.tabs.replaceChildren(...this.places.map((one) => one.tab));
    this.body.append(page);
    return () => {
      this.places.splice(this.places.indexOf(place), 1);
      tab.remove();
      page.remove();
      this.show(this.store.state.open[this.side]);
    };
  }

  note(id: string, text: string, level: string): void {
    const place = this.places.find(({ panel }) => panel.id === id);
    if (!place) return;
    setText(place.note, text);
    place.note.dataset.level = level;
  }

  /** Shows the panel with that id; null or an unknown one closes the dock. */
  show(id: string | null): void {
    const before = this.current;
    this.shown = this.places.some(({ panel }) => panel.id === id) ? id : null;
    this.element.dataset.open = String(this.shown !== null);
    this.element.hidden = this.places.length === 0;
    const stop = this.shown ?? this.places[0]?.panel.id;
    for (const { panel, tab, page } of this.places) {
      const seen = panel.id === this.shown;
      page.hidden = !seen;
      tab.setAttribute("aria-selected", String(seen));
      tab.tabIndex = panel.id === stop ? 0 : -1;
    }
    const after = this.current;
    if (before === after) return;
    before?.shown?.(false);
    after?.shown?.(true);
  }

  resize(size: number): void {
    this.element.style.setProperty("--size", `${size}px`);
    this.edge.setAttribute("aria-valuenow", String(size));
  }

  private open(panel: string | null): void {
    this.store.dispatch({ type: "open", side: this.side, panel });
  }

  /** A click on the open tab closes the side. */
  private click(event: MouseEvent): void {
    const id = (event.target as Element).closest<HTMLElement>(".tab")?.dataset.panel;
    if (id) this.open(id === this.shown ? null : id);
  }

  private key(event: KeyboardEvent): void {
    const to = ({ ArrowLeft: "left", ArrowRight: "right", ArrowDown: "bottom" } as const)[event.key as "ArrowLeft"];
    const own = (event.target as Element).closest<HTMLElement>(".tab")?.dataset.panel;
    if (event.altKey && to && own) {
      event.preventDefault();
      event.stopPropagation();
      return this.move(own, to);
    }
    const at = this.places.findIndex(({ tab }) => tab === document.activeElement);
    const last = this.places.length - 1;
    const steps: Record<string, number> = { ArrowRight: at + 1, ArrowDown: at + 1, ArrowLeft: at - 1, ArrowUp: at - 1, Home: 0, End: last };
    if (at < 0 || !(event.key in steps)) return;
    event.preventDefault();
    const next = this.places[(steps[event.key] + this.places.length) % this.places.length];
    if (this.shown !== null) this.open(next.panel.id);
    for (const { tab } of this.places) tab.tabIndex = tab === next.tab ? 0 : -1;
    next.tab.focus();
  }

  private bindEdge(): void {
    const { edge, side, store } = this;
    const set = (size: number): void => store.dispatch({ type: "resize", side, size });
    const sign = side === "left" ? 1 : -1;
    let from: { at: number; size: number } | null = null;
    const place = (event: PointerEvent): number => (side === "bottom" ? event.clientY : event.clientX);
    edge.addEventListener("pointerdown", (event) => {
      from = { at: place(event), size: store.state.sizes[side] };
      edge.setPointerCapture(event.pointerId);
    });
    edge.addEventListener("pointermove", (event) => {
      if (from) set(from.size + sign * (place(event) - from.at));
    });
    edge.addEventListener("lostpointercapture", () => (from = null));
    edge.addEventListener("keydown", (event) => {
      const more = side === "bottom" ? "ArrowUp" : side === "left" ? "ArrowRight" : "ArrowLeft";
      const less = side === "bottom" ? "ArrowDown" : side === "left" ? "ArrowLeft" : "ArrowRight";
      if (event.key !== more && event.key !== less) return;
      event.preventDefault();
      set(store.state.sizes[side] + (event.key === more ? STEP : -STEP));
    });
  }
}
