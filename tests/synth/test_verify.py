"""The judge finds what is wrong: a good dataset damaged in many ways, with the manifest's hashes made right again."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from twinstage.base.errors import UserError
from twinstage.render import picture
from twinstage.synth import masks
from twinstage.synth.verify import verify
from twinstage.synth.verify.exr import read_exr
from twinstage.synth.verify.files import check_paths
from twinstage.synth.verify.report import Judge

RECORD = "records/000001.json"


@pytest.fixture
def copy(yard_dataset: Path, tmp_path: Path) -> Path:
    """A dataset that may be damaged."""
    return Path(shutil.copytree(yard_dataset, tmp_path / "d"))


def edit(path: Path, change: Callable[[Any], None]) -> None:
    """Change a JSON file in place."""
    data = json.loads(path.read_text())
    change(data)
    path.write_text(json.dumps(data))


def rehash(root: Path) -> None:
    """Make the manifest agree with the damage, so that nothing but the content gives it away."""

    def change(manifest: Any) -> None:
        files = [p for p in root.rglob("*") if p.is_file() and p.name not in ("manifest.json", "run.log")]
        manifest["files"] = {
            p.relative_to(root).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in files
        }

    edit(root / "manifest.json", change)


def codes(root: Path) -> set[str]:
    return {finding.code for finding in verify(root).findings}


def test_a_good_dataset_passes_and_everything_was_checked(yard_dataset: Path) -> None:
    report = verify(yard_dataset)
    assert report.ok and report.as_dict()["findings"] == []
    wanted = {
        "file.changed",
        "mask.overlap",
        "box3d.silhouette",
        "depth.box3d",
        "instance.mask",
        "normal.length",
        "coco.score",
    }
    assert wanted <= set(report.counts)
    assert report.counts["coco.area"] > 20


def item(record: Any, camera: int = 0) -> Any:
    """The object of a record that shows the most."""
    return max(record["cameras"][camera]["objects"], key=lambda o: o["visible_px"])


def repaint(key: str, change: Callable[[np.ndarray], np.ndarray]) -> Callable[[Any], None]:
    """A change of a mask that keeps its own counts and boxes right."""

    def apply(record: Any) -> None:
        target = item(record)
        mask = change(masks.decode(target[f"{key}_rle"]))
        target[f"{key}_rle"] = masks.encode(mask)
        target[f"bbox_{key}"] = masks.box(target[f"{key}_rle"])
        target["visible_px" if key == "visible" else "amodal_px_in_frame"] = int(mask.sum())
        target["occlusion"] = 1 - target["visible_px"] / target["amodal_px_in_frame"]
        target["truncation"] = 1 - target["amodal_px_in_frame"] / target["amodal_px_total"]

    return apply


def grown(mask: np.ndarray) -> np.ndarray:
    out = mask.copy()
    out[:, :-4] |= mask[:, 4:]
    out[:-4] |= mask[4:]
    return out


def put(key: str, value: Any) -> Callable[[Any], None]:
    return lambda record: item(record).__setitem__(key, value)


def move(key: str, amount: float) -> Callable[[Any], None]:
    """Shift the first number of a (nested) list."""

    def apply(record: Any) -> None:
        values = item(record)[key]
        while isinstance(values[0], list):
            values = values[0]
        values[0] += amount

    return apply


def shifted_box(record: Any) -> None:
    target = item(record)
    target["bbox_3d"] = [[x, y, z + 0.2] for x, y, z in target["bbox_3d"]]
    target["world_from_object"][2][3] += 0.2


def camera(key: str, change: Callable[[Any], Any]) -> Callable[[Any], None]:
    def apply(record: Any) -> None:
        record["cameras"][0][key] = change(record["cameras"][0][key])

    return apply


def turned(matrix: Any) -> Any:
    half = np.radians(1.0)
    turn = np.array(
        [[np.cos(half), 0, np.sin(half), 0], [0, 1, 0, 0], [-np.sin(half), 0, np.cos(half), 0], [0, 0, 0, 1]]
    )
    return (np.array(matrix) @ turn).tolist()


def swap_ids(record: Any) -> None:
    one, two = record["cameras"][0]["objects"][:2]
    for key in ("prim_path", "class"):
        one[key], two[key] = two[key], one[key]


RECORD_DAMAGE: dict[str, tuple[Callable[[Any], None], str]] = {
    "visible count": (put("visible_px", 3), "count.visible_px"),
    "amodal count": (put("amodal_px_in_frame", 3), "count.amodal_px_in_frame"),
    "total below in frame": (put("amodal_px_total", 1), "count.amodal_px_total"),
    "occlusion": (put("occlusion", 0.123), "ratio.occlusion"),
    "truncation": (put("truncation", 0.9), "ratio.truncation"),
    "visible box": (move("bbox_visible", 1), "box.visible"),
    "amodal box": (move("bbox_amodal", -1), "box.amodal"),
    "box off by half a pixel": (move("bbox_visible", 0.5), "box.visible"),
    "visible outside amodal": (repaint("visible", grown), "mask.not_amodal"),
    "visible overlaps another": (repaint("visible", lambda m: np.ones_like(m)), "mask.overlap"),
    "amodal too large for the 3D box": (repaint("amodal", lambda m: np.ones_like(m)), "box3d.silhouette"),
    "mask of another size": (put("visible_rle", masks.encode(np.ones((5, 5), bool))), "mask.size"),
    "broken run lengths": (put("visible_rle", {"size": [90, 120], "counts": "zz0"}), "mask.broken"),
    "run lengths beyond the image": (
        put("amodal_rle", {"size": [90, 120], "counts": "0oooo1"}),
        "mask.broken",
    ),
    "3D box elsewhere": (shifted_box, "depth.box3d"),
    "3D corner moved": (move("bbox_3d", 0.01), "box3d.axes"),
    "3D size": (move("size", 0.01), "box3d.size"),
    "pose of the object": (move("world_from_object", 0.1), "box3d.axes"),
    "unknown class": (put("class", "banana"), "object.class"),
    "class changed in one frame": (put("class", "parcel"), "object.identity"),
    "ids swapped": (swap_ids, "object.identity"),
    "object twice": (lambda r: r["cameras"][0]["objects"].append(dict(item(r))), "object.order"),
    "object left out": (lambda r: r["cameras"][0]["objects"].pop(0), "instance.mask"),
    "field missing": (lambda r: item(r).pop("size"), "object.malformed"),
    "field of a wrong type": (put("visible_rle", 7), "mask.broken"),
    "K": (camera("K", lambda k: [[k[0][0] * 1.01, *k[0][1:]], *k[1:]]), "camera.intrinsics"),
    "K by half a pixel": (camera("K", lambda k: [[k[0][0], 0, k[0][2] - 0.5], *k[1:]]), "camera.intrinsics"),
    "camera turned by a degree": (camera("world_from_camera", turned), "depth.box3d"),
    "camera mirrored": (camera("world_from_camera", lambda m: [[-v for v in m[0]], *m[1:]]), "camera.pose"),
    "camera missing": (lambda r: r["cameras"].pop(), "camera.names"),
    "resolution": (camera("resolution", lambda r: [r[0] * 2, r[1] * 2]), "camera.intrinsics"),
    "split": (lambda r: r.__setitem__("split", "tset"), "record.split"),
    "frame number": (lambda r: r.__setitem__("frame", 7), "record.frame"),
    "image name": (lambda r: r["cameras"][0]["images"].pop("depth"), "image.names"),
    "rejected with pictures": (lambda r: r.__setitem__("rejected", True), "record.rejected"),
}


@pytest.mark.parametrize("name", RECORD_DAMAGE)
def test_damaged_records_are_found(copy: Path, name: str) -> None:
    change, code = RECORD_DAMAGE[name]
    edit(copy / RECORD, change)
    rehash(copy)
    assert code in codes(copy)


def repixel(name: str, change: Callable[[np.ndarray], np.ndarray]) -> Callable[[Path], None]:
    def apply(root: Path) -> None:
        with Image.open(root / name) as image:
            pixels = np.array(image)
        (root / name).write_bytes(picture.png_bytes(change(pixels)))

    return apply


def redepth(change: Callable[[np.ndarray], np.ndarray]) -> Callable[[Path], None]:
    def apply(root: Path) -> None:
        path = root / "images/000001_Front_depth.exr"
        path.write_bytes(picture.exr_bytes({"Z": change(read_exr(path)["Z"])}))

    return apply


INSTANCE, DEPTH = "images/000001_Front_instance.png", "images/000001_Front_depth.exr"
COCO = "coco/annotations_train.json"


def rewrite(name: str, change: Callable[[Any], None]) -> Callable[[Path], None]:
    return lambda root: edit(root / name, change)


def annotation(key: str, value: Any) -> Callable[[Path], None]:
    return rewrite(COCO, lambda d: d["annotations"][2].__setitem__(key, value))


def renumber(document: Any) -> None:
    for number, entry in enumerate(document["annotations"]):
        entry["id"] = number


FILE_DAMAGE: dict[str, tuple[Callable[[Path], None], str]] = {
    "instance picture shifted": (repixel(INSTANCE, lambda p: np.roll(p, 1, 1)), "instance.mask"),
    "instance picture renumbered": (
        repixel(INSTANCE, lambda p: np.where(p, p + 1, 0).astype(np.uint16)),
        "instance.mask",
    ),
    "instance of nothing": (
        repixel(INSTANCE, lambda p: np.where(p == 0, 999, p).astype(np.uint16)),
        "instance.unknown",
    ),
    "instance in 8 bits": (repixel(INSTANCE, lambda p: p.astype(np.uint8)), "instance.size"),
    "instance cut off": (
        lambda r: (r / INSTANCE).write_bytes((r / INSTANCE).read_bytes()[:80]),
        "instance.broken",
    ),
    "depth is range": (redepth(lambda d: d * 1.15), "depth.box3d"),
    "depth in millimetres": (redepth(lambda d: d * 1000), "depth.box3d"),
    "depth upside down": (redepth(lambda d: d[::-1]), "depth.box3d"),
    "depth of nothing": (redepth(lambda d: np.full_like(d, np.inf)), "depth.infinite"),
    "depth zero": (redepth(lambda d: np.where(np.isinf(d), 0, d)), "depth.value"),
    "depth NaN": (redepth(lambda d: np.where(np.isinf(d), np.nan, d)), "depth.value"),
    "depth of another size": (redepth(lambda d: d[:, :-1]), "depth.size"),
    "depth no EXR": (lambda r: (r / DEPTH).write_bytes(b"hello"), "depth.broken"),
    "rgb of another size": (repixel("images/000001_side_rgb.png", lambda p: p[::2]), "rgb.size"),
    "rgb blank": (repixel("images/000001_side_rgb.png", np.zeros_like), "rgb.blank"),
    "normals too long": (lambda r: _long_normals(r), "normal.length"),
    "layer missing": (lambda r: (r / "frames/000001.usda").unlink(), "layer.missing"),
    "record missing": (lambda r: (r / RECORD).unlink(), "record.missing"),
    "record no JSON": (lambda r: (r / RECORD).write_text("{"), "record.broken"),
    "record with NaN": (lambda r: (r / RECORD).write_text('{"frame": NaN}'), "record.broken"),
    "record is a list": (lambda r: (r / RECORD).write_text("[]"), "record.broken"),
    "record is empty": (lambda r: (r / RECORD).write_text("{}"), "record.malformed"),
    "labels renumbered": (
        rewrite("labels.json", lambda d: d["classes"][0].__setitem__("id", 9)),
        "labels.ids",
    ),
    "labels renamed": (
        rewrite("labels.json", lambda d: d["classes"][1].__setitem__("name", "carton")),
        "object.class",
    ),
    "labels missing": (lambda r: (r / "labels.json").unlink(), "labels.broken"),
    "coco missing": (lambda r: (r / COCO).unlink(), "coco.missing"),
    "coco no JSON": (lambda r: (r / COCO).write_text("x"), "coco.broken"),
    "coco lacks one": (rewrite(COCO, lambda d: d["annotations"].pop(3)), "coco.lacks"),
    "coco has one too many": (
        rewrite(COCO, lambda d: d["annotations"].append({**d["annotations"][0], "id": 999})),
        "coco.extra",
    ),
    "coco ids from 0": (rewrite(COCO, renumber), "coco.annotation_ids"),
    "coco category": (
        rewrite(
            COCO,
            lambda d: d["annotations"][0].__setitem__(
                "category_id", d["annotations"][0]["category_id"] % 3 + 1
            ),
        ),
        "coco.category",
    ),
    "coco categories": (
        rewrite(COCO, lambda d: d["categories"].reverse() or d["categories"][0].__setitem__("id", 1)),
        "coco.categories",
    ),
    "coco area": (annotation("area", 5.0), "coco.area"),
    "coco bbox": (annotation("bbox", [0, 0, 5, 5]), "coco.bbox"),
    "coco crowd": (annotation("iscrowd", 1), "coco.iscrowd"),
    "coco polygon": (annotation("segmentation", [[0, 0, 5, 0, 5, 5]]), "coco.segmentation"),
    "coco visibility": (annotation("visibility", 0.01), "coco.visibility"),
    "coco wrong image": (annotation("image_id", 77), "coco.extra"),
    "coco prim": (annotation("prim_path", "/X"), "coco.prim_path"),
    "coco image lost": (rewrite(COCO, lambda d: d["images"].pop()), "coco.images"),
    "coco image size": (rewrite(COCO, lambda d: d["images"][0].__setitem__("width", 5)), "coco.image_size"),
    "manifest counts": (
        rewrite("manifest.json", lambda d: d["counts"].__setitem__("annotations", 1)),
        "total.annotations",
    ),
    "manifest cameras": (rewrite("manifest.json", lambda d: d["cameras"].reverse()), "camera.names"),
    "manifest frames": (rewrite("manifest.json", lambda d: d.__setitem__("frames", 4)), "record.missing"),
    "manifest field missing": (rewrite("manifest.json", lambda d: d.pop("shard")), "manifest.broken"),
}


def _long_normals(root: Path) -> None:
    path = root / "images/000001_Front_normal.exr"
    path.write_bytes(picture.exr_bytes({k: v * 2 for k, v in read_exr(path).items()}))


@pytest.mark.parametrize("name", FILE_DAMAGE)
def test_damaged_files_are_found(copy: Path, name: str) -> None:
    change, code = FILE_DAMAGE[name]
    change(copy)
    rehash(copy)
    assert code in codes(copy)


def test_hashes_give_away_any_change(copy: Path) -> None:
    for name in ("images/000000_Front_rgb.png", "recipe.yaml", "frames/000000.usda", "contact_sheet.png"):
        data = bytearray((copy / name).read_bytes())
        data[len(data) // 2] ^= 1
        (copy / name).write_bytes(bytes(data))
    (copy / "images/000002_Front_rgb.png").unlink()
    (copy / "images/stray.png").write_bytes(b"")
    report = verify(copy)
    found = {(f.code, f.where) for f in report.findings}
    assert ("file.changed", "recipe.yaml") in found and ("file.changed", "frames/000000.usda") in found
    assert ("file.missing", "images/000002_Front_rgb.png") in found
    assert ("file.foreign", "images/stray.png") in found


def test_what_two_splits_share_is_a_leak(copy: Path) -> None:
    names = sorted((copy / "records").glob("*.json"))
    splits = {json.loads(path.read_text())["split"] for path in names}
    assert splits == {"train", "val"}
    for path in names:
        edit(path, lambda record: record.__setitem__("picked", {"hdri": ["dawn.hdr"]}))
    rehash(copy)
    assert "split.leak" not in codes(copy)  # nobody promised that they share nothing
    recipe = yaml.safe_load((copy / "recipe.yaml").read_text())
    (copy / "recipe.yaml").write_text(yaml.safe_dump(recipe | {"split_by": ["hdri"]}))
    rehash(copy)
    assert "split.leak" in codes(copy)
    (copy / "recipe.yaml").write_text("a: [")
    rehash(copy)
    assert "recipe.broken" in codes(copy)


def test_the_run_log_may_vary(copy: Path) -> None:
    (copy / "run.log").write_text("something else")
    assert verify(copy).ok


def test_an_unfinished_dataset_is_a_finding(copy: Path) -> None:
    (copy / "manifest.json").unlink()
    assert codes(copy) == {"manifest.missing"}


@pytest.mark.parametrize("name", ["nothing", "."])
def test_what_is_no_dataset_is_the_users_mistake(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match=r"not a folder|holds no dataset"):
        verify(tmp_path / name)


def test_random_damage_never_crashes_the_judge(copy: Path) -> None:
    rng = np.random.Generator(np.random.PCG64(5))
    names = sorted(
        p.relative_to(copy).as_posix() for p in copy.rglob("*") if p.is_file() and p.name != "run.log"
    )
    for name in rng.choice([n for n in names if n.endswith((".json", ".exr", ".png"))], 12, replace=False):
        path, whole = copy / name, (copy / name).read_bytes()
        data = bytearray(whole)
        for place in rng.integers(0, len(data), 5):
            data[place] = int(rng.integers(0, 256))
        path.write_bytes(bytes(data))
        assert not verify(copy).ok
        path.write_bytes(whole)
    assert verify(copy).ok


def test_the_judge_loads_nothing_of_what_it_judges() -> None:
    import subprocess
    import sys

    code = (
        "import sys, twinstage.synth.verify.run, twinstage.synth.verify.coco; "
        "bad = [m for m in sys.modules if m.split('.')[0] in ('pxr', 'mitsuba', 'open3d') or m.startswith(('twinstage.render',"
        " 'twinstage.scene', 'twinstage.synth.writers', 'twinstage.synth.generation', 'twinstage.synth.randomizers'))]; "
        "assert not bad, bad"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"counts": "PV`l:\\\\1O0"}', False),
        ('{"counts":"l:\\\\"}', False),
        ('{"counts": "1", "file": "C:\\\\Users\\\\a.png"}', True),
        ('{"counts": "l:\\\\1", "file": "file://a/b.png"}', True),
    ],
)
def test_run_lengths_are_no_path_of_windows(text: str, told: bool, tmp_path: Path) -> None:
    (tmp_path / "coco.json").write_text(text)
    judge = Judge()
    check_paths(tmp_path, judge)
    assert [finding.code for finding in judge.findings] == (["file.path"] if told else [])
