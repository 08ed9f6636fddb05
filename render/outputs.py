"""An AOV as a file, by suffix: the data of `files`, arrays of numpy, JPEGs, or with `preview` a picture to look at."""

import io
from pathlib import Path

import numpy as np

from twinstage.base.errors import UserError, did_you_mean
from twinstage.render.capture import AOVS, Camera
from twinstage.render.files import aov_bytes as data_bytes
from twinstage.render.picture import png_bytes
from twinstage.render.preview import Preview
from twinstage.scene.columns import U1

STILLS = (".png", ".jpg", ".jpeg", ".exr", ".npy")
"""Kinds of single pictures by suffix."""

ID_AOVS = ("object", "instance", "semantic", "part", "material")
MASK_AOVS = ("flow_occluded", "flow_back_occluded")
PICTURE_AOVS = ("rgb", "linear")
"""What engines make; everything else is the label pass's."""

NO_PNG = ("uv", "position", "motion")
"""What a PNG has no numbers for; see `files`."""


def check_aovs(names: list[str]) -> tuple[str, ...]:
    """The names, each once; raises UserError for one that is none, and for none at all."""
    for name in names:
        if name not in AOVS:
            raise UserError(f"there is no AOV {name!r}{did_you_mean(name, AOVS, most=len(AOVS))}")
    if not names:
        raise UserError(f"no AOV was named; known: {', '.join(AOVS)}")
    return tuple(dict.fromkeys(names))


def file_suffix(name: str, preview: bool) -> str:
    """The kind of file that holds an AOV best: .png for pictures, ids and masks, .exr for numbers."""
    return ".png" if preview or name == "rgb" or name in (*ID_AOVS, *MASK_AOVS) else ".exr"


def check_suffix(path: Path, name: str, preview: bool) -> None:
    """Raise UserError where a still of that suffix cannot hold the AOV, before anything is rendered for it."""
    suffix = path.suffix.lower()
    if suffix not in STILLS:
        raise UserError(f"{path}: a picture's name must end in {', '.join(STILLS)}")
    if preview and suffix in (".exr", ".npy"):
        raise UserError(f"{path}: a preview is a picture to look at; name a .png or .jpg file")
    if suffix == ".exr" and name == "rgb":
        raise UserError(
            f"{path}: rgb is 8 bits after the tone map; ask for --aov linear, or name a .png file"
        )
    if preview or name == "rgb" or suffix == ".npy":
        return
    if suffix in (".jpg", ".jpeg"):
        raise UserError(
            f"{path}: a JPEG would spoil the numbers of {name}; name another file, or ask for --preview"
        )
    if suffix == ".png" and name in NO_PNG:
        raise UserError(f"{path}: a PNG cannot hold {name}; name a .exr or .npy file, or ask for --preview")


def aov_bytes(
    name: str,
    values: np.ndarray,
    suffix: str,
    preview: Preview | None = None,
    camera: Camera | None = None,
) -> bytes:
    """The file of an AOV; `camera`: for the shape of its pixels in an EXR.

    Raises:
        UserError: ids beyond 65,535 in a PNG.
    """
    suffix = suffix.lower()
    if suffix == ".npy":
        buffer = io.BytesIO()
        np.save(buffer, np.ascontiguousarray(values), allow_pickle=False)
        return buffer.getvalue()
    if suffix in (".jpg", ".jpeg"):
        return jpeg_bytes((preview or Preview())(name, values))
    if preview is not None:
        return png_bytes(preview(name, values))
    return data_bytes(suffix, name, values, camera)


def jpeg_bytes(picture: U1, quality: int = 95) -> bytes:
    """A JPEG of u1[h, w, 3] without thinned colours."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(picture)).save(buffer, "JPEG", quality=quality, subsampling=0)
    return buffer.getvalue()
