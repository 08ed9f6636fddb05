/**
 * A plane that cuts the picture open: what lies before it is not drawn. The insides that come to light (back faces) are
 * painted flat, so that solids look filled.
 */
import { Plane, Vector3, type WebGLRenderer } from "three";

export class Section {
  /** Unit normal towards what stays. */
  readonly normal = new Vector3(1, 0, 0);
  /** A point of the plane in the world, Float64 [m]. */
  point: readonly [number, number, number] = [0, 0, 0];
  private readonly plane = new Plane();
  private on = false;

  constructor(private readonly renderer: WebGLRenderer) {}

  get isOn(): boolean {
    return this.on;
  }

  set(normal: readonly number[], point: readonly [number, number, number], origin: readonly number[]): void {
    this.normal.set(normal[0], normal[1], normal[2]).normalize();
    this.point = point;
    this.on = true;
    this.place(origin);
  }

  off(): void {
    this.on = false;
    this.renderer.clippingPlanes = [];
  }

  /** The view's origin is there now [m]. */
  place(origin: readonly number[]): void {
    if (!this.on) return;
    const [x, y, z] = this.point.map((value, c) => value - origin[c]);
    this.plane.setFromNormalAndCoplanarPoint(this.normal, new Vector3(x, y, z));
    this.renderer.clippingPlanes = [this.plane];
  }

  /** Whether a point, relative to the view's origin, was cut away. */
  hides(point: Vector3): boolean {
    return this.on && this.plane.distanceToPoint(point) < 0;
  }
}
