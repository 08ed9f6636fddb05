"""What a recipe's sensors give for a frame: files, and an entry of the record each. Touches the stage for temperatures."""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from twinstage.base.errors import UserError, did_you_mean
from twinstage.render.camera import camera_from_scene, look_at, with_pose
from twinstage.render.capture import Camera
from twinstage.render.motion import Motion
from twinstage.render.sensors import CAMERA_FROM_LIDAR, Lidar, Sensed, Sensor
from twinstage.render.sensors import View as SensorView
from twinstage.scene.columns import F4, F8, frozen
from twinstage.scene.snapshot import Snapshot
from twinstage.scene.transforms import compose_trs, decompose_trs, rigid_inverse
from twinstage.synth.annotate import rows
from twinstage.synth.canonical import write_atomic
from twinstage.synth.dataset import frame_name, sensor_path
from twinstage.synth.draws import Stream
from twinstage.synth.look import View
from twinstage.synth.moments import motion_between
from twinstage.synth.randomize import Randomized
from twinstage.synth.recipe import Recipe
from twinstage.synth.sensor_spec import SensorSpec
from twinstage.synth.staged import StagedRecipe

Light = Callable[[Camera, View | None], F4]
"""The linear picture f4[h, w, 3] of a camera; of a view of the frame where it is one."""

Entry = dict[str, Any]


@dataclass(frozen=True, slots=True)
class SensorStage:
    """A frame for its sensors: its scene, the views of its cameras, and who makes pictures."""

    staged: StagedRecipe
    made: Randomized
    views: Sequence[View]
    light: Light


def check_sensors(recipe: Recipe, snapshot: Snapshot) -> None:
    """Raise UserError for a sensor that sits nowhere, before anything is written."""
    for spec in recipe.sensors:
        if spec.prim is not None and spec.prim not in snapshot.prims.index_of:
            known = list(snapshot.prims.path)
            raise UserError(
                f"sensor {spec.name!r}: there is no prim {spec.prim}{did_you_mean(spec.prim, known)}"
            )


def write_sensors(out: Path, recipe: Recipe, frame: int, stage: SensorStage) -> list[Entry]:
    """Write the files of all sensors; the entries of the record's `sensors`."""
    return [_write(out, recipe, frame, spec, stage) for spec in recipe.sensors]


def _write(out: Path, recipe: Recipe, frame: int, spec: SensorSpec, stage: SensorStage) -> Entry:
    camera, view = mounted(recipe, spec, stage)
    sensed = spec.sensor(_sensor_view(recipe, frame, spec, stage, camera, view))
    files = {}
    stem = f"{frame_name(frame)}_{spec.name}"
    for name, data in saved(spec.sensor, sensed, stem):
        path = sensor_path(name)
        files[_what(name, stem)] = path
        write_atomic(out / path, data)
    pose = camera.world_from_camera
    entry: Entry = {
        "name": spec.name,
        "kind": spec.sensor.kind,  # type: ignore[attr-defined]
        "camera": spec.camera,
        "prim_path": spec.prim,
        "world_from_sensor": rows(pose @ CAMERA_FROM_LIDAR if isinstance(spec.sensor, Lidar) else pose),
        "files": files,
    }
    if not isinstance(spec.sensor, Lidar):
        entry |= {"K": rows(camera.K), "resolution": [camera.width, camera.height]}
    return entry


def _sensor_view(
    recipe: Recipe, frame: int, spec: SensorSpec, stage: SensorStage, camera: Camera, view: View | None
) -> SensorView:
    sensor, made = spec.sensor, stage.made
    first, last = sensor.looks(camera)
    motion: Motion | None = motion_between(stage.staged, made, first, last) if last > first else None
    ids = {cls.name: number for number, cls in enumerate(recipe.labels, start=1)}
    return SensorView(
        made.snapshot,
        camera,
        seed=Stream(recipe.seed, frame, "sensor", spec.name).word(),
        motion=motion,
        linear=stage.light(camera, view) if sensor.needs_linear else None,
        temperatures=stage.staged.temperatures(made.scene) if sensor.needs_temperatures else {},
        classes={row: ids[name] for row, name in made.scene.classes.items()},
    )


def mounted(recipe: Recipe, spec: SensorSpec, stage: SensorStage) -> tuple[Camera, View | None]:
    """The camera that stands for the sensor's place, and the frame's view that is exactly it, if any."""
    if spec.camera is not None:
        view = next(v for v in stage.views if v.spec.name == spec.camera)
        camera = shifted(view.capture.camera, spec.offset)
        return camera, None if any(spec.offset) else view
    width, height = spec.resolution or recipe.resolution
    fov = float(np.radians(spec.fov))
    if spec.eye is not None and spec.target is not None:
        camera = look_at(spec.eye, spec.target, width=width, height=height, fov=fov, name=spec.name)
        return shifted(camera, spec.offset), None
    assert spec.prim is not None  # the model allows no other case
    snapshot = stage.made.snapshot
    prim = snapshot.prims.index_of[spec.prim]
    scene_camera = next((c for c in snapshot.cameras if c.prim == prim), None)
    if scene_camera is not None:
        camera = camera_from_scene(snapshot, scene_camera, width, height)
    else:
        plain = look_at((0, 0, 0), (1, 0, 0), width=width, height=height, fov=fov, name=spec.name)
        camera = with_pose(plain, _rigid(snapshot.node_world[prim]) @ rigid_inverse(CAMERA_FROM_LIDAR))
    return replace(shifted(camera, spec.offset), name=spec.name), None


def shifted(camera: Camera, offset: Sequence[float]) -> Camera:
    """The camera moved forward, to the left and up [m] in its own axes, its path with it."""
    if not any(offset):
        return camera
    step = np.eye(4)
    step[:3, 3] = CAMERA_FROM_LIDAR[:3, :3] @ np.asarray(offset, np.float64)
    moved = with_pose(camera, camera.world_from_camera @ step)
    if camera.path is None:
        return moved
    poses = frozen(camera.path.world_from_camera @ step, np.float64)
    return replace(moved, path=replace(camera.path, world_from_camera=poses))


def _rigid(world: np.ndarray) -> F8:
    """The pose without its scale."""
    translation, quat, scale, _ = decompose_trs(np.asarray(world)[None])
    out: F8 = compose_trs(translation, quat, np.sign(scale) ** 2)[0]
    return out


def saved(sensor: Sensor, sensed: Sensed, stem: str) -> list[tuple[str, bytes]]:
    """Names and bytes of a sensor's files, in the order in which it writes them.

    A cloud without a point has no file of the kinds that cannot hold none.
    """
    if isinstance(sensor, Lidar) and not len(sensed.arrays["xyz"]):
        sensor = sensor.model_copy(update={"formats": ("kitti",)})
    with tempfile.TemporaryDirectory() as folder:
        return [(path.name, path.read_bytes()) for path in sensor.save(sensed, Path(folder), stem)]


def _what(name: str, stem: str) -> str:
    """What a file is, by the rest of its name: `000123_eye_radiometric.png` is `radiometric`, `000123_eye.bin` is `bin`."""
    rest = name.removeprefix(stem)
    return rest[1:].rpartition(".")[0] if rest.startswith("_") else rest.removeprefix(".")
