"""glTF -> USD package -> GLB with all that moves, against the file that came in: places at any moment, looks, and once more."""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from twinstage.assets.importing.imports import import_file
from twinstage.live.export import ExportOptions, export_files
from twinstage.live.twin import TwinFiles

sys.path.insert(0, str(Path(__file__).parent))
from gltf_looks import SLOTS, Looks, looks, partners, texture, worn
from gltf_oracle import Oracle, distance
from tiny_gltf import TinyGltf, arm, quat

CONVERT, INDUSTRIAL = "assets/convert", "assets/industrial"
MOVING = [
    # (file, channels of the result, how much longer than the file that came in)
    (f"{CONVERT}/trimesh/CesiumMilkTruck.glb", 2, 1.02),
    (f"{INDUSTRIAL}/iot_app_kit/ANIMATED_MIXER.gltf", 2, 1.0),
]
LOOKS = [
    f"{CONVERT}/gltf_transform/cli/test/in/chr_knight.glb",
    f"{CONVERT}/gltf_transform/core/test/in/BoxTextured_glTF/BoxTextured.gltf",
    f"{CONVERT}/gltf_transform/core/test/in/BoxVertexColors.glb",
    f"{CONVERT}/gltf_transform/functions/test/in/TwoCubes.glb",
    f"{CONVERT}/trimesh/CesiumMilkTruck.glb",
    f"{CONVERT}/trimesh/TestScene.gltf",
    f"{INDUSTRIAL}/cookie_factory/CookieFactoryWaterTank.glb",
]


def there_and_back(file: Path, folder: Path, name: str = "back.glb") -> Path:
    """The file imported and exported again."""
    package = folder / f"{name}.package"
    written = import_file(file, package)
    export_files(TwinFiles(stage=package / written.root), ExportOptions(folder / name))
    return folder / name


def drawn(file: Oracle, seconds: float) -> np.ndarray:
    """Triangles with an area at rest: the importer leaves out the others, and says so."""
    rest = file.triangles(0.0)
    area = np.linalg.norm(np.cross(rest[:, 1] - rest[:, 0], rest[:, 2] - rest[:, 0]), axis=1)
    return file.triangles(seconds)[area > 0]


def check(
    tiny: TinyGltf, folder: Path, moments: tuple[float, ...], validate: Callable[..., list[str]]
) -> Oracle:
    """Each animation of the file after one and after two rounds; returns the first result."""
    file = tiny.write(folder)
    once = there_and_back(file, folder)
    twice = there_and_back(once, folder, "twice.glb")
    assert validate(once.read_bytes()) == validate(twice.read_bytes()) == []
    for number in range(len(tiny.document["animations"])):
        wanted, first, second = (Oracle(p.read_bytes(), animation=number) for p in (file, once, twice))
        for seconds in moments:
            there = wanted.triangles(seconds)
            assert distance(first.triangles(seconds), there, 1e-3) < 2e-6, (number, seconds)
            assert distance(second.triangles(seconds), there, 1e-3) < 2e-6, (number, seconds)
    one, two = Oracle(once.read_bytes()).doc, Oracle(twice.read_bytes()).doc
    assert [len(a["channels"]) for a in two["animations"]] == [len(a["channels"]) for a in one["animations"]]
    assert [a["name"] for a in two["animations"]] == [a["name"] for a in one["animations"]]
    assert len(two.get("skins", [])) == len(one.get("skins", []))
    return Oracle(once.read_bytes())


@pytest.mark.shared
@pytest.mark.parametrize(("name", "channels", "longer"), MOVING, ids=[Path(m[0]).name for m in MOVING])
def test_real_animations_come_back(
    shared: Path,
    tmp_path: Path,
    name: str,
    channels: int,
    longer: float,
    validate_glb: Callable[..., list[str]],
) -> None:
    file = shared / name
    back = there_and_back(file, tmp_path)
    assert validate_glb(back.read_bytes()) == []
    wanted, found = Oracle(file.read_bytes(), file.parent, -1), Oracle(back.read_bytes())
    for seconds in (0.0, 0.3, 0.8, 1.1):
        there = drawn(wanted, seconds)
        assert len(found.triangles(seconds)) == len(there)
        assert distance(found.triangles(seconds), there) < 1e-6, seconds
    assert np.abs(drawn(wanted, 0.3) - drawn(wanted, 0.0)).max() > 0.01
    (animation,) = found.doc["animations"]
    assert len(animation["channels"]) == channels
    assert len(back.read_bytes()) < longer * file.stat().st_size
    keys = {found.doc["accessors"][sampler["input"]]["count"] for sampler in animation["samplers"]}
    most = max(
        wanted.doc["accessors"][sampler["input"]]["count"]
        for a in wanted.animations
        for sampler in a["samplers"]
    )
    assert max(keys) <= most


@pytest.mark.shared
@pytest.mark.parametrize("name", LOOKS, ids=[Path(name).name for name in LOOKS])
def test_looks_come_back(shared: Path, tmp_path: Path, name: str) -> None:
    """Texture coordinates, colours, every factor and every pixel of a file without alpha in its colours."""
    file = shared / name
    wanted, found = (
        Oracle(file.read_bytes(), file.parent),
        Oracle(there_and_back(file, tmp_path).read_bytes()),
    )
    before, after = looks(wanted), looks(found)
    area = np.linalg.norm(
        np.cross(before.points[:, 1] - before.points[:, 0], before.points[:, 2] - before.points[:, 0]), axis=1
    )
    before = Looks(*(rows[area > 0] for rows in (before.points, before.uv, before.color, before.material)))
    assert len(after.points) == len(before.points)
    corners, gaps = partners(after, before)
    assert gaps.max() < 1e-6
    assert np.abs(after.uv.reshape(-1, 2)[corners] - before.uv).max() < 1e-6
    pairs = np.stack([before.material, after.material[corners[:, 0] // 3]], 1)
    for old, new in np.unique(pairs, axis=0).tolist():
        old_look, new_look = worn(wanted, old), worn(found, new)
        for key in ("alphaMode", "doubleSided"):
            assert old_look[key] == new_look[key], (old, key)
        for key in ("metallic", "roughness", "emissive", "alphaCutoff"):
            if old_look[key] is not None:
                assert np.allclose(old_look[key], new_look[key], atol=1e-6), (old, key)
        # Colours of a mesh and the factor of its material are one number in USD: their product comes back.
        mine = (pairs == (old, new)).all(1)
        width = 3 if old_look["alphaMode"] == "OPAQUE" else 4
        tint = (before.color[mine] * old_look["baseColor"])[..., :width]
        again = (after.color.reshape(-1, 4)[corners[mine]] * new_look["baseColor"])[..., :width]
        assert np.abs(tint - again).max() < 1e-6, old
        for group, slot in SLOTS:
            one, other = texture(wanted, old, group, slot), texture(found, new, group, slot)
            assert (one is None) == (other is None), (old, slot)
            if one is not None and other is not None:
                assert one[:2] == other[:2]
                assert np.array_equal(one[2], other[2]), (old, slot)


def test_a_skin_and_a_morph_target_come_back(tmp_path: Path, validate_glb: Callable[..., list[str]]) -> None:
    found = check(arm(), tmp_path, (0.0, 0.25, 0.6, 1.0), validate_glb)
    assert [len(found.doc[name]) for name in ("skins", "animations")] == [1, 1]
    (mesh,) = found.doc["meshes"]
    assert mesh["extras"]["targetNames"] == ["stretch"]
    (animation,) = found.doc["animations"]
    moved = {
        (found.doc["nodes"][c["target"]["node"]]["name"], c["target"]["path"]) for c in animation["channels"]
    }
    assert moved == {("upper", "rotation"), ("arm", "weights")}
    for sampler in animation["samplers"]:
        assert found.doc["accessors"][sampler["input"]]["count"] == 2


def test_meshes_that_only_morph_come_back(tmp_path: Path, validate_glb: Callable[..., list[str]]) -> None:
    """One mesh on two nodes, each with weights of its own; one of them moves, too."""
    tiny = TinyGltf()
    mesh = tiny.cube()
    offsets = np.zeros((2, 8, 3))
    offsets[0, 7], offsets[1, :4] = (1, 1, 1), (-1, 0, 0)
    (primitive,) = tiny.document["meshes"][mesh]["primitives"]
    primitive["targets"] = [{"POSITION": tiny.accessor(rows)} for rows in offsets]
    first = tiny.node(name="first", mesh=mesh, weights=[0.25, 0.5])
    tiny.node(name="second", mesh=mesh, weights=[0.0, 1.0], translation=[5, 0, 0])
    tiny.animation(
        [
            (first, "weights", [0, 0.5, 1], [[0, 1], [1, 0.5], [0.5, 0]], "LINEAR"),
            (first, "translation", [0, 1], [[0, 0, 0], [0, 2, 0]], "LINEAR"),
        ]
    )
    found = check(tiny, tmp_path, (0.0, 0.3, 0.5, 0.8, 1.0), validate_glb)
    assert "skins" not in found.doc
    assert sorted(c["target"]["path"] for c in found.doc["animations"][0]["channels"]) == [
        "translation",
        "weights",
    ]


def test_normals_of_morph_targets_come_back(tmp_path: Path, validate_glb: Callable[..., list[str]]) -> None:
    tiny = arm()
    primitive = tiny.document["meshes"][0]["primitives"][0]
    count = tiny.document["accessors"][primitive["attributes"]["POSITION"]]["count"]
    primitive["attributes"]["NORMAL"] = tiny.accessor(np.tile([0, 0, 1], (count, 1)))
    tilts = np.zeros((count, 3))
    tilts[-3:] = (0.6, 0, -0.2)
    primitive["targets"][0]["NORMAL"] = tiny.accessor(tilts)
    found = check(tiny, tmp_path, (0.0, 1.0), validate_glb)
    (primitive,) = found.doc["meshes"][0]["primitives"]
    places = found.rows(primitive["attributes"]["POSITION"])
    there = found.rows(primitive["targets"][0]["NORMAL"])
    wanted = Oracle((tmp_path / "tiny.glb").read_bytes())
    points = wanted.rows(wanted.doc["meshes"][0]["primitives"][0]["attributes"]["POSITION"])
    # The importer's meshes that bend are Z-up, as its stages are.
    places, there = (rows[:, [0, 2, 1]] * [1, 1, -1] for rows in (places, there))
    near = np.abs(places[:, None] - points[None]).max(2).argmin(1)
    assert np.allclose(there, tilts[near], atol=1e-6)
    assert "sparse" in found.doc["accessors"][primitive["targets"][0]["NORMAL"]]


def test_a_skin_under_a_moving_turned_node_comes_back(
    tmp_path: Path, validate_glb: Callable[..., list[str]]
) -> None:
    tiny = arm()
    nodes = tiny.document["nodes"]
    cart = tiny.node(
        name="cart", children=[0], translation=[0, 0, 4], rotation=quat([1, 2, 0], 0.7), scale=[2, 2, 2]
    )
    tiny.document["scenes"][0]["nodes"] = [n for n in tiny.document["scenes"][0]["nodes"] if n != 0]
    tool = tiny.node(root=False, name="tool", mesh=tiny.cube(), scale=[0.1, 0.1, 0.1], translation=[0, 1, 0])
    nodes[1]["children"] = [tool]
    entry = tiny.document["animations"][0]
    output = tiny.accessor([[0, 0, 4], [0, 5, 4]])
    entry["samplers"].append({"input": tiny.accessor([0, 1]), "output": output, "interpolation": "LINEAR"})
    entry["channels"].append({"sampler": 2, "target": {"node": cart, "path": "translation"}})
    check(tiny, tmp_path, (0.0, 0.5, 1.0), validate_glb)


def test_several_animations_come_back_as_several(
    tmp_path: Path, validate_glb: Callable[..., list[str]]
) -> None:
    """What one of them moves stands still in the other, where the file says, not where the first begins."""
    tiny = arm()
    lift = tiny.node(name="lift", mesh=tiny.cube(), translation=[5, 0, 0])
    tiny.animation(
        [
            (0, "translation", [0, 1], [[3, 0, 0], [3, 2, 0]], "LINEAR"),
            (1, "rotation", [0, 1], [[0, 0, 0, 1], quat([1, 0, 0], 1.0)], "LINEAR"),
            (lift, "translation", [0, 0.5, 1], [[5, 4, 0], [6, 1, 0], [7, 0, 0]], "STEP"),
        ],
        "grow",
    )
    found = check(tiny, tmp_path, (0.0, 0.2, 0.6, 1.0), validate_glb)
    assert [a["name"] for a in found.doc["animations"]] == ["move", "grow"]
    steps = [s for s in found.doc["animations"][1]["samplers"] if s["interpolation"] == "STEP"]
    assert [found.doc["accessors"][s["input"]]["count"] for s in steps] == [3]


def test_the_same_stage_gives_the_same_bytes(tmp_path: Path) -> None:
    file = arm().write(tmp_path)
    assert (
        there_and_back(file, tmp_path, "a.glb").read_bytes()
        == there_and_back(file, tmp_path, "b.glb").read_bytes()
    )
