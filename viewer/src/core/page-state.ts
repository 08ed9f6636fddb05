/** What the page says of itself: in place of the picture where there is none, above it where it is old. Pure. */
import { CLOSE } from "../wire/messages.ts";
import { formatAge, formatClock } from "./format.ts";

export interface Seen {
  readonly phase: "down" | "greeting" | "loading" | "live" | "ended";
  /** Code with which the last connection ended; 0: none has. */
  readonly closeCode: number;
  readonly reason: string;
  readonly attempts: number;
  /** Time to the next attempt [ms]; null: none is due. */
  readonly retryIn: number | null;
  readonly hasScene: boolean;
  /** Things that the scene can show. */
  readonly drawable: number;
  readonly prims: number;
  /** Why the scene cannot be shown, or null. */
  readonly broken: string | null;
  /** Since when the twin behind a relay is away, by this clock [ms since 1970]; NaN: it is there. */
  readonly awayMs: number;
  readonly awayTwins: readonly string[];
  /** Age of the newest data [ms], and its time [ms since 1970]; NaN: none came. */
  readonly silence: number;
  readonly dataMs: number;
}

/** In place of the picture. */
export interface Card {
  readonly kind: "connecting" | "loading" | "empty" | "broken" | "unreachable" | "signedOut" | "ended";
  readonly title: string;
  readonly text: string;
  /** What a button offers, with the command that it runs. */
  readonly action: readonly [label: string, command: string] | null;
  /** Something goes on. */
  readonly busy: boolean;
}

/** Above the picture. */
export interface Banner {
  readonly kind: "down" | "away" | "ended";
  readonly text: string;
  /** Changes by the second: not read out. */
  readonly detail: string;
  readonly retry: boolean;
}

export const SIGNED_OUT = CLOSE.NOT_ADMITTED;

export function cardOf(seen: Seen): Card | null {
  const { phase, hasScene, broken, prims } = seen;
  if (phase === "ended" && seen.closeCode === SIGNED_OUT)
    return {
      kind: "signedOut",
      title: "You are signed out",
      text: seen.reason ? `${sentence(seen.reason)} Sign in to go on where you were.` : "Sign in to go on where you were.",
      action: ["Sign in", "link.signIn"],
      busy: false,
    };
  if (!hasScene) {
    if (broken !== null && phase !== "live")
      return card("broken", "The scene cannot be shown", `${sentence(broken)} ${waiting(seen)}`, ["Try now", "link.retry"]);
    if (phase === "ended")
      return card("ended", "The server ended the connection", sentence(seen.reason || "It gave no reason"), ["Reload", "link.reload"]);
    if (phase === "loading" || phase === "live")
      return { ...card("loading", "Loading the scene", "Its prims come first, then their geometry.", null), busy: true };
    if (seen.attempts > 1)
      return card("unreachable", "The twin cannot be reached", `The server does not answer. ${waiting(seen)}`, ["Try now", "link.retry"]);
    return { ...card("connecting", "Connecting", "", null), busy: true };
  }
  if (seen.drawable === 0)
    return card(
      "empty",
      "Nothing to draw in this scene",
      prims === 0
        ? "The stage has no prims."
        : `The stage has ${prims} prim${prims === 1 ? "" : "s"}, and none of them has geometry that is shown. The tree lists them.`,
      null,
    );
  return null;
}

function card(kind: Card["kind"], title: string, text: string, action: Card["action"]): Card {
  return { kind, title, text, action, busy: false };
}

export function bannerOf(seen: Seen): Banner | null {
  const { phase, hasScene, awayTwins } = seen;
  if (!hasScene || seen.closeCode === SIGNED_OUT) return null;
  const last = Number.isFinite(seen.dataMs) && seen.dataMs > 0 ? ` of ${formatClock(seen.dataMs)} UTC` : "";
  const age = Number.isFinite(seen.silence) ? `${formatAge(Math.floor(seen.silence / 1000) * 1000)} old` : "";
  if (phase === "ended")
    return { kind: "ended", text: `Disconnected. ${sentence(seen.reason)}`.trim(), detail: age, retry: true };
  if (phase === "down" || phase === "greeting") {
    const wait = seen.retryIn === null ? "connecting" : `next try in ${Math.max(1, Math.ceil(seen.retryIn / 1000))} s`;
    const detail = [age, wait].filter(Boolean).join(", ");
    return { kind: "down", text: `Link lost: showing the last state${last}`, detail, retry: seen.retryIn !== null };
  }
  if (seen.broken !== null)
    return { kind: "down", text: `The changed scene cannot be shown: ${seen.broken}`, detail: age, retry: false };
  if (Number.isFinite(seen.awayMs)) {
    const who = awayTwins.length > 0 ? awayTwins.join(", ") : "The twin";
    const since = new Date(seen.awayMs).toLocaleTimeString();
    return { kind: "away", text: `${who} away since ${since}: showing the last state`, detail: age, retry: false };
  }
  return null;
}

function waiting({ retryIn }: Seen): string {
  return retryIn === null ? "Trying again." : `Next try in ${Math.max(1, Math.ceil(retryIn / 1000))} s.`;
}

function sentence(text: string): string {
  const words = text.trim();
  if (!words) return "";
  const whole = words[0].toUpperCase() + words.slice(1);
  return /[.!?]$/.test(whole) ? whole : `${whole}.`;
}
