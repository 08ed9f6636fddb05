"""Charts of derived signals: computed from the archive and the hot log, judged by a plain loop over what was told."""

from pathlib import Path

import made
import numpy as np
import pytest
from typer.testing import CliRunner

import twinstage.telemetry.history.query as query
from twinstage.base.errors import UserError
from twinstage.base.quality import BAD, BAD_NO_DATA, GOOD, UNCERTAIN_LAST_USABLE
from twinstage.cli.app import app
from twinstage.telemetry.batch import ingest_files
from twinstage.telemetry.history.archive import compact
from twinstage.telemetry.history.hotlog import LogReader
from twinstage.telemetry.history.query import History
from twinstage.telemetry.history.recorder import open_recorder
from twinstage.telemetry.ingest import Ingest
from twinstage.telemetry.report import series_of

S, MS, T0 = made.S, made.MS, made.T0
TEXT = """
contract: 1
sources:
  a: {uri: "file:x.csv", lateness: 100, reader: {format: csv, time: {column: time, unit: ms}}}
signals:
  - {id: volts, source: a, field: v, unit: V, range: [-100, 100]}
  - {id: amps, source: a, field: i, unit: mA, max_age: 0.5}
  - {id: pump.flow, source: a, field: f, unit: m3/s, max_age: 1, gap: bad}
  - {id: other, source: a, field: o}
derived:
  - {id: power, expr: volts * amps, unit: W}
  - {id: double, expr: power * 2, unit: W}
  - {id: inverse, expr: 1 / volts, unit: 1/V}
  - {id: per, expr: power / pump.flow, unit: J/m3}
alarms:
  - {id: much, signal: power, above: 3, priority: low}
"""


def recorded(folder: Path, seed: int = 0) -> Path:
    """Cells come and go, one after the other in time."""
    draw, rows, ms = np.random.default_rng(seed), ["time,v,i,f,o"], T0 // MS
    for _ in range(400):
        ms += int(draw.choice([50, 100, 700]))
        cells = [
            "" if draw.random() < 0.4 else f"{draw.integers(-5, 6)}",
            "" if draw.random() < 0.4 else f"{draw.uniform(0, 900):.2f}",
            "" if draw.random() < 0.7 else f"{draw.uniform(0.1, 1):.3f}",
            f"{draw.uniform(0, 1):.3f}",
        ]
        rows.append(f"{ms}," + ",".join(cells))
    (folder / "x.csv").write_text("\n".join(rows) + "\n")
    return folder


@pytest.mark.parametrize("archived", [False, True])
def test_a_range_is_what_the_report_of_the_same_recording_computes(tmp_path: Path, archived: bool) -> None:
    contract, folder = made.contract(TEXT), recorded(tmp_path) / "history"
    done = ingest_files(contract, tmp_path, now_ns=T0, history=folder)
    if archived:
        reader = LogReader(made.path(folder))
        assert compact(reader, all_=True)
        reader.close()
    expected = {one.id: one for one in series_of(done)}
    with History(folder) as history:
        first, last = history.span() or (0, 0)
        for name in ("power", "double", "inverse", "per"):
            table, one = history.range([name], first, last), expected[name]
            assert table["event_ns"].to_pylist() == one.time_ns.tolist()
            values = table["value"].to_numpy(zero_copy_only=False).astype(float)
            np.testing.assert_allclose(values, one.values[:, 0], rtol=1e-12)
            assert table["quality"].to_pylist() == one.quality.tolist()
            assert {BAD_NO_DATA, UNCERTAIN_LAST_USABLE, GOOD, BAD} & set(one.quality.tolist())
        middle = (first + last) // 2
        late = history.range(["double"], middle, last)
        whole = history.range(["double"], first, last)
        assert late.num_rows and late.equals(whole.slice(whole.num_rows - late.num_rows))
        both = history.range(["volts", "power"], first, last)
        assert set(both["signal"].to_pylist()) == {"volts", "power"}
        assert "power" not in history.range([], first, last)["signal"].to_pylist(), "they are no readings"


def test_a_chart_of_a_derived_signal(tmp_path: Path) -> None:
    contract, folder = made.contract(TEXT), recorded(tmp_path) / "history"
    one = next(
        s for s in series_of(ingest_files(contract, tmp_path, now_ns=T0, history=folder)) if s.id == "power"
    )
    with History(folder) as history:
        first, last = history.span() or (0, 0)
        chart = history.downsampled("power", first, last, 7).to_pylist()
    assert len(chart) == 7
    step = chart[1]["start_ns"] - chart[0]["start_ns"]
    for bucket in chart:
        inside = (one.time_ns >= bucket["start_ns"]) & (one.time_ns < bucket["start_ns"] + step)
        values = one.values[inside, 0]
        assert bucket["count"] == np.count_nonzero(inside) > 0
        assert bucket["min"] == pytest.approx(np.nanmin(values)) and bucket["max"] == pytest.approx(
            np.nanmax(values)
        )
        assert bucket["last"] == pytest.approx(values[np.isfinite(values)][-1])


@pytest.mark.parametrize("archived", [False, True])
def test_as_of_is_the_last_of_the_range_and_what_the_twin_had(tmp_path: Path, archived: bool) -> None:
    contract, folder = made.contract(TEXT), recorded(tmp_path) / "history"
    ingest_files(contract, tmp_path, now_ns=T0, history=folder)
    if archived:
        reader = LogReader(made.path(folder))
        compact(reader, all_=True)
        reader.close()
    names, seen = ["power", "double", "inverse", "per"], set[int]()
    with History(folder) as history:
        first, last = history.span() or (0, 0)
        assert history.as_of(first - 1, names).num_rows == 0
        told = history.range(["power"], first, last)["event_ns"].to_pylist()
        for at in [*told[2:18:4], told[-1], (told[40] + told[41]) // 2]:
            rows = {row["signal"]: row for row in history.as_of(at, [*names, "volts"]).to_pylist()}
            assert list(rows) == sorted([*names, "volts"])
            for name in names:
                assert rows[name] == history.range([name], first, at).to_pylist()[-1]
            twin = history.state_at(contract, at)
            quality = twin.effective_quality(at)
            for name, row in rows.items():
                index = twin.index(name)
                assert row["event_ns"] == twin.event_ns[index]
                if row["quality"] < BAD:
                    assert row["value"] == pytest.approx(twin.numeric[index], rel=1e-12)
                if at in told and row["event_ns"] == at and name in names:
                    assert row["quality"] == quality[index]
                    seen.add(row["quality"])
        assert {GOOD, UNCERTAIN_LAST_USABLE, BAD_NO_DATA} <= seen
        assert "power" not in history.as_of(last)["signal"].to_pylist(), "they are no readings"


def test_what_comes_late_counts_and_what_was_not_known_does_not(tmp_path: Path) -> None:
    text = made.CONTRACT.replace("oven.x * 2", "oven.x + axis[0]")
    ingest = Ingest(made.contract(text))
    recorder = open_recorder(tmp_path, ingest)

    def say(source: str, tag: str, value: str, event: float, arrives: float) -> None:
        row = f'{{"t": {T0 + round(event * S)}, "tag": "{tag}", "v": {value}}}\n'
        ingest.offer(source, row.encode(), T0 + round(arrives * S))

    say("b", "axis", "[2, 0, 0]", 0, 0)
    say("a", "x", "1000", 1, 1)
    say("a", "x", "5000", 9, 9)
    say("a", "x", "3000", 5, 10)  # into the history only
    ingest.finish("a", T0 + 11 * S)
    ingest.finish("b", T0 + 11 * S)
    ingest.advance(T0 + 11 * S)
    recorder.close()
    with History(tmp_path) as history:
        rows = history.range(["twice"], T0, T0 + 20 * S).to_pylist()
        assert [(r["event_ns"] - T0) // S for r in rows] == [0, 1, 5, 9]
        assert [r["value"] for r in rows] == [None, 3.0, 5.0, 7.0] and rows[0]["quality"] >= BAD
        then = history.range(["twice"], T0, T0 + 20 * S, known_ns=T0 + 9 * S).to_pylist()
        assert [r["value"] for r in then] == [None, 3.0, 7.0]
        (alone,) = history.range(["twice"], T0 + 6 * S, T0 + 20 * S).to_pylist()
        assert alone["value"] == 7.0
        assert history.range(["twice"], T0 + 10 * S, T0 + 20 * S).num_rows == 0
        (late,) = history.as_of(T0 + 6 * S, ["twice"]).to_pylist()
        assert (late["value"], late["event_ns"]) == (5.0, T0 + 5 * S)
        (then,) = history.as_of(T0 + 6 * S, ["twice"], known_ns=T0 + 9 * S).to_pylist()
        assert (then["value"], then["event_ns"]) == (3.0, T0 + 1 * S)


def test_a_span_that_is_too_much_to_compute_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made.live(tmp_path, 10)[1].close()
    monkeypatch.setattr(query, "MOST_INPUTS", 3)
    with History(tmp_path) as history:
        with pytest.raises(
            UserError, match=r"'twice' is derived from [0-9]+ readings in that span, .* ask for a shorter one"
        ):
            history.range(["twice"], 0, 1 << 62)
        with pytest.raises(UserError, match="has no signal 'twise'; did you mean 'twice'"):
            history.range(["twise"], 0, 1 << 62)


def test_the_command_draws_derived_signals_too(tmp_path: Path) -> None:
    contract, folder = made.contract(TEXT), recorded(tmp_path) / "history"
    ingest_files(contract, tmp_path, now_ns=T0, history=folder)
    run = CliRunner().invoke
    listed = run(app, ["telemetry", "history", str(folder)]).output
    assert "power      f64    W      derived: computed when asked for" in listed
    rows = run(
        app, ["telemetry", "history", str(folder), "--signal", "power", "--limit", "3"]
    ).output.splitlines()
    assert len(rows) == 4 and " power " in rows[0] and " W " in rows[0]
    chart = run(app, ["telemetry", "history", str(folder), "--signal", "power", "--buckets", "4"]).output
    assert chart.count("min") == 4
    at = run(
        app, ["telemetry", "history", str(folder), "--signal", "power", "--at", "20"]
    ).output.splitlines()
    assert len(at) == 1 and " power " in at[0] and " W " in at[0]
