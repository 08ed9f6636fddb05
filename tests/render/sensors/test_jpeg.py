"""JPEG as a sensor writes and reads it: nothing but a JPEG of the picture's own size is decoded."""

import io
import warnings

import numpy as np
import pytest
from PIL import Image

from twinstage.render.sensors.jpeg import jpeg_bytes, jpeg_pixels, through_jpeg


def _encoded(format_: str, size: tuple[int, int] = (8, 4)) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, (10, 120, 200)).save(out, format_)
    return out.getvalue()


def test_pixels_come_back_as_libjpeg_has_them() -> None:
    rgb = np.random.default_rng(3).integers(0, 255, (9, 17, 3), np.uint8)
    data = jpeg_bytes(rgb, 80)
    with Image.open(io.BytesIO(data)) as image:
        expected = np.asarray(image.convert("RGB"))
    assert np.array_equal(jpeg_pixels(data, (17, 9)), expected)
    assert np.array_equal(through_jpeg(rgb, 80), expected) and not np.array_equal(rgb, expected)


@pytest.mark.parametrize("format_", ["PNG", "BMP", "GIF", "TIFF", "PPM", "WEBP"])
def test_no_other_format_is_decoded(format_: str) -> None:
    with pytest.raises(ValueError, match="JPEG of 8 x 4"):
        jpeg_pixels(_encoded(format_), (8, 4))


def test_another_size_is_refused_by_the_header_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    large = bytearray(_encoded("JPEG"))
    at = large.index(b"\xff\xc0") + 5
    large[at : at + 4] = b"\xff\xdc\xff\xdc"  # 65,500 x 65,500
    monkeypatch.setattr(Image, "open", lambda *_, **__: pytest.fail("it was opened"))
    with pytest.raises(ValueError, match="JPEG of 8 x 4"):
        jpeg_pixels(bytes(large), (8, 4))


def test_a_large_picture_of_our_own_is_no_bomb(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    rgb = np.zeros((12, 12, 3), np.uint8)  # more than Pillow warns of
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert through_jpeg(rgb, 20).shape == rgb.shape
