"""Transforms that are not finite, or beyond all use, must not poison what is computed from them.

Such a prim or point is hidden, and its transform counts as none (identity): drawn anywhere, it would be a wrong label; USD
itself draws nothing where a number is not finite. What stands below it is hidden with it. Lights and cameras with numbers
that are not finite are left out.
"""

import math
from collections.abc import Sequence
from dataclasses import fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from twinstage.scene.columns import F8, Bool, frozen
from twinstage.scene.safe.limits import MAX_COORDINATE_M
from twinstage.scene.snapshot import by_depth, depths

if TYPE_CHECKING:
    from twinstage.scene.read.context import ReadContext
    from twinstage.scene.read.points import PointRows
    from twinstage.scene.tables import PrimTable

MOST_TOLD = 20
"""Findings of one kind that are told one by one; the rest is counted."""
Row = TypeVar("Row")
_CHUNK = 1 << 16


def usable(matrices: np.ndarray) -> Bool:
    """Which matrices [n, 3 or 4, 4] hold only finite numbers within the limit."""
    good = np.empty(len(matrices), bool)
    for start in range(0, len(matrices), _CHUNK):  # a million matrices are not copied at once
        part = matrices[start : start + _CHUNK]
        with np.errstate(invalid="ignore"):
            good[start : start + _CHUNK] = (np.abs(part) <= MAX_COORDINATE_M).all((-2, -1))
    return good


def guard_prims(context: "ReadContext", table: "PrimTable") -> "PrimTable":
    """The table with unusable prims hidden, and a finding for each. The same table where all are usable."""
    if _all_usable(table):
        return table
    local = np.array(table.local)
    bad = ~usable(local)
    local[bad] = np.eye(4)
    bad |= _unusable_in_world(table, local)
    if not bad.any():
        return table
    _tell(context, [table.path[i] for i in np.flatnonzero(bad).tolist()])
    own = ~bad if table.own_visible is None else table.own_visible & ~bad
    visible = np.array(table.visible) & ~bad
    for rows in by_depth(depths(table.parent))[1:]:
        visible[rows] &= visible[table.parent[rows]]
    rows = np.flatnonzero(bad)
    return replace(
        table,
        own_visible=frozen(own, np.bool_),
        visible=frozen(visible, np.bool_),
        frames=table.frames.replaced(rows, np.broadcast_to(np.eye(4), (len(rows), 4, 4))),
    )


def _all_usable(table: "PrimTable") -> bool:
    """Whether no product along a path can exceed what is usable, by the greatest number and depth: the usual scene."""
    matrices = table.frames.matrices
    if not usable(matrices).all():
        return False
    greatest = float(np.abs(matrices).max(initial=1.0))
    depth = int(depths(table.parent).max(initial=0))
    return (depth + 1) * math.log(4 * greatest) < math.log(MAX_COORDINATE_M)


def _unusable_in_world(table: "PrimTable", local: F8) -> Bool:
    """Prims whose own transform is usable but not where it leads to; `local` becomes identity there."""
    bad = np.zeros(len(local), bool)
    parent = np.where(np.asarray(table.resets), -1, table.parent)
    world = np.array(local)
    with np.errstate(over="ignore", invalid="ignore"):
        for level, rows in enumerate(by_depth(depths(parent))):
            if level:
                world[rows] = world[parent[rows]] @ local[rows]
            lost = rows[~usable(world[rows])]
            bad[lost], local[lost] = True, np.eye(4)
            world[lost] = world[parent[lost]] if level else np.eye(4)
    return bad


def guard_points(context: "ReadContext", where: str, points: "PointRows") -> "PointRows":
    """The points with unusable ones hidden, and prototypes without their unusable gprims; a finding for the instancer."""
    good = usable(points.frames.matrices)
    kept = [usable(parts.local) for parts in points.parts]
    lost = sum(int((~k).sum()) for k in kept)
    if good.all() and not lost:
        return points
    _tell_points(context, where, int((~good).sum()), lost)
    bad = np.flatnonzero(~good)
    return replace(
        points,
        visible=points.visible & good,
        parts=tuple(parts.taken(k) for parts, k in zip(points.parts, kept, strict=True)),
        frames=points.frames.replaced(bad, np.broadcast_to(np.eye(4), (len(bad), 4, 4))),
    )


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
