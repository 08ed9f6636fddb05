"""Sensors by kind, from mappings and from files; mistakes name file, line and field."""

import importlib.metadata
import re
import subprocess
import sys
from pathlib import Path
from typing import Literal

import pytest

from twinstage.base.errors import UserError
from twinstage.base.registry import Registry
from twinstage.render.sensors import SENSORS, Sensor, load_sensor, read_sensor


def test_all_kinds_are_known_and_have_defaults() -> None:
    assert {"lidar", "rgb", "stereo", "structured-light", "thermal"} <= set(SENSORS.kinds())
    for kind in SENSORS.kinds():
        sensor = load_sensor(kind)
        assert sensor.kind == kind and load_sensor(sensor.model_dump()) == sensor
        with pytest.raises(ValueError, match="frozen"):
            sensor.kind = "other"


def test_files(tmp_path: Path) -> None:
    file = tmp_path / "lidar.yaml"
    file.write_text("kind: lidar\npattern: {kind: raster, columns: 10, rows: 4}\nreturns: dual\n")
    sensor = read_sensor(file)
    assert sensor == load_sensor(
        {"kind": "lidar", "pattern": {"kind": "raster", "columns": 10, "rows": 4}, "returns": "dual"}
    )
    assert read_sensor("thermal") == load_sensor("thermal")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("kind: stereo\nbaselne: 0.1\n", "s.yaml:2: baselne is not a known field; did you mean 'baseline'?"),
        (
            "kind: lidar\nreturns: most\n",
            "s.yaml:2: returns is 'most'; expected strongest, first, last, dual or all",
        ),
        ("kind: sterio\n", "no sensor named 'sterio'; did you mean 'stereo'?"),
        ("baseline: 0.1\n", "s.yaml:1: the file lacks the field 'kind'"),
        ("[1, 2]\n", "a sensor file is a mapping"),
    ],
)
def test_mistakes_in_files(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "s.yaml"
    file.write_text(text)
    with pytest.raises(UserError, match=re.escape(message)):
        read_sensor(file)


def test_the_yaml_of_the_page_is_a_sensor(root: Path, tmp_path: Path) -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", (root / "docs/sensors.md").read_text("utf-8"), re.S)
    assert blocks
    for block in blocks:
        (tmp_path / "page.yaml").write_text(block)
        assert read_sensor(tmp_path / "page.yaml").kind == "lidar"


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no sensor file"):
        read_sensor(tmp_path / "none.yaml")


def test_other_distributions_add_kinds(monkeypatch) -> None:
    class Sonar(Sensor):
        kind: Literal["sonar"] = "sonar"

    class Point:
        def load(self) -> type:
            return Sonar

    asked = []

    def points(group: str) -> list[Point]:
        asked.append(group)
        return [Point()]

    monkeypatch.setattr("twinstage.base.registry.entry_points", points)
    registry: Registry = Registry("sensor", group=SENSORS.group)
    assert registry.get("sonar") is Sonar and asked == ["twinstage.sensors"]
    assert importlib.metadata.entry_points is not points


def test_importing_sensors_loads_nothing_heavy() -> None:
    code = (
        "import sys, twinstage.render.sensors; "
        "print([m for m in ('pxr', 'open3d', 'mitsuba', 'PIL', 'cv2') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
