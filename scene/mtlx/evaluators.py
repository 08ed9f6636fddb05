"""All evaluators of MaterialX nodes, and how an id finds its own."""

from twinstage.scene.mtlx.colors import COLORS
from twinstage.scene.mtlx.ids import parse
from twinstage.scene.mtlx.images import IMAGES
from twinstage.scene.mtlx.nodes import NODES
from twinstage.scene.mtlx.procedural import PROCEDURAL
from twinstage.scene.read.materials_network import Evaluator
from twinstage.scene.read.materials_usd import transform_2d, uv_texture

EVALUATORS: dict[str, Evaluator] = {
    **NODES,
    **COLORS,
    **IMAGES,
    **PROCEDURAL,
    "UsdUVTexture": uv_texture,
    "UsdTransform2d": transform_2d,
}


def find(identifier: str) -> tuple[Evaluator, str] | None:
    """The evaluator of a node definition id, and its type; None for ids that are not known."""
    found = parse(identifier, EVALUATORS)
    return None if found is None else (EVALUATORS[found[0]], found[1])
