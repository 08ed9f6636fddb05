/** What the shell shows of link and picture: lamp, figures, loading bar, axes. */
import type { App } from "../app.ts";
import type { Bench } from "../bench.ts";
import { byId, setText } from "../ui/dom.ts";
import type { Overlay } from "../ui/overlay.ts";
import { StatusBar } from "../ui/status-bar.ts";
import { figuresOf } from "../ui/status-figures.ts";

const REFRESH_MS = 125;

export function showStatus(bench: Bench, overlay: Overlay): void {
  const { app } = bench;
  const bar = new StatusBar();
  const refresh = (): void => {
    if (document.hidden) return;
    const figures = figuresOf(app, performance.now());
    bar.refresh(figures);
  };
  app.on.link.add(refresh);
  app.on.stage.add((stage) => overlay.setProgress(stage.loaded, stage.total));
  app.on.drawn.add(() => overlay.drawAxes(app.viewport.rig.camera));
  app.on.broken.add((reason) => {
    if (reason !== null && !app.scene) setText(byId("stage-name"), "no scene");
  });
  app.on.scene.add((scene) => {
    setText(byId("stage-name"), scene.json.stage.name);
    document.title = `${scene.json.stage.name} – Twinstage`;
  });
  watchDriver(app, bench);
  window.setInterval(refresh, REFRESH_MS);
}

function watchDriver(app: App, bench: Bench): void {
  app.viewport.renderer.domElement.addEventListener("webglcontextlost", () =>
    bench.notice("error", "The graphics driver dropped the picture. Reload the page."),
  );
}
