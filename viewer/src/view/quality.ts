/** How much a frame may cost: lowered step by step where the machine cannot keep up (software rendering). Pure. */

export type QualityChoice = "auto" | "high" | "low";

export interface QualityLevel {
  /** Greatest device pixel ratio. */
  readonly pixelRatio: number;
  /** Least time between two renderings of the shadow map [ms]. */
  readonly shadowMs: number;
}

const LEVELS: readonly QualityLevel[] = [
  { pixelRatio: 1.5, shadowMs: 0 },
  { pixelRatio: 1, shadowMs: 100 },
  { pixelRatio: 0.85, shadowMs: 500 },
  { pixelRatio: 0.75, shadowMs: 1200 },
];
/** Frames slower than this lower the level [ms]. */
const SLOW_MS = 70;
/** Frames are judged together, this many or for this long [ms], whichever is first. */
const WINDOW = 20;
const WINDOW_MS = 1500;
/** A longer pause is no slow frame but an idle viewer [ms]. */
const IDLE_MS = 1500;

/** What the page's address asks for: `?quality=high` or `low`. */
export function chosenQuality(search: string): QualityChoice {
  const value = new URLSearchParams(search).get("quality");
  return value === "high" || value === "low" ? value : "auto";
}

export class Quality {
  private index: number;
  private sum = 0;
  private frames = 0;

  constructor(
    lean: boolean,
    private readonly adaptive: boolean,
  ) {
    this.index = lean ? 1 : 0;
  }

  get level(): QualityLevel {
    return LEVELS[this.index];
  }

  /** Notes the time since the frame before [ms]; true where the level changed. */
  frame(interval: number): boolean {
    if (!this.adaptive || interval > IDLE_MS) return false;
    this.sum += interval;
    if (++this.frames < WINDOW && (this.sum < WINDOW_MS || this.frames < 3)) return false;
    const mean = this.sum / this.frames;
    this.sum = this.frames = 0;
    if (mean < SLOW_MS || this.index === LEVELS.length - 1) return false;
    this.index++;
    return true;
  }
}
