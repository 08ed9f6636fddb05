"""The same yard, authored in metres and Z-up and in another unit and Y-up: the same SI poses and the same labels.

The numbers are plain decimals (millimetres of a metre), as a designer types them; nothing is a power of two. In the Y-up
file every vector is turned (x, y, z) -> (x, z, -y), down to the points of the meshes.
"""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from twinstage.render.camera import camera_from_scene, find_camera, look_at
from twinstage.render.labels import label_pass
from twinstage.scene.read import read_snapshot
from twinstage.scene.snapshot import Snapshot
from twinstage.scene.stage import open_stage

FACES = [(0, 3, 2, 1), (4, 5, 6, 7), (0, 1, 5, 4), (1, 2, 6, 5), (2, 3, 7, 6), (3, 0, 4, 7)]


class Author:
    """Writes lengths and directions for one unit and one up axis; all arguments are metres and Z-up."""

    def __init__(self, units: float, up: str) -> None:
        self.units, self.up = units, up

    def turned(self, v: Iterable[float]) -> tuple[float, float, float]:
        x, y, z = v
        return (x, z, -y) if self.up == "Y" else (x, y, z)

    def length(self, value: float) -> str:
        return f"{round(value / self.units, 9):.12g}"

    def vector(self, v: Iterable[float]) -> str:
        return "(" + ", ".join(self.length(c) for c in self.turned(v)) + ")"

    def points(self, values: Iterable[Iterable[float]]) -> str:
        return "[" + ", ".join(self.vector(v) for v in values) + "]"

    def quat(self, real: float, axis: Iterable[float]) -> str:
        return f"({real:.9g}, " + ", ".join(f"{c:.9g}" for c in self.turned(axis)) + ")"

    def pose(self, at: Iterable[float], real: float, axis: Iterable[float]) -> str:
        return (
            f"double3 xformOp:translate = {self.vector(at)}\nquatd xformOp:orient = {self.quat(real, axis)}\n"
            'uniform token[] xformOpOrder = ["xformOp:translate", "xformOp:orient"]\n'
        )

    def mesh(self, name: str, corners: Iterable[Iterable[float]]) -> str:
        counts = ", ".join("4" for _ in FACES)
        indices = ", ".join(str(i) for face in FACES for i in face)
        return (
            f'def Mesh "{name}" {{\npoint3f[] points = {self.points(corners)}\nint[] faceVertexCounts = [{counts}]\n'
            f'int[] faceVertexIndices = [{indices}]\nuniform token subdivisionScheme = "none"\n}}\n'
        )


def hexahedron(rng: np.random.Generator, size: float) -> np.ndarray:
    signs = np.array(
        [(-1, -1, -1), (1, -1, -1), (1, 1, -1), (-1, 1, -1), (-1, -1, 1), (1, -1, 1), (1, 1, 1), (-1, 1, 1)]
    )
    return (signs * size / 2 + rng.uniform(-0.05, 0.05, (8, 3))).round(3)


def rotation(rng: np.random.Generator) -> tuple[float, list[float]]:
    q = rng.normal(size=4)
    q /= np.linalg.norm(q)
    return float(q[0]), q[1:].tolist()


LABELLED = '(\nprepend apiSchemas = ["SemanticsLabelsAPI:class"]\n)'


def yard(author: Author, seed: int) -> str:
    """Meshes under two levels of transforms, cubes, a cylinder, native instances, points and a camera."""
    rng = np.random.default_rng(seed)
    body = f'class Xform "_Part"\n{{\n{author.mesh("Body", hexahedron(rng, 0.3))}}}\n'
    body += 'def Xform "Yard"\n{\n' + author.pose((0.137, -0.211, 0.093), *rotation(rng))
    for k in range(12):
        at = rng.uniform(-1.5, 1.5, 3).round(3)
        kind = k % 4
        label = f'token[] semantics:labels:class = ["thing{k}"]\n'
        if kind == 0:
            inside = author.mesh("Shape", hexahedron(rng, 0.45))
        elif kind == 1:
            inside = f'def Cube "Shape" {{\ndouble size = {author.length(0.427)}\n}}\n'
        elif kind == 2:
            axis = {"Z": "Z", "Y": "Y"}[author.up]
            inside = (
                f'def Cylinder "Shape" {{\nuniform token axis = "{axis}"\n'
                f"double height = {author.length(0.613)}\ndouble radius = {author.length(0.171)}\n}}\n"
            )
        else:
            inside = 'def Xform "Shape" (\ninstanceable = true\nreferences = </_Part>\n) {\n}\n'
        body += f'def Xform "T{k}" {LABELLED}\n{{\n{label}{author.pose(at, *rotation(rng))}{inside}}}\n'
    at = rng.uniform(-1.5, 1.5, (9, 3)).round(3)
    quats = ", ".join(author.quat(*rotation(rng)) for _ in range(9))
    body += (
        f'def PointInstancer "Points"\n{{\npoint3f[] positions = {author.points(at)}\nquatf[] orientationsf = [{quats}]\n'
        f"int[] protoIndices = [{', '.join('0' * 9)}]\nrel prototypes = </Yard/Points/Part>\n"
        f"{author.mesh('Part', hexahedron(rng, 0.25))}}}\n}}\n"
    )
    # A USD camera looks along its own -Z in any stage: the world turns, its own axes do not.
    body += 'def Camera "Eye"\n{\n'
    eye = look_at((3.1, -2.7, 2.3), (0.1, 0.05, 0.0)).world_from_camera @ np.diag([1.0, -1.0, -1.0, 1.0])
    stage_from_twin = np.eye(4)
    if author.up == "Y":
        stage_from_twin[:3, :3] = [[1, 0, 0], [0, 0, 1], [0, -1, 0]]
    rows = (stage_from_twin @ eye).T
    rows[3, :3] /= author.units
    text = ", ".join("(" + ", ".join(f"{v:.17g}" for v in row) + ")" for row in rows)
    return (
        body
        + f'matrix4d xformOp:transform = ({text})\nuniform token[] xformOpOrder = ["xformOp:transform"]\n}}\n'
    )


def read(folder: Path, units: float, up: str, seed: int) -> Snapshot:
    path = folder / f"yard_{up}_{units}.usda"
    header = f'#usda 1.0\n(\nupAxis = "{up}"\nmetersPerUnit = {units}\n)\n'
    path.write_text(header + yard(Author(units, up), seed))
    return read_snapshot(open_stage(path, probe=False))


@pytest.mark.parametrize("units", [0.01, 0.001, 0.0254, 1.0])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_labels_and_poses_do_not_depend_on_units_and_axes(tmp_path: Path, units: float, seed: int) -> None:
    here, there = read(tmp_path, 1.0, "Z", seed), read(tmp_path, units, "Y", seed)
    assert list(here.prims.path) == list(there.prims.path)
    assert here.objects == there.objects
    apart = np.abs(here.node_world[:, :3, 3] - there.node_world[:, :3, 3])
    assert apart[: len(here.prims)].max() <= 1e-9
    assert apart[len(here.prims) :].max() <= 3e-7  # USD keeps the positions of points as float32
    # An axis of a node in the Y-up file is the turned axis of its twin in the Z-up file.
    turned = there.node_world[:, :3, :3] @ np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
    bodies = np.array([t != "Camera" for t in here.prims.type_name] + [True] * len(here.points))
    assert np.abs(here.node_world[bodies, :3, :3] - turned[bodies]).max() <= 1e-9
    cameras = [camera_from_scene(s, find_camera(s, "Eye"), 320, 240) for s in (here, there)]
    assert np.abs(cameras[0].world_from_camera - cameras[1].world_from_camera).max() <= 1e-9
    seen = [label_pass(s, cameras[0]) for s in (here, there)]
    ids = [capture.aovs["object"] for capture in seen]
    assert len(np.unique(ids[0])) > 8
    assert np.array_equal(ids[0], ids[1])
    depths = [capture.aovs["depth"] for capture in seen]
    assert np.array_equal(np.isinf(depths[0]), np.isinf(depths[1]))
    assert np.allclose(depths[0], depths[1], rtol=0, atol=1e-5)
    for one, other in zip(seen[0].objects, seen[1].objects, strict=True):
        assert one.object == other.object and np.array_equal(one.amodal, other.amodal)
        assert one.amodal_px_total == other.amodal_px_total
