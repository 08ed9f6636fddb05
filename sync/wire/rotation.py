"""Unit quaternions as three 16-bit words: the three smallest components, and which one was left out."""

import numpy as np

from twinstage.scene.columns import F8

_HALF = 16383
_UNIT = _HALF * np.sqrt(2.0)
_OTHERS = np.array([[1, 2, 3], [0, 2, 3], [0, 1, 3], [0, 1, 2]])
_FLAT = _OTHERS.astype(np.intp)


def pack_quaternions(quat: np.ndarray) -> np.ndarray:
    """Quaternions wxyz [n, 4] as smallest-three u16[n, 3]; the rotation errs by 0.0086 degrees at most."""
    q = np.asarray(quat, np.float64)
    n = len(q)
    magnitude = np.abs(q)
    largest = magnitude.argmax(axis=1)
    first = np.arange(n) * 4
    top = q.ravel()[first + largest]
    norm = np.sqrt(np.einsum("ij,ij->i", q, q))
    kept = q.ravel()[first[:, None] + _FLAT[largest]]
    kept *= (np.copysign(_UNIT, top) / norm)[:, None]
    words = np.rint(kept, out=kept).astype(np.int32)
    words += _HALF
    np.clip(words, 0, 2 * _HALF, out=words)
    words[:, 0] |= (largest & 1) << 15
    words[:, 1] |= (largest >> 1) << 15
    packed: np.ndarray = words.astype("<u2")
    return packed


def unpack_quaternions(words: np.ndarray) -> F8:
    """Unit quaternions wxyz f8[n, 4] of smallest-three u16[n, 3]; the dropped component is positive."""
    w = np.asarray(words).astype(np.int32)
    largest = (w[:, 0] >> 15) | ((w[:, 1] >> 15) << 1)
    small = ((w & 0x7FFF) - _HALF) / _UNIT
    out = np.empty((len(w), 4))
    first = np.arange(len(w)) * 4
    flat = out.ravel()
    flat[first[:, None] + _FLAT[largest]] = small
    flat[first + largest] = np.sqrt(np.maximum(0.0, 1.0 - np.einsum("ij,ij->i", small, small)))
    return out
