/** Icons of single features: strokes on a 16 x 16 grid, as those of `dom.ts`. */
export function strokeIcon(path: string): SVGSVGElement {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const element = document.createElementNS("http://www.w3.org/2000/svg", "path");
  element.setAttribute("d", path);
  svg.append(element);
  return svg;
}

export const EYE = "M1.5 8S4 3.5 8 3.5 14.5 8 14.5 8 12 12.5 8 12.5 1.5 8 1.5 8M8 6.2a1.8 1.8 0 1 0 0 3.6 1.8 1.8 0 0 0 0-3.6";
export const EYE_OFF = "M2 2l12 12M6.2 3.8A6.6 6.6 0 0 1 8 3.5c4 0 6.5 4.5 6.5 4.5a12 12 0 0 1-2 2.5M10.3 12A6.3 6.3 0 0 1 8 12.5C4 12.5 1.5 8 1.5 8a12 12 0 0 1 2.6-3";
export const FUNNEL = "M2 3h12L9.5 8.3V13l-3-1.6V8.3z";
export const EXPAND = "M4 6l4-3.5L12 6M4 10l4 3.5L12 10";
export const COLLAPSE = "M4 2.5 8 6l4-3.5M4 13.5 8 10l4 3.5";
export const COPY = "M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3";
export const MOVE = "M8 1.5v13M1.5 8h13M6 3.5l2-2 2 2M6 12.5l2 2 2-2M3.5 6l-2 2 2 2M12.5 6l2 2-2 2";
export const TURN = "M13 8a5 5 0 1 1-1.6-3.7M13 2v3h-3";
export const SCALE = "M2.5 6.5v-4h4M13.5 9.5v4h-4M3 3l10 10";
