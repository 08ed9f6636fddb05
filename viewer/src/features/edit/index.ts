/** Changing the twin by hand: handles, bindings, and the journal of edits with undo. */
import { deskOf } from "../../edit/desk.ts";
import type { Feature, Workbench } from "../../workbench.ts";
import { BindPanel } from "./bind-panel.ts";
import { Gizmo, type Mode } from "./gizmo.ts";
import { JournalPanel } from "./journal-panel.ts";
import { MoveBar } from "./move-bar.ts";

export const edit: Feature = { name: "edit", install };

function install(bench: Workbench): void {
  const bar = new MoveBar();
  const gizmo = new Gizmo(bench, (now) => bar.draw(now));
  bar.bind(gizmo);
  document.querySelector(".picture")?.append(bar.element);
  const bind = new BindPanel(bench);
  bench.addPanel({
    ...{ id: "bind", title: "Bind", side: "right", order: 20, element: bind.element },
    refresh: (nowMs) => bind.refresh(nowMs),
    shown: (visible) => bind.shown(visible),
  });
  const journal = new JournalPanel(bench, new URL(".", document.baseURI).href);
  bench.addPanel({
    ...{ id: "edits", title: "Edits", side: "right", order: 30, element: journal.element },
    shown: (visible) => journal.shown(visible),
  });
  addCommands(bench, gizmo);
  const desk = deskOf(bench);
  desk.watch(() => bench.panelNote("edits", desk.pending > 0 ? "…" : ""));
  bench.expose("gizmo", {
    get mode() {
      return gizmo.mode;
    },
    handleAt: (axis: "X" | "Y" | "Z") => gizmo.handleAt(axis),
  });
  bench.expose("shownWorldOf", (path: string) => {
    const node = bench.scene?.nodeAt(path) ?? -1;
    return node < 0 || !bench.stage ? null : [...bench.stage.model.world.subarray(node * 16, node * 16 + 16)];
  });
}

function addCommands(bench: Workbench, gizmo: Gizmo): void {
  const desk = deskOf(bench);
  const say = async (answering: ReturnType<typeof desk.undo>, done: string): Promise<void> => {
    const answer = await answering;
    if (answer.ok) bench.notice("info", done);
  };
  // In a field these keys are the field's own.
  const free = (): boolean => !(document.activeElement instanceof HTMLElement && document.activeElement.matches("input, textarea, select"));
  const undo = (run: () => void) => ({ group: "Edit", enabled: free, run });
  bench.addCommand({ id: "edit.undo", title: "Undo your newest edit", keys: ["Ctrl+Z"], ...undo(() => void say(desk.undo(), "Taken back.")) });
  bench.addCommand({ id: "edit.redo", title: "Redo", keys: ["Ctrl+Shift+Z", "Ctrl+Y"], ...undo(() => void say(desk.redo(), "Done again.")) });
  const modes: [Mode, string, string][] = [
    ["translate", "Move the selection", "T"],
    ["rotate", "Turn the selection", "R"],
    ["scale", "Scale the selection", "Y"],
  ];
  for (const [mode, title, key] of modes)
    bench.addCommand({
      ...{ id: `edit.${mode}`, title, group: "Edit", keys: [key] },
      pressed: () => gizmo.mode === mode,
      run: () => gizmo.setMode(mode),
    });
  bench.addCommand({
    ...{ id: "edit.space", title: "Handles along the world's or the prim's axes", group: "Edit", keys: ["X"] },
    enabled: () => gizmo.mode !== null,
    run: () => gizmo.setSpace(gizmo.space === "world" ? "local" : "world"),
  });
  bench.addCommand({
    ...{ id: "edit.snap", title: "Snap to steps", group: "Edit", keys: ["Shift+K"] },
    pressed: () => gizmo.snap,
    run: () => gizmo.setSnap(!gizmo.snap),
  });
  bench.addCommand({
    ...{ id: "edit.bind", title: "Bind a signal to the selection", group: "Edit", keys: ["Shift+B"] },
    enabled: () => bench.state.selected !== null,
    run: () => bench.openPanel("bind"),
  });
}
