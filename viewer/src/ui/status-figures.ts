/** The link's state in words and the figures of the status bar. */
import { formatAge, formatClock, formatCount } from "../core/format.ts";
import { SIGNED_OUT } from "../core/page-state.ts";
import type { App } from "../app.ts";
import type { Session } from "../wire/session.ts";
import type { StatusFigures } from "./status-bar.ts";

/** A live source's clock is never further than this from the server's; beyond it a recording plays [ms]. */
const LIVE_MS = 3_600_000;

export function figuresOf(app: App, now: number): StatusFigures {
  const [state, text] = linkState(app, now);
  const { scene, link } = app;
  const serverMs = link.clock.serverTime(Date.now());
  const latency = link.latency.median(now);
  const twinMs = app.time.at(now);
  const lag = serverMs - twinMs + app.time.silence(now);
  const replay = Number.isFinite(lag) && Math.abs(lag) > LIVE_MS;
  return {
    state,
    text,
    fields: [
      ["Round trip", Number.isFinite(link.clock.rtt) ? `${Math.max(1, Math.round(link.clock.rtt))} ms` : "–"],
      ["Data age", replay ? "replay" : Number.isFinite(lag) ? formatAge(Math.max(0, lag)) : "–"],
      ["Latency", Number.isFinite(latency) ? `${Math.max(1, Math.round(latency))} ms` : "–"],
      ["Ticks", ticks(app.tickRate.perSecond(now), link.session), link.session.hzReason],
      ["Frames", frames(app.frameRate.perSecond(now))],
      ["Prims", scene ? formatCount(scene.primCount) : "–"],
      ["Instances", scene ? formatCount(scene.instances.count) : "–"],
      ["Plant time", `${formatClock(twinMs)} UTC`],
      ["Server time", `${formatClock(serverMs)} UTC`],
    ],
  };
}

/** Rate of ticks, and the rate of the tier that the server put this viewer into; 0: single ticks, each after an answer. */
function ticks(perSecond: number, { hz, phase }: Session): string {
  const limit = phase !== "live" ? "" : hz > 0 ? ` of ${Number(hz.toFixed(1))}` : " on demand";
  return `${perSecond.toFixed(0)} /s${limit}`;
}

function frames(perSecond: number): string {
  return perSecond < 1.5 ? "idle" : `${perSecond.toFixed(0)} fps`;
}

function linkState(app: App, now: number): [StatusFigures["state"], string] {
  const { session, retryAt } = app.link;
  switch (session.phase) {
    case "live": {
      const { awayMs, awayTwins } = session;
      if (Number.isFinite(awayMs)) {
        const since = new Date(app.link.clock.localTime(awayMs, Date.now())).toLocaleTimeString();
        return ["down", `${awayTwins.length > 0 ? awayTwins.join(", ") : "Twin"} away since ${since}`];
      }
      return ["live", app.recorded || app.link.session.serves?.includes("playback") ? "Recording" : "Live"];
    }
    case "loading":
      return ["loading", "Loading scene"];
    case "ended":
      return ["ended", session.closeCode === SIGNED_OUT ? "Signed out" : "Disconnected"];
    default: {
      if (app.scene === null && app.link.attempts <= 1) return ["connecting", "Connecting"];
      const wait = retryAt === null ? 0 : Math.max(0, retryAt - now);
      return ["down", wait > 300 ? `Link lost, next try in ${Math.ceil(wait / 1000)} s` : "Reconnecting"];
    }
  }
}
