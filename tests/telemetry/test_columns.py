"""Readings in columns: the same as tuples, whatever their types, and however they are taken apart and joined."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from twinstage.telemetry.columns import (
    FLOAT,
    OTHER,
    WHOLE,
    EventColumns,
    compact,
    joined,
    kinds_of,
    pack,
    unpack,
)
from twinstage.telemetry.reading import Event

TYPES = ("f64", "i64", "bool", "enum", "string", "vec[3]")
KINDS = kinds_of(TYPES)
BAD = 0x80000000
INT64 = st.integers(-(1 << 63), (1 << 63) - 1)


@st.composite
def events(draw: st.DrawFn) -> Event:
    signal = draw(st.integers(0, 5))
    value = draw(
        [
            st.floats(allow_nan=False),
            INT64,
            st.integers(0, 1),
            st.integers(0, 9),
            st.text(max_size=4),
            st.tuples(st.floats(allow_nan=False), st.floats(allow_nan=False), st.floats(allow_nan=False)),
        ][signal]
    )
    quality = draw(st.sampled_from([0, 0x40000000, BAD, 0x809B0000]))
    time, sequence = draw(st.integers(-(1 << 62), 1 << 62)), draw(INT64)
    return time, signal, sequence, draw(st.integers(1, 1 << 40)), None if quality >= BAD else value, quality


lists = st.lists(events(), max_size=12)


def test_the_kinds_of_the_types() -> None:
    assert KINDS.tolist() == [FLOAT, WHOLE, WHOLE, WHOLE, OTHER, OTHER]


@settings(deadline=None, max_examples=100)
@given(lists)
def test_tuples_come_back_as_they_were(some: list[Event]) -> None:
    assert unpack(pack(some, KINDS), KINDS) == some


@settings(deadline=None, max_examples=100)
@given(st.lists(lists, max_size=4), st.data())
def test_parts_join_to_the_whole_and_carry_no_more_than_they_need(
    parts: list[list[Event]], draws: st.DataObject
) -> None:
    columns, kept = [], []
    for part in parts:
        chosen = draws.draw(st.lists(st.integers(0, max(len(part) - 1, 0)), max_size=len(part)))
        columns.append(pack(part, KINDS).take(np.array(chosen, np.intp)))
        kept += [part[k] for k in chosen]
    whole = joined(columns, KINDS)
    assert unpack(whole, KINDS) == kept
    used = sum(event[1] >= 4 and event[4] is not None for event in kept)
    assert len(compact(whole, KINDS).others) == used
    assert unpack(compact(whole, KINDS), KINDS) == kept


@settings(deadline=None, max_examples=100)
@given(lists)
def test_order_is_that_of_tuples(some: list[Event]) -> None:
    ordered: EventColumns = pack(some, KINDS).in_order()
    keys = [event[:4] for event in unpack(ordered, KINDS)]
    assert keys == sorted(event[:4] for event in some)
