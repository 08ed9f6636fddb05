"""The only place where the judge calls what it judges: stages read, cameras made, labels taken."""

from pathlib import Path

import numpy as np

from exactness.eyes import Eye
from twinstage.render.capture import Camera, Capture
from twinstage.render.labels import label_pass
from twinstage.render.lens import ORTHOGRAPHIC, PINHOLE
from twinstage.scene.columns import frozen
from twinstage.scene.read import read_snapshot
from twinstage.scene.snapshot import Snapshot
from twinstage.scene.stage import open_stage


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
        lens=ORTHOGRAPHIC if eye.kind == "orthographic" else PINHOLE,
    )


def labels(snapshot: Snapshot, eye: Eye) -> Capture:
    """All labels of one camera, every pixel of the canvas cast."""
    return label_pass(snapshot, camera(eye), outside_rays=None)


def instances(capture: Capture) -> np.ndarray:
    """Row of the instance that each pixel sees, -1 for the background, i[h, w]."""
    return capture.aovs["instance"].astype(np.int64) - 1
