"""How entries are spread over words and numbers, in all and in what was found. Pure."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import isfinite

from twinstage.assets.catalogue.entry import Entry
from twinstage.assets.catalogue.query import NUMBERS, STATES, WORDS, copies_of

MOST_WORDS = 30
BINS = 24
SHOWN_NUMBERS = ("triangles", "size", "bytes", "materials", "joints", "used")


@dataclass(frozen=True, slots=True)
class Facet:
    """A field, as a query names it. `words`: (word, in all, in what was found), the most frequent first, `more` left out.

    Or the counts of bins from `low` to `high`, `whole` where there are whole numbers alone.
    """

    id: str
    words: tuple[tuple[str, int, int], ...] = ()
    more: int = 0
    low: float = 0.0
    high: float = 0.0
    all: tuple[int, ...] = ()
    found: tuple[int, ...] = ()
    whole: bool = False


def facets(entries: Sequence[Entry], found: Sequence[Entry]) -> list[Facet]:
    """Of fields that tell the entries apart at all."""
    copies = copies_of(entries)

    def states(entry: Entry) -> list[str]:
        return [name for name, holds in STATES.items() if holds(entry, copies)]

    fields = {**WORDS, "variant": lambda entry: entry.variants, "is": states}
    words = [_words(name, read, entries, found) for name, read in fields.items()]
    numbers = [_numbers(name, entries, found) for name in SHOWN_NUMBERS]
    return [facet for facet in (*words, *numbers) if facet.words or facet.high > facet.low]


def _words(
    name: str, read: Callable[[Entry], Iterable[str]], entries: Sequence[Entry], found: Sequence[Entry]
) -> Facet:
    whole, part = (
        Counter(word for entry in some for word in set(read(entry)) if word) for some in (entries, found)
    )
    ranked = sorted(whole, key=lambda word: (-whole[word], word.casefold()))
    rows = tuple((word, whole[word], part[word]) for word in ranked[:MOST_WORDS])
    return Facet(name, words=rows, more=max(0, len(ranked) - MOST_WORDS))


def _numbers(name: str, entries: Sequence[Entry], found: Sequence[Entry]) -> Facet:
    read = NUMBERS[name]
    whole, part = (
        [value for entry in some if not entry.problem and isfinite(value := float(read(entry)))]
        for some in (entries, found)
    )
    if not whole:
        return Facet(name)
    low, high = min(whole), max(whole)
    integral = all(value.is_integer() for value in whole)
    bins = int(high - low) + 1 if integral and high - low < BINS else BINS
    ends = (low, high + 1 if bins == high - low + 1 else high)

    def counts(values: Sequence[float]) -> tuple[int, ...]:
        out = [0] * bins
        for value in values:
            share = (value - ends[0]) / (ends[1] - ends[0]) if ends[1] > ends[0] else 0.0
            out[min(bins - 1, int(share * bins))] += 1
        return tuple(out)

    return Facet(name, low=low, high=high, all=counts(whole), found=counts(part), whole=integral)
