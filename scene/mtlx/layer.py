"""A `.mtlx` document as a USD layer, laid out as OpenUSD's UsdMtlx plug-in does, which usd-core comes without.

    /MaterialX/Materials/NAME       Material; `inputs:` of its surface shader as its interface
    /MaterialX/Materials/NAME/ND_X  Shader, references /MaterialX/Shaders/ND_X
    /MaterialX/Materials/NAME/NG    NodeGraph, references /MaterialX/NodeGraphs/NG
    /MaterialX/NodeGraphs/NG        NodeGraph with one Shader a node; nodes outside any graph lie in `adhoc`
    /MaterialX/Shaders/ND_X         Shader with its id

A node that the document defines itself by a graph becomes a NodeGraph that references that graph.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from twinstage.base.finding import Finding
from twinstage.scene.asset_paths import AllowedFolders
from twinstage.scene.mtlx.document import DocumentReader, standard_library
from twinstage.scene.mtlx.values import LINEAR, sdf_type, sdf_value

ROOT = "/MaterialX"
ADHOC = "adhoc"
MAX_PRIMS = 50_000
"""Nodes of one document after all graphs that its nodes stand for are put in place: few lines can mean billions."""
MATERIALS = ("surfacematerial", "volumematerial")
_TERMINALS = {"surfaceshader": "surface", "displacementshader": "displacement", "volumeshader": "volume"}


def mtlx_layer_text(path: str | Path, allowed: AllowedFolders) -> tuple[str, list[Finding]]:
    """The usda text of that MaterialX document, and what was left out of it. Never raises for a bad file.

    `path`: of a file, absolute, or of one inside a package (`x.usdz[y.mtlx]`). File names in the text are absolute. An
    unreadable document gives a layer with an empty /MaterialX, and a finding.
    """
    from pxr import Sdf

    path = str(path)
    reader = DocumentReader(allowed)
    layer = Sdf.Layer.CreateAnonymous(".usda")
    root = Sdf.CreatePrimInLayer(layer, ROOT)
    root.specifier = Sdf.SpecifierDef
    layer.defaultPrim = "MaterialX"
    document = reader.read(path)
    if document is not None:
        document.setDataLibrary(standard_library())
        writer = _Writer(layer, document, reader, path)
        try:
            writer.write()
        except Exception as error:  # MaterialX's exceptions share no base class below Exception
            reader.tell(
                "material.mtlx", f"MaterialX file {path!r} is read in part only: {str(error).splitlines()[0]}"
            )
    return str(layer.ExportToString()), reader.findings


@dataclass
class _Writer:
    """Fills a layer from a document."""

    layer: Any
    document: Any
    reader: DocumentReader
    path: str
    _graphs: dict[str, Any] = field(default_factory=dict)
    _open: list[str] = field(default_factory=list)
    _sizes: dict[str, int] = field(default_factory=dict)
    _total: int = 0

    def write(self) -> None:
        for name in ("Materials", "NodeGraphs", "Shaders"):
            self._define(f"{ROOT}/{name}", "")
        loose = self._loose_nodes()
        if loose:
            self._graph_of_nodes(f"{ROOT}/NodeGraphs/{ADHOC}", loose)
        for graph in self.document.getChildren():  # getNodeGraphs would give the library's, too
            if graph.getCategory() == "nodegraph":
                self._graph(graph)
        for node in self.document.getNodes():
            if node.getCategory() in MATERIALS:
                self._material(node)
        if self.document.getLooks():
            self._tell("its looks are left out: bindings are authored in USD")

    def _loose_nodes(self) -> list[Any]:
        """Nodes outside any graph, without those that only materials ask for."""
        nodes = self.document.getNodes()
        plain = [node for node in nodes if node.getCategory() not in MATERIALS]
        asked = {port.getAttribute("nodename") for node in plain for port in node.getInputs()}
        tops = {
            port.getAttribute("nodename")
            for n in nodes
            if n.getCategory() in MATERIALS
            for port in n.getInputs()
        }
        return [node for node in plain if node.getName() in asked or node.getName() not in tops]

    def _tell(self, what: str) -> None:
        self.reader.tell("material.mtlx", f"MaterialX file {self.path!r}: {what}")

    def _material(self, node: Any) -> None:
        where = f"{ROOT}/Materials/{node.getName()}"
        material = self._define(where, "Material")
        for port in node.getInputs():
            terminal = _TERMINALS.get(port.getType())
            if terminal is None:
                continue
            shader = port.getConnectedNode()
            if shader is None:
                self._tell(
                    f"material {node.getName()!r}: its {port.getName()} {port.getNodeName()!r} is not found"
                )
                continue
            output = self._terminal(material, shader)
            if output:
                attribute = self._attribute(material, f"outputs:mtlx:{terminal}", "token")
                attribute.connectionPathList.explicitItems = [output]

    def _terminal(self, material: Any, node: Any) -> str:
        """A surface shader below its material; its inputs become the material's interface. Returns the output's path."""
        where = str(material.path)
        definition = _definition(node)
        identifier = definition.getName() if definition is not None else node.getName()
        graph = self._implementation(definition)
        shared = f"{ROOT}/NodeGraphs/{graph}" if graph else self._shader(identifier, definition)
        shader = self._define(f"{where}/{identifier}", "NodeGraph" if graph else "Shader")
        if graph:
            self._refer_graph(shader, graph)
        else:
            self._refer(shader, shared)
        for port in node.getInputs():
            name, kind = f"inputs:{port.getName()}", sdf_type(port.getType())
            if self.layer.GetAttributeAtPath(f"{where}.{name}") is None:
                self._input(material, port, ADHOC)
            self._attribute(shader, name, kind).connectionPathList.explicitItems = [f"{where}.{name}"]
        names = (
            [output.getName() for output in definition.getActiveOutputs()] if definition is not None else []
        )
        return f"{where}/{identifier}.outputs:{names[0] if names else 'out'}"

    def _shader(self, identifier: str, definition: Any) -> str:
        where = f"{ROOT}/Shaders/{identifier}"
        if self.layer.GetPrimAtPath(where) is None:
            shader = self._define(where, "Shader")
            if definition is not None:
                self._attribute(shader, "info:id", "token", uniform=True).default = identifier
            else:
                self._tell(f"shader {identifier!r} has no definition")
            names = (
                [o.getName() for o in definition.getActiveOutputs()] if definition is not None else ["out"]
            )
            for name in names:
                self._attribute(shader, f"outputs:{name}", "token")
        return where

    def _implementation(self, definition: Any) -> str:
        """The graph of this document that defines the node; "" where the library or nobody does."""
        if definition is None or standard_library().getNodeDef(definition.getName()) is not None:
            return ""
        found = definition.getImplementation()
        if found is None or found.getCategory() != "nodegraph":
            return ""
        name = str(found.getName())
        if name in self._open:
            self._tell(f"graph {name!r} contains itself: the inner one is left out")
            return ""
        self._graph(found)
        return name

    def _graph(self, graph: Any) -> None:
        name = str(graph.getName())
        if name in self._graphs:
            return
        self._graphs[name] = graph
        self._open.append(name)
        where = f"{ROOT}/NodeGraphs/{name}"
        self._graph_of_nodes(where, graph.getNodes())
        prim = self.layer.GetPrimAtPath(where)
        definition = graph.getNodeDef()
        for port in [*(definition.getActiveInputs() if definition is not None else []), *graph.getInputs()]:
            self._input(prim, port, "")
        for output in graph.getOutputs():
            attribute = self._attribute(prim, f"outputs:{output.getName()}", sdf_type(output.getType()))
            self._connect(attribute, output, where)
        self._open.pop()

    def _graph_of_nodes(self, where: str, nodes: list[Any]) -> None:
        prim = self._define(where, "NodeGraph")
        self._sizes[where.rsplit("/", 1)[-1]] = (
            1 + len(nodes) + sum(self._node(where, node) for node in nodes)
        )
        if where.endswith(f"/{ADHOC}"):
            for node in nodes:
                for name, kind in _outputs(node):
                    attribute = self._attribute(prim, f"outputs:{node.getName()}_{name}", sdf_type(kind))
                    attribute.connectionPathList.explicitItems = [f"{where}/{node.getName()}.outputs:{name}"]

    def _node(self, where: str, node: Any) -> int:
        """One node; returns how many nodes the graph has that it stands for, 0 for none."""
        definition = _definition(node)
        graph = self._implementation(definition)
        prim = self._define(f"{where}/{node.getName()}", "NodeGraph" if graph else "Shader")
        if graph:
            self._refer_graph(prim, graph)
        elif definition is not None:
            self._attribute(prim, "info:id", "token", uniform=True).default = definition.getName()
        else:
            self._tell(f"node {node.getNamePath()!r} ({node.getCategory()}) has no definition")
        for port in node.getInputs():
            self._input(prim, port, where.rsplit("/", 1)[-1])
        for name, kind in _outputs(node):
            self._attribute(prim, f"outputs:{name}", sdf_type(kind))
        return self._sizes.get(graph, 1) if graph else 0

    def _input(self, prim: Any, port: Any, graph: str) -> None:
        """An input with its value, colour space and connection; `graph`: the name of the graph around it."""
        attribute = self._attribute(prim, f"inputs:{port.getName()}", sdf_type(port.getType()))
        value = sdf_value(port.getType(), port.getValueString()) if port.hasValueString() else None
        if value is not None:
            attribute.default = value
        space = port.getActiveColorSpace()
        if space and space not in LINEAR and port.getType() in ("color3", "color4", "filename"):
            attribute.colorSpace = space
        around = f"{ROOT}/NodeGraphs/{graph}" if graph else ""
        self._connect(attribute, port, around)

    def _connect(self, attribute: Any, port: Any, around: str) -> None:
        """Connect by nodegraph, nodename or interfacename."""
        if port.getAttribute("interfacename") and around:
            attribute.connectionPathList.explicitItems = [
                f"{around}.inputs:{port.getAttribute('interfacename')}"
            ]
            return
        graph, node, output = (port.getAttribute(name) for name in ("nodegraph", "nodename", "output"))
        if graph:
            attribute.connectionPathList.explicitItems = self._to_graph(attribute, graph, output)
        elif node:
            attribute.connectionPathList.explicitItems = self._to_node(attribute, port, node, output, around)

    def _to_graph(self, attribute: Any, name: str, output: str) -> list[str]:
        """A graph's output, through a reference below the material where the input is a material's."""
        graph = self.document.getNodeGraph(name)
        outputs = [str(o.getName()) for o in graph.getOutputs()] if graph is not None else []
        if not outputs or (output and output not in outputs):
            self._tell(f"output {output or 'out'!r} of graph {name!r} is not found")
            return []
        return [f"{self._reach(attribute, name)}.outputs:{output or outputs[0]}"]

    def _to_node(self, attribute: Any, port: Any, name: str, output: str, around: str) -> list[str]:
        parent = port.getParent()
        container = parent if parent.getCategory() == "nodegraph" else parent.getParent()
        node = container.getChild(name) if container is not None else None
        if node is None or not hasattr(node, "getNodeDef"):
            self._tell(f"node {name!r}, to which {port.getNamePath()!r} is connected, is not found")
            return []
        names = [n for n, _ in _outputs(node)]
        out = output if output in names else names[0]
        if str(attribute.path.GetPrimPath()).startswith(f"{ROOT}/Materials/"):
            return [f"{self._reach(attribute, ADHOC)}.outputs:{name}_{out}"]
        return [f"{around}/{name}.outputs:{out}"]

    def _reach(self, attribute: Any, graph: str) -> str:
        """Where an attribute may connect to a graph: at home, or at a reference below its own material."""
        prim = str(attribute.path.GetPrimPath())
        shared = f"{ROOT}/NodeGraphs/{graph}"
        if not prim.startswith(f"{ROOT}/Materials/"):
            return shared
        where = f"{'/'.join(prim.split('/')[:4])}/{graph}"
        if self.layer.GetPrimAtPath(where) is None:
            self._refer_graph(self._define(where, "NodeGraph"), graph)
        return where

    def _define(self, path: str, type_name: str) -> Any:
        from pxr import Sdf

        prim = Sdf.CreatePrimInLayer(self.layer, path)
        if prim is None:
            raise ValueError(f"{path!r} is no prim path")
        prim.specifier = Sdf.SpecifierDef
        if type_name:
            prim.typeName = type_name
        return prim

    def _refer_graph(self, prim: Any, graph: str) -> None:
        """A reference to a graph, as long as the document stays within MAX_PRIMS."""
        self._total += self._sizes.get(graph, 1)
        if self._total > MAX_PRIMS:
            self._tell(f"its graphs stand for more than {MAX_PRIMS} nodes: the rest is left out")
        else:
            self._refer(prim, f"{ROOT}/NodeGraphs/{graph}")

    def _refer(self, prim: Any, target: str) -> None:
        from pxr import Sdf

        prim.referenceList.prependedItems = [Sdf.Reference("", target)]

    def _attribute(self, prim: Any, name: str, kind: str, *, uniform: bool = False) -> Any:
        from pxr import Sdf

        known = prim.attributes.get(name)
        if known is not None:
            return known
        variability = Sdf.VariabilityUniform if uniform else Sdf.VariabilityVarying
        return Sdf.AttributeSpec(prim, name, Sdf.ValueTypeNames.Find(kind), variability)


def _definition(node: Any) -> Any | None:
    """The node's definition, exact or, failing that, roughly matching."""
    return node.getNodeDef() or node.getNodeDef("", True)


def _outputs(node: Any) -> list[tuple[str, str]]:
    """(name, MaterialX type) of a node's outputs."""
    definition = _definition(node)
    found = (
        [(str(o.getName()), str(o.getType())) for o in definition.getActiveOutputs()]
        if definition is not None
        else []
    )
    return found or [("out", str(node.getType()))]
