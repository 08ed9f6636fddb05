/**
 * The user's camera: orbit (Z up), home, frame the selection, and the scene's own cameras, which it follows while
 * they move. Positions are relative to the view's origin.
 */
import { MathUtils, MOUSE, PerspectiveCamera, Quaternion, Vector3 } from "three";
import { OrbitControls } from "three/addons/controls/OrbitControls.js";
import { center, diagonal, isEmpty, type Box } from "../core/bounds.ts";
import { Hooks } from "../core/hooks.ts";
import type { SavedView } from "../core/views.ts";
import type { CameraJson } from "../wire/scene-data.ts";
import { Fly } from "./fly.ts";
import { RigCamera } from "./rig-camera.ts";

const FOV = 42;
const MOVE_MS = 420;
/** How far one press of an arrow key turns: so many pixels of a drag. */
const KEY_TURN = 12;
/** One press nearer or farther: how much of the distance is left. */
const KEY_ZOOM = 0.85;
const HOME_AZIMUTH = MathUtils.degToRad(-52);
const HOME_ELEVATION = MathUtils.degToRad(27);

interface View {
  readonly position: Vector3;
  readonly target: Vector3;
  readonly fov: number;
  /** Half of the height that an orthographic view shows [m]; 0: perspective. */
  readonly half: number;
}

/** Directions from what is looked at to the eye. Straight up would leave open which way is up in the picture. */
export const DIRECTIONS = {
  top: [0, -0.0005, 1],
  bottom: [0, -0.0005, -1],
  front: [0, -1, 0],
  back: [0, 1, 0],
  right: [1, 0, 0],
  left: [-1, 0, 0],
} as const;
export type Direction = keyof typeof DIRECTIONS;

interface Move {
  readonly from: View;
  readonly to: View;
  readonly start: number;
}

export class CameraRig {
  readonly camera = new RigCamera(FOV, 1, 0.05, 1000);
  readonly controls: OrbitControls;
  readonly fly: Fly;
  /** The scene's camera that is followed, or null in the free view. */
  following: CameraJson | null = null;
  /** Pose of what is followed, where the scene has no such camera (`hold`). */
  private held: Float64Array | null = null;
  /** Another camera of the scene is followed, or none any more. */
  readonly onFollow = new Hooks<[]>();
  private move: Move | null = null;
  private radius = 10;
  private readonly reducedMotion = window.matchMedia("(prefers-reduced-motion: reduce)");

  constructor(
    canvas: HTMLElement,
    private readonly onChange: () => void,
  ) {
    this.camera.up.set(0, 0, 1);
    this.camera.position.set(8, -8, 6);
    this.controls = new OrbitControls(this.camera, canvas);
    this.controls.enableDamping = true;
    this.controls.dampingFactor = 0.14;
    this.controls.zoomToCursor = true;
    this.controls.maxPolarAngle = Math.PI;
    this.controls.mouseButtons = { LEFT: MOUSE.ROTATE, MIDDLE: MOUSE.PAN, RIGHT: MOUSE.PAN };
    this.controls.keyRotateSpeed = KEY_TURN;
    this.listenToArrows(canvas);
    this.controls.addEventListener("change", onChange);
    this.controls.addEventListener("start", () => this.free());
    this.fly = new Fly(canvas, this.camera, onChange, () => this.setFlying(false));
  }

  /** Arrow keys pan, with Ctrl (or Cmd) they orbit; with Shift they are time's, also while the picture has the focus. */
  private listenToArrows(canvas: HTMLElement): void {
    const keys = {
      addEventListener: (_: "keydown", listener: (event: KeyboardEvent) => void) =>
        canvas.addEventListener("keydown", (event) => {
          if (event.shiftKey || event.altKey || !event.code.startsWith("Arrow")) return;
          if (this.controls.enabled) this.free();
          listener(event);
        }),
    };
    this.controls.listenToKeyEvents(keys as unknown as HTMLElement);
  }

  /** One step towards what is looked at, or away from it. */
  step(nearer: boolean): void {
    if (!this.controls.enabled) return;
    this.free();
    if (nearer) this.controls.dollyIn(KEY_ZOOM);
    else this.controls.dollyOut(KEY_ZOOM);
    this.onChange();
  }

  /** The user takes over. */
  private free(): void {
    this.move = null;
    this.release();
  }

  resize(width: number, height: number): void {
    this.camera.aspect = width / Math.max(1, height);
    this.camera.updateProjectionMatrix();
  }

  /** Positions are relative to another origin from now on; what is seen stays. */
  shift(before: readonly number[], after: readonly number[]): void {
    const by = new Vector3(before[0] - after[0], before[1] - after[1], before[2] - after[2]);
    const { move } = this;
    const points = [this.camera.position, this.controls.target];
    if (move) points.push(move.from.position, move.from.target, move.to.position, move.to.target);
    for (const point of points) point.add(by);
  }

  /** Size of the scene, for the clipping planes [m]. */
  setExtent(framing: Box): void {
    this.radius = Math.max(1, 0.5 * diagonal(framing));
    this.controls.minDistance = 0.05;
    this.controls.maxDistance = this.radius * 12;
  }

  /** Looks at a box from where the camera is now, or from the home direction. */
  frame(box: Box, origin: readonly number[], home: boolean, animate: boolean): void {
    if (isEmpty(box)) return;
    this.free();
    const target = new Vector3(...center(box)).sub(new Vector3(...origin));
    const direction = home
      ? new Vector3(
          Math.cos(HOME_AZIMUTH) * Math.cos(HOME_ELEVATION),
          Math.sin(HOME_AZIMUTH) * Math.cos(HOME_ELEVATION),
          Math.sin(HOME_ELEVATION),
        )
      : this.camera.position.clone().sub(this.controls.target).normalize();
    const distance = this.fittingDistance(box, direction) * (home ? 1.04 : 1.35);
    this.look(target, direction, distance, animate);
  }

  /** Looks at a box along an axis. */
  standard(box: Box, origin: readonly number[], from: Direction, animate: boolean): void {
    if (isEmpty(box)) return;
    this.free();
    const target = new Vector3(...center(box)).sub(new Vector3(...origin));
    const direction = new Vector3(...DIRECTIONS[from]).normalize();
    this.look(target, direction, this.fittingDistance(box, direction) * 1.08, animate);
  }

  /** Turns to look at a place [m], from where the camera is. */
  aim(place: readonly number[], origin: readonly number[]): void {
    this.free();
    const target = new Vector3(place[0] - origin[0], place[1] - origin[1], place[2] - origin[2]);
    const half = this.camera.isFlat ? this.camera.halfHeight : 0;
    this.go({ position: this.camera.position.clone(), target, fov: this.camera.fov, half }, false);
  }

  private look(target: Vector3, direction: Vector3, distance: number, animate: boolean): void {
    const half = this.camera.isFlat ? distance * Math.tan(MathUtils.degToRad(FOV / 2)) : 0;
    const back = half > 0 ? Math.max(distance, 3 * this.radius) : distance;
    this.go({ position: target.clone().addScaledVector(direction, back), target, fov: FOV, half }, animate);
  }

  /** Orthographic or perspective, of the same things in the same size. */
  setFlat(flat: boolean): void {
    if (flat === this.camera.isFlat) return;
    this.free();
    const { camera, controls } = this;
    const direction = camera.position.clone().sub(controls.target);
    const slope = Math.tan(MathUtils.degToRad(camera.fov / 2));
    if (flat) {
      camera.setFlat(direction.length() * slope);
      // Everything that could be seen stays in front of the eye.
      direction.setLength(Math.max(direction.length(), 3 * this.radius));
    } else {
      direction.setLength(camera.halfHeight / slope);
      camera.setPerspective();
    }
    camera.position.copy(controls.target).add(direction);
    this.onChange();
  }

  /** Orbiting, or flying. */
  setFlying(on: boolean): void {
    if (on === this.fly.isOn) return;
    this.free();
    if (on) this.setFlat(false);
    this.controls.enabled = !on;
    if (on) this.fly.speed = MathUtils.clamp(this.radius / 4, 0.5, 50);
    // Damping left over from a drag must not turn the camera back.
    this.controls.enableDamping = !on;
    this.fly.isOn = on;
    this.onFollow.call();
  }

  /** The view as plain data; `origin`: of the view [m]. */
  save(origin: readonly number[]): SavedView {
    const world = (v: Vector3): [number, number, number] => [v.x + origin[0], v.y + origin[1], v.z + origin[2]];
    const { camera, controls } = this;
    return {
      position: world(camera.position),
      target: world(controls.target),
      fov: camera.fov,
      half: camera.isFlat ? camera.halfHeight : 0,
    };
  }

  /** Goes to a view that was saved. */
  restore(view: SavedView, origin: readonly number[], animate: boolean): void {
    this.setFlying(false);
    this.free();
    const local = (p: readonly number[]): Vector3 => new Vector3(p[0] - origin[0], p[1] - origin[1], p[2] - origin[2]);
    this.go({ position: local(view.position), target: local(view.target), fov: view.fov, half: view.half }, animate);
  }

  /** Distance from the box's middle at which all its corners are in the picture, seen from `direction` [m]. */
  private fittingDistance(box: Box, direction: Vector3): number {
    const right = new Vector3().crossVectors(this.camera.up, direction).normalize();
    const up = new Vector3().crossVectors(direction, right);
    const slope = Math.tan(MathUtils.degToRad(FOV / 2));
    const half = [0, 1, 2].map((c) => Math.max(0.1, (box.max[c] - box.min[c]) / 2));
    let distance = 0;
    for (let corner = 0; corner < 8; corner++) {
      const v = new Vector3(...half.map((value, c) => ((corner >> c) & 1 ? value : -value)));
      const aside = Math.max(Math.abs(v.dot(right)) / this.camera.aspect, Math.abs(v.dot(up)));
      distance = Math.max(distance, aside / slope + v.dot(direction));
    }
    return distance;
  }

  /** Puts the camera there and looks at the target; world coordinates relative to the origin. */
  private go(to: View, animate: boolean): void {
    const from = {
      position: this.camera.position.clone(),
      target: this.controls.target.clone(),
      fov: this.camera.fov,
      half: this.camera.isFlat ? this.camera.halfHeight : 0,
    };
    const sameLens = from.half > 0 === to.half > 0;
    if (animate && sameLens && !this.reducedMotion.matches) this.move = { from, to, start: performance.now() };
    else this.show(to);
    this.onChange();
  }

  private show(view: View): void {
    this.camera.position.copy(view.position);
    this.controls.target.copy(view.target);
    this.camera.fov = view.fov;
    if (view.half > 0) this.camera.setFlat(view.half);
    else this.camera.setPerspective();
    this.camera.lookAt(view.target);
  }

  follow(camera: CameraJson): void {
    this.setFlying(false);
    this.move = null;
    this.following = camera;
    this.held = null;
    // Damping left over from the last drag must not turn the camera.
    this.controls.enableDamping = false;
    this.controls.update();
    this.onFollow.call();
    this.onChange();
  }

  /** Looks as a camera that the scene does not have, until the user takes over; `world`: world_from_camera, row by row. */
  hold(camera: CameraJson, world: Float64Array): void {
    this.follow({ ...camera, node: 0 });
    this.held = world;
  }

  /** Goes on freely from where the followed camera is. */
  release(): void {
    if (this.following === null) return;
    this.following = null;
    if (this.camera.isFlat) this.camera.setPerspective();
    this.controls.enableDamping = true;
    this.onFollow.call();
    this.onChange();
  }

  /** One step; `world` is world_from_node of all nodes. True while the camera moves by itself. */
  update(now: number, world: Float64Array, origin: readonly number[]): boolean {
    if (this.following) {
      this.copy(this.following, this.held ?? world, origin);
      this.clip();
      return false;
    }
    if (this.fly.isOn) return this.flown(now);
    if (this.move) this.advance(now, this.move);
    const moving = this.controls.update();
    this.clip();
    return moving || this.move !== null;
  }

  private flown(now: number): boolean {
    const distance = this.camera.position.distanceTo(this.controls.target);
    const flying = this.fly.update(now);
    const forward = new Vector3(0, 0, -1).applyQuaternion(this.camera.quaternion);
    this.controls.target.copy(this.camera.position).addScaledVector(forward, distance);
    this.clip();
    return flying;
  }

  private advance(now: number, { from, to, start }: Move): void {
    const t = Math.min(1, (now - start) / MOVE_MS);
    const eased = t * t * (3 - 2 * t);
    this.show({
      position: from.position.clone().lerp(to.position, eased),
      target: from.target.clone().lerp(to.target, eased),
      fov: MathUtils.lerp(from.fov, to.fov, eased),
      half: MathUtils.lerp(from.half, to.half, eased),
    });
    if (t >= 1) this.move = null;
  }

  /** Takes over pose and lens of a scene's camera; the orbit's target goes in front of it. */
  private copy(json: CameraJson, world: Float64Array, origin: readonly number[]): void {
    const at = json.node * 16;
    const axis = (c: number): Vector3 => new Vector3(world[at + c], world[at + 4 + c], world[at + 8 + c]).normalize();
    const [x, y, back] = [axis(0), axis(1), axis(2)];
    this.camera.position.set(world[at + 3] - origin[0], world[at + 7] - origin[1], world[at + 11] - origin[2]);
    this.camera.quaternion.copy(quaternionOf(x, y, back));
    this.camera.fov = this.fovOf(json);
    // An orthographic camera sees an area of its apertures.
    if (json.projection === "orthographic") this.camera.setFlat(this.fit(json, json.verticalAperture / 2000));
    else this.camera.setPerspective();
    this.controls.target.copy(this.camera.position).addScaledVector(back, -Math.max(1, this.reach(back)));
  }

  /** How far in front of the camera the scene's middle lies [m]. */
  private reach(back: Vector3): number {
    return Math.min(this.radius * 2, Math.max(1, this.camera.position.dot(back)));
  }

  /** A vertical angle with which all that the camera sees fits into the window [degrees]. */
  private fovOf(json: CameraJson): number {
    const half = Math.tan((json.verticalFov || MathUtils.degToRad(FOV)) / 2);
    return MathUtils.radToDeg(2 * Math.atan(this.fit(json, half)));
  }

  private fit(json: CameraJson, half: number): number {
    const aspect = json.verticalAperture > 0 ? json.horizontalAperture / json.verticalAperture : 1.5;
    return Math.max(half, (half * aspect) / this.camera.aspect);
  }

  private clip(): void {
    const distance = this.camera.position.distanceTo(this.controls.target);
    const near = MathUtils.clamp(0.01 * distance, 0.01, 0.5);
    const far = this.camera.position.length() + 6 * this.radius + 50;
    if (Math.abs(near - this.camera.near) < 0.05 * near && Math.abs(far - this.camera.far) < 0.05 * far) return;
    this.camera.near = near;
    this.camera.far = far;
    this.camera.updateProjectionMatrix();
  }
}

function quaternionOf(x: Vector3, y: Vector3, z: Vector3): Quaternion {
  const camera = new PerspectiveCamera();
  camera.matrix.makeBasis(x, y, z);
  return new Quaternion().setFromRotationMatrix(camera.matrix);
}
