/**
 * Entry point: starts the viewer on this page, or says in one sentence why it cannot.
 *
 * `?quality=high` or `?quality=low` in the address pins what otherwise adapts to the machine.
 */
import { App } from "./app.ts";
import { chosenQuality } from "./view/quality.ts";
import { addPlaybackBar } from "./ui/playback-bar.ts";
import { openEmbedded } from "./wire/recorded.ts";
import { makeHook, type TwinstageHook } from "./hook.ts";

declare global {
  interface Window {
    twinstage?: TwinstageHook;
  }
}

try {
  const recorded = await openEmbedded();
  if (recorded) window.fetch = recorded.fetch;
  const base = new URL(".", window.location.href).href;
  window.twinstage = makeHook(new App(base, chosenQuality(window.location.search), recorded));
  if (recorded) addPlaybackBar(recorded);
} catch (error) {
  const banner = document.getElementById("banner") as HTMLElement;
  banner.hidden = false;
  banner.dataset.level = "error";
  banner.textContent = `The 3D view cannot start: ${error instanceof Error ? error.message : String(error)}. WebGL 2 is needed.`;
  throw error;
}
