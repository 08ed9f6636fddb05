"""The light that reaches the surfaces of a picture, for the `raycast` engine: exact at nodes, interpolated between them.

Nodes are every `STEP`-th pixel of a row and of a column, and the last ones. From a node goes one shadow ray to each lamp that
it faces, and `SKY_RAYS` to the sky, whose directions differ among 4 x 4 nodes (interleaved sampling, Keller and Heidrich
2001); a mean over neighbours on the same surface evens that pattern out. A pixel takes the light of those
of the four nodes around it, weighed bilinearly, that are on its own surface: of the same instance, with normals no more than
32 degrees apart. It is lit on its own instead

EDGE  where they disagree about whether something hides one of the `SHARP` strongest lamps, and that lamp gives one of them
      more than `MATTERS` of its light: rays go to the lamps in doubt, so shadows have edges sharp to the pixel;
LOST  where those on its surface weigh less than `ENOUGH` in all: rays go to the lamps, but for those that all nodes around
      see, whatever their surface; its share of the sky is the mean of those nodes.

Of a lamp that gives no node around more than `MATTERS` no such pixel asks, if some of the nodes see it and some do not: it
sees a share of it, as they do.

So this is left out: of shadows on one surface what falls between nodes (less than `STEP` pixels wide); shadows of weak lamps
have edges `STEP` pixels wide, and the sky's run out over 3 `STEP` pixels; on surfaces too narrow for a node the light is what
their surroundings have where that is not in doubt. In a picture of k x k samples a pixel all this is k times finer.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from twinstage.render.engines.lamps import Lamp
from twinstage.render.engines.world import CLEARANCE, WorldBvh
from twinstage.render.rays import View, ray_grids
from twinstage.render.zbuffer import ZBuffer
from twinstage.scene.columns import F4, I4, U1, Bool

STEP = 4
SKY_RAYS = 2
SHARP = 8
MATTERS = 0.12
ENOUGH = 0.25

TURNS = np.array([[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]])
"""Which directions to the sky nodes (or pixels) take, by row and column: neighbours differ most (an ordered dither's order)."""

EDGE, LOST = 1, 2
"""Why a pixel is lit on its own: an edge of a shadow, too little of its surface at nodes."""

_ALIKE = np.float32(0.85)
_GOLDEN = np.pi * (3 - 5**0.5)


@dataclass(frozen=True)
class Places:
    """Points on surfaces: position and unit normal f4[3, n], counted from the world BVH's origin; turn: which set of
    directions to the sky each has, i8[n]."""

    position: F4
    normal: F4
    turn: np.ndarray

    def of(self, chosen: np.ndarray) -> "Places":
        """Some of them, by index."""
        return Places(self.position[:, chosen], self.normal[:, chosen], self.turn[chosen])


@dataclass(frozen=True)
class Lights:
    """Lamps, the radiance f4[3] of an even sky that matt surfaces reflect, and what stands between them and the surfaces."""

    lamps: Sequence[Lamp]
    sky: F4
    world: WorldBvh

    def by_strength(self, places: Places) -> "Lights":
        """The lamps by what they would send to those places (some of them) if nothing stood in their way, strongest first."""
        places = places.of(np.arange(0, len(places.turn), 16))
        sent = [float(lamp.sent(places.position, places.normal)[0].sum()) for lamp in self.lamps]
        strength = [total * float(lamp.color.max()) for total, lamp in zip(sent, self.lamps, strict=True)]
        order = sorted(range(len(self.lamps)), key=lambda i: (-strength[i], i))
        return Lights([self.lamps[i] for i in order], self.sky, self.world)

    def lamplight(
        self, places: Places, clear: U1, doubt: U1, partly: Sequence[tuple[np.ndarray, F4]] = ()
    ) -> Iterator[tuple[F4, Bool]]:
        """What each lamp gives to places, f4[3, n], the radiance that a white matt surface reflects; and which places face it.

        `clear`, `doubt` u1[n]: bit i says that nothing hides lamp i from there, and that a ray must tell; `partly`: for each
        lamp, some of the clear places, of which only a share f4 is. Lamps from the ninth on are always asked.
        """
        for i, lamp in enumerate(self.lamps):
            share, way = lamp.sent(places.position, places.normal)
            faces: Bool = share > 0
            if lamp.shadow:
                asked = faces
                if i < SHARP:
                    asked = faces & (doubt >> i & 1).view(bool)
                    share *= clear >> i & 1 | asked
                    for some, seen in partly[i : i + 1]:
                        share[some] *= seen
                ask = np.flatnonzero(asked)
                start = _lifted(places.position.take(ask, 1), places.normal.take(ask, 1))
                blocked = self.world.blocked(start, way.take(ask, 1), lamp.limit)
                share[ask[blocked]] = 0
            yield lamp.color[:, None] * lamp.tint(way) * share, faces

    def sky_share(self, places: Places) -> F4:
        """Share of a cosine-weighted hemisphere that sees the sky, f4[n]."""
        start = _lifted(places.position, places.normal)
        tangent, bitangent = _frames(places.normal)
        seen = np.zeros(len(places.turn), np.float32)
        for k in range(SKY_RAYS):
            # Each ray of a place comes from a ring and a sector of its own, so that even one place alone is about right.
            turn = np.arange(TURNS.size)
            radius = np.sqrt((k + (turn + 0.5) / TURNS.size) / SKY_RAYS)
            angle = _GOLDEN * turn + 2 * np.pi * k / SKY_RAYS
            across, along = radius * np.cos(angle), radius * np.sin(angle)
            up = np.sqrt(1 - radius**2)
            x, y, z = (axis.astype(np.float32).take(places.turn) for axis in (across, along, up))
            seen += ~self.world.blocked(start, x * tangent + y * bitangent + z * places.normal, np.inf)
        return seen / np.float32(SKY_RAYS)


def irradiance(lights: Lights, zbuffer: ZBuffer, normal: F4) -> F4:
    """Radiance f4[3, h, w] that white matt surfaces in place of those seen would reflect; `normal` f4[h, w, 3]."""
    surfaces = _Surfaces(zbuffer, normal, lights.world)
    nodes = _at_nodes(lights, surfaces)
    pixels = _between(nodes, surfaces)
    direct, share = pixels.light[:3], pixels.light[3]
    alone = np.flatnonzero(pixels.own)
    places = surfaces.places(alone)
    y, x = np.divmod(alone, share.shape[1])
    around = _around(nodes, y, x)
    clear, hidden, matters = (bits.take(alone) for bits in (pixels.clear, pixels.hidden, pixels.matters))
    lost = np.flatnonzero(pixels.own.take(alone) == LOST)
    near = [at.take(lost) for at in around]
    clear[lost], hidden[lost], matters[lost] = _bits(nodes, near)
    if lights.sky.any():
        share.reshape(-1)[alone[lost]] = _sky(nodes, near, lights, places.of(lost))
    weak = clear & hidden & ~matters
    doubt = ~(clear ^ hidden) & ~weak
    doubt[lost] |= hidden[lost] & ~clear[lost]  # what hides a lamp from all of another surface says little
    given = np.zeros((3, len(alone)), np.float32)
    for one, _ in nodes.lights.lamplight(
        places, (clear & ~hidden) | weak, doubt, _partly(nodes, around, _weights(y, x), weak)
    ):
        given += one
    for k in range(3):
        direct[k].reshape(-1)[alone] = given[k]
        direct[k] += share * lights.sky[k]
    return direct


class _Surfaces:
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


@dataclass(frozen=True)
class _Nodes:
    """A grid of nodes. `light` f4[4, r, c]: what lamps give, and the share of the sky. Bits i of u1[r, c]: `clear`, `hidden`:
    it faces lamp i and sees it, or not; `matters`: the lamp is a good part of its light. `lights`: lamps in that order."""

    lights: Lights
    part: I4
    normal: list[F4]
    light: F4
    clear: U1
    hidden: U1
    matters: U1


def _nodes(size: int) -> np.ndarray:
    """Pixels that are nodes along a side: every pixel has one at or before it and one behind, or it is the last."""
    return np.minimum(np.arange(-(-size // STEP) + 1) * STEP, size - 1)


def _at_nodes(lights: Lights, surfaces: _Surfaces) -> _Nodes:
    height, width = surfaces.part.shape
    y, x = _nodes(height), _nodes(width)
    part = np.ascontiguousarray(surfaces.part[y][:, x])
    hit = np.flatnonzero(part.ravel() >= 0)
    row, column = np.divmod(hit, len(x))
    places = surfaces.places(y.take(row) * width + x.take(column))
    places = Places(places.position, places.normal, TURNS[row % 4, column % 4])
    lights = lights.by_strength(places)
    light = np.zeros((4, len(hit)), np.float32)
    clear, hidden, matters = np.zeros((3, len(hit)), np.uint8)
    sharp: list[F4] = []
    for i, (given, faces) in enumerate(lights.lamplight(places, clear, ~clear)):
        light[:3] += given
        if i < SHARP:
            sharp.append(given.max(0))
            clear |= (sharp[i] > 0).astype(np.uint8) << np.uint8(i)
            hidden |= (faces & (sharp[i] == 0)).astype(np.uint8) << np.uint8(i)
    if lights.sky.any():
        light[3] = lights.sky_share(places)
    limit = (light[:3].max(0) + light[3] * lights.sky.max()) * np.float32(MATTERS)
    for i, brightest in enumerate(sharp):
        matters |= (brightest > limit).astype(np.uint8) << np.uint8(i)
    normal = [np.ascontiguousarray(surfaces.normal[..., k][y][:, x]) for k in range(3)]
    grids = [_spread(values, hit, part.shape) for values in (light, clear, hidden, matters)]
    return _smoothed(_Nodes(lights, part, normal, *grids))


def _spread(values: np.ndarray, hit: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Values [..., n] at `hit` of a grid, zeros elsewhere."""
    out = np.zeros((*values.shape[:-1], shape[0] * shape[1]), values.dtype)
    out[..., hit] = values
    return out.reshape(*values.shape[:-1], *shape)


def _smoothed(nodes: _Nodes) -> _Nodes:
    """The share of the sky weighed 1, 2, 2, 2, 1 over neighbours on the same surface, first in columns, then in rows.

    These weights even out what repeats after two nodes, or four.
    """
    rows, columns = nodes.part.shape
    for along in (0, 1):
        given = nodes.light[3]
        share, total = 2 * given, np.full((rows, columns), np.float32(2))
        for off, weight in ((-2, 1), (-1, 2), (1, 2), (2, 1)):
            dy, dx = (off, 0) if along == 0 else (0, off)
            mine = slice(max(-dy, 0), rows - max(dy, 0)), slice(max(-dx, 0), columns - max(dx, 0))
            other = slice(max(dy, 0), rows + min(dy, 0)), slice(max(dx, 0), columns + min(dx, 0))
            same = _alike(nodes, other, nodes.part[mine], [axis[mine] for axis in nodes.normal])
            weights = same * np.float32(weight)
            share[mine] += given[other] * weights
            total[mine] += weights
        nodes.light[3] = share / total
    return nodes


def _alike(nodes: _Nodes, window: tuple[slice, slice], part: I4, normal: Sequence[F4]) -> Bool:
    """Whether what nodes of a window see is of the same surface as something else, place by place."""
    x, y, z = (axis[window] for axis in nodes.normal)
    dot = x * normal[0]
    dot += y * normal[1]
    dot += z * normal[2]
    out: Bool = dot > _ALIKE
    out &= nodes.part[window] == part
    return out


@dataclass(frozen=True)
class _Pixels:
    """What pixels have from the nodes around them on their own surface: `light`, bits of any of them as nodes have them; `own`:
    whether it is lit on its own, and why: EDGE, LOST, else 0."""

    light: F4
    clear: U1
    hidden: U1
    matters: U1
    own: U1


def _between(nodes: _Nodes, surfaces: _Surfaces) -> _Pixels:
    """All pixels. Those that lie alike between their nodes are one array, and what they take of a node is one number."""
    shape = surfaces.part.shape
    out = _Pixels(np.empty((4, *shape), np.float32), *(np.empty(shape, np.uint8) for _ in range(4)))
    for dy in range(min(STEP, shape[0])):
        for dx in range(min(STEP, shape[1])):
            mine = slice(dy, None, STEP), slice(dx, None, STEP)
            part = np.ascontiguousarray(surfaces.part[mine])
            normal = [np.ascontiguousarray(surfaces.normal[..., k][mine]) for k in range(3)]
            total, given = np.zeros(part.shape, np.float32), np.zeros((4, *part.shape), np.float32)
            clear, hidden, matters = np.zeros((3, *part.shape), np.uint8)
            for down, right, weight in _corners(dy, dx):
                window = slice(down, down + part.shape[0]), slice(right, right + part.shape[1])
                same = _alike(nodes, window, part, normal)
                share = same * weight
                total += share
                for k in range(4):
                    given[k] += nodes.light[k][window] * share
                mask = -same.view(np.uint8)
                clear |= nodes.clear[window] & mask
                hidden |= nodes.hidden[window] & mask
                matters |= nodes.matters[window] & mask
            lost = total < ENOUGH
            given /= total + (total == 0)
            out.light[(slice(None), *mine)] = given
            out.clear[mine], out.hidden[mine], out.matters[mine] = clear, hidden, matters
            edge = (clear & hidden & matters != 0) & ~lost
            out.own[mine] = edge * EDGE + (lost & (part >= 0)) * LOST
    return out


def _around(nodes: _Nodes, y: np.ndarray, x: np.ndarray) -> list[np.ndarray]:
    """The four nodes around pixels, whatever their surface, as flat indices [n]."""
    columns = nodes.part.shape[1]
    first = y // STEP * columns + x // STEP
    return [first, first + 1, first + columns, first + columns + 1]


def _weights(y: np.ndarray, x: np.ndarray) -> list[F4]:
    """How much those four nodes count for each pixel, f4[n]; none nothing."""
    down, right = (((axis % STEP + 0.5) / (STEP + 1)).astype(np.float32) for axis in (y, x))
    return [(1 - down) * (1 - right), (1 - down) * right, down * (1 - right), down * right]


def _bits(nodes: _Nodes, around: list[np.ndarray]) -> U1:
    """`clear`, `hidden` and `matters` of any of those nodes, u1[3, n]."""
    out = np.zeros((3, len(around[0])), np.uint8)
    for at in around:
        for bits, of_nodes in zip(out, (nodes.clear, nodes.hidden, nodes.matters), strict=True):
            bits |= of_nodes.take(at)
    return out


def _partly(
    nodes: _Nodes, around: list[np.ndarray], weights: list[F4], weak: U1
) -> list[tuple[np.ndarray, F4]]:
    """For each lamp the pixels where it is `weak` u1[n], and by the nodes around them, whatever their surface, the share of it
    that they see."""
    out = []
    for i in range(SHARP):
        some = np.flatnonzero(weak >> np.uint8(i) & 1)
        seen, faced = np.zeros((2, len(some)), np.float32)
        for at, weight in zip(around, weights, strict=True):
            node, weighed = at.take(some), weight.take(some)
            clear = (nodes.clear.take(node) >> i & 1) * weighed
            seen += clear
            faced += clear + (nodes.hidden.take(node) >> i & 1) * weighed
        out.append((some, seen / faced))
    return out


def _sky(nodes: _Nodes, around: list[np.ndarray], lights: Lights, places: Places) -> F4:
    """The mean of those nodes' shares of the sky, f4[n]; where they see no surface at all, the places' own."""
    share, count = np.zeros((2, len(around[0])), np.float32)
    for at in around:
        share += nodes.light[3].take(at)
        count += nodes.part.take(at) >= 0
    share /= np.maximum(count, 1)
    none = np.flatnonzero(count == 0)
    share[none] = lights.sky_share(places.of(none))
    return share


def _corners(dy: int, dx: int) -> Iterator[tuple[int, int, np.float32]]:
    """The nodes around a pixel so far behind a node: how many nodes on, and the weight."""
    for down, y in ((0, STEP - dy), (1, dy)):
        for right, x in ((0, STEP - dx), (1, dx)):
            if y * x:
                yield down, right, np.float32(y * x / STEP**2)


def _lifted(position: F4, normal: F4) -> F4:
    """Where rays start that leave a surface."""
    return position + np.float32(CLEARANCE) * normal


def _frames(normal: F4) -> tuple[F4, F4]:
    """Two unit vectors f4[3, n] across each normal (Duff et al., Building an Orthonormal Basis, Revisited, 2017)."""
    x, y, z = normal
    sign = np.copysign(np.float32(1), z)
    a = -1 / (sign + z)
    b = x * y * a
    return np.stack([1 + sign * x * x * a, sign * b, -sign * x]), np.stack([b, sign + y * y * a, -y])
