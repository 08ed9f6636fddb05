"""The moments at which a stack of transform ops must be read so that straight lines between them can say how it moves.

Those are the samples and knots of its ops, what splines do beyond their knots within the stage's range, and more wherever the
ops' own angles go so far that the shorter arc between two keys would be another way. Touches pxr.
"""

from typing import Any

import numpy as np

from twinstage.base.errors import UserError
from twinstage.scene.columns import F8
from twinstage.scene.motion import JUMP

MOST_KEYS = 2_000_000
"""Keys of one prim at most."""
ARC = 120.0
"""Farthest that all angles of a stack together may go between two keys [degrees]; matrices know no turns beyond 180."""
PIECES = 32
"""In how many pieces the way of a spline's angle is measured between two keys; it turns back there twice at most."""


def sample_codes(xformable: Any, ops: list[Any], *, held: bool) -> list[float]:
    """Time codes of the keys of those ops, rising; UserError for more than `MOST_KEYS`. `held`: as the stage says."""
    codes = set(xformable.GetTimeSamples())
    for op in ops:
        if op.GetAttr().HasSpline():
            codes |= _spline_codes(op.GetAttr().GetSpline(), xformable.GetPrim())
        else:
            codes |= _before_blocks(op, xformable.GetPrim().GetStage())
    out = sorted(codes)
    return out if held or len(out) < 2 else _with_turns(ops, np.array(out)).tolist()


def _spline_codes(spline: Any, prim: Any) -> set[float]:
    """Knots, the ends of the stage's range where the curve goes on to them, and moments just before jumps."""
    from pxr import Gf, Ts

    stage, own = prim.GetStage(), [float(code) for code in spline.GetKnots()]
    if not own:
        return set()
    low, high = min(own), max(own)
    first, last = low, high
    if stage.HasAuthoredTimeCodeRange():
        if spline.GetPreExtrapolation().mode not in (Ts.ExtrapHeld, Ts.ExtrapValueBlock):
            first = min(low, stage.GetStartTimeCode())
        if spline.GetPostExtrapolation().mode not in (Ts.ExtrapHeld, Ts.ExtrapValueBlock):
            last = max(high, stage.GetEndTimeCode())
    if spline.HasExtrapolatingLoops() and high > low:
        _check_number((last - first) / (high - low) * len(own), prim.GetPath())
    knots = spline.GetKnotsWithLoopsBaked(Gf.Interval(first, last))
    codes = {float(code) for code in knots if first <= code <= last} | {first, last}
    before = JUMP / 2 * stage.GetTimeCodesPerSecond()
    jumps = {code for code in codes if spline.EvalPreValue(code) != spline.Eval(code)}
    return codes | {code - before for code in jumps if code - before > first}


def _before_blocks(op: Any, stage: Any) -> set[float]:
    """Moments just before a value begins or ends to be blocked: USD holds there what it has, and jumps."""
    codes = op.GetTimeSamples()
    blocked = [op.Get(code) is None for code in codes]
    before = JUMP / 2 * stage.GetTimeCodesPerSecond()
    return {codes[k] - before for k in range(1, len(codes)) if blocked[k] or blocked[k - 1]}


def _with_turns(ops: list[Any], codes: F8) -> F8:
    """More codes wherever the angles of the ops go farther than `ARC` between two."""
    from pxr import UsdGeom

    op = UsdGeom.XformOp
    flat = (op.TypeRotateX, op.TypeRotateY, op.TypeRotateZ)
    solid = tuple(getattr(op, f"TypeRotate{axes}") for axes in ("XYZ", "XZY", "YXZ", "YZX", "ZXY", "ZYX"))
    turning = [one for one in ops if one.GetOpType() in (*flat, *solid) and one.MightBeTimeVarying()]
    if not turning:
        return codes
    fine = codes
    if any(one.GetAttr().HasSpline() for one in turning):
        parts = np.arange(PIECES) / PIECES
        fine = np.append((codes[:-1, None] + np.diff(codes)[:, None] * parts).reshape(-1), codes[-1])
    way = np.zeros(len(fine) - 1)
    for one in turning:
        angles = np.array([_angles(one.Get(code)) for code in fine], np.float64)
        way += np.nan_to_num(np.abs(np.diff(angles, axis=0)).sum(1), nan=0.0, posinf=0.0)
    gone = np.concatenate([[0.0], np.cumsum(way)])  # all angles up to each moment [degrees]
    ends = gone[:: (len(fine) - 1) // (len(codes) - 1)]
    number = np.maximum(np.ceil(np.diff(ends) / ARC - 1e-9), 1)
    _check_number(float(number.sum()), turning[0].GetAttr().GetPrim().GetPath())
    more = [codes]
    for k in np.flatnonzero(number > 1):
        levels = np.linspace(ends[k], ends[k + 1], int(number[k]) + 1)[1:-1]
        more.append(np.interp(levels, gone, fine))
    return np.unique(np.concatenate(more))


def _angles(value: Any) -> tuple[float, ...]:
    """Of what one op says, three numbers; of what is none (a blocked key, a wrong type), no angles."""
    if isinstance(value, int | float):
        return (float(value), 0.0, 0.0)
    try:
        x, y, z = (float(angle) for angle in value)
    except (TypeError, ValueError):
        return (np.nan,) * 3
    return x, y, z


def _check_number(number: float, path: Any) -> None:
    if not number <= MOST_KEYS:
        raise UserError(
            f"{path} needs {number:.0f} keys to be said in straight lines, and a GLB file holds at most {MOST_KEYS:,} of one "
            "prim here; --still writes one moment"
        )
