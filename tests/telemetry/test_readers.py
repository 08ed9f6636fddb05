"""Lines, cells and values: what is read, what is refused and why."""

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twinstage.base.quality import BAD, GOOD, UNCERTAIN_LAST_USABLE
from twinstage.telemetry.contract import parse_contract
from twinstage.telemetry.ingest import Ingest
from twinstage.telemetry.lines import LineBuffer
from twinstage.telemetry.quality import QualityMap
from twinstage.telemetry.quarantine import QuarantineMemory, QuarantineRecord
from twinstage.telemetry.values import Reject

NOISE = bytes({0: 10, 1: 13, 2: 10}.get(byte % 24, byte) for byte in range(256))
"""Makes a twelfth of random bytes line feeds and some carriage returns."""


@settings(deadline=None)
@given(st.binary(max_size=200).map(lambda b: b.translate(NOISE)), st.data())
def test_lines_are_the_same_however_the_bytes_are_split(data: bytes, draws: st.DataObject) -> None:
    def cut(parts: list[bytes]) -> list[bytes]:
        buffer = LineBuffer(16)
        return [line for part in parts for line in buffer.feed(part)] + buffer.flush()

    cuts = sorted(draws.draw(st.lists(st.integers(0, len(data)), max_size=8)))
    parts = [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]
    whole = cut([data])
    assert cut(parts) == whole
    assert cut([bytes([byte]) for byte in data]) == whole
    expected = data.split(b"\n")
    expected = expected if expected[-1] else expected[:-1]
    assert len(whole) == len(expected)
    for line, raw in zip(whole, expected, strict=True):
        assert line == (raw.removesuffix(b"\r") if len(raw) <= 16 else raw[:17])


def test_a_carriage_return_inside_a_line_that_is_too_long_stays() -> None:
    assert LineBuffer(4).feed(b"abcd\rmore\nabc\r\n") == [b"abcd\r", b"abc"]


def test_a_line_without_end_takes_bounded_memory() -> None:
    buffer = LineBuffer(100)
    for _ in range(1000):
        assert buffer.feed(b"x" * 1000) == []
    assert len(buffer._partial) == 101
    assert buffer.feed(b"\nok\n") == [b"x" * 101, b"ok"]
    assert buffer.line == 3


def run(reader: str, signals: str, text: str | bytes, source: str = "") -> tuple[Ingest, QuarantineMemory]:
    contract = parse_contract(
        f"contract: 1\nsources:\n  s: {{uri: 'memory:x', reader: {{{reader}}}{source}}}\nsignals:\n{signals}"
    )
    quarantine = QuarantineMemory()
    ingest = Ingest(contract, quarantine)
    ingest.offer("s", text.encode() if isinstance(text, str) else text, 5)
    ingest.finish("s", 5)
    ingest.advance(5)
    counters = ingest.counters["s"]
    assert counters["received"] == sum(
        counters[k] for k in ("applied", "late", "duplicate", "quarantined", "pending")
    )
    assert quarantine.total == counters["quarantined"]
    return ingest, quarantine


def only(quarantine: QuarantineMemory) -> QuarantineRecord:
    (record,) = quarantine.records
    return record


CSV = "format: csv, time: {column: t}"
X = "  - {id: x, source: s, field: x, unit: mm, range: [0, 100]}\n"


@pytest.mark.parametrize(
    ("row", "reason", "field", "expected"),
    [
        ("2,abc", "type", "x", "a number"),
        ("2,101", "range", "x", "0 to 100 mm"),
        ("2,nan", "not_finite", "x", "a finite number"),
        ("2,1e999", "not_finite", "x", "a finite number"),
        ("2,1_0", "type", "x", "a number"),
        ("2,٣", "type", "x", "a number"),
        ("noon,5", "time", "t", "a number of s"),
        ("2", "columns", "", "2 columns"),
        ("2,5,6", "columns", "", "2 columns"),
        ('2,"5', "malformed", "", "a CSV row"),
    ],
)
def test_a_bad_row_is_quarantined_and_the_rest_applied(
    row: str, reason: str, field: str, expected: str
) -> None:
    ingest, quarantine = run(CSV, X, f"t,x\n1,5\n{row}\n3,7\n")
    record = only(quarantine)
    assert (record.reason, record.field, record.line, record.source) == (reason, field, 3, "s")
    assert expected in record.expected
    assert record.raw == row.encode()
    assert record.received_ns == 5
    assert record.contract == ingest.contract.hash
    assert ingest.counters["s"]["applied"] == 2
    assert ingest.state.numeric.tolist() == [0.007]


def test_bytes_that_are_no_text_are_quarantined() -> None:
    ingest, quarantine = run(CSV, X, b"t,x\n1,5\n2,\xff\n3,7\n")
    assert only(quarantine).reason == "encoding"
    assert only(quarantine).raw == b"2,\xff"
    assert ingest.counters["s"]["applied"] == 2


def test_a_line_that_is_too_long_is_quarantined() -> None:
    ingest, quarantine = run(CSV, X, "t,x\n1,5\n2," + "9" * 200 + "\n3,7\n", ", max_line: 100")
    assert only(quarantine).reason == "line_too_long"
    assert ingest.counters["s"]["applied"] == 2


def test_dialects_quotes_tabs_byte_order_mark_carriage_returns_and_repeated_headers() -> None:
    ingest, quarantine = run(CSV, X, b'\xef\xbb\xbft,x\r\n1,"5"\r\n\r\nt,x\r\n2, 6 \r\n')
    assert list(quarantine.records) == []
    assert ingest.counters["s"]["applied"] == 2
    assert ingest.state.numeric[0] == 0.006
    ingest, _ = run(CSV + ', delimiter: "\\t", comment: "//"', X, "// made by hand\nt\tx\n1\t5\n")
    assert ingest.state.numeric[0] == 0.005
    ingest, _ = run(CSV + ', delimiter: "|", quote: "\'"', X, "t|x\n1|'5'\n")
    assert ingest.state.numeric[0] == 0.005


def test_a_point_is_no_decimal_where_the_comma_is() -> None:
    ingest, quarantine = run(CSV + ', delimiter: ";", decimal: ","', X, "t;x\n1;5,5\n2;5.5\n")
    assert only(quarantine).reason == "type"
    assert ingest.state.numeric[0] == 0.0055


def test_a_header_that_lacks_a_column_loses_only_that_signal() -> None:
    two = X + "  - {id: y, source: s, field: y, unit: mm}\n"
    ingest, quarantine = run(CSV, two, "t,x,why\n1,5,6\n")
    assert only(quarantine).reason == "header"
    assert "'y'" in only(quarantine).expected
    assert ingest.counters["s"]["applied"] == 1
    ingest, quarantine = run(CSV, two, "time,x,y\n1,5,6\n")
    assert [r.reason for r in quarantine.records] == ["header", "header"]
    assert ingest.counters["s"]["applied"] == 0


def test_two_columns_of_the_same_name_are_not_guessed_between() -> None:
    _, quarantine = run(CSV, X, "t,x,x\n1,5,6\n")
    assert "there are 2" in only(quarantine).expected


LONG = "format: jsonl, layout: long, time: {field: t, unit: ms}, name: tag, value: v, quality: q"
TAGS = """
  - {id: level, source: s, field: L, unit: mm, range: [0, 1000]}
  - {id: count, source: s, field: N, type: i64}
  - {id: on, source: s, field: B, type: bool}
  - {id: mode, source: s, field: M, type: enum, values: [idle, run]}
  - {id: note, source: s, field: S, type: string}
  - {id: at, source: s, field: V, type: "vec[3]", unit: mm}
  - {id: turn, source: s, field: Q, type: quat, order: xyzw}
  - {id: pose, source: s, field: P, type: pose, unit: mm}
"""


def test_every_type_from_json() -> None:
    values = [
        ("L", 12.5), ("N", 2**53 + 1), ("B", True), ("M", "run"), ("S", "söt"), ("V", [1, 2, 3]),
        ("Q", [0, 0, 2**-0.5, 2**-0.5]), ("P", [1000, 0, 0, 1, 0, 0, 0]), ("unknown", 1),
    ]  # fmt: skip
    text = "".join(json.dumps({"t": 1, "tag": tag, "v": value}) + "\n" for tag, value in values)
    ingest, quarantine = run(LONG, TAGS, text)
    state = ingest.state
    assert list(quarantine.records) == []
    assert ingest.counters["s"]["unmapped"] == 1
    assert state.numeric[:4].tolist() == [0.0125, float(2**53 + 1), 1.0, 1.0]
    assert state.integers.tolist() == [2**53 + 1]
    assert (state.text("mode"), state.text("note")) == ("run", "söt")
    assert state.vector("at").tolist() == pytest.approx([0.001, 0.002, 0.003])
    assert state.vector("turn").tolist() == pytest.approx([2**-0.5, 0, 0, 2**-0.5])
    assert state.pose_values[0].tolist() == [1, 0, 0, 1, 0, 0, 0]
    assert math.isnan(state.numeric[state.index("pose")])
    assert set(state.event_ns.tolist()) == {1_000_000}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"t": 1, "tag": "L", "v": }', "malformed"),
        ('{"t": 1, "tag": "L", "v": 1', "malformed"),
        ('{"t": 1, "tag": "L", "v": 1} {"t": 2}', "malformed"),
        ("[1, 2]", "malformed"),
        ("12", "malformed"),
        ('{"tag": "L", "v": 1}', "time"),
        ('{"t": "1", "v": 1}', "name"),
        ('{"t": 1, "tag": "L", "v": "1"}', "type"),
        ('{"t": 1, "tag": "L", "v": true}', "type"),
        ('{"t": 1, "tag": "L", "v": 1e6}', "range"),
        ('{"t": 1, "tag": "N", "v": 1.5}', "type"),
        ('{"t": 1, "tag": "N", "v": 9223372036854775808}', "type"),
        ('{"t": 1, "tag": "B", "v": 2}', "type"),
        ('{"t": 1, "tag": "M", "v": "running"}', "range"),
        ('{"t": 1, "tag": "S", "v": 3}', "type"),
        ('{"t": 1, "tag": "V", "v": [1, 2]}', "type"),
        ('{"t": 1, "tag": "V", "v": [1, 2, null]}', "type"),
        ('{"t": 1, "tag": "Q", "v": [0, 0, 0, 0]}', "quaternion"),
        ('{"t": 1, "tag": "L", "v": 1, "q": "splendid"}', "quality"),
        ('{"t": 1, "tag": "L", "v": 1, "q": 192}', "quality"),
        ('{"t": 1e40, "tag": "L", "v": 1}', "time"),
        ('{"t": 1%s, "tag": "L", "v": 1}' % ("0" * 30), "time_range"),
        ("[" * 5000, "malformed"),
    ],
)
@pytest.mark.parametrize("around", [0, 20], ids=["alone", "in a block"])
def test_a_malformed_line_is_quarantined_and_the_rest_applied(line: str, reason: str, around: int) -> None:
    good = "".join(json.dumps({"t": 10 + i, "tag": "L", "v": i}) + "\n" for i in range(around))
    ingest, quarantine = run(LONG, TAGS, good + line + "\n" + good.replace('"t": ', '"t": 1'))
    record = only(quarantine)
    assert record.reason == reason
    assert record.line == around + 1
    assert record.raw == line.encode()
    assert ingest.counters["s"]["applied"] == 2 * around


def test_two_halves_of_an_object_on_two_lines_are_two_malformed_lines() -> None:
    filler = '{"t": 1, "tag": "S", "v": "a"}\n' * 9
    ingest, quarantine = run(LONG, TAGS, filler + '{"t": 2, "tag":\n"L", "v": 1}\n{"t": 3} {"t": 4}\n')
    assert [r.line for r in quarantine.records] == [10, 11, 12]
    assert ingest.counters["s"]["duplicate"] == 8


def test_wide_json_with_nested_keys_missing_values_and_nulls() -> None:
    signals = """
  - {id: x, source: s, field: pose.x, unit: mm}
  - {id: y, source: s, field: pose.y, unit: mm, quality_field: pose.q}
  - {id: at, source: s, field: [pose.x, pose.y], type: "vec[2]", unit: mm}
"""
    text = (
        '{"t": 1, "pose": {"x": 5, "y": 6, "q": "bad"}}\n{"t": 2, "pose": {"x": null}}\n{"t": 3, "pose": 1}\n'
    )
    ingest, quarantine = run("format: jsonl, time: {field: t}", signals, text)
    assert ingest.state.numeric[0] == 0.005
    assert ingest.state.quality.tolist() == [GOOD, BAD, GOOD]
    counters = ingest.counters["s"]
    assert (counters["applied"], counters["blank"], counters["quarantined"]) == (3, 6, 0)
    assert list(quarantine.records) == []


def test_json_records_by_type() -> None:
    reader = "format: jsonl, layout: record, record: {column: kind}, time: {field: t}, unmapped: quarantine"
    signals = "  - {id: r, source: s, record: range, field: d, unit: m, where: {anchor: 7}}\n"
    text = (
        '{"kind": "range", "t": 1, "d": 2, "anchor": 7}\n'
        '{"kind": "range", "t": 2, "d": 3, "anchor": 8}\n'
        '{"kind": "x", "t": 3}\n'
    )
    ingest, quarantine = run(reader, signals, text)
    assert ingest.state.numeric.tolist() == [2.0]
    assert only(quarantine).reason == "unmapped"


def test_bad_quality_moves_time_and_quality_but_never_the_value() -> None:
    text = (
        '{"t": 1, "tag": "L", "v": 5}\n'
        '{"t": 2, "tag": "L", "v": 99999, "q": "bad"}\n'
        '{"t": 3, "tag": "L", "v": null, "q": "Bad"}\n'
    )
    ingest, quarantine = run(LONG, TAGS, text)
    assert list(quarantine.records) == []
    state = ingest.state
    assert (state.numeric[0], state.event_ns[0], state.quality[0]) == (0.005, 3_000_000, BAD)


def test_quality_codes_of_two_worlds() -> None:
    opcua, sparkplug = QualityMap("opcua"), QualityMap("sparkplug")
    assert [opcua(raw) for raw in (None, "", 0, "0", "Good", 0x80000000, "0x40900000")] == [
        GOOD, GOOD, GOOD, GOOD, GOOD, BAD, UNCERTAIN_LAST_USABLE,
    ]  # fmt: skip
    assert [sparkplug(raw) for raw in (192, "192", 0, 500, "good")] == [
        GOOD,
        GOOD,
        BAD,
        UNCERTAIN_LAST_USABLE,
        GOOD,
    ]
    with pytest.raises(Reject, match="quality_codes: sparkplug"):
        opcua(192)
    for raw in (7, -1, 1 << 32, 1.5, [], True):
        with pytest.raises(Reject):
            opcua(raw)
        with pytest.raises(Reject):
            sparkplug(raw)


def test_sequence_orders_readings_of_the_same_instant() -> None:
    text = "".join(
        json.dumps({"t": 1, "tag": "L", "v": v, "n": n}) + "\n"
        for n, v in [(2, 20), (1, 10), (2, 99), (1.5, 1)]
    )
    ingest, quarantine = run(LONG + ", sequence: n", TAGS, text)
    assert ingest.state.numeric[0] == 0.02
    assert ingest.counters["s"]["duplicate"] == 1
    assert only(quarantine).reason == "sequence"


@pytest.mark.parametrize("odd", [b"\x1c", "\u2003".encode(), "\u00a0 \u2028".encode()])
@pytest.mark.parametrize(
    ("reader", "signal", "rows"),
    [
        ("layout: record, record: {types: {p: [t, x]}}, ", "record: p, ", (b"p 1 5\n", b"p 2 6\n")),
        ("", "", (b"t x\n1 5\n", b"2 6\n")),
    ],
    ids=["records", "a table"],
)
def test_a_line_of_odd_white_space_is_passed_over(
    reader: str, signal: str, rows: tuple[bytes, bytes], odd: bytes
) -> None:
    ingest, quarantine = run(
        f'format: csv, delimiter: " ", {reader}time: {{column: t, unit: s}}',
        f"  - {{id: x, source: s, {signal}field: x}}\n",
        odd + b"\n" + rows[0] + odd + b"\n" + rows[1],
    )
    assert ingest.counters["s"]["applied"] == 2 and ingest.state.numeric[0] == 6
    assert not quarantine.records
