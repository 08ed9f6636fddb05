/** One row of the tree as DOM. */
import type { Grade } from "../../core/store.ts";
import type { SceneRow } from "../../core/scene-tree.ts";
import { nameOf } from "../../core/paths.ts";
import { h, icon, iconOfType } from "../../ui/dom.ts";
import { EYE, EYE_OFF, strokeIcon } from "../../ui/stroke-icon.ts";
import type { Mark } from "../../workbench.ts";
import type { SceneData } from "../../wire/scene-data.ts";

export const ROW = 24;
const INDENT = 13;

export interface RowLook {
  readonly index: number;
  readonly active: boolean;
  readonly selected: boolean;
  /** By this viewer, itself or with something above. */
  readonly hidden: boolean;
  /** Hidden by hand itself: the eye brings it back. */
  readonly hiddenHere: boolean;
  readonly faint: boolean;
  readonly grade: Grade | null;
  readonly mark: Mark | null;
}

const TRUST: Record<Grade, string> = {
  good: "live signals",
  uncertain: "a signal is uncertain",
  bad: "a signal is bad",
  stale: "a signal is stale",
  none: "a signal has no value yet",
};

export function rowElement(scene: SceneData, row: SceneRow, look: RowLook): HTMLElement {
  const { nodes } = scene.json;
  const prim = scene.primOf(row.node);
  const isPoint = row.node >= scene.primCount;
  const path = scene.nodePath(row.node);
  const type = isPoint ? "" : nodes.type[prim];
  const element = h("div", {
    class: "row",
    role: "treeitem",
    id: `row-${row.node}`,
    "data-row": String(look.index),
    title: `${path}${type ? ` (${type})` : ""}`,
    "aria-level": String(row.level),
    "aria-setsize": String(row.siblings),
    "aria-posinset": String(row.position),
    "aria-selected": String(look.selected),
  });
  if (row.expandable) element.setAttribute("aria-expanded", String(row.expanded));
  element.classList.toggle("active", look.active);
  element.classList.toggle("faint", look.faint || look.hidden);
  element.style.transform = `translateY(${look.index * ROW}px)`;
  element.style.paddingLeft = `${4 + (row.level - 1) * INDENT}px`;
  element.append(
    h("span", { class: row.expandable ? "twisty" : "twisty empty", "data-twisty": "" }),
    icon(isPoint ? "points" : iconOfType(type)),
    h("span", { class: "name" }, isPoint ? `[${scene.json.points.id[row.node - scene.primCount]}]` : nameOf(path)),
  );
  const labels = isPoint ? [] : nodes.label[prim];
  if (labels.length > 0) element.append(h("span", { class: "tag" }, labels[0]));
  if (look.mark) {
    const { level, title } = look.mark;
    element.append(h("span", { class: "row-alarm", role: "img", "data-level": level, "aria-label": title, title }));
  }
  if (look.grade)
    element.append(
      h("span", {
        class: "row-live",
        role: "img",
        "data-grade": look.grade,
        "aria-label": TRUST[look.grade],
        title: TRUST[look.grade],
      }),
    );
  const eye = h("span", { class: look.hiddenHere ? "eye off" : "eye", "data-eye": "", "aria-hidden": "true" });
  eye.title = look.hiddenHere ? "Show again in this viewer" : "Hide in this viewer";
  eye.append(strokeIcon(look.hiddenHere ? EYE_OFF : EYE));
  element.append(eye);
  return element;
}
