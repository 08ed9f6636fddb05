/** Which features a page in a frame has: nobody moves things there by accident. Pure. */
import type { Feature } from "../workbench.ts";

/** Features that come only with a panel of theirs. */
const NEEDS: Readonly<Record<string, readonly string[]>> = { edit: ["bind", "edits"], share: ["views"] };

export function featuresFor(panels: readonly string[], features: readonly Feature[]): Feature[] {
  return features.filter(({ name }) => !NEEDS[name] || NEEDS[name].some((panel) => panels.includes(panel)));
}
