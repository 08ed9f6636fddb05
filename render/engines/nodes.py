"""The nodes of a picture, where the `raycast` engine asks for light: what they see, and what lamps and the sky give them.

Of the strongest lamp each node asks whether something hides it. Of another one only coarse nodes do, every other one of
every other row; a node between two or four of them, all on its own surface, takes over what they agree on, and asks where
they do not. So of the shadows of all lamps but one what falls between coarse nodes is left out.
"""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from twinstage.render.engines.lights import SHARP, TURNS, Lights, Places
from twinstage.render.engines.world import WorldBvh
from twinstage.render.rays import View, ray_grids
from twinstage.render.zbuffer import ZBuffer
from twinstage.scene.columns import F4, I4, U1, Bool

STEP = 4
MATTERS = 0.35
"""A lamp that gives a node more than this share of its light matters there."""

_ALIKE = np.float32(0.85)


class Surfaces:
    """What each pixel sees: part i4[h, w] of the depth buffer (one an instance), -1 for the background; normal f4[h, w, 3]."""

    def __init__(self, zbuffer: ZBuffer, normal: F4, world: WorldBvh) -> None:
        self.part: I4 = zbuffer.part
        self.normal = normal
        self._depth = zbuffer.depth.ravel()
        self._width = zbuffer.camera.width
        pose = np.eye(4)
        pose[:3, 3] = world.origin
        (self._grid,) = ray_grids(View(zbuffer.camera), pose[None], np.eye(3)[None])

    def places(self, pixels: np.ndarray) -> Places:
        """Those of flat pixel indices that see something."""
        y = pixels // self._width
        x = pixels - y * self._width
        origin, direction = self._grid.exact(x + 0.5, y + 0.5)
        position = (origin + direction * self._depth.take(pixels)).astype(np.float32)
        normal = np.ascontiguousarray(self.normal.reshape(-1, 3).take(pixels, 0).T)
        return Places(position, normal, TURNS[y % 4, x % 4])


Window = tuple[slice, slice]


@dataclass(frozen=True)
class Grid:
    """What a grid of places sees: part i4[r, c] of the depth buffer, -1 for the background; planes f4[r, c] of the normal."""

    part: I4
    normal: Sequence[F4]

    def at(self, window: Window) -> "Grid":
        """Some of it."""
        return Grid(self.part[window], [axis[window] for axis in self.normal])

    def alike(self, other: "Grid") -> Bool:
        """Whether both see the same surface, place by place."""
        dot = self.normal[0] * other.normal[0]
        dot += self.normal[1] * other.normal[1]
        dot += self.normal[2] * other.normal[2]
        out: Bool = dot > _ALIKE
        out &= self.part == other.part
        return out


@dataclass(frozen=True)
class Nodes:
    """A grid of nodes. `light` f4[4, r, c]: what lamps give, and the share of the sky. Bits i of u1[r, c]: `clear`, `hidden`:
    it faces lamp i and sees it, or not; `matters`: the lamp is a good part of its light. `lights`: lamps in that order."""

    lights: Lights
    seen: Grid
    light: F4
    clear: U1
    hidden: U1
    matters: U1


def _nodes(size: int) -> np.ndarray:
    """Pixels that are nodes along a side: every pixel has one at or before it and one behind, or it is the last."""
    return np.minimum(np.arange(-(-size // STEP) + 1) * STEP, size - 1)


def at_nodes(lights: Lights, surfaces: Surfaces) -> Nodes:
    height, width = surfaces.part.shape
    y, x = _nodes(height), _nodes(width)
    part = np.ascontiguousarray(surfaces.part[y][:, x])
    seen = Grid(part, [np.ascontiguousarray(surfaces.normal[..., k][y][:, x]) for k in range(3)])
    hit = np.flatnonzero(part.ravel() >= 0)
    row, column = np.divmod(hit, len(x))
    places = surfaces.places(y.take(row) * width + x.take(column))
    places = Places(places.position, places.normal, TURNS[row % 4, column % 4])
    lights = lights.by_strength(places)
    coarse = np.flatnonzero((row % 2 == 0) & (column % 2 == 0))
    unknown = np.zeros(len(hit), np.uint8)
    first = _asked(lights.sharp(), places.of(coarse), unknown.take(coarse), ~unknown.take(coarse))
    clear, hidden = _halfway(
        seen, *(_spread(bits, hit.take(coarse), part.shape) for bits in (first.clear, first.hidden))
    )
    clear, hidden = clear.ravel().take(hit), hidden.ravel().take(hit)
    found = _asked(lights, places, clear, ~(clear ^ hidden))
    share = lights.sky_share(places) if lights.sky.any() else np.zeros(len(hit), np.float32)
    limit = (found.light.max(0) + share * lights.sky.max()) * np.float32(MATTERS)
    matters = _bits_of((brightest > limit for brightest in found.brightest), len(hit))
    light = np.concatenate([found.light, share[None]])
    grids = [_spread(values, hit, part.shape) for values in (light, found.clear, found.hidden, matters)]
    return _smoothed(Nodes(lights, seen, *grids))


@dataclass(frozen=True)
class _Asked:
    """What nodes have of lamps: `light` f4[3, n] of all, the `brightest` channel f4[n] of each sharp one, and bits u1[n]."""

    light: F4
    brightest: list[F4]
    clear: U1
    hidden: U1


def _asked(lights: Lights, places: Places, clear: U1, doubt: U1) -> _Asked:
    """See `Lights.lamplight`."""
    count = len(clear)
    light = np.zeros((3, count), np.float32)
    brightest: list[F4] = []
    behind: list[Bool] = []
    for given, faces in lights.lamplight(places, clear, doubt):
        light += given
        if len(brightest) < SHARP:
            brightest.append(given.max(0))
            behind.append(faces & (brightest[-1] == 0))
    return _Asked(
        light, brightest, _bits_of((most > 0 for most in brightest), count), _bits_of(behind, count)
    )


def _bits_of(planes: Iterable[Bool], count: int) -> U1:
    """Bit i of u1[count] from the i-th plane."""
    out = np.zeros(count, np.uint8)
    for i, plane in enumerate(planes):
        out |= plane.view(np.uint8) << np.uint8(i)
    return out


def _halfway(seen: Grid, clear: U1, hidden: U1) -> tuple[U1, U1]:
    """Bits u1[r, c] of all nodes from those of coarse ones: where all of the two or four around a node are on its surface,
    what they agree on. Of the strongest lamp every node asks itself."""
    out = clear.copy(), hidden.copy()
    for odd in ((0, 1), (1, 0), (1, 1)):
        (rows, above), (columns, beside) = (_coarse(o, n) for o, n in zip(odd, clear.shape, strict=True))
        here = seen.at((rows, columns))
        agreed = [np.full(here.part.shape, np.uint8(0xFE)) for _ in out]
        for window in itertools.product(above, beside):
            same = -seen.at(window).alike(here).view(np.uint8)
            for bits, of_nodes in zip(agreed, (clear, hidden), strict=True):
                bits &= of_nodes[window] & same
        for grid, bits in zip(out, agreed, strict=True):
            grid[rows, columns] = bits
    return out


def _coarse(odd: int, size: int) -> tuple[slice, list[slice]]:
    """Along a side of so many nodes the even ones, or the odd ones that lie between two even ones; and the even ones there."""
    if not odd:
        return slice(0, size, 2), [slice(0, size, 2)]
    last = size - (size + 1) % 2  # the last even one, and one on
    return slice(1, last - 1, 2), [slice(0, last - 2, 2), slice(2, last, 2)]


def _spread(values: np.ndarray, hit: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Values [..., n] at `hit` of a grid, zeros elsewhere."""
    out = np.zeros((*values.shape[:-1], shape[0] * shape[1]), values.dtype)
    out[..., hit] = values
    return out.reshape(*values.shape[:-1], *shape)


def _smoothed(nodes: Nodes) -> Nodes:
    """The share of the sky weighed 1, 2, 2, 2, 1 over neighbours on the same surface, first in columns, then in rows.

    These weights even out what repeats after two nodes, or four.
    """
    rows, columns = nodes.seen.part.shape
    for along in (0, 1):
        given = nodes.light[3]
        share, total = 2 * given, np.full((rows, columns), np.float32(2))
        for off, weight in ((-2, 1), (-1, 2), (1, 2), (2, 1)):
            dy, dx = (off, 0) if along == 0 else (0, off)
            mine = slice(max(-dy, 0), rows - max(dy, 0)), slice(max(-dx, 0), columns - max(dx, 0))
            other = slice(max(dy, 0), rows + min(dy, 0)), slice(max(dx, 0), columns + min(dx, 0))
            weights = nodes.seen.at(mine).alike(nodes.seen.at(other)) * np.float32(weight)
            share[mine] += given[other] * weights
            total[mine] += weights
        nodes.light[3] = share / total
    return nodes
