/**
 * Entry point: starts the viewer on this page, or says in one sentence why it cannot.
 *
 * `?quality=high` or `?quality=low` in the address pins what otherwise adapts to the machine.
 */
import { App } from "./app.ts";
import { Bench } from "./bench.ts";
import { FEATURES } from "./features/index.ts";
import { playbackBar } from "./features/recorded/playback-bar.ts";
import { makeHook, type TwinstageHook } from "./hook.ts";
import { showStatus } from "./shell/status.ts";
import { bindPointer } from "./ui/input.ts";
import { Overlay } from "./ui/overlay.ts";
import { chosenQuality } from "./view/quality.ts";
import { openEmbedded } from "./wire/recorded.ts";

declare global {
  interface Window {
    twinstage?: TwinstageHook;
  }
}

try {
  const recorded = await openEmbedded();
  if (recorded) window.fetch = recorded.fetch;
  const base = new URL(".", window.location.href).href;
  const app = new App(base, chosenQuality(window.location.search), recorded);
  const hook = makeHook(app, (path) => bench.dispatch({ type: "select", path }));
  const bench = new Bench(app, hook);
  const overlay = new Overlay();
  bindPointer(bench, overlay);
  showStatus(bench, overlay);
  bench.install(FEATURES);
  if (recorded) bench.addBar(playbackBar(recorded));
  window.twinstage = hook;
  app.start();
} catch (error) {
  const banner = document.getElementById("banner") as HTMLElement;
  banner.hidden = false;
  banner.dataset.level = "error";
  banner.textContent = `The 3D view cannot start: ${error instanceof Error ? error.message : String(error)}. WebGL 2 is needed.`;
  throw error;
}
