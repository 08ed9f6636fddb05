"""The judge's own geometry for exports: rings to pixels, rays against triangles, boxes into images, PLY files."""

import struct
from dataclasses import dataclass

import numpy as np

from twinstage.synth.verify.formats.folder import Folder

MOST_VERTICES = 5_000_000


# --- rings --------------------------------------------------------------------------------------------------------


def fill_rings(rings: list[list[float]], width: int, height: int) -> np.ndarray:
    """Pixels bool[height, width] whose centres lie inside of any ring (even-odd in a ring, union of rings).

    Rings are [x1, y1, x2, y2, ...] in pixel edges, as COCO has them; the union is what its toolkit makes of them.
    """
    out = np.zeros((height, width), bool)
    for ring in rings:
        points = np.asarray(ring, np.float64).reshape(-1, 2)
        out |= _fill(points, width, height)
    return out


def _fill(points: np.ndarray, width: int, height: int) -> np.ndarray:
    out = np.zeros((height, width), bool)
    x, y = points[:, 0], points[:, 1]
    x2, y2 = np.roll(x, -1), np.roll(y, -1)
    low, high = max(int(np.floor(y.min())), 0), min(int(np.ceil(y.max())) + 1, height)
    centres = np.arange(width) + 0.5
    for row in range(low, high):
        at = row + 0.5
        crossing = (y <= at) != (y2 <= at)
        if crossing.any():
            xs = x[crossing] + (at - y[crossing]) / (y2 - y)[crossing] * (x2 - x)[crossing]
            out[row] = (np.searchsorted(np.sort(xs), centres, side="right") % 2).astype(bool)
    return out


def ring_area(ring: list[float]) -> float:
    """Area of a ring [px^2], by the shoelace formula."""
    points = np.asarray(ring, np.float64).reshape(-1, 2)
    x, y = points[:, 0], points[:, 1]
    return float(abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2)


def ring_length(ring: list[float]) -> float:
    """Circumference of a ring [px]."""
    points = np.asarray(ring, np.float64).reshape(-1, 2)
    return float(np.linalg.norm(np.roll(points, -1, axis=0) - points, axis=1).sum())


def inside_ring(point: np.ndarray, ring: list[float]) -> bool:
    """Whether a point lies inside of a ring."""
    points = np.asarray(ring, np.float64).reshape(-1, 2)
    x, y = points[:, 0], points[:, 1]
    x2, y2 = np.roll(x, -1), np.roll(y, -1)
    crossing = (y <= point[1]) != (y2 <= point[1])
    xs = x[crossing] + (point[1] - y[crossing]) / (y2 - y)[crossing] * (x2 - x)[crossing]
    return bool((xs > point[0]).sum() % 2)


# --- boxes and cameras --------------------------------------------------------------------------------------------


def projected(K: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Places [n, 2] [px] of camera-space points [n, 3] (OpenCV axes) in front of the camera."""
    out = points @ K.T
    return np.asarray(out[:, :2] / out[:, 2:])


def box_in_image(K: np.ndarray, corners: np.ndarray, near: float = 1e-3) -> np.ndarray | None:
    """[left, top, right, bottom] [px] around a convex body's eight corners; None where it lies behind the camera.

    Corner i and j share an edge where their numbers differ in one bit; edges are cut at the near plane.
    """
    front = [p for p in corners if p[2] >= near]
    for i in range(8):
        for bit in (1, 2, 4):
            a, b = corners[i], corners[i ^ bit]
            if (a[2] < near) != (b[2] < near):
                front.append(a + (near - a[2]) / (b[2] - a[2]) * (b - a))
    if not front:
        return None
    places = projected(K, np.array(front))
    return np.concatenate([places.min(0), places.max(0)])


# --- models -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Mesh:
    """Vertices f8[n, 3] and triangles i8[m, 3]."""

    vertices: np.ndarray
    triangles: np.ndarray


_PLY = {
    "char": "i1", "uchar": "u1", "short": "i2", "ushort": "u2", "int": "i4", "uint": "u4", "float": "f4",
    "double": "f8", "int8": "i1", "uint8": "u1", "int16": "i2", "uint16": "u2", "int32": "i4", "uint32": "u4",
    "float32": "f4", "float64": "f8",
}  # fmt: skip


def read_ply(folder: Folder, name: str) -> Mesh:
    """Vertices and (fanned) faces of a PLY file, text or binary. Raises ValueError."""
    data = folder.bytes(name)
    end = data.find(b"end_header")
    if not data.startswith(b"ply") or end < 0 or end > 65536:
        raise ValueError("is no PLY file")
    start = data.index(b"\n", end) + 1
    kind, elements = _ply_header(data[:end].decode("ascii", "replace").split("\n"))
    for _, count, _ in elements:
        if not 0 <= count <= MOST_VERTICES or count > len(data):
            raise ValueError(f"promises {count} elements in {len(data)} bytes")
    try:
        if kind == "ascii":
            return _ply_text(data[start:].decode("ascii").split("\n"), elements)
        return _ply_binary(data[start:], elements, "<" if kind == "binary_little_endian" else ">")
    except (struct.error, IndexError, KeyError, TypeError) as error:
        raise ValueError(f"is a damaged PLY file ({error})") from None


_Elements = list[tuple[str, int, list[list[str]]]]


def _ply_header(lines: list[str]) -> tuple[str, _Elements]:
    kind = ""
    elements: _Elements = []
    for words in (line.split() for line in lines):
        if words[:1] == ["format"] and len(words) > 1:
            kind = words[1]
        elif words[:1] == ["element"] and len(words) == 3 and words[2].isdigit():
            elements.append((words[1], int(words[2]), []))
        elif words[:1] == ["property"] and elements and len(words) in (3, 5):
            elements[-1][2].append(words[1:])
    if kind not in ("ascii", "binary_little_endian", "binary_big_endian"):
        raise ValueError("is a PLY file of no known kind")
    return kind, elements


def _place(properties: list[list[str]]) -> list[int]:
    names = [p[-1] for p in properties]
    return [names.index(axis) for axis in "xyz"] if all(axis in names for axis in "xyz") else []


def _ply_text(lines: list[str], elements: _Elements) -> Mesh:
    vertices, faces, at = np.empty((0, 3)), [], 0
    for name, count, properties in elements:
        rows = [line.split() for line in lines[at : at + count]]
        at += count
        if name == "vertex":
            vertices = np.array([[float(row[i]) for i in _place(properties)] for row in rows]).reshape(-1, 3)
        elif name == "face":
            faces = [[int(v) for v in row[1 : 1 + int(row[0])]] for row in rows]
    return _mesh(vertices, faces)


def _ply_binary(data: bytes, elements: _Elements, order: str) -> Mesh:
    vertices, faces, at = np.empty((0, 3)), [], 0
    for name, count, properties in elements:
        lists = [p for p in properties if p[0] == "list"]
        if not lists:
            dtype = np.dtype([(p[-1], order + _PLY[p[0]]) for p in properties])
            rows = np.frombuffer(data, dtype, count, at)
            at += count * dtype.itemsize
            if name == "vertex":
                vertices = np.stack([rows[a].astype(np.float64) for a in "xyz"], -1)
        else:
            for _ in range(count):
                for p in properties:
                    if p[0] != "list":
                        at += np.dtype(_PLY[p[0]]).itemsize
                        continue
                    first = np.dtype(order + _PLY[p[1]])
                    each = np.dtype(order + _PLY[p[2]])
                    length = int(np.frombuffer(data, first, 1, at)[0])
                    at += first.itemsize
                    if name == "face" and p[-1] in ("vertex_indices", "vertex_index"):
                        faces.append(np.frombuffer(data, each, length, at).astype(int).tolist())
                    at += length * each.itemsize
    return _mesh(vertices, faces)


def _mesh(vertices: np.ndarray, faces: list[list[int]]) -> Mesh:
    triangles = [(f[0], f[i], f[i + 1]) for f in faces for i in range(1, len(f) - 1)]
    table = np.array(triangles, np.int64).reshape(-1, 3)
    if not len(vertices) or not np.isfinite(vertices).all():
        raise ValueError("has no vertices, or one that is not finite")
    if table.size and not (table.min() >= 0 and table.max() < len(vertices)):
        raise ValueError("has a face of a vertex that is not there")
    return Mesh(vertices, table)


def first_hits(mesh: Mesh, R: np.ndarray, t: np.ndarray, rays: np.ndarray, near: float = 0.0) -> np.ndarray:
    """Depth z f8[n] of the nearest triangle beyond `near` along rays [n, 3] (z = 1); infinite where none is hit.

    Möller and Trumbore 1997, "Fast, minimum storage ray/triangle intersection", in the camera's space. Its triple products are
    written with the ray's direction as the last factor, so the other two are one vector a triangle.
    """
    corners = (mesh.vertices @ R.T + t)[mesh.triangles]
    a = corners[:, 0]
    e1, e2 = corners[:, 1] - a, corners[:, 2] - a
    of_determinant, of_u, of_v = np.cross(e2, e1).T, np.cross(a, e2).T, np.cross(e1, a).T
    of_z = np.einsum("tk,kt->t", e2, of_v)
    out = np.full(len(rays), np.inf)
    step = max(1, 2_000_000 // max(len(a), 1))
    for begin in range(0, len(rays), step):
        d = rays[begin : begin + step]
        determinant = d @ of_determinant
        with np.errstate(divide="ignore", invalid="ignore"):
            f = 1 / determinant
            u, v, z = f * (d @ of_u), f * (d @ of_v), f * of_z
            hit = (
                (u >= -1e-9) & (v >= -1e-9) & (u + v <= 1 + 1e-9) & (z > near) & (np.abs(determinant) > 1e-15)
            )
        out[begin : begin + step] = np.where(hit, z, np.inf).min(1, initial=np.inf)
    return out
