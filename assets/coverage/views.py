"""Which cameras look, and what each pixel of theirs is: one exact ray a pixel (`render.labels`)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from twinstage.base.errors import UserError
from twinstage.render.capture import Camera
from twinstage.render.labels import label_pass
from twinstage.render.turntable import turntable
from twinstage.render.views import Size, View, check_size, view_of
from twinstage.scene.snapshot import Snapshot

USUAL_VIEWS = 8
"""Round the scene, where the stage has no camera."""

ELEVATION = math.radians(25.0)


@dataclass(frozen=True, slots=True)
class NamedView:
    """A camera, a name of its own among all, for files, and where it came from."""

    name: str
    camera: Camera
    source: str


@dataclass(frozen=True, slots=True)
class Seen:
    """What a view sees: object row + 1 of each pixel, i4[h, w], 0 for nothing; facing: 0 to 1, how far a surface faces it."""

    view: NamedView
    object: np.ndarray
    facing: np.ndarray


def chosen_views(
    snapshot: Snapshot, cameras: Sequence[str], turns: int | None, size: Size
) -> list[NamedView]:
    """The cameras named; or that many views round the scene; or all cameras of the stage, or `USUAL_VIEWS` where it has none.

    Raises UserError for an unknown camera, both choices at once, or a scene that draws nothing.
    """
    size = check_size(size)
    if cameras and turns is not None:
        raise UserError("--camera and --views are two ways to look; give one of them")
    if turns is None and (cameras or snapshot.cameras):
        paths = list(cameras) or [snapshot.prims.path[camera.prim] for camera in snapshot.cameras]
        views = [view_of(snapshot, name, size) for name in dict.fromkeys(paths)]
        return _named([(view.camera.name, view) for view in views])
    around = turntable(snapshot, turns or USUAL_VIEWS, *size, elevation=ELEVATION)
    digits = len(str(len(around) - 1))
    return _named(
        [(f"round_{k:0{digits}d}", View(camera, "round the whole scene")) for k, camera in enumerate(around)]
    )


def _named(views: Sequence[tuple[str, View]]) -> list[NamedView]:
    taken: set[str] = set()
    out = []
    for name, view in views:
        free = next(
            f"{name}{end}"
            for end in ["", *(f"_{k}" for k in range(2, len(views) + 2))]
            if f"{name}{end}" not in taken
        )
        taken.add(free)
        out.append(NamedView(free, view.camera, view.source))
    return out


def look(snapshot: Snapshot, view: NamedView) -> Seen:
    """One exact ray through each pixel centre."""
    capture = label_pass(snapshot, view.camera, objects=(), amodal=False, aovs=("instance", "normal_camera"))
    instance = capture.aovs["instance"]
    by_instance = np.append(0, snapshot.instances.object + 1).astype(np.int32)
    return Seen(view, by_instance[instance], np.abs(capture.aovs["normal_camera"][..., 2]))
