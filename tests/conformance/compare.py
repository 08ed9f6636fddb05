"""A snapshot against the oracle, prim by prim; every difference is one line that names the file, the prim and both values."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from pxr import UsdGeom

from conformance import ours
from conformance.oracle import Drawing, Oracle, quiet
from twinstage.scene.snapshot import Snapshot

WORLD = 1e-9
"""Relative to the largest entry of a matrix: both sides multiply the same float64 matrices in another order."""
SKINNED = 2e-5
"""The same for skinned points: pxr blends matrices in float32."""
MOST_POINTS = 2000
"""Points of one instancer whose world bounds are compared."""
LENGTH = 2e-6
"""Relative to the size of a shape: points are float32."""


def differences(snapshot: Snapshot, oracle: Oracle, name: str) -> list[str]:
    """Everything that the snapshot says otherwise than pxr; empty where they agree."""
    sides = (prim_tables, labels, points, drawings, boxes)
    with quiet():
        return [f"{name} | {text}" for side in sides for text in side(snapshot, oracle)]


def line(path: object, what: str, expected: object, got: object) -> str:
    """One difference as text."""
    return f"{path} | {what} | expected {_text(expected)} | got {_text(got)}"


def _text(value: object) -> str:
    if isinstance(value, np.ndarray):
        return np.array2string(value, precision=6, separator=",", suppress_small=True).replace("\n", "")
    if isinstance(value, set):
        return str(sorted(value))
    return str(value)


def prim_tables(snapshot: Snapshot, oracle: Oracle) -> Iterator[str]:
    """Paths, parents, types, kinds, proxies, worlds, visibility and purpose of every prim."""
    table, prims = snapshot.prims, oracle.prims
    row_of = {path: i for i, path in enumerate(table.path)}
    for path in sorted(prims.keys() ^ row_of.keys()):
        yield line(path, "prim", "present" if path in prims else "absent", "the other")
    worlds = oracle.worlds()
    for k, (path, prim) in enumerate(prims.items()):
        i = row_of.get(path)
        if i is None:
            continue
        yield from _prim(snapshot, oracle, i, path, prim)
        got = snapshot.node_world[i]
        if not close(got, worlds[k]):
            yield line(path, "world transform", worlds[k], got)


def _prim(snapshot: Snapshot, oracle: Oracle, i: int, path: str, prim: Any) -> Iterator[str]:
    table = snapshot.prims
    above = int(table.parent[i])
    pairs: list[tuple[str, object, object]] = [
        ("type", str(prim.GetTypeName()), table.type_name[i]),
        ("kind", str(prim.GetKind()), table.kind[i]),
        ("instance proxy", bool(prim.IsInstanceProxy()), bool(table.proxy[i])),
        ("parent", str(prim.GetParent().GetPath()), table.path[above] if above >= 0 else "/"),
    ]
    if prim.IsA(UsdGeom.Imageable):
        pairs.append(("visibility", oracle.visible(prim), bool(table.visible[i])))
        pairs.append(("purpose", oracle.purpose(prim), table.purpose[i]))
    for what, expected, got in pairs:
        if expected != got:
            yield line(path, what, expected, got)


def close(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether matrices (ours, pxr's) agree to rounding; not-a-number equals itself.

    Of a matrix that is not affine, which no renderer draws alike, the upper three rows count.
    """
    if b.shape == (4, 4) and not np.array_equal(b[3], (0.0, 0.0, 0.0, 1.0)):
        a, b = a[:3], b[:3]
    finite = np.abs(b[np.isfinite(b)])
    scale = max(1.0, float(finite.max(initial=1.0)))
    return bool(np.allclose(a, b, rtol=0, atol=WORLD * scale, equal_nan=True))


def labels(snapshot: Snapshot, oracle: Oracle) -> Iterator[str]:
    """Label sets of every prim, and of every object (prims, points)."""
    found = ours.inherited_labels(snapshot)
    row_of = {path: i for i, path in enumerate(snapshot.prims.path)}
    for path, prim in oracle.prims.items():
        if path in row_of:
            expected = oracle.labels(prim)
            if expected != found[row_of[path]]:
                yield line(path, "labels", expected, found[row_of[path]])
    prototypes: dict[str, tuple[dict[int, int], list[Any]]] = {}
    for path, point, got in ours.objects(snapshot):
        prim = oracle.prims[path]
        if point < 0:
            expected = oracle.labels(prim)
        else:
            if path not in prototypes:
                rows = oracle.points(prim)
                targets = UsdGeom.PointInstancer(prim).GetPrototypesRel().GetForwardedTargets()
                pairs = zip(rows.ids.tolist(), rows.prototype.tolist(), strict=True)
                prototypes[path] = dict(pairs), [oracle.stage.GetPrimAtPath(p) for p in targets]
            index_of, roots = prototypes[path]
            index = index_of.get(point, -1)
            expected = oracle.point_labels(prim, roots[index] if index >= 0 else None)
        if got != expected:
            yield line(f"{path} point {point}" if point >= 0 else path, "object labels", expected, got)


def points(snapshot: Snapshot, oracle: Oracle) -> Iterator[str]:
    """Ids, local and world transforms and masks of every point instance."""
    table, n = snapshot.points, len(snapshot.prims)
    expected_instancers = oracle.instancers()
    told = ours.told(snapshot)
    for path, prim in expected_instancers.items():
        expected = oracle.points(prim)
        rows = np.flatnonzero(table.instancer == snapshot.prims.index_of.get(path, -2))
        if len(rows) != len(expected.ids):
            yield line(path, "number of points", len(expected.ids), len(rows))
            continue
        if expected.fault not in ("", "no points") and not any(path in text for text in told):
            yield line(path, "finding", expected.fault, "none")
        if not np.array_equal(table.point_id[rows], expected.ids):
            yield line(path, "point ids", expected.ids[:8], table.point_id[rows][:8])
        for what, a, b in (
            ("point transforms", expected.local, table.local[rows]),
            (
                "point worlds",
                oracle.convert(np.array(oracle.cache.GetLocalToWorldTransform(prim)), in_world=True)
                @ expected.local,
                snapshot.node_world[n + rows],
            ),
        ):
            wrong = [k for k in range(len(rows)) if not close(b[k], a[k])]
            if wrong:
                k = wrong[0]
                yield line(f"{path} point {expected.ids[k]}", f"{what} ({len(wrong)} differ)", a[k], b[k])
        wrong = np.flatnonzero(table.visible[rows] != expected.visible).tolist()
        if wrong:
            yield line(path, "mask of points", expected.ids[expected.visible][:8], f"{len(wrong)} differ")
    for i in np.unique(table.instancer).tolist():
        if snapshot.prims.path[i] not in expected_instancers:
            yield line(snapshot.prims.path[i], "points", "none", int((table.instancer == i).sum()))


def drawings(snapshot: Snapshot, oracle: Oracle) -> Iterator[str]:
    """Each gprim where it is drawn: its world transform, visibility and bounds; and nothing else is drawn."""
    expected = oracle.drawings
    if expected is None:
        return
    rows = ours.drawings(snapshot)
    told = ours.told(snapshot)
    grouped: dict[tuple[str, int], list[Drawing]] = {}
    for drawing in expected:
        grouped.setdefault((drawing.carrier, drawing.point), []).append(drawing)
    for key in sorted(rows.keys() - grouped.keys()):
        yield line(key, "drawings", 0, len(rows[key]))
    checked: set[tuple[int, int]] = set()
    for key, wanted in grouped.items():
        left = list(rows.get(key, ()))
        for drawing in wanted:
            k = _match(snapshot, drawing, left)
            if k is None:
                yield from _absent(drawing, told)
                continue
            left.remove(k)
            if drawing.shape.rule == "nothing":
                yield line(drawing.gprim, "drawing", f"none, as {drawing.shape.reason}", "one")
                continue
            if bool(snapshot.instances.visible[k]) != drawing.visible:
                yield line(key, "visibility of the drawing", drawing.visible, not drawing.visible)
            shape = (int(snapshot.instances.prototype[k]), id(drawing.shape))
            if shape not in checked:
                checked.add(shape)
                yield from _shape(snapshot, drawing, k)
        for k in left:
            yield line(key, "drawing", "none", snapshot.prototypes[snapshot.instances.prototype[k]].source)


def _match(snapshot: Snapshot, drawing: Drawing, left: list[int]) -> int | None:
    """The row that draws it where it stands, the one with the nearest bounds where several do."""
    fit = [k for k in left if close(snapshot.instance_world[k], drawing.world)]
    if len(fit) < 2 or drawing.shape.rule == "nothing":
        return fit[0] if fit and (drawing.shape.rule != "nothing" or len(left) == 1) else None

    def distance(k: int) -> float:
        low, high = ours.box(snapshot, k, in_world=False)
        return float(np.abs(low - drawing.shape.low).max() + np.abs(high - drawing.shape.high).max())

    return min(fit, key=distance)


def _absent(drawing: Drawing, told: list[str]) -> Iterator[str]:
    """What is not drawn must be said: by its path, by its kind, or (of instances) by the path of another of the same name."""
    shape, name = drawing.shape, drawing.gprim.rpartition("/")[2]
    said = any(
        drawing.gprim in text or f"{shape.type_name} prim" in text or f"/{name} " in text for text in told
    )
    if not said and shape.rule != "any":
        yield line(
            drawing.gprim, f"{shape.type_name} drawn at", drawing.world, "neither a drawing nor a finding"
        )
    elif shape.rule in ("exact", "cage", "chord"):
        yield line(
            drawing.gprim,
            f"{shape.type_name} drawn at",
            drawing.world,
            "no drawing there (a finding speaks of it)",
        )


def _shape(snapshot: Snapshot, drawing: Drawing, k: int) -> Iterator[str]:
    shape = drawing.shape
    low, high = ours.box(snapshot, k, in_world=False)
    prototype = snapshot.prototypes[snapshot.instances.prototype[k]]
    size = max(float(np.abs(shape.high).max()), float(np.abs(shape.low).max()), 1e-9)
    if shape.rule == "any":
        return
    slack = (SKINNED if shape.skinned else LENGTH) * size + shape.slack
    if shape.rule in ("exact", "chord"):
        slack += prototype.chord_error if shape.rule == "chord" else 0.0
        if np.abs(low - shape.low).max() > slack or np.abs(high - shape.high).max() > slack:
            yield line(drawing.gprim, "bounds", np.array([shape.low, shape.high]), np.array([low, high]))
    elif (low < shape.low - slack).any() or (high > shape.high + slack).any():
        yield line(drawing.gprim, "bounds within", np.array([shape.low, shape.high]), np.array([low, high]))
    elif shape.rule == "cage" and (high - low + slack < (shape.high - shape.low) * 0.2).any():
        yield line(drawing.gprim, "size of the surface", shape.high - shape.low, high - low)
    if shape.rule == "exact":
        if len(prototype.triangles) != shape.triangles:
            yield line(drawing.gprim, "triangles", shape.triangles, len(prototype.triangles))
        got = ours.used_points(snapshot, k)
        assert shape.points is not None
        if not _same_points(got, shape.points, slack):
            yield line(drawing.gprim, f"distinct points within {slack:.1e} m", len(shape.points), len(got))
    if shape.rule == "cage" and len(prototype.triangles) < shape.triangles:
        yield line(drawing.gprim, "triangles at least", shape.triangles, len(prototype.triangles))


def _same_points(a: np.ndarray, b: np.ndarray, slack: float) -> bool:
    """Whether two sets of points are one: in order, or else each point of either near one of the other."""
    if a.shape == b.shape and np.allclose(a, b, rtol=0, atol=slack):
        return True
    if len(a) * len(b) > 4e7:
        return False
    # Rounding may change the order and join or part doubles, so that only nearness counts.
    near_a, near_b = np.zeros(len(a), bool), np.zeros(len(b), bool)
    for begin in range(0, len(a), 500):
        near = np.abs(a[begin : begin + 500, None] - b[None]).max(2) <= slack
        near_a[begin : begin + 500] = near.any(1)
        near_b |= near.any(0)
    return bool(near_a.all() and near_b.all())


def boxes(snapshot: Snapshot, oracle: Oracle) -> Iterator[str]:
    """Each drawing lies within BBoxCache's world bound of its gprim or point, where authored extents are true."""
    rows = ours.drawings(snapshot)
    lying: set[str] = set()  # instancers with a part whose authored extent does not hold it
    for drawing in oracle.drawings or ():
        gprim = oracle.stage.GetPrimAtPath(drawing.gprim)
        holds = drawing.shape.rule == "nothing" or oracle.extent_holds(gprim, drawing.shape)
        if drawing.point >= 0:
            lying |= set() if holds else {drawing.carrier}
        elif holds and drawing.visible and drawing.shape.rule != "nothing":
            yield from _within(snapshot, drawing.gprim, oracle.box(gprim), rows.get((drawing.gprim, -1), []))
    for path, prim in oracle.instancers().items():
        expected = oracle.points(prim)
        if expected.fault or path in lying or oracle.unseen_parts(prim) or len(expected.ids) > MOST_POINTS:
            continue
        for point, box in oracle.point_boxes(prim, expected.ids).items():
            yield from _within(snapshot, f"{path} point {point}", box, rows.get((path, point), []))


def _within(snapshot: Snapshot, path: str, box: "tuple[Any, Any] | None", rows: list[int]) -> Iterator[str]:
    for k in rows if box is not None else ():
        low, high = ours.box(snapshot, k, in_world=True)
        slack = 1e-5 * max(1e-9, float(np.abs(box[0]).max()), float(np.abs(box[1]).max()))
        if (low < box[0] - slack).any() or (high > box[1] + slack).any():
            yield line(path, "world bound within", np.array(box), np.array([low, high]))
