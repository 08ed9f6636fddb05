/** What is known about the selected prim: identity, place, live signals. Without a selection: the scene as a whole. */
import { diagonal, isEmpty } from "../../core/bounds.ts";
import { formatCount, formatNumber } from "../../core/format.ts";
import type { Store } from "../../core/store.ts";
import { nameOf } from "../../core/tree-model.ts";
import type { ObjectJson, SceneData } from "../../wire/scene-data.ts";
import type { StageView } from "../../view/stage-view.ts";
import { h, icon, iconOfType, setText } from "../../ui/dom.ts";
import { SignalList } from "./signal-list.ts";

interface Group {
  readonly title: string;
  readonly note: string;
  readonly signals: number[];
}

export class Inspector {
  readonly root = h("div", { id: "inspector", class: "inspector" });
  private lists: SignalList[] = [];
  private live: (() => void)[] = [];

  /** `entityOf`: id of the entity that a node shows, null = none. */
  constructor(
    private readonly onSelect: (path: string) => void,
    private readonly entityOf: (node: number) => bigint | null,
  ) {}

  /** Shows a node; -1 shows the scene. */
  show(stage: StageView, store: Store, node: number): void {
    this.lists = [];
    this.live = [];
    const parts = node < 0 ? this.overview(stage, store) : this.node(stage, store, node);
    this.root.replaceChildren(...parts);
    this.root.scrollTop = 0;
  }

  /** Brings live values up to date. */
  refresh(nowMs: number): void {
    for (const list of this.lists) list.refresh(nowMs);
    for (const update of this.live) update();
  }

  private overview(stage: StageView, store: Store): HTMLElement[] {
    const { json } = stage.scene;
    const triangles = stage.scene.instances.prototype.reduce((sum, p) => sum + json.prototypes[p].triangles, 0);
    const size = stage.framing;
    const facts = this.facts([
      ["Prims", formatCount(stage.scene.primCount)],
      ["Instances", formatCount(json.instances.count)],
      ["Prototypes", formatCount(json.prototypes.length)],
      ["Triangles", formatCount(triangles)],
      ["Objects", formatCount(json.objects.length)],
      ["Signals", formatCount(json.signals.length)],
      ["Extent", isEmpty(size) ? "–" : dimensions(size.min, size.max)],
    ]);
    return [
      h(
        "div",
        { class: "title" },
        h("h2", {}, json.stage.name || "Scene"),
        h("span", { class: "sub" }, "Nothing selected: click an object or a row of the tree"),
      ),
      facts,
      ...this.signalGroups(store, [{ title: "All signals", note: "", signals: store.signals.map((_, i) => i) }]),
      keys(),
    ];
  }

  private node(stage: StageView, store: Store, node: number): HTMLElement[] {
    const { scene } = stage;
    const prim = scene.primOf(node);
    const { nodes } = scene.json;
    const path = scene.nodePath(node);
    const point = node >= scene.primCount ? scene.json.points.id[node - scene.primCount] : -1;
    const object = this.objectOf(scene, node);
    const rows: [string, string | HTMLElement][] = [["Type", nodes.type[prim] || "none"]];
    if (nodes.kind[prim]) rows.push(["Kind", nodes.kind[prim]]);
    if (object)
      rows.push(
        ["Class", object.class || "none"],
        ["Object", `${object.id}${object.prim === prim ? "" : `, ${nameOf(object.path)}`}`],
      );
    if (point >= 0) rows.push(["Point id", String(point)]);
    if (nodes.purpose[prim] && nodes.purpose[prim] !== "default") rows.push(["Purpose", nodes.purpose[prim]]);
    if (!nodes.visible[prim]) rows.push(["Visible", "no"]);
    if (this.entityOf(node) !== null) rows.push(["Entity", this.entity(node)]);
    rows.push(...this.place(stage, node));
    return [
      h(
        "div",
        { class: "title" },
        h("div", { class: "title-line" }, icon(iconOfType(nodes.type[prim])), h("h2", {}, nameOf(path))),
        this.breadcrumbs(path),
      ),
      this.facts(rows),
      ...this.signalGroups(store, this.groups(scene, store, prim)),
    ];
  }

  private entity(node: number): HTMLElement {
    const text = h("span", { class: "mono" });
    this.live.push(() => setText(text, String(this.entityOf(node) ?? "none")));
    return text;
  }

  /** Position, heading and size, kept up to date. */
  private place(stage: StageView, node: number): [string, string | HTMLElement][] {
    const position = h("span", { class: "mono" });
    const heading = h("span", { class: "mono" });
    const at = node * 16;
    this.live.push(() => {
      const { world } = stage.model;
      setText(position, `${metres(world[at + 3])}  ${metres(world[at + 7])}  ${metres(world[at + 11])} m`);
      setText(heading, `${formatNumber((Math.atan2(world[at + 4], world[at]) * 180) / Math.PI)}°`);
    });
    const box = stage.boxUnder(node);
    const size: [string, string][] =
      isEmpty(box) || diagonal(box) === 0 ? [] : [["Size", dimensions(box.min, box.max)]];
    return [["Position", position], ["Heading", heading], ...size];
  }

  /** The labelled object that a node is or belongs to. */
  private objectOf(scene: SceneData, node: number): ObjectJson | null {
    const { objects, nodes, points } = scene.json;
    const prim = scene.primOf(node);
    const point = node >= scene.primCount ? points.id[node - scene.primCount] : -1;
    const own = objects.find((object) => object.prim === prim && object.point === point);
    if (own || point >= 0) return own ?? null;
    const byPrim = new Map(objects.filter((object) => object.point < 0).map((object) => [object.prim, object]));
    for (let p = nodes.parent[prim]; p >= 0; p = nodes.parent[p]) if (byPrim.has(p)) return byPrim.get(p) ?? null;
    return null;
  }

  private breadcrumbs(path: string): HTMLElement {
    const parts = path.split("/").slice(1);
    const line = h("nav", { class: "crumbs", "aria-label": "Path" });
    parts.forEach((part, i) => {
      const button = h("button", { type: "button", class: "crumb" }, part);
      button.addEventListener("click", () => this.onSelect(`/${parts.slice(0, i + 1).join("/")}`));
      line.append(h("span", { class: "slash", "aria-hidden": "true" }, "/"), button);
    });
    return line;
  }

  private facts(rows: [string, string | HTMLElement][]): HTMLElement {
    return h("dl", { class: "facts" }, ...rows.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
  }

  /** Signals bound to the prim, else to the nearest ancestor that has some, and those bound below. */
  private groups(scene: SceneData, store: Store, prim: number): Group[] {
    const { bindings, nodes } = scene.json;
    const indices = (path: string): number[] =>
      (bindings[path] ?? []).map((id) => store.indexOf.get(id) ?? -1).filter((i) => i >= 0);
    const groups: Group[] = [];
    for (let p = prim; p >= 0; p = nodes.parent[p]) {
      const signals = indices(nodes.path[p]);
      if (signals.length === 0) continue;
      groups.push({ title: "Signals", note: p === prim ? "" : `of ${nameOf(nodes.path[p])}`, signals });
      break;
    }
    const prefix = `${nodes.path[prim]}/`;
    const below = new Set(
      Object.keys(bindings)
        .filter((path) => path.startsWith(prefix))
        .flatMap(indices),
    );
    for (const known of groups.flatMap((group) => group.signals)) below.delete(known);
    if (below.size > 0) groups.push({ title: "Signals below", note: "", signals: [...below].sort((a, b) => a - b) });
    return groups;
  }

  private signalGroups(store: Store, groups: Group[]): HTMLElement[] {
    return groups
      .filter((group) => group.signals.length > 0)
      .map((group) => {
        const list = new SignalList(store, group.signals);
        this.lists.push(list);
        return h(
          "section",
          { class: "group", "aria-label": group.title },
          h(
            "div",
            { class: "section-head" },
            h("h3", {}, group.title, group.note ? h("span", { class: "note" }, ` ${group.note}`) : null),
            h("span", { class: "count" }, String(group.signals.length)),
          ),
          list.element,
        );
      });
  }
}

function metres(value: number): string {
  return value.toFixed(3).replace("-", "−");
}

function dimensions(min: readonly number[], max: readonly number[]): string {
  return `${[0, 1, 2].map((c) => formatNumber(max[c] - min[c])).join(" × ")} m`;
}

function keys(): HTMLElement {
  const rows = [
    ["H", "home"],
    ["F", "frame selection"],
    ["1–9", "cameras"],
    ["0", "free view"],
    ["G", "grid"],
    ["/", "search"],
    ["Esc", "clear selection"],
  ];
  return h("div", { class: "keys" }, ...rows.map(([key, what]) => h("span", {}, h("kbd", {}, key), what)));
}
