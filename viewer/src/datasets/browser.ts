/** Datasets to look through: filters at the left, pictures in the middle, one of them large. Knows no page around it (`Host`). */
import { h, setText } from "../ui/dom.ts";
import { save } from "../ui/files.ts";
import type { Rest } from "../workbench.ts";
import { ClassWindow } from "./class-table.ts";
import { FacetsPanel } from "./facets-panel.ts";
import { FrameView, type Host } from "./frame-view.ts";
import { counted, Grid } from "./grid.ts";
import { withTerm } from "./query.ts";
import { Source, type Sorting } from "./source.ts";
import type { DatasetRow, Summary } from "./types.ts";

const TYPING_MS = 350;
const SIZES: readonly (readonly [string, number])[] = [
  ["Small", 130],
  ["Medium", 200],
  ["Large", 320],
];

/** What is looked at, as plain data: for the address. */
export interface Looked {
  readonly dataset: string;
  readonly query: string;
  readonly sort: string;
  readonly frame: number | null;
  readonly camera: string | null;
}

export class Browser {
  private readonly pick = h("select", { class: "datasets-pick", "aria-label": "Dataset" });
  private readonly input = h("input", { type: "search", class: "datasets-query", placeholder: "class:parcel occlusion>0.5 …", "aria-label": "Query", spellcheck: "false", autocomplete: "off", list: "" });
  private readonly fault = h("p", { class: "datasets-fault", role: "alert" });
  private readonly count = h("p", { class: "datasets-count", role: "status" });
  private readonly sort = h("select", { "aria-label": "Sort by" });
  private readonly falling = h("button", { type: "button", class: "button small datasets-falling", title: "Greatest or least first" });
  private readonly size = h("select", { "aria-label": "Size of the pictures" });
  private readonly boxes = h("button", { type: "button", class: "segment", "aria-pressed": "true", title: "Boxes of what was found" }, "Boxes");
  private readonly export = h("button", { type: "button", class: "button small", title: "Frame numbers of what is chosen, or of all that was found, as JSON" }, "Export");
  private readonly classes = h("button", { type: "button", class: "button small", title: "Figures of classes; another dataset beside this one" }, "Classes");
  private readonly empty = h("div", { class: "datasets-empty" });
  private readonly facets = new FacetsPanel((query) => this.setQuery(query));
  readonly grid = new Grid((place) => void this.open(place), () => this.tell());
  readonly frame: FrameView;
  private readonly window: ClassWindow;
  private readonly body = h("div", { class: "datasets-body" });
  readonly element: HTMLElement;
  private datasets: readonly DatasetRow[] = [];
  source: Source | null = null;
  query = "";
  private sorting: Sorting = { by: "frame", falling: false };
  private typing = 0;
  private turn = 0;
  /** Place of the large picture; -1: none is open. */
  place = -1;

  constructor(
    private readonly rest: Rest,
    private readonly base: string,
    host: Host,
    private readonly onLook: (looked: Looked) => void = () => undefined,
  ) {
    this.frame = new FrameView(host, (by) => void this.step(by), () => this.close());
    this.window = new ClassWindow((name) => this.describe(name), (name) => this.setQuery(withTerm(this.query, "class", `class:${/\s/.test(name) ? `"${name}"` : name}`)));
    for (const [name, width] of SIZES) this.size.append(h("option", { value: String(width) }, name));
    this.size.value = "200";
    const bar = h("div", { class: "datasets-bar" }, this.pick, this.input, this.count, h("span", { class: "datasets-space" }), label("Sort", this.sort), this.falling, this.size, this.boxes, this.classes, this.export);
    const middle = h("div", { class: "datasets-middle" }, this.empty, this.grid.element, this.frame.element);
    this.body.append(this.facets.element, middle);
    this.element = h("div", { class: "datasets" }, bar, this.fault, this.body);
    this.fault.hidden = this.empty.hidden = true;
    this.bind();
  }

  private bind(): void {
    this.pick.addEventListener("change", () => void this.choose(this.pick.value, "", null));
    this.input.addEventListener("input", () => {
      window.clearTimeout(this.typing);
      this.typing = window.setTimeout(() => this.setQuery(this.input.value, true), TYPING_MS);
    });
    this.input.addEventListener("keydown", (event) => {
      event.stopPropagation();
      if (event.key === "Enter") this.setQuery(this.input.value, true);
      if (event.key === "Escape" || event.key === "ArrowDown") this.grid.element.focus();
    });
    this.sort.addEventListener("change", () => this.setSorting({ by: this.sort.value, falling: this.sort.value !== "frame" }));
    this.falling.addEventListener("click", () => this.setSorting({ ...this.sorting, falling: !this.sorting.falling }));
    this.size.addEventListener("change", () => this.grid.setSize(Number(this.size.value)));
    this.boxes.addEventListener("click", () => {
      const on = this.boxes.getAttribute("aria-pressed") !== "true";
      this.boxes.setAttribute("aria-pressed", String(on));
      this.grid.setBoxes(on);
    });
    this.classes.addEventListener("click", () => this.source && this.window.open(this.source.summary, this.datasets.map(({ name }) => name)));
    this.export.addEventListener("click", () => void this.save());
    this.element.addEventListener("keydown", (event) => {
      if (event.key !== "/" || (event.target as Element).closest("input, select")) return;
      event.preventDefault();
      event.stopPropagation();
      this.input.focus();
    });
  }

  /** Asks which datasets there are, and shows the first one, or what is asked for. */
  async start(asked: Partial<Looked> = {}): Promise<void> {
    this.say("Loading the datasets …");
    try {
      this.datasets = (await this.rest.get<{ datasets: readonly DatasetRow[] }>("api/v1/datasets", { limit: 1000 })).datasets;
    } catch (error) {
      return this.say((error as Error).message, true);
    }
    this.pick.replaceChildren(...this.datasets.map(({ name, frames }) => h("option", { value: name }, frames === null ? name : `${name} (${frames} frames)`)));
    this.pick.hidden = this.datasets.length < 2;
    const name = this.datasets.find((one) => one.name === asked.dataset)?.name ?? this.datasets[0]?.name;
    if (name === undefined) return this.say("There is no finished dataset here. `twinstage synth generate` makes one.");
    this.sorting = sortingOf(asked.sort ?? "frame");
    const frame = asked.frame === undefined || asked.frame === null ? null : { frame: asked.frame, camera: asked.camera ?? null };
    await this.choose(name, asked.query ?? "", frame);
  }

  private describe(name: string): Promise<Summary> {
    return this.rest.get<Summary>(`api/v1/datasets/${encodeURIComponent(name)}/summary`);
  }

  private async choose(name: string, query: string, frame: { frame: number; camera: string | null } | null): Promise<void> {
    const turn = ++this.turn;
    this.pick.value = name;
    this.close(false);
    this.grid.setSource(null);
    this.say(`Reading the records of ${name} …`);
    let summary: Summary;
    try {
      summary = await this.describe(name);
    } catch (error) {
      if (turn === this.turn) this.say((error as Error).message, true);
      return;
    }
    if (turn !== this.turn) return;
    this.source = new Source(this.rest, this.base, summary, () => this.grid.changed(), (sentence) => this.wrong(sentence));
    this.frame.setSource(this.source);
    this.grid.setSource(this.source);
    this.sort.replaceChildren(...summary.sorts.map((one) => h("option", { value: one }, one)));
    if (!summary.sorts.includes(this.sorting.by)) this.sorting = { by: "frame", falling: false };
    this.query = query;
    this.input.value = query;
    await this.ask();
    if (!frame) return;
    const known = this.source.placeOf(frame.frame, frame.camera);
    if (known >= 0) return this.open(known);
    // Further down, or not among what was found: that frame alone.
    this.setQuery(`frame:${frame.frame}..${frame.frame}${frame.camera ? ` camera:"${frame.camera}"` : ""}`);
    await this.asking;
    return this.open(0);
  }

  private asking: Promise<void> = Promise.resolve();

  setQuery(query: string, typed = false): void {
    window.clearTimeout(this.typing);
    this.query = query.trim();
    if (!typed) this.input.value = this.query;
    this.asking = this.ask();
  }

  private setSorting(sorting: Sorting): void {
    this.sorting = sorting;
    this.asking = this.ask();
  }

  private async ask(): Promise<void> {
    const { source, query, sorting } = this;
    if (!source) return;
    this.sort.value = sorting.by;
    setText(this.falling, sorting.falling ? "High first" : "Low first");
    try {
      await source.ask(query, sorting);
      if (source !== this.source || query !== this.query) return;
      this.wrong("");
      this.close(false);
      this.grid.changed(true);
      this.tell();
      const facets = await source.facets(query);
      if (source === this.source && query === this.query) this.facets.show(facets, query);
    } catch (error) {
      if (source === this.source) this.wrong((error as Error).message);
    }
  }

  /** What was found, in words. */
  private tell(): void {
    const { source } = this;
    if (!source) return;
    const { summary } = source;
    const chosen = this.grid.ticked.size;
    setText(this.count, `${counted(source.total, "picture")}, ${counted(source.frames, "frame")}, ${counted(source.objects, "object")}${chosen ? `; ${chosen} chosen` : ""}`);
    const unread = summary.unreadable.length ? ` ${counted(summary.unreadable.length, "record")} cannot be read.` : "";
    if (source.total === 0) this.say(summary.pictures + summary.rejected === 0 ? `This dataset has no picture.${unread}` : "No picture fits the query.");
    else this.say("");
    this.looked();
  }

  private say(sentence: string, bad = false): void {
    this.empty.hidden = sentence === "";
    this.empty.dataset.level = bad ? "error" : "info";
    this.empty.replaceChildren(h("p", {}, sentence));
    if (sentence) setText(this.count, "");
  }

  private wrong(sentence: string): void {
    this.fault.hidden = sentence === "";
    setText(this.fault, sentence);
    this.input.setAttribute("aria-invalid", String(sentence !== ""));
  }

  // --- one picture ---------------------------------------------------------------------------------------------------

  async open(place: number): Promise<void> {
    const { source } = this;
    const picture = await source?.get(place);
    if (!source || !picture || source !== this.source) return;
    const fresh = this.place < 0;
    this.place = place;
    this.grid.setCurrent(place);
    this.grid.element.inert = true;
    this.body.dataset.frame = "true";
    try {
      const shown = this.frame.open(picture, place, source.total);
      if (fresh) this.frame.focus();
      this.looked();
      await shown;
      this.wrong("");
    } catch (error) {
      this.wrong((error as Error).message);
    }
  }

  private async step(by: number): Promise<void> {
    const next = this.place + by;
    if (this.place >= 0 && next >= 0 && next < (this.source?.total ?? 0)) await this.open(next);
  }

  close(focus = true): void {
    if (this.place < 0) return;
    this.place = -1;
    this.frame.hide();
    this.grid.element.inert = false;
    this.body.dataset.frame = "false";
    this.grid.setCurrent(this.grid.current);
    if (focus) this.grid.element.focus({ preventScroll: true });
    this.looked();
  }

  /** Tells the page around what is looked at. */
  private looked(): void {
    const { source } = this;
    if (!source) return;
    const picture = this.place >= 0 ? source.at(this.place) : null;
    const { by, falling } = this.sorting;
    this.onLook({ dataset: source.summary.dataset, query: this.query, sort: falling ? `-${by}` : by, frame: picture?.frame ?? null, camera: picture?.camera ?? null });
  }

  // --- to take along -------------------------------------------------------------------------------------------------

  /** Frames that are chosen, or all that were found, as JSON. */
  async selection(): Promise<{ dataset: string; query: string; frames: readonly number[] }> {
    const { source, query } = this;
    if (!source) return { dataset: "", query, frames: [] };
    const chosen = [...new Set([...this.grid.ticked].map((key) => Number(key.split(" ")[0])))].sort((a, b) => a - b);
    return { dataset: source.summary.dataset, query, frames: chosen.length ? chosen : await source.numbers(query) };
  }

  private async save(): Promise<void> {
    try {
      const found = await this.selection();
      save(`${found.dataset}-frames.json`, new Blob([`${JSON.stringify(found)}\n`], { type: "application/json" }));
    } catch (error) {
      this.wrong((error as Error).message);
    }
  }
}

function label(name: string, element: HTMLElement): HTMLElement {
  return h("label", { class: "datasets-label" }, `${name} `, element);
}

function sortingOf(text: string): Sorting {
  return text.startsWith("-") ? { by: text.slice(1), falling: true } : { by: text, falling: false };
}
