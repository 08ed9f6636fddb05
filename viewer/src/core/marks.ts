/** Signs beside prims: each feature has its own, the worst is shown. Pure. */
import type { Mark } from "../workbench.ts";
import { Hooks } from "./hooks.ts";

const WORSE: Readonly<Record<Mark["level"], number>> = { info: 0, warning: 1, error: 2 };

export class Marks {
  readonly changed = new Hooks<[]>();
  private readonly byFeature = new Map<string, ReadonlyMap<string, Mark>>();

  set(feature: string, marks: ReadonlyMap<string, Mark>): void {
    const before = this.byFeature.get(feature);
    if (same(before, marks)) return;
    this.byFeature.set(feature, marks);
    this.changed.call();
  }

  of(path: string): Mark | null {
    let worst: Mark | null = null;
    for (const marks of this.byFeature.values()) {
      const mark = marks.get(path);
      if (mark && (!worst || WORSE[mark.level] > WORSE[worst.level])) worst = mark;
    }
    return worst;
  }

  paths(): string[] {
    return [...new Set([...this.byFeature.values()].flatMap((marks) => [...marks.keys()]))];
  }
}

function same(a: ReadonlyMap<string, Mark> | undefined, b: ReadonlyMap<string, Mark>): boolean {
  if (a?.size !== b.size) return (a?.size ?? 0) === 0 && b.size === 0;
  for (const [path, mark] of b) {
    const other = a.get(path);
    if (!other || other.level !== mark.level || other.word !== mark.word || other.title !== mark.title) return false;
  }
  return true;
}
