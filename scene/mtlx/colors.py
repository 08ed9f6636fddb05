"""MaterialX nodes that work on colours: luminance, saturation, hue, contrast, colour spaces, blends."""

import colorsys
import operator
from collections.abc import Callable
from dataclasses import replace

from twinstage.scene.mtlx.arithmetic import binary, folded, mix, one_channel, resolved
from twinstage.scene.read.materials_network import Evaluator, Node, is_srgb, to_rec709
from twinstage.scene.read.materials_signal import Constant, Image, Signal, fit, mean_of

LUMA = (0.2722287, 0.6740818, 0.0536895)
"""MaterialX's default luminance coefficients (ACEScg)."""


def _luminance(node: Node) -> Signal:
    found = node.signal("in", 0.0)
    if isinstance(found, Image):
        node.note("material.nearest", "takes the luminance of an image: its green channel is used")
        return one_channel(found, 1, node.width)
    weights, width = node.vector("lumacoeffs", LUMA, 3), max(node.width, 3)
    values = mean_of(resolved(node, found, width), width)
    grey = sum(v * k for v, k in zip(values[:3], weights, strict=True))
    return Constant((grey, grey, grey, *values[3:]))


def _saturate(node: Node) -> Signal:
    found, amount = node.signal("in", 0.0), node.number("amount", 1.0)
    if isinstance(found, Image):
        if amount != 1:
            node.note("material.nearest", "changes the saturation of an image: it is used as it is")
        return found
    weights, width = node.vector("lumacoeffs", LUMA, 3), max(node.width, 3)
    values = mean_of(resolved(node, found, width), width)
    grey = sum(v * k for v, k in zip(values[:3], weights, strict=True))
    return Constant((*(grey + (v - grey) * amount for v in values[:3]), *values[3:]))


def _hsv(f: Callable[[float, float, float], tuple[float, float, float]]) -> Evaluator:
    def evaluate(node: Node) -> Signal:
        values = folded(node, node.signal("in", 0.0), max(node.width, 3))
        return Constant((*f(*fit(values, 3)), *values[3:]))

    return evaluate


def _hsv_adjust(node: Node) -> Signal:
    found = node.signal("in", 0.0)
    turn, gain, value = node.vector("amount", (0.0, 1.0, 1.0), 3)
    if (turn, gain, value) == (0.0, 1.0, 1.0):
        return found
    if isinstance(found, Image) and (turn, gain) == (0.0, 1.0):
        return binary(node, operator.mul, found, Constant((value,) * 3), node.width)
    if isinstance(found, Image):
        node.note("material.nearest", "turns hue or saturation of an image: it is used as it is")
        return found
    width = max(node.width, 3)
    values = mean_of(resolved(node, found, width), width)
    h, s, v = colorsys.rgb_to_hsv(*values[:3])
    return Constant((*colorsys.hsv_to_rgb((h + turn) % 1.0, s * gain, v * value), *values[3:]))


def _contrast(node: Node) -> Signal:
    pivot, amount = node.vector("pivot", 0.5, node.width), node.vector("amount", 1.0, node.width)
    scaled = binary(node, operator.mul, node.signal("in", 0.0), Constant(amount), node.width)
    bias = tuple(p * (1 - a) for p, a in zip(pivot, amount, strict=True))
    return binary(node, operator.add, scaled, Constant(bias), node.width)


def _to_linear(space: str) -> Evaluator:
    """A transform from a colour space to linear Rec. 709; on an image only from sRGB."""

    def evaluate(node: Node) -> Signal:
        found = node.signal("in", 0.0)
        if isinstance(found, Image):
            if is_srgb(space) and found.source.color_space == "raw":
                return replace(found, source=replace(found.source, color_space="sRGB"))
            node.note("material.nearest", f"transforms an image from {space}: it is used as it is")
            return found
        return Constant(to_rec709(folded(node, found, node.width), space))

    return evaluate


def _over(node: Node) -> Signal:
    """plus, minus, screen, ... with bg, fg and a share: fg alone counts where the share is 1."""
    kind = node.id.split("_")[1]
    op = {"plus": operator.add, "minus": operator.sub, "difference": lambda a, b: abs(a - b),
          "screen": lambda a, b: 1 - (1 - a) * (1 - b), "overlay": _overlay,
          "burn": lambda a, b: 1 - (1 - a) / b, "dodge": lambda a, b: a / (1 - b)}[kind]  # fmt: skip
    bg, fg = node.signal("bg", 0.0), node.signal("fg", 0.0)
    return mix(node, bg, binary(node, op, bg, fg, node.width), node.signal("mix", 1.0), node.width)


def _overlay(a: float, b: float) -> float:
    return 2 * a * b if a < 0.5 else 1 - 2 * (1 - a) * (1 - b)


COLORS: dict[str, Evaluator] = {
    "luminance": _luminance,
    "saturate": _saturate,
    "contrast": _contrast,
    "hsvadjust": _hsv_adjust,
    "rgbtohsv": _hsv(colorsys.rgb_to_hsv),
    "hsvtorgb": _hsv(colorsys.hsv_to_rgb),
    **dict.fromkeys(("plus", "minus", "difference", "screen", "overlay", "burn", "dodge"), _over),
    "srgb_texture_to_lin_rec709": _to_linear("srgb_texture"),
    **{
        f"{space}_to_lin_rec709": _to_linear(space)
        for space in (
            "acescg", "g18_rec709", "g22_rec709", "rec709_display", "g22_ap1", "lin_adobergb", "adobergb",
            "srgb_displayp3", "lin_displayp3",
        )
    },
}  # fmt: skip
"""Evaluators by category."""
