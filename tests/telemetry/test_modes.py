"""Operating modes, quality maps, units by component, versions: what a contract says of them, and what comes of it."""

import numpy as np
import pytest

from twinstage.base.errors import UserError
from twinstage.base.quality import BAD, GOOD, UNCERTAIN
from twinstage.telemetry.contract import Contract, parse_contract
from twinstage.telemetry.ingest import Ingest
from twinstage.telemetry.journal import Entry
from twinstage.telemetry.reading import Reading

EXCEEDED = 0x40940000  # OPC UA: Uncertain_EngineeringUnitsExceeded

TEXT = """
contract: 1
version: 3
mode: mode
sources:
  s: {uri: "tcp:9000", lateness: 10, reader: {format: jsonl, time: {field: t, unit: s}}}
signals:
  - {id: mode, source: s, field: m, type: MODE}
  - {id: p, source: s, field: p, unit: bar, range: [0, 10], mode_range: {RUN: [4, 6], IDLE: [0, 0.5]}}
  - {id: n, source: s, field: n, type: i64, mode_range: {RUN: [1, 5]}}
"""
MODES = "enum, values: {IDLE: 0, RUN: 1, CLEAN: 2}"


def contract(kind: str = MODES) -> Contract:
    return parse_contract(TEXT.replace("MODE", kind))


def fed(
    lines: list[str], parsed: Contract | None = None, journal: object = None
) -> tuple[Ingest, list[Reading]]:
    applied: list[Reading] = []
    ingest = Ingest(parsed or contract(), journal=journal, on_applied=applied.extend)  # type: ignore[arg-type]
    for line in lines:
        ingest.offer("s", line.encode() + b"\n", 1)
        ingest.advance(1)
    ingest.finish("s", 1)
    ingest.advance(1)
    return ingest, applied


def qualities(applied: list[Reading], signal: str) -> list[int]:
    return [one.quality for one in applied if one.signal == signal]


def test_a_value_outside_of_its_mode_counts_as_uncertain_and_is_not_quarantined() -> None:
    ingest, applied = fed([
        '{"t": 1, "p": 9}',  # no mode yet: the range alone counts
        '{"t": 2, "m": "RUN", "p": 5, "n": 3}',
        '{"t": 3, "p": 0.3, "n": 9}',
        '{"t": 4, "m": "IDLE"}',
        '{"t": 5, "p": 0.3, "n": 9}',
        '{"t": 6, "p": 5}',
        '{"t": 7, "m": "CLEAN", "p": 9}',  # a mode of which nothing is said
    ])  # fmt: skip
    assert qualities(applied, "p") == [GOOD, GOOD, EXCEEDED, GOOD, EXCEEDED, GOOD]
    assert qualities(applied, "n") == [GOOD, EXCEEDED, GOOD]
    assert ingest.counters["s"]["quarantined"] == 0
    assert ingest.state.numeric[1] == 9e5


def test_a_value_outside_of_its_range_goes_to_quarantine_in_any_mode() -> None:
    ingest, applied = fed(['{"t": 2, "m": "RUN", "p": 11}'])
    assert ingest.counters["s"]["quarantined"] == 1
    assert qualities(applied, "p") == []


def test_each_component_of_a_vector_must_lie_in_the_range_of_the_mode() -> None:
    text = TEXT.replace("MODE", MODES) + (
        '  - {id: axis, source: s, field: a, type: "vec[3]", unit: deg, mode_range: {RUN: [-90, 90], IDLE: [0, 0]}}\n'
    )
    _, applied = fed(
        [
            '{"t": 1, "a": [500, 0, 0]}',
            '{"t": 2, "m": "RUN", "a": [-90, 0, 90]}',
            '{"t": 3, "a": [0, -91, 0]}',
            '{"t": 4, "a": [0, 0, 90.5], "p": 5}',
            '{"t": 5, "m": "IDLE", "a": [0, 0, 0]}',
            '{"t": 6, "a": [0, 0, 1]}',
        ],
        parse_contract(text),
    )
    assert qualities(applied, "axis") == [GOOD, GOOD, EXCEEDED, EXCEEDED, GOOD, EXCEEDED]
    assert qualities(applied, "p") == [GOOD]


def test_bounds_of_a_mode_are_inside() -> None:
    _, applied = fed(['{"t": 1, "m": "RUN", "p": 4}', '{"t": 2, "p": 6}', '{"t": 3, "p": 6.000001}'])
    assert qualities(applied, "p") == [GOOD, GOOD, EXCEEDED]


def test_the_mode_holds_from_its_own_time_on_whatever_the_order_of_arrival() -> None:
    lines = [
        '{"t": 1, "m": "RUN"}',
        '{"t": 2, "p": 5}',
        '{"t": 3, "p": 0.2}',
        '{"t": 4, "m": "IDLE", "p": 0.2}',
        '{"t": 5, "p": 5}',
    ]
    want = None
    rng = np.random.default_rng(1)
    for _ in range(50):
        _, applied = fed([lines[k] for k in rng.permutation(len(lines))])
        told = [(one.source_timestamp, one.quality) for one in applied if one.signal == "p"]
        want = want or [
            (2_000_000_000, GOOD),
            (3_000_000_000, EXCEEDED),
            (4_000_000_000, GOOD),
            (5_000_000_000, EXCEEDED),
        ]
        assert told == want


def test_quality_is_only_ever_lowered_and_a_mode_of_bad_quality_stays() -> None:
    text = TEXT.replace("MODE", MODES).replace("{format: jsonl,", "{format: jsonl, quality: q,")
    _, applied = fed(
        [
            '{"t": 1, "m": "RUN", "q": "good"}',
            '{"t": 2, "m": "IDLE", "q": "bad"}',
            '{"t": 3, "p": 9, "q": "bad"}',
            '{"t": 4, "p": 9, "q": "uncertain"}',
            '{"t": 5, "p": 9, "q": "good"}',
        ],
        parse_contract(text),
    )
    assert qualities(applied, "p") == [
        BAD,
        BAD,
        UNCERTAIN,
        EXCEEDED,
    ]  # the mode's own bad row is one of p, too


@pytest.mark.parametrize(
    ("kind", "run", "idle", "names"),
    [
        ("string", '"RUN"', '"x"', ("RUN", "IDLE")),
        ("bool", "true", "false", ("'true'", "'false'")),
        ("i64", "7", "8", ("'7'", "'8'")),
    ],
)
def test_texts_flags_and_numbers_name_modes_too(
    kind: str, run: str, idle: str, names: tuple[str, str]
) -> None:
    text = TEXT.replace("MODE", kind).replace("RUN", names[0]).replace("IDLE", names[1])
    _, applied = fed(
        [f'{{"t": 1, "m": {run}, "p": 9}}', f'{{"t": 2, "m": {idle}, "p": 0.1}}'], parse_contract(text)
    )
    assert qualities(applied, "p") == [EXCEEDED, GOOD]


def test_a_replay_from_the_journal_gives_the_same_state() -> None:
    class Kept:
        def __init__(self) -> None:
            self.entries: list[Entry] = []

        def tell(self, entry: Entry) -> None:
            self.entries.append(entry)

    kept = Kept()
    ingest, _ = fed(
        [f'{{"t": {k}, "m": "{["RUN", "IDLE"][k // 7 % 2]}", "p": {k % 9}}}' for k in range(58)], journal=kept
    )
    again = Ingest(contract())
    for entry in kept.entries:
        again.retell(entry)
    assert again.state.digest() == ingest.state.digest()
    assert EXCEEDED in again.state.quality


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("RUN: [4, 6]", "RAN: [4, 6]", "'mode' is never 'RAN'; did you mean 'RUN'"),
        ("RUN: [4, 6]", "RUN: [6, 4]", "its lower bound above the upper"),
        ("mode: mode\n", "", "no signal tells the operating mode 'RUN'; mode: SIGNAL was expected"),
        ("mode: mode\n", "mode: p\n", "the mode 'p' is a f64"),
        ("type: i64", "type: bool", "a bool has no range, so none in the mode 'RUN'"),
        ("type: i64", "type: string", "a string has no range, so none in the mode 'RUN'"),
        ("type: i64", "type: quat", "a quat has no range, so none in the mode 'RUN'"),
        ("type: i64", "type: pose, unit: m", "a pose has no range, so none in the mode 'RUN'"),
        (
            "type: i64",
            'type: "vec[2]", units: [m, deg]',
            "one range cannot hold for components of different units",
        ),
    ],
)
def test_mistakes_are_one_sentence(old: str, new: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        parse_contract(TEXT.replace("MODE", MODES).replace(old, new))


def test_a_version_is_text_and_part_of_the_hash() -> None:
    assert contract().version == "3"
    other = parse_contract(TEXT.replace("MODE", MODES).replace("version: 3", 'version: "4.1-rc"'))
    assert other.version == "4.1-rc"
    assert other.hash != contract().hash


MAPPED = """
contract: 1
sources:
  s:
    uri: "tcp:9000"
    reader: {format: FORMAT, QUOTE time: {column: t, unit: s}, quality: q,
             quality_map: {OK: good, "3": Uncertain_SensorNotAccurate, F: Bad_SensorFailure, "": uncertain, "true": 0x808D0000}}
signals:
  - {id: v, source: s, field: v}
"""


def test_a_source_s_own_quality_marks_come_first_in_tables() -> None:
    parsed = parse_contract(
        MAPPED.replace("FORMAT", "csv").replace("QUOTE", "").replace("0x808D0000", "2156724224")
    )
    ingest, applied = fed(["t,v,q", "1,1,ok", "2,2,3", "3,3,f", "4,4,", "5,5,weird", "6,6,bad"], parsed)
    assert qualities(applied, "v") == [GOOD, 0x40930000, 0x808C0000, UNCERTAIN, BAD]
    assert ingest.counters["s"]["quarantined"] == 1


def test_a_source_s_own_quality_marks_come_first_in_json() -> None:
    parsed = parse_contract(
        MAPPED.replace("FORMAT", "jsonl").replace("QUOTE", "").replace("0x808D0000", "2156724224")
    )
    lines = [
        '{"t": 1, "v": 1, "q": 3}',
        '{"t": 2, "v": 2, "q": true}',
        '{"t": 3, "v": 3}',
        '{"t": 4, "v": 4, "q": false}',
    ]
    ingest, applied = fed(lines, parsed)
    assert qualities(applied, "v") == [0x40930000, 0x808D0000, UNCERTAIN]
    assert ingest.counters["s"]["quarantined"] == 1


@pytest.mark.parametrize(
    ("status", "message"),
    [("Uncertain_Sensor", "is no quality; did you mean"), ("192", "192 is no OPC UA StatusCode")],
)
def test_a_mark_maps_to_a_quality_that_there_is(status: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        parse_contract(MAPPED.replace("FORMAT", "csv").replace("QUOTE", "").replace("0x808D0000", status))


VECTOR = """
contract: 1
sources:
  s: {uri: "tcp:9000", reader: {format: csv, time: {column: t, unit: s}}}
signals:
  - {id: v, source: s, field: [a, b, c], type: "vec[3]", units: [mm, deg, bar]}
derived:
  - {id: d, expr: "v[1] + v[1]", unit: rad}
"""


def test_components_of_a_vector_have_units_of_their_own() -> None:
    ingest, _ = fed(["t,a,b,c", "1,1500,180,2"], parse_contract(VECTOR))
    assert ingest.state.vector("v").tolist() == pytest.approx([1.5, np.pi, 2e5])
    assert ingest.state.numeric[ingest.state.index("d")] == pytest.approx(2 * np.pi)
    assert ingest.state.units == ("1", "rad")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[mm, deg, bar]", "[mm, deg]", "one unit for each component of a vec"),
        ("[mm, deg, bar]", "[mm, deg, bars]", "'bars' is not a UCUM code"),
        ("units:", "unit: m, units:", "not both"),
        ("units:", "range: [0, 1], units:", "one range cannot hold for components of different units"),
        ("unit: rad", "unit: m", "v\\[1\\]"),
    ],
)
def test_mistakes_in_units_are_one_sentence(old: str, new: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        parse_contract(VECTOR.replace(old, new))
