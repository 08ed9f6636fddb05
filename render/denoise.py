"""Open Image Denoise: the noise of few samples taken out of linear pictures. An extra: `pip install twinstage[denoise]`.

The package is `mitsuba-oidn`, by Mitsuba's author: Intel's library with its weights, on Dr.Jit's threads. It always runs
on the CPU here, so that a picture does not depend on what else a machine has. Its own choice of exposure sums in an
order that depends on the number of threads; the scale is therefore found here, and the bytes are the same for any
number (measured from 1 to 16 threads).
"""

from functools import cache
from typing import Any

import numpy as np

from twinstage.base.errors import UserError
from twinstage.render.color import luminance
from twinstage.scene.columns import F4

_KEY = 0.18


def denoised(linear: F4, albedo: F4 | None = None, normal: F4 | None = None) -> F4:
    """The picture f4[h, w, 3] (linear rgb) without noise, as a new array.

    `albedo` f4[h, w, 3] in [0, 1] and `normal` f4[h, w, 3] (unit, any frame) of what is seen first keep edges and
    textures sharp. Raises UserError where the package is not installed.
    """
    oidn, device = _library()
    color = np.ascontiguousarray(np.clip(np.nan_to_num(linear, nan=0.0), 0.0, 1e6), np.float32)
    out: F4 = oidn.denoise(
        color,
        None if albedo is None else np.ascontiguousarray(albedo, np.float32),
        None if normal is None else np.ascontiguousarray(normal, np.float32),
        hdr=True,
        device=device,
        input_scale=input_scale(color),
        output=np.empty_like(color),
    )
    return out


def input_scale(linear: F4) -> float:
    """What brings the geometric mean luminance of the lit pixels to middle grey, as the library expects it."""
    y = luminance(linear).ravel()
    y = y[y > 1e-8]
    if y.size == 0:
        return 1.0
    return float(np.float32(_KEY / np.exp(np.log(y.astype(np.float64)).mean())))


@cache
def _library() -> tuple[Any, Any]:
    try:
        import mitsuba_oidn as oidn
    except ImportError:
        raise UserError(
            "denoising needs the package mitsuba-oidn, which is not installed: pip install 'twinstage[denoise]'"
        ) from None
    return oidn, oidn.Device(oidn.DeviceType.CPU)
