/** Over the picture: the alarm that was shown last, else the most urgent one of high or critical priority; until somebody acknowledges it. */
import { h, icon, setData, setText } from "../../ui/dom.ts";
import { formatClock } from "../../core/format.ts";
import { againstLimit, type Alarm, isUnseen, listed, NO_FILTER, urgency } from "./model.ts";

const LEAST = urgency("high");

export class Banner {
  readonly element = h("div", { class: "alarm-banner", role: "alert" });
  private readonly priority = h("strong", {});
  private readonly text = h("span", { class: "alarm-banner-text" });
  private readonly since = h("span", { class: "alarm-banner-since" });
  private readonly more = h("span", { class: "alarm-banner-more" });
  private readonly ack = h("button", { type: "button" }, "Acknowledge");
  /** What the banner is about. */
  alarm: Alarm | null = null;
  /** Id of the alarm that somebody looks at. */
  private picked: string | null = null;
  /** Closed by the user, by id and time raised: raised anew, it comes again. */
  private readonly closed = new Set<string>();

  constructor(acknowledge: (alarm: string) => void, show: (alarm: string) => void) {
    const go = h("button", { type: "button", title: "Its place, and its chart" }, "Show");
    this.ack.title = "Acknowledge (Ctrl+Enter)";
    const close = h("button", { type: "button", class: "alarm-banner-close", "aria-label": "Close this alarm's banner" }, icon("close"));
    this.element.append(this.priority, this.text, this.since, this.more, go, this.ack, close);
    this.element.hidden = true;
    this.ack.addEventListener("click", () => this.alarm && acknowledge(this.alarm.id));
    go.addEventListener("click", () => this.alarm && show(this.alarm.id));
    close.addEventListener("click", () => this.close());
  }

  private close(): void {
    if (this.alarm) this.closed.add(keyOf(this.alarm));
    this.element.hidden = true;
  }

  /** From now on it is about this one. */
  pick(alarm: Alarm): void {
    this.picked = alarm.id;
    this.closed.delete(keyOf(alarm));
  }

  draw(alarms: readonly Alarm[], mayAnswer: boolean): void {
    const urgent = listed(alarms, NO_FILTER, new Map())
      .filter((alarm) => isUnseen(alarm) && (urgency(alarm.priority) >= LEAST || alarm.id === this.picked))
      .sort((a, b) => Number(b.id === this.picked) - Number(a.id === this.picked));
    const waiting = urgent.filter((alarm) => !this.closed.has(keyOf(alarm)));
    const [alarm = null] = waiting;
    this.alarm = alarm;
    this.element.hidden = alarm === null;
    if (!alarm) return;
    setData(this.element, "priority", alarm.priority);
    setText(this.priority, alarm.priority);
    const value = alarm.kind === "equals" ? "" : againstLimit(alarm);
    setText(this.text, `${alarm.message || alarm.id}${value ? ` (${value})` : ""}`);
    setText(this.since, alarm.raised ? `since ${formatClock(Date.parse(alarm.raised)).slice(0, 5)}` : "");
    this.since.title = alarm.raised ?? "";
    this.text.title = this.text.textContent ?? "";
    setText(this.more, waiting.length > 1 && alarm.id !== this.picked ? `+${waiting.length - 1} more` : "");
    this.ack.hidden = !mayAnswer;
  }
}

function keyOf(alarm: Alarm): string {
  return `${alarm.id} ${alarm.raised ?? ""}`;
}
