"""Colour maps, thresholds and label steps against the values they will see, and signals whose names speak of another axis."""

import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from twinstage.base.finding import Finding
from twinstage.live.checks.codes import finding
from twinstage.live.checks.twin import ExaminedTwin
from twinstage.scene.bindings import (
    EntityBinding,
    InstanceBinding,
    PoseBinding,
    PositionFields,
    RotationFields,
)
from twinstage.scene.patterns import expand_one


def check_looks(twin: ExaminedTwin) -> Iterator[Finding]:
    """Styles, visibilities, attachments and labels that can never change."""
    paths = twin.snapshot.prims.path
    compiler = twin.compiler
    for node, row in sorted(compiler.styles.items()):
        stops = [stop for stop, _ in row.binding.colormap]
        yield from _one_side(
            "style.range",
            paths[node],
            twin,
            row.value,
            stops[0],
            stops[-1],
            "the colour map goes",
            len(stops) > 1,
        )
    for node, row in sorted(compiler.switches.items()):
        edge = row.binding.threshold
        yield from _one_side(
            "switch.range", paths[node], twin, row.value, edge, edge, "the threshold is", True
        )
    for grip in compiler.grips:
        path = paths[grip.frame] if grip.frame < len(paths) else ""
        yield from _one_side(
            "switch.range", path, twin, grip.value, grip.threshold, grip.threshold, "the threshold is", True
        )
    for request in compiler.labels:
        if request.map.steps:
            first = float(request.map.values[0])
            yield from _one_side(
                "label.range", request.slot.path, twin, request.value, first, np.inf, "the labels go", True
            )


def _one_side(
    code: str, path: str, twin: ExaminedTwin, row: int, low: float, high: float, what: str, matters: bool
) -> Iterator[Finding]:
    """A finding where every value that can come lies below `low`, or every one above `high`."""
    values = twin.inputs[:, row]
    values = values[np.isfinite(values)]
    uses = twin.compiler.inputs.uses(row)
    if not matters or not len(values) or not uses:
        return
    least, most = float(values.min()), float(values.max())
    declared = _declared(twin, row)
    if declared is not None:  # what a short recording shows is not all that can come
        least, most = min(least, declared[0]), max(most, declared[1])
    elif least == most:
        return
    if most < low or least > high:
        span = f"{low:g}" if low == high else f"from {low:g} to {high:g}"
        text = f"{path}: its values run from {least:.4g} to {most:.4g}, and {what} {span} in the same unit"
        yield finding(code, path, text)


def _declared(twin: ExaminedTwin, row: int) -> "tuple[float, float] | None":
    """The least and the greatest that the declared ranges allow, where an input depends on one signal."""
    uses = twin.compiler.inputs.uses(row)
    ranges = twin.trajectories.declared
    if len(uses) != 1 or not np.isfinite(ranges[uses[0]]).all():
        return None
    numeric = np.full(len(ranges), np.nan)
    ends = []
    for value in ranges[uses[0]]:
        numeric[uses[0]] = value
        twin.plan.inputs.reset()
        ends.append(float(twin.plan.inputs.evaluate(numeric)[row]))
    twin.plan.inputs.reset()
    return (min(ends), max(ends)) if np.isfinite(ends).all() else None


# --- names --------------------------------------------------------------------------------------------------------

_PARTS = re.compile(r"[A-Za-z]+")
_TURNS = {"roll": "roll", "pitch": "pitch", "yaw": "yaw", "heading": "yaw"}


def check_axis_names(twin: ExaminedTwin) -> Iterator[Finding]:
    """Signals named x that drive y, and the like."""
    bindings = twin.compiler.bindings
    for number, binding in enumerate(bindings.bindings):
        if isinstance(binding, PoseBinding | InstanceBinding | EntityBinding):
            try:
                first = expand_one(bindings, number, twin.snapshot)[0][1]
            except Exception:  # a pattern that matches nothing has its own finding
                continue
            where = f"{bindings.where(number)}: {binding.kind} binding of {first.prim}"
            yield from _names(where, first)


def _names(where: str, b: Any) -> Iterator[Finding]:
    path = b.prim or ""
    if isinstance(b.position, PositionFields):
        named = {axis: _axis_of(getattr(b.position, axis)) for axis in "xyz"}
        odd = {axis: said for axis, said in named.items() if said and said != axis}
        if odd:
            said = ", ".join(f"{axis} comes from {getattr(b.position, axis)!r}" for axis in odd)
            swap = len(odd) == 2 and set(odd) == set(odd.values())
            code = "axis.handedness" if swap and all(named.values()) else "axis.name"
            yield finding(code, path, f"{where}: {said}")
    if isinstance(b.rotation, RotationFields):
        for turn in ("roll", "pitch", "yaw"):
            said = _turn_of(getattr(b.rotation, turn))
            if said and said != turn:
                yield finding("axis.name", path, f"{where}: {turn} comes from {getattr(b.rotation, turn)!r}")


def _axis_of(value: Any) -> str:
    """x, y or z if a plain signal's last word says so."""
    if not isinstance(value, str) or not re.fullmatch(r"[\w.\-/:]+", value):
        return ""
    words = _PARTS.findall(re.split(r"[._\-/:]", value)[-1])
    last = words[-1].lower() if words else ""
    return last if last in ("x", "y", "z") else ""


def _turn_of(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[\w.\-/:]+", value):
        return ""
    words = _PARTS.findall(re.split(r"[._\-/:]", value)[-1])
    return _TURNS.get(words[-1].lower(), "") if words else ""
