/**
 * Handles to move, turn and scale the selection. The picture follows the drag at once; when it is let go, one command goes to the
 * twin, and what the twin answers is what stays.
 */
import { Object3D, Quaternion, Vector3 } from "three";
import { TransformControls } from "three/addons/controls/TransformControls.js";
import { isEmpty } from "../../core/bounds.ts";
import { multiplyAffine } from "../../core/matrix.ts";
import { invertAffine, matrixOf, type Trs, trsOf } from "../../core/trs.ts";
import { deskOf } from "../../edit/desk.ts";
import { heldLocal, previewOf } from "../../edit/preview.ts";
import { refusal } from "../../edit/sentences.ts";
import { byId } from "../../ui/dom.ts";
import type { Workbench } from "../../workbench.ts";

export type Mode = "translate" | "rotate" | "scale";
const COMMANDS: Record<Mode, "position" | "rotation" | "scale"> = {
  translate: "position",
  rotate: "rotation",
  scale: "scale",
};
/** How long the picture waits for the twin's own pose after its answer [ms]. */
const PATIENCE_MS = 2000;
const SNAP = { position: 0.1, rotation: Math.PI / 12, scale: 0.1 };

export class Gizmo {
  mode: Mode | null = null;
  space: "world" | "local" = "world";
  snap = false;
  private readonly controls: TransformControls;
  private readonly proxy = new Object3D();
  private node = -1;
  private dragging = false;
  /** The press that is under way began on a handle: it selects nothing. */
  private pressed = false;
  private from: Trs | null = null;
  /** From the prim's origin to where the handles are [m]: what is moved is held in its middle. */
  private pivot: readonly [number, number, number] = [0, 0, 0];

  constructor(
    private readonly bench: Workbench,
    /** Something to show has changed. */
    private readonly changed: (gizmo: Gizmo) => void,
  ) {
    const { viewport } = bench;
    this.controls = new TransformControls(viewport.rig.camera, byId("canvas"));
    this.controls.setColors(0xe0604f, 0x6fae7d, 0x4c9be6, 0xf2c14e);
    this.controls.setSize(0.85);
    this.controls.enabled = false;
    viewport.extras.add(this.proxy, this.controls.getHelper());
    this.controls.getHelper().visible = false;
    this.controls.addEventListener("change", () => viewport.invalidate());
    this.controls.addEventListener("dragging-changed", (event) => this.drag(event.value === true));
    this.controls.addEventListener("objectChange", () => this.follow());
    bench.onFrame(() => this.track());
    viewport.onRebase.add(() => this.track());
    bench.watch(
      (state) => state.selected,
      () => this.attach(),
    );
    bench.onScene(() => this.attach());
    deskOf(bench).watch(() => this.attach());
    this.keepSelection();
  }

  setMode(mode: Mode | null): void {
    this.mode = this.mode === mode ? null : mode;
    if (this.mode) this.controls.setMode(this.mode);
    this.attach();
  }

  setSpace(space: "world" | "local"): void {
    this.space = space;
    this.controls.setSpace(space);
    this.changed(this);
    this.bench.viewport.invalidate();
  }

  setSnap(snap: boolean): void {
    this.snap = snap;
    this.controls.setTranslationSnap(snap ? SNAP.position : null);
    this.controls.setRotationSnap(snap ? SNAP.rotation : null);
    this.controls.setScaleSnap(snap ? SNAP.scale : null);
    this.changed(this);
  }

  /** Why nothing can be dragged now; null: it can, or nothing is wanted. */
  get reason(): string | null {
    if (this.mode === null) return null;
    const { selected } = this.bench.state;
    if (selected === null) return "Select what to move.";
    if (/\[-?\d+\]$/.test(selected)) return "A point of an instancer cannot be moved by hand.";
    return deskOf(this.bench).locked;
  }

  /** Puts the handles onto the selection, or away. */
  private attach(): void {
    if (this.dragging) return;
    const { scene, state } = this.bench;
    this.node = state.selected === null ? -1 : (scene?.nodeAt(state.selected) ?? -1);
    const on = this.mode !== null && this.node >= 0 && this.reason === null;
    this.controls.enabled = on;
    this.controls.getHelper().visible = on;
    if (on) {
      this.pivot = this.middle();
      this.track();
      this.controls.attach(this.proxy);
    } else this.controls.detach();
    this.changed(this);
    this.bench.viewport.invalidate();
  }

  /** An origin far from what belongs to it is no place to take hold of. Turns and scales are about the origin. */
  private middle(): [number, number, number] {
    const { stage } = this.bench;
    if (!stage || this.mode !== "translate") return [0, 0, 0];
    const box = stage.boxUnder(this.node);
    if (isEmpty(box)) return [0, 0, 0];
    const at = this.node * 16 + 3;
    return [0, 1, 2].map((c) => (box.min[c] + box.max[c]) / 2 - stage.model.world[at + 4 * c]) as [number, number, number];
  }

  /** The handles stay where the thing is, whoever moves it. */
  private track(): void {
    const { stage, viewport } = this.bench;
    if (!stage || this.node < 0 || this.mode === null || this.node >= stage.model.count) return;
    this.controls.camera = viewport.rig.camera;
    if (this.dragging) return;
    const { position, rotation, scale } = trsOf(stage.model.world, this.node * 16);
    const [x, y, z] = position.map((value, c) => value + this.pivot[c] - stage.origin[c]);
    this.proxy.position.set(x, y, z);
    this.proxy.quaternion.set(rotation[1], rotation[2], rotation[3], rotation[0]);
    this.proxy.scale.set(...scale);
    this.proxy.updateMatrixWorld();
  }

  private drag(begins: boolean): void {
    const { viewport, stage } = this.bench;
    viewport.rig.controls.enabled = !begins;
    viewport.holdsOrigin = begins;
    if (begins && stage) {
      const local = new Float64Array(16);
      stage.model.localOf(this.node, local);
      this.from = trsOf(local);
      this.dragging = true;
    } else if (!begins && this.dragging) {
      this.dragging = false;
      void this.commit();
    }
  }

  /** Local pose that the handles mean: only what this mode changes is taken. */
  private wanted(): Trs | null {
    const { stage } = this.bench;
    if (!stage || !this.from) return null;
    const { position: p, quaternion: q, scale: s } = this.proxy;
    const world = matrixOf({
      position: [p.x, p.y, p.z].map((value, c) => value + stage.origin[c] - this.pivot[c]) as [number, number, number],
      rotation: [q.w, q.x, q.y, q.z],
      scale: [s.x, s.y, s.z],
    });
    const parent = stage.model.parent[this.node];
    const above = parent < 0 ? null : invertAffine(stage.model.world, parent * 16);
    if (parent >= 0 && !above) return null;
    const local = new Float64Array(16);
    if (above) multiplyAffine(local, 0, above, 0, world, 0);
    else local.set(world);
    const part = COMMANDS[this.mode as Mode];
    return { ...this.from, [part]: trsOf(local)[part] };
  }

  private follow(): void {
    const pose = this.dragging ? this.wanted() : null;
    if (pose) previewOf(this.bench).set(this.node, { pose });
  }

  private async commit(): Promise<void> {
    const { bench, node } = this;
    const pose = this.wanted();
    const path = bench.scene?.nodePath(node);
    const part = COMMANDS[this.mode as Mode];
    const preview = previewOf(bench);
    if (!pose || !path || !this.from || String(pose[part]) === String(this.from[part])) return preview.clear(node);
    const before = new Float64Array(16);
    heldLocal(bench, node, before);
    const answer = await deskOf(bench).do({ kind: "move", path, [part]: pose[part] }, true);
    if (!answer.ok) {
      bench.notice("error", refusal(answer));
      preview.clear(node);
      return this.attach();
    }
    await this.arrived(node, before);
    if (!this.dragging || this.node !== node) preview.clear(node);
  }

  /** When the twin's own pose has come, so that nothing jumps back in between. */
  private async arrived(node: number, before: Float64Array): Promise<void> {
    const now = new Float64Array(16);
    for (let waited = 0; waited < PATIENCE_MS; waited += 50) {
      heldLocal(this.bench, node, now);
      if (now.some((value, k) => value !== before[k])) {
        // What is shown is a little later than what is held.
        await sleep(200);
        return;
      }
      await sleep(50);
    }
  }

  /** A click on a handle is none on what lies behind it. */
  private keepSelection(): void {
    const canvas = byId("canvas");
    let selected: string | null = null;
    canvas.addEventListener(
      "pointerdown",
      () => {
        selected = this.bench.state.selected;
        this.pressed = this.controls.enabled && this.controls.axis !== null;
      },
      { capture: true },
    );
    canvas.addEventListener("pointerup", () => {
      if (this.pressed) this.bench.dispatch({ type: "select", path: selected });
      this.pressed = false;
    });
  }

  /** Where a handle is in the window [px], for tests: the end of the X, Y or Z arrow. */
  handleAt(axis: "X" | "Y" | "Z"): [number, number] {
    const { camera } = this.bench.viewport.rig;
    const box = byId("canvas").getBoundingClientRect();
    const direction = new Vector3(Number(axis === "X"), Number(axis === "Y"), Number(axis === "Z"));
    if (this.space === "local") direction.applyQuaternion(new Quaternion().copy(this.proxy.quaternion));
    const distance = this.proxy.position.distanceTo(camera.position);
    const size = (distance * Math.min(1.9 * Math.tan((Math.PI * camera.fov) / 360), 7) * 0.85) / 4;
    const at = this.proxy.position.clone().addScaledVector(direction, 0.4 * size).project(camera);
    return [box.left + ((at.x + 1) / 2) * box.width, box.top + ((1 - at.y) / 2) * box.height];
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => window.setTimeout(resolve, ms));
}
