/** Phones and small tablets: the sides lie over the picture, one at a time, and are closed to begin with. */
import type { Bench } from "../bench.ts";
import { byId, h, icon } from "../ui/dom.ts";

export const NARROW = "(max-width: 800px)";

export function layNarrow(bench: Bench): void {
  const narrow = window.matchMedia(NARROW);
  const buttons = ([["left", "menu", "Left panels"], ["right", "info", "Right panels"]] as const).map(([side, name, label]) => {
    const button = h("button", {
      ...{ type: "button", id: `toggle-${side}`, class: "tool narrow-only" },
      ...{ "aria-label": label, "aria-controls": `dock-${side}`, "aria-expanded": "false" },
    });
    button.append(icon(name));
    let last: string | null = bench.state.open[side];
    bench.watch(
      (state) => state.open[side],
      (open) => {
        last = open ?? last;
        button.setAttribute("aria-expanded", String(open !== null));
        // One at a time.
        const other = side === "left" ? "right" : "left";
        if (narrow.matches && open !== null) bench.dispatch({ type: "open", side: other, panel: null });
      },
    );
    button.addEventListener("click", () => {
      const first = bench.docks.panels().find((panel) => panel.side === side)?.id ?? null;
      const known = bench.docks.find(last ?? "")?.side === side ? last : first;
      bench.dispatch({ type: "open", side, panel: bench.state.open[side] === null ? known : null });
    });
    return button;
  });
  const bar = document.querySelector(".bar");
  bar?.prepend(buttons[0]);
  bar?.append(buttons[1]);
  const veil = h("div", { class: "veil", "aria-hidden": "true" });
  veil.addEventListener("click", () => closeSides(bench));
  byId("app").append(veil);
  bench.addCommand({
    ...{ id: "panel.close", title: "Close the panel over the picture", group: "Panels", keys: ["Escape"] },
    enabled: () => narrow.matches && (bench.state.open.left !== null || bench.state.open.right !== null),
    run: () => {
      const side = bench.state.open.left === null ? 1 : 0;
      closeSides(bench);
      buttons[side].focus();
    },
  });

  let wide = bench.state.open;
  const enter = (): void => {
    if (narrow.matches) {
      wide = bench.state.open;
      bench.dispatch({ type: "restore", state: { open: { left: null, right: null, bottom: null } } });
    } else bench.dispatch({ type: "restore", state: { open: wide } });
  };
  narrow.addEventListener("change", enter);
  if (narrow.matches) enter();
}

function closeSides(bench: Bench): void {
  bench.dispatch({ type: "open", side: "left", panel: null });
  bench.dispatch({ type: "open", side: "right", panel: null });
}
