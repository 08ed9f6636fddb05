/** In which units the contract has the signals: asked once a scene, so that all parts of the page show the same unit. */
import type { UnitFacts } from "../core/units.ts";
import type { Workbench } from "../workbench.ts";

const PAGE = 1000;
/** More signals than these pages hold are shown in the page's own choice of units. */
const MOST_PAGES = 20;

interface Page {
  readonly values: readonly (UnitFacts & { readonly id: string })[];
  readonly next: string | null;
}

/** Facts by signal id; what there is where the server has no values, or is away. */
export async function unitFacts(bench: Pick<Workbench, "rest" | "serves">): Promise<ReadonlyMap<string, UnitFacts>> {
  const facts = new Map<string, UnitFacts>();
  if (!bench.serves("values")) return facts;
  let after: string | undefined;
  try {
    for (let page = 0; page < MOST_PAGES; page++) {
      const { values, next } = await bench.rest.get<Page>("api/v1/values", { limit: PAGE, after });
      for (const { id, contractUnit, unitScale, unitOffset } of values)
        if (unitScale > 0 || unitScale < 0) facts.set(id, { contractUnit, unitScale, unitOffset });
      if (!next) break;
      after = next;
    }
  } catch {
    // A recording, or a twin that is away: the page's own units are shown.
  }
  return facts;
}
