"""BlenderProc's .hdf5 containers: one image each, its maps against each other. (Its BOP and COCO output is BOP and COCO.)

Source: BlenderProc's writer documentation: keys `colors`, `depth`, `distance`, `normals`, `instance_segmaps`,
`class_segmaps` (or `category_id_segmaps`), `instance_attribute_maps` (JSON).
"""

import io
import json
from typing import Any

import numpy as np

from twinstage.synth.verify.formats.base import Format
from twinstage.synth.verify.formats.folder import MOST_PIXELS, Folder
from twinstage.synth.verify.formats.values import is_int
from twinstage.synth.verify.report import Judge

RULES = {
    "blenderproc.hdf5-missing": "h5py is installed, so that the containers can be read",
    "blenderproc.unreadable": "the container and its maps can be read",
    "blenderproc.shapes": "all maps of an image have one size",
    "blenderproc.same-keys": "every container has the same maps",
    "blenderproc.attribute-maps": "instance_attribute_maps names each instance of the map once, and no other",
    "blenderproc.class-vs-instance": "the pixels of an instance are of one class, the one its attributes say",
    "blenderproc.category-zero": "no named object has category 0, which the COCO writer takes for background and drops",
    "blenderproc.depth-value": "depths and distances are above 0 and no NaN",
    "blenderproc.depth-is-range": "depth is z and distance is the range: not exchanged, not the same",
    "blenderproc.depth-antialiased": "distances are not blended at borders: no value lies between two surfaces",
    "blenderproc.colors": "colors are 8 bits and not all the same",
}

MAPS = ("colors", "depth", "distance", "normals", "instance_segmaps", "class_segmaps", "category_id_segmaps")


def containers(folder: Folder) -> list[str]:
    """The .hdf5 files, in order."""
    if folder.only:
        return [folder.only] if folder.only.endswith((".hdf5", ".h5")) else []
    return [n for n in folder.names() if n.endswith((".hdf5", ".h5"))]


def detect(folder: Folder) -> bool:
    """Whether there is an .hdf5 file."""
    if folder.only:
        return folder.only.endswith((".hdf5", ".h5"))
    return any(folder.files_in(at, ".hdf5", ".h5") for at in (".", *folder.folders()))


def check(folder: Folder, judge: Judge) -> None:
    """All containers."""
    names = containers(folder)
    try:
        import h5py
    except ImportError:
        judge.check(
            False,
            "blenderproc.hdf5-missing",
            names[0] if names else folder.root.name,
            f"{len(names)} .hdf5 containers cannot be read without h5py: pip install 'twinstage[hdf5]'",
        )
        return
    if not judge.check(names, "blenderproc.unreadable", folder.root.name, "there is no .hdf5 container"):
        return
    first: set[str] | None = None
    for name in names:
        with judge.guard("blenderproc.unreadable", name):
            maps = _read(folder, name, h5py)
            first = first or set(maps)
            odd = sorted(first ^ set(maps))
            judge.check(not odd, "blenderproc.same-keys", name, f"{odd} are in only some containers")
            _check_container(maps, name, judge)


def _read(folder: Folder, name: str, h5py: Any) -> dict[str, Any]:
    """Arrays by key, and the attribute map as parsed JSON. Raises ValueError."""
    data = folder.bytes(name)
    out: dict[str, Any] = {}
    try:
        with h5py.File(io.BytesIO(data), "r") as file:
            for key in (*MAPS, "instance_attribute_maps"):
                # get_link: a container may point at other files; those are not followed.
                if key not in file or not isinstance(file.get(key, getlink=True), h5py.HardLink):
                    continue
                item = file[key]
                if (
                    not isinstance(item, h5py.Dataset)
                    or item.external
                    or item.is_virtual
                    or item.size is None
                ):
                    raise ValueError(f"{key} is no plain array")
                if item.size > 4 * MOST_PIXELS:
                    raise ValueError(f"{key} promises {item.size} values")
                out[key] = item[()]
    except (OSError, RuntimeError, KeyError, TypeError) as error:
        raise ValueError(f"is no readable container ({str(error).splitlines()[0][:80]})") from None
    if "instance_attribute_maps" in out:
        text = out["instance_attribute_maps"]
        raw = (
            text
            if isinstance(text, bytes)
            else np.asarray(text).tobytes()
            if not isinstance(text, str)
            else text.encode()
        )
        try:
            out["instance_attribute_maps"] = json.loads(raw.rstrip(b"\0"))
        except RecursionError:
            raise ValueError("instance_attribute_maps is nested too deeply") from None
    return out


def _check_container(maps: dict[str, Any], name: str, judge: Judge) -> None:
    sizes = {key: np.shape(value)[:2] for key, value in maps.items() if key in MAPS}
    size = next(iter(sizes.values()), None)
    for key, found in sizes.items():
        judge.check(
            found == size and len(found) == 2,
            "blenderproc.shapes",
            name,
            f"{key} is {found}, other maps {size}",
        )
    if any(found != size or len(found) != 2 for found in sizes.values()):
        return
    if "colors" in maps:
        colors = maps["colors"]
        right = colors.dtype == np.uint8 and colors.ndim == 3 and colors.min() < colors.max()
        judge.check(
            right, "blenderproc.colors", name, f"colors are {colors.dtype} {colors.shape}, or all the same"
        )
    if "instance_segmaps" in maps:
        _check_instances(maps, name, judge)
    _check_depth(maps, name, judge)


def _check_instances(maps: dict[str, Any], name: str, judge: Judge) -> None:
    instances = np.asarray(maps["instance_segmaps"])
    classes = maps.get("class_segmaps", maps.get("category_id_segmaps"))
    said: dict[int, Any] = {}
    attributes = maps.get("instance_attribute_maps")
    if attributes is not None:
        entries = attributes if isinstance(attributes, list) else []
        for entry in entries:
            number = entry.get("idx")
            if judge.check(
                is_int(number) and number not in said,
                "blenderproc.attribute-maps",
                name,
                f"idx {number!r} of {entry.get('name')!r:.60} is no whole number, or listed twice",
            ):
                said[number] = entry.get("category_id", entry.get("class"))
                judge.check(
                    said[number] != 0
                    or number == 0
                    or str(entry.get("name", "")) in ("", "background", "World"),
                    "blenderproc.category-zero",
                    f"{name} {entry.get('name')!r:.60}",
                    "has category 0: the COCO writer takes it for background and drops the object",
                )
    there = np.unique(instances).tolist()
    if attributes is not None:
        for number in there:
            judge.check(
                number in said or number == 0,
                "blenderproc.attribute-maps",
                name,
                f"{int((instances == number).sum())} pixels are of instance {number}, which is not listed",
            )
    if classes is None:
        return
    classes = np.asarray(classes)
    for number in there:
        under, counts = np.unique(classes[instances == number], return_counts=True)
        judge.check(
            len(under) == 1,
            "blenderproc.class-vs-instance",
            f"{name} instance {number}",
            f"its pixels are of classes {under.tolist()[:4]} ({counts.tolist()[:4]} pixels)",
        )
        if len(under) == 1 and is_int(said.get(number)):
            judge.check(
                said[number] == int(under[0]),
                "blenderproc.class-vs-instance",
                f"{name} instance {number}",
                f"its pixels are of class {int(under[0])}, its attributes say {said[number]}",
            )


BACKGROUND = 1e6
"""m: BlenderProc writes 1e10 where no surface is."""


def _check_depth(maps: dict[str, Any], name: str, judge: Judge) -> None:
    for key in ("depth", "distance"):
        if key in maps:
            values = np.asarray(maps[key], np.float64)
            judge.check(
                not np.isnan(values).any() and not (values < 0).any(),
                "blenderproc.depth-value",
                name,
                f"{key}: {int(np.isnan(values).sum())} values are NaN, {int((values < 0).sum())} below 0",
            )
    if "depth" not in maps or "distance" not in maps:
        return
    depth, distance = (np.asarray(maps[k], np.float64) for k in ("depth", "distance"))
    known = (depth > 0) & (distance > 0) & (depth < BACKGROUND) & (distance < BACKGROUND)
    if known.sum() < 64:
        return
    ratio = distance[known] / depth[known]
    text = ""
    if (ratio < 1 - 1e-4).mean() > 0.5:
        text = "distances are below depths: they are exchanged"
    elif float(ratio.max()) < 1 + 1e-6:
        text = "depth and distance are the same everywhere: range was stored as z"
    judge.check(not text, "blenderproc.depth-is-range", name, text)
    if text:
        return
    off = _off_rays(known, ratio)
    judge.check(
        off <= 0.01,
        "blenderproc.depth-antialiased",
        name,
        f"{100 * off:.1f} % of the pixels have a distance and a depth of no one point: one of them is blended at borders",
    )


def _off_rays(known: np.ndarray, ratio: np.ndarray) -> float:
    """Share of pixels whose distance / depth is not that of a pinhole's ray, fitted over the image."""
    rows, columns = np.nonzero(known)
    target = ratio**2 - 1  # = ((u - cx) / fx)^2 + ((v - cy) / fy)^2
    terms = np.stack([columns**2, columns, rows**2, rows, np.ones(len(rows))], -1).astype(np.float64)
    scale = terms.max(0).clip(1)
    weights = np.ones(len(rows))
    residual = target
    for _ in range(5):
        fit = np.linalg.lstsq(terms / scale * weights[:, None], target * weights, rcond=None)[0]
        residual = np.abs(target - terms / scale @ fit)
        weights = 1 / (1 + (residual / 1e-3) ** 2)
    return float((residual > 5e-3).mean())


BLENDERPROC = Format("blenderproc", "BlenderProc .hdf5 containers", RULES, detect, check)
