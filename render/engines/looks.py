"""Which pixels show which material, for the `raycast` engine: the plain colours and the looks of a depth buffer."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from twinstage.render.casting import Part
from twinstage.render.zbuffer import ZBuffer, grouped
from twinstage.scene.columns import F4
from twinstage.scene.snapshot import Material, Prototype

_METAL_SHARE = 0.6
"""What metals keep of their colour as matt light."""


@dataclass(frozen=True)
class Look:
    """What differs from pixel to pixel: the image of a material, by its row, or the colours of a part's vertices: the part's
    place in the depth buffer, else -1."""

    material: int
    painted: int


@dataclass(frozen=True)
class _Varied:
    """The pixels that show such looks: flat indices, weights of the corners f4[3, n], texture coordinates f4[2, n]."""

    zbuffer: ZBuffer
    pixels: np.ndarray
    weights: F4
    uv: F4


@dataclass(frozen=True)
class Spots:
    """Those that show one of them."""

    varied: _Varied
    chosen: np.ndarray

    @property
    def pixels(self) -> np.ndarray:
        return self.varied.pixels.take(self.chosen)

    @property
    def uv(self) -> F4:
        return self.varied.uv.take(self.chosen, axis=1)

    def color(self, part: Part) -> F4:
        """The colours of the part's vertices, interpolated: f4[3, n]."""
        color = part.prototype.color
        assert color is not None
        triangle = self.varied.zbuffer.box_triangle.reshape(-1).take(self.pixels)
        corners = part.bvh.triangles.take(triangle, axis=0)
        planes = [color.take(corners[:, c], axis=0).T for c in range(3)]
        return _sum(planes, self.varied.weights.take(self.chosen, axis=1))


# In both functions the triangles of all parts stand in one row, so that numpy meets each pixel once, not each part.


def plain_colors(
    zbuffer: ZBuffer, materials: Sequence[Material], name: str, chosen: Sequence[bool]
) -> tuple[np.ndarray, F4]:
    """The pixels of the chosen parts, and f4[3, n] what an input of their materials is without its image."""
    begin = np.full(len(zbuffer.parts) + 1, -1, np.intp)
    colors = [np.zeros((0, 3), np.float32)]
    length = 0
    for index in np.flatnonzero(chosen).tolist():
        part = zbuffer.parts[index]
        of_slot = np.array([plain(materials[row], name) for row in part.materials], np.float32)
        begin[index] = length
        colors.append(of_slot.take(_slots(part), axis=0))
        length += len(part.bvh)
    place = begin.take(zbuffer.part.ravel(), mode="wrap")
    pixels = np.flatnonzero(place >= 0)
    place = place.take(pixels)
    place += zbuffer.box_triangle.reshape(-1).take(pixels)
    table = np.concatenate(colors).T.copy()
    return pixels, np.stack([plane.take(place) for plane in table])


def looks(
    zbuffer: ZBuffer, materials: Sequence[Material], name: str, chosen: Sequence[bool]
) -> Iterator[tuple[Look, Spots]]:
    """The looks of one input on the chosen ones of the buffer's parts, with their pixels."""
    number: dict[Look | None, int] = {None: 0}
    begin = np.full(len(zbuffer.parts) + 1, -1, np.intp)
    numbers: list[np.ndarray] = []
    uvs: list[F4] = []
    length = 0
    for index in np.flatnonzero(chosen).tolist():
        part = zbuffer.parts[index]
        worn = [_look(index, part.prototype, row, materials[row], name) for row in part.materials]
        of_slot = np.array([number.setdefault(look, len(number)) for look in worn], np.int16)
        begin[index], bvh = length, part.bvh
        numbers.append(of_slot.take(_slots(part)) if len(worn) > 1 else np.full(len(bvh), of_slot[0]))
        uvs.append(np.zeros((3, 2, len(bvh)), np.float32) if part.prototype.uv is None else bvh.corner_uv)
        length += len(bvh)
    if not numbers:
        return
    place = begin.take(zbuffer.part.ravel(), mode="wrap")
    pixels = np.flatnonzero(place >= 0)
    if pixels.size == 0:
        return
    place = place.take(pixels)
    place += zbuffer.box_triangle.reshape(-1).take(pixels)
    shown = np.concatenate(numbers).take(place)
    some = np.flatnonzero(shown)
    if some.size < shown.size:
        pixels, place, shown = pixels.take(some), place.take(some), shown.take(some)
    weights = _weights(zbuffer, pixels)
    uv = np.stack([_sum([corner.take(place) for corner in axis], weights) for axis in _rows(uvs)])
    varied = _Varied(zbuffer, pixels, weights, uv)
    of_number = list(number)
    for k, places in grouped(shown):
        look = of_number[k]
        assert look is not None
        yield look, Spots(varied, places)


def varies(prototype: Prototype, material: Material) -> bool:
    """Whether the base colour may differ from place to place."""
    return _look(0, prototype, 0, material, "diffuseColor") is not None


def _painted(material: Material, prototype: Prototype) -> bool:
    return (material.path == "" or material.vertex_color) and prototype.color is not None


def kept(material: Material, name: str) -> float:
    """What is drawn of an input's colour."""
    return _METAL_SHARE if name == "diffuseColor" and material.metallic > 0.5 else 1.0


def plain(material: Material, name: str) -> tuple[float, ...]:
    """An input without its image."""
    color = material.diffuse_color if name == "diffuseColor" else material.emissive_color
    return tuple(c * kept(material, name) for c in color)


def _look(index: int, prototype: Prototype, row: int, material: Material, name: str) -> Look | None:
    """The look of a material on a part; None where it is the same everywhere."""
    if name == "diffuseColor" and _painted(material, prototype):
        return Look(row, index)
    textured = prototype.uv is not None and material.texture(name) is not None
    return Look(row, -1) if textured else None


def _rows(uvs: list[F4]) -> list[list[F4]]:
    """The coordinates of all triangles: an axis, a corner."""
    joined = np.concatenate(uvs, axis=2)
    return [[joined[corner, axis] for corner in range(3)] for axis in range(2)]


def _slots(part: Part) -> np.ndarray:
    """The slot of each triangle of the part's BVH."""
    slots = part.prototype.slot
    return slots if part.bvh.triangle is None else slots.take(part.bvh.triangle)


def _weights(zbuffer: ZBuffer, pixels: np.ndarray) -> F4:
    """Weights of the three corners f4[3, n] at flat pixel indices."""
    pairs = zbuffer.weights_at(pixels)
    out = np.empty((3, len(pixels)), np.float32)
    out[1], out[2] = pairs[:, 0], pairs[:, 1]
    out[0] = 1 - out[1] - out[2]
    return out


def _sum(planes: list[F4], weights: F4) -> F4:
    out: F4 = planes[0] * weights[0]
    for plane, weight in zip(planes[1:], weights[1:], strict=True):
        out += plane * weight
    return out
