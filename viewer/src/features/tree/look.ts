/** What a row of the tree looks like, and how far a key goes. No DOM. */
import type { UiState } from "../../core/ui-state.ts";
import type { SceneData } from "../../wire/scene-data.ts";
import type { Facts } from "./facts.ts";
import type { RowLook } from "./row.ts";

/** What of a row's look comes from the scene and from what is hidden. */
export function lookOf(
  state: UiState,
  facts: Facts,
  scene: SceneData,
  node: number,
): Pick<RowLook, "hidden" | "hiddenHere" | "faint" | "grade" | "mark"> {
  const isPoint = node >= scene.primCount;
  return {
    hidden: isSetAside(state, scene, node),
    hiddenHere: state.hidden.has(scene.nodePath(node)),
    faint: !isPoint && !scene.json.nodes.visible[node],
    grade: isPoint ? null : facts.gradeOf(node),
    mark: isPoint ? null : facts.markOf(node),
  };
}

function isSetAside({ hidden, isolated }: UiState, scene: SceneData, node: number): boolean {
  if (hidden.size === 0 && isolated === null) return false;
  let inside = isolated === null;
  for (let n = node; n >= 0; n = scene.treeParent[n]) {
    const path = scene.nodePath(n);
    if (hidden.has(path)) return true;
    inside ||= path === isolated;
  }
  return !inside && !(isolated as string).startsWith(`${scene.nodePath(node)}/`);
}

/** Rows that a key moves on; null for other keys. */
export function moveOf(key: string, page: number, rows: number): number | null {
  const moves: Record<string, number> = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -rows, End: rows };
  return moves[key] ?? null;
}
