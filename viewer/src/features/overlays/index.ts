/** What programs draw over the scene and the controls that they show (docs/overlays.md). */
import type { UiState } from "../../core/ui-state.ts";
import type { StageView } from "../../view/stage-view.ts";
import type { Feature, Workbench } from "../../workbench.ts";
import { applied, type Board, mayUse, NOTHING, text, whole } from "./board.ts";
import { ControlsPanel } from "./controls.ts";
import { DataCache } from "./data.ts";
import { OverlayScene } from "./scene.ts";

export const overlays: Feature = {
  name: "overlays",
  install(bench) {
    new OverlayDesk(bench);
  },
};

/** Switched in the panel of layers; on unless it says otherwise. */
function isOn(state: UiState): boolean {
  return (state.extra.layers as { overlays?: { on?: boolean } } | undefined)?.overlays?.on !== false;
}

class OverlayDesk {
  private board: Board = NOTHING;
  private readonly scene: OverlayScene;
  private readonly panel: ControlsPanel;
  private stage: StageView | null = null;
  private phase = "";
  private asking = 0;
  private added = false;
  private role = "";

  constructor(private readonly bench: Workbench) {
    const base = document.baseURI;
    this.scene = new OverlayScene(bench, new DataCache(base), (sentence) => bench.notice("warning", sentence));
    this.panel = new ControlsPanel((name, what) => bench.link.useControl(name, what));
    bench.onScene((_, stage) => {
      this.stage = stage;
      this.scene.setStage(stage, this.board);
    });
    bench.onEvent("overlay", (data) => this.heard(data));
    bench.onFrame(() => {
      if (this.scene.follows) this.scene.place();
    });
    bench.onClick((path, position) => this.clicked(path, position));
    bench.watch(
      (state) => isOn(state),
      () => this.draw(),
    );
    window.setInterval(() => this.look(), 200);
    bench.expose("overlays", this.forTests());
  }

  private get on(): boolean {
    return isOn(this.bench.state);
  }

  /** After a connection has come up, events may have been missed: the whole set is asked for. */
  private look(): void {
    const { phase, role } = this.bench.link.session;
    if (phase === "live" && this.phase !== "live") void this.ask();
    if (role !== this.role) this.draw();
    this.phase = phase;
  }

  private heard(event: unknown): void {
    const next = this.asking ? null : applied(this.board, event);
    if (next) this.take(next);
    else void this.ask();
  }

  private async ask(): Promise<void> {
    const turn = ++this.asking;
    const document = await this.bench.rest.get<unknown>("api/v1/overlays").catch(() => null);
    if (turn !== this.asking) return;
    this.asking = 0;
    this.take(document === null ? NOTHING : whole(document));
  }

  private take(board: Board): void {
    this.board = board;
    this.draw();
  }

  private draw(): void {
    this.role = this.bench.role;
    if (this.stage) this.scene.show(this.board, this.on);
    const count = this.panel.draw(this.board, this.role);
    if (count > 0 && !this.added) {
      this.added = true;
      this.bench.addPanel({ id: "controls", title: "Controls", side: "right", order: 40, element: this.panel.element });
    }
    if (this.added) this.bench.panelNote("controls", count ? String(count) : "");
  }

  /** A click on a prim that a program listens to. */
  private clicked(path: string | null, position: readonly [number, number, number] | null): void {
    if (path === null) return;
    for (const item of this.board.items.values()) {
      const prim = text(item.prim);
      const inside = prim === "/" || path === prim || path.startsWith(`${prim}/`) || path.startsWith(`${prim}[`);
      if (item.kind === "click" && inside && mayUse(this.bench.role, item))
        this.bench.link.useControl(item.name, position ? { path, position } : { path });
    }
  }

  private forTests(): object {
    const desk = this;
    return {
      get version() {
        return desk.board.version;
      },
      get names() {
        return [...desk.board.items.keys()];
      },
      get drawn() {
        return desk.scene.state;
      },
    };
  }
}
