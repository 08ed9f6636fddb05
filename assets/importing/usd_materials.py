"""Materials of a document as UsdPreviewSurface networks in a layer of text, and their images as files. Touches pxr.

Each material is self-contained: a surface, an image node for each texture it reads, a reader for each set of texture
coordinates, and a UsdTransform2d where coordinates are moved.
"""

import hashlib
import math
from dataclasses import dataclass, field
from typing import Any

from twinstage.assets.importing.document import Document, Image, Input, Material, Texture, note
from twinstage.assets.importing.images import as_file
from twinstage.assets.importing.names import Names, file_name, prim_name
from twinstage.assets.importing.usd_author import asset, attribute, connect, define, valid_name
from twinstage.base.finding import Finding

FOLDER = "textures"


@dataclass
class Looks:
    """The Materials scope while it grows.

    paths: prim path by material number. files: contents by place, relative to the layer. notes: what was changed.
    """

    document: Document
    layer: Any
    root: str
    paths: dict[int, str] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    notes: dict[Finding, None] = field(default_factory=dict)
    textures: int = 0
    _names: Names = field(default_factory=Names)
    _file_names: Names = field(default_factory=Names)
    _places: dict[int, str | None] = field(default_factory=dict)
    _by_hash: dict[str, str] = field(default_factory=dict)

    def write(self, used: set[int]) -> None:
        """Write the materials of those numbers."""
        if not used:
            return
        scope = f"{self.root}/Materials"
        define(self.layer, scope, "Scope")
        for number in sorted(used):
            material = self.document.materials[number]
            name = valid_name(prim_name(material.name, f"material_{number}"), f"material_{number}")
            path = f"{scope}/{self._names.give(name)}"
            self.paths[number] = path
            _Network(self, material, path).write()

    def place(self, image: int) -> str | None:
        """Where the file of an image lies, relative to the layer; None, with a note, for what is no image."""
        if image not in self._places:
            self._places[image] = self._file(self.document.images[image], image)
        return self._places[image]

    def _file(self, image: Image, number: int) -> str | None:
        data, ending, problem = as_file(image)
        if problem:
            where = f"image {number}" + (f" {image.name!r}" if image.name else "")
            self.notes[note("image", where, problem)] = None
        if data is None:
            return None
        key = hashlib.sha256(data).hexdigest()
        if key not in self._by_hash:
            stem = image.name.replace("\\", "/").rpartition("/")[2]
            stem = stem.rpartition(".")[0] or stem
            name = self._file_names.give(file_name(stem, f"image_{number}"))
            self._by_hash[key] = f"{FOLDER}/{name}{ending}"
            self.files[self._by_hash[key]] = data
        return self._by_hash[key]


class _Network:
    """One material's prims."""

    def __init__(self, looks: Looks, material: Material, path: str) -> None:
        self.looks, self.material, self.path = looks, material, path
        self.readers: dict[tuple[object, ...], str] = {}
        self.images: dict[tuple[object, ...], str] = {}
        self.names = Names(["Surface"])

    def write(self) -> None:
        layer = self.looks.layer
        prim = define(layer, self.path, "Material")
        self.surface = self._shader("Surface", "UsdPreviewSurface")
        attribute(self.surface, "outputs:surface", "token")
        connect(prim, "outputs:surface", "token", f"{self.path}/Surface.outputs:surface")
        material = self.material
        if material.unlit:
            self._unlit()
        else:
            self._lit()
        self._opacity()
        if material.normal is not None:
            self._connect("normal", "normal3f", material.normal, "Normal", (0.0, 0.0, 1.0))

    def _lit(self) -> None:
        material = self.material
        self._base("diffuseColor")
        if material.specular is not None:
            attribute(self.surface, "inputs:useSpecularWorkflow", "int", 1)
            self._input("specularColor", "color3f", material.specular, "Specular")
        else:
            self._input("metallic", "float", material.metallic, "Metallic")
        self._input("roughness", "float", material.roughness, "Roughness")
        self._input("emissiveColor", "color3f", material.emissive, "Emissive", Input((0.0, 0.0, 0.0)))
        self._input("occlusion", "float", material.occlusion, "Occlusion", Input((1.0,)))
        self._input("clearcoat", "float", material.clearcoat, "Clearcoat", Input((0.0,)))
        if material.clearcoat != Input((0.0,)):
            self._input("clearcoatRoughness", "float", material.clearcoat_roughness, "ClearcoatRoughness")
        if material.ior != 1.5:
            attribute(self.surface, "inputs:ior", "float", float(material.ior))

    def _unlit(self) -> None:
        """Its colour comes from itself; nothing is reflected."""
        attribute(self.surface, "inputs:diffuseColor", "color3f", (0.0, 0.0, 0.0))
        attribute(self.surface, "inputs:useSpecularWorkflow", "int", 1)
        attribute(self.surface, "inputs:specularColor", "color3f", (0.0, 0.0, 0.0))
        attribute(self.surface, "inputs:roughness", "float", 1.0)
        self._base("emissiveColor")

    def _base(self, name: str) -> None:
        """The base colour: a texture, the mesh's colours, or one colour."""
        material = self.material
        if material.vertex_color and material.base_color.texture is None:
            reader = self._shader("VertexColor", "UsdPrimvarReader_float3")
            attribute(reader, "inputs:varname", "string", "displayColor")
            attribute(reader, "inputs:fallback", "float3", material.base_color.value[:3])
            attribute(reader, "outputs:result", "float3")
            connect(self.surface, f"inputs:{name}", "color3f", f"{self.path}/VertexColor.outputs:result")
            return
        if material.vertex_color:
            self._tell("vertex-color", "its texture is multiplied by colours of the mesh, which are left out")
        self._input(name, "color3f", material.base_color, "BaseColor")

    def _opacity(self) -> None:
        material = self.material
        clear = material.transmission != Input((0.0,))
        if clear:
            self._tell("transmission", "transmission is shown as transparency", "info")
        if material.alpha_mode == "opaque":
            if clear:
                self._input("opacity", "float", _inverse(material.transmission), "Opacity")
            return
        self._input("opacity", "float", material.opacity, "Opacity")
        if material.alpha_mode == "mask":
            attribute(self.surface, "inputs:opacityThreshold", "float", float(material.alpha_cutoff))

    def _input(self, name: str, kind: str, value: Input, called: str, default: Input | None = None) -> None:
        """An input of the surface; left out where it is the schema's own default."""
        if value.texture is not None and self._connect(name, kind, value.texture, called, value.value):
            return
        if value != default:
            plain = value.value[0] if kind == "float" else tuple(value.value[:3])
            attribute(self.surface, f"inputs:{name}", kind, plain)

    def _connect(
        self, name: str, kind: str, texture: Texture, called: str, fallback: tuple[float, ...]
    ) -> bool:
        node = self._texture(texture, called, fallback)
        if node is None:
            return False
        connect(self.surface, f"inputs:{name}", kind, f"{node}.outputs:{texture.channel}")
        prim = self.looks.layer.GetPrimAtPath(node)
        if f"outputs:{texture.channel}" not in prim.attributes:
            kind = "float3" if texture.channel == "rgb" else "float"
            attribute(prim, f"outputs:{texture.channel}", kind)
        return True

    def _texture(self, texture: Texture, called: str, fallback: tuple[float, ...]) -> str | None:
        """The image node; one for all that read the same image in the same way."""
        place = self.looks.place(texture.image)
        if place is None:
            return None
        key = (place, *_as_read(texture))
        if key in self.images:
            return self.images[key]
        prim = self._shader(called, "UsdUVTexture")
        self.images[key] = path = str(prim.path)
        self.looks.textures += 1
        attribute(prim, "inputs:file", "asset", asset(f"./{place}"))
        connect(prim, "inputs:st", "float2", self._coordinates(texture))
        attribute(prim, "inputs:wrapS", "token", texture.wrap_s)
        attribute(prim, "inputs:wrapT", "token", texture.wrap_t)
        attribute(prim, "inputs:sourceColorSpace", "token", texture.color_space)
        if len(fallback) == 1:
            fallback = (fallback[0],) * 3
        attribute(prim, "inputs:fallback", "float4", (*fallback[:3], 1.0))
        if texture.scale != (1.0, 1.0, 1.0, 1.0):
            attribute(prim, "inputs:scale", "float4", texture.scale)
        if any(texture.bias):
            attribute(prim, "inputs:bias", "float4", texture.bias)
        return path

    def _coordinates(self, texture: Texture) -> str:
        """The output with the texture coordinates of a texture."""
        varname = primvar_of(texture.uv_set)
        reader = self.readers.get((varname,))
        if reader is None:
            prim = self._shader(f"TexCoord{texture.uv_set or ''}", "UsdPrimvarReader_float2")
            attribute(prim, "inputs:varname", "string", varname)
            attribute(prim, "outputs:result", "float2")
            reader = self.readers[(varname,)] = f"{prim.path}.outputs:result"
        moved = (texture.uv_scale, texture.uv_rotation, texture.uv_translation)
        if moved == ((1.0, 1.0), 0.0, (0.0, 0.0)):
            return reader
        if (varname, *moved) not in self.readers:
            prim = self._shader("Transform", "UsdTransform2d")
            connect(prim, "inputs:in", "float2", reader)
            attribute(prim, "inputs:scale", "float2", texture.uv_scale)
            attribute(prim, "inputs:rotation", "float", math.degrees(texture.uv_rotation))
            attribute(prim, "inputs:translation", "float2", texture.uv_translation)
            attribute(prim, "outputs:result", "float2")
            self.readers[(varname, *moved)] = f"{prim.path}.outputs:result"
        return self.readers[(varname, *moved)]

    def _shader(self, name: str, kind: str) -> Any:
        given = "Surface" if name == "Surface" else self.names.give(name)
        prim = define(self.looks.layer, f"{self.path}/{given}", "Shader")
        attribute(prim, "info:id", "token", kind, uniform=True)
        return prim

    def _tell(self, code: str, text: str, severity: str = "warning") -> None:
        where = f"material {self.material.name!r}" if self.material.name else "a material"
        self.looks.notes[note(code, where, text, severity=severity)] = None


def primvar_of(uv_set: int) -> str:
    """The primvar of a set of texture coordinates."""
    return "st" if uv_set == 0 else f"st{uv_set}"


def _as_read(texture: Texture) -> tuple[object, ...]:
    """All of how a texture is read but the channel."""
    return tuple(getattr(texture, n) for n in texture.__dataclass_fields__ if n not in ("channel", "image"))


def _inverse(value: Input) -> Input:
    """1 minus an input."""
    texture = value.texture
    if texture is not None:
        scale = tuple(-s for s in texture.scale)
        bias = tuple(1.0 - b for b in texture.bias)
        made = {n: getattr(texture, n) for n in texture.__dataclass_fields__}
        texture = Texture(**{**made, "scale": scale, "bias": bias})
    return Input((1.0 - value.value[0],), texture)
