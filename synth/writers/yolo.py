"""YOLO as Ultralytics reads it: detect, segment, pose or OBB; one task an export.

    data.yaml                       where pictures are, names, and key points
    images/SPLIT/NAME.png           links to the native pictures (copies where the file system has none)
    labels/SPLIT/NAME.txt           a row an object, empty where nothing is annotated
    export_report.json              what was counted

The folder is whole in itself: the loader finds labels by replacing the last `/images/` of a picture's path by `/labels/`,
and a list of pictures elsewhere could not be given without absolute paths. `path` in data.yaml is empty, which means the
file's own folder; `.` would mean the folder that a training is started in.
"""

import json
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any, Literal

from pydantic import Field

from twinstage.base.errors import UserError, did_you_mean
from twinstage.synth.dataset import Dataset
from twinstage.synth.writers.base import WRITERS, Content, Folder, Writer, source
from twinstage.synth.writers.views import REPORT, Tally, View, splits_of, views
from twinstage.synth.writers.yolo_rows import ROWS, Shape, number

_VAL = ("val", "validation", "valid")


@WRITERS.register
class YoloWriter(Writer):
    """See the module.

    Attributes:
        task: what a row says (`yolo_rows`).
        classes: which, in this order, numbered from 0; by default all of the label map (pose: all with key points).
        min_iou, tolerance: a segment's ring is simplified by at most `tolerance` [px], as long as `min_iou` of the mask
            holds; else it follows every pixel.
    """

    kind: Literal["yolo"] = "yolo"
    folder: Folder = "yolo"
    needs = ("rgb",)
    task: Literal["detect", "segment", "pose", "obb"] = "detect"
    classes: tuple[str, ...] = ()
    min_iou: float = Field(default=0.95, ge=0, le=1)
    tolerance: float = Field(default=0.75, ge=0, le=16)

    def files(self, dataset: Dataset) -> Iterator[tuple[str, Content]]:
        labels = dataset.labels()
        classes = self._classes(labels)
        tally = Tally()
        places = {c["name"]: place for place, c in enumerate(classes)}
        keypoints = tuple(classes[0].get("keypoints") or ())
        shape = Shape(self.min_iou, self.tolerance, keypoints, tally)
        filled: dict[str, None] = {}
        for split in splits_of(labels):
            for view in views(dataset, split):
                filled[split or "train"] = None
                picture = source(dataset, view.picture("rgb", "export yolo"))
                where, name = split or "train", PurePosixPath(view.name)
                yield f"{self.folder}/images/{where}/{name}", picture
                text = self._label(view, labels, places, shape)
                yield f"{self.folder}/labels/{where}/{name.with_suffix('.txt')}", text.encode()
        yield f"{self.folder}/data.yaml", self._data(list(filled), classes).encode()
        yield f"{self.folder}/{REPORT}", tally.report(self._conventions())

    def check_labels(self, labels: dict[str, Any]) -> None:
        self._classes(labels)

    def _label(self, view: View, labels: dict[str, Any], places: dict[str, int], shape: Shape) -> str:
        tally, objects = shape.tally, view.camera["objects"]
        of_class = [item for item in objects if item["class"] in places]
        tally.add("images")
        tally.add("other_classes", len(objects) - len(of_class))
        rows = []
        for item in tally.chosen(of_class, labels["accept"], "objects"):
            values = ROWS[self.task](item, view.size, shape)
            rows.append(" ".join([str(places[item["class"]]), *map(number, values)]))
        tally.add("rows", len(rows))
        tally.add("empty_labels", int(not rows))
        return "".join(f"{row}\n" for row in rows)

    def _classes(self, labels: dict[str, Any]) -> list[dict[str, Any]]:
        known = {c["name"]: c for c in labels["classes"]}
        for name in self.classes:
            if name not in known:
                raise UserError(f"export yolo: there is no class {name!r}{did_you_mean(name, known)}")
        chosen = [known[name] for name in dict.fromkeys(self.classes)] or list(known.values())
        if self.task != "pose":
            return chosen
        if not self.classes:
            chosen = [c for c in chosen if c.get("keypoints")]
        if not chosen or not all(c.get("keypoints") for c in chosen):
            raise UserError("export yolo: the task pose needs classes with key points; `labels` names none")
        if any(c["keypoints"] != chosen[0]["keypoints"] for c in chosen):
            names = " and ".join(c["name"] for c in chosen)
            raise UserError(
                f"export yolo: one file of the task pose has one set of key points, but those of {names} differ; "
                "name classes that share theirs in `classes`"
            )
        return chosen

    def _data(self, splits: list[str], classes: list[dict[str, Any]]) -> str:
        """data.yaml; strings are JSON's, which YAML reads. `splits`: those with pictures: a loader refuses other folders."""
        train = "train" if "train" in splits else [*splits, "train"][0]
        val = next((name for name in _VAL if name in splits), train)
        lines = ['path: ""', f"train: images/{train}", f"val: images/{val}"]
        lines += ["test: images/test"] if "test" in splits else []
        if self.task == "pose":
            points = classes[0]["keypoints"]
            lines.append(f"kpt_shape: [{len(points)}, 3]")
            if classes[0].get("flip"):
                lines.append(f"flip_idx: {flip_index(points, classes[0]['flip'])}")
            lines.append("kpt_names:")
            lines += [f"  {place}: {json.dumps(points, ensure_ascii=False)}" for place in range(len(classes))]
        lines.append("names:")
        lines += [
            f"  {place}: {json.dumps(c['name'], ensure_ascii=False)}" for place, c in enumerate(classes)
        ]
        return "\n".join(lines) + "\n"

    def _conventions(self) -> dict[str, Any]:
        return {
            "coordinates": "pixel edges, divided by width and height",
            "boxes": "of the visible mask",
            "objects below the accept rule": "omit",
            "task": self.task,
        }


def flip_index(points: list[str], pairs: list[list[str]]) -> list[int]:
    """For each key point the place of the one that it becomes in a mirrored picture."""
    other = {a: b for pair in pairs for a, b in (pair, pair[::-1])}
    return [points.index(other.get(name, name)) for name in points]
