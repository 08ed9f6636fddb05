"""What records will say of cameras and sensors, before a frame is made: so that exports which cannot hold it are refused."""

from typing import Any

from twinstage.render.sensors import Lidar
from twinstage.scene.snapshot import Snapshot
from twinstage.synth.annotate import camera_record
from twinstage.synth.dataset import NO_FRAME, frame_name, image_path, of_cameras, sensor_path
from twinstage.synth.fields import at_field
from twinstage.synth.look import recipe_camera
from twinstage.synth.recipe import Recipe
from twinstage.synth.writers.base import strict


def check_exports(recipe: Recipe, snapshot: Snapshot) -> None:
    """Raise UserError for an export that cannot hold what the cameras see in this scene, whatever they see."""
    writers = [(place, w) for place, w in enumerate(recipe.export) if strict(w)]
    if not writers:
        return
    record = _record(recipe, snapshot)
    for place, writer in writers:
        with at_field("export", place):
            writer.check_record(of_cameras(record, writer.cameras))


def _record(recipe: Recipe, snapshot: Snapshot) -> dict[str, Any]:
    """A record of no frame, without objects."""
    cameras: list[dict[str, Any]] = []
    for spec in recipe.cameras:
        camera, _ = recipe_camera(recipe, snapshot, spec)
        images = {what: image_path(0, spec.name, what) for what in recipe.images}
        cameras.append(camera_record(camera) | {"objects": [], "images": images})
    sensors = []
    for sensor in recipe.sensors:
        stem = sensor_path(f"{frame_name(0)}_{sensor.name}")
        clouds = sensor.sensor.formats if isinstance(sensor.sensor, Lidar) else ()
        files = {"bin": f"{stem}.bin"} if "kitti" in clouds else {}
        kind = sensor.sensor.kind  # type: ignore[attr-defined]
        sensors.append({"name": sensor.name, "kind": kind, "camera": sensor.camera, "files": files})
    return {"frame": NO_FRAME, "split": None, "rejected": False, "cameras": cameras, "sensors": sensors}
