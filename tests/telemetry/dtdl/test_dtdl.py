"""DTDL models to contracts: what is inherited, composed, nested and enumerated; units; mistakes in one sentence."""

import json
from pathlib import Path
from typing import Any

import pytest

from twinstage.base.errors import UserError
from twinstage.cli.app import run
from twinstage.telemetry.contract import load_contract, parse_contract
from twinstage.telemetry.dtdl.draft import draft_contract
from twinstage.telemetry.dtdl.model import Models
from twinstage.telemetry.dtdl.units import UCUM
from twinstage.telemetry.ingest import Ingest
from twinstage.telemetry.units import compile_unit

CONTEXT = ["dtmi:dtdl:context;3", "dtmi:dtdl:extension:quantitativeTypes;1"]


def interface(dtmi: str, contents: list[Any], **more: Any) -> dict[str, Any]:
    return {"@context": CONTEXT, "@id": dtmi, "@type": "Interface", "contents": contents, **more}


def telemetry(name: str, schema: Any, **more: Any) -> dict[str, Any]:
    return {"@type": "Telemetry", "name": name, "schema": schema, **more}


PUMP = [
    interface("dtmi:com:example:Asset;1", [{"@type": "Property", "name": "serial", "schema": "string"}]),
    interface(
        "dtmi:com:example:Motor;1",
        [
            telemetry("speed", "double", unit="revolutionPerMinute", description={"en": "Shaft speed", "de": "Drehzahl"}),
            telemetry("hours", "integer", unit="hour"),
        ],
    ),
    interface(
        "dtmi:com:example:Pump;1",
        [
            telemetry("pressure", "double", unit="poundPerSquareInch"),
            telemetry("count", "long"),
            telemetry("running", "boolean"),
            telemetry("noise", "double", unit="decibel"),
            telemetry("mode", {"@type": "Enum", "valueSchema": "integer",
                               "enumValues": [{"name": "off", "enumValue": 0}, {"name": "on", "enumValue": 7}]}),
            telemetry("phase", "dtmi:com:example:Phase;1"),
            telemetry("case", {"@type": "Object", "fields": [
                {"name": "temperature", "schema": "double", "unit": "degreeFahrenheit"}]}),
            telemetry("wave", {"@type": "Array", "elementSchema": "double"}),
            {"@type": "Component", "name": "motor", "schema": "dtmi:com:example:Motor;1"},
            {"@type": "Relationship", "name": "feeds", "target": "dtmi:com:example:Tank;1"},
            {"@type": "Command", "name": "reboot"},
        ],
        extends="dtmi:com:example:Asset;1",
        schemas=[{"@id": "dtmi:com:example:Phase;1", "@type": "Enum", "valueSchema": "string",
                  "enumValues": [{"name": "a", "enumValue": "FILL"}, {"name": "b", "enumValue": "DRAIN"}]}],
    ),
]  # fmt: skip


def drafted(data: Any, dtmi: str | None = None) -> tuple[str, list[str]]:
    models = Models(data, "model.json")
    return draft_contract(models.flat(models.root(dtmi)), source="twin", uri="tcp:9000", prefix="p1.")


def test_a_pump_becomes_a_contract_that_reads_its_messages() -> None:
    text, notes = drafted(PUMP)
    contract = parse_contract(text)
    assert {s.id: (s.type, s.unit) for s in contract.signals} == {
        "p1.serial": ("string", "1"),
        "p1.pressure": ("f64", "[psi]"),
        "p1.count": ("i64", "1"),
        "p1.running": ("bool", "1"),
        "p1.noise": ("f64", "1"),
        "p1.mode": ("enum", "1"),
        "p1.phase": ("enum", "1"),
        "p1.case.temperature": ("f64", "[degF]"),
        "p1.motor.speed": ("f64", "circ/min"),
        "p1.motor.hours": ("f64", "h"),
    }
    assert contract.by_id["p1.motor.speed"].description == "Shaft speed"
    assert [note.split(":")[0] for note in notes] == [
        "telemetry 'wave'",
        "relationship 'feeds' to dtmi",
        "command 'reboot'",
        "'noise'",
    ]
    ingest = Ingest(contract)
    message = {
        "time": "2026-01-01T00:00:00Z", "serial": "X1", "pressure": 14.503773773, "count": 3, "running": True, "noise": 60.0,
        "mode": 7, "phase": "DRAIN", "case": {"temperature": 212.0}, "motor": {"speed": 60.0, "hours": 2},
    }  # fmt: skip
    ingest.offer("twin", json.dumps(message).encode() + b"\n", 1)
    ingest.advance(1)
    assert ingest.counters["twin"]["applied"] == 10
    state = ingest.state
    assert state.numeric[state.index("p1.pressure")] == pytest.approx(1e5)
    assert state.numeric[state.index("p1.case.temperature")] == pytest.approx(373.15)
    assert state.numeric[state.index("p1.motor.speed")] == pytest.approx(6.283185307)
    assert state.text("p1.mode") == "on"
    assert state.text("p1.phase") == "DRAIN"


def test_every_unit_of_the_table_is_ucum() -> None:
    for name, code in UCUM.items():
        assert compile_unit(code).code == code, name


def test_the_command_writes_a_contract_and_tells_what_it_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, out = tmp_path / "pump.json", tmp_path / "contract.yaml"
    model.write_text(json.dumps(PUMP))
    assert run(["telemetry", "dtdl", str(model), "--out", str(out)]) == 0
    told = capsys.readouterr()
    assert told.out == f"{out}\n"
    assert "left out: relationship 'feeds' to dtmi:com:example:Tank;1" in told.err
    assert "note: 'noise': the unit 'decibel' has no UCUM code here" in told.err
    assert len(load_contract(out).signals) == 10
    assert run(["telemetry", "dtdl", str(model), "--out", str(out)]) == 2
    assert "exists already" in capsys.readouterr().err


MOTOR = "dtmi:com:example:Motor;1"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            {"@type": "Interface", "@id": MOTOR, "@context": "dtmi:dtdl:context;9"},
            "dtmi:dtdl:context;3 was expected",
        ),
        (interface("dtmi:1x", []), "expected a DTMI such as"),
        ([], "no Interface"),
        ({"a": 1}, "an Interface was expected"),
        ([interface(MOTOR, []), interface(MOTOR, [])], "is there twice"),
        (interface(MOTOR, [telemetry("2x", "double")]), "a content named '2x'"),
        (interface(MOTOR, [telemetry("x", "number")]), "schema of 'x' is 'number', which is not there"),
        (interface(MOTOR, [telemetry("x", "double")] * 2), "two contents named 'x'"),
        (
            interface(MOTOR, [telemetry("x", "double")], extends="dtmi:a:B;1"),
            "needs the interface 'dtmi:a:B;1', which is not",
        ),
        (interface(MOTOR, [telemetry("x", {"@type": "Enum", "enumValues": []})]), "has no values"),
        (interface(MOTOR, [{"@type": "Command", "name": "x"}]), "neither telemetry nor properties"),
        (
            [interface("dtmi:a:A;1", []), interface("dtmi:a:B;1", [])],
            "say with --interface which: dtmi:a:A;1, dtmi:a:B;1",
        ),
    ],
)
def test_mistakes_are_one_sentence(data: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        drafted(data)


def test_circles_and_components_within_components_are_refused() -> None:
    circle = [
        interface("dtmi:a:A;1", [], extends="dtmi:a:B;1"),
        interface("dtmi:a:B;1", [], extends="dtmi:a:A;1"),
    ]
    with pytest.raises(UserError, match="extends itself"):
        drafted(circle, "dtmi:a:A;1")
    inner = {"@type": "Component", "name": "c", "schema": "dtmi:a:C;1"}
    nested = [
        interface("dtmi:a:A;1", [{"@type": "Component", "name": "b", "schema": "dtmi:a:B;1"}]),
        interface("dtmi:a:B;1", [inner]),
        interface("dtmi:a:C;1", []),
    ]
    with pytest.raises(UserError, match="inside of a component"):
        drafted(nested, "dtmi:a:A;1")
    deep: Any = "double"
    for _ in range(8):
        deep = {"@type": "Object", "fields": [{"name": "x", "schema": deep}]}
    with pytest.raises(UserError, match="nested more than 5"):
        drafted(interface("dtmi:a:A;1", [telemetry("x", deep)]))


def test_a_shared_ancestor_counts_once() -> None:
    base = interface("dtmi:a:Base;1", [telemetry("x", "double")])
    left, right = (interface(f"dtmi:a:{n};1", [], extends="dtmi:a:Base;1") for n in ("L", "R"))
    both = interface("dtmi:a:Both;1", [], extends=["dtmi:a:L;1", "dtmi:a:R;1"])
    text, _ = drafted([base, left, right, both])
    assert [s.id for s in parse_contract(text).signals] == ["p1.x"]
