/**
 * The way between this page and the page that has it in a frame. It speaks to one page only, its parent, and only where the
 * server named that page's origin; it holds a token, where one came, in memory and nowhere else.
 */
import { byId, h } from "../ui/dom.ts";
import { readAsked, readOrigins, readPanels, VERSION, type Asked, type Told } from "./messages.ts";

interface Standing {
  readonly asks: boolean;
  readonly name: string | null;
  readonly error?: string;
}

export class Door {
  /** Panels that the address asks for. */
  readonly panels = readPanels(window.location.search);
  /** What is asked once the page is there. */
  onAsked: (asked: Asked) => void = (asked) => void this.early.push(asked);
  private readonly early: Asked[] = [];
  private readonly allowed: ReadonlySet<string>;
  private readonly plainFetch = window.fetch.bind(window);
  private host: string | null = null;
  private token: string | null = null;
  private onToken: ((token: string) => void) | null = null;
  private refused = "";
  private readonly unsaid = new Map<string, Told>();

  /** The door of a page that may be framed; null: this page is no such one. */
  static here(): Door | null {
    const told = document.querySelector<HTMLMetaElement>("meta[name='twinstage-embed']");
    return told ? new Door(readOrigins(told.content)) : null;
  }

  private constructor(origins: readonly string[]) {
    this.allowed = new Set([...origins, window.location.origin]);
    document.documentElement.dataset.embed = this.panels.join(" ");
    if (window.parent !== window) window.addEventListener("message", (event) => this.hear(event));
    window.fetch = (input, init) => this.fetch(input, init);
  }

  /** Tells the page around. What it is told before it has said who it is waits, the newest of each kind. */
  tell(told: Told): void {
    if (this.host === null) this.unsaid.set(told.type, told);
    else window.parent.postMessage({ twinstage: VERSION, ...told }, this.host);
  }

  /** What was asked before anybody could do it. */
  takeEarly(): Asked[] {
    return this.early.splice(0);
  }

  private hear(event: MessageEvent<unknown>): void {
    if (event.source !== window.parent) return;
    const asked = readAsked(event.data);
    if (asked === null) return;
    if (!this.allowed.has(event.origin)) return this.refuse(event.origin);
    if (typeof asked === "string") return this.tell({ type: "error", text: asked });
    if (asked.type === "connect") this.connect(event.origin);
    else if (this.host !== event.origin) return;
    else if (asked.type === "token") this.take(asked.token);
    else this.onAsked(asked);
  }

  private refuse(origin: string): void {
    if (this.refused === origin) return;
    this.refused = origin;
    console.error(`Twinstage: pages of ${origin} may not speak to this twin; --allow-embed ${origin} lets them.`);
  }

  private connect(origin: string): void {
    this.host = origin;
    this.tell({ type: "hello", version: VERSION });
    for (const told of this.unsaid.values()) this.tell(told);
    this.unsaid.clear();
  }

  // --- who looks --------------------------------------------------------------------------------------------------

  /** Resolves when the twin lets this page in: at once, by the browser's cookie, or with a token that somebody gave. */
  async admitted(): Promise<void> {
    let standing = await this.standing();
    if (!standing?.asks || standing.name !== null) return;
    const form = new SignInForm((token) => this.onToken?.(token));
    byId("picture").append(form.element);
    while (standing?.asks && standing.name === null) {
      this.tell({ type: "signin", reason: standing.error ?? "this twin asks for a token" });
      const token = await new Promise<string>((resolve) => (this.onToken = resolve));
      this.onToken = null;
      standing = await this.signIn(token);
      if (standing?.name) this.token = token;
      form.say(standing?.error ?? "");
    }
    form.element.remove();
  }

  private signIn(token: string): Promise<Standing | null> {
    const headers = { "content-type": "application/json" };
    // Where the browser keeps cookies of framed pages, the next visit needs no token.
    return this.standing({ method: "POST", headers, body: JSON.stringify({ token }) });
  }

  private async standing(init: RequestInit = {}): Promise<Standing | null> {
    const answer = await this.plainFetch("api/session", { cache: "no-store", ...init }).catch(() => null);
    const told = (await answer?.json().catch(() => null)) as (Standing & { error?: string }) | null | undefined;
    if (!answer || !told) return null; // the link tells of that
    return answer.ok ? told : { asks: true, name: null, error: told.error ?? `the server answered ${answer.status}` };
  }

  private take(token: string): void {
    if (this.onToken) this.onToken(token);
    // Somebody is signed out, and the page around has another token: the page begins anew, and is given it.
    else if (document.querySelector("#card:not([hidden])[data-kind='signedOut']")) window.location.reload();
  }

  private fetch(input: RequestInfo | URL, init?: RequestInit): Promise<Response> {
    if (this.token === null) return this.plainFetch(input, init);
    const request = new Request(input, init);
    if (new URL(request.url).origin === window.location.origin) request.headers.set("authorization", `Bearer ${this.token}`);
    return this.plainFetch(request);
  }

  /** Opens the stream; a token goes as a subprotocol, never into an address. */
  readonly open = (url: string): WebSocket =>
    new WebSocket(url, this.token === null ? "twin.v1" : ["twin.v1", `twin.token.${base64url(this.token)}`]);
}

class SignInForm {
  readonly element: HTMLElement;
  private readonly wrong = h("p", { class: "embed-wrong", role: "alert", hidden: "" });

  constructor(done: (token: string) => void) {
    const field = h("input", { type: "password", id: "embed-token", autocomplete: "current-password", required: "" });
    const form = h("form", {}, h("label", { for: "embed-token" }, "Token"), field, h("button", { class: "button" }, "Sign in"));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (field.value.trim()) done(field.value.trim());
      field.value = "";
    });
    this.element = h("section", { class: "embed-sign-in", "aria-label": "Sign in" }, h("h2", {}, "Sign in to this twin"), this.wrong, form);
  }

  say(sentence: string): void {
    this.wrong.textContent = sentence;
    this.wrong.hidden = !sentence;
  }
}

function base64url(text: string): string {
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}
