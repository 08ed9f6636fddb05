"""Transforms that are not finite, or beyond all use, must not poison what is computed from them.

Such a prim or point is hidden, and its transform counts as none (identity): drawn anywhere, it would be a wrong label; USD
itself draws nothing where a number is not finite. What stands below it is hidden with it. Lights and cameras with numbers
that are not finite are left out.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from twinstage.scene.columns import F8, Bool, frozen
from twinstage.scene.safe.limits import MAX_COORDINATE_M

if TYPE_CHECKING:
    from twinstage.scene.read.context import ReadContext
    from twinstage.scene.read.points import PointRows
    from twinstage.scene.snapshot import PrimTable

MOST_TOLD = 20
"""Findings of one kind that are told one by one; the rest is counted."""
Row = TypeVar("Row")
Table = TypeVar("Table", "PrimTable", "PointRows")


def local_transformation(cache: Any, prim: Any) -> tuple[Any, bool]:
    """A prim's own transform and whether it resets the stack.

    One of NaN throughout, which `guard_prims` finds, where its ops make no sense or give infinities: those would be told
    by numpy in every product.
    """
    from pxr import Gf, Tf

    try:
        matrix, resets = cache.GetLocalTransformation(prim)
    except Tf.ErrorException:
        return Gf.Matrix4d(*[math.nan] * 16), False
    # A determinant is not finite where any entry of the matrix is not.
    return (matrix if math.isfinite(matrix.GetDeterminant()) else Gf.Matrix4d(*[math.nan] * 16)), resets


def usable(matrices: np.ndarray) -> Bool:
    """Which matrices [n, 4, 4] hold only finite numbers within the limit."""
    with np.errstate(invalid="ignore"):
        return np.asarray((np.abs(matrices) <= MAX_COORDINATE_M).all((-2, -1)))


def guard_prims(context: "ReadContext", table: "PrimTable") -> "PrimTable":
    """The table with unusable prims hidden, and a finding for each. The same table where all are usable."""
    local = np.array(table.local)
    bad = ~usable(local)
    local[bad] = np.eye(4)
    bad |= _unusable_in_world(table, local)
    if not bad.any():
        return table
    _tell(context, [table.path[i] for i in np.flatnonzero(bad).tolist()])
    own = ~bad if table.own_visible is None else table.own_visible & ~bad
    visible = np.array(table.visible) & ~bad
    for i, parent in enumerate(table.parent.tolist()):
        if parent >= 0 and not visible[parent]:
            visible[i] = False
    shown = replace(table, own_visible=frozen(own, np.bool_), visible=frozen(visible, np.bool_))
    return _without_transform(shown, bad)


def _unusable_in_world(table: "PrimTable", local: F8) -> Bool:
    """Prims whose own transform is usable but not where it leads to; `local` becomes identity there."""
    bad = np.zeros(len(local), bool)
    parent = np.where(np.asarray(table.resets), -1, table.parent)
    with np.errstate(over="ignore", invalid="ignore"):
        # Usual scenes end here: no product along a path can exceed what the greatest factors give.
        depth = _depths(parent)
        greatest = float(np.abs(local).max(initial=1.0))
        if (int(depth.max(initial=0)) + 1) * math.log(4 * greatest) < math.log(MAX_COORDINATE_M):
            return bad
        world = np.array(local)
        for level in range(int(depth.max(initial=0)) + 1):
            rows = np.flatnonzero(depth == level)
            if level:
                world[rows] = world[parent[rows]] @ local[rows]
            lost = rows[~usable(world[rows])]
            bad[lost], local[lost] = True, np.eye(4)
            world[lost] = world[parent[lost]] if level else np.eye(4)
    return bad


def _depths(parent: np.ndarray) -> np.ndarray:
    """Steps to a root, i4[n]; parents come before their children."""
    depth = np.zeros(len(parent), np.int32)
    listed = depth.tolist()
    for i, p in enumerate(parent.tolist()):
        if p >= 0:
            listed[i] = listed[p] + 1
    return np.asarray(listed, np.int32)


def guard_points(
    context: "ReadContext", table: "PrimTable", rows: Iterable["PointRows"]
) -> list["PointRows"]:
    """The points with unusable ones hidden, and prototypes without their unusable gprims; a finding for each instancer."""
    out = []
    for row in rows:
        good = usable(row.local)
        parts = tuple(tuple(p for p in drawn if usable(p.local[None])[0]) for drawn in row.parts)
        lost = sum(map(len, row.parts)) - sum(map(len, parts))
        if good.all() and not lost:
            out.append(row)
            continue
        where = table.path[row.instancer]
        _tell_points(context, where, int((~good).sum()), lost)
        shown = replace(row, visible=row.visible & good, parts=parts)
        out.append(_without_transform(shown, ~good))
    return out


def _without_transform(table: Table, rows: np.ndarray) -> Table:
    """The same rows (a dataclass with `local`) with identity where `rows` is True."""
    local = np.array(table.local)
    local[rows] = np.eye(4)
    return replace(table, local=frozen(local, np.float64))


def finite_rows(context: "ReadContext", rows: Sequence[Row], code: str, noun: str) -> tuple[Row, ...]:
    """Dataclass rows (lights, cameras) without those that hold a number that is not finite."""
    kept = []
    for row in rows:
        if _all_finite(row):
            kept.append(row)
        else:
            path = str(getattr(row, "path", ""))
            message = f"{noun} {path} is left out: it holds a number that is not finite"
            context.finding(code, message, path, "error")
    return tuple(kept)


def _all_finite(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, np.ndarray):
        return not np.issubdtype(value.dtype, np.floating) or bool(np.isfinite(value).all())
    if isinstance(value, (tuple, list)):
        return all(_all_finite(v) for v in value)
    if is_dataclass(value):
        return all(_all_finite(getattr(value, f.name)) for f in fields(value))
    return True


def _tell(context: "ReadContext", paths: list[str]) -> None:
    for path in paths[:MOST_TOLD]:
        message = (
            f"{path} is hidden and its transform ignored: it holds numbers that are not finite, "
            f"or it leads further than {MAX_COORDINATE_M:g} m"
        )
        context.finding("transform.not-finite", message, path, "error")
    for _ in paths[MOST_TOLD:]:
        context.count("transform.not-finite", "a prim more is hidden for a transform that is not finite")


def _tell_points(context: "ReadContext", where: str, points: int, parts: int) -> None:
    what = f"{points:,} points" if points else f"{parts:,} gprims of its prototypes"
    message = f"{where}: {what} are hidden: their transforms hold numbers that are not finite or too great"
    context.finding("points.not-finite", message, where, "error")
