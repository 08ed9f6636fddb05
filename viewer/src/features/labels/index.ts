/** Labels: the scene coloured by class, how much of the view has one, and labels given by hand (docs/viewer.md). */
import { deskOf } from "../../edit/desk.ts";
import { refusal } from "../../edit/sentences.ts";
import type { SceneData } from "../../wire/scene-data.ts";
import type { Feature, Workbench } from "../../workbench.ts";
import { classRgb, rgbOf, tintOf } from "./colors.ts";
import { Counter } from "./counter.ts";
import { coverageOf, type Coverage } from "./coverage.ts";
import { LabelsPanel } from "./panel.ts";
import { AMBIGUOUS, classesOf, type Standings, standings, taxonomiesOf, UNLABELLED } from "./standing.ts";
import { labelEdits, matching, suggestedLabel, targetOf } from "./targets.ts";

const NAME = "labels";
const MOST_CHOSEN = 2000;
const OUTLINE = 0xffd24a;

export const labels: Feature = {
  name: NAME,
  install(bench) {
    new LabelDesk(bench);
  },
};

interface Settings {
  readonly on: boolean;
  readonly taxonomy: string;
}

function settingsFrom(kept: unknown): Settings {
  const { on, taxonomy } = (kept ?? {}) as Partial<Settings>;
  return { on: on === true, taxonomy: typeof taxonomy === "string" && /^\w+(:\w+)*$/.test(taxonomy) ? taxonomy : "class" };
}

class LabelDesk {
  private settings = settingsFrom(null);
  private scene: SceneData | null = null;
  private standings: Standings | null = null;
  private classes: readonly string[] = [];
  private coverage: Coverage | null = null;
  private readonly chosen = new Set<string>();
  private clicking = false;
  private readonly panel: LabelsPanel;
  private readonly counter: Counter;
  private readonly outline;

  constructor(private readonly bench: Workbench) {
    const desk = deskOf(bench);
    this.outline = bench.viewport.addOutline(OUTLINE, 2, 0.9);
    this.panel = new LabelsPanel({
      setOn: (on) => this.set({ on }),
      setTaxonomy: (taxonomy) => this.set({ taxonomy }),
      measure: () => this.count(),
      select: (path) => bench.dispatch({ type: "select", path }),
      choose: (paths, chosen) => this.choose(paths, chosen),
      add: (pattern) => this.add(pattern),
      addSelected: () => this.addSelected(),
      setClicking: (on) => this.setClicking(on),
      clear: () => this.choose([...this.chosen], false),
      apply: (label) => void this.apply(label),
      undo: () => void this.undo(),
    });
    this.counter = new Counter(bench.viewport, () => this.count());
    bench.addPanel({ id: NAME, title: "Labels", side: "right", order: 40, element: this.panel.element, shown: (visible) => this.counter.setActive(visible) });
    bench.watch(
      (state) => state.extra[NAME],
      (kept) => this.take(settingsFrom(kept)),
    );
    bench.onScene((scene) => this.setScene(scene));
    bench.onDrawn(() => this.counter.drawn());
    bench.onClick((path) => this.clicking && path !== null && this.toggle(path));
    desk.watch(() => this.lock());
    this.lock();
    this.addCommands();
    bench.expose(NAME, this.forTests());
  }

  private addCommands(): void {
    const { bench } = this;
    const group = "Labels";
    bench.addCommand({ id: "labels.color", title: "Colour by class", group, keys: ["Alt+L"], pressed: () => this.settings.on, run: () => this.set({ on: !this.settings.on }) });
    bench.addCommand({ id: "labels.open", title: "Labels: coverage and assignment", group, keys: [], run: () => bench.openPanel(NAME) });
    bench.addCommand({ id: "labels.count", title: "Count the labelled pixels of this view", group, keys: ["Alt+K"], run: () => this.count() });
    bench.addCommand({ id: "labels.choose", title: "Choose the selection for a label", group, keys: [], enabled: () => bench.selectedPath !== null, run: () => this.addSelected() });
  }

  // --- what is shown -----------------------------------------------------------------------------------------------

  private set(change: Partial<Settings>): void {
    this.bench.dispatch({ type: "extra", feature: NAME, value: { ...this.settings, ...change } });
  }

  private take(settings: Settings): void {
    const { taxonomy } = this.settings;
    this.settings = settings;
    if (settings.taxonomy !== taxonomy) this.resolve();
    else this.draw();
  }

  private setScene(scene: SceneData): void {
    this.scene = scene;
    for (const path of [...this.chosen]) if (scene.nodeAt(path) < 0) this.chosen.delete(path);
    this.resolve();
  }

  private resolve(): void {
    if (!this.scene) return;
    this.standings = standings(this.scene, this.settings.taxonomy);
    this.classes = classesOf(this.standings.rows);
    this.coverage = null;
    this.panel.form.setKnown(this.classes);
    this.draw();
    this.counter.soon();
  }

  private draw(): void {
    const { scene, standings: stand, settings } = this;
    if (!scene || !stand) return;
    const known = taxonomiesOf(scene);
    this.panel.setMode(settings.on, settings.taxonomy, known.includes(settings.taxonomy) ? known : [...known, settings.taxonomy]);
    this.paint(stand);
    this.drawNumbers();
    this.drawChosen();
  }

  /** What was counted: no new picture is needed for it. */
  private drawNumbers(): void {
    const { standings: stand, classes } = this;
    if (!stand) return;
    const objects = (state: string, name = ""): number => stand.rows.reduce((sum, row, k) => sum + (row.state === state && row.name === name ? stand.objects[k] : 0), 0);
    const rows = classes.map((name, place) => ({ name, rgb: classRgb(place), objects: objects("labelled", name) }));
    this.panel.drawLegend(rows, objects(UNLABELLED), objects(AMBIGUOUS), this.coverage);
    this.panel.drawCoverage(this.coverage, this.chosen);
  }

  private paint({ rows, ofNode }: Standings): void {
    const { stage, viewport } = this.bench;
    if (!stage) return;
    const tints = rows.map((row) => tintOf(rgbOf(row, this.classes)));
    stage.appearance.setMode(this.settings.on ? (node) => tints[ofNode[node]] ?? [0, 0, 0, 0] : null);
    viewport.invalidate();
  }

  /** Counts the pixels of the present view. */
  private count(): void {
    const { scene, standings: stand } = this;
    const counts = scene && stand && this.counter.count();
    if (!counts) return;
    this.coverage = coverageOf(scene, stand, counts.pixels);
    this.drawNumbers();
  }

  // --- what is chosen ----------------------------------------------------------------------------------------------

  private choose(paths: readonly string[], chosen: boolean): void {
    for (const path of paths) {
      if (!chosen) this.chosen.delete(path);
      else if (this.chosen.size < MOST_CHOSEN) this.chosen.add(path);
    }
    if (chosen && paths.length > 0) this.panel.form.suggest(suggestedLabel(paths[0]));
    this.panel.form.say(this.chosen.size >= MOST_CHOSEN ? `At most ${MOST_CHOSEN} prims are labelled at a time.` : "");
    this.panel.drawCoverage(this.coverage, this.chosen);
    this.drawChosen();
  }

  private add(pattern: string): void {
    const { scene } = this;
    if (!scene) return;
    if (!pattern.trim().startsWith("/")) return this.panel.form.fail("A path begins with /, as in /World/Rack_*.");
    const { paths, inside } = matching(scene, pattern);
    if (paths.length === 0)
      return this.panel.form.fail(inside ? `All ${inside} that match lie inside native instances; label the instances.` : `No prim matches ${pattern.trim()}.`);
    this.choose(paths, true);
    this.panel.form.say(`${paths.length} added${inside ? `; ${inside} inside native instances left out` : ""}.`);
  }

  private addSelected(): void {
    const path = this.bench.selectedPath;
    if (path === null) return this.panel.form.fail("Nothing is selected.");
    this.toggle(path, true);
  }

  /** A prim by its path, or that of a point; one inside a native instance stands for the instance. */
  private toggle(path: string, chosen?: boolean): void {
    const { scene } = this;
    const node = scene?.nodeAt(path) ?? -1;
    if (!scene || node < 0) return;
    const target = scene.json.nodes.path[targetOf(scene, scene.primOf(node))];
    this.choose([target], chosen ?? !this.chosen.has(target));
    if (target !== path) this.panel.form.say(`${path} cannot have a label of its own; ${target} is chosen.`);
  }

  private setClicking(on: boolean): void {
    this.clicking = on;
    this.panel.form.setClicking(on);
  }

  private drawChosen(): void {
    const { scene, chosen } = this;
    const { stage, viewport } = this.bench;
    if (!scene || !stage) return;
    const nodes = [...chosen].map((path) => scene.nodeAt(path)).filter((node) => node >= 0);
    this.outline.set(stage, [...new Set(nodes.flatMap((node) => stage.instancesUnder(node)))]);
    viewport.invalidate();
    const now = new Set(nodes.flatMap((node) => (node < scene.primCount ? scene.json.nodes.label[node] : [])));
    this.panel.form.setChosen([...chosen].sort(), [...now].slice(0, 4).join(", "));
  }

  // --- what is changed ---------------------------------------------------------------------------------------------

  private lock(): void {
    const desk = deskOf(this.bench);
    this.panel.form.setLocked(desk.locked, desk.undoable > 0);
  }

  private async apply(label: string): Promise<void> {
    const { form } = this.panel;
    const paths = [...this.chosen].sort();
    form.setBusy(true);
    let done = 0;
    try {
      for (const { kind, edits } of labelEdits(paths, this.settings.taxonomy, label ? [label] : [])) {
        const answer = await deskOf(this.bench).do({ kind, edits }, true);
        if (!answer.ok) return form.fail(done ? `${done} prims are done. ${refusal(answer)}` : refusal(answer));
        done += edits.length;
      }
    } finally {
      form.setBusy(false);
    }
    this.choose(paths, false);
    const prims = `${done} prim${done === 1 ? "" : "s"}`;
    form.say(label ? `${prims} labelled ${label}.` : `The label of ${prims} is taken away.`);
  }

  private async undo(): Promise<void> {
    const answer = await deskOf(this.bench).undo();
    if (answer.ok) this.panel.form.say("Taken back.");
    else this.panel.form.fail(refusal(answer));
  }

  private forTests(): object {
    const desk = this;
    return {
      get on() {
        return desk.settings.on;
      },
      get coverage() {
        return desk.coverage && { ...desk.coverage, byClass: Object.fromEntries(desk.coverage.byClass) };
      },
      get chosen() {
        return [...desk.chosen].sort();
      },
      count: () => desk.count(),
      get counted() {
        return desk.counter.times;
      },
      /** What was counted last: its size [px], and the vertical angle that the camera sees [degrees]. */
      get view() {
        return { ...desk.counter.size, fov: desk.bench.viewport.rig.camera.fov };
      },
      get colors() {
        return Object.fromEntries(desk.classes.map((name, place) => [name, classRgb(place)]));
      },
    };
  }
}
