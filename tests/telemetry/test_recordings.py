"""Real recordings, each read with a small contract; counts and values come from looking at the files."""

import csv
import math
from pathlib import Path

import numpy as np
import pytest

from twinstage.base.errors import UserError
from twinstage.telemetry.contract import Contract, parse_contract
from twinstage.telemetry.ingest import Ingest
from twinstage.telemetry.preflight import check_file
from twinstage.telemetry.quarantine import QuarantineMemory
from twinstage.telemetry.reading import Reading

pytestmark = pytest.mark.shared

NS = 1_000_000_000
EPOCH_2026 = 1_767_225_600 * NS


def replay(
    contract: Contract, path: Path, source: str = "s", chunk: int = 4096
) -> tuple[Ingest, list[Reading]]:
    """The whole file through offer and advance, in chunks that cut rows; returns every applied reading as well."""
    applied: list[Reading] = []
    ingest = Ingest(contract, QuarantineMemory(), on_applied=applied.extend)
    data = path.read_bytes()
    assert check_file(contract, source, path) == []
    for start in range(0, len(data), chunk):
        ingest.offer(source, data[start : start + chunk], 1)
        ingest.advance(1)
    ingest.finish(source, 1)
    ingest.advance(1)
    return ingest, applied


def counted(**counts: int) -> dict[str, int]:
    names = (
        "received",
        "applied",
        "history_only",
        "late",
        "duplicate",
        "quarantined",
        "pending",
        "unmapped",
        "blank",
        "contradicting",
    )
    return dict.fromkeys(names, 0) | counts


def test_fanuc_cycle_with_comment_lines_relative_seconds_and_degrees(shared: Path) -> None:
    contract = parse_contract("""
contract: 1
sources:
  s:
    uri: "file:palletizer_trajectory.csv"
    reader: {format: csv, comment: "#", time: {column: time_s, unit: s, epoch: relative}}
    clock: {epoch: "2026-01-01T00:00:00Z"}
signals:
  - {id: j1, source: s, field: J1_deg, unit: deg, range: [-180, 180]}
  - {id: j3, source: s, field: J3_deg_rel_J2, unit: deg}
  - {id: gripper, source: s, field: gripper_close, type: bool}
""")
    ingest, applied = replay(contract, shared / "telemetry/fanuc_palletizer/palletizer_trajectory.csv")
    assert ingest.counters["s"] == counted(received=3 * 688, applied=3 * 688)
    state = ingest.state
    assert state.numeric[state.index("j1")] == pytest.approx(math.radians(4.1866), abs=1e-15)
    assert state.numeric[state.index("j3")] == pytest.approx(math.radians(-72.2960), abs=1e-15)
    assert set(state.event_ns) == {EPOCH_2026 + 26_154_000_000}
    first = [r for r in applied if r.source_timestamp == EPOCH_2026]
    assert (first[0].signal, first[0].value) == ("j1", pytest.approx(math.radians(160.5714)))
    assert applied[3].source_timestamp == EPOCH_2026 + 41_000_000  # 0.041 s, exactly
    assert sum(r.value for r in applied if r.signal == "gripper") == 353  # type: ignore[misc]


def test_ur3_with_semicolons_decimal_commas_empty_columns_and_blank_cells(shared: Path) -> None:
    path = shared / "telemetry/ur3_cobotops/dataset_02052023_rows1-3700.csv"
    contract = parse_contract("""
contract: 1
sources:
  s:
    uri: "file:ur3.csv"
    reader: {format: csv, delimiter: ";", decimal: ",", time: {column: Timestamp, unit: iso8601}}
signals:
  - {id: t0, source: s, field: Temperature_T0, unit: Cel, range: [0, 100]}
  - {id: speed0, source: s, field: Speed_J0, unit: rad/s}
  - {id: cycle, source: s, field: cycle, type: i64}
  - {id: stop, source: s, field: Robot_ProtectiveStop, type: bool}
  - {id: lost, source: s, field: grip_lost, type: bool}
""")
    ingest, applied = replay(contract, path)
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file, delimiter=";"))
    assert len(rows) == 3700
    names = ("Temperature_T0", "Speed_J0", "cycle ", "Robot_ProtectiveStop", "grip_lost")
    filled = sum(row[name] != "" for row in rows for name in names)
    assert 5 * 3700 - filled == 39  # 13 rows lack temperature, speed and protective stop
    assert ingest.counters["s"] == counted(received=filled, applied=filled, blank=39)
    by_signal = {name: [r for r in applied if r.signal == name] for name in ("t0", "speed0", "cycle", "lost")}
    assert by_signal["t0"][0].value == pytest.approx(27.875 + 273.15)
    assert by_signal["speed0"][1].value == pytest.approx(-7.39e-30, rel=1e-12)
    assert [r.value for r in by_signal["cycle"]] == [int(row["cycle "]) for row in rows]
    assert sum(r.value for r in by_signal["lost"]) == sum(row["grip_lost"] == "True" for row in rows)  # type: ignore[misc]
    assert by_signal["t0"][0].source_timestamp == 1_666_772_241_847_000_000
    gaps = np.diff([r.source_timestamp for r in by_signal["cycle"]])
    assert gaps.max() > 5 * 3600 * NS


def test_ur3_header_typo_is_named_with_a_near_miss(shared: Path) -> None:
    contract = parse_contract("""
contract: 1
sources:
  s: {uri: "file:u.csv", reader: {format: csv, delimiter: ";", decimal: ",", time: {column: Timestamp, unit: iso8601}}}
signals:
  - {id: t0, source: s, field: Temperature_J0, unit: Cel}
""")
    with pytest.raises(UserError, match=r":1: .*'Temperature_J0'; did you mean 'Temperature_T0'"):
        check_file(contract, "s", shared / "telemetry/ur3_cobotops/dataset_02052023_rows1-3700.csv")


NAB = """
contract: 1
sources:
  s:
    uri: "file:nab.csv"
    lateness: 7200
    reader: {format: csv, time: {column: timestamp, unit: iso8601}}
    clock: {CLOCK}
signals:
  - {id: machine, source: s, field: value, unit: "[degF]", max_age: 600}
"""


def test_nab_times_without_a_zone_are_refused_unless_the_contract_names_one(shared: Path) -> None:
    path = shared / "telemetry/nab_machine_temperature/machine_temperature_system_failure.csv"
    bare = parse_contract(NAB.replace("{CLOCK}", "{}"))
    with pytest.raises(
        UserError, match=r":2: timestamp is '2013-12-02 21:15:00'; expected a time with its zone"
    ):
        check_file(bare, "s", path)
    ingest = Ingest(bare)
    ingest.offer("s", path.read_bytes(), 1)
    assert ingest.counters["s"] == counted(received=22_695, quarantined=22_695)

    zoned = parse_contract(NAB.replace("{CLOCK}", "{zone: America/New_York}"))
    ingest, applied = replay(zoned, path)
    with path.open(newline="") as file:
        stamps = [row["timestamp"] for row in csv.DictReader(file)]
    twice = len(stamps) - len(set(stamps))
    assert twice == 12  # one hour of 2014-01-07 stands in the file twice
    assert ingest.counters["s"] == counted(
        received=22_695, applied=22_695 - twice, duplicate=twice, contradicting=twice
    )
    assert applied[0].source_timestamp == 1_386_036_900 * NS  # 21:15 in New York is 02:15 UTC on the 3rd
    assert applied[0].value == pytest.approx((73.96732207 + 459.67) * 5 / 9)
    assert ingest.state.stale(1 + 600 * NS).tolist() == [
        False
    ]  # applied at 1 ns, many years from its own times
    assert ingest.state.stale(1 + 601 * NS).tolist() == [True]


def test_cookie_factory_long_layout_without_header_and_with_mixed_types(shared: Path) -> None:
    path = shared / "telemetry/cookie_factory/telemetry.csv"
    with path.open(newline="") as file:
        rows = list(csv.reader(file))
    mixer, alarm = (
        "Mixer_7_851608fb-def2-4b0e-aa71-9021d1c4846a",
        "Mixer_7_ca6b9bd9-6ace-433f-a095-da4b8ab53b1b",
    )
    contract = parse_contract(f"""
contract: 1
sources:
  s:
    uri: "file:telemetry.csv"
    reader:
      format: csv
      layout: long
      header: false
      columns: [time, type, entity, property, value, datatype]
      time: {{column: time, unit: ms}}
      name: [entity, property]
      value: value
signals:
  - {{id: mixer7.temperature, source: s, field: "{mixer}/Temperature", unit: "[degF]"}}
  - {{id: mixer7.rpm, source: s, field: "{mixer}/RPM", unit: circ/min}}
  - {{id: mixer7.alarm, source: s, field: "{alarm}/alarm_status", type: enum, values: [NORMAL, ACTIVE]}}
""")
    ingest, applied = replay(contract, path)
    wanted = [
        r for r in rows if (r[2], r[3]) in {(mixer, "Temperature"), (mixer, "RPM"), (alarm, "alarm_status")}
    ]
    assert len(rows) == 19_970
    assert ingest.counters["s"] == counted(
        received=len(wanted), applied=len(wanted), unmapped=19_970 - len(wanted)
    )
    state = ingest.state
    assert [r.value for r in applied if r.signal == "mixer7.alarm"] == [
        ["NORMAL", "ACTIVE"].index(r[4]) for r in wanted if r[3] == "alarm_status"
    ]
    first_rpm = next(r for r in applied if r.signal == "mixer7.rpm")
    assert first_rpm.value == pytest.approx(2 * math.pi)
    assert first_rpm.source_timestamp == 1_636_070_400_001 * 1_000_000
    assert state.text("mixer7.alarm") == [r[4] for r in wanted if r[3] == "alarm_status"][-1]


INDOOR = """
contract: 1
sources:
  s:
    uri: "file:input.txt"
    reader:
      format: csv
      delimiter: " "
      header: false
      layout: record
      record:
        column: kind
        types:
          range2: [time, range, variance, x, y, module, snr]
          odom2diff: [time, right, left, side, base, var_right, var_left, var_side]
      time: {column: time, epoch: relative}
    clock: {epoch: "2026-01-01T00:00:00Z"}
    lateness: {LATENESS}
signals:
  - {id: anchor105, source: s, record: range2, field: range, unit: m, where: {module: 105}}
  - {id: anchor109, source: s, record: range2, field: range, unit: m, where: {module: 109}}
  - {id: anchor105.at, source: s, record: range2, field: [x, y], unit: m, type: "vec[2]", where: {module: 105}}
  - {id: wheels, source: s, record: odom2diff, field: [right, left], unit: m/s, type: "vec[2]"}
"""


def test_indoor_robot_record_layout_with_a_filter_for_each_anchor(shared: Path) -> None:
    path = shared / "telemetry/indoor_uwb_robot/Indoor_UWB_Input.txt"
    ingest, applied = replay(parse_contract(INDOOR.replace("{LATENESS}", "60")), path)
    rows = [line.split() for line in path.read_text().splitlines()]
    n105 = sum(r[0] == "range2" and r[6] == "105" for r in rows)
    n109 = sum(r[0] == "range2" and r[6] == "109" for r in rows)
    total = 2 * n105 + n109 + 233
    assert (n105, n109) == (58, 58)
    assert ingest.counters["s"] == counted(received=total, applied=total)
    assert applied[0].value == pytest.approx(2.95522014829822)
    assert applied[0].source_timestamp == EPOCH_2026 + 127_943_993  # 0.127943992614746 s, rounded
    assert ingest.state.vector("anchor105.at").tolist() == [-0.02, -0.01]
    odometry = [r for r in rows if r[0] == "odom2diff"]
    assert ingest.state.vector("wheels").tolist() == [float(odometry[-1][2]), float(odometry[-1][3])]
    assert [r.source_timestamp for r in applied] == sorted(r.source_timestamp for r in applied)


def test_indoor_robot_odometry_behind_the_ranges_is_late_without_lateness(shared: Path) -> None:
    path = shared / "telemetry/indoor_uwb_robot/Indoor_UWB_Input.txt"
    ingest, _ = replay(parse_contract(INDOOR.replace("{LATENESS}", "0")), path)
    rows = [line.split() for line in path.read_text().splitlines()]
    newest, late = "", 0
    for kind, time, *rest in rows:  # the rule, by hand, on text of equal form
        relevant = kind == "odom2diff" or rest[4] in ("105", "109")
        late += relevant and float(time) < float(newest or "-1")
        newest = max(newest, time, key=lambda t: float(t or "-1")) if relevant else newest
    counters = ingest.counters["s"]
    assert late > 0
    assert counters["history_only"] == late
    assert counters["applied"] == counters["received"] - late


def test_drone_header_with_blanks_and_units_in_brackets(shared: Path) -> None:
    path = shared / "telemetry/drone_phantom4_path1/GT.csv"
    contract = parse_contract("""
contract: 1
sources:
  s:
    uri: "file:GT.csv"
    reader: {format: csv, time: {column: time, epoch: relative}}
    clock: {epoch: "2026-01-01T00:00:00Z"}
signals:
  - {id: heading, source: s, field: "compass_heading(degrees)", unit: deg, range: [0, 360]}
  - {id: height, source: s, field: "height_above_takeoff(meters)", unit: m}
  - {id: ned, source: s, field: [North, East, Down], unit: m, type: "vec[3]"}
""")
    ingest, applied = replay(contract, path, chunk=777)
    assert ingest.counters["s"] == counted(received=3 * 206, applied=3 * 206)
    assert applied[3].source_timestamp == EPOCH_2026 + 100_000_000  # 0.09999999999999787 s
    assert applied[3].value == pytest.approx(math.radians(253.4))
    assert applied[5].value == (-0.19689739311082397, 0.043705080313101004, 4.231969233381427e-09)


def test_drone_imu_at_120_hz(shared: Path) -> None:
    contract = parse_contract("""
contract: 1
sources:
  s:
    uri: "file:IMU_1.csv"
    reader: {format: csv, time: {column: time, epoch: relative}}
    clock: {epoch: "2026-01-01T00:00:00Z"}
signals:
  - {id: acceleration, source: s, field: [Acc_X, Acc_Y, Acc_Z], unit: m/s2, type: "vec[3]"}
  - {id: rate.x, source: s, field: Gyr_X, unit: deg/s}
""")
    ingest, applied = replay(contract, shared / "telemetry/drone_phantom4_path1/IMU_1.csv")
    assert ingest.counters["s"] == counted(received=2 * 2461, applied=2 * 2461)
    assert applied[0].value == (-0.897815406, -0.993809462, 7.910664558)
    assert applied[1].value == pytest.approx(math.radians(-43.30107498))


def test_tum_poses_separated_by_blanks_with_xyzw_quaternions(shared: Path) -> None:
    path = shared / "telemetry/tum_fr1_xyz/groundtruth.txt"
    contract = parse_contract("""
contract: 1
sources:
  s:
    uri: "file:groundtruth.txt"
    reader:
      format: csv
      delimiter: " "
      comment: "#"
      header: false
      columns: [timestamp, tx, ty, tz, qx, qy, qz, qw]
      time: {column: timestamp, unit: s}
signals:
  - {id: camera, source: s, field: [tx, ty, tz, qx, qy, qz, qw], type: pose, unit: m, order: xyzw}
""")
    ingest, applied = replay(contract, path)
    assert ingest.counters["s"] == counted(received=3000, applied=3000)
    assert applied[0].source_timestamp == 1_305_031_098_665_900_000  # exact: a double could not hold it
    x, y, z, qw, qx, qy, qz = applied[0].value  # type: ignore[misc]
    assert (x, y, z) == (1.3563, 0.6305, 1.6380)
    assert (qw, qx, qy, qz) == pytest.approx((-0.3986, 0.6132, 0.5962, -0.3311), abs=1e-4)
    assert np.linalg.norm(ingest.state.pose_values[0, 3:]) == pytest.approx(1.0, abs=1e-15)


def test_slam_track_without_comments_gives_788_poses(shared: Path) -> None:
    contract = parse_contract("""
contract: 1
sources:
  s:
    uri: "file:rgbdslam_drift.txt"
    reader: {format: csv, delimiter: " ", header: false, columns: [t, x, y, z, qx, qy, qz, qw], time: {column: t}}
signals:
  - {id: camera, source: s, field: [x, y, z, qx, qy, qz, qw], type: pose, unit: m, order: xyzw}
""")
    ingest, _ = replay(contract, shared / "telemetry/tum_fr1_xyz/rgbdslam_drift.txt")
    assert ingest.counters["s"] == counted(received=788, applied=788)
