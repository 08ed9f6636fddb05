/** The prim tree with its search. */
import type { Feature } from "../../workbench.ts";
import { TreeView } from "./tree-view.ts";

export const tree: Feature = {
  name: "tree",
  install(bench) {
    const view = new TreeView(
      (prim) => bench.dispatch({ type: "select", path: bench.scene?.nodePath(prim) ?? null }),
      () => bench.runCommand("view.frame"),
    );
    const show = (): void => {
      const { scene, selectedPath } = bench;
      const node = scene && selectedPath !== null ? scene.nodeAt(selectedPath) : -1;
      view.select(scene && node >= 0 ? scene.primOf(node) : -1);
    };
    bench.addPanel({ id: "tree", title: "Scene", side: "left", order: 10, element: view.root });
    bench.onScene((scene) => {
      view.setScene(scene);
      show();
    });
    bench.watch((state) => state.selected, show);
    bench.addCommand({
      id: "scene.search",
      title: "Search the scene",
      group: "Scene",
      keys: ["/"],
      run: () => {
        bench.openPanel("tree");
        view.focusSearch();
      },
    });
  },
};
