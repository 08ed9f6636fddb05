"""UsdPreviewSurface as Blender's Principled BSDF: graphs of nodes as plain data, and the images that they read.

Base colour, metallic, roughness, index of refraction, clear coat (of index 1.5), emission and normal maps have inputs of
their own. The specular workflow becomes an index of refraction for the brightest channel and a specular tint. Opacity of
mode presence, and every cut-out, is Principled's alpha; of mode transparent, the surface fades into a clear one that keeps
its highlight. Images are sent as the numbers that a material input reads (decoded, linear, scaled), so both engines shade
with the same texels; outside an image of wrap mode black, Blender reads 0. Occlusion and displacement are left out.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from twinstage.render.images import decode, linear_pixels, texture_values
from twinstage.scene.columns import F4
from twinstage.scene.snapshot import Material, Snapshot, TextureInput

_EXTENSIONS = {"repeat": "REPEAT", "mirror": "MIRROR", "clamp": "EXTEND", "black": "CLIP"}
Value = Any
"""An input: a number, a list of numbers, or a link ["@", node, output]."""


class Graph:
    """Nodes in the order in which they are made; the last one is the surface."""

    def __init__(self) -> None:
        self.nodes: list[dict[str, Any]] = []

    def add(
        self, type_: str, output: str | int = 0, *, set: dict[str, Any] | None = None, **inputs: Value
    ) -> Value:
        """Add a node, its inputs by name (`_` for a blank, `_0` for a number); a link to one of its outputs."""
        named = {k[1:] if k.startswith("_") else k.replace("_", " "): v for k, v in inputs.items()}
        self.nodes.append({"type": type_, "set": set or {}, "inputs": named})
        return ["@", len(self.nodes) - 1, output]

    def math(self, operation: str, *values: Value) -> Value:
        """A Math node."""
        inputs = {f"_{k}": value for k, value in enumerate(values)}
        return self.add("ShaderNodeMath", set={"operation": operation}, **inputs)

    def mix(self, share: Value, a: Value, b: Value) -> Value:
        """A surface of (1 - share) a and share b."""
        return self.add("ShaderNodeMixShader", _0=share, _1=a, _2=b)

    def data(self) -> dict[str, Any]:
        """What is sent."""
        return {"nodes": self.nodes}


class Images:
    """Decoded images by key; between `start` and `finish` those that are used are noted."""

    def __init__(self, largest_texture: int, largest_map: int) -> None:
        self._largest = largest_texture, largest_map
        self._sent: set[str] = set()
        self._used: dict[str, F4 | None] = {}

    def start(self) -> None:
        """Forget which are used."""
        self._used = {}

    def texture(self, snapshot: Snapshot, name: str, source: TextureInput) -> str:
        """The key of what a material input reads; a normal map's numbers are brought from -1..1 to 0..1."""
        texture = snapshot.textures[source.texture]
        color = name in ("diffuseColor", "emissiveColor", "specularColor")
        key = repr(
            (
                texture.hash,
                color,
                name == "normal",
                source.channel,
                source.color_space,
                source.scale,
                source.bias,
            )
        )
        if key not in self._used:
            values = None
            if key not in self._sent:
                values = texture_values(texture, source, color=color, largest=self._largest[0])
                values = (values * 0.5 + 0.5).astype(np.float32) if name == "normal" else values
            self._used[key] = values
        return key

    def map(self, snapshot: Snapshot, row: int) -> str:
        """The key of a dome's map."""
        texture = snapshot.textures[row]
        key = repr((texture.hash, "map"))
        if key not in self._used:
            known = key in self._sent
            self._used[key] = None if known else linear_pixels(decode(texture, self._largest[1]))
        return key

    def finish(self) -> tuple[list[dict[str, str]], dict[str, np.ndarray]]:
        """All images in use, and the arrays of those that were not sent before."""
        listed = [{"key": key, "array": f"i{k}"} for k, key in enumerate(self._used)]
        arrays = {f"i{k}": v for k, v in enumerate(self._used.values()) if v is not None}
        self._sent = set(self._used)
        self._used = dict.fromkeys(self._used)
        return listed, arrays


def surface_graph(snapshot: Snapshot, material: Material, images: Images) -> dict[str, Any]:
    """The graph of a material."""
    graph = Graph()
    reader = _Reader(graph, snapshot, material, images)
    roughness = reader.number("roughness", material.roughness)
    inputs: dict[str, Value] = {
        "Metallic": reader.number("metallic", material.metallic),
        "Roughness": roughness,
        "IOR": material.ior,
        "Coat_Weight": reader.number("clearcoat", material.clearcoat),
        "Coat_Roughness": reader.number("clearcoatRoughness", material.clearcoat_roughness),
        "Coat_IOR": 1.5,
    }
    if material.path == "" or material.vertex_color:
        inputs["Base_Color"] = graph.add("ShaderNodeVertexColor", "Color", set={"layer_name": "displayColor"})
    else:
        inputs["Base_Color"] = reader.color("diffuseColor", material.diffuse_color)
    if max(material.emissive_color) > 0 or material.texture("emissiveColor") is not None:
        inputs["Emission_Color"] = reader.color("emissiveColor", material.emissive_color)
        inputs["Emission_Strength"] = 1.0
    if material.texture("normal") is not None:
        inputs["Normal"] = graph.add(
            "ShaderNodeNormalMap", set={"uv_map": "st"}, Color=reader.image("normal")
        )
    if material.use_specular_workflow:
        inputs |= _specular(material.specular_color)
    opacity = reader.number("opacity", material.opacity)
    if material.opacity_threshold > 0:
        opacity = graph.math("GREATER_THAN", opacity, material.opacity_threshold - 1e-6)
    solid = material.opacity_mode == "presence" or material.opacity_threshold > 0
    clear = material.opacity == 1.0 and material.texture("opacity") is None
    if clear or solid:
        inputs["Alpha"] = 1.0 if clear else opacity
        graph.add("ShaderNodeBsdfPrincipled", **inputs)
    else:
        _glass(graph, opacity, roughness, material.ior, graph.add("ShaderNodeBsdfPrincipled", **inputs))
    return graph.data()


def _specular(color: Sequence[float]) -> dict[str, Value]:
    """The specular workflow: F0 is the colour, F90 is white, nothing is metallic."""
    peak = min(max(max(color), 0.0), 0.98)
    if peak <= 0:
        return {"Metallic": 0.0, "Specular_IOR_Level": 0.0}
    root = peak**0.5
    tint = [min(c / max(color), 1.0) for c in color]
    return {"Metallic": 0.0, "IOR": (1 + root) / (1 - root), "Specular_Tint": [*tint, 1.0]}


def _glass(graph: Graph, opacity: Value, roughness: Value, ior: float, surface: Value) -> None:
    """The surface as its opacity says; the rest is clear but for the same highlight.

    Schlick's Fresnel by hand: Blender's Fresnel node takes a back face for leaving the glass, and reflects all of it.
    """
    f0 = ((1 - ior) / (1 + ior)) ** 2
    seen = graph.add("ShaderNodeNewGeometry", "Incoming")
    facing = graph.add("ShaderNodeNewGeometry", "Normal")
    cosine = graph.add("ShaderNodeVectorMath", "Value", set={"operation": "DOT_PRODUCT"}, _0=seen, _1=facing)
    aside = graph.math("SUBTRACT", 1.0, graph.math("ABSOLUTE", cosine))
    share = graph.math("MULTIPLY_ADD", graph.math("POWER", aside, 5.0), 1 - f0, f0)
    clear = graph.add("ShaderNodeBsdfTransparent")
    gloss = graph.add("ShaderNodeBsdfAnisotropic", Roughness=roughness)
    graph.mix(opacity, graph.mix(share, clear, gloss), surface)


class _Reader:
    """Inputs of one material, from images or as plain values."""

    def __init__(self, graph: Graph, snapshot: Snapshot, material: Material, images: Images) -> None:
        self._graph, self._snapshot, self._material, self._images = graph, snapshot, material, images

    def number(self, name: str, plain: float) -> Value:
        """A single channel."""
        return plain if self._material.texture(name) is None else self.image(name)

    def color(self, name: str, plain: Sequence[float]) -> Value:
        """A colour."""
        return [*plain, 1.0] if self._material.texture(name) is None else self.image(name)

    def image(self, name: str) -> Value:
        """A link to an image's colour."""
        source = self._material.texture(name)
        assert source is not None
        where = self._graph.add("ShaderNodeUVMap", set={"uv_map": "st"})
        # UsdTransform2d scales, then rotates, then moves: the order of Blender's mapping node of type point.
        place = self._graph.add(
            "ShaderNodeMapping",
            Vector=where,
            Scale=[*source.uv_scale, 1.0],
            Rotation=[0.0, 0.0, source.uv_rotation],
            Location=[*source.uv_translation, 0.0],
        )
        extension = _EXTENSIONS.get(source.wrap_s, "REPEAT")
        key = self._images.texture(self._snapshot, name, source)
        return self._graph.add("ShaderNodeTexImage", set={"image": key, "extension": extension}, Vector=place)
