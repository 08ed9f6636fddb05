/**
 * Time: a bar on which this viewer goes back to any moment that the twin's history holds, plays it, and comes back.
 * Only where the twin keeps a history. How late the live picture is shown is chosen here, too.
 */
import { markBeside } from "../../core/playhead.ts";
import { h } from "../../ui/dom.ts";
import type { Feature, Workbench } from "../../workbench.ts";
import { Past } from "./past.ts";
import { TimeBar } from "./time-bar.ts";
import type { Mark } from "./track.ts";

/** One step, where no signal's readings are stepped through [ms]. */
const STEP_MS = 100;
const ALARMS_EVERY_MS = 30_000;
const MOST_BOOKMARKS = 100;

interface Kept {
  readonly bookmarks: readonly { readonly ms: number; readonly name: string }[];
  readonly delayMs: number;
}

interface AlarmRecord {
  readonly atNs: string;
  readonly what: string;
  readonly alarm: string;
  readonly priority: string;
}

export const time: Feature = {
  name: "time",
  install(bench) {
    new TimeFeature(bench);
  },
};

class TimeFeature {
  private readonly past: Past;
  private readonly bar: TimeBar;
  private alarmMarks: Mark[] = [];
  private added = false;
  private alarmsDue = 0;
  private hasAlarms = false;
  private readonly badge = h("span", { class: "past-badge", hidden: "" }, "Past");

  constructor(private readonly bench: Workbench) {
    this.past = new Past(bench);
    this.bar = new TimeBar(this.past, {
      run: (command) => bench.runCommand(command),
      delay: (ms) => this.keep({ delayMs: ms }),
      newestMs: () => bench.newestMs,
    });
    bench.addBadge(this.badge, 5);
    this.past.onChange = () => this.show();
    bench.onScene(() => {
      void this.look();
      this.useDelay();
    });
    bench.onAlarm(() => (this.alarmsDue = Math.min(this.alarmsDue, performance.now() + 300)));
    bench.watch((state) => state.extra.time, () => this.useKept());
    bench.addAddressPart({
      key: "at",
      read: () => (this.past.atMs === null || this.past.head.playing ? null : new Date(this.past.atMs).toISOString()),
      restore: (text) => {
        const ms = Date.parse(text);
        if (Number.isFinite(ms)) this.past.seek(ms);
      },
    });
    this.addCommands();
    bench.expose("time", this.hook());
    window.setInterval(() => this.refresh(), 125);
  }

  private get kept(): Kept {
    return { bookmarks: [], delayMs: 100, ...(this.bench.state.extra.time as Partial<Kept> | undefined) };
  }

  private keep(more: Partial<Kept>): void {
    this.bench.dispatch({ type: "extra", feature: "time", value: { ...this.kept, ...more } });
  }

  private useKept(): void {
    this.bar.setDelay(this.kept.delayMs);
    this.useDelay();
    this.useMarks();
  }

  private useDelay(): void {
    if (this.bench.player) this.bench.player.delayMs = this.kept.delayMs;
  }

  private useMarks(): void {
    const bookmarks = this.kept.bookmarks.map(({ ms, name }): Mark => ({ ms, kind: "bookmark", text: name }));
    this.bar.marks = [...bookmarks, ...this.alarmMarks].sort((a, b) => a.ms - b.ms);
  }

  /** Whether there is a past to look at, and where it begins. */
  private async look(): Promise<void> {
    const { bench } = this;
    const status = await bench.rest.get<{ history?: unknown; alarms?: unknown }>("api/v1/status").catch(() => null);
    this.hasAlarms = Boolean(status?.alarms);
    if (!status?.history) return;
    const { firstNs } = await bench.rest.get<{ firstNs: string | null }>("api/v1/history");
    if (firstNs !== null) this.past.firstMs = Math.ceil(Number(firstNs) / 1e6);
    else window.setTimeout(() => void this.look(), 2000);
    if (!this.added && firstNs !== null) bench.addBar(this.bar.element);
    this.added ||= firstNs !== null;
    this.alarmsDue = 0;
  }

  private refresh(): void {
    if (!this.added || document.hidden) return;
    this.show();
    if (this.hasAlarms && performance.now() >= this.alarmsDue) void this.askAlarms();
  }

  private show(): void {
    document.getElementById("app")?.toggleAttribute("data-past", this.past.atMs !== null);
    this.badge.hidden = this.past.atMs === null;
    if (this.added) this.bar.refresh();
  }

  private async askAlarms(): Promise<void> {
    this.alarmsDue = performance.now() + ALARMS_EVERY_MS;
    const told = await this.bench.rest
      .get<{ records: AlarmRecord[] }>("api/v1/alarms/journal", { limit: 1000 })
      .catch(() => null);
    if (!told) return;
    this.alarmMarks = told.records
      .filter(({ what }) => what === "raised")
      .map(({ atNs, alarm, priority }) => ({ ms: Number(atNs) / 1e6, kind: "alarm", priority, text: `${alarm} raised` }));
    this.useMarks();
  }

  private addCommands(): void {
    const { bench, past } = this;
    const group = "Time";
    const here = (): number => past.atMs ?? bench.newestMs;
    const able = (): boolean => this.added;
    const isPast = (): boolean => past.atMs !== null;
    const pause = (): void => (past.atMs === null ? past.seek(bench.newestMs - 1000) : past.pause());
    const toMark = (way: -1 | 1): void => {
      const ms = markBeside(this.bar.marks.map((mark) => mark.ms), here(), way);
      if (ms !== null) past.seek(ms);
    };
    const add = (id: string, title: string, keys: string[], run: () => void, enabled = able, pressed?: () => boolean): void => {
      bench.addCommand({ id: `time.${id}`, title, group, keys, run, enabled, ...(pressed ? { pressed } : {}) });
    };
    add("live", "Back to live", ["L"], () => past.live(), able, () => past.atMs === null);
    add("play", "Play or pause", ["Space"], () => (isPast() && !past.head.playing ? past.play() : pause()));
    add("back", "One step back", [","], () => past.seek(here() - STEP_MS));
    add("forward", "One step on", ["."], () => past.seek(here() + STEP_MS), isPast);
    add("second-back", "10 s back", ["Shift+ArrowLeft"], () => past.seek(here() - 10_000));
    add("second-forward", "10 s on", ["Shift+ArrowRight"], () => past.seek(here() + 10_000), isPast);
    add("sample-back", "To the reading before, of the selection or the charts", ["<"], () => void this.toSample(-1));
    add("sample-forward", "To the next reading, of the selection or the charts", [">"], () => void this.toSample(1), isPast);
    add("mark-back", "To the mark before", ["["], () => toMark(-1));
    add("mark-forward", "To the next mark", ["]"], () => toMark(1), isPast);
    add("bookmark", "Bookmark this moment", ["M"], () => this.bookmark(here()));
    add("unmark", "Take the bookmark here away", ["Alt+M"], () => this.unmark(here()));
    add("faster", "Play faster", ["+"], () => past.setSpeed(Math.min(600, past.head.speed * 2)), isPast);
    add("slower", "Play slower", ["-"], () => past.setSpeed(Math.max(0.1, past.head.speed / 2)), isPast);
    add("loop", "Loop what the track shows", [], () => past.setLoop(past.head.loop ? null : this.bar.shown), able, () => past.head.loop !== null);
  }

  private bookmark(ms: number): void {
    const name = `Bookmark ${this.kept.bookmarks.length + 1}`;
    const bookmarks = [...this.kept.bookmarks, { ms: Math.round(ms), name }].slice(-MOST_BOOKMARKS);
    this.keep({ bookmarks });
  }

  private unmark(ms: number): void {
    const beside = [...this.kept.bookmarks].sort((a, b) => Math.abs(a.ms - ms) - Math.abs(b.ms - ms))[0];
    if (beside) this.keep({ bookmarks: this.kept.bookmarks.filter((mark) => mark !== beside) });
  }

  /** To the reading before or after of the signals that are looked at: charted ones, else those bound to the selection. */
  private async toSample(way: -1 | 1): Promise<void> {
    const { bench, past } = this;
    const signals = this.signalsLookedAt();
    if (!signals.length) return bench.notice("info", "Select something with signals, or chart one, to step through its readings.");
    const at = past.atMs ?? bench.newestMs;
    const url = (path: string): URL => new URL(`api/v1/history/${path}`, document.baseURI);
    const ask = url(way > 0 ? "range" : "as-of");
    for (const signal of signals.slice(0, 50)) ask.searchParams.append("signal", signal);
    if (way > 0) {
      ask.searchParams.set("from", new Date(at + 1).toISOString());
      ask.searchParams.set("to", new Date(at + 600_000).toISOString());
      ask.searchParams.set("limit", "1000");
    } else ask.searchParams.set("at", new Date(at - 1).toISOString());
    const told = (await fetch(ask).then((answer) => answer.json())) as { readings?: { eventNs: string }[] };
    const times = (told.readings ?? []).map(({ eventNs }) => Math.ceil(Number(eventNs) / 1e6));
    if (!times.length) return bench.notice("info", way > 0 ? "There is no later reading within 10 minutes." : "There is no earlier reading.");
    past.seek(way > 0 ? Math.min(...times) : Math.max(...times));
  }

  private signalsLookedAt(): readonly string[] {
    const { bench } = this;
    const charts = bench.state.extra.charts as { charts?: readonly { signals: readonly string[] }[] } | undefined;
    const charted = (charts?.charts ?? []).flatMap((chart) => chart.signals);
    const bound = bench.selectedPath ? bench.scene?.json.bindings[bench.selectedPath] : undefined;
    const known = new Set(bench.signals.signals.map((signal) => signal.id));
    return [...new Set(bound?.length ? bound : charted)].filter((id) => known.has(id));
  }

  /** `twinstage.time`: for tests and scripts; times in ms since 1970. */
  private hook(): object {
    const { past, bench, bar } = this;
    return {
      seek: (ms: number) => past.seek(ms),
      play: () => past.play(),
      pause: () => past.pause(),
      live: () => past.live(),
      speed: (factor: number) => past.setSpeed(factor),
      loop: (fromMs: number, toMs: number) => past.setLoop({ fromMs, toMs }),
      get at() {
        return past.atMs;
      },
      get now() {
        return bench.now();
      },
      get playing() {
        return past.head.playing;
      },
      get seekMs() {
        return past.seekMs;
      },
      get firstMs() {
        return past.firstMs;
      },
      get marks() {
        return bar.marks;
      },
      get shown() {
        return bar.shown;
      },
      get delayMs() {
        return bench.player?.delayMs ?? null;
      },
    };
  }
}
