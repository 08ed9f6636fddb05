/** One frame large: the picture with its marks, what can be switched on and off, and what is known of it. */
import { h, icon } from "../ui/dom.ts";
import { FrameSide } from "./frame-side.ts";
import { SHOWN, type Shown } from "./marks.ts";
import { Shot } from "./shot.ts";
import type { Source } from "./source.ts";
import type { FoundPicture, FrameRecord, RecordCamera, RecordObject } from "./types.ts";

const KEPT = "twinstage.datasets.shown";
/** What can be switched, by key. */
const TOGGLES: readonly (readonly [keyof Shown, string, string])[] = [
  ["masks", "Masks", "M"],
  ["amodal", "Hidden parts", "H"],
  ["boxes", "Boxes", "B"],
  ["amodalBoxes", "Amodal boxes", "A"],
  ["turned", "Oriented", "O"],
  ["solids", "3D boxes", "D"],
  ["keypoints", "Key points", "K"],
  ["names", "Names", "N"],
  ["byInstance", "By instance", "I"],
];

/** What the page around can do with a camera of a record; null: it has no 3D view. */
export interface Host {
  /** Looks from there. */
  look?(record: FrameRecord, camera: RecordCamera): void;
  /** Why it cannot; null: it can. */
  whyNot?(record: FrameRecord, camera: RecordCamera, source: Source): string | null;
  copy(text: string): void;
}

export class FrameView {
  readonly shot: Shot;
  private readonly side: FrameSide;
  private readonly layers = h("select", { "aria-label": "What the picture shows" });
  private readonly buttons = new Map<keyof Shown, HTMLElement>();
  private readonly title = h("h2", { class: "frame-title", tabindex: "-1" });
  private readonly place = h("span", { class: "frame-place" });
  private readonly zoom = h("span", { class: "frame-zoom", "aria-hidden": "true" });
  private readonly look = h("button", { type: "button", class: "button small" }, "Look from here");
  readonly element: HTMLElement;
  private source: Source | null = null;
  private record: FrameRecord | null = null;
  camera: RecordCamera | null = null;
  chosen = -1;
  shown: Shown;
  private turn = 0;
  /** What was looked at last, so that the next picture shows the same. */
  private layer = "rgb";

  constructor(
    private readonly host: Host,
    private readonly step: (by: number) => void,
    private readonly close: () => void,
  ) {
    this.shown = kept();
    this.shot = new Shot((k) => this.choose(k), (k) => this.side.setHovered(k));
    this.look.hidden = !host.look;
    this.look.addEventListener("click", () => {
      if (this.record && this.camera) host.look?.(this.record, this.camera);
    });
    this.side = new FrameSide((k) => this.choose(k === this.chosen ? -1 : k), () => void this.judge(), host.copy);
    const back = button("Back to the pictures (Esc)", "grid", () => this.close());
    const before = h("button", { type: "button", class: "button small", title: "Picture before (Left)" }, "‹");
    const after = h("button", { type: "button", class: "button small", title: "Next picture (Right)" }, "›");
    before.setAttribute("aria-label", "Picture before");
    after.setAttribute("aria-label", "Next picture");
    before.addEventListener("click", () => this.step(-1));
    after.addEventListener("click", () => this.step(1));
    const toggles = h("div", { class: "frame-toggles", role: "group", "aria-label": "Marks" });
    for (const [name, text, key] of TOGGLES) {
      const one = h("button", { type: "button", class: "segment", title: `${text} (${key})`, "data-mark": name }, text);
      one.addEventListener("click", () => this.toggle(name));
      this.buttons.set(name, one);
      toggles.append(one);
    }
    this.layers.addEventListener("change", () => {
      this.layer = this.layers.value;
      this.showImage();
    });
    const bar = h("div", { class: "frame-bar" }, back, before, after, this.title, this.place, this.look, this.layers, toggles, this.zoom);
    this.element = h("div", { class: "frame" }, bar, h("div", { class: "frame-body" }, this.shot.element, this.side.element));
    this.element.hidden = true;
    this.element.addEventListener("keydown", (event) => this.key(event));
    new MutationObserver(() => (this.zoom.textContent = `${this.shot.element.dataset.zoom} %`)).observe(this.shot.element, { attributeFilter: ["data-zoom"] });
  }

  setSource(source: Source | null): void {
    this.source = source;
  }

  async open(picture: FoundPicture, place: number, total: number): Promise<void> {
    const turn = ++this.turn;
    const { source } = this;
    if (!source) return;
    this.element.hidden = false;
    this.title.textContent = `Frame ${picture.frame}${picture.camera ? `, ${picture.camera}` : ""}`;
    this.place.textContent = `${(place + 1).toLocaleString("en")} of ${total.toLocaleString("en")}`;
    const record = await source.record(picture.frame);
    if (turn !== this.turn) return;
    this.record = record;
    const camera = record.cameras.find(({ name }) => name === picture.camera) ?? null;
    this.camera = camera;
    this.chosen = -1;
    const classes = source.summary.labels.classes ?? [];
    this.shot.show(camera, classes);
    this.side.show(record, camera, (k) => this.shot.colorOf(k, this.shown));
    this.showLayers(camera);
    this.draw();
    this.showLook();
    const notes = await source.notes(picture.frame).catch(() => null);
    if (turn === this.turn && notes) this.side.note(notes, notes.layer ? source.url(`frames/${picture.frame}/layer.usda`) : null);
  }

  hide(): void {
    this.turn++;
    this.element.hidden = true;
    this.record = this.camera = null;
  }

  focus(): void {
    this.shot.element.focus({ preventScroll: true });
  }

  choose(k: number): void {
    this.chosen = k;
    this.draw();
    this.side.setChosen(this.camera, k);
  }

  toggle(name: keyof Shown): void {
    this.shown = { ...this.shown, [name]: !this.shown[name] };
    try {
      window.localStorage.setItem(KEPT, JSON.stringify(this.shown));
    } catch {
      // It is as it always was, next time.
    }
    if (name === "byInstance" && this.record) {
      const chosen = this.chosen;
      this.side.show(this.record, this.camera, (k) => this.shot.colorOf(k, this.shown));
      this.chosen = chosen;
      this.side.setChosen(this.camera, chosen);
      void this.renote();
    }
    this.draw();
  }

  private async renote(): Promise<void> {
    const { source, record } = this;
    if (!source || !record) return;
    const notes = await source.notes(record.frame).catch(() => null);
    if (record === this.record && notes) this.side.note(notes, notes.layer ? source.url(`frames/${record.frame}/layer.usda`) : null);
  }

  /** Whether the page around can look from here may have changed. */
  showLook(): void {
    if (!this.host.look || !this.record || !this.camera || !this.source) return;
    const reason = this.host.whyNot?.(this.record, this.camera, this.source) ?? null;
    this.look.disabled = reason !== null;
    this.look.title = reason ?? "The 3D view goes to where this camera was";
  }

  private draw(): void {
    for (const [name, one] of this.buttons) one.setAttribute("aria-pressed", String(this.shown[name]));
    const visible = (_: RecordObject): boolean => true;
    this.shot.mark(this.shown, visible, this.chosen);
  }

  private showLayers(camera: RecordCamera | null): void {
    const there = Object.keys(camera?.images ?? {});
    const names = [...there, "none"];
    this.layers.replaceChildren(...names.map((name) => h("option", { value: name }, name === "none" ? "marks alone" : name)));
    this.layers.value = names.includes(this.layer) ? this.layer : (there[0] ?? "none");
    this.layers.hidden = camera === null;
    this.showImage();
  }

  private showImage(): void {
    const file = this.camera?.images[this.layers.value];
    this.shot.setImage(file && this.source ? this.source.shown(file) : null);
  }

  async judge(): Promise<void> {
    const { source, record } = this;
    if (!source || !record) return;
    this.side.judge("The judge is at it …");
    const told = await source.findings(record.frame).catch((error: Error) => error.message);
    if (record === this.record) this.side.judge(told);
  }

  private key(event: KeyboardEvent): void {
    const target = event.target as Element;
    if (event.ctrlKey || event.metaKey || event.altKey || target.closest("select, input")) return;
    const letter = event.key.length === 1 ? event.key.toUpperCase() : event.key;
    const toggle = TOGGLES.find(([, , key]) => key === letter);
    const inList = target.closest(".side") !== null && (event.key === "ArrowDown" || event.key === "ArrowUp");
    if (event.key === "ArrowRight") this.step(1);
    else if (event.key === "ArrowLeft") this.step(-1);
    else if (inList || event.key === "ArrowDown" || event.key === "ArrowUp") this.next(event.key === "ArrowDown" ? 1 : -1);
    else if (event.key === "Escape") this.chosen >= 0 ? this.choose(-1) : this.close();
    else if (event.key === "+" || event.key === "=") this.shot.zoomBy(1.25);
    else if (event.key === "-") this.shot.zoomBy(0.8);
    else if (event.key === "0") this.shot.setZoom(0);
    else if (event.key === "1") this.shot.setZoom(1);
    else if (letter === "V") void this.judge();
    else if (toggle) this.toggle(toggle[0]);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  private next(by: number): void {
    const count = this.camera?.objects.length ?? 0;
    if (count > 0) this.choose(this.chosen < 0 ? (by > 0 ? 0 : count - 1) : (this.chosen + by + count) % count);
  }
}

function button(title: string, name: "grid", run: () => void): HTMLElement {
  const out = h("button", { type: "button", class: "icon-button", title, "aria-label": title }, icon(name));
  out.addEventListener("click", run);
  return out;
}

function kept(): Shown {
  try {
    const told: unknown = JSON.parse(window.localStorage.getItem(KEPT) ?? "{}");
    if (typeof told !== "object" || told === null) return SHOWN;
    const known = Object.keys(SHOWN) as (keyof Shown)[];
    const mine = known.filter((name) => typeof (told as Record<string, unknown>)[name] === "boolean");
    return { ...SHOWN, ...Object.fromEntries(mine.map((name) => [name, (told as Record<string, boolean>)[name]])) };
  } catch {
    return SHOWN;
  }
}
