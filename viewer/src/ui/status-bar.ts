/** State of the link and figures along the lower edge, and the lamp in the header. */
import { byId, h, setData, setText } from "./dom.ts";

export interface StatusFigures {
  readonly state: "live" | "loading" | "connecting" | "down" | "ended";
  readonly text: string;
  readonly fields: readonly (readonly [name: string, value: string, title?: string])[];
}

export class StatusBar {
  private readonly bar = byId("status");
  private readonly link = byId("link");
  private readonly linkText = byId("link-text");
  private said = "";
  private readonly values = new Map<string, HTMLElement>();

  refresh(figures: StatusFigures): void {
    setData(this.link, "state", figures.state);
    setText(this.linkText, figures.text);
    this.link.setAttribute("aria-label", `Link quality: ${figures.text}`);
    // Read out where the state is another, not each second of a countdown.
    if (figures.state !== this.said) setText(byId("link-said"), figures.text);
    this.said = figures.state;
    for (const [name, value, title = ""] of figures.fields) {
      const field = this.field(name);
      setText(field, value);
      if (field.title !== title) field.title = title;
    }
  }

  private field(name: string): HTMLElement {
    let value = this.values.get(name);
    if (!value) {
      value = h("span", { class: "figure" });
      this.values.set(name, value);
      this.bar.append(h("span", { class: "field" }, h("span", { class: "field-name" }, name), value));
    }
    return value;
  }
}
