"""The sRGB transfer curve (IEC 61966-2-1), both ways. numpy only."""

import numpy as np


def srgb_from_linear(linear: np.ndarray) -> np.ndarray:
    """The sRGB transfer curve (IEC 61966-2-1) for values in [0, 1]."""
    x = np.clip(linear, 0.0, 1.0)
    out: np.ndarray = np.where(x <= 0.0031308, 12.92 * x, 1.055 * np.power(x, 1 / 2.4) - 0.055)
    return out


def linear_from_srgb(encoded: np.ndarray) -> np.ndarray:
    """The inverse of `srgb_from_linear`, for values in [0, 1]."""
    x = np.asarray(encoded)
    return np.where(x <= 0.04045, x / 12.92, np.power((x + 0.055) / 1.055, 2.4))
