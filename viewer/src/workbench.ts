/**
 * What a feature of the page may use. A feature is one folder under `features/`, with an `install(bench)` that adds its
 * panels, commands and address parts; it knows the scene and the stream through this interface alone, never another feature.
 *
 * What the user chose lives in one place (`UiState`, changed by `reduce` alone), so that a layout can be saved, an address
 * can restore the view, and a test can replay what was done.
 */
import type { Action, UiState } from "./core/ui-state.ts";
import type { Store } from "./core/store.ts";
import type { Player } from "./player.ts";
import type { IconName } from "./ui/dom.ts";
import type { Labels } from "./view/labels.ts";
import type { StageView } from "./view/stage-view.ts";
import type { Viewport } from "./view/viewport.ts";
import type { Link } from "./wire/link.ts";
import type { SceneData } from "./wire/scene-data.ts";
import type { Tick } from "./wire/session.ts";

/** Takes back what was added. */
export type Undo = () => void;

/** Something a user can do, by key, by the command palette or by a button. */
export interface Command {
  /** `view.frame`; also the name in tests. */
  readonly id: string;
  readonly title: string;
  /** For its button in the toolbar, where the title is long. */
  readonly short?: string;
  /** Heading in the list of keys: View, Scene, Time, Alarms, Charts, Edit, Help. */
  readonly group: string;
  /** `F`, `Shift+S`, `Ctrl+Z`, `ArrowLeft`; the first one is shown. */
  readonly keys?: readonly string[];
  /** Absent: always. */
  enabled?(): boolean;
  /** Whether it is on now, for what can be on and off. */
  pressed?(): boolean;
  run(): void;
}

/** A place for content. Panels of one side share it as tabs. */
export interface Panel {
  readonly id: string;
  readonly title: string;
  readonly side: "left" | "right" | "bottom";
  /** Lower comes first. */
  readonly order: number;
  readonly element: HTMLElement;
  /** About eight times a second while it can be seen; `nowMs`: the twin's time. */
  refresh?(nowMs: number): void;
  shown?(visible: boolean): void;
}

/** A sign beside a prim, in the tree and elsewhere. */
export interface Mark {
  readonly level: "info" | "warning" | "error";
  /** One word for the eye, such as `high`; in full for `title`. */
  readonly word: string;
  readonly title: string;
}

/** A part of the address after `#`, such as `camera=…`, so that a link restores the view. */
export interface AddressPart {
  readonly key: string;
  /** Null: nothing to keep. */
  read(): string | null;
  restore(text: string): void;
}

/** Answers of the twin's REST interface (docs/api.md); a failure rejects with the sentence that the server gave. */
export interface Rest {
  get<T>(path: string, query?: Readonly<Record<string, string | number | undefined>>): Promise<T>;
  post<T>(path: string, body: unknown): Promise<T>;
}

export interface Workbench {
  readonly state: UiState;
  dispatch(action: Action): void;
  /** Calls `then` with what `select` gives whenever it changes (by `Object.is`), and once at first. */
  watch<T>(select: (state: UiState) => T, then: (value: T) => void): Undo;

  addCommand(command: Command): Undo;
  /** Does what the command does; false where there is no such command, or not now. */
  runCommand(id: string): boolean;
  /** All commands that there are now. */
  readonly commands: { all(): Command[] };
  addPanel(panel: Panel): Undo;
  /** Brings a panel to the front, or closes it where it is there. */
  openPanel(id: string): void;
  togglePanel(id: string): void;
  /** A count or a word beside a panel's title; empty takes it away. */
  panelNote(id: string, text: string, level?: "info" | "warning" | "error"): void;
  /** A button of the toolbar that runs a command. */
  addTool(command: string, icon: IconName, order: number): Undo;
  addAddressPart(part: AddressPart): Undo;
  /** The address of what is seen now. */
  readonly address: string;
  /** A small sign beside the link lamp (`bench.addBadge`): rate, paused, twin away. */
  addBadge(element: HTMLElement, order: number): Undo;
  /** A bar across the bottom of the picture or under it (the time bar). */
  addBar(element: HTMLElement): Undo;

  readonly rest: Rest;
  /** Whether the server has that part of the REST interface (docs/protocol.md, `serves`): a question to it would be answered. */
  serves(part: string): boolean;
  readonly link: Link;
  readonly viewport: Viewport;
  readonly scene: SceneData | null;
  readonly stage: StageView | null;
  /** What turns ticks into motion; another one with each scene. It can show a moment of the past instead. */
  readonly player: Player | null;
  /** Text over the picture, anchored to the scene; each feature sets its own (`labels.set(NAME, list)`). */
  readonly labels: Labels;
  readonly signals: Store;
  /** It is known in which units the contract has the signals: `signals.display` gives others from now on. */
  onUnits(then: () => void): Undo;
  /** What this viewer may do: viewer, operator, engineer (docs/access.md). */
  readonly role: string;
  /** The twin's time now [ms since 1970]: of what is shown, so it stands still where the user scrubs. */
  now(): number;
  /** The moment of the past that is looked at [ms since 1970]; null: the newest state. */
  readonly pastMs: number | null;
  /** The twin's newest time [ms since 1970], whatever is looked at. */
  readonly newestMs: number;
  /** Everything in the page is of that moment from now on (`now`, alarms); the time bar alone calls it. */
  setPast(ms: number | null): void;
  /** Another moment is looked at; null: the newest again. */
  onPast(then: (ms: number | null) => void): Undo;

  /** Another scene is there (also the first). */
  onScene(then: (scene: SceneData, stage: StageView) => void): Undo;
  /** A tick came, before it is drawn. */
  onTick(then: (tick: Tick) => void): Undo;
  /** Before each drawn frame; true asks for another one. */
  onFrame(then: (now: number) => boolean | void): Undo;
  /** After each drawn frame, in the same task: its pixels can still be read. */
  onDrawn(then: () => void): Undo;
  /** An alarm was raised, acknowledged, cleared, shelved: lists ask for them again. */
  onAlarm(then: () => void): Undo;

  /** Something in the picture was clicked, and so selected: its path and the place in the world [m]. */
  onClick(then: (path: string | null, position: readonly [number, number, number] | null) => void): Undo;
  /** Events of the server that are not the page's own, such as `overlay`, with their data. */
  onEvent(name: string, then: (data: unknown) => void): Undo;

  /** Signs beside prims, by path: each feature replaces its own. */
  setMarks(feature: string, marks: ReadonlyMap<string, Mark>): void;
  /** The worst sign of a prim; null for none. */
  markOf(path: string): Mark | null;
  /** All prims with a sign. */
  markedPaths(): string[];
  onMarks(then: () => void): Undo;

  /** Path of the selection, or null. Select through here: `dispatch({ type: "select", path })`. */
  readonly selectedPath: string | null;
  /** A sentence that goes away by itself, or that stays (`error`). */
  notice(level: "info" | "warning" | "error", text: string): void;
  /** Sentences of the server that a feature shows in a way of its own: they come up nowhere else. */
  claimNotices(claims: (text: string) => boolean): Undo;
  /** Brings signals before the eyes, as a chart; false where this page charts nothing. */
  showSignals(ids: readonly string[]): boolean;
  /** Who can chart signals says so. */
  onShowSignals(then: (ids: readonly string[]) => void): Undo;
  /** Adds a method or value to `window.twinstage` for tests and scripts. */
  expose(name: string, value: unknown): void;
}

export interface Feature {
  readonly name: string;
  install(bench: Workbench): void;
}
