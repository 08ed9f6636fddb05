/**
 * From when to when there is something to look at: the history of a running twin, which grows, or a recording, which has an end.
 * Where nobody looks at the past, a twin is shown as it is now, and a recording as the server plays it.
 */
import type { Workbench } from "../../workbench.ts";

/** How near the twin's newest time counts as live [ms]. */
export const EDGE_MS = 400;
/** How often the server's playing of a recording is looked at [ms]. */
const POLL_MS = 1000;

export interface Extent {
  /** A recording has an end and no now. */
  readonly recorded: boolean;
  /** [ms since 1970] */
  readonly firstMs: number;
  /** The newest time there is. */
  readonly endMs: number;
  /** What is shown while the past is not looked at. */
  readonly shownMs: number;
  /** Up to where the past is played. */
  readonly lastMs: number;
}

/** The history of a running twin. */
export class HistoryExtent implements Extent {
  readonly recorded = false;

  constructor(
    private readonly bench: Workbench,
    readonly firstMs: number,
  ) {}

  get endMs(): number {
    return this.bench.newestMs;
  }

  get shownMs(): number {
    return this.bench.newestMs;
  }

  get lastMs(): number {
    return this.bench.newestMs - EDGE_MS;
  }
}

/** As `GET /api/v1/playback` tells it. */
export interface PlaybackJson {
  readonly status: string;
  readonly currentNs: string;
  readonly startNs: string;
  readonly endNs: string;
  readonly speed: number;
}

/** A recording that the server plays. */
export class RecordedExtent implements Extent {
  readonly recorded = true;
  private askedAt: number;

  constructor(
    private readonly bench: Workbench,
    private told: PlaybackJson,
    private readonly clock: () => number = () => performance.now(),
  ) {
    this.askedAt = clock();
  }

  get firstMs(): number {
    return Number(this.told.startNs) / 1e6;
  }

  get endMs(): number {
    return Number(this.told.endNs) / 1e6;
  }

  get lastMs(): number {
    return this.endMs;
  }

  get shownMs(): number {
    const since = this.told.status === "playing" ? (this.clock() - this.askedAt) * this.told.speed : 0;
    return Math.min(this.endMs, Number(this.told.currentNs) / 1e6 + since);
  }

  /** Asks again where that is due. */
  look(): void {
    if (this.clock() - this.askedAt < POLL_MS) return;
    this.askedAt = this.clock();
    void this.bench.rest.get<PlaybackJson>("api/v1/playback").then(
      (told) => ([this.told, this.askedAt] = [told, this.clock()]),
      () => undefined, // the link's lamp says that the server is away
    );
  }
}

/** What there is to look at; null: nothing. It may come later, where a history is still empty (`soon`). */
export async function extentOf(bench: Workbench): Promise<Extent | "soon" | null> {
  const { rest } = bench;
  if (!bench.serves("past")) return null;
  if (bench.serves("history")) {
    // Also of a relay, which asks its twins.
    const told = await rest.get<{ firstNs: string | null }>("api/v1/history").catch(() => null);
    if (told === null) return null;
    return told.firstNs === null ? "soon" : new HistoryExtent(bench, Math.ceil(Number(told.firstNs) / 1e6));
  }
  if (!bench.serves("playback")) return null;
  return new RecordedExtent(bench, await rest.get<PlaybackJson>("api/v1/playback"));
}
