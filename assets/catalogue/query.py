"""Finding entries: words, and facts such as `tag:pump triangles<5000`. Pure.

A query is a row of terms, all of which must hold; `-` before a term turns it round. A word is looked for in title, tags,
labels, path, variants and doc. `tag:`, `label:`, `license:`, `kind:`, `variant:`, `library:`, `path:` look in that field alone,
for a part of it, whatever the case; "two words" belong together. `triangles`, `size` (longest side of the box [m]), `height`
[m], `bytes` (k, M, G), `materials`, `joints` and `used` (by how many) take <, <=, >, >= or =. `is:animated`, `is:broken`,
`is:unlabelled`, `is:unlicensed`, `is:duplicate` ask for what they say.
"""

import operator
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from twinstage.assets.catalogue.entry import Entry
from twinstage.base.errors import UserError, did_you_mean

MOST_QUERY = 1000
"""Characters."""
_TERM = re.compile(r'(-?)(?:([A-Za-z_]+)(:|<=|>=|<|>|=))?("[^"]*"|\S+)')
_OPERATORS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "=": operator.eq,
}
_SCALES = {"": 1.0, "k": 1e3, "m": 1e6, "g": 1e9}
_TEXTS: dict[str, Callable[[Entry], Iterable[str]]] = {
    "tag": lambda e: e.tags,
    "label": lambda e: e.labels,
    "license": lambda e: (e.license,),
    "licence": lambda e: (e.license,),
    "kind": lambda e: (e.kind,),
    "variant": lambda e: (*e.variants, *(choice for choices in e.variants.values() for choice in choices)),
    "library": lambda e: (e.library,),
    "path": lambda e: (e.id,),
    "title": lambda e: (e.title,),
}
_NUMBERS: dict[str, Callable[[Entry], float]] = {
    "triangles": lambda e: e.triangles,
    "size": lambda e: max(e.size),
    "height": lambda e: e.size[2 if e.up_axis == "Z" else 1],
    "bytes": lambda e: e.bytes,
    "materials": lambda e: e.materials,
    "joints": lambda e: e.joints,
    "used": lambda e: len(e.used_by),
}
_WEIGHTS: Sequence[tuple[float, Callable[[Entry], Iterable[str]]]] = (
    (8.0, lambda e: (e.title,)),
    (6.0, lambda e: e.tags),
    (6.0, lambda e: e.labels),
    (4.0, lambda e: (e.id,)),
    (2.0, _TEXTS["variant"]),
    (1.0, lambda e: (e.doc,)),
)
Test = Callable[[Entry], float]
"""0 where a term does not hold, else how well it does."""


@dataclass(frozen=True, slots=True)
class Query:
    """All terms of a query."""

    tests: tuple[Test, ...]

    def score(self, entry: Entry) -> float:
        """How well an entry fits; 0 for not at all, 1 where there is no term."""
        total = 1.0
        for test in self.tests:
            held = test(entry)
            if not held:
                return 0.0
            total += held
        return total


def find(entries: Sequence[Entry], text: str) -> list[Entry]:
    """The entries that fit, the best first, then by library and id. UserError says which term cannot be read."""
    copies = Counter(entry.digest for entry in entries if entry.digest)
    query = parse(text, copies)
    scored = [(query.score(entry), entry) for entry in entries]
    found = [row for row in scored if row[0] > 0]
    return [entry for _, entry in sorted(found, key=lambda row: (-row[0], row[1].library, row[1].id))]


def parse(text: str, copies: Counter[str] | None = None) -> Query:
    """A query of its text. `copies`: how many entries have each digest, for `is:duplicate`."""
    if len(text) > MOST_QUERY:
        raise UserError(f"the query has {len(text)} characters; at most {MOST_QUERY} are taken")
    tests = []
    for sign, field, sort, raw in _TERM.findall(text):
        value = raw.strip('"').casefold()
        test = _test(field.lower(), sort, value, copies or Counter())
        tests.append(_turned(test) if sign else test)
    return Query(tuple(tests))


def _turned(test: Test) -> Test:
    return lambda entry: 0.0 if test(entry) else 0.5


def _test(field: str, sort: str, value: str, copies: Counter[str]) -> Test:
    if not field:
        return lambda entry: _word(entry, value)
    if field == "is" and sort == ":":
        return _state(value, copies)
    if field in _TEXTS and sort in (":", "="):
        texts = _TEXTS[field]
        return lambda entry: _held(texts(entry), value)
    if field in _NUMBERS and sort != ":":
        number, holds, read = _number(field, value), _OPERATORS[sort], _NUMBERS[field]
        return lambda entry: 0.0 if entry.problem else float(holds(read(entry), number))
    if field in _NUMBERS:
        raise UserError(
            f"{field}:{value}: {field} is a number; ask {field}<{value or '1'} or {field}>{value or '1'}"
        )
    if field in _TEXTS:
        raise UserError(f"{field}{sort}{value}: {field} is a text; ask {field}:{value}")
    known = [*_TEXTS, *_NUMBERS, "is"]
    raise UserError(
        f"the catalogue knows no {field!r}{did_you_mean(field, known)}; it knows {', '.join(known)}"
    )


def _number(field: str, value: str) -> float:
    match = re.fullmatch(r"([0-9.]+(?:e[+-]?[0-9]+)?)([kmg]?)", value)
    try:
        if match is None:
            raise ValueError
        return float(match[1]) * _SCALES[match[2]]
    except ValueError:
        raise UserError(
            f"{field} is compared with {value!r}; a number was expected, as in {field}<5000 or {field}<2M"
        ) from None


def _state(value: str, copies: Counter[str]) -> Test:
    states: dict[str, Callable[[Entry], bool]] = {
        "animated": lambda e: e.animated,
        "broken": lambda e: bool(e.problem),
        "unlabelled": lambda e: not e.labels and not e.problem,
        "unlicensed": lambda e: not e.license and not e.problem,
        "duplicate": lambda e: copies[e.digest] > 1 if e.digest else False,
    }
    if value not in states:
        raise UserError(
            f"is:{value} is not known{did_you_mean(value, states)}; known are {', '.join(states)}"
        )
    held = states[value]
    return lambda entry: float(held(entry))


def _held(texts: Iterable[str], value: str) -> float:
    best = 0.0
    for text in texts:
        folded = text.casefold()
        if value in folded:
            best = max(best, 2.0 if value == folded else 1.0)
    return best


def _word(entry: Entry, value: str) -> float:
    """Best of all fields; a whole word counts more than a part of one."""
    best = 0.0
    for weight, read in _WEIGHTS:
        for text in read(entry):
            folded = text.casefold()
            if value not in folded:
                continue
            whole = re.search(rf"(?<![^\W_]){re.escape(value)}(?![^\W_])", folded) is not None
            best = max(best, weight * (2.0 if value == folded else 1.0 if whole else 0.5))
    return best
