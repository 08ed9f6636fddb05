/** The features of the page, one line each; later ones may add to what earlier ones made. */
import type { Feature } from "../workbench.ts";
import { alarms } from "./alarms/index.ts";
import { cameras } from "./cameras/index.ts";
import { charts } from "./charts/index.ts";
import { log } from "./log/index.ts";
import { properties } from "./properties/index.ts";
import { time } from "./time/index.ts";
import { tree } from "./tree/index.ts";
import { values } from "./values/index.ts";
import { view } from "./view/index.ts";

export const FEATURES: readonly Feature[] = [
  view,
  tree,
  cameras,
  properties,
  alarms,
  time,
  charts,
  values,
  log,
];
