/** The features of the page, one line each; later ones may add to what earlier ones made. */
import type { Feature } from "../workbench.ts";
import { alarms } from "./alarms/index.ts";
import { cameras } from "./cameras/index.ts";
import { charts } from "./charts/index.ts";
import { log } from "./log/index.ts";
import { palette } from "./palette/index.ts";
import { catalogue } from "./catalogue/index.ts";
import { datasets } from "./datasets/index.ts";
import { edit } from "./edit/index.ts";
import { predict } from "./predict/index.ts";
import { properties } from "./properties/index.ts";
import { share } from "./share/index.ts";
import { table } from "./table/index.ts";
import { theme } from "./theme/index.ts";
import { labels } from "./labels/index.ts";
import { layers } from "./layers/index.ts";
import { measure } from "./measure/index.ts";
import { navigate } from "./navigate/index.ts";
import { fades } from "./fades/index.ts";
import { drawing } from "./drawing/index.ts";
import { overlays } from "./overlays/index.ts";
import { scale } from "./scale/index.ts";
import { section } from "./section/index.ts";
import { time } from "./time/index.ts";
import { tree } from "./tree/index.ts";
import { values } from "./values/index.ts";
import { view } from "./view/index.ts";
import { watch } from "./watch/index.ts";

export const FEATURES: readonly Feature[] = [
  view,
  tree,
  cameras,
  navigate,
  section,
  measure,
  scale,
  drawing,
  properties,
  edit,
  alarms,
  share,
  table,
  theme,
  palette,
  time,
  charts,
  values,
  log,
  datasets,
  catalogue,
  layers,
  labels,
  fades,
  overlays,
  predict,
  watch,
];
