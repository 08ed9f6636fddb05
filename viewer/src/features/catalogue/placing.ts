/** Asks the twin to place an asset, and selects what came of it. */
import { rounded, standsAt, uprightBox } from "../../core/standing.ts";
import { deskOf } from "../../edit/desk.ts";
import { sentence } from "../../edit/sentences.ts";
import type { Workbench } from "../../workbench.ts";
import type { Spot } from "./spot.ts";
import type { Asset } from "./types.ts";

/** How long what was placed may take to come into the scene [ms]. */
const PATIENCE_MS = 20_000;
const LOOK_MS = 50;

/** Places it so that it stands there; its path once it is in the scene, or null where it was refused, which is told. */
export async function place(bench: Workbench, asset: Asset, { point }: Spot): Promise<string | null> {
  const position = rounded(standsAt(uprightBox(asset), point));
  const answer = await deskOf(bench).do({ kind: "place", asset: asset.asset, frame: "world", position });
  if (!answer.ok) return null;
  const [path] = answer.placed;
  if (answer.note) bench.notice("info", sentence(`${asset.title} is placed; ${answer.note}`));
  for (let waited = 0; waited < PATIENCE_MS; waited += LOOK_MS) {
    if ((bench.scene?.nodeAt(path) ?? -1) >= 0) {
      bench.dispatch({ type: "select", path });
      return path;
    }
    await new Promise((resolve) => window.setTimeout(resolve, LOOK_MS));
  }
  return null;
}
