"""Another moment that is looked at: where instances are in it, and how its camera sees points."""

from dataclasses import dataclass

import numpy as np

from twinstage.render.bounds import image_rect
from twinstage.render.capture import ROW_STEPS, Camera
from twinstage.render.casting import parts_in_view
from twinstage.render.motion import Motion
from twinstage.render.opacity import Transparency
from twinstage.render.posing import Moment, moments
from twinstage.render.rays import View
from twinstage.scene.columns import F8
from twinstage.scene.snapshot import Prototype, Snapshot


@dataclass(frozen=True, slots=True)
class Instant:
    """A moment in which something is looked at: a scene, a camera, and how things move while its shutter is open."""

    snapshot: Snapshot
    camera: Camera
    motion: Motion | None = None


class Other:
    """The moment that is carried to: its poses by instance, its camera, its parts."""

    def __init__(self, instant: Instant, transparent: Transparency = "surface") -> None:
        self.camera, self.view = instant.camera, View(instant.camera)
        self.moments: list[Moment] = list(moments(instant.snapshot, instant.camera, instant.motion))
        self.snapshot = self.moments[0].snapshot
        self.parts = parts_in_view(
            instant.snapshot,
            instant.camera,
            image_rect(instant.camera),
            transparent=transparent,
            motion=instant.motion,
        )

    def prototype(self, row: int) -> Prototype:
        """Geometry of an instance."""
        return self.snapshot.prototypes[int(self.snapshot.instances.prototype[row])]

    def world(self, row: int) -> F8:
        """world_from_gprim of an instance, f8[4, 4], or f8[height, 4, 4] where it moves meanwhile."""
        poses = [moment.instance(row) for moment in self.moments]
        if all(pose.ndim == 2 and np.array_equal(pose, poses[0]) for pose in poses):
            return poses[0]
        out = np.empty((self.camera.height, 4, 4))
        for moment, pose in zip(self.moments, poses, strict=True):
            rows = slice(moment.first, moment.last)
            out[rows] = pose if pose.ndim == 2 else pose[rows]
        return out

    def look(self, world: F8, points: F8, weight: float) -> tuple[F8, np.ndarray, F8, F8]:
        """Homogeneous points f8[3, n] (weight 1: places, 0: directions) in the frame of `world`, seen by the camera.

        Returns pixel positions f8[n, 2], rows i8[n], and the points in camera axes and in the world, f8[3, n].
        """
        height = self.camera.height
        row = np.full(points.shape[1], height // 2)
        rolling = self.view.rolling or world.ndim == 3
        for _ in range(ROW_STEPS if rolling else 1):
            pose = self.view.poses if not self.view.rolling else self.view.poses[row]
            box = world if world.ndim == 2 else world[row]
            offset = weight * (box[..., :3, 3] - pose[..., :3, 3])
            if pose.ndim == 2 and box.ndim == 2:
                away = box[:3, :3] @ points + offset[:, None]
                local = pose[:3, :3].T @ away
            else:
                away = _each(box[..., :3, :3], points) + np.broadcast_to(offset, (len(row), 3)).T
                local = _each(np.swapaxes(pose[..., :3, :3], -1, -2), away)
            place = self.camera.lens.project(local.T) @ self.camera.K[:2, :2].T + self.camera.K[:2, 2]
            y = np.nan_to_num(place[:, 1], nan=height / 2, posinf=height, neginf=0)
            row = np.clip(np.floor(y), 0, height - 1).astype(np.int64)
        eye = weight * pose[..., :3, 3]
        return place, row, local, away + np.broadcast_to(eye, (points.shape[1], 3)).T


def _each(matrices: F8, vectors: F8) -> F8:
    """matrices [n, 3, 3] or [3, 3] times vectors f8[3, n], one each."""
    if matrices.ndim == 2:
        return np.asarray(matrices @ vectors)
    return np.asarray(np.einsum("nij,jn->in", matrices, vectors))


def same_instances(a: Snapshot, b: Snapshot) -> np.ndarray:
    """Row in b of each instance of a, i8[n], -1 where b has none: by prim path, point id and order among equals."""
    x, y = a.instances, b.instances
    alike = len(x) == len(y) and np.array_equal(x.prim, y.prim) and np.array_equal(x.point_id, y.point_id)
    if alike and (a.prims.path is b.prims.path or a.prims.path == b.prims.path):
        return np.arange(len(x))
    known = {key: row for row, key in enumerate(_keys(b))}
    return np.array([known.get(key, -1) for key in _keys(a)], np.int64)


def _keys(snapshot: Snapshot) -> list[tuple[str, int, int]]:
    seen: dict[tuple[str, int], int] = {}
    out = []
    table = snapshot.instances
    for prim, point in zip(table.prim.tolist(), table.point_id.tolist(), strict=True):
        key = snapshot.prims.path[prim], point
        seen[key] = seen.get(key, -1) + 1
        out.append((*key, seen[key]))
    return out


def same_topology(a: Prototype, b: Prototype) -> bool:
    """Whether a triangle of one is the same triangle of the other, wherever its corners are."""
    return a.hash == b.hash or (len(a.points) == len(b.points) and np.array_equal(a.triangles, b.triangles))
