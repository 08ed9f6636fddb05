/** Assets of the twin's libraries (`serve --library`): found by words and facts, looked at, and dragged into the picture. */
import { StageUnits } from "../../core/stage-units.ts";
import { FacetsPanel } from "../../datasets/facets-panel.ts";
import { deskOf } from "../../edit/desk.ts";
import { h, setText } from "../../ui/dom.ts";
import type { Feature, Workbench } from "../../workbench.ts";
import { Carry } from "./carry.ts";
import { Details } from "./details.ts";
import { place } from "./placing.ts";
import { Source } from "./source.ts";
import { middleOfView, type Spot, spotAt } from "./spot.ts";
import { Tiles } from "./tiles.ts";
import type { Asset } from "./types.ts";

const TYPING_MS = 300;
/** Tiles beside their filters need more than a table does [px]. */
const ROOM_PX = 340;
const NAMES: Readonly<Record<string, string>> = {
  ...{ kind: "Kind", label: "Label", tag: "Tag", license: "Licence", variant: "Variant", library: "Library", is: "State" },
  ...{ triangles: "Triangles", size: "Longest side [m]", bytes: "Bytes", materials: "Materials", joints: "Joints", used: "Used by" },
};

export const catalogue: Feature = {
  name: "catalogue",
  install(bench) {
    let desk: CatalogueDesk | null = null;
    bench.onScene(() => {
      // What a server does not have, it says; nobody has to try.
      if (desk === null && bench.link.session.serves?.includes("catalogue")) desk = new CatalogueDesk(bench);
    });
  },
};

class CatalogueDesk {
  private readonly input = h("input", { type: "search", class: "catalogue-query", placeholder: "pump tag:fluid triangles<20k …", "aria-label": "Query", spellcheck: "false", autocomplete: "off" });
  private readonly count = h("p", { class: "catalogue-count", role: "status" });
  /** Where there is no room for the filters beside the tiles; see catalogue.css. */
  private readonly opener = h("button", { type: "button", class: "button catalogue-filters", "aria-expanded": "false" }, "Filters");
  private readonly fault = h("p", { class: "catalogue-fault", role: "alert" });
  private readonly empty = h("p", { class: "catalogue-empty" });
  private readonly facets: FacetsPanel;
  private readonly source: Source;
  private readonly tiles: Tiles;
  private readonly details: Details;
  private readonly carry: Carry;
  private started = false;
  private typing = 0;
  private turn = 0;

  constructor(private readonly bench: Workbench) {
    this.source = new Source(bench.rest, document.baseURI, (top) => this.draw(top), (sentence) => this.wrong(sentence));
    this.facets = new FacetsPanel((query) => this.setQuery(query), NAMES, ["kind", "label", "license", "library", "triangles"]);
    this.carry = new Carry(bench, (asset) => this.source.thumbnail(asset), (asset, spot) => void this.place(asset, spot));
    this.tiles = new Tiles(this.source, {
      chosen: (asset) => void this.show(asset),
      meant: () => this.details.element.querySelector<HTMLElement>(".asset-place")?.focus(),
      pressed: (asset, tile, event) => {
        if (this.locked === null && !asset.problem) this.carry.press(asset, tile, event);
      },
    });
    this.details = new Details({
      place: () => bench.runCommand("catalogue.place"),
      jump: (path) => this.jump(path),
      show: (asset) => void this.go(asset),
      query: (text) => this.setQuery(text),
      locked: () => this.locked,
      units: () => this.units,
      picture: (asset) => this.source.thumbnail(asset),
    });
    bench.addPanel({
      ...{ id: "catalogue", title: "Catalogue", side: "bottom", order: 70, element: this.element() },
      shown: (visible) => this.shown(visible),
    });
    this.addCommands();
    deskOf(bench).watch(() => this.lock());
    bench.expose("catalogue", () => this.told());
  }

  private element(): HTMLElement {
    const bar = h("div", { class: "catalogue-bar" }, this.opener, this.input, this.count);
    const middle = h("div", { class: "catalogue-middle" }, this.tiles.element, this.empty);
    const body = h("div", { class: "catalogue-body" }, this.facets.element, middle, this.details.element);
    const element = h("div", { class: "catalogue" }, bar, this.fault, body);
    this.fault.hidden = this.empty.hidden = true;
    this.input.addEventListener("input", () => {
      window.clearTimeout(this.typing);
      this.typing = window.setTimeout(() => this.setQuery(this.input.value, true), TYPING_MS);
    });
    this.input.addEventListener("keydown", (event) => {
      event.stopPropagation();
      if (event.key === "Enter") this.setQuery(this.input.value, true);
      if (event.key === "Escape" || event.key === "ArrowDown") this.tiles.element.focus();
    });
    const open = (wanted: boolean): void => {
      element.dataset.filters = String(wanted);
      this.opener.setAttribute("aria-expanded", String(wanted));
    };
    this.opener.addEventListener("click", () => open(element.dataset.filters !== "true"));
    element.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && element.dataset.filters === "true") {
        event.stopPropagation();
        open(false);
        this.opener.focus();
      }
      if (event.key !== "/" || (event.target as Element).closest("input, select")) return;
      event.preventDefault();
      event.stopPropagation();
      this.input.focus();
    });
    return element;
  }

  private addCommands(): void {
    const { bench } = this;
    bench.addCommand({ id: "catalogue.open", title: "Find an asset to place", short: "Catalogue", group: "Edit", keys: ["Shift+U"], run: () => this.open() });
    bench.addCommand({
      ...{ id: "catalogue.place", title: "Place the chosen asset at the centre of the view", group: "Edit", keys: ["P"] },
      enabled: () => this.tiles.current !== null && !this.tiles.current.problem && this.locked === null,
      run: () => this.placeInView(),
    });
  }

  private open(): void {
    if (this.bench.state.open.bottom !== "catalogue") this.bench.openPanel("catalogue");
    this.input.focus();
    this.input.select();
  }

  private shown(visible: boolean): void {
    if (!visible) return;
    const { bench } = this;
    if (!this.started && bench.state.sizes.bottom < ROOM_PX) bench.dispatch({ type: "resize", side: "bottom", size: ROOM_PX });
    this.started = true;
    // Files may have changed while nobody looked.
    void this.source.ask(this.source.query, false);
  }

  private setQuery(query: string, typed = false): void {
    window.clearTimeout(this.typing);
    if (!typed) this.input.value = query;
    void this.source.ask(query.trim());
  }

  private draw(top: boolean): void {
    const { source } = this;
    this.wrong("");
    this.tiles.draw(top);
    this.facets.show(source.facets, source.query);
    const reading = source.reading ? `; reading files${source.reading.of ? `: ${source.reading.done} of ${source.reading.of}` : " …"}` : "";
    setText(this.count, `${source.total.toLocaleString("en")} asset${source.total === 1 ? "" : "s"}${reading}`);
    const nothing = source.query ? "No asset fits the query." : `There is no asset in ${source.libraries.join(", ")}.`;
    setText(this.empty, source.total > 0 || source.reading ? "" : nothing);
    this.empty.hidden = this.empty.textContent === "";
  }

  private wrong(sentence: string): void {
    setText(this.fault, sentence);
    this.fault.hidden = sentence === "";
    this.input.setAttribute("aria-invalid", String(sentence !== ""));
  }

  private async show(asset: Asset): Promise<void> {
    const turn = ++this.turn;
    this.details.show(asset, null);
    try {
      const detail = await this.source.detail(asset.asset);
      if (turn === this.turn) this.details.show(asset, detail);
    } catch (error) {
      if (turn === this.turn) this.details.show(asset, null, (error as Error).message);
    }
  }

  /** To an asset of that name, whatever was asked for. */
  private async go(name: string): Promise<void> {
    if (!this.source.assets.some(({ asset }) => asset === name)) {
      const [library, ...path] = name.split("/");
      this.input.value = `library:"${library}" path:"${path.join("/")}"`;
      await this.source.ask(this.input.value);
    }
    this.tiles.choose(this.source.assets.find(({ asset }) => asset === name) ?? null);
  }

  private jump(path: string): void {
    const { bench } = this;
    if ((bench.scene?.nodeAt(path) ?? -1) < 0) return bench.notice("info", `${path} is not in the scene that is shown.`);
    bench.dispatch({ type: "select", path });
    bench.runCommand("view.frame");
  }

  private placeInView(): void {
    const { x, y } = middleOfView();
    const asset = this.tiles.current;
    const spot = spotAt(this.bench, x, y);
    if (!spot) return this.bench.notice("warning", "The centre of the view shows no ground; look at the place where it is to stand.");
    if (asset) void this.place(asset, spot);
  }

  private async place(asset: Asset, spot: Spot): Promise<void> {
    const path = await place(this.bench, asset, spot);
    if (path !== null && this.tiles.current?.asset === asset.asset) void this.show(asset);
  }

  /** Why nothing can be placed now; null: it can. */
  private get locked(): string | null {
    return this.bench.link.session.serves?.includes("edits") === false ? "This server takes no changes." : deskOf(this.bench).locked;
  }

  private lock(): void {
    this.tiles.element.dataset.locked = String(this.locked !== null);
    this.details.lock();
  }

  private get units(): StageUnits {
    const { metersPerUnit = 1, upAxis = "Z" } = this.bench.scene?.json.stage ?? {};
    return new StageUnits(metersPerUnit, upAxis);
  }

  private told(): object {
    const { total, assets, query, answered, reading } = this.source;
    return { total, query, answered, reading, assets: assets.map(({ asset }) => asset), chosen: this.tiles.current?.asset ?? null, carried: this.carry.spot };
  }
}
