"""STL, binary and text -> one shape a solid, with equal corners joined.

Format: "StereoLithography Interface Specification", 3D Systems, 1988. Colours in the attribute bytes (two incompatible habits)
are left out with a note. What is broken is told: a cut file, triangles without area, numbers that are none, open edges.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from twinstage.assets.importing.meshes.shape import Shape
from twinstage.base.errors import UserError

_RECORD = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
_NUMBER = rb"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|[-+]?(?:nan|inf(?:inity)?)"
_VERTEX = re.compile(rb"\bvertex\s+(%b)\s+(%b)\s+(%b)" % (_NUMBER, _NUMBER, _NUMBER), re.IGNORECASE)


@dataclass(slots=True)
class StlFile:
    """Shapes, and what was wrong, in words."""

    shapes: list[Shape] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def read_stl(file: Path, data: bytes) -> StlFile:
    """The triangles of an STL file. Raises UserError where there are none, or the file was cut."""
    if len(data) >= 84:
        count = int.from_bytes(data[80:84], "little")
        if len(data) >= 84 + count * _RECORD.itemsize and count and not _is_text(data):
            return _binary(file, data, count)
    if _is_text(data):
        return _text(file, data)
    if len(data) < 84:
        raise UserError(f"{file}: {len(data)} bytes are too few for an STL file, whose header alone takes 84")
    count = int.from_bytes(data[80:84], "little")
    if count == 0:
        raise UserError(f"{file}: the STL file holds no triangles")
    held = (len(data) - 84) // _RECORD.itemsize
    raise UserError(
        f"{file}: its header promises {count:,} triangles, but the file ends after {held:,}; it was cut short"
    )


def _is_text(data: bytes) -> bool:
    head = data[:1024].lower()
    return head.lstrip().startswith(b"solid") and (b"facet" in head or b"endsolid" in head)


def _binary(file: Path, data: bytes, count: int) -> StlFile:
    rows = np.frombuffer(data, _RECORD, count, 84)
    out = StlFile()
    more = len(data) - 84 - count * _RECORD.itemsize
    if more:
        out.notes.append(f"{more:,} bytes after the last triangle were left out")
    if rows["attribute"].any():
        out.notes.append("attribute bytes, which some programs use for colours, were left out")
    corners = rows["corners"].astype(np.float64)
    out.notes += _normal_notes(corners, rows["normal"].astype(np.float64))
    _add(out, "", corners)
    if not out.shapes:
        raise UserError(f"{file}: none of its {count:,} triangles has an area")
    return out


def _text(file: Path, data: bytes) -> StlFile:
    out = StlFile()
    for solid in re.split(rb"(?im)^\s*(?=solid\b)", data):
        if not solid.strip():
            continue
        name = solid.split(b"\n", 1)[0].split(None, 1)[1:]
        corners = np.array(_VERTEX.findall(solid), dtype="S32").astype(np.float64)
        words = len(re.findall(rb"\bvertex\b", solid, re.IGNORECASE))
        if len(corners) != words:
            raise UserError(
                f"{file}: {words - len(corners)} of {words} lines 'vertex' do not hold three numbers"
            )
        facets = len(re.findall(rb"\bfacet\s", solid, re.IGNORECASE)) - len(
            re.findall(rb"\bendfacet\s", solid, re.IGNORECASE)
        )
        if len(corners) % 3 or (facets and b"endsolid" not in solid.lower()):
            raise UserError(f"{file}: the file ends within a facet; it was cut short")
        if len(corners):
            _add(out, b"".join(name).decode("utf-8", "replace").strip(), corners.reshape(-1, 3, 3))
    if not out.shapes:
        raise UserError(f"{file}: the STL file holds no triangles with an area")
    return out


def _add(out: StlFile, name: str, corners: np.ndarray) -> None:
    """Join equal corners, leave out what is no triangle, and say so."""
    prefix = f"solid {name!r}: " if name else ""
    finite = np.isfinite(corners).all((1, 2))
    if not finite.all():
        out.notes.append(
            f"{prefix}{int((~finite).sum()):,} triangles with numbers that are not finite were left out"
        )
    corners = corners[finite]
    flat = corners.reshape(-1, 3)
    # Below what float32 can tell apart at the model's size: 0 and 1e-17 are one place.
    step = max(float(np.ptp(flat, axis=0).max(initial=0.0)) * 1e-8, 1e-300)
    grid = np.rint(flat / step) + 0.0  # + 0.0: minus zero is zero
    keys = grid.view(np.dtype((np.void, grid.dtype.itemsize * 3))).reshape(-1)
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    order = np.argsort(first, kind="stable")  # points in the file's order
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    triangles = place[inverse.reshape(-1)].reshape(-1, 3)
    points = flat[first[order]]
    edges = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    bad = ~(np.linalg.norm(edges, axis=1) > 0) | (triangles == np.roll(triangles, 1, 1)).any(1)
    if bad.any():
        out.notes.append(f"{prefix}{int(bad.sum()):,} triangles without an area were left out")
    triangles = triangles[~bad]
    if not len(triangles):
        return
    told = edge_notes(triangles)
    if not told and np.einsum("ij,ij->", corners[~bad][:, 0] - points.mean(0), edges[~bad]) < 0:
        triangles = triangles[:, ::-1]
        told = ["the surface was inside out, so it was turned"]
    out.notes += [prefix + note for note in told]
    used, indices = np.unique(triangles, return_inverse=True)
    out.shapes.append(
        Shape(
            name=name,
            points=points[used],
            counts=np.full(len(triangles), 3, np.int64),
            indices=indices.reshape(-1),
        )
    )


def _normal_notes(corners: np.ndarray, normals: np.ndarray) -> list[str]:
    """Where the normals that the file gives are none, or oppose those of the corners, which are the ones used."""
    area = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    length, given = np.linalg.norm(area, axis=1), np.linalg.norm(normals, axis=1)
    sound = np.isfinite(length) & (length > 0)
    none = sound & ~(given > 1e-6)
    turned = sound & ~none & ((area * normals).sum(1) < -0.5 * length * given)
    found = []
    if none.any():
        found.append(
            f"{int(none.sum()):,} of {len(corners):,} facet normals are zero or no numbers; computed anew"
        )
    if turned.any():
        found.append(
            f"{int(turned.sum()):,} of {len(corners):,} facet normals oppose the order of the corners, which was followed"
        )
    return found


def edge_notes(triangles: np.ndarray) -> list[str]:
    """What is wrong with a surface that should be closed: open edges, edges of more than two faces, turned faces."""
    a, b = triangles.reshape(-1), np.roll(triangles, -1, 1).reshape(-1)
    size = int(triangles.max()) + 1
    low, high = np.minimum(a, b), np.maximum(a, b)
    keys, inverse, uses = np.unique(low * size + high, return_inverse=True, return_counts=True)
    forward = np.bincount(inverse.reshape(-1), weights=(a < b), minlength=len(keys))
    opened, many = int((uses == 1).sum()), int((uses > 2).sum())
    turned = int(((uses == 2) & (forward != 1)).sum())
    found = []
    if opened:
        found.append(f"{opened:,} open edges, so the surface has holes")
    if many:
        found.append(f"{many:,} edges of more than two triangles")
    if turned:
        found.append(f"{turned:,} edges between triangles that face opposite ways")
    return found
