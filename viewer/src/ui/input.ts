/** The pointer over the picture: a click selects, a double click frames, hovering highlights. */
import type { Bench } from "../bench.ts";
import { nameOf } from "../core/paths.ts";
import { byId } from "./dom.ts";
import type { Overlay } from "./overlay.ts";

/** A press that moves further than this is a drag [px]. */
const CLICK_PX = 5;

export function bindPointer(bench: Bench, overlay: Overlay): void {
  const canvas = byId<HTMLCanvasElement>("canvas");
  const { app } = bench;
  let down: [number, number] | null = null;
  let hovering = 0;
  const clear = (): void => {
    overlay.setHint("", 0, 0);
    app.viewport.setHover([]);
  };
  canvas.addEventListener(
    "pointerdown",
    (event) => (down = event.button === 0 ? [event.clientX, event.clientY] : null),
  );
  canvas.addEventListener("pointerup", (event) => {
    if (down && Math.hypot(event.clientX - down[0], event.clientY - down[1]) < CLICK_PX) {
      const { clientX, clientY } = event;
      const { onClick } = app.viewport;
      if (onClick) onClick(app.viewport.hit(clientX, clientY), clientX, clientY);
      else {
        const path = app.pathAt(clientX, clientY);
        bench.dispatch({ type: "select", path });
        app.on.click.call(path, app.placeAt(clientX, clientY));
      }
    }
    down = null;
  });
  canvas.addEventListener("dblclick", () => bench.runCommand("view.frame"));
  canvas.addEventListener("pointermove", (event) => {
    window.clearTimeout(hovering);
    if (event.buttons !== 0 || event.pointerType === "touch") return clear();
    hovering = window.setTimeout(
      () => {
        if (!hover(bench, overlay, event)) clear();
      },
      app.viewport.canHover ? 30 : 180,
    );
  });
  canvas.addEventListener("pointerleave", () => {
    window.clearTimeout(hovering);
    clear();
  });
}

function hover({ app }: Bench, overlay: Overlay, event: PointerEvent): boolean {
  const node = app.nodeAt(event.clientX, event.clientY);
  const { stage } = app.viewport;
  if (node < 0 || !stage || !app.scene) return false;
  const box = byId("canvas").getBoundingClientRect();
  app.viewport.setHover(node === app.selected ? [] : stage.instancesUnder(node));
  const parent = app.scene.json.nodes.parent[app.scene.primOf(node)];
  const context = parent >= 0 ? `${nameOf(app.scene.nodePath(parent))} / ` : "";
  overlay.setHint(context + nameOf(app.scene.nodePath(node)), event.clientX - box.left, event.clientY - box.top);
  return true;
}
