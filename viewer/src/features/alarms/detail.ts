/** The alarm that is picked: what to do about it, and the buttons for it. */
import { h, setText } from "../../ui/dom.ts";
import { againstLimit, type Alarm, isUnseen, stateWords } from "./model.ts";

export interface DetailHandlers {
  acknowledge(alarm: string): void;
  shelve(alarm: string, seconds: number, reason: string): void;
  unshelve(alarm: string): void;
  service(alarm: string, out: boolean, reason: string): void;
  show(alarm: string): void;
  chart(alarm: string): void;
  journal(alarm: string): void;
}

/** [minutes, words] */
const TIMES: readonly (readonly [number, string])[] = [
  [15, "15 minutes"],
  [60, "1 hour"],
  [240, "4 hours"],
  [480, "8 hours"],
  [1440, "1 day"],
  [10080, "7 days"],
];

export class Detail {
  readonly element = h("section", { class: "alarm-detail", "aria-label": "Picked alarm" });
  private alarm: Alarm | null = null;
  private drawn = "";
  private readonly title = h("h3", {});
  private readonly facts = h("p", { class: "alarm-facts" });
  private readonly response = h("p", { class: "alarm-response" });
  private readonly buttons = h("div", { class: "alarm-buttons" });
  private readonly form = h("form", { class: "alarm-form" });
  private readonly time = h("select", { "aria-label": "How long" });
  private readonly reason = h("input", { type: "text", maxlength: "500", placeholder: "Reason", "aria-label": "Reason" });
  private asks: "shelve" | "out" = "shelve";

  constructor(private readonly handlers: DetailHandlers) {
    for (const [minutes, words] of TIMES) this.time.append(h("option", { value: String(minutes) }, words));
    this.form.hidden = true;
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.submit();
    });
    this.form.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      event.preventDefault();
      this.form.hidden = true;
      this.buttons.querySelector("button")?.focus();
    });
    this.element.append(this.title, this.facts, this.response, this.buttons, this.form);
  }

  show(alarm: Alarm | null, where: string, mayAnswer: boolean, charts: boolean): void {
    if (alarm?.id !== this.alarm?.id) this.form.hidden = true;
    this.alarm = alarm;
    this.element.hidden = alarm === null;
    if (!alarm) return;
    setText(this.title, alarm.message || alarm.id);
    const until = alarm.shelvedUntil ? ` until ${clock(alarm.shelvedUntil)}` : "";
    const facts = [alarm.id, stateWords(alarm) + until, againstLimit(alarm), where].filter(Boolean);
    setText(this.facts, facts.join(" · "));
    setText(this.response, alarm.response);
    this.response.hidden = !alarm.response;
    const key = [alarm.id, alarm.state, alarm.active, alarm.shelvedUntil, alarm.outOfService, where, mayAnswer, charts].join();
    if (key === this.drawn) return;
    this.drawn = key;
    const focused = (document.activeElement as HTMLElement | null)?.dataset.does;
    this.buttons.replaceChildren(...this.makeButtons(alarm, where, mayAnswer, charts));
    if (focused) this.buttons.querySelector<HTMLElement>(`[data-does="${focused}"]`)?.focus();
  }

  private makeButtons(alarm: Alarm, where: string, mayAnswer: boolean, charts: boolean): HTMLElement[] {
    const { id } = alarm;
    const { handlers } = this;
    const out: HTMLElement[] = [];
    const add = (does: string, text: string, key: string, run: () => void): void => {
      const button = h("button", { type: "button", "data-does": does, title: key ? `${text} (${key} in the table)` : text }, text);
      button.addEventListener("click", run);
      out.push(button);
    };
    if (mayAnswer && isUnseen(alarm)) add("acknowledge", "Acknowledge", "A", () => handlers.acknowledge(id));
    if (where || charts) add("go", "Show", "Enter", () => handlers.show(id));
    if (charts) add("chart", "Chart", "C", () => handlers.chart(id));
    add("journal", "Journal", "J", () => handlers.journal(id));
    if (!mayAnswer) return out;
    if (alarm.shelvedUntil) add("unshelve", "Unshelve", "S", () => handlers.unshelve(id));
    else add("shelve", "Shelve…", "S", () => this.ask("shelve"));
    if (alarm.outOfService) add("in", "Back in service", "O", () => handlers.service(id, false, ""));
    else add("out", "Out of service…", "O", () => this.ask("out"));
    return out;
  }

  /** Opens the form; its first field gets the focus. */
  ask(what: "shelve" | "out"): void {
    this.asks = what;
    const done = h("button", { type: "submit" }, what === "shelve" ? "Shelve" : "Take out of service");
    this.form.replaceChildren(...(what === "shelve" ? [this.time, this.reason, done] : [this.reason, done]));
    this.form.hidden = false;
    this.reason.value = "";
    (what === "shelve" ? this.time : this.reason).focus();
    this.form.scrollIntoView({ block: "nearest" }); // all of it: what has the focus is only its first field
  }

  private submit(): void {
    const { alarm, handlers } = this;
    const reason = this.reason.value.trim();
    if (!alarm) return;
    if (!reason) {
      this.reason.focus();
      this.reason.setCustomValidity("Say why, for those who come after you.");
      this.reason.reportValidity();
      this.reason.setCustomValidity("");
      return;
    }
    this.form.hidden = true;
    if (this.asks === "shelve") handlers.shelve(alarm.id, 60 * Number(this.time.value), reason);
    else handlers.service(alarm.id, true, reason);
  }
}

/** "14:05", or with its date where it is not today. */
export function clock(utc: string): string {
  const at = new Date(utc);
  const time = at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
  return at.toDateString() === new Date().toDateString() ? time : `${at.toLocaleDateString()} ${time}`;
}
