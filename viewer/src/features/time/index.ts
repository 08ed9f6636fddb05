/**
 * Time: a bar on which this viewer goes to any moment that the twin's history or a recording holds, plays it on and back, alone or
 * together with others, and comes back. Only where there is a past. How late the live picture is shown is chosen here, too.
 */
import { h } from "../../ui/dom.ts";
import type { Feature, Workbench } from "../../workbench.ts";
import { addTimeCommands } from "./commands.ts";
import { extentOf, RecordedExtent } from "./extent.ts";
import { Past } from "./past.ts";
import { readingBeside } from "./samples.ts";
import { Together } from "./together.ts";
import { TimeBar } from "./time-bar.ts";
import type { Mark } from "./track.ts";

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
  private readonly together: Together;
  /** A moment of the address, until there is something to look at. */
  private sought: number | null = null;
  private readonly badge = h("span", { class: "past-badge", hidden: "" }, "Past");

  constructor(private readonly bench: Workbench) {
    this.past = new Past(bench);
    this.together = new Together(bench, this.past, () => this.added);
    this.bar = new TimeBar(this.past, this.together.button, {
      run: (command) => bench.runCommand(command),
      delay: (ms) => this.keep({ delayMs: ms }),
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
        if (!Number.isFinite(ms)) return;
        if (this.added) this.past.seek(ms);
        else this.sought = ms;
      },
    });
    addTimeCommands(bench, this.past, this.bar, this.together, {
      able: () => this.added,
      bookmark: (ms) => this.bookmark(ms),
      unmark: (ms) => this.unmark(ms),
      toSample: (way) => void this.toSample(way),
    });
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

  /** Whether there is a past to look at, and from when to when. */
  private async look(): Promise<void> {
    const { bench } = this;
    this.hasAlarms = bench.serves("alarms");
    const extent = await extentOf(bench);
    if (extent === "soon") return void window.setTimeout(() => void this.look(), 2000);
    if (extent === null) return;
    this.past.extent = extent;
    if (!this.added) bench.addBar(this.bar.element);
    this.added = true;
    this.alarmsDue = 0;
    if (this.sought !== null) this.past.seek(this.sought);
    this.sought = null;
  }

  private refresh(): void {
    if (!this.added || document.hidden) return;
    this.show();
    this.together.refresh();
    if (this.past.extent instanceof RecordedExtent) this.past.extent.look();
    if (this.hasAlarms && performance.now() >= this.alarmsDue) void this.askAlarms();
  }

  private show(): void {
    // In a recording nothing is live, so nothing has to warn of that.
    const past = this.past.atMs !== null && !this.past.extent?.recorded;
    document.getElementById("app")?.toggleAttribute("data-past", past);
    this.badge.hidden = !past;
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

  private bookmark(ms: number): void {
    const name = `Bookmark ${this.kept.bookmarks.length + 1}`;
    const bookmarks = [...this.kept.bookmarks, { ms: Math.round(ms), name }].slice(-MOST_BOOKMARKS);
    this.keep({ bookmarks });
  }

  private unmark(ms: number): void {
    const beside = [...this.kept.bookmarks].sort((a, b) => Math.abs(a.ms - ms) - Math.abs(b.ms - ms))[0];
    if (beside) this.keep({ bookmarks: this.kept.bookmarks.filter((mark) => mark !== beside) });
  }

  private async toSample(way: -1 | 1): Promise<void> {
    const ms = await readingBeside(this.bench, this.past.shownMs, way);
    if (ms !== null) this.past.seek(ms);
  }

  /** `twinstage.time`: for tests and scripts; times in ms since 1970. */
  private hook(): object {
    const { past, bench, bar, together } = this;
    return {
      together: together.hook,
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
      get loopOf() {
        return past.head.loop;
      },
      get rate() {
        return past.head.speed;
      },
      get endMs() {
        return past.endMs;
      },
      get playing() {
        return past.head.playing;
      },
      get liveTwins() {
        return past.liveTwins;
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
