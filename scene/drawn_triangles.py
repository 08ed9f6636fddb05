"""How many triangles are drawn at and below a prim, read off the composed stage without making them. Touches pxr."""

from typing import Any

import numpy as np

from twinstage.scene.read.appearance import DRAWN_PURPOSES
from twinstage.scene.read.gprims import triangles_of

DEEPEST = 8
"""Instancers inside prototypes of instancers that are followed."""


def drawn_triangles(root: Any, time: Any, depth: int = 0) -> int:
    """Triangles at and below `root`, instances and copies of PointInstancers included, at a time code.

    What is invisible or a guide or proxy is not counted; a subdivision surface counts by its cage.
    """
    from pxr import Usd, UsdGeom

    total = 0
    walk = iter(Usd.PrimRange(root, Usd.TraverseInstanceProxies()))
    for prim in walk:
        imageable = UsdGeom.Imageable(prim)
        if imageable and imageable.GetVisibilityAttr().Get(time) == UsdGeom.Tokens.invisible:
            walk.PruneChildren()
        elif prim.IsA(UsdGeom.PointInstancer):
            walk.PruneChildren()  # its prototypes are drawn where its points are
            if imageable.ComputePurpose() in DRAWN_PURPOSES:
                total += _copies(UsdGeom.PointInstancer(prim), time, depth)
        elif prim.IsA(UsdGeom.Gprim) and imageable.ComputePurpose() in DRAWN_PURPOSES:
            total += _of_mesh(prim, time) if prim.IsA(UsdGeom.Mesh) else triangles_of(prim, time)
    return total


def _of_mesh(prim: Any, time: Any) -> int:
    from pxr import UsdGeom

    counts = UsdGeom.Mesh(prim).GetFaceVertexCountsAttr().Get(time) or ()
    return max(0, int(sum(counts)) - 2 * len(counts))


def _copies(instancer: Any, time: Any, depth: int) -> int:
    """Each prototype, as often as it is shown."""
    indices = np.asarray(instancer.GetProtoIndicesAttr().Get(time) or (), np.int64)
    mask = instancer.ComputeMaskAtTime(time)  # empty where nothing is hidden
    if len(mask) == len(indices):
        indices = indices[np.asarray(mask, bool)]
    stage = instancer.GetPrim().GetStage()
    targets = instancer.GetPrototypesRel().GetForwardedTargets()
    total = 0
    for number, path in enumerate(targets if depth < DEEPEST else ()):
        prim = stage.GetPrimAtPath(path)
        shown = int((indices == number).sum())
        if prim and shown:
            total += shown * drawn_triangles(prim, time, depth + 1)
    return total
