/** Distance between two points that are clicked: it snaps to corners, and stays drawn until it is closed. */
import { BufferGeometry, Float32BufferAttribute, LineSegments, LineBasicMaterial } from "three";
import { measure as measured, rowsOf, snapped } from "../../core/measure.ts";
import { StageUnits } from "../../core/stage-units.ts";
import { byId, h, icon, setText } from "../../ui/dom.ts";
import { addToolCard } from "../../ui/tool-cards.ts";
import type { Hit } from "../../view/picker.ts";
import type { Feature, Undo, Workbench } from "../../workbench.ts";

type Triple = [number, number, number];

/** A corner so near to the pointer is meant [px]. */
const SNAP_PX = 12;

export const measure: Feature = {
  name: "measure",
  install(bench) {
    const tool = new MeasureTool(bench);
    bench.addCommand({
      ...{ id: "view.measure", title: "Measure a distance", short: "Measure", group: "View", keys: ["Shift+M"] },
      pressed: () => tool.isOn,
      run: () => tool.toggle(),
    });
    bench.addTool("view.measure", "measure", 50);
    bench.onScene(() => tool.end());
    bench.expose("measure", () => tool.state);
  },
};

class MeasureTool {
  private points: Triple[] = [];
  private on = false;
  private takeBack: Undo | null = null;
  private readonly facts = h("dl", { class: "measured" });
  private readonly ask = h("p", { class: "measure-ask" });
  private readonly card = h("div", { class: "tool-card", role: "group", "aria-label": "Measure", hidden: "" });
  private readonly label = h("div", { class: "measure-label", hidden: "" });
  private readonly marks = [0, 1].map(() => h("div", { class: "measure-mark", hidden: "" }));
  private readonly line = new LineSegments(
    new BufferGeometry(),
    new LineBasicMaterial({ color: 0xffd166, depthTest: false, depthWrite: false, transparent: true }),
  );

  constructor(private readonly bench: Workbench) {
    const close = h("button", { type: "button", class: "card-close", "aria-label": "End measuring" }, icon("close"));
    close.addEventListener("click", () => this.end());
    this.card.append(h("div", { class: "card-row" }, icon("measure"), "Measure", close), this.facts, this.ask);
    addToolCard(this.card);
    byId("picture").append(this.label, ...this.marks);
    this.line.renderOrder = 100;
    this.line.frustumCulled = false;
  }

  get isOn(): boolean {
    return this.on;
  }

  get state(): unknown {
    if (!this.on) return null;
    const [a, b] = this.points;
    return { points: this.points.map((point) => [...point]), ...(b ? measured(a, b, this.units) : {}) };
  }

  private get units(): StageUnits {
    const stage = this.bench.scene?.json.stage;
    return new StageUnits(stage?.metersPerUnit ?? 1, stage?.upAxis ?? "Z");
  }

  toggle(): void {
    if (this.on) this.end();
    else this.begin();
  }

  private begin(): void {
    this.on = true;
    this.points = [];
    this.bench.viewport.onClick = (hit, x, y) => this.click(hit, x, y);
    byId("canvas").focus({ preventScroll: true });
    const escape = this.bench.addCommand({
      ...{ id: "view.measureEnd", title: "End measuring", group: "View" },
      run: () => this.end(),
    });
    const frame = this.bench.onFrame(() => {
      // The camera moves after this, so the label follows one frame later: ask for that one.
      window.setTimeout(() => this.label.isConnected && this.place());
    });
    this.takeBack = () => {
      escape();
      frame();
    };
    this.draw();
  }

  end(): void {
    if (!this.on) return;
    this.on = false;
    this.points = [];
    this.bench.viewport.onClick = null;
    this.takeBack?.();
    this.draw();
  }

  private click(hit: Hit | null, clientX: number, clientY: number): void {
    const { stage } = this.bench;
    if (!hit || !stage) return;
    const world = (v: { x: number; y: number; z: number }): Triple => [
      v.x + stage.origin[0],
      v.y + stage.origin[1],
      v.z + stage.origin[2],
    ];
    const box = byId("picture").getBoundingClientRect();
    const corners = hit.corners.map(world);
    const near = snapped(
      corners.map((corner) => this.bench.viewport.project(corner)),
      clientX - box.left,
      clientY - box.top,
      SNAP_PX,
    );
    const point = near === null ? world(hit.point) : corners[near];
    // A third click begins anew.
    this.points = this.points.length === 2 ? [point] : [...this.points, point];
    this.draw();
  }

  private draw(): void {
    const { viewport } = this.bench;
    const [a, b] = this.points;
    this.card.hidden = !this.on;
    viewport.anchored.remove(this.line);
    const rows = b ? rowsOf(measured(a, b, this.units), this.units) : [];
    this.facts.replaceChildren(...rows.flatMap(([name, text]) => [h("dt", {}, name), h("dd", {}, text)]));
    this.facts.hidden = !b;
    this.ask.hidden = b !== undefined;
    setText(this.ask, a ? "Click the second point." : "Click the first point.");
    if (b) {
      // Relative to the first point, so that Float32 is exact anywhere.
      const by = b.map((value, c) => value - a[c]);
      this.line.geometry.dispose();
      this.line.geometry = new BufferGeometry();
      this.line.geometry.setAttribute("position", new Float32BufferAttribute([0, 0, 0, ...by], 3));
      viewport.anchored.set(this.line, a);
      this.label.textContent = rows[0][1];
    }
    this.place();
    viewport.invalidate();
  }

  private place(): void {
    const { viewport } = this.bench;
    this.marks.forEach((mark, k) => put(mark, this.points[k] ? viewport.project(this.points[k]) : null));
    const [a, b] = this.points;
    put(this.label, b ? viewport.project(a.map((value, c) => (value + b[c]) / 2)) : null);
  }
}

function put(element: HTMLElement, at: { x: number; y: number } | null): void {
  element.hidden = at === null;
  if (at) element.style.transform = `translate(${at.x.toFixed(1)}px, ${at.y.toFixed(1)}px) translate(-50%, -50%)`;
}
