"""Triangles for USD's intrinsic shapes, each with the greatest distance from the true surface. numpy only.

Round shapes get `SEGMENTS` segments a turn: the chord error is then radius * (1 - cos(pi / SEGMENTS)), a thousandth
of the radius. All shapes have their axis along +Z and are turned by the caller; normals are the true surface's.
"""

from dataclasses import dataclass
from functools import cache
from itertools import product

import numpy as np

from twinstage.scene.columns import F8, I8

SEGMENTS = 72
RINGS = 18
"""Rings from pole to equator: a quarter turn at the same angle a step."""
SPLITS = 24
"""Parts of an octahedron's edge on a sphere: the chord error is that of `SEGMENTS` and `RINGS`, or less."""
CHORD = 1.0 - float(np.cos(np.pi / SEGMENTS))


@dataclass(frozen=True, slots=True)
class Shape:
    """points f8[v, 3], unit normals f8[v, 3], triangles i8[t, 3] counter-clockwise seen from outside, chord error."""

    points: F8
    normals: F8
    triangles: I8
    chord_error: float = 0.0


def cube(size: float) -> Shape:
    """A cube of that edge length, centred."""
    faces = []
    for axis in range(3):
        for sign in (1.0, -1.0):
            u, v = np.eye(3)[(axis + 1) % 3], np.eye(3)[(axis + 2) % 3]
            n = np.eye(3)[axis] * sign
            corners = np.array([n - u * sign - v, n + u * sign - v, n + u * sign + v, n - u * sign + v])
            faces.append((corners * size / 2, np.tile(n, (4, 1))))
    quad = np.array([[0, 1, 2], [0, 2, 3]])
    triangles = np.concatenate([quad + 4 * k for k in range(6)])
    return Shape(np.concatenate([f[0] for f in faces]), np.concatenate([f[1] for f in faces]), triangles)


def plane(width: float, length: float) -> Shape:
    """A rectangle in the xy plane facing +Z: width along x, length along y."""
    corners = np.array([[-1.0, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]]) * [width / 2, length / 2, 0]
    return Shape(corners, np.tile([0.0, 0.0, 1.0], (4, 1)), np.array([[0, 1, 2], [0, 2, 3]]))


def revolve(radius: np.ndarray, height: np.ndarray, normal: np.ndarray) -> Shape:
    """A surface of revolution about Z from a profile that runs upwards.

    `radius`, `height` [k]; `normal` [k, 2]: (outward, up) components of the unit normal at each profile point.
    """
    turn = np.linspace(0.0, 2 * np.pi, SEGMENTS, endpoint=False)
    cos, sin = np.cos(turn), np.sin(turn)
    k = len(radius)
    points = np.stack(
        [
            np.outer(radius, cos),
            np.outer(radius, sin),
            np.repeat(np.asarray(height, float)[:, None], SEGMENTS, 1),
        ],
        -1,
    )
    normals = np.stack(
        [np.outer(normal[:, 0], cos), np.outer(normal[:, 0], sin), np.repeat(normal[:, 1:], SEGMENTS, 1)], -1
    )
    here = np.arange(SEGMENTS)
    there = (here + 1) % SEGMENTS
    triangles = [np.empty((0, 3), np.int64)]
    for row in range(k - 1):
        low, high = row * SEGMENTS, (row + 1) * SEGMENTS
        if radius[row] > 0:
            triangles.append(np.stack([low + here, low + there, high + there], -1))
        if radius[row + 1] > 0:
            triangles.append(np.stack([low + here, high + there, high + here], -1))
    chord = float(np.max(radius)) * CHORD
    return Shape(points.reshape(-1, 3), normals.reshape(-1, 3), np.concatenate(triangles), chord)


def disk(radius: float, height: float, *, up: bool) -> Shape:
    """A flat cap at that height, facing up or down."""
    turn = np.linspace(0.0, 2 * np.pi, SEGMENTS, endpoint=False)
    rim = np.stack([radius * np.cos(turn), radius * np.sin(turn), np.full(SEGMENTS, height)], -1)
    points = np.concatenate([[[0.0, 0.0, height]], rim])
    here = np.arange(SEGMENTS) + 1
    there = np.roll(here, -1)
    centre = np.zeros(SEGMENTS, np.int64)
    triangles = np.stack([centre, here, there] if up else [centre, there, here], -1)
    return Shape(
        points, np.tile([0.0, 0.0, 1.0 if up else -1.0], (len(points), 1)), triangles, radius * CHORD
    )


def join(*shapes: Shape) -> Shape:
    """Several shapes as one."""
    offsets = np.cumsum([0, *(len(s.points) for s in shapes[:-1])])
    return Shape(
        np.concatenate([s.points for s in shapes]),
        np.concatenate([s.normals for s in shapes]),
        np.concatenate([s.triangles + k for s, k in zip(shapes, offsets, strict=True)]),
        max(s.chord_error for s in shapes),
    )


def sphere(radius: float) -> Shape:
    """A sphere, the same whichever axis is up: an octahedron whose faces are split evenly and blown up."""
    normals, triangles = _unit_sphere()
    points = radius * normals
    corners = points[triangles]
    # The middle of a facet is its deepest place: its corners lie on the sphere.
    plane = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    area = np.linalg.norm(plane, axis=1)
    depth = np.abs((corners[:, 0] * plane).sum(1))[area > 0] / area[area > 0]
    error = radius - float(depth.min()) if len(depth) else 0.0
    return Shape(points, normals, triangles if radius > 0 else triangles[:0], error)


@cache
def _unit_sphere() -> tuple[F8, I8]:
    """Points f8[v, 3] on the unit sphere and triangles i8[t, 3], counter-clockwise seen from outside.

    Each point is a whole-number triple, scaled: so points that are images of each other under a turn by 90 degrees, or a
    reflection, are so to the last bit.
    """
    number: dict[tuple[int, int, int], int] = {}
    triangles = []
    for sx, sy, sz in product((1, -1), repeat=3):

        def at(i: int, j: int, signs: tuple[int, int, int] = (sx, sy, sz)) -> int:
            whole = (signs[0] * i, signs[1] * j, signs[2] * (SPLITS - i - j))
            return number.setdefault(whole, len(number))

        turn = 1 if sx * sy * sz > 0 else -1
        for i in range(SPLITS):
            for j in range(SPLITS - i):
                triangles.append((at(i, j), at(i + 1, j), at(i, j + 1))[::turn])
                if i + j < SPLITS - 1:
                    triangles.append((at(i + 1, j), at(i + 1, j + 1), at(i, j + 1))[::turn])
    whole = np.array(list(number), np.int64)
    return whole / np.sqrt((whole**2).sum(1))[:, None], np.array(triangles, np.int64)


def ball(segments: int, rings: int) -> Shape:
    """A unit sphere of few triangles: `segments` a turn, `rings` (even) from pole to pole."""
    up = np.linspace(-np.pi / 2, np.pi / 2, rings + 1)[1:-1]
    turn = np.arange(segments) * (2 * np.pi / segments)
    cos, sin = np.cos(up)[:, None], np.broadcast_to(np.sin(up)[:, None], (len(up), segments))
    points = np.stack([cos * np.cos(turn), cos * np.sin(turn), sin], -1).reshape(-1, 3)
    points = np.concatenate([[[0.0, 0, -1]], points, [[0, 0, 1.0]]])
    ring = 1 + np.arange(len(up) * segments).reshape(len(up), segments)
    there = np.roll(ring, -1, 1)
    south = np.stack([np.zeros(segments, int), there[0], ring[0]], -1)
    north = np.stack([np.full(segments, len(points) - 1), ring[-1], there[-1]], -1)
    a, b, c, d = ring[:-1], there[:-1], there[1:], ring[1:]
    walls = np.stack([a, b, c, a, c, d], -1).reshape(-1, 3)
    error = 1 - float(np.cos(np.pi / segments) * np.cos(np.pi / 2 / rings))
    return Shape(points, points, np.concatenate([south, walls, north]), error)


def cylinder(height: float, bottom: float, top: float) -> Shape:
    """A closed cylinder or truncated cone, centred."""
    half = height / 2
    slope = np.array([height, bottom - top])
    length = np.linalg.norm(slope)
    normal = slope / length if length > 0 else np.array([1.0, 0.0])
    parts = [revolve(np.array([bottom, top]), np.array([-half, half]), np.tile(normal, (2, 1)))]
    if bottom > 0:
        parts.append(disk(bottom, -half, up=False))
    if top > 0:
        parts.append(disk(top, half, up=True))
    return join(*parts)


def cone(height: float, radius: float) -> Shape:
    """A closed cone with its tip at +Z, centred."""
    return cylinder(height, radius, 0.0)


def capsule(height: float, bottom: float, top: float) -> Shape:
    """A wall of that height between circles of those radii, with a spherical cap at each end that goes on smoothly.

    Equal radii give half-spheres. Where they differ the wall is a cone's, and the caps belong to the spheres that touch
    it along its ends (so does pxr's extent of a Capsule_1): more than half of the larger, less than half of the smaller.
    """
    slope = (bottom - top) / height if height > 1e-9 * max(bottom, top) else 0.0
    lean = float(np.arctan(slope))  # how far the wall's normal points up
    low = _cap(bottom, -height / 2, slope, np.linspace(-np.pi / 2, lean, RINGS + 1))
    high = _cap(top, height / 2, slope, np.linspace(lean, np.pi / 2, RINGS + 1))
    profile = np.concatenate([low, high])
    shape = revolve(profile[:, 0], profile[:, 1], profile[:, 2:])
    step = (np.pi / 2 + abs(lean)) / RINGS
    radius = max(bottom, top) * float(np.hypot(1.0, slope))
    error = radius * (1 - np.cos(np.pi / SEGMENTS) * np.cos(step / 2))
    return Shape(shape.points, shape.normals, shape.triangles, float(error))


def _cap(radius: float, height: float, slope: float, angle: np.ndarray) -> F8:
    """Profile (radius, height, normal outward, normal up) of the sphere that touches a wall of that slope at that height."""
    cos, sin = _poles(np.cos(angle)), np.sin(angle)
    size, centre = radius * float(np.hypot(1.0, slope)), height - radius * slope
    return np.stack([size * cos, centre + size * sin, cos, sin], -1)


def _poles(cos: np.ndarray) -> F8:
    return np.where(cos < 1e-12, 0.0, cos)
