"""Takes a camera along a path, a place a frame: key frames, a smooth curve through points, or an orbit.

Where a camera is depends on the frame's number alone, so workers and shards agree without a word.
"""

from typing import Literal

import numpy as np
from pydantic import Field, model_validator

from twinstage.base.errors import UserError
from twinstage.render.camera import orbit_eye
from twinstage.render.extents import SHARED_BOUNDS, instances_below
from twinstage.scene.columns import F8
from twinstage.scene.edits import Edit, lens_edit, world_edit
from twinstage.scene.snapshot import Snapshot
from twinstage.synth.draws import Draws
from twinstage.synth.model import Model
from twinstage.synth.paths import PathPattern, matching
from twinstage.synth.randomizers.axes import Axes
from twinstage.synth.randomizers.base import RANDOMIZERS, Randomizer, Rejected
from twinstage.synth.views import cameras_of, focal_length_of, view_matrix

Point = tuple[float, float, float]


class Key(Model):
    """Where the camera is and looks at a frame [m]; `roll`, `fov` [degrees]. A frame between keys lies between them."""

    frame: int = Field(ge=0)
    eye: Point
    target: Point | None = None
    roll: float = 0.0
    fov: float | None = Field(default=None, ge=1, le=170)


class Orbit(Model):
    """A sweep around the target: distance and height above it [m], azimuth from `start` to `stop` [degrees]."""

    distance: float = Field(gt=0)
    height: float = 0.0
    start: float = 0.0
    stop: float = 360.0


@RANDOMIZERS.register
class CameraPathRandomizer(Randomizer):
    """Puts cameras where a path has them at the frame's number.

    Attributes:
        cameras: names of cameras, or path patterns.
        keys: places at frames; or
        through: points [m] of a smooth curve (centripetal Catmull-Rom), evenly dealt out over `frames`; or
        orbit: around the target, over `frames`.
        target: what is looked at: a point [m] or a prim's path. Without one the camera looks where keys say, else ahead.
        frames: how long the way takes; frame 0 is its start, frame `frames` - 1 its end.
        after: what follows: stay at the end, begin again (`loop`), or go back and forth (`bounce`).
        smooth: between keys along a curve instead of straight on.
        jitter: added to where the camera is [m].
    """

    kind: Literal["camera_path"] = "camera_path"
    cameras: tuple[PathPattern, ...] = Field(min_length=1)
    keys: tuple[Key, ...] = ()
    through: tuple[Point, ...] = ()
    orbit: Orbit | None = None
    target: Point | str | None = None
    frames: int | None = Field(default=None, ge=2)
    after: Literal["stay", "loop", "bounce"] = "stay"
    smooth: bool = False
    jitter: Axes | None = None

    @model_validator(mode="after")
    def _one_way(self) -> "CameraPathRandomizer":
        given = [n for n in ("keys", "through", "orbit") if getattr(self, n)]
        if len(given) != 1:
            raise ValueError(
                f"give exactly one of keys, through and orbit, not {' and '.join(given) or 'none'}"
            )
        if self.keys:
            numbers = [key.frame for key in self.keys]
            if len(numbers) < 2 or numbers != sorted(set(numbers)):
                raise ValueError(
                    f"keys need two frames or more, each later than the one before, not {numbers}"
                )
            if self.target is None and any(key.target is None for key in self.keys):
                raise ValueError("give each key a target, or all of them one")
            angles = [key.fov is None for key in self.keys]
            if any(angles) and not all(angles):
                raise ValueError("give each key a fov, or none")
        elif self.frames is None:
            raise ValueError(f"{given[0]} needs frames: how many the way takes")
        if len(self.through) == 1 or any(
            a == b for a, b in zip(self.through, self.through[1:], strict=False)
        ):
            raise ValueError("through needs two points or more, no two equal ones after each other")
        if self.orbit is not None and self.target is None:
            raise ValueError("an orbit needs a target to go around")
        return self

    def __call__(self, snapshot: Snapshot, draws: Draws) -> list[Edit]:
        target = self._target(snapshot)
        edits = []
        for camera in cameras_of(snapshot, self.cameras, self.who):
            path = snapshot.prims.path[camera.prim]
            eye, aim, roll, fov = self.place(draws.frame, target)
            if self.jitter is not None:
                moved = self.jitter.sample(draws, f"jitter {path}")
                eye = eye + moved
                aim = aim + moved if target is None and not self.keys else aim
            if np.linalg.norm(aim - eye) == 0:
                raise Rejected(f"{self.who}: {path} stands where it looks at")
            edits.append(world_edit(snapshot, camera.prim, view_matrix(eye, aim, float(np.radians(roll)))))
            if fov is not None:
                edits.append(lens_edit(snapshot, path, focal_length_of(camera, fov)))
        return edits

    def place(self, frame: int, target: F8 | None) -> tuple[F8, F8, float, float | None]:
        """Where the camera is and looks at a frame [m], its roll and field of view [degrees]."""
        if self.keys:
            return self._keyed(frame, target)
        assert self.frames is not None  # the model allows no other case
        at = self._moment(frame, 0, self.frames - 1) / (self.frames - 1)
        if self.orbit is not None:
            assert target is not None
            azimuth = np.radians(self.orbit.start + at * (self.orbit.stop - self.orbit.start))
            raised = target + np.array([0.0, 0.0, self.orbit.height])
            return orbit_eye(raised, self.orbit.distance, float(azimuth), 0.0), target, 0.0, None
        points = np.array(self.through)
        eye, ahead = curve(points, at * (len(points) - 1))
        return eye, eye + ahead if target is None else target, 0.0, None

    def _moment(self, frame: int, first: int, last: int) -> float:
        """The frame, taken back into the path by `after`."""
        length = last - first
        over = frame - first
        if self.after == "loop" and over > 0:
            # The end of a way that is begun again is its start: no place is shown twice.
            return first + over % (length + 1)
        if self.after == "bounce" and over > 0:
            over %= 2 * length
            return first + (over if over <= length else 2 * length - over)
        return float(min(max(frame, first), last))

    def _keyed(self, frame: int, target: F8 | None) -> tuple[F8, F8, float, float | None]:
        numbers = [key.frame for key in self.keys]
        moment = self._moment(frame, numbers[0], numbers[-1])
        before = min(max(int(np.searchsorted(numbers, moment, side="right")) - 1, 0), len(numbers) - 2)
        share = (moment - numbers[before]) / (numbers[before + 1] - numbers[before])
        a, b = self.keys[before], self.keys[before + 1]

        def between(values: list[Point]) -> F8:
            points = np.array(values, np.float64)
            if self.smooth:
                return curve(points, before + share)[0]
            out: F8 = points[before] + share * (points[before + 1] - points[before])
            return out

        eye = between([key.eye for key in self.keys])
        aim = target if target is not None else between([key.target or key.eye for key in self.keys])
        fov = None if a.fov is None or b.fov is None else a.fov + share * (b.fov - a.fov)
        return eye, aim, a.roll + share * (b.roll - a.roll), fov

    def _target(self, snapshot: Snapshot) -> F8 | None:
        if self.target is None:
            return None
        if not isinstance(self.target, str):
            return np.array(self.target, np.float64)
        prims = matching([self.target], snapshot.prims.path)
        if not prims:
            raise UserError(f"{self.who}: no prim matches {self.target!r}")
        box = SHARED_BOUNDS.of_instances(snapshot, instances_below(snapshot, prims[0]), np.eye(4))
        if box is None:
            raise Rejected(f"{self.who}: the target {self.target} shows nothing")
        return (box.low + box.high) / 2


def curve(points: np.ndarray, at: float) -> tuple[F8, F8]:
    """A place on the smooth curve through points [n, 3], at from 0 to n - 1, and its unit direction there.

    Centripetal Catmull-Rom (Yuksel, Schaefer, Keyser 2011: no loops, no cusps), with ends prolonged straight on. A point
    that repeats the one before keeps the curve there.
    """
    k = min(max(int(np.floor(at)), 0), len(points) - 2)
    p = np.concatenate([[2 * points[0] - points[1]], points, [2 * points[-1] - points[-2]]])[k : k + 4]
    steps = np.sqrt(np.maximum(np.linalg.norm(np.diff(p, axis=0), axis=1), 1e-12))
    knots = np.concatenate([[0.0], np.cumsum(steps)])

    def value(t: float) -> F8:
        level = list(p)
        for width in (1, 2, 3):  # the Barry-Goldman pyramid; its top is over the middle stretch alone
            level = [
                ((knots[i + width] - t) * level[i] + (t - knots[i]) * level[i + 1])
                / (knots[i + width] - knots[i])
                if width < 3
                else ((knots[2] - t) * level[i] + (t - knots[1]) * level[i + 1]) / (knots[2] - knots[1])
                for i in range(len(level) - 1)
            ]
        out: F8 = np.asarray(level[0])
        return out

    t = knots[1] + (at - k) * (knots[2] - knots[1])
    small = 1e-4 * (knots[2] - knots[1])
    ahead = value(min(t + small, knots[2])) - value(max(t - small, knots[1]))
    length = np.linalg.norm(ahead)
    straight = p[2] - p[1]
    direction = ahead / length if length > 0 else straight / max(float(np.linalg.norm(straight)), 1e-12)
    return value(t), direction
