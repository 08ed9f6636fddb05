"""What flows along a wire of a shading network: a constant, an image, texture coordinates, a varying primvar or a text.

Images stay images through everything that is a scale and an offset of their channels: that much a `TextureInput` can
say. Other arithmetic takes the nearest thing that can be said, and tells so through `Notes`.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from twinstage.scene.snapshot import TextureInput

Vector = tuple[float, ...]
Affine = tuple[tuple[float, float, float], tuple[float, float, float]]
"""Rows of a 2x3 matrix: (u', v') = A (u, v, 1)."""

IDENTITY: Affine = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0))
LIMIT = 1e6
"""Greatest size of a number that a network may give; others are clamped, and what is not finite becomes 0."""


@dataclass(frozen=True, slots=True)
class Constant:
    """One number a component."""

    values: Vector


@dataclass(frozen=True, slots=True)
class Image:
    """A texture of `width` components that reads the uv primvar `uv`."""

    source: TextureInput
    uv: str
    width: int = 3
    mean: Callable[[], Vector] = field(default=lambda: (0.5, 0.5, 0.5, 1.0), compare=False)
    """Of the four channels, before scale and bias, as the colour space has it; asked for only where it is used, as the
    image has to be decoded for it."""
    guessed: bool = False
    """Whether the colour space is only what `auto` takes from the file."""
    unwrapped: bool = False
    """Whether nobody said what lies outside [0, 1], so that it is black."""


@dataclass(frozen=True, slots=True)
class Coordinates:
    """Texture coordinates: a primvar and an affine map."""

    primvar: str
    affine: Affine = IDENTITY


@dataclass(frozen=True, slots=True)
class Varying:
    """A primvar that differs over the surface, and its mean."""

    primvar: str
    mean: Vector


@dataclass(frozen=True, slots=True)
class Text:
    """A string, token or asset path."""

    text: str


Signal = Constant | Image | Coordinates | Varying | Text
Op = Callable[[float, float], float]


@dataclass
class Notes:
    """What was not taken exactly, as (code, sentence about a node); filled while a network is evaluated."""

    found: dict[tuple[str, str, str], None] = field(default_factory=dict)

    def add(self, code: str, sentence: str, path: str) -> None:
        """`path`: the node that the sentence is about."""
        self.found[code, sentence, path] = None


def constant(values: Any) -> Constant:
    """A Constant of a number, a Gf vector, quaternion-free: anything that is a number or a flat or nested list of them."""
    return Constant(tuple(sane(v) for v in _flat(values)))


def _flat(values: Any) -> list[float]:
    if isinstance(values, bool | int | float):
        return [float(values)]
    out: list[float] = []
    for value in list(values)[:16]:
        out.extend(_flat(value) if hasattr(value, "__len__") else [float(value)])
    return out


def sane(value: float) -> float:
    """The number, clamped to +-LIMIT; 0 for what is not a number."""
    return 0.0 if math.isnan(value) else min(max(float(value), -LIMIT), LIMIT)


def fit(values: Vector, width: int) -> Vector:
    """As many components as asked for: one number serves all, missing ones are 0 (the fourth 1)."""
    if len(values) == 1:
        return values * width if width < 4 else (*values * 3, 1.0)
    return (*values, *(0.0, 0.0, 0.0, 1.0)[len(values) :])[:width] if len(values) < width else values[:width]


def mean_of(signal: Signal, width: int) -> Vector:
    """One value for the whole surface."""
    if isinstance(signal, Constant):
        return fit(signal.values, width)
    if isinstance(signal, Varying):
        return fit(signal.mean, width)
    if isinstance(signal, Image):
        s = signal.source
        rgba = tuple(m * a + b for m, a, b in zip(signal.mean(), s.scale, s.bias, strict=True))
        return fit(rgba if s.channel == "rgb" else (rgba["rgba".index(s.channel)],), width)
    return (0.0,) * width


def scaled(image: Image, scale: Vector, bias: Vector) -> Image | None:
    """image * scale + bias; None where a single channel would need different ones for each component."""
    if image.source.channel != "rgb":
        if len(set(scale)) > 1 or len(set(bias)) > 1:
            return None
        scale, bias = (scale[0],) * 4, (bias[0],) * 4
    elif len(scale) < 4:
        scale = (*fit(scale, 3), 1.0) if image.width < 4 else fit(scale, 4)
        bias = (*fit(bias, 3), 0.0) if image.width < 4 or len(bias) < 4 else bias
    s = image.source
    r, g, b, a = (sane(x * k) for x, k in zip(s.scale, scale, strict=True))
    moved = replace(s, scale=(r, g, b, a))
    r, g, b, a = (sane(x * k + c) for x, k, c in zip(s.bias, scale, bias, strict=True))
    return replace(image, source=replace(moved, bias=(r, g, b, a)))


def channel(signal: Signal, index: int) -> Signal:
    """One component."""
    if isinstance(signal, Image):
        if signal.source.channel != "rgb":
            return replace(signal, width=1)
        return replace(signal, source=replace(signal.source, channel="rgba"[index]), width=1)
    values = mean_of(signal, max(index + 1, 1))
    return Constant((values[index],))


def elementwise(op: Op, a: Vector, b: Vector, width: int) -> Vector:
    """`op` on each pair of components; what cannot be computed is 0."""
    return tuple(_safe(op, x, y) for x, y in zip(fit(a, width), fit(b, width), strict=True))


def _safe(op: Op, x: float, y: float) -> float:
    try:
        out = op(x, y)
        return 0.0 if isinstance(out, complex) else sane(out)
    except (ArithmeticError, ValueError):
        return 0.0


def compose(outer: Affine, inner: Affine) -> Affine:
    """First `inner`, then `outer`."""
    (a, b, c), (d, e, f) = outer
    (g, h, i), (j, k, m) = inner
    return (
        (a * g + b * j, a * h + b * k, a * i + b * m + c),
        (d * g + e * j, d * h + e * k, d * i + e * m + f),
    )


def transform(scale: Vector, rotation: float, translation: Vector) -> Affine:
    """UsdTransform2d: scale, then rotate counter-clockwise [rad], then translate."""
    cos, sin = math.cos(rotation), math.sin(rotation)
    return (
        (cos * scale[0], -sin * scale[1], translation[0]),
        (sin * scale[0], cos * scale[1], translation[1]),
    )


def decompose(affine: Affine) -> tuple[tuple[float, float], float, tuple[float, float], bool]:
    """(scale, rotation [rad], translation, exact) such that `transform` gives the map back; shear cannot be said."""
    (a, b, tx), (c, d, ty) = affine
    sx = math.hypot(a, c)
    rotation = math.atan2(c, a) if sx > 0 else math.atan2(-b, d)
    if abs(abs(rotation) - math.pi) < 1e-9:  # a mirrored u is a negative scale, not half a turn
        sx, rotation = -sx, 0.0
    cos, sin = math.cos(rotation), math.sin(rotation)
    sy = -sin * b + cos * d
    shear = abs(cos * b + sin * d)
    if abs(rotation) < 1e-12:
        rotation = 0.0
    return (sx, sy), rotation, (tx, ty), shear <= 1e-6 * (1 + abs(sx) + abs(sy))
