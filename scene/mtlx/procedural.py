"""MaterialX nodes whose value differs from place to place: their mean, and a finding that names the node."""

from collections.abc import Callable

from twinstage.scene.read.materials_network import Evaluator, Node
from twinstage.scene.read.materials_signal import Constant, Signal, Vector, fit


def _mean(f: Callable[[Node], Vector]) -> Evaluator:
    def evaluate(node: Node) -> Signal:
        kind = node.id.removeprefix("ND_")
        node.note("material.procedural", f"({kind}) differs from place to place: its mean is used")
        return Constant(fit(f(node), node.width))

    return evaluate


def _of(*names: str) -> Evaluator:
    """The mean of those inputs."""

    def mean(node: Node) -> Vector:
        parts = [node.vector(name, 0.0, node.width) for name in names]
        return tuple(sum(values) / len(values) for values in zip(*parts, strict=True))

    return _mean(mean)


def _fixed(*values: float) -> Evaluator:
    return _mean(lambda _: values)


def _checker(node: Node) -> Vector:
    one, other = node.vector("color1", 1.0, node.width), node.vector("color2", 0.0, node.width)
    return tuple((a + b) / 2 for a, b in zip(one, other, strict=True))


def _unified(node: Node) -> Vector:
    return ((node.number("outmin", 0.0) + node.number("outmax", 1.0)) / 2,)


def _grid(node: Node) -> Vector:
    """Lines of that thickness along both edges of a cell."""
    thickness = min(max(node.number("thickness", 0.05), 0.0), 1.0)
    return (1 - (1 - thickness) ** 2,)


def _blackbody(node: Node) -> Signal:
    from pxr import UsdLux

    return Constant(
        tuple(UsdLux.BlackbodyTemperatureAsRgb(min(max(node.number("temperature", 5000.0), 1000.0), 10000.0)))
    )


def _bump(node: Node) -> Signal:
    node.note("material.procedural", "makes normals of heights: the surface is shown smooth")
    return Constant((0.0, 0.0, 1.0))


def _random(node: Node) -> Vector:
    return ((node.number("min", 0.0) + node.number("max", 1.0)) / 2,)


PROCEDURAL: dict[str, Evaluator] = {
    **dict.fromkeys(("noise2d", "noise3d"), _mean(lambda node: node.vector("pivot", 0.0, node.width))),
    **dict.fromkeys(("fractal2d", "fractal3d"), _fixed(0.0)),
    **dict.fromkeys(
        ("cellnoise2d", "cellnoise3d", "worleynoise2d", "worleynoise3d", "facingratio"), _fixed(0.5)
    ),
    **dict.fromkeys(("unifiednoise2d", "unifiednoise3d"), _mean(_unified)),
    **dict.fromkeys(("ramplr", "splitlr"), _of("valuel", "valuer")),
    **dict.fromkeys(("ramptb", "splittb"), _of("valuet", "valueb")),
    "ramp4": _of("valuetl", "valuetr", "valuebl", "valuebr"),
    "ramp": _of("color1", "color2"),
    "checkerboard": _mean(_checker),
    **dict.fromkeys(("grid", "crosshatch"), _mean(_grid)),
    **dict.fromkeys(("circle", "line", "cloverleaf", "hexagon"), _fixed(0.0)),
    **dict.fromkeys(("tiledcircles", "tiledcloverleafs", "tiledhexagons"), _fixed(0.5)),
    **dict.fromkeys(("position", "viewdirection", "tangent", "bitangent"), _fixed(0.0, 0.0, 0.0)),
    "normal": _fixed(0.0, 0.0, 1.0),
    **dict.fromkeys(("frame", "time"), _fixed(0.0)),
    "randomfloat": _mean(_random),
    "randomcolor": _fixed(0.5),
    "blackbody": _blackbody,
    **dict.fromkeys(("heighttonormal", "bump"), _bump),
}
"""Evaluators by category."""
