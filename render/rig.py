"""Several cameras that stand fast to one another: relative poses, stereo pairs, rectification and disparity."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from twinstage.base.errors import UserError
from twinstage.render.camera import camera_from_scene, with_pose
from twinstage.render.capture import Camera, pinhole
from twinstage.render.lens import PINHOLE
from twinstage.scene.columns import F8, frozen
from twinstage.scene.snapshot import SceneCamera, Snapshot
from twinstage.scene.transforms import rigid_inverse

PARALLEL = 1e-6
"""How far [rad, or shares of the baseline] a pair may be from rectified to count as such."""


@dataclass(frozen=True, slots=True)
class Rig:
    """Cameras with fixed relative poses; the rig's frame is that of the first camera."""

    cameras: tuple[Camera, ...]

    def __post_init__(self) -> None:
        if not self.cameras:
            raise UserError("a rig needs a camera")
        if any(camera.path is not None for camera in self.cameras):
            raise UserError("the cameras of a rig rest while their shutters are open; move the rig instead")

    @property
    def world_from_rig(self) -> F8:
        """f8[4, 4] [m]."""
        return self.cameras[0].world_from_camera

    @property
    def rig_from_cameras(self) -> F8:
        """Poses of all cameras in the rig f8[n, 4, 4] [m], OpenCV axes; the first is the identity."""
        inverse = rigid_inverse(self.world_from_rig)
        out: F8 = np.array([inverse @ camera.world_from_camera for camera in self.cameras])
        out[0] = np.eye(4)
        return out

    def relative(self, a: int, b: int) -> F8:
        """camera b from camera a, f8[4, 4] [m]: OpenCV's R and T of a pair (x_b = R x_a + T)."""
        out: F8 = rigid_inverse(self.cameras[b].world_from_camera) @ self.cameras[a].world_from_camera
        return out

    def moved(self, world_from_rig: np.ndarray) -> "Rig":
        """The same rig elsewhere: world_from_rig f8[4, 4] (of the first camera, OpenCV axes) [m]."""
        poses = np.asarray(world_from_rig, np.float64) @ self.rig_from_cameras
        return Rig(tuple(with_pose(c, pose) for c, pose in zip(self.cameras, poses, strict=True)))


@dataclass(frozen=True, slots=True)
class StereoPair:
    """A left and a right camera, and what follows where they are rectified.

    Rectified: both look the same way, the right one stands along the left one's +x, and both have the same pinhole, but
    for the principal point across. Then a point at depth z has the disparity u_left - u_right = fx b / z + cx_left - cx_right.
    """

    left: Camera
    right: Camera

    @property
    def rig(self) -> Rig:
        """The two as a rig."""
        return Rig((self.left, self.right))

    @property
    def baseline(self) -> float:
        """Distance of the two [m]."""
        a, b = self.left.world_from_camera[:3, 3], self.right.world_from_camera[:3, 3]
        return float(np.linalg.norm(b - a))

    @property
    def is_rectified(self) -> bool:
        """Whether rows of the two pictures match and disparities are as the class says."""
        a, b = self.left, self.right
        right_from_left = rigid_inverse(b.world_from_camera) @ a.world_from_camera
        turned = np.abs(right_from_left[:3, :3] - np.eye(3)).max() > PARALLEL
        beside = (
            np.abs(right_from_left[1:3, 3]).max() > PARALLEL * self.baseline or right_from_left[0, 3] >= 0
        )
        same = np.allclose(np.delete(a.K.ravel(), 2), np.delete(b.K.ravel(), 2), rtol=0, atol=1e-9)
        plain = a.lens == b.lens == PINHOLE and (a.width, a.height) == (b.width, b.height)
        return bool(not turned and not beside and same and plain)

    def disparity(self, depth: np.ndarray) -> F8:
        """u_left - u_right [px] of depths z of the left camera [m]; 0 / inf where z is inf / 0 of equal principal points."""
        self._require()
        with np.errstate(divide="ignore"):
            out: F8 = self.left.K[0, 0] * self.baseline / np.asarray(depth, np.float64)
        out += self.left.K[0, 2] - self.right.K[0, 2]
        return out

    def depth(self, disparity: np.ndarray) -> F8:
        """Depths z of the left camera [m] of disparities [px]."""
        self._require()
        offset = self.left.K[0, 2] - self.right.K[0, 2]
        with np.errstate(divide="ignore"):
            out: F8 = self.left.K[0, 0] * self.baseline / (np.asarray(disparity, np.float64) - offset)
        return out

    def q(self, *, integer_centres: bool = False) -> F8:
        """OpenCV's Q f8[4, 4]: (X, Y, Z, W) = Q (u, v, disparity, 1) in the left camera's axes [m] (stereoRectify).

        `integer_centres`: for pixel positions in which the upper left pixel's centre is (0, 0), as OpenCV's images have
        them (reprojectImageTo3D); else it is at (0.5, 0.5), as everywhere here.
        """
        self._require()
        shift = 0.5 if integer_centres else 0.0
        fx, fy = self.left.K[0, 0], self.left.K[1, 1]
        cx, cy = self.left.K[0, 2] - shift, self.left.K[1, 2] - shift
        offset = self.left.K[0, 2] - self.right.K[0, 2]
        out = np.zeros((4, 4))
        # OpenCV's rectified cameras have fx = fy; rows scaled by fx / fy serve all.
        out[0, 0], out[0, 3] = 1.0, -cx
        out[1, 1], out[1, 3] = fx / fy, -cy * fx / fy
        out[2, 3] = fx
        out[3, 2], out[3, 3] = 1 / self.baseline, -offset / self.baseline
        return out

    def rectified(self) -> "StereoPair":
        """The pair of ideal pinholes at the same two places, turned so that rows match.

        Both get the left camera's size and the mean of both focal lengths, square pixels, and the principal point in the
        middle. x runs from the left to the right camera, and both look as near as may be to where they both looked.
        Raises UserError for cameras in one place, or where the right one is not to the right.
        """
        a, b = self.left, self.right
        if not self.baseline > 0:
            raise UserError("a stereo pair whose cameras stand in the same place cannot be rectified")
        x = (b.world_from_camera[:3, 3] - a.world_from_camera[:3, 3]) / self.baseline
        forward = a.world_from_camera[:3, 2] + b.world_from_camera[:3, 2]
        y = np.cross(forward, x)
        if np.linalg.norm(y) < 1e-6 or x @ (a.world_from_camera[:3, 0] + b.world_from_camera[:3, 0]) <= 0:
            raise UserError(
                "a stereo pair cannot be rectified unless its right camera stands to the right of the left one"
            )
        y /= np.linalg.norm(y)
        rotation = np.stack([x, y, np.cross(x, y)], -1)
        focal = float(np.mean([a.K[0, 0], a.K[1, 1], b.K[0, 0], b.K[1, 1]]))
        k = pinhole(focal, focal, a.width / 2, a.height / 2)
        made = []
        for camera in (a, b):
            pose = np.array(camera.world_from_camera)
            pose[:3, :3] = rotation
            made.append(
                replace(
                    camera,
                    width=a.width,
                    height=a.height,
                    K=k,
                    lens=PINHOLE,
                    world_from_camera=frozen(pose, np.float64),
                )
            )
        return StereoPair(made[0], made[1])

    def _require(self) -> None:
        if not self.is_rectified:
            raise UserError("disparities belong to rectified stereo pairs; ask for `rectified()` first")


def stereo_pair(camera: Camera, baseline: float, *, centred: bool = False) -> StereoPair:
    """A pair of that camera and one to its right, `baseline` [m] away; `centred`: the camera's place is in the middle."""
    if not (np.isfinite(baseline) and baseline > 0):
        raise UserError(f"the baseline of a stereo pair is above 0 m, not {baseline:g}")
    Rig((camera,))  # one that moves is refused
    across = camera.world_from_camera[:3, 0] * baseline
    first = -across / 2 if centred else np.zeros(3)
    made = []
    for side, offset in (("left", first), ("right", first + across)):
        pose = np.array(camera.world_from_camera)
        pose[:3, 3] += offset
        made.append(replace(with_pose(camera, pose), name=f"{camera.name}.{side}"))
    return StereoPair(made[0], made[1])


def stereo_of_scene(
    snapshot: Snapshot, width: int, height: int, below: str = "", *, square_pixels: bool = False
) -> StereoPair:
    """The stage's stereo pair: the cameras of `stereoRole` left and right.

    `below`: the path of a prim that holds the pair, where the stage has several. Raises UserError unless there is exactly
    one camera of each role.
    """
    found: dict[str, list[SceneCamera]] = {"left": [], "right": []}
    for camera in snapshot.cameras:
        path = snapshot.prims.path[camera.prim]
        if camera.stereo_role in found and (not below or path == below or path.startswith(f"{below}/")):
            found[camera.stereo_role].append(camera)
    where = f"below {below}" if below else f"in {snapshot.stage.path}"
    for role, cameras in found.items():
        if len(cameras) != 1:
            names = ", ".join(snapshot.prims.path[c.prim] for c in cameras[:4]) or "none"
            raise UserError(f"a stereo pair needs one camera of stereoRole {role} {where}; found {names}")
    left, right = (
        camera_from_scene(snapshot, found[role][0], width, height, square_pixels=square_pixels)
        for role in ("left", "right")
    )
    return StereoPair(left, right)


def rig_of_scene(snapshot: Snapshot, names: Sequence[str], width: int, height: int) -> Rig:
    """The rig of the stage's cameras of those names or prim paths, all with the same image size."""
    from twinstage.render.camera import find_camera

    return Rig(
        tuple(camera_from_scene(snapshot, find_camera(snapshot, name), width, height) for name in names)
    )
