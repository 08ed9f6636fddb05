/** Ways to look: along the axes, orthographic, flying, following a prim, and views that are saved with a name. */
import { cleanName, freeName, readView, readViews, withView, writeView, writeViews, type NamedView } from "../../core/views.ts";
import { center, isEmpty } from "../../core/bounds.ts";
import { h, icon } from "../../ui/dom.ts";
import { DIRECTIONS, type Direction } from "../../view/camera-rig.ts";
import type { Feature, Undo, Workbench } from "../../workbench.ts";
import { ViewList } from "./view-list.ts";

const KEYS: Readonly<Record<Direction, string>> = {
  top: "Shift+T",
  bottom: "Shift+H",
  front: "Shift+F",
  back: "Shift+P",
  right: "Shift+R",
  left: "Shift+L",
};

export const navigate: Feature = {
  name: "navigate",
  install(bench) {
    standardViews(bench);
    lens(bench);
    const fly = flying(bench);
    const follow = following(bench);
    savedViews(bench);
    addressOfCamera(bench);
    bench.expose("cameraView", () => {
      const { rig, stage } = bench.viewport;
      return stage && { ...rig.save(stage.origin), flying: rig.fly.isOn, following: follow() };
    });
    bench.expose("setCameraView", (text: string) => {
      const { rig, stage } = bench.viewport;
      const view = readView(text);
      if (stage && view) rig.restore(view, stage.origin, false);
      return view !== null;
    });
    bench.viewport.rig.onFollow.add(fly);
  },
};

/** The box of the selection, or of all that is worth looking at. */
function subject(bench: Workbench): Parameters<Workbench["viewport"]["rig"]["standard"]>[0] | null {
  const { scene, stage, selectedPath } = bench;
  if (!scene || !stage) return null;
  const box = selectedPath === null ? stage.framing : stage.boxUnder(scene.nodeAt(selectedPath));
  return isEmpty(box) ? stage.framing : box;
}

function standardViews(bench: Workbench): void {
  for (const from of Object.keys(DIRECTIONS) as Direction[])
    bench.addCommand({
      id: `view.${from}`,
      title: `View from ${from === "top" ? "above" : from === "bottom" ? "below" : `the ${from}`}`,
      group: "View",
      keys: [KEYS[from]],
      run: () => {
        const box = subject(bench);
        const { rig, stage } = bench.viewport;
        rig.setFlying(false);
        if (box && stage) rig.standard(box, stage.origin, from, true);
      },
    });
}

function lens(bench: Workbench): void {
  const { rig } = bench.viewport;
  bench.addCommand({
    ...{ id: "view.orthographic", title: "Orthographic", group: "View", keys: ["Shift+O"] },
    pressed: () => rig.camera.isFlat,
    run: () => {
      rig.setFlying(false);
      rig.setFlat(!rig.camera.isFlat);
    },
  });
}

/** Returns what brings the badge up to date. */
function flying(bench: Workbench): () => void {
  const { rig } = bench.viewport;
  const badge = h(
    "button",
    { type: "button", class: "mode-badge", title: "W A S D: move, Q E: down and up, Shift: faster, drag: look, wheel: speed, Esc: end" },
    icon("fly"),
    "Flying",
  );
  badge.addEventListener("click", () => rig.setFlying(false));
  let remove: Undo | null = null;
  bench.addCommand({
    ...{ id: "view.fly", title: "Fly (W A S D, drag to look)", short: "Fly", group: "View", keys: ["Shift+W"] },
    pressed: () => rig.fly.isOn,
    run: () => rig.setFlying(!rig.fly.isOn),
  });
  return () => {
    if (rig.fly.isOn === (remove !== null)) return;
    if (remove) remove();
    remove = rig.fly.isOn ? bench.addBadge(badge, 5) : null;
  };
}

/** Returns who asks for the path that is followed. */
function following(bench: Workbench): () => string | null {
  let path: string | null = null;
  let last: [number, number, number] | null = null;
  let remove: Undo | null = null;
  const name = h("span");
  const badge = h("button", { type: "button", class: "mode-badge", title: "Stop following" }, icon("camera"), name);
  const stop = (): void => {
    path = null;
    remove?.();
    remove = null;
  };
  badge.addEventListener("click", stop);
  const place = (): [number, number, number] | null => {
    const node = path === null ? -1 : (bench.scene?.nodeAt(path) ?? -1);
    const world = bench.stage?.model.world;
    return node < 0 || !world ? null : [world[16 * node + 3], world[16 * node + 7], world[16 * node + 11]];
  };
  bench.addCommand({
    ...{ id: "view.follow", title: "Follow the selection", group: "View", keys: ["Shift+C"] },
    enabled: () => bench.selectedPath !== null || path !== null,
    pressed: () => path !== null,
    run: () => {
      const { scene, stage, viewport, selectedPath } = bench;
      if (path !== null || selectedPath === null || !scene || !stage) return stop();
      viewport.rig.setFlying(false);
      viewport.rig.release();
      path = selectedPath;
      last = place();
      const box = stage.boxUnder(scene.nodeAt(path));
      if (!isEmpty(box)) viewport.rig.aim(center(box), stage.origin);
      name.textContent = `Following ${path.slice(path.lastIndexOf("/") + 1)}`;
      remove ??= bench.addBadge(badge, 6);
    },
  });
  bench.onScene(() => (last = place()));
  bench.onFrame(() => {
    const now = place();
    if (path === null || !now) return;
    // The camera moves as much as the prim has moved since the last frame.
    if (last) bench.viewport.rig.shift(now, last);
    last = now;
  });
  return () => path;
}

function savedViews(bench: Workbench): void {
  const { rig } = bench.viewport;
  let views: NamedView[] = [];
  const key = (): string => `twinstage.views.${bench.scene?.json.stage.name ?? ""}`;
  const set = (next: NamedView[]): void => {
    views = next;
    list.show(views);
    bench.panelNote("views", views.length > 0 ? String(views.length) : "");
    try {
      window.localStorage.setItem(key(), JSON.stringify(writeViews(views)));
    } catch {
      // Without storage they last as long as the page.
    }
  };
  const save = (): string | null => {
    const { stage } = bench.viewport;
    if (!stage) return null;
    const name = freeName(views);
    set(withView(views, { ...rig.save(stage.origin), name }));
    return name;
  };
  const list = new ViewList({
    save: () => {
      const name = save();
      if (name !== null) list.edit(name);
    },
    go: (view) => {
      const { stage } = bench.viewport;
      if (stage) rig.restore(view, stage.origin, true);
    },
    rename: (view, name) => {
      const fresh = cleanName(name);
      set(withView(views.filter((one) => one !== view && one.name !== fresh), { ...view, name: fresh }));
    },
    remove: (view) => set(views.filter((one) => one !== view)),
  });
  list.show(views);
  bench.addPanel({ id: "views", title: "Views", side: "left", order: 30, element: list.element });
  let loaded = "";
  bench.onScene(() => {
    if (loaded === key()) return;
    loaded = key();
    try {
      const kept = JSON.parse(window.localStorage.getItem(key()) ?? '""') as unknown;
      const own = typeof kept === "string" ? readViews(kept) : [];
      // Those of the address, which come first, stay.
      if (own.length > 0) set(own.reduce((all, view) => (all.some((v) => v.name === view.name) ? all : withView(all, view)), views));
    } catch {
      // Damaged: begin anew.
    }
  });
  bench.addCommand({
    ...{ id: "view.save", title: "Save this view", group: "View", keys: ["Shift+V"] },
    run: () => {
      const name = save();
      if (name !== null) bench.notice("info", `Saved as ${name}.`);
    },
  });
  bench.addAddressPart({
    key: "views",
    read: () => (views.length > 0 ? writeViews(views) : null),
    restore: (text) => set(readViews(text).reduce(withView, views)),
  });
}

function addressOfCamera(bench: Workbench): void {
  const { rig } = bench.viewport;
  bench.addAddressPart({
    key: "camera",
    read: () => {
      const { stage } = bench.viewport;
      return stage && rig.following === null ? writeView(rig.save(stage.origin)) : null;
    },
    restore: (text) => {
      const { stage } = bench.viewport;
      const view = readView(text);
      if (stage && view) rig.restore(view, stage.origin, false);
      else if (!view) bench.notice("warning", "The view in the address cannot be read.");
    },
  });
}
