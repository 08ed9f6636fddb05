/**
 * `window.twinstage`: what tests and scripts may rely on. Everything else in the page may change.
 *
 * ready       the scene, all geometry and the newest state are on screen
 * epoch       of the server whose state is shown, or null
 * worldOf     world_from_prim [m], 16 numbers row-major, as last received (not interpolated); null for an unknown path
 * select      selects a prim by path; null clears; false for an unknown path
 * pickAt      path under a point of the window (clientX, clientY), "/Cell/Parcels[3]" for a point instance; or null
 * selected    path of the selection, or null
 * values      {signal id: {value (SI), eventMs, quality}} of all signals that have a value
 * link        "live", or why not: "down", "greeting", "loading" (the scene), "ended"
 * stats       {seq, attempts, rtt [ms], ticksPerSecond, framesPerSecond, frames}
 */
import type { App } from "./app.ts";
import type { Phase } from "./wire/session.ts";

export interface TwinstageHook {
  readonly ready: boolean;
  readonly epoch: string | null;
  readonly selected: string | null;
  readonly values: Record<string, { value: number; eventMs: number; quality: number }>;
  readonly link: Phase;
  readonly stats: {
    seq: number;
    attempts: number;
    rtt: number;
    ticksPerSecond: number;
    framesPerSecond: number;
    frames: number;
  };
  worldOf(path: string): number[] | null;
  select(path: string | null): boolean;
  pickAt(x: number, y: number): string | null;
}

export function makeHook(app: App): TwinstageHook {
  return {
    get ready() {
      return app.ready;
    },
    get epoch() {
      return app.link.session.epoch;
    },
    get selected() {
      return app.selectedPath;
    },
    get values() {
      const { store } = app;
      const seen = store.signals.map((_, i) => i).filter((i) => store.seen[i]);
      return Object.fromEntries(
        seen.map((i) => [
          store.signals[i].id,
          { value: store.value[i], eventMs: store.eventMs[i], quality: store.quality[i] },
        ]),
      );
    },
    get link() {
      return app.link.session.phase;
    },
    get stats() {
      const { session, attempts, clock } = app.link;
      const now = performance.now();
      return {
        seq: session.seq,
        attempts,
        rtt: clock.rtt,
        ticksPerSecond: app.tickRate.perSecond(now),
        framesPerSecond: app.frameRate.perSecond(now),
        frames: app.viewport.frames,
      };
    },
    worldOf: (path) => app.worldOf(path),
    select: (path) => app.select(path),
    pickAt: (x, y) => {
      const node = app.nodeAt(x, y);
      return node < 0 || !app.scene ? null : app.scene.nodePath(node);
    },
  };
}
