/** What the tree knows of prims beyond the scene's columns: live signals, trust, signs such as alarms, what is hidden. */
import type { LiveFacts } from "../../core/prim-filter.ts";
import type { Grade } from "../../core/store.ts";
import type { Mark, Workbench } from "../../workbench.ts";

/** From best to worst. */
const ORDER: readonly Grade[] = ["good", "uncertain", "stale", "none", "bad"];

export class Facts implements LiveFacts {
  constructor(private readonly bench: Workbench) {}

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
    const now = this.bench.now();
    let worst = 0;
    for (const id of ids) {
      const signal = signals.indexOf.get(id);
      if (signal !== undefined) worst = Math.max(worst, ORDER.indexOf(signals.grade(signal, now)));
    }
    return ORDER[worst];
  }

  isDoubtful(prim: number): boolean {
    const grade = this.gradeOf(prim);
    return grade !== null && grade !== "good";
  }

  markOf(prim: number): Mark | null {
    return this.bench.markOf(this.path(prim));
  }

  inAlarm(prim: number): boolean {
    return this.markOf(prim) !== null;
  }

  isHidden(prim: number): boolean {
    const { hidden } = this.bench.state;
    return hidden.has(this.path(prim)) || this.bench.scene?.json.nodes.visible[prim] === false;
  }
}
