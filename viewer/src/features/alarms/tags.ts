/** What prims in alarm say in the picture: what is wrong, how far, how many more. A click shows all about it. */
import { printedUnit } from "../../core/units.ts";
import { Anchors } from "../../view/anchors.ts";
import type { Label } from "../../view/labels.ts";
import type { Workbench } from "../../workbench.ts";
import { type Alarm, isAside, isUnseen, urgency } from "./model.ts";

/** More than that could not be read; the most urgent come first. */
const MOST = 30;
const DECIMALS = 1;

export class AlarmTags {
  private anchors: Anchors | null = null;
  private alarms: readonly Alarm[] = [];
  private primOf: ReadonlyMap<string, string> = new Map();

  constructor(
    private readonly bench: Workbench,
    private readonly open: (alarm: string) => void,
  ) {}

  /** Another scene came. */
  again(): void {
    this.anchors = this.bench.stage ? new Anchors(this.bench.stage) : null;
    this.draw();
  }

  show(alarms: readonly Alarm[], primOf: ReadonlyMap<string, string>): void {
    [this.alarms, this.primOf] = [alarms, primOf];
    this.draw();
  }

  private draw(): void {
    const { anchors, bench } = this;
    if (!anchors || !bench.scene) return;
    const byPrim = new Map<string, Alarm[]>();
    for (const alarm of ranked(this.alarms)) {
      const path = this.primOf.get(alarm.id);
      if (path) byPrim.set(path, [...(byPrim.get(path) ?? []), alarm]);
    }
    const labels = [...byPrim].slice(0, MOST).flatMap(([path, [first, ...more]], k): Label[] => {
      const node = bench.scene?.nodeAt(path) ?? -1;
      if (node < 0) return [];
      const number = first.value !== null && typeof first.limit === "number" ? `${first.value.toFixed(DECIMALS)} ${printedUnit(first.unit)}`.trim() : "";
      return [
        {
          id: path,
          at: () => anchors.top(node),
          look: "alarm",
          name: first.message || first.id,
          value: first.condition ? number : "",
          unit: [first.condition ? "" : "back to normal", more.length > 0 ? `+${more.length}` : ""].filter(Boolean).join(" "),
          grade: first.condition ? first.priority : "returned",
          title: `Show: ${[first, ...more].map(({ message, id }) => message || id).join("; ")}`,
          path,
          priority: 20 - k / 10,
          sticky: false,
          click: () => this.open(first.id),
        },
      ];
    });
    bench.labels.set("alarms", labels);
  }
}

/** Those that nobody has acknowledged: first what is so now, then what was; the most urgent first. */
export function ranked(alarms: readonly Alarm[]): Alarm[] {
  return alarms
    .filter((alarm) => isUnseen(alarm) && !isAside(alarm))
    .sort((a, b) => Number(b.condition) - Number(a.condition) || urgency(b.priority) - urgency(a.priority) || (a.id < b.id ? -1 : 1));
}
