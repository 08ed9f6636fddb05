"""Order in one source: columns and single readings are judged alike, and the memory for duplicates is exact."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from twinstage.telemetry import order as order_module
from twinstage.telemetry.columns import pack, unpack
from twinstage.telemetry.order import Arriving, Judged, SourceOrder

KINDS = np.zeros(3, np.int8)
ARRIVING = st.tuples(
    st.integers(0, 90), st.integers(0, 2), st.integers(0, 1), st.floats(0, 1, width=16), st.just(0)
)


def made(lateness: int, history: int, room: int, memory: int) -> SourceOrder:
    return SourceOrder(lateness, kinds=KINDS, max_pending=room, history_ns=history, memory=memory)


def verdicts(judged: Judged) -> tuple[object, ...]:
    places = judged.too_late_at, judged.duplicate_at, judged.future_at, judged.overflow_at
    return unpack(judged.taken, KINDS), unpack(judged.history_only, KINDS), *places


@settings(deadline=None, max_examples=300)
@given(
    st.lists(st.lists(ARRIVING, max_size=9), max_size=8),
    st.sampled_from([0, 7, 30]),
    st.sampled_from([0, 12, 1 << 62]),
    st.sampled_from([3, 1000]),
    st.booleans(),
    st.data(),
)
def test_columns_are_judged_like_single_readings(
    blocks: list[list[Arriving]], lateness: int, history: int, room: int, rising: bool, draws: st.DataObject
) -> None:
    many, single = (made(lateness, history, room, 1000) for _ in range(2))
    if rising:  # mostly what columns are for: each signal's own times rise
        blocks = [[(e[0] + 90 * k, *e[1:]) for e in sorted(block)] for k, block in enumerate(blocks)]
    for block in blocks:
        columns = pack([(*event[:3], 0, *event[3:]) for event in block], KINDS)
        latest = 70 + draws.draw(st.sampled_from([0, 500]))
        assert verdicts(many.accept_columns(columns, latest)) == verdicts(single._one_by_one(block, latest))
        assert (many.watermark_ns, many.newest_ns, many.arrivals, many.pending) == (
            single.watermark_ns,
            single.newest_ns,
            single.arrivals,
            single.pending,
        )
        if draws.draw(st.booleans()):
            assert unpack(many.release(), KINDS) == unpack(single.release(), KINDS)


@settings(deadline=None, max_examples=100)
@given(st.lists(st.integers(0, 12), max_size=40), st.integers(1, 6), st.data())
def test_exactly_the_last_keys_are_known(times: list[int], memory: int, draws: st.DataObject) -> None:
    watch, taken = made(100, 1 << 62, 1000, memory), list[int]()
    cuts = sorted(draws.draw(st.lists(st.integers(0, len(times)), max_size=5)))
    duplicates = 0
    for start, end in zip([0, *cuts], [*cuts, len(times)], strict=True):
        block = pack([(t, 0, 0, 0, 0.0, 0) for t in times[start:end]], KINDS)
        duplicates += len(watch.accept_columns(block, 1 << 62).duplicate_at)
    for time in times:  # the rule, with no cleverness
        if time not in taken[-memory:]:
            taken.append(time)
    assert duplicates == len(times) - len(taken)


def test_what_is_later_than_the_history_takes_is_too_late() -> None:
    watch = made(10, 5, 1000, 1000)
    for many in (False, True):
        block = [
            (100, 0, 0, 1.0, 0),
            (90, 1, 0, 1.0, 0),
            (89, 1, 1, 1.0, 0),
            (85, 2, 0, 1.0, 0),
            (84, 2, 1, 1.0, 0),
        ]
        watch = made(10, 5, 1000, 1000)
        if many:
            rest = pack([(*e[:3], 0, *e[3:]) for e in block[:1]], KINDS)
            watch.accept_columns(rest, 1 << 62)
            old = pack([(85, 1, 0, 0, 1.0, 0), (84, 2, 0, 0, 1.0, 0)], KINDS)
            judged = watch.accept_columns(old, 1 << 62)
            assert (judged.history_only.event_ns.tolist(), judged.too_late_at) == ([85], [1])
        else:
            judged = watch.accept(block, 1 << 62)
            assert judged.taken.event_ns.tolist() == [100, 90]
            assert (judged.history_only.event_ns.tolist(), judged.too_late_at) == ([89, 85], [4])


def test_values_of_what_was_released_are_not_kept(monkeypatch: object) -> None:
    kinds = np.array([2], np.int8)
    watch = SourceOrder(1, kinds=kinds, max_pending=1000)
    for time in range(500):
        watch.accept([(time, 0, 0, f"text {time}", 0)], 1 << 62)
        watch.release()
    assert len(watch._waiting.others) <= 2
    assert order_module.MANY > 1
