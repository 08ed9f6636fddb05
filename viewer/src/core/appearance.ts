/**
 * What live switches and colours mean for each node: hidden or not, and its tint. Pure columns.
 *
 * Both go down the tree (`treeParent`): a switched-off ancestor hides, the nearest coloured ancestor-or-self paints.
 * A node whose data cannot be trusted is greyed out, whatever its colour.
 */

/** Linear rgb and strength. */
export type Tint = readonly [number, number, number, number];

export const NO_TINT: Tint = [0, 0, 0, 0];
/** Stale or bad data: a flat mid grey that no healthy material has. */
export const GREY_TINT: Tint = [0.13, 0.135, 0.14, 0.88];

export class Appearance {
  private readonly own: Uint8Array;
  private readonly styles = new Map<number, Tint>();
  private greyed: ReadonlySet<number> = new Set();
  /** 1 where the node or an ancestor is switched off; valid after `update`. */
  readonly hidden: Uint8Array;
  /** Node whose style paints this one, -1 = none; valid after `update`. */
  private readonly painter: Int32Array;
  private readonly grey: Uint8Array;
  private dirty = false;

  constructor(private readonly treeParent: Int32Array) {
    const n = treeParent.length;
    this.own = new Uint8Array(n).fill(1);
    this.hidden = new Uint8Array(n);
    this.painter = new Int32Array(n).fill(-1);
    this.grey = new Uint8Array(n);
  }

  /** Back to the authored look. */
  reset(): void {
    this.own.fill(1);
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
      if (a === 0) this.styles.delete(ids[k]);
      else this.styles.set(ids[k], [linear(r), linear(g), linear(b), a / 255]);
    }
    this.dirty = true;
  }

  /** Nodes whose data is bad or stale. */
  setGreyed(nodes: ReadonlySet<number>): void {
    if (sameSet(nodes, this.greyed)) return;
    this.greyed = nodes;
    this.dirty = true;
  }

  /** Whether `update` has something to do. */
  get stale(): boolean {
    return this.dirty;
  }

  /** Recomputes the columns; false where nothing changed since the last call. */
  update(): boolean {
    if (!this.dirty) return false;
    this.dirty = false;
    for (let i = 0; i < this.own.length; i++) {
      const p = this.treeParent[i];
      this.hidden[i] = this.own[i] === 0 || (p >= 0 && this.hidden[p]) ? 1 : 0;
      this.painter[i] = this.styles.has(i) ? i : p >= 0 ? this.painter[p] : -1;
      this.grey[i] = this.greyed.has(i) || (p >= 0 && this.grey[p]) ? 1 : 0;
    }
    return true;
  }

  tint(node: number): Tint {
    if (this.grey[node]) return GREY_TINT;
    return this.styles.get(this.painter[node]) ?? NO_TINT;
  }
}

function linear(byte: number): number {
  const c = byte / 255;
  return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
}

function sameSet(a: ReadonlySet<number>, b: ReadonlySet<number>): boolean {
  if (a.size !== b.size) return false;
  for (const item of a) if (!b.has(item)) return false;
  return true;
}
