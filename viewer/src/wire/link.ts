/**
 * The websocket: opens it, carries out what `Session` asks for, and opens it again after a break.
 *
 * The only module that talks to the stream. The scene is fetched by the caller (`onFetch`), who then calls
 * `sceneLoaded`; ticks go to `onTick`, who calls `applied` once they are on screen.
 */
import { Latency } from "../core/latency.ts";
import { meter } from "../core/meter.ts";
import { Backoff } from "./backoff.ts";
import { ClockSync } from "./clock-sync.ts";
import { type Answer, type CommandFields, type EditEvent, newId } from "./commands.ts";
import { Session, type ControlUse, type PlayheadUse, type Effect, type Interest, type Tick } from "./session.ts";

/** Pings that go unanswered, with nothing else heard since, before the connection counts as lost. */
const MOST_UNHEARD = 5;
const PATIENCE_MS = 10_000;
/** A connection that lived this long was a good one: the next attempt comes soon [ms]. */
const GOOD_MS = 5000;

export interface LinkHandlers {
  onFetch(epoch: string): void;
  onTick(tick: Tick): void;
  onNotice(level: string, text: string): void;
  onAlarm(): void;
  /** Of kinds that the link does not know, such as `overlay`. */
  onEvent?(name: string, data: unknown): void;
  onChange(): void;
}

export class Link {
  readonly session = new Session();
  readonly clock = new ClockSync();
  /** When the next attempt is due [ms, performance.now()], or null. */
  retryAt: number | null = null;
  attempts = 0;
  /** From the making of a tick at the server to its picture here. */
  readonly latency = new Latency();
  /** Hears every message: raw panels and logs. `at`: local time [ms]. */
  readonly taps = new Set<(way: "in" | "out", data: string | ArrayBuffer, at: number) => void>();
  /** Time that taking in messages has cost since the last acknowledgement [ms]. */
  private decodeMs = 0;
  /** The same since the page was opened. */
  decodedMs = 0;
  private liveSince = Number.NaN;
  private readonly asked = new Map<string, (answer: Answer) => void>();
  private readonly editListeners = new Set<(edit: EditEvent) => void>();
  private socket: WebSocket | null = null;
  private readonly backoff = new Backoff();
  private pingTimer = 0;
  private retryTimer = 0;
  /** Totals of what came: bytes without the transport's own, messages. */
  readonly traffic = { bytes: 0, messages: 0 };
  /** Pings since the last message: a network that has forgotten a connection tells nobody. */
  private unheard = 0;

  constructor(
    private readonly url: string,
    private readonly handlers: LinkHandlers,
    /** Opens the connection; a page that holds a recording has another way. */
    private readonly open: (url: string) => WebSocket = (address) => new WebSocket(address, "twin.v1"),
    private readonly patienceMs = PATIENCE_MS,
  ) {}

  /** Tries now what is due later. */
  retry(): void {
    if (this.retryAt === null) return;
    window.clearTimeout(this.retryTimer);
    this.connect();
  }

  connect(): void {
    this.retryAt = null;
    this.attempts++;
    const socket = this.open(this.url);
    socket.binaryType = "arraybuffer";
    this.socket = socket;
    socket.onopen = () => this.run(this.session.opened());
    socket.onmessage = (event: MessageEvent<string | ArrayBuffer>) => this.receive(event.data);
    socket.onclose = (event) => this.lost(event.code, event.reason);
    window.clearInterval(this.pingTimer);
    this.unheard = 0;
    this.pingTimer = window.setInterval(() => this.watch(socket), this.patienceMs / MOST_UNHEARD);
    this.handlers.onChange();
  }

  /** Pings; gives up a connection on which nothing comes any more. Counted, not timed: a hidden tab's timers are slow. */
  private watch(socket: WebSocket): void {
    if (++this.unheard <= MOST_UNHEARD) {
      this.run(this.session.ping(Date.now()));
      return;
    }
    socket.onmessage = socket.onclose = null; // its own end may come much later
    socket.close();
    this.lost(1006, "nothing is heard from the server any more");
  }

  private receive(data: string | ArrayBuffer): void {
    this.unheard = 0;
    this.traffic.messages++;
    this.traffic.bytes += typeof data === "string" ? data.length : data.byteLength;
    const begin = performance.now();
    meter.step?.("decode");
    for (const tap of this.taps) tap("in", data, begin);
    const effects = typeof data === "string" ? this.session.text(data) : this.session.binary(data);
    const spent = performance.now() - begin;
    meter.step?.("decoded");
    this.decodeMs += spent;
    this.decodedMs += spent;
    this.run(effects);
  }

  sceneLoaded(epoch: string, revision: number, nodes: number, signals: number): void {
    this.run(this.session.sceneLoaded(epoch, revision, nodes, signals));
  }

  /** The ticks up to `seq` are on screen; `madeMs` tells when the newest was made, `applyMs` what showing it took. */
  applied(seq: number, madeMs: number, fps: number, applyMs: number): void {
    const age = this.clock.serverTime(Date.now()) - madeMs;
    if (madeMs > 0 && Number.isFinite(age)) this.latency.add(age, performance.now());
    const pace = { fps: Math.round(fps * 10) / 10, applyMs: Math.round((this.decodeMs + applyMs) * 100) / 100 };
    this.decodeMs = 0;
    this.run(this.session.applied(seq, pace));
  }

  setInterest(interest: Interest | null): void {
    this.run(this.session.setInterest(interest));
  }

  setRate(hz: number | null): void {
    this.run(this.session.setRate(hz));
  }

  /** Somebody used a control of a program (docs/overlays.md). */
  useControl(name: string, what: ControlUse): void {
    this.run(this.session.useControl(name, what));
  }

  /** Leads, follows or leaves the shared playhead (docs/protocol.md). */
  usePlayhead(what: PlayheadUse): void {
    this.run(this.session.usePlayhead(what));
  }

  askDigest(): void {
    this.run(this.session.askDigest());
  }

  setHidden(hidden: boolean): void {
    this.run(this.session.setHidden(hidden));
  }

  /** Asks the twin for a change (docs/commands.md). Resolves with its answer, refusals too; waits out a lost connection. */
  command(fields: CommandFields): Promise<Answer> {
    const id = newId();
    return new Promise((resolve) => {
      this.asked.set(id, resolve);
      this.run(this.session.command(id, fields));
    });
  }

  /** Calls `then` for each `edit` event: somebody, perhaps this viewer, changed the twin. */
  onEdit(then: (edit: EditEvent) => void): () => void {
    this.editListeners.add(then);
    return () => this.editListeners.delete(then);
  }

  private answered(answer: Answer): void {
    this.asked.get(answer.id)?.(answer);
    this.asked.delete(answer.id);
  }

  /** Gives up this connection as if it had broken; a new one follows. */
  drop(): void {
    this.socket?.close();
  }

  private run(effects: Effect[]): void {
    for (const effect of effects) this.carryOut(effect);
  }

  private carryOut(effect: Effect): void {
    switch (effect.kind) {
      case "send":
        if (this.socket?.readyState === WebSocket.OPEN) this.send(JSON.stringify(effect.message));
        this.afterSend(effect.message.type);
        break;
      case "fetch":
        this.handlers.onFetch(effect.epoch);
        this.handlers.onChange();
        break;
      case "tick":
        this.handlers.onTick(effect.tick);
        break;
      case "pong":
        this.clock.add(effect.sent, Date.now(), effect.serverMs);
        break;
      case "notice":
        this.handlers.onNotice(effect.level, effect.text);
        break;
      case "alarm":
        this.handlers.onAlarm();
        break;
      case "event":
        this.handlers.onEvent?.(effect.name, effect.data);
        break;
      case "answer":
        this.answered(effect.answer);
        break;
      case "edit":
        for (const then of this.editListeners) then(effect.edit);
        break;
      case "close":
        this.socket?.close(effect.code, effect.reason.slice(0, 100));
        break;
    }
  }

  private send(text: string): void {
    this.socket?.send(text);
    for (const tap of this.taps) tap("out", text, performance.now());
  }

  private afterSend(type: unknown): void {
    if (type !== "ready") return;
    this.liveSince = performance.now();
    this.run(this.session.ping(Date.now()));
    this.handlers.onChange();
  }

  private lost(code: number, reason: string): void {
    window.clearInterval(this.pingTimer);
    this.clock.reset();
    this.latency.reset();
    this.socket = null;
    if (performance.now() - this.liveSince > GOOD_MS) this.backoff.reset();
    this.liveSince = Number.NaN;
    if (this.session.closed(code, reason)) {
      const delay = this.backoff.delay();
      this.retryAt = performance.now() + delay;
      this.retryTimer = window.setTimeout(() => this.connect(), delay);
    }
    this.handlers.onChange();
  }
}
