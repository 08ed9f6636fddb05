/**
 * What the search box and the filters of the tree ask for: words, and `type:Mesh`, `kind:component`, `class:motor`. Pure.
 */

/** Columns of the scene's prims that are searched. */
export interface PrimColumns {
  readonly path: readonly string[];
  readonly type: readonly string[];
  readonly kind: readonly string[];
  readonly label: readonly (readonly string[])[];
}

/** What depends on live data, asked prim by prim while filtering. */
export interface LiveFacts {
  hasSignals(prim: number): boolean;
  /** A signal of its own is bad or stale now. */
  isDoubtful(prim: number): boolean;
  inAlarm(prim: number): boolean;
  /** This viewer hid it, or it is hidden anyway. */
  isHidden(prim: number): boolean;
}

export const TOGGLES = ["signals", "doubtful", "alarm", "hidden"] as const;
export type Toggle = (typeof TOGGLES)[number];

export interface PrimQuery {
  readonly text: string;
  /** "" : any. */
  readonly type: string;
  readonly kind: string;
  readonly label: string;
  readonly toggles: ReadonlySet<Toggle>;
}

export const NO_QUERY: PrimQuery = { text: "", type: "", kind: "", label: "", toggles: new Set() };

const FIELD = /^(type|kind|class|label|path):(.+)$/i;

export function isEmptyQuery(query: PrimQuery): boolean {
  return query.text.trim() === "" && !query.type && !query.kind && !query.label && query.toggles.size === 0;
}

/** Texts to search, one a prim, made once a scene. */
export function searchTexts({ path, type, label }: PrimColumns): string[] {
  return path.map((value, i) => `${value} ${type[i]} ${label[i].join(" ")}`.toLowerCase());
}

/** Whether a prim is asked for; null where nothing is asked, so all are. */
export function acceptor(
  query: PrimQuery,
  columns: PrimColumns,
  texts: readonly string[],
  live: LiveFacts,
): ((prim: number) => boolean) | null {
  if (isEmptyQuery(query)) return null;
  const tests = [...wordTests(query.text, columns, texts), ...choiceTests(query, columns)];
  const toggles: Record<Toggle, (prim: number) => boolean> = {
    signals: (prim) => live.hasSignals(prim),
    doubtful: (prim) => live.isDoubtful(prim),
    alarm: (prim) => live.inAlarm(prim),
    hidden: (prim) => live.isHidden(prim),
  };
  for (const toggle of query.toggles) tests.push(toggles[toggle]);
  return (prim) => tests.every((accepts) => accepts(prim));
}

function wordTests(text: string, columns: PrimColumns, texts: readonly string[]): ((prim: number) => boolean)[] {
  return text
    .toLowerCase()
    .split(/\s+/)
    .filter(Boolean)
    .map((word) => {
      const match = FIELD.exec(word);
      if (!match) return (prim: number) => texts[prim].includes(word);
      const [, field, wanted] = match;
      if (field === "class" || field === "label")
        return (prim: number) => columns.label[prim].some((label) => label.toLowerCase().includes(wanted));
      const column = columns[field as "type" | "kind" | "path"];
      return (prim: number) => column[prim].toLowerCase().includes(wanted);
    });
}

function choiceTests(query: PrimQuery, columns: PrimColumns): ((prim: number) => boolean)[] {
  const tests: ((prim: number) => boolean)[] = [];
  if (query.type) tests.push((prim) => (columns.type[prim] || "none") === query.type);
  if (query.kind) tests.push((prim) => columns.kind[prim] === query.kind);
  if (query.label) tests.push((prim) => columns.label[prim].includes(query.label));
  return tests;
}

/** Values of a column with how often each is there, the most frequent first. */
export function choicesOf(values: Iterable<string>): [string, number][] {
  const counts = new Map<string, number>();
  for (const value of values) if (value !== "") counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
}
