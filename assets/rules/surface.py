"""Rules about what lies on a mesh: extent, normals, primvars, subsets. Pure: the subject is `MeshFacts`."""

from collections.abc import Iterator

import numpy as np

from twinstage.assets.rules.meshes import MeshFacts, Values
from twinstage.assets.rules.table import Fault, rule

SLACK = 1e-3
"""Part of the extent's diagonal that may stick out: extents are single precision, and often rounded by hand."""
LOOSE = 10.0
"""An extent is too great when its longest edge is so many times that of the points."""
WORTH_INDEXING = 2_000
"""Values that indices must save before it is worth a word."""
RE_EXPORT = "export the mesh again"


@rule("mesh", "extent.missing", "info", "No extent: programs must read all points to know how big it is",
      "let `assets check --fix` write it", requirement="VG.002", property="extent")  # fmt: skip
def missing_extent(mesh: MeshFacts) -> Iterator[Fault]:
    """Boundable prims have an extent."""
    if mesh.sound and mesh.extent is None:
        yield Fault("no extent is authored")


@rule("mesh", "extent.wrong", "warning", "The extent is not the box around the mesh: it may vanish at the picture's edge",
      "let `assets check --fix` write it anew", requirement="VG.002", property="extent")  # fmt: skip
def wrong_extent(mesh: MeshFacts) -> Iterator[Fault]:
    """The extent holds the points and is no more than a few times their box."""
    extent = mesh.extent
    if extent is None or not mesh.sound or mesh.points is None:
        return
    if extent.shape != (2, 3) or not np.isfinite(extent).all() or (extent[0] > extent[1]).any():
        yield Fault("its extent is not a box from a lower to a higher corner")
        return
    low, high = mesh.points.min(0), mesh.points.max(0)
    out = float(np.maximum(extent[0] - low, high - extent[1]).max())
    if out > SLACK * float(np.linalg.norm(extent[1] - extent[0])) + 1e-6 * float(np.abs(extent).max()):
        yield Fault(f"points stick out of its extent by {out:.3g} stage units")
    elif not (mesh.moving or mesh.skinned) and float(np.ptp(extent, axis=0).max()) > LOOSE * max(
        mesh.size, 1e-12
    ):
        times = float(np.ptp(extent, axis=0).max()) / max(mesh.size, 1e-12)
        yield Fault(f"its extent is {times:,.0f} times as big as the mesh")


def _expected(mesh: MeshFacts, interpolation: str) -> int | None:
    assert mesh.points is not None
    assert mesh.counts is not None
    assert mesh.indices is not None
    return {
        "constant": None, "uniform": len(mesh.counts), "vertex": len(mesh.points), "varying": len(mesh.points),
        "faceVarying": len(mesh.indices),
    }.get(interpolation)  # fmt: skip


@rule(
    "mesh",
    "primvar.length",
    "error",
    "A list on the mesh has the wrong length",
    RE_EXPORT,
    requirement="VG.014",
)
def primvar_length(mesh: MeshFacts) -> Iterator[Fault]:
    """A primvar has as many values as its interpolation needs."""
    if mesh.empty:
        return
    for primvar in _lists(mesh):
        expected = _expected(mesh, primvar.interpolation)
        count = primvar.count if primvar.indices is None else len(primvar.indices)
        if expected is not None and count != expected and primvar.count and not _bad_index(primvar):
            what = "values were found" if primvar.indices is None else "indices were found"
            yield Fault(
                f"{count:,} {what}; interpolation {primvar.interpolation} needs {expected:,}",
                f".{primvar.name}",
            )


@rule("mesh", "primvar.index-range", "error", "A list on the mesh names values that do not exist", RE_EXPORT,
      requirement="VG.014")  # fmt: skip
def primvar_range(mesh: MeshFacts) -> Iterator[Fault]:
    """Indices of a primvar name values."""
    for primvar in mesh.primvars:
        if _bad_index(primvar) and primvar.indices is not None:
            low, high = primvar.indices.min(), primvar.indices.max()
            message = f"its indices run from {low:,} to {high:,}, but there are {primvar.count:,} values"
            yield Fault(message, f".{primvar.name}")


def _bad_index(primvar: Values) -> bool:
    indices = primvar.indices
    return bool(
        indices is not None and len(indices) and (indices.min() < 0 or indices.max() >= primvar.count)
    )


def _lists(mesh: MeshFacts) -> tuple[Values, ...]:
    return mesh.primvars if mesh.normals is None else (*mesh.primvars, mesh.normals)


@rule("mesh", "primvar.repeated", "info", "The same values are written many times",
      "let `assets check --fix` index them", requirement="VG.009")  # fmt: skip
def repeated(mesh: MeshFacts) -> Iterator[Fault]:
    """Values that fill most of a list again and again are indexed."""
    if not mesh.sound:
        return
    for primvar in mesh.primvars:
        values = primvar.values
        if primvar.indices is not None or values is None or len(values) < 64 or len(values) != primvar.count:
            continue
        if not np.isfinite(values).all() or primvar.interpolation == "constant":
            continue
        different = len(np.unique(values.reshape(len(values), -1), axis=0))
        if different < 0.5 * len(values) and len(values) - different >= WORTH_INDEXING:
            yield Fault(f"{len(values):,} values hold {different:,} different ones", f".{primvar.name}")


@rule(
    "mesh",
    "primvar.not-finite",
    "error",
    "Texture coordinates or normals hold numbers that are none",
    RE_EXPORT,
)
def primvar_finite(mesh: MeshFacts) -> Iterator[Fault]:
    """No NaN in what lies on the mesh."""
    for primvar in mesh.primvars:
        values = primvar.values
        if values is not None and "normals" not in primvar.name and not np.isfinite(values).all():
            yield Fault("it holds values that are not finite", f".{primvar.name}")


def _active_normals(mesh: MeshFacts) -> Values | None:
    """The primvar of that name wins over the attribute."""
    return next((p for p in mesh.primvars if p.name == "primvars:normals"), mesh.normals)


def _per_corner(mesh: MeshFacts, normals: Values) -> np.ndarray | None:
    """Normals of corners f8[c, 3], None where lengths do not fit."""
    values = normals.values
    assert mesh.indices is not None
    if values is None or values.ndim != 2 or values.shape[1] != 3 or _bad_index(normals):
        return None
    if normals.indices is not None:
        values = values[normals.indices]
    expected = _expected(mesh, normals.interpolation)
    if normals.interpolation == "constant":
        return np.broadcast_to(values[:1], (len(mesh.indices), 3)) if len(values) else None
    if expected is None or len(values) != expected:
        return None
    if normals.interpolation == "uniform":
        return np.asarray(values[mesh.face_of_corner])
    return np.asarray(values if normals.interpolation == "faceVarying" else values[mesh.indices])


@rule("mesh", "mesh.normals", "warning", "Normals of no length", "recalculate normals, and export again",
      requirement="VG.028")  # fmt: skip
def bad_normals(mesh: MeshFacts) -> Iterator[Fault]:
    """Normals are finite and have a length."""
    normals = _active_normals(mesh)
    if normals is None or normals.values is None or normals.values.ndim != 2:
        return
    finite = np.isfinite(normals.values).all(1)
    if not finite.all():
        message = f"{int((~finite).sum()):,} of {len(finite):,} normals hold values that are not finite"
        yield Fault(message, f".{normals.name}", "error")
        return
    short = int((np.linalg.norm(normals.values, axis=1) < 1e-6).sum())
    if short:
        yield Fault(f"{short:,} of {len(finite):,} normals have no length", f".{normals.name}")


@rule("mesh", "mesh.winding", "warning", "Normals point into the mesh: it is lit from the wrong side",
      "flip the faces or the normals, so that both point outwards", requirement="VG.029",
      property="faceVertexIndices")  # fmt: skip
def winding(mesh: MeshFacts) -> Iterator[Fault]:
    """Normals lie on the side that the order of the corners calls the front."""
    if not mesh.sound or mesh.scheme != "none" or (normals := _active_normals(mesh)) is None:
        return
    corner = _per_corner(mesh, normals)
    if corner is None or not np.isfinite(corner).all():
        return
    front = -mesh.face_normal if mesh.left_handed else mesh.face_normal
    facing = np.einsum("cx,cx->c", corner, front[mesh.face_of_corner])
    total = np.zeros(len(front))
    np.add.at(total, mesh.face_of_corner, np.sign(facing))
    told = (np.linalg.norm(front, axis=1) > 1e-12 * mesh.size**2) & mesh.polygons
    wrong, all_ = int((total[told] < 0).sum()), int(told.sum())
    if all_ and wrong > 0.05 * all_:
        yield Fault(f"{wrong:,} of {all_:,} faces have normals on their back")


@rule("mesh", "mesh.no-normals", "info", "A polygon mesh without normals looks faceted or not, as each program likes",
      'author normals, or subdivisionScheme = "catmullClark" for a smooth surface', requirement="VG.027",
      property="normals")  # fmt: skip
def no_normals(mesh: MeshFacts) -> Iterator[Fault]:
    """Meshes that are not subdivided have normals."""
    if mesh.sound and mesh.scheme == "none" and _active_normals(mesh) is None:
        yield Fault("no normals are authored")


@rule("mesh", "subset.range", "error", "A subset names faces that do not exist",
      "select the faces again, and export", requirement="VG.014")  # fmt: skip
def subset_range(mesh: MeshFacts) -> Iterator[Fault]:
    """Subsets name faces."""
    if mesh.counts is None:
        return
    count = len(mesh.counts)
    for subset in mesh.subsets:
        low, high = subset.faces.min(), subset.faces.max()
        if low < 0 or high >= count:
            wrong = low if low < 0 else high
            yield Fault(f"the subset names face {wrong:,}, but there are {count:,} faces", f"/{subset.name}")


@rule(
    "mesh",
    "subset.overlap",
    "warning",
    "Two subsets claim the same face",
    "let each face belong to one material",
)
def subset_overlap(mesh: MeshFacts) -> Iterator[Fault]:
    """Faces belong to one materialBind subset."""
    bound = [s for s in mesh.subsets if s.family == "materialBind"]
    if not bound:
        return
    faces = np.concatenate([np.unique(s.faces) for s in bound])
    twice = len(faces) - len(np.unique(faces))
    if twice:
        yield Fault(
            f"{twice:,} faces belong to two of the material subsets {', '.join(s.name for s in bound[:4])}"
        )
