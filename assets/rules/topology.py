"""Rules about the faces of a mesh: what its lists must agree on. Pure: the subject is `MeshFacts`."""

from collections.abc import Iterator

import numpy as np

from twinstage.assets.rules.meshes import MeshFacts
from twinstage.assets.rules.table import Fault, rule

HUGE_M = 1e7
BEYOND_M = 1e12
FAR_M = 10_000.0
RE_EXPORT = "export the mesh again; the lists of points and faces do not belong together"


@rule(
    "mesh", "mesh.empty", "warning", "The mesh has nothing to draw", "delete it, or fill it",
    property="points",
)  # fmt: skip
def empty(mesh: MeshFacts) -> Iterator[Fault]:
    """Points and faces exist."""
    if mesh.empty:
        yield Fault("the mesh has no points or no faces")


@rule("mesh", "mesh.points-type", "error", "Points are of another type than USD's", "write point3f[] points",
      property="points")  # fmt: skip
def points_type(mesh: MeshFacts) -> Iterator[Fault]:
    """Points are triples."""
    if not mesh.empty and (mesh.points is None or mesh.points.ndim != 2 or mesh.points.shape[1] != 3):
        yield Fault("points is not of type point3f[]")


@rule("mesh", "mesh.counts", "error", "Faces and corners do not add up", RE_EXPORT, requirement="VG.014",
      property="faceVertexCounts")  # fmt: skip
def counts(mesh: MeshFacts) -> Iterator[Fault]:
    """FaceVertexCounts add up to the number of faceVertexIndices."""
    if mesh.empty or mesh.counts is None or mesh.indices is None:
        return
    if mesh.counts.min() < 0:
        yield Fault(f"faceVertexCounts holds {mesh.counts.min()}, but a face has at least 3 corners")
    elif mesh.counts.sum() != len(mesh.indices):
        total = mesh.counts.sum()
        yield Fault(
            f"faceVertexCounts add up to {total:,}, but there are {len(mesh.indices):,} faceVertexIndices"
        )


@rule("mesh", "mesh.index-range", "error", "Faces name points that do not exist", RE_EXPORT, requirement="VG.014",
      property="faceVertexIndices")  # fmt: skip
def index_range(mesh: MeshFacts) -> Iterator[Fault]:
    """Every corner names a point."""
    if mesh.empty or mesh.points is None or mesh.indices is None:
        return
    low, high, count = mesh.indices.min(), mesh.indices.max(), len(mesh.points)
    if low < 0 or high >= count:
        wrong = int(((mesh.indices < 0) | (mesh.indices >= count)).sum())
        yield Fault(
            f"faceVertexIndices run from {low:,} to {high:,}, but there are {count:,} points ({wrong:,} corners are wrong)"
        )


@rule(
    "mesh",
    "mesh.not-finite",
    "error",
    "Points hold numbers that are none",
    "export the mesh again",
    property="points",
)
def not_finite(mesh: MeshFacts) -> Iterator[Fault]:
    """No NaN, no infinity."""
    if mesh.empty or mesh.points is None:
        return
    bad = ~np.isfinite(mesh.points)
    if bad.any():
        number = int(bad.any(-1).sum()) if bad.ndim == 2 else int(bad.sum())
        yield Fault(f"{number:,} of {len(mesh.points):,} points hold values that are not finite")


@rule("mesh", "mesh.huge", "warning", "Points lie beyond all measure",
      "look for a stray point, and check the units of the export", property="points")  # fmt: skip
def huge(mesh: MeshFacts) -> Iterator[Fault]:
    """Coordinates are of this world."""
    if mesh.empty or mesh.points is None:
        return
    finite = mesh.points[np.isfinite(mesh.points)]
    most = float(np.abs(finite).max()) * mesh.metres if finite.size else 0.0
    if most > HUGE_M:
        yield Fault(
            f"points lie {most / 1000:,.3g} km from the mesh's origin",
            severity="error" if most > BEYOND_M else None,
        )


@rule("mesh", "mesh.far", "warning", "The mesh is far from its own origin: it loses detail",
      "move the origin to the object, and place it with a transform", requirement="VG.020", property="points")  # fmt: skip
def far(mesh: MeshFacts) -> Iterator[Fault]:
    """Single precision has 1 mm at 10 km."""
    if not mesh.sound or mesh.points is None:
        return
    middle = (mesh.points.min(0) + mesh.points.max(0)) / 2
    distance = float(np.linalg.norm(middle)) * mesh.metres
    if FAR_M < distance <= HUGE_M and distance > 10 * mesh.size * mesh.metres:
        yield Fault(
            f"the mesh lies {distance / 1000:,.0f} km from its origin, where points are {distance * 6e-5:.2g} mm apart"
        )


@rule("mesh", "mesh.few-corners", "warning", "Faces with fewer than three corners", "delete them", requirement="VG.014",
      property="faceVertexCounts")  # fmt: skip
def few_corners(mesh: MeshFacts) -> Iterator[Fault]:
    """A face has three corners."""
    if mesh.sound and mesh.counts is not None and (mesh.counts < 3).any():
        number = int((mesh.counts < 3).sum())
        yield Fault(f"{number:,} of {len(mesh.counts):,} faces have fewer than 3 corners")


@rule("mesh", "mesh.repeated-corner", "warning", "Faces use one point twice", "delete or redraw these faces",
      requirement="VG.014", property="faceVertexIndices")  # fmt: skip
def repeated_corner(mesh: MeshFacts) -> Iterator[Fault]:
    """The corners of a face are different points."""
    number = int(_repeats(mesh).sum()) if mesh.sound else 0
    if number and mesh.counts is not None:
        yield Fault(f"{number:,} of {len(mesh.counts):,} faces use one point twice")


def _repeats(mesh: MeshFacts) -> np.ndarray:
    """Which faces have a corner twice, bool[f]."""
    assert mesh.indices is not None
    assert mesh.counts is not None
    order = np.lexsort((mesh.indices, mesh.face_of_corner))
    face, point = mesh.face_of_corner[order], mesh.indices[order]
    same = (face[1:] == face[:-1]) & (point[1:] == point[:-1])
    out = np.zeros(len(mesh.counts), bool)
    out[face[1:][same]] = True
    return out


@rule("mesh", "mesh.duplicate-face", "warning", "Faces lie on each other", "delete one of each pair",
      requirement="VG.014", property="faceVertexIndices")  # fmt: skip
def duplicate_face(mesh: MeshFacts) -> Iterator[Fault]:
    """No two faces have the same corners in the same turn."""
    number = _duplicates(mesh) if mesh.sound else 0
    if number and mesh.counts is not None:
        yield Fault(f"{number:,} of {len(mesh.counts):,} faces have the same corners as another face")


def _duplicates(mesh: MeshFacts) -> int:
    """Faces with the corners of an earlier one, turned the same way: rolled to begin at their least point."""
    assert mesh.indices is not None
    assert mesh.counts is not None
    starts = np.cumsum(mesh.counts) - mesh.counts
    found = 0
    for count in np.unique(mesh.counts[mesh.counts >= 3]).tolist():
        rows = starts[mesh.counts == count]
        faces = mesh.indices[rows[:, None] + np.arange(count)]
        first = faces.argmin(1)
        rolled = np.take_along_axis(faces, (first[:, None] + np.arange(count)) % count, 1)
        found += len(rolled) - len(np.unique(rolled, axis=0))
    return found


@rule("mesh", "mesh.degenerate", "error", "All points of the mesh are one", "delete the mesh, or export it again",
      requirement="VG.019", property="points")  # fmt: skip
def degenerate(mesh: MeshFacts) -> Iterator[Fault]:
    """The mesh has a size."""
    if mesh.sound and mesh.size == 0:
        yield Fault("all points are the same")


@rule("mesh", "mesh.zero-area", "warning", "Faces without an area", "merge or delete them", requirement="VG.019",
      property="points")  # fmt: skip
def zero_area(mesh: MeshFacts) -> Iterator[Fault]:
    """Faces have an area; a small part without one is usual in scans and exports."""
    if not mesh.sound or mesh.size == 0 or mesh.counts is None or not mesh.polygons.any():
        return
    areas = np.linalg.norm(mesh.face_normal[mesh.polygons], axis=1)
    number = int((areas <= 1e-12 * mesh.size**2).sum())
    if number:
        few = number < 0.01 * len(areas)
        yield Fault(f"{number:,} of {len(areas):,} faces have no area", severity="info" if few else None)


@rule("mesh", "mesh.unused-points", "info", "Points that no face uses", "delete loose points before the export",
      requirement="VG.018", property="points")  # fmt: skip
def unused_points(mesh: MeshFacts) -> Iterator[Fault]:
    """Every point belongs to a face."""
    if not mesh.sound or mesh.points is None or mesh.indices is None:
        return
    used = np.zeros(len(mesh.points), bool)
    used[mesh.indices] = True
    number = int((~used).sum())
    if number:
        yield Fault(f"{number:,} of {len(mesh.points):,} points belong to no face")


@rule("mesh", "mesh.flipped-faces", "warning", "Some faces are inside out",
      "recalculate normals to the outside, and export again",
      requirement="VG.029", property="faceVertexIndices")  # fmt: skip
def flipped_faces(mesh: MeshFacts) -> Iterator[Fault]:
    """Two faces that share an edge run along it in opposite directions; else one of them is turned."""
    if not mesh.sound or mesh.counts is None or mesh.indices is None:
        return
    edges, same = _edges(mesh)
    if same and edges:
        yield Fault(f"{same:,} of {edges:,} shared edges join faces that are turned against each other")


def _edges(mesh: MeshFacts) -> tuple[int, int]:
    """(edges between exactly two faces, those of them that both faces run along in the same direction)."""
    assert mesh.indices is not None
    assert mesh.counts is not None
    starts = np.cumsum(mesh.counts) - mesh.counts
    following = np.arange(1, len(mesh.indices) + 1)
    ends = starts + mesh.counts - 1
    solid = mesh.counts > 0
    following[ends[solid]] = starts[solid]
    a, b = mesh.indices, mesh.indices[following]
    keep = a != b
    a, b = a[keep], b[keep]
    assert mesh.points is not None
    key = np.minimum(a, b) * len(mesh.points) + np.maximum(a, b)
    order = np.argsort(key, kind="stable")
    key, forward = key[order], (a < b)[order]
    first = np.flatnonzero(np.r_[True, key[1:] != key[:-1]]) if len(key) else np.zeros(0, int)
    lengths = np.diff(np.r_[first, len(key)])
    pairs = first[lengths == 2]
    return len(pairs), int((forward[pairs] == forward[pairs + 1]).sum())


@rule("mesh", "mesh.hole-range", "error", "Holes name faces that do not exist", "clear holeIndices, or export again",
      requirement="VG.014", property="holeIndices")  # fmt: skip
def hole_range(mesh: MeshFacts) -> Iterator[Fault]:
    """HoleIndices name faces."""
    if mesh.empty or mesh.counts is None or mesh.holes is None or not len(mesh.holes):
        return
    low, high = mesh.holes.min(), mesh.holes.max()
    if low < 0 or high >= len(mesh.counts):
        yield Fault(f"holeIndices run from {low:,} to {high:,}, but there are {len(mesh.counts):,} faces")


@rule("mesh", "mesh.crease", "error", "Creases do not fit the mesh", "clear the creases, or export again",
      requirement="VG.014", property="creaseIndices")  # fmt: skip
def creases(mesh: MeshFacts) -> Iterator[Fault]:
    """Creases name points, their lengths add up, and each edge or crease has one sharpness."""
    if mesh.empty or mesh.points is None:
        return
    none = np.zeros(0)
    indices = mesh.sharp.get("creaseIndices", none)
    lengths = mesh.sharp.get("creaseLengths", none)
    sharp = mesh.sharp.get("creaseSharpnesses", none)
    if len(indices) and (indices.min() < 0 or indices.max() >= len(mesh.points)):
        yield Fault(
            f"creaseIndices run from {indices.min()} to {indices.max()}, but there are {len(mesh.points):,} points"
        )
    if lengths.sum() != len(indices):
        yield Fault(
            f"creaseLengths add up to {int(lengths.sum())}, but there are {len(indices)} creaseIndices"
        )
    elif len(lengths) and lengths.min() < 2:
        yield Fault("a crease has fewer than 2 points")
    elif len(sharp) not in (len(lengths), int(lengths.sum()) - len(lengths)):
        yield Fault(f"there are {len(sharp)} creaseSharpnesses for {len(lengths)} creases")


@rule("mesh", "mesh.corner", "error", "Sharp corners do not fit the mesh", "clear the corners, or export again",
      requirement="VG.014", property="cornerIndices")  # fmt: skip
def corners(mesh: MeshFacts) -> Iterator[Fault]:
    """Corners name points, and each has one sharpness."""
    if mesh.empty or mesh.points is None:
        return
    none = np.zeros(0)
    indices = mesh.sharp.get("cornerIndices", none)
    sharp = mesh.sharp.get("cornerSharpnesses", none)
    if len(indices) and (indices.min() < 0 or indices.max() >= len(mesh.points)):
        yield Fault(
            f"cornerIndices run from {indices.min()} to {indices.max()}, but there are {len(mesh.points):,} points"
        )
    if len(sharp) != len(indices):
        yield Fault(f"there are {len(sharp)} cornerSharpnesses for {len(indices)} cornerIndices")
