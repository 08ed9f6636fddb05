"""A line of text -> terms. All of them have to hold.

    class:parcel,tote  occlusion>0.5  size:0..32  -split:val  lamps.intensity>2  camera:"left eye"  triangles<20k  Goods

A field, then `:` with words (`a,b`: one of them; `*` stands for any letters) or a range (`1..2`, `1..`) or a comparison.
Numbers may end in k, M or G. A bare word names no field: who is asked says where it is looked for. A minus in front turns a
term round. Datasets and the catalogue of assets are asked so. Pure.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass

from twinstage.base.errors import UserError

MOST_TEXT, MOST_TERMS = 2000, 50


@dataclass(frozen=True, slots=True)
class Term:
    """`field` "" : anywhere. `words`: one of them, in small letters; without words a number from `low` to `high`; where
    `open_low` or `open_high`, not that end itself. `text`: as it was written."""

    field: str
    words: tuple[str, ...] = ()
    low: float = -math.inf
    high: float = math.inf
    open_low: bool = False
    open_high: bool = False
    negated: bool = False
    text: str = ""

    @property
    def is_range(self) -> bool:
        return not self.words

    def holds(self, value: float) -> bool:
        """Whether a number lies within the range."""
        above = value > self.low if self.open_low else value >= self.low
        return above and (value < self.high if self.open_high else value <= self.high)


_PIECES = re.compile(r'(?:[^\s"]|"[^"]*")+')
_NAMED = re.compile(r"^([A-Za-z_][\w.\-]*)\s*(:|>=|<=|>|<|=)(.*)$", re.S)
_RANGE = re.compile(r"^(-?[\d.eE+\-]*?[kKmMgG]?)\.\.(-?[\d.eE+\-]*[kKmMgG]?)$")
_SCALES = {"k": 1e3, "m": 1e6, "g": 1e9}


def parse(text: str) -> tuple[Term, ...]:
    """The terms of a line. Raises UserError for what is none."""
    if len(text) > MOST_TEXT:
        raise UserError(f"the query has more than {MOST_TEXT} letters")
    if text.count('"') % 2:
        raise UserError(f"the query {text[:80]!r} has a quotation mark without its other one")
    pieces = _PIECES.findall(text)
    if len(pieces) > MOST_TERMS:
        raise UserError(f"the query has more than {MOST_TERMS} terms")
    return tuple(_term(piece) for piece in pieces)


def _term(text: str) -> Term:
    negated = text.startswith("-") and len(text) > 1
    body = text[1:] if negated else text
    named = _NAMED.match(body)
    if named is None:
        return Term("", (_bare(body).lower(),), negated=negated, text=text)
    name, sign, value = named[1].lower() if "." not in named[1] else named[1], named[2], named[3]
    if not value:
        raise UserError(f"{text!r} says no value; expected such as {name}:0.2..0.5, {name}>1 or {name}:word")
    if sign in (":", "="):
        found = _RANGE.match(value)
        if found and (found[1] or found[2]):
            low, high = (
                number_of(part, text) if part else empty
                for part, empty in ((found[1], -math.inf), (found[2], math.inf))
            )
            return Term(name, (), low, high, negated=negated, text=text)
        words = tuple(_bare(word).lower() for word in _split(value))
        return Term(name, words, negated=negated, text=text)
    number = number_of(value, text)
    if sign[0] == ">":
        return Term(name, (), number, open_low=sign == ">", negated=negated, text=text)
    return Term(name, (), high=number, open_high=sign == "<", negated=negated, text=text)


def number_of(text: str, whole: str) -> float:
    """A number that may end in k, M or G, in the term `whole`. UserError for what is none."""
    scale = _SCALES.get(text[-1:].lower(), 1.0)
    try:
        value = float(text[:-1] if scale > 1 else text) * scale
    except ValueError:
        raise UserError(f"{whole!r}: {text!r} is no number; expected such as 5000, 20k or 1.5M") from None
    if math.isnan(value):
        raise UserError(f"{whole!r}: {text!r} is no number")
    return value


def _split(value: str) -> list[str]:
    return [part for part in re.findall(r'(?:[^,"]|"[^"]*")+', value) if part]


def _bare(text: str) -> str:
    return text.replace('"', "")


def word_matcher(word: str) -> Callable[[str], bool]:
    """Whether a text is that word, `*` for any letters. Its time is that of the text's length: it never goes back."""
    begin, *middle = re.sub(r"\*+", "*", word).split("*")
    if len(middle) > 3:
        raise UserError(f"{word!r} has more than three stars")
    if not middle:
        return begin.__eq__
    end = middle.pop()

    def matches(text: str) -> bool:
        at, stop = len(begin), len(text) - len(end)
        if at > stop or not text.startswith(begin) or not text.endswith(end):
            return False
        for part in middle:  # the first place is as good as any
            at = text.find(part, at, stop)
            if at < 0:
                return False
            at += len(part)
        return True

    return matches
