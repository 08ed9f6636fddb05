/** The scene's cameras: a panel to choose from, and the keys 1 to 9 and 0. */
import type { Feature, Undo } from "../../workbench.ts";
import { CameraList } from "./camera-list.ts";
import { cameraCommands } from "./commands.ts";

export const cameras: Feature = {
  name: "cameras",
  install(bench) {
    const { rig } = bench.viewport;
    const use = (index: number): void => {
      const camera = bench.scene?.json.cameras[index];
      if (camera) rig.follow(camera);
      else rig.release();
    };
    /** What takes the present scene's keys away. */
    const keys: Undo[] = [];
    const list = new CameraList(use);
    const show = (): void => {
      const path = rig.following?.path;
      list.setCurrent(bench.scene?.json.cameras.findIndex((camera) => camera.path === path) ?? -1);
    };
    bench.addPanel({ id: "cameras", title: "Cameras", side: "left", order: 20, element: list.element });
    bench.onScene((scene) => {
      list.setCameras(scene.json.cameras);
      for (const undo of keys.splice(0)) undo();
      keys.push(...cameraCommands(scene.json.cameras, use).map((command) => bench.addCommand(command)));
      bench.panelNote("cameras", String(scene.json.cameras.length || ""));
      show();
    });
    rig.onFollow.add(show);
    bench.addCommand({ id: "view.free", title: "Free view", group: "View", keys: ["0"], run: () => use(-1) });
    bench.addAddressPart({
      key: "through",
      read: () => rig.following?.path ?? null,
      restore: (path) => use(bench.scene?.json.cameras.findIndex((camera) => camera.path === path) ?? -1),
    });
  },
};
