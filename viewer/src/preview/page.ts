/** Entry point of the page of `twinstage synth preview`: ranges at the left, frames as the dataset will have them at the right. */
import { themeButton } from "../datasets/theme.ts";
import { Server } from "../shell/rest.ts";
import { comeBack, signIn } from "../shell/sign-in.ts";
import { byId, h, setText } from "../ui/dom.ts";
import { save } from "../ui/files.ts";
import { idOf, withChange, without } from "./changes.ts";
import { Frames } from "./frames.ts";
import { RangeCard } from "./range-card.ts";
import type { PreviewFrame, Recipe } from "./types.ts";

/** How long a slider has to rest before the server is asked, and before frames are made [ms]. */
const [ASK_MS, DRAW_MS] = [150, 700];

comeBack();
const base = new URL(".", window.location.href).href;
const rest = new Server(base);
rest.onSignedOut = () => void signIn(false);

function query(changes: readonly string[], more: Readonly<Record<string, string | number>> = {}): string {
  const out = new URLSearchParams();
  for (const change of changes) out.append("set", change);
  for (const [name, value] of Object.entries(more)) out.set(name, String(value));
  return out.size ? `?${out}` : "";
}

class Page {
  private changes: string[] = [];
  private readonly cards = new Map<string, RangeCard>();
  private readonly fault = h("p", { class: "datasets-fault", role: "alert" });
  private readonly list = h("div", { class: "preview-list" });
  private readonly facts = h("p", { class: "datasets-count" });
  private readonly said = h("span", { class: "preview-said", role: "status" });
  private readonly auto = h("button", { type: "button", class: "segment", "aria-pressed": "true", title: "Make frames anew when a range changes" }, "Redraw");
  private readonly saving = h("button", { type: "button", class: "button small" }, "Save");
  private readonly frames = new Frames({
    frame: (frame, changes, width, engine) => rest.get<PreviewFrame>(`api/v1/preview/frames/${frame}${query(changes, { width, engine })}`),
    picture: (frame, camera, changes, width, engine) => new URL(`api/v1/preview/frames/${frame}/${camera}.png${query(changes, { width, engine })}`, base).href,
  });
  recipe: Recipe | null = null;
  private timer = 0;
  private drawTimer = 0;
  private turn = 0;

  constructor() {
    this.fault.hidden = true;
    const button = (text: string, title: string, run: () => void): HTMLElement => {
      const made = h("button", { type: "button", class: "button small", title }, text);
      made.addEventListener("click", run);
      return made;
    };
    const bar = h(
      "div",
      { class: "datasets-bar" },
      this.facts,
      h("span", { class: "datasets-space" }),
      this.said,
      this.auto,
      button("Reset all", "The ranges as the recipe has them", () => this.set([], false)),
      button("Copy the command", "The command that makes the dataset with these ranges, with --set", () => this.copy()),
      button("YAML", "The recipe with these ranges, as a file", () => void this.download()),
      this.saving,
    );
    this.auto.addEventListener("click", () => this.auto.setAttribute("aria-pressed", String(this.auto.getAttribute("aria-pressed") !== "true")));
    this.saving.addEventListener("click", () => void this.save());
    const left = h("div", { class: "facets preview-left" }, this.list);
    byId("main").append(h("div", { class: "datasets" }, bar, this.fault, h("div", { class: "datasets-body" }, left, this.frames.element)));
    byId("tools").append(themeButton());
  }

  async start(): Promise<void> {
    await this.ask(true);
  }

  /** Other changes. `wait`: a slider moves. */
  set(changes: readonly string[], wait: boolean): void {
    this.changes = [...changes];
    window.clearTimeout(this.timer);
    this.timer = window.setTimeout(() => void this.ask(false), wait ? ASK_MS : 0);
  }

  private async ask(first: boolean): Promise<void> {
    const turn = ++this.turn;
    const changes = this.changes;
    try {
      const recipe = await rest.get<Recipe>(`api/v1/preview${query(changes)}`);
      if (turn !== this.turn) return;
      this.recipe = recipe;
      this.wrong("", changes);
      if (first) this.build(recipe);
      else for (const range of recipe.randomizers.flatMap(({ ranges }) => ranges)) this.cards.get(range.id)?.show(range);
      this.tell(recipe);
      this.frames.show(recipe, changes, false);
      window.clearTimeout(this.drawTimer);
      if (first || this.auto.getAttribute("aria-pressed") === "true") this.drawTimer = window.setTimeout(() => void this.frames.draw(), first ? 0 : DRAW_MS);
    } catch (error) {
      if (turn === this.turn) this.wrong((error as Error).message, changes);
    }
  }

  private build(recipe: Recipe): void {
    document.title = `${recipe.name} – Twinstage`;
    setText(byId("recipe-name"), recipe.name);
    this.saving.hidden = recipe.out === null;
    this.saving.title = `Write ${recipe.out ?? ""}`;
    const groups = recipe.randomizers.map(({ name, kind, settings, ranges }) => {
      const cards = ranges.map((range) => {
        const card = new RangeCard(range, (change, wait) => this.set(withChange(this.changes, change), wait), (id) => this.set(without(this.changes, id), false));
        this.cards.set(range.id, card);
        return card.element;
      });
      const facts = Object.entries(settings).flatMap(([field, text]) => [h("dt", { title: field }, field), h("dd", {}, text)]);
      const details = h("details", { class: "facet randomizer", "data-randomizer": name }, h("summary", {}, h("span", { class: "facet-name" }, name), h("span", { class: "range-kind" }, kind), h("span", { class: "facet-count" }, String(ranges.length))));
      details.open = ranges.length > 0;
      details.append(...cards, h("dl", { class: "side-facts" }, ...facts));
      return details;
    });
    this.list.replaceChildren(...(groups.length ? groups : [h("p", { class: "side-note" }, "This recipe draws nothing: add randomizers to it.")]));
  }

  private tell(recipe: Recipe): void {
    const changed = recipe.set.length;
    setText(this.facts, `${recipe.frames} frames, seed ${recipe.seed}, ${recipe.resolution.join(" × ")} px, ${recipe.engine}${changed ? `; ${changed} ${changed === 1 ? "range" : "ranges"} changed` : ""}`);
  }

  private wrong(sentence: string, changes: readonly string[]): void {
    this.fault.hidden = sentence === "";
    setText(this.fault, sentence);
    const newest = changes.length ? idOf(changes[changes.length - 1]) : "";
    for (const [id, card] of this.cards) card.fault(id === newest ? sentence : "");
  }

  private say(sentence: string): void {
    setText(this.said, sentence);
    window.setTimeout(() => setText(this.said, ""), 5000);
  }

  private copy(): void {
    const text = this.recipe?.command ?? "";
    navigator.clipboard.writeText(text).then(
      () => this.say("Copied."),
      () => this.wrong(`The browser lets nothing be copied here: ${text}`, []),
    );
  }

  private async download(): Promise<void> {
    try {
      const answer = await fetch(new URL(`api/v1/preview/recipe.yaml${query(this.changes)}`, base), { cache: "no-store" });
      if (!answer.ok) throw new Error(((await answer.json()) as { error?: string }).error ?? "The server gave no recipe.");
      save(this.recipe?.out ?? `changed-${this.recipe?.name ?? "recipe.yaml"}`, new Blob([await answer.text()], { type: "application/yaml" }));
    } catch (error) {
      this.wrong((error as Error).message, []);
    }
  }

  private async save(): Promise<void> {
    try {
      const { file } = await rest.post<{ file: string }>("api/v1/preview/save", { set: this.changes });
      this.say(`${file} is written.`);
    } catch (error) {
      this.wrong((error as Error).message, []);
    }
  }
}

const page = new Page();
void page.start();
// For tests and scripts.
Object.assign(window, { preview: page });
