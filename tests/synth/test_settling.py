"""Geometry for settling: convex pieces have the sizes that the gprims say, and hollow things stay hollow."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from twinstage.render.extents import Box
from twinstage.scene.read import read_snapshot
from twinstage.scene.snapshot import Snapshot
from twinstage.scene.stage import open_stage
from twinstage.synth.draws import Draws
from twinstage.synth.settling.drops import Place, ball_around, starts
from twinstage.synth.settling.pieces import connected, hull_corners, hull_piece, pieces_of
from twinstage.synth.settling.slabs import is_convex, static_pieces

CUBE_FACES = "026 064 157 173 045 051 237 276 013 032 467 475"
CUBE_TRIANGLES = np.array([[int(corner) for corner in face] for face in CUBE_FACES.split()])
CUBE = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], np.float64)


def read(folder: Path, body: str) -> Snapshot:
    stage = folder / "s.usda"
    stage.write_text(f'#usda 1.0\n(\n    metersPerUnit = 1\n    upAxis = "Z"\n)\n{body}')
    return read_snapshot(open_stage(stage, probe=False))


def only_piece(folder: Path, body: str) -> Any:
    (piece,) = pieces_of(read(folder, body), np.array([0]), np.eye(4))
    return piece


@pytest.mark.parametrize(
    ("gprim", "kind", "size"),
    [
        ('def Cube "C" { double size = 2 }', "box", (1, 1, 1)),
        ('def Sphere "C" { double radius = 0.3 }', "sphere", (0.3,)),
        (
            'def Cylinder "C" { double radius = 0.2; double height = 1; token axis = "Z" }',
            "cylinder",
            (0.2, 0.5),
        ),
        (
            'def Cylinder "C" { double radius = 0.2; double height = 0.4; token axis = "X" }',
            "cylinder",
            (0.2, 0.2),
        ),
        (
            'def Capsule "C" { double radius = 0.2; double height = 1; token axis = "Y" }',
            "capsule",
            (0.2, 0.5),
        ),
    ],
)
def test_gprims_are_the_primitives_that_they_say(tmp_path: Path, gprim: str, kind: str, size: Any) -> None:
    lines = gprim.replace("{ ", "{\n").replace(" }", "\n}").replace("; ", "\n")  # usda wants a line each
    piece = only_piece(tmp_path, lines)
    assert piece.kind == kind
    assert piece.size == pytest.approx(size, rel=1e-6)


@pytest.mark.parametrize(("axis", "column"), [("X", 0), ("Y", 1), ("Z", 2)])
def test_a_cylinder_lies_along_its_axis(tmp_path: Path, axis: str, column: int) -> None:
    piece = only_piece(
        tmp_path, f'def Cylinder "C"\n{{\ndouble radius = 0.2\ndouble height = 0.4\ntoken axis = "{axis}"\n}}'
    )
    assert np.abs(piece.frame[:3, 2]) == pytest.approx(np.eye(3)[column], abs=1e-9)
    assert np.linalg.det(piece.frame[:3, :3]) == pytest.approx(1.0)


def test_scale_goes_into_the_size_and_a_bent_sphere_is_an_ellipsoid(tmp_path: Path) -> None:
    ops = 'double3 xformOp:scale = (1, 2, 3)\nuniform token[] xformOpOrder = ["xformOp:scale"]'
    assert only_piece(tmp_path, f'def Cube "C"\n{{\ndouble size = 1\n{ops}\n}}').size == pytest.approx(
        (0.5, 1, 1.5)
    )
    bent = only_piece(tmp_path, f'def Sphere "C"\n{{\ndouble radius = 1\n{ops}\n}}')
    assert bent.kind == "ellipsoid" and bent.size == pytest.approx((1, 2, 3), rel=1e-6)
    squashed = only_piece(tmp_path, f'def Cylinder "C"\n{{\n{ops}\n}}')
    assert squashed.kind == "mesh"


def test_the_hull_keeps_the_support_in_every_direction() -> None:
    points = np.random.default_rng(1).normal(size=(400, 3)) * [2, 1, 0.5] + 3
    corners = hull_corners(points)
    ways = np.random.default_rng(2).normal(size=(500, 3))
    np.testing.assert_allclose((corners @ ways.T).max(0), (points @ ways.T).max(0), atol=1e-12)
    assert len(corners) < 100
    assert len(hull_corners(np.vstack([CUBE, CUBE * 0.5, [[0.1, 0.2, 0.3]]]))) == 8


def test_a_flat_sheet_becomes_a_thin_box() -> None:
    sheet = hull_piece(np.array([[0, 0, 1], [2, 0, 1], [2, 1, 1], [0, 1, 1]], np.float64))
    assert sheet.kind == "box"
    assert sorted(sheet.size) == pytest.approx([5e-4, 0.5, 1.0])
    assert sheet.frame[:3, 3] == pytest.approx([1, 0.5, 1])


def test_only_closed_convex_surfaces_count_as_convex() -> None:
    assert is_convex(CUBE[CUBE_TRIANGLES])
    assert not is_convex(CUBE[CUBE_TRIANGLES[:, ::-1]])  # seen from inside: a room
    assert not is_convex(CUBE[CUBE_TRIANGLES[2:]])  # a side is open
    dented = CUBE.copy()
    dented[7] = (-0.5, -0.5, -0.5)
    assert not is_convex(dented[CUBE_TRIANGLES])


ROOM = """
def Mesh "Room"
{{
    int[] faceVertexCounts = {counts}
    int[] faceVertexIndices = {corners}
    point3f[] points = {points}
    uniform token subdivisionScheme = "none"
}}
"""


def mesh(points: np.ndarray, triangles: np.ndarray) -> str:
    places = "[" + ", ".join(str(tuple(float(v) for v in p)) for p in points) + "]"
    return ROOM.format(counts=[3] * len(triangles), corners=triangles.ravel().tolist(), points=places)


def test_a_room_is_hollow_and_its_walls_stand_outside(tmp_path: Path) -> None:
    snapshot = read(tmp_path, mesh(CUBE, CUBE_TRIANGLES[:, ::-1]))
    pieces = static_pieces(snapshot, np.array([0]), Box(np.full(3, -2.0), np.full(3, 2.0)), who="x")
    assert len(pieces) == 6
    for piece in pieces:
        assert piece.kind == "box"
        assert np.abs(piece.frame[:3, 3]).max() == pytest.approx(
            1 + piece.size[2]
        )  # the inner side is the face
        assert sorted(piece.size)[1:] == pytest.approx([1, 1])


def test_parts_of_a_mesh_that_do_not_touch_are_pieces_of_their_own(tmp_path: Path) -> None:
    points, triangles = np.vstack([CUBE, CUBE + 5]), np.vstack([CUBE_TRIANGLES, CUBE_TRIANGLES + 8])
    snapshot = read(tmp_path, mesh(points, triangles))
    assert len(connected(snapshot.prototypes[0])) == 2
    assert len(pieces_of(snapshot, np.array([0]), np.eye(4), split=True)) == 2
    assert len(pieces_of(snapshot, np.array([0]), np.eye(4))) == 1
    near_one = Box(np.full(3, -2.0), np.full(3, 2.0))
    assert len(static_pieces(snapshot, np.array([0]), near_one, who="x")) == 1


def test_starts_are_apart_whatever_their_turns() -> None:
    sizes = np.random.default_rng(3).uniform(0.02, 0.1, (30, 3))
    balls = [ball_around(CUBE * size + size) for size in sizes]
    names = [f"/b{i}" for i in range(30)]
    place = Place(np.array([-0.3, -0.2]), np.array([0.3, 0.2]), 1.0)
    begin = starts(Draws(1, 2, "fall"), names, balls, [np.eye(3)] * 30, place, "random")
    middles = np.array([w[:3, :3] @ b.centre + w[:3, 3] for w, b in zip(begin, balls, strict=True)])
    radii = np.array([b.radius for b in balls])
    gaps = np.linalg.norm(middles[:, None] - middles[None], axis=-1) - radii[:, None] - radii[None]
    assert gaps[~np.eye(30, dtype=bool)].min() > 0
    assert (middles[:, 2] - radii).min() > 1.0
    assert np.abs(middles[:, 0]).max() <= 0.3 - radii.min()
    for world in begin:
        np.testing.assert_allclose(world[:3, :3] @ world[:3, :3].T, np.eye(3), atol=1e-12)
