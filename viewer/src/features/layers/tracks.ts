/** Where things were a short time ago: for trails, and for how fast they go. Plain numbers, by node. */

/** Least way and least time between two places that are kept [m, ms]. */
const STEP_M = 0.01;
const STEP_MS = 60;
const MOST_PLACES = 400;

interface Track {
  /** x, y, z of each place, the oldest first [m]. */
  readonly places: number[];
  readonly times: number[];
}

export class Tracks {
  private readonly byNode = new Map<number, Track>();

  /** A thing is at a place [m] at a time [ms]; a jump (another entity, or far in one step) begins a new track. */
  add(node: number, x: number, y: number, z: number, now: number, jump = false): void {
    let track = this.byNode.get(node);
    if (!track || jump) this.byNode.set(node, (track = { places: [], times: [] }));
    const { places, times } = track;
    const n = times.length;
    if (n > 0) {
      const far = Math.hypot(x - places[3 * n - 3], y - places[3 * n - 2], z - places[3 * n - 1]);
      if (far < STEP_M || now - times[n - 1] < STEP_MS) return;
    }
    places.push(x, y, z);
    times.push(now);
    if (times.length > MOST_PLACES) {
      places.splice(0, 3);
      times.shift();
    }
  }

  /** Forgets what is older than `seconds`. */
  forget(now: number, seconds: number): void {
    for (const [node, { places, times }] of this.byNode) {
      let old = 0;
      while (old < times.length && now - times[old] > 1000 * seconds) old++;
      if (old === times.length) this.byNode.delete(node);
      else if (old > 0) {
        places.splice(0, 3 * old);
        times.splice(0, old);
      }
    }
  }

  clear(): void {
    this.byNode.clear();
  }

  get nodes(): number[] {
    return [...this.byNode.keys()];
  }

  placesOf(node: number): readonly number[] {
    return this.byNode.get(node)?.places ?? [];
  }

  timesOf(node: number): readonly number[] {
    return this.byNode.get(node)?.times ?? [];
  }

  /** How fast and where to, over the last half second [m/s]; null where it stands. */
  velocity(node: number, now: number): [number, number, number] | null {
    const track = this.byNode.get(node);
    if (!track || track.times.length < 2) return null;
    const { places, times } = track;
    const last = times.length - 1;
    if (now - times[last] > 700) return null;
    let first = last - 1;
    while (first > 0 && times[last] - times[first] < 500) first--;
    const seconds = (times[last] - times[first]) / 1000;
    return [0, 1, 2].map((c) => (places[3 * last + c] - places[3 * first + c]) / seconds) as [number, number, number];
  }
}
