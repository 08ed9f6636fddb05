/** Things in the picture whose place is kept in Float64 in the world, however the view's origin moves. */
import { Group, type Object3D } from "three";

export class Anchored {
  readonly group = new Group();
  private readonly places = new Map<Object3D, readonly [number, number, number]>();
  private origin: readonly number[] = [0, 0, 0];

  /** Adds an object, or moves it; `world`: where its own origin is [m]. */
  set(object: Object3D, world: readonly [number, number, number]): void {
    this.places.set(object, world);
    this.group.add(object);
    this.place(object, world);
  }

  remove(object: Object3D): void {
    this.places.delete(object);
    object.removeFromParent();
  }

  /** The view's origin is there from now on [m]. */
  rebase(origin: readonly number[]): void {
    this.origin = origin;
    for (const [object, world] of this.places) this.place(object, world);
  }

  private place(object: Object3D, world: readonly number[]): void {
    object.position.set(world[0] - this.origin[0], world[1] - this.origin[1], world[2] - this.origin[2]);
    object.updateMatrixWorld();
  }
}
