/** A view as plain data: where the eye is, what it looks at, and the lens; as text for addresses. Pure. */

export interface SavedView {
  /** In the world [m]. */
  readonly position: readonly [number, number, number];
  readonly target: readonly [number, number, number];
  /** Vertical angle [degrees]. */
  readonly fov: number;
  /** Half of the height that an orthographic view shows [m]; 0: perspective. */
  readonly half: number;
}

export interface NamedView extends SavedView {
  readonly name: string;
}

/** Names have at most so many characters, and so many views are kept. */
const LONGEST = 40;
export const MOST_VIEWS = 24;

/** `x,y,z,tx,ty,tz,fov` and `,half` where it is orthographic; to the millimetre. */
export function writeView({ position, target, fov, half }: SavedView): string {
  const numbers = [...position, ...target, fov, ...(half > 0 ? [half] : [])];
  return numbers.map((value) => String(Number(value.toFixed(3)) || 0)).join(",");
}

/** Null where it is no view. */
export function readView(text: string): SavedView | null {
  const n = text.split(",").map((part) => (part.trim() === "" ? Number.NaN : Number(part)));
  if ((n.length !== 7 && n.length !== 8) || !n.every(Number.isFinite)) return null;
  const [fov, half] = [n[6], n[7] ?? 0];
  if (fov <= 0 || fov >= 179 || half < 0) return null;
  if (Math.hypot(n[0] - n[3], n[1] - n[4], n[2] - n[5]) < 1e-6) return null;
  return { position: [n[0], n[1], n[2]], target: [n[3], n[4], n[5]], fov, half };
}

/** `name@view;name@view`. */
export function writeViews(views: readonly NamedView[]): string {
  return views.map((view) => `${view.name.replace(/[;@%]/g, encodeURIComponent)}@${writeView(view)}`).join(";");
}

/** What `writeViews` wrote; what is no view is left out. */
export function readViews(text: string): NamedView[] {
  const out: NamedView[] = [];
  for (const part of text.split(";")) {
    const at = part.indexOf("@");
    const view = at > 0 ? readView(part.slice(at + 1)) : null;
    if (view) out.push({ ...view, name: cleanName(plain(part.slice(0, at))) });
  }
  return out.slice(0, MOST_VIEWS);
}

export function cleanName(name: string): string {
  return name.replace(/\s+/g, " ").trim().slice(0, LONGEST) || "View";
}

/** The list with this view; one of the same name is replaced. */
export function withView(views: readonly NamedView[], view: NamedView): NamedView[] {
  const found = views.findIndex((one) => one.name === view.name);
  if (found >= 0) return views.map((one, k) => (k === found ? view : one));
  return [...views, view].slice(-MOST_VIEWS);
}

/** "View 3": the first such name that is free. */
export function freeName(views: readonly NamedView[]): string {
  for (let k = 1; ; k++) if (!views.some((view) => view.name === `View ${k}`)) return `View ${k}`;
}

function plain(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
