"""The Python producer: five lines, and a browser's view of them."""

import asyncio
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from pxr import Gf, Usd, UsdGeom

import twinstage
from twinstage.base.errors import UserError
from twinstage.live.producer import Twin
from twinstage.scene.columns import PoseColumns, TickColumns, frozen
from twinstage.sync.client import connect


@pytest.fixture
def twin(tmp_path: Path) -> Iterator[Twin]:
    stage = Usd.Stage.CreateNew(str(tmp_path / "cell.usda"))
    UsdGeom.SetStageMetersPerUnit(stage, 0.01)
    UsdGeom.SetStageUpAxis(stage, UsdGeom.Tokens.y)
    stage.SetDefaultPrim(UsdGeom.Xform.Define(stage, "/Cell").GetPrim())
    UsdGeom.Cube.Define(stage, "/Cell/AGV1")
    UsdGeom.Scope.Define(stage, "/Cell/Parts")
    sheared = UsdGeom.Xform.Define(stage, "/Cell/Sheared")
    sheared.AddTransformOp().Set(Gf.Matrix4d(1, 0, 0, 0, 0.5, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1))
    stage.Save()
    with twinstage.open(tmp_path / "cell.usda") as opened:
        yield opened


def test_a_pose_set_in_python_reaches_a_client_and_the_stage(twin: Twin) -> None:
    url = twin.serve(port=0)
    twin.set("/Cell/AGV1", pose=(1.0, 2.0, 3.0, 0.0, 0.0, 0.0, 1.0), color="#ff8000")

    async def follow() -> tuple[np.ndarray, tuple[int, int, int, int], np.ndarray]:
        async with connect(url) as client:
            while client.local("/Cell/AGV1")[0, 3] == 0.0:
                await client.frame(timeout=5)
            return client.local("/Cell/AGV1"), client.style("/Cell/AGV1"), client.world("/Cell/AGV1")

    local, style, world = asyncio.run(follow())
    np.testing.assert_allclose(local[:3, 3], [1, 2, 3], atol=1e-4)
    np.testing.assert_allclose(local[:3, :3], np.diag([-1, -1, 1]), atol=1e-4)
    assert style == (255, 128, 0, 255)
    twin.close()  # ends with a last write into the stage
    prim = twin.live.opened.stage.GetPrimAtPath("/Cell/AGV1")
    matrix = np.array(UsdGeom.Xformable(prim).ComputeLocalToWorldTransform(Usd.TimeCode.Default())).T
    # The stage is Y-up in centimetres: our world (x, y, z) is its (x, z, -y), a hundred times as large.
    x, y, z = world[:3, 3]
    np.testing.assert_allclose(matrix[:3, 3], [100 * x, 100 * z, -100 * y], atol=1e-3)


def test_hiding(twin: Twin) -> None:
    url = twin.serve(port=0)
    twin.set("/Cell/AGV1", visible=False)

    async def follow() -> bool:
        async with connect(url) as client:
            while client.visible("/Cell/AGV1"):
                await client.frame(timeout=5)
            return client.visible("/Cell/AGV1")

    assert asyncio.run(follow()) is False


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"prim": "/Cell/AGV2", "visible": True}, "there is no prim /Cell/AGV2; did you mean '/Cell/AGV1'?"),
        (
            {"prim": "/Cell/AGV1", "pose": (1, 2)},
            "a pose is x, y, z, qw, qx, qy, qz, but /Cell/AGV1 was given 2",
        ),
        (
            {"prim": "/Cell/AGV1", "color": "red"},
            "the colour of /Cell/AGV1 must look like #ff8800, got 'red'",
        ),
    ],
)
def test_mistakes_are_one_sentence(twin: Twin, change: dict[str, object], text: str) -> None:
    with pytest.raises(UserError) as caught:
        twin.set(**change)  # type: ignore[arg-type]
    assert str(caught.value).startswith(text)


def test_serving_twice_and_asking_too_early(twin: Twin) -> None:
    with pytest.raises(UserError, match="call serve"):
        _ = twin.url
    url = twin.serve(port=0)
    assert twin.url == url
    with pytest.raises(UserError, match="already served"):
        twin.serve(port=0)


def _columns(index: list[int], translation: list[list[float]]) -> TickColumns:
    rotation = np.tile([1.0, 0.0, 0.0, 0.0], (len(index), 1))
    pose = PoseColumns(
        1,
        0,
        frozen(np.array(index), np.uint32),
        frozen(np.array(translation), np.float64),
        frozen(rotation, np.float32),
    )
    return TickColumns(pose)


@pytest.mark.parametrize(
    ("index", "translation", "text"),
    [
        ([1], [[np.nan, 0, 0]], "the pose translations hold numbers that are not finite"),
        ([1, 1], [[0, 0, 0]] * 2, "the nodes of the pose translations must be in strictly increasing order"),
        ([999], [[0, 0, 0]], "the columns name node 999, but the scene has 4 nodes"),
        ([1, 2], [[0, 0, 0]], r"the pose translations have the shape \(1, 3\), but there are 2 nodes"),
    ],
)
def test_columns_that_are_none_are_refused(
    twin: Twin, index: list[int], translation: list[list[float]], text: str
) -> None:
    with pytest.raises(UserError, match=text):
        twin.publish(_columns(index, translation))


def test_telemetry_that_is_missing_is_found_at_opening(tmp_path: Path, twin: Twin) -> None:
    (tmp_path / "contract.yaml").write_text(
        "contract: 1\nsources:\n  a:\n    uri: 'file:gone.csv'\n    clock: {epoch: now}\n"
        "    reader: {format: csv, header: true, time: {column: t, unit: s, epoch: relative}}\n"
        "signals:\n  - {id: x, source: a, field: x, unit: m, type: f64}\n"
    )
    (tmp_path / "bindings.yaml").write_text(
        "bindings: 1\ncontract: contract.yaml\nbindings:\n  - {kind: pose, prim: /Cell/AGV1, position: {x: x}}\n"
    )
    with pytest.raises(UserError, match=r"gone\.csv"):
        twinstage.open(tmp_path / "cell.usda", bindings=tmp_path / "bindings.yaml")


def test_the_program_of_the_readme_serves_until_ctrl_c(twin: Twin, tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(
        "import twinstage\n\ntwin = twinstage.open('cell.usda')\nprint(twin.serve(port=0), flush=True)\n"
        "twin.set('/Cell/AGV1', position=(1.0, 2.0, 0.0), color='#ff8800')\nprint('set', flush=True)\n"
        "twin.wait()\nprint('ended')\n"
    )
    child = subprocess.Popen([sys.executable, "script.py"], cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    url = child.stdout.readline().strip()
    with urllib.request.urlopen(f"{url}/healthz", timeout=10) as answer:
        assert answer.status == 200
    assert child.stdout.readline().strip() == "set"
    child.send_signal(signal.SIGINT)
    out, _ = child.communicate(timeout=20)
    assert child.returncode == 0
    assert out.strip() == "ended"


def test_a_pose_and_a_colour_set_at_once_come_in_one_tick(
    twin: Twin, monkeypatch: pytest.MonkeyPatch
) -> None:
    edits, taken = twin.live.edits, []
    set_color = edits.set_color

    def late(prim: str, rgba: tuple[int, int, int, int]) -> None:
        tick = threading.Thread(target=lambda: taken.append(edits.take(1, 0)))
        tick.start()  # the tick comes between the two parts, and has to wait
        tick.join(0.05)
        set_color(prim, rgba)

    monkeypatch.setattr(edits, "set_color", late)
    twin.set("/Cell/AGV1", position=(1.0, 2.0, 3.0), color="#ff8000")
    while not taken:
        time.sleep(0.001)
    assert taken[0] is not None
    assert (len(taken[0].pose), len(taken[0].style)) == (1, 1)
