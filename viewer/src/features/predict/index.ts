/**
 * Where a part will be in a few seconds, drawn beside the real one: switched on by hand for any part that moves. It goes on as it
 * does now, and says how far such predictions were off; there is none of data that is bad, stale or old.
 */
import type { Label } from "../../view/labels.ts";
import type { Feature, Workbench } from "../../workbench.ts";
import { PredictedGhost } from "./ghost.ts";

const SECONDS = [1, 2, 5, 10] as const;
/** With a key of its own. */
const USUAL = 2;
const MOST = 8;
const SHOWN_DIGITS = 2;

type Wanted = Readonly<Record<string, number>>;

export const predict: Feature = {
  name: "predict",
  install(bench) {
    new Predictions(bench);
  },
};

class Predictions {
  private ghosts: PredictedGhost[] = [];

  constructor(private readonly bench: Workbench) {
    bench.onScene(() => this.begin(true));
    bench.watch((state) => state.extra.predict, () => this.begin(false));
    bench.onTick((tick) => {
      for (const ghost of this.ghosts) ghost.take(tick);
    });
    bench.onFrame(() => this.show());
    bench.onPast(() => bench.viewport.invalidate());
    for (const seconds of SECONDS)
      bench.addCommand({
        id: `predict.${seconds}`,
        title: `Predict ${seconds} s ahead`,
        group: "Scene",
        keys: seconds === USUAL ? ["Alt+P"] : [],
        enabled: () => bench.selectedPath !== null,
        pressed: () => bench.selectedPath !== null && this.wanted[bench.selectedPath] === seconds,
        run: () => this.toggle(seconds),
      });
    bench.addCommand({
      id: "predict.none",
      title: "No predictions",
      group: "Scene",
      enabled: () => Object.keys(this.wanted).length > 0,
      run: () => this.keep({}),
    });
    bench.expose("predictions", () =>
      this.ghosts.map(({ path, seconds, why, place, misses }) => ({ path, seconds, why, place, off: misses.median })),
    );
  }

  private get wanted(): Wanted {
    return (this.bench.state.extra.predict as Wanted | undefined) ?? {};
  }

  private keep(value: Wanted): void {
    this.bench.dispatch({ type: "extra", feature: "predict", value });
  }

  private toggle(seconds: number): void {
    const { bench, wanted } = this;
    const path = bench.selectedPath;
    if (path === null) return;
    const { [path]: before, ...others } = wanted;
    if (before === seconds) return this.keep(others);
    if (Object.keys(others).length >= MOST) return bench.notice("warning", `At most ${MOST} parts are predicted at a time.`);
    this.keep({ ...others, [path]: seconds });
  }

  /** `anew`: another scene, in which nothing is known yet. */
  private begin(anew: boolean): void {
    const { scene, stage } = this.bench;
    const kept = anew ? [] : this.ghosts.filter(({ path, seconds }) => this.wanted[path] === seconds);
    for (const ghost of this.ghosts) if (!kept.includes(ghost)) ghost.dispose();
    const made = Object.entries(this.wanted).flatMap(([path, seconds]) => {
      const root = scene?.nodeAt(path) ?? -1;
      if (!stage || root < 0 || kept.some((ghost) => ghost.path === path)) return [];
      return [new PredictedGhost(this.bench, stage, root, path, seconds)];
    });
    this.ghosts = [...kept, ...made];
    this.label();
    this.bench.viewport.invalidate();
  }

  private show(): boolean {
    if (this.ghosts.length === 0) return false;
    const now = this.bench.newestMs;
    const moving = this.ghosts.map((ghost) => ghost.show(now)).includes(true);
    this.label();
    return moving;
  }

  private label(): void {
    const labels = this.ghosts.map((ghost): Label => {
      const { path, seconds, why, misses } = ghost;
      const off = misses.median;
      const name = path.slice(path.lastIndexOf("/") + 1);
      return {
        id: path,
        at: () => ghost.place ?? ghost.real,
        look: "tag",
        name: `${name} in ${seconds} s`,
        value: why !== "" ? why : off === null ? "" : `± ${off.toFixed(SHOWN_DIGITS)}`,
        unit: off === null || why !== "" ? "" : "m",
        grade: why === "bad data" ? "bad" : why === "stale data" ? "stale" : "good",
        title: "If it goes on as it does now. ±: how far the part of it that was off most was off, as a median of the last predictions",
        priority: 3,
        path,
      };
    });
    this.bench.labels.set("predict", labels);
  }
}
