/**
 * The viewer put together: link, player, picture and panels. One place decides what is selected and what is shown.
 */
import { Rate } from "./core/rate.ts";
import { Store } from "./core/store.ts";
import { TwinTime } from "./core/twin-time.ts";
import { Player } from "./player.ts";
import { AlarmList } from "./ui/alarm-list.ts";
import { CameraList } from "./ui/camera-list.ts";
import { byId, setText } from "./ui/dom.ts";
import { bindInput } from "./ui/input.ts";
import { Inspector } from "./ui/inspector.ts";
import { Overlay } from "./ui/overlay.ts";
import { StatusBar } from "./ui/status-bar.ts";
import { figuresOf } from "./ui/status-figures.ts";
import { TreeView } from "./ui/tree-view.ts";
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

/** How often panels are refreshed [ms]. */
const PANEL_MS = 125;
const NO_SIGNALS = new Store([]);

export class App {
  readonly link: Link;
  readonly viewport: Viewport;
  readonly overlay = new Overlay();
  readonly tree = new TreeView(
    (prim) => this.selectNode(prim),
    () => this.frameSelection(),
  );
  private readonly alarms: AlarmList;
  readonly cameras = new CameraList((index) => this.useCamera(index));
  readonly time = new TwinTime();
  readonly frameRate = new Rate();
  readonly tickRate = new Rate();
  scene: SceneData | null = null;
  selected = -1;
  /** The scene, all its geometry and the newest state are on screen. */
  ready = false;
  private player: Player | null = null;
  private readonly inspector = new Inspector(
    (path) => this.select(path),
    (node) => this.player?.entityOf(node) ?? null,
  );
  private readonly statusBar = new StatusBar();
  private readonly geometry: GeometryCache;
  private readonly textures: Textures;
  /** Totals of what came over the wire. */
  readonly wire = { ticks: 0, keyframes: 0, deltaRows: 0, inflated: 0 };
  private applyMs = 0;
  private fetching = 0;

  constructor(
    private readonly base: string,
    quality: QualityChoice,
    /** What is played instead of a live twin, or null. */
    readonly recorded: Recorded | null = null,
  ) {
    this.geometry = new GeometryCache(base);
    this.alarms = new AlarmList(
      base,
      () => this.link?.session.role !== "viewer",
      (text) => this.overlay.showNotice("error", text),
    );
    this.viewport = new Viewport(
      byId<HTMLCanvasElement>("canvas"),
      {
        advance: (now) => this.advance(now),
        drawn: (now) => this.drawn(now),
        freed: () => this.cameras.setCurrent(-1),
      },
      quality,
    );
    this.textures = new Textures(base, this.viewport.lean ? 1 : 8);
    const url = new URL("ws", base);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    const handlers = {
      onFetch: (epoch: string) => void this.fetchScene(epoch),
      onTick: (tick: Tick) => this.receive(tick),
      onNotice: (level: string, text: string) => this.overlay.showNotice(level, text),
      onAlarm: () => this.alarms.changed(),
      onChange: () => this.refreshPanels(),
    };
    this.link = recorded ? new Link(url.href, handlers, () => recorded.connect()) : new Link(url.href, handlers);
    bindInput(this);
    byId("canvas").addEventListener("webglcontextlost", () =>
      this.overlay.showNotice("error", "The graphics driver dropped the picture. Reload the page."),
    );
    document.addEventListener("visibilitychange", () => this.setHidden(document.hidden));
    window.setInterval(() => this.refreshPanels(), PANEL_MS);
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
      this.link.sceneLoaded(epoch, scene.json.revision, scene.nodeCount, scene.json.signals.length);
    } catch (error) {
      if (turn !== this.fetching) return;
      console.error(error);
      this.link.drop();
    }
  }

  /** Shows another scene; what is selected, open and looked at stays, by path. */
  private setScene(scene: SceneData): void {
    const first = this.scene === null;
    const selectedPath = this.selectedPath;
    const following = this.viewport.rig.following?.path;
    const stage = new StageView(scene, this.geometry, this.textures, () => this.stageChanged(), this.viewport.lean);
    this.scene = scene;
    this.player = new Player(scene, stage, this.time, this.link.session.mirror);
    this.viewport.setStage(stage, !first);
    this.geometry.keepOnly(new Set(scene.json.prototypes.map((prototype) => prototype.hash)));
    this.tree.setScene(scene);
    this.cameras.setCameras(scene.json.cameras);
    setText(byId("stage-name"), scene.json.stage.name);
    document.title = `${scene.json.stage.name} – Twinstage`;
    if (first) this.firstView();
    else if (following) this.useCamera(scene.json.cameras.findIndex((camera) => camera.path === following));
    this.selectNode(selectedPath ? scene.nodeAt(selectedPath) : -1);
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
    this.overlay.setProgress(stage.loaded, stage.total);
    this.viewport.touchShadows();
    // Outlines need the geometry that has just come.
    if (this.selected >= 0) this.viewport.setSelection(stage.instancesUnder(this.selected));
    this.viewport.invalidate();
  }

  // --- stream --------------------------------------------------------------------------------------------------

  private receive(tick: Tick): void {
    const now = performance.now();
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
    this.overlay.drawAxes(this.viewport.rig.camera);
    this.ready = (this.player?.started ?? false) && (this.viewport.stage?.ready ?? false);
    this.acknowledge();
  }

  private advance(now: number): boolean {
    const begin = performance.now();
    const more = this.player?.advance(now) ?? false;
    this.applyMs = performance.now() - begin;
    return more;
  }

  private acknowledge(): void {
    const tick = this.player?.takeOwed();
    if (tick) this.link.applied(tick.seq, tick.madeMs, this.frameRate.perSecond(performance.now()), this.applyMs);
  }

  // --- selection and cameras -------------------------------------------------------------------------------------

  get selectedPath(): string | null {
    return this.scene && this.selected >= 0 ? this.scene.nodePath(this.selected) : null;
  }

  /** Selects by path ("/Cell/Arm", "/Cell/Parcels[3]"); null clears. False where there is no such prim. */
  select(path: string | null): boolean {
    const node = path === null ? -1 : (this.scene?.nodeAt(path) ?? -1);
    this.selectNode(node);
    return path === null || node >= 0;
  }

  selectNode(node: number): void {
    const { stage } = this.viewport;
    if (!stage || !this.scene) return;
    this.selected = node;
    this.tree.select(node < 0 ? -1 : this.scene.primOf(node));
    this.inspector.show(stage, this.store, node);
    this.viewport.setSelection(node < 0 ? [] : stage.instancesUnder(node));
    this.refreshPanels();
  }

  /** Node that a click at a point of the window means: a point instance or a prim; -1 for nothing. */
  nodeAt(clientX: number, clientY: number): number {
    const instance = this.viewport.pick(clientX, clientY);
    if (instance < 0 || !this.scene) return -1;
    const { point, node, prim } = this.scene.instances;
    return point[instance] >= 0 ? node[instance] : prim[instance];
  }

  frameSelection(): void {
    const { stage } = this.viewport;
    if (stage) this.viewport.frameInstances(this.selected < 0 ? [] : stage.instancesUnder(this.selected));
  }

  /** Follows a camera of the scene; -1 goes on freely from where the view is. */
  useCamera(index: number): void {
    const camera = this.scene?.json.cameras[index];
    if (camera) this.viewport.rig.follow(camera);
    else this.viewport.rig.release();
    this.cameras.setCurrent(camera ? index : -1);
  }

  /** world_from_node as held (not interpolated), 16 values row-major; null where there is no such prim. */
  worldOf(path: string): number[] | null {
    const node = this.scene?.nodeAt(path) ?? -1;
    return node < 0 || !this.player ? null : this.player.worldOf(node);
  }

  // --- panels --------------------------------------------------------------------------------------------------

  private refreshPanels(): void {
    if (!this.link || document.hidden) return;
    const now = performance.now();
    const figures = figuresOf(this, now);
    this.statusBar.refresh(figures);
    this.overlay.setLink(figures.state === "down" || figures.state === "ended" ? figures.text : "");
    this.inspector.refresh(this.time.at(now));
    if (figures.state === "live") this.alarms.refresh(now);
    // Trust decays without any frame coming in.
    if (this.player?.judgeTrust(now)) this.viewport.invalidate();
  }
}
