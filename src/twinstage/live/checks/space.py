"""Positions: do moved prims stay where the stage is, and if not, which mistake of unit or axis would explain it?"""

from collections import Counter
from collections.abc import Iterator
from itertools import permutations, product

import numpy as np

from twinstage.base.finding import Finding
from twinstage.live.checks.codes import finding
from twinstage.live.checks.limits import FACTORS
from twinstage.live.checks.twin import ExaminedTwin
from twinstage.scene.columns import F8
from twinstage.scene.compile_poses import PoseRequest
from twinstage.scene.follow import node_name

MOST_OF_A_BINDING = 50
"""Of the prims that one pattern binds, this many are looked at."""
MARGIN = 0.25
"""How far beyond the stage's bounds a prim may go, as a share of their longest side."""
TIGHT = 0.01
"""The same for the question whether other axes would fit better."""


def check_positions(twin: ExaminedTwin) -> Iterator[Finding]:
    """All findings about bound positions; equal ones of many points are told once."""
    channels = [channel.pose for entity in twin.compiler.entities for channel in entity.channels]
    told: dict[tuple[str, str], int] = {}
    looked: Counter[str] = Counter()
    for request in (*twin.compiler.poses, *channels):
        place = request.where.split(": ")[0]
        looked[place] += 1
        if looked[place] > MOST_OF_A_BINDING:
            continue
        for found in _check(twin, request):
            key = (found.code, found.path)
            told[key] = told.get(key, 0) + 1
            if told[key] <= 3:
                yield found


def _check(twin: ExaminedTwin, request: PoseRequest) -> Iterator[Finding]:
    local = local_positions(twin, request)
    if local is None or not len(local):
        return
    scene, paths = twin.snapshot, twin.snapshot.prims.path
    prim = (
        request.node if request.node < len(paths) else int(scene.points.instancer[request.node - len(paths)])
    )
    path, name = paths[prim], node_name(scene, request.node)
    stage = twin.bounds(without=path) or twin.bounds()
    if stage is None:
        return
    low, high = stage
    size = float((high - low).max())
    if size <= 0:
        return
    frame = np.eye(4) if request.frame < 0 else scene.node_world[request.frame]
    world = _to_world(frame, local)
    own = twin.bounds(below=path)
    moved = float((world.max(0) - world.min(0)).max())
    span = f"{request.where}: {name} moves from {_show(world.min(0))} to {_show(world.max(0))} m"
    stage_text = f"the rest of the stage lies from {_show(low)} to {_show(high)} m"
    if _out(world, low, high, size) > 0.01:
        explained = _explain(frame, local, _bound_axes(request), low, high, size)
        code, why = explained or (
            "range.bounds",
            f"{_out(world, low, high, size):.0%} of the positions lie outside",
        )
        yield finding(code, name, f"{span}, and {stage_text}; {why}")
        return
    swap = _better_order(frame, local, _bound_axes(request), low, high, size)
    if swap:
        yield finding("axis.swap", name, f"{span}, partly outside, and {stage_text}; {swap}")
        return
    own_size = size if own is None else float((own[1] - own[0]).max())
    if request.node < len(paths) and 0 < moved < 0.005 * size and moved < 0.1 * own_size:
        yield from _too_little(twin, request, local, frame, low, high, size, span, name)


def _too_little(
    twin: ExaminedTwin,
    request: PoseRequest,
    local: F8,
    frame: F8,
    low: F8,
    high: F8,
    size: float,
    span: str,
    name: str,
) -> Iterator[Finding]:
    for factor, text in FACTORS.items():
        if factor < 20 or 50 < factor < 60:
            continue
        scaled = _to_world(frame, _scaled(local, _bound_axes(request), factor))
        if _out(scaled, low, high, size) == 0 and float((scaled.max(0) - scaled.min(0)).max()) > 0.05 * size:
            yield finding(
                "range.scale", name, f"{span}, which is hardly visible; times {text} it would cross the stage"
            )
            return


def local_positions(twin: ExaminedTwin, request: PoseRequest) -> "F8 | None":
    """Positions in the request's frame over time, f8[t, 3]; None where no position is bound or nothing is known."""
    if request.ned or request.origin is not None:
        return None  # told in another convention, so its components are not those of the frame
    for signal in (request.vec_signal, request.pose_signal):
        if signal >= 0:
            found = twin.trajectories.vectors.get(signal)
            return None if found is None else found[:, :3]
    rows = [row for row in request.position if row >= 0]
    if not rows:
        return None
    world = twin.snapshot.node_world[request.node]
    frame = np.eye(4) if request.frame < 0 else twin.snapshot.node_world[request.frame]
    authored = _authored(frame, world)
    if authored is None:
        return None
    out = np.tile(authored, (len(twin.inputs), 1))
    for axis, row in enumerate(request.position):
        if row >= 0:
            out[:, axis] = twin.inputs[:, row]
    out = out[np.isfinite(out).all(1)]
    return out


def _authored(frame: F8, world: F8) -> "F8 | None":
    try:
        return np.asarray((np.linalg.inv(frame) @ world)[:3, 3])
    except np.linalg.LinAlgError:
        return None


def _bound_axes(request: PoseRequest) -> tuple[int, ...]:
    if request.vec_signal >= 0 or request.pose_signal >= 0:
        return (0, 1, 2)
    return tuple(axis for axis, row in enumerate(request.position) if row >= 0)


def _to_world(frame: F8, local: F8) -> F8:
    return np.asarray(local @ frame[:3, :3].T + frame[:3, 3])


def _out(world: F8, low: F8, high: F8, size: float, margin: float = MARGIN) -> float:
    """Share of the positions beyond the bounds and a margin."""
    slack = margin * size + 0.05
    return float(((world < low - slack) | (world > high + slack)).any(1).mean())


def _scaled(local: F8, axes: tuple[int, ...], factor: float) -> F8:
    out = local.copy()
    out[:, axes] *= factor
    return out


def _explain(
    frame: F8, local: F8, axes: tuple[int, ...], low: F8, high: F8, size: float
) -> tuple[str, str] | None:
    """The simplest change that would keep all positions near the stage."""
    names = "xyz"
    for order in permutations(axes):
        if order == axes:
            continue
        swapped = local.copy()
        swapped[:, axes] = local[:, order]
        for signs in product((1, -1), repeat=len(axes)):
            if _out(_to_world(frame, _signed(swapped, axes, signs)), low, high, size, 0.02) == 0:
                want = ", ".join(
                    f"{names[a]} from {'-' * (s < 0)}{names[o]}"
                    for a, o, s in zip(axes, order, signs, strict=True)
                )
                return "axis.swap", f"they would fit with {want}"
    for factor, text in FACTORS.items():
        if 50 < factor < 60 or 0.017 < factor < 0.018:
            continue
        scaled = _to_world(frame, _scaled(local, axes, factor))
        if _out(scaled, low, high, size, 0.02) == 0:
            return "range.scale", f"they would fit times {text}, or with another metersPerUnit"
    for signs in product((1, -1), repeat=len(axes)):
        if _out(_to_world(frame, _signed(local, axes, signs)), low, high, size, 0.02) == 0:
            return (
                "axis.swap",
                f"they would fit with the signs {', '.join('+-'[s < 0] + names[a] for a, s in zip(axes, signs, strict=True))}",
            )
    return None


def _better_order(frame: F8, local: F8, axes: tuple[int, ...], low: F8, high: F8, size: float) -> str:
    """An exchange of axes that keeps all positions strictly inside, where a good part of them is outside as it is."""
    if _out(_to_world(frame, local), low, high, size, TIGHT) < 0.1:
        return ""
    names = "xyz"
    for order in permutations(axes):
        swapped = local.copy()
        swapped[:, axes] = local[:, order]
        if order != axes and _out(_to_world(frame, swapped), low, high, size, TIGHT) == 0:
            told = ", ".join(f"{names[a]} from {names[o]}" for a, o in zip(axes, order, strict=True))
            return f"all would lie inside with {told}"
    return ""


def _signed(local: F8, axes: tuple[int, ...], signs: tuple[int, ...]) -> F8:
    out = local.copy()
    for axis, sign in zip(axes, signs, strict=True):
        out[:, axis] *= sign
    return out


def _show(point: F8) -> str:
    return "(" + ", ".join(f"{value:.3g}" for value in point) + ")"
