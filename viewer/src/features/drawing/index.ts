/**
 * What is drawn and what it costs, for tests, scripts and benchmarks: `twinstage.drawing`.
 *
 * cost       {calls, triangles, geometries, textures, programs, attributes, batches, instances}: of the last frame, and held
 * worldOf    world_from_geometry of everything drawn of a prim or point, as the GPU has it (float32) plus the view's origin:
 *            [{instance, matrix (16 numbers, row-major), normalised: no}]
 * scenesAlive  scenes that were shown and are still held in memory
 * revision   of the scene that is shown
 * origin     where the GPU's positions start from [m]
 * lights     {sun: intensity, towards}, ambient, locals, environment: what the picture is lit by
 * detail     [{instances, shape, drawn}] by cell
 */
import type { Feature, Workbench } from "../../workbench.ts";
import { sharedAttributes } from "../../view/shared-geometry.ts";

export const drawing: Feature = {
  name: "drawing",
  install(bench) {
    const { viewport } = bench;
    // Scenes that something still holds on to are seen here.
    let shown: WeakRef<object>[] = [];
    bench.onScene((_, stage) => (shown = [...shown.filter((one) => one.deref()), new WeakRef(stage)]));
    bench.expose("drawing", {
      get cost() {
        const { render, memory, programs } = viewport.renderer.info;
        const batches = viewport.stage?.batches ?? [];
        return {
          calls: render.calls,
          triangles: render.triangles,
          geometries: memory.geometries,
          textures: memory.textures,
          programs: programs?.length ?? 0,
          attributes: sharedAttributes(),
          batches: batches.length,
          instances: batches.reduce((sum, batch) => sum + batch.drawnCount, 0),
        };
      },
      get scenesAlive() {
        return shown.filter((one) => one.deref()).length;
      },
      get revision() {
        return bench.scene?.json.revision ?? -1;
      },
      get origin() {
        return viewport.stage?.origin ?? null;
      },
      get detail() {
        return (viewport.stage?.batches ?? []).map((batch) => ({
          instances: batch.instances.length,
          shape: batch.shape,
          drawn: batch.drawnCount,
        }));
      },
      get lights() {
        return viewport.lights;
      },
      worldOf: (path: string) => drawnWorlds(bench, path),
      /** Places of the vertices of a mesh that bones bend, as drawn [m]; null for others. */
      bentAt: (path: string) => bentVertices(bench, path),
      /** Where a place of the world is in the window [px]; null behind the eye. */
      project: (world: number[]) => {
        const at = viewport.project(world);
        const box = viewport.renderer.domElement.getBoundingClientRect();
        return at && [box.left + at.x, box.top + at.y];
      },
      /** A whole frame now, and how long the script took [ms]. */
      draw: () => viewport.drawNow(),
      collect: () => (globalThis as { gc?: () => void }).gc?.(),
    });
  },
};

function bentVertices(bench: Workbench, path: string): number[][] | null {
  const { scene, stage } = bench;
  const node = scene?.nodeAt(path) ?? -1;
  if (!stage || node < 0) return null;
  for (const instance of stage.instancesUnder(node)) {
    const drawing = stage.drawing(instance);
    const at = new Float32Array(16);
    if (!drawing?.batch.bones || !drawing.batch.readMatrix(drawing.row, at)) continue;
    const position = drawing.batch.bones.bent(drawing.batch.parts[0].geometry).getAttribute("position");
    return Array.from({ length: position.count }, (_, v) =>
      [position.getX(v), position.getY(v), position.getZ(v)].map((value, c) => value + at[12 + c] + stage.origin[c]),
    );
  }
  return null;
}

function drawnWorlds(bench: Workbench, path: string): { instance: number; matrix: number[] }[] {
  const { scene, stage } = bench;
  const node = scene?.nodeAt(path) ?? -1;
  if (!stage || node < 0) return [];
  const out: { instance: number; matrix: number[] }[] = [];
  const m = new Float32Array(16);
  for (const instance of stage.instancesUnder(node)) {
    const drawing = stage.drawing(instance);
    if (!drawing?.batch.readMatrix(drawing.row, m)) continue;
    const mirror = drawing.batch.isMirrored ? -1 : 1;
    const row = (r: number): number[] => [m[r] * mirror, m[4 + r], m[8 + r], m[12 + r] + stage.origin[r]];
    out.push({ instance, matrix: [...row(0), ...row(1), ...row(2), 0, 0, 0, 1] });
  }
  return out;
}
