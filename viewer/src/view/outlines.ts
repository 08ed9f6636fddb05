/** All silhouettes of the picture: of the selection, of what is pointed at, and those that features add. */
import type { Scene } from "three";
import { Outline } from "./outline.ts";

export class Outlines {
  readonly selection = new Outline(0x4cc2e6, 2.5, 1, 2);
  readonly hover = new Outline(0xdfe6ec, 1.5, 0.7, 1);
  private readonly all = [this.selection, this.hover];
  private size = { width: 1, height: 1 };

  constructor(private readonly scene: Scene) {
    scene.add(this.hover.group, this.selection.group);
  }

  /** One more, of its own colour. */
  add(color: number, width: number, opacity: number): Outline {
    const outline = new Outline(color, width, opacity, this.all.length + 1);
    outline.resize(this.size.width, this.size.height);
    this.all.push(outline);
    this.scene.add(outline.group);
    return outline;
  }

  /** They follow their instances. */
  update(): void {
    for (const outline of this.all) outline.update();
  }

  /** Logical size of the picture [px]. */
  resize(width: number, height: number): void {
    this.size = { width, height };
    for (const outline of this.all) outline.resize(width, height);
  }
}
