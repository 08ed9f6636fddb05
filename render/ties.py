"""Hits in the same place: who is seen. The rule is stated in `render.zbuffer`."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from twinstage.scene.columns import F4, F8, I4, U4

TIE = 1e-6
"""Hits whose ray parameters differ by no more than this share are in the same place."""

_LAST = np.iinfo(np.int32).max


@dataclass(frozen=True, slots=True)
class Pixels:
    """A depth buffer's arrays: depth f4[h, w], part i4[h, w], triangle u4[h, w], barycentric f4[h, w, 2]."""

    depth: F4
    part: I4
    triangle: U4
    barycentric: F4

    def copy(self) -> "Pixels":
        """The same in memory of its own."""
        return Pixels(self.depth.copy(), self.part.copy(), self.triangle.copy(), self.barycentric.copy())

    def at(self, pixel: np.ndarray) -> "Claims":
        """What those flat pixels hold."""
        return Claims(
            pixel,
            self.part.ravel()[pixel].astype(np.int64),
            self.depth.ravel()[pixel],
            self.triangle.ravel()[pixel],
            self.barycentric.reshape(-1, 2)[pixel],
        )

    def put(self, claims: "Claims") -> None:
        """Let those pixels hold those hits."""
        self.depth.reshape(-1)[claims.pixel] = claims.t
        self.part.reshape(-1)[claims.pixel] = claims.part
        self.triangle.reshape(-1)[claims.pixel] = claims.triangle
        self.barycentric.reshape(-1, 2)[claims.pixel] = claims.barycentric


@dataclass(frozen=True, slots=True)
class Claims:
    """Hits that may be the ones seen: flat pixel, part, ray parameter, triangle and barycentric of each."""

    pixel: np.ndarray
    part: np.ndarray
    t: F4
    triangle: U4
    barycentric: F4

    def take(self, index: np.ndarray) -> "Claims":
        """Some of them."""
        return Claims(
            self.pixel[index], self.part[index], self.t[index], self.triangle[index], self.barycentric[index]
        )


def joined(claims: Sequence[Claims]) -> Claims:
    """All of them as one."""
    return Claims(
        np.concatenate([c.pixel for c in claims]),
        np.concatenate([c.part for c in claims]),
        np.concatenate([c.t for c in claims]),
        np.concatenate([c.triangle for c in claims]),
        np.concatenate([c.barycentric for c in claims]),
    )


def reach(t: np.ndarray) -> F8:
    """The greatest ray parameter that ties with t."""
    out: F8 = t.astype(np.float64) * (1 + TIE)
    return out


def owner_key(owner: int, instance: int) -> tuple[int, int]:
    """What ties are decided by, the lower one wins: an object's row (-1: none, last of all), then the instance's."""
    return (owner if owner >= 0 else _LAST), instance


def winners(claims: Claims, keys: np.ndarray) -> tuple[Claims, int]:
    """The hit that is seen at each contested pixel, and how many pixels two or more parts tie for.

    `keys`: `owner_key` of each part, [parts, 2]. The same hit may be listed more than once.
    """
    pixels, place = np.unique(claims.pixel, return_inverse=True)
    nearest = np.full(len(pixels), np.inf, np.float32)
    np.minimum.at(nearest, place, claims.t)
    valid = np.flatnonzero(claims.t <= reach(nearest)[place])
    owner = keys[claims.part[valid]]
    order = valid[np.lexsort((claims.t[valid], owner[:, 1], owner[:, 0], claims.pixel[valid]))]
    pixel, part = claims.pixel[order], claims.part[order]
    new = np.append(True, np.diff(pixel) != 0)
    shared = pixel[np.append(False, (np.diff(pixel) == 0) & (np.diff(part) != 0))]
    return claims.take(order[new]), len(np.unique(shared))
