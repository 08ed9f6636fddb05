"""MaterialX nodes around images: image, tiledimage, gltf_image, texcoord, place2d, rotate2d, normalmap."""

import math
from dataclasses import replace

from twinstage.scene.mtlx.arithmetic import binary
from twinstage.scene.read.materials_network import Evaluator, Node
from twinstage.scene.read.materials_signal import (
    IDENTITY,
    Affine,
    Constant,
    Coordinates,
    Image,
    Signal,
    channel,
    compose,
    fit,
    mean_of,
    scaled,
)
from twinstage.scene.read.materials_usd import mapped, read_image

_MODES = {"periodic": "repeat", "clamp": "clamp", "mirror": "mirror", "constant": "black"}
UV = "st"
"""The primvar behind `texcoord` index 0; index n reads st1, st2, ..., as OpenUSD's MaterialX does."""


def rotation(degrees: float) -> Affine:
    """MaterialX's rotate2d: clockwise by that angle."""
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return ((cos, sin, 0.0), (-sin, cos, 0.0))


def place(
    pivot: tuple[float, ...], scale: tuple[float, ...], turn: float, offset: tuple[float, ...], order: int
) -> Affine:
    """place2d: about the pivot, scale, rotate, translate (order 0) or translate, rotate, scale (order 1)."""
    shrink: Affine = ((1 / (scale[0] or 1.0), 0.0, 0.0), (0.0, 1 / (scale[1] or 1.0), 0.0))
    shift: Affine = ((1.0, 0.0, -offset[0]), (0.0, 1.0, -offset[1]))
    there: Affine = ((1.0, 0.0, -pivot[0]), (0.0, 1.0, -pivot[1]))
    back: Affine = ((1.0, 0.0, pivot[0]), (0.0, 1.0, pivot[1]))
    steps = [shrink, rotation(turn), shift] if order == 0 else [shift, rotation(turn), shrink]
    out = there
    for step in (*steps, back):
        out = compose(step, out)
    return out


def _texcoord(node: Node) -> Signal:
    index = int(node.number("index", 0.0))
    return Coordinates(UV if index <= 0 else f"{UV}{index}")


def _place2d(node: Node) -> Signal:
    affine = place(
        node.vector("pivot", 0.0, 2),
        node.vector("scale", 1.0, 2),
        node.number("rotate", 0.0),
        node.vector("offset", 0.0, 2),
        int(node.number("operationorder", 0.0)),
    )
    return _through(node.get("texcoord"), affine)


def _rotate2d(node: Node) -> Signal:
    return _through(node.get("in"), rotation(node.number("amount", 0.0)))


def _through(arrived: Signal | None, affine: Affine) -> Signal:
    if arrived is None:
        return Coordinates(UV, affine)
    if isinstance(arrived, Coordinates):
        return replace(arrived, affine=compose(affine, arrived.affine))
    return mapped(affine, arrived)


def _image(node: Node) -> Signal:
    modes = tuple(_MODES.get(node.text(f"{axis}addressmode", "periodic"), "repeat") for axis in "uv")
    return _read(node, IDENTITY, (modes[0], modes[1]))


def _tiled_image(node: Node) -> Signal:
    tiling, offset = node.vector("uvtiling", 1.0, 2), node.vector("uvoffset", 0.0, 2)
    size, tile = node.vector("realworldimagesize", 1.0, 2), node.vector("realworldtilesize", 1.0, 2)
    gain = [t / (s or 1.0) for t, s in zip(tile, size, strict=True)]
    affine = (
        (tiling[0] * gain[0], 0.0, -offset[0] * gain[0]),
        (0.0, tiling[1] * gain[1], -offset[1] * gain[1]),
    )
    return _read(node, affine, ("repeat", "repeat"))


def _hex_tiled_image(node: Node) -> Signal:
    node.note("material.nearest", "tiles an image in hexagons: plain tiles are shown")
    tiling = node.vector("tiling", 1.0, 2)
    return _read(node, ((tiling[0], 0.0, 0.0), (0.0, tiling[1], 0.0)), ("repeat", "repeat"))


def _gltf_affine(node: Node) -> Affine:
    """As the node's own graph has it: place2d with the inverse scale, the opposite turn and offset."""
    scale, offset = node.vector("scale", 1.0, 2), node.vector("offset", 0.0, 2)
    return place(
        node.vector("pivot", (0.0, 1.0), 2),
        tuple(1 / (s or 1.0) for s in scale),
        -node.number("rotate", 0.0),
        (-offset[0], offset[1]),
        int(node.number("operationorder", 1.0)),
    )


def _gltf_image(node: Node) -> Signal:
    modes = tuple(_MODES.get(node.text(f"{axis}addressmode", "periodic"), "repeat") for axis in "uv")
    picture = _read(node, _gltf_affine(node), (modes[0], modes[1]))
    width = node.width if node.type else 4
    factor = node.signal("factor", 1.0)
    return binary(node, lambda a, b: a * b, picture, factor, width)


def _gltf_color_image(node: Node) -> Signal:
    modes = tuple(_MODES.get(node.text(f"{axis}addressmode", "periodic"), "repeat") for axis in "uv")
    picture = _read(node, _gltf_affine(node), (modes[0], modes[1]), width=4)
    tinted = binary(node, lambda a, b: a * b, picture, node.signal("color", 1.0), 4)
    return channel(tinted, 3) if node.output == "outa" else tinted


def _gltf_normalmap(node: Node) -> Signal:
    picture = _read(node, _gltf_affine(node), ("repeat", "repeat"), width=3)
    return _bumped(picture, 1.0)


def _read(node: Node, before: Affine, modes: tuple[str, str], width: int = 0) -> Signal:
    """The image with the node's width, or its `default`. MaterialX reads files as they are unless they say otherwise."""
    default = node.vector("default", 0.0, width or node.width)
    image = read_image(
        node,
        wraps=modes,
        space="auto" if _declares(node) else "raw",
        fallback=default,
        uv=node.get("texcoord"),
        before=before,
    )
    if image is None:
        return Constant(default)
    return channel(image, 0) if (width or node.width) == 1 else replace(image, width=width or node.width)


def _declares(node: Node) -> bool:
    from twinstage.scene.read.materials_network import color_space
    from twinstage.scene.read.shading import follow

    attribute, _ = follow(node.shader.GetInput("file"))
    return attribute is not None and bool(color_space(attribute))


def _normalmap(node: Node) -> Signal:
    """A normal from [0, 1] to [-1, 1]; the scale acts on x and y."""
    found = node.signal("in", (0.5, 0.5, 1.0))
    strength = node.vector("scale", 1.0, 2)
    if node.text("space", "tangent") == "object":
        node.note("material.nearest", "gives normals in object space: they are read as tangent space")
    if isinstance(found, Image):
        return _bumped(found, *strength)
    x, y, z = (2 * v - 1 for v in fit(mean_of(found, 3), 3))
    return Constant((x * strength[0], y * strength[1], z))


def _bumped(found: Signal, along_u: float, along_v: float | None = None) -> Signal:
    along_v = along_u if along_v is None else along_v
    if not isinstance(found, Image):
        return Constant((0.0, 0.0, 1.0))
    out = scaled(replace(found, width=3), (2 * along_u, 2 * along_v, 2.0), (-along_u, -along_v, -1.0))
    return out if out is not None else Constant((0.0, 0.0, 1.0))


IMAGES: dict[str, Evaluator] = {
    "image": _image,
    "tiledimage": _tiled_image,
    "hextiledimage": _hex_tiled_image,
    "gltf_image": _gltf_image,
    "gltf_colorimage": _gltf_color_image,
    "gltf_normalmap": _gltf_normalmap,
    "texcoord": _texcoord,
    "place2d": _place2d,
    "rotate2d": _rotate2d,
    "normalmap": _normalmap,
}
"""Evaluators by category."""
