"""Unit quaternions as three 16-bit words: the three smallest components, and which one was left out."""

import numpy as np

from twinstage.scene.columns import F8

_HALF = 16383
_UNIT = _HALF * np.sqrt(2.0)
_OTHERS = np.array([[1, 2, 3], [0, 2, 3], [0, 1, 3], [0, 1, 2]], np.intp)


def pack_quaternions(quat: np.ndarray) -> np.ndarray:
    """Quaternions wxyz [n, 4] as smallest-three u16[n, 3]; the rotation errs by 0.0086 degrees at most."""
    q = np.asarray(quat, np.float64)
    flat, first = q.ravel(), np.arange(0, 4 * len(q), 4)
    largest = np.abs(q).argmax(axis=1)
    norm = np.sqrt(np.einsum("ij,ij->i", q, q))
    others = _OTHERS.take(largest, axis=0)
    others += first[:, None]
    kept = flat.take(others)
    kept *= (np.copysign(_UNIT, flat.take(first + largest)) / norm)[:, None]
    np.rint(kept, out=kept)
    kept += _HALF
    np.clip(kept, 0, 2 * _HALF, out=kept)
    packed: np.ndarray = kept.astype("<u2")
    which = largest.astype(np.uint16)
    packed[:, 0] |= (which & 1) << 15
    packed[:, 1] |= (which >> 1) << 15
    return packed


def unpack_quaternions(words: np.ndarray) -> F8:
    """Unit quaternions wxyz f8[n, 4] of smallest-three u16[n, 3]; the dropped component is positive."""
    columns = np.ascontiguousarray(np.asarray(words).T)
    which = (columns[0] >> 15) | ((columns[1] >> 15) << 1)
    small = (columns & 0x7FFF).astype(np.float64)
    small -= _HALF
    small /= _UNIT
    a, b, c = small
    most = 1.0 - (a * a + b * b + c * c)
    np.maximum(most, 0.0, out=most)
    np.sqrt(most, out=most)
    out = np.empty((len(which), 4))
    out[:, 0] = np.where(which == 0, most, a)
    out[:, 1] = np.where(which == 1, most, np.where(which == 0, a, b))
    out[:, 2] = np.where(which == 2, most, np.where(which == 3, c, b))
    out[:, 3] = np.where(which == 3, most, c)
    return out


def dropped(words: np.ndarray) -> np.ndarray:
    """Index of the component that was left out, of smallest-three u16[n, 3]."""
    found: np.ndarray = (words[:, 0] >> 15) | ((words[:, 1] >> 15) << 1)
    return found
