"""The native dataset on disk: where things lie, and reading back what writers and contact sheets need.

    manifest.json  recipe.yaml  labels.json  run.log  contact_sheet.png
    frames/000123.usda  records/000123.json  images/000123_<camera>_<what>  sensors/000123_<sensor>_<what>
    models/<model>.ply  models/models.json  <one folder a writer>

`records/`, `labels.json` and `models/` are all that a writer may look at.
"""

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twinstage.base.errors import UserError

MANIFEST, RECIPE, LABELS, LOG = "manifest.json", "recipe.yaml", "labels.json", "run.log"
STATE = ".run.json"
"""What an unfinished run needs to know of itself; gone when the manifest is there."""

MODELS = "models"
"""Folder of the objects' rigid models; what `annotate` calls them, too."""
MODELS_FILE = f"{MODELS}/models.json"

NO_FRAME = -1
"""Frame of a record that only says what the cameras are like (`Writer.check_record`)."""

FOLDERS = frozenset({"records", "frames", "images", "sensors", MODELS})
"""Folders of the dataset itself."""

SUFFIX = {
    "rgb": "rgb.png",
    "linear": "linear.exr",
    "depth": "depth.exr",
    "depth_mm": "depth.png",
    "range": "range.exr",
    "normal": "normal.exr",
    "normal_camera": "normal_camera.exr",
    "instance": "instance.png",
    "semantic": "semantic.png",
    "panoptic": "panoptic.png",
    "part": "part.png",
    "material": "material.png",
    "uv": "uv.exr",
    "nocs": "nocs.exr",
    "position": "position.exr",
    "motion": "motion.exr",
    "flow": "flow.exr",
    "flow_occluded": "flow_occluded.png",
}
"""End of an image's file name by what it shows."""


def frame_name(frame: int) -> str:
    """`000123`."""
    return f"{frame:06d}"


def image_path(frame: int, camera: str, what: str) -> str:
    """An image's path inside the dataset."""
    return f"images/{frame_name(frame)}_{camera}_{SUFFIX[what]}"


def model_path(model: str) -> str:
    """The path of an object's rigid model inside the dataset."""
    return f"{MODELS}/{model}.ply"


def sensor_path(name: str) -> str:
    """The path of a sensor's file of that name inside the dataset."""
    return f"sensors/{name}"


def layer_path(frame: int) -> str:
    """The path of a frame's randomization layer inside the dataset."""
    return f"frames/{frame_name(frame)}.usda"


def record_path(frame: int) -> str:
    """The path of a frame's record inside the dataset."""
    return f"records/{frame_name(frame)}.json"


@dataclass(frozen=True, slots=True)
class Dataset:
    """A dataset folder, finished or not. `cameras`: names of those that its records tell of; none = all."""

    root: Path
    cameras: tuple[str, ...] = ()

    def labels(self) -> dict[str, Any]:
        """`labels.json`: classes with ids, what counts as annotated, splits."""
        return _json(self.root / LABELS)

    def records(self) -> Iterator[dict[str, Any]]:
        """All records in the order of frames."""
        for path in sorted((self.root / "records").glob("*.json")):
            yield of_cameras(_json(path), self.cameras)

    def frames_done(self) -> set[int]:
        """Frames whose record is there: it is written last, so all else of the frame is there, too."""
        return {int(p.stem) for p in (self.root / "records").glob("*.json") if p.stem.isdecimal()}


def _json(path: Path) -> dict[str, Any]:
    try:
        value: dict[str, Any] = json.loads(path.read_bytes())
    except ValueError:
        raise UserError(f"{path} is damaged; remove it and start again, and it is made anew") from None
    return value


def of_cameras(record: dict[str, Any], cameras: Collection[str]) -> dict[str, Any]:
    """The record as if there were these cameras only; all of them where none is named."""
    if not cameras:
        return record
    return record | {"cameras": [camera for camera in record["cameras"] if camera["name"] in cameras]}


def is_annotated(item: dict[str, Any], accept: dict[str, Any]) -> bool:
    """Whether an object of a record is worth an annotation by the dataset's rule."""
    total = item["amodal_px_total"]
    share = item["visible_px"] / total if total else 0.0
    return bool(item["visible_px"] >= accept["min_visible_px"] and share >= accept["min_visibility"])
