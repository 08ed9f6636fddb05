/** Which prims are to be labelled: outside of native instances, alike ones together, by pattern. Pure. */
import type { SceneData } from "../../wire/scene-data.ts";

/** The prim that is labelled in place of one inside a native instance: the instance; itself where it is in none. */
export function targetOf(scene: SceneData, prim: number): number {
  const { proxy, parent } = scene.json.nodes;
  let at = prim;
  while (at >= 0 && proxy?.[at]) at = parent[at];
  return at;
}

/** Of an object: for a lone shape that is no object by label or kind, the Xform that holds nothing else. */
export function objectTarget(scene: SceneData, prim: number, below: Int32Array): number {
  const { nodes } = scene.json;
  let row = targetOf(scene, prim);
  for (let up = nodes.parent[row]; up >= 0; up = nodes.parent[up]) {
    const isObject = nodes.label[row].length > 0 || isComponent(nodes.kind[row]);
    if (isObject || nodes.parent[up] < 0 || nodes.type[up] !== "Xform" || below[up] !== below[row]) break;
    row = up;
  }
  return row;
}

function isComponent(kind: string): boolean {
  return kind === "component";
}

/** How many shapes are drawn at or below each prim. */
export function drawnBelow(scene: SceneData): Int32Array {
  const { nodes } = scene.json;
  const out = new Int32Array(nodes.count);
  const { prim, count } = scene.instances;
  for (let k = 0; k < count; k++) out[prim[k]] = 1;
  for (let i = nodes.count - 1; i >= 0; i--) if (nodes.parent[i] >= 0) out[nodes.parent[i]] += out[i];
  return out;
}

export interface Group {
  /** A path, or a pattern for several that are alike but for a number. */
  readonly name: string;
  readonly paths: readonly string[];
  readonly pixels: number;
}

/** Paths with their pixels, those that share parent and name but for a number together; the most pixels first. */
export function grouped(pixels: ReadonlyMap<string, number>): Group[] {
  const groups = new Map<string, string[]>();
  for (const path of [...pixels.keys()].sort()) {
    const stem = path.replace(/[_\d]+$/, "");
    const key = stem.endsWith("/") ? path : stem;
    groups.set(key, [...(groups.get(key) ?? []), path]);
  }
  return [...groups.values()]
    .map((paths) => ({ name: patternOf(paths), paths, pixels: paths.reduce((sum, path) => sum + (pixels.get(path) ?? 0), 0) }))
    .sort((a, b) => b.pixels - a.pixels || (a.name < b.name ? -1 : 1));
}

/** `/World/Rack_*` of Rack_1 and Rack_12; `paths` are sorted. */
function patternOf(paths: readonly string[]): string {
  const [first, last] = [paths[0], paths[paths.length - 1]];
  if (paths.length === 1) return first;
  let same = 0;
  while (same < first.length && first[same] === last[same]) same++;
  return `${first.slice(0, same).replace(/\d+$/, "")}*`;
}

/** A label made from a prim's name: lower case, words joined by underscores. */
export function suggestedLabel(path: string): string {
  const name = path.slice(path.lastIndexOf("/") + 1);
  const stem = name.replace(/[_\d]+$/, "") || name;
  const words = stem.match(/[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+/g);
  return (words ?? [stem]).map((word) => word.toLowerCase()).join("_");
}

/** As in `twinstage assets label`: `*` and `?` stay within one name, `**` spans any number of names. */
export function patternRegex(pattern: string): RegExp {
  const out = [...pattern.matchAll(/\/\*\*(?=\/|$)|\*|\?|[^*?/]+|\//g)].map(([token]) => {
    if (token === "/**") return "(?:/[^/]+)*";
    if (token === "*") return "[^/]*";
    return token === "?" ? "[^/]" : token.replace(/[.+^${}()|[\]\\-]/g, "\\$&");
  });
  return new RegExp(`^${out.join("")}$`);
}

export interface Found {
  readonly paths: readonly string[];
  /** How many more match inside native instances, where a label does not count. */
  readonly inside: number;
}

/** Prims that a path or pattern means. */
export function matching(scene: SceneData, pattern: string): Found {
  const { path, proxy } = scene.json.nodes;
  const regex = patternRegex(pattern.trim().replace(/(.)\/$/, "$1"));
  const hits = path.flatMap((one, row) => (regex.test(one) ? [row] : []));
  const free = hits.filter((row) => !proxy?.[row]);
  return { paths: free.map((row) => path[row]), inside: hits.length - free.length };
}

export const MOST_EDITS = 100;

/** What to ask the twin for: transactions of at most `MOST_EDITS` edits. No label takes the labels away. */
export function labelEdits(paths: readonly string[], taxonomy: string, labels: readonly string[]): { kind: string; edits: object[] }[] {
  const property = `semantics:labels:${taxonomy}`;
  const out = [];
  for (let at = 0; at < paths.length; at += MOST_EDITS)
    out.push({ kind: "transaction", edits: paths.slice(at, at + MOST_EDITS).map((path) => ({ kind: "set", path, property, value: [...labels] })) });
  return out;
}
