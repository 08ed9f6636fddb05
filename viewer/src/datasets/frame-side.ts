/** What is known of a frame: its objects, what was drawn, what the judge says, how to make it again. */
import { h } from "../ui/dom.ts";
import { css, type Rgb } from "./palette.ts";
import { short } from "./query.ts";
import { percent } from "./shot.ts";
import type { FrameFindings, FrameNotes, FrameRecord, RecordCamera, RecordObject } from "./types.ts";

const MOST_VALUES = 40;

export class FrameSide {
  private readonly facts = h("dl", { class: "side-facts" });
  private readonly body = h("tbody", {});
  private readonly detail = h("dl", { class: "side-facts side-detail" });
  private readonly draws = h("div", { class: "side-draws" });
  private readonly judged = h("div", { class: "side-judged" });
  private readonly again = h("div", { class: "side-again" });
  private readonly objectsHead = h("h3", {}, "Objects");
  readonly element: HTMLElement;
  private rows: HTMLElement[] = [];

  constructor(
    private readonly onChoose: (object: number) => void,
    private readonly onJudge: () => void,
    private readonly onCopy: (text: string) => void,
  ) {
    const head = h("tr", {}, ...["", "Class", "Name", "Seen", "Occl.", "Trunc."].map((name) => h("th", { scope: "col" }, name)));
    const table = h("table", { class: "side-objects" }, h("thead", {}, head), this.body);
    const section = (title: HTMLElement | string, ...content: Node[]): HTMLElement =>
      h("section", { class: "side-section" }, typeof title === "string" ? h("h3", {}, title) : title, ...content);
    this.element = h(
      "div",
      { class: "side", role: "region", tabindex: "0", "aria-label": "The frame" },
      h("section", { class: "side-section" }, this.facts),
      section(this.objectsHead, h("div", { class: "side-scroll" }, table), this.detail),
      section("Again", this.again),
      section("Findings", this.judged),
      section("What was drawn", this.draws),
    );
    this.body.addEventListener("click", (event) => {
      const row = (event.target as Element).closest<HTMLElement>("tr");
      if (row?.dataset.object) this.onChoose(Number(row.dataset.object));
    });
  }

  show(record: FrameRecord, camera: RecordCamera | null, color: (k: number) => Rgb): void {
    const facts: [string, string][] = [["Frame", String(record.frame)]];
    if (camera) facts.push(["Camera", `${camera.name}, ${camera.resolution.join(" × ")} px, ${camera.projection.kind}`]);
    if (record.split) facts.push(["Split", record.split]);
    if (record.stage) facts.push(["Stage", record.stage]);
    if (record.time !== null && record.time !== undefined) facts.push(["Time code", short(record.time)]);
    const tries = record.rejected_attempts ?? [];
    if (tries.length) facts.push([record.rejected ? "Rejected" : "Given up", tries.map(({ rule, reason }) => `${reason}${rule ? ` (${rule})` : ""}`).join("; ")]);
    this.facts.replaceChildren(...pairs(facts));
    const objects = camera?.objects ?? [];
    this.objectsHead.textContent = `Objects (${objects.length})`;
    this.rows = objects.map((object, k) => this.row(object, k, color(k)));
    this.body.replaceChildren(...this.rows);
    this.drawDraws(record);
    this.setChosen(camera, -1);
    this.judge(null);
    this.note(null, null);
  }

  setChosen(camera: RecordCamera | null, chosen: number): void {
    this.rows.forEach((row, k) => row.setAttribute("aria-selected", String(k === chosen)));
    this.rows[chosen]?.scrollIntoView({ block: "nearest" });
    const object = camera?.objects[chosen];
    this.detail.hidden = !object;
    if (object) this.detail.replaceChildren(...pairs(detailsOf(object)));
  }

  setHovered(hovered: number): void {
    this.rows.forEach((row, k) => (row.dataset.hover = String(k === hovered)));
  }

  /** null: it was not asked yet; a text: why there is no answer, or that it is on its way. */
  judge(told: FrameFindings | string | null): void {
    if (told === null) {
      const button = h("button", { type: "button", class: "button small" }, "Verify this frame");
      button.addEventListener("click", this.onJudge);
      this.judged.replaceChildren(h("p", { class: "side-note" }, "The judge recomputes every number of this frame from its files."), button);
    } else if (typeof told === "string") this.judged.replaceChildren(h("p", { class: "side-note", role: "status" }, told));
    else {
      const lines = told.findings.map(({ code, where, message }) => h("li", {}, h("b", {}, code), ` ${where}: ${message}`));
      const verdict = told.findings.length ? `${told.findings.length} findings in ${told.checks} checks` : `${told.checks} checks, no finding`;
      this.judged.replaceChildren(h("p", { class: told.findings.length ? "side-bad" : "side-good", role: "status" }, verdict), h("ul", { class: "side-findings" }, ...lines));
    }
  }

  note(notes: FrameNotes | null, layer: string | null): void {
    if (!notes) {
      this.again.replaceChildren(h("p", { class: "side-note" }, "…"));
      return;
    }
    const copy = h("button", { type: "button", class: "button small" }, "Copy the command");
    copy.addEventListener("click", () => this.onCopy(notes.remake));
    const links = layer ? [h("a", { class: "button small", href: layer, download: "" }, "Layer (USD)")] : [];
    const caution = notes.exact
      ? "It makes the same bytes."
      : /RECIPE\.yaml/.test(notes.remake)
        ? "Put the recipe's file in place of RECIPE.yaml, or start the page with --recipe."
        : "That recipe is not the one that this dataset was made from, as it stands now.";
    this.again.replaceChildren(h("code", { class: "side-command" }, notes.remake), h("p", { class: "side-note" }, caution), h("div", { class: "side-buttons" }, copy, ...links));
  }

  private row(object: RecordObject, k: number, color: Rgb): HTMLElement {
    const swatch = h("span", { class: "swatch" });
    swatch.style.background = css(color);
    const name = object.prim_path.split("/").pop() ?? "";
    const button = h("button", { type: "button", title: object.prim_path }, object.point_id === null || object.point_id === undefined || object.point_id < 0 ? name : `${name} [${object.point_id}]`);
    const numbers = [object.visible_px.toLocaleString("en"), percent(object.occlusion), percent(object.truncation)];
    return h("tr", { "data-object": String(k) }, h("td", {}, swatch), h("td", { title: object.class }, object.class), h("th", { scope: "row" }, button), ...numbers.map((text) => h("td", { class: "number" }, text)));
  }

  private drawDraws(record: FrameRecord): void {
    const parts = Object.entries(record.draws ?? {}).map(([randomizer, fields]) => {
      const all = Object.entries(fields).filter(([name]) => !name.endsWith(" sha256"));
      const shown: [string, string][] = all.slice(0, MOST_VALUES).map(([name, value]) => [name, told(value)]);
      if (all.length > MOST_VALUES) shown.push(["", `and ${all.length - MOST_VALUES} more`]);
      const details = h("details", { class: "side-draw" }, h("summary", {}, h("b", {}, randomizer), h("span", {}, all.length === 1 ? shown[0].join(" ") : `${all.length} values`)));
      details.append(h("dl", { class: "side-facts" }, ...pairs(shown)));
      return details;
    });
    this.draws.replaceChildren(...(parts.length ? parts : [h("p", { class: "side-note" }, "Nothing.")]));
  }
}

function pairs(rows: readonly [string, string][]): HTMLElement[] {
  return rows.flatMap(([name, text]) => [h("dt", { title: name }, name), h("dd", {}, text)]);
}

function detailsOf(object: RecordObject): [string, string][] {
  const box = (values: readonly number[] | null): string => (values ? values.map(short).join(", ") : "nothing is visible");
  return [
    ["Path", object.prim_path],
    ["Instance", String(object.instance_id)],
    ["Pixels", `${object.visible_px} seen, ${object.amodal_px_in_frame} in the picture, ${object.amodal_px_total} in all`],
    ["Box, visible", box(object.bbox_visible)],
    ["Box, amodal", box(object.bbox_amodal)],
    ["Size [m]", object.size.map(short).join(" × ")],
  ];
}

function told(value: unknown): string {
  if (typeof value === "number") return short(value);
  if (Array.isArray(value)) return value.map(told).join(", ");
  if (value && typeof value === "object") return Object.entries(value).map(([name, one]) => `${name} ${told(one)}`).join(", ");
  return String(value);
}
