/**
 * The past for this viewer: asks the server for moments and spans, and has the player show them. The twin goes on.
 *
 * A seek shows one moment. Playing fetches spans ahead: ten ticks a second of the viewer's time, however fast it plays.
 */
import { isoOf, Playhead, type Loop } from "../../core/playhead.ts";
import { cutTicks, PastFeed, type PastTick } from "../../wire/past.ts";
import type { Workbench } from "../../workbench.ts";

const TICKS_A_SECOND = 10;
/** How much is fetched at once, and how little left asks for more [ms, the viewer's time]. */
const SPAN_MS = 4000;
const LEAD_MS = 2000;
/** How near the twin's newest time counts as live [ms]. */
const EDGE_MS = 400;
/** How often the page hears of another moment while it plays [ms]. */
const TELL_MS = 100;

interface Answer {
  readonly ticks: PastTick[];
  readonly untilMs: number;
}

export class Past {
  readonly head = new Playhead();
  /** Called when anything of it has changed. */
  onChange: () => void = () => undefined;
  /** What the last seek took, from asking to showing [ms]. */
  seekMs = Number.NaN;
  /** Where the history begins [ms since 1970]. */
  firstMs = Number.NEGATIVE_INFINITY;
  private feed: PastFeed | null = null;
  private queue: PastTick[] = [];
  /** Moment of the last tick that was shown, and of the last one that was fetched. */
  private fedMs = 0;
  private knownMs = 0;
  private wanted: number | null = null;
  private asking = false;
  /** Answers of before another seek are not used. */
  private turn = 0;
  private lastNow = 0;
  private told = 0;

  constructor(private readonly bench: Workbench) {
    bench.onFrame((now) => this.frame(now));
    bench.onScene(() => {
      this.feed = null;
      if (this.head.atMs !== null) this.seek(this.head.atMs);
    });
  }

  get atMs(): number | null {
    return this.head.atMs;
  }

  /** Shows that moment; at the twin's newest time or beyond, the newest state. */
  seek(ms: number): void {
    if (ms >= this.bench.newestMs - EDGE_MS) return this.live();
    const at = Math.max(ms, this.firstMs);
    this.head.atMs = at;
    this.turn++;
    this.queue = [];
    this.wanted = at;
    this.tell();
    void this.ask();
  }

  play(): void {
    const { head } = this;
    if (head.atMs === null) return;
    head.playing = true;
    this.lastNow = performance.now();
    this.tell();
    this.bench.viewport.invalidate();
  }

  /** Stands still, exactly where it is. */
  pause(): void {
    this.head.playing = false;
    if (this.head.atMs !== null) this.seek(this.head.atMs);
    this.onChange();
  }

  setSpeed(speed: number): void {
    this.head.speed = speed;
    if (this.head.playing && this.head.atMs !== null) this.seek(this.head.atMs); // the ticks on their way are too dense, or too few
    this.onChange();
  }

  setLoop(loop: Loop | null): void {
    this.head.loop = loop;
    this.onChange();
  }

  live(): void {
    const { head, bench } = this;
    if (head.atMs === null) return;
    head.atMs = null;
    head.playing = false;
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
      this.live();
    } finally {
      this.asking = false;
    }
  }

  private async askMoment(at: number): Promise<void> {
    const [turn, begin] = [this.turn, performance.now()];
    const answer = await this.fetch(at);
    if (!answer || this.head.atMs === null) return;
    if (turn !== this.turn && !this.head.playing && this.wanted === null) return;
    this.queue = [];
    this.fedMs = this.knownMs = answer.untilMs;
    for (const tick of answer.ticks) this.show(tick, performance.now());
    this.seekMs = performance.now() - begin;
    this.lastNow = performance.now();
    this.bench.viewport.invalidate();
    this.onChange();
  }

  private async fetch(at: number, to?: number, hz?: number): Promise<Answer | null> {
    const { scene } = this.bench;
    if (!scene) return null;
    const url = new URL("api/v1/past", document.baseURI);
    url.searchParams.set("at", isoOf(at));
    if (to !== undefined) url.searchParams.set("to", isoOf(to));
    if (hz !== undefined) url.searchParams.set("hz", hz.toPrecision(6));
    const response = await fetch(url, { cache: "no-store" });
    if (!response.ok) {
      const told = (await response.json().catch(() => null)) as { error?: string } | null;
      throw new Error(told?.error ?? `the server answered ${response.status}`);
    }
    const data = await response.arrayBuffer();
    const { epoch, revision } = scene.json;
    if (scene !== this.bench.scene || response.headers.get("twin-revision") !== String(revision)) return null;
    const untilMs = Number(response.headers.get("twin-until-ns")) / 1e6;
    return { ticks: cutTicks(data, epoch), untilMs };
  }

  /** The span that follows what is known; its keyframe says again what is held, and is not shown. */
  private async askMore(): Promise<void> {
    const { speed, loop } = this.head;
    const [turn, from] = [this.turn, this.knownMs];
    const end = Math.min(this.bench.newestMs - EDGE_MS / 2, loop?.toMs ?? Number.POSITIVE_INFINITY);
    const to = Math.min(from + SPAN_MS * speed, end);
    if (to - from < 1) return;
    this.asking = true;
    try {
      const answer = await this.fetch(from, to, TICKS_A_SECOND / speed);
      if (!answer || turn !== this.turn) return;
      this.queue.push(...answer.ticks);
      this.knownMs = Math.max(answer.untilMs, from + 1);
    } catch (error) {
      this.bench.notice("error", `The past cannot be played: ${(error as Error).message}`);
      this.head.playing = false;
    } finally {
      this.asking = false;
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
    const taken = this.feed.take(tick);
    const again = tick.keyframe && !begins && this.queue.length > 0 && Math.abs(tick.momentMs - this.fedMs) < 1;
    if (again) for (const batch of taken.poses) this.feed.mirror.pool.give(batch);
    else player.applyPast(taken, due, performance.now());
    this.fedMs = tick.momentMs;
  }

  private frame(now: number): boolean {
    const { head } = this;
    if (head.atMs === null) return false;
    if (head.playing && this.wanted === null) this.move(now);
    return head.playing;
  }

  private move(now: number): void {
    const { head } = this;
    const passed = Math.min(now - this.lastNow, 250);
    this.lastNow = now;
    const became = head.advance(Math.max(passed, 0), this.knownMs, this.bench.newestMs - EDGE_MS);
    if (became === "again" && head.loop) return this.seek(head.loop.fromMs);
    if (became === "caught up") return this.live();
    const at = head.atMs as number;
    while (this.queue.length > 0 && this.fedMs <= at) {
      const tick = this.queue[0];
      this.show(tick, now + Math.max(0, (tick.momentMs - at) / head.speed));
      this.queue.shift();
    }
    if (!this.asking && this.knownMs - at < LEAD_MS * head.speed) void this.askMore();
    if (now - this.told > TELL_MS) this.tell();
  }

  private tell(): void {
    this.told = performance.now();
    this.bench.setPast(this.head.atMs);
    this.onChange();
  }
}
