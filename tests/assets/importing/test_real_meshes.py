"""Every file of polygons of the shared assets goes through the door and is clean under our own findings."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from twinstage.assets.check import check_stage
from twinstage.assets.importing.document import Document, Mesh
from twinstage.assets.importing.imports import Wish, import_file
from twinstage.base.errors import UserError

Read = Callable[..., Document]
ENDINGS = (".obj", ".stl", ".ply", ".dae", ".step", ".3dxml")


def files(shared: Path) -> list[Path]:
    found = [
        f
        for folder in ("convert", "industrial", "features/tinyusdz")
        for f in (shared / "assets" / folder).rglob("*")
        if f.suffix.lower() in ENDINGS
    ]
    assert len(found) > 55
    return sorted(found)


def triangles(document: Document) -> int:
    return sum(int((g.counts - 2).sum()) for g in document.geometry if isinstance(g, Mesh))


def test_all_import_with_no_finding(shared: Path, tmp_path: Path) -> None:
    # Links and colliders of robots go through test_robots; the shapes of colliders repeat the visuals'.
    wanted = [f for f in files(shared) if "collision" not in str(f).lower() and "fanuc" not in str(f)]
    assert len(wanted) > 25
    for number, path in enumerate(wanted):
        out = tmp_path / str(number)
        written = import_file(path, out, Wish(labels=("thing",), roots=(path.parent.parent,)))
        findings = [f for f in check_stage(out / written.root) if f.severity == "error"]
        assert findings == [], (path.name, findings)
        assert written.triangles > 0, path.name
        wrong = [n for n in written.notes if n.severity == "error" or "outside" in n.code]
        assert wrong == [], path.name


def test_the_same_as_trimesh_reads(shared: Path, read: Read) -> None:
    """Triangles and bounds of OBJ, STL and PLY as another reader has them."""
    import trimesh

    for path in files(shared):
        if path.suffix.lower() not in (".obj", ".stl", ".ply"):
            continue
        document = read(path, roots=(path.parent.parent,))
        other = trimesh.load(path, process=False, force="mesh", skip_materials=True)
        low = np.min([g.points.min(0) for g in document.geometry if isinstance(g, Mesh)], 0)
        high = np.max([g.points.max(0) for g in document.geometry if isinstance(g, Mesh)], 0)
        assert np.allclose([low, high], other.bounds, atol=1e-6 * np.ptp(other.bounds)), path.name
        assert triangles(document) == len(other.faces), path.name


def test_step_in_metres_with_its_colour(shared: Path, read: Read) -> None:
    """An inch part beside its own STL in inches; and the container beside the GLB that another program made of it."""
    import trimesh

    folder = shared / "assets/convert/trimesh"
    step, stl = read(folder / "featuretype.STEP"), read(folder / "featuretype.STL")
    (part,), (plain,) = step.geometry, stl.geometry
    assert isinstance(part, Mesh) and isinstance(plain, Mesh)
    assert step.metres_per_unit == 1 and step.up_axis == "Z"
    size, inches = np.ptp(part.points, axis=0), np.ptp(plain.points, axis=0)
    assert np.allclose(np.sort(size), np.sort(inches * 0.0254), rtol=1e-3)
    assert step.materials[part.material].base_color.value == pytest.approx((0.5906, 0.6376, 0.8550), abs=1e-3)
    coarse = read(folder / "featuretype.STEP", angle_deg=45.0, tolerance_mm=1.0)
    assert triangles(coarse) < triangles(step)

    cookie = shared / "assets/industrial/cookie_factory"
    (container,) = read(cookie / "Waste_Container.step").geometry
    assert isinstance(container, Mesh)
    other = trimesh.load(cookie / "Waste_Container_from_step.glb", force="mesh")
    assert np.allclose([container.points.min(0), container.points.max(0)], other.bounds, atol=1e-3)
    edges = np.sort(
        np.stack([container.indices.reshape(-1, 3)[:, [k, (k + 1) % 3]] for k in range(3)], 1).reshape(-1, 2),
        1,
    )
    _, uses = np.unique(edges, axis=0, return_counts=True)
    assert (uses == 2).mean() > 0.98, "faces of the solid share their points"


def test_step_that_is_none(tmp_path: Path, read: Read, shared: Path) -> None:
    (tmp_path / "x.step").write_text("solid x")
    with pytest.raises(UserError, match="it does not begin with ISO-10303-21"):
        read(tmp_path / "x.step")
    whole = (shared / "assets/convert/trimesh/featuretype.STEP").read_bytes()
    (tmp_path / "y.stp").write_bytes(whole[:20_000])
    with pytest.raises(UserError, match="OpenCASCADE cannot read it"):
        import_file(tmp_path / "y.stp", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_pallet_jack_is_a_metre_long_and_wears_its_textures(
    shared: Path, imported: Callable[..., tuple[Path, Any]]
) -> None:
    home = shared / "assets/industrial/aws_small_warehouse/models/PalletJackB_01"
    file = home / "meshes/aws_robomaker_warehouse_PalletJackB_01_visual.DAE"
    _, without = imported(file)
    outside = [n for n in without.notes if n.code == "import.texture-outside"]
    assert len(outside) == 2 and outside[0].fix == f"give --asset-root {home.resolve()}"
    stage, written = imported(file, roots=(home,))
    assert written.notes == () and written.textures == 2
    assert written.size == pytest.approx((1.152, 0.532, 0.964), abs=1e-3)
    for image in (home / "materials/textures").iterdir():
        assert image.read_bytes() in [f.read_bytes() for f in (stage.parent / "payload/textures").iterdir()]


def test_a_unit_that_the_user_says_ends_the_question(
    shared: Path, imported: Callable[..., tuple[Path, Any]]
) -> None:
    file = shared / "assets/convert/trimesh/unit_cube.STL"
    _, asked = imported(file)
    assert [n.code for n in asked.notes] == ["import.no-unit"]
    _, said = imported(file, units="mm")
    assert said.notes == () and said.size == pytest.approx((0.001, 0.001, 0.001))


def test_3dxml_of_solidworks(shared: Path, read: Read) -> None:
    """The assembly's rods: three shafts of 12.7 mm, four to a group; parts are shared, faces joined, colours kept."""
    document = read(shared / "assets/convert/trimesh/rod.3DXML")
    assert document.metres_per_unit == 0.001
    assert document.origin.generator.startswith("SOLIDWORKS")
    shafts = [n for n in document.nodes if n.name == "shaft-1"]
    assert len(shafts) > 4 and len({n.geometry for n in shafts}) == 1
    shaft = document.geometry[shafts[0].geometry]
    assert isinstance(shaft, Mesh)
    assert np.allclose(np.ptp(shaft.points, axis=0), [12.7, 12.7, 50.8], atol=0.1)
    assert document.materials[shaft.material].base_color.value[0] < 1
    a, b, c = shaft.points[shaft.indices.reshape(-1, 3)].swapaxes(0, 1)
    volume = np.einsum("ij,ij->", a, np.cross(b, c)) / 6
    assert volume == pytest.approx(np.pi * 6.35**2 * 50.8, rel=0.02), "closed, its faces outwards"
