/**
 * A view in a notebook (anywidget): the component, tied to traits of the Python side. The notebook's page tells the kernel where it
 * is shown, so that the twin lets exactly this page frame it; then the frame gets its address.
 */
import { addressOf } from "./address.ts";
import { define, type TwinView } from "./twin-view.ts";

/** What anywidget hands over. */
interface Model {
  get(name: string): unknown;
  set(name: string, value: unknown): void;
  save_changes(): void;
  on(event: string, then: (message?: unknown) => void): void;
  off(event: string, then?: (message?: unknown) => void): void;
  send(message: unknown): void;
}

/** The link may be down for so long before the sentence about the kernel comes [ms]. */
const PATIENCE_MS = 4000;
const GONE = "The kernel of this view has ended or was restarted: run the cell again.";

/** The notebook server's own base, as JupyterLab and the classic page say it. */
function baseUrl(): string {
  const lab = document.getElementById("jupyter-config-data")?.textContent;
  const told = lab ? (JSON.parse(lab) as { baseUrl?: string }).baseUrl : document.body.dataset.baseUrl;
  return told ?? "/";
}

function render({ model, el }: { model: Model; el: HTMLElement }): () => void {
  define();
  const view = document.createElement("twin-view") as TwinView;
  const note = document.createElement("p");
  note.hidden = true;
  note.setAttribute("role", "alert");
  note.className = "twinstage-note";
  view.style.height = `${Number(model.get("height"))}px`;
  el.append(note);

  const set = (name: string, value: unknown): void => {
    model.set(name, value);
    model.save_changes();
  };
  const say = (text: string): void => {
    note.textContent = text;
    note.hidden = !text;
  };
  let timer = 0;
  const heard: Record<string, (detail: never) => void> = {
    "twin-select": ({ path }: { path: string | null }) => set("selected", path),
    "twin-camera": (camera: object) => set("camera", camera),
    "twin-time": ({ now, at }: { now: number | null; at: number | null }) => {
      model.set("now_ms", now);
      set("at_ms", at);
    },
    "twin-alarm": ({ alarms }: { alarms: unknown }) => set("alarms", alarms),
    "twin-ready": () => set("ready", true),
    "twin-click": (detail: object) => model.send({ type: "click", ...detail }),
    "twin-link": ({ state }: { state: string }) => {
      window.clearTimeout(timer);
      if (state === "live") say("");
      else if (state === "down") timer = window.setTimeout(() => say(GONE), PATIENCE_MS);
    },
  };
  for (const [name, then] of Object.entries(heard))
    view.addEventListener(name, (event) => then((event as CustomEvent<never>).detail));

  const changes: Record<string, () => void> = {
    selected: () => (view.selected = model.get("selected") as string | null),
    height: () => (view.style.height = `${Number(model.get("height"))}px`),
    panels: () => (view.panels = String(model.get("panels"))),
  };
  for (const [name, then] of Object.entries(changes)) model.on(`change:${name}`, then);
  const asked = (message: unknown): void => {
    const told = message as { type: string; look?: never; at?: number | null; token?: string; text?: string };
    if (told.type === "look" && told.look) view.look(told.look);
    else if (told.type === "time") view.seek(told.at ?? null);
    else if (told.type === "say") say(told.text ?? "");
    else if (told.type === "open") open(told.token ?? "");
  };
  model.on("msg:custom", asked);

  const open = (token: string): void => {
    changes.panels();
    view.token = token || null;
    if (model.get("selected")) changes.selected();
    view.src = addressOf(Number(model.get("port")), String(model.get("url")), window.location, baseUrl());
    el.append(view);
  };
  // The twin answers "open" once it knows this page.
  const { origin, host } = window.location;
  model.send({ type: "here", origin, host });
  timer = window.setTimeout(() => !view.src && !note.textContent && say(GONE), PATIENCE_MS);

  return () => {
    window.clearTimeout(timer);
    for (const [name, then] of Object.entries(changes)) model.off(`change:${name}`, then);
    model.off("msg:custom", asked);
  };
}

export default { render };
