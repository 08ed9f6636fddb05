/** What is known about the selection, or about the scene where nothing is selected. */
import type { Feature } from "../../workbench.ts";
import { Inspector } from "./inspector.ts";

export const properties: Feature = {
  name: "properties",
  install(bench) {
    const inspector = new Inspector(
      (path) => bench.dispatch({ type: "select", path }),
      (node) => {
        const { shown, entity } = bench.link.session.mirror;
        return shown[node] && entity[node] >= 0n ? entity[node] : null;
      },
    );
    const show = (): void => {
      const { scene, stage, selectedPath } = bench;
      if (!scene || !stage) return;
      inspector.show(stage, bench.signals, selectedPath === null ? -1 : scene.nodeAt(selectedPath));
      inspector.refresh(bench.now());
    };
    bench.addPanel({
      id: "properties",
      title: "Properties",
      side: "right",
      order: 10,
      element: inspector.root,
      refresh: (nowMs) => inspector.refresh(nowMs),
    });
    bench.onScene(show);
    bench.watch((state) => state.selected, show);
  },
};
