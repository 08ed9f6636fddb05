"""BasisCurves, HermiteCurves and NurbsCurves -> tubes as wide as authored, with their colours."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from twinstage.scene.columns import F8, I8
from twinstage.scene.curves import full_knots, hermite, layout, parameters, spline_basis
from twinstage.scene.read.context import ReadContext, array
from twinstage.scene.read.fields import (
    Field,
    finite_groups,
    fitting,
    read_color,
    read_points,
    read_widths,
    usable_weights,
)
from twinstage.scene.read.geometry import MeshData
from twinstage.scene.read.skel import Skin
from twinstage.scene.tubes import tubes

MAX_TRIANGLES = 1_000_000
"""Triangles of one curves prim; above it tubes get coarser, and then fewer."""
QUALITIES = ((16, 16), (8, 12), (4, 8), (3, 6), (2, 4), (1, 3))
"""Steps a segment and sides a tube, best first."""


@dataclass(frozen=True, slots=True)
class Lines:
    """Curves sampled alike: f8[k, m, 3], radius f8[k, m], colour f8[k, m, 3] or None; `error`: how far chords cut corners."""

    points: F8
    radius: F8
    color: F8 | None
    closed: bool
    error: float


@dataclass(frozen=True, slots=True)
class Curves:
    """What all kinds have in common. counts i8[curves]: vertices of each; `keep` i8: the curves that are drawn."""

    points: F8
    counts: I8
    widths: Field
    color: Field | None
    keep: I8


def read_curves(
    context: ReadContext, prim: Any, uv_name: str = "", skin: Skin | None = None
) -> MeshData | None:
    """The tubes of a curves prim, or None with a finding."""
    type_name = str(prim.GetTypeName())
    curves = _authored(context, prim, skin)
    if curves is None:
        return None
    groups = {"BasisCurves": _basis, "HermiteCurves": _hermite, "NurbsCurves": _nurbs}[type_name]
    steps, sides = _quality(int(curves.counts[curves.keep].sum()), straight=_is_straight(prim))
    curves = replace(curves, keep=_thinned(context, prim, curves, 2 * steps * sides))
    lines = [g for g in groups(context, prim, curves, steps) if g.points.shape[1] > 1]
    if not lines:
        path = prim.GetPath()
        context.finding("gprim.empty", f"{path} is not drawn: none of its curves has a length", path)
        return None
    normals = prim.GetAttribute("normals")
    if normals and normals.HasAuthoredValue():
        context.count("curves.ribbon", "curves with normals (ribbons) are drawn as tubes")
    return _mesh(context, prim, lines, sides)


def _is_straight(prim: Any) -> bool:
    kind = prim.GetAttribute("type")
    return bool(kind) and str(kind.Get()) == "linear"


def _quality(vertices: int, *, straight: bool) -> tuple[int, int]:
    """Steps a segment and sides a tube: the best that stay below the limit, else the last."""
    for steps, sides in QUALITIES:
        steps = 1 if straight else steps
        if 2 * vertices * steps * sides <= MAX_TRIANGLES:
            break
    return steps, sides


def _thinned(context: ReadContext, prim: Any, curves: Curves, triangles: int) -> I8:
    """The curves to draw, at `triangles` a vertex: all, or evenly chosen ones within the limit, with a finding."""
    keep = curves.keep
    total = int(curves.counts[keep].sum()) * triangles
    if total <= MAX_TRIANGLES:
        return keep
    keep = keep[:: -(-total // MAX_TRIANGLES)]
    keep = keep[np.cumsum(curves.counts[keep]) * triangles <= MAX_TRIANGLES]
    path = prim.GetPath()
    context.finding(
        "curves.many",
        f"{path}: {len(keep)} of {len(curves.keep)} curves are drawn, to stay below {MAX_TRIANGLES:,} triangles",
        path,
    )
    return keep


def _authored(context: ReadContext, prim: Any, skin: Skin | None) -> Curves | None:
    points = read_points(context, prim, skin)
    if points is None:
        return None
    path = prim.GetPath()
    counts = array(prim.GetAttribute("curveVertexCounts").Get(context.time), np.int64)
    if counts is None or len(counts) == 0 or counts.min() < 0 or counts.sum() != len(points):
        total = 0 if counts is None else int(counts.sum())
        context.finding(
            "curves.topology",
            f"{path} is not drawn: curveVertexCounts add up to {total}, but there are {len(points)} points",
            path,
        )
        return None
    keep = np.flatnonzero(finite_groups(points, counts) & (counts > 1))
    if len(keep) < len(counts):
        context.finding(
            "curves.left-out",
            f"{path}: {len(counts) - len(keep)} curves of fewer than 2 or not finite points are left out",
            path,
        )
    return Curves(points, counts, read_widths(context, prim, points), read_color(context, prim), keep)


@dataclass(frozen=True, slots=True)
class _Spread:
    """Fields taken curve by curve; `varying`: values of a varying field for each curve, i8[curves]."""

    curves: Curves
    varying: I8

    def fit(self, context: ReadContext, prim: Any) -> tuple[Field, Field | None]:
        """Widths and colours that fit; widths fall back to a constant."""
        counts = {
            "constant": 1,
            "uniform": len(self.curves.counts),
            "vertex": int(self.curves.counts.sum()),
            "varying": int(self.varying.sum()),
        }
        widths = fitting(context, prim, "widths", self.curves.widths, counts)
        color = self.curves.color and fitting(context, prim, "displayColor", self.curves.color, counts)
        return widths or Field(self.curves.widths.values[:1], "constant"), color

    def take(self, found: Field, rows: I8) -> F8:
        """Its values of these curves (all of one length), f8[k, values a curve, c]."""
        if found.interpolation == "constant":
            return np.repeat(found.values[None, :1], len(rows), 0)
        if found.interpolation == "uniform":
            return found.values[rows][:, None]
        counts = self.curves.counts if found.interpolation == "vertex" else self.varying
        start = (np.cumsum(counts) - counts)[rows]
        return np.asarray(found.values[start[:, None] + np.arange(counts[rows[0]])])


def _basis(context: ReadContext, prim: Any, curves: Curves, steps: int) -> Iterator[Lines]:
    basis = "linear" if _is_straight(prim) else str(prim.GetAttribute("basis").Get() or "bezier")
    wrap = str(prim.GetAttribute("wrap").Get() or "nonperiodic")
    basis = basis if basis in ("linear", "bspline", "catmullRom") else "bezier"
    layouts = {int(n): layout(int(n), basis, wrap) for n in np.unique(curves.counts)}
    varying = np.array([found.varying if (found := layouts[int(n)]) else 0 for n in curves.counts], np.int64)
    spread = _Spread(curves, varying)
    widths, color = spread.fit(context, prim)
    unfit = 0
    for count, made in layouts.items():
        rows = curves.keep[curves.counts[curves.keep] == count]
        if len(rows) == 0:
            continue
        if made is None:
            unfit += len(rows)
            continue
        each = 1 if basis == "linear" else steps
        vertices = spread.take(Field(curves.points, "vertex"), rows)
        points = made.samples(vertices, each)

        def along(
            found: Field, rows: I8 = rows, made: Any = made, each: int = each, m: int = points.shape[1]
        ) -> F8:
            values = spread.take(found, rows)
            if found.interpolation == "vertex":
                return np.asarray(made.samples(values, each))
            if found.interpolation == "varying":
                return np.asarray(made.varying_samples(values, each))
            return np.repeat(values, m, 1)

        error = 0.0
        if basis != "linear":
            finer = made.samples(vertices, 2 * each)
            error = _cut(finer, closed=made.closed)
        yield Lines(
            points,
            np.maximum(along(widths)[..., 0], 0) / 2,
            along(color) if color else None,
            made.closed,
            error,
        )
    if unfit:
        path = prim.GetPath()
        context.finding(
            "curves.left-out", f"{path}: {unfit} curves whose length does not fit {basis} are left out", path
        )


def _hermite(context: ReadContext, prim: Any, curves: Curves, steps: int) -> Iterator[Lines]:
    tangents = array(prim.GetAttribute("tangents").Get(context.time))
    if tangents is None or tangents.shape != curves.points.shape:
        path = prim.GetPath()
        context.finding(
            "curves.tangents", f"{path} is not drawn: it does not have a tangent for each point", path
        )
        return
    spread = _Spread(curves, curves.counts)
    widths, color = spread.fit(context, prim)
    for count in np.unique(curves.counts[curves.keep]):
        rows = curves.keep[curves.counts[curves.keep] == count]
        vertices = spread.take(Field(curves.points, "vertex"), rows)
        slopes = spread.take(Field(tangents, "vertex"), rows)
        points = hermite(vertices, slopes, steps)
        line = layout(int(count), "linear", "nonperiodic")
        assert line is not None

        def along(found: Field, rows: I8 = rows, line: Any = line, m: int = points.shape[1]) -> F8:
            values = spread.take(found, rows)
            if found.interpolation in ("vertex", "varying"):
                return np.asarray(line.varying_samples(values, steps))
            return np.repeat(values, m, 1)

        error = _cut(hermite(vertices, slopes, 2 * steps), closed=False)
        yield Lines(points, along(widths)[..., 0] / 2, along(color) if color else None, False, error)


def _nurbs(context: ReadContext, prim: Any, curves: Curves, steps: int) -> Iterator[Lines]:
    path, time = prim.GetPath(), context.time
    orders = array(prim.GetAttribute("order").Get(time), np.int64)
    knots = array(prim.GetAttribute("knots").Get(time))
    ranges = array(prim.GetAttribute("ranges").Get(time))
    weights = array(prim.GetAttribute("pointWeights").Get(time))
    number = len(curves.counts)
    if orders is None or knots is None or len(orders) != number:
        context.finding("curves.knots", f"{path} is not drawn: order and knots do not fit its curves", path)
        return
    spare = len(knots) - int((curves.counts + orders).sum())
    short = spare == -2 * number  # some writers leave the first and the last knot out
    sizes = curves.counts + orders - (2 if short else 0)
    if sizes.sum() != len(knots):
        context.finding(
            "curves.knots", f"{path} is not drawn: {len(knots)} knots, {int(sizes.sum())} were expected", path
        )
        return
    weights = usable_weights(context, prim, weights, len(curves.points))
    spread = _Spread(curves, curves.counts - orders + 2)
    widths, color = spread.fit(context, prim)
    starts = np.cumsum(sizes) - sizes
    left_out = 0
    for row in curves.keep:
        order, count = int(orders[row]), int(curves.counts[row])
        own = full_knots(knots[starts[row] : starts[row] + sizes[row]], order, count)
        if own is None:
            left_out += 1
            continue
        limits = (
            None
            if ranges is None or ranges.shape != (number, 2)
            else (float(ranges[row, 0]), float(ranges[row, 1]))
        )
        at = parameters(own, order, count, limits, 2 * steps)
        rows = np.array([row])
        first = int(curves.counts[:row].sum())
        w = weights[first : first + count]
        index, basis = spline_basis(own, order, count, at)
        share = basis * w[index]
        share /= share.sum(1, keepdims=True)

        def along(found: Field, rows: I8 = rows, index: I8 = index, share: F8 = share) -> F8:
            values = spread.take(found, rows)[0]
            if found.interpolation == "vertex":
                return np.asarray(np.einsum("mo,moc->mc", share, values[index]))[None]
            if found.interpolation == "varying":
                at = np.linspace(0, len(values) - 1, len(index))
                return np.stack([np.interp(at, np.arange(len(values)), c) for c in values.T], -1)[None]
            return np.repeat(values[None], len(index), 1)

        fine = along(Field(curves.points, "vertex"))
        colors = along(color)[:, ::2] if color else None
        yield Lines(fine[:, ::2], along(widths)[:, ::2, 0] / 2, colors, False, _cut(fine, closed=False))
    if left_out:
        context.finding(
            "curves.left-out", f"{path}: {left_out} curves with knots that do not fit are left out", path
        )


def _cut(finer: F8, *, closed: bool) -> float:
    """How far the chords between every second sample lie from the samples between them."""
    even = finer[:, ::2]
    following = np.roll(even, -1, 1) if closed else even[:, 1:]
    middle = (even[:, : following.shape[1]] + following) / 2
    return float(np.linalg.norm(finer[:, 1::2] - middle, axis=2).max(initial=0.0))


def _mesh(context: ReadContext, prim: Any, lines: list[Lines], sides: int) -> MeshData:
    points, normals, triangles, colors = [], [], [], []
    first, error = 0, 0.0
    for group in lines:
        shape, sample = tubes(group.points, group.radius, sides, closed=group.closed)
        points.append(shape.points)
        normals.append(shape.normals)
        triangles.append(shape.triangles + first)
        if group.color is not None:
            colors.append(group.color.reshape(-1, 3)[sample])
        first += len(shape.points)
        error = max(error, group.error + shape.chord_error)
    scale = context.conversion.scale
    flag = prim.GetAttribute("doubleSided")
    return MeshData(
        points=(np.concatenate(points) * scale).astype(np.float32),
        normals=np.concatenate(normals).astype(np.float32),
        triangles=np.concatenate(triangles).astype(np.uint32),
        color=np.concatenate(colors).astype(np.float32) if len(colors) == len(lines) else None,
        double_sided=bool(flag and flag.Get(context.time)),
        chord_error=float(np.float32(error * scale)),
    )
