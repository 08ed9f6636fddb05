/** When pixels are counted: once the camera rests, now and then while the scene moves, never faster than it is cheap. */
import type { IdCounts } from "../../view/id-picture.ts";
import type { Viewport } from "../../view/viewport.ts";

/** Longest side of the picture that is counted [px]: fine enough for a per mille. */
const MOST_PX = 640;
const REST_MS = 300;
const LEAST_MS = 2000;
/** Of the page's time, one part in so many at most. */
const SHARE = 25;

export class Counter {
  times = 0;
  /** Of the picture that was counted last [px]. */
  size = { width: 0, height: 0 };
  private active = false;
  private timer = 0;
  private last = Number.NEGATIVE_INFINITY;
  private cost = 0;
  private view = "";

  constructor(
    private readonly viewport: Viewport,
    private readonly run: () => void,
  ) {}

  /** Whether anybody looks at the numbers. */
  setActive(active: boolean): void {
    this.active = active;
    if (active) this.soon();
    else window.clearTimeout(this.timer);
  }

  /** What is counted has changed. */
  soon(): void {
    if (this.active) this.wait(REST_MS);
  }

  /** A frame was drawn. */
  drawn(): void {
    if (!this.active) return;
    const { camera } = this.viewport.rig;
    const view = [...camera.position.toArray(), ...camera.quaternion.toArray(), camera.fov, camera.zoom].map((x) => Number(x).toFixed(5)).join();
    const { width, height } = this.viewport.size;
    const now = `${view} ${width} ${height}`;
    if (now !== this.view) {
      this.view = now;
      this.wait(REST_MS);
    } else if (this.timer === 0) this.wait(Math.max(LEAST_MS, SHARE * this.cost) - (performance.now() - this.last));
  }

  count(): IdCounts | null {
    const counts = this.viewport.countInstances(MOST_PX);
    this.last = performance.now();
    if (counts) {
      this.cost = counts.cost;
      this.size = { width: counts.width, height: counts.height };
      this.times++;
    }
    return counts;
  }

  private wait(ms: number): void {
    window.clearTimeout(this.timer);
    this.timer = window.setTimeout(() => {
      this.timer = 0;
      if (!this.viewport.stage?.ready) return this.wait(REST_MS);
      this.run();
    }, Math.max(REST_MS, ms));
  }
}
