/** The scene from the page's own server: as columns where it has them, else as JSON. */
import { COLUMNS_TYPE, readColumns } from "./scene-columns.ts";
import { refusalOf } from "./refused.ts";
import { readScene, type SceneData, type SceneJson } from "./scene-data.ts";

/** Rejects with a sentence. */
export async function fetchScene(base: string): Promise<SceneData> {
  const headers = { Accept: `${COLUMNS_TYPE}, application/json` };
  const response = await fetch(new URL("api/scene", base), { cache: "no-cache", headers });
  if (!response.ok) throw new Error(await refusalOf(response));
  const packed = response.headers.get("content-type")?.startsWith(COLUMNS_TYPE) ?? false;
  return readScene(packed ? readColumns(await response.arrayBuffer()) : ((await response.json()) as SceneJson));
}
