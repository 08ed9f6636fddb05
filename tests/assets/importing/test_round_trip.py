"""glTF -> USD package -> GLB: every triangle is where the file says, at rest and at any moment of its animation."""

import sys
from pathlib import Path

import numpy as np
import pytest

from twinstage.assets.check import check_stage
from twinstage.assets.importing.imports import Wish, import_file
from twinstage.scene.glb_scene import bake_scene
from twinstage.scene.read import read_snapshot
from twinstage.scene.snapshot import Snapshot
from twinstage.scene.stage import open_stage

sys.path.insert(0, str(Path(__file__).parent))
from gltf_oracle import Oracle, distance
from tiny_gltf import TinyGltf, arm, quat

CLOSE = 1e-6
CONVERT, INDUSTRIAL = "assets/convert", "assets/industrial"
FILES = [
    (f"{CONVERT}/gltf_transform/cli/test/in/chr_knight.glb", 1460, 1),
    (f"{CONVERT}/gltf_transform/core/test/in/BoxTextured_glTF/BoxTextured.gltf", 12, 1),
    (f"{CONVERT}/gltf_transform/core/test/in/BoxVertexColors.glb", 12, 0),
    (f"{CONVERT}/gltf_transform/core/test/in/Box_glTF-Embedded/Box.gltf", 12, 0),
    (f"{CONVERT}/gltf_transform/functions/test/in/TwoCubes.glb", 24, 0),
    (f"{CONVERT}/trimesh/BoxTextured.glb", 12, 1),
    (f"{CONVERT}/trimesh/CesiumMilkTruck.glb", 3624, 1),
    (f"{CONVERT}/trimesh/TestScene.gltf", 1096, 0),
    (f"{INDUSTRIAL}/cookie_factory/CookieFactoryMixer.glb", 22083, 0),
    (f"{INDUSTRIAL}/cookie_factory/CookieFactoryWaterTank.glb", 1275, 0),
    (f"{INDUSTRIAL}/cookie_factory/Waste_Container_from_step.glb", 2028, 0),
    (f"{INDUSTRIAL}/iot_app_kit/PALLET_JACK.glb", 34332, 0),
]


def snapshot(stage: Path, seconds: float | None = None) -> Snapshot:
    opened = open_stage(stage, probe=False)
    rate = opened.stage.GetTimeCodesPerSecond()
    return read_snapshot(opened, None if seconds is None else seconds * rate)


def baked(stage: Path, seconds: float | None = None) -> Oracle:
    return Oracle(bake_scene(snapshot(stage, seconds)).data)


@pytest.mark.shared
@pytest.mark.parametrize(("name", "triangles", "textures"), FILES, ids=[Path(f[0]).name for f in FILES])
def test_real_files_come_back(shared: Path, tmp_path: Path, name: str, triangles: int, textures: int) -> None:
    file = shared / name
    written = import_file(file, tmp_path / "out")
    assert (written.triangles, written.textures) == (triangles, textures)
    stage = tmp_path / "out" / written.root
    wanted = Oracle(file.read_bytes(), file.parent)
    after = baked(stage)
    assert distance(after.triangles(), wanted.triangles()) < CLOSE
    assert len(after.doc.get("images", [])) == textures
    assert [f for f in check_stage(stage) if f.severity != "info"] == []


@pytest.mark.shared
def test_nvidias_validator_names_only_what_the_files_bring(shared: Path, tmp_path: Path) -> None:
    engine = pytest.importorskip("usd_validation_nvidia", reason="usd-validation-nvidia is not installed")
    said = set()
    for number, (name, *_) in enumerate(FILES):
        written = import_file(shared / name, tmp_path / str(number))
        stage = str(tmp_path / str(number) / written.root)
        issues = engine.ValidationEngine(init_rules=True, variants=False).validate(stage).issues()
        said |= {(i.rule.__name__, i.severity.name) for i in issues}
    assert said <= {("ManifoldChecker", "WARNING"), ("IndexedPrimvarChecker", "WARNING")}


@pytest.mark.shared
def test_an_animated_machine_moves_as_its_file_says(shared: Path, tmp_path: Path) -> None:
    file = shared / INDUSTRIAL / "iot_app_kit" / "ANIMATED_MIXER.gltf"
    written = import_file(file, tmp_path / "out")
    assert [round(seconds, 2) for _, seconds in written.animations] == [1.25]
    wanted = Oracle(file.read_bytes(), animation=-1)
    rest = wanted.triangles(0.0)
    flat = np.linalg.norm(np.cross(rest[:, 1] - rest[:, 0], rest[:, 2] - rest[:, 0]), axis=1) == 0
    for seconds in (0.3, 0.8):
        there = wanted.triangles(seconds)
        assert np.abs(there - rest).max() > 0.01
        found = baked(tmp_path / "out" / written.root, seconds).triangles()
        assert len(found) == written.triangles == len(rest) - flat.sum()
        assert distance(found, there[~flat]) < CLOSE
    assert [f for f in check_stage(tmp_path / "out" / written.root) if f.severity != "info"] == []


@pytest.mark.shared
def test_compressed_data_are_read(shared: Path, tmp_path: Path) -> None:
    folder = shared / CONVERT / "gltf_transform/extensions/test/in"
    pytest.importorskip("DracoPy", reason="DracoPy is not installed (the extra draco)")
    for n, name in enumerate(("BoxMeshopt.glb", "BoxMeshopt.gltf", "BoxDraco.gltf")):
        written = import_file(folder / name, tmp_path / str(n))
        found = baked(tmp_path / str(n) / written.root).triangles()
        assert len(found) == 12
        assert sorted(set(np.round(found.reshape(-1), 3).tolist())) == [-0.5, 0.5]
        normals = np.cross(found[:, 1] - found[:, 0], found[:, 2] - found[:, 0])
        assert (np.einsum("ij,ij->i", normals, found.mean(1)) > 0).all()  # all look outwards


def moments(tiny: TinyGltf, folder: Path, seconds: tuple[float, ...], close: float = CLOSE) -> None:
    file = tiny.write(folder)
    written = import_file(file, folder / "out")
    wanted = Oracle(file.read_bytes())
    for t in seconds:
        found = baked(folder / "out" / written.root, t).triangles()
        assert distance(found, wanted.triangles(t), 5 * close) < close, t
    assert [f for f in check_stage(folder / "out" / written.root) if f.severity != "info"] == []


def test_a_skin_bends_and_a_morph_target_stretches(tmp_path: Path) -> None:
    tiny = arm()
    moments(tiny, tmp_path, (0.0, 0.25, 0.5, 1.0), 2e-6)
    straight, bent = (Oracle(tiny.glb()).triangles(t) for t in (0.0, 1.0))
    assert np.abs(straight - bent).max() > 1.0  # the oracle itself moves
    taken = snapshot(tmp_path / "out" / "tiny.usda")
    assert len(taken.instances) == 1


def test_a_skin_whose_joints_lie_under_a_moving_turned_node(tmp_path: Path) -> None:
    tiny = arm()
    nodes = tiny.document["nodes"]
    cart = tiny.node(
        name="cart", children=[0], translation=[0, 0, 4], rotation=quat([1, 2, 0], 0.7), scale=[2, 2, 2]
    )
    tiny.document["scenes"][0]["nodes"] = [n for n in tiny.document["scenes"][0]["nodes"] if n != 0]
    tool = tiny.node(root=False, name="tool", mesh=tiny.cube(), scale=[0.1, 0.1, 0.1], translation=[0, 1, 0])
    nodes[1]["children"] = [tool]  # carried by the upper bone, not skinned
    channels = tiny.document["animations"][0]
    channels["samplers"].append(
        {
            "input": tiny.accessor([0, 1]),
            "output": tiny.accessor([[0, 0, 4], [0, 5, 4]]),
            "interpolation": "LINEAR",
        }
    )
    channels["channels"].append({"sampler": 2, "target": {"node": cart, "path": "translation"}})
    moments(tiny, tmp_path, (0.0, 0.5, 1.0), 2e-6)


@pytest.mark.parametrize("way", ["LINEAR", "STEP", "CUBICSPLINE"])
def test_every_interpolation_of_a_node(tmp_path: Path, way: str) -> None:
    tiny = TinyGltf()
    node = tiny.node(name="a", mesh=tiny.cube(), translation=[1, 2, 3])
    times, rng = [0.0, 0.5, 1.25], np.random.default_rng(5)
    spread = 3 if way == "CUBICSPLINE" else 1
    place = rng.normal(size=(3 * spread, 3))
    turns = rng.normal(size=(3 * spread, 4))
    size = rng.uniform(0.5, 2.0, (3 * spread, 3))
    if spread == 3:
        turns[[0, 2, 3, 5, 6, 8]] *= 0.3
        size[[0, 2, 3, 5, 6, 8]] -= 1.2
    tiny.animation(
        [
            (node, "translation", times, place, way),
            (node, "rotation", times, turns, way),
            (node, "scale", times, size, way),
        ]
    )
    # A spline is resampled: within a ten-thousandth of each property's range.
    moments(tiny, tmp_path, (0.0, 0.2, 0.5, 0.6, 0.9, 1.2, 1.25), 2e-3 if spread == 3 else 3e-6)


def test_several_clips_are_variants(tmp_path: Path) -> None:
    tiny = TinyGltf()
    node = tiny.node(name="lift", mesh=tiny.cube())
    for name, height in (("up", 2.0), ("down", -3.0)):
        tiny.animation([(node, "translation", [0, 1], [[0, 0, 0], [0, height, 0]], "LINEAR")], name)
    file = tiny.write(tmp_path)
    written = import_file(file, tmp_path / "out")
    assert [name for name, _ in written.animations] == ["up", "down"]
    opened = open_stage(tmp_path / "out" / written.root, probe=False)
    root = opened.stage.GetDefaultPrim()
    variants = root.GetVariantSets().GetVariantSet("animation")
    assert variants.GetVariantNames() == ["down", "up"] or variants.GetVariantNames() == ["up", "down"]
    assert variants.GetVariantSelection() == "up"
    for n, name in enumerate(("up", "down")):
        variants.SetVariantSelection(name)
        found = Oracle(bake_scene(read_snapshot(opened, 24.0)).data).triangles()
        assert distance(found, Oracle(file.read_bytes(), animation=n).triangles(1.0)) < CLOSE


def test_what_shares_a_mesh_shares_it_in_usd(tmp_path: Path) -> None:
    tiny = TinyGltf()
    mesh = tiny.cube()
    for k in range(3):
        tiny.node(name="box", mesh=mesh, translation=[2 * k, 0, 0])
    moments(tiny, tmp_path, (0.0,))
    opened = open_stage(tmp_path / "out" / "tiny.usda", probe=False)
    assert len(read_snapshot(opened).prototypes) == 1
    names = [str(p.GetPath()) for p in opened.stage.Traverse() if p.GetTypeName() == "Mesh"]
    assert names == ["/tiny/box", "/tiny/box_2", "/tiny/box_3"]


def test_mirrored_sheared_and_matrix_nodes(tmp_path: Path) -> None:
    tiny = TinyGltf()
    sheared = np.array([[1, 0.5, 0, 3], [0, 1, 0, 0], [0, 0.25, 1, 0], [0, 0, 0, 1.0]])
    tiny.node(name="mirrored", mesh=tiny.cube(), scale=[-1, 2, 1])
    tiny.node(name="sheared", mesh=tiny.cube(), matrix=sheared.T.reshape(-1).tolist())
    moments(tiny, tmp_path, (0.0,))


@pytest.mark.parametrize("mode", [4, 5, 6])
def test_lists_strips_and_fans(tmp_path: Path, mode: int) -> None:
    tiny = TinyGltf()
    angles = np.linspace(0, 3, 9)
    points = np.stack([np.cos(angles), np.sin(angles), np.where(np.arange(9) % 2, 0.2, 0.0)], 1)
    tiny.node(mesh=tiny.mesh(points, mode=mode))
    moments(tiny, tmp_path, (0.0,))


def test_the_same_file_gives_the_same_bytes(tmp_path: Path) -> None:
    tiny = arm()
    tiny.node(
        name="c",
        mesh=tiny.cube(
            material=tiny.add(
                "materials", {"pbrMetallicRoughness": {"baseColorTexture": {"index": tiny.texture()}}}
            )
        ),
    )
    file = tiny.write(tmp_path)
    for name in ("one", "two"):
        import_file(file, tmp_path / name, Wish(usdz=True))
    files = sorted(p.relative_to(tmp_path / "one") for p in (tmp_path / "one").rglob("*") if p.is_file())
    assert len(files) == 6
    for path in files:
        assert (tmp_path / "one" / path).read_bytes() == (tmp_path / "two" / path).read_bytes(), path


def test_looks_to_choose_from_are_a_variant_set(tmp_path: Path) -> None:
    tiny = TinyGltf()
    for name, color in (("red", [1, 0, 0, 1]), ("green", [0, 1, 0, 1]), ("blue", [0, 0, 1, 1])):
        tiny.add("materials", {"name": name, "pbrMetallicRoughness": {"baseColorFactor": color}})
    mesh = tiny.cube(material=0)
    primitives = tiny.document["meshes"][mesh]["primitives"]
    primitives.append(dict(primitives[0]))
    mappings = [{"variants": [0], "material": 1}, {"variants": [1], "material": 2}]
    primitives[1]["extensions"] = {"KHR_materials_variants": {"mappings": mappings}}
    tiny.document["extensions"] = {
        "KHR_materials_variants": {"variants": [{"name": "leaf"}, {"name": "sea"}]}
    }
    tiny.node(name="a", mesh=mesh)
    tiny.node(name="b", mesh=mesh)
    written = import_file(tiny.write(tmp_path), tmp_path / "out")
    assert written.materials == 3
    stage = tmp_path / "out" / written.root
    assert {f.code for f in check_stage(stage) if f.severity != "info"} == {
        "mesh.duplicate-face"
    }  # the cube is there twice
    opened = open_stage(stage, probe=False)
    variants = opened.stage.GetDefaultPrim().GetVariantSets().GetVariantSet("look")
    assert set(variants.GetVariantNames()) == {"default", "leaf", "sea"}
    assert variants.GetVariantSelection() == "default"
    for choice, wanted in (("default", {"red"}), ("leaf", {"red", "green"}), ("sea", {"red", "blue"})):
        variants.SetVariantSelection(choice)
        taken = read_snapshot(opened)
        worn = {
            taken.materials[m].path.rpartition("/")[2]
            for row in range(len(taken.instances))
            for m in taken.material_sets[int(taken.instances.material_set[row])]
            if taken.materials[m].path
        }
        assert worn == wanted, choice
