"""Flow, motion and occlusion in closed form: the point that a pixel sees, carried to another moment, and looked for there."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from exactness.analytic import Report, Truth
from exactness.closed_form import Thing, first_hits
from exactness.eyes import Eye

PIXELS = 2e-3
"""How far flow may be off [px]: a thousandth, and float32's part of a shift of hundreds of pixels."""

NUDGE = 0.05
"""Occlusion is sure where it is the same this far around [px]."""


@dataclass(frozen=True)
class Carried:
    """flow f8[h, w, 2] [px], NaN where the lens does not see; motion f8[h, w, 3] [m]; hidden bool[h, w] and whether it
    is sure."""

    flow: np.ndarray
    motion: np.ndarray
    hidden: np.ndarray
    sure: np.ndarray

    @classmethod
    def of(cls, truth: Truth, things: Sequence[Thing], eye: Eye) -> "Carried":
        """What is seen in `truth`, carried to where things stand then and looked at by that eye."""
        hits, shape = truth.hits, truth.ids.shape
        centres = truth.eye.grid()
        _, direction = truth.eye.rays(centres)
        point = np.where((hits.thing >= 0)[:, None], hits.point, np.nan)
        for k, thing in enumerate(things):
            mine = hits.thing == k
            point[mine] = hits.local[mine] @ thing.placed[:3, :3].T + thing.placed[:3, 3]
        motion = np.where((hits.thing >= 0)[:, None], point - hits.point, 0.0)
        sky = hits.thing < 0
        far = np.full(len(point), np.nan)
        if eye.kind != "orthographic":
            point[sky] = eye.pose[:3, 3] + direction[sky]
            far = np.where(sky, np.inf, 1.0)
        place = eye.project(point)
        local = eye.local(point)
        if eye.along_axis:
            place[local[:, 2] <= 0] = np.nan
        hidden = _hidden(things, eye, place, point, far)
        sure = np.ones(len(place), bool)
        for nudge in ((NUDGE, 0), (-NUDGE, 0), (0, NUDGE), (0, -NUDGE)):
            sure &= hidden == _hidden(things, eye, place + nudge, point, far)
        return cls(
            (place - centres).reshape(*shape, 2),
            motion.reshape(*shape, 3),
            hidden.reshape(shape),
            sure.reshape(shape),
        )


def _hidden(
    things: Sequence[Thing], eye: Eye, place: np.ndarray, point: np.ndarray, far: np.ndarray
) -> np.ndarray:
    """Whether something is hit on the way to the points, or they lie outside of the image, bool[n]."""
    inside = ((place >= 0) & (place < (eye.width, eye.height))).all(1)
    out = ~inside
    seen = np.flatnonzero(inside)
    origin, direction = eye.rays(place[seen])
    local = eye.local(point[seen])
    reach = local[:, 2] if eye.along_axis else np.linalg.norm(local, axis=1)
    reach = np.where(np.isinf(far[seen]), np.inf, reach)
    met = first_hits(things, origin, direction, eye.near, eye.far).t
    out[seen] = met < reach * (1 - 1e-4)
    out[seen] |= np.isfinite(reach) & ((reach < eye.near) | (reach > eye.far))
    return out


def judge(
    truth: Truth,
    carried: Carried,
    flow: np.ndarray,
    occluded: np.ndarray,
    motion: np.ndarray | None,
    still: np.ndarray,
) -> Report:
    """Flow f4[h, w, 2], its occlusion and motion against the closed form, at pixels `still` bool[h, w]."""
    report = Report()
    known = np.isfinite(carried.flow).all(-1)
    wrapped = np.abs(carried.flow[..., 0]) > truth.eye.width / 2
    at = still & known & ~((truth.eye.kind == "equirectangular") & wrapped)
    report.most("pixels", float(np.count_nonzero(at & (truth.ids > 0))))
    report.most("longest [px]", np.linalg.norm(carried.flow[at], axis=-1))
    scale = 1 + np.abs(carried.flow[at]).max(initial=0.0) / 1000
    report.limit("flow [px]", flow[at] - carried.flow[at], PIXELS * scale)
    report.none("flow where there is none", np.isfinite(flow).all(-1) & still & ~known)
    report.none("wrong occlusion", (occluded != carried.hidden) & still & carried.sure & known)
    report.most("hidden pixels", float(np.count_nonzero(carried.hidden & still & inside(carried, truth))))
    if motion is not None:
        seen = still & (truth.ids > 0)
        reach = np.abs(carried.motion[seen]).max(initial=0.0)
        report.limit("motion [m]", motion[seen] - carried.motion[seen], 1e-6 * (1 + reach))
    return report


def inside(carried: Carried, truth: Truth) -> np.ndarray:
    """Pixels whose point lands in the other image, bool[h, w]."""
    place = carried.flow + truth.eye.grid().reshape(*truth.ids.shape, 2)
    size = truth.eye.width, truth.eye.height
    return ((place >= 0) & (place < size)).all(-1)


def seen_later(eye: Eye, turned: np.ndarray, step: tuple[float, float, float]) -> Eye:
    """The eye after a turn f8[3, 3] in its own axes and a step in the world [m]."""
    pose = eye.pose.copy()
    pose[:3, :3] = pose[:3, :3] @ turned
    pose[:3, 3] += step
    return replace(eye, pose=pose)
