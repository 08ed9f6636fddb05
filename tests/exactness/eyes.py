"""Camera formulas of the judge's own: pixels to rays and points to pixels. numpy and OpenCV only, nothing of twinstage.

OpenCV axes (+x right, +y down, +z forward), pixel-edge origin: the first pixel's centre is at (0.5, 0.5).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from exactness.closed_form import turn


@dataclass(frozen=True)
class Eye:
    """A camera. K maps what the kind says: tangents (pinhole, brown), metres (orthographic), angles (fisheye, equirectangular).

    `sweep`: what a rolling shutter's camera does from the first row to the last, evenly: a turn in the world (axis times
    angle [rad]) and a shift [m]; None where all rows look from `pose`.
    """

    width: int
    height: int
    K: np.ndarray
    pose: np.ndarray
    near: float = 0.01
    far: float = 1e6
    kind: str = "pinhole"
    coefficients: tuple[float, ...] = ()
    sweep: tuple[tuple[float, float, float], tuple[float, float, float]] | None = None

    def pose_at(self, share: float) -> np.ndarray:
        """world_from_camera f8[4, 4] after that share of the sweep."""
        if self.sweep is None:
            return self.pose
        out = self.pose.copy()
        out[:3, :3] = turned(np.array(self.sweep[0]) * share) @ self.pose[:3, :3]
        out[:3, 3] += np.array(self.sweep[1]) * share
        return out

    @cached_property
    def poses(self) -> np.ndarray | None:
        """world_from_camera of each row f8[height, 4, 4] of a rolling shutter, else None."""
        if self.sweep is None:
            return None
        return np.array([self.pose_at(row / max(self.height - 1, 1)) for row in range(self.height)])

    @property
    def along_axis(self) -> bool:
        """Whether ray parameters are depths, not ranges."""
        return self.kind in ("pinhole", "orthographic", "brown")

    def grid(self, grow: int = 0) -> np.ndarray:
        """Pixel centres f8[n, 2] row by row; `grow` image sizes more on each side."""
        w, h = self.width, self.height
        x, y = np.meshgrid(np.arange(-grow * w, w + grow * w) + 0.5, np.arange(-grow * h, h + grow * h) + 0.5)
        return np.stack([x.ravel(), y.ravel()], -1)

    def rays(self, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Origins and directions f8[n, 3] in the world: z = 1 in the camera for pinhole, brown and orthographic, else unit."""
        origin, direction = self._local(pixels)
        if self.poses is None:
            return turn(self.pose[:3, :3], origin) + self.pose[:3, 3], turn(self.pose[:3, :3], direction)
        pose = self.poses[np.clip(np.floor(pixels[:, 1]).astype(int), 0, self.height - 1)]
        towards = np.einsum("nij,nj->ni", pose[:, :3, :3], direction)
        return np.einsum("nij,nj->ni", pose[:, :3, :3], origin) + pose[:, :3, 3], towards

    def _local(self, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        x = (pixels[:, 0] - self.K[0, 2]) / self.K[0, 0]
        y = (pixels[:, 1] - self.K[1, 2]) / self.K[1, 1]
        zero, one = np.zeros_like(x), np.ones_like(x)
        if self.kind == "orthographic":
            return np.stack([x, y, zero], -1), np.stack([zero, zero, one], -1)
        if self.kind == "brown":
            x, y = _undistorted(x, y, self.coefficients)
        if self.kind == "fisheye":
            radius = np.hypot(x, y)
            theta = _angle(radius, self.coefficients)
            theta[theta > np.pi] = np.nan
            share = np.sin(theta) / np.where(radius == 0, 1, radius)
            return np.zeros((len(x), 3)), np.stack([x * share, y * share, np.cos(theta)], -1)
        if self.kind == "equirectangular":
            direction = np.stack([np.cos(y) * np.sin(x), np.sin(y), np.cos(y) * np.cos(x)], -1)
            direction[(np.abs(x) > np.pi) | (np.abs(y) > np.pi / 2)] = np.nan
            return np.zeros((len(x), 3)), direction
        return np.zeros((len(x), 3)), np.stack([x, y, one], -1)

    def local(self, points: np.ndarray, rows: np.ndarray | None = None) -> np.ndarray:
        """World points f8[n, 3] in the camera; with a rolling shutter as those rows see them."""
        if self.poses is None or rows is None:
            return turn(self.pose[:3, :3].T, points - self.pose[:3, 3])
        pose = self.poses[rows]
        return np.einsum("nji,nj->ni", pose[:, :3, :3], points - pose[:, :3, 3])

    def project(self, points: np.ndarray, rows: np.ndarray | None = None) -> np.ndarray:
        """Pixel positions f8[n, 2] of world points before the camera; distorted lenses by OpenCV."""
        local = self.local(points, rows)
        if self.kind in ("brown", "fisheye"):
            return self._by_opencv(local)
        if self.kind == "orthographic":
            xy = local[:, :2]
        elif self.kind == "equirectangular":
            x, y, z = local.T
            xy = np.stack([np.arctan2(x, z), np.arctan2(y, np.hypot(x, z))], -1)
        else:
            xy = local[:, :2] / local[:, 2:]
        return xy @ self.K[:2, :2].T + self.K[:2, 2]

    def _by_opencv(self, local: np.ndarray) -> np.ndarray:
        import cv2

        if len(local) == 0:
            return np.zeros((0, 2))
        still, coefficients = np.zeros(3), np.array(self.coefficients)
        if self.kind == "fisheye":
            unit = local / np.linalg.norm(local, axis=1)[:, None]
            found, _ = cv2.fisheye.projectPoints(unit[:, None], still, still, self.K, coefficients[:4])
            found = np.array(found).reshape(-1, 2)
            behind = local[:, 2] <= 0  # OpenCV's stops at 90 degrees
            found[behind] = self._fisheye(local[behind])
        else:
            found, _ = cv2.projectPoints(local, still, still, self.K, coefficients)
        return np.asarray(found).reshape(-1, 2)

    def _fisheye(self, local: np.ndarray) -> np.ndarray:
        """Kannala and Brandt's formula, to 180 degrees."""
        across = np.hypot(local[:, 0], local[:, 1])
        theta = np.arctan2(across, local[:, 2])
        bent = theta * (1 + sum(k * theta ** (2 * n + 2) for n, k in enumerate(self.coefficients)))
        xy = local[:, :2] * (bent / np.where(across == 0, 1, across))[:, None]
        return xy @ self.K[:2, :2].T + self.K[:2, 2]


def _distorted(x: np.ndarray, y: np.ndarray, k: tuple[float, ...]) -> tuple[np.ndarray, np.ndarray]:
    """OpenCV's model with 4, 5 or 8 coefficients (k1 k2 p1 p2 k3 k4 k5 k6)."""
    k1, k2, p1, p2, k3, k4, k5, k6 = (*k, 0, 0, 0, 0)[:8]
    r2 = x * x + y * y
    radial = (1 + r2 * (k1 + r2 * (k2 + r2 * k3))) / (1 + r2 * (k4 + r2 * (k5 + r2 * k6)))
    return (
        x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x),
        y * radial + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y,
    )


def _undistorted(xd: np.ndarray, yd: np.ndarray, k: tuple[float, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Newton's method with differences; fit for lenses that do not fold over inside the image."""
    x, y, step = xd.copy(), yd.copy(), 1e-6
    for _ in range(30):
        fx, fy = _distorted(x, y, k)
        ax, ay = _distorted(x + step, y, k)
        bx, by = _distorted(x, y + step, k)
        a, b, c, d = (ax - fx) / step, (bx - fx) / step, (ay - fy) / step, (by - fy) / step
        ex, ey = fx - xd, fy - yd
        det = a * d - b * c
        x, y = x - (d * ex - b * ey) / det, y - (a * ey - c * ex) / det
    return x, y


def _angle(radius: np.ndarray, k: tuple[float, ...]) -> np.ndarray:
    """theta with theta (1 + k1 theta^2 + k2 theta^4 + k3 theta^6 + k4 theta^8) = radius."""
    theta = radius.copy()
    for _ in range(50):
        t2 = theta * theta
        value = theta * (1 + t2 * (k[0] + t2 * (k[1] + t2 * (k[2] + t2 * k[3]))))
        slope = 1 + t2 * (3 * k[0] + t2 * (5 * k[1] + t2 * (7 * k[2] + t2 * 9 * k[3])))
        theta = theta - (value - radius) / slope
    return theta


def facing(
    eye: Sequence[float], target: Sequence[float], roll: float = 0.0, about: np.ndarray | None = None
) -> np.ndarray:
    """world_from_camera f8[4, 4] of a camera at `eye` that looks at `target`; z is up. `roll` [rad] turns it clockwise.

    `about`: what both places are relative to."""
    forward = np.subtract(target, eye)
    forward = forward / np.linalg.norm(forward)
    right = np.cross(forward, [0.0, 0, 1])
    right /= np.linalg.norm(right)
    down = np.cross(forward, right)
    out = np.eye(4)
    out[:3, 0] = np.cos(roll) * right + np.sin(roll) * down
    out[:3, 1] = np.cos(roll) * down - np.sin(roll) * right
    out[:3, 2], out[:3, 3] = forward, np.asarray(eye) + (0.0 if about is None else about)
    return out


def pinhole(width: int, height: int, fov: float, pose: np.ndarray) -> Eye:
    """Square pixels and a horizontal field of view [rad]."""
    f = width / 2 / np.tan(fov / 2)
    return Eye(width, height, np.array([[f, 0, width / 2], [0, f, height / 2], [0, 0, 1.0]]), pose)


def turned(rotation: np.ndarray) -> np.ndarray:
    """The matrix f8[3, 3] of a turn by axis times angle [rad] (Rodrigues)."""
    angle = float(np.linalg.norm(rotation))
    if angle == 0:
        return np.eye(3)
    x, y, z = rotation / angle
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
