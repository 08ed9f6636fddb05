/** A section through the picture: along an axis of the stage or a face that is picked, moved with a slider. */
import { isEmpty, type Box } from "../../core/bounds.ts";
import { plainNumber, StageUnits } from "../../core/stage-units.ts";
import { byId, h, icon, setText } from "../../ui/dom.ts";
import { addToolCard } from "../../ui/tool-cards.ts";
import type { Feature, Workbench } from "../../workbench.ts";

type Triple = [number, number, number];

interface Cut {
  /** Unit vector of the page's world, towards what is cut away when not flipped. */
  axis: Triple;
  flipped: boolean;
  /** Place along the axis [m]. */
  at: number;
  /** Name of the axis, "" for a picked face. */
  name: string;
}

const STEPS = 1000;
const ALONG: readonly Triple[] = [
  [1, 0, 0],
  [0, 1, 0],
  [0, 0, 1],
];

export const section: Feature = {
  name: "section",
  install(bench) {
    const tool = new SectionTool(bench);
    bench.addCommand({
      ...{ id: "view.section", title: "Section plane", short: "Section", group: "View", keys: ["Shift+X"] },
      pressed: () => tool.isOn,
      run: () => tool.toggle(),
    });
    bench.addCommand({
      ...{ id: "view.sectionFlip", title: "Section: other side", group: "View", keys: ["Shift+Z"] },
      enabled: () => tool.isOn,
      run: () => tool.flip(),
    });
    bench.addTool("view.section", "section", 40);
    bench.onScene(() => tool.refit());
    bench.addAddressPart({ key: "section", read: () => tool.text, restore: (text) => tool.restore(text) });
    bench.expose("section", () => tool.state);
  },
};

class SectionTool {
  private cut: Cut | null = null;
  private units = new StageUnits(1, "Z");
  private readonly axes = [0, 1, 2].map((c) => this.button("", () => this.along(c)));
  private readonly face = this.button("Face", () => this.pickFace());
  private readonly slider = h("input", { type: "range", min: "0", max: String(STEPS), step: "1", "aria-label": "Place of the section" });
  private readonly place = h("output", { class: "mono" });
  private readonly card = h("div", { class: "tool-card", role: "group", "aria-label": "Section plane", hidden: "" });

  constructor(private readonly bench: Workbench) {
    const flip = this.button("Flip", () => this.flip());
    const close = h("button", { type: "button", class: "card-close", "aria-label": "End the section" }, icon("close"));
    close.addEventListener("click", () => this.end());
    this.slider.addEventListener("input", () => this.slide());
    const row = h("div", { class: "card-row" }, ...this.axes, this.face, flip, close);
    this.card.append(row, h("div", { class: "card-row" }, this.slider, this.place));
    addToolCard(this.card);
  }

  private button(text: string, run: () => void): HTMLButtonElement {
    const button = h("button", { type: "button", class: "card-button", "aria-pressed": "false" }, text);
    button.addEventListener("click", run);
    return button;
  }

  get isOn(): boolean {
    return this.cut !== null;
  }

  get state(): unknown {
    return this.cut && { ...this.cut };
  }

  toggle(): void {
    if (this.cut) this.end();
    else this.along(0);
  }

  flip(): void {
    if (!this.cut) return;
    this.cut.flipped = !this.cut.flipped;
    this.apply();
  }

  private along(c: number): void {
    const [low, high] = this.reach(ALONG[c]);
    this.cut = { axis: [...ALONG[c]], flipped: false, at: (low + high) / 2, name: this.units.axis(c as 0 | 1 | 2).name };
    this.apply();
  }

  /** The next click chooses the plane. */
  private pickFace(): void {
    const { viewport } = this.bench;
    this.bench.notice("info", "Click a face to cut along it, or aim the cross at it with the arrow keys and press Enter.");
    this.face.setAttribute("aria-pressed", "true");
    viewport.onClick = (hit) => {
      viewport.onClick = null;
      const origin = this.bench.stage?.origin;
      if (!hit || !origin) return this.mark();
      const axis = hit.normal.toArray() as Triple;
      const point = hit.point.toArray().map((value, k) => value + origin[k]);
      // A hair behind the face, so that it is cut, too.
      this.cut = { axis, flipped: false, at: dot(axis, point) - 1e-3, name: "" };
      this.apply();
    };
    byId("canvas").focus({ preventScroll: true });
  }

  end(): void {
    this.cut = null;
    this.bench.viewport.onClick = null;
    this.card.hidden = true;
    this.bench.viewport.uncut();
  }

  /** Another scene: its own units and extent. */
  refit(): void {
    const stage = this.bench.scene?.json.stage;
    if (stage) this.units = new StageUnits(stage.metersPerUnit, stage.upAxis);
    this.axes.forEach((button, c) => setText(button, this.units.axis(c as 0 | 1 | 2).name));
    if (this.cut) this.apply();
  }

  private slide(): void {
    if (!this.cut) return;
    const [low, high] = this.reach(this.cut.axis);
    this.cut.at = low + (Number(this.slider.value) / STEPS) * (high - low);
    this.apply();
  }

  /** From where to where there is something along an axis [m]. */
  private reach(axis: Triple): [number, number] {
    const box: Box | undefined = this.bench.stage?.framing;
    if (!box || isEmpty(box)) return [-1, 1];
    let [low, high] = [0, 0];
    for (let c = 0; c < 3; c++) {
      low += Math.min(axis[c] * box.min[c], axis[c] * box.max[c]);
      high += Math.max(axis[c] * box.min[c], axis[c] * box.max[c]);
    }
    return [low, high];
  }

  private apply(): void {
    if (!this.cut) return;
    const { axis, at, flipped } = this.cut;
    const sign = flipped ? 1 : -1;
    this.bench.viewport.cut(axis.map((value) => sign * value), axis.map((value) => value * at) as Triple);
    this.mark();
  }

  private mark(): void {
    this.card.hidden = this.cut === null;
    this.face.setAttribute("aria-pressed", String(this.cut?.name === ""));
    this.axes.forEach((button) => button.setAttribute("aria-pressed", String(button.textContent === this.cut?.name)));
    if (!this.cut) return;
    const { axis, at } = this.cut;
    const [low, high] = this.reach(axis);
    this.slider.value = String(Math.round((STEPS * (at - low)) / Math.max(1e-9, high - low)));
    const c = ([0, 1, 2] as const).find((k) => axis[k] === 1);
    // Along an axis its coordinate; of a picked face how far it is from the near end.
    const shown = this.cut.name === "" || c === undefined ? at - low : this.units.axis(c).sign * at;
    setText(this.place, `${plainNumber(this.units.length(shown), 2)} ${this.units.name}`);
  }

  get text(): string | null {
    if (!this.cut) return null;
    const { axis, at, flipped, name } = this.cut;
    return [...axis.map((value) => Number(value.toFixed(5))), Number(at.toFixed(4)), flipped ? 1 : 0, name].join(",");
  }

  restore(text: string): void {
    const [x, y, z, at, flipped, name = ""] = text.split(",");
    const n = [x, y, z, at].map(Number);
    const length = Math.hypot(n[0], n[1], n[2]);
    if (!n.every(Number.isFinite) || length < 1e-6) return;
    const axis = [n[0] / length, n[1] / length, n[2] / length] as Triple;
    this.cut = { axis, at: n[3], flipped: flipped === "1", name };
    this.apply();
  }
}

function dot(a: readonly number[], b: readonly number[]): number {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}
