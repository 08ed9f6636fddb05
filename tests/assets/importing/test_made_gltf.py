"""Small glTF files made by Hypothesis: whatever tree, primitives and motion, every triangle is where the file says."""

import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from twinstage.assets.importing.gltf.importer import Gltf
from twinstage.assets.importing.package import write_package
from twinstage.assets.importing.source import Source
from twinstage.scene.glb_scene import bake_scene
from twinstage.scene.read import read_snapshot
from twinstage.scene.stage import open_stage

sys.path.insert(0, str(Path(__file__).parent))
from gltf_oracle import Oracle, distance
from tiny_gltf import TinyGltf

CLOSE = 3e-6


def made(draw: Any) -> TinyGltf:
    """A file of up to six nodes in a random tree, with meshes of any mode, shared or not, some skinned, some moving."""
    tiny = TinyGltf()
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    meshes = [
        _mesh(tiny, rng, draw(st.sampled_from([4, 5, 6])), draw(st.booleans()))
        for _ in range(draw(st.integers(1, 3)))
    ]
    count = draw(st.integers(1, 6))
    parents = [draw(st.integers(-1, n - 1)) for n in range(count)]
    for parent in parents:
        value: dict[str, Any] = {"name": draw(st.sampled_from(["a", "A", "b c", "ä", ""]))}
        if draw(st.integers(0, 3)):
            value |= {
                "translation": rng.normal(size=3).round(3).tolist(),
                "rotation": rng.normal(size=4).tolist(),
                "scale": (rng.uniform(0.5, 2, 3) * rng.choice([-1, 1], 3)).round(3).tolist(),
            }
        elif draw(st.booleans()):
            linear = rng.normal(size=(3, 3)) + 2 * np.eye(3)
            value["matrix"] = (
                np.block([[linear, rng.normal(size=(3, 1))], [np.zeros((1, 3)), np.eye(1)]])
                .T.reshape(-1)
                .tolist()
            )
        if draw(st.integers(0, 4)):
            value["mesh"] = draw(st.sampled_from(meshes))
        number = tiny.node(root=parent < 0, **value)
        if parent >= 0:
            tiny.document["nodes"][parent].setdefault("children", []).append(number)
    if not any("mesh" in node for node in tiny.document["nodes"]):
        tiny.document["nodes"][-1]["mesh"] = meshes[0]
    if draw(st.booleans()):
        _skin(tiny, rng, draw)
    if draw(st.booleans()):
        _move(tiny, rng, draw)
    return tiny


def _mesh(tiny: TinyGltf, rng: np.random.Generator, mode: int, indexed: bool) -> int:
    points = rng.normal(size=(8, 3)).round(2)
    columns: dict[str, Any] = {"TEXCOORD_0": rng.uniform(0, 1, (8, 2))} if rng.integers(2) else {}
    if rng.integers(2):
        normals = rng.normal(size=(8, 3))
        columns["NORMAL"] = normals / np.linalg.norm(normals, axis=1, keepdims=True)
    return tiny.mesh(points, rng.permutation(8)[:6] if indexed else None, mode=mode, **columns)


def _skin(tiny: TinyGltf, rng: np.random.Generator, draw: Any) -> None:
    """One more node with a mesh that two random nodes carry."""
    mesh = _mesh(tiny, rng, 4, False)
    attributes = tiny.document["meshes"][mesh]["primitives"][0]["attributes"]
    weights = rng.uniform(0.1, 1, (8, 4)) * [1, 1, 0, 0]
    attributes["WEIGHTS_0"] = tiny.accessor(weights / weights.sum(1, keepdims=True))
    count = len(tiny.document["nodes"])
    joints = sorted(
        {draw(st.integers(0, count - 1)), draw(st.integers(0, count - 1))}, reverse=draw(st.booleans())
    )
    attributes["JOINTS_0"] = tiny.accessor(np.tile([0, len(joints) - 1, 0, 0], (8, 1)), "u2")
    inverse = np.tile(np.eye(4), (len(joints), 1, 1))
    inverse[:, :3, 3] = rng.normal(size=(len(joints), 3))
    tiny.node(name="skinned", mesh=mesh, skin=tiny.skin(joints, inverse))


def _move(tiny: TinyGltf, rng: np.random.Generator, draw: Any) -> None:
    """Linear and stepped motion of nodes without a matrix."""
    channels = []
    for number, node in enumerate(tiny.document["nodes"]):
        for path, width in (("translation", 3), ("rotation", 4), ("scale", 3)):
            if "matrix" not in node and draw(st.booleans()):
                values = rng.normal(size=(3, width)) + (2 if path == "scale" else 0)
                channels.append(
                    (number, path, [0.0, 0.5, 1.0], values, draw(st.sampled_from(["LINEAR", "STEP"])))
                )
    if channels:
        tiny.animation(channels)


@settings(
    max_examples=35,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_every_triangle_is_where_the_file_says(tmp_path: Path, data: st.DataObject) -> None:
    tiny = made(data.draw)
    # A folder each: pxr keeps layers by their path.
    out = Path(tempfile.mkdtemp(dir=tmp_path))
    file = tiny.write(tmp_path)
    written = write_package(Gltf()(Source(file)), out, "tiny")
    oracle = Oracle(file.read_bytes())
    opened = open_stage(out / written.root, probe=False)
    rate = opened.stage.GetTimeCodesPerSecond()
    assert [f.message for f in opened.findings if f.severity == "error"] == []
    # UsdSkel keeps the scales of moving joints as 16-bit numbers, and has no way to say a sheared joint that moves.
    moving = any("skin" in node for node in tiny.document["nodes"]) and bool(written.animations)
    if moving and any("matrix" in node for node in tiny.document["nodes"]):
        return
    reach, close = (2e-2, 5e-3) if moving else (1e-4, CLOSE)
    for seconds in (0.0, 0.25, 1.0):
        found = Oracle(bake_scene(read_snapshot(opened, seconds * rate)).data).triangles()
        assert distance(found, oracle.triangles(seconds), reach) < close, (seconds, tiny.document["nodes"])
