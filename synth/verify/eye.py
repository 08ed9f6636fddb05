"""A record's camera as the judge sees it: rays through pixel centres, and pixels of points, for any lens and shutter.

A rolling shutter exposes row r of h at (open + close) / 2 + readout * r / (h - 1) seconds; the camera then stands where its
`path` says: positions run straight between keys, rotations evenly (Shoemake 1985).
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from twinstage.synth.verify import lenses


@dataclass(frozen=True)
class Eye:
    """One camera of one record. `poses`: world_from_camera of each row, f8[height, 4, 4], or of all, f8[1, 4, 4]."""

    width: int
    height: int
    K: np.ndarray
    pose: np.ndarray
    poses: np.ndarray
    kind: str
    coefficients: np.ndarray
    near: float
    far: float

    @property
    def along_axis(self) -> bool:
        """Whether near and far are planes, and depth is what rays are measured by."""
        return self.kind in lenses.ALONG_AXIS

    @property
    def moving(self) -> bool:
        return len(self.poses) > 1

    def row_pose(self, rows: np.ndarray) -> np.ndarray:
        """The poses f8[n, 4, 4] that pixel rows look from."""
        if not self.moving:
            return np.broadcast_to(self.poses[0], (len(rows), 4, 4))
        out: np.ndarray = self.poses[np.clip(rows, 0, self.height - 1)]
        return out

    @cached_property
    def local_rays(self) -> tuple[np.ndarray, np.ndarray]:
        """Origins and directions f8[h, w, 3] in camera axes; see `lenses.rays`."""
        x, y = np.meshgrid(np.arange(self.width) + 0.5, np.arange(self.height) + 0.5)
        origins, directions = lenses.rays(self.kind, self.coefficients, self.normalised(x.ravel(), y.ravel()))
        shape = self.height, self.width, 3
        return origins.reshape(shape), directions.reshape(shape)

    @cached_property
    def world_rays(self) -> tuple[np.ndarray, np.ndarray]:
        """The same in the world; lengths are kept."""
        origins, directions = self.local_rays
        turn, place = self.poses[:, :3, :3], self.poses[:, :3, 3]
        if not self.moving:
            return origins @ turn[0].T + place[0], directions @ turn[0].T
        turned = np.einsum("rij,rcj->rci", turn, directions)
        return np.einsum("rij,rcj->rci", turn, origins) + place[:, None], turned

    def rays(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Origins and directions f8[n, 3] in the world through any pixel places, also outside of the image."""
        origins, directions = lenses.rays(self.kind, self.coefficients, self.normalised(x, y))
        poses = self.row_pose(np.floor(y).astype(int))
        turned = np.einsum("nij,nj->ni", poses[:, :3, :3], directions)
        return np.einsum("nij,nj->ni", poses[:, :3, :3], origins) + poses[:, :3, 3], turned

    def normalised(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """What K makes pixel places x, y of."""
        a, b = np.linalg.inv(self.K)[
            :2
        ].tolist()  # written out: a product of matrices 3 wide takes ten times as long
        return np.stack([a[0] * x + a[1] * y + a[2], b[0] * x + b[1] * y + b[2]], -1)

    def project(self, points: np.ndarray, rows: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Pixels f8[n, 2] and places in camera axes f8[n, 3] of world points, as seen from the poses of those rows.

        Without `rows` from the pose at the frame's time.
        """
        poses = self.row_pose(rows) if rows is not None else np.broadcast_to(self.pose, (len(points), 4, 4))
        local = np.einsum("nji,nj->ni", poses[:, :3, :3], points - poses[:, :3, 3])
        places = lenses.project(self.kind, self.coefficients, local)
        return places @ self.K[:2, :2].T + self.K[:2, 2], local

    def reach(self, local: np.ndarray) -> np.ndarray:
        """What near and far are compared with, of places in camera axes f8[n, 3]: z or the distance [m]."""
        return local[:, 2] if self.along_axis else np.linalg.norm(local, axis=1)

    @cached_property
    def lengths(self) -> np.ndarray:
        """Lengths of the directions, f8[h, w]: range = ray parameter times it."""
        out: np.ndarray = np.linalg.norm(self.local_rays[1], axis=-1)
        return out

    def footprint(self, distance: float) -> float:
        """About how wide a pixel is at that distance [m]."""
        focal = float(min(abs(self.K[0, 0]), abs(self.K[1, 1])))
        return (1.0 if self.kind == "orthographic" else abs(distance)) / focal


def read_eye(camera: dict[str, Any]) -> Eye:
    """The eye of a record's camera. Raises ValueError, KeyError or TypeError for what is none."""
    width, height = camera["resolution"]
    if not (
        isinstance(width, int) and isinstance(height, int) and 0 < width <= 16384 and 0 < height <= 16384
    ):
        raise ValueError(f"a resolution of {width} x {height}")
    K, pose = np.array(camera["K"], np.float64), np.array(camera["world_from_camera"], np.float64)
    if K.shape != (3, 3) or pose.shape != (4, 4) or not (np.isfinite(K).all() and np.isfinite(pose).all()):
        raise ValueError("K is not 3 x 3 or world_from_camera not 4 x 4 finite numbers")
    kind, coefficients = lenses.checked(camera.get("projection", {"kind": "pinhole"}))
    poses = _row_poses(camera, pose, height)
    near, far = float(camera.get("near", 0.0)), float(camera.get("far", np.inf))
    return Eye(width, height, K, pose, poses, kind, coefficients, near, far)


def _row_poses(camera: dict[str, Any], pose: np.ndarray, height: int) -> np.ndarray:
    path = camera.get("path")
    if path is None:
        return pose[None]
    shutter = camera["shutter"]
    seconds = np.array(path["seconds"], np.float64)
    keys = np.array(path["world_from_camera"], np.float64)
    if len(seconds) < 2 or keys.shape != (len(seconds), 4, 4) or not (np.diff(seconds) > 0).all():
        raise ValueError("a path has two or more rising seconds and a 4 x 4 pose for each")
    middle = (shutter["open"] + shutter["close"]) / 2
    times = middle + shutter["readout"] * (np.arange(height) / max(height - 1, 1))
    return np.stack([_pose_at(seconds, keys, time) for time in times])


def _pose_at(seconds: np.ndarray, keys: np.ndarray, time: float) -> np.ndarray:
    time = float(np.clip(time, seconds[0], seconds[-1]))
    k = int(np.clip(np.searchsorted(seconds, time, side="right") - 1, 0, len(seconds) - 2))
    share = (time - seconds[k]) / (seconds[k + 1] - seconds[k])
    out = np.eye(4)
    out[:3, 3] = (1 - share) * keys[k, :3, 3] + share * keys[k + 1, :3, 3]
    out[:3, :3] = _turned(keys[k, :3, :3], keys[k + 1, :3, :3], share)
    return out


def _turned(a: np.ndarray, b: np.ndarray, share: float) -> np.ndarray:
    """The rotation a share of the way from a to b: a exp(share log(a^T b)), which is what slerp of quaternions gives."""
    between = a.T @ b
    cosine = float(np.clip((np.trace(between) - 1) / 2, -1, 1))
    skew = np.array(
        [between[2, 1] - between[1, 2], between[0, 2] - between[2, 0], between[1, 0] - between[0, 1]]
    )
    sine = float(np.linalg.norm(skew)) / 2
    if sine < 1e-12:
        return a if share < 0.5 else b
    axis, angle = skew / (2 * sine), np.arctan2(sine, cosine) * share
    cross = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    out: np.ndarray = a @ (np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross)
    return out
