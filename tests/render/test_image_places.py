"""Images that change from frame to frame: a living scene shows what a new one shows, and writes no more than it must."""

import io

import numpy as np
import pytest

from twinstage.render.camera import look_at
from twinstage.render.engines import open_engine
from twinstage.render.mi import surfaces
from twinstage.render.mi.runtime import load_mitsuba
from twinstage.scene.snapshot import Light, Material, Texture, TextureInput

CAMERA = look_at([0.3, -0.4, 3.0], [0, 0, 0], width=24, height=18, fov=0.8)


def _texture(name, size):
    from PIL import Image

    pixels = np.random.default_rng(size).integers(0, 256, (size, size, 3), np.uint8)
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, "PNG")
    return Texture(f"{name}.png", name, data.getvalue())


def _frame(hand, *images):
    """Two squares, each with an image (which, its tint, the bias) as its colour, and a third with one for roughness."""
    textures = (_texture("small", 8), _texture("large", 16))
    materials = [
        Material(
            f"/m{k}",
            roughness=0.5,
            textures=((name, TextureInput(which, channel, scale=(tint,) * 4, bias=(bias,) * 4)),),
        )
        for k, ((which, tint, bias), (name, channel)) in enumerate(
            zip(images, [("diffuseColor", "rgb"), ("diffuseColor", "rgb"), ("roughness", "g")], strict=True)
        )
    ]
    items = []
    for k, x in enumerate((-0.6, 0.6, 0.0)):
        pose = np.eye(4)
        pose[:3, 3] = x, 0.0, -0.1 * k
        items.append((hand.quad(1.2 if k < 2 else 4.0), pose, k))
    return hand.snapshot(
        items,
        materials=materials,
        material_of=[[k] for k in range(3)],
        textures=textures,
        lights=[(Light(0, "dome", (1.0, 1.0, 1.0)), np.eye(4))],
    )


def test_a_living_scene_shows_each_frames_images(hand, monkeypatch):
    if not load_mitsuba().vectorised:
        pytest.skip("needs libLLVM")
    laid = []
    lay_out = surfaces.SurfaceTable._lay_out
    monkeypatch.setattr(
        surfaces.SurfaceTable, "_lay_out", lambda self, images: (laid.append(1), lay_out(self, images))
    )
    rest = (0, 1.0, 0.0)
    frames = [
        (_frame(hand, (0, 0.9, 0.0), (0, 0.5, 0.1), rest), 1),
        (_frame(hand, (0, 0.3, 0.2), (0, 0.5, 0.1), rest), 0),  # another tint in the same place
        (_frame(hand, (0, 0.5, 0.1), (0, 0.7, 0.0), (0, 0.4, 0.3)), 0),  # both move, roughness as well
        (_frame(hand, (0, 0.5, 0.1), (0, 0.5, 0.1), rest), 0),  # one image for both
        (_frame(hand, (1, 0.5, 0.1), (0, 0.5, 0.1), rest), 1),  # a larger one fits nowhere
        (_frame(hand, (0, 0.9, 0.0), (0, 0.5, 0.1), rest), 1),
    ]
    living = open_engine(kind="direct", spp=2, seed=1)
    for snapshot, times in frames:
        laid.clear()
        shown = living.linear(snapshot, CAMERA)
        assert len(laid) == times
        assert np.array_equal(shown, open_engine(kind="direct", spp=2, seed=1).linear(snapshot, CAMERA))
