/** What happened to alarms, the newest first; older records are asked for as one goes on. */
import { printedUnit } from "../../core/units.ts";
import { h } from "../../ui/dom.ts";
import { clock } from "./detail.ts";
import { type AlarmRecord, recordWords } from "./model.ts";

const PAGE = 100;

export class Journal {
  readonly element = h("div", { class: "alarm-scroll", tabindex: "0", role: "region", "aria-label": "Journal of alarms" });
  private readonly body = h("tbody", {});
  private readonly note = h("p", { class: "alarm-empty", role: "status" });
  private readonly more = h("button", { type: "button", class: "alarm-more" }, "Older");
  private readonly of = h("div", { class: "alarm-of" });
  private alarm: string | null = null;
  private oldest: number | undefined;
  private turn = 0;

  constructor(
    private readonly ask: (alarm: string | null, before?: number) => Promise<readonly AlarmRecord[]>,
    private readonly pick: (alarm: string) => void,
  ) {
    const head = h("tr", {});
    for (const text of ["Time", "What", "Alarm", "Priority", "Value", "By", "Comment"]) head.append(h("th", { scope: "col" }, text));
    this.element.append(
      this.of,
      h("table", { class: "alarm-table journal", "aria-label": "Journal" }, h("thead", {}, head), this.body),
      this.note,
      this.more,
    );
    this.more.addEventListener("click", () => void this.load(this.oldest));
  }

  /** Of one alarm, or of all. */
  async show(alarm: string | null): Promise<void> {
    this.alarm = alarm;
    this.of.hidden = alarm === null;
    const all = h("button", { type: "button" }, "All alarms");
    all.addEventListener("click", () => void this.show(null));
    this.of.replaceChildren(h("span", {}, `Only ${alarm ?? ""}`), all);
    await this.load();
  }

  /** Something happened: the first page is asked for anew, unless one has gone on. */
  refresh(): void {
    if (this.body.children.length <= PAGE) void this.load();
  }

  private async load(before?: number): Promise<void> {
    const turn = ++this.turn;
    try {
      const records = await this.ask(this.alarm, before);
      if (turn !== this.turn) return;
      const rows = records.map((record) => this.row(record));
      if (before === undefined) this.body.replaceChildren(...rows);
      else this.body.append(...rows);
      this.oldest = records[records.length - 1]?.number ?? this.oldest;
      this.more.hidden = records.length < PAGE;
      this.note.textContent = this.body.children.length ? "" : "Nothing has happened yet.";
    } catch (error) {
      this.note.textContent = (error as Error).message;
    }
    this.note.hidden = this.note.textContent === "";
  }

  private row(record: AlarmRecord): HTMLElement {
    const value = record.value === null ? "" : `${Number(record.value.toPrecision(4))} ${printedUnit(record.unit)}`.trim();
    const until = record.until ? `until ${clock(record.until)}` : "";
    const texts = [
      clock(record.at),
      recordWords(record),
      "",
      record.priority,
      value,
      record.by,
      [until, record.comment].filter(Boolean).join(", "),
    ];
    const cells = texts.map((text) => h("td", {}, text));
    if (record.alarm) {
      const button = h("button", { type: "button", class: "alarm-link" }, record.alarm);
      button.addEventListener("click", () => this.pick(record.alarm));
      cells[2].append(button);
    }
    return h("tr", { "data-what": record.what, "data-alarm": record.alarm, "data-priority": record.priority }, ...cells);
  }
}
