/** The tree as rows, its search and what this viewer hides; no DOM. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Appearance } from "../src/core/appearance.ts";
import { nameOf } from "../src/core/paths.ts";
import { acceptor, choicesOf, NO_QUERY, searchTexts, type LiveFacts, type PrimQuery } from "../src/core/prim-filter.ts";
import { SceneTree, type Rows } from "../src/core/scene-tree.ts";
import { asideOf, shownNodes } from "../src/core/shown.ts";

/**
 * 0 /A           4 /A/Parcels          6, 7, 8: points of Parcels
 * 1 /A/Arm       5 /A/Parcels/Proto
 * 2 /A/Arm/Link
 * 3 /A/Box
 */
const PARENT = Int32Array.from([-1, 0, 1, 0, 0, 4, 4, 4, 4]);
const COLUMNS = {
  path: ["/A", "/A/Arm", "/A/Arm/Link", "/A/Box", "/A/Parcels", "/A/Parcels/Proto"],
  type: ["Xform", "Xform", "Mesh", "Cube", "PointInstancer", "Mesh"],
  kind: ["assembly", "component", "", "component", "", ""],
  label: [[], ["robot"], [], ["tote", "blue"], [], []],
};
const QUIET: LiveFacts = {
  hasSignals: () => false,
  isDoubtful: () => false,
  inAlarm: () => false,
  isHidden: () => false,
};

const nodes = (rows: Rows): number[] => Array.from({ length: rows.length }, (_, k) => rows.at(k).node);
const tree = (): SceneTree => new SceneTree(PARENT, 6);
const asks = (query: Partial<PrimQuery>, live: Partial<LiveFacts> = {}): number[] => {
  const accepts = acceptor({ ...NO_QUERY, ...query }, COLUMNS, searchTexts(COLUMNS), { ...QUIET, ...live });
  return [0, 1, 2, 3, 4, 5].filter((prim) => accepts === null || accepts(prim));
};

test("rows in order, with level, place among siblings and whether they open", () => {
  const t = tree();
  assert.deepEqual(nodes(t.rows()), [0, 1, 2, 3, 4, 5, 6, 7, 8]);
  t.setOpen(4, false);
  t.setOpen(1, false);
  const rows = t.rows();
  assert.deepEqual(nodes(rows), [0, 1, 3, 4]);
  assert.deepEqual(rows.at(3), { node: 4, level: 2, expandable: true, expanded: false, position: 3, siblings: 3 });
  assert.deepEqual(rows.at(2), { node: 3, level: 2, expandable: false, expanded: false, position: 2, siblings: 3 });
});

test("what is revealed has all above it open; other roots stay in their places", () => {
  /* 0 /Cell, 1 /Cell/Arm, 2 and 3 its links, 4 /Cell/Tank, 5 /Looks */
  const t = new SceneTree(Int32Array.from([-1, 0, 1, 1, 0, -1]), 6);
  t.collapseAll();
  t.setOpen(0, false);
  assert.deepEqual(nodes(t.rows()), [0, 5]);
  t.reveal(3);
  assert.deepEqual(nodes(t.rows()), [0, 1, 2, 3, 4, 5]);
  assert.deepEqual(t.rows().at(1), { node: 1, level: 2, expandable: true, expanded: true, position: 1, siblings: 2 });
  assert.equal(nameOf("/Cell/Arm"), "Arm");
});

test("points are rows below their instancer, counted on from its prims", () => {
  const t = tree();
  const rows = t.rows();
  assert.deepEqual(rows.at(7), { node: 7, level: 3, expandable: false, expanded: false, position: 3, siblings: 4 });
  assert.equal(rows.indexOf(8), 8);
  t.setOpen(4, false);
  assert.equal(t.rows().indexOf(8), -1);
  t.reveal(8);
  assert.equal(t.rows().indexOf(8), 8);
});

test("a million points are one run: rows are made and found in a few ms", () => {
  const points = 1_000_000;
  const parent = new Int32Array(2 + points).fill(1);
  parent[0] = -1;
  parent[1] = 0;
  const t = new SceneTree(parent, 2);
  t.setOpen(0, true);
  t.setOpen(1, true);
  const begin = performance.now();
  const rows = t.rows();
  assert.equal(rows.length, points + 2);
  assert.equal(rows.at(777_777).node, 777_777);
  assert.equal(rows.indexOf(999_999), 999_999);
  assert.ok(performance.now() - begin < 50, `${performance.now() - begin} ms`);
});

test("points that are not numbered in a row are found, too", () => {
  // Points of two instancers in turns.
  const t = new SceneTree(Int32Array.from([-1, 0, 0, 1, 2, 1, 2]), 3);
  for (const prim of [0, 1, 2]) t.setOpen(prim, true);
  const rows = t.rows();
  assert.deepEqual(nodes(rows), [0, 1, 3, 5, 2, 4, 6]);
  for (let k = 0; k < 7; k++) assert.equal(rows.indexOf(nodes(rows)[k]), k);
});

test("a search shows what is found and what is above it, and what is closed by hand stays closed", () => {
  const t = tree();
  t.collapseAll();
  t.filter((prim) => prim === 2);
  assert.deepEqual(nodes(t.rows()), [0, 1, 2]);
  assert.deepEqual([t.matches, t.found(2), t.found(1)], [1, true, false]);
  t.setOpen(1, false);
  assert.deepEqual(nodes(t.rows()), [0, 1]);
  t.filter(null);
  assert.deepEqual(nodes(t.rows()), [0]);
});

test("a found instancer opens to its points, one that is merely above does not", () => {
  const t = tree();
  t.collapseAll();
  t.filter((prim) => prim === 4);
  assert.deepEqual(nodes(t.rows()), [0, 4]);
  t.setOpen(4, true);
  assert.deepEqual(nodes(t.rows()), [0, 4, 6, 7, 8]);
  t.filter((prim) => prim === 5);
  assert.deepEqual(nodes(t.rows()), [0, 4, 5]);
});

test("expand all leaves instancers of points alone closed", () => {
  const parent = Int32Array.from([-1, 0, 0, 2, 1]);
  const t = new SceneTree(parent, 3);
  t.collapseAll();
  t.expandAll();
  assert.deepEqual(nodes(t.rows()), [0, 1, 2]);
});

test("words go together, and fields can be named", () => {
  assert.deepEqual(asks({}), [0, 1, 2, 3, 4, 5]);
  assert.deepEqual(asks({ text: "  ARM mesh" }), [2]);
  assert.deepEqual(asks({ text: "type:mesh" }), [2, 5]);
  assert.deepEqual(asks({ text: "class:tote" }), [3]);
  assert.deepEqual(asks({ text: "kind:component a" }), [1, 3]);
});

test("filters narrow what is searched", () => {
  assert.deepEqual(asks({ type: "Mesh" }), [2, 5]);
  assert.deepEqual(asks({ kind: "component", label: "robot" }), [1]);
  assert.deepEqual(asks({ toggles: new Set(["signals"]) }, { hasSignals: (prim) => prim === 1 }), [1]);
  assert.deepEqual(
    asks({ text: "mesh", toggles: new Set(["doubtful", "alarm"]) }, { isDoubtful: () => true, inAlarm: (p) => p > 3 }),
    [5],
  );
});

test("choices of a filter come with their numbers, the most frequent first", () => {
  assert.deepEqual(choicesOf(["Mesh", "Cube", "", "Mesh"]), [
    ["Mesh", 2],
    ["Cube", 1],
  ]);
});

const shows = (hidden: string[], isolated: string | null): number[] => {
  const at = (path: string): number => COLUMNS.path.indexOf(path.replace(/\[\d+\]$/, "")) + (path.endsWith("]") ? 2 : 0);
  const appearance = new Appearance(PARENT);
  appearance.setAside(asideOf(shownNodes(new Set(hidden), isolated, at), PARENT));
  assert.ok(appearance.update());
  // Only what looks different is drawn anew.
  const all = asideOf(shownNodes(new Set(hidden), isolated, at), PARENT);
  const aside = [...PARENT.keys()].filter((node) => all && (all.hidden[node] || all.outside[node]));
  assert.deepEqual(appearance.changed, aside);
  // Points draw the prototype's prim.
  return [1, 2, 3, 6, 7].filter((node) => appearance.shows(node, node < 6 ? node : 5));
};

test("what this viewer hides goes down the tree; what is isolated is shown alone", () => {
  assert.deepEqual(shows([], null), [1, 2, 3, 6, 7]);
  assert.deepEqual(shows(["/A/Arm"], null), [3, 6, 7]);
  assert.deepEqual(shows([], "/A/Arm"), [1, 2]);
  assert.deepEqual(shows(["/A/Arm/Link"], "/A/Arm"), [1]);
  assert.deepEqual(shows(["/A/Parcels/Proto"], null), [1, 2, 3]);
  assert.deepEqual(shows([], "/A/Parcels[0]"), [6], "a point alone");
  assert.deepEqual(shows([], "/A/Parcels/Proto"), [6, 7], "all that shows this prototype");
  assert.deepEqual(shows(["/Gone"], null), [1, 2, 3, 6, 7], "a path of another scene hides nothing");
});
