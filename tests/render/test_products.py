"""Render products: apertures, pixels and windows against what UsdRender says of them."""

import numpy as np
import pytest

from twinstage.base.errors import UserError
from twinstage.render.products import camera_from_product, find_product
from twinstage.scene.snapshot import RenderProduct, SceneCamera

H, V, F = 36.0, 24.0, 50.0


@pytest.fixture
def make(hand):
    from dataclasses import replace

    scene = SceneCamera(0, "Eye", "perspective", F, H, V, 0.0, 0.0, 0.1, 100.0)
    snapshot = hand.snapshot([(hand.box(), np.eye(4), 0)], cameras=[(scene, np.eye(4))])

    def build(**fields):
        product = RenderProduct(**({"path": "/Render/P", "camera": "Eye", "resolution": (600, 400)} | fields))
        held = replace(snapshot, render_products=(product,))
        return camera_from_product(held, find_product(held, "P"))

    return build


@pytest.mark.parametrize(
    ("policy", "size", "h", "v"),
    [
        ("expandAperture", (800, 400), 48.0, 24.0),
        ("expandAperture", (400, 400), 36.0, 36.0),
        ("cropAperture", (800, 400), 36.0, 18.0),
        ("cropAperture", (400, 400), 24.0, 24.0),
        ("adjustApertureWidth", (400, 400), 24.0, 24.0),
        ("adjustApertureHeight", (400, 400), 36.0, 36.0),
        ("adjustPixelAspectRatio", (400, 400), 36.0, 24.0),
    ],
)
def test_aspect_policies(make, policy, size, h, v):
    camera = make(aspect_policy=policy, resolution=size)
    assert camera.K[0, 0] == pytest.approx(F / h * size[0])
    assert camera.K[1, 1] == pytest.approx(F / v * size[1])


def test_wide_pixels_are_as_wide_as_said(make):
    camera = make(resolution=(400, 400), pixel_aspect_ratio=2.0)
    # A pixel covers 1 / f: twice as far across as down.
    assert camera.K[1, 1] / camera.K[0, 0] == pytest.approx(2.0)


def test_data_window_is_a_part_of_the_same_picture(make):
    whole, part = make(), make(data_window=(0.25, 0.5, 0.75, 1.0))
    assert (part.width, part.height) == (300, 200)
    assert np.allclose(part.rays()[1][0], whole.rays()[1][150]), (
        "the upper left corner starts a quarter across"
    )
    point = np.array([[0.1, 0.2, 5.0]]) @ whole.world_from_camera[:3, :3].T
    assert np.allclose(whole.project(point)[0] - part.project(point)[0], [[150, 0]])
    larger = make(data_window=(-0.5, 0.0, 1.0, 1.0))
    assert (larger.width, larger.K[0, 2]) == (900, 600)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"camera": ""}, "names no camera"),
        ({"camera": "Ey"}, "did you mean 'Eye'"),
        ({"resolution": (0, 10)}, "resolution of 0 x 10"),
        ({"resolution": (10**9, 10**9)}, "resolution of"),
        ({"aspect_policy": "cropAperure"}, "did you mean 'cropAperture'"),
        ({"pixel_aspect_ratio": 0.0}, "pixelAspectRatio of 0"),
        ({"data_window": (0.5, 0.5, 0.5, 0.5)}, "holds no picture"),
        ({"data_window": (0.0, 0.0, 1e9, 1.0)}, "holds no picture"),
    ],
)
def test_what_is_no_picture_is_one_sentence(make, fields, sentence):
    with pytest.raises(UserError, match=sentence):
        make(**fields)


def test_unknown_products_are_refused_by_name(hand):
    snapshot = hand.snapshot([(hand.box(), np.eye(4), 0)])
    with pytest.raises(UserError, match="no render product 'X'"):
        find_product(snapshot, "X")
