"""Derived signals: values, times and the worst quality; units and circles are judged at load."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twinstage.base.errors import UserError
from twinstage.base.quality import BAD, BAD_NO_DATA, GOOD, UNCERTAIN, UNCERTAIN_LAST_USABLE
from twinstage.telemetry.contract import Contract, parse_contract
from twinstage.telemetry.ingest import Ingest
from twinstage.telemetry.state import StateTable

S = 1_000_000_000
HEAD = """
contract: 1
sources:
  a: {uri: "memory:a", reader: {format: jsonl, time: {field: t, unit: s}}}
signals:
  - {id: heat.flow, source: a, field: flow, unit: L/s}
  - {id: hot, source: a, field: in, unit: Cel, max_age: 10}
  - {id: out, source: a, field: out, unit: "[degF]"}
  - {id: power, source: a, field: power, unit: kW}
  - {id: where, source: a, field: where, type: "vec[3]", unit: mm}
  - {id: name, source: a, field: name, type: string}
"""


def contract(*derived: str, head: str = HEAD) -> Contract:
    lines = "".join(f"  - {item}\n" for item in derived)
    return parse_contract(head + ("derived:\n" + lines if derived else ""), where="c.yaml")


def fed(made: Contract, *rows: dict[str, object]) -> Ingest:
    ingest = Ingest(made)
    for row in rows:
        ingest.offer("a", json.dumps(row).encode() + b"\n", 0)
        ingest.advance(row["t"] * S)  # type: ignore[operator]
    return ingest


def number(ingest: Ingest, name: str) -> float:
    return float(ingest.state.numeric[ingest.state.index(name)])


def test_values_are_computed_in_si_in_the_right_order() -> None:
    made = contract(
        '{id: efficiency, expr: "heat / power", unit: "1"}',  # named before what it needs
        '{id: heat, expr: "heat.flow * 4180000 * (hot - out)", unit: W}',
        '{id: height, expr: "where[2] * 2", unit: m}',
    )
    ingest = fed(made, {"t": 1, "flow": 2.0, "in": 60.0, "out": 104.0, "power": 200.0, "where": [1, 2, 500]})
    heat = 0.002 * 4180000 * 20
    assert number(ingest, "heat") == pytest.approx(heat)
    assert number(ingest, "efficiency") == pytest.approx(heat / 200_000)
    assert number(ingest, "height") == pytest.approx(1.0)
    assert ingest.state.signal_ids[-3:] == ("efficiency", "heat", "height")
    assert ingest.state.units[-1] == "m"


def test_a_derived_value_happens_when_its_newest_input_did() -> None:
    made = contract('{id: rise, expr: "out - hot", unit: K}')
    ingest = fed(made, {"t": 1, "in": 0.0}, {"t": 3, "out": 32.0})
    state = ingest.state
    assert state.event_ns[state.index("rise")] == 3 * S
    assert number(ingest, "rise") == pytest.approx(0.0)
    before = int(state.ordinal[state.index("rise")])
    ingest.offer("a", b'{"t": 4, "power": 1}\n', 0)
    ingest.advance(4 * S)
    assert state.ordinal[state.index("rise")] == before  # nothing that it needs was told


QUALITIES = [GOOD, UNCERTAIN, UNCERTAIN_LAST_USABLE, BAD, 0x80350000]


@settings(deadline=None, max_examples=100)
@given(st.lists(st.sampled_from(QUALITIES), min_size=3, max_size=3))
def test_it_carries_the_worst_quality_of_its_inputs(qualities: list[int]) -> None:
    state = StateTable(contract('{id: d, expr: "hot * out * power"}'))
    for name, quality in zip(("hot", "out", "power"), qualities, strict=True):
        state.set(name, 1.0, S)
        state.set(name, 2.0, 2 * S, quality)
    state.derive(2 * S)
    severity = [quality >> 30 for quality in qualities]
    first = qualities[severity.index(max(severity))]
    assert state.quality[state.index("d")] == first


def test_what_has_no_value_yet_or_no_finite_one_is_bad() -> None:
    made = contract(
        '{id: ratio, expr: "(hot - 273.15) / (power / 1000)", unit: K/W}', '{id: all, expr: "hot * where[0]"}'
    )
    ingest = fed(made, {"t": 1, "in": 10.0, "power": 2.0})
    state = ingest.state
    assert number(ingest, "ratio") == pytest.approx(5.0)
    assert (int(state.quality[state.index("all")]), state.has_value("all")) == (BAD_NO_DATA, False)
    ingest.offer("a", b'{"t": 2, "power": 0}\n', 0)
    ingest.advance(2 * S)
    assert number(ingest, "ratio") == pytest.approx(5.0)  # the last usable one stays
    assert int(state.quality[state.index("ratio")]) == BAD


def test_it_grows_stale_with_its_inputs() -> None:
    ingest = fed(
        contract('{id: twice, expr: "hot * 2", unit: K}', '{id: more, expr: "twice + 0"}'),
        {"t": 1, "in": 10.0},
    )
    state = ingest.state
    assert state.effective_quality(5 * S)[-2:].tolist() == [GOOD, GOOD]
    assert state.effective_quality(12 * S)[-2:].tolist() == [UNCERTAIN_LAST_USABLE] * 2


def test_many_of_one_form_are_computed_together() -> None:
    count = 300
    fields = [f"{letter}{k}" for k in range(count) for letter in "ui"]
    head = HEAD + "".join(f"  - {{id: m.{name}, source: a, field: {name}}}\n" for name in fields)
    made = contract(*(f'{{id: p{k}, expr: "m.u{k} * m.i{k}"}}' for k in range(count)), head=head)
    assert len(StateTable(made)._derivations.groups) == 1
    row: dict[str, object] = (
        {"t": 1} | {f"u{k}": k for k in range(count)} | {f"i{k}": 2 for k in range(count)}
    )
    ingest = fed(made, row)
    np.testing.assert_array_equal(ingest.state.numeric[-count:], 2 * np.arange(count))


@pytest.mark.parametrize(
    ("derived", "message"),
    [
        ('{id: d, expr: "hot + power"}', r"c.yaml:\d+.*'\+' joins K and"),
        ('{id: d, expr: "hot +"}', "not arithmetic"),
        ('{id: d, expr: "hott * 2"}', "'hott', which is no signal.*'hot'"),
        ('{id: d, expr: "name * 2"}', "'name', which is a string and no number"),
        ('{id: d, expr: "where * 2"}', r"no number; one of its parts is where\[0\]"),
        ('{id: d, expr: "where[3]"}', "'where' has 3 components"),
        ('{id: d, expr: "d + hot"}', "depends on itself"),
        ('{id: hot, expr: "out"}', "'hot' is taken"),
        ('{id: d, expr: "hot * power", unit: W}', "measures"),
        ('{id: d, expr: "power", unit: kW}', "not SI; write W"),
        ('{id: d, expr: "power", unit: wat}', "not a UCUM code"),
        ('{id: d, expr: "__import__(1)"}', "no function here"),
        ('{id: d, expr: "hot * 2"}', "give its unit"),
    ],
)
def test_mistakes_are_one_sentence_with_the_line(derived: str, message: str) -> None:
    with pytest.raises(UserError, match=message) as error:
        contract(derived)
    assert "\n" not in str(error.value)
    assert "c.yaml:" in str(error.value)


def test_a_circle_of_two_is_named() -> None:
    with pytest.raises(UserError, match="'a1' depends on itself, through a2"):
        contract('{id: a1, expr: "a2 + hot"}', '{id: a2, expr: "a1 * 2"}')
