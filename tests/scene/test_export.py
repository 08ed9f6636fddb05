"""Layers, flattened files, packages, samples and clips of small stages with everything that a twin changes."""

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from twinstage.base.errors import UserError
from twinstage.scene.columns import (
    PoseColumns,
    StyleColumns,
    TickColumns,
    VisibilityColumns,
    frozen,
)
from twinstage.scene.export.clips import write_clips
from twinstage.scene.export.flat import package, write_flattened, write_package
from twinstage.scene.export.own import OwnLayer, own_layer, relative_path, write_layer
from twinstage.scene.export.record import Recorder, Track, Window, with_window
from twinstage.scene.export.target import Target, write_folder
from twinstage.scene.read import read_snapshot
from twinstage.scene.stage import OpenedStage, open_stage
from twinstage.scene.writer import ColumnWriter

BODY = """def Xform "World" {
    def Cube "Box" {
        color3f[] primvars:displayColor = [(0.2, 0.4, 0.6)]
        token visibility = "inherited" }
    def Sphere "Ball" {
        double3 xformOp:translate = (5, 6, 7)
        uniform token[] xformOpOrder = ["xformOp:translate"] }
    def PointInstancer "Points" {
        point3f[] positions = [(0, 0, 0), (100, 0, 0), (0, 200, 0)]
        int[] protoIndices = [0, 0, 0]
        rel prototypes = </World/Points/Proto>
        def Cube "Proto" {
        } } }
"""


class Stage:
    """A stage with a writer: `tick` moves, hides and colours."""

    def __init__(self, opened: OpenedStage) -> None:
        self.opened = opened
        self.snapshot = read_snapshot(opened)
        self.writer = ColumnWriter(opened, self.snapshot)

    def node(self, path: str) -> int:
        return self.snapshot.prims.index_of[path]

    def tick(
        self,
        poses: dict[int, tuple[float, float, float]] | None = None,
        visible: dict[int, bool] | None = None,
        color: dict[int, tuple[int, int, int, int]] | None = None,
    ) -> None:
        poses, visible, color = poses or {}, visible or {}, color or {}
        nodes = sorted(poses)
        angle = [0.3 * sum(poses[n]) for n in nodes]
        rotation = np.array([[np.cos(a / 2), 0, 0, np.sin(a / 2)] for a in angle]).reshape(-1, 4)
        self.writer.write(
            TickColumns(
                pose=PoseColumns(
                    1,
                    0,
                    frozen(np.array(nodes), np.uint32),
                    frozen(np.array([poses[n] for n in nodes]).reshape(-1, 3), np.float64),
                    frozen(rotation, np.float32),
                ),
                visibility=VisibilityColumns(
                    frozen(np.array(sorted(visible)), np.uint32),
                    frozen(np.array([visible[n] for n in sorted(visible)]), np.bool_),
                ),
                style=StyleColumns(
                    frozen(np.array(sorted(color)), np.uint32),
                    frozen(np.array([color[n] for n in sorted(color)]).reshape(-1, 4), np.uint8),
                ),
            )
        )


@pytest.fixture
def moved(open_text: Any) -> Stage:
    """A Y-up stage in centimetres with a box, a ball and points, the ball not yet moved."""
    stage = Stage(open_text(BODY, up="Y", units=0.01))
    points = len(stage.snapshot.prims)
    box = stage.node("/World/Box")
    stage.tick({box: (1, 2, 3), points + 1: (0.5, 0.25, 2)}, {box: False}, {box: (255, 0, 0, 255)})
    return stage


def look(stage: Any, code: Any) -> dict[str, Any]:
    """All that pxr computes of the prims and points of BODY."""
    from pxr import Usd, UsdGeom

    cache = UsdGeom.XformCache(code)
    out: dict[str, Any] = {}
    for path in ("/World", "/World/Box", "/World/Ball", "/World/Points"):
        prim = stage.GetPrimAtPath(path)
        out[path] = np.array(cache.GetLocalToWorldTransform(prim))
        out[path + " visible"] = UsdGeom.Imageable(prim).ComputeVisibility(code)
    color = stage.GetPrimAtPath("/World/Box").GetAttribute("primvars:displayColor").Get(code)
    out["color"] = None if color is None else np.array(color)
    when = Usd.TimeCode.EarliestTime() if code == Usd.TimeCode.Default() else code
    api = UsdGeom.PointInstancer(stage.GetPrimAtPath("/World/Points"))
    out["points"] = np.array(api.ComputeInstanceTransformsAtTime(when, when))
    return out


def agree(found: dict[str, Any], expected: dict[str, Any]) -> None:
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        if isinstance(value, np.ndarray):
            assert np.allclose(found[name], value, atol=1e-9), name
        else:
            assert found[name] == value, name


def plain(path: Path) -> Any:
    from pxr import Usd

    return Usd.Stage.Open(str(path))


@pytest.mark.parametrize("name", ["layer.usda", "layer.usdc", "flat.usda", "flat.usdc", "pack.usdz"])
def test_a_state_is_what_the_live_stage_was(moved: Stage, name: str, tmp_path: Path) -> None:
    from pxr import Usd, UsdGeom

    own = own_layer(moved.opened)
    expected = look(moved.opened.stage, Usd.TimeCode.Default())
    moved.tick({moved.node("/World/Box"): (9, 9, 9)})  # a frozen export does not see what comes later
    write = {"layer": write_layer, "flat": write_flattened, "pack": write_package}[name[:-5]]
    write(own, Target(tmp_path / "sub" / name))
    stage = plain(tmp_path / "sub" / name)
    agree(look(stage, Usd.TimeCode.Default()), expected)
    assert UsdGeom.GetStageUpAxis(stage) == "Y" and UsdGeom.GetStageMetersPerUnit(stage) == 0.01
    assert expected["/World/Box visible"] == "invisible"
    assert np.allclose(expected["color"], [[1, 0, 0]])
    assert np.allclose(expected["points"][1][3, :3], (50, 25, 200))
    assert np.allclose(expected["/World/Box"][3, :3], (100, 200, 300))


def _film(moved: Stage, frames: int, fps: float = 10) -> tuple[Recorder, list[dict[str, Any]], OwnLayer]:
    """A window in which everything changes at some frame, and what pxr saw at each."""
    from pxr import Usd

    window = Window(0, (frames - 1) / fps, fps, 0.0, 24.0)
    recorder, seen = Recorder(moved.opened, window), []
    box, ball = moved.node("/World/Box"), moved.node("/World/Ball")
    point = len(moved.snapshot.prims) + 2
    for k in range(frames):
        moved.tick(
            {box: (0.1 * min(k, 6), 0, 0)} | ({point: (0.0, 1.0, 0.1 * k)} if k % 3 == 0 else {}),
            {box: k >= 4},
            {box: (0, 255, 0, 255) if k < 3 else (0, 0, 0, 0)},
        )
        if k >= 2:
            moved.tick({ball: (0, 0, 0.5 * k)})
        recorder.take(k)
        seen.append(look(moved.opened.stage, Usd.TimeCode.Default()))
    return recorder, seen, own_layer(moved.opened)


@pytest.mark.parametrize("name", ["s.usda", "flat.usdc", "pack.usdz", "clips.usda", "clips.usdc"])
@pytest.mark.parametrize("seconds", [0.25, 100.0])
def test_a_window_is_what_the_live_stage_was(
    open_text: Any, name: str, seconds: float, tmp_path: Path
) -> None:
    stage = Stage(open_text(BODY, up="Y", units=0.01))
    stage.tick({stage.node("/World/Ball"): (0.05, 0.06, 0.07)})
    recorder, seen, own = _film(stage, 14)
    target = Target(tmp_path / name)
    if name.startswith("clips"):
        write_clips(own, recorder.tracks, recorder.window, target, seconds=seconds)
    else:
        own = with_window(own, recorder.tracks, recorder.window)
        write = {"s": write_layer, "flat": write_flattened, "pack": write_package}[name.split(".")[0]]
        write(own, target)
    written = plain(target.path)
    for k, expected in enumerate(seen):
        agree(look(written, recorder.window.code(k)), expected)
    assert written.GetTimeCodesPerSecond() == 24
    assert (written.GetStartTimeCode(), written.GetEndTimeCode()) == (0, recorder.window.code(13))
    assert not np.allclose(
        seen[3]["color"], seen[2]["color"]
    )  # the authored look came back, and is in the file


def test_what_rests_is_held_until_it_moves() -> None:
    window = Window(0, 10, 1, 100.0, 24.0)
    track = Track([0, 5, 6], ["a", "b", "c"])
    assert list(track.samples(window)) == [
        (100, "a"),
        (100 + 4 * 24, "a"),
        (100 + 5 * 24, "b"),
        (100 + 6 * 24, "c"),
    ]
    assert (window.count, window.time(10)) == (11, 10)


def test_instances_flatten_the_same_every_time(open_text: Any, tmp_path: Path) -> None:
    asset = "".join(
        f'def Xform "{name}" {{\n    def Cube "C{name}" {{\n        double size = {k + 1}\n    }}\n }}\n'
        for k, name in enumerate("ABCDEFGH")
    )
    (tmp_path / "parts.usda").write_text("#usda 1.0\n" + asset.replace(" }", "\n}"))
    order = "HCAGBDFE"
    body = "".join(
        f'def "P{k}" (\n instanceable = true\n references = @./parts.usda@</{name}>\n)\n{{\n}}\n'
        for k, name in enumerate(order)
    )
    opened = open_text(body)
    own = own_layer(opened)
    texts = []
    for k in range(4):
        write_flattened(own, Target(tmp_path / f"{k}.usda"))
        texts.append((tmp_path / f"{k}.usda").read_bytes())
    assert len(set(texts)) == 1
    stage = plain(tmp_path / "0.usda")
    for k, name in enumerate(order):
        prim = stage.GetPrimAtPath(f"/P{k}")
        assert prim.IsInstance()
        assert prim.GetFilteredChildren(_proxies())[0].GetName() == f"C{name}"


def _proxies() -> Any:
    from pxr import Usd

    return Usd.TraverseInstanceProxies()


# --- assets -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def textured(tmp_path: Path) -> OpenedStage:
    """A stage with a texture, a UDIM set, one that is missing and one outside, below a folder `stage`."""
    folder = tmp_path / "stage"
    (folder / "tex").mkdir(parents=True)
    for name, value in (("a.png", 10), ("u.1001.png", 20), ("u.1012.png", 30), ("b.tga", 40)):
        Image.fromarray(np.full((2, 2, 3), value, np.uint8)).save(folder / "tex" / name)
    (folder / "s.usda").write_text(
        """#usda 1.0
(
    upAxis = "Z"
    metersPerUnit = 1
)
def Scope "Looks"
{
    custom asset a = @./tex/a.png@
    custom asset again = @tex/a.png@
    custom asset u = @./tex/u.<UDIM>.png@
    custom asset v = @tex/u.<UDIM>.png@
    custom asset layer = @./s.usda@
    custom asset gone = @./tex/gone.png@
    custom asset[] many = [@./tex/a.png@, @./tex/b.tga@]
}
"""
    )
    return open_stage(folder / "s.usda", probe=False)


def test_flattened_assets_are_named_relatively_where_they_are(textured: OpenedStage, tmp_path: Path) -> None:
    out = tmp_path / "elsewhere" / "flat.usda"
    findings = write_flattened(own_layer(textured), Target(out))
    stage = plain(out)
    looks = stage.GetPrimAtPath("/Looks")
    assert looks.GetAttribute("a").Get().path == "../stage/tex/a.png"
    assert looks.GetAttribute("a").Get().resolvedPath == str(tmp_path / "stage" / "tex" / "a.png")
    assert looks.GetAttribute("u").Get().path == "../stage/tex/u.<UDIM>.png"
    assert looks.GetAttribute("v").Get().path == "../stage/tex/u.<UDIM>.png"
    assert [f.code for f in findings] == ["export.missing"] and "gone.png" in findings[0].message
    assert str(tmp_path) not in out.read_text()


def test_copied_assets_stand_beside_the_file(textured: OpenedStage, tmp_path: Path) -> None:
    out = tmp_path / "elsewhere" / "flat.usdc"
    write_flattened(own_layer(textured), Target(out), copy_assets=True)
    stage = plain(out)
    looks = stage.GetPrimAtPath("/Looks")
    copied = Path(looks.GetAttribute("a").Get().resolvedPath)
    assert copied.parent == out.parent / "flat_assets"
    assert copied.read_bytes() == (tmp_path / "stage" / "tex" / "a.png").read_bytes()
    assert looks.GetAttribute("again").Get().path == looks.GetAttribute("a").Get().path
    tiles = looks.GetAttribute("u").Get().path
    assert "<UDIM>" in tiles
    for tile in ("1001", "1012"):
        assert (out.parent / tiles.replace("<UDIM>", tile)).is_file()


def test_a_package_holds_everything_aligned(textured: OpenedStage, tmp_path: Path) -> None:
    from pxr import Usd

    out = tmp_path / "p.usdz"
    findings = write_package(own_layer(textured), Target(out))
    assert {f.code for f in findings} == {"export.missing", "export.usdz-format"}
    data = out.read_bytes()
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = [entry.filename for entry in archive.infolist()]
        assert names[0] == "p.usdc" and len(names) == 5
        for entry in archive.infolist():
            at = entry.header_offset
            start = at + 30 + int.from_bytes(data[at + 26 : at + 28], "little")
            start += int.from_bytes(data[at + 28 : at + 30], "little")
            assert start % 64 == 0 and entry.compress_type == zipfile.ZIP_STORED
        assert archive.testzip() is None
    stage = Usd.Stage.Open(str(out))
    looks = stage.GetPrimAtPath("/Looks")
    assert looks.GetAttribute("a").Get().resolvedPath.startswith(f"{out}[")
    assert [bool(path.resolvedPath) for path in looks.GetAttribute("many").Get()] == [True, True]
    assert str(tmp_path) not in stage.GetRootLayer().ExportToString().replace(str(out), "")
    assert "<UDIM>" in looks.GetAttribute("u").Get().path
    assert sum("u.10" in name for name in names) == 2


def test_pxr_finds_nothing_wrong_with_a_package(moved: Stage, tmp_path: Path) -> None:
    from pxr import UsdValidation

    write_package(own_layer(moved.opened), Target(tmp_path / "p.usdz"))
    stage = plain(tmp_path / "p.usdz")
    registry = UsdValidation.ValidationRegistry()
    names = [m.name for m in registry.GetAllValidatorMetadata() if "sdz" in m.name or "Package" in m.name]
    assert names
    context = UsdValidation.ValidationContext(registry.GetOrLoadValidatorsByName(names))
    assert [error.GetMessage() for error in context.Validate(stage)] == []


def test_files_of_any_length_are_aligned_in_a_package() -> None:
    for length in range(70):
        data = package([("a" * (length % 7 + 1), b"x" * length), ("b", b"y" * 64), ("c", b"")])
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            assert archive.read("b") == b"y" * 64
            for entry in archive.infolist():
                extra = int.from_bytes(data[entry.header_offset + 28 : entry.header_offset + 30], "little")
                assert (entry.header_offset + 30 + len(entry.filename) + extra) % 64 == 0


def test_assets_outside_the_roots_are_left_out(tmp_path: Path) -> None:
    """A link inside the folder to a place outside is a way out like any other."""
    folder = tmp_path / "stage"
    folder.mkdir()
    (tmp_path / "secret.png").write_bytes(b"canary")
    (folder / "link.png").write_bytes(b"inside")
    (folder / "s.usda").write_text('#usda 1.0\ndef Scope "A"\n{\n    custom asset a = @./link.png@\n}\n')
    opened = open_stage(folder / "s.usda", probe=False)
    (folder / "link.png").unlink()
    (folder / "link.png").symlink_to(tmp_path / "secret.png")  # after the stage was checked
    findings = write_package(own_layer(opened), Target(tmp_path / "p.usdz"))
    assert [f.code for f in findings] == ["export.outside"]
    assert b"canary" not in (tmp_path / "p.usdz").read_bytes()


# --- targets ----------------------------------------------------------------------------------------------------------


def test_nothing_is_replaced_without_force(moved: Stage, tmp_path: Path) -> None:
    out = tmp_path / "a.usda"
    out.write_text("mine")
    with pytest.raises(UserError, match="already there"):
        write_layer(own_layer(moved.opened), Target(out))
    assert out.read_text() == "mine"
    write_layer(own_layer(moved.opened), Target(out, force=True))
    assert out.read_text().startswith("#usda")


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    out = tmp_path / "a.bin"
    out.write_text("old")
    with pytest.raises(RuntimeError), Target(out, force=True).writing() as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert out.read_text() == "old" and len(list(tmp_path.iterdir())) == 1


def test_folders_with_other_files_are_never_replaced(tmp_path: Path) -> None:
    folder = tmp_path / "x_clips"
    folder.mkdir()
    (folder / "mine.txt").write_text("mine")
    with pytest.raises(UserError, match="holds other files"):
        write_folder(folder, force=True, ours=r"clip\.usdc", fill=lambda into: None)
    assert (folder / "mine.txt").read_text() == "mine"
    (folder / "mine.txt").rename(folder / "clip.usdc")
    with pytest.raises(UserError, match="--force"):
        write_folder(folder, force=False, ours=r"clip\.usdc", fill=lambda into: None)
    write_folder(folder, force=True, ours=r"clip\.usdc", fill=lambda into: None)
    assert list(folder.iterdir()) == []


def test_relative_paths_are_anchored(tmp_path: Path) -> None:
    assert relative_path(tmp_path / "a" / "s.usda", tmp_path / "a") == "./s.usda"
    assert relative_path(tmp_path / "a" / "s.usda", tmp_path / "b" / "c") == "../../a/s.usda"


@pytest.mark.parametrize("bad", [(-1, 1, 10), (2, 1, 10), (0, 1, 0), (0, 1, 1e9), (0, 1e9, 100)])
def test_windows_that_are_none_are_refused(bad: tuple[float, float, float]) -> None:
    with pytest.raises(UserError):
        Window(*bad, 0.0, 24.0)
