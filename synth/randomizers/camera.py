"""Places a camera: on a shell around what it looks at, or anywhere in a box; and frames it.

A view is drawn again while it breaks a rule: outside of `within`, inside a box of `avoid` or in a body, too near to a
surface, its target not whole in the picture or hidden. What broke it is counted, in the frame's draws and in the reason of
a rejected attempt. Whether a view shows enough to be worth a frame is decided later, by the label pass (`accept`).
"""

from collections import Counter
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from pydantic import Field, model_validator

from twinstage.base.errors import UserError, did_you_mean
from twinstage.render.camera import orbit_eye
from twinstage.render.capture import Camera
from twinstage.render.extents import SHARED_BOUNDS, Box, instances_below
from twinstage.render.full_boxes import full_boxes
from twinstage.scene.columns import F8
from twinstage.scene.edits import Edit, lens_edit, world_edit
from twinstage.scene.snapshot import SceneCamera, Snapshot
from twinstage.synth.distributions import Elevation, Positive, bounded
from twinstage.synth.draws import Distribution, Draws, Uniform
from twinstage.synth.model import Model, SomeFields, wrong
from twinstage.synth.paths import PathPattern, checked_pattern, matching
from twinstage.synth.randomizers.axes import Axes
from twinstage.synth.randomizers.base import RANDOMIZERS, Randomizer, Rejected
from twinstage.synth.sightlines import Surroundings, surface_points
from twinstage.synth.views import (
    aimed_off_centre,
    cameras_of,
    nominal_camera,
    view_matrix,
    with_focal_length,
)

__all__ = ["CameraRandomizer", "view_matrix"]


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


class OffCentre(SomeFields):
    """Where the point that is looked at lies in the picture: 0 the middle, -1 the left or upper border, 1 the other."""

    x: Distribution | None = None
    y: Distribution | None = None

    def sample(self, draws: Draws, field: str, again: int) -> tuple[float, float]:
        x, y = (
            0.0 if d is None else draws.value(f"{field}.{n}", d, again)
            for n, d in (("x", self.x), ("y", self.y))
        )
        return min(max(x, -1.0), 1.0), min(max(y, -1.0), 1.0)


@dataclass(frozen=True, slots=True)
class _Target:
    """What is looked at: the point, the radius of what is there [m], and its instances (none for a bare point)."""

    aim: F8
    radius: float
    rows: np.ndarray


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
        spread: `angles` draws the elevation as it says; `sphere` takes its two bounds and makes all directions between
            them equally likely, as points on a sphere are.
        height: of the camera above the world's zero [m], instead of `elevation`.
        eye: where the camera is, instead of distance, azimuth and elevation: `{min, max}`.
        roll: clockwise turn about the line of sight [degrees].
        fov: horizontal field of view [degrees]; authored where left out.
        off_centre: where in the picture the point that is looked at lies.
        whole: the whole target has to be in the picture, `margin` (a share of width and height) away from its borders.
        aspect: width over height of the image, for a camera whose `square_pixels` the recipe asks for.
        within: box that the camera has to stay in; levels: lowest and highest place of the camera [m].
        avoid: path patterns of prims whose boxes, grown by `clearance` [m], the camera may not be in.
        free: the camera may not be in any closed body, nor have any surface nearer than this [m]; by the triangles.
        visible: least share of the target's surface points in the picture that no other thing hides.
        tries: views drawn before the attempt at the frame is given up.
    """

    kind: Literal["camera"] = "camera"
    cameras: tuple[PathPattern, ...] = Field(min_length=1)
    target: tuple[float, float, float] | Annotated[tuple[str, ...], Field(min_length=1)]
    offset: Axes | None = None
    distance: Positive | None = None
    fill: Positive | None = None
    azimuth: Distribution = Uniform(low=0, high=360)
    elevation: Elevation = Uniform(low=10, high=60)
    spread: Literal["angles", "sphere"] = "angles"
    height: Distribution | None = None
    eye: Volume | None = None
    roll: Distribution | None = None
    fov: Annotated[Distribution, bounded(1, 170)] | None = None
    off_centre: Annotated[OffCentre, bounded(-1, 1)] | None = None
    whole: bool = False
    margin: float = Field(default=0.0, ge=0, lt=0.5)
    aspect: float | None = Field(default=None, gt=0)
    within: Volume | None = None
    levels: tuple[float, float] | None = None
    avoid: tuple[PathPattern, ...] = ()
    clearance: float = Field(default=0.1, ge=0)
    free: float | None = Field(default=None, ge=0)
    visible: float | None = Field(default=None, gt=0, le=1)
    tries: int = Field(default=100, ge=1, le=100_000)

    @model_validator(mode="before")
    @classmethod
    def _one_pattern(cls, data: object) -> object:
        if isinstance(data, dict) and isinstance(data.get("target"), str):
            return {**data, "target": [data["target"]]}
        return data

    @model_validator(mode="after")
    def _placed_once(self) -> "CameraRandomizer":
        for place, part in enumerate(self.target):
            if isinstance(part, str):  # here, for a union of types would tell the other branch's complaint
                try:
                    checked_pattern(part)
                except ValueError as error:
                    raise wrong(str(error), "target", place) from None
        ways = [n for n in ("distance", "fill", "eye") if getattr(self, n) is not None]
        if len(ways) != 1:
            raise ValueError(
                f"give exactly one of distance, fill and eye, not {' and '.join(ways) or 'none'}"
            )
        for name, wanted in (("fill", self.fill), ("whole", self.whole or None), ("visible", self.visible)):
            if wanted is not None and not isinstance(self.target[0], str):
                raise ValueError(f"{name} needs a target prim, whose size it can tell, not a point")
        return self

    @model_validator(mode="after")
    def _rules_agree(self) -> "CameraRandomizer":
        if self.spread == "sphere" and not isinstance(self.elevation, Uniform):
            raise ValueError("spread: sphere needs an elevation from one bound to another, as [low, high]")
        if self.height is not None and (self.eye is not None or self.spread == "sphere"):
            raise ValueError("height replaces elevation; it goes with neither eye nor spread: sphere")
        if self.margin and not self.whole:
            raise ValueError("margin says how far inside the whole target has to lie; give whole: true, too")
        if self.levels is not None and self.levels[0] > self.levels[1]:
            raise ValueError(f"levels go from {self.levels[0]:g} up, not down to {self.levels[1]:g}")
        return self

    def __call__(self, snapshot: Snapshot, draws: Draws) -> list[Edit]:
        bounds = SHARED_BOUNDS
        closed = [
            box
            for prim in matching(self.avoid, snapshot.prims.path)
            if (box := bounds.of_prim(snapshot, prim)) is not None
        ]
        looks = self.free is not None or self.visible is not None
        around = Surroundings(snapshot) if looks else None
        edits: list[Edit] = []
        for camera in cameras_of(snapshot, self.cameras, self.who):
            edits += self._view(snapshot, draws, camera, closed, around)
        return edits

    def _view(
        self,
        snapshot: Snapshot,
        draws: Draws,
        camera: SceneCamera,
        closed: list[Box],
        around: Surroundings | None,
    ) -> list[Edit]:
        path = snapshot.prims.path[camera.prim]
        refused: Counter[str] = Counter()
        for again in range(self.tries):
            focal = self._focal_length(draws, path, camera, again)
            target = self._target(snapshot, draws, path, again)
            eye = self._eye(draws, path, target, _half_view(camera, focal), again)
            reason = "too far for that height" if eye is None else self._standing(eye, closed, around)
            if eye is None or reason:
                refused[reason] += 1
                continue
            pose = self._pose(draws, path, with_focal_length(camera, focal), eye, target.aim, again)
            seen = nominal_camera(with_focal_length(camera, focal), path, pose, self.aspect)
            reason = self._seeing(snapshot, draws, path, seen, target, around)
            if reason:
                refused[reason] += 1
                continue
            if refused:
                draws.note(f"refused {path}", dict(sorted(refused.items())))
            edits = [world_edit(snapshot, camera.prim, pose)]
            return edits if self.fov is None else [*edits, lens_edit(snapshot, path, focal)]
        why = ", ".join(f"{count} {reason}" for reason, count in sorted(refused.items()))
        raise Rejected(f"{self.who} found no allowed view for {path} in {self.tries} tries ({why})")

    def _focal_length(self, draws: Draws, path: str, camera: SceneCamera, again: int) -> float:
        if self.fov is None:
            return camera.focal_length
        if camera.lens is not None and camera.lens.intrinsics is not None:
            raise UserError(
                f"{self.who}: {path} has a K of its own, so fov says nothing; a randomizer of kind lens changes it"
            )
        angle = min(max(draws.value(f"fov {path}", self.fov, again), 1.0), 170.0)
        return camera.horizontal_aperture / (2 * float(np.tan(np.radians(angle) / 2)))

    def _target(self, snapshot: Snapshot, draws: Draws, path: str, again: int) -> _Target:
        offset = np.zeros(3) if self.offset is None else self.offset.sample(draws, f"offset {path}", again)
        if not isinstance(self.target[0], str):
            return _Target(np.array(self.target, np.float64) + offset, 0.0, np.empty(0, np.int64))
        prims = matching([str(p) for p in self.target], snapshot.prims.path)
        if not prims:
            known = snapshot.prims.path
            raise UserError(
                f"{self.who}: no prim matches {self.target[0]!r}{did_you_mean(self.target[0], known)}"
            )
        prim = prims[draws.stream(f"target {path}", again).below(len(prims))]
        draws.note(f"target {path}", snapshot.prims.path[prim])
        rows = instances_below(snapshot, prim)
        box = SHARED_BOUNDS.of_instances(snapshot, rows, np.eye(4))
        if box is None:
            raise Rejected(f"{self.who}: the target {snapshot.prims.path[prim]} shows nothing")
        return _Target((box.low + box.high) / 2 + offset, float(np.linalg.norm(box.high - box.low)) / 2, rows)

    def _eye(self, draws: Draws, path: str, target: _Target, half_view: float, again: int) -> F8 | None:
        """Where the camera stands; None where no direction has the height that was drawn."""
        if self.eye is not None:
            stream = draws.stream(f"eye {path}", again)
            eye = [stream.uniform(lo, hi) for lo, hi in zip(self.eye.min, self.eye.max, strict=True)]
            draws.note(f"eye {path}", eye)
            return np.array(eye)
        if self.fill is not None:
            share = max(draws.value(f"fill {path}", self.fill, again), 1e-3)
            distance = float(target.radius / np.sin(min(np.arctan(share * np.tan(half_view)), 1.5)))
        else:
            assert self.distance is not None  # the model allows no other case
            distance = draws.value(f"distance {path}", self.distance, again)
        azimuth = np.radians(draws.value(f"azimuth {path}", self.azimuth, again))
        elevation = self._elevation(draws, path, target.aim, distance, again)
        return None if elevation is None else orbit_eye(target.aim, distance, float(azimuth), elevation)

    def _elevation(self, draws: Draws, path: str, aim: F8, distance: float, again: int) -> float | None:
        """Above the target [rad]."""
        if self.height is not None:
            sine = (draws.value(f"height {path}", self.height, again) - float(aim[2])) / distance
            return float(np.arcsin(sine)) if abs(sine) <= 1 else None
        if self.spread == "angles":
            return float(np.radians(draws.value(f"elevation {path}", self.elevation, again)))
        assert isinstance(self.elevation, Uniform)  # the model allows no other case
        low, high = (np.sin(np.radians(v)) for v in (self.elevation.low, self.elevation.high))
        elevation = float(
            np.arcsin(draws.stream(f"elevation {path}", again).uniform(float(low), float(high)))
        )
        draws.note(f"elevation {path}", float(np.degrees(elevation)))
        return elevation

    def _standing(self, eye: F8, closed: list[Box], around: Surroundings | None) -> str:
        """Why the camera cannot stand there, "" where it can."""
        if self.within is not None and not self.within.box.contains(eye):
            return "outside of within"
        if self.levels is not None and not self.levels[0] <= eye[2] <= self.levels[1]:
            return "above or below levels"
        if any(box.contains(eye, self.clearance) for box in closed):
            return "in a box of avoid"
        if self.free is not None and around is not None:
            if around.inside(eye):
                return "inside of a body"
            if around.closer_than(eye, self.free):
                return "too near to a surface"
        return ""

    def _pose(self, draws: Draws, path: str, camera: SceneCamera, eye: F8, aim: F8, again: int) -> F8:
        roll = 0.0 if self.roll is None else float(np.radians(draws.value(f"roll {path}", self.roll, again)))
        straight = view_matrix(eye, aim, roll)
        if self.off_centre is None:
            return straight
        place = self.off_centre.sample(draws, f"off_centre {path}", again)
        return aimed_off_centre(nominal_camera(camera, path, straight, self.aspect), eye, aim, place, roll)

    def _seeing(
        self,
        snapshot: Snapshot,
        draws: Draws,
        path: str,
        camera: Camera,
        target: _Target,
        around: Surroundings | None,
    ) -> str:
        """Why the view does not show its target as it should, "" where it does."""
        if self.whole:
            box = full_boxes(snapshot, camera, [target.rows])[0]
            dx, dy = self.margin * camera.width, self.margin * camera.height
            inside = box is not None and box[0] >= dx and box[1] >= dy
            if box is None or not inside or box[2] > camera.width - dx or box[3] > camera.height - dy:
                return "with the target not whole in the picture"
        if self.visible is not None and around is not None:
            points = surface_points(snapshot, target.rows, draws.stream(f"points {path}"))
            if not len(points) or around.seen_share(camera, points, target.rows) < self.visible:
                return "with the target hidden"
        return ""


def _half_view(camera: SceneCamera, focal: float) -> float:
    """Half the angle of view along the shorter side of the film [rad]."""
    return float(np.arctan(min(camera.horizontal_aperture, camera.vertical_aperture) / (2 * focal)))
