/** Home, frame, grid, and to clear the selection: commands, and buttons for the first three. */
import type { Feature } from "../../workbench.ts";

export const view: Feature = {
  name: "view",
  install(bench) {
    const { viewport } = bench;
    bench.addCommand({
      ...{ id: "view.home", title: "Home view", short: "Home", group: "View", keys: ["H"] },
      run: () => viewport.home(true),
    });
    bench.addCommand({
      ...{ id: "view.frame", title: "Frame selection", short: "Frame", group: "View", keys: ["F"] },
      run: () => {
        const { scene, stage, selectedPath } = bench;
        if (!scene || !stage) return;
        viewport.frameInstances(selectedPath === null ? [] : stage.instancesUnder(scene.nodeAt(selectedPath)));
      },
    });
    // In lists these keys turn pages.
    const inPicture = (): boolean => document.activeElement?.id === "canvas" && !viewport.rig.fly.isOn;
    for (const [id, title, key] of [["nearer", "Nearer", "PageUp"], ["farther", "Farther away", "PageDown"]] as const)
      bench.addCommand({
        ...{ id: `view.${id}`, title, group: "View", keys: [key] },
        enabled: inPicture,
        run: () => viewport.rig.step(id === "nearer"),
      });
    bench.addCommand({
      ...{ id: "view.grid", title: "Grid", group: "View", keys: ["G"] },
      pressed: () => viewport.ground.visible,
      run: () => {
        viewport.ground.visible = !viewport.ground.visible;
        viewport.invalidate();
      },
    });
    bench.addCommand({
      ...{ id: "scene.clear", title: "Clear selection", group: "Scene", keys: ["Escape"] },
      enabled: () => bench.state.selected !== null,
      run: () => bench.dispatch({ type: "select", path: null }),
    });
    bench.addTool("view.home", "home", 10);
    bench.addTool("view.frame", "frame", 20);
    bench.addTool("view.grid", "grid", 30);
  },
};
