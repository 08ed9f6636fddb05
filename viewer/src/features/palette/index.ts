/** Everything by keyboard: the palette (Ctrl+K), the list of keys (?), ways to each part of the page. */
import { h } from "../../ui/dom.ts";
import { modal } from "../../ui/modal.ts";
import type { Command, Feature, Workbench } from "../../workbench.ts";
import { chord, Palette } from "./palette.ts";

const GROUPS = ["View", "Scene", "Time", "Alarms", "Charts", "Edit", "Panels", "Help"];

export const palette: Feature = {
  name: "palette",
  install(bench) {
    const window = new Palette(bench);
    bench.addCommand({
      ...{ id: "help.palette", title: "Commands", group: "Help", keys: ["Ctrl+K", "Ctrl+Shift+P"] },
      run: () => window.open(),
    });
    bench.addCommand({
      ...{ id: "help.keys", title: "List of keys", group: "Help", keys: ["?"] },
      run: () => showKeys(bench),
    });
    bench.addCommand({
      ...{ id: "view.focus", title: "Go to the picture", group: "View", keys: ["Ctrl+1"] },
      run: () => document.getElementById("canvas")?.focus(),
    });
    bench.addCommand({
      ...{ id: "panel.next", title: "Go to the next part of the page", group: "Panels", keys: ["F6"] },
      run: () => goOn(1),
    });
    bench.addCommand({
      ...{ id: "panel.previous", title: "Go to the previous part of the page", group: "Panels", keys: ["Shift+F6"] },
      run: () => goOn(-1),
    });
    bench.addTool("help.palette", "search", 900);
  },
};

/** Made when it is asked for: what can be done changes. */
function showKeys(bench: Workbench): void {
  const groups = new Map<string, Command[]>();
  for (const command of bench.commands.all())
    if (command.keys?.length) groups.set(command.group, [...(groups.get(command.group) ?? []), command]);
  const place = (group: string): number => (GROUPS.indexOf(group) + GROUPS.length + 1) % (GROUPS.length + 1);
  const sections = [...groups]
    .sort(([a], [b]) => place(a) - place(b))
    .map(([group, commands]) =>
      h(
        "section",
        { class: "keys-group" },
        h("h3", {}, group),
        h(
          "dl",
          {},
          ...commands.flatMap((command) => [
            h("dt", {}, ...(command.keys ?? []).map(chord)),
            h("dd", {}, command.title),
          ]),
        ),
      ),
    );
  const dialog = modal("Keys", "keys-list", h("div", { class: "keys-groups", tabindex: "0" }, ...sections));
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

/** The focus goes to the next part that is seen, as F6 does in most programs. */
function goOn(step: 1 | -1): void {
  const parts = ["tools", "dock-left", "canvas", "bars", "dock-bottom", "dock-right", "link"]
    .map((id) => document.getElementById(id))
    .filter((part): part is HTMLElement => part !== null && part.offsetParent !== null);
  const at = parts.findIndex((part) => part.contains(document.activeElement));
  for (let k = 1; k <= parts.length; k++) {
    const part = parts[(at + step * k + parts.length * 2) % parts.length];
    const stop = part.matches("canvas, button") ? part : part.querySelector<HTMLElement>("[tabindex='0'], button:not([tabindex='-1'])");
    if (!stop) continue;
    stop.focus();
    if (part.contains(document.activeElement)) return;
  }
}
