/** All about one asset: what it is, where it is used, and a button that places it. */
import { plainNumber, StageUnits } from "../../core/stage-units.ts";
import { uprightBox } from "../../core/standing.ts";
import { h } from "../../ui/dom.ts";
import type { Asset, AssetDetail } from "./types.ts";

const MOST_PRIMS = 40;

export interface DetailHandlers {
  place(asset: Asset): void;
  /** To a prim of the running stage. */
  jump(path: string): void;
  /** To another asset. */
  show(asset: string): void;
  query(text: string): void;
  /** Why nothing can be placed now; null: it can. */
  locked(): string | null;
  units(): StageUnits;
  picture(asset: Asset): string;
}

export class Details {
  readonly element = h("aside", { class: "asset-details", "aria-label": "Asset", tabindex: "-1" });
  private readonly button = h("button", { type: "button", class: "button asset-place" }, "Place at the centre of the view");
  private readonly reason = h("p", { class: "asset-reason" });
  private readonly body = h("div", { class: "asset-body" });
  private asset: Asset | null = null;

  constructor(private readonly on: DetailHandlers) {
    this.button.addEventListener("click", () => this.asset && this.on.place(this.asset));
    this.element.append(this.body, h("div", { class: "asset-foot" }, this.button, this.reason));
    this.element.hidden = true;
  }

  /** What is known at once; the rest comes with `full`. */
  show(asset: Asset, detail: AssetDetail | null, failure = ""): void {
    this.asset = asset;
    this.element.hidden = false;
    const about = detail?.doc.split("\n\n")[0] ?? "";
    const image = h("img", { class: "asset-large", src: this.on.picture(asset), alt: `Picture of ${asset.title}` });
    image.addEventListener("error", () => image.remove());
    this.body.replaceChildren(
      ...(asset.problem ? [] : [image]),
      h("h3", { class: "asset-name" }, asset.title),
      h("p", { class: "asset-path mono" }, asset.asset),
      ...(about ? [h("p", { class: "asset-about" }, about)] : []),
      ...(asset.problem ? [h("p", { class: "asset-fault" }, `It cannot be read: ${asset.problem}`)] : [this.facts(asset, detail)]),
      ...(failure ? [h("p", { class: "asset-fault" }, failure)] : []),
    );
    this.lock();
  }

  /** Whether it can be placed may change. */
  lock(): void {
    const { asset } = this;
    const locked = asset?.problem ? "What cannot be read cannot be placed." : this.on.locked();
    this.button.setAttribute("aria-disabled", String(locked !== null));
    this.button.disabled = locked !== null;
    this.button.title = locked ?? "P; or drag the tile into the 3D view";
    this.reason.textContent = locked ?? "";
  }

  private facts(asset: Asset, detail: AssetDetail | null): HTMLElement {
    const rows: [string, (Node | string)[]][] = [
      ["Size", [sizeText(asset, this.on.units())]],
      ["Triangles", [asset.triangles.toLocaleString("en")]],
      ["Licence", [asset.license || "none is told"]],
    ];
    if (asset.labels.length) rows.push(["Labels", this.terms("label", asset.labels)]);
    if (asset.tags.length) rows.push(["Tags", this.terms("tag", asset.tags)]);
    if (detail) rows.push(...this.more(detail));
    return h("dl", { class: "asset-facts" }, ...rows.flatMap(([name, values]) => [h("dt", {}, name), h("dd", {}, ...values)]));
  }

  private more(detail: AssetDetail): [string, (Node | string)[]][] {
    const rows: [string, (Node | string)[]][] = Object.entries(detail.variants).map(([set, choices]) => [`Variant ${set}`, [choices.join(", ")]]);
    const parts = [`${detail.materials} materials`, ...(detail.joints ? [`${detail.joints} joints`] : []), ...(detail.animated ? ["animated"] : [])];
    const unit = `${plainNumber(detail.metersPerUnit, 6)} m a unit, ${detail.upAxis} up`;
    rows.push(["Holds", [parts.join(", ")]], ["Stage", [unit]]);
    rows.push(["Files", [h("span", { title: detail.files.join("\n") }, `${detail.files.length}, ${bytesText(detail.bytes)}`)]]);
    rows.push(["SHA-256", [h("span", { class: "mono", title: detail.version }, `${detail.version.slice(0, 16)}…`)]]);
    rows.push(["Used here", this.here(detail)]);
    if (detail.usedBy.length) rows.push(["Used by", detail.usedBy.map((asset) => link(asset, asset, () => this.on.show(asset)))]);
    const cut = Object.entries(detail.cut ?? {}).map(([field, count]) => `${count.toLocaleString("en")} of ${field}`);
    if (cut.length) rows.push(["Left out", [cut.join(", ")]]);
    return rows;
  }

  private here({ usedHere }: AssetDetail): (Node | string)[] {
    if (!usedHere) return ["still being looked for"];
    const { prims, total, problem } = usedHere;
    const why = problem ? [h("span", {}, `the stage cannot be looked through: ${problem}`)] : [];
    if (total === 0) return problem ? why : ["nowhere"];
    const links = prims.slice(0, MOST_PRIMS).map((path) => link(path, path, () => this.on.jump(path)));
    return [...why, ...links, ...(total > links.length ? [h("span", {}, `and ${total - links.length} more`)] : [])];
  }

  private terms(field: string, words: readonly string[]): Node[] {
    return words.map((word) => {
      const term = `${field}:${/[\s,]/.test(word) ? `"${word}"` : word}`;
      return link(word, `Assets with ${term}`, () => this.on.query(term), "asset-term");
    });
  }
}

function link(text: string, title: string, run: () => void, name = "asset-link mono"): HTMLElement {
  const button = h("button", { type: "button", class: name, title }, text);
  button.addEventListener("click", run);
  return button;
}

/** Along x, y and z of the page's world, in metres and, where they are others, in the units of the running stage. */
export function sizeText(asset: Pick<Asset, "size" | "low" | "upAxis">, units: StageUnits): string {
  const { min, max } = uprightBox(asset);
  const sides = [0, 1, 2].map((c) => max[c] - min[c]);
  const text = (values: readonly number[]): string => values.map((value) => plainNumber(Number(value.toPrecision(3)), 4)).join(" × ");
  const own = units.isMetres ? "" : ` (${text(sides.map((side) => units.length(side)))} ${units.name})`;
  return `${text(sides)} m${own}`;
}

export function bytesText(bytes: number): string {
  const [scale, unit] = bytes < 1e6 ? [1e3, "kB"] : bytes < 1e9 ? [1e6, "MB"] : [1e9, "GB"];
  return `${Number((bytes / scale).toPrecision(3))} ${unit}`;
}
