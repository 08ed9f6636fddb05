"""What a recipe adds to the stage: cameras that it does not have, and lights for places that are too dark to see.

They are prims like any other, defined in the session's layer before the snapshot is read and in every frame's layer, so
randomizers can move them and the frame can be opened again with them.
"""

from collections.abc import Sequence

import numpy as np

from twinstage.scene.author import NewPrim
from twinstage.scene.edits import stage_world
from twinstage.scene.snapshot import StageInfo
from twinstage.scene.stage import OpenedStage
from twinstage.synth.randomizers.camera import view_matrix
from twinstage.synth.recipe import AddedLight, CameraSpec, LookAt, Recipe

CAMERAS, LIGHTS = "/TwinstageCameras", "/TwinstageLights"
"""Parents of added cameras and lights."""

_APERTURE = 36.0
"""Width of full-frame film; only its ratio to the focal length matters."""


def new_prims(recipe: Recipe, opened: OpenedStage) -> list[NewPrim]:
    """The cameras and lights that the recipe adds."""
    info = stage_info(opened)
    cameras = [
        _camera(recipe, spec, spec.look_at, info) for spec in recipe.cameras if spec.look_at is not None
    ]
    return cameras + [_light(light, info) for light in recipe.lights]


def stage_info(opened: OpenedStage) -> StageInfo:
    """Units, axes and origin of an opened stage."""
    units, axis = opened.meters_per_unit, opened.up_axis
    return StageInfo(str(opened.path), units, axis, opened.time_codes_per_second, opened.hash)


def _pose(info: StageInfo, eye: Sequence[float], target: Sequence[float]) -> tuple[float, ...]:
    world = stage_world(info, view_matrix(np.array(eye), np.array(target)))
    return tuple(float(v) for v in world.ravel())


def _camera(recipe: Recipe, spec: CameraSpec, look: LookAt, info: StageInfo) -> NewPrim:
    width, height = recipe.camera_resolution(spec)
    unit = info.meters_per_unit
    return NewPrim(
        f"{CAMERAS}/{spec.name}",
        "Camera",
        _pose(info, look.eye, look.target),
        (
            ("focalLength", "float", _APERTURE / (2 * float(np.tan(np.radians(look.fov) / 2)))),
            ("horizontalAperture", "float", _APERTURE),
            ("verticalAperture", "float", _APERTURE * height / width),
            ("clippingRange", "float2", (look.near / unit, look.far / unit)),
        ),
    )


def _light(light: AddedLight, info: StageInfo) -> NewPrim:
    return NewPrim(
        f"{LIGHTS}/{light.name}",
        "RectLight",
        _pose(info, light.eye, light.target),
        (
            ("inputs:width", "float", light.size[0] / info.meters_per_unit),
            ("inputs:height", "float", light.size[1] / info.meters_per_unit),
            ("inputs:intensity", "float", light.intensity),
            ("inputs:enableColorTemperature", "bool", True),
            ("inputs:colorTemperature", "float", light.temperature),
        ),
    )
