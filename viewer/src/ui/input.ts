/** Pointer and keys: click selects, double click frames, hover highlights, shortcuts for views and panels. */
import type { App } from "../app.ts";
import { nameOf } from "../core/tree-model.ts";
import { byId, icon, type IconName } from "./dom.ts";

/** A press that moves further than this is a drag [px]. */
const CLICK_PX = 5;

export function bindInput(app: App): void {
  bindPointer(app, byId<HTMLCanvasElement>("canvas"));
  bindTools(app);
  bindPanels();
  document.addEventListener("keydown", (event) => shortcut(app, event));
}

function bindPointer(app: App, canvas: HTMLCanvasElement): void {
  let down: [number, number] | null = null;
  let hovering = 0;
  canvas.addEventListener(
    "pointerdown",
    (event) => (down = event.button === 0 ? [event.clientX, event.clientY] : null),
  );
  canvas.addEventListener("pointerup", (event) => {
    if (down && Math.hypot(event.clientX - down[0], event.clientY - down[1]) < CLICK_PX)
      app.selectNode(app.nodeAt(event.clientX, event.clientY));
    down = null;
  });
  canvas.addEventListener("dblclick", () => app.frameSelection());
  canvas.addEventListener("pointermove", (event) => {
    window.clearTimeout(hovering);
    if (event.buttons !== 0 || event.pointerType === "touch") return clearHover(app);
    hovering = window.setTimeout(() => hover(app, event), app.viewport.canHover ? 30 : 180);
  });
  canvas.addEventListener("pointerleave", () => {
    window.clearTimeout(hovering);
    clearHover(app);
  });
}

function hover(app: App, event: PointerEvent): void {
  const node = app.nodeAt(event.clientX, event.clientY);
  const { stage } = app.viewport;
  if (node < 0 || !stage || !app.scene) return clearHover(app);
  const box = byId("canvas").getBoundingClientRect();
  app.viewport.setHover(node === app.selected ? [] : stage.instancesUnder(node));
  const parent = app.scene.json.nodes.parent[app.scene.primOf(node)];
  const context = parent >= 0 ? `${nameOf(app.scene.nodePath(parent))} / ` : "";
  app.overlay.setHint(context + nameOf(app.scene.nodePath(node)), event.clientX - box.left, event.clientY - box.top);
}

function clearHover(app: App): void {
  app.overlay.setHint("", 0, 0);
  app.viewport.setHover([]);
}

function bindTools(app: App): void {
  const tool = (id: string, name: IconName, label: string, run: () => void): void => {
    const button = byId(id);
    button.append(icon(name), label);
    button.addEventListener("click", run);
  };
  tool("tool-home", "home", "Home", () => app.viewport.home(true));
  tool("tool-frame", "frame", "Frame", () => app.frameSelection());
  tool("tool-grid", "grid", "Grid", () => toggleGrid(app));
}

function toggleGrid(app: App): void {
  const { ground } = app.viewport;
  ground.visible = !ground.visible;
  byId("tool-grid").setAttribute("aria-pressed", String(ground.visible));
  app.viewport.invalidate();
}

/** On narrow screens the panels slide over the picture, one at a time. */
function bindPanels(): void {
  const sides = [
    ["toggle-tree", "left", "menu"],
    ["toggle-inspector", "right", "info"],
  ] as const;
  for (const [id, side, name] of sides) {
    byId(id).append(icon(name));
    byId(id).addEventListener("click", () => {
      const open = byId("app").dataset.open === side ? "" : side;
      byId("app").dataset.open = open;
      for (const [other, otherSide] of sides) byId(other).setAttribute("aria-expanded", String(open === otherSide));
    });
  }
}

function shortcut(app: App, event: KeyboardEvent): void {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const typing = event.target instanceof HTMLInputElement;
  if (typing) return;
  const key = event.key.toLowerCase();
  if (key === "f") app.frameSelection();
  else if (key === "h") app.viewport.home(true);
  else if (key === "g") toggleGrid(app);
  else if (key === "/") app.tree.focusSearch();
  else if (key === "escape") app.selectNode(-1);
  else if (/^[0-9]$/.test(key)) app.useCamera(Number(key) - 1);
  else return;
  event.preventDefault();
}
