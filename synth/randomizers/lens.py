"""Draws what a camera sees through: view angle, principal point, distortion, focus; the resolution stays."""

from dataclasses import replace
from typing import Annotated, Literal

import numpy as np
from pydantic import Field, model_validator

from twinstage.base.errors import UserError
from twinstage.render.camera import optics
from twinstage.render.lens import lens_from
from twinstage.scene.edits import Edit, lens_edit
from twinstage.scene.snapshot import SceneCamera, Snapshot
from twinstage.synth.distributions import NotNegative, Positive, bounded
from twinstage.synth.draws import Distribution, Draws
from twinstage.synth.model import SomeFields
from twinstage.synth.paths import PathPattern
from twinstage.synth.randomizers.base import RANDOMIZERS, Randomizer
from twinstage.synth.views import cameras_of, focal_length_of

_WIDTH = 1000.0
"""Width of the image that a drawn K is for [px]; the camera's own size scales it."""

_COUNTS = {"opencv": (4, 5, 8, 12, 14), "fisheye": (4,)}


class PrincipalPoint(SomeFields):
    """How far the optical axis meets the picture right of and below its middle, as shares of its width and height."""

    x: Distribution | None = None
    y: Distribution | None = None


@RANDOMIZERS.register
class LensRandomizer(Randomizer):
    """Changes lenses of cameras. What is left out stays as the stage has it.

    Attributes:
        cameras: names of cameras, or path patterns.
        fov: horizontal field of view [degrees]; for a fisheye the angle that its ideal picture spans; or
        focal_length: [mm].
        principal_point: where the optical axis meets the picture.
        model: of the distortion; coefficients: k1 k2 p1 p2 k3 ... of OpenCV (4, 5, 8, 12 or 14), or the fisheye's k1 to k4.
        max_angle: of a fisheye's image circle to its axis [degrees].
        f_stop, focus_distance [m]: depth of field of pictures; labels stay sharp.
        near, far: clipping distances [m].
    """

    kind: Literal["lens"] = "lens"
    cameras: tuple[PathPattern, ...] = Field(min_length=1)
    fov: Annotated[Distribution, bounded(1, 360)] | None = None
    focal_length: Positive | None = None
    principal_point: PrincipalPoint | None = None
    model: Literal["opencv", "fisheye"] | None = None
    coefficients: tuple[Distribution, ...] = ()
    max_angle: float = Field(default=180.0, gt=0, le=180)
    f_stop: NotNegative | None = None
    focus_distance: Positive | None = None
    near: Positive | None = None
    far: Positive | None = None

    @model_validator(mode="after")
    def _says_something(self) -> "LensRandomizer":
        if self.fov is not None and self.focal_length is not None:
            raise ValueError("give fov or focal_length, not both")
        if self.coefficients and self.model is None:
            raise ValueError("coefficients need a model: opencv or fisheye")
        if self.model is not None and len(self.coefficients) not in _COUNTS[self.model]:
            known = " or ".join(map(str, _COUNTS[self.model]))
            raise ValueError(
                f"a lens of model {self.model} takes {known} coefficients, not {len(self.coefficients)}"
            )
        if self.near is not None and self.far is not None:
            first, last = max(self.near.span(), default=0.0), min(self.far.span(), default=np.inf)
            if first >= last:
                raise ValueError(f"near can be {first:g} and far {last:g}, between which nothing is seen")
        fields = (
            "fov",
            "focal_length",
            "principal_point",
            "model",
            "f_stop",
            "focus_distance",
            "near",
            "far",
        )
        if all(getattr(self, name) is None for name in fields):
            raise ValueError(f"nothing to do: give {', '.join(fields[:-1])} or far")
        return self

    def __call__(self, snapshot: Snapshot, draws: Draws) -> list[Edit]:
        edits: list[Edit] = []
        for camera in cameras_of(snapshot, self.cameras, self.who):
            path = snapshot.prims.path[camera.prim]
            edits += self._film(snapshot, draws, path, camera)
            edits += self._focus(snapshot, draws, path, camera)
        return edits

    def _film(self, snapshot: Snapshot, draws: Draws, path: str, camera: SceneCamera) -> list[Edit]:
        """View angle, principal point and distortion."""
        focal, (dx, dy) = self._focal(draws, path, camera), self._shift(draws, path)
        made = replace(
            camera,
            focal_length=focal,
            horizontal_offset=camera.horizontal_offset - dx * camera.horizontal_aperture,
            vertical_offset=camera.vertical_offset + dy * camera.vertical_aperture,
        )
        unit = 100.0 * snapshot.stage.meters_per_unit
        edits = [] if focal == camera.focal_length else [lens_edit(snapshot, path, focal)]
        if self.principal_point is not None:
            edits.append(Edit(path, "horizontalApertureOffset", made.horizontal_offset / unit))
            edits.append(Edit(path, "verticalApertureOffset", made.vertical_offset / unit))
        calibrated = camera.lens is not None and camera.lens.intrinsics is not None
        if self.model is None and not (calibrated and edits):
            return edits
        if camera.projection == "orthographic":
            raise UserError(f"{self.who}: {path} is orthographic, so it has no distortion to draw")
        return edits + self._lens(draws, path, camera, made)

    def _lens(self, draws: Draws, path: str, camera: SceneCamera, made: SceneCamera) -> list[Edit]:
        """A lens is edited whole: K as well, for the film's own shape."""
        authored = camera.lens
        if self.model is None and authored is not None:
            model, numbers, angle = authored.model, list(authored.coefficients), authored.max_angle
        else:
            model, angle = str(self.model), float(np.radians(self.max_angle))
            numbers = [draws.value(f"coefficient {i} {path}", d) for i, d in enumerate(self.coefficients)]
        lens_from(model, numbers)  # raises UserError for what is no lens
        height = _WIDTH * made.vertical_aperture / made.horizontal_aperture
        kept = authored is not None and authored.intrinsics is not None and made == camera
        if kept and authored is not None and authored.intrinsics and authored.image_size:
            k, size = authored.intrinsics, authored.image_size
        else:
            # The film's own shape is no whole number of pixels, so K is made for a width of one and scaled.
            matrix, _ = optics(replace(made, lens=None), path, int(_WIDTH), int(_WIDTH))
            share = height / _WIDTH
            k = (
                float(matrix[0, 0]),
                float(matrix[1, 1]) * share,
                float(matrix[0, 2]),
                float(matrix[1, 2]) * share,
            )
            size = (_WIDTH, height)
        return [
            Edit(path, "twin:lens:model", model),
            Edit(path, "twin:lens:coefficients", tuple(numbers)),
            Edit(path, "twin:lens:K", k),
            Edit(path, "twin:lens:imageSize", size),
            Edit(path, "twin:lens:maxAngle", float(np.degrees(angle))),
        ]

    def _focal(self, draws: Draws, path: str, camera: SceneCamera) -> float:
        if self.focal_length is not None:
            return max(draws.value(f"focal_length {path}", self.focal_length), 0.1)
        if self.fov is None:
            return camera.focal_length
        model = self.model or (camera.lens.model if camera.lens is not None else "pinhole")
        if model == "equirectangular":
            raise UserError(f"{self.who}: {path} is a panorama of the whole sphere; it has no fov to draw")
        return focal_length_of(camera, draws.value(f"fov {path}", self.fov), model)

    def _shift(self, draws: Draws, path: str) -> tuple[float, float]:
        point = self.principal_point
        if point is None:
            return 0.0, 0.0
        x, y = (
            0.0 if d is None else draws.value(f"principal_point.{n} {path}", d)
            for n, d in (("x", point.x), ("y", point.y))
        )
        return x, y

    def _focus(self, snapshot: Snapshot, draws: Draws, path: str, camera: SceneCamera) -> list[Edit]:
        unit, edits = snapshot.stage.meters_per_unit, []
        if self.f_stop is not None:
            edits.append(Edit(path, "fStop", max(draws.value(f"f_stop {path}", self.f_stop), 0.0)))
        if self.focus_distance is not None:
            away = max(draws.value(f"focus_distance {path}", self.focus_distance), 1e-3)
            edits.append(Edit(path, "focusDistance", away / unit))
        if self.near is not None or self.far is not None:
            near = camera.near if self.near is None else max(draws.value(f"near {path}", self.near), 1e-4)
            far = camera.far if self.far is None else draws.value(f"far {path}", self.far)
            edits.append(Edit(path, "clippingRange", (near / unit, max(far, near * 1.001) / unit)))
        return edits
