/** The shell's plain parts: state, keys, address, search, layouts, what the page says of itself. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { readAddress, writeAddress } from "../src/core/address.ts";
import { formatBytes, Growth } from "../src/core/bytes.ts";
import { Hooks } from "../src/core/hooks.ts";
import { actsWhileTyping, chordOf, labelsOf } from "../src/core/keys.ts";
import { fromFile, layoutOf, placesFrom, toFile, withLayout } from "../src/core/layouts.ts";
import { bannerOf, cardOf, type Seen } from "../src/core/page-state.ts";
import { best, rank } from "../src/core/rank.ts";
import { LARGEST, reduce, START } from "../src/core/ui-state.ts";
import { UiStore } from "../src/core/ui-store.ts";

const pressed = (key: string, held = ""): string =>
  chordOf({
    key,
    ctrlKey: held.includes("c"),
    metaKey: held.includes("m"),
    altKey: held.includes("a"),
    shiftKey: held.includes("s"),
  });

test("a panel is moved to another side, is open there, and the layout keeps that", () => {
  const moved = reduce({ ...START, open: { left: "tree", right: null, bottom: "charts" } }, { type: "move", panel: "charts", from: "bottom", to: "right" });
  assert.deepEqual(moved.open, { left: "tree", right: "charts", bottom: null });
  assert.deepEqual(moved.places, { charts: "right" });
  assert.equal(reduce(moved, { type: "move", panel: "charts", from: "right", to: "right" }), moved);
  const [kept] = fromFile(toFile([layoutOf("a", null, moved)]));
  assert.deepEqual(kept.places, { charts: "right" });
  assert.deepEqual(placesFrom({ charts: "top", tree: "left", x: 3 }), { tree: "left" });
});

test("the reducer gives the same object where nothing changes, and bounds sizes", () => {
  assert.equal(reduce(START, { type: "select", path: null }), START);
  assert.equal(reduce(START, { type: "open", side: "left", panel: "tree" }), START);
  assert.equal(reduce(START, { type: "resize", side: "left", size: 1e9 }).sizes.left, LARGEST);
  const hidden = reduce(START, { type: "hide", path: "/A", hidden: true });
  assert.deepEqual([...hidden.hidden], ["/A"]);
  assert.equal(START.hidden.size, 0);
  assert.equal(reduce(hidden, { type: "showAll" }).hidden.size, 0);
});

test("who watches a part is told of that part alone", () => {
  const store = new UiStore();
  const paths: (string | null)[] = [];
  const undo = store.watch((state) => state.selected, (path) => paths.push(path));
  store.dispatch({ type: "theme", theme: "light" });
  store.dispatch({ type: "select", path: "/A" });
  store.dispatch({ type: "select", path: "/A" });
  undo();
  store.dispatch({ type: "select", path: "/B" });
  assert.deepEqual(paths, [null, "/A"]);
});

test("a watcher that changes the state again is heard by all", () => {
  const store = new UiStore();
  store.watch((state) => state.open.left, (open) => {
    if (open !== null) store.dispatch({ type: "open", side: "right", panel: null });
  });
  const rights: (string | null)[] = [];
  store.watch((state) => state.open.right, (open) => rights.push(open));
  store.dispatch({ type: "open", side: "right", panel: "x" });
  store.dispatch({ type: "open", side: "left", panel: "other" });
  assert.deepEqual(rights, [null, "x", null]);
});

test("keys are named as they are printed", () => {
  assert.equal(pressed("f"), "F");
  assert.equal(pressed("F", "s"), "Shift+F");
  assert.equal(pressed("?", "s"), "?");
  assert.equal(pressed("k", "m"), "Ctrl+K");
  assert.equal(pressed("ArrowLeft", "s"), "Shift+ArrowLeft");
  assert.equal(pressed(" "), "Space");
  assert.equal(pressed("é"), "É");
  assert.deepEqual(labelsOf("Ctrl++"), ["Ctrl", "+"]);
  assert.deepEqual(labelsOf("Shift+ArrowUp"), ["Shift", "↑"]);
  assert.ok(actsWhileTyping("Ctrl+K") && actsWhileTyping("F6") && !actsWhileTyping("Shift+S") && !actsWhileTyping("F"));
});

test("addresses come back as they were, and stay readable", () => {
  const parts: [string, string][] = [["selected", "/Zelle/Förderer & Co=1[3]"], ["camera", "1,2;3"]];
  const text = writeAddress(parts);
  assert.match(text, /^selected=\/Zelle\//);
  assert.deepEqual([...readAddress(`#${text}`)], parts);
  assert.deepEqual([...readAddress("#&=x&a&b=%zz")], [["b", "%zz"]]);
});

test("a search finds all of its words, best where words begin", () => {
  assert.equal(rank("mot fast", "Motor"), 0);
  assert.ok(rank("cam", "Camera") > rank("cam", "My camera") && rank("cam", "My camera") > rank("cam", "Mycamera"));
  assert.deepEqual(best(["b", "ab", "a b"], "b", (text) => text, 2), ["b", "a b"]);
});

test("hooks are called until they are taken out, and one that says so is enough", () => {
  const hooks = new Hooks<[number], boolean | void>();
  const seen: number[] = [];
  const undo = hooks.add((value) => void seen.push(value));
  hooks.add(() => true);
  assert.equal(hooks.any(1), true);
  undo();
  hooks.call(2);
  assert.deepEqual(seen, [1]);
});

test("layouts survive a file; one of them begins a role", () => {
  const one = layoutOf(" Night ", "operator", { ...START, theme: "light", extra: { charts: [1] } });
  const two = layoutOf("Day", "operator", START);
  const list = withLayout(withLayout([], one), two);
  assert.deepEqual(list.map(({ name, role }) => [name, role]), [["Day", "operator"], ["Night", null]]);
  assert.deepEqual(fromFile(toFile(list)), JSON.parse(JSON.stringify(list)));
  const wild = '{"format":"twinstage.layouts","version":1,"layouts":[{"name":"x","sizes":{"left":1e9},"theme":7}]}';
  assert.deepEqual(fromFile(wild)[0].sizes, { left: LARGEST, right: 280, bottom: 280 });
  assert.equal(fromFile(wild)[0].theme, "dark");
  for (const [text, sentence] of [
    ["{", /no JSON/],
    ["{}", /no layouts/],
    ['{"format":"twinstage.layouts","version":2}', /version 2/],
    ['{"format":"twinstage.layouts","version":1,"layouts":[{}]}', /Layout 1 .* no name/],
  ] as const)
    assert.throws(() => fromFile(text), sentence);
});

const SEEN: Seen = {
  ...{ phase: "live", closeCode: 0, reason: "", attempts: 1, retryIn: null, hasScene: true, drawable: 3, prims: 5 },
  ...{ broken: null, awayMs: Number.NaN, awayTwins: [], silence: 200, dataMs: 1_700_000_000_000 },
};

test("a page without a picture says why, and what helps", () => {
  const kind = (over: Partial<Seen>): string | undefined => cardOf({ ...SEEN, ...over })?.kind;
  assert.equal(kind({}), undefined);
  assert.equal(kind({ hasScene: false, phase: "down" }), "connecting");
  assert.equal(kind({ hasScene: false, phase: "down", attempts: 3, retryIn: 900 }), "unreachable");
  assert.equal(kind({ hasScene: false, phase: "loading" }), "loading");
  assert.equal(kind({ hasScene: false, phase: "down", attempts: 3, broken: "HTTP 500" }), "broken");
  assert.equal(kind({ hasScene: false, phase: "ended", closeCode: 4400 }), "ended");
  assert.equal(kind({ phase: "ended", closeCode: 4401 }), "signedOut");
  assert.equal(kind({ drawable: 0 }), "empty");
  assert.match(cardOf({ ...SEEN, drawable: 0, prims: 1 })?.text ?? "", /1 prim, /);
  assert.match(cardOf({ ...SEEN, hasScene: false, phase: "down", attempts: 3, retryIn: 900 })?.text ?? "", /Next try in 1 s/);
});

test("above an old picture it says how old; the countdown is apart from what is read out", () => {
  assert.equal(bannerOf(SEEN), null);
  const down = bannerOf({ ...SEEN, phase: "down", retryIn: 3200, silence: 61_000 });
  assert.equal(down?.text, "Link lost: showing the last state of 22:13:20 UTC");
  assert.equal(down?.detail, "1 min old, next try in 4 s");
  assert.match(bannerOf({ ...SEEN, awayMs: 1_700_000_000_000 })?.text ?? "", /^The twin away since /);
  assert.match(bannerOf({ ...SEEN, awayMs: 1, awayTwins: ["/Plant/Line1"] })?.text ?? "", /^\/Plant\/Line1 away/);
  assert.equal(bannerOf({ ...SEEN, phase: "ended", reason: "the server ends" })?.text, "Disconnected. The server ends.");
  assert.equal(bannerOf({ ...SEEN, phase: "ended", closeCode: 4401 }), null);
});

test("bytes are told as networks count them", () => {
  assert.deepEqual([0, 999, 1000, 999_600, 1_234_567].map(formatBytes), ["0 B", "999 B", "1.00 kB", "1.00 MB", "1.23 MB"]);
  const growth = new Growth(3000);
  assert.ok(Number.isNaN(growth.perSecond));
  for (let t = 0; t <= 10_000; t += 500) growth.add(t < 5000 ? 0 : t - 5000, t);
  assert.equal(growth.perSecond, 1000);
});
