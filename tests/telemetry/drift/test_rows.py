"""Raw rows: the same names as in contracts, for each layout; and nothing that comes in can raise."""

import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from twinstage.telemetry.contract import parse_contract
from twinstage.telemetry.drift.factors import COMMON, changes_from
from twinstage.telemetry.drift.monitor import DriftMonitor
from twinstage.telemetry.drift.rows import RowReader
from twinstage.telemetry.units import compile_unit, convert

READERS = {
    "wide": "{format: csv, time: {column: t, unit: s}}",
    "comma": '{format: csv, delimiter: ";", decimal: ",", time: {column: t, unit: s}}',
    "long": "{format: csv, layout: long, name: [a, b], value: v, time: {column: t, unit: s}}",
    "record": '{format: csv, layout: record, delimiter: " ", record: {types: {p: [t, x]}}, time: {column: t, unit: s}}',
    "jsonl": "{format: jsonl, time: {field: t, unit: s}}",
}


def reader(kind: str) -> RowReader:
    field = ", record: p, field: x" if kind == "record" else ", field: x"
    text = f'contract: 1\nsources:\n  s: {{uri: "tcp:9", reader: {READERS[kind]}}}\nsignals:\n  - {{id: x, source: s{field}}}\n'
    return RowReader(parse_contract(text).sources["s"])


def fields(kind: str, lines: list[str]) -> list[dict[str, object]]:
    rows = reader(kind).read([line.encode() for line in lines], 1)
    return [
        {name: value if found == "number" else found for name, (found, value) in row.fields.items()}
        for row in rows
    ]


def test_each_layout_names_its_fields_as_a_contract_does() -> None:
    assert fields("wide", ["t,x,y,z", "1,2.5,True,", "2,1e3,ab,0"]) == [
        {"x": 2.5, "y": "bool", "z": "none"},
        {"x": 1000.0, "y": "text", "z": 0.0},
    ]
    assert fields("comma", ["t;x", "1,5;2,5", "2;3.5"]) == [{"x": 2.5}, {"x": "text"}]
    assert fields("long", ["t,a,b,v", "1,m,speed,7"]) == [{"m/speed": 7.0}]
    assert fields("record", ["p 1 5", "q 2 6"]) == [{"p/x": 5.0}]
    message = {"t": 1, "a": {"b": 2, "c": "x"}, "l": [1], "n": None, "f": False, "big": 10**400}
    assert fields("jsonl", [json.dumps(message | {"big": 1})]) == [
        {"a.b": 2.0, "a.c": "text", "l": "list", "n": "none", "f": "bool", "big": 1.0}
    ]


@pytest.mark.parametrize("kind", READERS)
@settings(deadline=None)
@example(data=[b"\x1c"])
@example(data=["\u2003".encode()])
@given(data=st.lists(st.one_of(st.binary(max_size=40), st.text(max_size=40).map(str.encode)), max_size=12))
def test_whatever_the_bytes_are_nothing_raises(kind: str, data: list[bytes]) -> None:
    lines = [part.replace(b"\n", b"") for part in data]
    read = reader(kind)
    contract = parse_contract(
        'contract: 1\nsources:\n  s: {uri: "tcp:9", reader: {format: jsonl, time: {field: t}}}\nsignals:\n'
        "  - {id: x, source: s, field: x}\n"
    )
    monitor = DriftMonitor(contract, "s", learn=4, size=16)
    monitor.feed(read.read(lines, 1))
    monitor.finish()


@settings(deadline=None)
@given(values=st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=120, max_size=200))
def test_whatever_the_values_are_nothing_raises(values: list[float]) -> None:
    contract = parse_contract(
        'contract: 1\nsources:\n  s: {uri: "tcp:9", reader: {format: jsonl, time: {field: t}}}\nsignals:\n'
        "  - {id: x, source: s, field: x, unit: bar}\n"
    )
    monitor = DriftMonitor(contract, "s", learn=60, size=16)
    lines = [json.dumps({"t": k, "x": v}).encode() for k, v in enumerate(values) if abs(v) < 1e308]
    monitor.feed(RowReader(contract.sources["s"]).read(lines, 1))
    monitor.finish()


def test_changes_of_unit_are_those_of_the_units_table() -> None:
    for code in COMMON:
        for change in changes_from(code):
            if change.was == code:
                line = convert(code, change.unit)
                assert (change.scale, change.offset) == (line.scale, line.offset)
                assert compile_unit(change.unit).dimension == compile_unit(code).dimension
    scales = {round(change.scale, 6) for change in changes_from("[psi]")}
    assert {6.894757, 0.068948, 6894.757293} <= scales
    assert [(c.scale, c.offset) for c in changes_from("Cel") if c.unit == "[degF]"] == [
        (pytest.approx(1.8), pytest.approx(32))
    ]
    assert {round(change.scale, 4) for change in changes_from(None)} >= {
        1000.0,
        0.001,
        6.8948,
        57.2958,
        0.0175,
        25.4,
    }
