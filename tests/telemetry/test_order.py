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
    places = (
        judged.too_late_at,
        judged.duplicate_at,
        judged.contradicts_at,
        judged.future_at,
        judged.overflow_at,
    )
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
        assert verdicts(many.accept_columns(columns, latest)) == verdicts(single._one_by_one(columns, latest))
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


@settings(deadline=None, max_examples=100)
@given(st.lists(ARRIVING, min_size=1, max_size=60), st.data())
def test_what_contradicts_is_told_in_any_pieces_and_after_a_restart(
    events: list[Arriving], draws: st.DataObject
) -> None:
    watch, first, contradicting = made(1000, 1 << 62, 1000, 1000), dict[tuple[int, int, int], float](), 0
    cuts = sorted(draws.draw(st.lists(st.integers(0, len(events)), max_size=4)))
    for start, end in zip([0, *cuts], [*cuts, len(events)], strict=True):
        block = pack([(*event[:3], 0, *event[3:]) for event in events[start:end]], KINDS)
        contradicting += len(watch.accept_columns(block, 1 << 62).contradicts_at)
        if draws.draw(st.booleans()):
            again = made(1000, 1 << 62, 1000, 1000)
            again.take_parts(watch.parts())
            watch = again
    expected = 0
    for time, signal, sequence, value, _ in events:
        known = first.setdefault((signal, time, sequence), float(value))  # type: ignore[arg-type]
        expected += abs(known - value) > 1e-9 * max(abs(known), abs(value))  # type: ignore[operator, arg-type]
    assert contradicting == expected


def test_values_of_every_kind_contradict_or_do_not() -> None:
    kinds = np.array([0, 1, 2], np.int8)
    watch = SourceOrder(0, kinds=kinds, max_pending=1000)
    values = [
        (0, 1.5, 0),
        (1, 7, 0),
        (2, "open", 0),
        (2, (1.0, 2.0), 0),
        (0, None, 0x80000000),
        (1, None, 0x80000000),
    ]
    first = [(100 + k, signal, 0, k, value, quality) for k, (signal, value, quality) in enumerate(values)]
    watch.accept_columns(pack(first, kinds), 1 << 62)
    assert watch.accept_columns(pack(first, kinds), 1 << 62).contradicts_at == []
    others = [(0, 1.6, 0), (1, 8, 0), (2, "shut", 0), (2, (1.0, 2.5), 0), (0, 0.0, 0), (1, 0, 0)]
    second = [(100 + k, signal, 0, k, value, quality) for k, (signal, value, quality) in enumerate(others)]
    judged = watch.accept_columns(pack(second, kinds), 1 << 62)
    assert judged.duplicate_at == judged.contradicts_at == list(range(6))


def test_a_checkpoint_of_an_older_version_knows_keys_and_no_contents() -> None:
    watch = made(0, 1 << 62, 1000, 1000)
    watch.accept_columns(pack([(100, 0, 0, 0, 1.0, 0)], KINDS), 1 << 62)
    parts = watch.parts()
    parts["recent"] = {key: value for key, value in parts["recent"].items() if key != "contents"}
    again = made(0, 1 << 62, 1000, 1000)
    again.take_parts(parts)
    judged = again.accept_columns(pack([(100, 0, 0, 0, 2.0, 0)], KINDS), 1 << 62)
    assert judged.duplicate_at == [0] and judged.contradicts_at == []


def test_keys_that_come_in_small_pieces_are_found_as_fast_as_those_that_come_at_once() -> None:
    """A twin that starts again hears its past entry by entry: a piece for each of them made every look-up slow."""
    watch = made(0, 1 << 62, 1 << 30, 262_144)
    for k in range(10_000):
        watch.accept_columns(pack([(k, 0, 0, 0, 1.0, 0), (k, 1, 0, 0, 1.0, 0)], KINDS), 1 << 62)
    assert watch._recent.pieces <= 3
