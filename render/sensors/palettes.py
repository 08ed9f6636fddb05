"""Colours of numbers from 0 to 1. Pure."""

from typing import Literal

import numpy as np

from twinstage.scene.columns import U1

Palette = Literal["white-hot", "black-hot", "iron"]

_IRON = np.array(
    [
        [0.00, 0, 0, 0],
        [0.12, 30, 0, 84],
        [0.30, 118, 0, 154],
        [0.50, 205, 40, 100],
        [0.70, 241, 118, 18],
        [0.88, 254, 205, 50],
        [1.00, 255, 255, 246],
    ]
)


def colored(share: np.ndarray, palette: Palette) -> U1:
    """sRGB u1[..., 3]; values outside of [0, 1] take the end's colour."""
    x = np.clip(np.nan_to_num(np.asarray(share, np.float64)), 0.0, 1.0)
    if palette == "iron":
        channels = [np.interp(x, _IRON[:, 0], _IRON[:, k]) for k in (1, 2, 3)]
        return np.asarray(np.rint(np.stack(channels, -1)), np.uint8)
    grey = np.rint((x if palette == "white-hot" else 1 - x) * 255)
    return np.asarray(np.repeat(grey[..., None], 3, -1), np.uint8)
