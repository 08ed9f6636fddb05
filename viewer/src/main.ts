/**
 * Entry point: starts the viewer on this page, or says in one sentence why it cannot.
 *
 * `?quality=high` or `?quality=low` in the address pins what otherwise adapts to the machine.
 */
import { App } from "./app.ts";
import { Bench } from "./bench.ts";
import { meter } from "./core/meter.ts";
import { Door } from "./embed/door.ts";
import { featuresFor } from "./embed/features-for.ts";
import { Frame } from "./embed/frame.ts";
import { FEATURES } from "./features/index.ts";
import { playbackBar } from "./features/recorded/playback-bar.ts";
import { makeHook, type TwinstageHook } from "./hook.ts";
import { layNarrow } from "./shell/narrow.ts";
import { showLinkQuality } from "./shell/link-panel.ts";
import { showPageState } from "./shell/page-state.ts";
import { arrived, comeBack } from "./shell/sign-in.ts";
import { showStatus } from "./shell/status.ts";
import { bindAim } from "./ui/aim.ts";
import { bindPointer } from "./ui/input.ts";
import { Overlay } from "./ui/overlay.ts";
import { chosenQuality } from "./view/quality.ts";
import { cannotStart } from "./shell/cannot-start.ts";
import { openEmbedded } from "./wire/recorded.ts";

declare global {
  interface Window {
    twinstage?: TwinstageHook;
  }
}

try {
  // Before anything is waited for: the page around may speak at once.
  const door = Door.here();
  const recorded = await openEmbedded();
  if (recorded) window.fetch = recorded.fetch;
  const base = new URL(".", window.location.href).href;
  await door?.admitted();
  if (!door) comeBack();
  const app = new App(base, chosenQuality(window.location.search), recorded, door?.open);
  const hook = makeHook(app, (path) => bench.dispatch({ type: "select", path }));
  const bench = new Bench(app, hook, door?.panels);
  const overlay = new Overlay();
  bindPointer(bench, overlay);
  bindAim(bench);
  showStatus(bench, overlay);
  showPageState(bench);
  layNarrow(bench);
  bench.install(door ? featuresFor(door.panels, FEATURES) : FEATURES);
  if (door) new Frame(bench, door);
  showLinkQuality(bench);
  app.on.scene.add(arrived);
  const { commands } = bench;
  bench.expose("commands", () =>
    commands.all().map(({ id, title, keys = [], enabled }) => ({ id, title, keys, enabled: enabled?.() ?? true })),
  );
  bench.expose("run", (id: string) => bench.runCommand(id));
  bench.expose("work", app.work);
  // For tests and pictures: the connection breaks as if the network had.
  bench.expose("test", { drop: () => app.link.drop(), meter });
  if (recorded) bench.addBar(playbackBar(recorded));
  window.twinstage = hook;
  document.getElementById("app")?.setAttribute("data-started", "true");
  app.start();
} catch (error) {
  cannotStart(error);
  throw error;
}
