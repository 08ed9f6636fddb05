/** What the tree knows of prims beyond the scene's columns: live signals, trust, alarms, what is hidden. */
import type { LiveFacts } from "../../core/prim-filter.ts";
import type { Grade } from "../../core/store.ts";
import type { Workbench } from "../../workbench.ts";
import { type AlarmLike, alarmedPaths } from "./alarmed.ts";

/** From best to worst. */
const ORDER: readonly Grade[] = ["good", "uncertain", "stale", "none", "bad"];
const ALARM_MS = 2000;

export class Facts implements LiveFacts {
  private alarmed: ReadonlySet<string> = new Set();
  private due = 0;
  private nowMs = 0;

  constructor(
    private readonly bench: Workbench,
    private readonly onAlarms: () => void,
  ) {
    bench.onAlarm(() => (this.due = 0));
    bench.onScene(() => (this.due = 0));
  }

  /** Call it now and then; asks for alarms where they may have changed. */
  refresh(nowMs: number): void {
    this.nowMs = nowMs;
    const now = performance.now();
    if (now < this.due || this.bench.link.session.phase !== "live") return;
    this.due = now + ALARM_MS * 5;
    this.bench.rest
      .get<{ alarms: AlarmLike[] }>("api/v1/alarms")
      .then(({ alarms }) => {
        const found = alarmedPaths(alarms, this.bench.scene?.json.bindings ?? {});
        const same = found.size === this.alarmed.size && [...found].every((path) => this.alarmed.has(path));
        this.alarmed = found;
        if (!same) this.onAlarms();
      })
      .catch(() => undefined); // a twin without alarms, or one that is away, which the lamp says
  }

  private path(prim: number): string {
    return this.bench.scene?.json.nodes.path[prim] ?? "";
  }

  hasSignals(prim: number): boolean {
    return this.bench.scene?.json.bindings[this.path(prim)] !== undefined;
  }

  /** The worst of its signals; null where it has none. */
  gradeOf(prim: number): Grade | null {
    const ids = this.bench.scene?.json.bindings[this.path(prim)];
    if (!ids) return null;
    const { signals } = this.bench;
    let worst = 0;
    for (const id of ids) {
      const signal = signals.indexOf.get(id);
      if (signal !== undefined) worst = Math.max(worst, ORDER.indexOf(signals.grade(signal, this.nowMs)));
    }
    return ORDER[worst];
  }

  isDoubtful(prim: number): boolean {
    const grade = this.gradeOf(prim);
    return grade !== null && grade !== "good";
  }

  inAlarm(prim: number): boolean {
    return this.alarmed.has(this.path(prim));
  }

  isHidden(prim: number): boolean {
    const { hidden } = this.bench.state;
    return hidden.has(this.path(prim)) || this.bench.scene?.json.nodes.visible[prim] === false;
  }
}
