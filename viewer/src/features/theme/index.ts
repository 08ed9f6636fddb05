/** Dark, light, or what the system has. Kept with the layout; part of the address where it is not the usual one. */
import type { Theme } from "../../core/ui-state.ts";
import { START } from "../../core/ui-state.ts";
import type { Feature } from "../../workbench.ts";

const THEMES: readonly Theme[] = ["dark", "light", "system"];
const NAMES: Readonly<Record<Theme, string>> = { dark: "Dark theme", light: "Light theme", system: "Theme of the system" };

export const theme: Feature = {
  name: "theme",
  install(bench) {
    const light = window.matchMedia("(prefers-color-scheme: light)");
    const show = (): void => {
      const chosen = bench.state.theme;
      const shown = chosen === "system" ? (light.matches ? "light" : "dark") : chosen;
      document.documentElement.dataset.theme = shown;
    };
    bench.watch((state) => state.theme, show);
    light.addEventListener("change", show);
    for (const one of THEMES)
      bench.addCommand({
        ...{ id: `theme.${one}`, title: NAMES[one], group: "View" },
        pressed: () => bench.state.theme === one,
        run: () => bench.dispatch({ type: "theme", theme: one }),
      });
    bench.addCommand({
      ...{ id: "theme.switch", title: "Light or dark", short: "Theme", group: "View", keys: ["Shift+D"] },
      run: () =>
        bench.dispatch({ type: "theme", theme: document.documentElement.dataset.theme === "light" ? "dark" : "light" }),
    });
    bench.addTool("theme.switch", "sun", 910);
    bench.addAddressPart({
      key: "theme",
      read: () => (bench.state.theme === START.theme ? null : bench.state.theme),
      restore: (text) => {
        const found = THEMES.find((one) => one === text);
        if (found) bench.dispatch({ type: "theme", theme: found });
      },
    });
  },
};
