/** Where things of the scene are, for what is drawn beside them: the middle and the top of each node as it stands now. */
import { center, isEmpty } from "../core/bounds.ts";
import type { StageView } from "./stage-view.ts";

type Place = [number, number, number];

interface Offsets {
  /** Middle and top in the node's own frame, relative to its origin [m]. */
  readonly middle: Place;
  readonly top: Place;
  readonly bottom: number;
}

export class Anchors {
  private readonly known = new Map<number, Offsets>();
  private loaded = -1;

  constructor(private readonly stage: StageView) {}

  /** World place of the node's top [m]. */
  top(node: number): Place {
    return this.carried(node, this.offsets(node).top);
  }

  middle(node: number): Place {
    return this.carried(node, this.offsets(node).middle);
  }

  /** How low it stood when it was measured, in the world [m]. */
  bottom(node: number): number {
    return this.offsets(node).bottom;
  }

  /** World place of the node's own origin [m]. */
  origin(node: number): Place {
    const { world } = this.stage.model;
    return [world[16 * node + 3], world[16 * node + 7], world[16 * node + 11]];
  }

  private carried(node: number, [x, y, z]: Place): Place {
    const { world } = this.stage.model;
    const at = 16 * node;
    return [0, 1, 2].map(
      (r) => world[at + 4 * r] * x + world[at + 4 * r + 1] * y + world[at + 4 * r + 2] * z + world[at + 4 * r + 3],
    ) as Place;
  }

  /** Taken once for each node, as it stood then: bounds come with the geometry. */
  private offsets(node: number): Offsets {
    if (this.stage.loaded !== this.loaded) {
      this.loaded = this.stage.loaded;
      this.known.clear();
    }
    let offsets = this.known.get(node);
    if (!offsets) this.known.set(node, (offsets = this.measure(node)));
    return offsets;
  }

  private measure(node: number): Offsets {
    const box = this.stage.boxUnder(node);
    if (isEmpty(box)) return { middle: [0, 0, 0], top: [0, 0, 0], bottom: this.origin(node)[2] };
    const middle = center(box);
    return { middle: this.local(node, middle), top: this.local(node, [middle[0], middle[1], box.max[2]]), bottom: box.min[2] };
  }

  /** A place of the world in the node's frame: its axes are at right angles, so their lengths divide. */
  private local(node: number, place: Place): Place {
    const { world } = this.stage.model;
    const at = 16 * node;
    const d = place.map((value, r) => value - world[at + 4 * r + 3]);
    return [0, 1, 2].map((c) => {
      const axis = [0, 1, 2].map((r) => world[at + 4 * r + c]);
      const squared = axis[0] ** 2 + axis[1] ** 2 + axis[2] ** 2 || 1;
      return (axis[0] * d[0] + axis[1] * d[1] + axis[2] * d[2]) / squared;
    }) as Place;
  }
}
