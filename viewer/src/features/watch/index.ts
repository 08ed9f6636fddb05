/** What designers save, as `serve --watch` tells it: a bar while a save cannot be shown, a word when one is. */
import { byId, h, icon, setText } from "../../ui/dom.ts";
import type { Feature, Workbench } from "../../workbench.ts";
import { asked, filesText, heard, NOT_WATCHED, type WatchState } from "./model.ts";

const SAID_MS = 4000;
const LOOK_MS = 1000;

export const watch: Feature = {
  name: "watch",
  install(bench) {
    new WatchBar(bench);
  },
};

class WatchBar {
  private state: WatchState = NOT_WATCHED;
  /** The sentence that the user has closed; another one comes up again. */
  private closed = "";
  private said = 0;
  private phase = "";
  private readonly files = h("span", { class: "watch-files" });
  private readonly reason = h("p", { class: "watch-reason" });
  private readonly bar: HTMLElement;
  private readonly badge = h("span", { class: "badge watch-badge", role: "status" });

  constructor(private readonly bench: Workbench) {
    const close = h("button", { type: "button", class: "watch-close", "aria-label": "Close this message" }, icon("close"));
    close.addEventListener("click", () => {
      this.closed = this.state.broken;
      this.draw();
    });
    const head = h("div", { class: "watch-head" }, h("strong", {}, "Save not shown"), this.files, close);
    const note = h("p", { class: "watch-note" }, "The scene is as it was before. The next good save takes this away.");
    this.bar = h("div", { class: "watch-bar", role: "alert" }, head, this.reason, note);
    this.bar.hidden = true;
    this.badge.hidden = true;
    byId("picture").append(this.bar);
    bench.addBadge(this.badge, 7);
    bench.onEvent("watch", (data) => this.take(heard(this.state, data)));
    bench.onScene(() => void this.ask());
    window.setInterval(() => this.lookAtLink(), LOOK_MS);
    bench.expose("watch", () => this.state);
  }

  /** Events that came while the link was down are not told again. */
  private lookAtLink(): void {
    const { phase } = this.bench.link.session;
    if (phase === this.phase) return;
    this.phase = phase;
    if (phase === "live") void this.ask();
  }

  private async ask(): Promise<void> {
    const status = await this.bench.rest.get<unknown>("api/status").catch(() => null);
    if (status !== null) this.show(asked(this.state, status));
  }

  private take(state: WatchState): void {
    this.show(state);
    if (state.broken) return;
    this.closed = "";
    setText(this.badge, `Saved: ${state.saved}`);
    this.badge.title = filesText(state.files);
    this.badge.hidden = false;
    window.clearTimeout(this.said);
    this.said = window.setTimeout(() => (this.badge.hidden = true), SAID_MS);
  }

  private show(state: WatchState): void {
    this.state = state;
    if (state.broken) this.badge.hidden = true;
    this.draw();
  }

  private draw(): void {
    const { broken, files } = this.state;
    this.bar.hidden = broken === "" || broken === this.closed;
    setText(this.files, files.length ? filesText(files) : "");
    setText(this.reason, broken);
  }
}
