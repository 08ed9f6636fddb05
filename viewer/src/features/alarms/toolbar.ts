/** Above the list: what is listed and in which order, and what is done with all of it. */
import { h, setText } from "../../ui/dom.ts";
import { type Filter, type Order, type Priority, PRIORITIES, type Show } from "./model.ts";

export interface ToolbarHandlers {
  filter(change: Partial<Filter>): void;
  acknowledgeShown(): void;
  journal(): void;
  sound(): void;
  notify(): void;
}

const SHOWS: readonly (readonly [Show, string])[] = [
  ["active", "Active"],
  ["unacknowledged", "Unacknowledged"],
  ["aside", "Shelved, suppressed, out of service"],
  ["all", "All"],
];
const ORDERS: readonly (readonly [Order, string])[] = [
  ["priority", "Most urgent first"],
  ["newest", "Newest first"],
  ["oldest", "Oldest first"],
  ["name", "By name"],
];
const LEAST: Readonly<Record<Priority, string>> = {
  low: "All priorities",
  medium: "Medium and above",
  high: "High and above",
  critical: "Critical only",
};

export class Toolbar {
  readonly element = h("div", { class: "alarm-tools", role: "toolbar", "aria-label": "Alarms" });
  private readonly show = select("Which alarms", SHOWS);
  private readonly least = select("Priority", [...PRIORITIES].reverse().map((priority) => [priority, LEAST[priority]] as const));
  private readonly area = h("select", { "aria-label": "Area" });
  private readonly order = select("Order", ORDERS);
  private readonly all = toolButton("Acknowledge shown");
  private readonly flood = h("span", { class: "alarm-flood", hidden: "" }, "Flood: low and medium are quiet");
  private readonly journal = toolButton("Journal");
  private readonly sound = toolButton("Sound");
  private readonly notify = toolButton("Notifications");
  private areas = "";

  constructor(handlers: ToolbarHandlers) {
    this.show.addEventListener("change", () => handlers.filter({ show: this.show.value as Show }));
    this.least.addEventListener("change", () => handlers.filter({ least: this.least.value as Priority }));
    this.area.addEventListener("change", () => handlers.filter({ area: this.area.value }));
    this.order.addEventListener("change", () => handlers.filter({ order: this.order.value as Order }));
    this.all.addEventListener("click", () => handlers.acknowledgeShown());
    this.journal.addEventListener("click", () => handlers.journal());
    this.sound.addEventListener("click", () => handlers.sound());
    this.notify.addEventListener("click", () => handlers.notify());
    this.element.append(
      this.show,
      this.least,
      this.area,
      this.order,
      this.flood,
      h("span", { class: "spacer" }),
      this.all,
      this.journal,
      this.sound,
      this.notify,
    );
  }

  /** `unseen`: how many of what is shown wait to be acknowledged. */
  draw(filter: Filter, areas: readonly string[], unseen: number, mayAnswer: boolean, flooded: boolean): void {
    const paths = filter.area && !areas.includes(filter.area) ? [...areas, filter.area] : areas;
    if (paths.join("\n") !== this.areas || this.area.options.length === 0) {
      this.areas = paths.join("\n");
      this.area.replaceChildren(
        h("option", { value: "" }, "Everywhere"),
        ...paths.map((path) => h("option", { value: path }, path)),
      );
    }
    this.show.value = filter.show;
    this.least.value = filter.least;
    this.area.value = filter.area;
    this.order.value = filter.order;
    this.all.hidden = !mayAnswer;
    this.all.disabled = unseen === 0;
    setText(this.all, unseen ? `Acknowledge shown (${unseen})` : "Acknowledge shown");
    this.flood.hidden = !flooded;
  }

  press(which: "journal" | "sound" | "notify", on: boolean): void {
    this[which].setAttribute("aria-pressed", String(on));
  }
}

function select(label: string, options: readonly (readonly [string, string])[]): HTMLSelectElement {
  return h("select", { "aria-label": label }, ...options.map(([value, text]) => h("option", { value }, text)));
}

function toolButton(text: string): HTMLButtonElement {
  return h("button", { type: "button", class: "alarm-tool", "data-tool": text.toLowerCase() }, text);
}
