/**
 * The past for this viewer: asks the server for moments and spans, and has the player show them. The twin goes on.
 *
 * A seek shows one moment. Playing fetches spans ahead, or backwards behind: ten ticks a second of the viewer's time, however
 * fast it plays.
 */
import { Playhead, type Loop } from "../../core/playhead.ts";
import { type LivePart, livePart } from "../../wire/live-part.ts";
import { PastFeed, type PastTick } from "../../wire/past.ts";
import type { Workbench } from "../../workbench.ts";
import { EDGE_MS, type Extent } from "./extent.ts";
import { askPast } from "./past-source.ts";

const TICKS_A_SECOND = 10;
/** How much is fetched at once, and how little left asks for more [ms, the viewer's time]. */
const SPAN_MS = 4000;
const LEAD_MS = 2000;
/** How often the page hears of another moment while it plays [ms]. */
const TELL_MS = 100;
/** Recordings are dated by the server that made them: telemetry further from that has a clock of its own [ms]. */
const OTHER_CLOCK_MS = 60_000;

export class Past {
  readonly head = new Playhead();
  /** Called when anything of it has changed. */
  onChange: () => void = () => undefined;
  /** Called before the user's own hand changes it. */
  onHand: () => void = () => undefined;
  /** What the last seek took, from asking to showing [ms]. */
  seekMs = Number.NaN;
  /** What there is to look at. */
  extent: Extent | null = null;
  /** Paths of the twins of a relay that keep no history: they go on live meanwhile. */
  liveTwins: readonly string[] = [];
  private part: LivePart | null = null;
  private feed: PastFeed | null = null;
  private queue: PastTick[] = [];
  /** Moment of the last tick that was shown, and of the last one that was fetched. */
  private fedMs = 0;
  private knownMs = 0;
  private wanted: number | null = null;
  private asking = false;
  /** Ends the question for a span: nobody waits for it once another moment is wanted. */
  private spanAsked: AbortController | null = null;
  /** Answers of before another seek are not used. */
  private turn = 0;
  private lastNow = 0;
  private told = 0;
  /** How far the telemetry's clock is ahead of that of the moments [ms]. */
  private offsetMs = 0;

  constructor(private readonly bench: Workbench) {
    bench.onFrame((now) => this.frame(now));
    bench.onScene(() => {
      this.feed = this.part = null;
      if (this.head.atMs !== null) this.goTo(this.head.atMs);
    });
  }

  get atMs(): number | null {
    return this.head.atMs;
  }

  get firstMs(): number {
    return this.extent?.firstMs ?? Number.NEGATIVE_INFINITY;
  }

  get endMs(): number {
    return this.extent?.endMs ?? this.bench.newestMs;
  }

  /** The moment that is shown, the past or not. */
  get shownMs(): number {
    return this.head.atMs ?? this.extent?.shownMs ?? this.bench.newestMs;
  }

  // --- by hand -------------------------------------------------------------------------------------------------

  /** Shows that moment; of a running twin at its newest time or beyond, the newest state. */
  seek(ms: number): void {
    this.onHand();
    this.goTo(ms);
  }

  play(): void {
    this.onHand();
    this.start();
  }

  /** Stands still, exactly where it is. */
  pause(): void {
    this.onHand();
    this.stop();
  }

  live(): void {
    this.onHand();
    this.toLive();
  }

  setSpeed(speed: number): void {
    this.onHand();
    this.pace(speed);
  }

  setLoop(loop: Loop | null): void {
    this.onHand();
    this.head.loop = loop;
    this.onChange();
  }

  /** As somebody else leads. */
  follow(atMs: number | null, playing: boolean, speed: number): void {
    const { head } = this;
    if (atMs === null) return this.toLive();
    if (!playing) head.playing = false;
    const near = 300 * Math.max(1, Math.abs(speed));
    if (speed !== head.speed) this.pace(speed);
    if (head.atMs === null || (playing ? Math.abs(head.atMs - atMs) > near : head.atMs !== atMs)) this.goTo(atMs);
    if (playing && !head.playing) this.start();
    this.onChange();
  }

  // --- what is done --------------------------------------------------------------------------------------------

  private goTo(ms: number): void {
    const { extent } = this;
    if (!extent || !extent.recorded) {
      if (ms >= this.bench.newestMs - EDGE_MS) return this.toLive();
    }
    this.head.atMs = Math.min(Math.max(ms, this.firstMs), this.endMs);
    this.turn++;
    this.queue = [];
    this.wanted = this.head.atMs;
    this.spanAsked?.abort();
    this.tell();
    void this.ask();
  }

  private start(): void {
    const { head } = this;
    if (head.atMs === null) return;
    const atEnd = head.way > 0 && this.extent?.recorded === true && head.atMs >= this.endMs;
    if (atEnd) this.goTo(head.loopStart ?? this.firstMs);
    head.playing = true;
    this.lastNow = performance.now();
    this.tell();
    this.bench.viewport.invalidate();
  }

  private stop(): void {
    this.head.playing = false;
    if (this.head.atMs !== null) this.goTo(this.head.atMs);
    this.onChange();
  }

  private pace(speed: number): void {
    this.head.speed = speed;
    if (this.head.playing && this.head.atMs !== null) this.goTo(this.head.atMs); // the ticks on their way are others
    this.onChange();
  }

  private toLive(): void {
    const { head, bench } = this;
    if (head.atMs === null) return;
    head.atMs = null;
    head.playing = false;
    head.speed = Math.abs(head.speed);
    this.turn++;
    this.queue = [];
    this.wanted = null;
    this.feed = null;
    bench.player?.showLive(performance.now());
    bench.viewport.invalidate();
    this.tell();
  }

  // --- asking --------------------------------------------------------------------------------------------------

  /** One question at a time; while it is under way only the last moment that was wanted is kept. */
  private async ask(): Promise<void> {
    if (this.asking) return;
    this.asking = true;
    try {
      while (this.wanted !== null) {
        const at = this.wanted;
        this.wanted = null;
        await this.askMoment(at);
      }
    } catch (error) {
      this.bench.notice("error", `The past cannot be shown: ${(error as Error).message}`);
      this.toLive();
    } finally {
      this.asking = false;
    }
  }

  private async askMoment(at: number): Promise<void> {
    const [turn, begin] = [this.turn, performance.now()];
    const answer = await askPast(this.bench, at);
    if (!answer || this.head.atMs === null) return;
    if (turn !== this.turn && !this.head.playing && this.wanted === null) return;
    this.queue = [];
    this.fedMs = this.knownMs = answer.untilMs;
    if (answer.live.join() !== this.liveTwins.join()) {
      this.liveTwins = answer.live;
      this.part = null;
    }
    for (const tick of answer.ticks) this.show(tick, performance.now());
    this.seekMs = performance.now() - begin;
    this.lastNow = performance.now();
    this.bench.viewport.invalidate();
    this.tell();
  }

  /** The span that follows what is known; its keyframe says again what is held, and is not shown. */
  private async askMore(): Promise<void> {
    const { speed, loop, way } = this.head;
    const [turn, from] = [this.turn, this.knownMs];
    const to = Math.min(
      Math.max(from + SPAN_MS * speed, this.firstMs, way < 0 ? (loop?.fromMs ?? this.firstMs) : from),
      this.extent?.recorded ? this.endMs : this.bench.newestMs - EDGE_MS / 2,
      way > 0 ? (loop?.toMs ?? Number.POSITIVE_INFINITY) : from,
    );
    if (way * (to - from) < 1) return;
    this.asking = true;
    try {
      const { signal } = (this.spanAsked = new AbortController());
      const answer = await askPast(this.bench, from, { to, hz: TICKS_A_SECOND / Math.abs(speed), signal });
      if (!answer || turn !== this.turn) return;
      this.queue.push(...answer.ticks);
      this.knownMs = way > 0 ? Math.max(answer.untilMs, from + 1) : Math.min(answer.untilMs, from - 1);
    } catch (error) {
      if (this.spanAsked?.signal.aborted) return;
      this.bench.notice("error", `The past cannot be played: ${(error as Error).message}`);
      this.head.playing = false;
    } finally {
      this.asking = false;
      this.spanAsked = null;
      if (this.wanted !== null) void this.ask();
    }
  }

  // --- showing -------------------------------------------------------------------------------------------------

  private show(tick: PastTick, due: number): void {
    const { player, scene } = this.bench;
    if (!player || !scene) return;
    const begins = this.feed === null || !player.isPast;
    if (begins && !tick.keyframe) return;
    this.feed ??= new PastFeed(scene.nodeCount, scene.json.signals.length);
    if (begins) player.showPast(this.feed.mirror);
    if (tick.keyframe) player.keepLive((this.part ??= livePart(scene, this.liveTwins)));
    const taken = this.feed.take(tick);
    const again = tick.keyframe && !begins && this.queue.length > 0 && Math.abs(tick.momentMs - this.fedMs) < 1;
    if (again) for (const batch of taken.poses) this.feed.mirror.pool.give(batch);
    else player.applyPast(taken, due, performance.now());
    this.fedMs = tick.momentMs;
    const apart = taken.eventMs - tick.momentMs;
    if (this.extent?.recorded && taken.eventMs > 0) this.offsetMs = Math.abs(apart) > OTHER_CLOCK_MS ? apart : 0;
  }

  private frame(now: number): boolean {
    const { head } = this;
    if (head.atMs === null) return false;
    if (head.playing && this.wanted === null) this.move(now);
    return head.playing;
  }

  private move(now: number): void {
    const { head, extent } = this;
    const passed = Math.min(now - this.lastNow, 250);
    this.lastNow = now;
    const end = extent?.lastMs ?? this.bench.newestMs - EDGE_MS;
    const became = head.advance(Math.max(passed, 0), this.knownMs, end, this.firstMs);
    if (became === "again" && head.loopStart !== null) return this.goTo(Math.min(Math.max(head.loopStart, this.firstMs), end - 1));
    if (became === "end") return extent?.recorded ? this.stop() : this.toLive();
    if (became === "begin") return this.stop();
    const at = head.atMs as number;
    while (this.queue.length > 0 && head.way * (this.fedMs - at) <= 0) {
      const tick = this.queue[0];
      this.show(tick, now + Math.max(0, (tick.momentMs - at) / head.speed));
      this.queue.shift();
    }
    if (!this.asking && head.way * (this.knownMs - at) < LEAD_MS * Math.abs(head.speed)) void this.askMore();
    if (now - this.told > TELL_MS) this.tell();
  }

  private tell(): void {
    this.told = performance.now();
    const { atMs } = this.head;
    this.bench.setPast(atMs === null ? null : atMs + this.offsetMs);
    this.onChange();
  }
}
