"""Key points authored on prims -> `KeypointTable`: those of instance proxies and of points, too."""

from collections.abc import Sequence

import numpy as np

from twinstage.scene.columns import I4, frozen
from twinstage.scene.read.context import ReadContext
from twinstage.scene.read.points import PointRows
from twinstage.scene.read.prims import PrimRows
from twinstage.scene.safe.limits import MAX_KEYPOINTS
from twinstage.scene.snapshot import KeypointTable, ObjectTable, PrimTable
from twinstage.scene.tables import Interned

Block = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
"""Objects, numbers of names, nodes and places of some key points."""


def read_keypoints(
    context: ReadContext,
    table: PrimTable,
    rows: PrimRows,
    points: Sequence[PointRows],
    objects: ObjectTable,
    root: np.ndarray,
    hidden: np.ndarray,
) -> KeypointTable:
    """All key points, by object and name.

    `root` i4[n]: the prim that would be a prim's object; `hidden` bool[n]: prims below instancers, which stand for points.

    A key point belongs to the object that a gprim in its prim's place would belong to. Where there is no such object, or
    the object has that name already, it is left out with a finding.
    """
    names = sorted(
        {k[1] for k in rows.keypoints} | {k[0] for p in points for own in p.keypoints for k in own}
    )
    if not names:
        return KeypointTable.empty()
    number = {name: i for i, name in enumerate(names)}
    blocks = [_on_prims(context, table, rows, objects, np.where(hidden, -1, root), number)]
    node = len(table)
    for own in points:
        blocks.append(_on_points(context, table, own, node, objects, number))
        node += len(own.point_id)
    found, name, at, local = (np.concatenate(column) for column in zip(*blocks, strict=True))
    order = np.lexsort((at, name, found))
    found, name, at, local = found[order], name[order], at[order], local[order]
    twice = np.zeros(len(found), bool)
    twice[1:] = (found[1:] == found[:-1]) & (name[1:] == name[:-1])
    for index in np.unique(found[twice]).tolist()[:20]:
        path = objects[index].prim_path
        context.finding(
            "keypoint.twice", f"{path} has several key points of one name; the first is used", path
        )
    kept = ~twice
    return KeypointTable(
        frozen(found[kept], np.int32),
        Interned(name[kept], names),
        frozen(at[kept], np.int32),
        frozen(local[kept].reshape(-1, 3), np.float64),
    )


def _on_prims(
    context: ReadContext,
    table: PrimTable,
    rows: PrimRows,
    objects: ObjectTable,
    root: np.ndarray,
    number: dict[str, int],
) -> Block:
    if not rows.keypoints:
        return _none()
    own = np.array([k[0] for k in rows.keypoints])
    name = np.array([number[k[1]] for k in rows.keypoints])
    place = np.array([k[2] for k in rows.keypoints])
    count = np.bincount(own, minlength=int(rows.own.max(initial=0)) + 1)
    at = np.flatnonzero((count[rows.own] > 0) & (root >= 0))
    each = count[rows.own[at]]
    if not _few(context, int(each.sum())):
        return _none()
    # The key points of one prim stand together, in the order in which prims were read.
    first = np.searchsorted(own, rows.own[at])
    at = np.repeat(at, each)
    pick = np.repeat(first, each) + np.arange(len(at)) - np.repeat(np.cumsum(each) - each, each)
    found = _prim_object(objects, root[at])
    for prim in np.unique(at[found < 0]).tolist()[:20]:
        path = table.path[prim]
        context.finding(
            "keypoint.no-object",
            f"{path} has key points but belongs to no object: label it, or put them on what is drawn",
            path,
        )
    kept = found >= 0
    return found[kept], name[pick][kept], at[kept], place[pick][kept]


def _on_points(
    context: ReadContext,
    table: PrimTable,
    points: PointRows,
    first_node: int,
    objects: ObjectTable,
    number: dict[str, int],
) -> Block:
    """Each point has the key points of its prototype."""
    each = np.array([*(len(own) for own in points.keypoints), 0])[points.prototype_index]
    if not each.any() or not _few(context, int(each.sum())):
        return _none()
    blocks = [_none()]
    for k, own in enumerate(points.keypoints):
        at = np.flatnonzero(points.prototype_index == k)
        found = _point_object(objects, points.instancer, points.point_id[at])
        at, found = at[found >= 0], found[found >= 0]
        for name, place in own:
            n = len(at)
            blocks.append((found, np.full(n, number[name]), first_node + at, np.tile(place, (n, 1))))
    merged = tuple(np.concatenate(column) for column in zip(*blocks, strict=True))
    return merged[0], merged[1], merged[2], merged[3]


def _prim_object(objects: ObjectTable, prim: np.ndarray) -> I4:
    """The object that each prim is, i4[n]; -1 for none."""
    return _found(objects.prim, prim, 0, objects.point_id < 0)


def _point_object(objects: ObjectTable, instancer: int, point_id: np.ndarray) -> I4:
    """The objects of those points of an instancer, i4[n]; -1 for none."""
    first, last = (int(k) for k in np.searchsorted(objects.prim, [instancer, instancer + 1]))
    return _found(objects.point_id[first:last], point_id, first, np.ones(last - first, bool))


def _found(known: np.ndarray, wanted: np.ndarray, first: int, fit: np.ndarray) -> I4:
    """Where `wanted` stands among the sorted `known` that fit, counted from `first`; -1 where it does not."""
    if not len(known):
        return np.full(len(wanted), -1, np.int32)
    place = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
    return np.where((known[place] == wanted) & fit[place], first + place, -1).astype(np.int32)


def _few(context: ReadContext, count: int) -> bool:
    if count > MAX_KEYPOINTS:
        context.finding(
            "keypoint.too-many",
            f"{count:,} key points are left out: more than {MAX_KEYPOINTS:,} are not read",
        )
    return count <= MAX_KEYPOINTS


def _none() -> Block:
    return np.empty(0, np.int32), np.empty(0, np.int64), np.empty(0, np.int64), np.empty((0, 3))
