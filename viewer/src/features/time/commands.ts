/** What a user can do with time, by key and by name. */
import { loopMarked, markBeside } from "../../core/playhead.ts";
import type { Command, Workbench } from "../../workbench.ts";
import type { Past } from "./past.ts";
import type { TimeBar } from "./time-bar.ts";
import type { Together } from "./together.ts";

/** One step, where no signal's readings are stepped through [ms]. */
const STEP_MS = 100;

export interface TimeActions {
  /** Whether there is a past to look at. */
  able(): boolean;
  bookmark(ms: number): void;
  unmark(ms: number): void;
  toSample(way: -1 | 1): void;
}

export function addTimeCommands(bench: Workbench, past: Past, bar: TimeBar, together: Together, actions: TimeActions): void {
  const { able } = actions;
  const here = (): number => past.shownMs;
  const isPast = (): boolean => able() && past.atMs !== null;
  const add = (id: string, title: string, keys: string[], run: () => void, more: Partial<Command> = {}): void => {
    bench.addCommand({ id: `time.${id}`, title, group: "Time", keys, run, enabled: able, ...more });
  };
  const toPast = (): void => (past.atMs === null ? past.seek(past.extent?.recorded ? here() : bench.newestMs - 1000) : past.pause());
  const play = (way: 1 | -1): void => {
    if (past.atMs === null) past.seek(past.extent?.recorded ? here() : bench.newestMs - 1000);
    past.setSpeed(way * Math.abs(past.head.speed));
    past.play();
  };
  const toMark = (way: -1 | 1): void => {
    const ms = markBeside(bar.marks.map((mark) => mark.ms), here(), way);
    if (ms !== null) past.seek(ms);
  };
  const pace = (factor: number): void => {
    const { speed } = past.head;
    past.setSpeed(Math.sign(speed) * Math.min(600, Math.max(0.1, Math.abs(speed) * factor)));
  };
  const loopTo = (edge: "from" | "to"): void => past.setLoop(loopMarked(past.head.loop, edge, here(), bar.shown));
  add("live", "Back to live", ["L"], () => past.live(), { pressed: () => past.atMs === null });
  add("play", "Play or pause", ["Space"], () => (isPast() && !past.head.playing ? past.play() : toPast()));
  add("reverse", "Play backwards, and forwards again", ["Shift+Space"], () => play(past.atMs !== null && past.head.way < 0 ? 1 : -1), {
    pressed: () => past.head.way < 0,
  });
  add("back", "One step back", [","], () => past.seek(here() - STEP_MS));
  add("forward", "One step on", ["."], () => past.seek(here() + STEP_MS), { enabled: isPast });
  add("second-back", "10 s back", ["Shift+ArrowLeft"], () => past.seek(here() - 10_000));
  add("second-forward", "10 s on", ["Shift+ArrowRight"], () => past.seek(here() + 10_000), { enabled: isPast });
  const sampled = (): boolean => able() && bench.serves("history");
  add("sample-back", "To the reading before, of the selection or the charts", ["<"], () => actions.toSample(-1), { enabled: sampled });
  add("sample-forward", "To the next reading, of the selection or the charts", [">"], () => actions.toSample(1), {
    enabled: () => isPast() && sampled(),
  });
  add("mark-back", "To the mark before", ["["], () => toMark(-1));
  add("mark-forward", "To the next mark", ["]"], () => toMark(1), { enabled: isPast });
  add("bookmark", "Bookmark this moment", ["M"], () => actions.bookmark(here()));
  add("unmark", "Take the bookmark here away", ["Alt+M"], () => actions.unmark(here()));
  add("faster", "Play faster", ["+"], () => pace(2), { enabled: isPast });
  add("slower", "Play slower", ["-"], () => pace(0.5), { enabled: isPast });
  add("loop", "Loop the marked span, or what the track shows", [], () => past.setLoop(past.head.loop ? null : bar.shown), {
    pressed: () => past.head.loop !== null,
  });
  add("loop-from", "Loop from this moment on", ["{"], () => loopTo("from"));
  add("loop-to", "Loop up to this moment", ["}"], () => loopTo("to"));
  const together_ = (): boolean => able() && together.possible;
  add("lead", "Lead through time: others may follow", [], () => together.lead(), { enabled: () => together_() && together.mayLead });
  add("follow", "Follow who leads through time", [], () => together.follow(), { enabled: () => together_() && together.someoneElse });
  add("alone", "Neither lead nor follow through time", [], () => together.leave(), { enabled: () => together_() && together.part !== "none" });
}
