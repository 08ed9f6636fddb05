/**
 * What live switches and colours mean for each node: hidden or not, and its tint. Pure columns.
 *
 * Both go down the tree (`treeParent`): a switched-off ancestor hides, the nearest coloured ancestor-or-self paints.
 * A node whose data is bad is greyed out, whatever its colour; one whose data is stale fades: half of its look, half grey.
 */

import { type Aside, isAside } from "./shown.ts";

/** Linear rgb and strength. */
export type Tint = readonly [number, number, number, number];

export const NO_TINT: Tint = [0, 0, 0, 0];
/** Bad data: a flat mid grey that no healthy material has. */
export const GREY_TINT: Tint = [0.13, 0.135, 0.14, 0.88];
/** Stale data: the look fades half-way to that grey. */
export const FADED_TINT: Tint = [0.13, 0.135, 0.14, 0.5];

const NONE: ReadonlySet<number> = new Set();

export class Appearance {
  /** What this viewer alone does not show; see `setAside`. */
  private aside: Aside | null = null;
  /** The same at the last `update`. */
  private asideBefore: Aside | null = null;
  private readonly own: Uint8Array;
  private readonly styles = new Map<number, Tint>();
  /** What this viewer paints by value: over the style of the same node, below a nearer one. */
  private values: ReadonlyMap<number, Tint> = new Map();
  private greyed = NONE;
  private faded = NONE;
  /** 1 where the node or an ancestor is switched off; valid after `update`. */
  readonly hidden: Uint8Array;
  /** Node whose style paints this one, -1 = none; valid after `update`. */
  private readonly painter: Int32Array;
  /** 2 greyed, 1 faded, 0 neither; the worst of a node and its ancestors. */
  private readonly doubt: Uint8Array;
  /** What paints every node in place of all else; see `setMode`. */
  private mode: ((node: number) => Tint) | null = null;
  private repaint = false;
  private dirty = false;
  private readonly restyled = new Set<number>();
  /** Nodes whose look the last `update` changed. */
  changed: readonly number[] = [];

  constructor(private readonly treeParent: Int32Array) {
    const n = treeParent.length;
    this.own = new Uint8Array(n).fill(1);
    this.hidden = new Uint8Array(n);
    this.painter = new Int32Array(n).fill(-1);
    this.doubt = new Uint8Array(n);
  }

  /** Back to the authored look. */
  reset(): void {
    this.own.fill(1);
    for (const node of this.styles.keys()) this.restyled.add(node);
    this.styles.clear();
    this.dirty = true;
  }

  setVisible(ids: Uint32Array, visible: Uint8Array): void {
    for (let k = 0; k < ids.length; k++) this.own[ids[k]] = visible[k];
    this.dirty = true;
  }

  setStyle(ids: Uint32Array, rgba: Uint8Array): void {
    for (let k = 0; k < ids.length; k++) {
      const [r, g, b, a] = rgba.subarray(4 * k, 4 * k + 4);
      this.restyled.add(ids[k]);
      if (a === 0) this.styles.delete(ids[k]);
      else this.styles.set(ids[k], [linear(r), linear(g), linear(b), a / 255]);
    }
    this.dirty = true;
  }

  /** Tints by value instead of those before; only of this viewer, never of the twin. */
  setValues(values: ReadonlyMap<number, Tint>): void {
    const before = this.values;
    this.values = values;
    for (const [node, tint] of values) if (!sameTint(before.get(node), tint)) this.restyled.add(node);
    for (const node of before.keys()) if (!values.has(node)) this.restyled.add(node);
    this.dirty ||= this.restyled.size > 0;
  }

  /** Paints every node so, whatever colours, values and doubts say; null: they count again. Call it again where the paint changes. */
  setMode(paint: ((node: number) => Tint) | null): void {
    if (paint === null && this.mode === null) return;
    this.mode = paint;
    this.repaint = this.dirty = true;
  }

  /** Nodes whose data is bad, and those whose data is stale. */
  setDoubtful(bad: ReadonlySet<number>, stale: ReadonlySet<number> = NONE): void {
    if (sameSet(bad, this.greyed) && sameSet(stale, this.faded)) return;
    this.greyed = bad;
    this.faded = stale;
    this.dirty = true;
  }

  /** Sets aside what this viewer alone does not show; null shows all that the twin shows. */
  setAside(aside: Aside | null): void {
    this.aside = aside;
    this.dirty = true;
  }

  /** Whether an instance that a prim draws at a node shows; valid after `update`. */
  shows(node: number, prim: number): boolean {
    return !this.hidden[node] && !this.hidden[prim] && !isAside(this.aside, node, prim);
  }

  private sameAside(node: number): boolean {
    const { aside, asideBefore } = this;
    if (aside === asideBefore) return true;
    return (
      (aside?.hidden[node] ?? 0) === (asideBefore?.hidden[node] ?? 0) &&
      (aside?.outside[node] ?? 0) === (asideBefore?.outside[node] ?? 0)
    );
  }

  /** Whether `update` has something to do. */
  get stale(): boolean {
    return this.dirty;
  }

  /** Recomputes the columns; false where nothing was said since the last call. `changed` then holds what came of it. */
  update(): boolean {
    if (!this.dirty) return false;
    this.dirty = false;
    const changed: number[] = [];
    for (let i = 0; i < this.own.length; i++) {
      const p = this.treeParent[i];
      const hidden = this.own[i] === 0 || (p >= 0 && this.hidden[p]) ? 1 : 0;
      const painter = this.styles.has(i) || this.values.has(i) ? i : p >= 0 ? this.painter[p] : -1;
      const own = this.greyed.has(i) ? 2 : this.faded.has(i) ? 1 : 0;
      const doubt = p >= 0 ? Math.max(own, this.doubt[p]) : own;
      const same = this.sameAside(i) && hidden === this.hidden[i] && painter === this.painter[i] && doubt === this.doubt[i];
      if (same && !this.repaint && !this.restyled.has(painter)) continue;
      [this.hidden[i], this.painter[i], this.doubt[i]] = [hidden, painter, doubt];
      changed.push(i);
    }
    this.restyled.clear();
    this.repaint = false;
    this.asideBefore = this.aside;
    this.changed = changed;
    return true;
  }

  tint(node: number): Tint {
    if (this.mode) return this.mode(node);
    if (this.doubt[node] === 2) return GREY_TINT;
    const style = this.values.get(this.painter[node]) ?? this.styles.get(this.painter[node]);
    if (this.doubt[node] === 0) return style ?? NO_TINT;
    return style ? faded(style) : FADED_TINT;
  }
}

/** A style under the fade: laid over it, as the eye would see two sheets. */
function faded([r, g, b, a]: Tint): Tint {
  const [fr, fg, fb, fa] = FADED_TINT;
  const strength = fa + a * (1 - fa);
  const mix = (over: number, under: number): number => (over * fa + under * a * (1 - fa)) / strength;
  return [mix(fr, r), mix(fg, g), mix(fb, b), strength];
}

function linear(byte: number): number {
  const c = byte / 255;
  return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
}

function sameTint(a: Tint | undefined, b: Tint): boolean {
  return a !== undefined && a.every((value, c) => value === b[c]);
}

function sameSet(a: ReadonlySet<number>, b: ReadonlySet<number>): boolean {
  if (a.size !== b.size) return false;
  for (const item of a) if (!b.has(item)) return false;
  return true;
}
