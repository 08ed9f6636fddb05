/** The sphere around what a batch draws: it follows at once where it has to grow, and shrinks now and then. */
import { Sphere } from "three";

export class Extent {
  /** Relative to the view's origin. */
  readonly sphere = new Sphere();
  /** Greatest radius of one instance [m]. */
  reach = 0;
  /** Rows written since the box was last exact. */
  moved = 0;
  /** Around the origins of what is drawn: least x, y, z, greatest x, y, z. */
  private readonly box = new Float64Array(6);
  /** Square of the greatest scale. */
  private scale2 = 0;

  constructor(
    /** Distance of the prototype's farthest point from its own origin [m]. */
    private readonly radius: number,
    /** What knows better, where bones bend it. */
    private readonly own: { readonly reach: number } | null,
  ) {}

  /** All is written anew. */
  restart(): void {
    this.forget();
    this.reach = this.scale2 = 0;
  }

  /** An instance stands there. */
  embrace(x: number, y: number, z: number): void {
    const { box } = this;
    if (x < box[0]) box[0] = x;
    if (y < box[1]) box[1] = y;
    if (z < box[2]) box[2] = z;
    if (x > box[3]) box[3] = x;
    if (y > box[4]) box[4] = y;
    if (z > box[5]) box[5] = z;
  }

  /** An instance is as large as the matrix at w[i..], row-major, makes it. */
  grow(w: Float64Array, i: number): void {
    // Squares of the lengths of the columns: roots are drawn only where it grows.
    const size = Math.max(
      w[i] * w[i] + w[i + 4] * w[i + 4] + w[i + 8] * w[i + 8],
      w[i + 1] * w[i + 1] + w[i + 5] * w[i + 5] + w[i + 9] * w[i + 9],
      w[i + 2] * w[i + 2] + w[i + 6] * w[i + 6] + w[i + 10] * w[i + 10],
    );
    if (size > this.scale2) {
      this.scale2 = size;
      this.reach = Math.sqrt(size) * this.radius;
    }
    if (this.own) this.reach = this.own.reach;
  }

  /** The sphere around `count` instances with these matrices, columns first. */
  bound(matrices: Float32Array, count: number): void {
    if (this.moved > 4 * count + 64) {
      this.moved = 0;
      this.forget();
      for (let slot = 0; slot < count; slot++) {
        const o = 16 * slot;
        this.embrace(matrices[o + 12], matrices[o + 13], matrices[o + 14]);
      }
    }
    const [x0, y0, z0, x1, y1, z1] = this.box;
    if (!(x0 <= x1)) this.sphere.makeEmpty();
    else {
      this.sphere.center.set((x0 + x1) / 2, (y0 + y1) / 2, (z0 + z1) / 2);
      this.sphere.radius = Math.hypot(x1 - x0, y1 - y0, z1 - z0) / 2 + this.reach;
    }
  }

  private forget(): void {
    this.box.fill(Infinity, 0, 3).fill(-Infinity, 3);
  }
}
