/** What is known about the selection, or about the scene where nothing is selected. */
import type { Feature } from "../../workbench.ts";
import { PropertiesPanel } from "./panel.ts";

export const properties: Feature = {
  name: "properties",
  install(bench) {
    const panel = new PropertiesPanel(bench);
    bench.addPanel({
      id: "properties",
      title: "Properties",
      side: "right",
      order: 10,
      element: panel.element,
      refresh: (nowMs) => panel.refresh(nowMs),
    });
    bench.onScene(() => panel.show());
    bench.watch(
      (state) => state.selected,
      () => panel.show(),
    );
    bench.expose("properties", () => panel.asJson(bench.state.selected ?? ""));
  },
};
