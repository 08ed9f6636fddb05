// A client of a Twinstage twin (twin.v1, docs/protocol.md) for browsers and Node (20, 21: --experimental-websocket).
const [U8, U16, U32, I32, I64] = [Uint8Array, Uint16Array, Uint32Array, Int32Array, BigInt64Array];
const [HEADER, MOST_BODY] = [56, (1 << 18) - 56];
const WIDTHS = ["124", "0124", "0124", "0124", "012", "012", "012", "0"]; // of the columns of a delta, in bytes
const RETRY = new Set([1001, 1005, 1006, 1011, 1012, 1013, 4408, 4429]);
const TABLE = I32.from({ length: 256 }, (_, crc) => {
  for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  return crc;
});

export class FrameError extends Error {} // bytes that are not twin.v1, or that do not go on from what is held
export class CommandError extends Error {} // a command was not done; with the fields of its answer: `code`, `current`

function need(condition, text) { if (!condition) throw new FrameError(text); }
const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

/** CRC-32 (zlib) of bytes, going on from `before`. @param {Uint8Array} data @returns {number} */
export function crc32(data, before = 0) {
  let crc = ~before;
  for (let i = 0; i < data.length; i++) crc = (crc >>> 8) ^ TABLE[(crc ^ data[i]) & 0xff];
  return ~crc >>> 0;
}

/** By op: least and greatest size of a body, and what takes its columns out of (buffer, begin, n, flags, size). */
const KINDS = {
  1: [(n, flags) => 32 + n * (flags & 2 ? 34 : 22), null, readPoses],
  2: [(n) => 24 * n, null, (b, at, n) => ({ value: new Float64Array(b, at, n), eventNsColumn: new I64(b, at + 8 * n, n),
    ids: new U32(b, at + 16 * n, n), quality: new U32(b, at + 20 * n, n) })],
  3: [(n) => 8 * n, null, (b, at, n) => ({ ids: new U32(b, at, n), rgba: new U8(b, at + 4 * n, 4 * n) })],
  4: [(n) => 5 * n, null, (b, at, n) => ({ ids: new U32(b, at, n), visible: new U8(b, at + 4 * n, n) })],
  5: [() => 0, null, () => ({ ids: [] })],
  6: [(n) => 16 + n, (n) => 16 + 22 * n, readDelta],
  7: [(n) => 20 * n, () => MOST_BODY, readTexts],
  8: [(n) => 12 * n, null, (b, at, n) => ({ entity: new I64(b, at, n), ids: new U32(b, at + 8 * n, n) })],
};

/**
 * Frames of a binary message, each `{op, flags, n, seq, eventNs, watermarkNs, tickNs, baseSeq, epochCrc, ...columns}`.
 * @param {ArrayBuffer} message
 * @param {(stored: Uint8Array, size: number) => Uint8Array} [inflate] zstd; `size`: of the content
 * @returns {{frames: any[], skipped: number}} `skipped`: frames of kinds that are not known here
 */
export function decode(message, inflate) {
  const [view, frames] = [new DataView(message), []];
  let [skipped, next] = [0, 0];
  for (let at = 0; at < message.byteLength; at = next) {
    need(message.byteLength - at >= HEADER, "a frame header is cut off");
    need(view.getUint8(at + 1) === 1, `frame version ${view.getUint8(at + 1)}, expected 1`);
    const size = view.getUint32(at + 48, true);
    next = at + HEADER + Math.ceil(size / 8) * 8;
    need(next <= message.byteLength, "a frame is cut off");
    const stored = new U8(message, at + HEADER, size);
    need(crc32(stored, crc32(new U8(message, at, 52))) === view.getUint32(at + 52, true), "a checksum is wrong");
    const head = {
      op: view.getUint8(at), flags: view.getUint16(at + 2, true), n: view.getUint32(at + 4, true),
      seq: Number(view.getBigUint64(at + 8, true)), eventNs: view.getBigInt64(at + 16, true),
      watermarkNs: view.getBigInt64(at + 24, true), tickNs: view.getBigInt64(at + 32, true),
      baseSeq: view.getUint32(at + 40, true), epochCrc: view.getUint32(at + 44, true),
    };
    if (KINDS[head.op]) frames.push({ ...head, ...readBody(stored, head, inflate) });
    else skipped++;
  }
  return { frames, skipped };
}

function readBody(stored, { op, n, flags }, inflate) {
  const [least, most, read] = KINDS[op];
  const size = flags & 4 ? contentSize(stored) : stored.length;
  const fits = size >= least(n, flags) && size <= Math.min(MOST_BODY, (most ?? least)(n, flags));
  need(fits, `a body of ${size} bytes does not fit ${n} rows of kind ${op}`);
  try {
    if (!(flags & 4)) return read(stored.buffer, stored.byteOffset, n, flags, size);
    const body = U8.from(inflate(stored, size)); // copied: it has to be aligned
    need(body.length === size, "a compressed body is not of the size that it states");
    return read(body.buffer, 0, n, flags, size);
  } catch (error) {
    throw new FrameError(`a body of kind ${op} cannot be read: ${error.message}`); // no zstd, no UTF-8, ...
  }
}

/** Content size that a zstd frame states; -1 where the data is not exactly one frame that states it, without dictionary. */
function contentSize(data) {
  if (data.length < 9 || data[0] !== 0x28 || data[1] !== 0xb5 || data[2] !== 0x2f || data[3] !== 0xfd || data[4] & 3) return -1;
  const single = (data[4] >> 5) & 1;
  const bytes = [single, 2, 4, 8][data[4] >> 6];
  let [at, size] = [6 - single, bytes === 2 ? 256 : bytes === 0 ? -1 : 0];
  for (let k = 0; k < bytes; k++) size += data[at++] * 256 ** k;
  for (let block = 0; !(block & 1) && at < data.length; at += 3 + (((block >> 1) & 3) === 1 ? 1 : block >> 3))
    block = data[at] | (data[at + 1] << 8) | (data[at + 2] << 16);
  return at + (data[4] & 4) === data.length && size > 0 ? size : -1; // a checksum has four bytes
}

function readPoses(buffer, at, n, flags) {
  const [ox, oy, oz, quantum] = new Float64Array(buffer, at, 4);
  need(quantum > 0 && quantum <= 0.25e-3, `poses with the quantum ${quantum}`);
  need(Math.max(...[ox, oy, oz].map(Math.abs)) <= 2 ** 48, "poses around an impossible origin");
  const translation = Float64Array.from(new I32(buffer, at + 32 + 4 * n, 3 * n), (v, k) => [ox, oy, oz][k % 3] + v * quantum);
  const scale = flags & 2 ? new Float32Array(buffer, at + 32 + 16 * n, 3 * n) : null;
  const words = new U16(buffer, at + 32 + (scale ? 28 : 16) * n, 3 * n);
  return { ids: new U32(buffer, at + 32, n), translation, scale, words };
}

function readDelta(buffer, at, n, flags, size) {
  const [quantum] = new Float64Array(buffer, at, 1);
  const [widths, data] = [new U8(buffer, at + 8, 8), new U8(buffer, at + 16, size - 16)];
  need(WIDTHS.every((allowed, c) => allowed.includes(String(widths[c]))), `a delta has the widths ${widths}`);
  need(data.length === n * widths.reduce((sum, width) => sum + width), "a delta is not as long as its widths say");
  need(quantum > 0 && quantum <= 0.25e-3, `poses with the quantum ${quantum}`);
  const [ids, move, turn] = [new U32(n), new I32(3 * n), new I32(3 * n)];
  for (let c = 0, begin = 0, id = 0; c < 7; begin += n * widths[c++]) {
    const [out, unused] = [c < 4 ? move : turn, 32 - 8 * widths[c]];
    for (let k = 0; k < n; k++) {
      let value = 0; // byte planes: the lowest bytes of all rows, then the next ones, ...
      for (let plane = 0; plane < widths[c]; plane++) value |= data[begin + plane * n + k] << (8 * plane);
      if (c > 0) out[3 * k + ((c - 1) % 3)] = (value << unused) >> unused;
      else ids[k] = id += value >>> 0; // the gap to the id before
      need(c > 0 || (id < 2 ** 32 && (value !== 0 || k === 0)), "the ids of a delta do not grow within 32 bits");
    }
  }
  return { ids, quantum, move, turn };
}

function readTexts(b, at, n, flags, size) {
  const [ends, bytes] = [new U32(b, at + 16 * n, n), new U8(b, at + 20 * n, size - 20 * n)];
  const begin = (k) => (k > 0 ? ends[k - 1] : 0);
  need(begin(n) === bytes.length && ends.every((end, k) => end >= begin(k)), "the ends of texts do not fit");
  const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  const text = Array.from(ends, (end, k) => utf8.decode(bytes.subarray(begin(k), end)));
  return { text, eventNsColumn: new I64(b, at, n), ids: new U32(b, at + 8 * n, n), quality: new U32(b, at + 12 * n, n) };
}

/** Smallest-three words, from words[at], to a unit quaternion [w, x, y, z]. @returns {number[]} */
export function quaternion(words, at = 0) {
  const q = [0, 1, 2].map((c) => ((words[at + c] & 0x7fff) - 16383) / (16383 * Math.SQRT2));
  const rest = Math.sqrt(Math.max(0, 1 - q[0] ** 2 - q[1] ** 2 - q[2] ** 2));
  q.splice((words[at] >> 15) | ((words[at + 1] >> 15) << 1), 0, rest);
  return q;
}

/** What was said of one scene, exactly as it came: maps by node or signal, without those that were never sent. */
export class Model {
  seq = -1;
  /** @type {Map<number, {translation: Float64Array, words: Uint16Array, scale: Float32Array}>} */ poses = new Map();
  /** @type {Map<number, Uint8Array>} sRGB rgba, alpha 0 = as authored */ styles = new Map();
  /** @type {Map<number, number>} 1 or 0 */ visible = new Map();
  /** @type {Map<number, {value: number, eventNs: bigint, quality: number}>} */ values = new Map();
  /** @type {Map<number, {value: string, eventNs: bigint, quality: number}>} */ texts = new Map();
  /** @type {Map<number, bigint>} */ entities = new Map();

  /** @param {number} nodes @param {number} signals how many the scene has */
  constructor(nodes, signals) {
    Object.assign(this, { nodes, signals });
  }

  /** Takes in all frames of one tick, the last of them its end. FrameError: begin again from a keyframe. */
  apply(frames) {
    const { seq, flags } = frames[frames.length - 1];
    for (const f of frames) {
      const behind = (this.seq - f.baseSeq) | 0;
      const next = this.seq >= 0 && seq >= this.seq && (f.op === 6 ? behind === 0 : behind >= 0);
      need(f.seq === seq && (f.flags & 1 ? f.op !== 6 : next), `tick ${seq} builds on ${f.baseSeq}, but ${this.seq} is held`);
      const rows = f.op === 2 || f.op === 7 ? this.signals : this.nodes;
      need(f.ids.every((id) => id < rows), `tick ${seq} names rows that the scene does not have`);
    }
    if (flags & 1) Object.assign(this, new Model(this.nodes, this.signals));
    for (const f of frames) for (let k = 0; k < f.ids.length; k++) this.#take(f, f.ids[k], k);
    this.seq = seq;
  }

  #take(f, id, k) {
    const three = (column) => column.slice(3 * k, 3 * k + 3);
    const stamp = (value) => ({ value, eventNs: f.eventNsColumn[k], quality: f.quality[k] });
    if (f.op === 6) {
      const pose = this.poses.get(id);
      need(pose, `a delta of node ${id}, which was never sent`);
      three(f.move).forEach((quanta, c) => (pose.translation[c] += quanta * f.quantum));
      three(f.turn).forEach((turn, c) => (pose.words[c] += turn)); // modulo 2^16
    } else if (f.op === 1) {
      const scale = f.scale ? three(f.scale) : Float32Array.of(1, 1, 1);
      this.poses.set(id, { translation: three(f.translation), words: three(f.words), scale });
    } else if (f.op === 2) this.values.set(id, stamp(f.value[k]));
    else if (f.op === 3) this.styles.set(id, f.rgba.slice(4 * k, 4 * k + 4));
    else if (f.op === 4) this.visible.set(id, f.visible[k] ? 1 : 0);
    else if (f.op === 7) this.texts.set(id, stamp(f.text[k]));
    else if (f.op === 8) this.entities.set(id, f.entity[k]);
  }

  /** The bytes whose SHA-256 is the digest (docs/protocol.md). */
  canonical() {
    const quanta = (translation) => I64.from(Array.from(translation, (value) => BigInt(Math.round(value * 2 ** 14))));
    const number = (value) => (Number.isNaN(value) ? I64.of(0x7ff8n << 48n) : Float64Array.of(value));
    const utf8 = (text) => new TextEncoder().encode(text);
    const sections = [
      [this.poses, ({ translation, words, scale }) => [quanta(translation), words, scale]],
      [this.styles, (rgba) => [rgba]],
      [this.visible, (shown) => [U8.of(shown)]],
      [this.values, ({ value, eventNs, quality }) => [number(value), I64.of(eventNs), U32.of(quality)]],
      [this.texts, ({ value, quality }) => [U32.of(utf8(value).length), utf8(value), U32.of(quality)]],
      [this.entities, (entity) => [I64.of(entity)]],
    ];
    const rows = (map, row) => [...map].sort(([a], [b]) => a - b).flatMap(([id, held]) => [U32.of(id), ...row(held)]);
    const parts = sections.flatMap(([map, row]) => [U32.of(map.size), ...rows(map, row)]);
    return U8.from(parts.flatMap((part) => [...new U8(part.buffer, part.byteOffset, part.byteLength)]));
  }
}

/** A link to a twin, which comes back by itself; made by `connect`. */
export class Twin {
  /** down, greeting, loading, live or ended. */ state = "down";
  /** The document of /api/scene. */ scene = null;
  /** @type {?Model} */ model = null;
  /** Ticks a second that the server sends now, and why; its welcome. */ tier = { hz: 0, reason: "" }; welcome = null;
  /** Since when a relay's twin cannot be reached: its message `away`, or null. */ away = null;
  /** The newest transaction that is known here: the `base` of the next command. */ edits = 0;
  counts = { connections: 0, ticks: 0, deltaRows: 0, resyncs: 0, skipped: 0, unknown: 0 };
  #socket; #frames = []; #broken = false; #delay = 250; #waiting = []; #commands = new Map();
  #narrowed = false; // parts are of older ticks

  constructor(url, options) {
    this.url = new URL(url.endsWith("/") ? url : `${url}/`);
    this.options = options;
    this.#open();
  }

  #open() {
    const address = new URL("ws", this.url).href.replace("http", "ws");
    const socket = new (this.options.WebSocket ?? WebSocket)(address, "twin.v1");
    [socket.binaryType, this.#socket, this.#broken] = ["arraybuffer", socket, false];
    this.counts.connections++;
    this.#become("greeting");
    const { token = null, want = null, rate = null, interest = null, inflate, patience = 10_000 } = this.options;
    const [{ scene, model }, protocol, caps] = [this, { min: 1, max: 1 }, ["delta", "digest", ...(inflate ? ["zstd"] : [])]];
    const have = model?.seq >= 0 && !this.#narrowed ? { epoch: scene.epoch, revision: scene.revision, seq: model.seq } : null;
    socket.onopen = () => this.send({ type: "hello", protocol, token, want, caps, have, interest, rate });
    let mute = 0; // pings since the last message: a network that has forgotten a connection tells nobody
    const lost = () => (socket.close(), socket.onclose?.({ code: 1006, reason: "nothing is heard any more" }));
    const watch = setInterval(() => (++mute > 4 ? lost() : this.send({ type: "ping", t: mute })), patience / 4);
    socket.onmessage = ({ data }) => (mute = 0, typeof data === "string" ? this.#text(JSON.parse(data)) : this.#binary(data));
    socket.onclose = ({ code, reason }) => {
      clearInterval(watch);
      socket.onmessage = socket.onclose = null;
      for (const tell of this.#waiting.splice(0)) tell({ seq: -1, ours: "", theirs: "", equal: false });
      const again = this.state !== "ended" && (this.#broken || RETRY.has(code));
      this.#become(again ? "down" : "ended", reason);
      if (again) setTimeout(() => this.state === "down" && this.#open(), this.#delay);
      this.#delay = Math.min(2 * this.#delay, 5000);
    };
  }

  /** Sends a message of the protocol: `{type: "pause"}`, `{type: "rate", hz: 10}`, `{type: "interest", prims: ["/A/**"]}`. */
  send(message) {
    this.#narrowed ||= Boolean(message.interest) || message.type === "interest";
    if (this.#socket.readyState === 1) this.#socket.send(JSON.stringify(message));
  }

  /** Has something changed (docs/commands.md); a connection that is lost meanwhile does no harm. CommandError: it was not done.
   *  @param {string} kind as `move` @param {object} [fields] of that kind, `base` @returns {Promise<{version: number}>} */
  command(kind, fields = {}) {
    const command = { type: "command", kind, base: null, ...fields, id: hex(crypto.getRandomValues(new U8(16))) };
    const answered = new Promise((done, fail) => {
      const tell = (answer) => (answer.ok ? done(answer) : fail(Object.assign(new CommandError(answer.error), answer)));
      this.#commands.set(command.id, { command, tell });
      if (this.state === "ended") tell({ code: "ended", error: "the link has ended" });
    });
    if (this.state === "live") this.send(command);
    return answered.finally(() => this.#commands.delete(command.id));
  }

  #become(state, reason = this.away ? `twin away since ${new Date(this.away.sinceNs / 1e6).toISOString()}` : "") {
    this.state = state;
    this.options.onState?.(state, reason);
    if (state !== "ended") return;
    for (const { tell } of this.#commands.values()) tell({ code: "ended", error: `the link has ended: ${reason}` });
  }

  #text(message) {
    const { type, event, data, hz, sinceNs, rate = 0, edits = 0, reason = "" } = message;
    if (type === "welcome") [this.welcome, this.tier, this.away, this.edits] = [message, { hz: rate, reason }, null, edits];
    if (type === "tier") this.tier = { hz, reason };
    if (type === "away") this.away = sinceNs ? message : null;
    if (type === "answer" || event === "edit") this.edits = Math.max(this.edits, (data ?? message).version);
    if (type === "welcome" || event === "scene") void this.#load(message.epoch ?? this.scene.epoch, message.revision);
    else if (type === "event" || type === "bye") this.options.onEvent?.(message);
    else if (type === "digest") void this.#compare(message.seq, message.sha256);
    else if (type === "answer") this.#commands.get(message.id)?.tell(message);
    else if (type === "away") this.#become(this.state);
    else if (type !== "pong" && type !== "tier") this.counts.unknown++;
  }

  /** Fetches the scene unless that one is held, then asks for the stream. */
  async #load(epoch, revision) {
    const socket = this.#socket;
    this.#become("loading");
    if (this.scene?.epoch !== epoch || this.scene.revision !== revision) {
      const headers = this.options.token ? { authorization: `Bearer ${this.options.token}` } : {};
      const fetched = fetch(new URL("api/scene", this.url), { headers, cache: "no-cache" });
      const scene = await fetched.then((answer) => answer.ok && answer.json()).catch(() => null);
      if (socket !== this.#socket || this.state !== "loading") return;
      if (scene?.epoch !== epoch) return socket.close();
      this.scene = scene;
      this.index = new Map(scene.nodes.path.map((path, node) => [path, node]));
      this.model = new Model(scene.nodes.count + scene.points.count, scene.signals.length);
    }
    this.#frames = [];
    this.#become("live");
    this.send({ type: "ready", revision: this.scene.revision });
    for (const { command } of this.#commands.values()) this.send(command);
  }

  #binary(data) {
    if (this.state !== "live") return;
    try {
      const { frames, skipped } = decode(data, this.options.inflate);
      const crc = crc32(new TextEncoder().encode(this.scene.epoch));
      this.counts.skipped += skipped;
      for (const frame of frames.filter(({ epochCrc }) => epochCrc === crc)) {
        this.#frames.push(frame);
        if (frame.op !== 5) continue;
        const tick = this.#frames.splice(0);
        this.model.apply(tick);
        this.#delay = 250;
        this.counts.ticks++;
        for (const { op, n } of tick) this.counts.deltaRows += op === 6 ? n : 0;
        this.options.onTick?.(tick, frame.seq);
        this.send({ type: "ack", seq: frame.seq });
      }
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      this.#doubt(error.message);
    }
  }

  /** What is held is not what the server thinks: the next connection starts from a keyframe. */
  #doubt(reason) {
    this.counts.resyncs++;
    [this.model.seq, this.#broken] = [-1, true];
    this.#become("down", reason);
    this.#socket.close(4400, reason.slice(0, 100));
  }

  async #compare(seq, theirs) {
    const [same, told] = [seq === this.model.seq, this.#waiting.splice(0)];
    const hash = await crypto.subtle.digest("SHA-256", this.model.canonical()); // browsers: https or localhost only
    const ours = hex(new U8(hash));
    for (const tell of told) tell({ seq, ours, theirs, equal: same && ours === theirs });
    if (same && ours !== theirs && this.state === "live") this.#doubt(`what is held differs from the server's at tick ${seq}`);
  }

  /** Compares what is held with the server's; seq -1: no answer. @returns {Promise<{seq: number, equal: boolean}>} */
  verify() {
    this.send({ type: "digest" });
    return new Promise((tell) => this.#waiting.push(tell));
  }

  /** parent_from_node, upper three rows of the 4x4 matrix, row-major [m]. @param {number} node @returns {number[]} */
  local(node) {
    const [{ nodes, points }, pose] = [this.scene, this.model.poses.get(node)];
    const [table, at] = node < nodes.count ? [nodes, 12 * node] : [points, 12 * (node - nodes.count)];
    if (!pose) return table.local.slice(at, at + 12);
    const [[w, x, y, z], [a, b, c], [tx, ty, tz]] = [quaternion(pose.words), pose.scale, pose.translation];
    return [
      (1 - 2 * (y * y + z * z)) * a, 2 * (x * y - w * z) * b, 2 * (x * z + w * y) * c, tx,
      2 * (x * y + w * z) * a, (1 - 2 * (x * x + z * z)) * b, 2 * (y * z - w * x) * c, ty,
      2 * (x * z - w * y) * a, 2 * (y * z + w * x) * b, (1 - 2 * (x * x + y * y)) * c, tz,
    ];
  }

  /** world_from_node in the same form; Z up. @param {number} node as `index.get(path)` says @returns {number[]} */
  world(node) {
    const { nodes, points } = this.scene;
    const parent = nodes.resets[node] ? -1 : (nodes.parent[node] ?? points.instancer[node - nodes.count]);
    const m = this.local(node);
    if (parent < 0) return m;
    const p = this.world(parent);
    const cell = (r, c) => p[r] * m[c] + p[r + 1] * m[4 + c] + p[r + 2] * m[8 + c] + (c === 3 ? p[r + 3] : 0);
    return m.map((_, k) => cell(k & ~3, k & 3));
  }

  close() {
    this.#become("ended");
    this.#socket.close(1000);
  }
}

/**
 * Opens a link and waits for its first tick. @param {string} url address of the twin's viewer @returns {Promise<Twin>}
 * @param {{want?: string[], rate?: number, interest?: object, token?: string, WebSocket?: any, patience?: number,
 *   inflate?: (stored: Uint8Array, size: number) => Uint8Array, onTick?: (frames: any[], seq: number) => void,
 *   onState?: (state: string, reason: string) => void, onEvent?: (message: object) => void}} [options]
 */
export function connect(url, options = {}) {
  return new Promise((resolve, reject) => {
    const onTick = (frames, seq) => (resolve(twin), options.onTick?.(frames, seq));
    const onState = (state, reason) => {
      if (state === "ended") reject(new Error(`the link to ${url} has ended: ${reason}`));
      options.onState?.(state, reason);
    };
    const twin = new Twin(url, { ...options, onTick, onState });
  });
}
