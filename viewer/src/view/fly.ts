/**
 * Flying: W A S D and the arrows move, Q and E sink and rise, a drag looks around, the wheel sets the speed, Shift is
 * four times as fast. It only reads keys while it is on, before anyone else does.
 */
import { Euler, MathUtils, Vector3, type Camera } from "three";

const KEYS: Readonly<Record<string, readonly [x: number, y: number, z: number]>> = {
  KeyW: [0, 0, -1],
  ArrowUp: [0, 0, -1],
  KeyS: [0, 0, 1],
  ArrowDown: [0, 0, 1],
  KeyA: [-1, 0, 0],
  ArrowLeft: [-1, 0, 0],
  KeyD: [1, 0, 0],
  ArrowRight: [1, 0, 0],
  KeyE: [0, 1, 0],
  KeyQ: [0, -1, 0],
};
const TURN = 0.003;
const STEEPEST = MathUtils.degToRad(89);
/** A pause between frames is no flight [s]. */
const LONGEST_STEP = 0.1;

export class Fly {
  /** [m/s] */
  speed = 3;
  private readonly down = new Set<string>();
  private fast = false;
  private last = 0;
  private dragging = false;
  private on = false;

  constructor(
    canvas: HTMLElement,
    private readonly camera: Camera,
    private readonly onChange: () => void,
    /** Escape was pressed. */
    private readonly onEnd: () => void,
  ) {
    canvas.addEventListener("pointerdown", (event) => (this.dragging = this.on && event.button === 0));
    window.addEventListener("pointerup", () => (this.dragging = false));
    canvas.addEventListener("pointermove", (event) => this.drag(event));
    canvas.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    window.addEventListener("keydown", (event) => this.key(event, true), { capture: true });
    window.addEventListener("keyup", (event) => this.key(event, false), { capture: true });
    window.addEventListener("blur", () => this.down.clear());
  }

  get isOn(): boolean {
    return this.on;
  }

  set isOn(on: boolean) {
    this.on = on;
    this.down.clear();
    this.onChange();
  }

  private key(event: KeyboardEvent, pressed: boolean): void {
    this.fast = event.shiftKey;
    if (!this.on || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    if (!(event.code in KEYS) && event.code !== "Escape") return;
    event.preventDefault();
    event.stopPropagation();
    if (event.code === "Escape") return this.onEnd();
    if (pressed) this.down.add(event.code);
    else this.down.delete(event.code);
    this.onChange();
  }

  private drag(event: PointerEvent): void {
    if (!this.on || !this.dragging) return;
    this.look(event.movementX * TURN, event.movementY * TURN);
  }

  /** Turns by those angles to the right and down [rad]. */
  look(right: number, down: number): void {
    // Z is up: about it first, then about the camera's own right.
    const forward = new Vector3(0, 0, -1).applyQuaternion(this.camera.quaternion);
    const pitch = Math.asin(MathUtils.clamp(forward.z, -1, 1));
    const yaw = Math.atan2(forward.y, forward.x) - right;
    const steep = MathUtils.clamp(pitch - down, -STEEPEST, STEEPEST);
    this.camera.quaternion.setFromEuler(new Euler(Math.PI / 2 + steep, 0, yaw - Math.PI / 2, "ZXY"));
    this.onChange();
  }

  private wheel(event: WheelEvent): void {
    if (!this.on) return;
    event.preventDefault();
    this.speed = MathUtils.clamp(this.speed * (event.deltaY < 0 ? 1.25 : 0.8), 0.1, 500);
  }

  /** Moves the camera to `now` [ms]; true while it flies. */
  update(now: number): boolean {
    const step = Math.min(LONGEST_STEP, (now - this.last) / 1000);
    this.last = now;
    if (!this.on || this.down.size === 0) return false;
    const way = new Vector3();
    let rise = 0;
    for (const code of this.down) {
      const [x, y, z] = KEYS[code];
      way.add(new Vector3(x, 0, z));
      rise += y;
    }
    way.applyQuaternion(this.camera.quaternion).add(new Vector3(0, 0, rise));
    if (way.length() > 0) way.normalize().multiplyScalar(this.speed * (this.fast ? 4 : 1) * Math.max(step, 0.001));
    this.camera.position.add(way);
    return true;
  }
}

function isTyping(target: EventTarget | null): boolean {
  return target instanceof Element && target.closest("input, textarea, select, [contenteditable]") !== null;
}
