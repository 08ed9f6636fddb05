"""KITTI's calibration, depth pictures and laser scans against the 3D boxes."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from twinstage.synth.verify.formats.folder import Folder
from twinstage.synth.verify.formats.values import is_rotation, shown
from twinstage.synth.verify.report import Judge

if TYPE_CHECKING:
    from twinstage.synth.verify.formats.kitti import Row

FEWEST = 8
"""Points or pixels from which on a share of them says something."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """`K` f8[3, 3]; `shift` f8[3] [m] of camera 2 against the rectified frame; `from_velodyne` f8[3, 4], rectified."""

    K: np.ndarray
    shift: np.ndarray
    from_velodyne: np.ndarray | None


def read_calibration(folder: Folder, name: str, judge: Judge) -> Calibration | None:
    """P2, R0_rect and Tr_velo_to_cam of a calibration file. Raises ValueError."""
    table: dict[str, np.ndarray] = {}
    for line in folder.text(name).splitlines():
        key, colon, rest = line.partition(":")
        if colon:
            table[key.strip()] = np.array([float(w) for w in rest.split()], np.float64)
    P = table.get("P2", np.zeros(0))
    R0 = table.get("R0_rect", table.get("R_rect", np.eye(3).ravel()))
    if not judge.check(
        _is_projection(P, R0),
        "kitti.calib",
        name,
        f"P2 is {shown(P)}: no projection of positive focal lengths",
    ):
        return None
    P = P.reshape(3, 4)
    K = P[:, :3]
    shift = np.linalg.solve(K, P[:, 3])
    right = R0.size == 9 and is_rotation(R0.reshape(3, 3), 1e-3)
    judge.check(right, "kitti.calib", name, f"R0_rect {shown(R0)} is no rotation")
    T = table.get("Tr_velo_to_cam", table.get("Tr_velo_cam"))
    if T is None:
        return Calibration(K, shift, None)
    moved = T.size == 12 and np.isfinite(T).all() and is_rotation(T.reshape(3, 4)[:, :3], 1e-3)
    judge.check(moved, "kitti.calib", name, f"Tr_velo_to_cam {shown(T)} holds no rotation")
    return Calibration(K, shift, R0.reshape(3, 3) @ T.reshape(3, 4) if right and moved else None)


def _is_projection(P: np.ndarray, R0: np.ndarray) -> bool:
    """Whether the left part of P2 is a K, or one after R0_rect: then the rectified camera is turned against the picture."""
    if P.size != 12 or not np.isfinite(P).all():
        return False
    kinds = [P.reshape(3, 4)[:, :3]]
    if R0.size == 9 and is_rotation(R0.reshape(3, 3), 1e-3):
        kinds.append(kinds[0] @ R0.reshape(3, 3))
    return any(K[0, 0] > 0 and K[1, 1] > 0 and np.abs(K[2] - [0, 0, 1]).max() < 1e-6 for K in kinds)


def check_depth(
    folder: Folder,
    name: str,
    rows: "list[Row]",
    calibration: Calibration,
    size: tuple[int, int],
    judge: Judge,
) -> None:
    """Depth pixels in the middle of unoccluded objects, taken to space as z and as range, against their 3D boxes."""
    if not folder.has(name):
        return
    with judge.guard("kitti.unreadable", name):
        pixels = folder.image(name)
        if not judge.check(
            pixels.shape == (size[1], size[0]) and pixels.dtype.itemsize >= 2,
            "kitti.depth-format",
            name,
            f"{pixels.dtype} {pixels.shape}, not one channel of 16 bits of {size[0]} x {size[1]}",
        ):
            return
        depth = pixels.astype(np.float64) / 256
        for row in rows:
            if row.kind != "DontCare" and row["occluded"] == 0 and row["z"] > 0:
                _check_object_depth(depth, row, calibration, judge, name)


def _check_object_depth(
    depth: np.ndarray, row: "Row", calibration: Calibration, judge: Judge, name: str
) -> None:
    # The whole 2D box: its background is there under both readings, so only the difference between them counts.
    left, top, right, bottom = (round(v) for v in (row["left"], row["top"], row["right"], row["bottom"]))
    left, top = max(left, 0), max(top, 0)
    part = depth[top:bottom, left:right]
    ys, xs = np.nonzero(part > 0)
    if len(ys) < FEWEST or min(row["height"], row["width"], row["length"]) <= 0:
        return
    values = part[ys, xs]
    rays = np.stack([xs + left + 0.5, ys + top + 0.5, np.ones(len(xs))], -1) @ np.linalg.inv(calibration.K).T
    as_z = rays * values[:, None] - calibration.shift
    as_range = rays * (values / np.linalg.norm(rays, axis=1))[:, None] - calibration.shift
    slack = 0.01 + 0.002 * row["z"]
    inside_z, inside_r = row.inside(as_z, slack), row.inside(as_range, slack)
    bent = float(np.abs(np.linalg.norm(rays, axis=1) - 1).max()) * row["z"]
    if bent > 3 * slack and inside_r.sum() > 1.25 * inside_z.sum() and inside_r.mean() > 0.3:
        judge.check(
            False,
            "kitti.depth-is-range",
            row.where,
            f"of {len(values)} depths in its 2D box {int(inside_z.sum())} lie in the 3D box as z, "
            f"{int(inside_r.sum())} as distance to the camera: range was stored as z ({name})",
        )
        return
    judge.check(
        inside_z.mean() >= 0.1,
        "kitti.depth-outside-box",
        row.where,
        f"of {len(values)} depths in its 2D box only {int(inside_z.sum())} lie in its 3D box ({name})",
    )


def check_velodyne(
    folder: Folder, name: str, rows: "list[Row]", calibration: Calibration, judge: Judge
) -> None:
    """Scan points that appear in the 2D box of an unoccluded object lie in its 3D box."""
    if not judge.check(folder.has(name), "kitti.velodyne-format", name, "is not there"):
        return
    with judge.guard("kitti.velodyne-format", name):
        data = folder.bytes(name)
        if not judge.check(
            len(data) % 16 == 0,
            "kitti.velodyne-format",
            name,
            f"{len(data)} bytes are no rows of four float32",
        ):
            return
        scan = np.frombuffer(data, "<f4").reshape(-1, 4).astype(np.float64)
        if not judge.check(np.isfinite(scan).all(), "kitti.velodyne-format", name, "a point is not finite"):
            return
        if calibration.from_velodyne is None or not len(scan):
            return
        points = scan[:, :3] @ calibration.from_velodyne[:, :3].T + calibration.from_velodyne[:, 3]
        points = points[points[:, 2] > 0.05]
        shifted = points + calibration.shift
        places = shifted @ calibration.K.T
        places = places[:, :2] / places[:, 2:]
        for row in rows:
            if row.kind == "DontCare" or row["occluded"] != 0 or row["truncated"] > 0.05:
                continue
            # The whole 2D box, since one may look through an object's middle at what lies behind.
            chosen = ((places >= [row["left"], row["top"]]) & (places <= [row["right"], row["bottom"]])).all(
                1
            )
            if chosen.sum() < FEWEST or min(row["height"], row["width"], row["length"]) <= 0:
                continue
            inside = row.inside(points[chosen], 0.05 + 0.01 * row["z"])
            judge.check(
                inside.mean() >= 0.1,
                "kitti.velodyne-in-box",
                row.where,
                f"of {int(chosen.sum())} points in its 2D box {int(inside.sum())} lie in its 3D box ({name})",
            )
