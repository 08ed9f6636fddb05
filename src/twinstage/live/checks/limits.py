"""Joints: do values stay within the limits, and if not, which mistake would explain it; do the two frames of a joint meet?"""

import math
from collections.abc import Iterator

import numpy as np

from twinstage.base.finding import Finding
from twinstage.live.checks.codes import finding
from twinstage.live.checks.twin import ExaminedTwin
from twinstage.scene.bindings import JointBinding
from twinstage.scene.columns import F8
from twinstage.scene.compile_poses import JointRequest
from twinstage.scene.joints import joint_frames, joint_limits

SLACK = 0.02
"""Share of the limits' span that is let pass."""
FACTORS = {
    1000.0: "1000 (mm and m)",
    0.001: "0.001 (m and mm)",
    100.0: "100 (cm and m)",
    0.01: "0.01 (m and cm)",
    10.0: "10 (mm and cm)",
    0.1: "0.1 (cm and mm)",
    180 / math.pi: "57.3 (degrees and radians)",
    math.pi / 180: "0.01745 (radians and degrees)",
}
"""What values would have to be multiplied with, and the mix-up that this stands for."""


def check_joints(twin: ExaminedTwin) -> Iterator[Finding]:
    """All findings about bound joints."""
    bindings = {where: b for where, b in twin.compiler.joint_bindings}
    for request in twin.compiler.joints:
        path = request.joint.path
        prim = twin.prim(path)
        binding = bindings.get(request.where)
        if binding is None or not prim or request.joint.body1 == path:
            continue
        yield from _frames(twin, request)
        limits = joint_limits(prim, twin.opened.meters_per_unit)
        if limits is None:
            continue
        low, high = limits
        if low > high:
            text = f"the limits of {path} are {_show(low, request)} to {_show(high, request)}, the lower above the upper"
            yield finding("limits.invalid", path, f"{request.where}: {text}")
        elif math.isfinite(low) and math.isfinite(high):
            yield from _values(twin, request, binding, low, high)


def _values(
    twin: ExaminedTwin, request: JointRequest, b: JointBinding, low: float, high: float
) -> Iterator[Finding]:
    values = twin.inputs[:, request.value]
    values = values[np.isfinite(values)]
    declared = _declared(twin, b)
    if not len(values) or not twin.compiler.inputs.uses(request.value):
        return
    recorded = twin.recorded(request.value)
    span = max(high - low, 1e-9)
    where, path = request.where, request.joint.path
    told = (
        f"{where}: {path} runs from {_show(float(values.min()), request)} to {_show(float(values.max()), request)}"
        f"{'' if recorded else ' over the declared range'}, and its limits are {_show(low, request)} to {_show(high, request)}"
    )
    factor = None if declared is None else unit_factor((high - low) / max(declared[1] - declared[0], 1e-12))
    if factor is not None and b.signal is not None:
        yield finding(
            "limits.scale",
            path,
            f"{told}; the declared range of {b.signal!r} fits them times {FACTORS[factor]}",
        )
        return
    if _outside(values, low, high) == 0:
        moved = float(values.max() - values.min())
        if recorded and 0 < moved < 0.02 * span:
            bigger = [
                f
                for f in FACTORS
                if f > 20 and _outside(values * f, low, high) == 0 and moved * f > 0.1 * span
            ]
            small = declared is not None and declared[1] - declared[0] < 0.1 * span
            if bigger and small:
                yield finding("limits.scale", path, f"{told}; they would fit times {FACTORS[bigger[0]]}")
        return
    explained = _explain(values, b, low, high)
    if explained is not None:
        yield finding(explained[0], path, f"{told}; {explained[1]}")
    elif recorded or _overlap(values, low, high) < 0.2:
        share = _outside(values, low, high)
        yield finding("limits.exceeded", path, f"{told}; {share:.0%} of the values lie outside")


def _explain(values: F8, b: JointBinding, low: float, high: float) -> tuple[str, str] | None:
    """The simplest change that would bring all values within the limits."""
    if b.offset and _outside(values - b.offset, low, high) == 0:
        return "limits.offset", f"without its offset of {b.offset:g} it would stay within them"
    mirrored = 2 * b.offset - values
    if _outside(mirrored, low, high) == 0:
        return "limits.sign", "with the other sign it would stay within them"
    for factor, name in FACTORS.items():
        scaled = values * factor
        used = (scaled.max() - scaled.min()) / max(high - low, 1e-9)
        if (
            factor < 1
            and _outside(scaled, low, high) == 0
            and (used > 0.05 or np.abs(values).max() > 10 * max(abs(low), abs(high)))
        ):
            return "limits.scale", f"it would stay within them times {name}"
    return None


def unit_factor(ratio: float) -> float | None:
    """The factor of a unit mix-up that a ratio of two spans speaks for, or None."""
    for factor in FACTORS:
        if 0.7 < ratio / factor < 1.43 and not 0.12 < ratio < 8:
            return factor
    return None


def _outside(values: F8, low: float, high: float) -> float:
    slack = SLACK * (high - low) + 1e-6
    return float(((values < low - slack) | (values > high + slack)).mean())


def _overlap(values: F8, low: float, high: float) -> float:
    """Share of the values' span that lies within the limits."""
    start, end = float(values.min()), float(values.max())
    if end <= start:
        return float(low <= start <= high)
    return max(0.0, min(end, high) - max(start, low)) / (end - start)


def _declared(twin: ExaminedTwin, b: JointBinding) -> "tuple[float, float] | None":
    index = twin.compiler.signals.index_of.get(b.signal or "", -1)
    if index < 0 or b.coupling:
        return None
    low, high = twin.trajectories.declared[index].tolist()
    return (low, high) if math.isfinite(low) and math.isfinite(high) else None


def _frames(twin: ExaminedTwin, request: JointRequest) -> Iterator[Finding]:
    """The joint's frame seen from both bodies, as authored."""
    snapshot = twin.snapshot
    frames = joint_frames(twin.prim(request.joint.path), twin.opened.meters_per_unit)
    if frames is None or request.joint.body0 == "":
        return
    index = snapshot.prims.index_of
    if request.joint.body0 not in index:
        text = f"body0 of {request.joint.path} is {request.joint.body0}, which does not exist"
        yield finding("joint.frames", request.joint.path, f"{request.where}: {text}")
        return
    worlds = [
        snapshot.node_world[index[body]] @ frame
        for body, frame in zip((request.joint.body0, request.joint.body1), frames, strict=True)
    ]
    gap = float(np.linalg.norm(worlds[0][:3, 3] - worlds[1][:3, 3]))
    axes = [
        w[:3, :3] @ {"X": np.eye(3)[0], "Y": np.eye(3)[1], "Z": np.eye(3)[2]}[frames_axis(twin, request)]
        for w in worlds
    ]
    cosine = float(np.dot(axes[0], axes[1]) / max(np.linalg.norm(axes[0]) * np.linalg.norm(axes[1]), 1e-12))
    angle = math.degrees(math.acos(max(-1.0, min(1.0, cosine))))
    slides = request.joint.motion == "slide"
    if (gap > 0.01 and not slides) or angle > 2:
        text = f"the frames of {request.joint.path} are {gap:.3g} m and {angle:.3g} degrees apart at the authored pose"
        yield finding("joint.frames", request.joint.path, f"{request.where}: {text}")


def frames_axis(twin: ExaminedTwin, request: JointRequest) -> str:
    """X, Y or Z: the joint's axis."""
    attribute = twin.prim(request.joint.path).GetAttribute("physics:axis")
    return str(attribute.Get() or "X") if attribute else "X"


def _show(value: float, request: JointRequest) -> str:
    return f"{value:.4g} m" if request.joint.motion == "slide" else f"{math.degrees(value):.4g} deg"
