"""Settling: what falls comes to rest as bodies do. Judged by closed forms and by separating axes, not by the simulation."""

import hashlib
import os
import subprocess
import sys
import time
from contextlib import suppress
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from twinstage.base.errors import UserError
from twinstage.scene.read import read_snapshot
from twinstage.scene.read.mechanics import with_mechanics
from twinstage.scene.snapshot import Snapshot
from twinstage.scene.stage import open_stage
from twinstage.synth.frame import FrameMaker
from twinstage.synth.randomizers import Rejected
from twinstage.synth.recipe import Recipe, parse_recipe

HEAD = '#usda 1.0\n(\n    defaultPrim = "W"\n    metersPerUnit = {mpu}\n    upAxis = "{up}"\n)\n'

CUBE = """
def Cube "{name}" {api}
{{
    double size = 1
    float3[] extent = [(-0.5, -0.5, -0.5), (0.5, 0.5, 0.5)]
    double3 xformOp:translate = ({x}, {y}, {z})
    double3 xformOp:scale = ({sx}, {sy}, {sz})
    uniform token[] xformOpOrder = ["xformOp:translate", "xformOp:scale"]
    {more}
}}
"""

BODY = """
def Xform "{name}" (kind = "component"; prepend apiSchemas = ["SemanticsLabelsAPI:class"])
{{
    token[] semantics:labels:class = ["part"]
    double3 xformOp:translate = ({x}, 0, 5)
    uniform token[] xformOpOrder = ["xformOp:translate"]
    {inside}
}}
"""

SIZE = np.array([0.1, 0.08, 0.06])
"""Edges of the falling boxes [m]."""


def cube(name: str, at: Any, size: Any, *, api: str = "", more: str = "") -> str:
    x, y, z = at
    sx, sy, sz = size
    return CUBE.format(name=name, x=x, y=y, z=z, sx=sx, sy=sy, sz=sz, api=api, more=more)


def bodies(count: int, inside: str = "") -> str:
    shape = inside or cube("Body", (0, 0, 0), SIZE)
    return "".join(BODY.format(name=f"P{i:02d}", x=0.3 * i, inside=shape) for i in range(count))


def bin_of_walls() -> str:
    walls = [
        ((0, 0, 0.005), (0.42, 0.32, 0.01)),
        ((-0.205, 0, 0.1), (0.01, 0.32, 0.2)),
        ((0.205, 0, 0.1), (0.01, 0.32, 0.2)),
        ((0, -0.155, 0.1), (0.42, 0.01, 0.2)),
        ((0, 0.155, 0.1), (0.42, 0.01, 0.2)),
    ]
    inside = "".join(cube(f"Wall{i}", at, size) for i, (at, size) in enumerate(walls))
    return f'def Xform "Bin"\n{{\n{inside}\n}}\n'


def bin_of_one_mesh() -> str:
    """The same bin as one closed mesh: outer box, inner box, rim."""
    outer, inner = (0.21, 0.16), (0.20, 0.15)
    points = [
        (sx * wide, sy * long, z)
        for wide, long, z in ((*outer, 0.0), (*outer, 0.2), (*inner, 0.2), (*inner, 0.01))
        for sx, sy in ((-1, -1), (1, -1), (1, 1), (-1, 1))
    ]
    faces = [(3, 2, 1, 0), (12, 13, 14, 15)]
    for ring in range(3):
        a = 4 * ring
        faces += [(a + k, a + (k + 1) % 4, a + 4 + (k + 1) % 4, a + 4 + k) for k in range(4)]
    flat = ", ".join(str(i) for face in faces for i in face)
    return f"""
def Mesh "Bin"
{{
    int[] faceVertexCounts = {[4] * len(faces)}
    int[] faceVertexIndices = [{flat}]
    point3f[] points = {points}
    float3[] extent = [(-0.21, -0.16, 0), (0.21, 0.16, 0.2)]
    uniform token subdivisionScheme = "none"
}}
"""


def write(folder: Path, body: str, *, up: str = "Z", mpu: float = 1.0) -> Path:
    """A stage whose world is the same in metres and Z-up, whatever its units and axes."""
    order = [f'"xformOp:{op}"' for op in (["rotateX"] if up == "Y" else []) + (["scale"] if mpu != 1 else [])]
    ops = f"double3 xformOp:scale = ({1 / mpu}, {1 / mpu}, {1 / mpu})\n" if mpu != 1 else ""
    ops += "float xformOp:rotateX = -90\n" if up == "Y" else ""
    ops += f"uniform token[] xformOpOrder = [{', '.join(order)}]\n"
    floor = cube("Floor", (0, 0, -0.5), (4, 4, 1))
    stage = folder / "w.usda"
    head = HEAD.format(mpu=mpu, up=up)
    stage.write_text(f'{head}def Xform "W"\n{{\n{ops}{floor}\n{body}\n}}\n')
    return stage


def recipe(**settings: Any) -> Recipe:
    settle = {"kind": "settle", "name": "fall", "prims": ["/W/P*"], **settings}
    return parse_recipe(
        {
            "stage": "w.usda",
            "seed": 5,
            "resolution": [80, 60],
            "cameras": [{"name": "c", "look_at": {"eye": [1, -1, 1.2], "target": [0, 0, 0]}}],
            "labels": {"part": None},
            "randomize": [settle],
            "engine": {"kind": "null"},
        }
    )


def settled(stage: Path, frame: int = 0, **settings: Any) -> tuple[Snapshot, dict[str, Any]]:
    made = FrameMaker(recipe(**settings), stage.parent).randomized(frame)
    return made.snapshot, made.draws["fall"]["rest"]


def worlds(snapshot: Snapshot) -> dict[str, np.ndarray]:
    """World matrices of the falling prims, without scale."""
    found = {p: i for p, i in snapshot.prims.index_of.items() if p.startswith("/W/P") and p.count("/") == 2}
    out = {path: np.array(snapshot.node_world[i]) for path, i in found.items()}
    for matrix in out.values():
        matrix[:3, :3] /= np.linalg.norm(matrix[:3, :3], axis=0)
    return out


def overlap(a: np.ndarray, b: np.ndarray, half: np.ndarray) -> float:
    """How deep two equal boxes are in each other: the least overlap over all separating axes (Gottschalk 1996) [m]."""
    axes = [*a[:3, :3].T, *b[:3, :3].T]
    axes += [np.cross(u, v) for u in a[:3, :3].T for v in b[:3, :3].T]
    least = np.inf
    for axis in axes:
        length = np.linalg.norm(axis)
        if length < 1e-6:
            continue
        n = axis / length
        reach = sum(half @ np.abs(m[:3, :3].T @ n) for m in (a, b))
        least = min(least, float(reach - abs((b[:3, 3] - a[:3, 3]) @ n)))
    return least


def corners(world: np.ndarray, size: np.ndarray = SIZE) -> np.ndarray:
    signs = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)])
    return (signs * size / 2) @ world[:3, :3].T + world[:3, 3]


@pytest.mark.parametrize(("up", "mpu"), [("Z", 1.0), ("Y", 0.01)])
def test_a_box_comes_to_rest_on_a_face(tmp_path: Path, up: str, mpu: float) -> None:
    stage = write(tmp_path, bodies(1), up=up, mpu=mpu)
    faces = set()
    for frame in range(6):
        snapshot, rest = settled(stage, frame, onto="/W/Floor", spread=0.2)
        world = worlds(snapshot)["/W/P00"]
        down = int(np.argmax(np.abs(world[2, :3])))
        assert abs(world[2, down]) == pytest.approx(1.0, abs=1e-6)
        assert world[2, 3] == pytest.approx(SIZE[down] / 2, abs=1e-4)
        assert np.linalg.norm(world[:2, 3]) < 0.5
        assert rest["max_speed"] < 0.005 and rest["max_spin"] < 0.05 and rest["max_penetration"] < 5e-4
        faces.add(down)
    assert len(faces) > 1  # not always the same one


@pytest.mark.parametrize("container", [bin_of_walls, bin_of_one_mesh])
def test_a_filled_bin_holds_all_boxes_apart(tmp_path: Path, container: Any) -> None:
    stage = write(tmp_path, container() + bodies(12))
    made = 0
    for frame in range(4):
        try:
            snapshot, _ = settled(stage, frame, into="/W/Bin")
        except Rejected:
            continue
        made += 1
        found = worlds(snapshot)
        for a, b in combinations(found.values(), 2):
            assert overlap(a, b, SIZE / 2) < 5e-4
        every = np.concatenate([corners(world) for world in found.values()])
        assert every[:, 2].min() > 0.01 - 5e-4  # on the bin's floor, not in it
        below = every[every[:, 2] < 0.2 - 5e-4]
        assert np.abs(below[:, 0]).max() < 0.2 + 5e-4 and np.abs(below[:, 1]).max() < 0.15 + 5e-4
        assert every[:, 2].max() > 0.1  # some lie on others
    assert made >= 3


def test_a_pile_on_the_floor_is_higher_than_one_layer_and_nothing_floats(tmp_path: Path) -> None:
    stage = write(tmp_path, bodies(10))
    snapshot, _ = settled(stage, onto="/W/Floor", spread=0.02)
    found = list(worlds(snapshot).values())
    for a, b in combinations(found, 2):
        assert overlap(a, b, SIZE / 2) < 5e-4
    for world in found:  # moved down by a millimetre, each would be in the floor or in another
        lower = world.copy()
        lower[2, 3] -= 1e-3
        hits = [overlap(lower, other, SIZE / 2) > 2e-4 for other in found if other is not world]
        assert any(hits) or corners(lower)[:, 2].min() < -2e-4


def test_the_same_bytes_in_another_process_with_other_threads(tmp_path: Path) -> None:
    stage = write(tmp_path, bin_of_walls() + bodies(8))
    script = (
        "import sys, hashlib, json; from pathlib import Path\n"
        "from twinstage.synth.frame import FrameMaker; from twinstage.synth.recipe import parse_recipe\n"
        "maker = FrameMaker(parse_recipe(json.loads(sys.argv[1])), Path(sys.argv[2]))\n"
        "print(hashlib.sha256(maker.layer(maker.randomized(2)).encode()).hexdigest())"
    )
    ours = recipe(into="/W/Bin")
    maker = FrameMaker(ours, tmp_path)
    maker.randomized(0)  # what was made before does not matter
    layer = maker.layer(maker.randomized(2))
    assert layer == maker.layer(maker.randomized(2))
    env = {**os.environ, "OMP_NUM_THREADS": "7", "OPENBLAS_NUM_THREADS": "3"}
    command = [sys.executable, "-c", script, ours.model_dump_json(exclude_none=True), str(tmp_path)]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == hashlib.sha256(layer.encode()).hexdigest()
    assert stage.exists()


def test_the_layer_reads_as_the_scene_that_was_labelled(tmp_path: Path) -> None:
    stage = write(tmp_path, bodies(3), up="Y", mpu=0.01)
    maker = FrameMaker(recipe(onto="/W/Floor", spread=0.1), tmp_path)
    made = maker.randomized(1)
    opened = open_stage(stage, probe=False)
    opened.layers.randomization.ImportFromString(maker.layer(made))
    np.testing.assert_allclose(read_snapshot(opened).node_world, made.snapshot.node_world, atol=1e-12)


def test_twenty_boxes_settle_in_a_second_and_a_half(tmp_path: Path) -> None:
    stage = write(tmp_path, bin_of_walls() + bodies(20))
    maker = FrameMaker(recipe(into="/W/Bin", orient="yaw"), stage.parent)
    began = time.process_time()
    with suppress(Rejected):  # the bin is rather full; the time is what counts here
        maker.randomized(0)
    assert time.process_time() - began < 1.5


@pytest.mark.parametrize(
    ("body", "settings", "reason"),
    [
        (bodies(2), {"onto": "/W/Floor", "duration": 0.1}, "still moves after 0.1 s"),
        (
            bodies(30) + bin_of_walls(),
            {"into": "/W/Bin", "orient": "yaw", "duration": 3.0},
            "on the rim|fell out|still moves",
        ),
        (
            bodies(1) + cube("Shelf", (0, 0, 0.1), (4, 4, 0.1)),
            {"onto": "/W/Floor"},
            "no free place to drop",
        ),
        (
            bodies(1),
            {"region": {"min": [5, 5, 0], "max": [6, 6, 1]}, "duration": 1.0},
            "still moves|fell out",
        ),
        (bodies(1), {"onto": "/W/Floor", "max_penetration": 1e-9}, "inside something"),
    ],
)
def test_a_rest_that_is_none_is_rejected_with_its_reason(
    tmp_path: Path, body: str, settings: dict[str, Any], reason: str
) -> None:
    with pytest.raises(Rejected, match=f"randomizer 'fall': .*({reason})"):
        settled(write(tmp_path, body), **settings)


def test_hidden_bodies_stay_out(tmp_path: Path) -> None:
    hidden = BODY.format(
        name="P99", x=1, inside='token visibility = "invisible"\n' + cube("B", (0, 0, 0), SIZE)
    )
    snapshot, rest = settled(write(tmp_path, bodies(2) + hidden), onto="/W/Floor")
    assert rest["bodies"] == 2
    assert worlds(snapshot)["/W/P99"][2, 3] == pytest.approx(5.0)


SLOPE = """
def Cube "Slope" (prepend apiSchemas = ["MaterialBindingAPI"])
{{
    double size = 1
    float3[] extent = [(-0.5, -0.5, -0.5), (0.5, 0.5, 0.5)]
    rel material:binding:physics = </W/Rubber>
    double3 xformOp:translate = (0, 0, 1)
    float xformOp:rotateY = 20
    double3 xformOp:scale = (3, 3, 0.1)
    uniform token[] xformOpOrder = ["xformOp:translate", "xformOp:rotateY", "xformOp:scale"]
}}
def Material "Rubber" (prepend apiSchemas = ["PhysicsMaterialAPI"])
{{
    float physics:dynamicFriction = {friction}
    float physics:density = 700
}}
"""


@pytest.mark.parametrize(("friction", "holds"), [(0.5, True), (0.2, False)])
def test_friction_of_the_stage_decides_whether_a_box_slides_down_a_slope(
    tmp_path: Path, friction: float, holds: bool
) -> None:
    """It slides where the slope's tangent (0.364) exceeds the friction; MuJoCo takes the greater of the two sides."""
    stage = write(tmp_path, SLOPE.format(friction=friction) + bodies(1))
    settings = {"onto": "/W/Slope", "friction": 0.0, "orient": "keep", "spread": 0.05, "duration": 4.0}
    if holds:
        snapshot, _ = settled(stage, **settings)
        assert worlds(snapshot)["/W/P00"][2, 3] > 0.9
    else:
        with pytest.raises(Rejected):
            settled(stage, **settings)


def test_masses_and_surfaces_are_read_in_si(tmp_path: Path) -> None:
    weight = 'def Scope "Own" (prepend apiSchemas = ["PhysicsMassAPI"])\n{\n    float physics:mass = 3\n}\n'
    stage = write(tmp_path, SLOPE.format(friction=0.3) + weight + bodies(1), mpu=0.01)
    opened = open_stage(stage, probe=False)
    mechanics = with_mechanics(read_snapshot(opened), opened).mechanics
    assert mechanics is not None
    assert mechanics.surfaces["/W/Slope"].friction == pytest.approx(0.3)
    assert mechanics.surfaces["/W/Slope"].density == pytest.approx(700 / 0.01**3)
    assert mechanics.surfaces["/W/Own"].mass == pytest.approx(3.0)
    assert set(mechanics.surfaces) == {"/W/Slope", "/W/Own"}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"onto": "/W/Flor"}, "no prim matches '/W/Flor', did you mean|no prim matches"),
        ({"onto": "/W/Floor", "prims": ["/W/P00", "/W/P00/Body"]}, "/W/P00/Body lies below /W/P00"),
        ({"onto": "/W/Floor", "prims": ["/W/Q*"]}, "no prim matches"),
    ],
)
def test_mistakes_are_told(tmp_path: Path, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        settled(write(tmp_path, bodies(1)), **settings)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "exactly one of onto, into and region"),
        ({"onto": "/W/Floor", "into": "/W/Bin"}, "exactly one of onto, into and region"),
        ({"region": {"min": [0, 0, 1], "max": [1, 1, 0]}}, "lies below min"),
        ({"onto": "/W/Floor", "orient": "sideways"}, "random"),
    ],
)
def test_bad_settings_are_refused_when_the_recipe_is_read(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        recipe(**settings)
