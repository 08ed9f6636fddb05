// Follows a twin for tests/clients/test_js.py: `node follow.mjs URL PATH SIGNAL PLAIN|ZSTD`. Prints a line of JSON once it
// has seen 40 ticks and compared its digest, and another one after the server has hung up and it has come back.
import * as zlib from "node:zlib";
import { connect } from "../twin.js";

const [url, path, signal, caps] = process.argv.slice(2);
const inflate = caps === "ZSTD" ? (stored) => zlib.zstdDecompressSync(stored) : undefined;
let compressed = 0;
let wake = () => undefined;
const twin = await connect(url, {
  inflate,
  onTick: (frames) => {
    compressed += frames.filter(({ flags }) => flags & 4).length;
    wake();
  },
});

async function until(condition) {
  while (!condition()) await new Promise((done) => (wake = done));
}

async function report() {
  const digest = await twin.verify();
  const node = twin.index.get(path);
  const value = twin.model.values.get(twin.scene.signals.findIndex(({ id }) => id === signal));
  const state = { world: twin.world(node), seq: twin.model.seq, value: value?.value };
  console.log(JSON.stringify({ digest, ...state, ...twin.counts, compressed, tier: twin.tier, caps: twin.options.caps }));
}

await until(() => twin.counts.ticks >= 40);
await report();
const before = twin.counts.ticks;
await until(() => twin.counts.connections >= 2 && twin.counts.ticks >= before + 20);
await report();
twin.close();
