/**
 * Clicks of a tool without a pointer: while a tool waits for one and the picture has the keyboard, a cross stands in its middle,
 * and Enter clicks there. Arrow keys move the picture below it.
 */
import type { Bench } from "../bench.ts";
import { byId, h } from "./dom.ts";

export function bindAim(bench: Bench): void {
  const canvas = byId<HTMLCanvasElement>("canvas");
  const { viewport } = bench;
  const cross = h("div", { class: "aim", "aria-hidden": "true", hidden: "" });
  byId("picture").append(cross);
  const waits = (): boolean => viewport.onClick !== null && document.activeElement === canvas;
  const show = (): void => {
    cross.hidden = !waits() || !canvas.matches(":focus-visible");
  };
  bench.addCommand({
    ...{ id: "view.take", title: "What is under the cross", group: "View", keys: ["Enter"] },
    enabled: waits,
    run: () => {
      const box = canvas.getBoundingClientRect();
      const [x, y] = [box.left + box.width / 2, box.top + box.height / 2];
      viewport.onClick?.(viewport.hit(x, y), x, y);
      show();
    },
  });
  for (const name of ["focus", "blur", "keydown"]) canvas.addEventListener(name, show);
  bench.onFrame(show);
}
