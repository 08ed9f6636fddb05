/**
 * Labels over the picture, each anchored to a place of the scene: text as HTML, so that it is sharp and can be read out, placed
 * after each drawn frame. Those that have no room are left out, the least important first.
 */
import { arrange, type Wish } from "../core/declutter.ts";
import { h, setData, setText } from "../ui/dom.ts";
import type { Viewport } from "./viewport.ts";

export interface Label {
  readonly id: string;
  /** Where in the world [m]; null where it is nowhere now. */
  at(): readonly [number, number, number] | null;
  /** tag, icon, entity, note: its look. */
  readonly look: string;
  readonly name?: string;
  readonly value?: string;
  readonly unit?: string;
  /** good, uncertain, stale, bad, none; or low to critical for alarms. */
  readonly grade?: string;
  readonly color?: string;
  readonly title?: string;
  readonly priority: number;
  readonly sticky?: boolean;
  /** Path that a click on it selects. */
  readonly path?: string;
  /** What a click does instead. */
  click?(): void;
  /** Something stands before it. */
  hidden?(): boolean;
}

interface Shown {
  readonly element: HTMLElement;
  readonly name: HTMLElement;
  readonly value: HTMLElement;
  readonly unit: HTMLElement;
  readonly leader: SVGLineElement;
  text: string;
  width: number;
  height: number;
}

const SVG = "http://www.w3.org/2000/svg";

export class Labels {
  private readonly layer = h("div", { class: "labels", "aria-label": "Labels on the scene", role: "group" });
  private readonly lines = document.createElementNS(SVG, "svg");
  private readonly bySource = new Map<string, readonly Label[]>();
  private readonly shown = new Map<string, Shown>();
  private spots: ReadonlyMap<string, number> = new Map();
  private readonly clicks = new Map<string, () => void>();

  constructor(
    private readonly viewport: Viewport,
    parent: HTMLElement,
    private readonly select: (path: string) => void,
  ) {
    this.lines.setAttribute("class", "leaders");
    this.lines.setAttribute("aria-hidden", "true");
    this.layer.append(this.lines);
    // Below notices and banners, above the picture.
    parent.querySelector("canvas")?.after(this.layer);
    this.layer.addEventListener("click", (event) => {
      const element = (event.target as Element).closest<HTMLElement>(".label");
      const click = this.clicks.get(element?.dataset.id ?? "");
      if (click) click();
      else if (element?.dataset.path) this.select(element.dataset.path);
    });
  }

  /** Labels of one source instead of those that it had. */
  set(source: string, labels: readonly Label[]): void {
    if (labels.length === 0 && !this.bySource.get(source)?.length) return;
    this.bySource.set(source, labels);
    this.viewport.invalidate();
  }

  /** Puts all where they belong; after a frame was drawn. */
  draw(): void {
    const labels = new Map<string, Label>();
    for (const [source, list] of this.bySource) for (const label of list) labels.set(`${source} ${label.id}`, label);
    if (labels.size === 0 && this.shown.size === 0) return;
    const { width, height } = this.viewport.size;
    const wishes: Wish[] = [];
    for (const [id, label] of labels) {
      const world = label.hidden?.() ? null : label.at();
      const at = world && this.viewport.project(world);
      if (!at) continue;
      const size = this.sizeOf(id, label);
      const sticky = label.sticky ?? false;
      wishes.push({ id, x: at.x, y: at.y, width: size.width, height: size.height, priority: label.priority, sticky });
    }
    const { placed, spots } = arrange(wishes, width, height, this.spots);
    this.spots = spots;
    const at = new Map(wishes.map((wish) => [wish.id, wish]));
    const seen = new Set(placed.map(({ id }) => id));
    for (const { id, left, top, leader } of placed) {
      const shown = this.shown.get(id) as Shown;
      shown.element.style.transform = `translate(${left}px, ${top}px)`;
      setData(shown.element, "placed", "true");
      this.drawLeader(shown, at.get(id) as Wish, left, top, leader);
    }
    for (const [id, shown] of this.shown) {
      if (!labels.has(id)) {
        shown.element.remove();
        shown.leader.remove();
        this.shown.delete(id);
        this.clicks.delete(id);
      } else if (!seen.has(id)) {
        setData(shown.element, "placed", "false");
        shown.leader.setAttribute("class", "off");
      }
    }
  }

  private drawLeader({ leader, width, height }: Shown, wish: Wish, left: number, top: number, on: boolean): void {
    leader.setAttribute("class", on ? "" : "off");
    if (!on) return;
    const near = (value: number, low: number, high: number): number => Math.max(low, Math.min(high, value));
    leader.setAttribute("x1", String(Math.round(near(wish.x, left, left + width))));
    leader.setAttribute("y1", String(Math.round(near(wish.y, top, top + height))));
    leader.setAttribute("x2", String(Math.round(wish.x)));
    leader.setAttribute("y2", String(Math.round(wish.y)));
  }

  /** Its element with the newest text; measured only where the text is of another length. */
  private sizeOf(id: string, label: Label): Shown {
    let shown = this.shown.get(id);
    if (!shown) this.shown.set(id, (shown = this.make(label)));
    const { element } = shown;
    const [name, value, unit] = [label.name ?? "", label.value ?? "", label.unit ?? ""];
    setText(shown.name, name);
    setText(shown.value, value);
    setText(shown.unit, unit);
    setData(element, "look", label.look);
    setData(element, "grade", label.grade ?? "");
    if (element.title !== (label.title ?? "")) element.title = label.title ?? "";
    if (label.color !== undefined && element.style.color !== label.color) element.style.color = label.color;
    if (label.path !== undefined) setData(element, "path", label.path);
    setData(element, "id", id);
    if (label.click) this.clicks.set(id, label.click);
    const text = `${label.look} ${name.length} ${value.length} ${unit.length}`;
    if (text !== shown.text || shown.width === 0) {
      shown.text = text;
      shown.width = element.offsetWidth;
      shown.height = element.offsetHeight;
    }
    return shown;
  }

  private make(label: Label): Shown {
    const [name, value, unit] = ["name", "value", "unit"].map((part) => h("span", { class: `label-${part}` }));
    const element = h("div", { class: "label", "data-look": label.look, "data-placed": "false" }, name, value, unit);
    const leader = document.createElementNS(SVG, "line");
    this.layer.append(element);
    this.lines.append(leader);
    return { element, name, value, unit, leader, text: "", width: 0, height: 0 };
  }

  /** For tests: what can be read now, with its place in the picture [px]. */
  get texts(): { id: string; text: string; left: number; top: number; width: number; height: number }[] {
    return [...this.shown]
      .filter(([, { element }]) => element.dataset.placed === "true")
      .map(([id, { element, width, height }]) => {
        const [left, top] = element.style.transform.match(/-?\d+/g)!.map(Number);
        return { id, text: element.textContent ?? "", left, top, width, height };
      });
  }
}
