/** How well a text answers a search: all words must be there, at the beginning of a word is better. Pure. */

/** 0: not at all; more is better. An empty search finds everything alike. */
export function rank(search: string, text: string): number {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  const within = text.toLowerCase();
  let sum = 1;
  for (const word of words) {
    const at = within.indexOf(word);
    if (at < 0) return 0;
    const begins = at === 0 || /[^\p{L}\p{N}]/u.test(within[at - 1]);
    sum += (begins ? 4 : 1) + (at === 0 ? 2 : 0) + word.length / within.length;
  }
  return sum;
}

/** The best answers, the best first; equal ones keep their order. */
export function best<T>(items: readonly T[], search: string, textOf: (item: T) => string, most: number): T[] {
  return items
    .map((item, i) => ({ item, i, score: rank(search, textOf(item)) }))
    .filter(({ score }) => score > 0)
    .sort((a, b) => b.score - a.score || a.i - b.i)
    .slice(0, most)
    .map(({ item }) => item);
}
