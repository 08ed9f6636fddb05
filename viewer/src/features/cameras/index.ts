/** The scene's cameras: a panel to choose from, and the keys 1 to 9 and 0. */
import type { Feature } from "../../workbench.ts";
import { CameraList } from "./camera-list.ts";

export const cameras: Feature = {
  name: "cameras",
  install(bench) {
    const { rig } = bench.viewport;
    const use = (index: number): void => {
      const camera = bench.scene?.json.cameras[index];
      if (camera) rig.follow(camera);
      else rig.release();
    };
    const list = new CameraList(use);
    const show = (): void => {
      const path = rig.following?.path;
      list.setCurrent(bench.scene?.json.cameras.findIndex((camera) => camera.path === path) ?? -1);
    };
    bench.addPanel({ id: "cameras", title: "Cameras", side: "left", order: 20, element: list.element });
    bench.onScene((scene) => {
      list.setCameras(scene.json.cameras);
      bench.panelNote("cameras", String(scene.json.cameras.length || ""));
      show();
    });
    rig.onFollow.add(show);
    for (let key = 1; key <= 9; key++)
      bench.addCommand({
        id: `view.camera${key}`,
        get title() {
          return `Look through ${bench.scene?.json.cameras[key - 1]?.name ?? `camera ${key}`}`;
        },
        group: "View",
        keys: [String(key)],
        enabled: () => bench.scene?.json.cameras[key - 1] !== undefined,
        run: () => use(key - 1),
      });
    bench.addCommand({ id: "view.free", title: "Free view", group: "View", keys: ["0"], run: () => use(-1) });
    bench.addAddressPart({
      key: "through",
      read: () => rig.following?.path ?? null,
      restore: (path) => use(bench.scene?.json.cameras.findIndex((camera) => camera.path === path) ?? -1),
    });
  },
};
