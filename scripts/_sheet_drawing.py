"""What the scripts of contact sheets share: rims of masks, and JPEGs that stay below a size."""

import io
from collections.abc import Iterable
from typing import Any

import numpy as np


def rim(item: dict[str, Any], size: tuple[int, int]) -> np.ndarray:
    """bool[h, w]: the outline of a record's visible mask in a picture of that (width, height), three pixels wide."""
    from PIL import Image, ImageFilter

    from twinstage.synth import masks

    mask = Image.fromarray(masks.decode(item["visible_rle"]).astype(np.uint8) * 255)
    mask = mask.resize(size, Image.Resampling.BILINEAR).point(lambda v: 255 * (v >= 128))
    grown, shrunk = (
        np.array(mask.filter(ImageFilter.MaxFilter(3))),
        np.array(mask.filter(ImageFilter.MinFilter(3))),
    )
    return np.asarray(grown != shrunk)


def jpeg(picture: Any, most: int, qualities: Iterable[int]) -> bytes:
    """JPEG of at most `most` bytes, of the first of the qualities that fits, else of the last."""
    for quality in qualities:
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG", quality=quality, optimize=True)
        if buffer.tell() <= most:
            break
    return buffer.getvalue()
