/**
 * The picture: renderer, camera, lights, ground, outlines. Draws on demand only: `invalidate` asks for one frame, and
 * a frame asks for the next one only while something moves.
 */
import { Group, Scene, type WebGLRenderer } from "three";
import { emptyBox, include, isEmpty, type Box } from "../core/bounds.ts";
import { meter } from "../core/meter.ts";
import { Anchored } from "./anchored.ts";
import { CameraRig } from "./camera-rig.ts";
import { Ground } from "./ground.ts";
import { IdPicture, type IdCounts } from "./id-picture.ts";
import { Lighting } from "./lighting.ts";
import type { Outline } from "./outline.ts";
import { Outlines } from "./outlines.ts";
import type { Hit } from "./picker.ts";
import { Pacing } from "./pacing.ts";
import { Quality, type QualityChoice } from "./quality.ts";
import { Section } from "./section.ts";
import { compiled, isSoftware, makeRenderer, whenShown } from "./renderer.ts";
import { Sight } from "./sight.ts";
import type { StageView } from "./stage-view.ts";
import { surroundOf } from "./surround.ts";

/** The origin follows the point looked at once it is this far [m]: float32 is then a quarter of a millimetre fine. */
const REBASE_M = 2000;
/** Programs that take longer are waited for in the frame that needs them [ms]. */
const LONGEST_COMPILE_MS = 10_000;
/** How long a frame waits that comes too soon [ms]. */
const WAIT_MS = 40;

export interface ViewportHandlers {
  /** Before a frame: brings the stage to `now` [ms, performance.now()]; true while there is more to come. */
  advance(now: number): boolean;
  /** After a frame is drawn. */
  drawn(now: number): void;
}

export class Viewport {
  readonly renderer: WebGLRenderer;
  readonly rig: CameraRig;
  readonly ground = new Ground();
  /** Without the dearest effects: where WebGL runs on the processor. */
  readonly lean: boolean;
  stage: StageView | null = null;
  /** While something is dragged, which is counted from the origin. */
  holdsOrigin = false;
  /** Called when positions are relative to another origin: of the view before, and now [m]. */
  readonly onRebase = new Set<(before: readonly number[], after: readonly number[]) => void>();
  /** What the last frame cost before it was drawn: poses, looks, columns for the GPU [ms]. */
  applyMs = 0;
  /** Frames drawn so far. */
  frames = 0;
  /** Size of the picture [px]; kept, because to ask the page for it lays it out. */
  size: { readonly width: number; readonly height: number } = { width: 1, height: 1 };
  readonly section: Section;
  /** What features add to the picture at places in the world. */
  readonly anchored = new Anchored();
  /** Takes clicks instead of selecting; null: they select. */
  onClick: ((hit: Hit | null, clientX: number, clientY: number) => void) | null = null;
  /** What features draw over the scene; positions are relative to `stage.origin`. */
  readonly extras = new Group();
  private readonly scene = new Scene();
  private readonly outlines = new Outlines(this.scene);
  private readonly lighting: Lighting;
  private readonly sight: Sight;
  private readonly ids = new IdPicture();
  private readonly quality: Quality;
  private scheduled = false;
  private readonly pacing: Pacing;
  private resizeDue = false;

  constructor(
    private readonly canvas: HTMLCanvasElement,
    private readonly handlers: ViewportHandlers,
    quality: QualityChoice,
  ) {
    this.lean = quality === "auto" ? isSoftware() : quality === "low";
    this.quality = new Quality(this.lean, quality === "auto");
    this.renderer = makeRenderer(canvas, this.lean);
    this.pacing = new Pacing(this.renderer, this.quality);
    this.section = new Section(this.renderer);
    this.lighting = new Lighting(this.scene, this.renderer, this.lean, () => {
      this.relight();
      this.invalidate();
    });
    this.scene.add(this.ground.group, this.anchored.group, this.extras);
    this.rig = new CameraRig(canvas, () => this.invalidate());
    this.sight = new Sight(this.renderer, this.rig);
    new ResizeObserver(() => this.resized()).observe(canvas.parentElement as HTMLElement);
    this.resize();
  }

  /** Whether all is drawn as it is meant: materials, environment, shadows. The first picture is plainer, and sooner. */
  get isComplete(): boolean {
    return !this.lighting.isPlain;
  }

  /** Calls `then` once all that was drawn so far is really there. */
  whenShown(then: () => void): void {
    whenShown(this.renderer, then);
  }

  /**
   * From the first picture to the whole one: programs are made while the plain picture stands, then all changes in one frame.
   * A frame lies between the steps, so that the page answers.
   */
  async complete(): Promise<void> {
    const { stage } = this;
    if (!stage || this.isComplete) return;
    this.lighting.isPlain = false;
    this.relight();
    // A program that cannot be made is told by the frame that needs it.
    const made = stage.asFinished(() => compiled(this.renderer, this.scene, this.rig.camera)).catch((error: unknown) => console.error(error));
    // Until they are there the plain picture needs its plain lights.
    this.lighting.isPlain = true;
    this.relight();
    await Promise.race([made, new Promise((resolve) => window.setTimeout(resolve, LONGEST_COMPILE_MS))]);
    this.lighting.isPlain = false;
    this.stage?.finish();
    this.relight();
    this.invalidate();
  }

  /** Shows another scene. `keepCamera`: the user's view stays as it is in the world. */
  setStage(stage: StageView, keepCamera: boolean): void {
    const before = this.stage?.origin;
    this.stage = stage;
    this.scene.add(stage.group);
    this.ground.place(stage.framing, stage.origin);
    this.rig.setExtent(stage.framing);
    this.follow(stage);
    stage.materials.setCut(this.section.isOn);
    this.relight();
    if (keepCamera && before) this.rig.shift(before, stage.origin);
    this.setHover([]);
    this.invalidate();
  }

  /** Lights from the nodes' present poses. */
  relight(): void {
    if (!this.stage) return;
    const { scene, model, framing, origin } = this.stage;
    const surround = this.lean || this.lighting.isPlain ? null : surroundOf(this.stage);
    this.lighting.apply(scene, model.world, framing, origin, surround);
    this.stage.materials.setEnvironment(this.lighting.environment);
    this.pacing.touchShadows();
  }

  /**
   * Puts the origin of float32 positions where the user looks, once that is far: near the eye nothing jitters, however
   * wide the site is.
   */
  private rebase(stage: StageView): void {
    const { target } = this.rig.controls;
    if (target.length() < REBASE_M || this.holdsOrigin) return;
    const before = stage.origin;
    stage.rebase([before[0] + Math.round(target.x), before[1] + Math.round(target.y), before[2] + Math.round(target.z)]);
    this.rig.shift(before, stage.origin);
    this.ground.place(stage.framing, stage.origin);
    this.follow(stage);
    this.relight();
    for (const then of this.onRebase) then(before, stage.origin);
  }

  /** One more outline around instances, of its own colour (`outline.set`). */
  addOutline(color: number, width: number, opacity: number): Outline {
    return this.outlines.add(color, width, opacity);
  }

  private follow({ origin }: StageView): void {
    this.anchored.rebase(origin);
    this.section.place(origin);
  }

  /** Cuts the picture open at a plane; `normal` points to what stays, `point` is of the world [m]. */
  cut(normal: readonly number[], point: readonly [number, number, number]): void {
    this.section.set(normal, point, this.stage?.origin ?? [0, 0, 0]);
    this.stage?.materials.setCut(true);
    this.invalidate();
  }

  uncut(): void {
    this.section.off();
    this.stage?.materials.setCut(false);
    this.invalidate();
  }

  /** What the picture is lit by. */
  get lights(): unknown {
    return this.lighting.told;
  }

  /** Where a place of the world is in the picture [px, from the top left]; null behind the eye. */
  project(world: readonly number[]): { readonly x: number; readonly y: number } | null {
    return this.sight.project(world, this.stage?.origin ?? [0, 0, 0], this.size);
  }

  /** Draws a frame at once; the time that its script took [ms]. */
  drawNow(): number {
    const begin = performance.now();
    this.frame(begin);
    return performance.now() - begin;
  }

  /** Asks for a frame. */
  invalidate(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    requestAnimationFrame((now) => this.frame(now));
  }

  /** What moved or came since the last frame casts another shadow. */
  touchShadows(): void {
    this.pacing.touchShadows();
  }

  private frame(now: number): void {
    this.scheduled = false;
    const { stage } = this;
    if (this.lean && !stage?.ready && !this.isComplete && this.pacing.mustWait(now)) {
      this.scheduled = true;
      window.setTimeout(() => requestAnimationFrame((later) => this.frame(later)), WAIT_MS);
      return;
    }
    const begin = performance.now();
    meter.step?.("apply");
    const more = this.handlers.advance(now);
    if (stage?.dressAll()) this.pacing.touchShadows();
    // Moves the camera, and so the origin that is best.
    const moving = stage ? this.rig.update(now, stage.model.world, stage.origin) : false;
    if (stage) this.rebase(stage);
    if (stage?.flush()) {
      this.pacing.touchShadows();
      this.outlines.update();
    }
    meter.step?.("applied");
    this.applyMs = performance.now() - begin;
    if (stage?.adapt(this.rig.camera, this.renderer.domElement.height)) this.pacing.touchShadows();
    const shadowLater = this.pacing.scheduleShadow(now);
    this.measureDepths();
    if (this.resizeDue) this.resize();
    this.renderer.render(this.scene, this.rig.camera);
    this.frames++;
    if (this.pacing.drawn(now, (stage?.ready ?? false) && this.isComplete)) this.resizeDue = true;
    this.handlers.drawn(now);
    stage?.settle();
    meter.step?.("drawn");
    if (more || moving || shadowLater || this.resizeDue) this.invalidate();
  }

  /** How far each batch reaches: nearer ones are drawn first, so that what they hide is never shaded. */
  private measureDepths(): void {
    for (const batch of this.stage?.batches ?? []) {
      const reach = batch.sphere.center.distanceTo(this.rig.camera.position) + batch.sphere.radius;
      for (const mesh of batch.meshes) mesh.userData.reach = reach;
    }
  }

  /** Between a new size and the next picture the canvas is empty, so it is drawn at once: the browser shows what it finds. */
  private resized(): void {
    this.resize();
    if (this.stage) this.renderer.render(this.scene, this.rig.camera);
    this.invalidate();
  }

  /** Takes over the size of the page's part and the quality; what is drawn next is drawn so. */
  private resize(): void {
    this.resizeDue = false;
    const parent = this.canvas.parentElement as HTMLElement;
    const [width, height] = [Math.max(1, parent.clientWidth), Math.max(1, parent.clientHeight)];
    this.size = { width, height };
    this.renderer.setPixelRatio(Math.min(window.devicePixelRatio || 1, this.quality.level.pixelRatio));
    this.renderer.setSize(width, height, false);
    this.rig.resize(width, height);
    this.outlines.resize(width, height);
  }

  /** Instance under a point of the window [px]; -1 where there is none. */
  pick(clientX: number, clientY: number): number {
    return this.hit(clientX, clientY)?.instance ?? -1;
  }

  /** What is hit there, and where exactly; null for nothing. */
  hit(clientX: number, clientY: number): Hit | null {
    return this.stage && this.sight.hit(this.stage, clientX, clientY);
  }

  /** Which instance each pixel of the present view shows, counted in a picture at most `most` pixels wide or high; null: none yet. */
  countInstances(most: number): IdCounts | null {
    if (!this.stage) return null;
    const { width, height } = this.size;
    const scale = Math.min(1, most / Math.max(width, height));
    const size = [width, height].map((px) => Math.max(1, Math.round(px * scale)));
    return this.ids.count(this.renderer, this.stage, this.rig.camera, size[0], size[1]);
  }

  /** Whether a search on every move of the pointer is affordable. */
  get canHover(): boolean {
    return this.sight.cost < 25;
  }

  setSelection(instances: readonly number[]): void {
    this.outlines.selection.set(this.stage, instances);
    this.invalidate();
  }

  setHover(instances: readonly number[]): void {
    this.outlines.hover.set(this.stage, instances);
    this.invalidate();
  }

  home(animate: boolean): void {
    if (this.stage) this.rig.frame(this.stage.framing, this.stage.origin, true, animate);
  }

  /** Frames these instances; all where there are none. */
  frameInstances(instances: readonly number[]): void {
    if (!this.stage) return;
    const box: Box = emptyBox();
    for (const instance of instances) include(box, this.stage.instanceBox(instance));
    this.rig.frame(isEmpty(box) ? this.stage.framing : box, this.stage.origin, false, true);
  }
}
