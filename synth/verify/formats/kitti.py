"""KITTI object detection: label_2, calib, image_2, depth and velodyne, each row checked by projecting its 3D box.

Source: the object development kit's readme: 15 columns, camera axes of OpenCV, location at the middle of the box's
bottom face, `alpha = rotation_y - atan2(x, z)`.
"""

import math
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np

from twinstage.synth.verify.formats.base import Format
from twinstage.synth.verify.formats.folder import Folder
from twinstage.synth.verify.formats.kitti_space import (
    Calibration,
    Votes,
    check_depth,
    check_velodyne,
    read_calibration,
)
from twinstage.synth.verify.formats.shapes import box_in_image
from twinstage.synth.verify.formats.values import shown, wrapped
from twinstage.synth.verify.report import Judge

RULES = {
    "kitti.unreadable": "labels, calibration and pictures can be read",
    "kitti.columns": "a row has 15 columns (16 with a score)",
    "kitti.numbers": "columns 2 to 15 are finite numbers",
    "kitti.missing-label": "every image has a label file (it may be empty)",
    "kitti.missing-image": "every label file has an image",
    "kitti.missing-calib": "every label file has a calibration",
    "kitti.calib": "P2 is a projection of positive focal lengths; R0_rect and Tr_velo_to_cam hold rotations",
    "kitti.zeros": "no field is 0 in every row: other writers leave what they do not know at zero",
    "kitti.truncated-range": "truncated lies between 0 and 1",
    "kitti.occluded-levels": "occluded is 0, 1, 2 or 3",
    "kitti.rotation-range": "rotation_y and alpha lie between -pi and pi",
    "kitti.alpha": "alpha is rotation_y - atan2(x, z)",
    "kitti.bbox-order": "left < right and top < bottom",
    "kitti.bbox-outside": "the 2D box lies inside the image",
    "kitti.dimensions": "height, width and length are above 0",
    "kitti.behind": "the box of a labelled object does not lie behind the camera",
    "kitti.box-projection": "2D boxes lie inside of the projected 3D boxes, and mostly fill a fair part of them",
    "kitti.duplicate": "no object is listed twice",
    "kitti.depth-format": "depth is one channel of 16 bits, of the image's size",
    "kitti.depth-is-range": "depth is z along the optical axis (times 256), not the distance to the camera",
    "kitti.depth-outside-box": "depth at an unoccluded object lies in its 3D box",
    "kitti.velodyne-format": "a scan is rows of four finite float32",
    "kitti.velodyne-in-box": "a tenth and more of the scan points seen in an unoccluded object's 2D box lie in its 3D box",
}

FIELDS = (
    "truncated", "occluded", "alpha", "left", "top", "right", "bottom",
    "height", "width", "length", "x", "y", "z", "rotation_y",
)  # fmt: skip

NEEDED = ("height", "width", "length", "x", "y", "z")
"""What no real dataset has at zero in every row; alpha and rotation_y count together."""


@dataclass(frozen=True, slots=True)
class Row:
    """One object of a label file."""

    kind: str
    values: dict[str, float]
    where: str

    def __getitem__(self, name: str) -> float:
        return self.values[name]

    def corners(self, raised: float = 0.0) -> np.ndarray:
        """Eight corners f8[8, 3] of the 3D box [m], bits of the index: length, height, width; `raised`: y to subtract."""
        c, s = math.cos(self["rotation_y"]), math.sin(self["rotation_y"])
        bits = np.array([[(i >> 2) & 1, (i >> 1) & 1, i & 1] for i in range(8)], float)
        along = (bits[:, 0] - 0.5) * self["length"]
        up = -bits[:, 1] * self["height"]
        across = (bits[:, 2] - 0.5) * self["width"]
        local = np.stack([c * along + s * across, up, -s * along + c * across], -1)
        return np.asarray(local + np.array([self["x"], self["y"] - raised, self["z"]]))

    def inside(self, points: np.ndarray, slack: float) -> np.ndarray:
        """Which points [n, 3] lie in the box enlarged by `slack` [m]."""
        c, s = math.cos(self["rotation_y"]), math.sin(self["rotation_y"])
        d = points - [self["x"], self["y"], self["z"]]
        along, across = c * d[:, 0] - s * d[:, 2], s * d[:, 0] + c * d[:, 2]
        return np.asarray(
            (np.abs(along) <= self["length"] / 2 + slack)
            & (np.abs(across) <= self["width"] / 2 + slack)
            & (d[:, 1] <= slack)
            & (d[:, 1] >= -self["height"] - slack)
        )


def roots(folder: Folder) -> list[str]:
    """Folders with a label_2: the folder itself, `training`, or one below."""
    if folder.only:
        return []
    places = [
        ".",
        *folder.folders(),
        *(f"{f}/{g}" for f in folder.folders()[:200] for g in folder.folders(f)[:200]),
    ]
    return [p for p in places if folder.has_folder(f"{p}/label_2")]


def detect(folder: Folder) -> bool:
    """Whether there is a label_2 folder."""
    return bool(roots(folder))


def check(folder: Folder, judge: Judge) -> None:
    """All KITTI splits in a folder."""
    found = roots(folder)
    if not judge.check(found, "kitti.unreadable", folder.root.name, "there is no label_2 folder"):
        return
    for root in found:
        _check_split(folder, PurePosixPath(root).as_posix(), judge)


def _check_split(folder: Folder, root: str, judge: Judge) -> None:
    labels = {PurePosixPath(n).stem for n in folder.files_in(f"{root}/label_2", ".txt")}
    images = {PurePosixPath(n).stem: n for n in folder.files_in(f"{root}/image_2", ".png", ".jpg")}
    for stem in sorted(set(images) - labels):
        judge.check(
            False, "kitti.missing-label", f"{root}/image_2/{images[stem]}", f"label_2/{stem}.txt is not there"
        )
    depths = next((f for f in folder.folders(root) if "depth" in f), None)
    every: list[Row] = []
    filled_shares: list[float] = []
    votes = Votes()
    for stem in sorted(labels):
        name = f"{root}/label_2/{stem}.txt"
        judge.check(
            not images or stem in images, "kitti.missing-image", name, f"image_2/{stem}.png is not there"
        )
        rows: list[Row] = []
        with judge.guard("kitti.unreadable", name):
            rows = _rows(folder, name, judge)
        every += rows
        size = None
        if stem in images:
            with judge.guard("kitti.unreadable", f"{root}/image_2/{images[stem]}"):
                size = folder.image_size(f"{root}/image_2/{images[stem]}")
        calibration = _calibration(folder, root, stem, judge)
        for row in rows:
            if row.kind != "DontCare":
                _check_row(row, size, calibration, filled_shares, judge)
        if calibration is not None:
            if depths is not None and size is not None:
                check_depth(folder, f"{root}/{depths}/{stem}.png", rows, calibration, size, votes, judge)
            if folder.has_folder(f"{root}/velodyne"):
                check_velodyne(folder, f"{root}/velodyne/{stem}.bin", rows, calibration, judge)
    votes.judge(judge)
    if len(filled_shares) >= 5:
        # A single object may fill little of its box: a fence, a rope. Half of all objects do not.
        judge.check(
            np.median(filled_shares) >= 0.25,
            "kitti.box-projection",
            f"{root}/label_2",
            f"2D boxes of unhidden objects fill {100 * np.median(filled_shares):.0f} % of their projected 3D boxes",
        )
    _check_zeros([r for r in every if r.kind != "DontCare"], f"{root}/label_2", judge)


def _rows(folder: Folder, name: str, judge: Judge) -> list[Row]:
    out: list[Row] = []
    seen: dict[str, int] = {}
    for number, line in enumerate(folder.text(name).splitlines(), start=1):
        words = line.split()
        if not words:
            continue
        where = f"{name}:{number} ({words[0]:.40})"
        if not judge.check(
            len(words) in (15, 16),
            "kitti.columns",
            where,
            f"{len(words)} columns, expected 15 (or 16 with a score)",
        ):
            continue
        try:
            values = [float(w) for w in words[1:15]]
        except ValueError:
            values = [math.nan]
        if not judge.check(
            all(math.isfinite(v) for v in values), "kitti.numbers", where, "a column is no finite number"
        ):
            continue
        first = seen.setdefault(line.strip(), number)
        judge.check(
            first == number or words[0] == "DontCare", "kitti.duplicate", where, f"is line {first} again"
        )
        out.append(Row(words[0], dict(zip(FIELDS, values, strict=True)), where))
    return out


def _calibration(folder: Folder, root: str, stem: str, judge: Judge) -> Calibration | None:
    name = f"{root}/calib/{stem}.txt"
    if not judge.check(folder.has(name), "kitti.missing-calib", name, "is not there"):
        return None
    with judge.guard("kitti.calib", name):
        return read_calibration(folder, name, judge)
    return None


def _check_row(
    row: Row,
    size: tuple[int, int] | None,
    calibration: Calibration | None,
    filled_shares: list[float],
    judge: Judge,
) -> None:
    where = row.where
    judge.check(
        0 <= row["truncated"] <= 1,
        "kitti.truncated-range",
        where,
        f"truncated is {row['truncated']:g}, not between 0 and 1",
    )
    judge.check(
        row["occluded"] in (0, 1, 2, 3),
        "kitti.occluded-levels",
        where,
        f"occluded is {row['occluded']:g}, not 0, 1, 2 or 3",
    )
    for name in ("rotation_y", "alpha"):
        judge.check(
            abs(row[name]) <= math.pi + 0.005,
            "kitti.rotation-range",
            where,
            f"{name} is {row[name]:g}, not between -pi and pi",
        )
    wanted = wrapped(row["rotation_y"] - math.atan2(row["x"], row["z"]))
    judge.check(
        abs(wrapped(row["alpha"] - wanted)) <= 0.02,
        "kitti.alpha",
        where,
        f"alpha is {row['alpha']:.3f}, rotation_y - atan2(x, z) is {wanted:.3f}",
    )
    box = [row[k] for k in ("left", "top", "right", "bottom")]
    ordered = judge.check(
        box[0] < box[2] and box[1] < box[3],
        "kitti.bbox-order",
        where,
        f"the 2D box {shown(box)} is not left < right, top < bottom",
    )
    if size is not None:
        judge.check(
            box[0] >= -0.5 and box[1] >= -0.5 and box[2] <= size[0] + 0.5 and box[3] <= size[1] + 0.5,
            "kitti.bbox-outside",
            where,
            f"the 2D box {shown(box)} leaves the image of {size[0]} x {size[1]}",
        )
    solid = judge.check(
        min(row["height"], row["width"], row["length"]) > 0,
        "kitti.dimensions",
        where,
        f"height, width, length are {shown([row[k] for k in ('height', 'width', 'length')])}",
    )
    if ordered and solid and size is not None and calibration is not None:
        _check_projection(row, np.array(box), size, calibration, filled_shares, judge)


def _beyond(
    row: Row, box: np.ndarray, size: tuple[int, int], calibration: Calibration, raised: float
) -> tuple[float, float]:
    """How far the 2D box reaches out of the projected 3D box [px], and the part of that which it fills."""
    seen = box_in_image(calibration.K, calibration.seen(row.corners(raised)))
    if seen is None:
        return float("inf"), 0.0
    limit = np.array([size[0], size[1]], float)
    clipped = np.concatenate([np.clip(seen[:2], 0, limit), np.clip(seen[2:], 0, limit)])
    out = float(max((clipped[:2] - box[:2]).max(), (box[2:] - clipped[2:]).max()))
    extent = np.maximum(clipped[2:] - clipped[:2], 1e-9)
    return out, float(np.prod((box[2:] - box[:2]) / extent))


def _check_projection(
    row: Row,
    box: np.ndarray,
    size: tuple[int, int],
    calibration: Calibration,
    filled_shares: list[float],
    judge: Judge,
) -> None:
    out, filled = _beyond(row, box, size, calibration, 0.0)
    if not judge.check(
        math.isfinite(out),
        "kitti.behind",
        row.where,
        f"its 3D box at {shown([row['x'], row['y'], row['z']])} lies behind the camera",
    ):
        return
    slack = 2.0 + 0.01 * float((box[2:] - box[:2]).max())
    why = ""
    if out > slack:
        centred, _ = _beyond(row, box, size, calibration, -row["height"] / 2)
        if centred <= slack:
            why = "; it fits when y is the box's centre and not its bottom"
        turned = Row(row.kind, {**row.values, "width": row["length"], "length": row["width"]}, row.where)
        if not why and _beyond(turned, box, size, calibration, 0.0)[0] <= slack:
            why = "; it fits with length and width exchanged"
    judge.check(
        out <= slack,
        "kitti.box-projection",
        row.where,
        f"the 2D box {shown(box)} reaches {out:.1f} px out of the projected 3D box{why}",
    )
    if row["occluded"] == 0 and row["truncated"] <= 0.05:
        filled_shares.append(filled)


def _check_zeros(rows: list[Row], where: str, judge: Judge) -> None:
    if not rows:
        return
    for name in NEEDED:
        judge.check(
            any(row[name] != 0 for row in rows),
            "kitti.zeros",
            where,
            f"{name} is 0 in all {len(rows)} rows: the writer left it empty",
        )
    judge.check(
        any(row["rotation_y"] != 0 or row["alpha"] != 0 for row in rows),
        "kitti.zeros",
        where,
        f"alpha and rotation_y are 0 in all {len(rows)} rows: the writer left them empty",
    )
    if len(rows) >= 20:
        judge.check(
            any(row["rotation_y"] != 0 for row in rows) and any(row["alpha"] != 0 for row in rows),
            "kitti.zeros",
            where,
            f"one of alpha and rotation_y is 0 in all {len(rows)} rows",
        )


KITTI = Format("kitti", "KITTI object detection", RULES, detect, check)
