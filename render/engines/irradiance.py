"""The light that reaches the surfaces of a picture, for the `raycast` engine: exact at nodes, interpolated between them.

Nodes are every `STEP`-th pixel of a row and of a column, and the last ones. At a node each lamp sends one shadow ray and the
sky `SKY_RAYS`, from a pattern of 2 x 2 nodes that differ (interleaved sampling: Keller and Heidrich 2001); the pattern's
trace is taken out by a filter of 1, 2, 1 nodes. A pixel takes the light of the (up to four) nodes around it, weighed
bilinearly, of those that are on its own surface: of the same instance, with normals no more than 18 degrees apart.

A pixel is lit on its own instead
 - where no node around it is on its surface: lamps and sky;
 - where the nodes around it disagree about the shadow of one of the `SHARP` lamps that light the picture most, and that
   lamp gives one of them more than `MATTERS` of its light: its lamps. So the edges of shadows are sharp to the pixel.

What this leaves out: shadows that fall between nodes, so are narrower than `STEP` pixels, and shadows of weak lamps have
edges `STEP` pixels wide; on one surface the light of the sky runs up to 2 `STEP` pixels across an edge of its shade.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from twinstage.render.engines.lamps import Lamp
from twinstage.render.engines.world import CLEARANCE, WorldBvh
from twinstage.render.rays import RayGrid, View
from twinstage.render.zbuffer import ZBuffer
from twinstage.scene.columns import F4, I4, U1, Bool

STEP = 4
SKY_RAYS = 2
SHARP = 8
MATTERS = 0.08

EDGE, LOST = 1, 2
"""Why a pixel is lit on its own: an edge of a shadow, no node on its surface."""

_ALIKE = np.float32(0.95)
_GOLDEN = np.pi * (3 - 5**0.5)


@dataclass(frozen=True)
class Places:
    """Points on surfaces: position and unit normal f4[3, n], counted from the world BVH's origin; turn: which of the four
    sets of directions to the sky each has, i8[n]."""

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

    def lamplight(self, places: Places, clear: U1, doubt: U1) -> Iterator[tuple[F4, Bool]]:
        """What each lamp gives to places, f4[3, n], the radiance that a white matt surface reflects; and which places face it.

        `clear`, `doubt` u1[n]: bit i says that nothing hides lamp i from there, and that a ray must tell. Lamps from the ninth
        on are always asked.
        """
        for i, lamp in enumerate(self.lamps):
            share, way = lamp.sent(places.position, places.normal)
            faces: Bool = share > 0
            if lamp.shadow:
                asked = faces
                if i < SHARP:
                    asked = faces & (doubt >> i & 1).view(bool)
                    share *= clear >> i & 1 | asked
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
            number = k * 4 + np.arange(4)
            radius = np.sqrt((number + 0.5) / (4 * SKY_RAYS))
            across, along = radius * np.cos(_GOLDEN * number), radius * np.sin(_GOLDEN * number)
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
    clear, hidden = pixels.clear.take(alone), pixels.hidden.take(alone)
    lost = np.flatnonzero(pixels.own.take(alone) == LOST)
    clear[lost] = _clear_around(nodes, *np.divmod(alone[lost], share.shape[1]))
    if lights.sky.any():
        share.reshape(-1)[alone[lost]] = lights.sky_share(places.of(lost))
    given = np.zeros((3, len(alone)), np.float32)
    for one, _ in nodes.lights.lamplight(places, clear & ~hidden, ~(clear ^ hidden)):
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
        self._grid = RayGrid(View(zbuffer.camera), pose, np.eye(3))

    def places(self, pixels: np.ndarray) -> Places:
        """Those of flat pixel indices that see something."""
        y = pixels // self._width
        x = pixels - y * self._width
        origin, direction = self._grid.exact(x + 0.5, y + 0.5)
        position = (origin + direction * self._depth.take(pixels)).astype(np.float32)
        normal = np.ascontiguousarray(self.normal.reshape(-1, 3).take(pixels, 0).T)
        return Places(position, normal, (y & 1) * 2 + (x & 1))


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
    places = Places(places.position, places.normal, (row & 1) * 2 + (column & 1))
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
    """The share of the sky weighed 1, 2, 1 over neighbours on the same surface, which evens out the 2 x 2 pattern."""
    rows, columns = nodes.part.shape
    share = nodes.light[3].copy()
    total = np.ones((rows, columns), np.float32)
    share *= 4
    total *= 4
    for dy, dx in ((-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1)):
        mine = slice(max(-dy, 0), rows - max(dy, 0)), slice(max(-dx, 0), columns - max(dx, 0))
        other = slice(max(dy, 0), rows + min(dy, 0)), slice(max(dx, 0), columns + min(dx, 0))
        same = _alike(nodes, other, nodes.part[mine], [axis[mine] for axis in nodes.normal])
        weight = same * np.float32(2 if dy == 0 or dx == 0 else 1)
        share[mine] += nodes.light[3][other] * weight
        total[mine] += weight
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
    """What pixels have from the nodes around them on their own surface: `light`, `clear` and `hidden` as nodes, bits of any of
    them; `own`: whether it is lit on its own, and why: EDGE, LOST, else 0."""

    light: F4
    clear: U1
    hidden: U1
    own: U1


def _between(nodes: _Nodes, surfaces: _Surfaces) -> _Pixels:
    """All pixels. Those that lie alike between their nodes are one array, and what they take of a node is one number."""
    shape = surfaces.part.shape
    out = _Pixels(np.empty((4, *shape), np.float32), *(np.empty(shape, np.uint8) for _ in range(3)))
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
            lost = total == 0
            given /= total + lost
            out.light[(slice(None), *mine)] = given
            out.clear[mine], out.hidden[mine] = clear, hidden
            out.own[mine] = (clear & hidden & matters != 0) * EDGE + (lost & (part >= 0)) * LOST
    return out


def _clear_around(nodes: _Nodes, y: np.ndarray, x: np.ndarray) -> U1:
    """Lamps that are seen from one of the nodes around those pixels, and hidden from none, whatever their surface: u1[n]."""
    row, column = y // STEP, x // STEP
    around = [(row + down, column + right) for down in (0, 1) for right in (0, 1)]
    clear, hidden = np.zeros((2, len(y)), np.uint8)
    for at in around:
        clear |= nodes.clear[at]
        hidden |= nodes.hidden[at]
    return clear & ~hidden


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
