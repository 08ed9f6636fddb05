// The viewer's half of the wire in Node, without a page: `node --experimental-transform-types viewer_peer.mjs URL [PATIENCE_MS]`.
// Its Link, Session, Mirror and matrices are the viewer's own source; only the browser around them is made up.
import { answer, within } from "./peer.mjs";

globalThis.window = globalThis;
const wire = new URL("../../../viewer/src/", import.meta.url);
const { Link } = await import(new URL("wire/link.ts", wire));
const { composePose, POSE } = await import(new URL("core/matrix.ts", wire));
const { worldFromLocals } = await import(new URL("core/scene-model.ts", wire));
const { digestOf } = await import(new URL("wire/digest.ts", wire));

const url = new URL(process.argv[2]);
const told = { ticks: 0, keyframes: 0, seqs: [], scenes: 0 };
let scene;
const link = new Link(new URL("ws", url).href.replace("http", "ws"), {
  async onFetch(epoch) {
    try {
      const response = await fetch(new URL("api/scene", url), { cache: "no-cache" });
      const found = await response.json();
      if (found.epoch !== epoch) throw new Error("the server restarted meanwhile");
      scene = found;
      told.scenes++;
      link.sceneLoaded(epoch, found.revision, found.nodes.count + found.points.count, found.signals.length);
    } catch {
      link.drop();
    }
  },
  onTick(tick) {
    told.ticks++;
    told.keyframes += tick.keyframe ? 1 : 0;
    told.seqs = [...told.seqs.slice(-999), tick.seq];
    for (const batch of tick.poses) link.session.mirror.pool.give(batch);
    queueMicrotask(() => link.applied(tick.seq, tick.madeMs, 60, 0.1));
  },
  onNotice() {},
  onAlarm() {},
  onCommand() {},
  onChange() {},
}, undefined, process.argv[3] && Number(process.argv[3]));
link.connect();

function local(node, out) {
  const { mirror } = link.session;
  if (mirror.posed[node]) {
    const pose = new Float64Array(POSE);
    mirror.poseOf(node, pose, 0);
    composePose(out, 0, pose, 0);
    return;
  }
  const { nodes, points } = scene;
  const row = node < nodes.count ? nodes.local.slice(12 * node, 12 * node + 12) : points.local.slice(12 * (node - nodes.count), 12 * (node - nodes.count) + 12);
  out.set([...row, 0, 0, 0, 1]);
}

function world(node) {
  const { nodes, points } = scene;
  const parent = Int32Array.from([...nodes.parent.map((p, k) => (nodes.resets[k] ? -1 : p)), ...points.instancer]);
  return [...worldFromLocals(parent, node, local)].slice(0, 12);
}

async function digest() {
  const { session } = link;
  if (session.phase !== "live") throw new Error(session.phase);
  const { checked, wrong } = session.digests;
  link.askDigest();
  const done = async () => {
    while (session.digests.checked === checked) await new Promise((go) => setTimeout(go, 5));
  };
  await within(done(), 1500);
  return { equal: session.digests.wrong === wrong, seq: session.mirror.seq, ours: digestOf(session.mirror), theirs: null };
}

await answer({
  digest,
  counts: () => ({
    ...told,
    connections: link.attempts,
    resyncs: link.session.resyncs,
    state: link.session.phase,
    seq: link.session.mirror.seq,
    ended: link.session.phase === "ended" ? link.session.reason || "ended" : "",
    hz: link.session.hz,
  }),
  nodes: ({ nodes }) => ({ seq: link.session.mirror.seq, worlds: nodes.map(world) }),
  hidden: ({ hidden }) => link.setHidden(hidden),
});
