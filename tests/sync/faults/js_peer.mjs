// The JavaScript client in Node: `node js_peer.mjs URL [PATIENCE_MS]`.
import * as zlib from "node:zlib";
import { connect } from "../../../clients/js/twin.js";
import { answer, within } from "./peer.mjs";

const inflate = zlib.zstdDecompressSync && ((stored) => zlib.zstdDecompressSync(stored));
const told = { keyframes: 0, seqs: [], ended: "" };
const events = [];
const link = connect(process.argv[2], {
  inflate,
  patience: process.argv[3] && Number(process.argv[3]),
  onTick: (frames, seq) => {
    told.keyframes += frames.at(-1).flags & 1;
    told.seqs = [...told.seqs.slice(-999), seq];
  },
  onEvent: (message) => events.push(message),
  onState: (state, reason) => (told.ended = state === "ended" ? reason || "ended" : told.ended),
});
let twin;
link.then(
  (made) => (twin = made),
  () => undefined,
);

await answer({
  digest: () => (twin && twin.state === "live" ? within(twin.verify(), 1500) : Promise.reject(new Error(`${twin?.state}`))),
  counts: () => ({ ...told, ...twin?.counts, state: twin?.state ?? "none", seq: twin?.model?.seq ?? -1, events, tier: twin?.tier, welcome: twin?.welcome }),
  worlds: ({ paths }) => ({ seq: twin.model.seq, worlds: paths.map((path) => twin.world(twin.index.get(path))) }),
  nodes: ({ nodes }) => ({ seq: twin.model.seq, worlds: nodes.map((node) => twin.world(node)) }),
  send: ({ message }) => twin.send(message),
});
