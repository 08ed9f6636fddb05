/**
 * <twin-view src="http://twin:8000/" selected="/Cell/Robot" panels="tree,alarms"></twin-view>
 *
 * A twin in a frame of its own inside any page: `docs/embedding.md` lists attributes, properties, methods and events. Depends
 * on nothing; served by each twin as /embed/twin-view.js.
 */
import { pageOf } from "./address.ts";
import { VERSION, type Asked, type Look, type Told, type ToldAlarm, type Vector } from "./messages.ts";

/** When the frame is asked who it is, after it has loaded [ms]; a blocked one never answers, a slow one may do so late. */
const ASK_MS = [0, 1000, 4000, 15_000, 40_000];
const GIVE_UP_MS = 10_000;

const STYLE = `
:host { display: block; position: relative; min-height: 200px; background: #14171a; }
:host([hidden]) { display: none; }
iframe { position: absolute; inset: 0; width: 100%; height: 100%; border: 0; }
p { position: absolute; inset: 0; display: grid; place-items: center; margin: 0; padding: 16px; color: #e8eaed; background: #14171a; font: 14px/1.5 system-ui, sans-serif; text-align: center; }
p[hidden] { display: none; }
`;

export type { Look, ToldAlarm };
export interface Camera {
  readonly position: Vector;
  readonly target: Vector;
  readonly fov: number;
}
type Ready = Omit<Extract<Told, { type: "ready" }>, "type">;

export class TwinView extends HTMLElement {
  static readonly observedAttributes = ["src", "selected", "panels", "theme"];
  /** What the view was told at last, or told itself. */
  camera: Camera | null = null;
  alarms: readonly ToldAlarm[] = [];
  link = "connecting";
  /** Of the stage, once its first picture is there. */
  info: Ready | null = null;
  /** The twin's time [ms since 1970]; the moment of the past that is looked at, or null. */
  now = Number.NaN;
  at: number | null = null;
  private tokenText: string | null = null;
  private asksToken = false;
  private path: string | null = null;
  private readonly frame = document.createElement("iframe");
  private readonly sentence = document.createElement("p");
  private greeted = false;
  private timers: number[] = [];
  private waiting: Asked[] = [];
  private shownUrl = "";
  private readonly listen = (event: MessageEvent<unknown>): void => this.hear(event);

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open" });
    const style = new CSSStyleSheet();
    style.replaceSync(STYLE);
    root.adoptedStyleSheets = [style];
    this.frame.referrerPolicy = "origin"; // so that the twin can say why it refuses
    this.frame.allow = "fullscreen";
    this.frame.addEventListener("load", () => this.greet());
    this.sentence.hidden = true;
    this.sentence.setAttribute("role", "alert");
    root.append(this.frame, this.sentence);
  }

  connectedCallback(): void {
    window.addEventListener("message", this.listen);
    this.frame.title = this.getAttribute("aria-label") ?? "Twin";
    for (const name of ["src", "panels", "selected", "token"] as const) this.adopt(name);
    this.show();
  }

  /** A property that the page set before this file had come lies on the element, in front of ours. */
  private adopt(name: "src" | "panels" | "selected" | "token"): void {
    if (!Object.hasOwn(this, name)) return;
    const value = (this as Record<string, unknown>)[name];
    delete (this as Record<string, unknown>)[name];
    (this as Record<string, unknown>)[name] = value;
  }

  disconnectedCallback(): void {
    window.removeEventListener("message", this.listen);
    this.stopAsking();
  }

  attributeChangedCallback(name: string, before: string | null, now: string | null): void {
    if (before === now) return;
    if (name === "selected") {
      const path = now || null;
      if (path !== this.path) this.post({ type: "select", path: (this.path = path) });
    } else if (name === "theme" && this.shownUrl) this.post({ type: "theme", theme: (now ?? "dark") as "dark" });
    else if (this.isConnected) this.show();
  }

  // --- properties and methods ------------------------------------------------------------------------------------

  get src(): string {
    return this.getAttribute("src") ?? "";
  }

  set src(text: string) {
    this.setAttribute("src", text);
  }

  get panels(): string {
    return this.getAttribute("panels") ?? "";
  }

  set panels(text: string) {
    this.setAttribute("panels", text);
  }

  /** Path of the selected prim or point, or null. */
  get selected(): string | null {
    return this.path;
  }

  set selected(path: string | null) {
    if (path === this.path) return;
    this.path = path;
    this.post({ type: "select", path });
    this.reflect();
  }

  /** For a twin that asks for one: it goes to the twin's own page alone, and is kept nowhere. */
  set token(text: string | null) {
    this.tokenText = text;
    if (text !== null && this.asksToken) this.post({ type: "token", token: text });
  }

  get ready(): boolean {
    return this.info !== null;
  }

  look(look: Look): void {
    this.post({ type: "look", look });
  }

  /** Brings a prim into the picture; nothing said: the selection, or all. */
  zoomTo(path: string | null = this.path): void {
    this.look(path ? { frame: path } : { home: true });
  }

  /** Looks at a moment of the past; null: at what is now. */
  seek(moment: number | string | Date | null): void {
    const at = moment === null ? null : new Date(moment).getTime();
    if (at !== null && !Number.isFinite(at)) throw new RangeError(`${String(moment)} is no moment`);
    this.post({ type: "time", at });
  }

  // --- the frame -------------------------------------------------------------------------------------------------

  private show(): void {
    if (!this.src) return this.fail("twin-view: the attribute src, the address of a twin, is missing");
    let url: URL;
    try {
      url = pageOf(this.src, this.panels, this.getAttribute("theme"), document.baseURI);
    } catch {
      return this.fail(`twin-view: src ${JSON.stringify(this.src)} is no address`);
    }
    if (url.href === this.shownUrl) return;
    if (this.shownUrl && this.origin !== url.origin) this.forgetToken();
    this.shownUrl = url.href;
    this.sentence.hidden = true;
    this.info = null;
    this.frame.src = url.href;
  }

  /** Another twin is no party to it. */
  private forgetToken(): void {
    this.tokenText = null;
    this.asksToken = false;
    this.waiting = this.waiting.filter(({ type }) => type !== "token");
  }

  private get origin(): string {
    return new URL(this.shownUrl).origin;
  }

  /** Another page is in the frame: it is asked who it is. */
  private greet(): void {
    if (!this.shownUrl || !this.isConnected) return;
    this.stopAsking();
    this.greeted = false;
    for (const ms of ASK_MS) this.timers.push(window.setTimeout(() => this.send({ type: "connect" }), ms));
    const here = window.location.origin;
    const why = `${this.origin} does not answer in this frame: the twin is not there, or it does not let pages of ${here} show it (twinstage serve --allow-embed ${here}).`;
    this.timers.push(window.setTimeout(() => this.fail(why), GIVE_UP_MS));
  }

  private stopAsking(): void {
    for (const timer of this.timers.splice(0)) window.clearTimeout(timer);
  }

  private fail(text: string): void {
    this.sentence.textContent = text;
    this.sentence.hidden = false;
    console.error(`Twinstage: ${text}`);
    this.tell("error", { text });
  }

  private post(asked: Asked): void {
    if (this.greeted) this.send(asked);
    else {
      this.waiting = this.waiting.filter(({ type }) => type !== asked.type);
      this.waiting.push(asked);
    }
  }

  private send(asked: Asked): void {
    this.frame.contentWindow?.postMessage({ twinstage: VERSION, ...asked }, this.origin);
  }

  private hear({ source, origin, data }: MessageEvent<unknown>): void {
    if (source !== this.frame.contentWindow || !this.shownUrl || origin !== this.origin) return;
    const told = data as (Told & { twinstage?: number }) | null;
    if (told?.twinstage !== VERSION) return;
    this.take(told);
  }

  private take(told: Told): void {
    switch (told.type) {
      case "hello":
        if (this.greeted) return;
        this.stopAsking();
        this.greeted = true;
        this.sentence.hidden = true;
        if (this.path !== null && !this.waiting.some(({ type }) => type === "select")) this.send({ type: "select", path: this.path });
        for (const asked of this.waiting.splice(0)) this.send(asked);
        return;
      case "signin":
        this.asksToken = true;
        if (this.tokenText !== null) this.send({ type: "token", token: this.tokenText });
        return this.tell("signin", { reason: told.reason });
      case "ready": {
        const { type, ...info } = told;
        this.asksToken = false;
        this.info = info;
        return this.tell(type, info);
      }
      case "selected":
        if (told.path === this.path) return;
        this.path = told.path;
        this.reflect();
        return this.tell("select", { path: told.path });
      case "clicked":
        return this.tell("click", { path: told.path, position: told.position });
      case "camera":
        this.camera = { position: told.position, target: told.target, fov: told.fov };
        return this.tell("camera", this.camera);
      case "time":
        this.now = told.now ?? Number.NaN;
        this.at = told.at;
        return this.tell("time", { now: told.now, at: told.at });
      case "alarm":
        this.alarms = told.alarms;
        return this.tell("alarm", { alarms: told.alarms, raised: told.raised });
      case "link":
        this.link = told.state;
        return this.tell("link", { state: told.state, text: told.text });
      case "error":
        console.warn(`Twinstage: ${told.text}`);
        return this.tell("error", { text: told.text });
      default:
    }
  }

  private reflect(): void {
    if (this.path === null) this.removeAttribute("selected");
    else this.setAttribute("selected", this.path);
  }

  private tell(name: string, detail: unknown): void {
    this.dispatchEvent(new CustomEvent(`twin-${name}`, { detail, bubbles: true, composed: true }));
  }
}

export function define(): void {
  if (!customElements.get("twin-view")) customElements.define("twin-view", TwinView);
}

define();
