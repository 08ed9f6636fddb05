/** The twin's REST interface, asked from the page. */
import { isoOf } from "../core/playhead.ts";
import { errorOf } from "../wire/refused.ts";
import type { Rest } from "../workbench.ts";

/** What the server answered instead of what was asked for; the message is its sentence. */
export class RestError extends Error {
  constructor(
    /** HTTP status; 0: it cannot be reached. */
    readonly status: number,
    message: string,
  ) {
    super(message);
    this.name = "RestError";
  }
}

/** Parts that a server may lack, by the first word of their paths. */
const PART = /^\/?api\/(?:v1\/)?(prims|values|bindings|history|past|alarms|edits|overlays|playback|datasets)(?=[/?]|$)/;
const ALARMS = /^\/?api\/(v1\/)?alarms$/;

export class Server implements Rest {
  /** Told when the server wants to know who asks (401). */
  onSignedOut: () => void = () => undefined;

  /** The moment that is looked at [ms since 1970]; null: now. Questions about how alarms stand are about that moment. */
  atMs: number | null = null;

  constructor(
    private readonly base: string,
    /** Whether the server has a part of the interface: what it lacks is not asked for. */
    private readonly serves: (part: string) => boolean = () => true,
  ) {}

  get<T>(path: string, query: Readonly<Record<string, string | number | undefined>> = {}): Promise<T> {
    if (this.atMs !== null && ALARMS.test(path))
      return this.ask<T>("api/v1/past/alarms", { ...query, at: isoOf(this.atMs) }, { cache: "no-store" });
    return this.ask<T>(path, query, { cache: "no-store" });
  }

  post<T>(path: string, body: unknown): Promise<T> {
    const headers = { "content-type": "application/json" };
    return this.ask<T>(path, {}, { method: "POST", headers, body: JSON.stringify(body) });
  }

  private async ask<T>(
    path: string,
    query: Readonly<Record<string, string | number | undefined>>,
    init: RequestInit,
  ): Promise<T> {
    const part = PART.exec(path)?.[1];
    if (part !== undefined && !this.serves(part)) throw new RestError(404, `This server has no ${part}.`);
    const url = new URL(path.replace(/^\//, ""), this.base);
    for (const [name, value] of Object.entries(query)) if (value !== undefined) url.searchParams.set(name, String(value));
    const answer = await fetch(url, init).catch(() => null);
    if (!answer) throw new RestError(0, "The server cannot be reached.");
    const told: unknown = await answer.json().catch(() => null);
    if (answer.ok) return told as T;
    if (answer.status === 401) this.onSignedOut();
    throw new RestError(answer.status, errorOf(told) ?? `The server answered ${answer.status} for ${url.pathname}.`);
  }
}
