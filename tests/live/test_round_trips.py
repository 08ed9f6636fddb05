"""What leaves a twin opens in plain OpenUSD, in another process, and says the same: edits of people, states, windows."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from edit_twin import ANNA, BEN, did
from typer.testing import CliRunner

from twinstage.base.clock import ManualClock
from twinstage.cli.app import app
from twinstage.live.edit_files import check_replaced
from twinstage.live.twin import LiveTwin, TwinFiles, open_twin
from twinstage.scene.read.context import Conversion
from twinstage.scene.transforms import decompose_trs

PLAIN = """
import json, sys
from pxr import Gf, Sdf, Usd, UsdGeom
files, paths, time = json.loads(sys.argv[1])
if len(files) == 1:
    stage = Usd.Stage.Open(files[0])
else:
    root = Sdf.Layer.CreateAnonymous("root.usda")
    below = Sdf.Layer.FindOrOpen(files[-1])
    for key in below.pseudoRoot.ListInfoKeys():
        if key in ("metersPerUnit", "upAxis", "timeCodesPerSecond", "defaultPrim"):
            root.pseudoRoot.SetInfo(key, below.pseudoRoot.GetInfo(key))
    root.subLayerPaths = files
    stage = Usd.Stage.Open(root)
code = Usd.TimeCode.Default() if time is None else Usd.TimeCode(time)
out = {"errors": [str(e) for e in stage.GetCompositionErrors()], "prims": {}}
cache = UsdGeom.XformCache(code)
for path in paths:
    prim = stage.GetPrimAtPath(path)
    m = cache.GetLocalToWorldTransform(prim)
    out["prims"][path] = {"world": [list(row) for row in m], "shown": UsdGeom.Imageable(prim).ComputeVisibility(code),
                          "names": prim.GetAuthoredPropertyNames()}
print(json.dumps(out))
"""


def plainly(files: list[Path], paths: list[str], time: float | None = None) -> dict[str, Any]:
    """What pxr alone, in another process, says of those prims; several files are a stack, the strongest first."""
    asked = json.dumps([[str(file) for file in files], paths, time])
    done = subprocess.run([sys.executable, "-c", PLAIN, asked], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    found = json.loads(done.stdout)
    assert found["errors"] == []
    return dict(found["prims"])


def world_of(twin: LiveTwin, path: str) -> np.ndarray:
    """As viewers have it, in the stage's units and axes, row-vector."""
    snapshot, opened = twin.snapshot, twin.opened
    world, node = np.eye(4), snapshot.prims.index_of[path]
    while node >= 0:
        world = twin.hub.local(node) @ world
        node = int(snapshot.node_parent[node])
    conversion = Conversion.of(opened.meters_per_unit, opened.up_axis)
    return np.asarray(conversion.usd_matrices((conversion.world.T @ world)[None])[0])


def edited(stage: Path, order: int) -> tuple[LiveTwin, list[str], list[str]]:
    """A twin of a real stage in which people have moved, turned and hidden things, in one order or another."""
    twin = open_twin(TwinFiles(stage), clock=ManualClock(1_700_000_000_000_000_000))
    snapshot = twin.snapshot
    usable = []
    for path in snapshot.prims.path:
        node = snapshot.prims.index_of[path]
        prim = twin.opened.stage.GetPrimAtPath(path)
        shear = decompose_trs(snapshot.node_local[node][None])[3][0]
        if not snapshot.prims.proxy[node] and path.count("/") == 2 and prim.IsA("Xformable") and shear < 1e-6:
            usable.append(path)
    moved, hidden = usable[:4], usable[4:5]
    orders: list[tuple[Any, str, dict[str, Any]]] = []
    for k, path in enumerate(moved):
        pose = snapshot.node_local[snapshot.prims.index_of[path]]
        at = (pose[:3, 3] + (0.5 + k, 0.25, 0)).tolist()
        turned = {"rotation": [0.9238795325, 0, 0, 0.3826834324]} if k % 2 else {}
        orders.append((ANNA, "move", {"path": path, "position": at, **turned}))
    orders += [(BEN, "visibility", {"path": path, "visible": False}) for path in hidden]
    for who, kind, fields in orders[::order]:
        did(twin, who, kind, **fields)
    return twin, moved, hidden


@pytest.fixture(scope="module")
def workcell(root: Path) -> Path:
    return root / "assets" / "library" / "workcell" / "workcell.usda"


def check_edits(stage: Path, folder: Path) -> str:
    twin, moved, hidden = edited(stage, 1)
    assert moved
    assert twin.desk is not None
    text = twin.desk.layer_text()
    layer = folder / "edits.usda"
    layer.write_text(text)
    check_replaced(layer)
    found = plainly([layer, stage], moved + hidden)
    units = twin.opened.meters_per_unit
    for path in moved:
        ours, theirs = world_of(twin, path), np.array(found[path]["world"])
        np.testing.assert_allclose(theirs[3, :3] * units, ours[3, :3] * units, atol=2e-3)
        np.testing.assert_allclose(theirs[:3, :3], ours[:3, :3], atol=2e-3 * np.abs(ours[:3, :3]).max())
    assert all(found[path]["shown"] == "invisible" for path in hidden)
    again, *_ = edited(stage, -1)
    assert again.desk is not None
    assert again.desk.layer_text() == text, "the order of edits shows"
    assert "live" not in text
    assert "anna" not in text
    for one in (twin, again):
        one.let_go()
    return text


def test_edits_of_the_work_cell_are_a_review_of_few_lines(workcell: Path, tmp_path: Path) -> None:
    text = check_edits(workcell, tmp_path)
    assert "xformOp:transform:ui" not in text
    assert text.count("xformOp:translate =") == 4
    turns = [
        line.partition(" = ")[2]
        for line in text.splitlines()
        if "xformOp:rotate" in line and "Order" not in line
    ]
    assert turns and set(turns) <= {"(0, 0, 45)", "45"}, "as they were turned, not as the wire rounds it"
    assert len(text.splitlines()) < 70


OTHERS = {
    "aws_small_warehouse/small_warehouse.usda": (4, 0),
    "aws_small_warehouse/models/ShelfD_01/ShelfD_01.usdc": (4, 0),
    "aws_small_warehouse/models/ClutteringA_01/ClutteringA_01.usdc": (3, 0),
    "aws_small_warehouse/models/PalletJackB_01/PalletJackB_01.usdc": (2, 0),
}
"""Stages of others, and how many of their prims are moved and hidden."""


@pytest.mark.parametrize("name", OTHERS, ids=[Path(name).name for name in OTHERS])
def test_edits_of_stages_of_others_open_over_them(name: str, shared: Path, tmp_path: Path) -> None:
    stage = shared / "assets" / "industrial" / name
    twin, moved, hidden = edited(stage, 1)
    twin.let_go()
    assert (len(moved), len(hidden)) == OTHERS[name]
    check_edits(stage, tmp_path)


def test_who_and_when_only_where_they_are_asked_for(workcell: Path, tmp_path: Path) -> None:
    twin, moved, _ = edited(workcell, 1)
    assert twin.desk is not None
    text = twin.desk.layer_text(who=True)
    (tmp_path / "edits.usda").write_text(text)
    check_replaced(tmp_path / "edits.usda")
    assert f"{moved[0]}: anna, 2023-11-14 22:13:2" in text
    assert (
        text.replace(
            text[text.index('doc = """') : text.index('"""', text.index('doc = """') + 9) + 3], ""
        ).count("anna")
        == 0
    )
    twin.let_go()


def test_states_and_windows_open_in_plain_pxr(workcell: Path, tmp_path: Path) -> None:
    """All five forms say the same of every prim that moves."""
    given = [str(workcell), "--bindings", str(workcell.parent / "bindings.yaml")]
    forms = {
        "layer.usda": ["--at", "2"],
        "flat.usdc": ["--at", "2"],
        "pack.usdz": ["--at", "2"],
        "window.usda": ["--window", "1.5", "2", "--fps", "4"],
        "clips.usda": ["--window", "1.5", "2", "--fps", "4", "--clips", "--clip-seconds", "0.5"],
    }
    for name, options in forms.items():
        done = CliRunner().invoke(app, ["export", *given, *options, "--out", str(tmp_path / name)])
        assert done.exit_code == 0, done.output
    twin = open_twin(TwinFiles(workcell, workcell.parent / "bindings.yaml"), clock=ManualClock(0))
    assert twin.plan is not None
    paths = [
        twin.snapshot.prims.path[node]
        for node in twin.plan.bound_nodes.tolist()
        if node < len(twin.snapshot.prims)
    ]
    paths = paths[:12]
    start = (
        float(twin.opened.stage.GetStartTimeCode()) if twin.opened.stage.HasAuthoredTimeCodeRange() else 0.0
    )
    last = start + twin.opened.time_codes_per_second / 2
    twin.let_go()
    rest = plainly([workcell], paths)
    state = plainly([tmp_path / "layer.usda"], paths)
    assert any(not np.allclose(state[p]["world"], rest[p]["world"], atol=1e-3) for p in paths), (
        "nothing moved"
    )
    for name in ("flat.usdc", "pack.usdz"):
        other = plainly([tmp_path / name], paths)
        for path in paths:
            np.testing.assert_allclose(other[path]["world"], state[path]["world"], atol=1e-9)
    for name in ("window.usda", "clips.usda"):
        other = plainly([tmp_path / name], paths, last)
        for path in paths:
            np.testing.assert_allclose(other[path]["world"], state[path]["world"], atol=1e-4)
