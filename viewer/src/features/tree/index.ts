/** The scene's tree: search, filters, what this viewer shows, and how one gets from a pick to a prim. */
import { asideOf, shownNodes } from "../../core/shown.ts";
import { type MenuEntry, openMenu } from "../../ui/menu.ts";
import type { Feature, Workbench } from "../../workbench.ts";
import { pathAt, bindPickUp } from "./pick-up.ts";
import { TreePanel } from "./tree-panel.ts";

export const tree: Feature = { name: "tree", install };

function install(bench: Workbench): void {
  const menu = (node: number, x: number, y: number): void => {
    const path = bench.scene?.nodePath(node);
    if (path) openMenu(entries(bench, panel, node, path), x, y, `Actions for ${path}`);
  };
  const panel: TreePanel = new TreePanel(bench, menu, () => bench.runCommand("view.frame"));
  bench.addPanel({
    id: "tree",
    title: "Scene",
    side: "left",
    order: 10,
    element: panel.element,
    refresh: () => panel.refresh(),
  });
  const dress = (): void => {
    const { stage, scene, state } = bench;
    if (!stage || !scene) return;
    stage.appearance.setAside(
      asideOf(shownNodes(state.hidden, state.isolated, (path) => scene.nodeAt(path)), scene.treeParent),
    );
    bench.viewport.invalidate();
  };
  bench.onScene((scene) => {
    panel.setScene(scene);
    dress();
  });
  bench.watch((state) => state.hidden, dress);
  bench.watch((state) => state.isolated, dress);
  addCommands(bench, panel);
  addAddress(bench);
  bindMenu(bench, menu);
  bench.expose("shownPaths", () => shownPaths(bench));
}

function addCommands(bench: Workbench, panel: TreePanel): void {
  const going = bindPickUp(bench);
  const any = (): boolean => bench.state.selected !== null;
  const add = (id: string, title: string, keys: string[], run: () => void, enabled?: () => boolean): void => {
    bench.addCommand({ id, title, group: "Scene", keys, run, ...(enabled ? { enabled } : {}) });
  };
  add("scene.search", "Search prims", ["/"], () => {
    bench.openPanel("tree");
    panel.focusSearch();
  });
  add("scene.hide", "Hide or show the selection in this viewer", ["V"], () => toggleHidden(bench), any);
  add("scene.isolate", "Show only the selection, or all again", ["I"], () => toggleIsolated(bench), () => any() || bench.state.isolated !== null);
  add("scene.showAll", "Show all that was hidden here", ["Shift+I"], () => bench.dispatch({ type: "showAll" }));
  add("scene.parent", "Select the parent (also Alt and click)", ["U"], going.up, any);
  add("scene.child", "Select back towards what was picked", ["Alt+U"], going.down, any);
  add("scene.expandAll", "Expand the whole tree", [], () => panel.expandAll());
  add("scene.collapseAll", "Collapse the whole tree", [], () => panel.collapseAll());
}

function toggleHidden(bench: Workbench): void {
  const { selected: path, hidden } = bench.state;
  if (path !== null) bench.dispatch({ type: "hide", path, hidden: !hidden.has(path) });
}

function toggleIsolated(bench: Workbench): void {
  const { selected, isolated } = bench.state;
  bench.dispatch({ type: "isolate", path: isolated === null ? selected : null });
}

function entries(bench: Workbench, panel: TreePanel, node: number, path: string): MenuEntry[] {
  const { hidden, isolated } = bench.state;
  const open = (id: string): void => {
    bench.dispatch({ type: "select", path });
    bench.openPanel(id);
  };
  const isPoint = node >= (bench.scene?.primCount ?? 0);
  const expanded = panel.isOpen(node);
  return [
    { title: "Select", run: () => bench.dispatch({ type: "select", path }) },
    {
      title: "Frame",
      key: "F",
      run: () => {
        bench.dispatch({ type: "select", path });
        bench.runCommand("view.frame");
      },
    },
    null,
    {
      title: hidden.has(path) ? "Show here" : "Hide here",
      key: "V",
      run: () => bench.dispatch({ type: "hide", path, hidden: !hidden.has(path) }),
    },
    isolated === path
      ? { title: "Show everything else again", key: "I", run: () => bench.dispatch({ type: "isolate", path: null }) }
      : { title: "Show only this", key: "I", run: () => bench.dispatch({ type: "isolate", path }) },
    { title: "Show all", key: "Shift+I", run: () => bench.dispatch({ type: "showAll" }) },
    null,
    ...(isPoint
      ? []
      : [{ title: expanded ? "Collapse below" : "Expand below", key: expanded ? "" : "*", run: () => panel.expandBelow(node, !expanded) }]),
    { title: "Copy path", run: () => void copy(bench, path) },
    null,
    { title: "Properties", run: () => open("properties") },
    { title: "Bind a signal", run: () => open("bind") },
    {
      title: "Predict 2 s ahead",
      key: "Alt+P",
      run: () => {
        bench.dispatch({ type: "select", path });
        bench.runCommand("predict.2");
      },
    },
  ];
}

async function copy(bench: Workbench, text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    bench.notice("info", `Copied ${text}`);
  } catch {
    bench.notice("warning", "The browser does not allow this page to copy.");
  }
}

/** Hidden and isolated prims are part of a link. */
function addAddress(bench: Workbench): void {
  bench.addAddressPart({
    key: "hidden",
    read: () => (bench.state.hidden.size === 0 ? null : [...bench.state.hidden].join(",")),
    restore: (text) => {
      for (const path of text.split(",").filter(Boolean)) bench.dispatch({ type: "hide", path, hidden: true });
    },
  });
  bench.addAddressPart({
    key: "only",
    read: () => bench.state.isolated,
    restore: (path) => bench.dispatch({ type: "isolate", path }),
  });
}

/**
 * A right click that is no drag opens the menu of what lies there. Some systems ask for a menu when the button goes down, when a drag
 * may still come of it: then it waits until the button is up.
 */
function bindMenu(bench: Workbench, menu: (node: number, x: number, y: number) => void): void {
  const canvas = document.getElementById("canvas") as HTMLElement;
  let down: [number, number] = [0, 0];
  let [held, asked] = [false, false];
  const open = ({ clientX, clientY }: MouseEvent): void => {
    if (Math.hypot(clientX - down[0], clientY - down[1]) > 5) return;
    const path = pathAt(bench, clientX, clientY);
    if (path !== null) menu(bench.scene?.nodeAt(path) ?? -1, clientX, clientY);
  };
  canvas.addEventListener("pointerdown", (event) => {
    down = [event.clientX, event.clientY];
    [held, asked] = [event.pointerType === "mouse" && event.button === 2, false];
  });
  canvas.addEventListener("contextmenu", (event) => {
    event.preventDefault();
    if (held) asked = true;
    else open(event);
  });
  canvas.addEventListener("pointerup", (event) => {
    if (held && asked) open(event);
    [held, asked] = [false, false];
  });
}

/** Paths of all instances that this viewer draws now, for tests. */
function shownPaths(bench: Workbench): string[] {
  const { scene, stage } = bench;
  if (!scene || !stage) return [];
  const { node, prim, point, count } = scene.instances;
  const paths: string[] = [];
  for (let k = 0; k < count; k++) {
    const drawn = stage.drawing(k);
    if (drawn?.batch.isVisible(drawn.row)) paths.push(scene.nodePath(point[k] >= 0 ? node[k] : prim[k]));
  }
  return paths;
}
