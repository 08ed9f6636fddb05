"""The opacity rule: what labels see of invisible, cut-out and transparent surfaces."""

import hashlib
import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from twinstage.base.errors import UserError
from twinstage.render.camera import look_at
from twinstage.render.images import tolerating
from twinstage.render.labels import label_pass
from twinstage.render.opacity import SOLID, cut_at, invisible
from twinstage.scene.snapshot import Material, Texture, TextureInput

W, H = 96, 72


def image(values):
    """An 8-bit grey PNG of opacities [h, w] in [0, 1], row 0 on top."""
    out = io.BytesIO()
    Image.fromarray(np.rint(np.asarray(values) * 255).astype(np.uint8)).save(out, "PNG")
    data = out.getvalue()
    return Texture("mask.png", hashlib.sha256(data).hexdigest(), data)


CHECKERS = np.indices((4, 4)).sum(0) % 2


def cutout(threshold=0.5, **more):
    source = TextureInput(0, channel="r", color_space="raw", **more)
    return Material("/cut", opacity_threshold=threshold, textures=(("opacity", source),))


def layers(hand, depths, materials, of, textures=(), size=2.0):
    """Squares that face +Z, at those heights below the camera's place (z = 4)."""
    items = [(hand.quad(size), hand.pose([0, 0, 4 - depth]), i) for i, depth in enumerate(depths)]
    return hand.snapshot(items, materials=materials, material_of=[[k] for k in of], textures=textures)


CAMERA = look_at([0, 0, 4], [0, 0, 0], up=[0, 1, 0], width=W, height=H)


def plane(depth):
    """World x, y of pixel centres on a square at that depth."""
    y, x = np.mgrid[:H, :W] + 0.5
    focal = CAMERA.K[0, 0]
    return (x - W / 2) / focal * depth, (H / 2 - y) / focal * depth


def texel_is_one(depth, size=2.0, image=CHECKERS, wrap=None):
    """Which pixel centres meet a texel of 1 on a square at that depth, and which meet the square."""
    x, y = plane(depth)
    u, v = x / size + 0.5, y / size + 0.5
    inside = (u > 0) & (u < 1) & (v > 0) & (v < 1)
    h, w = image.shape
    column, row = np.floor(u * w).astype(int), np.floor((1 - v) * h).astype(int)
    solid = np.where(inside, image[np.clip(row, 0, h - 1), np.clip(column, 0, w - 1)], 0) > 0
    return solid, inside


def test_a_hole_shows_what_is_behind(hand):
    snapshot = layers(hand, [2.0, 3.0], [cutout(), Material("")], [0, 1], [image(CHECKERS)])
    capture = label_pass(snapshot, CAMERA, outside_rays=None, aovs=("object", "depth", "normal"))
    solid, inside = texel_is_one(2.0)
    behind = np.abs(np.stack(plane(3.0))).max(0) < 1
    expected = np.where(solid, 1, np.where(behind, 2, 0))
    assert np.array_equal(capture.aovs["object"], expected)
    assert {1, 2, 0} == set(np.unique(capture.aovs["object"][inside]))
    front, rear = capture.objects
    assert (front.visible_px, front.amodal_px_in_frame) == (solid.sum(), solid.sum())
    assert rear.visible_px == (behind & ~solid).sum() and rear.amodal_px_in_frame == behind.sum()
    assert np.allclose(capture.aovs["depth"][expected > 0], expected[expected > 0] + 1.0, rtol=1e-6)


def test_holes_through_several_layers_of_one_object(hand):
    """A box of cut-out faces: rays that miss the front's texels meet the inside of the back."""
    box = hand.box()
    snapshot = hand.snapshot(
        [(box, hand.pose([0, 0, 0], scale=2.0), 0), (hand.quad(20.0), hand.pose([0, 0, -3]), 1)],
        materials=[cutout(), Material("")],
        material_of=[[0], [1]],
        textures=[image(CHECKERS)],
    )
    camera = look_at([0.1, 0.2, 6], [0, 0, 0], up=[0, 1, 0], width=W, height=H)
    capture = label_pass(snapshot, camera, aovs=("object", "position", "normal", "uv"))
    hit = capture.aovs["object"] == 1
    uv = capture.aovs["uv"][hit].astype(float)
    column, row = np.floor(uv[:, 0] * 4).astype(int), np.floor((1 - uv[:, 1]) * 4).astype(int)
    near_edge = (np.abs(uv * 4 - np.rint(uv * 4)) < 1e-3).any(1)
    assert (CHECKERS[np.clip(row, 0, 3), np.clip(column, 0, 3)] == 1)[~near_edge].all()
    heights = capture.aovs["position"][hit][:, 2]
    assert (np.abs(heights - 1) < 1e-3).any() and (np.abs(heights + 1) < 1e-3).any()
    assert (capture.aovs["object"] == 2).any()
    (first, _) = capture.objects
    assert first.amodal_px_in_frame == first.visible_px == hit.sum()


@pytest.mark.parametrize(
    ("material", "there"),
    [
        (Material("/m", opacity=0.0), False),
        (Material("/m", opacity=0.3), True),
        (Material("/m", opacity=0.3, opacity_threshold=0.5), False),
        (Material("/m", opacity=0.5, opacity_threshold=0.5), True),
        (Material("/m", opacity=0.3, opacity_mode="presence"), True),
    ],
)
def test_constant_opacities(hand, material, there):
    snapshot = layers(hand, [2.0, 3.0], [material, Material("")], [0, 1])
    assert (H // 2, W // 2) == (36, 48)
    assert label_pass(snapshot, CAMERA).aovs["object"][36, 48] == (1 if there else 2)
    assert invisible(material) is not there


def test_transparent_surfaces_are_labelled_or_seen_through(hand):
    glass, solid = Material("/glass", opacity=0.3), Material("")
    snapshot = layers(hand, [2.0, 3.0], [glass, solid], [0, 1])
    assert label_pass(snapshot, CAMERA).aovs["object"][36, 48] == 1
    behind = label_pass(snapshot, CAMERA, transparent="behind")
    assert behind.aovs["object"][36, 48] == 2 and [m.object for m in behind.objects] == [1]
    # An image without a threshold: fading, so by the rule one surface, by the other as far as it is solid.
    fading = Material("/f", textures=(("opacity", TextureInput(0, channel="r", color_space="raw")),))
    snapshot = layers(hand, [2.0, 3.0], [fading, solid], [0, 1], [image(CHECKERS)])
    whole = label_pass(snapshot, CAMERA).aovs["object"]
    _, inside = texel_is_one(2.0)
    assert np.array_equal(whole == 1, inside)
    through = label_pass(snapshot, CAMERA, transparent="behind").aovs["object"]
    assert np.array_equal(through == 1, texel_is_one(2.0)[0])
    assert cut_at(fading) == 0.0 and cut_at(fading, "behind") == SOLID


def test_holes_count_on_the_canvas_too(hand):
    """A cut-out square that sticks out of the image by half: its outside is counted texel by texel."""
    snapshot = hand.snapshot(
        [(hand.quad(4.0), hand.pose([0, 2.0, 1.0]), 0)],
        materials=[cutout()],
        material_of=[[0]],
        textures=[image(CHECKERS)],
    )
    (mask,) = label_pass(snapshot, CAMERA, outside_rays=None).objects
    y, x = np.mgrid[-H : 2 * H, -W : 2 * W] + 0.5
    focal = CAMERA.K[0, 0]
    u, v = (x - W / 2) / focal * 3 / 4 + 0.5, ((H / 2 - y) / focal * 3 - 2.0) / 4 + 0.5
    inside = (u > 0) & (u < 1) & (v > 0) & (v < 1)
    row, column = np.clip(np.floor((1 - v) * 4), 0, 3).astype(int), np.clip(np.floor(u * 4), 0, 3).astype(int)
    solid = inside & (CHECKERS[row, column] == 1)
    assert mask.amodal_px_total == solid.sum()
    assert mask.amodal_px_in_frame == solid[H : 2 * H, W : 2 * W].sum() < mask.amodal_px_total


def test_wraps_transforms_scale_and_bias_are_those_of_the_texture(hand):
    """uv scaled by 2 repeats the image; scale and bias turn it over; black outside is the bias."""
    repeated = cutout(uv_scale=(2.0, 2.0))
    snapshot = layers(hand, [2.0], [repeated], [0], [image(CHECKERS)])
    expected, _ = texel_is_one(2.0, image=np.tile(CHECKERS, (2, 2)))
    assert np.array_equal(label_pass(snapshot, CAMERA).aovs["object"] == 1, expected)
    turned = cutout(scale=(-1.0,) * 4, bias=(1.0,) * 4)
    snapshot = layers(hand, [2.0], [turned], [0], [image(CHECKERS)])
    expected, _ = texel_is_one(2.0, image=1 - CHECKERS)
    assert np.array_equal(label_pass(snapshot, CAMERA).aovs["object"] == 1, expected)
    framed = cutout(wrap_s="black", wrap_t="black", uv_scale=(2.0, 2.0), uv_translation=(-0.5, -0.5))
    snapshot = layers(hand, [2.0], [framed], [0], [image(np.ones((4, 4)))])
    x, y = plane(2.0)
    assert np.array_equal(
        label_pass(snapshot, CAMERA).aovs["object"] == 1, np.abs(np.stack([x, y])).max(0) < 0.5
    )


def test_an_opacity_at_the_threshold_is_there(hand):
    """A texel of 128 / 255 against that very number, and the next one above."""
    at = np.float32(128) / np.float32(255)
    for threshold, there in ((at, True), (np.nextafter(at, np.float32(1)), False)):
        snapshot = layers(hand, [2.0], [cutout(float(threshold))], [0], [image(np.full((4, 4), 128 / 255))])
        assert bool(label_pass(snapshot, CAMERA).aovs["object"][36, 48]) is there


def test_only_slots_with_holes_have_holes(hand):
    quad = hand.quad(2.0)
    split = hand.prototype(quad.points, quad.triangles, quad.normals, quad.uv, slot=np.array([1, 2]))
    snapshot = hand.snapshot(
        [(split, hand.pose([0, 0, 2.0]), 0)],
        materials=[Material(""), cutout()],
        material_of=[[0, 0, 1]],
        textures=[image(np.zeros((4, 4)))],
    )
    seen = label_pass(snapshot, CAMERA, aovs=("object", "part")).aovs
    x, y = plane(2.0)
    inside = np.abs(np.stack([x, y])).max(0) < 1
    lower = inside & (x > y)
    sure = np.abs(x - y) > 1e-6
    assert np.array_equal((seen["object"] == 1)[sure], lower[sure])
    assert set(np.unique(seen["part"])) == {0, 2}


def test_without_texture_coordinates_there_are_no_holes(hand):
    quad = hand.quad(2.0)
    bare = hand.prototype(quad.points, quad.triangles, quad.normals)
    snapshot = hand.snapshot(
        [(bare, hand.pose([0, 0, 2.0]), 0)],
        materials=[cutout()],
        material_of=[[0]],
        textures=[image(np.zeros((4, 4)))],
    )
    assert label_pass(snapshot, CAMERA).aovs["object"][36, 48] == 1


def test_a_broken_image_is_one_sentence(hand):
    broken = replace(image(CHECKERS), data=b"not an image", hash="x" * 64)
    snapshot = layers(hand, [2.0], [cutout()], [0], [broken])
    sentence = r"texture mask\.png cannot be read"
    with pytest.raises(UserError, match=sentence):
        label_pass(snapshot, CAMERA)
    found = {}
    with tolerating(found):
        label_pass(snapshot, CAMERA)
    assert len(found) == 1
    with pytest.raises(UserError, match=sentence):  # what was tolerated before is not remembered
        label_pass(snapshot, CAMERA)
