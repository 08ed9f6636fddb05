"""Images as files that USD's texture nodes read: PNG, JPEG, OpenEXR, Radiance as they are; others are written as PNG."""

import io

from twinstage.assets.importing.document import Image
from twinstage.scene.safe.images import image_size, open_picture
from twinstage.scene.safe.limits import MAX_IMAGE_PIXELS

_AS_THEY_ARE = {"png": ".png", "jpeg": ".jpg", "exr": ".exr", "hdr": ".hdr"}


def as_file(image: Image) -> tuple[bytes | None, str, str]:
    """(bytes or None, ending, what has to be told or "")."""
    size = image_size(image.data)
    if size is None:
        return None, "", f"it is no image that can be read ({_said(image)}), so it is left out"
    if size.pixels > MAX_IMAGE_PIXELS or 0 in (size.width, size.height):
        pixels = f"{size.width:,} x {size.height:,} pixels"
        return None, "", f"it has {pixels}; 1 to {MAX_IMAGE_PIXELS:,} in all are taken, so it is left out"
    if size.kind in _AS_THEY_ARE:
        return (
            image.data,
            _AS_THEY_ARE[size.kind],
            _damage(image.data) if size.kind in ("png", "jpeg") else "",
        )
    try:
        picture = open_picture(image.data)
        mode = "RGBA" if "A" in picture.getbands() or "transparency" in picture.info else "RGB"
        if picture.mode in ("L", "I;16", "I"):
            mode = picture.mode
        out = io.BytesIO()
        picture.convert(mode).save(out, "PNG")
    except (OSError, ValueError, SyntaxError) as problem:
        return None, "", f"it cannot be decoded ({problem}), so it is left out"
    return out.getvalue(), ".png", ""


def _damage(data: bytes) -> str:
    """What is wrong with an image whose header is right; it is kept, since other programs may make more of it."""
    try:
        open_picture(data).load()
    except (OSError, ValueError, SyntaxError) as problem:
        return f"it is damaged ({problem})"
    return ""


def _said(image: Image) -> str:
    return image.media_type or "of no type that the file names"
