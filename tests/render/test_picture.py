"""Files of pictures against independent readers (Pillow, Mitsuba's OpenEXR)."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from twinstage.render.picture import class_colors, exr_bytes, overlay, png_bytes, save_depth

sizes = st.tuples(st.integers(1, 40), st.integers(1, 40))


@settings(deadline=None, max_examples=50)
@given(data=st.data(), size=sizes, channels=st.sampled_from([None, 3, 4]))
def test_png_reads_back_in_pillow(data, size, channels):
    shape = size if channels is None else (*size, channels)
    image = data.draw(hnp.arrays(np.uint8, shape))
    with Image.open(io.BytesIO(png_bytes(image))) as read:
        assert not read.info
        assert np.array_equal(np.asarray(read), image)


@settings(deadline=None, max_examples=30)
@given(image=sizes.flatmap(lambda size: hnp.arrays(np.uint16, size)))
def test_sixteen_bit_png_reads_back_in_pillow(image):
    with Image.open(io.BytesIO(png_bytes(image))) as read:
        assert np.array_equal(np.asarray(read).astype(np.uint16), image)


def test_png_refuses_what_it_cannot_hold():
    with pytest.raises(ValueError, match="float64"):
        png_bytes(np.zeros((2, 2)))


@pytest.mark.parametrize("size", [(1, 1), (16, 7), (33, 20), (100, 3)])
def test_exr_reads_back_in_mitsuba(tmp_path, size):
    import mitsuba as mi

    from twinstage.render.mi.runtime import load_mitsuba

    load_mitsuba()
    rng = np.random.default_rng(0)
    depth = rng.normal(3, 1, size).astype(np.float32)
    depth[0, 0] = np.inf
    normal = rng.normal(0, 1, (*size, 3)).astype(np.float32)
    save_depth(tmp_path / "depth.exr", depth)
    (tmp_path / "normal.exr").write_bytes(exr_bytes({axis: normal[..., k] for k, axis in enumerate("XYZ")}))
    read = mi.Bitmap(str(tmp_path / "depth.exr"))
    assert np.array_equal(np.array(read).reshape(size), depth)
    three = np.array(mi.Bitmap(str(tmp_path / "normal.exr")))
    assert np.array_equal(three, normal)


def test_same_pixels_give_the_same_bytes():
    image = np.random.default_rng(0).integers(0, 255, (20, 30, 3)).astype(np.uint8)
    assert png_bytes(image) == png_bytes(image.copy(order="F"))
    depth = image[..., 0].astype(np.float32)
    assert exr_bytes({"Z": depth}) == exr_bytes({"Z": depth.copy(order="F")})


def test_overlay_tints_masks_and_leaves_the_rest():
    rgb = np.full((40, 60, 3), 100, np.uint8)
    mask = np.zeros((40, 60), bool)
    mask[20:30, 20:30] = True
    out = overlay(rgb, [(mask, "box"), (np.zeros_like(mask), "nothing")])
    assert (out[35:, :] == 100).all() and (out[:, 55:] == 100).all()
    assert (out[22:28, 22:28] != 100).any()
    assert out[29, 25].tolist() == list(class_colors(["box"])["box"])
    assert (rgb == 100).all()


def test_classes_keep_their_colours_whatever_the_order():
    assert class_colors(["b", "a", "a"]) == class_colors(["a", "b"])
    assert len(set(class_colors([f"c{i}" for i in range(30)]).values())) == 30
