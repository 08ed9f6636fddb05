"""Light into bytes: the declared tone map.

Tone map of every engine: linear rgb times 2^exposure; up to `SHOULDER` unchanged, above it rolled off smoothly towards
1 (so that a lamp keeps a hint of its surroundings' colour instead of a hard clip); then the sRGB curve; then 8 bits.
"""

import numpy as np

from twinstage.scene.color import srgb_from_linear
from twinstage.scene.columns import F4, U1

SHOULDER = 0.8
"""Linear value above which highlights are compressed."""

_STEPS = 1 << 13


def roll_off(linear: np.ndarray) -> np.ndarray:
    """Linear values of any size into [0, 1): the identity up to the shoulder, then an exponential approach to 1."""
    room = 1.0 - SHOULDER
    x = np.asarray(linear, np.float64)
    return np.where(x <= SHOULDER, x, 1.0 - room * np.exp(-(np.maximum(x, SHOULDER) - SHOULDER) / room))


def _table() -> U1:
    # Indexed by the square root of value / 4, which spends its steps where the sRGB curve is steep.
    linear = 4.0 * (np.arange(_STEPS) / (_STEPS - 1)) ** 2
    out: U1 = np.rint(srgb_from_linear(roll_off(linear)) * 255).astype(np.uint8)
    return out


_TABLE = _table()


def tone_map(linear: np.ndarray, exposure: float = 0.0) -> U1:
    """sRGB bytes u1[..., 3] of linear rgb f4[..., 3]; `exposure` in EV. Values that are not finite count as 0."""
    x: F4 = np.nan_to_num(np.asarray(linear, np.float32), nan=0.0, posinf=4.0, neginf=0.0)
    x = np.clip(x * np.float32(2.0**exposure / 4.0), 0.0, 1.0)
    np.sqrt(x, out=x)
    x *= _STEPS - 1
    x += 0.5
    return _TABLE[x.astype(np.uint16)]


def luminance(linear: np.ndarray) -> np.ndarray:
    """Relative luminance of linear Rec. 709 rgb [..., 3]."""
    weighted: np.ndarray = linear @ np.array([0.2126, 0.7152, 0.0722], linear.dtype)
    return weighted


def auto_exposure(linear: np.ndarray, key: float = 0.18) -> float:
    """EV that brings the geometric mean luminance of the picture to `key`, at most 12 either way.

    Black pixels and the brightest percent are left out, so that neither the night nor a lamp decides.
    """
    y = luminance(np.nan_to_num(np.asarray(linear, np.float32))).ravel()
    y = y[y > 1e-6]
    if y.size == 0:
        return 0.0
    y = y[y <= np.quantile(y, 0.99)].astype(np.float64)
    return float(np.clip(np.log2(key / np.exp(np.log(y).mean())), -12.0, 12.0))
