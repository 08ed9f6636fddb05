/**
 * Link, player and picture put together: what comes over the wire becomes what is seen. Knows no panel; who wants to
 * hear of it adds to the hooks (see bench.ts).
 */
import { meter } from "./core/meter.ts";
import { Rate } from "./core/rate.ts";
import { Store } from "./core/store.ts";
import { TwinTime } from "./core/twin-time.ts";
import { Player } from "./player.ts";
import { Hooks } from "./core/hooks.ts";
import { byId } from "./ui/dom.ts";
import { GeometryCache } from "./view/geometry.ts";
import type { QualityChoice } from "./view/quality.ts";
import { StageView } from "./view/stage-view.ts";
import { Textures } from "./view/textures.ts";
import { Viewport } from "./view/viewport.ts";
import { Link } from "./wire/link.ts";
import type { Recorded } from "./wire/recorded.ts";
import { fetchScene } from "./wire/fetch-scene.ts";
import type { SceneData } from "./wire/scene-data.ts";
import type { Tick } from "./wire/session.ts";

/** Frames whose cost is remembered. */
const MOST_WORK = 1000;
const NO_SIGNALS = new Store([]);

export class App {
  readonly link: Link;
  readonly viewport: Viewport;
  readonly time = new TwinTime();
  readonly frameRate = new Rate();
  readonly tickRate = new Rate();
  readonly on = {
    /** Another scene is there, and the picture shows it. */
    scene: new Hooks<[scene: SceneData, stage: StageView]>(),
    tick: new Hooks<[tick: Tick]>(),
    /** Before a frame is drawn; true asks for another one. */
    frame: new Hooks<[now: number], boolean | void>(),
    drawn: new Hooks<[]>(),
    alarm: new Hooks<[]>(),
    /** Something in the picture was clicked, with its path and the place in the world [m]; null for nothing. */
    click: new Hooks<[path: string | null, position: readonly [number, number, number] | null]>(),
    /** Of the server, with its data: what no other hook is for. */
    event: new Hooks<[name: string, data: unknown]>(),
    notice: new Hooks<[level: string, text: string]>(),
    /** The link is in another state. */
    link: new Hooks<[]>(),
    /** Geometry came. */
    stage: new Hooks<[stage: StageView]>(),
    /** Why the scene cannot be shown; null: it is there. */
    broken: new Hooks<[reason: string | null]>(),
  };
  scene: SceneData | null = null;
  /** Node of the selection; -1 for none. */
  selected = -1;
  /** The scene, all its geometry and the newest state are on screen, drawn as they are meant. */
  ready = false;
  /** When all geometry was first on screen, plainly lit, from the beginning of the navigation [ms]; 0: not yet. */
  readyMs = 0;
  /** When materials, environment and shadows first were, too. */
  completeMs = 0;
  private stage: "loading" | "plain" | "complete" = "loading";
  /** Totals of what came over the wire. */
  readonly wire = { ticks: 0, keyframes: 0, deltaRows: 0, inflated: 0 };
  private selectedPath: string | null = null;
  /** Of the present scene. */
  player: Player | null = null;
  private readonly geometry: GeometryCache;
  private readonly textures: Textures;
  private applyMs = 0;
  /** Script time of the newest frames in which something came, decoding and applying [ms]; the oldest first. */
  readonly work: number[] = [];
  private worked = { ticks: 0, decodedMs: 0 };
  private fetching = 0;

  constructor(
    readonly base: string,
    quality: QualityChoice,
    /** What is played instead of a live twin, or null. */
    readonly recorded: Recorded | null = null,
    /** Opens the stream in another way than a page of the twin's own does. */
    open?: (url: string) => WebSocket,
  ) {
    this.geometry = new GeometryCache(base);
    this.viewport = new Viewport(
      byId<HTMLCanvasElement>("canvas"),
      { advance: (now) => this.advance(now), drawn: (now) => this.drawn(now) },
      quality,
    );
    this.textures = new Textures(base, this.viewport.lean ? 1 : 8);
    const url = new URL("ws", base);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    const handlers = {
      onFetch: (epoch: string) => void this.fetchScene(epoch),
      onTick: (tick: Tick) => this.receive(tick),
      onNotice: (level: string, text: string) => this.on.notice.call(level, text),
      onAlarm: () => this.on.alarm.call(),
      onEvent: (name: string, data: unknown) => this.on.event.call(name, data),
      onChange: () => this.on.link.call(),
    };
    this.link = new Link(url.href, handlers, recorded ? () => recorded.connect() : open);
  }

  /** Connects; call it when all that listens is in place. */
  start(): void {
    document.addEventListener("visibilitychange", () => this.setHidden(document.hidden));
    this.setHidden(document.hidden);
    this.link.connect();
  }

  get store(): Store {
    return this.player?.store ?? NO_SIGNALS;
  }

  // --- scene ---------------------------------------------------------------------------------------------------

  private async fetchScene(epoch: string): Promise<void> {
    const turn = ++this.fetching;
    this.ready = false;
    try {
      const scene = await fetchScene(this.base);
      if (turn !== this.fetching) return;
      if (scene.json.epoch !== epoch) throw new Error("the server restarted meanwhile");
      this.setScene(scene);
      this.on.broken.call(null);
      this.link.sceneLoaded(epoch, scene.json.revision, scene.nodeCount, scene.json.signals.length);
    } catch (error) {
      if (turn !== this.fetching) return;
      console.error(error);
      this.on.broken.call(error instanceof Error ? error.message : String(error));
      this.link.drop();
    }
  }

  /** Shows another scene; what is selected and looked at stays, by path. */
  private setScene(scene: SceneData): void {
    const first = this.scene === null;
    const following = this.viewport.rig.following?.path;
    const { lean, isComplete } = this.viewport;
    const before = this.viewport.stage;
    const stage = new StageView(scene, this.geometry, this.textures, () => this.stageChanged(), lean, !isComplete, before);
    this.scene = scene;
    this.player = new Player(scene, stage, this.time, this.link.session.mirror);
    this.viewport.setStage(stage, !first);
    this.geometry.keepOnly(new Set(scene.json.prototypes.map((prototype) => prototype.hash)));
    if (first) this.firstView();
    else if (following) this.useCamera(scene.json.cameras.findIndex((camera) => camera.path === following));
    this.showSelected(this.selectedPath);
    this.on.scene.call(scene, stage);
    this.stageChanged();
  }

  /** A camera that the scene's author meant as the overview, else the home view. */
  private firstView(): void {
    const index = this.scene?.json.cameras.findIndex((camera) => /overview|^main|^persp|hero/i.test(camera.name)) ?? -1;
    this.viewport.home(false);
    this.useCamera(index);
  }

  private stageChanged(): void {
    const { stage } = this.viewport;
    if (!stage) return;
    this.viewport.touchShadows();
    // Outlines need the geometry that has just come.
    if (this.selected >= 0) this.viewport.setSelection(stage.instancesUnder(this.selected));
    this.viewport.invalidate();
    this.on.stage.call(stage);
  }

  // --- stream --------------------------------------------------------------------------------------------------

  private receive(tick: Tick): void {
    const now = performance.now();
    meter.step?.("tick");
    this.on.tick.call(tick);
    this.player?.receive(tick, now);
    this.tickRate.count(now);
    this.wire.ticks++;
    this.wire.keyframes += tick.keyframe ? 1 : 0;
    this.wire.deltaRows += tick.deltaRows;
    this.wire.inflated += tick.inflated;
    if (document.hidden) this.flushHidden();
    else this.viewport.invalidate();
  }

  /** A hidden tab has no animation frames; what is under way is applied at once. */
  private flushHidden(): void {
    this.advance(performance.now());
    this.acknowledge();
  }

  private setHidden(hidden: boolean): void {
    this.link.setHidden(hidden);
    if (hidden) this.flushHidden();
    else this.viewport.invalidate();
  }

  private drawn(now: number): void {
    this.frameRate.count(now);
    const whole = (this.player?.started ?? false) && (this.viewport.stage?.ready ?? false);
    this.ready = whole && this.viewport.isComplete;
    if (whole) this.noteReady();
    this.noteWork();
    this.acknowledge();
    this.on.drawn.call();
  }

  /** All geometry is drawn: once that is on screen, what makes the picture complete begins. */
  private noteReady(): void {
    const { viewport } = this;
    if (this.stage === "loading") {
      this.stage = "plain";
      viewport.whenShown(() => {
        this.readyMs = performance.now();
        void viewport.complete();
      });
    } else if (this.stage === "plain" && viewport.isComplete) {
      this.stage = "complete";
      viewport.whenShown(() => (this.completeMs = performance.now()));
    }
  }

  private noteWork(): void {
    const { ticks } = this.wire;
    const { decodedMs } = this.link;
    if (ticks > this.worked.ticks) this.work.push(decodedMs - this.worked.decodedMs + this.viewport.applyMs);
    if (this.work.length > MOST_WORK) this.work.shift();
    this.worked = { ticks, decodedMs };
  }

  private advance(now: number): boolean {
    const begin = performance.now();
    const moving = this.player?.advance(now) ?? false;
    const more = this.on.frame.any(now) || moving;
    this.applyMs = performance.now() - begin;
    return more;
  }

  private acknowledge(): void {
    const tick = this.player?.takeOwed();
    if (tick) this.link.applied(tick.seq, tick.madeMs, this.frameRate.perSecond(performance.now()), this.applyMs);
  }

  // --- selection and cameras -------------------------------------------------------------------------------------

  /** Outlines what has that path ("/Cell/Arm", "/Cell/Parcels[3]"), now and in later scenes; null for nothing. */
  showSelected(path: string | null): void {
    this.selectedPath = path;
    this.selected = path === null ? -1 : (this.scene?.nodeAt(path) ?? -1);
    const { stage } = this.viewport;
    if (stage) this.viewport.setSelection(this.selected < 0 ? [] : stage.instancesUnder(this.selected));
  }

  /** Node that a click at a point of the window means: a point instance or a prim; -1 for nothing. */
  nodeAt(clientX: number, clientY: number): number {
    const instance = this.viewport.pick(clientX, clientY);
    if (instance < 0 || !this.scene) return -1;
    const { point, node, prim } = this.scene.instances;
    return point[instance] >= 0 ? node[instance] : prim[instance];
  }

  /** The same as a path; null for nothing. */
  pathAt(clientX: number, clientY: number): string | null {
    const node = this.nodeAt(clientX, clientY);
    return node < 0 || !this.scene ? null : this.scene.nodePath(node);
  }

  /** Place in the world of what is under a point of the window [m]; null for nothing. */
  placeAt(clientX: number, clientY: number): readonly [number, number, number] | null {
    const point = this.viewport.hit(clientX, clientY)?.point;
    const origin = this.viewport.stage?.origin;
    return point && origin ? [point.x + origin[0], point.y + origin[1], point.z + origin[2]] : null;
  }

  /** Follows a camera of the scene; -1 goes on freely from where the view is. */
  useCamera(index: number): void {
    const camera = this.scene?.json.cameras[index];
    if (camera) this.viewport.rig.follow(camera);
    else this.viewport.rig.release();
  }

  /** world_from_node as held (not interpolated), 16 values row-major; null where there is no such prim. */
  worldOf(path: string): number[] | null {
    const node = this.scene?.nodeAt(path) ?? -1;
    return node < 0 || !this.player ? null : this.player.worldOf(node);
  }

  /** Trust decays without any frame coming in. */
  judgeTrust(now: number): void {
    if (this.player?.judgeTrust(now)) this.viewport.invalidate();
  }
}
