/** Assets as tiles in a list of choices: arrow keys, Enter, and something to take hold of. */
import { h } from "../../ui/dom.ts";
import type { Source } from "./source.ts";
import type { Asset } from "./types.ts";

/** So near to the end the next page is asked for [px]. */
const NEAR_PX = 300;

export interface TileHandlers {
  chosen(asset: Asset): void;
  /** Enter, or a double click. */
  meant(asset: Asset): void;
  pressed(asset: Asset, tile: HTMLElement, event: PointerEvent): void;
}

export class Tiles {
  readonly element = h("div", { class: "assets", role: "listbox", tabindex: "0", "aria-label": "Assets" });
  private readonly made = new Map<string, HTMLElement>();
  current: Asset | null = null;

  constructor(
    private readonly source: Source,
    private readonly on: TileHandlers,
  ) {
    this.element.addEventListener("scroll", () => this.look());
    this.element.addEventListener("keydown", (event) => this.key(event));
    this.element.addEventListener("click", (event) => this.choose(this.at(event)));
    this.element.addEventListener("dblclick", (event) => {
      const asset = this.at(event);
      if (asset) this.on.meant(asset);
    });
    this.element.addEventListener("pointerdown", (event) => {
      const asset = this.at(event);
      const tile = asset && this.made.get(asset.asset);
      if (asset && tile && event.button === 0) this.on.pressed(asset, tile, event);
    });
    this.element.addEventListener("dragstart", (event) => event.preventDefault());
  }

  /** Other assets, or more of them. Tiles of those that were there stay. */
  draw(top: boolean): void {
    const { assets } = this.source;
    const known = new Set(assets.map(keyOf));
    for (const [key, tile] of this.made)
      if (!known.has(tile.dataset.key ?? "")) {
        tile.remove();
        this.made.delete(key);
      }
    assets.forEach((asset, k) => {
      let tile = this.made.get(asset.asset);
      if (!tile) this.made.set(asset.asset, (tile = this.tile(asset)));
      tile.setAttribute("aria-posinset", String(k + 1));
      tile.setAttribute("aria-setsize", String(this.source.total));
      if (this.element.children[k] !== tile) this.element.insertBefore(tile, this.element.children[k] ?? null);
    });
    if (top) this.element.scrollTop = 0;
    if (this.current) this.current = assets.find((one) => one.asset === this.current?.asset) ?? this.current;
    this.mark();
    this.look();
  }

  choose(asset: Asset | null): void {
    if (!asset) return;
    this.current = asset;
    this.mark();
    this.on.chosen(asset);
  }

  /** More where the end is near. */
  look(): void {
    const { scrollTop, clientHeight, scrollHeight } = this.element;
    if (clientHeight > 0 && scrollHeight - scrollTop - clientHeight < NEAR_PX) void this.source.more();
  }

  private mark(): void {
    for (const [name, tile] of this.made) tile.setAttribute("aria-selected", String(name === this.current?.asset));
    const tile = this.current && this.made.get(this.current.asset);
    if (tile) this.element.setAttribute("aria-activedescendant", tile.id);
    else this.element.removeAttribute("aria-activedescendant");
  }

  private at(event: Event): Asset | null {
    const tile = (event.target as Element).closest<HTMLElement>(".asset");
    return this.source.assets.find(({ asset }) => asset === tile?.dataset.asset) ?? null;
  }

  private tile(asset: Asset): HTMLElement {
    const picture = h("div", { class: "asset-picture" });
    if (asset.problem) picture.append(h("span", { class: "asset-problem" }, "Cannot be read"));
    else {
      const image = h("img", { src: this.source.thumbnail(asset), alt: "", loading: "lazy", decoding: "async", draggable: "false" });
      image.addEventListener("error", () => image.replaceWith(h("span", { class: "asset-problem" }, "No picture")));
      picture.append(image);
    }
    const note = asset.problem ? asset.library : `${asset.triangles.toLocaleString("en")} triangles`;
    return h(
      "div",
      { class: "asset", role: "option", id: `asset-${safe(asset.asset)}`, "data-asset": asset.asset, "data-key": keyOf(asset), title: asset.asset },
      picture,
      h("b", { class: "asset-title" }, asset.title),
      h("span", { class: "asset-note" }, note),
    );
  }

  private key(event: KeyboardEvent): void {
    const { assets } = this.source;
    if (event.ctrlKey || event.metaKey || event.altKey || assets.length === 0) return;
    const at = assets.findIndex(({ asset }) => asset === this.current?.asset);
    const columns = this.columns();
    const steps: Record<string, number> = {
      ...{ ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns },
      ...{ Home: -assets.length, End: assets.length },
    };
    if (event.key in steps) {
      const next = at < 0 ? 0 : Math.max(0, Math.min(assets.length - 1, at + steps[event.key]));
      this.choose(assets[next]);
      this.made.get(assets[next].asset)?.scrollIntoView({ block: "nearest" });
    } else if (event.key === "Enter" && this.current) this.on.meant(this.current);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  private columns(): number {
    const tiles = [...this.element.children] as HTMLElement[];
    const top = tiles[0]?.offsetTop;
    const row = tiles.findIndex((tile) => tile.offsetTop !== top);
    return row < 0 ? Math.max(1, tiles.length) : row;
  }
}

function keyOf({ asset, version, problem }: Asset): string {
  return `${asset} ${version} ${problem}`;
}

/** Of a name, what an id may hold, and no two the same. */
function safe(name: string): string {
  return name.replace(/[^A-Za-z0-9_-]/g, (sign) => `.${sign.codePointAt(0)?.toString(16)}.`);
}
