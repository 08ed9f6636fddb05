/** Where the selection is: live, in the frame of its parent or the world, and editable where it may be moved. */
import { anglesOf, rotationOf, trsOf } from "../../core/trs.ts";
import { deskOf } from "../../edit/desk.ts";
import { heldLocal } from "../../edit/preview.ts";
import { refusal } from "../../edit/sentences.ts";
import { h, setText } from "../../ui/dom.ts";
import type { Workbench } from "../../workbench.ts";
import { section } from "./section.ts";

type Frame = "parent" | "world";
const DEGREES = 180 / Math.PI;
const LETTERS = { position: ["x", "y", "z"], rotation: ["roll", "pitch", "yaw"], scale: ["x", "y", "z"] } as const;
type Part = keyof typeof LETTERS;
const UNITS: Record<Part, string> = { position: "m", rotation: "°", scale: "" };

/** In which frame numbers are shown; the same for all prims. */
let frame: Frame = "parent";

export class TransformSection {
  readonly element: HTMLElement;
  private readonly inputs: Record<Part, HTMLInputElement[]>;
  private readonly stageUnits = h("dd", { class: "mono" });
  private readonly stageLine: HTMLElement[];
  private readonly reason = h("p", { class: "prop-why", hidden: "" });
  private readonly error = h("p", { class: "prop-error", role: "alert", hidden: "" });
  private readonly frames: Record<Frame, HTMLButtonElement>;
  private locked: string | null = "The server is asked.";
  private readonly reset: HTMLButtonElement;
  private readonly local = new Float64Array(16);

  constructor(
    private readonly bench: Workbench,
    private readonly node: number,
    private readonly path: string,
  ) {
    this.frames = { parent: this.frameButton("parent", "Local"), world: this.frameButton("world", "World") };
    this.reset = h("button", { type: "button", class: "text-button", title: "Take the move away: as it was before", hidden: "" }, "Reset");
    this.reset.addEventListener("click", () => void this.clear());
    const part = section(
      "Transform",
      this.reset,
      h("div", { class: "segments", role: "group", "aria-label": "Frame" }, this.frames.parent, this.frames.world),
    );
    this.inputs = { position: this.row("position"), rotation: this.row("rotation"), scale: this.row("scale") };
    const grid = h("div", { class: "pose-grid" });
    for (const name of ["position", "rotation", "scale"] as const)
      grid.append(
        h("span", { class: "pose-name" }, name === "position" ? "Position" : name === "rotation" ? "Rotation" : "Scale"),
        ...this.inputs[name],
        h("span", { class: "pose-unit" }, UNITS[name]),
      );
    this.stageLine = [h("dt", {}, "Stage units"), this.stageUnits];
    part.body.append(grid, h("dl", { class: "facts pose-stage" }, ...this.stageLine), this.reason, this.error);
    this.element = part.element;
    this.showFrame();
    this.setLocked(this.locked, false);
  }

  /** Why the prim cannot be moved; null: it can, if this viewer may. `edited`: an edit of its pose stands. */
  setLocked(locked: string | null, edited: boolean): void {
    this.locked = locked;
    const why = deskOf(this.bench).locked ?? locked;
    for (const name of ["position", "rotation", "scale"] as const)
      for (const input of this.inputs[name]) input.readOnly = why !== null || (name === "scale" && frame === "world");
    setText(this.reason, why ?? "");
    this.reason.hidden = why === null;
    this.reset.hidden = !edited || why !== null;
  }

  private frameButton(value: Frame, title: string): HTMLButtonElement {
    const button = h("button", { type: "button" }, title);
    button.addEventListener("click", () => {
      frame = value;
      this.showFrame();
      this.setLocked(this.locked, !this.reset.hidden);
      this.refresh();
    });
    return button;
  }

  private showFrame(): void {
    for (const [name, button] of Object.entries(this.frames)) button.setAttribute("aria-pressed", String(name === frame));
  }

  private row(part: Part): HTMLInputElement[] {
    return LETTERS[part].map((letter, k) => {
      const input = h("input", {
        type: "text",
        inputmode: "decimal",
        class: "pose-input",
        "aria-label": `${part} ${letter}`,
        title: `${letter} ${UNITS[part]}`,
        spellcheck: "false",
        autocomplete: "off",
      });
      input.addEventListener("focus", () => input.select());
      input.addEventListener("keydown", (event) => {
        if (event.key === "Enter") void this.commit(part, k, input);
        else if (event.key === "Escape") this.leave(input);
        else return;
        event.preventDefault();
        event.stopPropagation();
      });
      input.addEventListener("blur", () => delete input.dataset.typed);
      input.addEventListener("input", () => (input.dataset.typed = ""));
      return input;
    });
  }

  private leave(input: HTMLInputElement): void {
    delete input.dataset.typed;
    input.blur();
    this.refresh();
  }

  private matrixNow(): { m: Float64Array; at: number } | null {
    const model = this.bench.stage?.model;
    if (!model || this.node >= model.count) return null;
    if (frame === "world") return { m: model.world, at: this.node * 16 };
    model.localOf(this.node, this.local);
    return { m: this.local, at: 0 };
  }

  refresh(): void {
    const now = this.matrixNow();
    if (!now) return;
    const trs = trsOf(now.m, now.at);
    const shown: Record<Part, readonly number[]> = {
      position: trs.position,
      rotation: anglesOf(trs.rotation).map((angle) => angle * DEGREES),
      scale: trs.scale,
    };
    for (const part of ["position", "rotation", "scale"] as const)
      this.inputs[part].forEach((input, k) => {
        if (input.dataset.typed !== undefined) return;
        const text = rounded(shown[part][k], part === "rotation" ? 2 : 4);
        if (input.value !== text) input.value = text;
      });
    this.showStageUnits(trs.position);
  }

  /** The position as the stage's author wrote it: its unit, and its up axis in the world. */
  private showStageUnits([x, y, z]: readonly [number, number, number]): void {
    const { metersPerUnit, upAxis } = this.bench.scene?.json.stage ?? { metersPerUnit: 1, upAxis: "Z" };
    const yUp = upAxis === "Y" && frame === "world";
    const hidden = metersPerUnit === 1 && upAxis !== "Y";
    for (const element of this.stageLine) element.hidden = hidden;
    if (hidden) return;
    const own = (yUp ? [x, z, -y] : [x, y, z]).map((value) => rounded(value / metersPerUnit, 3));
    setText(this.stageUnits, `${own.join("  ")}  × ${metersPerUnit} m${upAxis === "Y" ? ", Y up" : ""}`);
  }

  /** The newest that the twin said, not what is shown: that comes later, and a number typed means the twin's others. */
  private heldNow(): { m: Float64Array; at: number } | null {
    const { player } = this.bench;
    if (!player) return null;
    if (frame === "world") return { m: Float64Array.from(player.worldOf(this.node)), at: 0 };
    heldLocal(this.bench, this.node, this.local);
    return { m: this.local, at: 0 };
  }

  private async commit(part: Part, k: number, input: HTMLInputElement): Promise<void> {
    const value = Number(input.value.replace("−", "-").replace(",", "."));
    const now = this.heldNow();
    if (!now || input.readOnly) return;
    if (input.value.trim() === "" || !Number.isFinite(value)) return this.fail("Write a number.");
    const trs = trsOf(now.m, now.at);
    const fields: Record<string, unknown> = { kind: "move", path: this.path, frame };
    if (part === "rotation") {
      const angles = anglesOf(trs.rotation);
      angles[k] = value / DEGREES;
      fields.rotation = rotationOf(...angles);
    } else {
      const vector = [...trs[part]];
      vector[k] = value;
      fields[part] = vector;
    }
    const answer = await deskOf(this.bench).do(fields as { kind: string }, true);
    if (!answer.ok) return this.fail(refusal(answer));
    this.fail("");
    this.leave(input);
  }

  private async clear(): Promise<void> {
    const answer = await deskOf(this.bench).do({ kind: "clear", path: this.path, property: "pose" }, true);
    this.fail(answer.ok ? "" : refusal(answer));
  }

  private fail(sentence: string): void {
    setText(this.error, sentence);
    this.error.hidden = sentence === "";
  }
}

function rounded(value: number, digits: number): string {
  const text = value.toFixed(digits);
  return Number(text) === 0 ? (0).toFixed(digits) : text;
}
