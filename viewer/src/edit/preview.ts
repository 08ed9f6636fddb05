/**
 * What this viewer alone shows for a while: another pose, colour or visibility of a node, laid over what the twin says. Nothing
 * is sent. One a page; features share it by `previewOf`.
 */
import { composePose, POSE } from "../core/matrix.ts";
import type { Trs } from "../core/trs.ts";
import type { Workbench } from "../workbench.ts";

/** `rgba`: bytes in sRGB, as a style has them; alpha 0 is the authored look. */
export interface Shown {
  readonly pose?: Trs;
  readonly visible?: boolean;
  readonly rgba?: readonly [number, number, number, number];
}

export class Preview {
  private readonly shown = new Map<number, Shown>();
  private readonly pose = new Float64Array(POSE);

  constructor(private readonly bench: Workbench) {
    bench.onFrame(() => this.apply());
    bench.onScene(() => this.shown.clear());
  }

  /** Shows a node like that, until `clear`. */
  set(node: number, shown: Shown): void {
    const before = this.shown.get(node);
    this.shown.set(node, shown);
    const { appearance } = this.bench.stage ?? {};
    if (appearance) {
      const ids = Uint32Array.of(node);
      if (shown.rgba && String(shown.rgba) !== String(before?.rgba)) appearance.setStyle(ids, Uint8Array.from(shown.rgba));
      if (shown.visible !== undefined && shown.visible !== before?.visible)
        appearance.setVisible(ids, Uint8Array.of(shown.visible ? 1 : 0));
    }
    this.bench.viewport.invalidate();
  }

  has(node: number): boolean {
    return this.shown.has(node);
  }

  /** Back to what the twin says. */
  clear(node: number): void {
    const shown = this.shown.get(node);
    const { stage, link } = this.bench;
    if (!shown || !stage) return;
    this.shown.delete(node);
    const { mirror } = link.session;
    const ids = Uint32Array.of(node);
    if (shown.rgba) {
      const told = mirror.styled[node] ? mirror.rgba.subarray(4 * node, 4 * node + 4) : new Uint8Array(4);
      stage.appearance.setStyle(ids, Uint8Array.from(told));
    }
    if (shown.visible !== undefined)
      stage.appearance.setVisible(ids, Uint8Array.of(mirror.switched[node] ? mirror.visible[node] : 1));
    if (shown.pose) {
      const held = new Float64Array(16);
      heldLocal(this.bench, node, held);
      stage.model.setLocal(node, held);
      stage.moved(stage.model.update());
    }
    this.bench.viewport.invalidate();
  }

  private apply(): void {
    const { stage } = this.bench;
    if (!stage) return;
    let some = false;
    for (const [node, { pose }] of this.shown) {
      if (!pose) continue;
      this.pose.set([...pose.position, ...pose.rotation, ...pose.scale]);
      stage.model.setPose(node, this.pose, 0);
      some = true;
    }
    if (some) stage.moved(stage.model.update());
  }
}

/** parent_from_node as the twin says it, into 16 values. */
export function heldLocal(bench: Workbench, node: number, out: Float64Array): void {
  const { mirror } = bench.link.session;
  if (!mirror.posed[node]) {
    bench.scene?.local.read(node, out, 0);
    return;
  }
  const pose = new Float64Array(POSE);
  mirror.poseOf(node, pose, 0);
  composePose(out, 0, pose, 0);
}

const previews = new WeakMap<Workbench, Preview>();

export function previewOf(bench: Workbench): Preview {
  let preview = previews.get(bench);
  if (!preview) previews.set(bench, (preview = new Preview(bench)));
  return preview;
}
