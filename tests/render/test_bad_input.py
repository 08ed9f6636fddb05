"""What makes no sense is said in one sentence, or drawn plainly with a finding; never a traceback, never a wrong picture."""

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from twinstage.base.errors import UserError
from twinstage.render.camera import look_at
from twinstage.render.engines import open_engine
from twinstage.render.engines.checks import check_camera, enough_memory
from twinstage.render.images import decode, texture_values, tolerating
from twinstage.render.motion import Trajectory
from twinstage.scene.snapshot import Light, Material, Texture, TextureInput

CAMERA = look_at([0, -4, 3], [0, 0, 0], width=32, height=24)
NAN = np.eye(4)
NAN[0, 3] = np.nan


def _png(pixels):
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, "PNG")
    return data.getvalue()


NOISE = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
WHOLE = _png(NOISE)
DAMAGED = {
    "cut short": WHOLE[: len(WHOLE) // 2],
    "overwritten": WHOLE[:200] + bytes(200) + WHOLE[400:],
    "no image": b"\x89PNG nothing",
}


def _textured(hand, data, **material):
    lights = [(Light(prim=0, kind="dome", radiance=(1.0, 1.0, 1.0)), np.eye(4))]
    inputs = (("diffuseColor", TextureInput(0)), ("normal", TextureInput(0, color_space="raw")))
    return hand.snapshot(
        [(hand.quad(20.0), np.eye(4), 0)],
        materials=[Material("/m", textures=inputs, roughness=1.0, ior=1.01, **material)],
        material_of=[[0]],
        lights=lights,
        textures=(Texture("wood.png", "wood", data),),
    )


@pytest.mark.parametrize("kind", ["direct", "path", "raycast"])
@pytest.mark.parametrize("what", DAMAGED)
def test_a_damaged_texture_is_grey_and_a_finding(hand, kind, what):
    engine = open_engine(kind=kind, spp=16, clamp=0)
    linear = engine.linear(_textured(hand, DAMAGED[what]), CAMERA)
    assert np.allclose(linear[12, 16], 0.18, atol=0.03)
    (finding,) = engine.findings
    assert finding.code == "texture.damaged"
    assert finding.message.startswith("texture wood.png cannot be read: ")
    assert finding.message.endswith(", so it is drawn in a plain colour")
    assert open_engine(kind=kind, spp=1).findings == ()


def test_the_api_and_with_it_the_command_tell_what_engines_found(hand):
    from twinstage.render.api import Scene

    scene = Scene(_textured(hand, DAMAGED["cut short"]))
    assert scene.engine_findings == ()
    for seed in (1, 2):
        scene.picture(CAMERA, engine="raycast", spp=1, seed=seed)
    assert [finding.code for finding in scene.engine_findings] == ["texture.damaged"]


def test_only_inside_an_engine_damage_is_tolerated():
    texture, found = Texture("wood.png", "wood", DAMAGED["cut short"]), {}
    with pytest.raises(UserError, match=r"texture wood\.png cannot be read: image file is truncated"):
        texture_values(texture, TextureInput(0), color=True, largest=64)
    with tolerating(found):
        plain = [
            texture_values(texture, TextureInput(0, channel=channel), color=False, largest=64)
            .ravel()
            .tolist()
            for channel in ("rgb", "r", "a")
        ]
    assert plain == [[0.0, 0.0, 1.0], [0.5], [1.0]] and list(found) == ["wood.png"]
    with pytest.raises(UserError):
        texture_values(texture, TextureInput(0), color=True, largest=64)


def _announcing(width, height):
    """A small PNG whose header says that it is huge."""
    import struct
    import zlib

    data = bytearray(WHOLE)
    data[16:24] = struct.pack(">II", width, height)
    data[29:33] = struct.pack(">I", zlib.crc32(bytes(data[12:29])))
    return bytes(data)


def _exr(width, height):
    from twinstage.render.picture import exr_bytes

    data = exr_bytes({"R": np.zeros((2, 2), np.float32)})
    import struct

    return data.replace(struct.pack("<iiii", 0, 0, 1, 1), struct.pack("<iiii", 0, 0, width - 1, height - 1))


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (_announcing(20_000, 20_000), r"it has 20,000 x 20,000 pixels, more than 134,217,728 in all"),
        (_exr(20_000, 20_000), r"it has 20,000 x 20,000 pixels, more than 134,217,728 in all"),
        (_exr(0, 5), "its header makes no sense"),
        (b"\x76\x2f\x31\x01 nothing", "its header makes no sense"),
        (b"#?RADIANCE nothing", "its header makes no sense"),
    ],
)
def test_headers_are_judged_before_anything_is_decoded(data, sentence):
    with pytest.raises(UserError, match=f"texture huge cannot be read: {sentence}"):
        decode(Texture("huge", "huge", data), 1024)


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "LA", "P"])
@pytest.mark.parametrize("size", [(64, 48), (65, 47)])
def test_large_images_shrink_to_the_mean_of_their_blocks(mode, size):
    image = Image.fromarray(NOISE).resize(size).convert(mode)
    data = io.BytesIO()
    image.save(data, "PNG")
    pixels = decode(Texture("t", "t", data.getvalue()), 16)
    factor = -(-max(size) // 16)
    full = np.asarray(image.convert("RGB"), float)[: size[1] // factor * factor, : size[0] // factor * factor]
    mean = full.reshape(size[1] // factor, factor, size[0] // factor, factor, 3).mean((1, 3))
    got = pixels.rgba[: len(mean), : mean.shape[1], :3] * 255
    assert np.abs(got - mean).max() <= 0.55  # Pillow's weights are fixed-point


TRUTHS = [
    ({"world_from_camera": NAN}, "holds numbers that are not finite"),
    ({"K": np.full((3, 3), np.nan)}, "holds numbers that are not finite"),
    (
        {"path": Trajectory(np.array([0.0, 1.0]), np.stack([np.eye(4), NAN]))},
        "holds numbers that are not finite",
    ),
    ({"K": np.zeros((3, 3))}, "has intrinsics without an inverse"),
    ({"world_from_camera": np.diag([1.0, 1.0, 0.0, 1.0])}, "squashes space flat"),
    ({"near": 5.0, "far": 1.0}, "sees from 5 m to 1 m, which is nothing"),
    ({"far": np.nan}, "holds numbers that are not finite"),
    ({"width": 0}, "has 0 x 24 pixels; 1 to 268,435,456 in all were expected"),
    ({"width": 300_000, "height": 300_000}, "has 300000 x 300000 pixels"),
    ({"aperture_radius": 0.1}, "an open aperture needs a distance above zero"),
    ({"aperture_radius": -0.1, "focus_distance": 1.0}, "has an aperture of -0.1 m"),
]


@pytest.mark.parametrize(("fields", "sentence"), TRUTHS)
def test_a_camera_that_cannot_see_is_told_so(hand, fields, sentence):
    camera = replace(CAMERA, **fields)
    with pytest.raises(UserError, match=f"^camera 'camera' .*{sentence}") as told:
        check_camera(camera)
    assert "\n" not in str(told.value)
    for kind in ("direct", "path", "raycast", "null"):
        with pytest.raises(UserError, match=sentence):
            open_engine(kind=kind).render(hand.snapshot([]), camera)


def test_good_cameras_pass():
    check_camera(CAMERA)
    check_camera(replace(CAMERA, far=np.inf, near=0.0, aperture_radius=0.1, focus_distance=2.0))


@pytest.mark.parametrize("kind", ["direct", "path", "raycast"])
def test_what_has_no_place_is_left_out_and_the_rest_is_drawn(hand, kind):
    lights = [(Light(prim=0, kind="dome", radiance=(1.0, 1.0, 1.0)), np.eye(4))]
    rest = [(hand.quad(20.0), np.eye(4), 0), (hand.box(), hand.pose([0, 0, 0.5]), 1)]
    engine = open_engine(kind=kind, spp=4)
    expected = engine.linear(hand.snapshot(rest, lights=lights), CAMERA)
    for number in (np.nan, np.inf):
        lost = hand.pose([0, 0, 1])
        lost[1, 1] = number
        for order in ([*rest, (hand.sphere(), lost, 2)], [(hand.sphere(), lost, 2), *rest]):
            with np.errstate(invalid="ignore"):
                got = open_engine(kind=kind, spp=4).linear(hand.snapshot(order, lights=lights), CAMERA)
            assert np.allclose(got, expected, atol=1e-5)


def test_too_little_memory_is_one_sentence():
    for error in (MemoryError(), RuntimeError("jit_malloc(): out of memory!")):
        with (
            pytest.raises(UserError, match="not enough memory for a picture of 32 x 24 pixels"),
            enough_memory(CAMERA),
        ):
            raise error
    with pytest.raises(RuntimeError, match="other"), enough_memory(CAMERA):
        raise RuntimeError("other")


def test_large_pictures_are_traced_in_blocks_of_rows(hand, monkeypatch):
    from twinstage.render.mi import trace

    snapshot = hand.snapshot([(hand.quad(20.0), np.eye(4), 0), (hand.box(), hand.pose([0, 0, 0.5]), 1)])
    expected = open_engine(kind="direct", spp=16).linear(snapshot, CAMERA)
    monkeypatch.setattr(trace, "MOST_PIXELS", 200)
    monkeypatch.setattr(trace, "MOST_RAYS", 5 * 32 * 16)
    got = open_engine(kind="direct", spp=16).linear(snapshot, CAMERA)
    assert not np.array_equal(got, expected)  # other numbers by chance
    assert np.abs(got - expected).max() < 0.3 and np.abs(got - expected).mean() < 0.02
