/** A dataset as the page asks for it: pictures by pages, records, addresses of images. Only the newest question counts. */
import type { Rest } from "../workbench.ts";
import type { Facet, FoundPicture, FoundPictures, FrameFindings, FrameNotes, FrameRecord, Summary } from "./types.ts";

export interface Sorting {
  readonly by: string;
  readonly falling: boolean;
}

const PAGE = 120;
const RECORDS = 24;

export class Source {
  /** Of what was asked for. */
  total = 0;
  frames = 0;
  objects = 0;
  private pages = new Map<number, readonly FoundPicture[]>();
  private asked = new Set<number>();
  private readonly records = new Map<string, Promise<FrameRecord>>();
  private turn = 0;

  constructor(
    private readonly rest: Rest,
    readonly base: string,
    readonly summary: Summary,
    private readonly onChange: () => void,
    private readonly onFailure: (sentence: string) => void,
  ) {}

  private query = "";
  private sorting: Sorting = { by: "frame", falling: false };

  get path(): string {
    return `api/v1/datasets/${encodeURIComponent(this.summary.dataset)}`;
  }

  /** Another question. Rejects with the server's sentence where it is none; then the old one stays. */
  async ask(query: string, sorting: Sorting): Promise<void> {
    const turn = ++this.turn;
    const first = await this.fetchPage(query, sorting, 0);
    if (turn !== this.turn) return;
    [this.query, this.sorting] = [query, sorting];
    this.pages = new Map([[0, first.pictures]]);
    this.asked = new Set([0]);
    [this.total, this.frames, this.objects] = [first.total, first.frames, first.objects];
    this.onChange();
  }

  /** The picture at that place; null: not here yet, and on its way. */
  at(place: number): FoundPicture | null {
    const page = Math.floor(place / PAGE);
    const found = this.pages.get(page);
    if (found) return found[place - page * PAGE] ?? null;
    if (!this.asked.has(page) && place < this.total) void this.load(page);
    return null;
  }

  /** The same, waited for. */
  async get(place: number): Promise<FoundPicture | null> {
    if (place < 0 || place >= this.total) return null;
    const page = Math.floor(place / PAGE);
    if (!this.pages.has(page)) await this.load(page);
    return this.at(place);
  }

  /** The place of a picture among those that are here; -1 where it is not. */
  placeOf(frame: number, camera: string | null): number {
    for (const [page, pictures] of this.pages) {
      const k = pictures.findIndex((one) => one.frame === frame && (camera === null || one.camera === camera));
      if (k >= 0) return page * PAGE + k;
    }
    return -1;
  }

  facets(query: string): Promise<readonly Facet[]> {
    return this.rest.get<{ facets: readonly Facet[] }>(`${this.path}/facets`, { query }).then(({ facets }) => facets);
  }

  numbers(query: string): Promise<readonly number[]> {
    return this.rest.get<{ frames: readonly number[] }>(`${this.path}/numbers`, { query }).then(({ frames }) => frames);
  }

  record(frame: number): Promise<FrameRecord> {
    const name = String(frame).padStart(6, "0");
    let record = this.records.get(name);
    if (!record) {
      record = this.rest.get<{ content: FrameRecord }>(`${this.path}/records/${name}`).then(({ content }) => content);
      record.catch(() => this.records.delete(name));
      this.records.set(name, record);
      const [oldest] = this.records.keys();
      if (this.records.size > RECORDS) this.records.delete(oldest);
    }
    return record;
  }

  notes(frame: number): Promise<FrameNotes> {
    return this.rest.get<FrameNotes>(`${this.path}/frames/${frame}`);
  }

  findings(frame: number): Promise<FrameFindings> {
    return this.rest.get<FrameFindings>(`${this.path}/frames/${frame}/findings`);
  }

  thumbnail(image: string, width: number): string {
    return this.url(`thumbnails/${encodeURIComponent(image)}?w=${width}&v=${this.summary.version}`);
  }

  /** A file of images/ as something that a browser shows. */
  shown(file: string): string {
    const image = encodeURIComponent(file.replace(/^images\//, ""));
    if (/\.(exr)$/i.test(file) || !/_(rgb|panoptic)\.png$/i.test(file)) return this.url(`shown/${image}?v=${this.summary.version}`);
    return this.url(`images/${image}`);
  }

  url(path: string): string {
    return new URL(`${this.path}/${path}`, this.base).href;
  }

  private fetchPage(query: string, { by, falling }: Sorting, page: number): Promise<FoundPictures> {
    const asked = { query, sort: by, falling: String(falling), offset: page * PAGE, limit: PAGE, boxes: "true" };
    return this.rest.get<FoundPictures>(`${this.path}/pictures`, asked);
  }

  private async load(page: number): Promise<void> {
    this.asked.add(page);
    const turn = this.turn;
    try {
      const found = await this.fetchPage(this.query, this.sorting, page);
      if (turn !== this.turn) return;
      this.pages.set(page, found.pictures);
      this.onChange();
    } catch (error) {
      if (turn !== this.turn) return;
      this.asked.delete(page);
      this.onFailure((error as Error).message);
    }
  }
}
