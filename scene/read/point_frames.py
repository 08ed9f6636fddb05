"""Where points stand: pxr's own computation, in pieces where there are many.

`ComputeInstanceTransformsAtTime` answers with 128 bytes a point, beside which ours need 96 more. So many points are computed
piece by piece, on an instancer of a scratch stage that holds one piece of the arrays. Where velocities count, pxr gets
the instancer itself.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from twinstage.scene.columns import I4, frozen
from twinstage.scene.tables import Frames

PIECE = 1 << 16
_ARRAYS = ("positions", "orientations", "orientationsf", "scales")
_SPEEDS = ("velocities", "angularVelocities")


def point_frames(api: Any, time: Any, order: I4 | None, scale: float) -> Frames:
    """instancer_from_point [m] of all points; row i is that of array position `order[i]` (i, where None)."""
    count = len(api.GetProtoIndicesAttr().Get(time))
    place = None if order is None else _inverse(order)
    out = np.empty((count, 3, 4))
    for start, usd in _pieces(api, moment(api, time), count):
        rows = slice(start, start + len(usd))
        out[rows if place is None else place[rows]] = np.swapaxes(usd[:, :, :3], 1, 2)
    out[:, :, 3] *= scale
    return Frames(frozen(out, np.float64))


def moment(api: Any, time: Any) -> Any:
    """The time, as a number where velocities count: from the earliest time of all they would lead to infinity."""
    from pxr import Usd

    if not time.IsEarliestTime():
        return time
    samples = api.GetPositionsAttr().GetTimeSamples()
    return Usd.TimeCode(samples[0]) if samples else time


def _inverse(order: I4) -> I4:
    place = np.empty_like(order)
    place[order] = np.arange(len(order), dtype=order.dtype)
    return place


def _pieces(api: Any, time: Any, count: int) -> Iterator[tuple[int, np.ndarray]]:
    """(first point, USD's row-vector matrices f8[k, 4, 4]) in array order."""
    prim = api.GetPrim()
    if count <= PIECE or any(prim.GetAttribute(name).HasAuthoredValue() for name in _SPEEDS):
        yield 0, _transforms(api, time)
        return
    from pxr import Sdf, Usd, UsdGeom, Vt

    found = {name: prim.GetAttribute(name).Get(time) for name in _ARRAYS}
    arrays = {name: values for name, values in found.items() if values is not None and len(values)}
    stage = Usd.Stage.CreateInMemory()
    scratch = UsdGeom.PointInstancer.Define(stage, "/P")
    for start in range(0, count, PIECE):
        with Sdf.ChangeBlock():
            for name, values in arrays.items():
                scratch.GetPrim().GetAttribute(name).Set(values[start : start + PIECE])
            scratch.GetProtoIndicesAttr().Set(Vt.IntArray(min(PIECE, count - start)))
        yield start, _transforms(scratch, Usd.TimeCode.Default())


def _transforms(api: Any, time: Any) -> np.ndarray:
    from pxr import UsdGeom

    kind = UsdGeom.PointInstancer
    return np.asarray(
        api.ComputeInstanceTransformsAtTime(time, time, kind.ExcludeProtoXform, kind.IgnoreMask)
    )
