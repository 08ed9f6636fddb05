"""The COCO export in the hands of COCO's own toolkit."""

import contextlib
import io
import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from twinstage.synth.dataset import Dataset
from twinstage.synth.verify.coco import average_precision


@pytest.fixture(scope="module")
def train(yard_dataset: Path) -> Any:
    """The train split, loaded by pycocotools."""
    from pycocotools.coco import COCO

    with contextlib.redirect_stdout(io.StringIO()):
        return COCO(str(yard_dataset / "coco/annotations_train.json"))


def test_pycocotools_loads_it(train: Any) -> None:
    assert len(train.getImgIds()) == 4 and len(train.getAnnIds()) > 10
    assert [c["name"] for c in train.loadCats([1, 2, 3])] == ["pallet", "box", "parcel"]
    assert min(train.getAnnIds()) == 1


def test_masks_boxes_and_areas_agree_with_the_instance_image(train: Any, yard_dataset: Path) -> None:
    for image in train.loadImgs(train.getImgIds()):
        with Image.open(yard_dataset / "images" / image["file_name"].replace("rgb", "instance")) as picture:
            instances = np.array(picture)
        for annotation in train.loadAnns(train.getAnnIds(imgIds=[image["id"]])):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # pycocotools under NumPy 2
                mask = train.annToMask(annotation).astype(bool)
            assert len(np.unique(instances[mask])) == 1
            assert mask.sum() == annotation["area"] == (instances == instances[mask][0]).sum()
            x, y, w, h = annotation["bbox"]
            rows, columns = np.nonzero(mask)
            assert (x, y, w, h) == (columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1)


@pytest.mark.parametrize("kind", ["bbox", "segm"])
def test_ground_truth_as_prediction_is_perfect(yard_dataset: Path, kind: str) -> None:
    document = json.loads((yard_dataset / "coco/annotations_train.json").read_text())
    assert average_precision(document, kind) == pytest.approx(1.0)
    moved = json.loads(json.dumps(document))
    for annotation in moved["annotations"]:
        annotation["category_id"] = annotation["category_id"] % 3 + 1
    truth_and_lies = {**document, "annotations": document["annotations"][:1] + moved["annotations"][1:]}
    assert average_precision(truth_and_lies, kind) == pytest.approx(
        1.0
    )  # it judges itself: labels do not matter


def test_small_objects_are_left_out(yard_dataset: Path) -> None:
    least = Dataset(yard_dataset).labels()["accept"]["min_visible_px"]
    total = 0
    for split in ("train", "val"):
        document = json.loads((yard_dataset / f"coco/annotations_{split}.json").read_text())
        total += len(document["annotations"])
        assert all(a["area"] >= least and a["iscrowd"] == 0 for a in document["annotations"])
    seen = [o for r in Dataset(yard_dataset).records() for c in r["cameras"] for o in c["objects"]]
    assert total == sum(o["visible_px"] >= least for o in seen) < len(seen)
