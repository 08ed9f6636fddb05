import assert from "node:assert/strict";
import { test } from "node:test";
import { StageUnits } from "../src/core/stage-units.ts";
import { onGround, rounded, standsAt, uprightBox, type Triple } from "../src/core/standing.ts";
import { bytesText, sizeText } from "../src/features/catalogue/details.ts";
import { Source } from "../src/features/catalogue/source.ts";
import type { CataloguePage } from "../src/features/catalogue/types.ts";
import { Commands } from "../src/wire/commands.ts";

test("a box of a stage with Y up is turned upright", () => {
  const z = { size: [1, 2, 3], low: [-0.5, -1, 0], upAxis: "Z" } as const;
  assert.deepEqual(uprightBox(z), { min: [-0.5, -1, 0], max: [0.5, 1, 3] });
  // y from 0 to 2 is its height, z from -1 to 2 lies from the front (-2) to the back (1).
  const y = { size: [1, 2, 3], low: [0, 0, -1], upAxis: "Y" } as const;
  assert.deepEqual(uprightBox(y), { min: [0, -2, 0], max: [1, 1, 2] });
});

test("something stands with its foot on the point, by its origin or by its middle", () => {
  const point: Triple = [10, 20, 1];
  assert.deepEqual(standsAt({ min: [-1, -1, 0], max: [3, 1, 2] }, point), [10, 20, 1]);
  assert.deepEqual(standsAt({ min: [-1, -1, -0.5], max: [1, 1, 2] }, point), [10, 20, 1.5]);
  // Its origin is far from it: the middle of what it covers comes to the point.
  assert.deepEqual(standsAt({ min: [4, 4, 1], max: [6, 8, 2] }, point), [5, 14, 0]);
});

test("a ray meets the ground in front of the eye, and not too far away", () => {
  assert.deepEqual(onGround([0, 0, 2], [1, 0, -1], 0, 100), [2, 0, 0]);
  assert.equal(onGround([0, 0, 2], [1, 0, 1], 0, 100), null);
  assert.equal(onGround([0, 0, 2], [1, 0, 0], 0, 100), null);
  assert.equal(onGround([0, 0, 2], [1, 0, -0.001], 0, 100), null);
  assert.deepEqual(onGround([0, 0, -2], [0, 0, 1], 0, 100), [0, 0, 0]);
  assert.deepEqual(rounded([1.23456789, -0.00001, 0]), [1.2346, 0, 0]);
});

test("sizes are told in metres and in units of the stage", () => {
  const asset = { size: [0.8364, 0.2813, 0.3763], low: [0, 0, 0], upAxis: "Z" } as const;
  assert.equal(sizeText(asset, new StageUnits(1, "Z")), "0.836 × 0.281 × 0.376 m");
  assert.equal(sizeText(asset, new StageUnits(0.01, "Y")), "0.836 × 0.281 × 0.376 m (83.6 × 28.1 × 37.6 cm)");
  assert.equal(sizeText({ ...asset, upAxis: "Y" }, new StageUnits(1, "Z")), "0.836 × 0.376 × 0.281 m");
  assert.equal(bytesText(602_774), "603 kB");
  assert.equal(bytesText(100_000), "100 kB");
  assert.equal(bytesText(12_300_000), "12.3 MB");
});

const asset = (name: string): CataloguePage["assets"][number] => ({
  ...{ asset: name, library: "shop", title: name, kind: "", tags: [], labels: [], license: "", size: [1, 1, 1], low: [0, 0, 0] },
  ...{ upAxis: "Z", triangles: 1, bytes: 1, animated: false, version: "v", problem: "" },
});

test("pages follow one another, and an older answer never replaces a newer one", async () => {
  const asked: Record<string, unknown>[] = [];
  const waiting: (() => void)[] = [];
  const rest = {
    get: async (_: string, query: Record<string, unknown> = {}) => {
      asked.push(query);
      if (query.query === "slow") await new Promise<void>((resolve) => waiting.push(resolve));
      const first = query.after === undefined;
      const page: CataloguePage = { total: 2, next: first ? "a" : null, assets: [asset(first ? `${query.query}` : "b")], libraries: ["shop"], facets: [], reading: null };
      return page as never;
    },
    post: async () => assert.fail(),
  };
  globalThis.window ??= globalThis as never;
  const failures: string[] = [];
  const source = new Source(rest, "http://twin/", () => undefined, (sentence) => failures.push(sentence));
  const slow = source.ask("slow");
  await source.ask("fast");
  waiting[0]();
  await slow;
  assert.deepEqual(source.assets.map((one) => one.asset), ["fast"]);
  assert.equal(source.answered, "fast");
  await source.more();
  await source.more(); // there is no third page
  assert.deepEqual(source.assets.map((one) => one.asset), ["fast", "b"]);
  assert.equal(asked.length, 3);
  assert.deepEqual(failures, []);
  assert.equal(source.thumbnail(asset("my shop/a&b.usda")), "http://twin/api/v1/catalogue/thumbnail?asset=my%20shop%2Fa%26b.usda&v=v");
});

test("an answer tells what was placed", () => {
  const commands = new Commands();
  commands.add("a", { kind: "place", asset: "starter/pump.usda" }, true);
  const read = commands.answered({ id: "a", ok: true, version: 3, placed: ["/Cell/Pump"], note: "its unit is 0.01 m" });
  assert.deepEqual(read?.answer.placed, ["/Cell/Pump"]);
  assert.equal(read?.answer.note, "its unit is 0.01 m");
  commands.add("b", { kind: "undo" }, true);
  assert.deepEqual(commands.answered({ id: "b", ok: true, version: 4, placed: [] })?.answer.placed, []);
});
