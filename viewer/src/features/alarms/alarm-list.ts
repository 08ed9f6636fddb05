/** Active alarms, the most urgent first, each with a button to acknowledge it. */
import { h } from "../../ui/dom.ts";

export interface AlarmRow {
  readonly id: string;
  readonly state: string;
  readonly priority: string;
  readonly message: string;
  readonly value: number | null;
  readonly unit: string;
}

/** Rows that are shown before the rest is only counted. */
const MOST = 200;

export class AlarmList {
  readonly element = h("div", { id: "alarms", class: "alarms", role: "list", "aria-label": "Alarms" });
  private drawn = "";

  constructor(onAcknowledge: (alarm: string) => void) {
    this.element.addEventListener("click", (event) => {
      const button = (event.target as Element).closest<HTMLElement>("button");
      if (button?.dataset.alarm) onAcknowledge(button.dataset.alarm);
    });
  }

  /** Who may not answer sees no buttons. */
  draw(alarms: readonly AlarmRow[], may: boolean): void {
    const key = JSON.stringify([may, alarms.map(({ id, state, value }) => [id, state, value?.toPrecision(3)])]);
    if (key === this.drawn) return;
    this.drawn = key;
    const focused = (document.activeElement as HTMLElement | null)?.dataset.alarm;
    const rows: HTMLElement[] = alarms.slice(0, MOST).map((alarm) => row(alarm, may));
    if (alarms.length > MOST) rows.push(h("p", { class: "more" }, `and ${alarms.length - MOST} more`));
    if (!alarms.length) rows.push(h("p", { class: "more" }, "none is active"));
    this.element.replaceChildren(...rows);
    if (focused) this.element.querySelector<HTMLElement>(`[data-alarm="${CSS.escape(focused)}"]`)?.focus();
  }
}

function row(alarm: AlarmRow, may: boolean): HTMLElement {
  const seen = alarm.state === "acknowledged";
  const text = alarm.message || alarm.id;
  const value = alarm.value === null ? "" : ` ${Number(alarm.value.toPrecision(3))} ${alarm.unit}`.trimEnd();
  return h(
    "div",
    { class: "alarm", role: "listitem", "data-priority": alarm.priority, "data-state": alarm.state },
    h("span", { class: "dot", "aria-hidden": "true" }),
    h("span", { class: "what", title: `${alarm.priority}, ${alarm.state}: ${alarm.id}${value}` }, text),
    seen || !may
      ? h("span", { class: "seen" }, seen ? "seen" : "")
      : h("button", { type: "button", "data-alarm": alarm.id, "aria-label": `Acknowledge ${alarm.id}` }, "Ack"),
  );
}
