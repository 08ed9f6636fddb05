"""Defects that other writers shipped: each is named by the rule that fits, and harms its consumer as the page says."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.synth.formats import consumers, exports, make_fixtures, shots
from tests.synth.formats.consumers import coco_ap
from tests.synth.formats.make_fixtures import DEFECTS, FIXTURES, SCENE

from twinstage.synth.verify.formats import rules_of, verify_format

RULES = {
    "annotation_id_zero": "coco.annotation-id-zero",
    "empty_segmentation": "coco.empty-segmentation",
    "polygon_holes": "coco.polygon-holes",
    "reversed_pose": "bop.pose-reprojection",
    "range_as_z": "bop.depth-is-range",
    "overlapping_visible": "bop.visible-overlap",
    "transposed_rotation": "bop.pose-reprojection",
    "scale_in_rotation": "bop.rotation",
    "all_crowds": "coco.iscrowd",
    "box_one_less": "coco.bbox",
    "copies_as_classes": "coco.category-suffix",
    "kitti_zeros": "kitti.zeros",
    "yolo_beyond_one": "yolo.normalised",
    "distances_confused": "replicator.distance",
    "box_without_lens": "replicator.3d-box-projection",
    "category_zero": "blenderproc.category-zero",
}


def read(path: Path) -> Any:
    return json.loads(path.read_text())


def sentence(name: str) -> str:
    """The first finding of the fitting rule."""
    return str(next(f for f in verify_format(FIXTURES / name).findings if f.code == RULES[name]))


# --- what consumers make of them ----------------------------------------------------------------------------------


def _ap(name: str, kind: str = "segm") -> str:
    document = read(FIXTURES / name / "annotations/instances.json")
    return f"AP {coco_ap(document, kind):.3f}"


def _empty() -> str:
    """pycocotools cannot make a mask of it."""
    from pycocotools.coco import COCO

    document = read(FIXTURES / "empty_segmentation/annotations/instances.json")
    coco = COCO()
    coco.dataset = document
    coco.createIndex()
    try:
        mask = coco.annToMask(document["annotations"][1])
        return f"a mask of {int(mask.sum())} pixels"
    except Exception as error:
        return type(error).__name__


def _holes() -> str:
    document = read(FIXTURES / "polygon_holes/annotations/instances.json")
    truth = make_fixtures.upright_frame().things[0].visible
    found = [{**document["annotations"][0], "segmentation": exports.rle(truth)}]
    return f"AP {coco_ap(document, 'segm', found):.3f}"


def _poses(name: str) -> tuple[list[consumers.Pose], list[consumers.Pose]]:
    written = [consumers.pose_of(e) for e in read(FIXTURES / name / SCENE / "scene_gt.json")["0"]]
    true = [consumers.Pose(t.R, t.t * 1000) for t in make_fixtures.made()[0].things]
    return written, true


def _mssd(name: str) -> str:
    written, true = _poses(name)
    models = [shots.models()[t.model].vertices * 1000 for t in make_fixtures.made()[0].things]
    worst = max(consumers.mssd(a, b, v, [np.eye(4)]) for a, b, v in zip(written, true, models, strict=True))
    return f"MSSD {worst:.0f} mm"


def _range() -> str:
    with Image.open(FIXTURES / "range_as_z" / SCENE / "depth/000000.png") as image:
        stored = np.array(image) * 0.1
    z = make_fixtures.made()[0].depth * 1000
    known = np.isfinite(z)
    return f"{np.abs(stored[known] - z[known]).max():.0f} mm"


def _overlap() -> str:
    pixels = np.zeros((shots.HEIGHT, shots.WIDTH), int)
    for path in (FIXTURES / "overlapping_visible" / SCENE / "mask_visib").iterdir():
        with Image.open(path) as image:
            pixels += np.array(image) > 0
    return f"{int((pixels > 1).sum())} pixels"


def _classes() -> str:
    document = read(FIXTURES / "copies_as_classes/annotations/instances.json")
    right = [
        {**a, "category_id": 1 if a["category_id"] == 3 else a["category_id"]}
        for a in document["annotations"]
    ]
    return f"AP {coco_ap(document, 'segm', right):.3f}"


def _kitti() -> str:
    objects = [consumers.read_objects(FIXTURES / "kitti_zeros/training/label_2/000000.txt")]
    made = make_fixtures.made()[0]
    true = []
    for o, thing in zip(objects[0], made.things, strict=True):
        size = np.ptp(shots.models()[thing.model].vertices, axis=0)
        at = thing.t + np.array([0, size[1] / 2, 0])
        true.append(consumers.Object(o.kind, 0, 0, o.box, (size[1], size[2], size[0]), tuple(at), thing.yaw))
    return f"AP3D {consumers.kitti_ap(objects, [true], 'hard', True, 0.5, 0.1):.1f}"


def _yolo() -> str:
    loaded = consumers.load_yolo(FIXTURES / "yolo_beyond_one/data.yaml", "train")
    lost = len((FIXTURES / "yolo_beyond_one/labels/train/000000.txt").read_text().splitlines())
    return f"{len(loaded.corrupt)} image and its {lost} objects"


def _distance() -> str:
    plane = np.load(FIXTURES / "distances_confused/distance_to_image_plane_0000.npy")
    z = make_fixtures.made()[0].depth * 100
    known = np.isfinite(z)
    return f"{np.abs(plane[known] - z[known]).max():.1f} cm"


def _lens() -> str:
    texts = [
        f.message
        for f in verify_format(FIXTURES / "box_without_lens").findings
        if f.code == RULES["box_without_lens"]
    ]
    return f"{max(float(re.search(r'reaches ([0-9.]+) px', t)[1]) for t in texts):.1f} px"  # type: ignore[index]


def _dropped() -> str:
    """What is left for COCO of the container's objects when category 0 is background."""
    import h5py

    with h5py.File(FIXTURES / "category_zero/0.hdf5") as file:
        attributes = json.loads(file["instance_attribute_maps"][()])
        seen = [n for n in np.unique(file["instance_segmaps"][()]).tolist() if n]
    left = [e for e in attributes if e["idx"] in seen and e["category_id"] != 0]
    return f"{len(left)} of {len(seen)} objects"


HARM: dict[str, Callable[[], str]] = {
    "annotation_id_zero": lambda: _ap("annotation_id_zero"),
    "empty_segmentation": _empty,
    "polygon_holes": _holes,
    "reversed_pose": lambda: _mssd("reversed_pose"),
    "range_as_z": _range,
    "overlapping_visible": _overlap,
    "transposed_rotation": lambda: _mssd("transposed_rotation"),
    "scale_in_rotation": lambda: _mssd("scale_in_rotation"),
    "all_crowds": lambda: _ap("all_crowds"),
    "box_one_less": lambda: f"AP {coco_ap(*_true_boxes()):.3f}",
    "copies_as_classes": _classes,
    "kitti_zeros": _kitti,
    "yolo_beyond_one": _yolo,
    "distances_confused": _distance,
    "box_without_lens": _lens,
    "category_zero": _dropped,
}


def _true_boxes() -> tuple[dict[str, Any], str, list[dict[str, Any]]]:
    document = read(FIXTURES / "box_one_less/annotations/instances.json")
    found = [
        {**a, "bbox": [*a["bbox"][:2], a["bbox"][2] + 1, a["bbox"][3] + 1]} for a in document["annotations"]
    ]
    return document, "bbox", found


@pytest.mark.parametrize("name", sorted(DEFECTS))
def test_each_defect_is_named_and_shown_in_the_page(name: str, root: Path) -> None:
    page = (root / "docs/label-proof.md").read_text()
    said = sentence(name)
    assert RULES[name] in said
    # The page shows the sentence and the consumer's result, as they come out of this run.
    assert said.split(" [")[-1].rstrip("]") in page
    assert said in page, f"{name}: {said}"
    assert HARM[name]() in page, f"{name}: {HARM[name]()}"


def test_the_page_of_rules_is_the_table(root: Path) -> None:
    page = (root / "docs/verify-rules.md").read_text()
    assert re.findall(r"^\| `([a-z0-9.-]+)` \| (.*) \|$", page, re.M) == list(rules_of().items())


def test_undamaged_the_same_data_scores_one_and_is_confirmed(tmp_path: Path) -> None:
    exports.write_coco(tmp_path, make_fixtures.made())
    assert verify_format(tmp_path).ok
    document = read(tmp_path / "annotations/instances.json")
    assert coco_ap(document, "segm") == coco_ap(document, "bbox") == 1.0


@pytest.mark.parametrize("name", sorted(DEFECTS))
def test_fixtures_are_what_the_script_makes(name: str, tmp_path: Path) -> None:
    make = tmp_path / name
    DEFECTS[name](make)
    committed = {
        p.relative_to(FIXTURES / name).as_posix() for p in (FIXTURES / name).rglob("*") if p.is_file()
    }
    assert committed == {p.relative_to(make).as_posix() for p in make.rglob("*") if p.is_file()}
    for file in committed:
        one, other = FIXTURES / name / file, make / file
        if file.endswith(".png"):  # the bytes depend on zlib's version, the pixels do not
            with Image.open(one) as a, Image.open(other) as b:
                assert np.array_equal(np.array(a), np.array(b))
        elif file.endswith(".json"):
            _same(read(one), read(other))
        elif not file.endswith((".hdf5", ".npy", ".bin")):
            assert one.read_bytes() == other.read_bytes()
    assert sum(p.stat().st_size for p in (FIXTURES / name).rglob("*") if p.is_file()) < 80_000


def _same(a: Any, b: Any) -> None:
    """Equal but for the last digits of floats."""
    if isinstance(a, dict):
        assert a.keys() == b.keys()
        for key in a:
            _same(a[key], b[key])
    elif isinstance(a, list):
        assert len(a) == len(b)
        for x, y in zip(a, b, strict=True):
            _same(x, y)
    elif isinstance(a, float):
        assert a == pytest.approx(b, rel=1e-9, abs=1e-9)
    else:
        assert a == b
