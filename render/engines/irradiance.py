"""The light that reaches the surfaces of a picture, for the `raycast` engine: exact at nodes, interpolated between them.

Nodes are every `STEP`-th pixel of a row and of a column, and the last ones. From a node goes one shadow ray to each lamp that
it faces, where nodes around it do not tell already (`nodes`), and `SKY_RAYS` to the sky, whose directions differ among 4 x 4
nodes (interleaved sampling, Keller and Heidrich 2001); a mean over neighbours on the same surface evens that pattern out. A
pixel takes the light of those of the four nodes around it, weighed bilinearly, that are on its own surface: of the same
instance, with normals no more than 32 degrees apart. It is lit on its own instead

EDGE  where they disagree about whether something hides one of the `SHARP` strongest lamps, and that lamp gives one of them
      more than `MATTERS` of its light: rays go to the lamps in doubt, so shadows have edges sharp to the pixel;
LOST  where those on its surface weigh less than `ENOUGH` in all: rays go to the lamps, but for those that all nodes around
      see, whatever their surface; its share of the sky is the mean of those nodes.

Of a lamp that gives no node around more than `MATTERS` no such pixel asks, if some of the nodes see it and some do not: it
sees a share of it, as they do.

So this is left out: of shadows on one surface what falls between nodes (less than `STEP` pixels wide; twice that but for the
strongest lamp's); shadows of weak lamps have edges `STEP` pixels wide, and the sky's run out over 3 `STEP` pixels; on
surfaces too narrow for a node the light is what their surroundings have where that is not in doubt. In a picture of k x k
samples a pixel all this is k times finer.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from twinstage.render.engines.lights import SHARP, Lights, Places
from twinstage.render.engines.nodes import STEP, Grid, Nodes, Surfaces, at_nodes
from twinstage.render.zbuffer import ZBuffer
from twinstage.scene.columns import F4, U1

ENOUGH = 0.25

EDGE, LOST = 1, 2
"""Why a pixel is lit on its own: an edge of a shadow, too little of its surface at nodes."""


def irradiance(lights: Lights, zbuffer: ZBuffer, normal: F4) -> F4:
    """Radiance f4[3, h, w] that white matt surfaces in place of those seen would reflect; `normal` f4[h, w, 3]."""
    surfaces = Surfaces(zbuffer, normal, lights.world)
    nodes = at_nodes(lights, surfaces)
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


@dataclass(frozen=True)
class _Pixels:
    """What pixels have from the nodes around them on their own surface: `light`, bits of any of them as nodes have them; `own`:
    whether it is lit on its own, and why: EDGE, LOST, else 0."""

    light: F4
    clear: U1
    hidden: U1
    matters: U1
    own: U1


def _between(nodes: Nodes, surfaces: Surfaces) -> _Pixels:
    """All pixels. Those that lie alike between their nodes are one array, and what they take of a node is one number."""
    shape = surfaces.part.shape
    out = _Pixels(np.empty((4, *shape), np.float32), *(np.empty(shape, np.uint8) for _ in range(4)))
    # All bits of a node as one number.
    every = np.stack([nodes.clear, nodes.hidden, nodes.matters, 0 * nodes.clear], -1).view(np.uint32)[..., 0]
    for dy in range(min(STEP, shape[0])):
        for dx in range(min(STEP, shape[1])):
            mine = slice(dy, None, STEP), slice(dx, None, STEP)
            part = np.ascontiguousarray(surfaces.part[mine])
            here = Grid(part, [np.ascontiguousarray(surfaces.normal[..., k][mine]) for k in range(3)])
            total, given = np.zeros(part.shape, np.float32), np.zeros((4, *part.shape), np.float32)
            bits = np.zeros(part.shape, np.uint32)
            for down, right, weight in _corners(dy, dx):
                window = slice(down, down + part.shape[0]), slice(right, right + part.shape[1])
                share = nodes.seen.at(window).alike(here) * weight
                total += share
                for k in range(4):
                    given[k] += nodes.light[k][window] * share
                bits |= every[window] * (share > 0)
            clear, hidden, matters, _ = np.moveaxis(bits[..., None].view(np.uint8), -1, 0)
            lost = total < ENOUGH
            given /= total + (total == 0)
            out.light[(slice(None), *mine)] = given
            out.clear[mine], out.hidden[mine], out.matters[mine] = clear, hidden, matters
            edge = (clear & hidden & matters != 0) & ~lost
            out.own[mine] = edge * EDGE + (lost & (part >= 0)) * LOST
    return out


def _around(nodes: Nodes, y: np.ndarray, x: np.ndarray) -> list[np.ndarray]:
    """The four nodes around pixels, whatever their surface, as flat indices [n]."""
    columns = nodes.seen.part.shape[1]
    first = y // STEP * columns + x // STEP
    return [first, first + 1, first + columns, first + columns + 1]


def _weights(y: np.ndarray, x: np.ndarray) -> list[F4]:
    """How much those four nodes count for each pixel, f4[n]; none nothing."""
    down, right = (((axis % STEP + 0.5) / (STEP + 1)).astype(np.float32) for axis in (y, x))
    return [(1 - down) * (1 - right), (1 - down) * right, down * (1 - right), down * right]


def _bits(nodes: Nodes, around: list[np.ndarray]) -> U1:
    """`clear`, `hidden` and `matters` of any of those nodes, u1[3, n]."""
    out = np.zeros((3, len(around[0])), np.uint8)
    for at in around:
        for bits, of_nodes in zip(out, (nodes.clear, nodes.hidden, nodes.matters), strict=True):
            bits |= of_nodes.take(at)
    return out


def _partly(
    nodes: Nodes, around: list[np.ndarray], weights: list[F4], weak: U1
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


def _sky(nodes: Nodes, around: list[np.ndarray], lights: Lights, places: Places) -> F4:
    """The mean of those nodes' shares of the sky, f4[n]; where they see no surface at all, the places' own."""
    share, count = np.zeros((2, len(around[0])), np.float32)
    for at in around:
        share += nodes.light[3].take(at)
        count += nodes.seen.part.take(at) >= 0
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
