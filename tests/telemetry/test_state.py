"""The state table: columns by type, ordinals, ages, digest, and the door for producers."""

import math

import numpy as np
import pytest

from twinstage.base.errors import UserError
from twinstage.base.quality import BAD, BAD_NO_DATA, GOOD, UNCERTAIN, UNCERTAIN_LAST_USABLE
from twinstage.telemetry.contract import parse_contract
from twinstage.telemetry.state import NEVER, StateTable

CONTRACT = parse_contract("""
contract: 1
sources: {s: {uri: "memory:s", reader: {format: jsonl, time: {field: t}}}}
signals:
  - {id: speed, source: s, field: a, unit: km/h, max_age: 2}
  - {id: parts, source: s, field: b, type: i64}
  - {id: door, source: s, field: c, type: bool}
  - {id: mode, source: s, field: d, type: enum, values: {idle: 1, run: 5}}
  - {id: note, source: s, field: e, type: string}
  - {id: axis, source: s, field: f, type: "vec[3]", unit: mm}
  - {id: turn, source: s, field: g, type: quat}
  - {id: pose1, source: s, field: h, type: pose, unit: mm}
  - {id: pose2, source: s, field: i, type: pose, unit: m}
  - {id: level, source: s, field: j, unit: m, max_age: 1, gap: bad}
""")


def test_before_any_value_everything_says_so() -> None:
    state = StateTable(CONTRACT)
    assert state.signal_ids[:2] == ("speed", "parts")
    assert state.units == ("m/s", "1", "1", "1", "1", "m", "1", "m", "m", "m")
    assert np.isnan(state.numeric).all()
    assert (state.quality == BAD_NO_DATA).all()
    assert (state.event_ns == NEVER).all()
    assert state.changed_since(0).tolist() == []
    assert state.pose_values.shape == (2, 7)
    assert state.pose_values[0].tolist() == [0, 0, 0, 1, 0, 0, 0]
    assert state.text("note") is None
    assert not state.has_value("speed")


def test_values_land_in_the_column_of_their_type() -> None:
    state = StateTable(CONTRACT)
    for signal, value in [
        ("speed", 2.5), ("parts", 2**60 + 1), ("door", True), ("mode", "run"), ("note", "ok"), ("axis", (1, 2, 3)),
        ("turn", [0.0, 1.0, 0.0, 0.0]), ("pose2", np.arange(7.0)),
    ]:  # fmt: skip
        state.set(signal, value, 10)
    assert state.numeric[:4].tolist() == [2.5, float(2**60 + 1), 1.0, 5.0]
    assert state.integers.tolist() == [2**60 + 1]
    assert (state.text("mode"), state.text("note")) == ("run", "ok")
    assert state.vector("axis").tolist() == [1, 2, 3]
    assert state.quat_values.tolist() == [[0, 1, 0, 0]]
    assert state.pose_values[1].tolist() == [0, 1, 2, 3, 4, 5, 6]
    indices, values = state.vectors("pose")
    assert indices.tolist() == [7, 8]
    assert values is state.pose_values
    assert state.vector_at(8).tolist() == state.vector("pose2").tolist()


def test_ordinals_tell_what_changed() -> None:
    state = StateTable(CONTRACT)
    state.set("speed", 1.0, 10)
    seen = state.revision
    state.set("note", "a", 11)
    state.set("door", 0, 12)
    assert state.changed_since(seen).tolist() == [2, 4]
    assert state.changed_since(state.revision).tolist() == []


def test_a_batch_writes_the_newest_usable_value_of_each_signal() -> None:
    state = StateTable(CONTRACT)
    state.apply([(1, 0, 0, 1, 1.0, GOOD), (2, 0, 0, 2, 2.0, GOOD), (3, 0, 0, 3, None, BAD)])
    assert (state.numeric[0], state.event_ns[0], state.quality[0], state.ordinal[0]) == (2.0, 3, BAD, 3)
    state.apply([(2, 0, 0, 4, 9.0, GOOD)])  # older than what stands
    assert (state.numeric[0], state.event_ns[0], state.revision) == (2.0, 3, 4)


def test_of_one_instant_the_highest_sequence_stands_whenever_it_came() -> None:
    state = StateTable(CONTRACT)
    state.apply([(1, 0, 2, 1, 20.0, GOOD)])
    state.apply([(1, 0, 1, 2, 10.0, GOOD)])
    assert state.numeric[0] == 20.0
    state.apply([(1, 0, 3, 3, 30.0, GOOD)])
    assert state.numeric[0] == 30.0


def test_age_and_staleness() -> None:
    state = StateTable(CONTRACT)
    state.set("speed", 1.0, 1_000_000_000)
    state.set("door", 1, 1_000_000_000)
    assert state.age_ns(1_500_000_000)[0] == 500_000_000
    assert state.stale(3_000_000_001)[:3].tolist() == [True, False, False]
    assert state.effective_quality(3_000_000_001)[:3].tolist() == [UNCERTAIN_LAST_USABLE, BAD_NO_DATA, GOOD]


def test_the_digest_is_of_values_times_and_qualities() -> None:
    def made(*writes: tuple[str, object, int]) -> str:
        state = StateTable(CONTRACT)
        for write in writes:
            state.set(*write)
        return state.digest()

    base = made(("speed", 1.0, 1), ("note", "a", 1))
    assert made(("note", "a", 1), ("speed", 1.0, 1)) == base  # the way there does not count
    for other in [
        made(("speed", 1.5, 1), ("note", "a", 1)),
        made(("speed", 1.0, 2), ("note", "a", 1)),
        made(("speed", 1.0, 1), ("note", "b", 1)),
        made(("speed", 1.0, 1), ("note", "a", 1), ("axis", (0, 0, 1), 1)),
    ]:
        assert other != base


@pytest.mark.parametrize(
    ("signal", "value"),
    [("speed", "fast"), ("parts", "x"), ("mode", "off"), ("axis", (1, 2)), ("pose1", None), ("speed", None)],
)
def test_a_value_that_does_not_fit_is_the_producers_mistake(signal: str, value: object) -> None:
    with pytest.raises(UserError, match=f"no value for signal '{signal}'"):
        StateTable(CONTRACT).set(signal, value, 0)


def test_unknown_signals_have_near_misses() -> None:
    state = StateTable(CONTRACT)
    with pytest.raises(UserError, match="no signal 'sped'; did you mean 'speed'"):
        state.set("sped", 1.0, 0)
    with pytest.raises(UserError, match="of type f64, not a vec"):
        state.vector("speed")
    assert math.isnan(state.numeric[0])


S = 1_000_000_000
TODAY = 1_767_225_600 * S


def test_a_bad_first_reading_is_no_value() -> None:
    state = StateTable(CONTRACT)
    state.set("pose2", np.arange(7.0), 1, BAD)
    assert not state.has_value("pose2")
    assert not state.usable.any()
    state.apply([(2, state.index("pose2"), 0, 1, tuple(np.arange(7.0)), GOOD), (3, 8, 0, 2, None, BAD)])
    assert state.has_value("pose2")
    assert np.flatnonzero(state.usable).tolist() == [state.index("pose2")]


def test_a_gap_of_kind_bad_makes_stale_values_bad() -> None:
    state = StateTable(CONTRACT)
    level = state.index("level")
    for quality in (GOOD, UNCERTAIN):
        state.set("level", 1.0, TODAY, quality)
        assert state.effective_quality(TODAY + S)[level] == quality
        assert state.effective_quality(TODAY + S + 1)[level] == BAD_NO_DATA
    state.set("level", 1.0, TODAY, BAD)
    assert state.effective_quality(TODAY + 9 * S)[level] == BAD


def test_each_change_of_quality_is_told_once() -> None:
    state = StateTable(CONTRACT)
    assert state.quality_changes(TODAY).tolist() == []
    state.set("speed", 1.0, TODAY)
    state.set("door", 1, TODAY)
    assert state.quality_changes(TODAY).tolist() == [0, 2]
    assert state.quality_changes(TODAY + 2 * S).tolist() == []
    assert state.quality_changes(TODAY + 2 * S + 1).tolist() == [0]
    assert state.reported[0] == UNCERTAIN_LAST_USABLE
    assert state.quality_changes(TODAY + 3 * S).tolist() == []
    state.set("speed", 1.0, TODAY + 3 * S)
    assert state.quality_changes(TODAY + 3 * S).tolist() == [0]
    assert state.reported[0] == GOOD


@pytest.mark.parametrize(
    ("event", "arrival", "fresh_until"),
    [
        (TODAY, TODAY + S, TODAY + 2 * S),  # live: two seconds from when it happened
        (TODAY, TODAY + 3600 * S, TODAY + 2 * S),  # one that comes an hour late is stale at once
        (0, TODAY, TODAY + 2 * S),  # a recording of 1970: from when it came
        (TODAY + 3600 * S, TODAY, TODAY + 2 * S),  # a clock that runs ahead does not keep a dead source alive
    ],
)
def test_age_counts_from_the_event_only_where_clocks_can_be_compared(
    event: int, arrival: int, fresh_until: int
) -> None:
    state = StateTable(CONTRACT)
    state.apply([(event, 0, 0, 1, 1.0, GOOD)], arrival)
    assert not state.stale(fresh_until)[0]
    assert state.stale(fresh_until + 1)[0]


def test_by_arrival_no_event_time_counts() -> None:
    state = StateTable(CONTRACT)
    state.by_arrival[:] = True
    state.apply([(TODAY - 10 * S, 0, 0, 1, 1.0, GOOD)], TODAY)
    assert not state.stale(TODAY + 2 * S)[0]
    assert state.stale(TODAY + 2 * S + 1)[0]
