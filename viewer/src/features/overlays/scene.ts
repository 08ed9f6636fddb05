/** The overlays in the picture: one object an item, made anew where the item changed, carried along by its parent. */
import { Group, Matrix4, type Object3D } from "three";
import type { Label } from "../../view/labels.ts";
import type { StageView } from "../../view/stage-view.ts";
import type { Workbench } from "../../workbench.ts";
import { type Board, type Item, number, numbers, text } from "./board.ts";
import type { DataCache } from "./data.ts";
import { disposeOf, KINDS } from "./draw.ts";
import { GhostView } from "../../view/ghost-view.ts";

interface Drawn {
  readonly item: Item;
  /** Placed in the world at its parent; null while its data comes. */
  holder: Group | null;
  ghost: GhostView | null;
  dispose(): void;
}

export class OverlayScene {
  private readonly drawn = new Map<string, Drawn>();
  private stage: StageView | null = null;
  private loaded = -1;
  private shown = true;

  constructor(
    private readonly bench: Workbench,
    private readonly data: DataCache,
    private readonly failed: (text: string) => void,
  ) {}

  /** Another scene: everything is made anew. */
  setStage(stage: StageView, board: Board): void {
    this.stage = stage;
    for (const name of [...this.drawn.keys()]) this.drop(name);
    this.show(board, this.shown);
  }

  show(board: Board, on: boolean): void {
    this.shown = on;
    if (!this.stage) return;
    for (const [name, { item }] of this.drawn)
      if (!on || board.items.get(name) !== item || item.visible === false) this.drop(name);
    if (on)
      for (const [name, item] of board.items)
        if (item.visible !== false && !this.drawn.has(name)) this.make(name, item, this.stage);
    this.drawTexts(on ? board : null);
    this.place();
    this.bench.viewport.invalidate();
  }

  private make(name: string, item: Item, stage: StageView): void {
    if (item.kind === "ghost") return this.makeGhost(name, item, stage);
    const make = KINDS[item.kind];
    if (!make) return;
    const drawn: Drawn = { item, holder: null, ghost: null, dispose: () => undefined };
    this.drawn.set(name, drawn);
    make(item, this.data).then(
      (object) => {
        if (this.drawn.get(name) !== drawn) return disposeOf(object); // it has changed meanwhile
        drawn.holder = this.hold(object);
        drawn.dispose = () => disposeOf(object);
        this.place();
        this.bench.viewport.invalidate();
      },
      (error: unknown) => this.failed((error as Error).message),
    );
  }

  private makeGhost(name: string, item: Item, stage: StageView): void {
    const { scene } = stage;
    const root = scene.nodeAt(text(item.prim));
    if (root < 0) return;
    const poses = new Map<number, readonly number[]>();
    for (const [path, pose] of Object.entries((item.poses ?? {}) as Record<string, unknown>)) {
      const node = scene.nodeAt(path);
      if (node >= 0) poses.set(node, numbers(pose, 7, [0, 0, 0, 1, 0, 0, 0]));
    }
    const ghost = new GhostView(stage, root, poses, text(item.color) || "#4cc2e6", number(item.opacity, 0.35));
    this.drawn.set(name, { item, holder: this.hold(ghost.group), ghost, dispose: () => ghost.dispose() });
  }

  private hold(object: Object3D): Group {
    const holder = new Group();
    holder.add(object);
    return holder;
  }

  private drop(name: string): void {
    const drawn = this.drawn.get(name);
    this.drawn.delete(name);
    if (!drawn) return;
    if (drawn.holder) this.bench.viewport.anchored.remove(drawn.holder);
    drawn.dispose();
  }

  /** Puts each item where its parent is now; before each frame. */
  place(): void {
    const { stage } = this;
    if (!stage) return;
    for (const { item, holder, ghost } of this.drawn.values()) {
      if (!holder) continue;
      if (ghost) this.bench.viewport.anchored.set(holder, ghost.place());
      else this.carry(holder, stage, text(item.parent));
    }
    this.loaded = stage.loaded;
  }

  /** Only ghosts and what hangs on a prim move by themselves. */
  get follows(): boolean {
    const late = this.stage !== null && this.stage.loaded !== this.loaded;
    return late || [...this.drawn.values()].some(({ item, ghost }) => ghost !== null || Boolean(item.parent));
  }

  private carry(holder: Group, stage: StageView, parent: string): void {
    const node = parent ? stage.scene.nodeAt(parent) : -1;
    const { world } = stage.model;
    const o = 16 * node;
    if (node >= 0) {
      const m = new Matrix4().set(
        ...([world[o], world[o + 1], world[o + 2], 0, world[o + 4], world[o + 5], world[o + 6], 0] as const),
        ...([world[o + 8], world[o + 9], world[o + 10], 0, 0, 0, 0, 1] as const),
      );
      m.decompose(holder.position, holder.quaternion, holder.scale);
    }
    holder.visible = !(node >= 0 && stage.appearance.hidden[node]) && (node >= 0 || !parent);
    this.bench.viewport.anchored.set(holder, node < 0 ? [0, 0, 0] : [world[o + 3], world[o + 7], world[o + 11]]);
  }

  private drawTexts(board: Board | null): void {
    const labels: Label[] = [];
    for (const item of board?.items.values() ?? []) {
      if (item.kind !== "text" || item.visible === false) continue;
      const [x, y, z] = numbers(item.pose, 7, [0, 0, 0, 1, 0, 0, 0]);
      const parent = text(item.parent);
      labels.push({
        id: item.name,
        at: () => this.worldOf(parent, [x, y, z]),
        look: "note",
        value: text(item.text),
        color: text(item.color),
        priority: 5,
      });
    }
    this.bench.labels.set("overlays", labels);
  }

  private worldOf(parent: string, [x, y, z]: [number, number, number]): [number, number, number] | null {
    const { stage } = this;
    const node = parent && stage ? stage.scene.nodeAt(parent) : -1;
    if (!parent || !stage) return [x, y, z];
    if (node < 0) return null;
    const { world } = stage.model;
    const at = (r: number): number => {
      const o = 16 * node + 4 * r;
      return world[o] * x + world[o + 1] * y + world[o + 2] * z + world[o + 3];
    };
    return [at(0), at(1), at(2)];
  }

  /** For tests: kind and world place of each item that is drawn [m]. */
  get state(): Record<string, { kind: string; drawn: boolean }> {
    return Object.fromEntries(
      [...this.drawn].map(([name, { item, holder }]) => [name, { kind: item.kind, drawn: (holder?.visible ?? false) && holder!.children.length > 0 }]),
    );
  }
}
