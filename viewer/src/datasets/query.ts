/**
 * The query is one line of text (docs/datasets.md); filters are changes of that line, so there is one truth. Pure.
 */

const PIECES = /(?:[^\s"]|"[^"]*")+/g;
const NAMED = /^(-?)([A-Za-z_][\w.-]*)(:|>=|<=|>|<|=)/;

function piecesOf(query: string): string[] {
  return query.match(PIECES) ?? [];
}

/** Terms about a field, as they are written. */
export function termsOf(query: string, field: string): string[] {
  return piecesOf(query).filter((piece) => NAMED.exec(piece)?.[2] === field);
}

/** The query with that in place of all terms about the field; "" leaves it out. */
export function withTerm(query: string, field: string, term: string): string {
  const rest = piecesOf(query).filter((piece) => NAMED.exec(piece)?.[2] !== field);
  return [...rest, ...(term ? [term] : [])].join(" ");
}

/** Words that a field is asked for, in small letters; none where it is asked for something else. */
export function wordsOf(query: string, field: string): string[] {
  const [term, ...more] = termsOf(query, field);
  if (!term || more.length > 0 || !term.startsWith(`${field}:`)) return [];
  const list = term.slice(field.length + 1).match(/(?:[^,"]|"[^"]*")+/g) ?? [];
  return list.map((word) => word.replaceAll('"', "").toLowerCase());
}

/** The query with a word of the field added, or taken away. */
export function toggleWord(query: string, field: string, word: string): string {
  const words = wordsOf(query, field);
  const plain = word.toLowerCase();
  const next = words.includes(plain) ? words.filter((one) => one !== plain) : [...words, plain];
  return withTerm(query, field, next.length ? `${field}:${next.map(quoted).join(",")}` : "");
}

/** The range that a field is asked for: `field:1..2`, also from comparisons; null where there is none. */
export function rangeOf(query: string, field: string): [number, number] | null {
  let [low, high, known] = [-Infinity, Infinity, false];
  for (const term of termsOf(query, field)) {
    const found = NAMED.exec(term);
    if (!found || found[1]) continue;
    const value = term.slice(found[0].length);
    const range = /^([^.]*(?:\.\d+)?)\.\.(.*)$/.exec(value);
    if (found[3] === ":" && range) {
      if (range[1]) low = Math.max(low, Number(range[1]));
      if (range[2]) high = Math.min(high, Number(range[2]));
    } else if (found[3].startsWith(">")) low = Math.max(low, Number(value));
    else if (found[3].startsWith("<")) high = Math.min(high, Number(value));
    else if (Number.isFinite(Number(value))) [low, high] = [Number(value), Number(value)];
    else continue;
    known = true;
  }
  return known && !Number.isNaN(low) && !Number.isNaN(high) ? [low, high] : null;
}

/** The query with that range for the field; a whole range leaves it out. */
export function withRange(query: string, field: string, low: number, high: number): string {
  const text = (value: number): string => (Number.isFinite(value) ? short(value) : "");
  if (!Number.isFinite(low) && !Number.isFinite(high)) return withTerm(query, field, "");
  return withTerm(query, field, `${field}:${text(low)}..${text(high)}`);
}

/** A number with as many digits as a filter needs. */
export function short(value: number): string {
  return String(Number(value.toPrecision(4)));
}

function quoted(word: string): string {
  return /[\s,]/.test(word) || word === "" ? `"${word}"` : word;
}
