"""Light into bytes: the declared tone maps.

Every engine: linear Rec. 709 rgb times 2^exposure, then one of these, then the sRGB curve (but for `linear`), then
8 bits.

    soft     up to `SHOULDER` unchanged, above it rolled off smoothly towards 1, so that a lamp keeps a hint of its
             surroundings' colour instead of a hard clip
    srgb     clipped at 1: what is below is stored exactly
    aces     the film-like curve of the ACES reference and output transform, as fitted by Stephen Hill
             (BakingLab, ACES.hlsl): matrix, rational curve, matrix
    agx      Troy Sobotka's AgX, base look, as fitted by Benjamin Wrensch ("Minimal AgX Implementation"): matrix, 16.5
             stops of log2, polynomial, matrix; bright colours fade to white instead of changing hue
    linear   bytes are linear light, clipped at 1; for measuring, not for looking at
"""

from collections.abc import Callable
from typing import Literal

import numpy as np

from twinstage.scene.color import linear_from_srgb, srgb_from_linear
from twinstage.scene.columns import F4, U1

ToneMap = Literal["soft", "srgb", "aces", "agx", "linear"]

SHOULDER = 0.8
"""Linear value above which `soft` compresses highlights."""

_STEPS = 1 << 13
_TOP = 4.0
"""Greatest linear value that the table of `soft` tells from more."""
_BRIGHT = np.float32(1e30)

# Rec. 709 to the space of the fit and back, rows sum to 1 (Stephen Hill, BakingLab).
_ACES_IN = np.array(
    [[0.59719, 0.35458, 0.04823], [0.07600, 0.90834, 0.01566], [0.02840, 0.13383, 0.83777]], np.float32
)
_ACES_OUT = np.array(
    [[1.60475, -0.53108, -0.07367], [-0.10208, 1.10813, -0.00605], [-0.00327, -0.07276, 1.07602]], np.float32
)
_AGX_IN = np.array(
    [
        [0.842479062253094, 0.0784335999999992, 0.0792237451477643],
        [0.0423282422610123, 0.878468636469772, 0.0791661274605434],
        [0.0423756549057051, 0.0784336, 0.879142973793104],
    ],
    np.float32,
)
_AGX_OUT = np.linalg.inv(_AGX_IN.astype(np.float64)).astype(np.float32)
_AGX_EV = (-12.47393, 4.026069)
_AGX_CURVE = (15.5, -40.14, 31.96, -6.868, 0.4298, 0.1191, -0.00232)


def roll_off(linear: np.ndarray) -> np.ndarray:
    """Linear values of any size into [0, 1): the identity up to the shoulder, then an exponential approach to 1."""
    room = 1.0 - SHOULDER
    x = np.asarray(linear, np.float64)
    return np.where(x <= SHOULDER, x, 1.0 - room * np.exp(-(np.maximum(x, SHOULDER) - SHOULDER) / room))


def aces(linear: np.ndarray) -> F4:
    """Display light f4[..., 3] in [0, 1] of linear rgb, by Hill's fit."""
    x = np.maximum(np.asarray(linear, np.float32), 0) @ _ACES_IN.T
    # The curve ends at 0.983729 / 0.9837; beyond this bound it has long arrived, and float32 would lose its way.
    x = np.minimum(x, np.float32(1e4))
    curve = (x * (x + np.float32(0.0245786)) - np.float32(0.000090537)) / (
        x * (np.float32(0.983729) * x + np.float32(0.4329510)) + np.float32(0.238081)
    )
    out: F4 = np.clip(curve @ _ACES_OUT.T, 0, 1)
    return out


def agx(linear: np.ndarray) -> F4:
    """sRGB-encoded display values f4[..., 3] in [0, 1] of linear rgb, by Wrensch's fit."""
    x = np.maximum(np.asarray(linear, np.float32), 0) @ _AGX_IN.T
    low, high = _AGX_EV
    x = np.clip((np.log2(np.maximum(x, np.float32(1e-10))) - low) / (high - low), 0, 1).astype(np.float32)
    curve = np.zeros_like(x)
    for coefficient in _AGX_CURVE:
        curve = curve * x + np.float32(coefficient)
    out: F4 = np.clip(curve @ _AGX_OUT.T, 0, 1)
    return out


def _table(curve: Callable[[np.ndarray], np.ndarray], top: float) -> U1:
    # Indexed by the square root of value / top, which spends its steps where the sRGB curve is steep.
    linear = top * (np.arange(_STEPS) / (_STEPS - 1)) ** 2
    out: U1 = np.rint(curve(linear) * 255).astype(np.uint8)
    return out


_TABLES: dict[str, tuple[U1, float]] = {
    "soft": (_table(lambda x: srgb_from_linear(roll_off(x)), _TOP), _TOP),
    "srgb": (_table(srgb_from_linear, 1.0), 1.0),
    "aces": (_table(srgb_from_linear, 1.0), 1.0),
}


def tone_map(linear: np.ndarray, exposure: float = 0.0, kind: ToneMap = "soft") -> U1:
    """Bytes u1[..., 3] of linear rgb f4[..., 3]; `exposure` in EV. Values that are not finite: NaN is 0, inf is bright."""
    x = np.asarray(linear, np.float32) * np.float32(2.0**exposure)
    np.fmax(x, np.float32(0), out=x)  # NaN becomes 0, too
    np.minimum(x, _BRIGHT, out=x)
    if kind in ("soft", "srgb"):
        return _by_table(kind, x)
    if kind == "aces":
        return _by_table("aces", aces(x))
    display = agx(x) if kind == "agx" else np.minimum(x, 1)
    out: U1 = np.rint(display * np.float32(255)).astype(np.uint8)
    return out


def _by_table(kind: str, x: F4) -> U1:
    """The bytes of values from 0 on, which are overwritten."""
    table, top = _TABLES[kind]
    np.minimum(x, np.float32(top), out=x)
    x *= np.float32(1 / top)
    np.sqrt(x, out=x)
    x *= _STEPS - 1
    x += 0.5
    out: U1 = table[x.astype(np.uint16)]
    return out


def linear_from_bytes(rgb: np.ndarray) -> F4:
    """Linear rgb f4[..., 3] of sRGB bytes."""
    return linear_from_srgb(np.asarray(rgb, np.float64) / 255).astype(np.float32)


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
