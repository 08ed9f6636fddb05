/** The bar under the picture: live or past, play, step, speed, loop, marks, delay. It says what `Past` is told to do. */
import { agoText, LEAST_LOOP_MS } from "../../core/playhead.ts";
import { h, setData, setText } from "../../ui/dom.ts";
import type { Past } from "./past.ts";
import { clock, type Mark, Track } from "./track.ts";

export const SPEEDS = [0.1, 0.25, 0.5, 1, 2, 4, 10, 60, 600] as const;
export const DELAYS_MS = [0, 100, 250, 500, 1000, 2000, 5000] as const;
/** Spans that the track can show at first [ms]. */
const SPANS: readonly (readonly [string, number])[] = [
  ["1 min", 60_000],
  ["10 min", 600_000],
  ["1 h", 3_600_000],
  ["8 h", 28_800_000],
  ["24 h", 86_400_000],
  ["All", Number.POSITIVE_INFINITY],
];
const LEAST_SPAN_MS = 2000;

export interface BarActions {
  run(command: string): void;
  delay(ms: number): void;
}

export class TimeBar {
  readonly track: Track;
  marks: readonly Mark[] = [];
  private spanMs = 600_000;
  private zoomed = false;
  /** End of what the track shows while the past is looked at; it stands still then. */
  private endMs = Number.NaN;
  private readonly live: HTMLButtonElement;
  private readonly play: HTMLButtonElement;
  private readonly reverse: HTMLButtonElement;
  private readonly loop: HTMLButtonElement;
  private readonly speed: HTMLSelectElement;
  private readonly span: HTMLSelectElement;
  private readonly delay: HTMLSelectElement;
  private readonly when = h("span", { class: "time-when mono", id: "time-when" });
  private readonly strip: HTMLElement;
  private readonly stripText = h("span", { id: "past-text" });
  private readonly liveText = h("span", { id: "past-live-twins", class: "past-live-twins" });
  readonly element: HTMLElement;

  constructor(
    private readonly past: Past,
    together: HTMLElement,
    actions: BarActions,
  ) {
    const button = (id: string, text: string, label: string, command: string): HTMLButtonElement => {
      const made = h("button", { id, type: "button", class: "time-button", title: label, "aria-label": label }, text);
      made.addEventListener("click", () => actions.run(command));
      return made;
    };
    const back = h("button", { id: "past-live", type: "button", class: "past-back" }, "Back to live");
    back.addEventListener("click", () => actions.run("time.live"));
    this.strip = h("div", { class: "past-strip", role: "status", id: "past-strip", hidden: "" }, this.stripText, this.liveText, back);
    this.live = button("time-live", "Live", "Live (L)", "time.live");
    this.play = button("time-play", "Pause", "Play or pause (Space)", "time.play");
    this.reverse = button("time-reverse", "Reverse", "Reverse: play backwards (Shift+Space)", "time.reverse");
    this.loop = button("time-loop", "Loop", "Loop the marked span (Shift and a drag on the line, or { and }), or what the line shows", "time.loop");
    this.speed = select("Speed", "time-speed", SPEEDS.map((speed) => [`${speed}×`, String(speed)]), "1");
    this.speed.addEventListener("change", () => past.setSpeed(past.head.way * Number(this.speed.value)));
    this.span = select("Span of the track", "time-span", SPANS.map(([name, ms]) => [name, String(ms)]), "600000");
    this.span.addEventListener("change", () => this.setSpan(Number(this.span.value)));
    this.delay = select("Shown later by", "time-delay", DELAYS_MS.map((ms) => [`${ms / 1000} s late`, String(ms)]), "100");
    this.delay.addEventListener("change", () => actions.delay(Number(this.delay.value)));
    this.track = new Track(
      (ms) => past.seek(ms),
      (key, far) => this.key(key, far),
      (factor, around) => this.zoom(factor, around),
      (fromMs, toMs) => this.mark(fromMs, toMs),
    );
    this.element = h(
      "div",
      { class: "time-bar", role: "group", "aria-label": "Time" },
      this.strip,
      h(
        "div",
        { class: "time-row" },
        this.live,
        button("time-back", "‹", "One step back (,)", "time.back"),
        this.play,
        this.reverse,
        button("time-forward", "›", "One step on (.)", "time.forward"),
        this.speed,
        this.track.element,
        this.when,
        button("time-mark", "Mark", "Mark this moment (M)", "time.bookmark"),
        this.loop,
        this.span,
        this.delay,
        together,
      ),
    );
  }

  /** What the track shows [ms since 1970]. */
  get shown(): { readonly fromMs: number; readonly toMs: number } {
    const newest = this.past.endMs;
    const { atMs, extent } = this.past;
    // All of a recording, unless the user wants less; a history ends now.
    if (extent?.recorded && !this.zoomed) return { fromMs: extent.firstMs, toMs: Math.max(extent.endMs, extent.firstMs + 100) };
    const ends = atMs === null && !extent?.recorded;
    if (ends || Number.isNaN(this.endMs)) this.endMs = newest;
    const first = Math.max(this.past.firstMs, 0);
    const span = Math.max(LEAST_SPAN_MS, Math.min(this.spanMs, newest - first));
    const at = this.past.shownMs;
    if (!ends && at > this.endMs) this.endMs = Math.min(newest, at + span / 2);
    if (!ends && at < this.endMs - span) this.endMs = at + span / 2;
    return { fromMs: this.endMs - span, toMs: this.endMs };
  }

  setDelay(ms: number): void {
    this.delay.value = String(ms);
  }

  refresh(): void {
    const { past } = this;
    const { atMs, loop, playing, speed, way } = past.head;
    const newest = past.endMs;
    const recorded = past.extent?.recorded ?? false;
    const isPast = atMs !== null;
    setData(this.element, "past", String(isPast && !recorded));
    setData(this.element, "recorded", String(recorded));
    this.strip.hidden = !isPast || recorded;
    setText(this.liveText, past.liveTwins.length ? `${past.liveTwins.join(", ")}: live, no history` : "");
    if (isPast) setText(this.stripText, `Past: ${date(atMs, newest)}${clock(atMs, true)} UTC, ${agoText(newest - atMs)}`);
    setText(this.when, recorded ? positionText(past.shownMs - past.firstMs, newest - past.firstMs) : `${clock(atMs ?? newest)} UTC`);
    this.when.title = recorded ? `${new Date(Math.round(past.shownMs)).toISOString().slice(0, 21).replace("T", " ")} UTC` : "";
    setText(this.live, recorded ? "Shared" : "Live");
    this.live.title = recorded ? "As the server plays it, for all (L)" : "Live (L)";
    this.live.setAttribute("aria-label", this.live.title);
    if (recorded && !this.zoomed) this.span.value = String(Number.POSITIVE_INFINITY);
    setText(this.play, isPast && !playing ? "Play" : "Pause");
    this.reverse.setAttribute("aria-pressed", String(way < 0));
    this.live.setAttribute("aria-pressed", String(!isPast));
    this.loop.setAttribute("aria-pressed", String(loop !== null));
    if (this.speed.value !== String(Math.abs(speed))) this.speed.value = String(Math.abs(speed));
    this.track.draw({ ...this.shown, firstMs: past.firstMs, atMs: past.shownMs, past: isPast && !recorded, loop, marks: this.marks });
  }

  private setSpan(ms: number): void {
    this.spanMs = ms;
    this.endMs = Number.NaN;
    const { past } = this;
    this.zoomed = Number.isFinite(ms);
    if ((past.atMs !== null || past.extent?.recorded) && Number.isFinite(ms)) this.endMs = Math.min(past.endMs, past.shownMs + ms / 2);
    this.refresh();
  }

  private zoom(factor: number, around: number): void {
    const { fromMs, toMs } = this.shown;
    const span = Math.max(LEAST_SPAN_MS, (toMs - fromMs) * factor);
    const { past } = this;
    if (past.atMs !== null || past.extent?.recorded) this.endMs = Math.min(past.endMs, around + ((toMs - around) / (toMs - fromMs)) * span);
    this.spanMs = span;
    this.zoomed = true;
    this.refresh();
  }

  /** Loops a span that was marked on the track, and plays it. */
  private mark(fromMs: number, toMs: number): void {
    const { past } = this;
    const loop = { fromMs: Math.max(fromMs, past.firstMs), toMs: Math.min(toMs, past.endMs) };
    if (loop.toMs - loop.fromMs < LEAST_LOOP_MS) return;
    past.setLoop(loop);
    past.seek(past.head.way > 0 ? loop.fromMs : loop.toMs);
    past.play();
  }

  private key(key: string, far: boolean): boolean {
    const { past } = this;
    const at = past.shownMs;
    const { fromMs, toMs } = this.shown;
    const step = ((toMs - fromMs) / 100) * (far ? 10 : 1);
    if (key === "ArrowLeft" || key === "ArrowDown") past.seek(at - step);
    else if (key === "ArrowRight" || key === "ArrowUp") past.seek(at + step);
    else if (key === "Home") past.seek(fromMs);
    else if (key === "End") past.extent?.recorded ? past.seek(past.endMs) : past.live();
    else return false;
    return true;
  }
}

function select(label: string, id: string, options: readonly (readonly string[])[], chosen: string): HTMLSelectElement {
  const made = h("select", { id, class: "time-select", "aria-label": label, title: label });
  for (const [text, value] of options) made.append(h("option", value === chosen ? { value, selected: "" } : { value }, text));
  return made;
}

/** "0:12.3 / 1:00.0": where in a recording. */
function positionText(atMs: number, allMs: number): string {
  const text = (ms: number): string => {
    const tenths = Math.round(Math.max(0, ms) / 100);
    return `${Math.floor(tenths / 600)}:${((tenths % 600) / 10).toFixed(1).padStart(4, "0")}`;
  };
  return `${text(atMs)} / ${text(allMs)}`;
}

/** The day, where it is another one than that of `newest`. */
function date(ms: number, newest: number): string {
  const day = new Date(ms).toISOString().slice(0, 10);
  return Number.isFinite(newest) && new Date(newest).toISOString().slice(0, 10) === day ? "" : `${day} `;
}
