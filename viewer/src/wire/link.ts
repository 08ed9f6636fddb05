/**
 * The websocket: opens it, carries out what `Session` asks for, and opens it again after a break.
 *
 * The only module that talks to the stream. The scene is fetched by the caller (`onFetch`), who then calls
 * `sceneLoaded`; ticks go to `onTick`, who calls `applied` once they are on screen.
 */
import { Backoff } from "./backoff.ts";
import { ClockSync } from "./clock-sync.ts";
import { Session, type Effect, type Tick } from "./session.ts";

const PING_MS = 2000;

export interface LinkHandlers {
  onFetch(epoch: string): void;
  onTick(tick: Tick): void;
  onNotice(level: string, text: string): void;
  onChange(): void;
}

export class Link {
  readonly session = new Session();
  readonly clock = new ClockSync();
  /** When the next attempt is due [ms, performance.now()], or null. */
  retryAt: number | null = null;
  attempts = 0;
  private socket: WebSocket | null = null;
  private readonly backoff = new Backoff();
  private pingTimer = 0;

  constructor(
    private readonly url: string,
    private readonly handlers: LinkHandlers,
  ) {}

  connect(): void {
    this.retryAt = null;
    this.attempts++;
    const socket = new WebSocket(this.url, "twin.v1");
    socket.binaryType = "arraybuffer";
    this.socket = socket;
    socket.onopen = () => this.run(this.session.opened());
    socket.onmessage = (event: MessageEvent<string | ArrayBuffer>) => {
      const { data } = event;
      this.run(typeof data === "string" ? this.session.text(data) : this.session.binary(data));
    };
    socket.onclose = (event) => this.lost(event.code, event.reason);
    window.clearInterval(this.pingTimer);
    this.pingTimer = window.setInterval(() => this.run(this.session.ping(Date.now())), PING_MS);
    this.handlers.onChange();
  }

  sceneLoaded(epoch: string, revision: number): void {
    this.run(this.session.sceneLoaded(epoch, revision));
  }

  applied(seq: number): void {
    this.run(this.session.applied(seq));
  }

  setHidden(hidden: boolean): void {
    this.run(this.session.setHidden(hidden));
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
        if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(effect.message));
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
      case "close":
        this.socket?.close(effect.code, effect.reason.slice(0, 100));
        break;
    }
  }

  private afterSend(type: unknown): void {
    if (type !== "ready") return;
    this.backoff.reset();
    this.run(this.session.ping(Date.now()));
    this.handlers.onChange();
  }

  private lost(code: number, reason: string): void {
    window.clearInterval(this.pingTimer);
    this.clock.reset();
    this.socket = null;
    if (this.session.closed(code, reason)) {
      const delay = this.backoff.delay();
      this.retryAt = performance.now() + delay;
      window.setTimeout(() => this.connect(), delay);
    }
    this.handlers.onChange();
  }
}
