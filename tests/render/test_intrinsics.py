"""Exports: points are projected again by each convention's own rules, written apart, and land where the camera says."""

import json
from dataclasses import replace

import numpy as np
import pytest

from twinstage.base.errors import UserError
from twinstage.render.camera import camera_from_scene, look_at
from twinstage.render.camera_data import camera_data, camera_of_data
from twinstage.render.capture import Camera, pinhole
from twinstage.render.intrinsics import (
    colmap_camera,
    colmap_image,
    gl_projection,
    gl_view,
    nerf_frame,
    opencv,
)
from twinstage.render.lens import EQUIRECTANGULAR, ORTHOGRAPHIC, PINHOLE, Fisheye, OpenCV
from twinstage.render.motion import Shutter, Trajectory
from twinstage.scene.columns import frozen
from twinstage.scene.snapshot import SceneCamera

cv2 = pytest.importorskip("cv2")

POINTS = np.random.default_rng(0).uniform([-1.5, -1.5, -1], [1.5, 1.5, 1.5], (40, 3))
BROWN = OpenCV((-0.2, 0.05, 0.001, -0.002, 0.01))
RATIONAL = OpenCV((0.4412, -0.2301, 0.0003, 0.0006, -0.0113, 0.7412, -0.1215, -0.0421))
FISHEYE = Fisheye((-0.01, 0.002, 0.0, 0.0005))


def eye(lens=PINHOLE) -> Camera:
    pose = look_at([6, -5, 3], [0, 0, 0], roll=0.4).world_from_camera
    return Camera("eye", 640, 480, pinhole(500, 520, 310.5, 245.25), pose, near=0.5, far=60.0, lens=lens)


@pytest.mark.parametrize("integer", [False, True])
@pytest.mark.parametrize("lens", [PINHOLE, BROWN, OpenCV((-0.2, 0.05)), RATIONAL, FISHEYE])
def test_opencv_projects_the_same(lens, integer):
    camera = eye(lens)
    cv = opencv(camera, integer_centres=integer)
    if cv.model == "fisheye":
        found, _ = cv2.fisheye.projectPoints(POINTS[:, None], cv.rvec, cv.t, cv.K, cv.distortion)
        found = found.reshape(-1, 2)
    else:
        found = cv2.projectPoints(POINTS, cv.rvec, cv.t, cv.K, cv.distortion)[0][:, 0]
    assert np.abs(found + (0.5 if integer else 0.0) - camera.project(POINTS)[0]).max() < 1e-6
    assert np.allclose(cv2.Rodrigues(cv.rvec)[0], cv.R)


def through_opengl(camera: Camera, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Window coordinates, y down, and depth from -1 to 1, of OpenGL's pipeline."""
    clip = np.column_stack([points, np.ones(len(points))]) @ gl_view(camera).T @ gl_projection(camera).T
    ndc = clip[:, :3] / clip[:, 3:]
    window = np.stack(
        [(ndc[:, 0] + 1) / 2 * camera.width, camera.height - (ndc[:, 1] + 1) / 2 * camera.height], -1
    )
    return window, ndc[:, 2]


@pytest.mark.parametrize("lens", [PINHOLE, ORTHOGRAPHIC])
def test_opengl_projects_the_same(lens):
    camera = eye(lens)
    k = np.array(camera.K)
    k[0, 1] = 3.0  # skew
    camera = replace(camera, K=k)
    pixels, depth = camera.project(POINTS)
    window, z = through_opengl(camera, POINTS)
    assert np.abs(window - pixels).max() < 1e-9
    assert ((z > -1) & (z < 1)).all() and (np.diff(z[np.argsort(depth)]) > 0).all()
    axis = camera.world_from_camera[:3, 2]
    ends = camera.world_from_camera[:3, 3] + np.outer([0.5, 60.0], axis)
    assert np.allclose(through_opengl(camera, ends)[1], [-1, 1])


def test_opengl_matrices_are_those_of_gf(hand):
    from pxr import Gf

    gf_pose = Gf.Matrix4d(Gf.Rotation(Gf.Vec3d(1, 2, -3), 40.0), Gf.Vec3d(1.0, -2.0, 3.0))
    for projection in (Gf.Camera.Perspective, Gf.Camera.Orthographic):
        gf = Gf.Camera(gf_pose, projection, 36.0, 20.0, 3.0, -2.0, 50.0, Gf.Range1f(0.5, 60))
        name = "perspective" if projection == Gf.Camera.Perspective else "orthographic"
        scene = SceneCamera(0, "Eye", name, 5000.0, 3600.0, 2000.0, 300.0, -200.0, 0.5, 60.0)
        s = hand.snapshot([(hand.box(), np.eye(4), 0)], cameras=[(scene, np.array(gf_pose).T)])
        camera = camera_from_scene(s, s.cameras[0], 640, 480)
        assert np.allclose(gl_view(camera), np.array(gf.frustum.ComputeViewMatrix()).T)
        assert np.allclose(
            gl_projection(camera), np.array(gf.frustum.ComputeProjectionMatrix()).T, atol=1e-6
        ), name


def colmap_project(camera_line: str, image_line: str, points: np.ndarray) -> np.ndarray:
    """COLMAP's documented models (src/colmap/sensor/models.h), from the two lines alone."""
    _, model, _, _, *params = camera_line.split()
    fx, fy, cx, cy, *k = map(float, params)
    _, w, x, y, z, *rest = image_line.split()
    w, x, y, z = float(w), float(x), float(y), float(z)
    t = np.array([float(v) for v in rest[:3]])
    r = np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )
    local = points @ r.T + t
    u, v = local[:, 0] / local[:, 2], local[:, 1] / local[:, 2]
    s = u * u + v * v
    if model == "OPENCV_FISHEYE":
        theta = np.arctan(np.sqrt(s))
        scale = theta * (1 + sum(c * theta ** (2 * i + 2) for i, c in enumerate(k))) / np.sqrt(s)
        return np.stack([fx * u * scale + cx, fy * v * scale + cy], -1)
    k1, k2, p1, p2, k3, k4, k5, k6 = (*k, *[0.0] * (8 - len(k)))
    f = (1 + k1 * s + k2 * s**2 + k3 * s**3) / (1 + k4 * s + k5 * s**2 + k6 * s**3)
    du = 2 * p1 * u * v + p2 * (s + 2 * u * u)
    dv = 2 * p2 * u * v + p1 * (s + 2 * v * v)
    return np.stack([fx * (u * f + du) + cx, fy * (v * f + dv) + cy], -1)


@pytest.mark.parametrize(
    ("lens", "model"),
    [
        (PINHOLE, "PINHOLE"),
        (OpenCV((-0.2, 0.05, 0.001, 0.002)), "OPENCV"),
        (BROWN, "FULL_OPENCV"),
        (RATIONAL, "FULL_OPENCV"),
        (FISHEYE, "OPENCV_FISHEYE"),
    ],
)
def test_colmap_projects_the_same(lens, model):
    camera = eye(lens)
    lines = colmap_camera(camera, 3), colmap_image(camera, "a.png", 7, 3)
    assert (
        lines[0].startswith(f"3 {model} 640 480 ")
        and lines[1].startswith("7 ")
        and lines[1].endswith(" 3 a.png")
    )
    assert np.abs(colmap_project(*lines, POINTS) - camera.project(POINTS)[0]).max() < 1e-6


@pytest.mark.parametrize("lens", [PINHOLE, BROWN, FISHEYE])
def test_transforms_json_projects_the_same(lens):
    camera = eye(lens)
    frame = json.loads(json.dumps(nerf_frame(camera, "a.png")))
    world = np.array(frame["transform_matrix"])
    local = (POINTS - world[:3, 3]) @ world[:3, :3] * [1, -1, -1]  # its cameras look along -z, +y up
    k = np.array([[frame["fl_x"], 0, frame["cx"]], [0, frame["fl_y"], frame["cy"]], [0, 0, 1]])
    if frame["camera_model"] == "OPENCV_FISHEYE":
        d = np.array([frame[name] for name in ("k1", "k2", "k3", "k4")])
        found = cv2.fisheye.projectPoints(local[:, None], np.zeros(3), np.zeros(3), k, d)[0].reshape(-1, 2)
    else:
        d = np.array([frame.get(name, 0.0) for name in ("k1", "k2", "p1", "p2", "k3")])
        found = cv2.projectPoints(local, np.zeros(3), np.zeros(3), k, d)[0][:, 0]
    assert np.abs(found - camera.project(POINTS)[0]).max() < 1e-6


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: opencv(eye(EQUIRECTANGULAR)), "OpenCV has no equirectangular camera"),
        (lambda: gl_projection(eye(BROWN)), "no projection matrix holds the opencv lens"),
        (lambda: gl_projection(eye(), near=0.0), "0 < near < far"),
        (lambda: gl_projection(eye(), far=np.inf), "0 < near < far"),
        (lambda: colmap_camera(eye(EQUIRECTANGULAR)), "COLMAP has no equirectangular"),
        (lambda: colmap_camera(eye(OpenCV((0.0,) * 8 + (0.1,)))), "no thin prism"),
        (lambda: nerf_frame(eye(RATIONAL), "a.png"), "k1, k2, k3, p1 and p2 only"),
        (lambda: nerf_frame(eye(ORTHOGRAPHIC), "a.png"), "no orthographic"),
        (lambda: colmap_camera(replace(eye(), K=np.array([[5.0, 1, 2], [0, 5, 2], [0, 0, 1]]))), "no skew"),
    ],
)
def test_what_a_format_cannot_hold_is_one_sentence(call, sentence):
    with pytest.raises(UserError, match=sentence):
        call()


@pytest.mark.parametrize("lens", [PINHOLE, ORTHOGRAPHIC, EQUIRECTANGULAR, BROWN, FISHEYE])
def test_a_camera_comes_back_from_json(lens):
    poses = np.array([look_at([6, -5, 3 + z], [0, 0, 0]).world_from_camera for z in (0.0, 0.1)])
    path = Trajectory(frozen(np.array([-0.01, 0.02]), np.float64), frozen(poses, np.float64))
    camera = replace(
        eye(lens), shutter=Shutter(-0.01, 0.01, 0.01), path=path, aperture_radius=0.01, focus_distance=3.0
    )
    back = camera_of_data(json.loads(json.dumps(camera_data(camera))))
    for a, b in zip(camera.rays(), back.rays(), strict=True):
        assert np.array_equal(a, b, equal_nan=True)
    assert camera_data(back) == camera_data(camera)
    assert (back.shutter, back.aperture_radius, back.lens) == (camera.shutter, 0.01, lens)


GOOD = camera_data(eye())


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"width": 0}, "width"),
        ({"fov": 3}, "fov"),
        ({"K": [[1, 0], [0, 1]]}, "K"),
        ({"K": [[-5, 0, 1], [0, 5, 1], [0, 0, 1]]}, "fx and fy above 0"),
        ({"near": 5.0, "far": 1.0}, "not beyond near"),
        ({"far": float("nan")}, "far"),
        ({"world_from_camera": (2 * np.eye(4)).tolist()}, "not a rotation"),
        ({"world_from_camera": np.diag([1.0, 1, -1, 1]).tolist()}, "not a rotation"),
        ({"lens": {"kind": "fishy"}}, "no lens 'fishy'"),
        ({"path": {"seconds": [1, 0], "world_from_camera": [np.eye(4).tolist()] * 2}}, "rising seconds"),
    ],
)
def test_what_is_no_camera_is_one_sentence(change, sentence):
    with pytest.raises(UserError, match=sentence) as error:
        camera_of_data(GOOD | change)
    assert "\n" not in str(error.value)
    with pytest.raises(UserError, match="no camera"):
        camera_of_data([])
