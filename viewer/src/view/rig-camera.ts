/**
 * One camera that is perspective or orthographic: whoever holds it sees the change, and both share pose and clipping.
 *
 * three looks at the flags, OrbitControls and Raycaster also at `left` to `bottom` and `zoom`.
 */
import { PerspectiveCamera } from "three";

interface Flags {
  isPerspectiveCamera: boolean;
  isOrthographicCamera: boolean;
}

export class RigCamera extends PerspectiveCamera {
  left = -1;
  right = 1;
  top = 1;
  bottom = -1;
  /** Half of the height that an orthographic view shows [m], before zoom. */
  private half = 1;
  private flat = false;

  get isFlat(): boolean {
    return this.flat;
  }

  /** Half of the height that is shown of an orthographic view [m]. */
  get halfHeight(): number {
    return this.half / this.zoom;
  }

  /** Orthographic, showing that much up and down from the middle [m]. */
  setFlat(half: number): void {
    this.flat = true;
    this.half = half;
    this.zoom = 1;
    this.mark();
  }

  setPerspective(): void {
    this.flat = false;
    this.zoom = 1;
    this.mark();
  }

  private mark(): void {
    const flags = this as unknown as Flags;
    flags.isPerspectiveCamera = !this.flat;
    flags.isOrthographicCamera = this.flat;
    this.updateProjectionMatrix();
  }

  override updateProjectionMatrix(): void {
    if (!this.flat) {
      super.updateProjectionMatrix();
      return;
    }
    this.top = this.half;
    this.right = this.half * this.aspect;
    [this.bottom, this.left] = [-this.top, -this.right];
    const [x, y] = [this.right / this.zoom, this.top / this.zoom];
    this.projectionMatrix.makeOrthographic(-x, x, y, -y, this.near, this.far, this.coordinateSystem);
    this.projectionMatrixInverse.copy(this.projectionMatrix).invert();
  }
}
