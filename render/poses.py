"""6D poses of objects as a camera sees them: a pure rotation, a translation, and what is baked into the model.

    x_camera = R (A x_object) + t

R is a rotation (determinant +1) even where the object is scaled, sheared or mirrored: all of that is in A, the 3x3 matrix
that takes the object's own coordinates to its model's. So `A x` are the points of a rigid model in metres, as BOP and
everybody who estimates poses expects. Camera axes are OpenCV's; a camera that moves counts at the frame's time.
"""

from dataclasses import dataclass

import numpy as np

from twinstage.render.capture import Camera
from twinstage.render.extents import object_nodes
from twinstage.scene.columns import F8, I4, Bool, frozen
from twinstage.scene.snapshot import Snapshot
from twinstage.scene.transforms import decompose_trs, matrix_to_quat, quat_to_matrix, rigid_inverse

SHEAR = 1e-6
"""Greatest residue of a linear part that counts as rotation and scale alone."""


@dataclass(frozen=True, slots=True)
class ObjectPoses:
    """Poses of n objects.

    Attributes:
        object: rows of `Snapshot.objects`, i4[n].
        rotation: R f8[n, 3, 3], NaN where the object is squashed flat; translation: t f8[n, 3] [m].
        model: A f8[n, 3, 3].
        scale: f8[n, 3], signed: a mirrored object has a negative x; with shear the lengths of the axes.
        mirrored: det A < 0, bool[n]; sheared: A is not diagonal, bool[n].
    """

    object: I4
    rotation: F8
    translation: F8
    model: F8
    scale: F8
    mirrored: Bool
    sheared: Bool

    def __len__(self) -> int:
        return len(self.object)

    @property
    def matrices(self) -> F8:
        """camera_from_model f8[n, 4, 4]: rigid [m]."""
        out = np.zeros((len(self), 4, 4))
        out[:, :3, :3], out[:, :3, 3], out[:, 3, 3] = self.rotation, self.translation, 1.0
        return out

    @property
    def quaternions(self) -> F8:
        """Rotations as unit quaternions wxyz, w >= 0, f8[n, 4]."""
        return matrix_to_quat(self.rotation)

    def points(self, k: int, object_points: np.ndarray) -> F8:
        """Points [m, 3] in the axes of the k-th object as f8[m, 3] in camera axes [m]."""
        model = np.asarray(object_points, np.float64) @ self.model[k].T
        out: F8 = model @ self.rotation[k].T + self.translation[k]
        return out


def object_poses(snapshot: Snapshot, camera: Camera, objects: np.ndarray | None = None) -> ObjectPoses:
    """The poses of those objects (rows; None for all)."""
    rows = np.arange(len(snapshot.objects)) if objects is None else np.asarray(objects, np.int64)
    world = snapshot.node_world[object_nodes(snapshot, rows)] if len(rows) else np.zeros((0, 4, 4))
    seen = rigid_inverse(camera.world_from_camera) @ world
    linear = seen[:, :3, :3]
    flat = np.abs(np.linalg.det(linear)) <= 1e-30
    safe = np.where(flat[:, None, None], np.eye(4), seen)
    translation, quat, scale, residue = decompose_trs(safe)
    rotation = quat_to_matrix(quat)
    rotation[flat], scale[flat] = np.nan, np.linalg.norm(linear, axis=1)[flat]
    model = np.swapaxes(rotation, 1, 2) @ linear
    translation[flat] = seen[flat, :3, 3]
    return ObjectPoses(
        object=frozen(rows, np.int32),
        rotation=frozen(rotation, np.float64),
        translation=frozen(translation, np.float64),
        model=frozen(model, np.float64),
        scale=frozen(scale, np.float64),
        mirrored=frozen(np.linalg.det(linear) < 0, np.bool_),
        sheared=frozen(residue > SHEAR * np.abs(scale).max(1, initial=1.0), np.bool_),
    )


def rotation_vector(rotation: np.ndarray) -> F8:
    """Axis times angle [rad] of rotations [..., 3, 3], f8[..., 3] (OpenCV's rvec), angles from 0 to pi."""
    quat = matrix_to_quat(rotation)
    axis = quat[..., 1:]
    sine = np.linalg.norm(axis, axis=-1, keepdims=True)
    angle = 2 * np.arctan2(sine, quat[..., :1])
    out: F8 = axis * np.where(sine > 1e-12, angle / np.where(sine > 1e-12, sine, 1.0), 2.0)
    return out
