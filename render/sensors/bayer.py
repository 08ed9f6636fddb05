"""Colour filter arrays: one colour a photosite, and back. Pure."""

from typing import Literal

import numpy as np

from twinstage.scene.columns import F8

Mosaic = Literal["rggb", "bggr", "grbg", "gbrg"]
"""Colours of the top-left 2 x 2 photosites, row by row."""


def channel_map(mosaic: Mosaic, height: int, width: int) -> np.ndarray:
    """Channel 0, 1 or 2 of each photosite, u1[h, w]."""
    tile = np.array(["rgb".index(letter) for letter in mosaic], np.uint8).reshape(2, 2)
    return np.tile(tile, (height // 2 + 1, width // 2 + 1))[:height, :width]


def mosaicked(image: np.ndarray, channels: np.ndarray) -> np.ndarray:
    """The channel of each photosite, [h, w] of [h, w, 3]."""
    out: np.ndarray = np.take_along_axis(image, channels[..., None].astype(np.int64), -1)[..., 0]
    return out


def demosaicked(raw: np.ndarray, channels: np.ndarray) -> F8:
    """rgb f8[h, w, 3]: measured values stay, others are the mean of the nearest neighbours (bilinear)."""
    out = np.empty((*raw.shape, 3))
    weights = np.array([1.0, 2.0, 1.0])
    for channel in range(3):
        known = (channels == channel).astype(np.float64)
        total, count = (_spread(plane, weights) for plane in (raw * known, known))
        out[..., channel] = np.where(known > 0, raw, total / np.maximum(count, 1e-12))
    return out


def _spread(plane: F8, weights: F8) -> F8:
    padded = np.pad(plane, 1)
    rows = sum(w * padded[k : k + plane.shape[0]] for k, w in enumerate(weights.tolist()))
    out: F8 = sum(w * np.asarray(rows)[:, k : k + plane.shape[1]] for k, w in enumerate(weights.tolist()))
    return out
