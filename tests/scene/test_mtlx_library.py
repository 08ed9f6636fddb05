"""Our nodes against MaterialX's own graphs: many of its nodes are defined by graphs of simpler ones.

Each such graph is copied into a document under a name of its own, so that it is evaluated node by node, and must give what
our evaluator gives for the node itself.
"""

import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from twinstage.scene.asset_paths import AllowedFolders
from twinstage.scene.mtlx import mtlx_layer_text
from twinstage.scene.mtlx.document import standard_library
from twinstage.scene.mtlx.evaluators import find

CATEGORIES = (
    "contrast", "saturate", "hsvadjust", "range", "overlay", "screen", "plus", "minus", "difference", "place2d", "invert",
    "safepower", "distance", "switch", "srgb_texture_to_lin_rec709", "acescg_to_lin_rec709", "g22_rec709_to_lin_rec709",
    "rec709_display_to_lin_rec709", "lin_adobergb_to_lin_rec709", "adobergb_to_lin_rec709", "g18_rec709_to_lin_rec709",
    "g22_ap1_to_lin_rec709", "srgb_displayp3_to_lin_rec709", "lin_displayp3_to_lin_rec709",
)  # fmt: skip
COUNTS = {
    "float": 1,
    "color3": 3,
    "vector2": 2,
    "vector3": 3,
    "vector4": 4,
    "color4": 4,
    "integer": 1,
    "boolean": 1,
}


def graphs() -> list[str]:
    """Definitions of those categories that the library implements by a graph of nodes that we know."""
    found = []
    for definition in standard_library().getNodeDefs():
        graph = definition.getImplementation()
        if (
            definition.getNodeString() not in CATEGORIES
            or graph is None
            or graph.getCategory() != "nodegraph"
        ):
            continue
        inner = [node.getNodeDef() for node in graph.getNodes()]
        if definition.getType() in ("float", "color3", "vector2") and all(
            d is not None and find(d.getName()) is not None for d in inner
        ):
            found.append(str(definition.getName()))
    return sorted(found)


def document(name: str, seed: int) -> str:
    """Two materials: one glows by the library's node, one by a copy of its graph; both with the same inputs."""
    import MaterialX as mx

    library, rng = standard_library(), np.random.default_rng(seed)
    definition = library.getNodeDef(name)
    out = mx.createDocument()
    copied = out.addNodeDef("ND_copied", definition.getType(), "copied")
    graph = out.addNodeGraph("NG_copied")
    graph.copyContentFrom(definition.getImplementation())
    graph.setNodeDefString("ND_copied")
    kind, outer = definition.getType(), out.addNodeGraph("NG")
    for category, node_name in ((definition.getNodeString(), "own"), ("copied", "graph")):
        node = outer.addNode(category, node_name, kind)
        node.setNodeDefString(name if node_name == "own" else "ND_copied")
    for port in definition.getActiveInputs():
        count = COUNTS.get(port.getType())
        if count is None:
            continue
        values = rng.uniform(0.05, 0.95, count).round(3)
        plain = {"integer": "0", "boolean": "false"}
        text = plain.get(port.getType(), ", ".join(map(str, values)))
        copied.addInput(port.getName(), port.getType()).setValueString(text)
        for node_name in ("own", "graph"):
            outer.getNode(node_name).addInput(port.getName(), port.getType()).setValueString(text)
    for node_name in ("own", "graph"):
        output = outer.addOutput(f"out_{node_name}", kind)
        output.setNodeName(node_name)
        surface = out.addNode("standard_surface", f"SR_{node_name}", "surfaceshader")
        glow = surface.addInput("emission_color", "color3")
        glow.setNodeGraphString("NG")
        glow.setOutputString(f"out_{node_name}")
        surface.addInput("emission", "float").setValueString("1")
        material = out.addNode("surfacematerial", f"M_{node_name}", "material")
        material.addInput("surfaceshader", "surfaceshader").setNodeName(f"SR_{node_name}")
    options = mx.XmlWriteOptions()
    options.writeXIncludeEnable = False
    return str(mx.writeToXmlString(out, options))


def test_there_are_such_graphs() -> None:
    assert len(graphs()) >= 25


@pytest.mark.parametrize("name", graphs())
def test_a_node_and_its_graph_agree(read_text: Any, usda: Any, tmp_path: Path, name: str) -> None:
    path = tmp_path / "a.mtlx"
    path.write_text(document(name, zlib.crc32(name.encode())))
    text, findings = mtlx_layer_text(path, AllowedFolders(path, []))
    assert findings == []
    (tmp_path / "a.usda").write_text(text)
    stage = 'def "X" (references = @./a.usda@</MaterialX>) {}\n'
    meshes = usda.mesh("A", "/X/Materials/M_own") + usda.mesh("B", "/X/Materials/M_graph")
    s = read_text(stage + meshes)
    own, graph = (m.emissive_color for m in s.materials)
    assert [f.message for f in s.findings if f.code.startswith("material")] == []
    assert own == pytest.approx(graph, abs=2e-4)
    assert any(own)
