/**
 * What a page and the twin in its frame say to each other by `postMessage` (docs/embedding.md). Pure.
 *
 * Each message is an object with `twinstage: 1` and a `type`. What has another shape is not ours, and is left alone.
 */
import type { Theme } from "../core/ui-state.ts";

export const VERSION = 1;

export type Vector = readonly [number, number, number];

/** Where the view looks: at places [m], at a prim, at everything, or through a camera of the stage. */
export type Look =
  | { readonly position: Vector; readonly target: Vector; readonly fov?: number }
  | { readonly frame: string }
  | { readonly home: true }
  | { readonly through: string };

/** From the page around. */
export type Asked =
  | { readonly type: "connect" }
  | { readonly type: "token"; readonly token: string }
  | { readonly type: "select"; readonly path: string | null }
  | { readonly type: "look"; readonly look: Look }
  /** ms since 1970; null: the newest state. */
  | { readonly type: "time"; readonly at: number | null }
  | { readonly type: "theme"; readonly theme: Theme };

export type AskedType = Asked["type"];

/** An alarm that is active. */
export interface ToldAlarm {
  readonly id: string;
  readonly priority: string;
  readonly state: string;
  readonly message: string;
  readonly value: number | null;
  readonly unit: string;
  readonly raised: string | null;
  /** Path of the prim that its signal is bound to; null: none. */
  readonly prim: string | null;
}

/** To the page around. */
export type Told =
  | { readonly type: "hello"; readonly version: number }
  | { readonly type: "signin"; readonly reason: string }
  | {
      readonly type: "ready";
      readonly stage: string;
      readonly prims: number;
      readonly upAxis: string;
      readonly metersPerUnit: number;
      readonly role: string;
      readonly history: boolean;
    }
  | { readonly type: "selected"; readonly path: string | null }
  | { readonly type: "clicked"; readonly path: string | null; readonly position: Vector | null }
  | { readonly type: "camera"; readonly position: Vector; readonly target: Vector; readonly fov: number }
  | { readonly type: "time"; /** null: the twin has no time yet. */ readonly now: number | null; readonly at: number | null }
  | { readonly type: "alarm"; readonly alarms: readonly ToldAlarm[]; readonly raised: readonly string[] }
  | { readonly type: "link"; readonly state: string; readonly text: string }
  | { readonly type: "error"; readonly text: string };

export type Message<T> = T & { readonly twinstage: number };

const MOST = 4096;
const THEMES: readonly Theme[] = ["dark", "light", "system"];

/** What the page around asks; null: it is no message of ours; a sentence: what is wrong with it. */
export function readAsked(data: unknown): Asked | string | null {
  if (!isRecord(data) || data.twinstage !== VERSION || typeof data.type !== "string") return null;
  switch (data.type) {
    case "connect":
      return { type: "connect" };
    case "token":
      return isText(data.token) && data.token ? { type: "token", token: data.token } : "token: a text was expected";
    case "select":
      return data.path === null || isText(data.path) ? { type: "select", path: data.path } : "select: path must be a prim's path, or null";
    case "look": {
      const look = readLook(data.look);
      return look ? { type: "look", look } : "look: {position, target} in metres, {frame: path}, {through: path} or {home: true} was expected";
    }
    case "time":
      return data.at === null || isNumber(data.at) ? { type: "time", at: data.at } : "time: at must be milliseconds since 1970, or null";
    case "theme": {
      const theme = THEMES.find((one) => one === data.theme);
      return theme ? { type: "theme", theme } : "theme: dark, light or system was expected";
    }
    default:
      return `there is no message ${JSON.stringify(data.type.slice(0, 40))}`;
  }
}

function readLook(told: unknown): Look | null {
  if (!isRecord(told)) return null;
  if (told.home === true) return { home: true };
  if (isText(told.frame)) return { frame: told.frame };
  if (isText(told.through)) return { through: told.through };
  const { position, target, fov } = told;
  if (!isVector(position) || !isVector(target)) return null;
  return isNumber(fov) && fov > 0 && fov < 170 ? { position, target, fov } : { position, target };
}

/** The origins in the page's own list, which the server wrote; none where it cannot be read. */
export function readOrigins(text: string): string[] {
  try {
    const told: unknown = JSON.parse(text);
    return Array.isArray(told) ? told.filter((one) => typeof one === "string") : [];
  } catch {
    return [];
  }
}

/** `panels=tree,alarms` of the address. */
export function readPanels(search: string): string[] {
  const text = new URLSearchParams(search).get("panels") ?? "";
  return [...new Set(text.split(/[\s,]+/).filter((name) => /^[a-z][a-z0-9-]{0,31}$/.test(name)))];
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value.length <= MOST;
}

function isNumber(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value);
}

function isVector(value: unknown): value is Vector {
  return Array.isArray(value) && value.length === 3 && value.every(isNumber);
}
