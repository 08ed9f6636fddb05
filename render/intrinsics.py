"""Cameras in other people's terms: OpenCV, OpenGL, COLMAP, nerfstudio.

Ours: OpenCV axes, K with the pixel-edge origin (the centre of the upper left pixel is at (0.5, 0.5)), as COLMAP,
nerfstudio and OpenGL's window coordinates have it. OpenCV's images have that centre at (0, 0): there cx and cy are 0.5 less.
"""

from dataclasses import dataclass

import numpy as np

from twinstage.base.errors import UserError
from twinstage.render.capture import Camera
from twinstage.render.lens import Fisheye, OpenCV
from twinstage.render.poses import rotation_vector
from twinstage.scene.columns import F8
from twinstage.scene.transforms import matrix_to_quat, rigid_inverse

FLIP = np.diag([1.0, -1.0, -1.0, 1.0])
"""OpenGL's (and USD's) camera axes from OpenCV's, and back."""


@dataclass(frozen=True, slots=True)
class OpenCVCamera:
    """What OpenCV's functions take.

    Attributes:
        model: "pinhole" (cv2.projectPoints) or "fisheye" (cv2.fisheye.projectPoints).
        K: f8[3, 3]; distortion: f8[n]: 5, 8, 12 or 14 of a pinhole, 4 of a fisheye.
        R, t: camera_from_world, f8[3, 3] and f8[3] [m]; rvec: R as axis times angle, f8[3].
    """

    model: str
    K: F8
    distortion: F8
    R: F8
    t: F8
    rvec: F8


def opencv(camera: Camera, *, integer_centres: bool = False) -> OpenCVCamera:
    """The camera for OpenCV. `integer_centres`: K for images in which the upper left pixel's centre is (0, 0).

    Raises UserError for lenses that OpenCV has not.
    """
    lens = camera.lens
    if lens.kind not in ("pinhole", "opencv", "fisheye"):
        raise UserError(f"OpenCV has no {lens.kind} camera, so {camera.name} cannot be written for it")
    distortion = np.zeros(5)
    if isinstance(lens, OpenCV):
        distortion = np.array(shortest(lens))
    elif isinstance(lens, Fisheye):
        distortion = np.array(lens.coefficients)
    k = np.array(camera.K)
    if integer_centres:
        k[:2, 2] -= 0.5
    inverse = rigid_inverse(camera.world_from_camera)
    model = "fisheye" if lens.kind == "fisheye" else "pinhole"
    return OpenCVCamera(
        model, k, distortion, inverse[:3, :3], inverse[:3, 3], rotation_vector(inverse[:3, :3])
    )


def shortest(lens: OpenCV) -> tuple[float, ...]:
    """The coefficients without zeros at the end, in one of the lengths that OpenCV takes (5, 8, 12, 14)."""
    used = max((i + 1 for i, c in enumerate(lens.coefficients) if c), default=0)
    return lens.coefficients[: next(n for n in (5, 8, 12, 14) if n >= used)]


def gl_view(camera: Camera) -> F8:
    """OpenGL's view matrix f8[4, 4] (column vectors): its camera axes (+y up, looking along -z) from the world [m]."""
    out: F8 = FLIP @ rigid_inverse(camera.world_from_camera)
    return out


def gl_projection(camera: Camera, near: float | None = None, far: float | None = None) -> F8:
    """OpenGL's projection matrix f8[4, 4] (column vectors, depth from -1 at near to 1 at far).

    `near`, `far` [m]: the camera's own by default. Raises UserError for a lens that no matrix can hold.
    """
    n, f = camera.near if near is None else near, camera.far if far is None else far
    kind = camera.lens.kind
    if kind not in ("pinhole", "orthographic"):
        raise UserError(f"no projection matrix holds the {kind} lens of camera {camera.name}")
    if not (np.isfinite(f) and n < f and (n > 0 or kind == "orthographic")):
        raise UserError(f"a projection matrix needs 0 < near < far, not {n:g} and {f:g}")
    (fx, skew, cx), (_, fy, cy), _ = camera.K
    w, h = camera.width, camera.height
    out = np.zeros((4, 4))
    out[0, :2] = 2 * fx / w, -2 * skew / w
    out[1, 1] = 2 * fy / h
    if kind == "orthographic":
        out[0, 3], out[1, 3] = 2 * cx / w - 1, 1 - 2 * cy / h
        out[2, 2:] = -2 / (f - n), -(f + n) / (f - n)
        out[3, 3] = 1.0
    else:
        out[0, 2], out[1, 2] = 1 - 2 * cx / w, 2 * cy / h - 1
        out[2, 2:] = -(f + n) / (f - n), -2 * f * n / (f - n)
        out[3, 2] = -1.0
    return out


def colmap_camera(camera: Camera, camera_id: int = 1) -> str:
    """The camera's line of COLMAP's cameras.txt: PINHOLE, OPENCV, FULL_OPENCV or OPENCV_FISHEYE."""
    fx, fy, cx, cy = _four(camera, "COLMAP")
    lens = camera.lens
    extra: tuple[float, ...] = ()
    if isinstance(lens, OpenCV):
        if any(lens.coefficients[8:]):
            raise UserError(f"COLMAP has no thin prism or tilt, as the lens of camera {camera.name} has")
        model = "FULL_OPENCV" if any(lens.coefficients[4:]) else "OPENCV"
        extra = lens.coefficients[:8] if model == "FULL_OPENCV" else lens.coefficients[:4]
    elif isinstance(lens, Fisheye):
        model, extra = "OPENCV_FISHEYE", lens.coefficients
    elif lens.kind == "pinhole":
        model = "PINHOLE"
    else:
        raise UserError(f"COLMAP has no {lens.kind} camera, so {camera.name} cannot be written for it")
    numbers = " ".join(repr(float(v)) for v in (fx, fy, cx, cy, *extra))
    return f"{camera_id} {model} {camera.width} {camera.height} {numbers}"


def colmap_image(camera: Camera, name: str, image_id: int = 1, camera_id: int = 1) -> str:
    """The picture's first line of COLMAP's images.txt: camera_from_world as a quaternion wxyz and a translation [m]."""
    inverse = rigid_inverse(camera.world_from_camera)
    numbers = [*matrix_to_quat(inverse[:3, :3]), *inverse[:3, 3]]
    return f"{image_id} {' '.join(repr(float(v)) for v in numbers)} {camera_id} {name}"


def nerf_frame(camera: Camera, file_path: str) -> dict[str, object]:
    """The picture's entry among the `frames` of a transforms.json (nerfstudio, instant-ngp), with its own intrinsics."""
    fx, fy, cx, cy = _four(camera, "transforms.json")
    lens = camera.lens
    models = {"pinhole": "OPENCV", "opencv": "OPENCV", "fisheye": "OPENCV_FISHEYE"}
    if lens.kind not in models:
        raise UserError(
            f"transforms.json has no {lens.kind} camera, so {camera.name} cannot be written for it"
        )
    out: dict[str, object] = {
        "file_path": file_path,
        "camera_model": models[lens.kind],
        "w": camera.width,
        "h": camera.height,
        "fl_x": fx,
        "fl_y": fy,
        "cx": cx,
        "cy": cy,
    }
    if isinstance(lens, OpenCV):
        if any(lens.coefficients[5:]):
            raise UserError(
                f"transforms.json has k1, k2, k3, p1 and p2 only, unlike the lens of camera {camera.name}"
            )
        out |= dict(zip(("k1", "k2", "p1", "p2", "k3"), lens.coefficients, strict=False))
    elif isinstance(lens, Fisheye):
        out |= dict(zip(("k1", "k2", "k3", "k4"), lens.coefficients, strict=True))
    world = camera.world_from_camera @ FLIP
    out["transform_matrix"] = [[float(v) + 0.0 for v in row] for row in world]
    return out


def _four(camera: Camera, who: str) -> tuple[float, float, float, float]:
    if camera.K[0, 1] != 0:
        raise UserError(f"{who} has no skew, as K of camera {camera.name} has")
    return float(camera.K[0, 0]), float(camera.K[1, 1]), float(camera.K[0, 2]), float(camera.K[1, 2])
