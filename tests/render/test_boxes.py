"""Boxes against OpenCV, pycocotools and brute force."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twinstage.render.boxes import (
    box_3d,
    box_outline,
    full_box,
    mask_hull,
    oriented_box,
    oriented_box_of,
    tight_box,
)
from twinstage.render.camera import look_at
from twinstage.render.capture import Camera, pinhole
from twinstage.render.hull import convex_hull, smallest_rectangle, smallest_rectangles
from twinstage.render.labels import label_pass
from twinstage.render.lens import EQUIRECTANGULAR, PINHOLE, Fisheye, OpenCV

cv2 = pytest.importorskip("cv2")

masks = st.integers(1, 40).flatmap(
    lambda w: st.integers(1, 40).flatmap(
        lambda h: st.integers(0, 2**32 - 1).map(
            lambda seed: (
                np.random.default_rng(seed).random((h, w)) < np.random.default_rng(seed).random() ** 3
            )
        )
    )
)


@settings(deadline=None, max_examples=60)
@given(mask=masks)
def test_tight_box_is_cocos(mask):
    from pycocotools import mask as coco

    found = tight_box(mask)
    if not mask.any():
        assert found is None
        return
    x, y, w, h = coco.toBbox(coco.encode(np.asfortranarray(mask.astype(np.uint8)))).tolist()
    assert found == (x, y, x + w, y + h)


@settings(deadline=None, max_examples=60)
@given(mask=masks)
def test_oriented_box_is_that_of_opencv(mask):
    found = oriented_box(mask)
    if not mask.any():
        assert found is None
        return
    rows, columns = np.nonzero(mask)
    corners = np.concatenate([np.stack([columns + dx, rows + dy], -1) for dx in (0, 1) for dy in (0, 1)])
    _, (w, h), _ = cv2.minAreaRect(corners.astype(np.float32))
    # Several rectangles may share the least area; then only the area is the same.
    assert found.size[0] * found.size[1] <= w * h * (1 + 1e-4)
    assert found.size[0] * found.size[1] == pytest.approx(w * h, rel=1e-3)
    inside = cv2.convexHull(corners.astype(np.float32))[:, 0]
    assert {tuple(p) for p in inside.tolist()} <= {tuple(p) for p in mask_hull(mask).tolist()}
    side = found.corners[1] - found.corners[0], found.corners[3] - found.corners[0]
    for axis in side:
        along = (corners - found.corners[0]) @ axis / (axis @ axis)
        assert along.min() > -1e-9 and along.max() < 1 + 1e-9


def test_a_turned_rectangle_is_found_exactly():
    centre, size, angle = np.array([50.0, 40.0]), (30.0, 10.0), 0.3
    axis = np.array([np.cos(angle), np.sin(angle)])
    other = np.array([-axis[1], axis[0]])
    corners = [
        centre + sx * size[0] / 2 * axis + sy * size[1] / 2 * other for sx in (-1, 1) for sy in (-1, 1)
    ]
    box = oriented_box_of(convex_hull(np.array(corners)))
    assert box.centre == pytest.approx(centre) and box.size == pytest.approx(size)
    assert box.angle == pytest.approx(angle)


def test_single_points_and_lines_have_boxes_without_area():
    assert oriented_box_of(convex_hull(np.array([[3.0, 4.0]]))).size == (0, 0)
    line = oriented_box_of(convex_hull(np.array([[0.0, 0.0], [3.0, 4.0], [6.0, 8.0]])))
    assert line.size == pytest.approx((10.0, 0.0)) and line.angle == pytest.approx(np.arctan2(4, 3))


def test_rectangles_of_many_hulls_are_those_of_each_to_the_bit():
    random = np.random.default_rng(5)
    hulls = [
        convex_hull(random.normal(scale=50, size=(n, 2)).round()) for n in (1, 2, 3, 8, 9, 300, 40, 2000)
    ]
    for hull, found in zip(hulls, smallest_rectangles(hulls), strict=True):
        assert np.array_equal(found, smallest_rectangle(hull))
    assert smallest_rectangles([]) == []


def rotation(seed: int) -> np.ndarray:
    q = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))[0]
    return q * np.linalg.det(q)


def test_box_3d_has_the_size_and_corners_of_the_thing(hand):
    pose = hand.pose([1, 2, 3], rotation=rotation(1), scale=[2, 3, 0.5])
    s = hand.snapshot([(hand.box((1, 2, 4)), pose, 0)])
    camera = look_at([8, 9, 7], [1, 2, 3])
    box = box_3d(s, camera, 0)
    assert box.size == pytest.approx([2, 6, 2])
    assert box.centre == pytest.approx([1, 2, 3])
    for i, corner in enumerate(box.corners):
        signs = np.array([(i >> 2 & 1) - 0.5, (i >> 1 & 1) - 0.5, (i & 1) - 0.5])
        assert corner == pytest.approx(pose[:3, :3] @ (signs * [1, 2, 4]) + [1, 2, 3], abs=1e-6)
    local = (box.corners - camera.world_from_camera[:3, 3]) @ camera.world_from_camera[:3, :3]
    expected = local[:, :2] / local[:, 2:] * camera.K[0, 0] + [320, 240]
    assert np.abs(box.pixels - expected).max() < 1e-6 and np.allclose(box.depth, local[:, 2])


def test_corners_and_edges_bend_with_the_lens(hand):
    coefficients = (-0.25, 0.08, 0.001, -0.001, 0.0)
    s = hand.snapshot([(hand.box((2, 2, 2)), hand.pose([0, 0, 4]), 0)])
    camera = Camera("eye", 640, 480, pinhole(400, 400, 320, 240), np.eye(4), lens=OpenCV(coefficients))
    box = box_3d(s, camera, 0)
    k, c = np.array(camera.K), np.array(coefficients)
    expected, _ = cv2.projectPoints(box.corners, np.zeros(3), np.zeros(3), k, c)
    assert np.abs(box.pixels - expected[:, 0]).max() < 1e-6
    outline = box_outline(camera, box, 9)
    assert outline.shape == (12, 9, 2)
    middle, _ = cv2.projectPoints(box.corners[[0, 1]].mean(0)[None], np.zeros(3), np.zeros(3), k, c)
    assert np.abs(outline[0, 4] - middle[0, 0]).max() < 1e-6
    assert np.abs(outline[0, 4] - outline[0, [0, -1]].mean(0)).max() > 1, "bent"


@pytest.mark.parametrize("lens", [PINHOLE, OpenCV((-0.25, 0.08)), Fisheye((0.01, 0, 0, 0)), EQUIRECTANGULAR])
def test_full_box_holds_the_silhouette_and_no_more(hand, lens):
    pose = hand.pose([0.4, -0.3, 3.0], rotation=rotation(4), scale=1.7)
    prototype = hand.box()
    s = hand.snapshot([(prototype, pose, 0)])
    camera = Camera("eye", 640, 480, pinhole(300, 310, 320, 240), np.eye(4), lens=lens)
    x0, y0, x1, y1 = full_box(s, camera, 0)
    share = np.random.default_rng(5).dirichlet([1, 1, 1], 4000)
    share = np.concatenate([share, np.eye(3), [[a, 1 - a, 0] for a in np.linspace(0, 1, 401)]])
    corners = prototype.points[prototype.triangles].astype(float) @ pose[:3, :3].T + pose[:3, 3]
    pixels, _ = camera.project(np.einsum("si,tij->tsj", share, corners).reshape(-1, 3))
    low, high = pixels.min(0), pixels.max(0)
    assert np.all([x0, y0] <= low + 0.02) and np.all([x1, y1] >= high - 0.02)
    assert np.abs(np.array([x0, y0, x1, y1]) - [*low, *high]).max() < 0.05


def test_full_box_of_what_is_half_behind_the_camera_ends_at_the_near_plane(hand):
    s = hand.snapshot([(hand.box((1, 1, 10)), hand.pose([2, 0, 0]), 0)])
    camera = Camera("eye", 100, 100, pinhole(50, 50, 50, 50), np.eye(4), near=0.5)
    x0, _, x1, _ = full_box(s, camera, 0)
    assert x1 == pytest.approx(50 + 50 * 2.5 / 0.5) and x0 == pytest.approx(50 + 50 * 1.5 / 5)
    assert full_box(hand.snapshot([(hand.box(), hand.pose([0, 0, -3]), 0)]), camera, 0) is None


def test_boxes_of_masks_of_the_label_pass(hand):
    s = hand.snapshot([(hand.box(), hand.pose(), 0), (hand.box((0.4, 0.4, 3)), hand.pose([0, -1, 0]), 1)])
    camera = look_at([0, -6, 1], [0, 0, 0], width=160, height=120)
    capture = label_pass(s, camera)
    whole = capture.objects[0]
    assert whole.visible_px < whole.amodal_px_in_frame
    x0, y0, x1, y1 = full_box(s, camera, 0)
    a = tight_box(whole.amodal)
    assert a[0] == pytest.approx(x0, abs=1) and a[3] == pytest.approx(y1, abs=1)
    assert a[1] == pytest.approx(y0, abs=1) and a[2] == pytest.approx(x1, abs=1)


def test_full_box_of_a_wall_that_reaches_beyond_the_lens_holds_all_that_it_sees(hand):
    """All corners of the wall, and all of its edges, lie beyond what the lens sees: it fills the lens's whole circle."""
    lens = OpenCV((-0.25, 0.08, 0.003, -0.002, -0.01))
    camera = Camera("eye", 128, 96, pinhole(60, 60, 64, 48), np.eye(4), lens=lens)
    s = hand.snapshot([(hand.box((400, 400, 0.1)), hand.pose([0, 0, 3]), 0)])
    assert np.isfinite(lens.max_tangent)
    x, y = np.meshgrid(np.arange(-128, 256) + 0.5, np.arange(-96, 192) + 0.5)
    pixels = np.stack([x.ravel(), y.ravel()], -1)
    seen = pixels[np.isfinite(camera.rays_at(pixels)[1]).all(1)]
    x0, y0, x1, y1 = full_box(s, camera, 0)
    low, high = seen.min(0), seen.max(0)
    assert x0 <= low[0] and y0 <= low[1] and x1 >= high[0] and y1 >= high[1]
    assert np.abs(np.array([x0, y0, x1, y1]) - [*(low - 0.5), *(high + 0.5)]).max() < 1.0


def test_full_box_ends_where_the_lens_does(hand):
    """A beam that leaves the lens's sight: its end in the picture is found to a hundredth of a pixel."""
    lens = OpenCV((-0.25, 0.08, 0, 0, -0.01))
    camera = Camera("eye", 128, 96, pinhole(60, 60, 64, 48), np.eye(4), lens=lens)
    s = hand.snapshot([(hand.box((1000, 1e-3, 1e-3)), hand.pose([500, 0, 3]), 0)])
    _, _, x1, _ = full_box(s, camera, 0)
    edge = lens.distorted(np.array([[lens.max_tangent * (1 - 1e-9), 0.0]]))
    assert x1 == pytest.approx(64 + 60 * edge[0, 0], abs=0.01)
