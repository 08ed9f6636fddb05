"""Places a camera: on a shell around what it looks at, or anywhere in a box; and chooses its lens.

A view is drawn again while it breaks a rule: outside of `within`, inside a box of `avoid`. Whether it shows a target is
decided later, by the label pass (`accept` in the recipe).
"""

from typing import Literal

import numpy as np
from pydantic import Field, model_validator

from twinstage.base.errors import UserError, did_you_mean
from twinstage.render.camera import USD_FROM_OPENCV, look_at_matrix, orbit_eye
from twinstage.render.extents import SHARED_BOUNDS, Bounds, Box
from twinstage.scene.columns import F8
from twinstage.scene.edits import Edit, lens_edit, world_edit
from twinstage.scene.snapshot import SceneCamera, Snapshot
from twinstage.synth.draws import Distribution, Draws, Uniform
from twinstage.synth.model import Model
from twinstage.synth.paths import PathPattern, checked_pattern, matching
from twinstage.synth.randomizers.axes import Axes
from twinstage.synth.randomizers.base import RANDOMIZERS, Randomizer, Rejected


class Volume(Model):
    """A box in the world [m]."""

    min: tuple[float, float, float]
    max: tuple[float, float, float]

    @model_validator(mode="after")
    def _ordered(self) -> "Volume":
        if any(low > high for low, high in zip(self.min, self.max, strict=True)):
            raise ValueError(f"max {list(self.max)} lies below min {list(self.min)}")
        return self

    @property
    def box(self) -> Box:
        return Box(np.array(self.min), np.array(self.max))


@RANDOMIZERS.register
class CameraRandomizer(Randomizer):
    """Moves cameras of the stage or of the recipe and points them at something.

    Attributes:
        cameras: names of cameras, or path patterns.
        target: a point [m], or path patterns of prims of which one is drawn; the camera looks at the middle of its box.
        offset: added to the point that is looked at [m].
        distance: from the camera to that point [m]; or
        fill: the share of the picture's shorter side that the target's bounding sphere takes.
        azimuth: direction of the camera seen from the target [degrees], 0 = +X, 90 = +Y.
        elevation: height of the camera seen from the target [degrees].
        eye: where the camera is, instead of distance, azimuth and elevation: a draw for each axis, or `{min, max}`.
        roll: clockwise turn about the line of sight [degrees].
        fov: horizontal field of view [degrees]; authored where left out.
        within: box that the camera has to stay in.
        avoid: path patterns of prims whose boxes, grown by `clearance` [m], the camera may not be in.
        tries: views drawn before the attempt at the frame is given up.
    """

    kind: Literal["camera"] = "camera"
    cameras: tuple[PathPattern, ...] = Field(min_length=1)
    target: tuple[float, float, float] | tuple[str, ...]
    offset: Axes | None = None
    distance: Distribution | None = None
    fill: Distribution | None = None
    azimuth: Distribution = Uniform(low=0, high=360)
    elevation: Distribution = Uniform(low=10, high=60)
    eye: Volume | None = None
    roll: Distribution | None = None
    fov: Distribution | None = None
    within: Volume | None = None
    avoid: tuple[PathPattern, ...] = ()
    clearance: float = Field(default=0.1, ge=0)
    tries: int = Field(default=100, ge=1)

    @model_validator(mode="before")
    @classmethod
    def _one_pattern(cls, data: object) -> object:
        if isinstance(data, dict) and isinstance(data.get("target"), str):
            return {**data, "target": [data["target"]]}
        return data

    @model_validator(mode="after")
    def _placed_once(self) -> "CameraRandomizer":
        for part in self.target:
            if isinstance(
                part, str
            ):  # here, not by the field's type: a union would tell the other branch's complaint
                checked_pattern(part)
        ways = [n for n in ("distance", "fill", "eye") if getattr(self, n) is not None]
        if len(ways) != 1:
            raise ValueError(
                f"give exactly one of distance, fill and eye, not {' and '.join(ways) or 'none'}"
            )
        if self.fill is not None and not isinstance(self.target[0], str):
            raise ValueError("fill needs a target prim, whose size it can tell, not a point")
        return self

    def __call__(self, snapshot: Snapshot, draws: Draws) -> list[Edit]:
        bounds = SHARED_BOUNDS
        closed = [
            box
            for prim in matching(self.avoid, snapshot.prims.path)
            if (box := bounds.of_prim(snapshot, prim)) is not None
        ]
        edits: list[Edit] = []
        for camera in self._cameras(snapshot):
            edits += self._view(snapshot, draws, bounds, camera, closed)
        return edits

    def _cameras(self, snapshot: Snapshot) -> list[SceneCamera]:
        paths = {snapshot.prims.path[c.prim]: c for c in snapshot.cameras}
        out: dict[str, SceneCamera] = {}
        for pattern in self.cameras:
            hits = [p for p in paths if p.rsplit("/", 1)[1] == pattern] or [
                list(paths)[i] for i in matching([pattern], list(paths))
            ]
            if not hits:
                names = [p.rsplit("/", 1)[1] for p in paths]
                raise UserError(f"{self.who}: there is no camera {pattern!r}{did_you_mean(pattern, names)}")
            out.update((path, paths[path]) for path in hits)
        return [out[path] for path in sorted(out)]

    def _view(
        self, snapshot: Snapshot, draws: Draws, bounds: Bounds, camera: SceneCamera, closed: list[Box]
    ) -> list[Edit]:
        path = snapshot.prims.path[camera.prim]
        for again in range(self.tries):
            focal = self._focal_length(draws, path, camera, again)
            aim, radius = self._aim(snapshot, draws, bounds, path, again)
            eye = self._eye(draws, path, aim, radius, _half_view(camera, focal), again)
            if not self._allowed(eye, closed):
                continue
            roll = (
                0.0 if self.roll is None else float(np.radians(draws.value(f"roll {path}", self.roll, again)))
            )
            edits = [world_edit(snapshot, camera.prim, view_matrix(eye, aim, roll))]
            return edits if self.fov is None else [*edits, lens_edit(snapshot, path, focal)]
        raise Rejected(f"{self.who} found no allowed view for {path} in {self.tries} tries")

    def _focal_length(self, draws: Draws, path: str, camera: SceneCamera, again: int) -> float:
        if self.fov is None:
            return camera.focal_length
        angle = min(max(draws.value(f"fov {path}", self.fov, again), 1.0), 170.0)
        return camera.horizontal_aperture / (2 * float(np.tan(np.radians(angle) / 2)))

    def _aim(
        self, snapshot: Snapshot, draws: Draws, bounds: Bounds, path: str, again: int
    ) -> tuple[F8, float]:
        """The point to look at, and the radius of what is there [m]."""
        offset = np.zeros(3) if self.offset is None else self.offset.sample(draws, f"offset {path}", again)
        if not isinstance(self.target[0], str):
            return np.array(self.target, np.float64) + offset, 0.0
        prims = matching([str(p) for p in self.target], snapshot.prims.path)
        if not prims:
            known = snapshot.prims.path
            raise UserError(
                f"{self.who}: no prim matches {self.target[0]!r}{did_you_mean(self.target[0], known)}"
            )
        prim = prims[draws.stream(f"target {path}", again).below(len(prims))]
        draws.note(f"target {path}", snapshot.prims.path[prim])
        box = bounds.of_prim(snapshot, prim)
        if box is None:
            raise Rejected(f"{self.who}: the target {snapshot.prims.path[prim]} shows nothing")
        return (box.low + box.high) / 2 + offset, float(np.linalg.norm(box.high - box.low)) / 2

    def _eye(self, draws: Draws, path: str, aim: F8, radius: float, half_view: float, again: int) -> F8:
        if self.eye is not None:
            stream = draws.stream(f"eye {path}", again)
            eye = [stream.uniform(lo, hi) for lo, hi in zip(self.eye.min, self.eye.max, strict=True)]
            draws.note(f"eye {path}", eye)
            return np.array(eye)
        if self.fill is not None:
            share = max(draws.value(f"fill {path}", self.fill, again), 1e-3)
            distance = radius / np.sin(min(np.arctan(share * np.tan(half_view)), 1.5))
        else:
            assert self.distance is not None  # the model allows no other case
            distance = draws.value(f"distance {path}", self.distance, again)
        azimuth = np.radians(draws.value(f"azimuth {path}", self.azimuth, again))
        elevation = np.radians(draws.value(f"elevation {path}", self.elevation, again))
        return orbit_eye(aim, float(distance), float(azimuth), float(elevation))

    def _allowed(self, eye: F8, closed: list[Box]) -> bool:
        if self.within is not None and not self.within.box.contains(eye):
            return False
        return not any(box.contains(eye, self.clearance) for box in closed)


def _half_view(camera: SceneCamera, focal: float) -> float:
    """Half the angle of view along the shorter side of the film [rad]."""
    return float(np.arctan(min(camera.horizontal_aperture, camera.vertical_aperture) / (2 * focal)))


def view_matrix(eye: np.ndarray, target: np.ndarray, roll: float = 0.0) -> F8:
    """world_from_camera f8[4, 4] in USD's camera axes (looks along -z, +y up), level unless `roll` [rad]."""
    return look_at_matrix(eye, target, roll=roll) @ USD_FROM_OPENCV
