"""Datasets from the plant as it is, or as it was: against the recording's own rows, read here, and pxr."""

import csv
import json
import os
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from twinstage.base.errors import TwinstageError, UserError
from twinstage.live.datasets import generate_dataset, single_frame
from twinstage.live.states import start_of, with_moment
from twinstage.synth.recipe import parse_recipe
from twinstage.synth.start import checked_start

ROOT = Path(__file__).resolve().parents[2]
ARM = ROOT / "examples" / "palletizer"
CELL = ROOT / "assets" / "library" / "workcell"
RECORDING = "telemetry/fanuc_palletizer/palletizer_trajectory.csv"
LINKS = "/Cell/Robot/Geometry/base_link/link_1/link_2/link_3/link_4/link_5/link_6"


def recipe(shared: Path, **changes: Any) -> Any:
    return parse_recipe(
        {
            "stage": os.path.relpath(ARM / "palletizer.usda", ARM),
            "asset_roots": [os.path.relpath(shared, ARM)],
            "cameras": [{"name": "c", "look_at": {"eye": [2.5, -3, 2.4], "target": [0, 0, 1.2]}}],
            "labels": {"robot": None},
            "state": {"bindings": "bindings.yaml", "at": 6.5},
            "engine": {"kind": "null"},
            **changes,
        }
    )


def recorded(shared: Path, seconds: float) -> list[float]:
    """J1 to J6 [degrees] of the newest row at that time, with J3 against link 2."""
    text = (shared / RECORDING).read_text().splitlines()
    rows = list(csv.DictReader(line for line in text if not line.startswith("#")))
    row = [r for r in rows if float(r["time_s"]) <= seconds + 1e-9][-1]
    found = [float(value) for key, value in row.items() if re.match(r"J\d", key)]
    found[2] += found[1]
    return found


def joints_in_pxr(shared: Path, state: str, folder: Path) -> list[float]:
    """The six angles [degrees] that the links have to each other beyond what the stage authors, about the joints' axes."""
    from pxr import Gf, Usd, UsdGeom

    layer = folder / "state.usda"
    layer.write_text(state)
    root = folder / "root.usda"
    root.write_text(f"#usda 1.0\n(\n    subLayers = [@{layer}@, @{ARM / 'palletizer.usda'}@]\n)\n")
    posed, authored = Usd.Stage.Open(str(root)), Usd.Stage.Open(str(ARM / "palletizer.usda"))
    out = []
    for number in range(1, 7):
        path = LINKS.split(f"/link_{number}")[0] + f"/link_{number}"
        local = [UsdGeom.Xformable(s.GetPrimAtPath(path)).GetLocalTransformation() for s in (posed, authored)]
        turn = (local[0] * local[1].GetInverse()).ExtractRotation()
        joint = posed.GetPrimAtPath(f"/Cell/Robot/Physics/joint_{number}")
        axis = {"X": (1, 0, 0), "Y": (0, 1, 0), "Z": (0, 0, 1)}[joint.GetAttribute("physics:axis").Get()]
        world = Gf.Rotation(Gf.Quatd(joint.GetAttribute("physics:localRot1").Get())).TransformDir(
            Gf.Vec3d(*axis)
        )
        out.append(turn.GetAngle() * (1 if turn.GetAxis() * world > 0 else -1))
    return out


@pytest.mark.parametrize("seconds", [6.5, 12.0])
def test_the_robot_stands_as_the_recording_says_at_that_moment(
    shared: Path, seconds: float, tmp_path: Path
) -> None:
    start = start_of(with_moment(recipe(shared), str(seconds)), ARM)
    assert start is not None and start.moment == f"{seconds:g} s"
    found = joints_in_pxr(shared, start.text, tmp_path)
    off = np.array(found) - recorded(shared, seconds)
    assert np.abs((off + 180) % 360 - 180).max() < 0.02  # poses are snapped to 0.01 degrees


def test_a_date_is_a_moment_where_the_recording_knows_the_time(shared: Path, tmp_path: Path) -> None:
    text = (ARM / "contract.yaml").read_text().replace("epoch: now", 'epoch: "2026-11-24T09:13:00Z"')
    text = text.replace("../../../shared/telemetry", str(shared / "telemetry"))
    (tmp_path / "contract.yaml").write_text(text)
    state = {"bindings": "bindings.yaml", "contract": str(tmp_path / "contract.yaml")}
    at = recipe(shared, state={**state, "at": "2026-11-24T10:13:12+01:00"})
    start, same = start_of(at, ARM), start_of(with_moment(recipe(shared), "12"), ARM)
    assert start is not None and same is not None
    assert start.moment == "2026-11-24T09:13:12.000Z"
    body = [text.partition("defaultPrim")[2] for text in (start.text, same.text)]
    assert body[0] == body[1]
    for moment, message in (
        ("2026-11-24T09:00:00Z", "before the recording begins"),
        ("2027-01-01T00:00:00Z", "a week"),
    ):
        with pytest.raises(UserError, match=message):
            start_of(with_moment(at, moment), ARM)
    with pytest.raises(UserError, match="knows only seconds from its beginning"):
        start_of(with_moment(recipe(shared), "2026-11-24T09:14:00Z"), ARM)


def test_another_recording_can_stand_in(shared: Path, tmp_path: Path) -> None:
    lines = (shared / RECORDING).read_text().splitlines()
    head = next(i for i, line in enumerate(lines) if line.startswith("time_s"))
    row = "0.000,10,20,-30,40,-50,60,0,0"
    (tmp_path / "tuesday.csv").write_text("\n".join([lines[head], row, row.replace("0.000", "9.0")]) + "\n")
    other = {"bindings": "bindings.yaml", "telemetry": str(tmp_path / "tuesday.csv"), "at": 1}
    start = start_of(recipe(shared, state=other), ARM)
    assert start is not None
    assert joints_in_pxr(shared, start.text, tmp_path) == pytest.approx([10, 20, -10, 40, -50, 60], abs=0.02)
    with pytest.raises(UserError, match=r"has no source .robt."):
        start_of(recipe(shared, state={**other, "telemetry": {"robt": "x.csv"}}), ARM)


@pytest.mark.parametrize(
    ("state", "at", "message"),
    [
        (None, "3", "the recipe starts from no state"),
        ({"url": "http://127.0.0.1:1"}, "3", "starts from a running twin"),
        ({"bindings": "bindings.yaml", "at": 1}, "yesterday", "state.at: 'yesterday' is no moment"),
    ],
)
def test_a_moment_of_nothing_is_refused(shared: Path, state: Any, at: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        with_moment(recipe(shared, state=state), at)


def test_a_recording_needs_a_moment_and_a_twin_has_to_be_there(shared: Path) -> None:
    with pytest.raises(UserError, match="Give at, or --at"):
        start_of(recipe(shared, state={"bindings": "bindings.yaml"}), ARM)
    with pytest.raises(TwinstageError, match=r"no twin answers at http://127\.0\.0\.1:1"):
        start_of(recipe(shared, state={"url": "http://127.0.0.1:1"}), ARM)


def test_a_run_goes_on_at_its_moment_and_is_refused_at_another(shared: Path, tmp_path: Path) -> None:
    path, out = tmp_path / "recipe.yaml", tmp_path / "out"
    here = os.path.relpath(ARM, tmp_path)
    path.write_text(
        f"stage: {here}/palletizer.usda\nasset_roots: [{os.path.relpath(shared, tmp_path)}]\nlabels: [robot]\n"
        f"cameras: [Overview]\nresolution: [64, 48]\nengine: raycast\nframes: 2\nsplits: {{}}\n"
        f"state: {{bindings: {here}/bindings.yaml, at: 2.5}}\n"
    )

    def stop(done: int, total: int) -> None:
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        generate_dataset(path, out=out, progress=stop)
    with pytest.raises(UserError, match="holds an unfinished run of another state to start from"):
        generate_dataset(path, out=out, at="3.5")
    assert generate_dataset(path, out=out).findings == ()
    alone = single_frame(path, 1, out=tmp_path / "alone", usd=True)
    for name in alone.files:
        assert (tmp_path / "alone" / name).read_bytes() == (out / name).read_bytes()
    other = single_frame(path, 1, out=tmp_path / "other", at="6.5")
    assert (tmp_path / "other/state.usda").read_bytes() != (out / "state.usda").read_bytes()
    assert other.files == alone.files


@pytest.fixture(scope="module")
def served() -> Iterator[str]:
    """The bundled work cell, served by a process of its own."""
    command = [sys.executable, "-m", "twinstage", "serve", str(CELL / "workcell.usda"), "--port", "0"]
    command += ["--bindings", str(CELL / "bindings.yaml"), "--duration", "120"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        for line in process.stdout:
            found = re.search(r"at (http://\S+)", line)
            if found:
                yield found[1]
                return
        pytest.fail("the server did not say where it is")
    finally:
        process.terminate()
        process.communicate(timeout=20)


def test_a_dataset_starts_from_a_served_twin(served: str, tmp_path: Path) -> None:
    from pxr import Usd, UsdGeom

    def state() -> str:
        with urllib.request.urlopen(f"{served}/api/state") as answer:
            return str(answer.read().decode())

    first = state()
    time.sleep(1.0)
    assert state().partition("def ")[2] != first.partition("def ")[2] or state() != first  # it lives
    recipe_file = tmp_path / "recipe.yaml"
    recipe_file.write_text(
        json.dumps(
            {
                "stage": os.path.relpath(CELL / "workcell.usda", tmp_path),
                "state": {"url": served},
                "frames": 1,
                "resolution": [80, 60],
                "cameras": [{"name": "c", "look_at": {"eye": [8, -8, 6], "target": [0, 0, 0.5], "fov": 70}}],
                "labels": {"agv": None, "robot": None},
                "annotate": ["instance"],
                "engine": {"kind": "null"},
            }
        )
    )
    done = generate_dataset(recipe_file, out=tmp_path / "d")
    assert done.frames == 1 and not done.findings
    text = (tmp_path / "d/state.usda").read_text()
    moment = json.loads((tmp_path / "d/records/000000.json").read_bytes())["moment"]
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", moment)
    assert checked_start(text, "d").moment == moment

    root = tmp_path / "root.usda"
    root.write_text(
        f"#usda 1.0\n(\n    subLayers = [@{tmp_path}/d/frames/000000.usda@, @{CELL}/workcell.usda@]\n)\n"
    )
    stage, authored = Usd.Stage.Open(str(root)), Usd.Stage.Open(str(CELL / "workcell.usda"))
    record = json.loads((tmp_path / "d/records/000000.json").read_bytes())
    moved = 0
    for item in record["cameras"][0]["objects"]:
        worlds = [
            np.array(UsdGeom.Xformable(s.GetPrimAtPath(item["prim_path"])).ComputeLocalToWorldTransform(0)).T
            for s in (stage, authored)
        ]
        np.testing.assert_allclose(item["world_from_object"], worlds[0], atol=1e-9)
        moved += bool(np.abs(worlds[0] - worlds[1]).max() > 1e-3)
    assert moved
