/**
 * Where a part will be in a few seconds if it goes on as it does now: constant velocity and constant rate of turn, from what was
 * told of it in the last moments. Pure; times in ms of the twin.
 *
 * It knows no plan and no obstacle. It says nothing of a part that has jumped, of which too little was told, or that is silent.
 */
import { POSE } from "./matrix.ts";
import { timesQuaternion } from "./trs.ts";

/** Position x, y, z [m] and rotation w, x, y, z in the frame of its parent. */
export type Pose7 = readonly [number, number, number, number, number, number, number];
type Quaternion = [number, number, number, number];

/** How much of the last moments counts, at least [ms]. */
const WINDOW_MS = 400;
/** Readings between which so much time lies count in any case. */
const READINGS = 4;
const MOST_KEPT = 64;
/** Who is told nothing for so many usual pauses, but at least so long, stands still [ms]. */
const QUIET_PAUSES = 2.5;
const QUIET_MS = 300;
/** Faster than this is a jump, not a motion [m/s]; a shorter step never is one [m]. */
const JUMP_SPEED = 25;
const JUMP_M = 0.5;
/** Less than that is no motion [m/s, rad/s]. */
const STILL_M = 1e-4;
const STILL_RAD = 1e-4;

interface Told {
  readonly t: number;
  readonly pose: Pose7;
}

/** What was told of one node, and its rates. */
export class Motion {
  private told: Told[] = [];

  /** A pose of that time (`POSE` values from `at` on). Times rise; where they fall, everything begins anew. */
  add(t: number, poses: ArrayLike<number>, at = 0): void {
    const pose = Array.from({ length: 7 }, (_, k) => poses[at + k]) as unknown as Pose7;
    const last = this.told.at(-1);
    if (last && t <= last.t) {
      if (t === last.t) this.told.pop();
      else this.told = [];
    } else if (last && jumps(last, t, pose)) this.told = [];
    this.told.push({ t, pose });
    const window = Math.max(WINDOW_MS, READINGS * this.pause);
    while (this.told.length > READINGS && (this.told[0].t < t - window || this.told.length > MOST_KEPT)) this.told.shift();
  }

  /** The usual time between two readings [ms]; 0 where it is not known. */
  private get pause(): number {
    const { told } = this;
    return told.length < 2 ? 0 : (told[told.length - 1].t - told[0].t) / (told.length - 1);
  }

  /** Whether it moves at a moment, as far as is known then. */
  moves(now: number): boolean {
    const last = this.told.at(-1);
    if (!last || this.told.length < 2) return false;
    if (now - last.t > Math.max(QUIET_MS, QUIET_PAUSES * this.pause)) return false;
    const { velocity, turn } = this.rates();
    return Math.hypot(...velocity) > STILL_M || Math.hypot(...turn) > STILL_RAD;
  }

  /** Where it will be, known at `now`; null before anything was told. Who stands still stays. */
  at(target: number, now: number): Pose7 | null {
    const last = this.told.at(-1);
    if (!last) return null;
    if (!this.moves(now)) return last.pose;
    const { velocity, turn } = this.rates();
    const s = (target - last.t) / 1000;
    const [x, y, z, ...rotation] = last.pose;
    const turned = timesQuaternion(rotation as Quaternion, quaternionOf(turn.map((rate) => rate * s)));
    return [x + velocity[0] * s, y + velocity[1] * s, z + velocity[2] * s, ...turned];
  }

  /** Velocity [m/s] by least squares, and rate of turn about its own axes [rad/s] from the first to the last reading. */
  rates(): { velocity: number[]; turn: number[] } {
    const { told } = this;
    const none = { velocity: [0, 0, 0], turn: [0, 0, 0] };
    if (told.length < 2) return none;
    const middle = told.reduce((sum, { t }) => sum + t, 0) / told.length;
    const square = told.reduce((sum, { t }) => sum + (t - middle) ** 2, 0);
    const velocity = [0, 1, 2].map((c) => (told.reduce((sum, { t, pose }) => sum + (t - middle) * pose[c], 0) / square) * 1000);
    const turn = [0, 0, 0];
    for (let k = 1; k < told.length; k++)
      turnOf(told[k - 1].pose, told[k].pose).forEach((angle, c) => (turn[c] += angle)); // step by step: also more than half a turn
    const span = (told[told.length - 1].t - told[0].t) / 1000;
    return { velocity, turn: turn.map((angle) => angle / span) };
  }
}

function jumps(last: Told, t: number, pose: Pose7): boolean {
  const way = Math.hypot(pose[0] - last.pose[0], pose[1] - last.pose[1], pose[2] - last.pose[2]);
  return way > Math.max(JUMP_M, (JUMP_SPEED * (t - last.t)) / 1000);
}

/** The turn from one rotation to another about the axes of the part, the shorter way [rad]. */
function turnOf(from: Pose7, to: Pose7): number[] {
  const back: Quaternion = [from[3], -from[4], -from[5], -from[6]];
  const [w, ...v] = timesQuaternion(back, [to[3], to[4], to[5], to[6]]);
  const size = Math.hypot(...v);
  if (size < 1e-12) return [0, 0, 0];
  const angle = 2 * Math.atan2(size, Math.abs(w)) * (w < 0 ? -1 : 1);
  return v.map((part) => (part / size) * angle);
}

function quaternionOf(turn: number[]): Quaternion {
  const angle = Math.hypot(...turn);
  if (angle < 1e-12) return [1, 0, 0, 0];
  const sine = Math.sin(angle / 2) / angle;
  return [Math.cos(angle / 2), turn[0] * sine, turn[1] * sine, turn[2] * sine];
}

/** How far predictions were off, once their time had come: of the point that was off most, the median of the last times. */
export class Misses {
  private readonly waiting: { t: number; places: ArrayLike<number> }[] = [];
  private readonly off: number[] = [];

  /** What is predicted for a time: x, y, z of each point [m]. Asked for as often as is worth it. */
  expect(t: number, places: () => ArrayLike<number>): void {
    const last = this.waiting.at(-1);
    if (last && t - last.t < 100) return;
    this.waiting.push({ t, places: places() });
    if (this.waiting.length > 200) this.waiting.shift();
  }

  /** Where the points are at a time; asked for where something was expected for it. */
  happened(t: number, places: () => ArrayLike<number>): void {
    let due: { t: number; places: ArrayLike<number> } | undefined;
    while (this.waiting.length > 0 && this.waiting[0].t <= t) due = this.waiting.shift();
    if (!due || t - due.t > 200) return; // nobody looked at that time
    const [then, now] = [due.places, places()];
    let most = 0;
    for (let k = 0; k + 2 < now.length; k += 3) most = Math.max(most, Math.hypot(then[k] - now[k], then[k + 1] - now[k + 1], then[k + 2] - now[k + 2]));
    this.off.push(most);
    if (this.off.length > 20) this.off.shift();
  }

  /** [m]; null where too few times have come. */
  get median(): number | null {
    if (this.off.length < 3) return null;
    return [...this.off].sort((a, b) => a - b)[Math.floor(this.off.length / 2)];
  }

  forget(): void {
    this.waiting.length = this.off.length = 0;
  }
}

/** Row-major local matrix of a pose with the scale of another matrix. */
export function withScaleOf(pose: Pose7, local: ArrayLike<number>): Float64Array {
  const out = new Float64Array(POSE);
  out.set(pose);
  for (let c = 0; c < 3; c++) out[7 + c] = Math.hypot(local[c], local[4 + c], local[8 + c]);
  return out;
}
