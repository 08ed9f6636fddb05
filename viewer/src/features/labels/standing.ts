/**
 * What the labels of one taxonomy make of each object, by the rules of docs/labels.md: one class, none, or several that could
 * each be it. Pure.
 */
import type { LabelLevel, SceneData } from "../../wire/scene-data.ts";

export const UNLABELLED = "unlabelled";
export const AMBIGUOUS = "ambiguous";
export type State = "labelled" | typeof UNLABELLED | typeof AMBIGUOUS;

export interface Standing {
  readonly state: State;
  /** The class; empty where none is decided, or several are open. */
  readonly name: string;
  /** Labels of which each could decide. */
  readonly rivals: readonly string[];
}

const NONE: Standing = { state: UNLABELLED, name: "", rivals: [] };

/** The nearest level that has labels decides; several on it are ambiguous. */
export function standingOf(levels: readonly LabelLevel[], taxonomy: string): Standing {
  for (const level of levels) {
    const labels = [...new Set(level[taxonomy] ?? [])].filter(Boolean);
    if (labels.length === 1) return { state: "labelled", name: labels[0], rivals: [] };
    if (labels.length > 1) return { state: AMBIGUOUS, name: "", rivals: labels };
  }
  return NONE;
}

/** All distinct standings, and which one each object and each node has. */
export interface Standings {
  readonly rows: readonly Standing[];
  /** Row of each object. */
  readonly ofObject: Int32Array;
  /** Row of each node that draws something; -1 for others. */
  readonly ofNode: Int32Array;
  /** Prim of each object. */
  readonly primOf: Int32Array;
  /** Objects by row. */
  readonly objects: Int32Array;
}

export function standings(scene: SceneData, taxonomy: string): Standings {
  const { objects, instances } = scene.json;
  const rows: Standing[] = [];
  const known = new Map<string, number>();
  // Objects of one set share their levels, so most are found by identity.
  const same = new Map<unknown, number>();
  const ofObject = new Int32Array(objects.length);
  const primOf = new Int32Array(objects.length);
  let k = 0;
  for (const { levels, labels, prim } of objects) {
    const key = levels ?? labels;
    let row = same.get(key);
    if (row === undefined) {
      const standing = standingOf(levels ?? [{ class: labels }], taxonomy);
      const text = JSON.stringify(standing);
      row = known.get(text) ?? rows.push(standing) - 1;
      known.set(text, row);
      same.set(key, row);
    }
    primOf[k] = prim;
    ofObject[k++] = row;
  }
  const ofNode = new Int32Array(scene.nodeCount).fill(-1);
  for (let i = 0; i < instances.count; i++) if (instances.object[i] >= 0) ofNode[instances.node[i]] = ofObject[instances.object[i]];
  const count = new Int32Array(rows.length);
  for (const row of ofObject) count[row]++;
  return { rows, ofObject, ofNode, primOf, objects: count };
}

/** All taxonomies that an object has a label of; `class` first, where it is there or none is. */
export function taxonomiesOf(scene: SceneData): string[] {
  const found = new Set<string>();
  const seen = new Set<unknown>();
  for (const { levels, labels } of scene.json.objects) {
    const key = levels ?? labels;
    if (seen.has(key)) continue;
    seen.add(key);
    if (!levels && labels.length) found.add("class");
    for (const level of levels ?? []) for (const name of Object.keys(level)) found.add(name);
  }
  found.delete("class");
  return ["class", ...[...found].sort()];
}

/** Names of the classes, in alphabetical order. */
export function classesOf(rows: readonly Standing[]): string[] {
  return [...new Set(rows.filter(({ state }) => state === "labelled").map(({ name }) => name))].sort();
}
