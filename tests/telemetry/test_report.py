"""What the report finds: closed forms, and data that was disturbed on purpose."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twinstage.telemetry.batch import Ingested, ingest_files
from twinstage.telemetry.contract import parse_contract
from twinstage.telemetry.ingest import Ingest
from twinstage.telemetry.report import find, page, series_of
from twinstage.telemetry.report.findings import moment, span
from twinstage.telemetry.report.outliers import outliers
from twinstage.telemetry.report.suspects import suspect, unit_of_header

START = 1_767_225_600


def done(folder: Path, rows: list[str], signals: str, header: str = "time,a") -> Ingested:
    (folder / "x.csv").write_text("\n".join([header, *rows]) + "\n")
    contract = parse_contract(
        'contract: 1\nsources:\n  s: {uri: "file:x.csv", lateness: 1000, reader: {format: csv, time: {column: time}}}\n'
        f"signals:\n{signals}"
    )
    return ingest_files(contract, folder, now_ns=2 * START * 10**9)


def found(one: Ingested) -> dict[str, str]:
    return {f.code: f.message for f in find(one, series_of(one))}


# outliers


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 5))
def test_spikes_are_found_and_a_smooth_signal_has_none(seed: int, count: int) -> None:
    draw = np.random.default_rng(seed)
    t = np.arange(1000)
    clean = np.sin(t / 40) * 3 + draw.normal(0, 0.02, len(t))
    assert not len(outliers(clean))
    at = np.sort(draw.choice(np.arange(20, 980, 20), count, replace=False))
    spiked = clean.copy()
    spiked[at] += draw.choice([-1, 1], count) * draw.uniform(5, 50, count)
    assert outliers(spiked).tolist() == at.tolist()


def test_steps_states_and_bursts_are_no_outliers() -> None:
    draw = np.random.default_rng(0)
    step = np.where(np.arange(500) < 250, 0.0, 100.0) + draw.normal(0, 0.1, 500)
    assert not len(outliers(step))
    assert not len(outliers(np.array([0.0, 1.0] * 200)))
    lively = np.where(draw.random(500) < 0.1, draw.uniform(5, 9, 500), draw.normal(0, 0.01, 500))
    assert not len(outliers(lively))
    assert not len(outliers(np.full(100, np.nan)))


# units


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("speed(m/s)", "m/s"), (" pitch(degrees)", "deg"), ("T [degC]", "Cel"), ("p [kPa]", "kPa"), ("T (F)", "[degF]"),
        ("shaft_rpm", "circ/min"), ("power_kW", None), ("flow_m", None), ("J1_deg", "deg"), ("deg", None), ("note (old)", None),
    ],
)  # fmt: skip
def test_units_in_headers(name: str, unit: str | None) -> None:
    assert unit_of_header(name) == unit


@pytest.mark.parametrize(
    ("unit", "other", "factor", "offset", "low", "high"),
    [
        ("Cel", "[degF]", 1.8, 32, 40, 60), ("Cel", "K", 1, 273.15, 10, 60), ("bar", "[psi]", 14.5038, 0, 3, 6),
        ("bar", "kPa", 100, 0, 3, 6), ("m", "mm", 1000, 0, 0.5, 2), ("rad", "deg", 57.29578, 0, 0.5, 1.5),
        ("m/s", "km/h", 3.6, 0, 8, 12),
    ],
)  # fmt: skip
def test_a_unit_that_explains_wrong_values_is_named(
    unit: str, other: str, factor: float, offset: float, low: float, high: float
) -> None:
    draw = np.random.default_rng(3)
    good = draw.uniform(low, high, 200)
    assert suspect(draw.uniform(low, high, 12) * factor + offset, good, unit) == (other, 12)
    assert suspect(draw.uniform(1e7, 2e7, 12), good, unit) is None
    assert suspect(np.zeros(0), good, unit) is None


def test_a_header_that_contradicts_the_contract(tmp_path: Path) -> None:
    rows = [f"{START + k},{20 + k % 7}" for k in range(20)]
    signals = '  - {id: a, source: s, field: "T [degF]", unit: Cel}\n'
    said = found(done(tmp_path, rows, signals, header="time,T [degF]"))
    assert said["unit.header"] == "a is read in °C, and the file says °F of its column 'T [degF]'"
    assert "unit.header" not in found(
        done(tmp_path, rows, signals.replace("Cel", '"[degF]"'), header="time,T [degF]")
    )
    assert "unit.none" in found(done(tmp_path, rows, "  - {id: a, source: s, field: a}\n"))
    assert "unit.none" not in found(done(tmp_path, rows, '  - {id: a, source: s, field: a, unit: "1"}\n'))


def test_a_row_of_units_after_the_header(tmp_path: Path) -> None:
    contract = parse_contract("""
contract: 1
sources:
  s: {uri: "file:x.csv", reader: {format: csv, units_row: true, time: {column: time}}}
signals:
  - {id: a, source: s, field: a, unit: bar}
  - {id: b, source: s, field: b, unit: Cel}
""")
    rows = "time,a,b\ns,psi,degC\n" + "".join(f"{START + k},{k % 7},{k}\n" for k in range(20))
    (tmp_path / "x.csv").write_text(rows)
    one = ingest_files(contract, tmp_path, now_ns=2 * START * 10**9)
    assert one.counters["s"]["received"] == one.counters["s"]["applied"] == 40
    assert found(one) == {"unit.header": "a is read in bar, and the file says psi of its column 'a'"}
    split = Ingest(contract)  # in single bytes, and a second time from its start
    for _ in range(2):
        for k in range(len(rows)):
            split.offer("s", rows[k : k + 1].encode(), 1)
        split.reconnect("s", 1)
    assert split.counters["s"]["received"] == 80
    assert split.counters["s"]["duplicate"] == 40


# gaps, cadence, comings and goings


def test_injected_gaps_are_found_and_none_invented(tmp_path: Path) -> None:
    draw = np.random.default_rng(5)
    times = START + np.arange(4000) + draw.uniform(-0.2, 0.2, 4000)
    starts = np.arange(50, 3950, 100) + draw.integers(0, 40, 39)
    lost = np.zeros(4000, bool)
    for start in starts:
        lost[start : start + draw.integers(3, 20)] = True
    rows = [f"{t:.3f},{draw.normal():.3f}" for t in times[~lost]]
    one = done(tmp_path, rows, '  - {id: a, source: s, field: a, unit: "1"}\n')
    assert found(one)["gap"].startswith(f"a has 39 gaps ({lost.sum()} readings missing)")
    whole = done(
        tmp_path,
        [f"{t:.3f},{draw.normal():.3f}" for t in times],
        '  - {id: a, source: s, field: a, unit: "1"}\n',
    )
    assert found(whole) == {}


def test_another_cadence_than_declared(tmp_path: Path) -> None:
    rows = [f"{START + 2 * k},{k % 9}" for k in range(50)]
    said = found(done(tmp_path, rows, '  - {id: a, source: s, field: a, unit: "1", period: 1}\n'))
    assert said["cadence"] == "a comes every 2 s, and the contract says every 1 s"
    assert "cadence" not in found(
        done(tmp_path, rows, '  - {id: a, source: s, field: a, unit: "1", period: 1.9}\n')
    )


def test_signals_that_appear_vanish_or_never_come(tmp_path: Path) -> None:
    rows = [f"{START + k},{k % 9},{k if k > 100 else ''},{k if k < 50 else ''}," for k in range(200)]
    signals = "".join(f'  - {{id: {n}, source: s, field: {n}, unit: "1"}}\n' for n in "abcd")
    one = done(tmp_path, rows, signals, header="time,a,b,c,d")
    said = [(f.code, f.path) for f in find(one, series_of(one))]
    assert said == [("signal.silent", "d"), ("signal.appears", "b"), ("signal.vanishes", "c")]


# the page


def test_readings_that_contradict_each_other(tmp_path: Path) -> None:
    rows = [f"{START + k},{k}" for k in range(20)]
    one = done(
        tmp_path,
        [*rows, rows[3], f"{START + 5},99"],
        "  - {id: a, source: s, field: a, unit: '1'}\n",
    )
    assert one.contradictions == {"s": {"a": 1}}
    assert "1 reading (4.5 %) of a came a second time" in found(one)["duplicate.contradicts"]
    html = page(one, series_of(one), find(one, series_of(one)), "x")
    assert "contradicting" in html
    assert one.as_dict()["contradictions"] == {"s": {"a": 1}}


def test_what_comes_from_a_file_is_escaped(tmp_path: Path) -> None:
    bad = "<script>alert(1)</script>"
    rows = [f"{START + k},{k}" for k in range(10)] + [f"{START + 20},{bad}"]
    one = done(tmp_path, rows, '  - {id: a, source: s, field: a, unit: "1"}\n')
    series = series_of(one)
    text = page(one, series, find(one, series), f"{bad} title")
    assert "<script" not in text
    assert text.count("&lt;script&gt;") >= 3
    assert "http" not in text.replace("http-equiv", "")  # it needs nothing beside it


def test_a_page_of_nothing(tmp_path: Path) -> None:
    one = done(tmp_path, [f"{START},x", f"{START},1"], "  - {id: a, source: s, field: a, type: string}\n")
    assert "<svg" not in page(one, series_of(one), [], "one")


def test_durations_and_moments_for_people() -> None:
    told = [
        span(ns) for ns in (5 * 10**6, 10**9, 90 * 10**9, 150 * 10**9, 18_828 * 10**9, 4 * 86_400 * 10**9)
    ]
    assert told == ["5 ms", "1 s", "90 s", "2.5 min", "5.23 h", "4 d"]
    assert moment(START * 10**9 + 5_000_000) == "2026-01-01 00:00:00.005"
