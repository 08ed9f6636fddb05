"""KITTI's calibration, depth pictures and laser scans against the 3D boxes."""

from dataclasses import dataclass, field
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
    """`K` f8[3, 3]; camera 2 from the rectified frame: `turn` f8[3, 3], `shift` f8[3] [m]; `from_velodyne` f8[3, 4].

    KITTI's own `turn` is the identity; a camera that is not level may have its labels in a level frame.
    """

    K: np.ndarray
    turn: np.ndarray
    shift: np.ndarray
    from_velodyne: np.ndarray | None

    def seen(self, points: np.ndarray) -> np.ndarray:
        """Rectified points [n, 3] in the camera's axes."""
        return np.asarray(points @ self.turn.T + self.shift)

    def rectified(self, points: np.ndarray) -> np.ndarray:
        """The other way round."""
        return np.asarray((points - self.shift) @ self.turn)


def _factored(M: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """K (upper triangular, positive diagonal, K[2, 2] = 1) and rotation of M = K R; None where M is no such product."""
    if abs(np.linalg.det(M)) < 1e-12:
        return None
    # RQ by QR of the rows and columns in reverse.
    q, r = np.linalg.qr(M[::-1].T)
    K, R = r.T[::-1, ::-1], q.T[::-1]
    signs = np.sign(np.diag(K))
    K, R = K * signs, R * signs[:, None]
    if np.linalg.det(R) < 0 or abs(K[2, 2] - 1) > 1e-4:
        return None
    return K / K[2, 2], R


def read_calibration(folder: Folder, name: str, judge: Judge) -> Calibration | None:
    """P2, R0_rect and Tr_velo_to_cam of a calibration file. Raises ValueError."""
    table: dict[str, np.ndarray] = {}
    for line in folder.text(name).splitlines():
        key, colon, rest = line.partition(":")
        if colon:
            table[key.strip()] = np.array([float(w) for w in rest.split()], np.float64)
    P = table.get("P2", np.zeros(0))
    parts = _factored(P.reshape(3, 4)[:, :3]) if P.size == 12 and np.isfinite(P).all() else None
    if not judge.check(
        parts is not None, "kitti.calib", name, f"P2 is {shown(P)}: no projection of positive focal lengths"
    ):
        return None
    assert parts is not None  # the check above
    K, turn = parts
    shift = np.linalg.solve(K, P.reshape(3, 4)[:, 3])
    R0 = table.get("R0_rect", table.get("R_rect", np.eye(3).ravel()))
    right = R0.size == 9 and is_rotation(R0.reshape(3, 3), 1e-3)
    judge.check(right, "kitti.calib", name, f"R0_rect {shown(R0)} is no rotation")
    T = table.get("Tr_velo_to_cam", table.get("Tr_velo_cam"))
    if T is None:
        return Calibration(K, turn, shift, None)
    moved = T.size == 12 and np.isfinite(T).all() and is_rotation(T.reshape(3, 4)[:, :3], 1e-3)
    judge.check(moved, "kitti.calib", name, f"Tr_velo_to_cam {shown(T)} holds no rotation")
    return Calibration(K, turn, shift, R0.reshape(3, 3) @ T.reshape(3, 4) if right and moved else None)


@dataclass
class Votes:
    """Whether depths are z or range, by objects that can tell. One alone may err: a floor behind it moves into its box."""

    of_range: list[tuple[str, int, int, int]] = field(default_factory=list)
    of_z: int = 0

    def add(self, where: str, inside_z: np.ndarray, inside_r: np.ndarray) -> None:
        """One object: which of its pixels lie in its 3D box under each reading."""
        if _clearly_more(inside_r, inside_z) and inside_r.mean() > 0.3:
            self.of_range.append((where, len(inside_z), int(inside_z.sum()), int(inside_r.sum())))
        elif _clearly_more(inside_z, inside_r):
            self.of_z += 1

    def judge(self, judge: Judge) -> None:
        """Findings, where most say range."""
        wrong = len(self.of_range) > self.of_z
        for where, count, as_z, as_range in self.of_range:
            judge.check(
                not wrong,
                "kitti.depth-is-range",
                where,
                f"of {count} depths in its 2D box {as_z} lie in the 3D box as z, {as_range} as distance to the camera: "
                f"range was stored as z",
            )


def _clearly_more(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether so many more lie in the box that the edge of a few pixels does not explain it."""
    a, b = int(one.sum()), int(other.sum())
    return a > 1.25 * b and a - b >= max(8, 0.1 * len(one))


def check_depth(
    folder: Folder,
    name: str,
    rows: "list[Row]",
    calibration: Calibration,
    size: tuple[int, int],
    votes: Votes,
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
                _check_object_depth(depth, row, calibration, votes, judge, name)


def _check_object_depth(
    depth: np.ndarray, row: "Row", calibration: Calibration, votes: Votes, judge: Judge, name: str
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
    lengths = np.linalg.norm(rays, axis=1)
    eye, ways = calibration.rectified(np.zeros(3)), rays @ calibration.turn
    as_z, as_range = eye + ways * values[:, None], eye + ways * (values / lengths)[:, None]
    slack = 0.01 + 0.002 * row["z"]
    inside_z, inside_r = row.inside(as_z, slack), row.inside(as_range, slack)
    bent = float(np.abs(lengths - 1).max()) * row["z"]
    if bent > 3 * slack:
        votes.add(row.where, inside_z, inside_r)
        if votes.of_range and votes.of_range[-1][0] == row.where:
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
        seen = calibration.seen(points)
        points, seen = points[seen[:, 2] > 0.05], seen[seen[:, 2] > 0.05]
        places = seen @ calibration.K.T
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
