/** Rows of states: what is drawn, and where, on a canvas that only takes notes. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { drawTimeline, hueOf } from "../src/features/charts/timeline.ts";

const WIDTH = 428;
/** Where names end and spans begin [px]. */
const LEFT = 120;

function drawn(spans: readonly { fromMs: number; toMs: number; text: string }[]): { x: number; width: number }[] {
  const rects: { x: number; width: number }[] = [];
  const context = {
    setTransform() {},
    clearRect() {},
    fillText() {},
    measureText: (text: string) => ({ width: 6 * text.length }),
    fillRect: (x: number, _y: number, width: number) => rects.push({ x, width }),
  };
  const canvas = { clientWidth: WIDTH, clientHeight: 42, width: 0, height: 0, getContext: () => context };
  Object.assign(globalThis, { window: { devicePixelRatio: 1 }, getComputedStyle: () => ({ getPropertyValue: () => "#000" }) });
  const row = { signal: "motor.fault", spans: spans.map((span) => ({ ...span, grade: "good" as const })) };
  drawTimeline(canvas as unknown as HTMLCanvasElement, [row], 10_000, 40_000, null);
  return rects;
}

test("a span that began before the window does not lie over the names, and none leaves the window", () => {
  const rects = drawn([
    { fromMs: 0, toMs: 20_000, text: "off" },
    { fromMs: 20_000, toMs: 90_000, text: "on" },
    { fromMs: 1_000, toMs: 9_000, text: "off" },
  ]);
  assert.deepEqual(rects.map(({ x }) => x), [LEFT, LEFT + 100]);
  assert.deepEqual(rects.map(({ x, width }) => x + width), [LEFT + 99, LEFT + 299]);
});

test("on and off are told apart", () => {
  assert.notEqual(hueOf("on"), hueOf("off"));
  assert.notEqual(hueOf("true"), hueOf("false"));
  assert.equal(hueOf("Running"), hueOf("Running"));
  assert.match(hueOf("constructor"), /^#/);
});
