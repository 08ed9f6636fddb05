"""All plain surfaces as one BSDF: a table of materials, and all their images in one buffer.

Dr.Jit traces every BSDF object on its own, so their number is what a kernel costs to trace, compile and run. Here one
`principled` BSDF serves any number of materials: its inputs are textures that look up which material a triangle has,
then that material's numbers, then (where it has one) its image, in arrays that all materials share. A new colour, or
even a new texture, is a write into these arrays; the kernel stays.

Vectorised variants only: the lookups are traced once, from Python, and compiled with the rest. Our integrators ask
the same surface several times, so they look it up once, with `prepare`: the numbers then travel to the BSDF in fields
of the interaction that `principled` does not read (measured: it saves a third of the time of a `direct` picture).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from twinstage.render.border import border
from twinstage.render.mi.runtime import Mitsuba
from twinstage.render.mi.textures import TextureCache, uv_transform
from twinstage.scene.columns import U4
from twinstage.scene.snapshot import Material, Snapshot, TextureInput

INPUTS = {"base_color": "diffuseColor", "roughness": "roughness", "metallic": "metallic"}
"""Inputs of `principled` and what they are called in UsdPreviewSurface."""

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


class SurfaceTable:
    """The arrays behind the textures. Rows are materials; `assign` says which row each triangle of each mesh has."""

    def __init__(self, runtime: Mitsuba, textures: TextureCache) -> None:
        self._textures = textures
        self._mi, self._dr = runtime.mi, runtime.dr
        self._buffer_keys: tuple[object, ...] = ()
        self._offsets: dict[object, int] = {}
        self._pixels = self._mi.Float([0.0])
        self._first = self._mi.UInt32([0])
        self._row = self._mi.UInt32([0])
        self._numbers: dict[str, Any] = {}
        self._slots: dict[str, Any] = {}
        self._images: dict[str, Any] = {}
        self.wraps: frozenset[int] = frozenset()

    def assign(self, meshes: Iterable[tuple[int, U4]]) -> None:
        """Rows by triangle for each mesh: (registry index of the shape, u4[t])."""
        listed = list(meshes)
        first = np.zeros(max((index for index, _ in listed), default=0) + 1, np.uint32)
        start = 0
        for index, rows in listed:
            first[index] = start
            start += len(rows)
        every = np.concatenate([rows for _, rows in listed] or [np.zeros(1, np.uint32)])
        self._first, self._row = self._mi.UInt32(first), self._mi.UInt32(every.astype(np.uint32))

    def fill(self, snapshot: Snapshot, materials: Sequence[Material], numbers: dict[str, np.ndarray]) -> None:
        """Set all rows: `numbers` f4[n, 3] or f4[n] by input, and the images of the materials' textures."""
        images: dict[str, list[_Image | None]] = {}
        self._pack(snapshot, materials)
        for name, usd in INPUTS.items():
            images[name] = [self._image(snapshot, usd, material.texture(usd)) for material in materials]
        self._numbers = {
            name: self._mi.Float(values.astype(np.float32).ravel()) for name, values in numbers.items()
        }
        self.wraps = frozenset(
            mode for rows in images.values() for i in rows if i is not None for mode in i.wrap
        )
        self._slots, self._images = {}, {}
        for name, rows in images.items():
            if any(image is not None for image in rows):
                self._set_images(name, rows)

    def shape_of_code(self) -> tuple[object, ...]:
        """What the traced code depends on besides the numbers: which inputs have images, and wrap modes."""
        return tuple(sorted(self._slots)), tuple(sorted(self.wraps))

    def nodes(self) -> dict[str, Any]:
        """The inputs of the one `principled` BSDF."""
        cls = _texture_class(self._mi)
        return {name: cls(self._mi.Properties(), name) for name in INPUTS}

    def prepare(self, si: Any, active: Any) -> None:
        """Put all inputs into `si`, where the textures of `nodes` read them."""
        found = {name: self.lookup(name, si, active) for name in INPUTS}
        si.dn_du = self._mi.Vector3f(*found["base_color"])
        si.duv_dx = self._mi.Vector2f(found["roughness"][0], found["metallic"][0])

    def lookup(self, name: str, si: Any, active: Any) -> list[Any]:
        """The channels (mi.Float, one or three) of an input at surface interactions."""
        mi, dr = self._mi, self._dr
        shape = dr.reinterpret_array(mi.UInt32, si.shape)
        row = dr.gather(
            mi.UInt32, self._row, dr.gather(mi.UInt32, self._first, shape, active) + si.prim_index, active
        )
        channels = 3 if name == "base_color" else 1
        plain = [
            dr.gather(mi.Float, self._numbers[name], row * channels + c, active) for c in range(channels)
        ]
        if name not in self._slots:
            return plain
        slot = dr.gather(mi.UInt32, self._slots[name], row, active)
        textured = active & (slot > 0)
        image = self._sample(name, slot, si.uv, channels, textured)
        return [dr.select(textured, a, b) for a, b in zip(image, plain, strict=True)]

    def _sample(self, name: str, slot: Any, uv: Any, channels: int, active: Any) -> list[Any]:
        """Bilinear interpolation in the buffer."""
        mi, dr, table = self._mi, self._dr, self._images[name]
        integer = {
            key: dr.gather(mi.Int32, table[key], slot, active)
            for key in ("offset", "width", "height", "kind")
        }
        affine = [dr.gather(mi.Float, table["affine"], slot * 6 + k, active) for k in range(6)]
        x = (affine[0] * uv.x + affine[1] * uv.y + affine[2]) * integer["width"] - 0.5
        y = (affine[3] * uv.x + affine[4] * uv.y + affine[5]) * integer["height"] - 0.5
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
            for usd in INPUTS.values():
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
            outside = np.broadcast_to(np.clip(border(source), 0.0, 1.0), pixels.shape[-1:])
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


def _prepared(name: str, si: Any) -> list[Any]:
    """What `prepare` left in an interaction."""
    if name == "base_color":
        return [si.dn_du.x, si.dn_du.y, si.dn_du.z]
    return [si.duv_dx.x if name == "roughness" else si.duv_dx.y]


@cache
def _texture_class(mi: Any) -> Any:
    """The class of textures that read a table; made late because its base belongs to the loaded variant."""

    class SurfaceTexture(mi.Texture):  # type: ignore[misc]
        def __init__(self, props: Any, name: str) -> None:
            mi.Texture.__init__(self, props)
            self._name = name

        def eval(self, si: Any, active: Any = True) -> Any:
            return mi.Color3f(*_prepared(self._name, si))

        def eval_3(self, si: Any, active: Any = True) -> Any:
            return self.eval(si, active)

        def eval_1(self, si: Any, active: Any = True) -> Any:
            return _prepared(self._name, si)[0]

        def mean(self) -> Any:
            return mi.Float(0.5)

        def is_spatially_varying(self) -> bool:
            return True

        def to_string(self) -> str:
            return f"SurfaceTexture[{self._name}]"

    return SurfaceTexture
