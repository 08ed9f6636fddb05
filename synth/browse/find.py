"""Terms and columns -> the pictures that are meant, in an order. Plain data.

Terms about objects have to hold for one and the same object. `count` is how many such objects a picture has; without it, one
is enough.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from twinstage.base.errors import UserError, did_you_mean
from twinstage.base.query import Term, parse, word_matcher
from twinstage.synth.browse.columns import Columns, Draw

OBJECT_NUMBERS = ("occlusion", "truncation", "size", "pixels", "distance", "instance")
OBJECT_WORDS = ("class", "path")
OF_OBJECTS = (*OBJECT_WORDS, *OBJECT_NUMBERS, "annotated")
OF_PICTURES = ("camera", "count", "width", "height")
OF_FRAMES = ("frame", "split", "stage", "rejected", "rule", "attempts")
FIELDS = (*OF_OBJECTS, *OF_PICTURES, *OF_FRAMES)
SORTS = ("frame", "count", "occlusion", "truncation", "size", "pixels", "distance", "attempts")
_YES, _NO = ("yes", "true", "1"), ("no", "false", "0")


@dataclass(frozen=True)
class Found:
    """What a query found.

    Attributes:
        pictures: rows of pictures, in order; frames: rows of their frames, rising, each once.
        objects: which objects fulfil the terms about objects and are in these pictures, bool[o].
    """

    pictures: np.ndarray
    frames: np.ndarray
    objects: np.ndarray


def find(columns: Columns, query: str, sort: str = "frame", falling: bool = False) -> Found:
    """The pictures that a query means. UserError for a field that there is not, or a word where a number is expected."""
    terms = parse(query)
    objects, about_objects = _objects(columns, terms)
    counts = np.bincount(columns.picture[objects], minlength=len(columns.of))
    keep = _pictures(columns, terms, counts, about_objects)
    frames = _frames(columns, terms)
    keep &= frames[columns.of]
    for term in terms:
        if not term.field:
            keep &= _anywhere(columns, term, objects)
    pictures = np.flatnonzero(keep)
    inside = np.zeros(len(columns.of), bool)
    inside[pictures] = True
    objects &= inside[columns.picture]
    return Found(
        pictures[_order(columns, pictures, objects, sort, falling)], np.unique(columns.of[pictures]), objects
    )


# --- objects ------------------------------------------------------------------------------------------------------


def _objects(columns: Columns, terms: Sequence[Term]) -> tuple[np.ndarray, bool]:
    """Objects that fulfil the terms about objects, and whether there are some."""
    mine = [term for term in terms if term.field in OF_OBJECTS]
    keep = columns.annotated.copy()
    if any(term.field == "annotated" for term in mine):
        keep[:] = True
    for term in mine:
        keep &= _object_term(columns, term)
    return keep, bool(mine)


def _object_term(columns: Columns, term: Term) -> np.ndarray:
    if term.field == "annotated":
        return _flag(columns.annotated, term)
    if term.field in OBJECT_WORDS:
        name = "label" if term.field == "class" else "path"
        return _words(getattr(columns, name), columns.names[name], term)
    return _range(columns_number(columns, term.field), term)


def columns_number(columns: Columns, name: str) -> np.ndarray:
    """The numbers of objects by the name that a query has for them."""
    out: np.ndarray = getattr(columns, "side" if name == "size" else name)
    return out


# --- pictures and frames --------------------------------------------------------------------------------------------


def _pictures(columns: Columns, terms: Sequence[Term], counts: np.ndarray, about_objects: bool) -> np.ndarray:
    keep = np.ones(len(columns.of), bool)
    shown = columns.camera >= 0
    counted = False
    for term in terms:
        if term.field == "count":
            counted, keep = True, keep & shown & _range(counts, term)
        elif term.field == "camera":
            keep &= _words(columns.camera, columns.names["camera"], term)
        elif term.field in ("width", "height"):
            keep &= shown & _range(columns.size[:, term.field == "height"], term)
    if about_objects and not counted:
        keep &= counts > 0
    return keep


def _frames(columns: Columns, terms: Sequence[Term]) -> np.ndarray:
    keep = np.ones(len(columns.frame), bool)
    for term in terms:
        if not term.field or term.field in OF_OBJECTS or term.field in OF_PICTURES:
            continue
        if term.field in ("frame", "attempts"):
            keep &= _range(getattr(columns, term.field), term)
        elif term.field in ("split", "stage", "rule"):
            keep &= _words(getattr(columns, term.field), columns.names[term.field], term)
        elif term.field == "rejected":
            keep &= _flag(columns.rejected, term)
        else:
            keep &= _drawn(columns, term)
    return keep


def _drawn(columns: Columns, term: Term) -> np.ndarray:
    draw = columns.draws.get(term.field)
    if draw is None:
        known = [*FIELDS, *columns.draws]
        raise UserError(f"there is no field {term.field!r} to filter by{did_you_mean(term.field, known)}")
    plain = Term(term.field, term.words, term.low, term.high, term.open_low, term.open_high, text=term.text)
    hit = _words(draw.value, draw.words, plain) if draw.words else _range(draw.value, plain)
    out = _frames_of(columns, draw, hit)
    return ~out if term.negated else out


def _frames_of(columns: Columns, draw: Draw, hit: np.ndarray) -> np.ndarray:
    out = np.zeros(len(columns.frame), bool)
    out[draw.frame[hit]] = True
    return out


def _anywhere(columns: Columns, term: Term, objects: np.ndarray) -> np.ndarray:
    """Pictures whose objects, or whose frame's drawn words, have that in them."""
    word = word_matcher(f"*{term.words[0]}*")
    names = columns.names
    labels, paths = (np.array([word(n.lower()) for n in names[k]], bool) for k in ("label", "path"))
    out = np.zeros(len(columns.of), bool)
    if len(columns.label):
        out[columns.picture[objects & (labels[columns.label] | paths[columns.path])]] = True
    for draw in columns.draws.values():
        if draw.words:
            hits = np.array([word(n.lower()) for n in draw.words], bool)
            out |= _frames_of(columns, draw, hits[draw.value])[columns.of]
    rejected = np.array([word(reason.lower()) for reason in columns.reason], bool)
    out |= rejected[columns.of]
    return ~out if term.negated else out


# --- one term -----------------------------------------------------------------------------------------------------------


def _range(values: np.ndarray, term: Term) -> np.ndarray:
    low, high, open_low, open_high = term.low, term.high, term.open_low, term.open_high
    if term.words:
        try:
            numbers = [float(word) for word in term.words]
        except ValueError:
            raise UserError(
                f"{term.text!r}: {term.field} is a number; expected such as {term.field}:1..2 or {term.field}>1"
            ) from None
        out: np.ndarray = np.isin(values, numbers)
    else:
        with np.errstate(invalid="ignore"):
            out = (values > low if open_low else values >= low) & (
                values < high if open_high else values <= high
            )
    return ~out if term.negated else out


def _words(codes: np.ndarray, names: Sequence[str], term: Term) -> np.ndarray:
    if term.is_range:
        raise UserError(
            f"{term.text!r}: {term.field} is a word; expected such as {term.field}:{(*names, 'word')[0]}"
        )
    matchers = [word_matcher(word) for word in term.words]
    hits = np.array([any(m(name.lower()) for m in matchers) for name in names] + [False], bool)
    out: np.ndarray = hits[codes]  # -1, none, is the last
    return ~out if term.negated else out


def _flag(values: np.ndarray, term: Term) -> np.ndarray:
    word = term.words[0] if len(term.words) == 1 else ""
    if word not in (*_YES, *_NO):
        raise UserError(f"{term.text!r}: expected {term.field}:yes or {term.field}:no")
    return values if (word in _YES) != term.negated else ~values


# --- order --------------------------------------------------------------------------------------------------------------


def _order(
    columns: Columns, pictures: np.ndarray, objects: np.ndarray, sort: str, falling: bool
) -> np.ndarray:
    if sort == "frame":
        order = np.arange(len(pictures))
        return order[::-1] if falling else order
    key = _key(columns, objects, sort, falling)[pictures]
    known = ~np.isnan(key)
    order = np.argsort(-key if falling else key, kind="stable")
    return np.concatenate([order[known[order]], order[~known[order]]])  # what has none comes last


def _key(columns: Columns, objects: np.ndarray, sort: str, falling: bool) -> np.ndarray:
    """A number a picture: of its objects that were asked for the greatest, or the least; NaN for none."""
    if sort == "count":
        counts: np.ndarray = np.bincount(columns.picture[objects], minlength=len(columns.of))
        return counts.astype(np.float64)
    if sort == "attempts":
        return np.asarray(columns.attempts[columns.of], np.float64)
    extreme: Callable[..., None] = np.fmax.at if falling else np.fmin.at
    if sort in OBJECT_NUMBERS:
        out = np.full(len(columns.of), np.nan)
        extreme(out, columns.picture[objects], columns_number(columns, sort)[objects].astype(np.float64))
        return out
    draw = columns.draws.get(sort)
    if draw is None or draw.words:
        known = [*SORTS, *(name for name, one in columns.draws.items() if not one.words)]
        raise UserError(f"there is no number {sort!r} to sort by{did_you_mean(sort, known)}")
    by_frame = np.full(len(columns.frame), np.nan)
    extreme(by_frame, draw.frame, draw.value)
    return np.asarray(by_frame[columns.of])
