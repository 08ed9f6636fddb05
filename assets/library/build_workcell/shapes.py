"""Polygon shapes with soft edges, in metres.

Every edge that would be sharp gets a narrow bevel whose vertices carry the normals of the flat faces beside it, so a
renderer that interpolates normals shows a rounded edge at the cost of one extra ring of faces, and no vertex has to
be split. Faces are counter-clockwise seen from outside.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

Outline = Sequence[tuple[float, float]]
Soft = tuple[np.ndarray, np.ndarray]
SMOOTH = math.cos(math.radians(38))


@dataclass(frozen=True)
class Shape:
    """points, normals f8[n, 3]; uv f8[n, 2] in metres along the surface; faces as tuples of vertex indices."""

    points: np.ndarray
    normals: np.ndarray
    uv: np.ndarray
    faces: tuple[tuple[int, ...], ...]

    def move(self, x: float = 0.0, y: float = 0.0, z: float = 0.0) -> "Shape":
        """Shifted."""
        return Shape(self.points + np.array((x, y, z)), self.normals, self.uv, self.faces)

    def turn(self, axis: str, degrees: float) -> "Shape":
        """Rotated about a coordinate axis through the origin."""
        m = rotation(axis, degrees)
        return Shape(self.points @ m.T, self.normals @ m.T, self.uv, self.faces)

    def fit_uv(self, u: float = 1.0, v: float = 1.0) -> "Shape":
        """With uv stretched to fill [0, u] x [0, v]."""
        low, high = self.uv.min(0), self.uv.max(0)
        return Shape(self.points, self.normals, (self.uv - low) / (high - low) * (u, v), self.faces)


def rotation(axis: str, degrees: float) -> np.ndarray:
    """Column-vector rotation matrix about "x", "y" or "z"; exact for multiples of 90 degrees."""
    c, s = round(math.cos(math.radians(degrees)), 15), round(math.sin(math.radians(degrees)), 15)
    return {
        "x": np.array([[1, 0, 0], [0, c, -s], [0, s, c]]),
        "y": np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]]),
        "z": np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]),
    }[axis]


def join(*shapes: Shape) -> Shape:
    """Several shapes as one."""
    faces: list[tuple[int, ...]] = []
    start = 0
    for shape in shapes:
        faces += [tuple(i + start for i in face) for face in shape.faces]
        start += len(shape.points)
    stack = [
        np.concatenate(arrays) for arrays in zip(*((s.points, s.normals, s.uv) for s in shapes), strict=True)
    ]
    return Shape(stack[0], stack[1], stack[2], tuple(faces))


def box(x: float, y: float, z: float, bevel: float = 0.006) -> Shape:
    """A box centred on the origin, its base at z = 0; bevels that nobody would see (under 3.5 mm) are left out."""
    half = np.array([x, y, z]) / 2
    b = 0.0 if bevel < 0.0035 else min(bevel, *(0.45 * 2 * half))
    points: list[np.ndarray] = []
    normals: list[np.ndarray] = []
    uv: list[tuple[float, float]] = []
    faces: list[tuple[int, ...]] = []
    corner: dict[tuple[int, tuple[int, ...]], int] = {}
    for axis in range(3):
        u, v = (axis + 1) % 3, (axis + 2) % 3
        for sign in (-1, 1):
            ring = []
            for su, sv in ((-1, -1), (1, -1), (1, 1), (-1, 1)):
                p = np.zeros(3)
                p[axis], p[u], p[v] = sign * half[axis], su * (half[u] - b), sv * (half[v] - b)
                key = [0, 0, 0]
                key[axis], key[u], key[v] = sign, su, sv
                corner[axis, tuple(key)] = len(points)
                ring.append(len(points))
                points.append(p)
                normals.append(np.eye(3)[axis] * sign)
                uv.append(_box_uv(p, axis, sign))
            faces.append(tuple(ring if sign > 0 else ring[::-1]))
    if b:
        faces += _box_bevels(corner)
    return Shape(np.array(points) + np.array((0, 0, z / 2)), np.array(normals), np.array(uv), tuple(faces))


def _box_uv(p: np.ndarray, axis: int, sign: int) -> tuple[float, float]:
    """Upright on the sides, x to the right on top."""
    if axis == 0:
        return (p[1] * sign, p[2])
    if axis == 1:
        return (-p[0] * sign, p[2])
    return (p[0], p[1] * sign)


def _box_bevels(corner: dict[tuple[int, tuple[int, ...]], int]) -> list[tuple[int, ...]]:
    """Twelve edge quads and eight corner triangles between the six faces."""
    faces: list[tuple[int, ...]] = []
    for axis in range(3):  # the edge runs along `axis`, between the faces u and v
        u, v = (axis + 1) % 3, (axis + 2) % 3
        for su in (-1, 1):
            for sv in (-1, 1):
                low, high = [0, 0, 0], [0, 0, 0]
                low[axis], high[axis] = -1, 1
                low[u] = high[u] = su
                low[v] = high[v] = sv
                quad = (
                    corner[u, tuple(low)],
                    corner[v, tuple(low)],
                    corner[v, tuple(high)],
                    corner[u, tuple(high)],
                )
                faces.append(quad if su * sv > 0 else quad[::-1])
    for sx in (-1, 1):
        for sy in (-1, 1):
            for sz in (-1, 1):
                tri = tuple(corner[axis, (sx, sy, sz)] for axis in range(3))
                faces.append(tri if sx * sy * sz > 0 else tri[::-1])
    return faces


def soften(points: Outline, bevel: float, closed: bool) -> Soft:
    """A polyline with chamfered corners: positions f8[m, 2] and outward normals f8[m, 2] (right of the direction)."""
    p = np.asarray(points, np.float64)
    n = len(p)
    out_p, out_n = [], []
    for i in range(n):
        has_before, has_after = closed or i > 0, closed or i < n - 1
        before, after = p[i] - p[i - 1], p[(i + 1) % n] - p[i]
        d0 = before / np.linalg.norm(before) if has_before else after / np.linalg.norm(after)
        d1 = after / np.linalg.norm(after) if has_after else d0
        n0, n1 = np.array([d0[1], -d0[0]]), np.array([d1[1], -d1[0]])
        if d0 @ d1 > SMOOTH:
            out_p.append(p[i])
            out_n.append((n0 + n1) / np.linalg.norm(n0 + n1))
        else:
            out_p += [
                p[i] - d0 * min(bevel, 0.45 * np.linalg.norm(before)),
                p[i] + d1 * min(bevel, 0.45 * np.linalg.norm(after)),
            ]
            out_n += [n0, n1]
    return np.array(out_p), np.array(out_n)


def lathe(profile: Outline, n: int = 20, bevel: float = 0.004) -> Shape:
    """A body of revolution about z. `profile`: (radius, z) from the bottom to the top; radius 0 closes an end."""
    flat, slope = soften(profile, bevel, closed=False)
    length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(flat, axis=0), axis=1))])
    angle = 2 * math.pi * np.arange(n) / n
    wide = float(flat[:, 0].max())
    points: list[tuple[float, float, float]] = []
    normals: list[tuple[float, float, float]] = []
    uv: list[tuple[float, float]] = []
    rows: list[list[int]] = []
    for (r, z), (nr, nz), along in zip(flat, slope, length, strict=True):
        if r < 1e-9:
            rows.append([len(points)] * n)
            points.append((0.0, 0.0, z))
            normals.append((0.0, 0.0, math.copysign(1.0, nz)))
            uv.append((0.0, along))
            continue
        rows.append(list(range(len(points), len(points) + n)))
        for a in angle:
            points.append((r * math.cos(a), r * math.sin(a), z))
            normals.append((nr * math.cos(a), nr * math.sin(a), nz))
            uv.append((a * wide, along))
    faces = []
    for low, high in pairwise(rows):
        for j in range(n):
            k = (j + 1) % n
            quad = (low[j], low[k], high[k], high[j])
            faces.append(tuple(dict.fromkeys(quad)))
    return _with_area(Shape(np.array(points), np.array(normals), np.array(uv), tuple(faces)))


def _with_area(shape: Shape) -> Shape:
    """Without the faces between two rings in one place: a sharp edge has them where a soft one has its bevel."""
    corners = [shape.points[list(face)] for face in shape.faces]
    wide = [_area(c) > 1e-12 for c in corners]
    return Shape(
        shape.points, shape.normals, shape.uv, tuple(f for f, w in zip(shape.faces, wide, strict=True) if w)
    )


def _area(corners: np.ndarray) -> float:
    """Of a polygon [m2]."""
    rays = corners[1:] - corners[0]
    return float(np.linalg.norm(np.cross(rays[:-1], rays[1:]).sum(0)) / 2)


def cylinder(radius: float, height: float, n: int = 0, bevel: float = 0.004) -> Shape:
    """Upright, its base at z = 0; without `n`, as round as its size deserves."""
    n = n or next((count for limit, count in ((0.02, 8), (0.04, 12), (0.08, 16)) if radius < limit), 22)
    return lathe([(0, 0), (radius, 0), (radius, height), (0, height)], n, bevel)


def slab(outline: Outline, height: float, bevel: float = 0.006) -> Shape:
    """A convex outline (counter-clockwise, in xy) extruded from z = 0 to `height`."""
    flat, side = soften(outline, bevel, closed=True)
    b = min(bevel, 0.45 * height)
    inner = flat - side * b
    n = len(flat)
    rings = [
        (inner, 0.0, (0.0, 0.0, -1.0)),
        (flat, b, None),
        (flat, height - b, None),
        (inner, height, (0.0, 0.0, 1.0)),
    ]
    around = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(flat, axis=0), axis=1))])
    points, normals, uv = [], [], []
    for ring, z, normal in rings:
        for i in range(n):
            points.append((*ring[i], z))
            normals.append(normal or (*side[i], 0.0))
            uv.append((ring[i][0], ring[i][1]) if normal else (around[i], z))
    faces: list[tuple[int, ...]] = [tuple(range(n))[::-1], tuple(range(3 * n, 4 * n))]
    for r in range(3):
        faces += [
            (r * n + i, r * n + (i + 1) % n, (r + 1) * n + (i + 1) % n, (r + 1) * n + i) for i in range(n)
        ]
    return _with_area(Shape(np.array(points), np.array(normals), np.array(uv), tuple(faces)))


def tube(
    path: Sequence[Sequence[float] | np.ndarray], radius: float, n: int = 10, caps: bool = True
) -> Shape:
    """A pipe along a polyline of 3D points, mitred at the corners (round them with `bend`)."""
    p = np.asarray(path, np.float64)
    tangents = np.gradient(p, axis=0) if len(p) > 2 else np.repeat([p[1] - p[0]], 2, 0)
    for i in range(1, len(p) - 1):
        a, b = p[i] - p[i - 1], p[i + 1] - p[i]
        tangents[i] = a / np.linalg.norm(a) + b / np.linalg.norm(b)
    tangents /= np.linalg.norm(tangents, axis=1, keepdims=True)
    helper = np.eye(3)[int(np.argmin(np.abs(tangents[0])))]
    side = np.cross(tangents[0], helper)
    side /= np.linalg.norm(side)
    points, normals, uv = [], [], []
    for centre, tangent in zip(p, tangents, strict=True):
        side = side - tangent * (side @ tangent)
        side /= np.linalg.norm(side)
        up = np.cross(tangent, side)
        for j in range(n):
            a = 2 * math.pi * j / n
            out = math.cos(a) * side + math.sin(a) * up
            points.append(centre + radius * out)
            normals.append(out)
            uv.append((j / n, float(centre.sum())))
    faces: list[tuple[int, ...]] = []
    for i in range(len(p) - 1):
        faces += [
            (i * n + j, i * n + (j + 1) % n, (i + 1) * n + (j + 1) % n, (i + 1) * n + j) for j in range(n)
        ]
    if caps:
        for ring, tangent, order in ((0, -tangents[0], -1), (len(p) - 1, tangents[-1], 1)):
            start = len(points)
            points += points[ring * n : ring * n + n]
            normals += [tangent] * n
            uv += [(0.0, 0.0)] * n
            faces.append(tuple(range(start, start + n))[::order])
    return Shape(np.array(points), np.array(normals), np.array(uv), tuple(faces))


def bend(
    path: Sequence[Sequence[float]], radius: float, steps: int = 4
) -> list[Sequence[float] | np.ndarray]:
    """A polyline with its corners rounded."""
    p = [np.asarray(q, np.float64) for q in path]
    out = [p[0]]
    for a, b, c in zip(p, p[1:], p[2:], strict=False):
        start = b + (a - b) / np.linalg.norm(a - b) * radius
        end = b + (c - b) / np.linalg.norm(c - b) * radius
        for i in range(steps + 1):
            t = i / steps
            out.append((1 - t) ** 2 * start + 2 * t * (1 - t) * b + t**2 * end)
    return [*out, p[-1]]


def sheet(x: float, y: float) -> Shape:
    """A rectangle facing +z, centred on the origin; uv in metres from its lower left corner."""
    points = np.array([(-x / 2, -y / 2, 0), (x / 2, -y / 2, 0), (x / 2, y / 2, 0), (-x / 2, y / 2, 0)])
    return Shape(
        points, np.repeat([[0.0, 0, 1]], 4, 0), points[:, :2] + np.array((x / 2, y / 2)), ((0, 1, 2, 3),)
    )


def rounded(x: float, y: float, radius: float, steps: int = 4) -> list[tuple[float, float]]:
    """The outline of a rectangle with round corners, centred on the origin, counter-clockwise."""
    out = []
    for k, (sx, sy) in enumerate(((1, 1), (-1, 1), (-1, -1), (1, -1))):
        for i in range(steps + 1):
            a = math.pi / 2 * (k + i / steps)
            cx, cy = sx * (x / 2 - radius), sy * (y / 2 - radius)
            out.append((cx + radius * math.cos(a), cy + radius * math.sin(a)))
    return out


def belt_outline(
    x0: float, y0: float, r0: float, x1: float, y1: float, r1: float, steps: int = 6
) -> list[tuple[float, float]]:
    """The convex hull of two circles (like a belt round two pulleys), counter-clockwise."""
    dx, dy = x1 - x0, y1 - y0
    distance, heading = math.hypot(dx, dy), math.atan2(dy, dx)
    lean = math.acos((r0 - r1) / distance)
    out = []
    for i in range(steps + 1):  # round the second circle, from its right tangent point to its left
        a = heading - lean + 2 * lean * i / steps
        out.append((x1 + r1 * math.cos(a), y1 + r1 * math.sin(a)))
    for i in range(steps + 1):
        a = heading + lean + (2 * math.pi - 2 * lean) * i / steps
        out.append((x0 + r0 * math.cos(a), y0 + r0 * math.sin(a)))
    return out
