/** Asks the twin to place an asset, and selects what came of it. */
import { rounded, standsAt, transformed, uprightBox } from "../../core/standing.ts";
import { invertAffine } from "../../core/trs.ts";
import { deskOf } from "../../edit/desk.ts";
import type { EditEvent } from "../../wire/commands.ts";
import type { Workbench } from "../../workbench.ts";
import type { Spot } from "./spot.ts";
import type { Asset } from "./types.ts";

const MOST_KEPT = 20;
/** How long what was placed may take to come into the scene [ms]. */
const PATIENCE_MS = 20_000;
const LOOK_MS = 50;

export class Placing {
  private readonly edits: EditEvent["transactions"][number][] = [];

  constructor(private readonly bench: Workbench) {
    bench.link.onEdit(({ transactions }) => {
      this.edits.push(...transactions);
      this.edits.splice(0, this.edits.length - MOST_KEPT);
    });
  }

  /** Places it so that it stands there; the path that it has then, or null where it was refused, which is told. */
  async place(asset: Asset, { point }: Spot): Promise<string | null> {
    const { bench } = this;
    const world = standsAt(uprightBox(asset), point);
    const parent = parentOf(bench);
    const at = parent.inverse ? transformed(parent.inverse, world) : world;
    const answer = await deskOf(bench).do({ kind: "place", asset: asset.asset, parent: parent.path, position: rounded(at) });
    if (!answer.ok) return null;
    const path = await this.pathOf(answer.version);
    if (path === null) return null;
    bench.dispatch({ type: "select", path });
    return path;
  }

  /** The prim of a transaction, once it is in the scene. */
  private async pathOf(version: number): Promise<string | null> {
    for (let waited = 0; waited < PATIENCE_MS; waited += LOOK_MS) {
      const edit = this.edits.find((one) => one.version === version)?.edits.find(([, property]) => property === "asset");
      if (edit && (this.bench.scene?.nodeAt(edit[0]) ?? -1) >= 0) return edit[0];
      await new Promise((resolve) => window.setTimeout(resolve, LOOK_MS));
    }
    return null;
  }
}

/** Where placed prims go: into the stage's default prim, or the first one, in whose frame positions are told. */
function parentOf({ scene, stage }: Workbench): { path: string; inverse: Float64Array | null } {
  const node = 0;
  const path = scene?.nodePath(node) ?? "/";
  return { path, inverse: stage ? invertAffine(stage.model.world, node * 16) : null };
}
