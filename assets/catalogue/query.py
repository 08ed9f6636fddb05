"""Finding entries: words, and facts such as `tag:pump triangles<5000`. Pure.

A query is a row of terms (`base.query`), all of which must hold; `-` before a term turns it round. A word is looked for in
title, tags, labels, path, variants and doc. `tag:`, `label:`, `license:`, `kind:`, `variant:`, `library:`, `path:` look in that
field alone, for a part of it, whatever the case; `a,b` is one of them, `*` stands for any letters, "two words" belong together.
`triangles`, `size` (longest side of the box [m]), `height` [m], `bytes` (k, M, G), `materials`, `joints` and `used` (by how
many) take <, <=, >, >=, = or a range (`:100..5k`). `is:animated`, `is:broken`, `is:unlabelled`, `is:unlicensed`,
`is:duplicate` ask for what they say.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from twinstage.assets.catalogue.entry import Entry
from twinstage.base.errors import UserError, did_you_mean
from twinstage.base.query import Term, number_of, word_matcher
from twinstage.base.query import parse as terms_of

Texts = Callable[[Entry], Iterable[str]]
WORDS: Mapping[str, Texts] = {
    "kind": lambda e: (e.kind,),
    "label": lambda e: e.labels,
    "tag": lambda e: e.tags,
    "license": lambda e: (e.license,),
    "variant": lambda e: (*e.variants, *(choice for choices in e.variants.values() for choice in choices)),
    "library": lambda e: (e.library,),
}
"""Fields that few words fill."""
_TEXTS: Mapping[str, Texts] = {
    **WORDS,
    "licence": WORDS["license"],
    "path": lambda e: (e.id,),
    "title": lambda e: (e.title,),
}
NUMBERS: Mapping[str, Callable[[Entry], float]] = {
    "triangles": lambda e: e.triangles,
    "size": lambda e: max(e.size),
    "height": lambda e: e.size[2 if e.up_axis == "Z" else 1],
    "bytes": lambda e: e.bytes,
    "materials": lambda e: e.materials,
    "joints": lambda e: e.joints,
    "used": lambda e: len(e.used_by),
}
_WEIGHTS: Sequence[tuple[float, Texts]] = (
    (8.0, lambda e: (e.title,)),
    (6.0, lambda e: e.tags),
    (6.0, lambda e: e.labels),
    (4.0, lambda e: (e.id,)),
    (2.0, WORDS["variant"]),
    (1.0, lambda e: (e.doc,)),
)
Copies = Mapping[str, int]
"""How many entries have each digest."""
STATES: Mapping[str, Callable[[Entry, Copies], bool]] = {
    "animated": lambda e, copies: e.animated,
    "broken": lambda e, copies: bool(e.problem),
    "unlabelled": lambda e, copies: not e.labels and not e.problem,
    "unlicensed": lambda e, copies: not e.license and not e.problem,
    "duplicate": lambda e, copies: copies.get(e.digest, 0) > 1 if e.digest else False,
}
"""What `is:` asks for."""
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
    query = parse(text, copies_of(entries))
    scored = [(query.score(entry), entry) for entry in entries]
    found = [row for row in scored if row[0] > 0]
    return [entry for _, entry in sorted(found, key=lambda row: (-row[0], row[1].library, row[1].id))]


def copies_of(entries: Iterable[Entry]) -> Copies:
    """How many entries have each digest."""
    return Counter(entry.digest for entry in entries if entry.digest)


def parse(text: str, copies: Copies | None = None) -> Query:
    """A query of its text. `copies`: how many entries have each digest, for `is:duplicate`."""
    tests = []
    for term in terms_of(text):
        test = _test(term, copies or {})
        tests.append(_turned(test) if term.negated else test)
    return Query(tuple(tests))


def _turned(test: Test) -> Test:
    return lambda entry: 0.0 if test(entry) else 0.5


def _test(term: Term, copies: Copies) -> Test:
    field = term.field
    if not field:
        word = term.words[0].casefold()
        return lambda entry: _word(entry, word)
    if field == "is" and term.words:
        return _state(term, copies)
    if field in _TEXTS:
        return _held(term, _TEXTS[field])
    if field in NUMBERS:
        return _compared(term, NUMBERS[field])
    known = [*_TEXTS, *NUMBERS, "is"]
    raise UserError(f"the catalogue knows no {field!r}{did_you_mean(field, known, most=len(known))}")


def _compared(term: Term, read: Callable[[Entry], float]) -> Test:
    """A number that must lie within; of what cannot be read it never does."""
    if term.words:
        numbers = {number_of(word, term.text) for word in term.words}
        return lambda entry: float(not entry.problem and read(entry) in numbers)
    return lambda entry: float(not entry.problem and term.holds(read(entry)))


def _state(term: Term, copies: Copies) -> Test:
    for word in term.words:
        if word not in STATES:
            raise UserError(
                f"is:{word} is not known{did_you_mean(word, STATES)}; known are {', '.join(STATES)}"
            )
    held = [STATES[word] for word in term.words]
    return lambda entry: float(any(one(entry, copies) for one in held))


def _held(term: Term, read: Texts) -> Test:
    """A text that has one of the words in it."""
    if term.is_range:
        raise UserError(f"{term.text}: {term.field} is a text; ask {term.field}:WORD")
    folded = [word.casefold() for word in term.words]
    words = [(word, word_matcher(word if "*" in word else f"*{word}*")) for word in folded]

    def held(entry: Entry) -> float:
        best = 0.0
        for text in map(str.casefold, read(entry)):
            for word, fits in words:
                if fits(text):
                    best = max(best, 2.0 if word == text else 1.0)
        return best

    return held


def _word(entry: Entry, value: str) -> float:
    """Best of all fields; a whole word counts more than a part of one."""
    best = 0.0
    for weight, read in _WEIGHTS:
        for text in read(entry):
            folded = text.casefold()
            if value in folded:
                whole = re.search(rf"(?<![^\W_]){re.escape(value)}(?![^\W_])", folded) is not None
                best = max(best, weight * (2.0 if value == folded else 1.0 if whole else 0.5))
    return best
