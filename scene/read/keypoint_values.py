"""Values of `twin:keypoint:<name>`: places in the frame of the prim that they are authored on."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from twinstage.scene.columns import F8
from twinstage.scene.read.context import ReadContext, array

KEYPOINT = "twin:keypoint:"
LONGEST_NAME = 256
Keypoint = tuple[str, tuple[float, float, float]]
"""The name of a key point and its place [m]."""


def keypoints_of(context: ReadContext, prim: Any, names: Iterable[str]) -> Iterator[Keypoint]:
    """The key points among the prim's attributes of those names; a finding for each that is no place."""
    for name in names:
        attribute = prim.GetAttribute(name)
        value = array(attribute.Get(context.time)) if attribute else None
        short = name[len(KEYPOINT) :]
        if value is None or value.shape != (3,) or not np.isfinite(value).all() or len(short) > LONGEST_NAME:
            what = f"{name[:80]} is no key point: a point3f or point3d of finite numbers was expected"
            context.finding("keypoint.value", f"{prim.GetPath()}: {what}", prim.GetPath())
            continue
        x, y, z = (value * context.conversion.scale).tolist()
        yield short, (x, y, z)


def keypoints_below(
    context: ReadContext, root: Any, prims: Iterable[Any], relative: Callable[[Any, Any], F8]
) -> tuple[Keypoint, ...]:
    """The key points of a prototype's prims (the root first), taken into the frame of the points that it stands for.

    `relative(prim, root)`: point_from_prim f8[4, 4] [m]. Those of invisible prims are left out.
    """
    found = []
    steps = iter(prims)
    for prim in steps:
        visibility = prim.GetAttribute("visibility")
        hidden = visibility and visibility.Get(context.time) == "invisible"
        if hidden or prim.GetTypeName() == "PointInstancer":
            steps.PruneChildren()  # type: ignore[attr-defined]
            continue
        names = [n for n in prim.GetAuthoredPropertyNames() if n.startswith(KEYPOINT)]
        if not names:
            continue
        matrix = relative(prim, root)
        for name, place in keypoints_of(context, prim, names):
            x, y, z = (matrix[:3, :3] @ place + matrix[:3, 3]).tolist()
            found.append((name, (x, y, z)))
    return tuple(found)
