"""Captures and snapshots with one fault each, to show that the judge sees it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from twinstage.render.capture import ObjectMask


def with_aov(capture: Any, name: str, change: Callable[[np.ndarray], np.ndarray]) -> Any:
    """The capture with one AOV changed."""
    changed = np.asarray(change(capture.aovs[name]), capture.aovs[name].dtype)
    return replace(capture, aovs={**capture.aovs, name: changed})


def with_mask(capture: Any, index: int, **changes: Callable[[Any], Any]) -> Any:
    """The capture with fields of one mask changed; counts stay as they were."""
    mask = capture.objects[index]
    names = ("object", "visible", "amodal", "visible_px", "amodal_px_in_frame", "amodal_px_total")
    values = [changes[n](getattr(mask, n)) if n in changes else getattr(mask, n) for n in names]
    objects = (*capture.objects[:index], ObjectMask.whole(*values), *capture.objects[index + 1 :])
    return replace(capture, objects=objects)


def moved(snapshot: Any, node: int, step: tuple[float, float, float]) -> Any:
    """The snapshot with one prim's local matrix shifted by `step` [m] in its parent."""
    local = np.array(snapshot.node_local[int(node)])
    local[:3, 3] += step
    return with_local(snapshot, node, local)


def with_local(snapshot: Any, node: int, local: np.ndarray) -> Any:
    """The snapshot with another local matrix f8[4, 4] of one prim."""
    frames = snapshot.prims.frames.replaced(np.array([int(node)]), np.asarray(local)[None])
    return replace(snapshot, prims=replace(snapshot.prims, frames=frames))
