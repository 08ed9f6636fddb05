"""All surfaces as one table of materials, and all their images in one buffer.

Dr.Jit traces every BSDF object on its own, so their number is what a kernel costs to trace, compile and run. Here none
is used: a hit looks up which material its triangle has, then that material's numbers, then (where it has one) its image,
in arrays that all materials share; `reflection` does the rest. A new colour, a new texture, a surface that begins to glow
or to let light through is a write into these arrays.

Vectorised variants only: the lookups are traced once, from Python, and compiled with the rest.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from twinstage.render.border import border
from twinstage.render.lighting import emits
from twinstage.render.mi.arrays import rewritten
from twinstage.render.mi.microfacets import Microfacets
from twinstage.render.mi.runtime import Mitsuba
from twinstage.render.mi.textures import TextureCache, stored, uv_transform
from twinstage.render.recent import Recent
from twinstage.scene.columns import F4, U4, frozen
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
    "through": (4, 2),
}
"""Where the numbers of a material lie: in which group of four, and from which on."""

LEAST_ROUGHNESS = 0.02

_WRAPS = {"repeat": 0, "mirror": 1, "clamp": 2, "black": 3}
_BLACK = 3


@dataclass(frozen=True, slots=True)
class _Image:
    """Where an input's image lies: first pixel in the buffer, size, wrap modes, affine f8[2, 3] of uv."""

    offset: int
    width: int
    height: int
    wrap: tuple[int, int]
    affine: np.ndarray


@dataclass(frozen=True, slots=True)
class _Place:
    """Where an image lies in its buffer: the first pixel, rows and columns, numbers a pixel."""

    first: int
    shape: tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class _Packed:
    """An image to be laid: rows and columns, numbers a pixel; the numbers f4[n], those of what lies outside it last."""

    shape: tuple[int, int, int]
    numbers: F4


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
        self._shown: tuple[object, ...] | None = None
        self._places: dict[object, _Place] = {}
        # By numbers a pixel: colours lie in groups of four, so that one read fetches a pixel.
        self._pixels = {width: self._mi.Float(np.zeros(4, np.float32)) for width in (1, 4)}
        self._first = self._mi.UInt32([0])
        self._row = self._mi.UInt32([0])
        self._numbers = self._mi.Float(np.zeros(4 * QUADS, np.float32))
        self._slots: dict[str, Any] = {}
        self._images: dict[str, Any] = {}
        self._painted: Any = None
        self._colors: Any = None
        self.wraps: frozenset[int] = frozenset()
        self.features = Features(False, False, False, False)
        self.veils: Any = None
        self.veil_count = 0

    def assign(self, meshes: Iterable[tuple[int, U4, U4 | None, F4]]) -> None:
        """Rows by triangle for each mesh: (registry index of the shape, u4[t], u4[t] or None, f4[k, 9]).

        The third says which row of the fourth, the colours of its three corners, counted from 1, a triangle shows instead
        of its material's diffuse colour; 0, or None for all, for none.
        """
        listed = list(meshes)
        first = np.zeros(max((index for index, *_ in listed), default=0) + 1, np.uint32)
        start = 0
        for index, rows, *_ in listed:
            first[index] = start
            start += len(rows)
        every = [rows for _, rows, *_ in listed] or [np.zeros(1, np.uint32)]
        self._first = self._mi.UInt32(first)
        self._row = self._mi.UInt32(every[0] if len(every) == 1 else np.concatenate(every))
        self._painted = self._colors = None
        if any(corners is not None for *_, corners, _ in listed):
            painted, before = np.zeros(start, np.uint32), 0
            for index, rows, corners, colors in listed:
                if corners is not None:
                    at = int(first[index])
                    painted[at : at + len(rows)] = np.where(corners > 0, corners + np.uint32(before), 0)
                    before += len(colors)
            colors = np.concatenate([np.zeros((1, 9), np.float32), *(item[3] for item in listed)])
            self._painted, self._colors = self._mi.UInt32(painted), self._mi.Float(colors.ravel())

    def fill(self, snapshot: Snapshot, materials: Sequence[Material], used: Collection[int]) -> None:
        """Set all rows, numbers and images; `used`: the rows that something wears."""
        self._numbers = rewritten(self._dr, self._numbers, self._mi.Float(numbers_of(materials).ravel()))
        shown = tuple(m.textures for m in materials), tuple(t.hash for t in snapshot.textures)
        if shown != self._shown:
            self._fill_images(snapshot, materials)
            self._shown = shown
        worn = [materials[row] for row in sorted(used)]
        self.features = Features(
            specular=any(material.use_specular_workflow for material in worn),
            coated=any(m.clearcoat > 0.0 or m.texture("clearcoat") is not None for m in worn),
            masked=any(lets_through(material) for material in worn),
            glowing=any(emits(material) for material in worn),
        )

    def _fill_images(self, snapshot: Snapshot, materials: Sequence[Material]) -> None:
        """Lay out all images, and say which row has which."""
        images: dict[str, list[_Image | None]] = {}
        self._pack(snapshot, materials)
        for name in INPUTS:
            images[name] = [self._image(snapshot, name, material.texture(name)) for material in materials]
        self.wraps = frozenset(
            mode for rows in images.values() for i in rows if i is not None for mode in i.wrap
        )
        for name, rows in images.items():
            if any(image is not None for image in rows):
                self._set_images(name, rows)
            else:
                self._slots.pop(name, None)
                self._images.pop(name, None)

    def set_veils(self, boxes: F4) -> None:
        """Boxes f4[k, 6] (lower, upper corner) around all that lets light through: elsewhere nobody looks for it."""
        new = self._mi.Float(boxes.astype(np.float32).ravel())
        self.veil_count, self.veils = len(boxes), rewritten(self._dr, self.veils, new)

    def veiled(self, found: Any, active: Any) -> Any:
        """Which of the hits (mi.PreliminaryIntersection3f) are of surfaces that let light through somewhere."""
        mi, dr = self._mi, self._dr
        row = self.rows(found, active)
        quad, at = _QUAD["through"]
        return active & (
            dr.gather(mi.Float, self._numbers, row * (4 * QUADS) + (4 * quad + at), active) > 0.5
        )

    def meets_veil(self, ray: Any, active: Any) -> Any:
        """Which rays pass through one of the boxes."""
        dr, found = self._dr, self._mi.Bool(False)
        way = dr.rcp(dr.select(dr.abs(ray.d) < 1e-12, 1e-12, ray.d))
        for lower, upper in self._boxes(active):
            one, two = (lower - ray.o) * way, (upper - ray.o) * way
            near, far = dr.max(dr.minimum(one, two)), dr.min(dr.maximum(one, two))
            found |= (near <= far) & (far >= 0.0) & (near <= ray.maxt)
        return active & found

    def _boxes(self, active: Any) -> list[tuple[Any, Any]]:
        mi, dr = self._mi, self._dr
        numbers = [
            [dr.gather(mi.Float, self.veils, dr.opaque(mi.UInt32, box * 6) + c, active) for c in range(6)]
            for box in range(self.veil_count)
        ]
        return [(mi.Point3f(*box[:3]), mi.Point3f(*box[3:])) for box in numbers]

    def rows(self, si: Any, active: Any) -> Any:
        """Row of the material at surface interactions, or preliminary ones."""
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
            # A branch, not a choice: neighbours mostly wear the same, so most groups of rays read no image at all.
            plain = dr.if_stmt(
                (slot, si.uv, plain, nearest),
                textured,
                lambda slot, uv, plain, nearest: self._sample(name, slot, uv, channels, True, nearest),
                lambda slot, uv, plain, nearest: plain,
            )
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
        first, second = (dr.gather(mi.Vector4f, table["numbers"], slot * 2 + k, active) for k in (0, 1))
        offset, kind = (dr.gather(mi.UInt32, table[key], slot, active) for key in ("offset", "kind"))
        width, height = second[2], second[3]
        u = first[0] * uv.x + first[1] * uv.y + first[2]
        v = first[3] * uv.x + second[0] * uv.y + second[1]
        wrap_s, wrap_t = kind & 3, kind >> 2
        columns, right = self._wrapped(u, width, wrap_s, nearest)
        lines, low = self._wrapped(v, height, wrap_t, nearest)
        size = mi.UInt32(width)
        kept = mi.Vector4f if channels == 3 else mi.Float
        pixels = self._pixels[4 if channels == 3 else 1]
        corner = [
            [dr.gather(kept, pixels, offset + line * size + column, active) for column in columns]
            for line in lines
        ]
        upper, lower = (dr.lerp(left, other, right) for left, other in corner)
        mixed = dr.lerp(upper, lower, low)
        if _BLACK in self.wraps:
            half_u, half_v = 0.5 / width, 0.5 / height
            outside = (wrap_s == _BLACK) & ((u < -half_u) | (u > 1.0 + half_u))
            outside |= (wrap_t == _BLACK) & ((v < -half_v) | (v > 1.0 + half_v))
            beyond = dr.gather(kept, pixels, offset + size * mi.UInt32(height), active & outside)
            mixed = dr.select(outside, beyond, mixed)
        return [mixed[c] for c in range(3)] if channels == 3 else [mixed]

    def _wrapped(self, at: Any, size: Any, mode: Any, nearest: Any) -> tuple[list[Any], Any]:
        """The two pixels around a coordinate, and how far it lies from the first to the second.

        Only modes that occur become code. Wrapped as numbers with a point: dividing integers is slow on arrays.
        """
        mi, dr = self._mi, self._dr
        inside = dr.clip(at, 0.0, 1.0)
        if 0 in self.wraps:
            inside = dr.select(mode == 0, at - dr.floor(at), inside)
        if 1 in self.wraps:
            there = at - 2.0 * dr.floor(0.5 * at)
            inside = dr.select(mode == 1, 1.0 - dr.abs(1.0 - there), inside)
        x = inside * size - 0.5
        if nearest is not None:
            x = dr.select(nearest, dr.minimum(dr.floor(inside * size), size - 1.0), x)
        left = dr.floor(x)
        share, right = x - left, left + 1.0
        last = size - 1.0
        if 0 in self.wraps:
            around = mode == 0
            left = dr.select(around & (left < 0.0), last, left)
            right = dr.select(around & (right > last), 0.0, right)
        return [mi.UInt32(dr.clip(left, 0.0, last)), mi.UInt32(dr.clip(right, 0.0, last))], share

    def _pack(self, snapshot: Snapshot, materials: Sequence[Material]) -> None:
        """See to it that the images lie in the buffers."""
        wanted: dict[object, tuple[str, TextureInput]] = {}
        for material in materials:
            for usd in INPUTS:
                source = material.texture(usd)
                if source is not None:
                    wanted.setdefault(self._textures.key(snapshot, usd, source), (usd, source))
        if wanted.keys() == self._places.keys():
            return
        self._textures.turn()
        packed = {key: self._packed(snapshot, *wanted[key]) for key in wanted if key not in self._places}
        if not self._exchange(wanted, packed):
            packed |= {key: self._packed(snapshot, *wanted[key]) for key in wanted if key not in packed}
            self._lay_out({key: packed[key] for key in wanted})

    def _packed(self, snapshot: Snapshot, usd: str, source: TextureInput) -> _Packed:
        """An image as the buffer of its channels holds it."""
        channels = INPUTS[usd]
        pixels = self._textures.values(snapshot, usd, source)
        # The border of wrap mode black lies behind the last pixel.
        outside = np.broadcast_to(stored(usd, border(source)), pixels.shape[-1:])
        flat = np.concatenate([pixels.reshape(-1, pixels.shape[-1]), outside[None]])
        out = np.zeros((len(flat), 4 if channels == 3 else 1), np.float32)
        out[:, :channels] = flat[:, :channels]  # an image with one channel feeds all three of a colour
        return _Packed((*pixels.shape[:2], out.shape[1]), out.ravel())

    def _exchange(self, wanted: Collection[object], new: dict[object, _Packed]) -> bool:
        """Write new images where ones of the same size are no longer wanted; False where they do not fit.

        Colours that are drawn for each frame come to that: only what changed is written.
        """
        free: dict[tuple[int, int, int], list[_Place]] = {}
        for key, place in self._places.items():
            if key not in wanted:
                free.setdefault(place.shape, []).append(place)
        places: dict[object, _Place] = {}
        for key, image in new.items():
            if not free.get(image.shape):
                return False
            places[key] = free[image.shape].pop()
        mi, dr = self._mi, self._dr
        for width, buffer in self._pixels.items():
            mine = [key for key, place in places.items() if place.shape[2] == width]
            if mine:
                at = [width * places[key].first + np.arange(len(new[key].numbers)) for key in mine]
                values = mi.Float(np.concatenate([new[key].numbers for key in mine]))
                dr.scatter(buffer, values, mi.UInt32(np.concatenate(at).astype(np.uint32)))
                dr.eval(buffer)
        self._places = {key: place for key, place in self._places.items() if key in wanted} | places
        return True

    def _lay_out(self, images: dict[object, _Packed]) -> None:
        """All images one after the other."""
        parts = {width: [np.zeros(width, np.float32)] for width in (1, 4)}
        starts, self._places = {1: 1, 4: 1}, {}
        for key, image in images.items():
            width = image.shape[2]
            self._places[key] = _Place(starts[width], image.shape)
            parts[width].append(image.numbers)
            starts[width] += len(image.numbers) // width
        for width, numbers in parts.items():
            self._pixels[width] = rewritten(
                self._dr, self._pixels.get(width), self._mi.Float(np.concatenate(numbers))
            )

    def _image(self, snapshot: Snapshot, usd: str, source: TextureInput | None) -> _Image | None:
        if source is None:
            return None
        place = self._places[self._textures.key(snapshot, usd, source)]
        return _Image(
            offset=place.first,
            width=place.shape[1],
            height=place.shape[0],
            wrap=(_WRAPS.get(source.wrap_s, 0), _WRAPS.get(source.wrap_t, 0)),
            affine=uv_transform(source)[:2],
        )

    def _set_images(self, name: str, rows: list[_Image | None]) -> None:
        """Slot 0 means no image; the others are listed in the order of the rows."""
        listed = [
            _Image(0, 1, 1, (2, 2), np.zeros((2, 3))),
            *(image for image in rows if image is not None),
        ]
        numbers = np.cumsum([image is not None for image in rows])
        slots = np.where([image is not None for image in rows], numbers, 0).astype(np.uint32)
        kinds = [image.wrap[0] | image.wrap[1] << 2 for image in listed]
        table = [[*image.affine.ravel(), image.width, image.height] for image in listed]
        mi, dr, old = self._mi, self._dr, self._images.get(name, {})
        offsets = np.array([image.offset for image in listed], np.uint32)
        self._slots[name] = rewritten(dr, self._slots.get(name), mi.UInt32(slots))
        self._images[name] = {
            "numbers": rewritten(dr, old.get("numbers"), mi.Float(np.array(table, np.float32).ravel())),
            "offset": rewritten(dr, old.get("offset"), mi.UInt32(offsets)),
            "kind": rewritten(dr, old.get("kind"), mi.UInt32(np.array(kinds, np.uint32))),
        }


def numbers_of(materials: Sequence[Material]) -> F4:
    """Rows of the table, f4[n, 4 * QUADS]; `_QUAD` says what is where."""
    rows = [_KNOWN.get(m, partial(_numbers, m), len(materials)) for m in materials]
    out: F4 = np.stack(rows) if rows else np.zeros((1, 4 * QUADS), np.float32)
    return out


_KNOWN: Recent[Material, F4] = Recent(64)
"""Rows of materials by material; random colours come once and are forgotten."""


def _numbers(m: Material) -> F4:
    out = np.zeros((QUADS, 4), np.float32)
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
        "through": 1.0 if lets_through(m) else 0.0,
    }
    for name, value in numbers.items():
        quad, first = _QUAD[name]
        out[quad, first : first + INPUTS.get(name, 1)] = value
    return frozen(np.nan_to_num(out).ravel(), np.float32)


def lets_through(material: Material) -> bool:
    """Whether light passes such a surface anywhere."""
    return material.opacity < 1.0 or material.texture("opacity") is not None
