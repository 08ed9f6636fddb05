"""What a save changed in a crate file, by its tables and bytes: against what the USD library reads of both states."""

import os
import random
import shutil
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from twinstage.live.watch import crates
from twinstage.live.watch.crate import Crate, NoCrate, read_crate
from twinstage.live.watch.crate_same import changed_blocks, same_prims
from twinstage.live.watch.crates import whole_bytes
from twinstage.live.watch.files import stamp_of
from twinstage.live.watch.messages import Overlay, Source
from twinstage.live.watch.reading import StageReader
from twinstage.live.watch.settling import SLACK_S
from twinstage.scene import stage
from twinstage.scene.read import read_snapshot
from twinstage.scene.stage import open_stage

MESHES = 12


def make(path: Path) -> None:
    """Meshes with points, indices, primvars, words, dictionaries, variants, time samples and a relationship."""
    from pxr import Gf, Sdf, Usd, UsdGeom, UsdShade

    stage = Usd.Stage.CreateNew(str(path))
    UsdGeom.SetStageMetersPerUnit(stage, 1)
    UsdGeom.SetStageUpAxis(stage, "Z")
    stage.SetDefaultPrim(UsdGeom.Xform.Define(stage, "/World").GetPrim())
    look = UsdShade.Material.Define(stage, "/World/Looks/Paint")
    rng = np.random.default_rng(0)
    for k in range(MESHES):
        mesh = UsdGeom.Mesh.Define(stage, f"/World/M{k}")
        mesh.CreatePointsAttr(rng.random((40 + k, 3)).astype(np.float32))
        mesh.CreateFaceVertexIndicesAttr(np.arange(36, dtype=np.int32)[::-1].copy())
        mesh.CreateFaceVertexCountsAttr(np.full(12, 3, np.int32))
        mesh.CreateSubdivisionSchemeAttr("none")
        mesh.AddTranslateOp().Set((k, 0.25, 0))
        prim = mesh.GetPrim()
        UsdShade.MaterialBindingAPI.Apply(prim).Bind(look)
        prim.CreateAttribute("note", Sdf.ValueTypeNames.String).Set(f"number {k % 3}")
        prim.CreateAttribute("word", Sdf.ValueTypeNames.TokenArray).Set([f"w{k % 4}", "x"])
        prim.CreateAttribute("half", Sdf.ValueTypeNames.Half).Set(k / 4)
        prim.CreateAttribute("ratio", Sdf.ValueTypeNames.Double).Set(k / 7)
        prim.CreateAttribute("share", Sdf.ValueTypeNames.FloatArray).Set([0.5] * 40)
        if k % 4 == 0:
            prim.SetCustomData({"a": {"b": k, "c": Gf.Vec2d(1.5, 2.5)}})
        if k % 4 == 1:
            prim.CreateAttribute("grows", Sdf.ValueTypeNames.Float).Set(1.0, 0)
        if k % 4 == 2:
            found = prim.GetVariantSets().AddVariantSet("v1")
            found.AddVariant("a-b")
            found.SetVariantSelection("a-b")
            with found.GetVariantEditContext():
                prim.CreateAttribute("inside", Sdf.ValueTypeNames.Int).Set(k)
    stage.Save()


def edit(path: Path, how: random.Random) -> None:
    """One random change of a layer, saved into its own file or written anew."""
    from pxr import Sdf, Vt

    layer = Sdf.Layer.OpenAsAnonymous(str(path))
    kind = how.choice(
        ["points", "note", "word", "new", "gone", "share", "half", "data", "order", "longer", "inside"]
    )
    prim = layer.GetPrimAtPath(f"/World/M{how.randrange(MESHES)}")
    if kind == "points":
        points = np.array(prim.attributes["points"].default)
        points[how.randrange(len(points))] += 0.5
        prim.attributes["points"].default = Vt.Vec3fArray.FromNumpy(points)
    elif kind == "longer":
        prim.attributes["points"].default = Vt.Vec3fArray.FromNumpy(
            np.ones((how.randrange(90), 3), np.float32)
        )
    elif kind == "note" and "note" in prim.attributes:
        prim.attributes["note"].default = how.choice(["another", "number 1"])
    elif kind == "word":
        prim.attributes["word"].default = Vt.TokenArray([how.choice(["w1", "fresh"]), "x"])
    elif kind == "half" and "half" in prim.attributes:
        prim.attributes["half"].default = how.random()
    elif kind == "share":
        prim.attributes["share"].default = Vt.FloatArray([how.random()] * 40)
    elif kind == "data":
        prim.SetInfo("customData", {"a": {"b": how.random()}})
    elif kind == "new":
        made = Sdf.CreatePrimInLayer(layer, f"/World/{how.choice('AZ')}{how.randrange(5)}")
        made.specifier = Sdf.SpecifierDef
    elif kind == "gone" and "note" in prim.attributes:
        prim.RemoveProperty(prim.attributes["half" if "half" in prim.attributes else "note"])
    elif kind == "order":
        prim.propertyOrder = ["note", "points"]
    else:
        layer.GetPrimAtPath("/World/M2{v1=a-b}").attributes["inside"].default = how.randrange(1000)
    if how.random() < 0.5:
        own = Sdf.Layer.FindOrOpen(str(path))
        own.TransferContent(layer)
        own.Save()
    else:
        layer.Export(str(path) + ".new.usdc")
        os.replace(str(path) + ".new.usdc", path)


def crate_of(path: Path) -> Crate:
    return read_crate(np.fromfile(path, np.uint8))


def specs(path: Path) -> dict[str, Any]:
    """What a layer says of each prim and of its properties, as the USD library reads it."""
    from pxr import Sdf

    layer = Sdf.Layer.OpenAsAnonymous(str(path))
    found: dict[str, Any] = {}

    def look(at: Any) -> None:
        if at.IsTargetPath():
            return
        spec = layer.GetObjectAtPath(at)
        owner = str(at.GetPrimOrPrimVariantSelectionPath()) if at.IsPropertyPath() else str(at)
        skipped = ("properties", "primChildren", "variantChildren", "variantSetChildren")
        keys = sorted(key for key in spec.ListInfoKeys() if key not in skipped)
        values = [(key, str(spec.GetInfo(key)), _bytes(spec.GetInfo(key))) for key in keys]
        found.setdefault(owner, []).append((str(at), values))

    layer.Traverse(Sdf.Path.absoluteRootPath, look)
    return {owner: sorted(rows) for owner, rows in found.items()}


def _bytes(value: Any) -> bytes:
    try:
        return (
            np.asarray(value).tobytes()
            if hasattr(value, "__len__") and not isinstance(value, (str, dict))
            else b""
        )
    except (TypeError, ValueError):
        return b""


def test_specs_are_those_that_the_library_reads(tmp_path: Path) -> None:
    make(tmp_path / "a.usdc")
    crate = crate_of(tmp_path / "a.usdc")
    paths, owners = crate.paths
    numbers = crate.spec_paths.tolist()
    assert {owners[k] for k in numbers} == set(specs(tmp_path / "a.usdc"))
    known = {path for rows in specs(tmp_path / "a.usdc").values() for path, _ in rows}
    assert {paths[k] for k in numbers if not (paths[k].endswith("]") and "[" in paths[k])} == known


@pytest.mark.parametrize("seed", range(40))
def test_what_is_called_the_same_is_the_same(tmp_path: Path, seed: int) -> None:
    how = random.Random(seed)
    path = tmp_path / "a.usdc"
    make(path)
    for _ in range(3):
        old, before = crate_of(path), specs(path)
        edit(path, how)
        new, after = crate_of(path), specs(path)
        found = same_prims(old, new)
        assert {prim for prim in found if before[prim] != after[prim]} == set()
        assert len(found & {f"/World/M{k}" for k in range(MESHES)}) >= 2, "nothing is found again"


def test_what_moved_in_the_file_is_still_the_same(tmp_path: Path) -> None:
    from pxr import Sdf, Vt

    path = tmp_path / "a.usdc"
    make(path)
    layer = Sdf.Layer.OpenAsAnonymous(str(path))
    layer.Export(str(path))
    old = crate_of(path)
    mesh = layer.GetPrimAtPath("/World/M1")
    mesh.attributes["points"].default = Vt.Vec3fArray.FromNumpy(np.ones((500, 3), np.float32))
    layer.Export(str(tmp_path / "b.usdc"))
    new = crate_of(tmp_path / "b.usdc")
    assert len(new.data) != len(old.data)
    assert {f"/World/M{k}" for k in (2, 3, 6, 7, 10, 11)} <= same_prims(old, new)
    assert "/World/M1" not in same_prims(old, new)


def test_foreign_bytes_are_refused(tmp_path: Path) -> None:
    make(tmp_path / "a.usdc")
    whole = np.fromfile(tmp_path / "a.usdc", np.uint8)
    good = read_crate(whole)
    how, refused = random.Random(1), 0
    for _ in range(300):
        data = whole.copy()
        if how.random() < 0.3:
            data = data[: how.randrange(len(data))]
        for _ in range(how.randrange(1, 6)):
            if len(data):
                data[how.randrange(max(0, len(data) - 3000), len(data))] = how.randrange(256)
        try:
            same_prims(good, read_crate(data))
        except (NoCrate, IndexError, ValueError, OverflowError, MemoryError):
            refused += 1
    assert refused > 50
    with pytest.raises(NoCrate):
        read_crate(np.zeros(0, np.uint8))


def test_blocks_of_bytes() -> None:
    old = np.random.default_rng(0).integers(0, 256, 5000, np.uint8)
    for at in (0, 511, 512, 4095, 4999):
        new = old.copy()
        new[at] ^= 1
        assert np.flatnonzero(changed_blocks(old, new)).tolist() == [at // 512]
    assert not changed_blocks(old, old.copy()).any()


def test_bytes_belong_to_the_state_that_was_asked_for(tmp_path: Path) -> None:
    make(tmp_path / "a.usdc")
    stamp = stamp_of(str(tmp_path / "a.usdc"))
    begun = time.time()
    data = whole_bytes(str(tmp_path / "a.usdc"), stamp)
    assert data is not None and data.tobytes() == (tmp_path / "a.usdc").read_bytes()
    assert stamp is not None and time.time() >= min(stamp[2] / 1e9 + 0.02, begun + 0.02)
    assert whole_bytes(str(tmp_path / "a.usdc"), (stamp[0], stamp[1], stamp[2] - 1)) is None
    (tmp_path / "b.usda").write_text("#usda 1.0\n")
    assert whole_bytes(str(tmp_path / "b.usda"), stamp_of(str(tmp_path / "b.usda"))) is None


def test_a_reader_looks_only_at_the_mesh_that_changed(tmp_path: Path) -> None:
    path = tmp_path / "a.usdc"
    make(path)
    time.sleep(2 * SLACK_S)
    reader = StageReader(Source(path))
    reader.look_around(reader.read(Overlay())[1])
    for turn, name in enumerate(("M3", "M7", "M3")):
        _lift(path, tmp_path, name)
        _, snapshot = reader.read(Overlay())
        # Time samples, dictionaries and arrays of few distinct numbers are compared by their values.
        assert (reader.memo.read, name in _sources(snapshot)) == (1, True), turn
        opened = open_stage(path, probe=False)
        fresh = read_snapshot(opened)
        assert snapshot.stage.hash == opened.hash
        assert [one.hash for one in snapshot.prototypes] == [one.hash for one in fresh.prototypes]
        assert snapshot.findings == fresh.findings
        del opened


def test_a_crate_that_stayed_is_not_compared(tmp_path: Path) -> None:
    """Plain meshes: nothing of them is asked of the USD library once more."""
    from pxr import Sdf

    path = tmp_path / "a.usdc"
    make(path)
    layer = Sdf.Layer.OpenAsAnonymous(str(path))
    for k in range(MESHES):
        mesh = layer.GetPrimAtPath(f"/World/M{k}")
        mesh.ClearInfo("customData")
        for name in ("share", "grows"):
            if name in mesh.attributes:
                mesh.RemoveProperty(mesh.attributes[name])
    layer.Export(str(tmp_path / "plain.usdc"))
    shutil.move(tmp_path / "plain.usdc", path)
    time.sleep(2 * SLACK_S)
    reader = StageReader(Source(path))
    reader.look_around(reader.read(Overlay())[1])
    _lift(path, tmp_path, "M3")
    reader.read(Overlay())
    assert (reader.memo.read, reader.memo.compared) == (1, 1)


def test_a_save_during_the_first_reading_is_not_taken_for_what_was_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next save, of another mesh, shows both."""
    path = tmp_path / "a.usdc"
    make(path)
    time.sleep(2 * SLACK_S)
    monkeypatch.setattr(stage, "open_stage", _then(lambda: _lift(path, tmp_path, "M7")))
    reader = StageReader(Source(path))
    reader.look_around(reader.read(Overlay())[1])
    monkeypatch.undo()
    _lift(path, tmp_path, "M3")
    _, snapshot = reader.read(Overlay())
    fresh = read_snapshot(open_stage(path, probe=False))
    assert [one.hash for one in snapshot.prototypes] == [one.hash for one in fresh.prototypes]


def _then(do: Callable[[], None]) -> Any:
    """Opens a stage, then does that before anybody can look."""

    def opened(*args: Any, **settings: Any) -> Any:
        found = open_stage(*args, **settings)
        do()
        return found

    return opened


def test_bytes_that_are_held_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of files as they are and as they are saved, however many are asked for."""
    files = [str(tmp_path / f"{k}.usdc") for k in range(6)]
    for file in files:
        make(Path(file))
    size = os.path.getsize(files[0])
    monkeypatch.setattr(crates, "MOST_BYTES", 2 * size)
    with ThreadPoolExecutor(1) as pool:
        held = crates.Crates(pool)
        held.begin(files, {file: stamp_of(file) for file in files})
        found = [held._next[file][1].result() for file in files]
    assert 1 <= sum(state is not None for state in found) <= 4


def _sources(snapshot: Any) -> set[str]:
    return {one.source.rsplit("/", 1)[1] for one in snapshot.prototypes}


def _lift(path: Path, folder: Path, name: str) -> None:
    from pxr import Sdf, Vt

    layer = Sdf.Layer.OpenAsAnonymous(str(path))
    points = layer.GetPrimAtPath(f"/World/{name}").attributes["points"]
    points.default = Vt.Vec3fArray.FromNumpy(np.array(points.default) + np.float32(0.5))
    layer.Export(str(folder / "next.usdc"))
    os.replace(folder / "next.usdc", path)
