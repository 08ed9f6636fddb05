"""Lenses against OpenCV's own functions and closed forms."""

import json

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from twinstage.base.errors import UserError
from twinstage.render.capture import Camera, pinhole
from twinstage.render.lens import (
    EQUIRECTANGULAR,
    ORTHOGRAPHIC,
    PINHOLE,
    Equirectangular,
    Fisheye,
    Lens,
    OpenCV,
    lens_data,
    lens_from,
    lens_of_data,
)

cv2 = pytest.importorskip("cv2")

# Real calibrations: a webcam, a GoPro-like rational lens, a tilted line camera.
WEBCAM = (-0.2864, 0.1106, 0.0008, -0.0005, -0.0214)
RATIONAL = (0.4412, -0.2301, 0.0003, 0.0006, -0.0113, 0.7412, -0.1215, -0.0421)
PRISM = (*WEBCAM, 0.0, 0.0, 0.0, 0.0012, -0.0007, 0.0009, 0.0004)
TILTED = (*PRISM, 0.06, -0.04)
LENSES = {
    "four": WEBCAM[:4],
    "five": WEBCAM,
    "pincushion": (0.35, 0.12, -0.001, 0.002, 0.05),
    "rational": RATIONAL,
    "prism": PRISM,
    "tilted": TILTED,
}
K = pinhole(612.0, 598.0, 317.3, 243.9)
FISHEYE = (-0.0137, 0.0021, -0.0009, 0.0002)


def camera(lens: Lens, k: np.ndarray = K, width: int = 640, height: int = 480) -> Camera:
    return Camera("eye", width, height, k, np.eye(4), lens=lens)


def points_within(angle: float, n: int = 400, seed: int = 1) -> np.ndarray:
    """Points [n, 3] within `angle` of the optical axis, at many depths."""
    random = np.random.default_rng(seed)
    theta, phi = random.uniform(0, angle, n), random.uniform(-np.pi, np.pi, n)
    unit = np.stack([np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)], -1)
    return unit * random.uniform(0.2, 30, (n, 1))


@pytest.mark.parametrize("name", LENSES)
def test_projects_as_opencv_does(name):
    coefficients = LENSES[name]
    points = points_within(np.radians(34))
    expected, _ = cv2.projectPoints(points, np.zeros(3), np.zeros(3), np.array(K), np.array(coefficients))
    pixels, depth = camera(OpenCV(coefficients)).project(points)
    assert np.abs(pixels - expected[:, 0]).max() < 1e-6
    assert np.array_equal(depth, points[:, 2])


@pytest.mark.parametrize("name", LENSES)
def test_rays_are_those_that_opencv_undistorts(name):
    coefficients = np.array(LENSES[name])
    points = points_within(np.radians(34))
    distorted, _ = cv2.projectPoints(points, np.zeros(3), np.zeros(3), np.array(K), coefficients)
    criteria = (cv2.TERM_CRITERIA_COUNT + cv2.TERM_CRITERIA_EPS, 500, 1e-15)
    expected = cv2.undistortPoints(distorted, np.array(K), coefficients, criteria=criteria)[:, 0]
    _, directions = camera(OpenCV(LENSES[name])).rays_at(distorted[:, 0])
    # OpenCV's fixed-point iteration ends a little away from the answer; through the lens again both give the pixel.
    assert np.abs(directions[:, :2] - expected).max() * 612 < 1e-6
    assert np.abs(directions[:, :2] - points[:, :2] / points[:, 2:]).max() < 1e-9


def test_fisheye_is_that_of_opencv():
    points = points_within(np.radians(80))
    expected, _ = cv2.fisheye.projectPoints(
        points[:, None], np.zeros(3), np.zeros(3), np.array(K), np.array(FISHEYE)
    )
    eye = camera(Fisheye(FISHEYE))
    assert np.abs(eye.project(points)[0] - expected[:, 0]).max() < 1e-6
    criteria = (cv2.TERM_CRITERIA_COUNT + cv2.TERM_CRITERIA_EPS, 100, 1e-15)
    plain = cv2.fisheye.undistortPoints(expected, np.array(K), np.array(FISHEYE), criteria=criteria)[:, 0]
    _, directions = eye.rays_at(expected[:, 0])
    near = np.hypot(*plain.T) < 2  # in tangents a pixel grows without end
    assert near.sum() > 100
    assert np.abs(directions[:, :2] / directions[:, 2:] - plain)[near].max() * 612 < 1e-6
    assert np.allclose(np.linalg.norm(directions, axis=1), 1, atol=1e-14)


def test_fisheye_looks_behind_itself():
    lens = Fisheye((0.0, 0.0, 0.0, 0.0))
    directions = np.array([[np.sin(a), 0.0, np.cos(a)] for a in np.radians([0.0, 89.0, 90.0, 100.0, 179.0])])
    xy = lens.project(directions * 7)
    assert np.allclose(xy[:, 0], np.radians([0.0, 89.0, 90.0, 100.0, 179.0]), atol=1e-12)
    assert np.allclose(lens.rays(xy)[1], directions, atol=1e-12)
    assert np.isnan(lens.project(np.array([[0.0, 0.0, -1.0]]))).all()


@settings(deadline=None, max_examples=100)
@given(
    radial=st.tuples(*[st.floats(-0.5, 0.5)] * 3),
    rational=st.tuples(*[st.floats(-0.3, 0.6)] * 3),
    tangential=st.tuples(*[st.floats(-0.01, 0.01)] * 2),
    prism=st.tuples(*[st.floats(-0.01, 0.01)] * 4),
    tilt=st.tuples(*[st.floats(-0.1, 0.1)] * 2),
)
def test_what_an_opencv_lens_sees_comes_back(radial, rational, tangential, prism, tilt):
    k1, k2, k3 = radial
    lens = OpenCV((k1, k2, *tangential, k3, *rational, *prism, *tilt))
    top = min(np.arctan(lens.max_tangent), np.radians(75))
    random = np.random.default_rng(3)
    r, phi = np.tan(random.uniform(0, 0.98 * top, 300)), random.uniform(-np.pi, np.pi, 300)
    points = np.stack([r * np.cos(phi), r * np.sin(phi), np.ones(300)], -1)
    xy = lens.project(points)
    assume(np.isfinite(xy).all())
    back = lens.rays(xy)[1]
    assert np.abs(back - points).max() < 1e-9 * (1 + r.max())


@settings(deadline=None, max_examples=100)
@given(coefficients=st.tuples(*[st.floats(-0.3, 0.3)] * 4), limit=st.floats(0.1, np.pi))
def test_what_a_fisheye_sees_comes_back(coefficients, limit):
    lens = Fisheye(coefficients, limit)
    random = np.random.default_rng(3)
    theta, phi = random.uniform(0, 0.99 * min(lens.limit, 3.1), 300), random.uniform(-np.pi, np.pi, 300)
    points = np.stack([np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)], -1)
    xy = lens.project(points * 3)
    s = theta**2
    expected = theta * (1 + sum(c * s ** (k + 1) for k, c in enumerate(coefficients)))
    assert np.abs(np.hypot(*xy.T) - expected).max() < 1e-12 * (1 + expected.max())
    assert np.abs(lens.rays(xy)[1] - points).max() < 1e-9


def test_barrel_distortion_has_an_end_beyond_which_nothing_is_seen():
    # r (1 - 0.3 r^2) rises up to r = 1/sqrt(0.9), where it reaches 2/3 of that.
    lens = OpenCV((-0.3, 0.0, 0.0, 0.0))
    edge = 1 / np.sqrt(0.9)
    assert lens.max_tangent == pytest.approx(edge, rel=1e-12)
    r = np.array([0.0, 0.5, 0.9999, 1.0001, 1.2, 5.0]) * edge
    xy = lens.project(np.stack([r, 0 * r, 1 + 0 * r], -1))
    assert np.isfinite(xy[:3]).all() and np.isnan(xy[3:]).all()
    ends = np.array([0.5, 0.9999, 1.0001, 2.0, 50.0]) * edge * 2 / 3
    directions = lens.rays(np.stack([0 * ends, ends], -1))[1]
    assert np.isfinite(directions[:2]).all() and np.isnan(directions[2:]).all()
    assert directions[:2, 1].max() < edge
    # OpenCV's polynomial folds: a direction far outside would appear in the middle of the picture.
    folded, _ = cv2.projectPoints(
        np.array([[1.9, 0.0, 1.0]]), np.zeros(3), np.zeros(3), np.eye(3), np.array([-0.3, 0.0, 0.0, 0.0])
    )
    assert abs(folded[0, 0, 0]) < 0.2


def test_a_pole_of_the_rational_lens_is_an_end():
    lens = OpenCV((0.0, 0.0, 0.0, 0.0, 0.0, -0.25, 0.0, 0.0))  # 1 / (1 - r^2 / 4)
    assert lens.max_tangent == pytest.approx(2.0)
    xy = lens.project(np.array([[1.9, 0.0, 1.0], [2.1, 0.0, 1.0]]))
    assert xy[0, 0] == pytest.approx(1.9 / (1 - 1.9**2 / 4)) and np.isnan(xy[1]).all()
    assert lens.rays(xy[:1])[1][0, 0] == pytest.approx(1.9, abs=1e-9)


def test_what_cannot_be_is_nan_and_never_a_number():
    for lens in (PINHOLE, OpenCV(WEBCAM)):
        assert np.isnan(lens.project(np.array([[0.0, 0.0, 0.0], [0.1, 0.2, -1.0]]))).all()
    for lens in (OpenCV(WEBCAM), Fisheye(FISHEYE), EQUIRECTANGULAR):
        assert np.isnan(lens.rays(np.array([[np.nan, 0.1], [40.0, 0.1]]))[1]).all()
    assert np.isnan(EQUIRECTANGULAR.project(np.zeros((1, 3)))).all()
    small = Fisheye((0.0,) * 4, np.radians(90.0))
    angles = np.radians([89.9, 90.1])
    assert np.isnan(small.rays(np.stack([angles, 0 * angles], -1))[1][:, 0]).tolist() == [False, True]
    ahead = np.stack([np.sin(angles), 0 * angles, np.cos(angles)], -1)
    assert np.isnan(small.project(ahead)[:, 0]).tolist() == [False, True]


def test_panorama_of_the_whole_sphere():
    k = pinhole(800 / (2 * np.pi), 400 / np.pi, 400, 200)
    eye = camera(Equirectangular(), k, 800, 400)
    directions = np.array([[0, 0, 1], [1, 0, 0], [-1, 0, 0], [0, 0.999999, 1e-3], [1, 1, 0]], float)
    pixels, _ = eye.project(directions * 5)
    assert np.allclose(pixels[:3], [[400, 200], [600, 200], [200, 200]])
    assert pixels[3, 1] > 399 and np.allclose(pixels[4], [600, 300])
    rays = eye.rays()[1]
    assert np.isfinite(rays).all() and np.allclose(np.linalg.norm(rays, axis=1), 1)
    # Solid angles of all pixels make up the sphere.
    latitude = (np.arange(400) + 0.5 - 200) * np.pi / 400
    assert np.cos(latitude).sum() * 800 * (np.pi / 400) ** 2 == pytest.approx(4 * np.pi, rel=1e-4)


@pytest.mark.parametrize(
    "lens",
    [
        PINHOLE,
        ORTHOGRAPHIC,
        *(OpenCV(c) for c in LENSES.values()),
        Fisheye(FISHEYE),
        Fisheye((0.0,) * 4),
        EQUIRECTANGULAR,
    ],
)
def test_each_ray_goes_through_its_pixel(lens):
    k = {
        "equirectangular": pinhole(640 / 2 / np.pi, 480 / np.pi, 320, 240),
        "fisheye": pinhole(110, 105, 300, 250),
    }
    turn = np.linalg.qr(np.random.default_rng(2).normal(size=(3, 3)))[0]
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = turn * np.linalg.det(turn), [1000.0, -2000.0, 3.0]
    eye = Camera("eye", 640, 480, k.get(lens.kind, K), pose, lens=lens)
    origins, directions = eye.rays()
    x, y = np.meshgrid(np.arange(640) + 0.5, np.arange(480) + 0.5)
    centres = np.stack([x.ravel(), y.ravel()], -1)
    seen = np.isfinite(directions).all(1)
    assert seen.mean() > (0.6 if lens.kind == "fisheye" else 0.9)
    pixels, depth = eye.project((origins + 3.7 * directions)[seen])
    assert np.abs(pixels - centres[seen]).max() < 1e-6
    if lens.along_axis:
        assert np.allclose(depth, 3.7)


@pytest.mark.parametrize(
    "coefficients",
    [[1e6] * 12, [-1e6] * 12, [1e6, -1e6] * 6, [1e-300, -1e-300] * 6, [0.0] * 12 + [1.5, -1.5]],
)
def test_lenses_that_nobody_has_give_numbers_or_nan_in_silence(coefficients):
    x = np.linspace(-3, 3, 41)
    xy = np.stack(np.meshgrid(x, x), -1)
    for lens in (lens_from("opencv", coefficients), Fisheye(tuple(coefficients[:4]))):
        directions = lens.rays(xy)[1]
        seen = np.isfinite(directions).all(-1)
        back = lens.project(directions[seen])
        assert np.abs(back - xy[seen]).max(initial=0.0) < 1e-9


def test_without_distortion_it_is_the_pinhole():
    assert lens_from("opencv", [0.0] * 5) is PINHOLE
    points = points_within(np.radians(60))
    assert np.allclose(OpenCV((0.0,) * 14).project(points), PINHOLE.project(points), rtol=0, atol=1e-15)


@pytest.mark.parametrize(
    "lens", [PINHOLE, ORTHOGRAPHIC, EQUIRECTANGULAR, OpenCV(TILTED), Fisheye(FISHEYE, 1.5)]
)
def test_plain_data_gives_the_lens_back(lens):
    assert lens_of_data(json.loads(json.dumps(lens_data(lens)))) == lens


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: lens_from("fishey"), "did you mean 'fisheye'"),
        (lambda: lens_from("opencv", [1, 2, 3]), "takes 4, 5, 8, 12, 14 coefficients, not 3"),
        (lambda: lens_from("fisheye", [1, 2, 3, 4, 5]), "takes 4 coefficients, not 5"),
        (lambda: lens_from("pinhole", [0.1]), "takes no coefficients"),
        (lambda: lens_from("opencv", [1, 2, 3, float("nan")]), "finite"),
        (lambda: lens_from("opencv", ["a", 2, 3, 4]), "are numbers"),
        (lambda: lens_from("opencv", [1e300, 0, 0, 0]), "at most 1e"),
        (lambda: lens_from("opencv", [0.1] * 12 + [1.6, 0.0]), "tilted by at most 1.5"),
        (lambda: lens_from("fisheye", (), max_angle=4.0), "at most at pi"),
        (lambda: lens_from("opencv", (), max_angle=1.0), "only a fisheye"),
        (lambda: lens_of_data({"kind": "pinhole", "fov": 3}), "no 'fov'"),
        (lambda: lens_of_data([1]), "is written as"),
        (lambda: lens_of_data({"kind": "fisheye", "coefficients": 3}), "a list of numbers"),
        (lambda: lens_of_data({"kind": "fisheye", "max_angle": "wide"}), "is a number"),
    ],
)
def test_what_is_no_lens_is_one_sentence(make, sentence):
    with pytest.raises(UserError, match=sentence) as error:
        make()
    assert "\n" not in str(error.value)
