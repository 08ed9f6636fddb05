"""Drawings: every gprim that is drawn where it stands, every gprim of every point; and the objects they belong to.

Rows are sorted by prim, point id and gprim. Gprims come in that order already, and so do the points of each instancer, so
the tables are put together from runs of rows instead of being sorted.
"""

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from twinstage.scene.columns import I4, Bool, frozen
from twinstage.scene.read.appearance import DRAWN_PURPOSES, Appearance
from twinstage.scene.read.context import ReadContext
from twinstage.scene.read.labels import tell_ambiguities
from twinstage.scene.read.objects import ObjectFinder
from twinstage.scene.read.points import PointReader, PointRows
from twinstage.scene.read.prims import PrimRows
from twinstage.scene.safe.finite import guard_points
from twinstage.scene.snapshot import InstanceTable, ObjectTable, PointTable, PrimTable
from twinstage.scene.tables import Frames, Interned


@dataclass(frozen=True, slots=True)
class Run:
    """Neighbouring rows of the instance table; `object`: among the objects of this run."""

    prototype: np.ndarray
    node: np.ndarray
    prim: np.ndarray
    point_id: np.ndarray
    frame: np.ndarray
    material_set: np.ndarray
    object: np.ndarray
    visible: np.ndarray


@dataclass(frozen=True, slots=True)
class ObjectRun:
    """The objects of one run: columns of `ObjectTable`, with codes of label sets."""

    prim: np.ndarray
    point_id: np.ndarray
    label_set: np.ndarray


def below_instancers(table: PrimTable, rows: PrimRows) -> Bool:
    """Prims below a PointInstancer, bool[n]: USD draws them only as its points."""
    instancer = Interned.of(table.type_name).isin(["PointInstancer"])
    below = np.zeros(len(table), bool)
    for level in rows.levels[1:]:
        parent = table.parent[level]
        below[level] = below[parent] | instancer[parent]
    return below


def read_points(
    table: PrimTable, rows: PrimRows, hidden: Bool, reader: PointReader
) -> tuple[list[PointRows], PointTable]:
    """The points of all instancers that draw, in path order; and the table of all of them."""
    drawn = ~hidden & _drawn_purpose(table, rows) & Interned.of(table.type_name).isin(["PointInstancer"])
    found = []
    for i in np.flatnonzero(drawn).tolist():
        read = reader.read(i, rows.prims[i])
        if read is not None:
            found.append(guard_points(reader.context, table.path[i], read))
    return found, _point_table(found)


def _point_table(rows: list[PointRows]) -> PointTable:
    """The rows' columns, one after the other; their matrices become views of the table's, so that they exist once."""
    if not rows:
        return PointTable.empty()
    starts = np.cumsum([0, *(len(r.point_id) for r in rows)])
    matrices = rows[0].frames.matrices if len(rows) == 1 else np.empty((starts[-1], 3, 4))
    for k, r in enumerate(rows):
        if len(rows) > 1:
            matrices[starts[k] : starts[k + 1]] = r.frames.matrices
            rows[k] = replace(r, frames=Frames(matrices[starts[k] : starts[k + 1]]))
    return PointTable(
        instancer=frozen(np.repeat([r.instancer for r in rows], np.diff(starts)), np.int32),
        point_id=frozen(np.concatenate([r.point_id for r in rows]), np.int64),
        frames=Frames(frozen(matrices, np.float64)),
        visible=frozen(np.concatenate([r.visible for r in rows]), np.bool_),
    )


def _drawn_purpose(table: PrimTable, rows: PrimRows) -> Bool:
    purpose = Interned.of(table.purpose)
    return purpose.isin(DRAWN_PURPOSES) & ~(purpose.isin(["render"]) & rows.render_hidden)


def gprim_runs(
    context: ReadContext,
    table: PrimTable,
    rows: PrimRows,
    hidden: Bool,
    appearance: Appearance,
    finder: ObjectFinder,
    cuts: list[int],
) -> list[tuple[Run, ObjectRun]]:
    """Drawings of the gprims that stand for themselves, a run for those before each of `cuts` (prims), and the rest."""
    types = Interned.of(table.type_name)
    wanted = ~hidden & _drawn_purpose(table, rows)
    appearance.count_not_drawn(types, wanted)
    drawn = np.flatnonzero(wanted & types.isin(filter(appearance.shapes.is_shape, types.values)))
    prototype, material_set = appearance.looks_of_rows(drawn, rows)
    drawn, material_set = drawn[prototype >= 0], material_set[prototype >= 0]
    prototype = prototype[prototype >= 0]
    root = finder.root[drawn]
    out = []
    edges = [0, *np.searchsorted(drawn, cuts).tolist(), len(drawn)]
    for a, b in pairwise(edges):
        at = drawn[a:b].astype(np.int32)
        found, inverse = np.unique(root[a:b], return_inverse=True)
        run = Run(
            prototype=prototype[a:b],
            node=at,
            prim=at,
            point_id=np.broadcast_to(np.int64(-1), len(at)),
            frame=np.broadcast_to(np.int32(0), len(at)),
            material_set=material_set[a:b],
            object=inverse.reshape(-1).astype(np.int32),
            visible=table.visible[at],
        )
        none = np.broadcast_to(np.int64(-1), len(found))
        out.append((run, ObjectRun(found, none, finder.label_set(found))))
    return out


def point_run(
    table: PrimTable, rows: PointRows, first_node: int, first_frame: int, finder: ObjectFinder
) -> tuple[Run, ObjectRun, np.ndarray]:
    """Drawings of one instancer's points, the objects they are, and the frames of all parts, f8[q, 4, 4].

    Frames are numbered from `first_frame`; frame 0 is the identity.
    """
    parts, part, point = rows.drawings(np.arange(len(rows.point_id), dtype=np.int32))
    there = np.ones(len(point), bool)
    there[1:] = point[1:] != point[:-1]
    number = np.cumsum(there, dtype=np.int32) - np.int32(1)
    shown = rows.visible & bool(table.visible[rows.instancer])
    straight = (parts.local == np.eye(4)).all((1, 2))
    frame = np.where(straight, 0, first_frame + np.arange(len(parts))).astype(np.int32)
    run = Run(
        prototype=parts.prototype[part],
        node=np.int32(first_node) + point,
        prim=np.broadcast_to(np.int32(rows.instancer), len(point)),
        point_id=rows.point_id[point],
        frame=frame[part],
        material_set=rows.sets(parts, part, point),
        object=number,
        visible=shown[point],
    )
    drawn = point[there]
    labels = finder.point_label_sets(rows.instancer, rows.labels)[rows.prototype_index[drawn]]
    prim = np.broadcast_to(np.int32(rows.instancer), len(drawn))
    return run, ObjectRun(prim, rows.point_id[drawn], labels), parts.local


def draw(
    context: ReadContext,
    table: PrimTable,
    rows: PrimRows,
    hidden: Bool,
    points: list[PointRows],
    appearance: Appearance,
) -> tuple[InstanceTable, ObjectTable, I4]:
    """All drawings, all objects in (prim, point id) order, and for each prim the one that would be its object, i4[n]."""
    finder = ObjectFinder(table, context.policy)
    gprims = gprim_runs(context, table, rows, hidden, appearance, finder, [r.instancer for r in points])
    runs, objects, frames = [], [], [np.eye(4)[None]]
    node = len(table)
    n_frames = 1
    for (run, group), own in zip(gprims, [*points, None], strict=True):
        runs.append(run)
        objects.append(group)
        if own is not None:
            run, group, parts = point_run(table, own, node, n_frames, finder)
            runs.append(run)
            objects.append(group)
            frames.append(parts)
            node += len(own.point_id)
            n_frames += len(parts)
    listed, numbers = _object_table(table, objects, finder)
    tell_ambiguities(context, finder.ambiguities())
    return _instance_table(runs, frames, numbers), listed, finder.root


def _instance_table(runs: list[Run], frames: list[np.ndarray], numbers: list[I4]) -> InstanceTable:
    index = np.concatenate([r.frame for r in runs])
    matrices = np.concatenate(frames) if index.any() else frames[0]
    return InstanceTable(
        prototype=frozen(np.concatenate([r.prototype for r in runs]), np.int32),
        node=frozen(np.concatenate([r.node for r in runs]), np.int32),
        prim=frozen(np.concatenate([r.prim for r in runs]), np.int32),
        point_id=frozen(np.concatenate([r.point_id for r in runs]), np.int64),
        frames=Frames(frozen(matrices[:, :3], np.float64), frozen(index, np.int32)),
        material_set=frozen(np.concatenate([r.material_set for r in runs]), np.int32),
        object=frozen(
            np.concatenate([number[r.object] for number, r in zip(numbers, runs, strict=True)]), np.int32
        ),
        visible=frozen(np.concatenate([r.visible for r in runs]), np.bool_),
    )


def _object_table(
    table: PrimTable, runs: list[ObjectRun], finder: ObjectFinder
) -> tuple[ObjectTable, list[I4]]:
    """All objects sorted by prim and point, each once; and for each run the numbers of its objects.

    A prim object's drawings may lie in several runs (instancers stand between them). Points are sorted in their run, and
    no other object has their prim, so sorting by prim alone, stably, is enough.
    """
    prim = np.concatenate([r.prim for r in runs]).astype(np.int32)
    point_id = np.concatenate([r.point_id for r in runs])
    label_set = np.concatenate([r.label_set for r in runs])
    if (prim[1:] >= prim[:-1]).all():
        order = np.arange(len(prim), dtype=np.int32)
    else:
        order = np.argsort(prim, kind="stable").astype(np.int32)
        prim, point_id, label_set = prim[order], point_id[order], label_set[order]
    new = np.ones(len(prim), bool)
    new[1:] = (prim[1:] != prim[:-1]) | (point_id[1:] != point_id[:-1])
    number = np.empty(len(prim), np.int32)
    number[order] = np.cumsum(new, dtype=np.int32) - np.int32(1)
    split = np.cumsum([len(r.prim) for r in runs])[:-1]
    kept = Interned(label_set[new], finder.label_sets)
    return ObjectTable(table.path, prim[new], point_id[new], kept), np.split(number, split)
