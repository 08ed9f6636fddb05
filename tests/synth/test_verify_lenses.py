"""The judge's lenses against OpenCV's own functions, and rays against projections."""

import cv2
import numpy as np
import pytest

from twinstage.synth.verify import lenses
from twinstage.synth.verify.eye import read_eye
from twinstage.synth.verify.geometry import box_frame
from twinstage.synth.verify.keypoints import Surroundings, check_keypoints
from twinstage.synth.verify.pictures import ray_parameter
from twinstage.synth.verify.report import Judge
from twinstage.synth.verify.solids import Solid

OPENCV = (
    (-0.25, 0.08, 0.003, -0.002),
    (-0.25, 0.08, 0.003, -0.002, -0.01),
    (0.3, -0.05, -0.002, 0.003, 0.01, 0.6, 0.05, 0.002),
    (0.1, -0.05, 0.001, -0.002, 0.01, 0.02, 0.01, 0.003, 0.001, 0.0002, -0.001, 0.0003),
    (0.1, -0.05, 0.001, -0.002, 0.01, 0.02, 0.01, 0.003, 0.001, 0.0002, -0.001, 0.0003, 0.02, -0.03),
)
FISHEYE = ((0.0, 0.0, 0.0, 0.0), (0.02, -0.004, 0.0003, -0.0001))


def points(n: int = 200) -> np.ndarray:
    rng = np.random.default_rng(4)
    return np.column_stack([rng.uniform(-0.7, 0.7, (n, 2)), np.ones(n)]) * rng.uniform(0.5, 4, (n, 1))


@pytest.mark.parametrize("coefficients", OPENCV)
def test_opencv_is_opencv(coefficients: tuple[float, ...]) -> None:
    kind, c = lenses.checked({"kind": "opencv", "coefficients": list(coefficients)})
    given = points()
    wanted, _ = cv2.projectPoints(given, np.zeros(3), np.zeros(3), np.eye(3), np.array(coefficients))
    assert np.allclose(lenses.project(kind, c, given), wanted[:, 0], atol=1e-12)


@pytest.mark.parametrize("coefficients", FISHEYE)
def test_fisheye_is_opencvs(coefficients: tuple[float, ...]) -> None:
    kind, c = lenses.checked({"kind": "fisheye", "coefficients": list(coefficients)})
    given = points()
    wanted, _ = cv2.fisheye.projectPoints(
        given[:, None], np.zeros(3), np.zeros(3), np.eye(3), np.array(coefficients)
    )
    assert np.allclose(lenses.project(kind, c, given), wanted[:, 0], atol=1e-9)


@pytest.mark.parametrize(
    ("kind", "coefficients"),
    [("pinhole", ()), ("orthographic", ()), ("equirectangular", ())]
    + [("opencv", c) for c in OPENCV]
    + [("fisheye", c) for c in FISHEYE],
)
def test_rays_go_back_where_points_came_from(kind: str, coefficients: tuple[float, ...]) -> None:
    name, c = lenses.checked({"kind": kind, "coefficients": list(coefficients)})
    given = points()
    origins, directions = lenses.rays(name, c, lenses.project(name, c, given))
    along = given - origins
    off = np.linalg.norm(np.cross(along, directions), axis=1) / np.linalg.norm(directions, axis=1)
    assert off.max() < 1e-7


def test_a_lens_that_folds_back_sees_nothing_beyond() -> None:
    c = np.zeros(14)
    c[0] = -0.3  # r (1 - 0.3 r^2) stops rising at r = 1 / sqrt(0.9)
    assert lenses.reach(tuple(c.tolist())) == pytest.approx(1 / np.sqrt(0.9), abs=1e-6)
    assert np.isnan(lenses.project("opencv", c, np.array([[1.2, 0, 1.0]]))).all()


def test_rows_look_from_where_the_camera_is_when_they_are_exposed() -> None:
    turned = np.eye(4)
    turned[:3, :3] = cv2.Rodrigues(np.array([0.0, 0.4, 0.0]))[0]
    turned[:3, 3] = 1, 0, 0
    eye = read_eye(
        {
            "resolution": [4, 5],
            "K": [[2, 0, 2], [0, 2, 2.5], [0, 0, 1]],
            "world_from_camera": np.eye(4).tolist(),
            "shutter": {"open": 0.0, "close": 0.2, "readout": 0.8},
            "path": {"seconds": [0.1, 0.9], "world_from_camera": [np.eye(4).tolist(), turned.tolist()]},
        }
    )
    for row, share in enumerate((0, 0.25, 0.5, 0.75, 1)):
        wanted = cv2.Rodrigues(np.array([0.0, 0.4 * share, 0.0]))[0]
        assert np.allclose(eye.poses[row, :3, :3], wanted, atol=1e-9)
        assert np.allclose(eye.poses[row, :3, 3], [share, 0, 0])


@pytest.mark.parametrize(
    "projection",
    [
        {"kind": "lomo"},
        {"kind": "opencv", "coefficients": [0.1, 0.2]},
        {"kind": "pinhole", "coefficients": [0.1]},
        {"kind": "fisheye", "coefficients": [float("nan"), 0, 0, 0]},
    ],
)
def test_what_is_no_lens(projection: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"lens|fisheye"):
        lenses.checked(projection)


@pytest.mark.parametrize(("focal", "told"), [(600.0, ["keypoint.seen"]), (20.0, [])])
def test_a_rail_between_wide_pixels_may_hide_a_key_point(focal: float, told: list[str]) -> None:
    """All pixels around look past what hides it: a lie of an image with fine pixels, none of one with pixels of 15 cm."""
    eye = read_eye(
        {
            "resolution": [128, 96],
            "K": [[focal, 0, 64], [0, focal, 48], [0, 0, 1]],
            "world_from_camera": np.eye(4).tolist(),
            "near": 0.1,
            "far": 100,
        }
    )
    around = Surroundings(eye, np.zeros((96, 128), np.int32), [None], np.full((96, 128), np.inf))
    point = {"name": "tip", "world": [0, 0, 3], "px": [64, 48], "v": 1}
    judge = Judge()
    check_keypoints({"keypoints": [point]}, 1, ["tip"], around, "here", judge)
    assert [finding.code for finding in judge.findings] == told


def _panorama() -> tuple[dict[str, object], np.ndarray]:
    """A panorama of 128 x 64 pixels, and the depth image (z) of an empty world."""
    camera = {
        "resolution": [128, 64],
        "K": [[128 / (2 * np.pi), 0, 64], [0, 64 / np.pi, 32], [0, 0, 1]],
        "world_from_camera": np.eye(4).tolist(),
        "projection": {"kind": "equirectangular"},
        "near": 0.1,
        "far": 100,
    }
    return camera, np.full((64, 128), np.inf)


def test_background_behind_a_panorama_is_far_away() -> None:
    """z of what lies behind is negative: inf over it was -inf, as if a surface stood before everything."""
    camera, depth = _panorama()
    assert (ray_parameter(read_eye(camera), depth, None) == np.inf).all()


def test_where_z_tells_nothing_no_key_point_is_judged_by_it() -> None:
    camera, depth = _panorama()
    eye = read_eye(camera)
    point = {"name": "tip", "world": [0.3, 0, 1e-4], "px": None, "v": 1}
    at = eye.project(np.array([point["world"]]), np.array([32]))[0][0]
    for z, told in ((3e-4, []), (np.inf, ["keypoint.seen"])):
        depth[:] = z
        around = Surroundings(eye, np.zeros((64, 128), np.int32), [None], ray_parameter(eye, depth, None))
        judge = Judge()
        check_keypoints({"keypoints": [{**point, "px": at.tolist()}]}, 1, ["tip"], around, "here", judge)
        assert [finding.code for finding in judge.findings if finding.code == "keypoint.seen"] == told


@pytest.mark.parametrize(
    ("depth", "holed", "told"),
    [(1.0, (), []), (2.2, (), []), (3.5, (), ["keypoint.hidden"]), (3.5, (2,), [])],
)
def test_only_what_lies_before_a_key_point_covers_it(
    depth: float, holed: tuple[int, ...], told: list[str]
) -> None:
    """All pixels around show another object, whose box reaches from 2 to 3 m; the mark is thinner than a pixel.

    A fence of cut-out wire shows what is behind it between the pixels.
    """
    eye = read_eye(
        {
            "resolution": [128, 96],
            "K": [[400, 0, 64], [0, 400, 48], [0, 0, 1]],
            "world_from_camera": np.eye(4).tolist(),
            "near": 0.1,
            "far": 100,
        }
    )
    corners = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (2, 3)], np.float64)
    other = Solid(corners, np.eye(4), box_frame(corners))
    around = Surroundings(eye, np.full((96, 128), 2, np.int32), [None, other], None, frozenset(holed))
    point = {"name": "tip", "world": [0, 0, depth], "px": [64, 48], "v": 2}
    judge = Judge()
    check_keypoints({"keypoints": [point]}, 1, ["tip"], around, "here", judge)
    assert [finding.code for finding in judge.findings] == told
