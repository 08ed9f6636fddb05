"""Seeded corruptions of a finished dataset: one fault each, small and consistent, the manifest's hashes made right again.

Every operator says which rules may name it. What it needs (a key point that is seen, a truncated object with a model) it
looks for in the records; where there is none it raises `NotHere`.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

Operator = Callable[["Case"], None]


class NotHere(Exception):
    """The dataset has nothing that this operator could spoil."""


@dataclass
class Case:
    """A copy of a dataset that is to be spoilt, and the draws that decide how."""

    root: Path
    rng: np.random.Generator
    rehashed: bool = True

    def json(self, name: str) -> Any:
        return json.loads((self.root / name).read_text())

    def write(self, name: str, data: Any) -> None:
        (self.root / name).write_text(json.dumps(data))

    def records(self) -> list[str]:
        names = sorted(p.name for p in (self.root / "records").glob("*.json"))
        return [f"records/{names[k]}" for k in self.rng.permutation(len(names))]

    def views(self) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
        """(file, record, camera) in a random order."""
        for name in self.records():
            record = self.json(name)
            for k in self.rng.permutation(len(record["cameras"])):
                yield name, record, record["cameras"][k]

    def items(self, wanted: Callable[[dict[str, Any], dict[str, Any]], bool]) -> "Target":
        """A random object for which `wanted(object, camera)` holds."""
        for name, record, camera in self.views():
            for k in self.rng.permutation(len(camera["objects"])):
                if wanted(camera["objects"][k], camera):
                    return Target(self, name, record, camera, camera["objects"][k])
        raise NotHere

    def camera(self, wanted: Callable[[dict[str, Any]], bool] = lambda camera: True) -> "Target":
        for name, record, camera in self.views():
            if camera["objects"] and wanted(camera):
                return Target(self, name, record, camera, {})
        raise NotHere

    def rehash(self) -> None:
        manifest = self.json("manifest.json")
        files = [
            p for p in self.root.rglob("*") if p.is_file() and p.name not in ("manifest.json", "run.log")
        ]
        manifest["files"] = {
            p.relative_to(self.root).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in files
        }
        self.write("manifest.json", manifest)


@dataclass
class Target:
    """What was chosen; `save` writes its record back."""

    case: Case
    name: str
    record: dict[str, Any]
    camera: dict[str, Any]
    item: dict[str, Any]

    def save(self) -> None:
        self.case.write(self.name, self.record)

    def image(self, what: str) -> Path:
        if what not in self.camera["images"]:
            raise NotHere
        return self.case.root / self.camera["images"][what]


def spoil(root: Path, seed: int, name: str | None = None) -> tuple[str, frozenset[str]]:
    """Spoil a copy of a dataset in place; gives the operator's name and the rules that may name it.

    Without `name` the seed chooses among the operators that find something to spoil.
    """
    rng = np.random.default_rng([5, seed])
    names = [name] if name is not None else [list(OPERATORS)[k] for k in rng.permutation(len(OPERATORS))]
    for chosen in names:
        case = Case(root, np.random.default_rng([6, seed]))
        operator, rules = OPERATORS[chosen]
        try:
            operator(case)
        except NotHere:
            continue
        if case.rehashed:
            case.rehash()
        return chosen, frozenset(rules)
    raise NotHere(name)


# --- pieces -------------------------------------------------------------------------------------------------------


def decode(rle: dict[str, Any]) -> np.ndarray:
    from pycocotools import mask

    out = mask.decode({"size": rle["size"], "counts": rle["counts"].encode()})
    return np.array(out, bool)


def encode(pixels: np.ndarray) -> dict[str, Any]:
    from pycocotools import mask

    rle = mask.encode(np.asfortranarray(pixels.astype(np.uint8)))
    return {"size": list(rle["size"]), "counts": rle["counts"].decode()}


def refit(item: dict[str, Any], visible: np.ndarray | None, amodal: np.ndarray | None) -> None:
    """Give an object other masks, and make its counts, ratios and boxes agree with them."""
    for key, count, mask in (("visible", "visible_px", visible), ("amodal", "amodal_px_in_frame", amodal)):
        if mask is not None:
            outside = item["amodal_px_total"] - item["amodal_px_in_frame"]
            item[f"{key}_rle"], item[count] = encode(mask), int(mask.sum())
            item[f"bbox_{key}"] = box_of(mask)
            if key == "amodal":
                item["amodal_px_total"] = item[count] + outside
    item["occlusion"] = 1 - item["visible_px"] / item["amodal_px_in_frame"]
    item["truncation"] = 1 - item["amodal_px_in_frame"] / item["amodal_px_total"]


def box_of(mask: np.ndarray) -> list[float] | None:
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        return None
    x, y = int(columns[0]), int(rows[0])
    return [float(x), float(y), float(columns[-1] + 1 - x), float(rows[-1] + 1 - y)]


def pixels_of(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.array(image)


def png(path: Path, pixels: np.ndarray) -> None:
    Image.fromarray(pixels).save(path)


def exr(path: Path, change: Callable[[np.ndarray], np.ndarray]) -> None:
    """Rewrite all channels of an EXR file."""
    import OpenEXR

    with OpenEXR.File(str(path), separate_channels=True) as source:
        channels = {k: np.array(v.pixels) for k, v in source.channels().items()}
    changed = {k: np.ascontiguousarray(change(v), np.float32) for k, v in channels.items()}
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    path.unlink()
    with OpenEXR.File(header, changed) as out:
        out.write(str(path))


def seen(least: int = 20) -> Callable[[dict[str, Any], dict[str, Any]], bool]:
    return lambda item, camera: item["visible_px"] >= least


def twice(case: Case) -> Callable[[dict[str, Any], dict[str, Any]], bool]:
    """Objects that another camera of the same frame sees, too: only there can it be told which thing they are."""
    views = [
        (name, _view(camera), o["prim_path"], o["point_id"])
        for name, _, camera in case.views()
        for o in camera["objects"]
    ]
    count = Counter((name, path, point) for name, _, path, point in views)
    both = {(view, path, point) for name, view, path, point in views if count[name, path, point] > 1}
    return lambda item, camera: (_view(camera), item["prim_path"], item["point_id"]) in both


def _view(camera: dict[str, Any]) -> str:
    """Tells the views of all frames apart."""
    return json.dumps([camera["name"], camera["world_from_camera"]])


def modelled(item: dict[str, Any], camera: dict[str, Any]) -> bool:
    return item["model"] is not None and not item["cutout"] and item["amodal_px_in_frame"] >= 30


# --- masks --------------------------------------------------------------------------------------------------------


def visible_bit(case: Case) -> None:
    t = case.items(seen())
    mask = decode(t.item["visible_rle"])
    row, column = (int(v) for v in case.rng.choice(np.argwhere(mask)))
    mask[row, column] = False
    refit(t.item, mask, None)
    t.save()


def visible_run(case: Case) -> None:
    t = case.items(seen())
    mask = decode(t.item["visible_rle"])
    row = int(case.rng.choice(np.flatnonzero(mask.any(1))))
    mask[row] = False
    if not mask.any():
        raise NotHere
    refit(t.item, mask, None)
    t.save()


def mask_grows(case: Case) -> None:
    t = case.items(seen())
    visible, amodal = decode(t.item["visible_rle"]), decode(t.item["amodal_rle"])
    grown = amodal.copy()
    grown[:, 1:] |= visible[:, :-1]
    grown[:, :-1] |= visible[:, 1:]
    if (grown == amodal).all():
        raise NotHere
    refit(t.item, visible | (grown & ~amodal), grown)
    t.save()


def mask_shifts(case: Case) -> None:
    t = case.items(seen())
    refit(t.item, np.roll(decode(t.item["visible_rle"]), 1, 1), np.roll(decode(t.item["amodal_rle"]), 1, 1))
    t.save()


def overlap(case: Case) -> None:
    t = case.items(seen())
    others = [o for o in t.camera["objects"] if o is not t.item and o["visible_px"] > 4]
    if not others:
        raise NotHere
    other = others[int(case.rng.integers(len(others)))]
    stolen = np.argwhere(decode(other["visible_rle"]))
    row, column = stolen[int(case.rng.integers(len(stolen)))]
    visible, amodal = decode(t.item["visible_rle"]), decode(t.item["amodal_rle"])
    visible[row, column] = amodal[row, column] = True
    refit(t.item, visible, amodal)
    t.save()


def visible_outside(case: Case) -> None:
    t = case.items(seen())
    visible, amodal = decode(t.item["visible_rle"]), decode(t.item["amodal_rle"])
    row, column = (int(v) for v in case.rng.choice(np.argwhere(visible)))
    amodal[row, column] = False
    refit(t.item, visible, amodal)
    t.save()


def amodal_shrinks(case: Case) -> None:
    def hidden(item: dict[str, Any], camera: dict[str, Any]) -> bool:
        return modelled(item, camera) and item["occlusion"] > 0.2

    t = case.items(hidden)
    visible = decode(t.item["visible_rle"])
    if not visible.any():
        raise NotHere
    refit(t.item, None, visible)
    t.save()


def mask_swap(case: Case) -> None:
    t = case.items(seen())
    others = [o for o in t.camera["objects"] if o is not t.item and o["visible_px"] > 4]
    if not others:
        raise NotHere
    other = others[0]
    keys = ("visible_rle", "amodal_rle", "bbox_visible", "bbox_amodal", "visible_px", "amodal_px_in_frame")
    for key in (*keys, "amodal_px_total", "occlusion", "truncation", "obb"):
        t.item[key], other[key] = other[key], t.item[key]
    t.save()


# --- numbers ------------------------------------------------------------------------------------------------------


def number(key: str, change: Callable[[Any, np.random.Generator], Any], least: int = 20) -> Operator:
    def operator(case: Case) -> None:
        t = case.items(seen(least))
        if t.item[key] is None:
            raise NotHere
        value = change(t.item[key], case.rng)
        if value == t.item[key]:
            raise NotHere
        t.item[key] = value
        t.save()

    return operator


def moved(values: list[float], rng: np.random.Generator, by: float = 1.0) -> list[float]:
    out = list(values)
    out[int(rng.integers(len(out)))] += by * (1 if rng.random() < 0.5 else -1)
    return out


def full_box_moves(case: Case) -> None:
    def whole(item: dict[str, Any], camera: dict[str, Any]) -> bool:
        # Without a model nobody can tell how far a tip reaches beyond the last pixel centre that it covers.
        return item["truncation"] == 0 and item["visible_px"] >= 20 and item["model"] is not None

    t = case.items(whole)
    side = int(case.rng.integers(2))
    t.item["bbox_full"][side] += 1.0 if case.rng.random() < 0.5 else -1.0
    t.save()


def total_off(case: Case) -> None:
    t = case.items(modelled)
    t.item["amodal_px_total"] = int(t.item["amodal_px_total"] * 1.25) + 3
    t.item["truncation"] = 1 - t.item["amodal_px_in_frame"] / t.item["amodal_px_total"]
    t.save()


# --- things -------------------------------------------------------------------------------------------------------


def swap_ids(case: Case) -> None:
    t = case.camera(lambda camera: len(camera["objects"]) > 1)
    k = int(case.rng.integers(len(t.camera["objects"]) - 1))
    one, two = t.camera["objects"][k : k + 2]
    for key in ("prim_path", "point_id"):
        one[key], two[key] = two[key], one[key]
    t.save()


def wrong_class(case: Case) -> None:
    names = [c["name"] for c in case.json("labels.json")["classes"]]
    t = case.items(twice(case))
    choice = [n for n in names if n != t.item["class"]]
    t.item["class"] = choice[int(case.rng.integers(len(choice)))]
    t.save()


def unknown_class(case: Case) -> None:
    t = case.items(seen(1))
    t.item["class"] += "s"
    t.save()


def drop(case: Case) -> None:
    t = case.items(seen())
    t.camera["objects"].remove(t.item)
    t.save()


def duplicate(case: Case) -> None:
    t = case.items(seen())
    t.camera["objects"].insert(t.camera["objects"].index(t.item), dict(t.item))
    t.save()


def other_point(case: Case) -> None:
    known = twice(case)
    t = case.items(lambda item, camera: item["point_id"] >= 0 and known(item, camera))
    t.item["point_id"] += 1
    t.save()


def box_moves(case: Case) -> None:
    t = case.items(seen())
    axis = int(case.rng.integers(3))
    for corner in t.item["bbox_3d"]:
        corner[axis] += 0.05
    t.item["world_from_object"][axis][3] += 0.05
    t.save()


def box_grows(case: Case) -> None:
    t = case.items(modelled)
    corners = np.array(t.item["bbox_3d"])
    middle = corners.mean(0)
    t.item["bbox_3d"] = (middle + (corners - middle) * 1.1).tolist()
    t.item["size"] = [1.1 * v for v in t.item["size"]]
    t.save()


def transposed_object(case: Case) -> None:
    t = case.items(seen())
    matrix = np.array(t.item["world_from_object"])
    turned = matrix.copy()
    turned[:3, :3] = matrix[:3, :3].T
    if np.allclose(turned, matrix, atol=1e-3):
        raise NotHere
    t.item["world_from_object"] = turned.tolist()
    t.save()


def pose(
    change: Callable[[np.ndarray, np.ndarray, dict[str, Any]], tuple[np.ndarray, np.ndarray]],
) -> Operator:
    def operator(case: Case) -> None:
        t = case.items(lambda item, camera: item["pose"] is not None)
        R, t_ = np.array(t.item["pose"]["R"]), np.array(t.item["pose"]["t"])
        R2, t2 = change(R, t_, t.camera)
        if np.allclose(R, R2, atol=1e-3) and np.allclose(t_, t2, atol=1e-4):
            raise NotHere
        t.item["pose"] = {"R": R2.tolist(), "t": t2.tolist()}
        t.save()

    return operator


def reversed_product(R: np.ndarray, t: np.ndarray, camera: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """What multiplying the two matrices in the wrong order gives."""
    wfc = np.array(camera["world_from_camera"])
    cfm = np.eye(4)
    cfm[:3, :3], cfm[:3, 3] = R, t
    out = wfc @ cfm @ np.linalg.inv(wfc)
    return out[:3, :3], out[:3, 3]


# --- cameras ------------------------------------------------------------------------------------------------------


def camera_number(
    change: Callable[[dict[str, Any], np.random.Generator], None], kind: str | None = None
) -> Operator:
    def operator(case: Case) -> None:
        t = case.camera(lambda camera: kind is None or camera["projection"]["kind"] == kind)
        change(t.camera, case.rng)
        t.save()

    return operator


def half_pixel(camera: dict[str, Any], rng: np.random.Generator) -> None:
    camera["K"][0][2] -= 0.5
    camera["K"][1][2] -= 0.5


def moved_camera(camera: dict[str, Any], rng: np.random.Generator) -> None:
    camera["world_from_camera"][int(rng.integers(3))][3] += 0.02


def graphics_axes(camera: dict[str, Any], rng: np.random.Generator) -> None:
    camera["world_from_camera"] = (np.array(camera["world_from_camera"]) @ np.diag([1, -1, -1, 1.0])).tolist()


def transposed_camera(camera: dict[str, Any], rng: np.random.Generator) -> None:
    matrix = np.array(camera["world_from_camera"])
    matrix[:3, :3] = matrix[:3, :3].T.copy()
    camera["world_from_camera"] = matrix.tolist()


def mirrored_camera(camera: dict[str, Any], rng: np.random.Generator) -> None:
    camera["world_from_camera"] = (np.array(camera["world_from_camera"]) @ np.diag([-1, 1, 1, 1.0])).tolist()


def no_lens(camera: dict[str, Any], rng: np.random.Generator) -> None:
    camera["projection"], camera["distortion"] = {"kind": "pinhole"}, []


def other_lens(camera: dict[str, Any], rng: np.random.Generator) -> None:
    camera["projection"]["coefficients"][0] *= -1
    camera["distortion"] = list(camera["projection"]["coefficients"])


def lens_disagrees(camera: dict[str, Any], rng: np.random.Generator) -> None:
    camera["distortion"][0] += 0.01


def one_larger(camera: dict[str, Any], rng: np.random.Generator) -> None:
    camera["resolution"][int(rng.integers(2))] += 1


def far_too_near(camera: dict[str, Any], rng: np.random.Generator) -> None:
    camera["far"] = camera["near"] * 1.01


def shutter_ignored(case: Case) -> None:
    t = case.camera(lambda camera: camera["path"] is not None)
    t.camera["path"] = None
    t.save()


def readout_backwards(case: Case) -> None:
    t = case.camera(lambda camera: camera["path"] is not None)
    t.camera["path"]["world_from_camera"].reverse()
    t.save()


# --- key points ---------------------------------------------------------------------------------------------------


def keypoint(
    wanted: Callable[[dict[str, Any], dict[str, Any]], bool],
    change: Callable[[dict[str, Any], dict[str, Any], np.random.Generator], None],
) -> Operator:
    def operator(case: Case) -> None:
        known = twice(case) if change is five_centimetres else seen(0)

        def has(item: dict[str, Any], camera: dict[str, Any]) -> bool:
            return any(wanted(p, camera) for p in item.get("keypoints", [])) and known(item, camera)

        t = case.items(has)
        point = next(p for p in t.item["keypoints"] if wanted(p, t.camera))
        change(point, t.camera, case.rng)
        t.save()

    return operator


def undistorted(point: dict[str, Any], camera: dict[str, Any], rng: np.random.Generator) -> None:
    """Where a pinhole would see it."""
    local = np.linalg.inv(np.array(camera["world_from_camera"])) @ [*point["world"], 1]
    px = np.array(camera["K"]) @ local[:3]
    place = px[:2] / px[2]
    if np.abs(place - point["px"]).max() < 0.01:
        raise NotHere
    point["px"] = place.tolist()


def three_pixels(point: dict[str, Any], camera: dict[str, Any], rng: np.random.Generator) -> None:
    point["px"][int(rng.integers(2))] += 3.0


def five_centimetres(point: dict[str, Any], camera: dict[str, Any], rng: np.random.Generator) -> None:
    """Its place and its pixel, both: only other views of the same object tell."""
    pose_ = np.array(camera["world_from_camera"])
    world = np.array(point["world"]) + 0.05 * pose_[:3, 0]
    local = np.linalg.inv(pose_) @ [*world, 1]
    px = np.array(camera["K"]) @ local[:3]
    point["world"], point["px"] = world.tolist(), (px[:2] / px[2]).tolist()


def set_v(value: int) -> Callable[[dict[str, Any], dict[str, Any], np.random.Generator], None]:
    return lambda point, camera, rng: point.__setitem__("v", value)


def is_v(value: int) -> Callable[[dict[str, Any], dict[str, Any]], bool]:
    return lambda point, camera: point["v"] == value and point["px"] is not None


def rests(point: dict[str, Any], camera: dict[str, Any]) -> bool:
    """Seen by a pinhole that does not move, so that its pixel can be moved with it."""
    plain = camera["projection"]["kind"] == "pinhole" and camera["path"] is None
    return point["v"] == 2 and plain


# --- pictures and files -------------------------------------------------------------------------------------------


def depth(change: Callable[[np.ndarray, dict[str, Any]], np.ndarray]) -> Operator:
    def operator(case: Case) -> None:
        t = case.camera(lambda camera: sum(o["visible_px"] for o in camera["objects"]) > 200)
        exr(t.image("depth"), lambda values: change(values, t.camera))

    return operator


def to_range(values: np.ndarray, camera: dict[str, Any]) -> np.ndarray:
    K = np.array(camera["K"])
    y, x = np.mgrid[: values.shape[0], : values.shape[1]] + 0.5
    return values * np.sqrt(1 + ((x - K[0, 2]) / K[0, 0]) ** 2 + ((y - K[1, 2]) / K[1, 1]) ** 2)


def normals(change: Callable[[np.ndarray], np.ndarray]) -> Operator:
    def operator(case: Case) -> None:
        t = case.camera(lambda camera: sum(o["visible_px"] for o in camera["objects"]) > 200)
        exr(t.image("normal"), change)

    return operator


def instance(change: Callable[[np.ndarray, dict[str, Any]], np.ndarray]) -> Operator:
    def operator(case: Case) -> None:
        t = case.camera(lambda camera: sum(o["visible_px"] for o in camera["objects"]) > 200)
        path = t.image("instance")
        before = pixels_of(path)
        after = change(before, t.camera)
        if np.array_equal(before, after):
            raise NotHere
        png(path, after)

    return operator


def global_ids(pixels: np.ndarray, camera: dict[str, Any]) -> np.ndarray:
    table = np.array([0, *(o["instance_id"] for o in camera["objects"])], np.uint16)
    return table[pixels]


def truncated(case: Case) -> None:
    files = sorted((case.root / "images").iterdir())
    path = files[int(case.rng.integers(len(files)))]
    data = path.read_bytes()
    path.write_bytes(data[: max(len(data) * 2 // 3, 9)])


def stale_hash(case: Case) -> None:
    case.rehashed = False
    files = sorted(
        p for p in case.root.rglob("*") if p.is_file() and p.name not in ("manifest.json", "run.log")
    )
    path = files[int(case.rng.integers(len(files)))]
    path.write_bytes(path.read_bytes() + b"\n")


def lost_file(case: Case) -> None:
    case.rehashed = False
    files = sorted((case.root / "images").iterdir())
    files[int(case.rng.integers(len(files)))].unlink()


def foreign_file(case: Case) -> None:
    case.rehashed = False
    (case.root / "images" / "Thumbs.db").write_bytes(b"x")


def swapped_pictures(case: Case) -> None:
    files = sorted((case.root / "images").glob("*depth*"))
    if len(files) < 2:
        raise NotHere
    one, two = (files[k] for k in case.rng.choice(len(files), 2, replace=False))
    first, second = one.read_bytes(), two.read_bytes()
    one.write_bytes(second)
    two.write_bytes(first)


def frame_again(case: Case) -> None:
    """The record of one frame in the place of another's."""
    one, two = case.records()[:2]
    frame = case.json(two)["frame"]
    text = (
        (case.root / one)
        .read_text()
        .replace(f"images/{case.json(one)['frame']:06d}_", f"images/{frame:06d}_")
    )
    case.write(two, json.loads(text) | {"frame": frame})


def lost_record(case: Case) -> None:
    (case.root / case.records()[0]).unlink()


def wrong_frame(case: Case) -> None:
    name = case.records()[0]
    case.write(name, case.json(name) | {"frame": 77})


def unknown_split(case: Case) -> None:
    name = case.records()[0]
    case.write(name, case.json(name) | {"split": "tset"})


def no_layer(case: Case) -> None:
    files = sorted((case.root / "frames").iterdir())
    files[int(case.rng.integers(len(files)))].write_bytes(b"")


def absolute_path(case: Case) -> None:
    path = case.root / "recipe.yaml"
    home = "/".join(("", "home", "jane"))  # in one piece it would be a machine's path in this very file
    path.write_text(path.read_text() + f"# made from {home}/plant/nasty.usda\n")


def counts(case: Case) -> None:
    manifest = case.json("manifest.json")
    manifest["counts"]["annotations"] += 1
    case.write("manifest.json", manifest)


def renumbered(case: Case) -> None:
    labels = case.json("labels.json")
    labels["classes"][0]["id"], labels["classes"][1]["id"] = (
        labels["classes"][1]["id"],
        labels["classes"][0]["id"],
    )
    case.write("labels.json", labels)


def ply(change: Callable[[np.ndarray], np.ndarray]) -> Operator:
    def operator(case: Case) -> None:
        t = case.items(modelled)
        path = case.root / "models" / f"{t.item['model']}.ply"
        if not path.is_file():
            raise NotHere
        head, mark, body = path.read_bytes().partition(b"end_header\n")
        count = int(next(w for w in head.split(b"\n") if w.startswith(b"element vertex")).split()[2])
        table = np.frombuffer(body, "<f4", count * 6).reshape(-1, 6).copy()
        table[:, :3] = change(table[:, :3])
        path.write_bytes(head + mark + table.tobytes() + body[table.nbytes :])

    return operator


def lost_model(case: Case) -> None:
    t = case.items(modelled)
    path = case.root / "models" / f"{t.item['model']}.ply"
    if not path.is_file():
        raise NotHere
    path.unlink()


def model_measures(case: Case) -> None:
    if not (case.root / "models").is_dir():
        raise NotHere
    document = case.json("models/models.json")
    key = sorted(document)[int(case.rng.integers(len(document)))]
    document[key]["diameter"] *= 2
    case.write("models/models.json", document)


def model_symmetry(case: Case) -> None:
    if not (case.root / "models").is_dir():
        raise NotHere
    document = case.json("models/models.json")
    key = sorted(document)[int(case.rng.integers(len(document)))]
    turn = np.diag([-1.0, -1.0, 1.0, 1.0])  # a half turn, about an axis far away
    turn[0, 3] = 2 * document[key]["diameter"] + 1
    document[key]["symmetries_discrete"] = [turn.ravel().tolist()]
    case.write("models/models.json", document)


def other_model(case: Case) -> None:
    t = case.items(modelled)
    others = {o["model"] for _, _, c in case.views() for o in c["objects"] if o["class"] != t.item["class"]}
    choice = sorted(others - {None, t.item["model"]})
    if not choice:
        raise NotHere
    t.item["model"] = choice[int(case.rng.integers(len(choice)))]
    t.save()


def half_float(values: np.ndarray, camera: dict[str, Any]) -> np.ndarray:
    """Millimetres in 8 bits of a metre: steps of 4 cm."""
    return np.where(np.isfinite(values), np.ceil(values * 12) / 12, values)


def leak(case: Case) -> None:
    """One split shows a file that belongs to the other."""
    picked: dict[str, list[tuple[str, str]]] = {}
    for name in case.records():
        record = case.json(name)
        for item in (record.get("picked") or {}).get("asset", []):
            picked.setdefault(record["split"], []).append((name, item))
    if len(picked) < 2:
        raise NotHere
    (_, first), (_, second) = sorted(picked.items())[:2]
    name, item = first[0][0], second[int(case.rng.integers(len(second)))][1]
    record = case.json(name)
    record["picked"]["asset"].append(item)
    case.write(name, record)


OPERATORS: dict[str, tuple[Operator, tuple[str, ...]]] = {
    "visible mask: one pixel lost": (visible_bit, ("instance.mask",)),
    "visible mask: a row lost": (visible_run, ("instance.mask",)),
    "masks one pixel wider": (mask_grows, ("model.silhouette", "box3d.silhouette", "instance.mask")),
    "masks shifted by a pixel": (mask_shifts, ("instance.mask",)),
    "visible masks overlap": (overlap, ("mask.overlap",)),
    "visible outside of amodal": (visible_outside, ("mask.not_amodal",)),
    "amodal is only what is visible": (amodal_shrinks, ("model.silhouette",)),
    "masks of two objects swapped": (mask_swap, ("instance.mask",)),
    "bbox_visible by a pixel": (number("bbox_visible", moved), ("box.visible",)),
    "bbox_amodal by a pixel": (number("bbox_amodal", moved), ("box.amodal",)),
    "bbox_visible inclusive": (
        number("bbox_visible", lambda b, r: [*b[:2], b[2] - 1, b[3] - 1]),
        ("box.visible",),
    ),
    "bbox_full by a pixel": (full_box_moves, ("box.full", "box.full_beyond", "box.full_model")),
    "obb by two pixels": (
        number("obb", lambda b, r: [[x + 2, y] for x, y in b]),
        ("obb.holds",),
    ),
    "obb a tenth larger": (
        number("obb", lambda b, r: (np.mean(b, 0) + 1.1 * (np.array(b) - np.mean(b, 0))).tolist()),
        ("obb.area",),
    ),
    "visible_px by one": (number("visible_px", lambda v, r: v + 1), ("count.visible_px",)),
    "amodal_px_in_frame by one": (
        number("amodal_px_in_frame", lambda v, r: v - 1),
        ("count.amodal_px_in_frame",),
    ),
    "amodal_px_total a quarter more": (total_off, ("model.total", "count.total_inside")),
    "occlusion by a hundredth": (number("occlusion", lambda v, r: v + 0.01), ("ratio.occlusion",)),
    "truncation by a hundredth": (number("truncation", lambda v, r: v + 0.01), ("ratio.truncation",)),
    "two instances swapped": (swap_ids, ("object.identity", "object.sorted")),
    "wrong class": (wrong_class, ("object.identity",)),
    "class that there is not": (unknown_class, ("object.class",)),
    "object dropped": (drop, ("instance.mask", "instance.unknown")),
    "object twice": (duplicate, ("object.order",)),
    "another point's id": (other_point, ("object.identity", "object.sorted")),
    "3D box and pose 5 cm off": (box_moves, ("pose.translation", "depth.box3d", "object.cameras")),
    "3D box a tenth larger": (box_grows, ("model.box",)),
    "size halved": (number("size", lambda v, r: [x / 2 for x in v]), ("box3d.size",)),
    "world_from_object transposed": (transposed_object, ("box3d.axes",)),
    "pose transposed": (pose(lambda R, t, c: (R.T, t)), ("pose.axes",)),
    "pose inverted": (pose(lambda R, t, c: (R.T, -R.T @ t)), ("pose.axes", "pose.translation")),
    "pose in millimetres": (pose(lambda R, t, c: (R, t * 1000)), ("pose.translation",)),
    "pose in USD's camera axes": (
        pose(lambda R, t, c: (np.diag([1, -1, -1.0]) @ R, np.diag([1, -1, -1.0]) @ t)),
        ("pose.axes", "pose.translation"),
    ),
    "pose matrices multiplied in reverse": (pose(reversed_product), ("pose.axes", "pose.translation")),
    "pose mirrored": (pose(lambda R, t, c: (R @ np.diag([-1, 1, 1.0]), t)), ("pose.rotation",)),
    "K by half a pixel": (camera_number(half_pixel), ("camera.intrinsics",)),
    "camera moved by 2 cm": (camera_number(moved_camera), ("pose.translation",)),
    "camera in USD's axes": (camera_number(graphics_axes), ("pose.translation", "box3d.silhouette")),
    "camera transposed": (camera_number(transposed_camera), ("pose.axes", "box3d.silhouette")),
    "camera mirrored": (camera_number(mirrored_camera), ("camera.pose",)),
    "distortion left out": (camera_number(no_lens, "opencv"), ("box3d.silhouette", "model.silhouette")),
    "distortion of another sign": (
        camera_number(other_lens, "opencv"),
        ("box3d.silhouette", "model.silhouette"),
    ),
    "distortion and projection disagree": (camera_number(lens_disagrees, "opencv"), ("camera.distortion",)),
    "resolution by one": (camera_number(one_larger), ("mask.size",)),
    "far plane before everything": (camera_number(far_too_near), ("box3d.silhouette", "depth.value")),
    "rolling shutter left out": (shutter_ignored, ("model.silhouette", "box3d.silhouette")),
    "rolling shutter backwards": (readout_backwards, ("model.silhouette", "box3d.silhouette")),
    "key point by three pixels": (keypoint(is_v(2), three_pixels), ("keypoint.place",)),
    "key point without distortion": (
        keypoint(lambda p, c: p["v"] == 2 and c["projection"]["kind"] == "opencv", undistorted),
        ("keypoint.place",),
    ),
    "key point elsewhere on its object": (
        keypoint(rests, five_centimetres),
        ("keypoint.cameras", "keypoint.local"),
    ),
    "seen key point not labelled": (keypoint(is_v(2), set_v(0)), ("keypoint.v",)),
    "key point outside of the image seen": (keypoint(is_v(0), set_v(2)), ("keypoint.v", "keypoint.hidden")),
    "key point with v 3": (keypoint(is_v(2), set_v(3)), ("keypoint.v",)),
    "key point of another name": (
        keypoint(is_v(2), lambda p, c, r: p.__setitem__("name", "nose")),
        ("keypoint.names",),
    ),
    "depth is range": (depth(to_range), ("depth.box3d",)),
    "depth a twentieth more": (depth(lambda v, c: v * np.float32(1.05)), ("depth.box3d",)),
    "depth in millimetres": (depth(lambda v, c: v * 1000), ("depth.box3d", "depth.value")),
    "depth with 0 for the background": (
        depth(lambda v, c: np.where(np.isinf(v), 0, v) if np.isinf(v).any() else -v),
        ("depth.value",),
    ),
    "depth mirrored": (depth(lambda v, c: v[:, ::-1]), ("depth.box3d", "depth.infinite")),
    "depth in steps of 8 cm": (depth(half_float), ("depth.box3d",)),
    "normals turned round": (normals(lambda v: -v), ("normal.facing",)),
    "normals twice as long": (normals(lambda v: 2 * v), ("normal.length",)),
    "normals as colours": (normals(lambda v: v * 0.5 + 0.5), ("normal.length",)),
    "instance picture mirrored": (instance(lambda p, c: p[:, ::-1].copy()), ("instance.mask",)),
    "instance picture a row short": (instance(lambda p, c: p[:-1].copy()), ("instance.size",)),
    "instance picture with global ids": (instance(global_ids), ("instance.mask", "instance.unknown")),
    "instance picture in 8 bits": (instance(lambda p, c: p.astype(np.uint8)), ("instance.size",)),
    "picture truncated": (truncated, ("depth.broken", "instance.broken", "normal.broken")),
    "hash stale": (stale_hash, ("file.changed",)),
    "file lost": (lost_file, ("file.missing",)),
    "foreign file": (foreign_file, ("file.foreign",)),
    "pictures of two views swapped": (swapped_pictures, ("depth.box3d", "depth.infinite")),
    "record of another frame": (frame_again, ("instance.mask", "instance.unknown", "depth.box3d")),
    "record lost": (lost_record, ("record.missing",)),
    "frame number": (wrong_frame, ("record.frame",)),
    "an asset of another split": (leak, ("split.leak",)),
    "unknown split": (unknown_split, ("record.split",)),
    "layer empty": (no_layer, ("layer.missing",)),
    "absolute path in a file": (absolute_path, ("file.path",)),
    "counts of the manifest": (counts, ("total.annotations",)),
    "class ids swapped": (renumbered, ("labels.ids",)),
    "model a hundredth larger": (ply(lambda p: p * np.float32(1.01)), ("model.box", "model.size")),
    "model in millimetres": (ply(lambda p: p * 1000), ("model.box",)),
    "model lost": (lost_model, ("model.missing",)),
    "model's diameter": (model_measures, ("model.size",)),
    "model's symmetry": (model_symmetry, ("model.symmetry",)),
    "model of another object": (other_model, ("model.box",)),
}
"""By name: what is done, and which rules may name it."""
