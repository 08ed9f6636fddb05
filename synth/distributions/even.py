"""Low-discrepancy sequences by frame: a few hundred frames cover a range more evenly than random numbers do.

Halton: the radical inverse of the frame's number in a prime base (J. H. Halton, "On the efficiency of certain quasi-random
sequences of points", 1960), its digits permuted at random (A. B. Owen, "A randomized Halton algorithm in R", 2017).
Sobol: direction numbers of S. Joe and F. Y. Kuo ("Constructing Sobol sequences with better two-dimensional projections",
2008), scrambled as Owen does, by hashing (B. Burley, "Practical hash-based Owen scrambling", 2020).

What is scrambled how depends on the seed, the randomizer and the field, so two fields are as independent as can be. Fields of
one prim share the order in which Sobol points come, so that different `dimension`s of them spread evenly together.
"""

from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from pydantic import Field, model_validator

from twinstage.synth.distributions.base import NumberSource
from twinstage.synth.distributions.continuous import ordered
from twinstage.synth.streams import Stream

if TYPE_CHECKING:
    from twinstage.synth.draws import Draws

_MASK = 0xFFFFFFFF


class _Even(NumberSource):
    low: float = 0.0
    high: float = 1.0

    @model_validator(mode="after")
    def _ordered(self) -> "_Even":
        return ordered(self, self.low, self.high)

    def span(self) -> tuple[float, ...]:
        return self.low, self.high

    def quantile(self, unit: float) -> float:
        return self.low + (self.high - self.low) * unit

    def drawn(self, draws: "Draws", field: str, again: int) -> float:
        unit = self.unit(draws, field, again)
        draws.units[field] = unit
        return self.quantile(unit)

    def unit(self, draws: "Draws", field: str, again: int) -> float:
        raise NotImplementedError


class Halton(_Even):
    """Evenly spread in `base`, a prime: give each number that should be even together with others a base of its own."""

    kind: Literal["halton"] = "halton"
    base: Literal[2, 3, 5, 7, 11, 13, 17, 19, 23, 29] = 2

    def unit(self, draws: "Draws", field: str, again: int) -> float:
        more = (draws.attempt, again) if draws.attempt or again else ()
        return scrambled_halton(draws.index, self.base, (draws.seed, draws.name, field, *more))


class Sobol(_Even):
    """Evenly spread along `dimension`: give each number that should be even together with others one of its own."""

    kind: Literal["sobol"] = "sobol"
    dimension: int = Field(default=0, ge=0, le=9)

    def unit(self, draws: "Draws", field: str, again: int) -> float:
        more = (draws.attempt, again) if draws.attempt or again else ()
        key = (draws.seed, draws.name)
        order = _word((*key, "sobol order", subject(field), *more))
        scramble = _word((*key, "sobol", field, *more))
        place = owen(draws.index & _MASK, order)
        return (owen(sobol(place, self.dimension), scramble) + 0.5) / 2.0**32


def subject(field: str) -> str:
    """What a field is about: `/A/B` of `translate /A/B.x`."""
    about = field.partition(" ")[2]
    return about[:-2] if about[-2:] in (".x", ".y", ".z") else about


@lru_cache(maxsize=4096)
def _word(key: tuple[int | str, ...]) -> int:
    return Stream(*key).word()


# --- Halton -------------------------------------------------------------------------------------------------------


def scrambled_halton(index: int, base: int, key: tuple[int | str, ...]) -> float:
    """The radical inverse of `index`, each digit sent through a permutation of its own; in (0, 1)."""
    out, scale = 0.0, 1.0
    for place in range(_places(base)):
        index, digit = divmod(index, base)
        scale /= base
        out += _permutation(base, key, place)[digit] * scale
    return out + 0.5 * scale


def _places(base: int) -> int:
    """Digits enough for frames to differ, and no more than a double holds."""
    places = 1
    while base**places < 2**30:
        places += 1
    return places


@lru_cache(maxsize=4096)
def _permutation(base: int, key: tuple[int | str, ...], place: int) -> tuple[int, ...]:
    stream = Stream(*key, "halton", place)
    digits = list(range(base))
    for last in range(base - 1, 0, -1):
        other = stream.below(last + 1)
        digits[last], digits[other] = digits[other], digits[last]
    return tuple(digits)


# --- Sobol --------------------------------------------------------------------------------------------------------

_JOE_KUO = (
    (1, 0, (1,)),
    (2, 1, (1, 3)),
    (3, 1, (1, 3, 1)),
    (3, 2, (1, 1, 1)),
    (4, 1, (1, 1, 3, 3)),
    (4, 4, (1, 3, 5, 13)),
    (5, 2, (1, 1, 5, 5, 17)),
    (5, 4, (1, 1, 5, 5, 5)),
    (5, 7, (1, 1, 7, 11, 19)),
)
"""Degree, polynomial and first numbers of dimensions 1 to 9 (new-joe-kuo-6.21201)."""


@lru_cache(maxsize=16)
def _directions(dimension: int) -> tuple[int, ...]:
    if dimension == 0:
        return tuple(1 << (31 - k) for k in range(32))
    degree, polynomial, first = _JOE_KUO[dimension - 1]
    out = [m << (31 - k) for k, m in enumerate(first)]
    for k in range(degree, 32):
        value = out[k - degree] ^ (out[k - degree] >> degree)
        for i in range(1, degree):
            value ^= ((polynomial >> (degree - 1 - i)) & 1) * out[k - i]
        out.append(value)
    return tuple(out)


def sobol(index: int, dimension: int) -> int:
    """The 32-bit fraction of the Sobol point of that index."""
    out = 0
    for direction in _directions(dimension):
        if index & 1:
            out ^= direction
        index >>= 1
    return out


def owen(value: int, seed: int) -> int:
    """A 32-bit number under a random nested permutation of its bits, from the highest on.

    Of a fraction this scrambles the place within ever smaller cells; of an index it keeps aligned blocks of 2^k together.
    """
    x = _reversed(value)
    x = (x + seed) & _MASK
    x ^= (x * 0x6C50B47C) & _MASK
    x ^= (x * 0xB82F1E52) & _MASK
    x ^= (x * 0xC7AFE638) & _MASK
    x ^= (x * 0x8D22F6E6) & _MASK
    return _reversed(x)


def _reversed(value: int) -> int:
    return int(f"{value & _MASK:032b}"[::-1], 2)
