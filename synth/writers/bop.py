"""BOP's scenewise layout: poses of rigid models.

    camera.json                                 of the first camera
    models/obj_000001.ply, models_info.json     in millimetres
    SPLIT/000000/{rgb, depth, mask, mask_visib}/   IM.png, IM_GT.png
    SPLIT/000000/{scene_camera, scene_gt, scene_gt_info, scene_gt_coco}.json
    export_report.json                          what was counted, and the conventions

SPLIT is train_pbr for `train` and for datasets without splits, else the split's own name. A scene folder holds one camera's
pictures of 1000 frames: scene = frame // 1000 * cameras + camera, IM = the frame. All objects of the records are listed,
whatever the dataset's accept rule; `visib_fract` is there to choose by. What the entries hold is said in `bop_entries`.
"""

import json
from collections.abc import Iterator
from itertools import groupby
from typing import Any, Literal

import numpy as np
from pydantic import Field

from twinstage.base.errors import UserError
from twinstage.render.picture import png_bytes
from twinstage.synth.dataset import Dataset
from twinstage.synth.writers.base import WRITERS, Content, Folder, Writer, source
from twinstage.synth.writers.bop_entries import Scene, ground_truth, refuse_without_pose, scene_camera
from twinstage.synth.writers.bop_models import model_files, numbered
from twinstage.synth.writers.cameras import pinhole
from twinstage.synth.writers.depth import as_integers, read_depth
from twinstage.synth.writers.pixels import decode
from twinstage.synth.writers.views import REPORT, Tally, View, splits_of, views, views_of

IMAGES_A_SCENE = 1000


@WRITERS.register
class BopWriter(Writer):
    """See the module.

    Attributes:
        depth_scale: of a depth PNG, millimetres a step: 1 reaches 65 m, 0.1 reaches 6.5 m.
        without_pose: an object that is mirrored, or squashed askew, has no rigid pose; that ends the export (refuse), or
            the object is left out and counted (omit).
        most_models: more than that, as when a scale is drawn anew in each frame, are refused.
    """

    kind: Literal["bop"] = "bop"
    folder: Folder = "bop"
    needs = ("rgb", "depth", "models")
    depth_scale: float = Field(default=1.0, gt=0, le=100)
    without_pose: Literal["refuse", "omit"] = "refuse"
    most_models: int = Field(default=1000, ge=1, le=999_999)

    def check_record(self, record: dict[str, Any]) -> None:
        first = None
        for view in views_of(record):
            pinhole(view, "bop")
            first = first or view
            _same_size(first, view)
            if self.without_pose == "refuse":
                for item in view.camera["objects"]:
                    refuse_without_pose(view, item)

    def files(self, dataset: Dataset) -> Iterator[tuple[str, Content]]:
        labels, tally = dataset.labels(), Tally()
        numbers = numbered(dataset, labels, self.most_models)
        for path, content in model_files(dataset, numbers):
            yield f"{self.folder}/models/{path}", content
        first = None
        for split in splits_of(labels):
            for number, group in self._scenes(dataset, split):
                scene = Scene(numbers, self.without_pose, tally)
                for view in group:
                    first = first or view
                    _same_size(first, view)
                    for path, content in self._image(dataset, view, scene):
                        yield f"{self.folder}/{_folder(split)}/{number:06d}/{path}", content
                for name, document in scene.documents():
                    yield f"{self.folder}/{_folder(split)}/{number:06d}/{name}.json", document
        if first is not None:
            yield f"{self.folder}/camera.json", self._camera(first)
        yield f"{self.folder}/{REPORT}", tally.report(self._conventions())

    def _scenes(self, dataset: Dataset, split: str | None) -> Iterator[tuple[int, Iterator[View]]]:
        """Scene folders with their pictures. Records are read once a camera: so a scene's documents can be closed."""
        cameras = next((view.of for view in views(dataset, split)), 0)
        for row in range(cameras):
            own = (view for view in views(dataset, split) if view.row == row)
            for thousand, group in groupby(own, key=lambda view: view.frame // IMAGES_A_SCENE):
                yield thousand * cameras + row, group

    def _image(self, dataset: Dataset, view: View, scene: Scene) -> Iterator[tuple[str, Content]]:
        K = pinhole(view, "bop")
        name = f"{view.frame:06d}"
        yield f"rgb/{name}.png", source(dataset, view.picture("rgb", "export bop"))
        depth = read_depth(source(dataset, view.picture("depth", "export bop")), view.size)
        steps = as_integers(depth, self.depth_scale / 1000, scene.tally)
        yield f"depth/{name}.png", png_bytes(steps)
        scene.cameras[view.frame] = scene_camera(view, K, self.depth_scale)
        for place, item in enumerate(scene.listed(view)):
            amodal, visible = (decode(item[key], view.size) for key in ("amodal_rle", "visible_rle"))
            yield f"mask/{name}_{place:06d}.png", _mask(amodal)
            yield f"mask_visib/{name}_{place:06d}.png", _mask(visible)
            valid = int((steps[amodal] > 0).sum())
            scene.add(view, item, ground_truth(item, scene.numbers[item["model"]]), valid)

    def _camera(self, view: View) -> bytes:
        K = pinhole(view, "bop")
        width, height = view.size
        focal = {"cx": K[0, 2], "cy": K[1, 2], "depth_scale": self.depth_scale, "fx": K[0, 0], "fy": K[1, 1]}
        return json.dumps({**focal, "height": height, "width": width}, indent=1).encode() + b"\n"

    def _conventions(self) -> dict[str, Any]:
        return {
            "pixels": "the middle of the first one is (0, 0), in cam_K: 0.5 less than in the records",
            "units": "mm; depth is z along the optical axis",
            "axes": "OpenCV; x_camera = cam_R_m2c x_model + cam_t_m2c",
            "boxes": "[x, y, xmax - xmin, ymax - ymin] of pixels; one more in scene_gt_coco.json, as BOP's own export has it",
            "objects without a rigid pose": self.without_pose,
        }


def _folder(split: str | None) -> str:
    return "train_pbr" if split in (None, "train") else str(split)


def _mask(mask: np.ndarray) -> bytes:
    return png_bytes(np.where(mask, 255, 0).astype(np.uint8))


def _same_size(first: View, view: View) -> None:
    if first.size != view.size:
        raise UserError(
            f"export bop: {view.where} is {view.size[0]} x {view.size[1]}, but {first.camera['name']} is "
            f"{first.size[0]} x {first.size[1]}; a BOP dataset has one size of pictures"
        )
