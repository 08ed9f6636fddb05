/** The bar under the picture: live or past, play, step, speed, loop, marks, delay. It says what `Past` is told to do. */
import { agoText } from "../../core/playhead.ts";
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
  newestMs(): number;
}

export class TimeBar {
  readonly track: Track;
  marks: readonly Mark[] = [];
  private spanMs = 600_000;
  /** End of what the track shows while the past is looked at; it stands still then. */
  private endMs = Number.NaN;
  private readonly live: HTMLButtonElement;
  private readonly play: HTMLButtonElement;
  private readonly loop: HTMLButtonElement;
  private readonly speed: HTMLSelectElement;
  private readonly span: HTMLSelectElement;
  private readonly delay: HTMLSelectElement;
  private readonly when = h("span", { class: "time-when mono", id: "time-when" });
  private readonly strip: HTMLElement;
  private readonly stripText = h("span", { id: "past-text" });
  readonly element: HTMLElement;

  constructor(
    private readonly past: Past,
    private readonly actions: BarActions,
  ) {
    const button = (id: string, text: string, label: string, command: string): HTMLButtonElement => {
      const made = h("button", { id, type: "button", class: "time-button", title: label, "aria-label": label }, text);
      made.addEventListener("click", () => actions.run(command));
      return made;
    };
    const back = h("button", { id: "past-live", type: "button", class: "past-back" }, "Back to live");
    back.addEventListener("click", () => actions.run("time.live"));
    this.strip = h("div", { class: "past-strip", role: "status", id: "past-strip", hidden: "" }, this.stripText, back);
    this.live = button("time-live", "Live", "Live (L)", "time.live");
    this.play = button("time-play", "Pause", "Play or pause (Space)", "time.play");
    this.loop = button("time-loop", "Loop", "Loop what the track shows", "time.loop");
    this.speed = select("Speed", "time-speed", SPEEDS.map((speed) => [`${speed}×`, String(speed)]), "1");
    this.speed.addEventListener("change", () => past.setSpeed(Number(this.speed.value)));
    this.span = select("Span of the track", "time-span", SPANS.map(([name, ms]) => [name, String(ms)]), "600000");
    this.span.addEventListener("change", () => this.setSpan(Number(this.span.value)));
    this.delay = select("Shown later by", "time-delay", DELAYS_MS.map((ms) => [`${ms / 1000} s late`, String(ms)]), "100");
    this.delay.addEventListener("change", () => actions.delay(Number(this.delay.value)));
    this.track = new Track(
      (ms) => past.seek(ms),
      (key, far) => this.key(key, far),
      (factor, around) => this.zoom(factor, around),
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
        button("time-forward", "›", "One step on (.)", "time.forward"),
        this.speed,
        this.track.element,
        this.when,
        button("time-mark", "Mark", "Mark this moment (M)", "time.bookmark"),
        this.loop,
        this.span,
        this.delay,
      ),
    );
  }

  /** What the track shows [ms since 1970]. */
  get shown(): { readonly fromMs: number; readonly toMs: number } {
    const newest = this.actions.newestMs();
    const { atMs } = this.past;
    if (atMs === null || Number.isNaN(this.endMs)) this.endMs = newest;
    const first = Math.max(this.past.firstMs, 0);
    const span = Math.max(LEAST_SPAN_MS, Math.min(this.spanMs, newest - first));
    if (atMs !== null && atMs > this.endMs) this.endMs = Math.min(newest, atMs + span / 2);
    if (atMs !== null && atMs < this.endMs - span) this.endMs = atMs + span / 2;
    return { fromMs: this.endMs - span, toMs: this.endMs };
  }

  setDelay(ms: number): void {
    this.delay.value = String(ms);
  }

  refresh(): void {
    const { past } = this;
    const { atMs, loop, playing, speed } = past.head;
    const newest = this.actions.newestMs();
    const isPast = atMs !== null;
    setData(this.element, "past", String(isPast));
    this.strip.hidden = !isPast;
    if (isPast) setText(this.stripText, `Past: ${date(atMs, newest)}${clock(atMs, true)} UTC, ${agoText(newest - atMs)}`);
    setText(this.when, `${clock(atMs ?? newest)} UTC`);
    setText(this.play, isPast && !playing ? "Play" : "Pause");
    this.live.setAttribute("aria-pressed", String(!isPast));
    this.loop.setAttribute("aria-pressed", String(loop !== null));
    if (this.speed.value !== String(speed)) this.speed.value = String(speed);
    this.track.draw({ ...this.shown, firstMs: past.firstMs, atMs: atMs ?? newest, past: isPast, loop, marks: this.marks });
  }

  private setSpan(ms: number): void {
    this.spanMs = ms;
    this.endMs = Number.NaN;
    const { atMs } = this.past;
    if (atMs !== null && Number.isFinite(ms)) this.endMs = Math.min(this.actions.newestMs(), atMs + ms / 2);
    this.refresh();
  }

  private zoom(factor: number, around: number): void {
    const { fromMs, toMs } = this.shown;
    const span = Math.max(LEAST_SPAN_MS, (toMs - fromMs) * factor);
    if (this.past.atMs !== null) this.endMs = Math.min(this.actions.newestMs(), around + ((toMs - around) / (toMs - fromMs)) * span);
    this.spanMs = span;
    this.refresh();
  }

  private key(key: string, far: boolean): boolean {
    const { past } = this;
    const at = past.atMs ?? this.actions.newestMs();
    const { fromMs, toMs } = this.shown;
    const step = ((toMs - fromMs) / 100) * (far ? 10 : 1);
    if (key === "ArrowLeft" || key === "ArrowDown") past.seek(at - step);
    else if (key === "ArrowRight" || key === "ArrowUp") past.seek(at + step);
    else if (key === "Home") past.seek(fromMs);
    else if (key === "End") past.live();
    else return false;
    return true;
  }
}

function select(label: string, id: string, options: readonly (readonly string[])[], chosen: string): HTMLSelectElement {
  const made = h("select", { id, class: "time-select", "aria-label": label, title: label });
  for (const [text, value] of options) made.append(h("option", value === chosen ? { value, selected: "" } : { value }, text));
  return made;
}

/** The day, where it is another one than that of `newest`. */
function date(ms: number, newest: number): string {
  const day = new Date(ms).toISOString().slice(0, 10);
  return Number.isFinite(newest) && new Date(newest).toISOString().slice(0, 10) === day ? "" : `${day} `;
}
