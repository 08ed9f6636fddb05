/** Alarms as a table that the keyboard can go through: one row has the focus, the others follow with the arrow keys. */
import { h, setData, setText } from "../../ui/dom.ts";
import { ageText, againstLimit, type Alarm, isAside, isUnseen, stateInShort, stateWords } from "./model.ts";

/** Rows that are shown before the rest is only counted. */
const MOST = 200;

export interface TableHandlers {
  /** The row with the focus is another one. */
  picked(alarm: string | null): void;
  /** A key on a row that the table does not know. True where it meant something. */
  key(event: KeyboardEvent, alarm: string): boolean;
  acknowledge(alarm: string): void;
  open(alarm: string): void;
}

interface Row {
  readonly element: HTMLTableRowElement;
  readonly cells: readonly HTMLElement[];
  readonly button: HTMLButtonElement;
  readonly show: HTMLButtonElement;
}

const HEADS = ["Priority", "Alarm", "Value", "State", "Since", "Where", ""] as const;

export class AlarmTable {
  readonly element = h("div", { class: "alarm-scroll" });
  /** Id of the alarm that keys and the detail view are about. */
  current: string | null = null;
  private readonly body = h("tbody", { role: "rowgroup" });
  private readonly empty = h("p", { class: "alarm-empty" });
  private readonly rows = new Map<string, Row>();

  constructor(private readonly handlers: TableHandlers) {
    const head = h("tr", { role: "row" });
    for (const text of HEADS)
      head.append(
        h("th", { role: "columnheader", scope: "col" }, text === "" ? h("span", { class: "out-of-sight" }, "Action") : text),
      );
    this.element.append(
      h(
        "table",
        { class: "alarm-table", role: "grid", "aria-label": "Alarms" },
        h("thead", { role: "rowgroup" }, head),
        this.body,
      ),
      this.empty,
    );
    this.body.addEventListener("keydown", (event) => this.key(event));
    this.body.addEventListener("focusin", (event) => this.pick(idOf(event)));
    this.body.addEventListener("click", (event) => this.click(event));
    this.body.addEventListener("dblclick", (event) => {
      const id = idOf(event);
      if (id) this.handlers.open(id);
    });
  }

  /** `whereOf`: path of each alarm's prim. `empty`: what stands there where there is none. */
  draw(
    alarms: readonly Alarm[],
    whereOf: ReadonlyMap<string, string>,
    mayAnswer: boolean,
    nowMs: number,
    empty: string,
  ): void {
    const shown = alarms.slice(0, MOST);
    const hadFocus = this.body.contains(document.activeElement);
    const before = this.order();
    const elements = shown.map((alarm) => this.row(alarm, whereOf.get(alarm.id) ?? "", mayAnswer, nowMs));
    const keep = new Set(shown.map(({ id }) => id));
    for (const id of [...this.rows.keys()]) if (!keep.has(id)) this.rows.delete(id);
    if (elements.some((element, k) => this.body.children[k] !== element) || elements.length !== this.body.children.length)
      this.body.replaceChildren(...elements);
    this.keepCurrent(shown, before, hadFocus);
    const more = alarms.length - shown.length;
    this.empty.hidden = alarms.length > 0 && more === 0;
    setText(this.empty, alarms.length === 0 ? empty : `and ${more} more: narrow the filter`);
  }

  /** The row that had the focus went: its neighbour takes it. */
  private keepCurrent(shown: readonly Alarm[], before: readonly string[], hadFocus: boolean): void {
    const had = this.current;
    if (had === null || !this.rows.has(had)) {
      const at = had === null ? 0 : Math.max(0, before.indexOf(had));
      const next = before.slice(at).find((id) => this.rows.has(id)) ?? shown[0]?.id ?? null;
      this.current = next;
      this.handlers.picked(next);
    }
    for (const [id, row] of this.rows) {
      row.element.tabIndex = id === this.current ? 0 : -1;
      row.element.setAttribute("aria-selected", String(id === this.current));
    }
    if (hadFocus && !this.body.contains(document.activeElement)) this.focus();
  }

  private order(): string[] {
    return [...this.body.children].map((row) => (row as HTMLElement).dataset.alarm ?? "");
  }

  focus(): void {
    const row = this.current === null ? undefined : this.rows.get(this.current);
    row?.element.focus();
  }

  private row(alarm: Alarm, where: string, mayAnswer: boolean, nowMs: number): HTMLElement {
    let row = this.rows.get(alarm.id);
    if (!row) this.rows.set(alarm.id, (row = newRow(alarm.id)));
    const { element, cells, button, show } = row;
    setData(element, "priority", alarm.priority);
    setData(element, "state", isAside(alarm) ? "aside" : alarm.state);
    const age = alarm.raised && alarm.active ? (nowMs - Date.parse(alarm.raised)) / 1000 : NaN;
    const texts = [
      alarm.priority,
      alarm.message || alarm.id,
      againstLimit(alarm),
      stateInShort(alarm),
      Number.isFinite(age) ? ageText(age) : "",
      where.slice(where.lastIndexOf("/") + 1),
    ];
    texts.forEach((text, k) => setText(cells[k], text));
    const titles = ["", alarm.id, "", stateWords(alarm), alarm.raised ?? "", where];
    titles.forEach((title, k) => {
      if (title && cells[k].title !== title) cells[k].title = title;
    });
    button.hidden = !mayAnswer || !isUnseen(alarm);
    show.hidden = !where && !alarm.signal;
    return element;
  }

  private click(event: Event): void {
    const id = idOf(event);
    if (!id) return;
    const button = (event.target as Element).closest("button");
    if (button?.dataset.does === "show") this.handlers.open(id);
    else if (button) this.handlers.acknowledge(id);
    else this.rows.get(id)?.element.focus();
  }

  private pick(id: string | null): void {
    if (id === null || id === this.current) return;
    this.current = id;
    for (const [other, row] of this.rows) {
      row.element.tabIndex = other === id ? 0 : -1;
      row.element.setAttribute("aria-selected", String(other === id));
    }
    this.handlers.picked(id);
  }

  private key(event: KeyboardEvent): void {
    const id = idOf(event);
    if (id === null || event.ctrlKey || event.altKey || event.metaKey || event.shiftKey) return;
    const order = this.order();
    const at = order.indexOf(id);
    const steps: Record<string, number> = {
      ArrowDown: Math.min(at + 1, order.length - 1),
      ArrowUp: Math.max(at - 1, 0),
      Home: 0,
      End: order.length - 1,
    };
    if (event.key in steps) this.rows.get(order[steps[event.key]])?.element.focus();
    else if ((event.target as Element).closest("button") || !this.handlers.key(event, id)) return;
    event.preventDefault();
  }
}

function newRow(id: string): Row {
  const cells = ["priority", "text", "value", "state", "since", "where"].map((name) =>
    h("td", { class: `alarm-${name}`, role: "gridcell" }),
  );
  const button = h("button", { type: "button", class: "alarm-ack", tabindex: "-1", "aria-label": `Ack ${id}`, title: "Acknowledge" }, "Ack");
  const show = h("button", { type: "button", class: "alarm-ack", "data-does": "show", tabindex: "-1", "aria-label": `Show ${id}`, title: "Its place, and its chart (Enter)" }, "Show");
  const element = h("tr", { role: "row", "data-alarm": id, tabindex: "-1" }, ...cells, h("td", { class: "alarm-does", role: "gridcell" }, show, button));
  return { element, cells, button, show };
}

function idOf(event: Event): string | null {
  return (event.target as Element).closest<HTMLElement>("tr[data-alarm]")?.dataset.alarm ?? null;
}
