/** The keys 1 to 9: one for each camera that the scene has. Pure. */
import type { Command } from "../../workbench.ts";

const MOST = 9;

export function cameraCommands(cameras: readonly { readonly name: string }[], use: (index: number) => void): Command[] {
  return cameras.slice(0, MOST).map(({ name }, index) => ({
    ...{ id: `view.camera${index + 1}`, title: `Look through ${name}`, group: "View", keys: [String(index + 1)] },
    run: () => use(index),
  }));
}
