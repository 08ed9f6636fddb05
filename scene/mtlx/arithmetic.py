"""Arithmetic on signals: exact for constants, exact for images where the result is a scale and an offset, else nearest."""

import operator
from collections.abc import Callable
from dataclasses import replace

from twinstage.scene.read.materials_network import Node
from twinstage.scene.read.materials_signal import (
    Constant,
    Coordinates,
    Image,
    Op,
    Signal,
    Varying,
    Vector,
    channel,
    compose,
    elementwise,
    fit,
    mean_of,
    scaled,
)


def resolved(node: Node, signal: Signal, width: int) -> "Constant | Image":
    """Coordinates and varying primvars as a constant, told as such: arithmetic on them is not per vertex."""
    if isinstance(signal, Image):
        return signal
    if isinstance(signal, Coordinates | Varying):
        node.note("material.varying", f"computes with primvar {signal.primvar!r}: its mean is used")
        found = node.network.primvar(signal.primvar) if isinstance(signal, Coordinates) else signal
        return Constant(mean_of(found if found is not None else Constant((0.5,)), width))
    return Constant(mean_of(signal, width))


def binary(node: Node, op: Op, a: Signal, b: Signal, width: int) -> Signal:
    """`op` on two signals, component by component."""
    if isinstance(a, Coordinates) and width == 2 and isinstance(b, Constant):
        moved = _on_coordinates(op, a, fit(b.values, 2))
        if moved is not None:
            return moved
    if (
        isinstance(b, Coordinates)
        and width == 2
        and isinstance(a, Constant)
        and op in (operator.add, operator.mul)
    ):
        return binary(node, op, b, a, width)
    a, b = resolved(node, a, width), resolved(node, b, width)
    if isinstance(a, Constant) and isinstance(b, Constant):
        return Constant(elementwise(op, a.values, b.values, width))
    if isinstance(a, Image) and isinstance(b, Image):
        node.note("material.nearest", "combines two images: the mean of one of them is used")
        if b.width > a.width:
            return binary(node, op, Constant(mean_of(a, width)), b, width)
        return binary(node, op, a, Constant(mean_of(b, width)), width)
    if isinstance(a, Image):
        assert isinstance(b, Constant)
        return _affine(node, a, lambda x: elementwise(op, x, b.values, width), width)
    assert isinstance(b, Image)
    return _affine(node, b, lambda x: elementwise(op, a.values, x, width), width)


def _on_coordinates(op: Op, a: Coordinates, b: Vector) -> Coordinates | None:
    x, y = b
    if op is operator.add:
        return replace(a, affine=compose(((1, 0, x), (0, 1, y)), a.affine))
    if op is operator.sub:
        return replace(a, affine=compose(((1, 0, -x), (0, 1, -y)), a.affine))
    if op is operator.mul:
        return replace(a, affine=compose(((x, 0, 0), (0, y, 0)), a.affine))
    if op is operator.truediv and x and y:
        return replace(a, affine=compose(((1 / x, 0, 0), (0, 1 / y, 0)), a.affine))
    return None


def _affine(node: Node, image: Image, f: Callable[[Vector], Vector], width: int) -> Signal:
    """f(image), where f is found to be affine by three samples; else the image as it is, told as nearest."""
    at0, at1, half = (f((v,) * width) for v in (0.0, 1.0, 0.5))
    slope = tuple(p - q for p, q in zip(at1, at0, strict=True))
    straight = all(
        abs(h - q - s / 2) <= 1e-5 * (1 + abs(h)) for h, q, s in zip(half, at0, slope, strict=True)
    )
    if straight:
        out = scaled(replace(image, width=max(image.width, width)), slope, at0)
        if out is not None:
            return out
        node.note("material.nearest", "colours a single channel of an image: the mean is used")
        return Constant(f(mean_of(image, width)))
    node.note("material.nearest", "is no scale and offset of an image: the image is used as it is")
    return image


def unary(node: Node, op: Callable[[float], float], a: Signal, width: int) -> Signal:
    """`op` on each component."""
    return binary(node, lambda x, _: op(x), a, Constant((0.0,)), width)


def mix(node: Node, background: Signal, foreground: Signal, share: Signal, width: int) -> Signal:
    """background * (1 - share) + foreground * share; an image as share works between two constants."""
    if isinstance(share, Image):
        bg, fg = resolved(node, background, width), resolved(node, foreground, width)
        if isinstance(bg, Constant) and isinstance(fg, Constant):
            return _affine(
                node,
                share,
                lambda s: tuple(
                    p + (q - p) * t for p, q, t in zip(bg.values, fg.values, fit(s, width), strict=True)
                ),
                width,
            )
        node.note("material.nearest", "mixes images by an image: its mean is the share")
    weight = mean_of(resolved(node, share, width), width)
    if all(w <= 0 for w in weight):
        return background
    if all(w >= 1 for w in weight):
        return foreground
    rest = Constant(tuple(1 - w for w in weight))
    left = binary(node, operator.mul, background, rest, width)
    right = binary(node, operator.mul, foreground, Constant(weight), width)
    return binary(node, operator.add, left, right, width)


def folded(node: Node, signal: Signal, width: int) -> Vector:
    """A signal as numbers, `width` of them (0: as many as it has); of an image the mean, told as nearest."""
    if isinstance(signal, Constant):
        return fit(signal.values, width) if width else signal.values
    if isinstance(signal, Image):
        node.note("material.nearest", "computes with an image: its mean is used")
    return mean_of(resolved(node, signal, width or 3), width or 3)


def one_channel(image: Image, index: int, width: int) -> Image:
    """One channel of an image in all components."""
    one = channel(image, index)
    assert isinstance(one, Image)
    return replace(one, width=width)
