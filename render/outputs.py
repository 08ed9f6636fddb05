"""An AOV as a file, by suffix: data for programs, or with `preview` a picture to look at."""

import io
from pathlib import Path

import numpy as np

from twinstage.base.errors import UserError, did_you_mean
from twinstage.render.capture import AOVS
from twinstage.render.picture import exr_bytes, png_bytes
from twinstage.render.preview import Preview
from twinstage.scene.columns import U1

STILLS = (".png", ".jpg", ".jpeg", ".exr", ".npy")
"""Kinds of single pictures by suffix."""

ID_AOVS = ("object", "instance", "semantic", "part", "material")
BOOL_AOVS = ("flow_occluded", "flow_back_occluded")
PICTURE_AOVS = ("rgb", "linear")
"""What engines make; everything else is the label pass's."""

CHANNELS = {"linear": "RGB", "nocs": "RGB", "uv": "UV", "flow": "XY", "flow_back": "XY"}
"""Names of EXR channels where they are not Z of one number, X, Y, Z of three."""


def check_aovs(names: list[str]) -> tuple[str, ...]:
    """The names, each once; raises UserError for one that is none, and for none at all."""
    for name in names:
        if name not in AOVS:
            raise UserError(f"there is no AOV {name!r}{did_you_mean(name, AOVS, most=len(AOVS))}")
    if not names:
        raise UserError(f"no AOV was named; known: {', '.join(AOVS)}")
    return tuple(dict.fromkeys(names))


def file_suffix(name: str, preview: bool) -> str:
    """The kind of file that holds an AOV best."""
    return ".png" if preview or name == "rgb" or name in ID_AOVS or name in BOOL_AOVS else ".exr"


def check_suffix(path: Path, name: str, preview: bool) -> None:
    """Raise UserError where a still of that suffix cannot hold the AOV, before anything is rendered for it."""
    suffix = path.suffix.lower()
    if suffix not in STILLS:
        raise UserError(f"{path}: a picture's name must end in {', '.join(STILLS)}")
    if preview and suffix in (".exr", ".npy"):
        raise UserError(f"{path}: a preview is a picture to look at; name a .png or .jpg file")
    if preview or suffix in (".exr", ".npy") or name == "rgb":
        return
    if suffix == ".png" and file_suffix(name, False) == ".png":
        return
    holds = "ids are data" if name in ID_AOVS or name in BOOL_AOVS else "its numbers are no colours"
    fits = ".png, .exr or .npy" if file_suffix(name, False) == ".png" else ".exr or .npy"
    raise UserError(f"{path} cannot hold {name} as it is ({holds}): name a {fits} file, or ask for --preview")


def aov_bytes(name: str, values: np.ndarray, suffix: str, preview: Preview | None = None) -> bytes:
    """The file of an AOV. PNG and JPEG hold rgb or previews; PNG also ids u2, EXR f4 channels, NPY the array itself.

    Raises:
        UserError: ids beyond 65,535 in a PNG.
    """
    suffix = suffix.lower()
    if suffix == ".npy":
        buffer = io.BytesIO()
        np.save(buffer, np.ascontiguousarray(values), allow_pickle=False)
        return buffer.getvalue()
    if suffix == ".exr":
        return exr_bytes(_channels(name, np.asarray(values, np.float32)))
    if preview is None and name != "rgb":
        return png_bytes(_ids(name, values))
    picture = (preview or Preview())(name, values)
    return jpeg_bytes(picture) if suffix in (".jpg", ".jpeg") else png_bytes(picture)


def jpeg_bytes(picture: U1, quality: int = 95) -> bytes:
    """A JPEG of u1[h, w, 3] without thinned colours."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(picture)).save(buffer, "JPEG", quality=quality, subsampling=0)
    return buffer.getvalue()


def _channels(name: str, values: np.ndarray) -> dict[str, np.ndarray]:
    if values.ndim == 2:
        return {"Z" if name in ("depth", "range") else "Y": values}
    letters = CHANNELS.get(name, "RGB" if name == "rgb" else "XYZ")
    return {letter: values[..., k] for k, letter in enumerate(letters)}


def _ids(name: str, values: np.ndarray) -> np.ndarray:
    if values.dtype == np.bool_:
        return np.where(values, 255, 0).astype(np.uint8)
    if int(values.max(initial=0)) > 0xFFFF:
        raise UserError(f"{name} has ids above 65535, which a PNG cannot hold; name a .exr or .npy file")
    return values.astype(np.uint16)
