"""The common MaterialX nodes that compute: constants are folded, images and coordinates keep what can be said of them."""

import math
import operator
from collections.abc import Callable
from dataclasses import replace

from twinstage.scene.mtlx.arithmetic import binary, folded, mix, one_channel, resolved, unary
from twinstage.scene.read.materials_network import Evaluator, Node
from twinstage.scene.read.materials_signal import (
    Constant,
    Coordinates,
    Image,
    Op,
    Signal,
    Text,
    Varying,
    Vector,
    channel,
    elementwise,
    fit,
    mean_of,
)


def _two(op: Op, first: float, second: float) -> Evaluator:
    """in1 op in2."""

    def evaluate(node: Node) -> Signal:
        return binary(node, op, node.signal("in1", first), node.signal("in2", second), node.width)

    return evaluate


def _one(op: Callable[[float], float]) -> Evaluator:
    """op(in)."""

    def evaluate(node: Node) -> Signal:
        return unary(node, op, node.signal("in", 0.0), node.width)

    return evaluate


def _vectors(f: Callable[[Vector, Vector], Vector], width: int = 0) -> Evaluator:
    """f(in1, in2) or f(in, -) of whole vectors; images take part with their mean."""

    def evaluate(node: Node) -> Signal:
        names = ("in1", "in2") if node.shader.GetInput("in1") else ("in", "in2")
        parts = [folded(node, node.signal(name, 0.0), 0) for name in names]
        return Constant(f(*parts))

    return evaluate


def _constant(node: Node) -> Signal:
    return node.signal("value", 0.0)


def _pass(node: Node) -> Signal | None:
    return node.get("in")


def _convert(node: Node) -> Signal:
    found = node.signal("in", 0.0)
    if isinstance(found, Constant):
        return Constant(fit(found.values, node.width))
    if isinstance(found, Image):
        return channel(found, 0) if node.width == 1 else replace(found, width=node.width)
    return found


def _extract(node: Node) -> Signal:
    index = int(node.number("index", 0.0))
    return channel(_spread(node, node.signal("in", 0.0)), min(max(index, 0), 3))


def _spread(node: Node, signal: Signal) -> Signal:
    """Coordinates cannot be taken apart: their mean is."""
    return signal if isinstance(signal, Constant | Image | Varying) else resolved(node, signal, 2)


def _separate(node: Node) -> Signal:
    names = {"outr": 0, "outg": 1, "outb": 2, "outa": 3, "outx": 0, "outy": 1, "outz": 2, "outw": 3}
    return channel(_spread(node, node.signal("in", 0.0)), names.get(node.output, 0))


def _combine(node: Node) -> Signal:
    parts = [node.signal(f"in{i}", 0.0) for i in (1, 2, 3, 4) if node.shader.GetInput(f"in{i}")]
    whole = _reassembled(parts, node.width)
    if whole is not None:
        return whole
    values: list[float] = []
    for part in parts:
        values.extend(
            folded(node, part, part.width if isinstance(part, Image) else len(mean_of(part, 1)))
            if not isinstance(part, Constant)
            else part.values
        )
    return Constant(fit(tuple(values) or (0.0,), node.width))


def _reassembled(parts: list[Signal], width: int) -> Signal | None:
    """The image again, where its channels are put together in their order."""
    images = [part for part in parts if isinstance(part, Image)]
    if len(images) != len(parts) or len(parts) not in (3, 4):
        return None
    first = images[0]
    same = [replace(i.source, channel="rgb") == replace(first.source, channel="rgb") for i in images]
    order = "".join(i.source.channel for i in images)
    if all(same) and order in ("rgb", "rgba"):
        return replace(first, source=replace(first.source, channel="rgb"), width=width)
    return None


def _swizzle(node: Node) -> Signal:
    found = _spread(node, node.signal("in", 0.0))
    letters = node.text("channels", "x")
    order = [
        "rgba".find(c) if c in "rgba" else "xyzw".find(c) if c in "xyzw" else int(c == "1") - 3
        for c in letters[:4]
    ]
    if isinstance(found, Image):
        if order in ([0, 1, 2], [0, 1, 2, 3]):
            return found
        if len(set(order)) == 1 and order[0] >= 0:
            return one_channel(found, order[0], len(order))
        node.note("material.nearest", f"reorders the channels of an image to {letters!r}: its mean is used")
    values = mean_of(found, 4)
    return Constant(tuple(values[k] if k >= 0 else float(k == -2) for k in order))


def _mix(node: Node) -> Signal:
    return mix(node, node.signal("bg", 0.0), node.signal("fg", 0.0), node.signal("mix", 0.0), node.width)


def _clamp(node: Node) -> Signal:
    found, low, high = (
        node.signal("in", 0.0),
        node.vector("low", 0.0, node.width),
        node.vector("high", 1.0, node.width),
    )
    if isinstance(found, Image):
        if max(low) > 0 or min(high) < 1:
            node.note("material.nearest", "clamps an image: it is used unclamped")
        return found
    values = mean_of(resolved(node, found, node.width), node.width)
    return Constant(elementwise(min, elementwise(max, values, low, node.width), high, node.width))


def _remap(node: Node) -> Signal:
    """Linear from [inlow, inhigh] to [outlow, outhigh]."""
    w = node.width
    in_low, in_high = node.vector("inlow", 0.0, w), node.vector("inhigh", 1.0, w)
    out_low, out_high = node.vector("outlow", 0.0, w), node.vector("outhigh", 1.0, w)
    span = elementwise(lambda a, b: (a - b) or 1.0, in_high, in_low, w)
    gain = tuple(p / q for p, q in zip(elementwise(operator.sub, out_high, out_low, w), span, strict=True))
    bias = tuple(o - i * g for o, i, g in zip(out_low, in_low, gain, strict=True))
    scaled = binary(node, operator.mul, node.signal("in", 0.0), Constant(gain), w)
    return binary(node, operator.add, scaled, Constant(bias), w)


def _range(node: Node) -> Signal:
    """remap with a gamma in between and a clamp behind; both on constants only."""
    found, w = node.signal("in", 0.0), node.width
    gamma, clamped = node.vector("gamma", 1.0, w), node.number("doclamp", 0.0) > 0.5
    if isinstance(found, Image):
        if clamped or set(gamma) != {1.0}:
            node.note("material.nearest", "bends or clamps an image: it is scaled only")
        return _remap(node)
    low, high = node.vector("outlow", 0.0, w), node.vector("outhigh", 1.0, w)
    in_low, in_high = node.vector("inlow", 0.0, w), node.vector("inhigh", 1.0, w)
    values = mean_of(resolved(node, found, w), w)
    share = elementwise(operator.truediv, elementwise(operator.sub, values, in_low, w),
                        elementwise(lambda a, b: (a - b) or 1.0, in_high, in_low, w), w)  # fmt: skip
    bent = elementwise(lambda x, g: math.copysign(abs(x) ** (1 / g), x), share, gamma, w)
    out = elementwise(
        operator.add, low, elementwise(operator.mul, bent, elementwise(operator.sub, high, low, w), w), w
    )
    return Constant(elementwise(min, elementwise(max, out, low, w), high, w) if clamped else out)


def _smoothstep(node: Node) -> Signal:
    low, high = node.number("low", 0.0), node.number("high", 1.0)

    def step(x: float) -> float:
        t = min(max((x - low) / ((high - low) or 1.0), 0.0), 1.0)
        return t * t * (3 - 2 * t)

    return unary(node, step, node.signal("in", 0.0), node.width)


def _invert(node: Node) -> Signal:
    return binary(node, operator.sub, node.signal("amount", 1.0), node.signal("in", 0.0), node.width)


def _compare(test: Callable[[float, float], bool]) -> Evaluator:
    def evaluate(node: Node) -> Signal:
        value1 = folded(node, node.signal("value1", 1.0), 1)[0]
        value2 = folded(node, node.signal("value2", 0.0), 1)[0]
        return node.signal("in1" if test(value1, value2) else "in2", 0.0)

    return evaluate


def _switch(node: Node) -> Signal:
    which = int(folded(node, node.signal("which", 0.0), 1)[0])
    return node.signal(f"in{min(max(which, 0), 9) + 1}", 0.0)


def _geomprop(node: Node) -> Signal | None:
    """geompropvalue and the UsdPrimvarReaders of MaterialX."""
    name = node.text("geomprop", node.text("varname", ""))
    if node.type == "vector2":
        return Coordinates(name or "st")
    found = node.network.primvar(name) if name else None
    if found is None:
        return node.get("default") or node.get("fallback")
    if isinstance(found, Constant):
        return Constant(fit(found.values, node.width))
    return (
        found
        if isinstance(found, Text) or len(found.mean) >= node.width
        else replace(found, mean=fit(found.mean, node.width))
    )


def _geomcolor(node: Node) -> Signal:
    found = node.network.primvar("displayColor")
    return found if found is not None else Constant(fit((1.0,), node.width))


def _dot_product(a: Vector, b: Vector) -> Vector:
    return (sum(x * y for x, y in zip(a, fit(b, len(a)), strict=True)),)


def _cross(a: Vector, b: Vector) -> Vector:
    (a1, a2, a3), (b1, b2, b3) = fit(a, 3), fit(b, 3)
    return (a2 * b3 - a3 * b2, a3 * b1 - a1 * b3, a1 * b2 - a2 * b1)


def _normalized(a: Vector, _: Vector) -> Vector:
    length = math.sqrt(sum(x * x for x in a))
    return tuple(x / length for x in a) if length else a


def _modulo(a: float, b: float) -> float:
    return a - b * math.floor(a / b)


NODES: dict[str, Evaluator] = {
    "constant": _constant,
    "dot": _pass,
    "convert": _convert,
    "add": _two(operator.add, 0, 0),
    "subtract": _two(operator.sub, 0, 0),
    "multiply": _two(operator.mul, 0, 1),
    "divide": _two(operator.truediv, 0, 1),
    "modulo": _two(_modulo, 0, 1),
    "power": _two(operator.pow, 0, 1),
    "safepower": _two(lambda a, b: math.copysign(abs(a) ** b, a), 0, 1),
    "min": _two(min, 0, 0),
    "max": _two(max, 0, 0),
    "atan2": _two(math.atan2, 0, 1),
    "invert": _invert,
    "absval": _one(abs),
    "sign": _one(lambda x: float((x > 0) - (x < 0))),
    "floor": _one(lambda x: float(math.floor(x))),
    "ceil": _one(lambda x: float(math.ceil(x))),
    "round": _one(lambda x: float(math.floor(x + 0.5))),
    "fract": _one(lambda x: x - math.floor(x)),
    "sin": _one(math.sin),
    "cos": _one(math.cos),
    "tan": _one(math.tan),
    "asin": _one(math.asin),
    "acos": _one(math.acos),
    "sqrt": _one(math.sqrt),
    "ln": _one(math.log),
    "exp": _one(math.exp),
    "clamp": _clamp,
    "remap": _remap,
    "range": _range,
    "smoothstep": _smoothstep,
    "mix": _mix,
    "extract": _extract,
    "swizzle": _swizzle,
    "combine2": _combine,
    "combine3": _combine,
    "combine4": _combine,
    "separate2": _separate,
    "separate3": _separate,
    "separate4": _separate,
    "dotproduct": _vectors(_dot_product),
    "crossproduct": _vectors(_cross),
    "normalize": _vectors(_normalized),
    "magnitude": _vectors(lambda a, _: (math.sqrt(sum(x * x for x in a)),)),
    "distance": _vectors(lambda a, b: (math.dist(a, fit(b, len(a))),)),
    "ifgreater": _compare(operator.gt),
    "ifgreatereq": _compare(operator.ge),
    "ifequal": _compare(operator.eq),
    "switch": _switch,
    "geompropvalue": _geomprop,
    "geompropvalueuniform": _geomprop,
    "UsdPrimvarReader": _geomprop,
    "geomcolor": _geomcolor,
}  # fmt: skip
"""Evaluators by category; `images` and `procedural` add theirs."""
