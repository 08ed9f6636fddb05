/** The workbench: what features may use, put together from the app (link, player, picture) and the shell around it. */
import type { App } from "./app.ts";
import type { Action, UiState } from "./core/ui-state.ts";
import type { Store } from "./core/store.ts";
import { Hooks } from "./core/hooks.ts";
import { Marks } from "./core/marks.ts";
import { START } from "./core/ui-state.ts";
import { UiStore } from "./core/ui-store.ts";
import { AddressBar } from "./shell/address-bar.ts";
import { Commands } from "./shell/commands.ts";
import { Docks, SIDES } from "./shell/docks.ts";
import { keepLayout, keptLayout } from "./shell/layout.ts";
import { NARROW } from "./shell/narrow.ts";
import { Notices } from "./shell/notices.ts";
import { Server } from "./shell/rest.ts";
import { Slots } from "./shell/slots.ts";
import { Tools } from "./shell/tools.ts";
import { unitFacts } from "./shell/unit-facts.ts";
import type { Player } from "./player.ts";
import { byId, type IconName } from "./ui/dom.ts";
import { Labels } from "./view/labels.ts";
import type { StageView } from "./view/stage-view.ts";
import type { Viewport } from "./view/viewport.ts";
import type { Link } from "./wire/link.ts";
import type { SceneData } from "./wire/scene-data.ts";
import type { Tick } from "./wire/session.ts";
import type { AddressPart, Command, Feature, Mark, Panel, Undo, Workbench } from "./workbench.ts";

/** How often panels are refreshed [ms]. */
const PANEL_MS = 125;
/** How often the alarms of a moment are asked for while it moves [ms]. */
const ALARMS_MS = 500;

export class Bench implements Workbench {
  readonly store: UiStore;
  readonly commands = new Commands(document);
  readonly docks: Docks;
  readonly addressBar = new AddressBar();
  readonly notices = new Notices();
  readonly rest: Server;
  readonly labels: Labels;
  private readonly tools = new Tools(this.commands);
  private readonly badges = new Slots("badges");
  private readonly bars = new Slots("bars");
  private readonly features = new Set<string>();
  private readonly claims = new Set<(text: string) => boolean>();
  private readonly marks = new Marks();
  private readonly pastHooks = new Set<(ms: number | null) => void>();
  private readonly charters = new Set<(ids: readonly string[]) => void>();
  private readonly units = new Hooks<[]>();
  private alarmsAsked = 0;

  constructor(
    readonly app: App,
    /** What `expose` adds to. */
    private readonly exposed: object,
    /** In a frame of another page: the only panels that there are, open at first; nothing is kept in the browser. */
    private readonly onlyPanels: readonly string[] | null = null,
  ) {
    this.rest = new Server(app.base, (part) => this.serves(part));
    this.store = new UiStore(onlyPanels ? { ...START, open: { left: null, right: null, bottom: null } } : keptLayout());
    this.docks = new Docks(this.store);
    if (!onlyPanels) keepLayout(this.store, () => window.matchMedia(NARROW).matches);
    this.labels = new Labels(app.viewport, byId("picture"), (path) => this.dispatch({ type: "select", path }));
    app.on.drawn.add(() => this.labels.draw());
    this.store.watch(
      (state) => state.selected,
      (path) => app.showSelected(path),
    );
    app.on.scene.add(() => this.addressBar.restore());
    app.on.scene.add(() => void this.learnUnits());
    app.on.link.add(() => this.refresh());
    app.on.notice.add((level, text) => {
      if ([...this.claims].some((claims) => claims(text))) return;
      this.notice(level === "error" || level === "warning" ? level : "info", text);
    });
    for (const side of SIDES)
      this.addCommand({
        ...{ id: `panel.to-${side}`, title: `Move the panel in use to the ${side}`, group: "Panels" },
        run: () => this.docks.move(null, side),
      });
    this.addAddressPart({
      key: "selected",
      read: () => this.state.selected,
      restore: (path) => this.dispatch({ type: "select", path }),
    });
    window.setInterval(() => this.refresh(), PANEL_MS);
  }

  /** Installs features that are not there yet. One that fails is told of and leaves the others alone. */
  install(features: readonly Feature[]): void {
    for (const feature of features) {
      if (this.features.has(feature.name)) throw new Error(`two features are called ${feature.name}`);
      this.features.add(feature.name);
      try {
        feature.install(this);
      } catch (error) {
        console.error(error);
        this.notice("error", `A part of the page cannot start: ${feature.name}.`);
      }
    }
  }

  // --- state ---------------------------------------------------------------------------------------------------

  get state(): UiState {
    return this.store.state;
  }

  dispatch(action: Action): void {
    this.store.dispatch(action);
  }

  watch<T>(select: (state: UiState) => T, then: (value: T) => void): Undo {
    return this.store.watch(select, then);
  }

  get selectedPath(): string | null {
    const { scene, selected } = this.app;
    return scene && selected >= 0 ? scene.nodePath(selected) : null;
  }

  // --- places --------------------------------------------------------------------------------------------------

  addCommand(command: Command): Undo {
    return this.commands.add(command);
  }

  runCommand(id: string): boolean {
    return this.commands.run(id);
  }

  addPanel(panel: Panel): Undo {
    if (this.onlyPanels && !this.onlyPanels.includes(panel.id)) return () => undefined;
    const forget = this.docks.add(panel);
    const forgetCommand = this.addCommand({
      id: `panel.${panel.id}`,
      title: `Show or hide ${panel.title}`,
      group: "Panels",
      pressed: () => this.docks.isShown(panel.id),
      run: () => this.togglePanel(panel.id),
    });
    if (this.onlyPanels && this.state.open[panel.side] === null && !window.matchMedia(NARROW).matches) this.openPanel(panel.id);
    return () => {
      forget();
      forgetCommand();
    };
  }

  openPanel(id: string): void {
    const panel = this.docks.find(id);
    if (panel) this.dispatch({ type: "open", side: this.docks.sideOf(panel), panel: id });
  }

  togglePanel(id: string): void {
    const panel = this.docks.find(id);
    if (panel) this.dispatch({ type: "open", side: this.docks.sideOf(panel), panel: this.docks.isShown(id) ? null : id });
  }

  panelNote(id: string, text: string, level = "info"): void {
    this.docks.note(id, text, level);
  }

  addTool(command: string, icon: IconName, order: number): Undo {
    return this.tools.add(command, icon, order);
  }

  addAddressPart(part: AddressPart): Undo {
    return this.addressBar.add(part);
  }

  /** As if the address had said so. */
  restorePart(key: string, text: string): void {
    this.addressBar.restorePart(key, text);
  }

  get address(): string {
    return this.addressBar.link;
  }

  addBadge(element: HTMLElement, order: number): Undo {
    return this.badges.add(element, order);
  }

  addBar(element: HTMLElement): Undo {
    return this.bars.add(element, 0);
  }

  // --- twin ----------------------------------------------------------------------------------------------------

  get link(): Link {
    return this.app.link;
  }

  get viewport(): Viewport {
    return this.app.viewport;
  }

  get scene(): SceneData | null {
    return this.app.scene;
  }

  get stage(): StageView | null {
    return this.app.viewport.stage;
  }

  get player(): Player | null {
    return this.app.player;
  }

  get pastMs(): number | null {
    return this.app.time.pinned;
  }

  get newestMs(): number {
    return this.app.time.newestAt(performance.now());
  }

  setPast(ms: number | null): void {
    if (this.app.time.pinned === ms) return;
    const other = (this.app.time.pinned === null) !== (ms === null);
    this.app.time.pinned = this.rest.atMs = ms;
    for (const then of this.pastHooks) then(ms);
    if (other || performance.now() - this.alarmsAsked > ALARMS_MS) this.askAlarms();
    this.refresh();
  }

  onPast(then: (ms: number | null) => void): Undo {
    this.pastHooks.add(then);
    return () => this.pastHooks.delete(then);
  }

  /** The list of alarms is another one at another moment. */
  private askAlarms(): void {
    this.alarmsAsked = performance.now();
    this.app.on.alarm.call();
  }

  get signals(): Store {
    return this.app.store;
  }

  serves(part: string): boolean {
    return this.app.link.session.serves?.includes(part) ?? true;
  }

  get role(): string {
    return this.app.link.session.role;
  }

  now(): number {
    return this.app.time.at(performance.now());
  }

  onScene(then: (scene: SceneData, stage: StageView) => void): Undo {
    return this.app.on.scene.add(then);
  }

  onTick(then: (tick: Tick) => void): Undo {
    return this.app.on.tick.add(then);
  }

  onFrame(then: (now: number) => boolean | void): Undo {
    return this.app.on.frame.add(then);
  }

  onDrawn(then: () => void): Undo {
    return this.app.on.drawn.add(then);
  }

  onAlarm(then: () => void): Undo {
    return this.app.on.alarm.add(then);
  }

  notice(level: "info" | "warning" | "error", text: string): void {
    this.notices.add(level, text);
  }

  claimNotices(claims: (text: string) => boolean): Undo {
    this.claims.add(claims);
    return () => this.claims.delete(claims);
  }

  onClick(then: (path: string | null, position: readonly [number, number, number] | null) => void): Undo {
    return this.app.on.click.add(then);
  }

  onEvent(name: string, then: (data: unknown) => void): Undo {
    return this.app.on.event.add((told, data) => {
      if (told === name) then(data);
    });
  }

  setMarks(feature: string, marks: ReadonlyMap<string, Mark>): void {
    this.marks.set(feature, marks);
  }

  markOf(path: string): Mark | null {
    return this.marks.of(path);
  }

  markedPaths(): string[] {
    return this.marks.paths();
  }

  onMarks(then: () => void): Undo {
    return this.marks.changed.add(then);
  }

  showSignals(ids: readonly string[]): boolean {
    if (ids.length === 0) return false;
    for (const then of this.charters) then(ids);
    return this.charters.size > 0;
  }

  onShowSignals(then: (ids: readonly string[]) => void): Undo {
    this.charters.add(then);
    return () => this.charters.delete(then);
  }

  expose(name: string, value: unknown): void {
    Object.defineProperty(this.exposed, name, { value, enumerable: true, configurable: true });
  }

  onUnits(then: () => void): Undo {
    return this.units.add(then);
  }

  private async learnUnits(): Promise<void> {
    const { store } = this.app;
    if (store.signals.length === 0) return;
    store.facts = await unitFacts(this);
    if (store === this.app.store) this.units.call();
  }

  private refresh(): void {
    if (document.hidden) return;
    const now = performance.now();
    this.docks.refresh(this.now());
    this.addressBar.refresh(now);
    this.app.judgeTrust(now);
  }
}
