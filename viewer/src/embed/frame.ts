/** The compact page: does what the page around asks, tells it what happens, and shows the time beside the link. */
import type { Bench } from "../bench.ts";
import { SIGNED_OUT } from "../core/page-state.ts";
import { formatClock } from "../core/format.ts";
import { h, setText } from "../ui/dom.ts";
import { figuresOf } from "../ui/status-figures.ts";
import type { Door } from "./door.ts";
import type { Asked, Look, ToldAlarm } from "./messages.ts";

const WATCH_MS = 250;
const TIME_MS = 1000;
const ALARMS_MS = 200;
interface Alarm extends Omit<ToldAlarm, "prim"> {
  readonly signal: string;
}

export class Frame {
  private selected: string | null | undefined;
  private camera = "";
  private link = "";
  private timeDue = 0;
  private at: number | null = null;
  private raised: ReadonlySet<string> | null = null;
  private alarmsTimer = 0;
  private started = false;
  private readonly clock = h("span", { class: "badge embed-clock", title: "The plant's time" });

  constructor(
    private readonly bench: Bench,
    private readonly door: Door,
  ) {
    bench.addBadge(this.clock, 950);
    bench.app.on.stage.add(() => this.start());
    bench.app.on.drawn.add(() => this.start());
    bench.watch(
      (state) => state.selected,
      () => this.tellSelected(),
    );
    bench.onClick((path, position) => door.tell({ type: "clicked", path, position }));
    bench.onAlarm(() => this.alarmsSoon());
    bench.app.on.broken.add((reason) => reason !== null && door.tell({ type: "error", text: `the scene cannot be shown: ${reason}` }));
    window.setInterval(() => this.look(performance.now()), WATCH_MS);
  }

  /** The first picture is there: what was asked before is done now. */
  private start(): void {
    const { bench, door } = this;
    const { scene, app } = bench;
    if (this.started || !scene || !app.ready) return;
    this.started = true;
    const { name, upAxis, metersPerUnit } = scene.json.stage;
    door.onAsked = (asked) => this.answer(asked);
    for (const asked of door.takeEarly()) this.answer(asked);
    door.tell({ type: "ready", stage: name, prims: scene.primCount, upAxis, metersPerUnit, role: bench.role, history: this.hasHistory });
    this.tellSelected();
    this.alarmsSoon();
  }

  private get hasHistory(): boolean {
    return isOn(this.bench, "time.live");
  }

  // --- what is asked -----------------------------------------------------------------------------------------------

  private answer(asked: Asked): void {
    const { bench } = this;
    switch (asked.type) {
      case "select":
        if (asked.path !== null && !this.known(asked.path)) return;
        return bench.dispatch({ type: "select", path: asked.path });
      case "look":
        return this.goTo(asked.look);
      case "time":
        if (asked.at === null) return void bench.runCommand("time.live");
        if (!this.hasHistory) return this.door.tell({ type: "error", text: "this twin keeps no history: serve it with --history" });
        return bench.restorePart("at", new Date(asked.at).toISOString());
      case "theme":
        return bench.dispatch({ type: "theme", theme: asked.theme });
      default:
    }
  }

  private goTo(look: Look): void {
    const { bench } = this;
    const { scene, stage, viewport } = bench;
    if ("home" in look) viewport.home(true);
    else if ("through" in look) {
      const index = scene?.json.cameras.findIndex(({ path }) => path === look.through) ?? -1;
      if (index < 0) this.door.tell({ type: "error", text: `the stage has no camera ${look.through}` });
      else bench.app.useCamera(index);
    } else if ("frame" in look) {
      if (scene && stage && this.known(look.frame)) viewport.frameInstances(stage.instancesUnder(scene.nodeAt(look.frame)));
    } else if (stage) {
      const { position, target, fov = viewport.rig.save(stage.origin).fov } = look;
      viewport.rig.restore({ position, target, fov, half: 0 }, stage.origin, false);
      viewport.invalidate();
    }
  }

  private known(path: string): boolean {
    if ((this.bench.scene?.nodeAt(path) ?? -1) >= 0) return true;
    this.door.tell({ type: "error", text: `the stage has no prim ${path}` });
    return false;
  }

  // --- what is told ------------------------------------------------------------------------------------------------

  private tellSelected(): void {
    const { selected } = this.bench.state;
    if (!this.started || selected === this.selected) return;
    this.selected = selected;
    this.door.tell({ type: "selected", path: selected });
  }

  private look(now: number): void {
    const { bench, door } = this;
    setText(this.clock, `${formatClock(bench.now())} UTC`);
    const { state, text } = figuresOf(bench.app, now);
    if (state !== this.link) {
      door.tell({ type: "link", state: (this.link = state), text });
      const { closeCode, reason } = bench.link.session;
      if (state === "ended" && closeCode === SIGNED_OUT) door.tell({ type: "signin", reason });
    }
    if (!this.started) return;
    this.tellCamera();
    const at = bench.pastMs;
    if (now < this.timeDue && (at === null) === (this.at === null)) return;
    this.timeDue = now + TIME_MS;
    this.at = at;
    const shown = bench.now();
    door.tell({ type: "time", now: Number.isFinite(shown) && shown > 0 ? Math.round(shown) : null, at });
  }

  private tellCamera(): void {
    const { stage, rig } = this.bench.viewport;
    if (!stage) return;
    const { position, target, fov } = rig.save(stage.origin);
    const text = [...position, ...target, fov].map((value) => value.toFixed(4)).join();
    if (text === this.camera) return;
    this.camera = text;
    this.door.tell({ type: "camera", position, target, fov });
  }

  private alarmsSoon(): void {
    if (!this.started || this.alarmsTimer) return;
    this.alarmsTimer = window.setTimeout(() => {
      this.alarmsTimer = 0;
      void this.tellAlarms();
    }, ALARMS_MS);
  }

  private async tellAlarms(): Promise<void> {
    const { bench } = this;
    const told = await bench.rest.get<{ alarms: readonly Alarm[] }>("api/v1/alarms").catch(() => null);
    if (!told) return; // this twin has none
    const bound = Object.entries(bench.scene?.json.bindings ?? {});
    const primOf = (signal: string): string | null => bound.find(([, signals]) => signals.includes(signal))?.[0] ?? null;
    const alarms = told.alarms.map(({ id, priority, state, message, value, unit, raised, signal }) => ({
      ...{ id, priority, state, message, value, unit, raised },
      prim: primOf(signal),
    }));
    const keys = new Set(alarms.map(({ id, raised }) => `${id} ${raised}`));
    const raised = alarms.filter(({ id, raised: since }) => this.raised && !this.raised.has(`${id} ${since}`)).map(({ id }) => id);
    this.raised = keys;
    this.door.tell({ type: "alarm", alarms, raised });
  }
}

function isOn(bench: Bench, id: string): boolean {
  const command = bench.commands.get(id);
  return command !== undefined && (command.enabled?.() ?? true);
}
