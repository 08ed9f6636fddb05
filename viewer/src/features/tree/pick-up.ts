/** Picking upwards: Alt and click selects the parent of what is selected, again and again, then the thing itself. */
import { byId } from "../../ui/dom.ts";
import type { Workbench } from "../../workbench.ts";
import { childTowards, nextPick, parentPath } from "./parents.ts";

/** Path under a point of the window, or null. */
export function pathAt(bench: Workbench, x: number, y: number): string | null {
  const { scene, viewport } = bench;
  const instance = viewport.pick(x, y);
  if (instance < 0 || !scene) return null;
  const { point, node, prim } = scene.instances;
  return scene.nodePath(point[instance] >= 0 ? node[instance] : prim[instance]);
}

export function bindPickUp(bench: Workbench): { up(): void; down(): void } {
  /** What was selected before going up, so that one can go down again. */
  let leaf: string | null = null;
  /** Selected when the press began: a plain click selects what is under the pointer meanwhile. */
  let before: string | null = null;
  const canvas = byId("canvas");
  const select = (path: string): void => bench.dispatch({ type: "select", path });
  canvas.addEventListener("pointerdown", () => (before = bench.state.selected), { capture: true });
  canvas.addEventListener("click", (event) => {
    if (!event.altKey) return;
    const picked = pathAt(bench, event.clientX, event.clientY);
    if (picked === null) return;
    leaf = picked;
    select(nextPick(picked, before));
  });
  bench.watch(
    (state) => state.selected,
    (path) => {
      if (path !== null && (leaf === null || (path !== leaf && childTowards(path, leaf) === null))) leaf = path;
    },
  );
  return {
    up: () => {
      const above = bench.state.selected === null ? null : parentPath(bench.state.selected);
      if (above !== null) select(above);
    },
    down: () => {
      const below = bench.state.selected === null || leaf === null ? null : childTowards(bench.state.selected, leaf);
      if (below !== null) select(below);
    },
  };
}
