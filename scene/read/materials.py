"""Materials bound to gprims and their subsets -> `Material`s and material sets.

UsdPreviewSurface is read in full. Other surface shaders give the values that `PLAIN_INPUTS` names and a finding: their
networks would need a translator of their own. A gprim without a material gets one made of its `displayColor`.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from twinstage.scene.read.context import ReadContext
from twinstage.scene.read.shading import floats, follow, shader_id, value
from twinstage.scene.read.texture_input import read_texture_input
from twinstage.scene.read.textures import TextureStore
from twinstage.scene.snapshot import Material, TextureInput

# Input name -> (field of Material, number of components; 0: a plain number).
PREVIEW_INPUTS: dict[str, tuple[str, int]] = {
    "diffuseColor": ("diffuse_color", 3),
    "emissiveColor": ("emissive_color", 3),
    "specularColor": ("specular_color", 3),
    "metallic": ("metallic", 0),
    "roughness": ("roughness", 0),
    "clearcoat": ("clearcoat", 0),
    "clearcoatRoughness": ("clearcoat_roughness", 0),
    "opacity": ("opacity", 0),
    "opacityThreshold": ("opacity_threshold", 0),
    "ior": ("ior", 0),
}
COLOR_READERS = ("UsdPrimvarReader_float3", "UsdPrimvarReader_vector", "ND_geompropvalue_color3")
CONTEXTS = ("", "mtlx", "mdl")
"""Render contexts in which a surface is looked for; the first one found counts."""
TEXTURE_ONLY = ("normal", "occlusion")
PREVIEW_SHADERS = ("UsdPreviewSurface", "ND_UsdPreviewSurface_surfaceshader")
# Other shaders: their constant inputs that mean the same.
PLAIN_INPUTS: dict[str, dict[str, tuple[str, int]]] = {
    "ND_standard_surface_surfaceshader": {
        "base_color": ("diffuse_color", 3),
        "metalness": ("metallic", 0),
        "specular_roughness": ("roughness", 0),
        "coat": ("clearcoat", 0),
    },
    "ND_open_pbr_surface_surfaceshader": {
        "base_color": ("diffuse_color", 3),
        "base_metalness": ("metallic", 0),
        "specular_roughness": ("roughness", 0),
    },
    "OmniPBR": {
        "diffuse_color_constant": ("diffuse_color", 3),
        "metallic_constant": ("metallic", 0),
        "reflection_roughness_constant": ("roughness", 0),
    },
}


@dataclass(frozen=True, slots=True)
class BoundMaterial:
    """A material's index, the uv primvar that its textures read, and the colour primvar that feeds its diffuse colour.

    Both names are "" where there is none.
    """

    index: int
    uv_name: str
    color_name: str = ""


class MaterialStore:
    """Reads each material once; material sets are tuples of material indices, one a slot."""

    def __init__(self, context: ReadContext, textures: TextureStore) -> None:
        self.context = context
        self.textures = textures
        self.materials: list[Material] = []
        self.sets: list[tuple[int, ...]] = []
        self._by_path: dict[str, BoundMaterial] = {}
        self._plain: dict[Material, int] = {}
        self._set_index: dict[tuple[int, ...], int] = {}

    def bound(self, prims: list[Any]) -> list[BoundMaterial | None]:
        """The material of each prim by binding strength and inheritance, None where nothing is bound."""
        from pxr import UsdShade

        if not prims:
            return []
        found, _ = UsdShade.MaterialBindingAPI.ComputeBoundMaterials(prims, UsdShade.Tokens.preview)
        return [self._read(material) if material else None for material in found]

    def plain(self, color: tuple[float, float, float] | None, opacity: float = 1.0) -> int:
        """The material of a gprim that has none: its displayColor, or the fall-back grey."""
        material = Material("") if color is None else Material("", diffuse_color=color)
        material = replace(material, opacity=opacity)
        if material not in self._plain:
            self._plain[material] = self._add(material)
        return self._plain[material]

    def tinted(self, index: int, color: tuple[float, float, float]) -> int:
        """That material with the diffuse colour that a gprim's primvar gives it."""
        material = replace(self.materials[index], diffuse_color=color)
        if material not in self._plain:
            self._plain[material] = self._add(material)
        return self._plain[material]

    def set_index(self, indices: Iterable[int]) -> int:
        """The index of that material set."""
        key = tuple(indices)
        if key not in self._set_index:
            self._set_index[key] = len(self.sets)
            self.sets.append(key)
        return self._set_index[key]

    def _add(self, material: Material) -> int:
        self.materials.append(material)
        return len(self.materials) - 1

    def _read(self, material: Any) -> BoundMaterial:
        prim = material.GetPrim()
        shared = prim.GetPrimInPrototype() if prim.IsInstanceProxy() else prim
        key = str(shared.GetPath())
        if key not in self._by_path:
            read, uv_name, color_name = self._network(material, str(prim.GetPath()))
            self._by_path[key] = BoundMaterial(self._add(read), uv_name, color_name)
        return self._by_path[key]

    def _network(self, material: Any, path: str) -> tuple[Material, str, str]:
        shader = next((found for c in CONTEXTS if (found := material.ComputeSurfaceSource(c)[0])), None)
        if not shader:
            self.context.finding(
                "material.no-surface", f"material {path} has no surface shader: it is drawn grey", path
            )
            return Material(path), "", ""
        identifier = shader_id(shader)
        if identifier in PREVIEW_SHADERS:
            return self._preview_surface(shader, path)
        inputs = PLAIN_INPUTS.get(identifier, {})
        self.context.finding(
            "material.shader",
            (
                f"material {path}: of shader {identifier or 'without an id'} "
                + ("only constant inputs are used" if inputs else "nothing is used, it is drawn grey")
            ),
            path,
        )
        return Material(path, **self._constants(shader, inputs)), "", ""

    def _constants(self, shader: Any, inputs: dict[str, tuple[str, int]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, (field, width) in inputs.items():
            constant = value(self.context, shader, name, None)
            if constant is not None:
                found[field] = floats(constant, width) if width else float(constant)
        return found

    def _preview_surface(self, shader: Any, path: str) -> tuple[Material, str, str]:
        fields = self._constants(shader, PREVIEW_INPUTS)
        fields["use_specular_workflow"] = bool(value(self.context, shader, "useSpecularWorkflow", 0))
        textures: list[tuple[str, TextureInput]] = []
        uv_names: dict[str, None] = {}
        for name in (*PREVIEW_INPUTS, *TEXTURE_ONLY):
            fed = self._fed_input(shader, name, path, fields)
            if fed is not None:
                textures.append((name, fed[0]))
                uv_names[fed[1]] = None
        if len(uv_names) > 1:
            self.context.finding(
                "primvar.several-uv",
                f"material {path} reads several uv primvars; all textures use {next(iter(uv_names))!r}",
                path,
            )
        color_name = self._color_primvar(shader)
        return Material(path, textures=tuple(textures), **fields), next(iter(uv_names), ""), color_name

    def _color_primvar(self, shader: Any) -> str:
        """The primvar that is read as the diffuse colour, "" where there is none."""
        _, source = follow(shader.GetInput("diffuseColor"))
        if source is None or not source.id.startswith(COLOR_READERS):
            return ""
        return str(value(self.context, source.shader, "varname", ""))

    def _fed_input(
        self, shader: Any, name: str, path: str, fields: dict[str, Any]
    ) -> tuple[TextureInput, str] | None:
        """The texture of an input; where a texture cannot be read, its `fallback` becomes the constant."""
        _, source = follow(shader.GetInput(name))
        if source is None:
            return None
        if source.id == "UsdUVTexture":
            read = read_texture_input(self.context, self.textures, source)
            if read is not None:
                return read
        elif not (name == "diffuseColor" and source.id.startswith(COLOR_READERS)):
            self.context.finding(
                "material.input",
                f"material {path}: {name} is fed by {source.id or 'an unknown shader'}, not a texture",
                path,
            )
        field, width = PREVIEW_INPUTS.get(name, ("", 0))
        fallback = value(self.context, source.shader, "fallback", None)
        if field and fallback is not None:
            fields[field] = floats(fallback, width) if width else floats(fallback, 1)[0]
        return None
