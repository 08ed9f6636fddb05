"""COCO: detection and instance segmentation, key points, panoptic segmentation. One file a task and split.

    annotations[_SPLIT].json   boxes and masks (instances)
    keypoints[_SPLIT].json     the same objects with key points, of the classes that have some
    panoptic[_SPLIT].json      with one PNG a picture in panoptic[_SPLIT]/
    images/                    links to the native pictures, where `pictures` is set
    export_report.json         what was counted

`file_name` is relative to the dataset's `images/`, or with `pictures` to the export's. Coordinates are pixel edges, for
boxes, polygons and key points alike. What the entries hold is said in `coco_entries`; documents are written piece by piece.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal

from pydantic import Field

from twinstage.base.errors import UserError, did_you_mean
from twinstage.synth.dataset import Dataset
from twinstage.synth.model import Model
from twinstage.synth.writers.base import WRITERS, Content, Folder, Writer, source
from twinstage.synth.writers.coco_entries import Entries
from twinstage.synth.writers.coco_panoptic import Panoptic
from twinstage.synth.writers.views import REPORT, Tally, View, compact, splits_of, views

Task = Literal["instances", "keypoints", "panoptic"]

FILES: dict[Task, str] = {"instances": "annotations", "keypoints": "keypoints", "panoptic": "panoptic"}


class Licence(Model):
    """Under which terms the pictures may be used; it goes to every picture's `license`."""

    name: str
    url: str = ""


@WRITERS.register
class CocoWriter(Writer):
    """See the module.

    Attributes:
        tasks: by default instances, and keypoints where the label map names some.
        polygons: masks as polygons where one holds at least `min_iou` of the mask (as COCO's toolkit fills it), else as
            run lengths.
        tolerance: how far a polygon may leave the mask's edge [px]; 0: it follows every pixel.
        below: objects that the dataset's rule does not annotate are left out (omit), or become regions that a scorer
            ignores (crowd: `iscrowd` 1).
        stuff: classes that are no things in the panoptic task: one segment a class.
        licence: of the pictures.
        pictures: whether the export holds the pictures, too, so that it is whole in itself.
    """

    kind: Literal["coco"] = "coco"
    folder: Folder = "coco"
    tasks: tuple[Task, ...] | None = Field(default=None, min_length=1)
    polygons: bool = False
    min_iou: float = Field(default=0.95, ge=0, le=1)
    tolerance: float = Field(default=0.75, ge=0, le=16)
    below: Literal["omit", "crowd"] = "omit"
    stuff: tuple[str, ...] = ()
    licence: Licence | None = None
    pictures: bool = False

    def check(self, annotate: Sequence[str]) -> None:
        super().check(annotate)
        if self.pictures and "rgb" not in annotate:
            raise UserError("export coco: `pictures` needs rgb; add that to `annotate`")

    def check_labels(self, labels: dict[str, Any]) -> None:
        names = [c["name"] for c in labels["classes"]]
        for name in self.stuff:
            if name not in names:
                raise UserError(f"export coco: stuff {name!r} is no class{did_you_mean(name, names)}")
        self._tasks(labels)

    def files(self, dataset: Dataset) -> Iterator[tuple[str, Content]]:
        labels = dataset.labels()
        self.check_labels(labels)
        tally = Tally()
        if self.pictures:
            for view in views(dataset, all_splits=True):
                yield f"{self.folder}/images/{view.name}", source(dataset, view.picture("rgb", "export coco"))
        for task in self._tasks(labels):
            for split in splits_of(labels):
                stem = f"{self.folder}/{FILES[task]}" + ("" if split is None else f"_{split}")
                if task == "panoptic":
                    panoptic = Panoptic(labels, self.stuff, tally)
                    for view in views(dataset, split):
                        yield f"{stem}/{view.name}", panoptic.add(view)
                    yield (
                        f"{stem}.json",
                        self._document(labels, dataset, split, panoptic.categories, panoptic.of),
                    )
                else:
                    entries = self._entries(task, labels, tally)
                    yield (
                        f"{stem}.json",
                        self._document(labels, dataset, split, entries.categories, entries.of),
                    )
        yield f"{self.folder}/{REPORT}", tally.report(self._conventions())

    def _tasks(self, labels: dict[str, Any]) -> tuple[Task, ...]:
        with_points = any(c.get("keypoints") for c in labels["classes"])
        if self.tasks is None:
            return ("instances", "keypoints") if with_points else ("instances",)
        if "keypoints" in self.tasks and not with_points:
            raise UserError(
                "export coco: the task keypoints needs classes with key points; `labels` names none"
            )
        return tuple(dict.fromkeys(self.tasks))

    def _entries(self, task: Task, labels: dict[str, Any], tally: Tally) -> Entries:
        shape = (self.min_iou, self.tolerance) if self.polygons else None
        return Entries(
            labels, tally, keypoints=task == "keypoints", polygons=shape, crowd=self.below == "crowd"
        )

    def _document(
        self,
        labels: dict[str, Any],
        dataset: Dataset,
        split: str | None,
        categories: list[dict[str, Any]],
        entries: Callable[[View], list[dict[str, Any]]],
    ) -> Iterator[bytes]:
        """Pieces of one file: pictures are listed last, so that annotations can pass by."""
        licences = [] if self.licence is None else [{"id": 1, **self.licence.model_dump()}]
        yield b'{"info":' + compact({"description": "twinstage"})
        yield (
            b',"licenses":'
            + compact(licences)
            + b',"categories":'
            + compact(categories)
            + b',"annotations":['
        )
        images, comma = [], b""
        for view in views(dataset, split):
            images.append(compact(self._image(view)))
            for entry in entries(view):
                yield comma + compact(entry)
                comma = b","
        yield b'],"images":[' + b",".join(images) + b"]}\n"

    def _image(self, view: View) -> dict[str, Any]:
        width, height = view.size
        out = {"id": view.number, "file_name": view.name, "width": width, "height": height}
        return out if self.licence is None else {**out, "license": 1}

    def _conventions(self) -> dict[str, Any]:
        return {
            "coordinates": "pixel edges: the first pixel's centre is (0.5, 0.5)",
            "bbox and area": "of the visible mask",
            "objects below the accept rule": self.below,
            "polygons": f"where IoU with the mask is at least {self.min_iou}" if self.polygons else "none",
        }
