/**
 * The grid in units of the stage, and its axes with numbers along them: how large things are, and where.
 *
 * The grid's step follows the distance, and is told in the corner; numbers stand along the two axes on the ground.
 */
import { center, isEmpty } from "../../core/bounds.ts";
import { plainNumber, StageUnits } from "../../core/stage-units.ts";
import { byId, h, setText } from "../../ui/dom.ts";
import type { Feature, Workbench } from "../../workbench.ts";

/** About so many steps of the grid fit into the height of the picture. */
const STEPS_IN_SIGHT = 12;
/** Numbers along an axis, at most, to each side. */
const MOST_TICKS = 8;
const NEAREST_PX = 34;

export const scale: Feature = {
  name: "scale",
  install(bench) {
    const labels = new Labels(bench);
    bench.addCommand({
      ...{ id: "view.axes", title: "Axes with numbers", group: "View", keys: ["Shift+G"] },
      pressed: () => labels.isOn,
      run: () => labels.toggle(),
    });
    bench.onFrame(() => {
      window.setTimeout(() => labels.refresh());
    });
    bench.onScene(() => labels.refresh());
    bench.expose("scale", () => labels.state);
  },
};

class Labels {
  isOn = false;
  private readonly layer = h("div", { class: "scale-layer", "aria-hidden": "true" });
  private readonly corner = h("div", { class: "scale-step" });
  private readonly pool: HTMLElement[] = [];
  private used = 0;
  private step = 0;
  private key = "";

  constructor(private readonly bench: Workbench) {
    byId("picture").append(this.layer, this.corner);
  }

  get state(): unknown {
    const texts = this.pool.slice(0, this.used).map((label) => label.textContent);
    return { step: this.step, unit: this.units.name, text: this.corner.textContent, labels: texts };
  }

  private get units(): StageUnits {
    const stage = this.bench.scene?.json.stage;
    return new StageUnits(stage?.metersPerUnit ?? 1, stage?.upAxis ?? "Z");
  }

  toggle(): void {
    this.isOn = !this.isOn;
    this.key = "";
    this.bench.viewport.ground.setAxes(this.isOn);
    this.bench.viewport.invalidate();
    this.refresh();
  }

  refresh(): void {
    const { stage, viewport } = this.bench;
    if (!stage) return;
    const { camera, controls } = viewport.rig;
    const { width, height } = viewport.size;
    const key = [...camera.matrixWorldInverse.elements, camera.zoom, camera.fov, width, height, stage.origin, viewport.ground.visible].join();
    if (key === this.key) return;
    this.key = key;
    const { units } = this;
    const away = camera.position.distanceTo(controls.target);
    const sight = camera.isFlat ? 2 * camera.halfHeight : 2 * away * Math.tan((camera.fov * Math.PI) / 360);
    this.step = units.step(sight / STEPS_IN_SIGHT);
    const metres = this.step * units.metresPerUnit;
    if (viewport.ground.setCell(metres)) viewport.invalidate();
    this.corner.hidden = !viewport.ground.visible;
    setText(this.corner, `Grid ${plainNumber(this.step)} ${units.name}`);
    this.used = 0;
    if (this.isOn) this.ticks(metres);
    for (const label of this.pool.slice(this.used)) label.hidden = true;
  }

  private ticks(step: number): void {
    const { stage, viewport } = this.bench;
    if (!stage || isEmpty(stage.framing)) return;
    const floor = stage.framing.min[2];
    const target = viewport.rig.controls.target;
    const near = [target.x + stage.origin[0], target.y + stage.origin[1]];
    const middle = center(stage.framing);
    for (const c of [0, 1] as const) {
      const axis = this.units.axis(c);
      // Along the axis itself where it is near, else through what is looked at.
      const other = 1 - c;
      const aside = Math.abs(near[other]) < 10 * step ? 0 : Math.round(middle[other] / step) * step;
      const from = Math.round(near[c] / step);
      let last: { x: number; y: number } | null = null;
      for (let k = from - MOST_TICKS; k <= from + MOST_TICKS; k++) {
        const world = [0, 0, floor];
        world[c] = k * step;
        world[other] = aside;
        const at = viewport.project(world);
        if (!at || (last && Math.hypot(at.x - last.x, at.y - last.y) < NEAREST_PX)) continue;
        if (at.x < 0 || at.y < 0 || at.x > viewport.size.width || at.y > viewport.size.height) continue;
        last = at;
        const value = plainNumber(axis.sign * k * this.step);
        this.put(k === from + MOST_TICKS ? axis.name : `${axis.name} ${value}`, at, axis.name);
      }
    }
  }

  private put(text: string, { x, y }: { x: number; y: number }, axis: string): void {
    let label = this.pool[this.used];
    if (!label) this.layer.append((label = this.pool[this.used] = h("div", { class: "scale-label" })));
    this.used++;
    setText(label, text);
    label.dataset.axis = axis;
    label.hidden = false;
    label.style.transform = `translate(${Math.round(x)}px, ${Math.round(y)}px) translate(-50%, 3px)`;
  }
}
