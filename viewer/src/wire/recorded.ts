/**
 * A recording that lies in the page itself: what a server would say, without a server.
 *
 * `openEmbedded` finds it; its `fetch` answers for the scene and its files, and its sockets speak twin.v1 as a server does,
 * from the recorded messages. Server time is the recording's time. `scripts` on the page may play, pause and seek.
 */

/** A part of the data: offset and length. */
type Span = readonly [number, number];

interface Manifest {
  readonly epoch: string;
  readonly revision: number;
  readonly startNs: string;
  readonly seconds: number;
  readonly stage: Record<string, unknown>;
  readonly files: readonly { readonly path: string; readonly type: string; readonly span: Span }[];
  /** Time [ms from the start]; 0 a tick, 1 a keyframe that says what the ticks before it left, 2 one that says more; seq; messages. */
  readonly ticks: readonly (readonly [number, 0 | 1 | 2, number, readonly Span[]])[];
}

const MAGIC = "TWINREC1";
/** Time between two looks at what is due [ms]. */
const STEP_MS = 15;
/** How long the end is shown before it begins again [ms]. */
const PAUSE_MS = 1000;

/** The recording in the page's `#recording`, or null where there is none. */
export async function openEmbedded(): Promise<Recorded | null> {
  const text = document.getElementById("recording")?.textContent?.trim();
  if (!text) return null;
  const packed = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Recorded(await new Response(stream).arrayBuffer());
}

export class Recorded {
  readonly seconds: number;
  playing = true;
  loop = true;
  speed = 1;
  /** Called when it moved or was told to do something else. */
  onChange: () => void = () => undefined;
  private readonly manifest: Manifest;
  private readonly data: ArrayBuffer;
  private readonly keys: readonly number[];
  private readonly startMs: number;
  private socket: RecordedSocket | null = null;
  /** The next tick, and where the playing is [ms from the start]. */
  private next = 0;
  private atMs = 0;
  private lookedMs = 0;
  private timer = 0;

  constructor(data: ArrayBuffer) {
    const head = new DataView(data, 0, 12);
    const magic = new TextDecoder().decode(new Uint8Array(data, 0, 8));
    if (magic !== MAGIC) throw new Error("the page's recording is damaged");
    const size = head.getUint32(8, true);
    this.manifest = JSON.parse(new TextDecoder().decode(new Uint8Array(data, 12, size))) as Manifest;
    this.data = data.slice(12 + size);
    this.seconds = this.manifest.seconds;
    this.startMs = Number(BigInt(this.manifest.startNs) / 1000n) / 1000;
    this.keys = this.manifest.ticks.flatMap(([, key], i) => (key ? [i] : []));
  }

  /** Where the playing is [s from the start]. */
  get position(): number {
    return this.atMs / 1000;
  }

  /** The recorded server's time of day [ms since 1970]. */
  get timeMs(): number {
    return this.startMs + this.atMs;
  }

  play(): void {
    if (this.atMs >= this.seconds * 1000) this.seek(0);
    this.playing = true;
    this.lookedMs = performance.now();
    this.onChange();
  }

  pause(): void {
    this.playing = false;
    this.onChange();
  }

  /** Jumps to the last keyframe at or before that time [s]. */
  seek(seconds: number): void {
    const { ticks } = this.manifest;
    const wanted = seconds * 1000;
    let found = this.keys[0] ?? 0;
    for (const key of this.keys) if (ticks[key][0] <= wanted) found = key;
    this.next = found;
    this.atMs = ticks[found]?.[0] ?? 0;
    this.lookedMs = performance.now();
    this.tell(found);
    this.next = found + 1;
    this.onChange();
  }

  /** Answers as `fetch` does, for what lies in the page; all else is not there. */
  readonly fetch = (input: RequestInfo | URL): Promise<Response> => {
    const url = new URL(input instanceof Request ? input.url : input, window.location.href);
    const file = this.manifest.files.find(({ path }) => url.pathname.endsWith(`/${path}`));
    if (!file) return Promise.resolve(new Response('{"error": "a recording has no server"}', { status: 404 }));
    const [at, size] = file.span;
    return Promise.resolve(new Response(this.data.slice(at, at + size), { headers: { "content-type": file.type } }));
  };

  /** In place of a WebSocket. */
  connect(): WebSocket {
    this.socket = new RecordedSocket(this);
    return this.socket as unknown as WebSocket;
  }

  /** What a server says after the hello. */
  welcome(hello: Record<string, unknown>): Record<string, unknown> {
    const { epoch, revision, stage } = this.manifest;
    const caps = ["delta", "zstd"];
    const serverTimeNs = this.timeNs();
    return {
      ...{ type: "welcome", protocol: "twin.v1", version: 1, caps, epoch, revision, seq: 0, want: hello.want },
      ...{ rate: 60, tiers: [60], stage, role: "viewer", serverTimeNs, serves: [] },
      limits: { window: 2, maxMessageBytes: 65536, ackTimeoutSeconds: 60 },
    };
  }

  timeNs(): string {
    return String(BigInt(this.manifest.startNs) + BigInt(Math.round(this.atMs * 1000)) * 1000n);
  }

  /** The viewer holds the scene: from now on ticks come. */
  start(): void {
    window.clearInterval(this.timer);
    this.timer = window.setInterval(() => this.look(), STEP_MS);
    this.seek(this.position);
  }

  stop(): void {
    window.clearInterval(this.timer);
  }

  private look(): void {
    const now = performance.now();
    const since = now - this.lookedMs;
    this.lookedMs = now;
    if (!this.playing) return;
    const { ticks } = this.manifest;
    const end = this.seconds * 1000;
    this.atMs += since * this.speed;
    while (this.next < ticks.length && ticks[this.next][0] <= this.atMs) {
      if (ticks[this.next][1] !== 1) this.tell(this.next);
      this.next++;
    }
    if (this.atMs >= end + (this.loop ? PAUSE_MS : 0)) {
      this.atMs = end;
      if (this.loop) this.seek(0);
      else this.pause();
    }
    this.onChange();
  }

  private tell(tick: number): void {
    for (const [at, size] of this.manifest.ticks[tick]?.[3] ?? []) this.socket?.say(this.data.slice(at, at + size));
  }
}

/** As much of a WebSocket as `Link` uses. */
class RecordedSocket {
  binaryType = "arraybuffer";
  readyState: number = WebSocket.CONNECTING;
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: string | ArrayBuffer }) => void) | null = null;
  onclose: ((event: { code: number; reason: string }) => void) | null = null;

  constructor(private readonly recorded: Recorded) {
    window.setTimeout(() => {
      this.readyState = WebSocket.OPEN;
      this.onopen?.();
    });
  }

  send(text: string): void {
    const message = JSON.parse(text) as Record<string, unknown>;
    if (message.type === "hello") this.soon(() => JSON.stringify(this.recorded.welcome(message)));
    else if (message.type === "ready") window.setTimeout(() => this.recorded.start());
    else if (message.type === "pause") this.recorded.stop();
    else if (message.type === "resume") this.recorded.start();
    else if (message.type === "ping")
      this.soon(() => JSON.stringify({ type: "pong", t: message.t, serverTimeNs: this.recorded.timeNs() }));
  }

  close(code = 1000, reason = ""): void {
    this.readyState = WebSocket.CLOSED;
    this.recorded.stop();
    window.setTimeout(() => this.onclose?.({ code, reason }));
  }

  say(data: string | ArrayBuffer): void {
    if (this.readyState === WebSocket.OPEN) this.onmessage?.({ data });
  }

  private soon(make: () => string): void {
    window.setTimeout(() => this.say(make()));
  }
}
