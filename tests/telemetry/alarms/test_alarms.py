"""Alarms: conditions, delays, states, silence, floods, restoring; and the real machine of NAB."""

import csv
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twinstage.base.errors import UserError
from twinstage.base.quality import BAD, UNCERTAIN
from twinstage.telemetry.alarms.engine import AlarmEngine, AlarmRecord
from twinstage.telemetry.alarms.machine import AlarmState, acknowledge, follow
from twinstage.telemetry.alarms.mode import mode_reader
from twinstage.telemetry.contract import Contract, parse_contract
from twinstage.telemetry.state import StateTable

S = 1_000_000_000
HEAD = """
contract: 1
mode: text
sources:
  a: {uri: "memory:a", reader: {format: jsonl, time: {field: t, unit: s}}}
signals:
  - {id: temp, source: a, field: temp, unit: Cel, max_age: 30}
  - {id: level, source: a, field: level, unit: "%"}
  - {id: run, source: a, field: run, type: bool}
  - {id: drive, source: a, field: drive, type: enum, values: [idle, running, fault]}
  - {id: pos, source: a, field: pos, type: "vec[3]", unit: mm}
  - {id: press, source: a, field: press, max_age: 5, gap: bad}
  - {id: text, source: a, field: text, type: string}
derived:
  - {id: mean, expr: "level / 2", unit: "1"}
"""


def contract(*alarms: str) -> Contract:
    return parse_contract(
        HEAD + "alarms:\n" + "".join(f"  - {{{item}}}\n" for item in alarms), where="c.yaml"
    )


class Plant:
    """A state and its alarms, fed by hand."""

    def __init__(self, *alarms: str) -> None:
        made = contract(*alarms)
        self.state, self.engine = StateTable(made), AlarmEngine(made)
        self.records: list[AlarmRecord] = []

    def tell(
        self, at: float, mode: str | None = None, quality: int = 0, **values: object
    ) -> list[tuple[str, str]]:
        """Set values at a time [s] and tick; what happened, as (what, alarm)."""
        for name, value in values.items():
            self.state.set(name, value, round(at * S), quality)
        self.state.derive(round(at * S))
        records = self.engine.tick(self.state, round(at * S), mode)
        self.records += records
        return [(record.what, record.alarm) for record in records]


def test_a_limit_with_hysteresis_raises_once_and_returns_below_the_band() -> None:
    plant = Plant("id: hot, signal: temp, above: 80, hysteresis: 2, latch: false")
    assert plant.tell(0, temp=353.15) == []  # at the limit nothing is wrong
    assert plant.tell(1, temp=353.16) == [("raised", "hot")]
    assert plant.tell(2, temp=351.5) == []
    assert plant.tell(3, temp=353.5) == []
    assert plant.tell(4, temp=351.1) == [("returned", "hot")]
    assert plant.records[0].value == pytest.approx(353.16)


def test_delays_count_from_when_the_condition_changed() -> None:
    plant = Plant("id: low, signal: level, below: 10, on_delay: 5, off_delay: 3, latch: false")
    assert plant.tell(0, level=0.05) == []
    assert plant.tell(4.9) == []
    assert plant.tell(4.95, level=0.2) == []  # a short dip
    assert plant.tell(5, level=0.05) == []
    assert plant.tell(10) == [("raised", "low")]
    assert plant.tell(11, level=0.5) == []
    assert plant.tell(13.9) == []
    assert plant.tell(14) == [("returned", "low")]


def test_rates_are_those_between_readings() -> None:
    plant = Plant(
        "id: jump, signal: temp, rise: 2, latch: false", "id: drop, signal: temp, fall: 2, latch: false"
    )
    assert plant.tell(0, temp=300) == []
    assert plant.tell(10, temp=319) == []
    assert plant.tell(20, temp=340) == [("raised", "jump")]
    assert plant.tell(25) == []  # nothing new was told
    assert plant.tell(30, temp=341) == [("returned", "jump")]
    assert plant.tell(31, temp=338) == [("raised", "drop")]


def test_stale_quality_equals_and_expressions() -> None:
    plant = Plant(
        "id: silent, signal: temp, stale: true, latch: false",
        "id: doubt, signal: level, quality: uncertain, latch: false",
        "id: broken, signal: drive, equals: fault, latch: false",
        "id: stopped, signal: run, equals: false, latch: false",
        'id: dry, expr: "level < 0.1 and run and pos[2] > 0.1", latch: false',
    )
    assert plant.tell(0, temp=300, level=0.5, drive="running", run=True, pos=[0, 0, 0]) == []
    assert plant.tell(31) == [("raised", "silent")]
    assert plant.tell(32, temp=300, level=0.5, quality=UNCERTAIN) == [
        ("returned", "silent"),
        ("raised", "doubt"),
    ]
    assert plant.tell(33, drive="fault", level=0.01) == [("returned", "doubt"), ("raised", "broken")]
    assert plant.tell(34, pos=[0, 0, 0.2]) == [("raised", "dry")]
    assert plant.tell(35, run=False) == [("raised", "stopped"), ("returned", "dry")]


def test_a_signal_that_never_speaks_is_found_out_and_a_start_is_quiet() -> None:
    plant = Plant(
        "id: silent, signal: temp, stale: true, latch: false",
        "id: bad, signal: level, quality: bad, latch: false",
    )
    assert plant.tell(100) == []
    assert plant.tell(110) == []
    assert plant.tell(110.1) == [("raised", "bad")]
    assert plant.tell(130) == []
    assert plant.tell(130.1) == [("raised", "silent")]
    assert plant.tell(131, temp=300, level=0.5) == [("returned", "silent"), ("returned", "bad")]


def test_an_expression_over_a_value_that_age_made_bad_stays_as_it_was() -> None:
    plant = Plant(
        'id: both, expr: "press > 1 and run", latch: false',
        "id: limit, signal: press, above: 1, latch: false",
    )
    assert plant.tell(0, press=2, run=True) == [("raised", "both"), ("raised", "limit")]
    assert plant.tell(20, run=False) == [], "press is Bad_NoData by now, so neither says anything"
    assert plant.tell(21, press=0.5) == [("returned", "both"), ("returned", "limit")]


def test_what_was_silent_before_a_restart_stays_raised_until_it_speaks() -> None:
    plant = Plant("id: silent, signal: temp, stale: true, latch: false")
    plant.tell(0, temp=300)
    plant.tell(31)
    after = Plant("id: silent, signal: temp, stale: true, latch: false")
    after.engine.restore(plant.records)
    assert after.tell(40) == []
    assert [item.spec.id for item in after.engine.active()] == ["silent"]
    assert after.tell(41, temp=300) == [("returned", "silent")]


@pytest.mark.parametrize(
    ("kind", "values", "modes"),
    [
        ("enum, values: [auto, service]", ["service", "auto"], ["service", "auto"]),
        ("string", ["service"], ["service"]),
        ("bool", [True, False], ["true", "false"]),
        ("i64", [7], ["7"]),
    ],
)
def test_a_signal_tells_the_mode(kind: str, values: list[object], modes: list[str]) -> None:
    made = parse_contract(
        "contract: 1\nmode: m\nsources: {a: {uri: 'memory:a', reader: {format: jsonl, time: {field: t, unit: s}}}}\n"
        f"signals: [{{id: m, source: a, field: m, type: {kind}}}]\n",
        where="c.yaml",
    )
    state = StateTable(made)
    read = mode_reader(made, state)
    assert read() is None
    for value, mode in zip(values, modes, strict=True):
        state.set("m", value, S)
        assert read() == mode
    state.set("m", values[0], 2 * S, BAD)
    assert read() == modes[-1], "a bad value is none: the mode stays"


@pytest.mark.parametrize(
    ("mode", "alarm", "message"),
    [
        ("mod: m", "", "mod is not a known field"),
        ("mode: n", "", "the mode 'n' is no signal"),
        ("mode: x", "", "is a f64; enum, string, bool or i64"),
        ("mode: m", "suppress_in: [servce]", "never 'servce'; did you mean 'service'"),
        ("description: none", "suppress_in: [service]", "no signal tells the operating mode"),
    ],
)
def test_mistakes_about_modes(mode: str, alarm: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        parse_contract(
            f"contract: 1\n{mode}\n"
            "sources: {a: {uri: 'memory:a', reader: {format: jsonl, time: {field: t, unit: s}}}}\n"
            "signals:\n  - {id: m, source: a, field: m, type: enum, values: [auto, service]}\n"
            "  - {id: x, source: a, field: x}\n"
            f"alarms: [{{id: hot, signal: x, above: 1, {alarm}}}]\n",
            where="c.yaml",
        )


def test_a_mode_may_have_limits_of_its_own() -> None:
    plant = Plant(
        "id: hot, signal: temp, above: 80, limit_in: {CLEAN: 95, IDLE: 40}, hysteresis: 2, latch: false",
        "id: low, signal: level, below: 10, limit_in: {IDLE: 0}, latch: false",
    )
    assert plant.tell(0, temp=273.15 + 90, level=0.05) == [("raised", "hot"), ("raised", "low")]
    assert plant.tell(1, mode="CLEAN") == [("returned", "hot")], "90 is allowed while it is cleaned"
    assert plant.tell(2, mode="CLEAN", temp=273.15 + 95) == []  # at the limit
    assert plant.tell(3, mode="CLEAN", temp=273.15 + 95.1) == [("raised", "hot")]
    assert plant.tell(4, mode="CLEAN", temp=273.15 + 93.5) == []  # the band goes with the limit
    assert plant.tell(5, mode="CLEAN", temp=273.15 + 92.9) == [("returned", "hot")]
    assert plant.tell(6, mode="OTHER") == [("raised", "hot")], "of other modes nothing is said"
    assert plant.tell(7, mode="IDLE", temp=273.15 + 39) == [("returned", "low")]
    assert plant.tell(8, mode="IDLE", temp=273.15 + 37) == [("returned", "hot")]
    assert plant.tell(9, mode="IDLE", temp=273.15 + 41) == [("raised", "hot")]
    assert plant.tell(10, temp=273.15 + 41) == [("returned", "hot"), ("raised", "low")], (
        "no mode: the usual limit"
    )


@pytest.mark.parametrize(("kind", "written", "told"), [("i64", "7", "7"), ("bool", "true", "true")])
def test_modes_that_yaml_reads_as_numbers_or_flags_are_names(kind: str, written: str, told: str) -> None:
    made = parse_contract(
        "contract: 1\nmode: m\n"
        "sources: {a: {uri: 'memory:a', reader: {format: jsonl, time: {field: t, unit: s}}}}\n"
        f"signals:\n  - {{id: m, source: a, field: m, type: {kind}}}\n"
        f"  - {{id: x, source: a, field: x, mode_range: {{{written}: [0, 1]}}}}\n"
        f"alarms:\n  - {{id: one, signal: x, above: 1, limit_in: {{{written}: 2}}}}\n"
        f"  - {{id: two, signal: x, above: 1, suppress_in: [{written}]}}\n"
    )
    assert made.alarms[0].limit_in == {told: 2.0} and made.alarms[1].suppress_in == (told,)
    assert made.signals[1].mode_range == {told: (0.0, 1.0)}


def test_rates_have_limits_by_mode_too_and_delays_count_on() -> None:
    plant = Plant(
        "id: jump, signal: level, rise: 10, limit_in: {START: 50}, latch: false",
        "id: hot, signal: temp, above: 80, limit_in: {CLEAN: 95}, on_delay: 5, latch: false",
    )
    plant.tell(0, level=0.0, temp=273.15 + 90, mode="START")
    assert plant.tell(1, level=0.3, mode="START") == []
    assert plant.tell(2, level=0.5) == [("raised", "jump")]
    assert plant.tell(3, mode="CLEAN") == []
    assert plant.tell(4) == [], "the delay begins when the limit of the mode is passed"
    assert plant.tell(8.9) == []
    assert plant.tell(9) == [("raised", "hot")]


@pytest.mark.parametrize(
    ("alarm", "message"),
    [
        ("signal: x, above: 1, limit_in: {servce: 2}", "never 'servce'; did you mean 'service'"),
        ("signal: x, stale: true, limit_in: {service: 2}", "limit_in belongs to above, below, rise and fall, not to stale"),
        ("expr: x > 1, limit_in: {service: 2}", "limit_in belongs to above, below, rise and fall, not to expr"),
        ("signal: x, rise: 1, limit_in: {service: -2}", "the limit -2 of rise in the mode 'service' is below 0"),
        ("signal: x, above: 1, limit_in: {service: 2}, suppress_in: [service]",
         "is suppressed in the mode 'service', so it has no limit there"),
        ("signal: x, above: 1, limit_in: {service: warm}", "limit_in.service"),
    ],
)  # fmt: skip
def test_mistakes_about_limits_by_mode(alarm: str, message: str) -> None:
    text = (
        "contract: 1\nmode: m\n"
        "sources: {a: {uri: 'memory:a', reader: {format: jsonl, time: {field: t, unit: s}}}}\n"
        "signals:\n  - {id: m, source: a, field: m, type: enum, values: [auto, service]}\n"
        "  - {id: x, source: a, field: x, max_age: 1}\n"
        f"alarms: [{{id: hot, {alarm}}}]\n"
    )
    with pytest.raises(UserError, match=message) as caught:
        parse_contract(text, where="c.yaml")
    assert "\n" not in str(caught.value)
    with pytest.raises(UserError, match="hot' has a limit in 'a', but no signal tells the operating mode"):
        contract_without_mode = HEAD.replace("mode: text\n", "")
        parse_contract(
            contract_without_mode + "alarms: [{id: hot, signal: temp, above: 1, limit_in: {a: 2}}]\n"
        )


def test_a_bad_value_says_nothing_about_limits() -> None:
    plant = Plant(
        "id: hot, signal: temp, above: 80, latch: false", "id: bad, signal: temp, quality: bad, latch: false"
    )
    assert plant.tell(0, temp=360) == [("raised", "hot")]
    assert plant.tell(1, temp=300, quality=BAD) == [("raised", "bad")]
    assert plant.tell(2, temp=300) == [("returned", "hot"), ("returned", "bad")]


def test_it_stays_until_someone_has_seen_it() -> None:
    plant = Plant("id: hot, signal: temp, above: 80, priority: high")
    plant.tell(0, temp=360)
    plant.tell(1, temp=300)
    (item,) = plant.engine.active()
    assert item.alarm.state == "returned"
    (record,) = plant.engine.acknowledge("hot", 2 * S, by="someone", comment="seen")
    assert (record.what, record.by, record.comment, record.priority) == (
        "acknowledged",
        "someone",
        "seen",
        "high",
    )
    assert plant.engine.active() == []
    with pytest.raises(UserError, match="nothing to acknowledge"):
        plant.engine.acknowledge("hot", 3 * S, by="x")
    with pytest.raises(UserError, match="no alarm 'hott'; did you mean 'hot'"):
        plant.engine.acknowledge("hott", 3 * S, by="x")
    plant.tell(4, temp=360)
    plant.engine.acknowledge("hot", 5 * S, by="x")
    assert plant.tell(6, temp=300) == [("returned", "hot")]
    assert plant.engine.active() == []


def test_shelved_suppressed_and_out_of_service_are_silent_and_judged_anew() -> None:
    plant = Plant("id: hot, signal: temp, above: 80, suppress_in: [maintenance]")
    plant.tell(0, temp=360)
    plant.engine.shelve("hot", 1 * S, seconds=10, by="x")
    assert plant.engine.active() == []
    assert plant.tell(5) == []
    assert plant.tell(11) == [("unshelved", "hot"), ("raised", "hot")]
    assert plant.tell(12, mode="maintenance") == [("suppressed", "hot")]
    assert plant.engine.active() == []
    assert plant.tell(13, mode="running", temp=300) == [("unsuppressed", "hot")]
    assert plant.engine.set_service("hot", 14 * S, out=True, by="x")[0].what == "out_of_service"
    assert plant.engine.set_service("hot", 14 * S, out=True, by="x") == []
    assert plant.tell(15, temp=360) == []
    plant.engine.set_service("hot", 16 * S, out=False, by="x")
    assert plant.tell(17) == [("raised", "hot")]
    with pytest.raises(UserError, match="up to 604800 s"):
        plant.engine.shelve("hot", 0, seconds=1e9, by="x")
    with pytest.raises(UserError, match="not shelved"):
        plant.engine.unshelve("hot", 0, by="x")


def test_a_flood_is_told_and_low_priorities_are_quiet_in_it() -> None:
    alarms = [
        f"id: a{k}, signal: level, below: {k + 1}, priority: {'low' if k % 2 else 'high'}" for k in range(20)
    ]
    plant = Plant(*alarms)
    happened = plant.tell(0, level=0.105)  # below 11 % to 20 %
    assert [what for what, _ in happened].count("raised") == 10
    assert happened[-1] == ("flood_began", "")
    assert plant.engine.flooded
    plant.tell(1, level=0.085)
    quiet = {
        record.alarm: record.quiet
        for record in plant.records
        if record.what == "raised" and record.at_ns == S
    }
    assert quiet == {"a8": False, "a9": True}
    assert ("flood_ended", "") in plant.tell(700, level=0.5)


def test_active_alarms_are_listed_by_what_needs_a_person_first() -> None:
    plant = Plant(
        "id: low, signal: temp, above: 10, priority: low",
        "id: high, signal: temp, above: 20, priority: high",
        "id: seen, signal: temp, above: 30, priority: critical",
    )
    plant.tell(0, temp=400)
    plant.engine.acknowledge("seen", 1, by="x")
    assert [item.spec.id for item in plant.engine.active()] == ["high", "low", "seen"]


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["tell", "ack", "shelve", "unshelve", "out", "in", "mode"]),
        st.floats(280, 400),
        st.integers(1, 40),
    ),
    max_size=30,
)


@settings(deadline=None, max_examples=200)
@given(STEPS, st.integers(0, 5), st.booleans())
def test_an_engine_restored_from_its_records_goes_on_alike(
    steps: list[tuple[str, float, int]], delay: int, latch: bool
) -> None:
    alarm = f"id: hot, signal: temp, above: 80, on_delay: {delay}, latch: {str(latch).lower()}, suppress_in: [maintenance]"
    plant, at, mode = Plant(alarm), 0, "running"
    for what, value, wait in steps:
        at += wait
        try:
            if what == "ack":
                plant.records += plant.engine.acknowledge("hot", at * S, by="x")
            elif what == "shelve":
                plant.records += plant.engine.shelve("hot", at * S, seconds=wait, by="x")
            elif what == "unshelve":
                plant.records += plant.engine.unshelve("hot", at * S, by="x")
            elif what in ("out", "in"):
                plant.records += plant.engine.set_service("hot", at * S, out=what == "out", by="x")
        except UserError:
            pass
        if what == "mode":
            mode = "maintenance" if mode == "running" else "running"
        plant.tell(at, mode, **({"temp": value} if what == "tell" else {}))
    told = lambda a: (a.state, a.shelved_until_ns, a.suppressed, a.out_of_service, a.raised_ns)  # noqa: E731
    mine = plant.engine.listed()[0].alarm
    # A journal that was shortened keeps the last of each kind, and that is enough.
    last = {record.what: k for k, record in enumerate(plant.records)}
    shortened = [record for k, record in enumerate(plant.records) if k in last.values()]
    for records in (plant.records, shortened):
        other = AlarmEngine(contract(alarm))
        other.restore(records)
        assert told(other.listed()[0].alarm) == told(mine)


@settings(max_examples=300)
@given(
    st.lists(st.tuples(st.booleans(), st.integers(1, 9), st.booleans()), max_size=30),
    st.integers(0, 9),
    st.integers(0, 9),
    st.booleans(),
)
def test_the_machine_keeps_its_promises(
    steps: list[tuple[bool, int, bool]], on: int, off: int, latch: bool
) -> None:
    alarm, at, since, holds = AlarmState(), 0, 0, False
    for condition, wait, seen in steps:
        at += wait
        if condition != holds:
            since, holds = at, condition
        before = alarm
        alarm, happened = follow(alarm, condition, at, on_ns=on, off_ns=off, latch=latch)
        if happened == "raised":
            assert condition
            assert at - since >= on
            assert before.state in ("normal", "returned")
        if condition and at - since >= on:
            assert alarm.state in ("unacknowledged", "acknowledged")
        if not condition and at - since >= off:
            assert alarm.state in ("normal", "returned")
        assert latch or alarm.state != "returned"
        if seen:
            alarm = acknowledge(alarm) or alarm
            assert alarm.state in ("normal", "acknowledged")


@pytest.mark.parametrize(
    ("alarm", "message"),
    [
        ("id: a, signal: tempp, above: 1", "'tempp', which is no signal; did you mean 'temp'"),
        ("id: a, signal: temp", "exactly one condition"),
        ("id: a, signal: temp, above: 1, below: 2", "above and below are given"),
        ("id: a, above: 1", "needs a signal"),
        ("id: a, signal: text, above: 1", "'text' is a string"),
        ("id: a, signal: level, stale: true", "no max_age"),
        ("id: a, signal: drive, equals: broken", "never 'broken'"),
        ("id: a, signal: run, equals: 3", "true or false"),
        ("id: a, signal: temp, stale: true, hysteresis: 2", "hysteresis belongs"),
        ('id: a, expr: "temp + level"', r"'\+' joins"),
        ('id: a, expr: "temp >"', "not arithmetic"),
        ("id: a, signal: temp, above: 1, priority: urgent", "priority"),
    ],
)
def test_mistakes_are_one_sentence_with_the_line(alarm: str, message: str) -> None:
    with pytest.raises(UserError, match=message) as error:
        contract(alarm)
    assert "\n" not in str(error.value)
    assert "c.yaml:" in str(error.value)


def test_two_alarms_of_one_name_are_refused() -> None:
    with pytest.raises(UserError, match="taken by alarms"):
        contract("id: a, signal: temp, above: 1", "id: a, signal: temp, below: 1")


def test_the_machine_of_nab_alarms_in_its_four_windows_and_nowhere_else(shared: Path) -> None:
    folder = shared / "telemetry/nab_machine_temperature"
    made = parse_contract("""
contract: 1
sources:
  nab: {uri: "memory:nab", reader: {format: csv, time: {column: timestamp, unit: iso8601}}, clock: {zone: UTC}}
signals:
  - {id: temperature, source: nab, field: value, unit: "[degF]"}
alarms:
  - {id: cold, signal: temperature, below: 68, on_delay: 43200}
""")
    told = json.loads((folder / "anomaly_windows.json").read_text())
    found = told if isinstance(told, list) else next(v for k, v in told.items() if "machine_temperature" in k)
    windows = [
        tuple(datetime.fromisoformat(t).replace(tzinfo=UTC).timestamp() for t in pair) for pair in found
    ]
    state, engine, raised = StateTable(made), AlarmEngine(made), []
    with (folder / "machine_temperature_system_failure.csv").open() as file:
        for row in csv.DictReader(file):
            at = int(datetime.fromisoformat(row["timestamp"]).replace(tzinfo=UTC).timestamp()) * S
            state.set("temperature", (float(row["value"]) + 459.67) * 5 / 9, at)
            raised += [r.at_ns / S for r in engine.tick(state, at) if r.what == "raised"]
    inside = [[low <= at <= high for low, high in windows] for at in raised]
    assert all(any(each) for each in inside)
    assert all(any(column) for column in zip(*inside, strict=True))
