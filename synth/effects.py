"""What changes a picture after it was rendered and nothing of the labels: fog, a sensor's noise, a background picture.

An effect is plain data with a call for light and one for pixels, made by a randomizer with all that it drew, so that the
record can say what was done.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from twinstage.render.capture import Camera
from twinstage.scene.columns import F4, U1
from twinstage.scene.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Shot:
    """One camera's picture while effects work on it.

    Attributes:
        snapshot, camera: what was rendered.
        depth: along the optical axis [m], inf = background, f4[h, w]; range: from the camera [m], the same.
        key: parts of the key of random streams (`draws.Stream`, `render.keyed.philox`) for this frame and camera.
    """

    snapshot: Snapshot
    camera: Camera
    depth: F4
    range: F4
    key: tuple[int | str, ...]


class Effect:
    """Base of effects: frozen dataclasses of plain data. By default both calls leave the picture alone."""

    def on_light(self, linear: F4, shot: Shot) -> F4:
        """Linear rgb f4[h, w, 3] before exposure and tone map."""
        return linear

    def on_picture(self, rgb: U1, shot: Shot) -> U1:
        """sRGB pixels u1[h, w, 3] after the tone map."""
        return rgb

    def as_data(self) -> dict[str, Any]:
        """What the record says of it."""
        raise NotImplementedError


def ranges(camera: Camera, depth: np.ndarray) -> F4:
    """The distance from the camera f4[h, w] [m] of surfaces at that depth, whichever of the two the lens measures."""
    if not camera.lens.along_axis:
        return np.asarray(depth, np.float32)
    x, y = np.meshgrid(np.arange(camera.width) + 0.5, np.arange(camera.height) + 0.5)
    _, directions = camera.local_rays(np.stack([x, y], -1))
    out: F4 = (depth * np.linalg.norm(directions, axis=-1)).astype(np.float32)
    return out
