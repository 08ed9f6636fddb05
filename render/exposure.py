"""What one picture is exposed to: the moments of the scene, and where each row's camera is then. Plain numpy.

A picture is a sum of parts. A scene that rests needs one, however the camera moves: the camera's poses travel as a
table. A scene that moves is looked at at K moments, evenly over the exposure. With a rolling shutter rows see one moment at
different times of their own exposure: rows are gathered into bands that are one step between moments late each, so that
K + bands - 1 moments serve them all, each for a block of rows next to each other. A row's scene is at most half a step
off; its camera pose is exact. There are no more bands than four times the moments, so a short exposure gets fewer.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from twinstage.render.capture import Camera
from twinstage.render.motion import Motion, Shutter
from twinstage.scene.columns import F8
from twinstage.scene.snapshot import Snapshot

TIMES = 64
"""Camera poses over an exposure, where the scene rests; each sample takes one by chance."""

BANDS = 4
"""Most bands of rows of a rolling shutter over a moving scene, times the moments of an exposure."""


@dataclass(frozen=True, slots=True)
class Part:
    """A share of an exposure.

    snapshot: the scene at that moment; first, last: rows [first, last) that see it; spp: samples a pixel;
    poses f8[k, r, 4, 4]: world_from_camera at k moments, for each row of the image (r = height) or all (r = 1);
    index: place among the parts; of: how many parts share out one set of samples, 1 where each has its own.
    """

    snapshot: Snapshot
    first: int
    last: int
    spp: int
    poses: F8
    index: int = 0
    of: int = 1


def parts(
    snapshot: Snapshot, camera: Camera, spp: int, motion: Motion | None = None, moments: int = 8
) -> Iterator[Part]:
    """The parts of a picture with at least `spp` samples a pixel, in order of time.

    `motion` takes the place of `snapshot`. `moments`: most moments of a moving scene over one row's exposure.
    """
    shutter = camera.shutter
    middle = (shutter.open + shutter.close) / 2
    if motion is None or motion.still:
        seen = snapshot if motion is None else motion.at(middle)
        yield Part(seen, 0, camera.height, spp, _poses(camera))
        return
    count = min(spp, max(moments, 1)) if shutter.close > shutter.open else 1
    each = -(-spp // count)
    step = (shutter.close - shutter.open) / count
    if shutter.readout == 0:
        for k in range(count):
            at = shutter.open + (k + 0.5) * step
            yield Part(motion.at(at), 0, camera.height, each, _pose_at(camera, at), k, count)
        return
    yield from _rolling(camera, motion, spp, count, BANDS * max(moments, 1))


def _rolling(camera: Camera, motion: Motion, spp: int, count: int, most: int) -> Iterator[Part]:
    """A row whose own exposure is b steps late sees moment n as its k-th, k = n - b: `count` bands share a moment."""
    shutter, height = camera.shutter, camera.height
    length = max(shutter.close - shutter.open, 0.0)
    step = length / count if count > 1 else abs(shutter.readout) / most
    if abs(shutter.readout) / step > most:
        step = abs(shutter.readout) / most
        count = max(int(length / step), 1)
        step = max(step, length / count)
    late = shutter.readout * np.arange(height) / max(height - 1, 1)
    band = np.rint(late / step).astype(np.int64)
    for n in range(int(band.min()), int(band.max()) + count):
        rows = np.flatnonzero((band <= n) & (band > n - count))
        if rows.size == 0:
            continue
        first, last = int(rows[0]), int(rows[-1]) + 1
        poses = np.array(camera.row_poses())
        if camera.path is not None:
            own = (n - band[rows] + 0.5) * length / count
            poses[rows] = camera.path.at(shutter.open + own + late[rows])
        at = shutter.open + 0.5 * length / count + n * step
        yield Part(motion.at(at), first, last, -(-spp // count), poses[None], n - int(band.min()))


def _pose_at(camera: Camera, seconds: float) -> F8:
    """Poses f8[1, 1 or height, 4, 4] of an instant exposure."""
    if camera.path is None:
        return np.array(camera.world_from_camera)[None, None]
    if camera.shutter.readout == 0:
        return camera.path.at(np.array([seconds]))[None]
    return replace(camera, shutter=Shutter(seconds, seconds, camera.shutter.readout)).row_poses()[None]


def _poses(camera: Camera) -> F8:
    """Poses over the whole exposure."""
    shutter = camera.shutter
    if camera.path is None:
        return np.array(camera.world_from_camera)[None, None]
    if shutter.close <= shutter.open:
        return _pose_at(camera, shutter.open)
    step = (shutter.close - shutter.open) / TIMES
    moments = [_pose_at(camera, shutter.open + (k + 0.5) * step) for k in range(TIMES)]
    return np.concatenate(moments)
