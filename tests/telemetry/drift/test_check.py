"""Drift on real recordings: none where there is none, and named where one was made by hand."""

import csv
import json
from pathlib import Path

import pytest

from twinstage.base.errors import UserError
from twinstage.cli.app import run
from twinstage.telemetry.contract import Contract, load_contract, parse_contract
from twinstage.telemetry.drift.check import Checked, check_drift, source_of

PALLETIZER = Path(__file__).parents[3] / "examples/palletizer/contract.yaml"

UR3 = """
contract: 1
sources:
  s: {uri: "file:u.csv", reader: {format: csv, delimiter: ";", decimal: ",", time: {column: Timestamp, unit: iso8601}}}
signals:
  - {id: t0, source: s, field: Temperature_T0, unit: Cel, range: [0, 100]}
  - {id: t1, source: s, field: Temperature_J1, unit: Cel}
  - {id: speed0, source: s, field: Speed_J0, unit: rad/s}
  - {id: stop, source: s, field: Robot_ProtectiveStop, type: bool}
"""
NAB = """
contract: 1
sources:
  s: {uri: "file:nab.csv", reader: {format: csv, time: {column: timestamp, unit: iso8601}}, clock: {zone: UTC}}
signals:
  - {id: machine, source: s, field: value, unit: "[degF]"}
"""
COOKIE = """
contract: 1
sources:
  s:
    uri: "file:t.csv"
    reader: {format: csv, layout: long, header: false, columns: [time, type, entity, property, value, kind],
             time: {column: time, unit: ms}, name: [entity, property], value: value}
signals:
  - {id: t, source: s, field: "Mixer_7_851608fb-def2-4b0e-aa71-9021d1c4846a/Temperature", unit: Cel}
"""
GT = """
contract: 1
sources:
  s: {uri: "file:t.csv", reader: {format: csv, time: {column: time, unit: s, epoch: relative}}, clock: {epoch: now}}
signals:
  - {id: x, source: s, field: FIELD, unit: deg}
"""
TUM = """
contract: 1
sources:
  s: {uri: "file:t", reader: {format: csv, delimiter: " ", comment: "#", header: false,
      columns: [t, tx, ty, tz, qx, qy, qz, qw], time: {column: t, unit: s}}}
signals:
  - {id: p, source: s, field: [tx, ty, tz, qx, qy, qz, qw], type: pose, order: xyzw, unit: m}
"""
UWB = """
contract: 1
sources:
  s: {uri: "file:t", reader: {format: csv, delimiter: " ", layout: record, header: false, time: {column: t, epoch: relative},
      record: {types: {range2: [t, r, s, x, y, id, z], odom2diff: [t, a, b, c, d, e, f, g]}}}, clock: {epoch: now}}
signals:
  - {id: r, source: s, record: range2, field: r, unit: m}
"""


def lines_of(path: Path) -> list[str]:
    return path.read_text().splitlines(keepends=True)


def check(contract: Contract, path: Path, **options: object) -> Checked:
    return check_drift(contract, source_of(contract, None), path, **options)  # type: ignore[arg-type]


@pytest.mark.shared
@pytest.mark.parametrize(
    ("contract", "file"),
    [
        (PALLETIZER.read_text(), "fanuc_palletizer/palletizer_trajectory.csv"),
        (UR3, "ur3_cobotops/dataset_02052023_rows1-3700.csv"),
        (NAB, "nab_machine_temperature/machine_temperature_system_failure.csv"),
        (COOKIE, "cookie_factory/telemetry.csv"),
        (GT.replace("FIELD", "pitch(degrees)"), "drone_phantom4_path1/GT.csv"),
        (GT.replace("FIELD", "Gyr_X"), "drone_phantom4_path1/IMU_1.csv"),
        (TUM, "tum_fr1_xyz/groundtruth.txt"),
        (UWB, "indoor_uwb_robot/Indoor_UWB_Input.txt"),
    ],
)
def test_a_real_recording_does_not_drift(contract: str, file: str, shared: Path) -> None:
    checked = check(parse_contract(contract), shared / "telemetry" / file)
    assert checked.rows > 200
    assert checked.drifts == []


@pytest.mark.shared
def test_joint_angles_that_become_radians_are_named(shared: Path, tmp_path: Path) -> None:
    lines = lines_of(shared / "telemetry/fanuc_palletizer/palletizer_trajectory.csv")
    log = tmp_path / "log.csv"
    out = lines[:304]
    for line in lines[304:]:
        cells = line.split(",")
        cells[1:7] = [f"{float(cell) * 0.017453292519943295:.6f}" for cell in cells[1:7]]
        out.append(",".join(cells))
    log.write_text("".join(out))
    first, *rest = check(load_contract(PALLETIZER), log).drifts
    assert (first.what, first.line) == ("unit", 305)
    assert {"J2_deg", "J3_deg_rel_J2", "J4_deg", "J5_deg"} <= set(
        first.fields
    )  # those that move in small steps
    assert {"robot.j2", "robot.j3", "robot.j4", "robot.j5"} <= set(first.signals)
    assert "changed their unit: ° became rad" in str(first)
    assert {name for drift in (first, *rest) for name in drift.fields} == {
        "J1_deg", "J2_deg", "J3_deg_rel_J2", "J4_deg", "J5_deg", "J6_deg"
    }  # fmt: skip
    assert all(drift.scale == pytest.approx(0.0174532925) for drift in (first, *rest))


@pytest.mark.shared
def test_a_machine_whose_fahrenheit_became_celsius_is_named(shared: Path, tmp_path: Path) -> None:
    lines = lines_of(shared / "telemetry/nab_machine_temperature/machine_temperature_system_failure.csv")
    log = tmp_path / "log.csv"
    changed = [line.split(",") for line in lines[9000:11_000]]
    log.write_text("".join(lines[:9000] + [f"{t},{(float(v) - 32) / 1.8:.8f}\n" for t, v in changed]))
    (drift,) = check(parse_contract(NAB), log).drifts
    assert drift.what == "unit"
    assert abs(drift.line - 9001) <= 50  # a window
    assert "°F became °C" in drift.detail


@pytest.mark.shared
def test_against_a_clean_log_columns_that_went_came_and_changed_are_named(
    shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = shared / "telemetry/ur3_cobotops/dataset_02052023_rows1-3700.csv"
    with path.open(newline="") as file:
        rows = list(csv.reader(file, delimiter=";"))
    head = rows[0]
    stop, renamed = head.index("Robot_ProtectiveStop"), head.index("Temperature_J1")
    fresh = [[*row[:renamed], *row[renamed + 1 : 24], row[renamed]] for row in rows[2000:]]
    for row in fresh:
        row[stop - 1] = {"False": "0", "True": "1"}.get(row[stop - 1], row[stop - 1])
    log, clean, contract = tmp_path / "log.csv", tmp_path / "clean.csv", tmp_path / "contract.yaml"
    header = [*head[:renamed], *head[renamed + 1 : 24], "Temperature_J1_new"]
    log.write_text("\n".join(";".join(row) for row in [header, *fresh]))
    clean.write_text("\n".join(";".join(row) for row in rows[:2000]))
    contract.write_text(UR3)
    assert run(["telemetry", "check", str(log), "--contract", str(contract), "--clean", str(clean)]) == 1
    out = capsys.readouterr().out
    assert (
        f"{log}:2: field 'Temperature_J1' is missing: it no longer comes; did you mean 'Temperature_J1_new'?"
        in out
    )
    assert "field 'Temperature_J1_new' is new" in out
    assert "field 'Robot_ProtectiveStop' changed its kind: true and false became numbers" in out
    assert "1701 rows compared with" in out
    assert "3 changes" in out


@pytest.mark.shared
def test_a_log_in_order_says_so_and_leaves_with_0(shared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = shared / "telemetry/fanuc_palletizer/palletizer_trajectory.csv"
    assert run(["telemetry", "check", str(path), "--contract", str(PALLETIZER)]) == 0
    assert capsys.readouterr().out == "688 rows compared with its first 200 rows: no drift\n"
    assert run(["telemetry", "check", str(path), "--contract", str(PALLETIZER), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "source": "robot",
        "rows": 688,
        "learned": 200,
        "drifts": [],
    }


def test_a_period_that_the_contract_does_not_say_is_named(tmp_path: Path) -> None:
    text = GT.replace("FIELD, unit: deg", "v, unit: deg, period: 0.1")
    log = tmp_path / "log.csv"
    log.write_text("time,v\n" + "".join(f"{k},{k % 7}\n" for k in range(600)))
    (drift,) = check(parse_contract(text), log).drifts
    assert drift.what == "cadence"
    assert "the contract says a reading every 100 ms, and there is one every 1 s" in str(drift)


def test_what_cannot_be_checked_is_told_in_one_sentence(tmp_path: Path) -> None:
    contract = parse_contract(GT.replace("FIELD", "v"))
    with pytest.raises(UserError, match="there is no"):
        check(contract, tmp_path / "none.csv")
    (tmp_path / "log.csv").write_text("t,v\n1,2\n")
    with pytest.raises(UserError, match="no row with a time in 'time'"):
        check(contract, tmp_path / "log.csv")
    with pytest.raises(UserError, match="no source 'x'; known: s"):
        source_of(contract, "x")


def test_a_signal_that_the_log_never_has_is_missing(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    log.write_text("".join(json.dumps({"t": k, "value": k % 5}) + "\n" for k in range(500)))
    contract = parse_contract("""
contract: 1
sources:
  s: {uri: "file:l", reader: {format: jsonl, time: {field: t, unit: s, epoch: relative}}, clock: {epoch: now}}
signals:
  - {id: a, source: s, field: value}
  - {id: b, source: s, field: valve}
""")
    (drift,) = check(contract, log).drifts
    assert (drift.what, drift.fields, drift.signals) == ("missing", ("valve",), ("b",))
    assert "did you mean 'value'" in str(drift)


def test_a_unit_that_was_wrong_from_the_first_row_on_is_named_where_the_range_says_so(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    log.write_text(
        "time,v\n" + "".join(f"{k},{80 + 9 * ((k * 37) % 11) / 11:.3f}\n" for k in range(600))
    )  # psi
    text = GT.replace("FIELD, unit: deg", "v, unit: bar, range: [2, 10]")
    (drift,) = check(parse_contract(text), log).drifts
    assert (drift.what, drift.line, drift.signals) == ("unit", 2, ("x",))
    assert "the contract's range fits if bar became psi" in str(drift)
    assert check(parse_contract(text.replace("10]", "100]")), log).drifts == []
