"""How values are spread in a dataset, and in what was found of it. Plain data."""

from dataclasses import dataclass, field

import numpy as np

from twinstage.synth.browse.columns import Columns
from twinstage.synth.browse.find import Found, columns_number

BINS = 24
MOST_WORDS = 40


@dataclass(frozen=True)
class Facet:
    """One field. `about`: what is counted: objects, pictures, frames or draws.

    Attributes:
        low, high: ends of the histogram; `all`, `found`: how many in each bin of the whole dataset and of what was found. Where
            only few whole numbers occur (`whole`), each has a bin of its own.
        words: (word, in all, found), the most frequent first; empty for numbers. `more`: words that are left out.
    """

    id: str
    about: str
    low: float = 0.0
    high: float = 0.0
    all: tuple[int, ...] = ()
    found: tuple[int, ...] = ()
    words: tuple[tuple[str, int, int], ...] = ()
    more: int = 0
    whole: bool = False


@dataclass
class Facets:
    """Facets of a dataset. What does not depend on a query is worked out once."""

    columns: Columns
    _bins: dict[str, tuple[float, float, np.ndarray, bool]] = field(default_factory=dict)

    def of(self, found: Found) -> list[Facet]:
        """All facets, those about objects first."""
        c = self.columns
        shown = np.flatnonzero(c.camera >= 0)
        pictures = found.pictures[c.camera[found.pictures] >= 0]
        frames = np.zeros(len(c.frame), bool)
        frames[found.frames] = True
        counts = np.bincount(c.picture[c.annotated], minlength=len(c.of))
        out = [self._words("class", "objects", c.label, c.names["label"], c.annotated, found.objects)]
        for name in ("occlusion", "truncation", "size", "distance"):
            out.append(self._numbers(name, "objects", columns_number(c, name), c.annotated, found.objects))
        out.append(self._numbers("count", "pictures", counts, shown, pictures))
        if len(c.names["camera"]) > 1:
            out.append(self._words("camera", "pictures", c.camera, c.names["camera"], shown, pictures))
        everything = np.ones(len(c.frame), bool)
        for name in ("split", "stage"):
            if len(c.names[name]) > 1:
                out.append(self._words(name, "frames", getattr(c, name), c.names[name], everything, frames))
        if c.rejected.any():
            out.append(
                self._words(
                    "rejected", "frames", c.rejected.astype(np.int64), ["no", "yes"], everything, frames
                )
            )
            out.append(
                self._words("rule", "frames", c.rule, c.names["rule"], c.rejected, frames & c.rejected)
            )
        if len(c.attempts) and c.attempts.max() > 1:
            out.append(self._numbers("attempts", "frames", c.attempts, everything, frames))
        for name, draw in c.draws.items():
            all_ = np.ones(len(draw.frame), bool)
            hit = frames[draw.frame]
            if draw.words:
                out.append(self._words(name, "draws", draw.value, draw.words, all_, hit))
            else:
                out.append(self._numbers(name, "draws", draw.value, all_, hit))
        return out

    def _numbers(self, name: str, about: str, values: np.ndarray, of: np.ndarray, found: np.ndarray) -> Facet:
        if name not in self._bins:
            self._bins[name] = _binned(values, values[of])
        low, high, place, whole = self._bins[name]
        bins = int(high - low) + 1 if whole and high - low < BINS else BINS

        def count(rows: np.ndarray) -> tuple[int, ...]:
            return tuple(np.bincount(place[rows] + 1, minlength=bins + 1)[1:].tolist())

        return Facet(name, about, low, high, count(of), count(found), whole=whole)

    def _words(
        self,
        name: str,
        about: str,
        codes: np.ndarray,
        names: "list[str] | tuple[str, ...]",
        of: np.ndarray,
        found: np.ndarray,
    ) -> Facet:
        def counts(rows: np.ndarray) -> np.ndarray:
            return np.bincount(codes[rows] + 1, minlength=len(names) + 1)[1:]

        every, mine = counts(of), counts(found)
        order = sorted(range(len(names)), key=lambda k: (-every[k], k))
        there = [k for k in order if every[k] or mine[k]]
        words = tuple((names[k], int(every[k]), int(mine[k])) for k in there[:MOST_WORDS])
        return Facet(name, about, words=words, more=max(0, len(there) - MOST_WORDS))


def _binned(values: np.ndarray, of: np.ndarray) -> tuple[float, float, np.ndarray, bool]:
    """Ends, the bin of each value (-1 for none), and whether all are whole numbers."""
    known = of[np.isfinite(of)]
    if not len(known):
        return 0.0, 0.0, np.full(len(values), -1), False
    low, high = float(known.min()), float(known.max())
    whole = bool((known == np.round(known)).all())
    with np.errstate(invalid="ignore"):
        if whole and high - low < BINS:
            share = (values - low) / BINS
        else:
            share = (values - low) / (high - low) if high > low else np.zeros(len(values))
        bad = ~np.isfinite(values) | (values < low) | (values > high)
        place = np.where(bad, -1, np.minimum(np.nan_to_num(share) * BINS, BINS - 1)).astype(np.int64)
    return low, high, place, whole
