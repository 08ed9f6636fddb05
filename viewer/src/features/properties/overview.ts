/** The scene as a whole, shown while nothing is selected. */
import { isEmpty } from "../../core/bounds.ts";
import { formatCount, formatNumber } from "../../core/format.ts";
import type { StageView } from "../../view/stage-view.ts";
import { h } from "../../ui/dom.ts";
import { facts } from "./section.ts";

export function overview(stage: StageView): HTMLElement[] {
  const { json } = stage.scene;
  let triangles = 0;
  for (const p of json.instances.prototype) triangles += json.prototypes[p].triangles;
  const size = stage.framing;
  const { metersPerUnit, upAxis } = json.stage;
  return [
    h(
      "div",
      { class: "title" },
      h("h2", {}, json.stage.name || "Scene"),
      h("span", { class: "sub" }, "Nothing selected: click an object or a row of the tree"),
    ),
    facts([
      ["Prims", formatCount(stage.scene.primCount)],
      ["Instances", formatCount(json.instances.count)],
      ["Prototypes", formatCount(json.prototypes.length)],
      ["Triangles", formatCount(triangles)],
      ["Objects", formatCount(json.objects.length)],
      ["Signals", formatCount(json.signals.length)],
      ["Extent", isEmpty(size) ? "–" : dimensions(size.min, size.max)],
      ["Stage", `${metersPerUnit} m a unit, ${upAxis} up`],
    ]),
  ];
}

export function dimensions(min: readonly number[], max: readonly number[]): string {
  return `${[0, 1, 2].map((c) => formatNumber(max[c] - min[c])).join(" × ")} m`;
}
