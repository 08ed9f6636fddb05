/** When a frame has to wait, and when its shadows are drawn anew: what a machine can afford. */
import type { WebGLRenderer } from "three";
import type { Quality } from "./quality.ts";

/** While geometry comes, a picture of what is there at most so often, where drawing takes the processor [ms]. */
const LOADING_MS = 700;

export class Pacing {
  private lastFrame = 0;
  private lastShadow = Number.NEGATIVE_INFINITY;
  private shadowDue = true;

  constructor(
    private readonly renderer: WebGLRenderer,
    private readonly quality: Quality,
  ) {}

  /** What moved or came since the last frame casts another shadow. */
  touchShadows(): void {
    this.shadowDue = true;
  }

  /** Pictures of half a scene would only delay the whole one. */
  mustWait(now: number): boolean {
    return this.lastFrame > 0 && now - this.lastFrame < LOADING_MS;
  }

  /** Redraws the shadow map where it is due and affordable; true where it has to wait. */
  scheduleShadow(now: number): boolean {
    if (!this.shadowDue) return false;
    if (now - this.lastShadow < this.quality.level.shadowMs) return true;
    this.renderer.shadowMap.needsUpdate = true;
    this.lastShadow = now;
    this.shadowDue = false;
    return false;
  }

  /** A frame was drawn; `judge`: its time counts. True where the quality is another one from now on. */
  drawn(now: number, judge: boolean): boolean {
    const changed = judge && this.quality.frame(now - this.lastFrame);
    this.lastFrame = now;
    return changed;
  }
}
