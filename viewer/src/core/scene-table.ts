/** The scene as rows of words: what it is, where it is, what its values say, how far they can be trusted. Pure. */
import type { Store } from "./store.ts";
import { nameOf } from "./paths.ts";
import type { SceneData } from "../wire/scene-data.ts";

export interface TableRow {
  readonly path: string;
  readonly name: string;
  readonly type: string;
  readonly signal: number;
}

/** A row for each signal of each prim that has some, and one for each other prim of a kind or a class; tree order. */
export function tableRows(scene: SceneData, store: Store): TableRow[] {
  const { path, type, kind, label } = scene.json.nodes;
  const rows: TableRow[] = [];
  for (let prim = 0; prim < scene.primCount; prim++) {
    const bound = (scene.json.bindings[path[prim]] ?? []).flatMap((id) => store.indexOf.get(id) ?? []);
    if (bound.length === 0 && !kind[prim] && label[prim].length === 0) continue;
    const what = label[prim][0] ?? (kind[prim] || type[prim] || "prim");
    const row = { path: path[prim], name: nameOf(path[prim]), type: what };
    if (bound.length === 0) rows.push({ ...row, signal: -1 });
    for (const signal of bound) rows.push({ ...row, signal });
  }
  return rows;
}
