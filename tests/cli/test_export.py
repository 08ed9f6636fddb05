"""What `twinstage export` writes opens in plain OpenUSD and stands exactly where the twin stood."""

import csv
import json
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from twinstage.live.export import ExportOptions, export_files, write_state
from twinstage.live.replay import ReplayClock, replay
from twinstage.live.twin import TwinFiles, open_twin

TOOL = "/Cell/Robot/Geometry/base_link/link_1/link_2/link_3/link_4/link_5/link_6/flange/tool0"
TIMES = [1.0, 2.5, 4.25, 6.0]
Worlds = dict[str, np.ndarray]


def _run(*arguments: object, timeout: float = 120) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "twinstage", "export", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout)


def worlds(stage: Any, code: Any) -> Worlds:
    """pxr's world matrix of every prim that has one, and of every point instance."""
    from pxr import Usd, UsdGeom

    cache = UsdGeom.XformCache(code)
    out: Worlds = {}
    for prim in stage.Traverse():
        if not prim.IsA(UsdGeom.Imageable):
            continue
        out[str(prim.GetPath())] = np.array(cache.GetLocalToWorldTransform(prim))
        if prim.IsA(UsdGeom.PointInstancer):
            api = UsdGeom.PointInstancer(prim)
            when = code if code != Usd.TimeCode.Default() else Usd.TimeCode.EarliestTime()
            found = api.ComputeInstanceTransformsAtTime(when, when)
            out |= {f"{prim.GetPath()}[{i}]": np.array(m) for i, m in enumerate(found)}
    return out


def shown(stage: Any, code: Any) -> dict[str, tuple[str, Any]]:
    """Computed visibility and displayColor of every imageable prim."""
    from pxr import UsdGeom

    out = {}
    for prim in stage.Traverse():
        if prim.IsA(UsdGeom.Imageable):
            color = prim.GetAttribute("primvars:displayColor")
            value = color.Get(code) if color else None
            out[str(prim.GetPath())] = (
                str(UsdGeom.Imageable(prim).ComputeVisibility(code)),
                None if value is None else np.array(value).round(6).tolist(),
            )
    return out


def same(found: Worlds, expected: Worlds, atol: float = 1e-9) -> None:
    assert found.keys() >= expected.keys()
    for path, matrix in expected.items():
        assert np.allclose(found[path], matrix, atol=atol), path


def open_plain(path: Path) -> Any:
    """As any program would: a stage of the file, nothing of ours."""
    from pxr import Usd

    stage = Usd.Stage.Open(str(path))
    assert stage and not stage.GetCompositionErrors()
    return stage


class Case:
    """A twin of files, and what pxr said of its live stage at some times."""

    def __init__(self, files: TwinFiles, times: list[float]) -> None:
        from pxr import Usd

        self.files = files
        clock = ReplayClock(0)
        live = open_twin(files, clock=clock)
        self.worlds: list[Worlds] = []
        self.shown: list[Any] = []
        self.values: list[dict[str, Any]] = []
        attributes = [path for path, _ in live.plan.attributes] if live.plan else []

        def look(frame: int, time: float) -> None:
            self.worlds.append(worlds(live.opened.stage, Usd.TimeCode.Default()))
            self.shown.append(shown(live.opened.stage, Usd.TimeCode.Default()))
            stage = live.opened.stage
            self.values.append({path: stage.GetAttributeAtPath(path).Get() for path in attributes})

        replay(live, clock, times, look)


@pytest.fixture(scope="module")
def palletizer(root: Path, shared: Path) -> Case:
    folder = root / "examples" / "palletizer"
    files = TwinFiles(folder / "palletizer.usda", folder / "bindings.yaml", asset_roots=(shared,))
    return Case(files, TIMES)


@pytest.fixture(scope="module")
def workcell(root: Path) -> Case:
    folder = root / "assets" / "library" / "workcell"
    return Case(TwinFiles(folder / "workcell.usda", folder / "bindings.yaml"), TIMES)


CASES = ["palletizer", "workcell"]


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> Case:
    found: Case = request.getfixturevalue(request.param)
    return found


def test_the_twin_moves_in_these_cases(palletizer: Case, workcell: Case) -> None:
    """So that the comparisons below are of something."""
    for one in (palletizer, workcell):
        for a, b in zip(one.worlds, one.worlds[1:], strict=False):
            assert sum(not np.allclose(a[path], b[path], atol=1e-3) for path in a) >= 10
    assert any(a != b for a, b in zip(workcell.values, workcell.values[1:], strict=False))


def test_the_replay_is_the_recording(palletizer: Case, shared: Path) -> None:
    """An independent way to the same pose: the row of the table, and the joints' rotations multiplied by hand."""
    from pxr import Gf, Usd

    path = shared / "telemetry" / "fanuc_palletizer" / "palletizer_trajectory.csv"
    lines = [line for line in path.read_text().splitlines() if not line.startswith("#")]
    rows = list(csv.DictReader(lines))
    first = float(rows[0]["time_s"])
    stage = Usd.Stage.Open(str(palletizer.files.stage))
    for time, found in zip(TIMES, palletizer.worlds, strict=True):
        row = [r for r in rows if float(r["time_s"]) - first <= time + 1e-9][-1]
        q = [float(row[name]) for name in ("J1_deg", "J2_deg", "J3_deg_rel_J2", "J4_deg", "J5_deg", "J6_deg")]
        q[2] += q[1]
        turned = Gf.Rotation(Gf.Vec3d(0, 0, 1), 0)
        for number, angle in enumerate(q, 1):
            joint = stage.GetPrimAtPath(f"/Cell/Robot/Physics/joint_{number}")
            axis = {"X": Gf.Vec3d(1, 0, 0), "Y": Gf.Vec3d(0, 1, 0), "Z": Gf.Vec3d(0, 0, 1)}[
                joint.GetAttribute("physics:axis").Get()
            ]
            rot0 = Gf.Rotation(Gf.Quatd(joint.GetAttribute("physics:localRot0").Get() or Gf.Quatf(1)))
            rot1 = Gf.Rotation(Gf.Quatd(joint.GetAttribute("physics:localRot1").Get() or Gf.Quatf(1)))
            # Gf.Rotation composes left to right: child frame, joint, parent frame.
            turned = rot1.GetInverse() * Gf.Rotation(axis, angle) * rot0 * turned
        link = found[TOOL.rpartition("/flange")[0]][:3, :3]
        base = found["/Cell/Robot/Geometry/base_link"][:3, :3]
        expected = np.array(Gf.Matrix3d(turned)) @ base
        assert np.allclose(link, expected, atol=2e-4)


@pytest.mark.parametrize(
    ("name", "form"),
    [("a.usda", None), ("b.usdc", "layer"), ("c.usda", "flat"), ("d.usdc", None), ("e.usdz", None)],
)
def test_a_state_is_the_same_in_every_format(case: Case, name: str, form: Any, tmp_path: Path) -> None:
    from pxr import Usd

    done = export_files(case.files, ExportOptions(tmp_path / name, form=form), at=TIMES[1])
    stage = open_plain(tmp_path / name)
    same(worlds(stage, Usd.TimeCode.Default()), case.worlds[1])
    assert shown(stage, Usd.TimeCode.Default()) == case.shown[1]
    for path, value in case.values[1].items():
        assert stage.GetAttributeAtPath(path).Get() == value
    layers = [layer for layer in stage.GetUsedLayers() if not layer.anonymous]
    assert (len(layers) > 2) == (done.form == "layer")
    if done.form == "layer":
        assert done.bytes < 60_000
        assert stage.GetRootLayer().subLayerPaths[0].startswith(("./", "../"))


@pytest.mark.parametrize("name", ["w.usda", "w.usdz"])
def test_a_window_is_the_same_as_samples(case: Case, name: str, tmp_path: Path) -> None:
    options = ExportOptions(tmp_path / name)
    done = export_files(case.files, options, window=(TIMES[0], TIMES[-1]), fps=4)
    assert done.frames == 21
    _compare_window(case, open_plain(tmp_path / name))


def _compare_window(case: Case, stage: Any) -> None:
    rate = stage.GetTimeCodesPerSecond()
    assert (stage.GetStartTimeCode(), stage.GetEndTimeCode()) == (0, (TIMES[-1] - TIMES[0]) * rate)
    for time, expected, looks, values in zip(TIMES, case.worlds, case.shown, case.values, strict=True):
        code = (time - TIMES[0]) * rate
        same(worlds(stage, code), expected)
        assert shown(stage, code) == looks
        for path, value in values.items():
            assert stage.GetAttributeAtPath(path).Get(code) == pytest.approx(value)


@pytest.mark.parametrize("seconds", [1.0, 2.6])
def test_a_window_is_the_same_as_clips(case: Case, seconds: float, tmp_path: Path) -> None:
    out = tmp_path / "clips.usda"
    options = ExportOptions(out, clips=True, clip_seconds=seconds)
    done = export_files(case.files, options, window=(TIMES[0], TIMES[-1]), fps=4)
    files = sorted(path.name for path in (tmp_path / "clips_clips").iterdir())
    assert len(files) == done.clips + 1 and files[-1] == "manifest.usdc"
    assert out.stat().st_size < 40_000
    stage = open_plain(out)
    _compare_window(case, stage)
    moved = [prim for prim in stage.Traverse() if prim.GetAttribute("xformOp:transform:live")]
    from pxr import Usd

    sources = {prim.GetAttribute("xformOp:transform:live").GetResolveInfo(12.0).GetSource() for prim in moved}
    assert Usd.ResolveInfoSourceValueClips in sources


def test_clips_and_samples_agree_between_the_frames(palletizer: Case, tmp_path: Path) -> None:
    window = (TIMES[0], TIMES[1])
    export_files(palletizer.files, ExportOptions(tmp_path / "s.usda"), window=window, fps=8)
    options = ExportOptions(tmp_path / "c.usdc", clips=True, clip_seconds=0.7)
    export_files(palletizer.files, options, window=window, fps=8)
    samples, clips = open_plain(tmp_path / "s.usda"), open_plain(tmp_path / "c.usdc")
    for code in np.arange(0, 36, 0.8):
        same(worlds(clips, float(code)), worlds(samples, float(code)), 1e-6)


def test_the_same_export_gives_the_same_bytes(workcell: Case, tmp_path: Path) -> None:
    names = ("a.usda", "a.usdc", "a.usdz", "a.glb")
    for run in ("1", "2"):
        clock = ReplayClock(0)
        live = open_twin(workcell.files, clock=clock)
        replay(live, clock, [0.5], lambda frame, time: None)
        for name in names:
            write_state(live, ExportOptions(tmp_path / run / name))
    for name in names:
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "2" / name).read_bytes(), name


def test_a_glb_of_a_state_stands_where_the_twin_stood(
    palletizer: Case, tmp_path: Path, validate_glb: Callable[..., list[str]]
) -> None:
    out = tmp_path / "state.glb"
    export_files(palletizer.files, ExportOptions(out), at=TIMES[2])
    data = out.read_bytes()
    assert validate_glb(data) == []
    (length,) = struct.unpack_from("<I", data, 12)
    nodes = json.loads(data[20 : 20 + length])["nodes"]
    found: Worlds = {}

    def walk(number: int, above: np.ndarray) -> None:
        node = nodes[number]
        x, y, z, w = node.get("rotation", (0, 0, 0, 1))
        local = np.eye(4)
        cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
        local[:3, :3] = (np.eye(3) + 2 * w * cross + 2 * cross @ cross) * np.array(
            node.get("scale", (1, 1, 1))
        )
        local[:3, 3] = node.get("translation", (0, 0, 0))
        found[node.get("extras", {}).get("prim", "")] = above @ local
        for child in node.get("children", []):
            walk(child, above @ local)

    walk(len(nodes) - 1, np.eye(4))
    up = np.array([[1.0, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1]])
    del found[""]
    assert len(found) > 40
    for path, world in found.items():
        assert np.allclose(world, up @ palletizer.worlds[2][path].T, atol=1e-6), path


def test_the_command_says_what_it_did(root: Path, tmp_path: Path) -> None:
    folder = root / "assets" / "library" / "workcell"
    out = tmp_path / "deep" / "cell.usda"
    arguments = (folder / "workcell.usda", "--bindings", folder / "bindings.yaml", "--at", 1, "--out", out)
    done = _run(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["form"] == "layer" and told["bytes"] == out.stat().st_size
    again = _run(*arguments)
    assert again.returncode == 2
    assert again.stderr.strip() == f"twinstage: {out} is already there; --force replaces it"


BAD: list[tuple[list[str], str]] = [
    (["--out", "x.txt"], "must end in one of"),
    (["--out", "x.usda", "--at", "1"], "add --bindings"),
    (["--out", "x.usda", "--window", "0", "1"], "add --bindings"),
    (["--out", "x.usdz", "--layer"], "a layer cannot be a .usdz file"),
    (["--out", "x.usda", "--clips"], "--clips needs a recorded window"),
    (["--out", "x.usda", "--copy-assets"], "goes with --flatten"),
    (["--out", "x.usda", "--fps", "3"], "--fps goes with --window"),
    (["--out", "x.glb", "--compress", "meshopt"], "without meshopt or KTX2"),
]
WITH: list[tuple[list[str], str]] = [
    (["--out", "x.usda", "--at", "-1"], "--at is -1"),
    (["--out", "x.usda", "--at", "nan"], "--at is nan"),
    (["--out", "x.usda", "--at", "1e9"], "further than a replay goes"),
    (["--out", "x.usda", "--at", "1", "--window", "0", "1"], "do not go together"),
    (["--out", "x.usda", "--window", "2", "1"], "is none"),
    (["--out", "x.usda", "--window", "0", "1", "--fps", "0"], "--fps is 0"),
    (["--out", "x.usda", "--window", "0", "1e6"], "at most 200000"),
    (["--out", "x.glb", "--window", "0", "1"], "cannot be written to .glb"),
    (["--out", "x.usda", "--window", "0", "1", "--clips", "--clip-seconds", "0"], "a clip of 0 s"),
    (["--out", "x.usda", "--window", "0", "1", "--clips", "--flatten"], "do not go together"),
]


@pytest.mark.parametrize("bad", [*BAD, *WITH], ids=lambda bad: " ".join(bad[0]))
def test_mistakes_are_one_sentence(
    bad: tuple[list[str], str],
    root: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from twinstage.cli.app import run

    monkeypatch.chdir(tmp_path)
    folder = root / "assets" / "library" / "workcell"
    bindings = ["--bindings", str(folder / "bindings.yaml")] if bad in WITH else []
    assert run(["export", str(folder / "workcell.usda"), *bindings, *bad[0]]) == 2
    error = capsys.readouterr().err.strip()
    assert bad[1] in error and error.startswith("twinstage: ") and "\n" not in error
    assert not list(tmp_path.iterdir())


def test_the_producer_exports_what_it_set(root: Path, tmp_path: Path) -> None:
    """Also while it is served: the live layer is frozen on the server's thread."""
    from pxr import Usd, UsdGeom

    import twinstage

    cell = root / "assets" / "library" / "workcell" / "workcell.usda"
    twin = twinstage.open(cell)
    agv = "/WorkCell/AGVs/AGV_1"
    twin.set(agv, position=(1, 2, 0.5))
    path = twin.export(tmp_path / "own.usda")
    assert path == tmp_path / "own.usda"
    stage = open_plain(path)
    world = UsdGeom.XformCache(Usd.TimeCode.Default()).GetLocalToWorldTransform(stage.GetPrimAtPath(agv))
    assert np.allclose(world.ExtractTranslation(), (1, 2, 0.5), atol=3e-4)
    with twin:
        twin.serve(port=0)
        twin.set(agv, position=(-1, 2, 0.5))
        twin.export(tmp_path / "served.usdz")
    stage = open_plain(tmp_path / "served.usdz")
    world = UsdGeom.XformCache(Usd.TimeCode.Default()).GetLocalToWorldTransform(stage.GetPrimAtPath(agv))
    assert np.allclose(world.ExtractTranslation(), (-1, 2, 0.5), atol=3e-4)


def test_force_replaces_a_file_and_its_clips(workcell: Case, tmp_path: Path) -> None:
    options = ExportOptions(tmp_path / "c.usda", clips=True, clip_seconds=1)
    export_files(workcell.files, options, window=(0, 3), fps=2)
    many = set((tmp_path / "c_clips").iterdir())
    forced = ExportOptions(tmp_path / "c.usda", clips=True, clip_seconds=1, force=True)
    export_files(workcell.files, forced, window=(0, 1), fps=2)
    assert set((tmp_path / "c_clips").iterdir()) < many


def test_no_file_of_the_stage_is_ever_written(root: Path, tmp_path: Path) -> None:
    import shutil

    from twinstage.base.errors import UserError

    folder = tmp_path / "cell"
    shutil.copytree(root / "assets" / "library" / "workcell", folder)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    files = TwinFiles(folder / "workcell.usda", folder / "bindings.yaml")
    for name, form in (("workcell.usda", "layer"), ("robot.usda", "flat")):
        with pytest.raises(UserError, match="a file of the stage itself"):
            export_files(files, ExportOptions(folder / name, form=form, force=True), at=0.1)
    export_files(files, ExportOptions(folder / "out.usda", form="flat", copy_assets=True), at=0.1)
    export_files(files, ExportOptions(folder / "c.usda", clips=True), window=(0, 0.5), fps=2)
    assert all(path.read_bytes() == data for path, data in before.items())
    left = [path.name for path in folder.iterdir() if path.name.startswith(".")]
    assert left == []
