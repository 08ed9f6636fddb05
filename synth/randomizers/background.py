"""What is seen where the scene ends: a colour, a picture, or a map of all around. In the picture only, never in labels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from pydantic import model_validator

from twinstage.render.engines.raycast import first_hits, supersampled
from twinstage.render.images import decode, linear_pixels
from twinstage.render.kept import KeptArrays
from twinstage.scene.columns import F4
from twinstage.scene.edits import ImageFile
from twinstage.scene.snapshot import Snapshot
from twinstage.synth.distributions import NotNegative
from twinstage.synth.draws import Constant, Distribution, Draws, Uniform
from twinstage.synth.effects import Effect, Shot
from twinstage.synth.randomizers.base import RANDOMIZERS
from twinstage.synth.randomizers.images import ImageRandomizer
from twinstage.synth.randomizers.paint import HexColor, HsvColor, Rgb, drawn_color

LARGEST = 2048
"""Pictures are shrunk to at most so many pixels a side before they are fitted."""

FINE = 4
"""Rays along each side of a pixel that an edge crosses."""

_DECODED = KeptArrays(128 << 20)


@dataclass(frozen=True, slots=True)
class PlainBackground(Effect):
    """One colour, linear rgb."""

    color: Rgb

    def on_light(self, linear: F4, shot: Shot) -> F4:
        return behind(linear, shot, np.broadcast_to(np.array(self.color, np.float32), linear.shape))

    def as_data(self) -> dict[str, Any]:
        return {"effect": "background", "color": list(self.color)}


@dataclass(frozen=True, slots=True)
class PictureBackground(Effect):
    """A picture that covers the image: scaled to the larger of both ratios, the rest cut off.

    `place`: which part is kept along the axis that is too long, from 0 (left, top) to 1; `mirrored`: left and right
    exchanged; `brightness`: factor on its light.
    """

    image: ImageFile
    place: float
    mirrored: bool
    brightness: float

    def on_light(self, linear: F4, shot: Shot) -> F4:
        picture = covering(decoded(self.image), linear.shape[1], linear.shape[0], self.place)
        picture = picture[:, ::-1] if self.mirrored else picture
        return behind(linear, shot, picture * np.float32(self.brightness))

    def as_data(self) -> dict[str, Any]:
        return {
            "effect": "background",
            "image": self.image.path,
            "sha256": self.image.texture.hash,
            "place": self.place,
            "mirrored": self.mirrored,
            "brightness": self.brightness,
        }


@dataclass(frozen=True, slots=True)
class MapBackground(Effect):
    """A latitude-longitude map, turned about the world's vertical axis [degrees]; it gives no light."""

    image: ImageFile
    rotation: float
    brightness: float

    def on_light(self, linear: F4, shot: Shot) -> F4:
        _, direction = shot.camera.rays()
        seen = looked_up(decoded(self.image), np.asarray(direction), self.rotation)
        picture = np.nan_to_num(seen).reshape(linear.shape) * np.float32(self.brightness)
        return behind(linear, shot, picture.astype(np.float32))

    def as_data(self) -> dict[str, Any]:
        return {
            "effect": "background",
            "map": self.image.path,
            "sha256": self.image.texture.hash,
            "rotation": self.rotation,
            "brightness": self.brightness,
        }


@RANDOMIZERS.register
class BackgroundRandomizer(ImageRandomizer):
    """Replaces what is behind the scene, wherever a camera sees no surface.

    Where an edge crosses a pixel, both show in the shares that 4 x 4 rays find, the surface as it is beside the edge: a rim
    of the engine's own sky around every object would be something to learn.

    Attributes:
        palette, color: one colour for all of it; or
        images: pictures that cover the image; or
        maps: latitude-longitude maps of all around. Files, patterns or folders, relative to the recipe's folder.
        rotate: of a map [degrees]; mirror: pictures are mirrored in half of the frames.
        brightness: factor; pictures of 8 bits are read as sRGB light.
    """

    kind: Literal["background"] = "background"
    palette: tuple[HexColor, ...] = ()
    color: HsvColor | None = None
    images: tuple[str, ...] = ()
    maps: tuple[str, ...] = ()
    rotate: Distribution = Uniform(low=0.0, high=360.0)
    mirror: bool = True
    brightness: NotNegative = Constant(value=1.0)

    @model_validator(mode="after")
    def _one_source(self) -> "BackgroundRandomizer":
        if sum(bool(source) for source in (self.palette, self.color, self.images, self.maps)) != 1:
            raise ValueError("give one of palette, color, images and maps")
        return self

    def image_fields(self) -> Mapping[str, tuple[Sequence[str], str]]:
        if self.images:
            return {"image": (self.images, "background")}
        return {"map": (self.maps, "hdri")} if self.maps else {}

    def picture_effects(self, snapshot: Snapshot, draws: Draws) -> list[Effect]:
        brightness = max(draws.value("brightness", self.brightness), 0.0)
        if self.images:
            image = self.draw_image(snapshot, draws, "image")
            stream = draws.stream("fit")
            return [PictureBackground(image, stream.unit(), self.mirror and stream.unit() < 0.5, brightness)]
        if self.maps:
            image = self.draw_image(snapshot, draws, "map")
            return [MapBackground(image, draws.value("rotate", self.rotate), brightness)]
        rgb = drawn_color(draws, self.color, self.palette)
        assert rgb is not None  # the model allows no other case
        r, g, b = (c * brightness for c in rgb)
        return [PlainBackground((r, g, b))]


def behind(linear: F4, shot: Shot, picture: np.ndarray) -> F4:
    """The picture wherever the camera sees no surface, and at edges as far as it sees none."""
    empty = empty_share(shot)
    edge = (empty > 0) & (empty < 1)
    out = np.where((empty == 1)[..., None], picture, linear).astype(np.float32)
    if edge.any():
        share = empty[edge, None]
        surface, known = around(linear, empty == 0, edge, 1)
        sky, _ = around(linear, empty == 1, edge, 2)
        thin = np.maximum(linear[edge] - share * sky, 0) / (1 - share)
        out[edge] = share * picture[edge] + (1 - share) * np.where(known, surface, thin)
    return out


def empty_share(shot: Shot) -> F4:
    """Share of each pixel in which there is no surface f4[h, w]: looked at closely only beside an edge."""
    gone = ~np.isfinite(shot.depth)
    padded = np.pad(gone, 1, mode="edge")
    height, width = gone.shape
    near = [padded[1 + i : 1 + i + height, 1 + j : 1 + j + width] for i in (-1, 0, 1) for j in (-1, 0, 1)]
    beside = np.logical_or.reduce(near) & ~np.logical_and.reduce(near)
    out = gone.astype(np.float32)
    if beside.any():
        fine = first_hits(shot.snapshot, supersampled(shot.camera, FINE)).zbuffer.depth
        share = (~np.isfinite(fine)).reshape(height, FINE, width, FINE).mean((1, 3), dtype=np.float32)
        out[beside] = share[beside]
    return out


def around(linear: F4, wanted: np.ndarray, places: np.ndarray, reach: int) -> tuple[np.ndarray, np.ndarray]:
    """The mean of the wanted pixels up to `reach` around each place f4[n, 3], and whether there is any, bool[n, 1]."""
    whole = np.where(wanted[..., None], np.concatenate([linear, np.ones_like(linear[..., :1])], -1), 0)
    padded = np.pad(whole, ((reach, reach), (reach, reach), (0, 0)))
    height, width = wanted.shape
    total = np.zeros((int(places.sum()), 4), np.float32)
    for i in range(2 * reach + 1):
        for j in range(2 * reach + 1):
            total += padded[i : i + height, j : j + width][places]
    return total[:, :3] / np.maximum(total[:, 3:], 1), total[:, 3:] > 0


def decoded(image: ImageFile) -> F4:
    """Linear rgb f4[h, w, 3] of an image file."""

    def make() -> F4:
        return linear_pixels(decode(image.texture, LARGEST))

    return _DECODED.get(image.texture.hash, make)


def covering(picture: F4, width: int, height: int, place: float) -> F4:
    """A picture scaled to cover width x height [px], its middle kept along the axis that fits, `place` along the other."""
    from PIL import Image

    tall, wide = picture.shape[:2]
    scale = max(width / wide, height / tall)
    w, h = min(width / scale, wide), min(height / scale, tall)
    left, top = (wide - w) * place, (tall - h) * place
    box = (left, top, left + w, top + h)
    channels = [
        np.asarray(
            Image.fromarray(np.ascontiguousarray(picture[..., c])).resize(
                (width, height), Image.Resampling.BILINEAR, box=box
            )
        )
        for c in range(3)
    ]
    out: F4 = np.stack(channels, -1)
    return out


def looked_up(pixels: F4, direction: np.ndarray, rotation: float) -> np.ndarray:
    """Bilinear radiance [n, 3] of a map whose pole is the world's +Z, in world directions [n, 3].

    Unturned, the map's middle is seen along -Y and u grows clockwise from above, as on a UsdLux dome turned Z-up.
    """
    height, width = pixels.shape[:2]
    d = direction / np.linalg.norm(direction, axis=-1, keepdims=True)
    angle = np.radians(rotation)
    x = np.cos(angle) * d[:, 0] + np.sin(angle) * d[:, 1]
    y = -np.sin(angle) * d[:, 0] + np.cos(angle) * d[:, 1]
    u = np.nan_to_num(np.arctan2(x, y) / (2 * np.pi) % 1.0 * width) - 0.5
    v = np.nan_to_num(np.arccos(np.clip(d[:, 2], -1, 1)) / np.pi * height) - 0.5
    left, top = np.floor(u).astype(np.int64), np.floor(v).astype(np.int64)
    right, low = (u - left)[:, None], (v - top)[:, None]
    rows = [np.clip(top + k, 0, height - 1) for k in (0, 1)]
    columns = [(left + k) % width for k in (0, 1)]
    upper, lower = (pixels[r, columns[0]] * (1 - right) + pixels[r, columns[1]] * right for r in rows)
    return np.asarray(upper * (1 - low) + lower * low)
