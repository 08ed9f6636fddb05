"""What an ingest tells its journal, told to a new one, gives the same state, counts and restarts."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twinstage.telemetry.contract import Contract, parse_contract
from twinstage.telemetry.history.checkpoint import checkpoint_bytes, restore_checkpoint
from twinstage.telemetry.ingest import Ingest
from twinstage.telemetry.journal import JournalMemory
from twinstage.telemetry.numbers import ColumnBatch
from twinstage.telemetry.quarantine import QuarantineMemory

MS = 1_000_000


def contract(lateness: float = 0.02, history: str = "") -> Contract:
    reader = "reader: {format: jsonl, layout: long, time: {field: t, unit: ms}, name: tag, value: v}"
    return parse_contract(f"""
contract: 1
sources:
  a: {{uri: "memory:a", lateness: {lateness}, idle_after: 0.05, {history} {reader}}}
  b: {{uri: "memory:b", {reader}}}
signals:
  - {{id: x, source: a, field: x, unit: mm, range: [-4, 4]}}
  - {{id: s, source: a, field: s, type: string}}
  - {{id: z, source: b, field: z, unit: "[degF]"}}
""")


def line(t: int, tag: str, v: object) -> bytes:
    return json.dumps({"t": t, "tag": tag, "v": v}).encode() + b"\n"


ROW = st.tuples(
    st.integers(0, 60),
    st.sampled_from(["x", "s", "z", "w"]),
    st.one_of(st.integers(-6, 6), st.text(max_size=2)),
)
STEP = st.one_of(
    st.tuples(st.just("offer"), st.lists(ROW, max_size=6)),
    st.tuples(st.just("advance"), st.integers(0, 40)),
    st.tuples(st.just("finish"), st.just(0)),
    st.tuples(st.just("restart"), st.integers(70, 90)),
    st.tuples(st.just("begin"), st.just(0)),
)


def do(ingest: Ingest, what: str, more: object, now: int) -> int:
    """One step; returns the time after it."""
    if what == "offer":
        assert isinstance(more, list)
        for source, own in (("a", "xsw"), ("b", "z")):
            ingest.offer(source, b"".join(line(*row) for row in more if row[1] in own), now)
    elif what == "advance":
        assert isinstance(more, int)
        now += more * MS
        ingest.advance(now)
    elif what == "finish":
        ingest.finish("a", now)
    elif what == "restart":
        assert isinstance(more, int)
        ingest.restart("a", more * MS, now)
    else:
        ingest.begin_again("a", now)
    return now + MS


def as_told(ingest: Ingest) -> tuple[object, ...]:
    return ingest.state.digest(), ingest.counters, ingest.restarts, ingest.state.ordinal.tolist()


steps_of = st.lists(STEP, max_size=14)


@settings(deadline=None, max_examples=200)
@given(steps_of, st.sampled_from([0.0, 0.02]), st.sampled_from(["", "history: 0.01,"]))
def test_a_retold_journal_gives_the_same_state(
    steps: list[tuple[str, object]], lateness: float, history: str
) -> None:
    made, journal, now = contract(lateness, history), JournalMemory(), 0
    live = Ingest(made, journal=journal)
    for what, more in steps:
        now = do(live, what, more, now)
        again = Ingest(made)
        for entry in journal.entries:
            again.retell(entry)
        assert as_told(again) == as_told(live)


@settings(deadline=None, max_examples=200)
@given(steps_of, steps_of, st.sampled_from([0.0, 0.02]))
def test_a_checkpoint_goes_on_as_if_nothing_had_happened(
    before: list[tuple[str, object]], after: list[tuple[str, object]], lateness: float
) -> None:
    made, now = contract(lateness), 0
    live = Ingest(made)
    for what, more in before:
        now = do(live, what, more, now)
    live.reconnect("a", now)  # a restart loses unfinished lines, so they are judged here, too
    live.reconnect("b", now)
    other = Ingest(made)
    restore_checkpoint(other, checkpoint_bytes(live))
    assert as_told(other) == as_told(live)
    begins_again = live._intakes["a"]._begins_again
    for what, more in after if not begins_again else ():
        do(live, what, more, now)
        now = do(other, what, more, now)
        assert as_told(other) == as_told(live)
        assert (other.watermark_ns, other.state.stale(now).tolist()) == (
            live.watermark_ns,
            live.state.stale(now).tolist(),
        )


def test_a_late_reading_that_may_not_even_enter_the_history_is_quarantined_with_its_line() -> None:
    quarantine = QuarantineMemory()
    ingest = Ingest(contract(0.01, "history: 0.01,"), quarantine)
    data = line(100, "x", 1) + line(85, "x", 2) + line(70, "x", 3)
    ingest.offer("a", data, 0)
    counts = ingest.counters["a"]
    assert (counts["history_only"], counts["late"], counts["quarantined"], counts["received"]) == (1, 1, 0, 3)
    (record,) = quarantine.records
    assert (record.reason, record.line, record.signal, record.raw) == (
        "late",
        3,
        "x",
        line(70, "x", 3).rstrip(),
    )
    assert "0.02 s" in record.expected


def test_columns_are_converted_checked_and_counted() -> None:
    quarantine, journal = QuarantineMemory(), JournalMemory()
    ingest = Ingest(contract(0.0), quarantine, journal=journal)
    time = np.arange(1, 6) * MS
    values = np.array([1.0, 5.0, np.nan, -4.0, 4.0])
    ingest.offer_columns("a", ColumnBatch(np.zeros(5, np.uint32), time, values), 0)
    ingest.offer_columns("b", ColumnBatch(np.full(1, 2, np.uint32), time[:1], np.array([212.0])), 0)
    ingest.offer_columns("a", ColumnBatch(np.array([1, 0], np.uint32), time[:2] + 9 * MS, ["on", True]), 0)
    assert ingest.advance(0) == 5
    assert ingest.state.numeric[[0, 2]].tolist() == pytest.approx([0.004, 373.15])
    assert ingest.state.text("s") == "on"
    assert [(r.reason, r.line) for r in quarantine.records] == [("range", 2), ("not_finite", 3), ("type", 2)]
    counts = ingest.counters["a"]
    assert (counts["received"], counts["applied"], counts["quarantined"]) == (7, 4, 3)
    with pytest.raises(ValueError, match="other sources"):
        ingest.offer_columns("a", ColumnBatch(np.full(1, 2, np.uint32), time[:1], np.zeros(1)), 0)
    with pytest.raises(ValueError, match="different lengths"):
        ingest.offer_columns("a", ColumnBatch(np.zeros(1, np.uint32), time, np.zeros(1)), 0)


def test_columns_and_lines_give_the_same_state() -> None:
    rows = [(t, "x", (t * 37) % 9 - 4) for t in range(200)]
    lines, columns = Ingest(contract()), Ingest(contract())
    lines.offer("a", b"".join(line(*row) for row in rows), 0)
    values = np.array([row[2] for row in rows], np.float64)
    columns.offer_columns("a", ColumnBatch(np.zeros(200, np.uint32), np.arange(200) * MS, values), 0)
    for ingest in (lines, columns):
        ingest.advance(0)
    assert lines.state.digest() == columns.state.digest()
    assert lines.counters == columns.counters
