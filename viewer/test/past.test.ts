/** Looking at the past: where one looks, ticks cut out of an answer, and the way back to what is held. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { agoText, axisMoments, isoOf, loopMarked, markBeside, Playhead } from "../src/core/playhead.ts";
import { TwinTime } from "../src/core/twin-time.ts";
import { FrameError } from "../src/wire/frames.ts";
import { cutTicks, PastFeed } from "../src/wire/past.ts";
import { wholeTick } from "../src/wire/whole.ts";
import { frame, joined, message, poseBody, QUANTUM } from "./wire.ts";

test("the playhead goes on no further than what is known, and says when it has caught up", () => {
  const head = new Playhead();
  assert.equal(head.advance(1000, 1e9, 1e9), "on");
  head.atMs = 1000;
  head.advance(500, 9000, 1e9);
  assert.equal(head.atMs, 1000, "it stands still");
  head.playing = true;
  head.speed = 2;
  head.advance(500, 9000, 1e9);
  assert.equal(head.atMs, 2000);
  head.advance(5000, 9000, 1e9);
  assert.equal(head.atMs, 9000, "it waits for more");
  assert.equal(head.advance(500, 20_000, 9500), "end");
  head.loop = { fromMs: 0, toMs: 10_000 };
  assert.equal(head.advance(500, 20_000, 1e9), "again");
});

test("backwards it waits for what is not known yet, loops, and ends at the begin", () => {
  const head = new Playhead();
  [head.atMs, head.playing, head.speed] = [10_000, true, -4];
  assert.equal(head.advance(500, 7000, 1e9, 0), "on");
  assert.equal(head.atMs, 8000);
  head.advance(500, 7000, 1e9, 0);
  assert.equal(head.atMs, 7000, "it waits for more");
  head.loop = { fromMs: 6000, toMs: 9000 };
  assert.equal(head.advance(500, 0, 1e9, 0), "again");
  assert.equal(head.loopStart, 9000);
  head.loop = null;
  head.atMs = 1000;
  assert.equal(head.advance(500, 0, 1e9, 0), "begin");
  assert.equal(head.atMs, 0);
});

test("a loop that ends between two microseconds is one all the same", () => {
  const head = new Playhead();
  [head.atMs, head.playing, head.loop] = [9000, true, { fromMs: 0, toMs: 9500.9998 }];
  assert.equal(head.advance(2000, 9500.999, 1e9), "again");
});

test("a loop behind the end ends there", () => {
  const head = new Playhead();
  [head.atMs, head.playing, head.loop] = [9000, true, { fromMs: 0, toMs: 20_000 }];
  assert.equal(head.advance(2000, 10_000, 10_000), "again");
});

test("a loop is marked by its begin and its end, in any order", () => {
  const shown = { fromMs: 0, toMs: 60_000 };
  assert.deepEqual(loopMarked(null, "from", 10_000, shown), { fromMs: 10_000, toMs: 60_000 });
  assert.deepEqual(loopMarked({ fromMs: 10_000, toMs: 60_000 }, "to", 20_000, shown), { fromMs: 10_000, toMs: 20_000 });
  assert.deepEqual(loopMarked({ fromMs: 10_000, toMs: 20_000 }, "to", 5000, shown), { fromMs: 0, toMs: 5000 });
  assert.deepEqual(loopMarked({ fromMs: 10_000, toMs: 20_000 }, "from", 30_000, shown), { fromMs: 30_000, toMs: 60_000 });
  assert.deepEqual(loopMarked(null, "to", 100, shown), { fromMs: -100, toMs: 100 });
});

test("marks, ages and the axis", () => {
  assert.equal(markBeside([10, 20, 30], 20, 1), 30);
  assert.equal(markBeside([10, 20, 30], 20, -1), 10);
  assert.equal(markBeside([10], 10, -1), null);
  assert.deepEqual([200, 12_000, 720_000, 7_300_000, 2e8].map(agoText), ["just now", "12 s ago", "12 min ago", "2 h ago", "2 d ago"]);
  assert.deepEqual(axisMoments(1500, 9000, 5), [2000, 4000, 6000, 8000]);
});

test("a moment between two milliseconds is rounded up, so that its reading is in it", () => {
  assert.equal(isoOf(1_700_000_000_123.4567), "2023-11-14T22:13:20.123457Z");
  assert.equal(isoOf(1_700_000_000_000), "2023-11-14T22:13:20.000000Z");
});

test("time that is pinned stands still, and what comes late is late", () => {
  const time = new TwinTime();
  time.observe(1_000_000, 10);
  time.lag = 900;
  assert.equal(time.at(110), 1_000_000 + 100 - 900);
  time.pinned = 5;
  assert.equal(time.at(110), 5);
  assert.equal(time.newestAt(110), 1_000_100);
});

test("an answer is cut at the ends of its ticks, and a damaged or foreign one is refused", () => {
  const data = joined([new Uint8Array(message([1, 5], 1, "e1", true)), new Uint8Array(message([1, 5], 2, "e1"))]);
  const ticks = cutTicks(data, "e1");
  assert.deepEqual(ticks.map(({ keyframe }) => keyframe), [true, false]);
  assert.equal(ticks.reduce((sum, { bytes }) => sum + bytes.byteLength, 0), data.byteLength);
  assert.throws(() => cutTicks(data, "e2"), FrameError);
  assert.throws(() => cutTicks(data.slice(0, data.byteLength - 8), "e1"), FrameError);
});

test("ticks are taken one after the other, and a keyframe begins anew", () => {
  const feed = new PastFeed(8, 4);
  const quanta = [1, 2, 3].map((metres) => metres / QUANTUM) as [number, number, number];
  const body = poseBody([{ id: 3, at: quanta, words: [0x3fff, 0x3fff, 0x3fff] }]);
  const stamp = { seq: 1, epoch: "e1", keyframe: true };
  const key = cutTicks(joined([frame(1, body, { ...stamp, n: 1 }), frame(5, new Uint8Array(0), stamp)]), "e1");
  assert.equal(feed.take(key[0]).poses[0].n, 1);
  assert.deepEqual([...feed.mirror.translation.slice(9, 12)], [1, 2, 3]);
  feed.take(key[0]);
  const whole = wholeTick(feed.mirror);
  assert.equal(whole.keyframe, true);
  assert.deepEqual([...whole.poses[0].ids.slice(0, whole.poses[0].n)], [3]);
  assert.deepEqual([...whole.poses[0].poses.slice(0, 3)], [1, 2, 3]);
});
