/**
 * `window.twinstage`: what tests and scripts may rely on. Everything else in the page may change.
 *
 * ready       the scene, all geometry and the newest state are on screen, with materials, environment and shadows
 * readyMs     when the first picture of all geometry was on screen, in plain light and colours [ms since the navigation]; 0: not yet
 * completeMs  when the picture was complete
 * epoch       of the server whose state is shown, or null
 * worldOf     world_from_prim [m], 16 numbers row-major, as last received (not interpolated); null for an unknown path
 * select      selects a prim by path; null clears; false for an unknown path
 * pickAt      path under a point of the window (clientX, clientY), "/Cell/Parcels[3]" for a point instance; or null
 * selected    path of the selection, or null
 * values      {signal id: {value (SI), eventMs, quality}} of all signals that have a value
 * link        "live", or why not: "down", "greeting", "loading" (the scene), "ended"
 * stats       {seq, attempts, rtt [ms], latency [ms, made at the server to shown here], hz (the server's rate, 0 unknown),
 *              ticksPerSecond, framesPerSecond, frames}
 * wire        {caps, ticks, keyframes, deltaRows, inflated (compressed bodies), unknownFrames, unknownMessages, resyncs,
 *              digestsChecked, digestsWrong}: totals of the stream
 * interest    restricts what comes: {prims: [path globs], labels, signals: [id globs], view}; null for everything
 * rate        asks for at most so many ticks a second; null for all
 * recorded    the recording in the page: {seconds, position [s], playing, loop, speed, play(), pause(), seek(s)}; else null
 * verify      asks the server for its digest, which is compared with what is held (wire.digestsChecked then grows)
 */
import type { App } from "./app.ts";
import type { Recorded } from "./wire/recorded.ts";
import type { Interest, Phase } from "./wire/session.ts";

export interface TwinstageHook {
  readonly recorded: Recorded | null;
  readonly ready: boolean;
  readonly readyMs: number;
  readonly completeMs: number;
  readonly epoch: string | null;
  readonly selected: string | null;
  readonly values: Record<string, { value: number | string; eventMs: number; quality: number }>;
  readonly link: Phase;
  readonly stats: {
    seq: number;
    attempts: number;
    rtt: number;
    latency: number;
    hz: number;
    ticksPerSecond: number;
    framesPerSecond: number;
    frames: number;
  };
  readonly wire: {
    caps: readonly string[];
    ticks: number;
    keyframes: number;
    deltaRows: number;
    inflated: number;
    unknownFrames: number;
    unknownMessages: number;
    resyncs: number;
    digestsChecked: number;
    digestsWrong: number;
  };
  interest(interest: Interest | null): void;
  rate(hz: number | null): void;
  verify(): void;
  worldOf(path: string): number[] | null;
  select(path: string | null): boolean;
  pickAt(x: number, y: number): string | null;
}

/** `select`: chooses a prim; features add more by `Workbench.expose`. */
export function makeHook(app: App, select: (path: string | null) => void): TwinstageHook {
  return {
    get recorded() {
      return app.recorded;
    },
    get ready() {
      return app.ready;
    },
    get readyMs() {
      return app.readyMs;
    },
    get completeMs() {
      return app.completeMs;
    },
    get epoch() {
      return app.link.session.epoch;
    },
    get selected() {
      return app.scene && app.selected >= 0 ? app.scene.nodePath(app.selected) : null;
    },
    get values() {
      const { store } = app;
      const seen = store.signals.map((_, i) => i).filter((i) => store.seen[i]);
      return Object.fromEntries(
        seen.map((i) => [
          store.signals[i].id,
          { value: store.text[i] ?? store.value[i], eventMs: store.eventMs[i], quality: store.quality[i] },
        ]),
      );
    },
    get link() {
      return app.link.session.phase;
    },
    get stats() {
      const { session, attempts, clock, latency } = app.link;
      const now = performance.now();
      return {
        seq: session.seq,
        attempts,
        rtt: clock.rtt,
        latency: latency.median(now),
        hz: session.hz,
        ticksPerSecond: app.tickRate.perSecond(now),
        framesPerSecond: app.frameRate.perSecond(now),
        frames: app.viewport.frames,
      };
    },
    get wire() {
      const { session } = app.link;
      return {
        ...app.wire,
        caps: session.caps,
        unknownFrames: session.decoder.unknown,
        unknownMessages: session.unknownMessages,
        resyncs: session.resyncs,
        digestsChecked: session.digests.checked,
        digestsWrong: session.digests.wrong,
      };
    },
    interest: (interest) => app.link.setInterest(interest),
    rate: (hz) => app.link.setRate(hz),
    verify: () => app.link.askDigest(),
    worldOf: (path) => app.worldOf(path),
    select: (path) => {
      const known = path !== null && (app.scene?.nodeAt(path) ?? -1) >= 0;
      select(known ? path : null);
      return path === null || known;
    },
    pickAt: (x, y) => app.pathAt(x, y),
  };
}
