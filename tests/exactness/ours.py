"""The only place where the judge calls what it judges: stages read, cameras made, labels taken."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from exactness.eyes import Eye
from twinstage.render.aovs import MAKERS
from twinstage.render.capture import Camera, Capture
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


def read(path: Path, root: Path | None = None) -> Snapshot:
    """A stage; `root`: the only folder that it may reach."""
    return read_snapshot(open_stage(path, [root] if root else (), probe=False))


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


def labels(snapshot: Snapshot, eye: Eye) -> Capture:
    """All labels of one camera, every pixel of the canvas cast."""
    return label_pass(snapshot, camera(eye), outside_rays=None, aovs=list(MAKERS))


def instances(capture: Capture) -> np.ndarray:
    """Row of the instance that each pixel sees, -1 for the background, i[h, w]."""
    return capture.aovs["instance"].astype(np.int64) - 1
