"""Event-time order, lateness, duplicates, idleness, restarts, and counts that always add up."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twinstage.base.errors import UserError
from twinstage.telemetry.contract import Contract, parse_contract
from twinstage.telemetry.ingest import Ingest
from twinstage.telemetry.order import SourceOrder
from twinstage.telemetry.quarantine import QuarantineMemory
from twinstage.telemetry.reading import Reading

MS = 1_000_000
READER = "reader: {format: jsonl, layout: long, time: {field: t, unit: ms}, name: tag, value: v}"


def contract(
    lateness: float = 0.0, idle_after: float = 5.0, extra: str = "", reader: str = READER
) -> Contract:
    return parse_contract(f"""
contract: 1
sources:
  a: {{uri: "memory:a", lateness: {lateness}, idle_after: {idle_after}, {reader}{extra}}}
  b: {{uri: "memory:b", {READER}}}
signals:
  - {{id: x, source: a, field: x, unit: mm}}
  - {{id: y, source: a, field: y, unit: mm}}
  - {{id: z, source: b, field: z, unit: mm}}
""")


def event(t: int, tag: str, v: Any) -> bytes:
    return json.dumps({"t": t, "tag": tag, "v": v}).encode() + b"\n"


def adds_up(ingest: Ingest) -> None:
    for counts in ingest.counters.values():
        parts = ("applied", "history_only", "late", "duplicate", "quarantined", "pending")
        assert counts["received"] == sum(counts[part] for part in parts)
        assert all(value >= 0 for value in counts.values())


def value(ingest: Ingest, signal: str) -> float:
    return float(ingest.state.numeric[ingest.state.index(signal)])


def test_without_lateness_a_reading_is_due_at_once() -> None:
    ingest = Ingest(contract())
    ingest.offer("a", event(1000, "x", 5), 0)
    assert ingest.advance(0) == 1
    assert value(ingest, "x") == 0.005
    assert ingest.watermark_ns == 1000 * MS


def test_lateness_holds_back_until_the_watermark_has_passed() -> None:
    applied: list[Reading] = []
    ingest = Ingest(contract(lateness=0.2), on_applied=applied.extend)
    for t in (1000, 900, 1100):
        ingest.offer("a", event(t, "x", t), 0)
    assert ingest.advance(0) == 1  # the watermark stands at 900
    ingest.offer("a", event(1300, "x", 1300), 0)
    assert ingest.advance(0) == 2
    assert [r.source_timestamp // MS for r in applied] == [900, 1000, 1100]
    assert ingest.counters["a"]["pending"] == 1
    adds_up(ingest)


def test_late_readings_are_counted_and_never_move_the_state() -> None:
    late: list[Reading] = []
    ingest = Ingest(contract(lateness=0.1), on_late=late.extend)
    for t, v in ((1000, 1), (2000, 2), (1800, 3)):
        ingest.offer("a", event(t, "x", v), 0)
    ingest.finish("a", 0)
    ingest.advance(0)
    assert value(ingest, "x") == 0.002
    assert ingest.counters["a"]["history_only"] == 1
    assert late == [Reading("x", 0.003, 1800 * MS, 0)]
    adds_up(ingest)


def test_a_reading_as_old_as_the_watermark_is_not_late() -> None:
    ingest = Ingest(contract())
    ingest.offer("a", event(1000, "x", 1), 0)
    ingest.advance(0)
    ingest.offer("a", event(1000, "y", 2), 0)
    assert ingest.advance(0) == 1


def test_duplicates_are_counted_once_even_when_they_come_late() -> None:
    ingest = Ingest(contract())
    for t in (1000, 1000, 2000, 1000):
        ingest.offer("a", event(t, "x", t), 0)
        ingest.advance(0)
    counts = ingest.counters["a"]
    assert (counts["applied"], counts["duplicate"], counts["history_only"]) == (2, 2, 0)
    assert value(ingest, "x") == 2.0


@pytest.mark.parametrize("many", [False, True])
def test_a_duplicate_that_says_something_else_is_told_once_a_signal_and_counted(
    many: bool, caplog: pytest.LogCaptureFixture
) -> None:
    ingest = Ingest(contract(lateness=10.0))
    first = b"".join(event(1000 + k, "x", k) for k in range(100 if many else 3)) + event(1000, "y", 7)
    ingest.offer("a", first, 0)
    same = event(1000, "x", 0) + event(1001, "x", 1 + 1e-12)  # as a conversion of units may leave it
    other = event(1001, "x", 2) + event(1002, "x", 3) + event(1000, "y", 8)
    ingest.offer("a", same + other, 0)
    ingest.finish("a", 0)
    ingest.advance(0)
    counts = ingest.counters["a"]
    assert (counts["duplicate"], counts["contradicting"]) == (5, 3)
    assert ingest.contradictions == {"a": {"x": 2, "y": 1}, "b": {}}
    adds_up(ingest)
    assert value(ingest, "y") == 0.007, "the first one stands"
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 2 and "'x'" in said[0] and "'y'" in said[1]
    assert "another value" in said[0] and "line" in said[0]


def test_a_source_that_contradicts_itself_everywhere_does_not_fill_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    signals = "".join(f"  - {{id: s{k}, source: a, field: s{k}}}\n" for k in range(60))
    ingest = Ingest(
        parse_contract(f'contract: 1\nsources:\n  a: {{uri: "memory:a", {READER}}}\nsignals:\n{signals}')
    )
    for v in (1, 2, 3):
        ingest.offer("a", b"".join(event(1000, f"s{k}", v) for k in range(60)), 0)
    assert ingest.counters["a"]["contradicting"] == 120
    assert len(caplog.records) == 21


def test_an_idle_source_lets_go_and_holds_no_watermark() -> None:
    ingest = Ingest(contract(lateness=10.0, idle_after=2.0))
    ingest.offer("a", event(1000, "x", 1), 0)
    ingest.offer("b", event(500_000, "z", 1), 0)
    assert ingest.advance(1_999 * MS) == 1  # only b's, which waits for nothing
    assert ingest.watermark_ns == -9000 * MS
    assert ingest.advance(2_000 * MS) == 1
    assert ingest.watermark_ns == 500_000 * MS
    ingest.offer("a", event(999, "x", 2), 2_100 * MS)
    assert ingest.counters["a"]["history_only"] == 1


def test_readings_of_several_sources_are_applied_in_event_time_order() -> None:
    applied: list[Reading] = []
    ingest = Ingest(contract(), on_applied=applied.extend)
    ingest.offer("b", event(2, "z", 1) + event(4, "z", 2), 0)
    ingest.offer("a", event(1, "x", 1) + event(3, "x", 2), 0)
    ingest.advance(0)
    assert [r.source_timestamp // MS for r in applied] == [1, 2, 3, 4]
    assert ingest.state.ordinal.tolist() == [3, 0, 4]


def test_a_date_in_the_future_does_not_run_away_with_the_watermark() -> None:
    quarantine = QuarantineMemory()
    ingest = Ingest(contract(extra=", max_ahead: 1"), quarantine)
    ingest.offer("a", event(500, "x", 1) + event(99_999_999, "x", 2) + event(600, "x", 3), 100 * MS)
    ingest.advance(100 * MS)
    assert value(ingest, "x") == 0.003
    assert [r.reason for r in quarantine.records] == ["future"]
    adds_up(ingest)


def test_the_waiting_room_is_bounded() -> None:
    quarantine = QuarantineMemory()
    ingest = Ingest(contract(lateness=100, extra=", max_pending: 3"), quarantine)
    ingest.offer("a", b"".join(event(t, "x", t) for t in range(5)), 0)
    assert ingest.counters["a"]["pending"] == 3
    assert [r.reason for r in quarantine.records] == ["overflow", "overflow"]
    adds_up(ingest)


def test_epoch_now_takes_the_first_row_to_happen_when_it_arrives() -> None:
    reader = "reader: {format: csv, time: {column: t, epoch: relative}}, clock: {epoch: now}"
    relative = contract(reader=reader)
    ingest = Ingest(relative)
    ingest.offer("a", b"t,x,y\n7.5,1,2\n", 1000)
    ingest.offer("a", b"8.0,1,2\n", 1000 + 490 * MS)
    ingest.advance(1000 + 490 * MS)
    assert ingest.state.event_ns[0] == 1000 + 500 * MS
    assert ingest.state.age_ns(1000 + 600 * MS)[0] == 100 * MS


def test_a_restart_moves_event_times_on_and_is_told_when_it_takes_effect() -> None:
    reader = "reader: {format: csv, time: {column: t, epoch: relative}}, clock: {epoch: 1970-01-01T00:00:00Z}"
    ingest = Ingest(contract(lateness=0.5, reader=reader))
    ingest.offer("a", b"t,x,y\n0,1,1\n1,2,2\n2,3,3", 0)
    ingest.restart("a", 3000 * MS, 0)
    ingest.advance(0)
    assert ingest.counters["a"]["pending"] == 2  # the row at 2 s, unfinished line and all, waits
    assert ingest.restarts == 0
    ingest.offer("a", b"t,x,y\n0,4,4\n", 0)
    ingest.advance(0)
    assert (ingest.restarts, value(ingest, "x")) == (0, 0.003)
    ingest.offer("a", b"1,5,5\n", 0)
    ingest.advance(0)
    assert (ingest.restarts, value(ingest, "x")) == (1, 0.004)
    assert ingest.state.event_ns[0] == 3000 * MS
    assert ingest.counters["a"]["quarantined"] == 0


def test_after_a_failure_a_half_line_is_judged_and_a_header_expected() -> None:
    reader = "reader: {format: csv, time: {column: t}}"
    quarantine = QuarantineMemory()
    ingest = Ingest(contract(reader=reader), quarantine)
    ingest.offer("a", b"t,x,y\n1,1,1\n2,2", 0)
    ingest.reconnect("a", 0)
    ingest.offer("a", b"t,y,x\n3,30,20\n", 0)
    ingest.advance(0)
    assert (value(ingest, "x"), value(ingest, "y")) == (0.02, 0.03)
    assert [(r.reason, r.line) for r in quarantine.records] == [("columns", 3)]


def test_an_unknown_source_is_the_callers_mistake() -> None:
    with pytest.raises(UserError, match="no source 'c'"):
        Ingest(contract()).offer("c", b"", 0)


# properties

tags = st.sampled_from(["x", "y", "w"])
garbage = st.one_of(
    st.binary(max_size=30),
    st.sampled_from(
        [b'{"t": 1, "tag": "x"', b"{}", b'{"t": "soon", "tag": "x", "v": 1}', b"\n\n", b"[[", b"\xff\xfe"]
    ),
)
rows = st.one_of(
    st.builds(event, st.integers(0, 50), tags, st.one_of(st.integers(-5, 5), st.none(), st.text(max_size=3))),
    garbage.map(lambda raw: raw + b"\n"),
)


@settings(deadline=None, max_examples=150)
@given(st.lists(rows, max_size=40), st.sampled_from([0.0, 0.01, 1.0]), st.data())
def test_counts_add_up_and_no_split_changes_anything(
    lines: list[bytes], lateness: float, draws: st.DataObject
) -> None:
    data = b"".join(lines)
    cuts = sorted(draws.draw(st.lists(st.integers(0, len(data)), max_size=12)))
    made = contract(lateness)
    whole, quarantine = Ingest(made, first := QuarantineMemory()), QuarantineMemory()
    whole.offer("a", data, 7)
    whole.finish("a", 7)
    whole.advance(7)
    adds_up(whole)
    split = Ingest(made, quarantine)
    for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True):
        split.offer("a", data[start:end], 7)
        adds_up(split)
        if draws.draw(st.booleans()):
            split.advance(7)
            adds_up(split)
    split.finish("a", 7)
    split.advance(7)
    assert split.counters == whole.counters
    assert split.state.digest() == whole.state.digest()
    assert list(quarantine.records) == list(first.records)


@settings(deadline=None, max_examples=150)
@given(
    st.lists(
        st.tuples(st.integers(0, 400), tags, st.integers(-9, 9)), max_size=40, unique_by=lambda e: e[:2]
    ),
    st.data(),
)
def test_any_order_of_arrival_within_the_lateness_gives_the_same_state(
    events: list[tuple[int, str, int]], draws: st.DataObject
) -> None:
    # Arrival = event time + a delay of at most the lateness: then nothing may be late, whatever the order.
    delays = draws.draw(st.lists(st.integers(0, 100), min_size=len(events), max_size=len(events)))
    arrival = sorted(zip(events, delays, strict=True), key=lambda pair: pair[0][0] + pair[1])
    made = contract(lateness=0.1)
    digests, counts = set(), []
    for sequence in (sorted(events), [pair[0] for pair in arrival]):
        ingest = Ingest(made)
        for each in sequence:
            ingest.offer("a", event(*each), 0)
            ingest.advance(0)
        ingest.finish("a", 0)
        ingest.advance(0)
        adds_up(ingest)
        digests.add(ingest.state.digest())
        counts.append(ingest.counters)
    assert counts[0] == counts[1]
    assert counts[0]["a"]["history_only"] == 0
    assert len(digests) == 1
    newest = {tag: max((e for e in events if e[1] == tag), default=None) for tag in ("x", "y")}
    for tag, last in newest.items():  # independent: the newest event of each signal stands
        assert value(ingest, tag) == pytest.approx(last[2] / 1000) if last else np.isnan(value(ingest, tag))


@settings(deadline=None, max_examples=150)
@given(st.lists(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 2)), max_size=6), max_size=12))
def test_what_is_released_is_exactly_what_the_watermark_has_reached(
    blocks: list[list[tuple[int, int]]],
) -> None:
    order = SourceOrder(20, kinds=np.zeros(3, np.int8), max_pending=1000)
    waiting: list[tuple[int, int]] = []
    seen: set[tuple[int, int]] = set()
    watermark = -20
    for block in blocks:
        order.accept([(time, signal, 0, 0.0, 0) for time, signal in block], 1 << 62)
        for key in block:  # the rule, with no cleverness
            if key not in seen and key[0] >= watermark:
                waiting.append(key)
            seen.add(key)
            watermark = max(watermark, key[0] - 20)
        due = sorted(key for key in waiting if key[0] <= watermark)
        waiting = [key for key in waiting if key[0] > watermark]
        out = order.release()
        assert list(zip(out.event_ns.tolist(), out.signal.tolist(), strict=True)) == due
        assert order.pending == len(waiting)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.binary(max_size=60), max_size=15))
def test_pure_noise_is_survived_by_every_reader(chunks: list[bytes]) -> None:
    for reader in (
        READER,
        "reader: {format: csv, time: {column: t}}",
        "reader: {format: csv, header: false, columns: [t, x, y], time: {column: t, unit: iso8601}}, clock: {zone: UTC}",
    ):
        ingest = Ingest(contract(reader=reader))
        for chunk in chunks:
            ingest.offer("a", chunk, 0)
            ingest.advance(0)
            adds_up(ingest)
        ingest.finish("a", 0)
        adds_up(ingest)


RELATIVE = "reader: {format: csv, time: {column: t, epoch: relative}}, clock: {epoch: %s}"


@pytest.mark.parametrize(
    ("epoch", "second_ns"), [("1970-01-01T00:00:00Z", 2000 * MS + 500 * MS + MS), ("now", 60_000 * MS)]
)
def test_a_replay_that_is_opened_anew_applies_again_and_counts_as_a_restart(
    epoch: str, second_ns: int
) -> None:
    ingest = Ingest(contract(lateness=0.5, reader=RELATIVE % epoch))
    ingest.begin_again("a", 0)
    ingest.offer("a", b"t,x,y\n0,1,1\n2,2,2\n1.9,3,3\n2,1", 0)  # a row out of order, one cut short
    ingest.advance(0)
    ingest.begin_again("a", 60_000 * MS)
    ingest.advance(60_000 * MS)
    assert (ingest.restarts, value(ingest, "x"), ingest.counters["a"]["pending"]) == (0, 0.002, 0)
    ingest.offer("a", b"t,x,y\n0,4,4\n2,5,5\n1.9,6,6\n", 60_000 * MS)
    ingest.advance(60_000 * MS)
    assert (ingest.restarts, value(ingest, "x")) == (1, 0.004)
    assert ingest.state.event_ns[0] == second_ns
    ingest.finish("a", 60_000 * MS)
    ingest.advance(60_000 * MS)
    assert (value(ingest, "x"), ingest.state.event_ns[0]) == (0.005, second_ns + 2000 * MS)
    counts = ingest.counters["a"]
    assert (counts["history_only"], counts["duplicate"], counts["applied"]) == (0, 0, 12)
    adds_up(ingest)
    ingest.restart("a", 3000 * MS, 60_000 * MS)  # a loop of the second run goes on from there
    ingest.offer("a", b"t,x,y\n0,7,7\n1,8,8\n", 60_000 * MS)
    ingest.finish("a", 60_000 * MS)
    ingest.advance(60_000 * MS)
    assert (ingest.restarts, ingest.state.event_ns[0]) == (2, second_ns + 4000 * MS)


def test_beginning_again_before_anything_has_passed_changes_nothing() -> None:
    ingest = Ingest(contract(reader=RELATIVE % "now", extra=", max_ahead: 1"))
    ingest.offer("a", b"t,x,y\n", 0)
    ingest.begin_again("a", 5)
    ingest.offer("a", b"t,x,y\n3,1,1\n", 7)
    ingest.advance(7)
    assert (ingest.restarts, ingest.state.event_ns[0]) == (0, 7)
