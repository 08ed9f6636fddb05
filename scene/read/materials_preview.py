"""UsdPreviewSurface, as it is."""

from twinstage.scene.read.materials_look import INPUTS, NORMAL, Surface
from twinstage.scene.read.materials_network import Node


def preview_surface(node: Node) -> Surface:
    """All inputs of a UsdPreviewSurface; a normal that is constant says nothing and is left out."""
    surface = Surface(specular_workflow=node.number("useSpecularWorkflow", 0.0) > 0.5)
    for name in (*INPUTS, NORMAL):
        surface.put(name, node.get(name))
    if node.text("opacityMode", "transparent") == "presence":
        surface.opacity_mode = "presence"
    return surface
