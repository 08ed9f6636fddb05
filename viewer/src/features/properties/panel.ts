/** What is known of the selection. The page's own knowledge shows at once; what only the server knows follows. */
import { isEmpty, diagonal } from "../../core/bounds.ts";
import { formatCount } from "../../core/format.ts";
import type { UnitChoice } from "../../core/signal-units.ts";
import { nameOf } from "../../core/paths.ts";
import { deskOf } from "../../edit/desk.ts";
import { h, icon, iconOfType, setText } from "../../ui/dom.ts";
import { COPY, strokeIcon } from "../../ui/stroke-icon.ts";
import type { ObjectJson, SceneData } from "../../wire/scene-data.ts";
import type { Workbench } from "../../workbench.ts";
import { AttributeSection } from "./attributes.ts";
import { type ChartJson, pointsOf, type PrimJson, primAddress, type ValueJson } from "./detail.ts";
import { materialSection, metadataSection, variantSection } from "./looks.ts";
import { dimensions, overview } from "./overview.ts";
import { facts, section } from "./section.ts";
import { SignalRows } from "./signal-section.ts";
import { TransformSection } from "./transform.ts";

/** Signals of which the server is asked for more than the stream tells. */
const MOST_ASKED = 40;
/** The long course of a signal [ms], and how many signals of a group are asked for theirs. */
const LONG_MS = 600_000;
const MOST_CHARTED = 12;

export class PropertiesPanel {
  readonly element = h("div", { class: "inspector" });
  private signals: SignalRows[] = [];
  private transform: TransformSection | null = null;
  private more = h("div", { class: "prop-more" });
  private entity: HTMLElement | null = null;
  private node = -1;
  private turn = 0;
  private long = false;
  detail: PrimJson | null = null;

  constructor(private readonly bench: Workbench) {
    const desk = deskOf(bench);
    let version = desk.version;
    let locked = desk.locked;
    desk.watch(() => {
      if (desk.version === version && desk.locked === locked) return;
      [version, locked] = [desk.version, desk.locked];
      void this.ask();
    });
  }

  private get unit(): UnitChoice {
    return this.bench.state.extra.properties === "si" ? "si" : "contract";
  }

  /** Shows what is selected, or the scene. */
  show(): void {
    const { scene, stage, state } = this.bench;
    if (!scene || !stage) return;
    this.signals = [];
    this.transform = null;
    this.entity = null;
    this.detail = null;
    this.node = state.selected === null ? -1 : scene.nodeAt(state.selected);
    this.more = h("div", { class: "prop-more" });
    if (this.node < 0) {
      const all = this.bench.signals.signals.map((_, i) => i);
      this.element.replaceChildren(...overview(stage), ...this.signalGroup("All signals", "", all));
      void this.askValues(all);
    } else {
      this.element.replaceChildren(...this.own(scene, this.node), this.more);
      void this.ask();
    }
    void this.askHistory();
    this.element.scrollTop = 0;
    this.refresh(this.bench.now());
  }

  refresh(nowMs: number): void {
    for (const rows of this.signals) rows.refresh(nowMs);
    this.transform?.refresh();
    if (this.entity) setText(this.entity, String(this.entityOf(this.node) ?? "none"));
  }

  private select = (path: string): void => this.bench.dispatch({ type: "select", path });

  // --- what the page knows -------------------------------------------------------------------------------------

  private own(scene: SceneData, node: number): HTMLElement[] {
    const prim = scene.primOf(node);
    const path = scene.nodePath(node);
    const parts = [this.title(scene, node, path)];
    const groups = this.signalsOf(scene, prim);
    const isPoint = node >= scene.primCount;
    if (groups.own.length > 0) parts.push(...this.signalGroup("Signals", groups.from, groups.own));
    this.transform = new TransformSection(this.bench, node, path);
    if (isPoint) this.transform.setLocked("A point of an instancer is moved by telemetry or its file, not by hand.", false);
    parts.push(this.transform.element, this.identity(scene, node, prim));
    if (groups.below.length > 0) parts.push(...this.signalGroup("Signals below", "", groups.below));
    return parts;
  }

  private title(scene: SceneData, node: number, path: string): HTMLElement {
    const { nodes } = scene.json;
    const type = node < scene.primCount ? nodes.type[node] : "Point";
    const copy = h("button", { type: "button", class: "tree-tool", title: "Copy the path", "aria-label": "Copy the path" });
    copy.append(strokeIcon(COPY));
    copy.addEventListener("click", () => void this.copy(path, "the path"));
    const values = h("button", { type: "button", class: "text-button", title: "Copy everything shown here as JSON" }, "Copy values");
    values.addEventListener("click", () => void this.copy(JSON.stringify(this.asJson(path), null, 2), "the values"));
    return h(
      "div",
      { class: "title" },
      h("div", { class: "title-line" }, icon(iconOfType(type)), h("h2", {}, nameOf(path)), h("span", { class: "spacer" }), values, copy),
      this.breadcrumbs(path),
    );
  }

  private breadcrumbs(path: string): HTMLElement {
    const parts = path.split("/").slice(1);
    const line = h("nav", { class: "crumbs", "aria-label": "Path" });
    parts.forEach((part, i) => {
      const whole = `/${parts.slice(0, i + 1).join("/")}`;
      const button = h("button", { type: "button", class: "crumb", title: whole }, part);
      if (i === parts.length - 1) button.setAttribute("aria-current", "true");
      button.addEventListener("click", () => this.select(whole));
      line.append(h("span", { class: "crumb-part" }, h("span", { class: "slash", "aria-hidden": "true" }, "/"), button));
    });
    return line;
  }

  private identity(scene: SceneData, node: number, prim: number): HTMLElement {
    const { nodes, points } = scene.json;
    const point = node >= scene.primCount ? points.id[node - scene.primCount] : -1;
    const object = objectOf(scene, node);
    const rows: [string, string | Node][] = [["Type", nodes.type[prim] || "none"]];
    if (nodes.kind[prim]) rows.push(["Kind", nodes.kind[prim]]);
    if (nodes.label[prim].length > 0) rows.push(["Labels", nodes.label[prim].join(", ")]);
    if (object)
      rows.push(
        ["Class", object.class || "none"],
        ["Object", `${object.id}${object.prim === prim ? "" : `, ${nameOf(object.path)}`}`],
      );
    if (point >= 0) rows.push(["Point id", String(point)]);
    rows.push(["Purpose", nodes.purpose[prim] || "default"]);
    if (!nodes.visible[prim]) rows.push(["Visible", "no, as designed"]);
    if (this.entityOf(node) !== null) rows.push(["Entity", (this.entity = h("span", { class: "mono" }))]);
    const box = this.bench.stage?.boxUnder(node);
    if (box && !isEmpty(box) && diagonal(box) > 0) rows.push(["Size", dimensions(box.min, box.max)]);
    const part = section("Identity");
    part.body.append(facts(rows));
    return part.element;
  }

  private entityOf(node: number): bigint | null {
    const { shown, entity } = this.bench.link.session.mirror;
    return shown[node] && entity[node] >= 0n ? entity[node] : null;
  }

  // --- signals -------------------------------------------------------------------------------------------------

  /** Those of the prim, else of the nearest one above that has some; and those below it. */
  private signalsOf(scene: SceneData, prim: number): { own: number[]; from: string; below: number[] } {
    const { bindings, nodes } = scene.json;
    const indices = (path: string): number[] =>
      (bindings[path] ?? []).map((id) => this.bench.signals.indexOf.get(id) ?? -1).filter((i) => i >= 0);
    let own: number[] = [];
    let from = "";
    for (let p = prim; p >= 0 && own.length === 0; p = nodes.parent[p]) {
      own = indices(nodes.path[p]);
      from = p === prim ? "" : `of ${nameOf(nodes.path[p])}`;
    }
    const prefix = `${nodes.path[prim]}/`;
    const below = new Set(Object.keys(bindings).filter((path) => path.startsWith(prefix)).flatMap(indices));
    for (const known of own) below.delete(known);
    return { own, from, below: [...below].sort((a, b) => a - b) };
  }

  private signalGroup(title: string, note: string, signals: readonly number[]): HTMLElement[] {
    if (signals.length === 0) return [];
    const rows = new SignalRows(this.bench.signals, signals, () => this.unit, () => (this.long ? LONG_MS : null));
    this.signals.push(rows);
    const part = section(title, this.spanButton(), this.unitButtons());
    part.note(note || String(signals.length));
    part.body.append(rows.element);
    return [part.element];
  }

  /** How far back the courses go: 20 s as seen here, or 10 min with what the history has. */
  private spanButton(): HTMLElement {
    const button = h(
      "button",
      { type: "button", "data-span": "", "aria-pressed": String(this.long), title: "Show the last 10 minutes, from the twin's history" },
      "10 min",
    );
    button.addEventListener("click", () => {
      this.long = !this.long;
      for (const one of this.element.querySelectorAll("[data-span]")) one.setAttribute("aria-pressed", String(this.long));
      void this.askHistory();
    });
    return h("div", { class: "segments" }, button);
  }

  private async askHistory(): Promise<void> {
    if (!this.long) return;
    const now = this.bench.now();
    if (!Number.isFinite(now)) return;
    const [from, to] = [now - LONG_MS, now].map((ms) => new Date(ms).toISOString());
    for (const rows of this.signals)
      for (const i of rows.signals.slice(0, MOST_CHARTED)) {
        try {
          const signal = this.bench.signals.signals[i].id;
          const chart = await this.bench.rest.get<ChartJson>("api/v1/history/chart", { signal, from, to, buckets: 120 });
          rows.remember(i, pointsOf(chart));
        } catch {
          return; // a twin without a history: the course begins with this page
        }
      }
  }

  private unitButtons(): HTMLElement {
    const group = h("div", { class: "segments", role: "group", "aria-label": "Units" });
    const draw = (): void =>
      group.childNodes.forEach((one) => (one as HTMLElement).setAttribute("aria-pressed", String((one as HTMLElement).dataset.unit === this.unit)));
    for (const [value, title, hint] of [
      ["contract", "Contract", "Units as the contract has them"],
      ["si", "SI", "Metres, radians, kelvin"],
    ]) {
      const button = h("button", { type: "button", "data-unit": value, title: hint }, title);
      button.addEventListener("click", () => {
        this.bench.dispatch({ type: "extra", feature: "properties", value });
        for (const other of this.element.querySelectorAll<HTMLElement>("[data-unit]"))
          other.setAttribute("aria-pressed", String(other.dataset.unit === value));
        this.refresh(this.bench.now());
      });
      group.append(button);
    }
    draw();
    return group;
  }

  private async askValues(signals: readonly number[]): Promise<void> {
    const { turn } = this;
    if (!signals.slice(0, MOST_ASKED).some((i) => this.bench.signals.signals[i])) return;
    try {
      const { values } = await this.bench.rest.get<{ values: ValueJson[] }>("api/v1/values", { limit: 1000 });
      if (turn === this.turn) for (const rows of this.signals) rows.tell(values);
    } catch {
      // A recording in the page, or a twin that is away: the stream's own facts are shown.
    }
  }

  // --- what the server knows -----------------------------------------------------------------------------------

  /** Asks again, for what edits have changed. */
  private async ask(): Promise<void> {
    const turn = ++this.turn;
    const { scene } = this.bench;
    if (this.node < 0 || !scene) return;
    const path = scene.json.nodes.path[scene.primOf(this.node)];
    this.more.setAttribute("aria-busy", "true");
    try {
      const detail = await this.bench.rest.get<PrimJson>(primAddress(path));
      if (turn === this.turn) this.tell(detail);
    } catch (error) {
      if (turn !== this.turn) return;
      this.more.replaceChildren(h("p", { class: "prop-why" }, error instanceof Error ? error.message : String(error)));
    }
    if (turn === this.turn) this.more.removeAttribute("aria-busy");
  }

  private tell(detail: PrimJson): void {
    const { bench } = this;
    this.detail = detail;
    for (const rows of this.signals) rows.tell(detail.values);
    void this.askValues([0]);
    const isPoint = this.node >= (bench.scene?.primCount ?? 0);
    if (!isPoint) this.transform?.setLocked(detail.poseLocked, detail.attributes.some(({ name }) => name === "xformOp:transform:ui"));
    // What is being typed is not taken away.
    if (this.more.querySelector(".attr-field")) return;
    const parts: HTMLElement[] = [];
    if (detail.variantSets.length > 0) parts.push(variantSection(bench, detail));
    if (detail.material) parts.push(materialSection(bench, detail.material, this.select));
    if (detail.attributes.length > 0) parts.push(new AttributeSection(bench, detail.path, detail.attributes).element);
    if (detail.metadata.length > 0) parts.push(metadataSection(detail));
    const counts = [detail.childCount ? `${formatCount(detail.childCount)} children` : "", detail.points ? `${formatCount(detail.points)} points` : ""];
    if (counts.some(Boolean)) parts.push(h("p", { class: "more" }, counts.filter(Boolean).join(", ")));
    this.more.replaceChildren(...parts);
  }

  // --- copying -------------------------------------------------------------------------------------------------

  /** Everything shown, for other programs. */
  asJson(path: string): Record<string, unknown> {
    const { signals } = this.bench;
    const values: Record<string, unknown> = {};
    const { scene } = this.bench;
    if (scene && this.node >= 0) {
      const { own, below } = this.signalsOf(scene, scene.primOf(this.node));
      for (const i of [...own, ...below])
        values[signals.signals[i].id] = {
          value: signals.text[i] ?? (Number.isFinite(signals.value[i]) ? signals.value[i] : null),
          unit: signals.signals[i].unit,
          eventTime: signals.seen[i] ? new Date(signals.eventMs[i]).toISOString() : null,
        };
    }
    const { detail } = this;
    return {
      path,
      type: detail?.type ?? null,
      local: detail?.local ?? null,
      world: detail?.world ?? null,
      attributes: Object.fromEntries((detail?.attributes ?? []).map(({ name, live }) => [name, live])),
      signals: values,
    };
  }

  private async copy(text: string, what: string): Promise<void> {
    try {
      await navigator.clipboard.writeText(text);
      this.bench.notice("info", `Copied ${what}.`);
    } catch {
      this.bench.notice("warning", "The browser does not allow this page to copy.");
    }
  }
}

/** The labelled object that a node is or belongs to. */
function objectOf(scene: SceneData, node: number): ObjectJson | null {
  const { objects, nodes, points } = scene.json;
  const prim = scene.primOf(node);
  const point = node >= scene.primCount ? points.id[node - scene.primCount] : -1;
  const own = objects.find((object) => object.prim === prim && object.point === point);
  if (own || point >= 0) return own ?? null;
  const byPrim = new Map(objects.filter((object) => object.point < 0).map((object) => [object.prim, object]));
  for (let p = nodes.parent[prim]; p >= 0; p = nodes.parent[p]) if (byPrim.has(p)) return byPrim.get(p) ?? null;
  return null;
}
