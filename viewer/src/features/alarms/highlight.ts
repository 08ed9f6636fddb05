/**
 * Prims in alarm, outlined in the picture in the colour of their highest priority. What nobody has seen beats slowly, twice a
 * second and by redrawing only then; it stands still for those who want less motion.
 */
import type { Outline } from "../../view/outline.ts";
import type { Workbench } from "../../workbench.ts";
import type { PrimAlarm, Priority } from "./model.ts";

export const COLORS: Readonly<Record<Priority, number>> = {
  critical: 0xff5a4a,
  high: 0xff7a3c,
  medium: 0xe0a63c,
  low: 0x7fb0d8,
};
const BEAT_MS = 500;
const LOW = 0.35;

export class Highlight {
  private outlines: Map<string, Outline> | null = null;
  private byPrim: ReadonlyMap<string, PrimAlarm> = new Map();
  private drawn = "";
  private bright = true;
  private readonly still = window.matchMedia("(prefers-reduced-motion: reduce)");

  constructor(private readonly bench: Workbench) {
    window.setInterval(() => this.beat(), BEAT_MS);
  }

  /** Geometry or another scene came. */
  again(): void {
    this.drawn = "";
    this.show(this.byPrim);
  }

  show(byPrim: ReadonlyMap<string, PrimAlarm>): void {
    this.byPrim = byPrim;
    const { stage, scene, viewport } = this.bench;
    const key = [...byPrim].map(([path, { priority, unseen }]) => `${path} ${priority} ${unseen}`).join("\n");
    const whole = `${stage?.loaded} ${key}`;
    if (!stage || !scene || whole === this.drawn) return;
    this.drawn = whole;
    if (byPrim.size === 0 && this.outlines === null) return;
    const groups = new Map<string, number[]>();
    for (const [path, { priority, unseen }] of byPrim) {
      const node = scene.nodeAt(path);
      if (node < 0) continue;
      const group = `${priority} ${unseen ? "unseen" : "seen"}`;
      groups.set(group, [...(groups.get(group) ?? []), ...stage.instancesUnder(node)]);
    }
    this.outlines ??= new Map();
    for (const [group, instances] of groups) {
      const priority = group.split(" ")[0] as Priority;
      let outline = this.outlines.get(group);
      if (!outline) this.outlines.set(group, (outline = viewport.addOutline(COLORS[priority], 2.5, 1)));
      outline.set(stage, instances);
    }
    for (const [group, outline] of this.outlines) if (!groups.has(group)) outline.set(stage, []);
    viewport.invalidate();
  }

  private beat(): void {
    const unseen = [...this.byPrim.values()].some((alarm) => alarm.unseen);
    const bright = !unseen || this.still.matches || document.hidden ? true : !this.bright;
    if (bright === this.bright || !this.outlines) return;
    this.bright = bright;
    for (const [group, outline] of this.outlines) outline.opacity = bright || group.endsWith(" seen") ? 1 : LOW;
    this.bench.viewport.invalidate();
  }

  /** For tests: priority by path, and whether the beat is at its bright half. */
  get state(): { prims: Record<string, string>; bright: boolean } {
    return { prims: Object.fromEntries([...this.byPrim].map(([path, { priority }]) => [path, priority])), bright: this.bright };
  }
}
