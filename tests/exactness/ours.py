"""The only place where the judge calls what it judges: stages read, cameras made, labels taken."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from exactness.eyes import Eye
from twinstage.render.aovs import MAKERS
from twinstage.render.camera import camera_from_scene
from twinstage.render.capture import Camera, Capture
from twinstage.render.instants import Instant
from twinstage.render.labels import label_pass
from twinstage.render.lens import EQUIRECTANGULAR, ORTHOGRAPHIC, PINHOLE, Fisheye, Lens, OpenCV
from twinstage.render.motion import Shutter, Trajectory
from twinstage.scene.columns import frozen
from twinstage.scene.read import read_snapshot
from twinstage.scene.snapshot import Snapshot
from twinstage.scene.stage import open_stage

LENSES: Mapping[str, Callable[[tuple[float, ...]], Lens]] = {
    "pinhole": lambda _: PINHOLE,
    "orthographic": lambda _: ORTHOGRAPHIC,
    "equirectangular": lambda _: EQUIRECTANGULAR,
    "brown": OpenCV,
    "fisheye": lambda k: Fisheye((k[0], k[1], k[2], k[3])),
}
"""The product's lens for each kind of eye."""

Moment = tuple[Snapshot, Eye]
"""A scene and the camera that looks at it."""


def read(path: Path, root: Path | None = None) -> Snapshot:
    """A stage; `root`: the only folder that it may reach."""
    return opened(path, root)[0]


def opened(path: Path, root: Path | None = None) -> tuple[Snapshot, Any]:
    """The same, and pxr's stage."""
    stage = open_stage(path, [root] if root else (), probe=False)
    return read_snapshot(stage), stage.stage


def authored(snapshot: Snapshot, width: int, height: int) -> tuple[str, Camera] | None:
    """Path of the stage's first camera, and what the product makes of it."""
    for found in snapshot.cameras:
        if found.lens is None:
            return snapshot.prims.path[found.prim], camera_from_scene(snapshot, found, width, height)
    return None


def camera(eye: Eye) -> Camera:
    """The product's camera with the numbers of the judge's."""
    return Camera(
        name="judge",
        width=eye.width,
        height=eye.height,
        K=frozen(eye.K, float),
        world_from_camera=frozen(eye.pose, float),
        near=eye.near,
        far=eye.far,
        lens=LENSES[eye.kind](eye.coefficients),
        shutter=Shutter(readout=1.0) if eye.sweep else Shutter(),
        path=Trajectory(frozen([0.0, 1.0], float), frozen([eye.pose_at(0), eye.pose_at(1)], float))
        if eye.sweep
        else None,
    )


def labels(
    snapshot: Snapshot,
    eye: Eye | Camera,
    after: Moment | None = None,
    before: Moment | None = None,
) -> Capture:
    """All labels of one camera, every pixel of the canvas cast; flow to other moments where they are given."""
    flow = {
        "after": ("motion", "flow", "flow_occluded") if after else (),
        "before": ("flow_back", "flow_back_occluded") if before else (),
    }
    still = [name for name in MAKERS if name != "motion" and not name.startswith("flow")]
    return label_pass(
        snapshot,
        camera(eye) if isinstance(eye, Eye) else eye,
        outside_rays=None,
        aovs=[*still, *flow["after"], *flow["before"]],
        after=Instant(after[0], camera(after[1])) if after else None,
        before=Instant(before[0], camera(before[1])) if before else None,
    )


def instances(capture: Capture) -> np.ndarray:
    """Row of the instance that each pixel sees, -1 for the background, i[h, w]."""
    return capture.aovs["instance"].astype(np.int64) - 1
