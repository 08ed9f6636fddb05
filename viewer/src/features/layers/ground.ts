/** What all layers draw with: the scene as it is now, the values, and the panel that says how many there are. */
import { Anchors } from "../../view/anchors.ts";
import type { StageView } from "../../view/stage-view.ts";
import type { Workbench } from "../../workbench.ts";
import type { LayersPanel } from "./panel.ts";
import { type Layer, type Target, targetsOf } from "./settings.ts";
import { Values } from "./values.ts";

export class Ground {
  readonly values: Values;
  anchors: Anchors | null = null;
  stage: StageView | null = null;

  constructor(
    readonly bench: Workbench,
    readonly panel: LayersPanel,
  ) {
    this.values = new Values(
      () => bench.signals,
      () => bench.now(),
    );
  }

  set(stage: StageView): void {
    this.stage = stage;
    this.anchors = new Anchors(stage);
  }

  targets(layer: Layer): Target[] {
    return this.bench.scene ? targetsOf(layer, this.bench.scene.json.bindings) : [];
  }

  nodeOf(path: string): number {
    return this.bench.scene?.nodeAt(path) ?? -1;
  }
}
