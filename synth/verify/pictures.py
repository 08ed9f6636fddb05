"""The image files of one camera against its masks, boxes and rays."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from twinstage.synth.verify.exr import read_exr
from twinstage.synth.verify.eye import Eye
from twinstage.synth.verify.files import is_inside
from twinstage.synth.verify.masks import Masks
from twinstage.synth.verify.report import Judge
from twinstage.synth.verify.solids import Solid

DEPTH_TOLERANCE = 1e-4
"""Share of the depth by which a surface point may lie outside of its box (float32 rays); at least 0.1 mm."""

NOCS_TOLERANCE = 2e-3
"""How far a place in the object's box may differ from the back-projected one, as a share of the box; see `_check_nocs`."""

FACING_TOLERANCE = 0.3
"""Cosine above which a shading normal counts as turned away; interpolated normals do so a little at silhouettes."""

TURNED_SHARE = 0.25
"""Share of an object's pixels whose normals may be turned away."""

GRAZING = 0.05
"""Where |z| of a unit ray is below this, z alone does not tell the distance of a lens that looks all round."""


@dataclass(frozen=True, slots=True)
class Looked:
    """All that pictures are compared with. Lists go by place in the record's objects."""

    root: Path
    eye: Eye
    objects: list[dict[str, Any]]
    masks: list[Masks | None]
    solids: list[Solid | None]
    owner: np.ndarray
    classes: dict[str, int]

    def each(self) -> list[tuple[str, dict[str, Any], Masks, Solid]]:
        """(label, record, masks, solid) of the objects that are seen and could be read."""
        return [
            (f"object {place} ({item.get('prim_path', '?')})", item, found, solid)
            for place, (item, found, solid) in enumerate(
                zip(self.objects, self.masks, self.solids, strict=True), start=1
            )
            if found is not None and solid is not None and found.visible.any()
        ]


def read_pixels(path: Path, mode: str | None = None) -> np.ndarray:
    """A PNG's values."""
    from PIL import Image

    try:
        opened = Image.open(path, formats=("PNG",))
    except Image.DecompressionBombError as error:
        raise ValueError(str(error)) from None
    with opened as image:
        image.load()
        if mode is not None and image.mode != mode:
            raise ValueError(f"its pixels are {image.mode}, expected {mode}")
        return np.array(image)


def one_channel(path: Path, eye: Eye, what: str, judge: Judge, name: str) -> np.ndarray | None:
    """The only channel of an EXR file, f4[h, w]."""
    channels = read_exr(path)
    values = next(iter(channels.values()))
    right = len(channels) == 1 and values.shape == (eye.height, eye.width)
    judge.check(
        right,
        f"{what}.size",
        name,
        f"{sorted(channels)} {values.shape}, expected one channel {eye.height} x {eye.width}",
    )
    return values if right else None


def three_channels(path: Path, eye: Eye, what: str, judge: Judge, name: str) -> np.ndarray | None:
    """The channels X, Y, Z (or R, G, B) of an EXR file, f4[h, w, 3]."""
    channels = read_exr(path)
    names = next((n for n in ("XYZ", "RGB") if set(n) == set(channels)), None)
    shape = next(iter(channels.values())).shape
    right = names is not None and shape == (eye.height, eye.width)
    judge.check(
        right,
        f"{what}.size",
        name,
        f"{sorted(channels)} {shape}, expected X, Y, Z of {eye.height} x {eye.width}",
    )
    return np.stack([channels[c] for c in names], -1) if right and names else None


def check_rgb(path: Path, seen: Looked, judge: Judge, name: str) -> None:
    """An 8-bit colour picture of the camera's size that shows something."""
    pixels = read_pixels(path)
    right = pixels.dtype == np.uint8 and pixels.shape == (seen.eye.height, seen.eye.width, 3)
    judge.check(
        right,
        "rgb.size",
        name,
        f"{pixels.dtype} {pixels.shape}, expected 8 bit {seen.eye.height} x {seen.eye.width} x 3",
    )
    judge.check(
        not right or pixels.min() < pixels.max(), "rgb.blank", name, "every pixel has the same colour"
    )


def check_instance(path: Path, seen: Looked, judge: Judge, name: str) -> None:
    """Each pixel is the place (from 1) of the object that the visible masks name, 0 elsewhere."""
    pixels = read_pixels(path)
    shape = seen.eye.height, seen.eye.width
    if not judge.check(
        pixels.shape == shape and pixels.dtype == np.uint16,
        "instance.size",
        name,
        f"{pixels.dtype} {pixels.shape}, expected 16 bit {shape[0]} x {shape[1]}",
    ):
        return
    for place, found in enumerate(seen.masks, start=1):
        if found is not None:
            wrong = int(((pixels == place) != found.visible).sum())
            path_of = seen.objects[place - 1].get("prim_path", "?")
            judge.check(
                wrong == 0,
                "instance.mask",
                name,
                f"object {place} ({path_of}): {wrong} pixels disagree with its visible mask",
            )
    beyond = int((pixels > len(seen.masks)).sum())
    judge.check(
        beyond == 0, "instance.unknown", name, f"{beyond} pixels name an object that the record does not list"
    )


def ray_parameter(eye: Eye, depth: np.ndarray | None, range_: np.ndarray | None) -> np.ndarray | None:
    """What rays are measured by, f8[h, w], from depth z or range; NaN where z does not tell, None without either."""
    if eye.along_axis:
        if depth is not None:
            return depth.astype(np.float64)
        return None if range_ is None else range_ / eye.lengths
    if range_ is not None:
        return range_.astype(np.float64)
    if depth is None:
        return None
    z = eye.local_rays[1][..., 2]
    with np.errstate(all="ignore"):
        # Background is inf, also behind the camera, where z is negative.
        return np.where(np.isinf(depth), np.inf, np.where(np.abs(z) > GRAZING, depth / z, np.nan))


def check_depth(depth: np.ndarray, seen: Looked, judge: Judge, name: str) -> None:
    """z along the optical axis: above zero before the camera, never NaN, finite on objects, inside their 3D boxes."""
    eye = seen.eye
    judge.check(
        not np.isnan(depth).any(), "depth.value", name, f"{int(np.isnan(depth).sum())} depths are NaN"
    )
    if eye.along_axis:
        low, high = eye.near * (1 - 1e-5), eye.far * (1 + 1e-5)
        wrong = ~((depth > 0) & (depth >= low) & ((depth <= high) | np.isinf(depth)))
        judge.check(
            not wrong.any(),
            "depth.value",
            name,
            f"{int(wrong.sum())} depths are not above zero, from near to far ({eye.near:g} to {eye.far:g} m)",
        )
    parameter = ray_parameter(eye, depth, None)
    if parameter is not None:
        check_places(parameter, seen, "depth", judge, name)


def check_range(range_: np.ndarray, depth: np.ndarray | None, seen: Looked, judge: Judge, name: str) -> None:
    """The distance from the camera: above zero, finite on objects, inside boxes, and what depth says by the rays."""
    judge.check(bool((range_ > 0).all()), "range.value", name, "a range is not above zero")
    parameter = ray_parameter(seen.eye, None, range_)
    if parameter is not None:
        check_places(parameter, seen, "range", judge, name)
        if depth is not None:
            z = parameter * seen.eye.local_rays[1][..., 2]
            hit = np.isfinite(depth) & np.isfinite(range_)
            off = np.abs(z[hit] - depth[hit]) - 1e-5 * np.abs(range_[hit])
            same = np.array_equal(np.isfinite(depth), np.isfinite(range_))
            judge.check(
                same and (not hit.any() or float(off.max()) <= 0),
                "range.depth",
                name,
                f"range and depth disagree by {float(off.max(initial=0.0)):.4g} m, or on the background",
            )


def check_places(parameter: np.ndarray, seen: Looked, what: str, judge: Judge, name: str) -> None:
    """Points of visible masks, back-projected through the lens, lie inside their objects' 3D boxes."""
    origins, directions = seen.eye.world_rays
    for label, item, masks, solid in seen.each():
        if item.get("moves"):
            continue
        t = parameter[masks.visible]
        known = ~np.isnan(t)
        if not judge.check(
            not np.isinf(t).any(), f"{what}.infinite", name, f"{label} is visible where there is no {what}"
        ):
            continue
        if not known.any():
            continue
        way = directions[masks.visible][known]
        points = origins[masks.visible][known] + way * t[known, None]
        beyond = solid.frame.outside(points)
        excess = beyond - np.maximum(DEPTH_TOLERANCE * np.linalg.norm(way, axis=1) * t[known], 1e-4)
        judge.check(
            float(excess.max()) <= 0,
            f"{what}.box3d",
            name,
            f"{label}: {int((excess > 0).sum())} points lie up to {float(beyond.max()):.4f} m outside of its 3D box",
        )


def check_normal(path: Path, seen: Looked, judge: Judge, name: str, *, in_camera: bool) -> None:
    """Unit normals on objects, turned towards the camera."""
    normal = three_channels(path, seen.eye, "normal", judge, name)
    if normal is None:
        return
    ways = (seen.eye.local_rays if in_camera else seen.eye.world_rays)[1]
    for label, _, masks, _ in seen.each():
        mine, way = normal[masks.visible].astype(np.float64), ways[masks.visible]
        length = np.linalg.norm(mine, axis=1)
        off = float(np.abs(length - 1).max())
        judge.check(
            off <= 1e-3, "normal.length", name, f"{label}: lengths of normals are up to {off:.3g} off 1"
        )
        facing = np.einsum("ni,ni->n", mine, way) / np.linalg.norm(way, axis=1)
        away = int((facing > FACING_TOLERANCE).sum())
        judge.check(
            away <= TURNED_SHARE * len(facing),
            "normal.facing",
            name,
            f"{label}: {away} of {len(facing)} normals are turned away from the camera",
        )


def check_semantic(path: Path, seen: Looked, judge: Judge, name: str) -> None:
    """Class ids: those of the objects on their visible masks, 0 elsewhere."""
    pixels = read_pixels(path)
    if not judge.check(
        pixels.shape == seen.owner.shape,
        "semantic.size",
        name,
        f"{pixels.shape}, expected {seen.owner.shape}",
    ):
        return
    table = np.array([0, *(seen.classes.get(item["class"], -1) for item in seen.objects)])
    wrong = int((pixels != table[seen.owner]).sum())
    judge.check(wrong == 0, "semantic.mask", name, f"{wrong} pixels are not of the class that the masks name")


def check_panoptic(path: Path, seen: Looked, judge: Judge, name: str) -> None:
    """R + 256 G + 65536 B is the place (from 1) of the object that the visible masks name, 0 elsewhere."""
    pixels = read_pixels(path)
    if judge.check(
        pixels.shape == (*seen.owner.shape, 3) and pixels.dtype == np.uint8,
        "panoptic.size",
        name,
        f"{pixels.dtype} {pixels.shape}, expected 8 bit {seen.owner.shape} in 3 channels",
    ):
        wrong = int((pixels.astype(np.int64) @ [1, 256, 65536] != seen.owner).sum())
        judge.check(
            wrong == 0, "panoptic.mask", name, f"{wrong} pixels are not of the object that the masks name"
        )


def check_millimetres(path: Path, depth: np.ndarray | None, seen: Looked, judge: Judge, name: str) -> None:
    """depth in whole millimetres, 0 where there is none (or too far for 16 bits)."""
    pixels = read_pixels(path)
    if not judge.check(
        pixels.shape == seen.owner.shape and pixels.dtype == np.uint16,
        "depth_mm.size",
        name,
        f"{pixels.dtype} {pixels.shape}, expected 16 bit {seen.owner.shape}",
    ):
        return
    if depth is not None:
        near = np.isfinite(depth) & (depth * 1000 < 65535) & (depth > 0)
        off = np.abs(pixels[near] - depth[near].astype(np.float64) * 1000)
        right = not near.any() or float(off.max()) <= 0.51
        background = not pixels[np.isinf(depth)].any()
        judge.check(
            right and background,
            "depth_mm.depth",
            name,
            f"it differs from depth by up to {float(off.max(initial=0.0)):.2f} mm, or on the background",
        )


def check_nocs(path: Path, parameter: np.ndarray | None, seen: Looked, judge: Judge, name: str) -> None:
    """Places in the objects' own boxes: from 0 to 1, and where the back-projected points lie."""
    nocs = three_channels(path, seen.eye, "nocs", judge, name)
    if nocs is None:
        return
    origins, directions = seen.eye.world_rays
    for label, item, masks, solid in seen.each():
        mine = nocs[masks.visible].astype(np.float64)
        inside = np.isfinite(mine).all() and bool(((mine >= -1e-4) & (mine <= 1 + 1e-4)).all())
        if not judge.check(inside, "nocs.value", name, f"{label}: a place is not within 0 to 1"):
            continue
        if parameter is None or item.get("moves"):
            continue
        t = parameter[masks.visible]
        known = np.isfinite(t)
        points = origins[masks.visible][known] + directions[masks.visible][known] * t[known, None]
        wide = solid.frame.lengths > 1e-9
        if not wide.any() or not known.any():
            continue
        places = solid.frame.local(points)[:, wide] / solid.frame.lengths[wide]
        slack = NOCS_TOLERANCE + 1e-5 * float(np.abs(t[known]).max()) / float(solid.frame.lengths[wide].min())
        off = float(np.abs(places - mine[known][:, wide]).max())
        judge.check(
            off <= slack,
            "nocs.place",
            name,
            f"{label}: places are up to {off:.4f} off the back-projected ones",
        )


Reader = Callable[[Path, Looked, Judge, str], None]


def check_pictures(seen: Looked, images: dict[str, str], where: str, judge: Judge) -> np.ndarray | None:
    """All image files of one camera; gives back what rays are measured by [m], for key points, or None."""
    known: dict[str, Reader] = {
        "rgb": check_rgb,
        "instance": check_instance,
        "semantic": check_semantic,
        "panoptic": check_panoptic,
    }
    paths = {}
    for what, name in images.items():
        if judge.check(is_inside(seen.root, name), "image.missing", where, f"{name} is not there"):
            paths[what] = seen.root / name
    for what in known.keys() & paths.keys():
        with judge.guard(f"{what}.broken", images[what]):
            known[what](paths[what], seen, judge, images[what])
    depth = range_ = None
    if "depth" in paths:
        with judge.guard("depth.broken", images["depth"]):
            depth = one_channel(paths["depth"], seen.eye, "depth", judge, images["depth"])
            if depth is not None:
                check_depth(depth, seen, judge, images["depth"])
    if "range" in paths:
        with judge.guard("range.broken", images["range"]):
            range_ = one_channel(paths["range"], seen.eye, "range", judge, images["range"])
            if range_ is not None:
                check_range(range_, depth, seen, judge, images["range"])
    if "depth_mm" in paths:
        with judge.guard("depth_mm.broken", images["depth_mm"]):
            check_millimetres(paths["depth_mm"], depth, seen, judge, images["depth_mm"])
    parameter = ray_parameter(seen.eye, depth, range_)
    for what, in_camera in (("normal", False), ("normal_camera", True)):
        if what in paths:
            with judge.guard("normal.broken", images[what]):
                check_normal(paths[what], seen, judge, images[what], in_camera=in_camera)
    if "nocs" in paths:
        with judge.guard("nocs.broken", images["nocs"]):
            check_nocs(paths["nocs"], parameter, seen, judge, images["nocs"])
    return parameter
