/** Pixels of a view by what they count as, by class and by prim to label. Pure. */
import type { SceneData } from "../../wire/scene-data.ts";
import { AMBIGUOUS, type Standings, UNLABELLED } from "./standing.ts";
import { drawnBelow, grouped, type Group, objectTarget } from "./targets.ts";

export interface AmbiguousPrim {
  readonly path: string;
  readonly labels: readonly string[];
  readonly pixels: number;
}

export interface Coverage {
  /** Pixels that show something. */
  readonly visible: number;
  readonly unlabelled: number;
  readonly ambiguous: number;
  readonly byClass: ReadonlyMap<string, number>;
  readonly groups: readonly Group[];
  readonly ambiguousPrims: readonly AmbiguousPrim[];
}

/** `pixels`: by instance. */
export function coverageOf(scene: SceneData, standings: Standings, pixels: ReadonlyMap<number, number>): Coverage {
  const { instances } = scene.json;
  const byObject = new Map<number, number>();
  let visible = 0;
  for (const [instance, count] of pixels) {
    visible += count;
    const object = instances.object[instance];
    byObject.set(object, (byObject.get(object) ?? 0) + count);
  }
  const byClass = new Map<string, number>();
  const bare = new Map<string, number>();
  const open = new Map<string, AmbiguousPrim>();
  let [unlabelled, ambiguous] = [0, 0];
  const below = drawnBelow(scene);
  const { path } = scene.json.nodes;
  for (const [object, count] of byObject) {
    const { state, name, rivals } = standings.rows[standings.ofObject[object]];
    const prim = standings.primOf[object];
    if (state === UNLABELLED) {
      unlabelled += count;
      const target = path[objectTarget(scene, prim, below)];
      bare.set(target, (bare.get(target) ?? 0) + count);
    } else if (state === AMBIGUOUS) {
      ambiguous += count;
      const known = open.get(path[prim]);
      open.set(path[prim], { path: path[prim], labels: rivals, pixels: (known?.pixels ?? 0) + count });
    } else byClass.set(name, (byClass.get(name) ?? 0) + count);
  }
  const ambiguousPrims = [...open.values()].sort((a, b) => b.pixels - a.pixels || (a.path < b.path ? -1 : 1));
  return { visible, unlabelled, ambiguous, byClass, groups: grouped(bare), ambiguousPrims };
}

/** Per cent with one digit; a trace is never rounded to nothing, nor nearly all to all. */
export function percent(part: number, whole: number): string {
  if (whole === 0) return "–";
  const share = (100 * part) / whole;
  if (part > 0 && share < 0.1) return "< 0.1 %";
  if (part < whole && share > 99.9) return "> 99.9 %";
  return `${share.toFixed(1)} %`;
}
