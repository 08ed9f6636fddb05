"""All surfaces as one table of materials, and all their images in one buffer.

Dr.Jit traces every BSDF object on its own, so their number is what a kernel costs to trace, compile and run. Here none
is used: a hit looks up which material its triangle has, then that material's numbers, then (where it has one) its image,
in arrays that all materials share; `reflection` does the rest. A new colour, a new texture, a surface that begins to glow
or to let light through is a write into these arrays.

Vectorised variants only: the lookups are traced once, from Python, and compiled with the rest.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from twinstage.render.border import border
from twinstage.render.lighting import emits
from twinstage.render.mi.microfacets import Microfacets
from twinstage.render.mi.runtime import Mitsuba
from twinstage.render.mi.textures import TextureCache, stored, uv_transform
from twinstage.scene.columns import F4, U4
from twinstage.scene.snapshot import Material, Snapshot, TextureInput

INPUTS = {
    "diffuseColor": 3,
    "roughness": 1,
    "metallic": 1,
    "specularColor": 3,
    "clearcoat": 1,
    "clearcoatRoughness": 1,
    "opacity": 1,
    "emissiveColor": 3,
    "normal": 3,
}
"""Inputs that can have an image, and their channels."""

QUADS = 5
_QUAD = {
    "diffuseColor": (0, 0),
    "roughness": (0, 3),
    "metallic": (1, 0),
    "clearcoat": (1, 1),
    "clearcoatRoughness": (1, 2),
    "opacity": (1, 3),
    "emissiveColor": (2, 0),
    "threshold": (2, 3),
    "specularColor": (3, 0),
    "dielectric": (4, 0),
    "presence": (4, 1),
}
"""Where the numbers of a material lie: in which group of four, and from which on."""

LEAST_ROUGHNESS = 0.02

_WRAPS = {"repeat": 0, "mirror": 1, "clamp": 2, "black": 3}
_BLACK = 3


@dataclass(frozen=True, slots=True)
class _Image:
    """Where an input's image lies: first number in the buffer, size, channels, wrap modes, affine f8[2, 3] of uv."""

    offset: int
    width: int
    height: int
    channels: int
    wrap: tuple[int, int]
    affine: np.ndarray


@dataclass(frozen=True, slots=True)
class Features:
    """What any of the materials has; what none has becomes no code."""

    specular: bool
    coated: bool
    masked: bool
    glowing: bool


class SurfaceTable:
    """The arrays. Rows are materials; `assign` says which row each triangle of each mesh has."""

    def __init__(self, runtime: Mitsuba, textures: TextureCache) -> None:
        self._textures = textures
        self._mi, self._dr = runtime.mi, runtime.dr
        self.microfacets = Microfacets(runtime.mi, runtime.dr)
        self._buffer_keys: tuple[object, ...] = ()
        self._offsets: dict[object, int] = {}
        self._pixels = self._mi.Float([0.0])
        self._first = self._mi.UInt32([0])
        self._row = self._mi.UInt32([0])
        self._numbers = self._mi.Float(np.zeros(4 * QUADS, np.float32))
        self._slots: dict[str, Any] = {}
        self._images: dict[str, Any] = {}
        self._painted: Any = None
        self._colors: Any = None
        self.wraps: frozenset[int] = frozenset()
        self.features = Features(False, False, False, False)

    def assign(self, meshes: Iterable[tuple[int, U4, U4, F4]]) -> None:
        """Rows by triangle for each mesh: (registry index of the shape, u4[t], u4[t], f4[k, 9]).

        The third says which row of the fourth, the colours of its three corners, counted from 1, a triangle shows instead
        of its material's diffuse colour; 0 for none.
        """
        listed = list(meshes)
        first = np.zeros(max((index for index, *_ in listed), default=0) + 1, np.uint32)
        start, before = 0, 0
        painted: list[np.ndarray] = []
        for index, rows, corners, colors in listed:
            first[index] = start
            start += len(rows)
            painted.append(np.where(corners > 0, corners + before, 0))
            before += len(colors)
        every = np.concatenate([rows for _, rows, *_ in listed] or [np.zeros(1, np.uint32)])
        self._first, self._row = self._mi.UInt32(first), self._mi.UInt32(every.astype(np.uint32))
        self._painted = self._colors = None
        if before:
            colors = np.concatenate([np.zeros((1, 9), np.float32), *(item[3] for item in listed)])
            self._painted = self._mi.UInt32(np.concatenate(painted).astype(np.uint32))
            self._colors = self._mi.Float(colors.ravel())

    def fill(self, snapshot: Snapshot, materials: Sequence[Material], used: Collection[int]) -> None:
        """Set all rows, numbers and images; `used`: the rows that something wears."""
        self._numbers = self._mi.Float(numbers_of(materials).ravel())
        images: dict[str, list[_Image | None]] = {}
        self._pack(snapshot, materials)
        for name in INPUTS:
            images[name] = [self._image(snapshot, name, material.texture(name)) for material in materials]
        self.wraps = frozenset(
            mode for rows in images.values() for i in rows if i is not None for mode in i.wrap
        )
        self._slots, self._images = {}, {}
        for name, rows in images.items():
            if any(image is not None for image in rows):
                self._set_images(name, rows)
        worn = [materials[row] for row in sorted(used)]
        self.features = Features(
            specular=any(material.use_specular_workflow for material in worn),
            coated=any(m.clearcoat > 0.0 or m.texture("clearcoat") is not None for m in worn),
            masked=any(lets_through(material) for material in worn),
            glowing=any(emits(material) for material in worn),
        )

    def rows(self, si: Any, active: Any) -> Any:
        """Row of the material at surface interactions."""
        mi, dr = self._mi, self._dr
        return dr.gather(mi.UInt32, self._row, self._triangle(si, active), active)

    def _triangle(self, si: Any, active: Any) -> Any:
        mi, dr = self._mi, self._dr
        shape = dr.reinterpret_array(mi.UInt32, si.shape)
        return dr.gather(mi.UInt32, self._first, shape, active) + si.prim_index

    def quad(self, row: Any, number: int, active: Any) -> Any:
        """Four numbers of a row (mi.Vector4f)."""
        mi, dr = self._mi, self._dr
        return dr.gather(mi.Vector4f, self._numbers, row * QUADS + number, active)

    def value(self, name: str, si: Any, row: Any, quad: Any, active: Any, nearest: Any = None) -> Any:
        """An input at surface interactions (mi.Float or mi.Color3f): its image, or its number out of `quad`."""
        mi, dr, channels = self._mi, self._dr, INPUTS[name]
        first = _QUAD[name][1] if name in _QUAD else 0
        plain = [quad[first + c] if quad is not None else mi.Float(0.5) for c in range(channels)]
        if name in self._slots:
            slot = dr.gather(mi.UInt32, self._slots[name], row, active)
            textured = active & (slot > 0)
            image = self._sample(name, slot, si.uv, channels, textured, nearest)
            plain = [dr.select(textured, a, b) for a, b in zip(image, plain, strict=True)]
        return mi.Color3f(*plain) if channels == 3 else plain[0]

    def has_image(self, name: str) -> bool:
        """Whether any material has an image there."""
        return name in self._slots

    def bumpy(self, row: Any, active: Any) -> Any:
        """Which rows have a normal map."""
        return self._dr.gather(self._mi.UInt32, self._slots["normal"], row, active) > 0

    def painted(self, si: Any, corner: Any, color: Any, active: Any) -> Any:
        """The diffuse colour, or the colours of the vertices where a triangle shows them; `corner`: weights 1 and 2."""
        if self._painted is None:
            return color
        mi, dr = self._mi, self._dr
        at = dr.gather(mi.UInt32, self._painted, self._triangle(si, active), active)
        shown = active & (at > 0)
        corners = [
            mi.Color3f(*(dr.gather(mi.Float, self._colors, at * 9 + k * 3 + c, shown) for c in range(3)))
            for k in range(3)
        ]
        mixed = corners[0] * (1.0 - corner.x - corner.y) + corners[1] * corner.x + corners[2] * corner.y
        return dr.select(shown, mixed, color)

    def opacity(self, si: Any, row: Any, active: Any) -> tuple[Any, Any]:
        """Opacity after the threshold, and whether what is not opaque is a hole (`presence`) rather than glass."""
        mi, dr = self._mi, self._dr
        threshold = self.quad(row, 2, active)[3]
        cut = threshold > 0.0
        found = self.value("opacity", si, row, self.quad(row, 1, active), active, nearest=cut)
        found = dr.select(cut, dr.select(found >= threshold, mi.Float(1.0), mi.Float(0.0)), found)
        return found, cut | (self.quad(row, 4, active)[1] > 0.5)

    def _sample(
        self, name: str, slot: Any, uv: Any, channels: int, active: Any, nearest: Any = None
    ) -> list[Any]:
        """Bilinear interpolation in the buffer; the texel itself where `nearest` (mi.Bool) says so."""
        mi, dr, table = self._mi, self._dr, self._images[name]
        integer = {
            key: dr.gather(mi.Int32, table[key], slot, active)
            for key in ("offset", "width", "height", "kind")
        }
        affine = [dr.gather(mi.Float, table["affine"], slot * 6 + k, active) for k in range(6)]
        x = (affine[0] * uv.x + affine[1] * uv.y + affine[2]) * integer["width"] - 0.5
        y = (affine[3] * uv.x + affine[4] * uv.y + affine[5]) * integer["height"] - 0.5
        if nearest is not None:
            x = dr.select(nearest, dr.floor(x + 0.5), x)
            y = dr.select(nearest, dr.floor(y + 0.5), y)
        left, top = dr.floor(x), dr.floor(y)
        right_share, low_share = x - left, y - top
        depth, wrap_s, wrap_t = integer["kind"] & 3, (integer["kind"] >> 2) & 3, integer["kind"] >> 4
        columns = [self._wrapped(mi.Int32(left) + k, integer["width"], wrap_s) for k in (0, 1)]
        lines = [self._wrapped(mi.Int32(top) + k, integer["height"], wrap_t) for k in (0, 1)]
        out = [mi.Float(0.0) for _ in range(channels)]
        for line, share_y in zip(lines, (1.0 - low_share, low_share), strict=True):
            for column, share_x in zip(columns, (1.0 - right_share, right_share), strict=True):
                at = integer["offset"] + (line * integer["width"] + column) * depth
                for c in range(channels):
                    # An image with one channel feeds all three of a colour.
                    index = mi.UInt32(at + dr.minimum(depth - 1, c))
                    out[c] += share_x * share_y * dr.gather(mi.Float, self._pixels, index, active)
        if _BLACK in self.wraps:
            u, v = x / integer["width"], y / integer["height"]
            half_u, half_v = 0.5 / integer["width"], 0.5 / integer["height"]
            outside = (wrap_s == _BLACK) & ((u < -half_u) | (u > 1.0 - half_u))
            outside |= (wrap_t == _BLACK) & ((v < -half_v) | (v > 1.0 - half_v))
            at = integer["offset"] + integer["width"] * integer["height"] * depth
            for c in range(channels):
                index = mi.UInt32(at + dr.minimum(depth - 1, c))
                out[c] = dr.select(outside, dr.gather(mi.Float, self._pixels, index, active), out[c])
        return out

    def _wrapped(self, index: Any, size: Any, mode: Any) -> Any:
        """Whole pixel positions brought into the image; only modes that occur become code."""
        mi, dr = self._mi, self._dr
        size = dr.maximum(size, 1)
        out = dr.clip(index, 0, size - 1)
        if 0 in self.wraps:
            rest = index % size
            out = dr.select(mode == 0, dr.select(rest < 0, rest + size, rest), out)
        if 1 in self.wraps:
            rest = index % (2 * size)
            rest = dr.select(rest < 0, rest + 2 * size, rest)
            out = dr.select(mode == 1, dr.minimum(rest, 2 * size - 1 - rest), out)
        return mi.Int32(out)

    def _pack(self, snapshot: Snapshot, materials: Sequence[Material]) -> None:
        """Lay the images one after the other, if they are not the ones that lie there."""
        wanted: dict[object, tuple[str, TextureInput]] = {}
        for material in materials:
            for usd in INPUTS:
                source = material.texture(usd)
                if source is not None:
                    wanted.setdefault(self._textures.key(snapshot, usd, source), (usd, source))
        if tuple(wanted) == self._buffer_keys:
            return
        parts = [np.zeros(1, np.float32)]
        self._offsets, start = {}, 1
        for key, (usd, source) in wanted.items():
            self._offsets[key] = start
            pixels = self._textures.values(snapshot, usd, source)
            # The border of wrap mode black lies behind the last pixel.
            outside = np.broadcast_to(stored(usd, border(source)), pixels.shape[-1:])
            parts.append(np.concatenate([pixels.ravel(), outside]))
            start += len(parts[-1])
        self._buffer_keys, self._pixels = tuple(wanted), self._mi.Float(np.concatenate(parts))

    def _image(self, snapshot: Snapshot, usd: str, source: TextureInput | None) -> _Image | None:
        if source is None:
            return None
        height, width, channels = self._textures.values(snapshot, usd, source).shape
        return _Image(
            offset=self._offsets[self._textures.key(snapshot, usd, source)],
            width=width,
            height=height,
            channels=channels,
            wrap=(_WRAPS.get(source.wrap_s, 0), _WRAPS.get(source.wrap_t, 0)),
            affine=uv_transform(source)[:2],
        )

    def _set_images(self, name: str, rows: list[_Image | None]) -> None:
        """Slot 0 means no image; the others are listed in the order of the rows."""
        listed = [
            _Image(0, 1, 1, 1, (2, 2), np.zeros((2, 3))),
            *(image for image in rows if image is not None),
        ]
        numbers = np.cumsum([image is not None for image in rows])
        slots = np.where([image is not None for image in rows], numbers, 0).astype(np.uint32)
        kinds = [image.channels | image.wrap[0] << 2 | image.wrap[1] << 4 for image in listed]
        mi = self._mi
        self._slots[name] = mi.UInt32(slots)
        self._images[name] = {
            "offset": mi.Int32(np.array([image.offset for image in listed], np.int32)),
            "width": mi.Int32(np.array([image.width for image in listed], np.int32)),
            "height": mi.Int32(np.array([image.height for image in listed], np.int32)),
            "kind": mi.Int32(np.array(kinds, np.int32)),
            "affine": mi.Float(np.array([image.affine for image in listed], np.float32).ravel()),
        }


def numbers_of(materials: Sequence[Material]) -> F4:
    """Rows of the table, f4[n, 4 * QUADS]; `_QUAD` says what is where."""
    out = np.zeros((len(materials), QUADS, 4), np.float32)
    for row, m in enumerate(materials):
        numbers: dict[str, Any] = {
            "diffuseColor": np.clip(m.diffuse_color, 0.0, 1.0),
            "roughness": min(max(m.roughness, LEAST_ROUGHNESS), 1.0),
            # A metallic of -1 says that F0 is the specular colour.
            "metallic": -1.0 if m.use_specular_workflow else min(max(m.metallic, 0.0), 1.0),
            "clearcoat": min(max(m.clearcoat, 0.0), 1.0),
            "clearcoatRoughness": min(max(m.clearcoat_roughness, LEAST_ROUGHNESS), 1.0),
            "opacity": min(max(m.opacity, 0.0), 1.0),
            "emissiveColor": np.maximum(m.emissive_color, 0.0),
            "threshold": max(m.opacity_threshold, 0.0),
            "specularColor": np.clip(m.specular_color, 0.0, 1.0),
            "dielectric": ((1.0 - m.ior) / (1.0 + m.ior)) ** 2 if m.ior > 0 else 1.0,
            "presence": 1.0 if m.opacity_mode == "presence" else 0.0,
        }
        for name, value in numbers.items():
            quad, first = _QUAD[name]
            width = INPUTS.get(name, 1)
            out[row, quad, first : first + width] = value
    flat: F4 = np.nan_to_num(out).reshape(len(materials), 4 * QUADS)
    return flat


def lets_through(material: Material) -> bool:
    """Whether light passes such a surface anywhere."""
    return material.opacity < 1.0 or material.texture("opacity") is not None
