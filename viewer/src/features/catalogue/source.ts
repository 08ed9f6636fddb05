/** Assets of a query, page by page, asked again while the server still reads its libraries. */
import type { Rest } from "../../workbench.ts";
import type { Facet } from "../../datasets/types.ts";
import type { Asset, AssetDetail, CataloguePage } from "./types.ts";

const PAGE = 60;
const AGAIN_MS = 1000;
const PATH = "api/v1/catalogue";

export class Source {
  query = "";
  /** The query that these assets fit. */
  answered = "";
  assets: readonly Asset[] = [];
  facets: readonly Facet[] = [];
  libraries: readonly string[] = [];
  total = 0;
  reading: CataloguePage["reading"] = null;
  private next: string | null = null;
  private turn = 0;
  private loading = false;
  private timer = 0;

  constructor(
    private readonly rest: Rest,
    private readonly base: string,
    /** `top`: it is another question. */
    private readonly onChange: (top: boolean) => void,
    private readonly onFailure: (sentence: string) => void,
  ) {}

  /** The first page of a query. */
  async ask(query: string, top = true): Promise<void> {
    const turn = ++this.turn;
    window.clearTimeout(this.timer);
    this.query = query;
    this.loading = true;
    try {
      const found = await this.rest.get<CataloguePage>(PATH, { query, limit: PAGE, facets: "true" });
      if (turn !== this.turn) return;
      this.take(found);
      this.answered = query;
      this.assets = found.assets;
      this.facets = found.facets;
      this.libraries = found.libraries;
      this.onChange(top);
      if (found.reading) this.timer = window.setTimeout(() => void this.ask(query, false), AGAIN_MS);
    } catch (error) {
      if (turn === this.turn) this.onFailure((error as Error).message);
    } finally {
      if (turn === this.turn) this.loading = false;
    }
  }

  /** The page after, where there is one. */
  async more(): Promise<void> {
    if (this.loading || this.next === null) return;
    const turn = this.turn;
    this.loading = true;
    try {
      const found = await this.rest.get<CataloguePage>(PATH, { query: this.query, limit: PAGE, after: this.next });
      if (turn !== this.turn) return;
      this.take(found);
      this.assets = [...this.assets, ...found.assets];
      this.onChange(false);
    } catch (error) {
      // The assets are others by now: from the beginning.
      if (turn === this.turn) {
        this.next = null;
        this.onFailure((error as Error).message);
      }
    } finally {
      if (turn === this.turn) this.loading = false;
    }
  }

  detail(asset: string): Promise<AssetDetail> {
    return this.rest.get<AssetDetail>(`${PATH}/asset`, { asset });
  }

  thumbnail({ asset, version }: Asset): string {
    return new URL(`${PATH}/thumbnail?asset=${encodeURIComponent(asset)}&v=${version}`, this.base).href;
  }

  private take({ total, next, reading }: CataloguePage): void {
    [this.total, this.next, this.reading] = [total, next, reading];
  }
}
