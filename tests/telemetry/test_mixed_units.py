"""Values that bring their unit with them: each is what it says, or it is refused."""

import json

import pytest

from twinstage.base.errors import UserError
from twinstage.telemetry.contract import parse_contract
from twinstage.telemetry.ingest import Ingest
from twinstage.telemetry.quarantine import QuarantineMemory

CONTRACT = """
contract: 1
sources:
  s:
    uri: "memory:s"
    reader:
      format: FORMAT
      layout: long
      time: {field: t}
      name: tag
      value: v
      unit: u
      units: {degC: Cel, degF: "[degF]", psi: "[psi]"}
signals:
  - {id: temperature, source: s, field: T, unit: Cel, range: [-20, 120]}
  - {id: pressure, source: s, field: P, unit: bar, range: [0, 16]}
  - {id: running, source: s, field: R, type: bool}
  - {id: count, source: s, field: N, type: i64}
"""


def ingested(rows: list[dict[str, object]], form: str = "jsonl") -> tuple[Ingest, QuarantineMemory]:
    quarantine = QuarantineMemory()
    ingest = Ingest(parse_contract(CONTRACT.replace("FORMAT", form)), quarantine)
    if form == "csv":
        lines = [
            "t,tag,v,u",
            *(",".join(str(row.get(k, "")) for k in ("t", "tag", "v", "u")) for row in rows),
        ]
    else:
        lines = [json.dumps(row) for row in rows]
    ingest.offer("s", ("\n".join(lines) + "\n").encode(), 1)
    ingest.finish("s", 1)
    ingest.advance(1)
    return ingest, quarantine


@pytest.mark.parametrize("form", ["jsonl", "csv"])
@pytest.mark.parametrize(
    ("tag", "value", "unit", "si"),
    [
        ("T", 20, "degC", 293.15),
        ("T", 68, "degF", 293.15),
        ("T", 293.15, "K", None),  # no unit of this list, and none that the contract spells
        ("T", 68, "[degF]", 293.15),
        ("T", 248, "degF", 393.15),  # the bound itself, 120 Cel
        ("T", 249, "degF", None),
        ("P", 29.0075475, "psi", 2e5),
        ("P", 2, "bar", 2e5),
        ("P", 2, "degC", None),
        ("P", 2, "", None),
        ("P", 300, "psi", None),  # 20.7 bar
    ],
)
def test_a_value_is_what_its_unit_says(
    form: str, tag: str, value: float, unit: str, si: float | None
) -> None:
    ingest, quarantine = ingested([{"t": 1, "tag": tag, "v": value, "u": unit}], form)
    index = ingest.state.index({"T": "temperature", "P": "pressure"}[tag])
    if si is None:
        assert quarantine.total == 1
        (record,) = quarantine.records
        assert record.reason in ("unit", "range")
        assert record.got == (unit if record.reason == "unit" else str(value))
        assert not ingest.state.usable[index]
    else:
        assert not quarantine.total
        assert ingest.state.numeric[index] == pytest.approx(si, rel=1e-7)


def test_words_and_counts_have_no_unit_to_be_wrong() -> None:
    rows: list[dict[str, object]] = [
        {"t": 1, "tag": "R", "v": True, "u": "furlong"},
        {"t": 1, "tag": "N", "v": 7, "u": "1"},
    ]
    ingest, quarantine = ingested(rows)
    assert not quarantine.total
    assert ingest.counters["s"]["applied"] == 2


def test_mistakes_in_the_contract_are_named() -> None:
    with pytest.raises(UserError, match="degF"):
        parse_contract(CONTRACT.replace("FORMAT", "jsonl").replace('degF: "[degF]"', "degF: degF"))
    with pytest.raises(UserError, match="unit must say which column"):
        parse_contract(CONTRACT.replace("FORMAT", "jsonl").replace("      unit: u\n", ""))
