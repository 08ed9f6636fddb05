/** Active alarms, the most urgent first, each with a button to acknowledge it. Hidden where the twin has no alarms. */
import { byId, h, setText } from "./dom.ts";

export interface AlarmRow {
  readonly id: string;
  readonly state: string;
  readonly priority: string;
  readonly message: string;
  readonly value: number | null;
  readonly unit: string;
}

const POLL_MS = 2000;
/** Rows that are shown before the rest is only counted. */
const MOST = 30;

export class AlarmList {
  private readonly panel = byId("alarms-panel");
  private readonly element = byId("alarms");
  private drawn = "";
  private due = 0;
  private busy = false;

  /** `onFailure` is told why an alarm could not be acknowledged; who may not (`mayAnswer`) sees no buttons. */
  constructor(
    private readonly base: string,
    private readonly mayAnswer: () => boolean,
    private readonly onFailure: (text: string) => void,
  ) {
    this.element.addEventListener("click", (event) => {
      const button = (event.target as Element).closest<HTMLElement>("button");
      if (button?.dataset.alarm) void this.acknowledge(button.dataset.alarm);
    });
  }

  /** Asks the server now and then; call it as often as you like. */
  refresh(now: number): void {
    if (this.busy || now < this.due) return;
    this.due = now + POLL_MS;
    this.busy = true;
    this.poll()
      .catch(() => undefined) // the link's own banner says that the server is away
      .finally(() => (this.busy = false));
  }

  /** Alarms have changed: the next `refresh` asks at once. */
  changed(): void {
    this.due = 0;
  }

  private async poll(): Promise<void> {
    const status = await this.json("api/status");
    if (!status.alarms) {
      this.panel.hidden = true;
      return;
    }
    const listed = await this.json("api/alarms");
    this.draw(listed.alarms as AlarmRow[]);
  }

  private draw(alarms: readonly AlarmRow[]): void {
    this.panel.hidden = false;
    setText(byId("alarms-count"), String(alarms.length));
    const may = this.mayAnswer();
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

  private async acknowledge(alarm: string): Promise<void> {
    const answer = await fetch(new URL("api/alarms/acknowledge", this.base), {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ alarms: [alarm], by: "viewer" }),
    }).catch(() => null);
    if (!answer?.ok) {
      const told = await answer?.json().catch(() => null);
      this.onFailure(told?.error ?? `alarm ${alarm} could not be acknowledged`);
    }
    this.due = 0;
  }

  private async json(path: string): Promise<Record<string, unknown>> {
    const answer = await fetch(new URL(path, this.base), { cache: "no-store" });
    if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
    return (await answer.json()) as Record<string, unknown>;
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
