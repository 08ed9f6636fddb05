/** What the tree knows of prims beyond the scene's columns: live signals, trust, alarms, what is hidden. */
import type { LiveFacts } from "../../core/prim-filter.ts";
import type { Grade } from "../../core/store.ts";
import type { Workbench } from "../../workbench.ts";

/** From best to worst. */
const ORDER: readonly Grade[] = ["good", "uncertain", "stale", "none", "bad"];

export class Facts implements LiveFacts {
  private nowMs = 0;

  constructor(
    private readonly bench: Workbench,
    onAlarms: () => void,
  ) {
    bench.onMarks(onAlarms);
  }

  /** Call it now and then. */
  refresh(nowMs: number): void {
    this.nowMs = nowMs;
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
    return this.bench.markOf(this.path(prim)) !== null;
  }

  isHidden(prim: number): boolean {
    const { hidden } = this.bench.state;
    return hidden.has(this.path(prim)) || this.bench.scene?.json.nodes.visible[prim] === false;
  }
}
