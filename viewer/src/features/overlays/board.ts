/** The set of overlays that programs draw, as the twin tells it (docs/protocol.md, section 4, Overlays). Plain data. */

/** What an item refers to: an array or a picture, by the hash of its content. */
export interface DataRef {
  readonly data: string;
  readonly type: string;
  readonly shape: readonly number[];
}

export interface Item {
  readonly name: string;
  readonly kind: string;
  readonly visible?: boolean;
  readonly parent?: string;
  readonly [field: string]: unknown;
}

export interface Board {
  /** Of the last event that is in it; -1: nothing was heard yet. */
  readonly version: number;
  readonly items: ReadonlyMap<string, Item>;
}

export const NOTHING: Board = { version: -1, items: new Map() };

/** The set after an event; null where it cannot be told from it and must be asked for. */
export function applied(board: Board, event: unknown): Board | null {
  const told = (typeof event === "object" && event !== null ? event : {}) as Record<string, unknown>;
  if (typeof told.version !== "number" || told.version <= board.version) return board;
  if (told.base !== board.version || !Array.isArray(told.set) || !Array.isArray(told.gone)) return null;
  const items = new Map(board.items);
  for (const name of told.gone as unknown[]) items.delete(String(name));
  for (const item of told.set as unknown[]) if (isItem(item)) items.set(item.name, item);
  return { version: told.version, items };
}

/** The set as it was asked for. */
export function whole(document: unknown): Board {
  const told = (typeof document === "object" && document !== null ? document : {}) as Record<string, unknown>;
  const list = Array.isArray(told.items) ? (told.items as unknown[]).filter(isItem) : [];
  return { version: typeof told.version === "number" ? told.version : 0, items: new Map(list.map((item) => [item.name, item])) };
}

function isItem(value: unknown): value is Item {
  const item = value as Partial<Item> | null;
  return typeof item === "object" && item !== null && typeof item.name === "string" && typeof item.kind === "string";
}

export function isRef(value: unknown): value is DataRef {
  const ref = value as Partial<DataRef> | null;
  return typeof ref === "object" && ref !== null && typeof ref.data === "string" && Array.isArray(ref.shape);
}

/** `count` numbers of a field; what stands in for it where it is not that. */
export function numbers(value: unknown, count: number, usual: readonly number[]): number[] {
  const fits = Array.isArray(value) && value.length === count && value.every((one) => Number.isFinite(one));
  return fits ? (value as number[]) : [...usual];
}

export function number(value: unknown, usual: number): number {
  return typeof value === "number" && Number.isFinite(value) ? value : usual;
}

export function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

const CONTROLS = new Set(["slider", "button", "checkbox", "dropdown", "textbox"]);

export function isControl(item: Item): boolean {
  return CONTROLS.has(item.kind);
}

const RANKS: Readonly<Record<string, number>> = { viewer: 1, operator: 2, engineer: 3 };

/** Whether that role may use a control; one without a role asks for an operator. */
export function mayUse(role: string, item: Item): boolean {
  return (RANKS[role] ?? 0) >= (RANKS[text(item.role)] ?? RANKS.operator);
}
