"""JPEG as a camera writes it, and its pixels again. Pillow (libjpeg): the same bytes for the same build of it."""

import io

import numpy as np

from twinstage.scene.columns import U1
from twinstage.scene.safe.images import image_size, open_picture


def through_jpeg(rgb: U1, quality: int) -> U1:
    """The pixels u1[h, w, 3] after JPEG of that quality, 1 to 100."""
    height, width = rgb.shape[:2]
    return jpeg_pixels(jpeg_bytes(rgb, quality), (width, height))


def jpeg_bytes(rgb: U1, quality: int) -> bytes:
    """A JPEG file of u1[h, w, 3]."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def jpeg_pixels(data: bytes, size: tuple[int, int]) -> U1:
    """The pixels u1[h, w, 3] of a JPEG of that width and height; ValueError for anything else, by its header alone."""
    found = image_size(data)
    if found is None or (found.kind, found.width, found.height) != ("jpeg", *size):
        raise ValueError(f"a JPEG of {size[0]} x {size[1]} pixels was expected")
    with open_picture(data) as image:
        return np.asarray(image.convert("RGB"))
