/** The few DOM helpers that the panels share. Text only ever goes in as text. */
import { strokeIcon } from "./stroke-icon.ts";

type Child = Node | string | null;

/** An element with attributes, properties by class and text, and children. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Record<string, string> = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  for (const child of children) if (child !== null) element.append(child);
  return element;
}

/** The element with that id, which index.html is known to hold. */
export function byId<T extends HTMLElement = HTMLElement>(id: string): T {
  return document.getElementById(id) as T;
}

/** Sets text only where it differs: no needless layout. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

export function setData(element: HTMLElement, name: string, value: string): void {
  if (element.dataset[name] !== value) element.dataset[name] = value;
}

/** Paths on a 16 x 16 grid, drawn as strokes. */
const ICONS = {
  xform: "M8 8V2.5M8 8l5 2.9M8 8l-5 2.9",
  mesh: "M8 1.8 13.5 5v6L8 14.2 2.5 11V5zM2.5 5 8 8.2 13.5 5M8 8.2v6",
  points: "M3 4.5h3v3H3zM10 4.5h3v3h-3zM6.5 9.5h3v3h-3z",
  camera: "M2 5h8v6H2zM10 7l4-2v6l-4-2",
  light: "M8 2a4 4 0 0 1 2.2 7.3V11H5.8V9.3A4 4 0 0 1 8 2M6.3 13.5h3.4",
  joint: "M8 5.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5M8 5.5V1.5M8 14.5v-4",
  material: "M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2M5 6.5a4 4 0 0 1 2.5-2",
  folder: "M2 4h4l1.5 1.5H14V12H2z",
  none: "M5 8h6",
  home: "M2.5 8 8 3l5.5 5M4 7v6h8V7",
  frame: "M2.5 5.5v-3h3M10.5 2.5h3v3M13.5 10.5v3h-3M5.5 13.5h-3v-3M6 8h4M8 6v4",
  grid: "M2.5 2.5h11v11h-11zM6.2 2.5v11M9.8 2.5v11M2.5 6.2h11M2.5 9.8h11",
  free: "M8 2.5a5.5 5.5 0 1 0 5.5 5.5M8 2.5c-2 1.5-2 9.5 0 11M2.5 8c1.5 2 9.5 2 11 0",
  menu: "M2.5 4.5h11M2.5 8h11M2.5 11.5h11",
  info: "M3 2.5h10v11H3zM5.5 6h5M5.5 8.5h5M5.5 11h3",
  close: "M4 4l8 8M12 4l-8 8",
  search: "M7 3a4 4 0 1 0 0 8 4 4 0 0 0 0-8M10 10l3.5 3.5",
  sun: "M8 5.2a2.8 2.8 0 1 0 0 5.6 2.8 2.8 0 0 0 0-5.6M8 1.5v1.6M8 12.9v1.6M1.5 8h1.6M12.9 8h1.6M3.4 3.4l1.1 1.1M11.5 11.5l1.1 1.1M3.4 12.6l1.1-1.1M11.5 4.5l1.1-1.1",
  picture: "M2 4.5h3L6 3h4l1 1.5h3V13H2zM8 6.2a2.3 2.3 0 1 0 0 4.6 2.3 2.3 0 0 0 0-4.6",
  table: "M2.5 3h11v10h-11zM2.5 6.3h11M2.5 9.6h11M6.5 3v10",
  bookmark: "M4.5 2.5h7v11L8 10.6l-3.5 2.9z",
  measure: "M2 10.5 10.5 2 14 5.5 5.5 14zM5 7.5l1.5 1.5M7.5 5l1.5 1.5",
  section: "M2.5 4.5v9h7v-9zM2.5 4.5l4-2h7v9l-4 2M9.5 4.5l4-2M1.5 9h9",
  top: "M2.5 6.5 8 4l5.5 2.5L8 9zM2.5 6.5v4L8 13l5.5-2.5v-4",
  fly: "M8 2v12M2 8h12M8 2 6.3 4M8 2l1.7 2M8 14l-1.7-2M8 14l1.7-2M2 8l2-1.7M2 8l2 1.7M14 8l-2-1.7M14 8l-2 1.7",
} as const;

export type IconName = keyof typeof ICONS;

export function icon(name: IconName): SVGSVGElement {
  return strokeIcon(ICONS[name]);
}

/** The icon for a USD type. */
export function iconOfType(type: string): IconName {
  if (type === "Mesh" || /^(Cube|Sphere|Cylinder|Cone|Capsule|Plane|GeomSubset|BasisCurves|NurbsPatch)/.test(type))
    return "mesh";
  if (type === "PointInstancer" || type === "Points") return "points";
  if (type === "Camera") return "camera";
  if (/Light/.test(type)) return "light";
  if (/Joint/.test(type)) return "joint";
  if (type === "Material" || type === "Shader" || type === "NodeGraph") return "material";
  if (type === "Scope") return "folder";
  return type === "" ? "none" : "xform";
}
