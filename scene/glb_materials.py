"""`Material` -> glTF's metallic-roughness model: exact where glTF has the words, else baked into pixels or told.

The sources of the formulas: the glTF 2.0 specification (section 3.9 and appendix B),
KHR_materials_ior, _clearcoat, _specular and _emissive_strength; UsdPreviewSurface 2.6.
"""

import math
from typing import Any

import numpy as np

from twinstage.base.finding import Finding
from twinstage.scene import glb_images as images
from twinstage.scene.color import srgb_from_linear
from twinstage.scene.glb_builder import GlbBuilder
from twinstage.scene.glb_textures import TextureBaker, placement
from twinstage.scene.snapshot import Material, Snapshot, TextureInput

_NORMAL_SCALE, _NORMAL_BIAS = (2.0, 2.0, 2.0), (-1.0, -1.0, -1.0)
_DIELECTRIC_F0 = 0.04
_WHITE = (1.0, 1.0, 1.0)

Color = tuple[float, float, float]


class MaterialBaker:
    """Materials of one snapshot, each written once for each way it is used."""

    def __init__(self, builder: GlbBuilder, snapshot: Snapshot, decode: images.Decoder) -> None:
        self._builder = builder
        self._snapshot = snapshot
        self.textures = TextureBaker(builder, snapshot, decode)
        self._done: dict[tuple[int, bool, bool, Color | None], tuple[int, bool]] = {}

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What glTF cannot say exactly."""
        return self.textures.findings

    def material(
        self, index: int, *, double_sided: bool, vertex_color: bool, paint: Color | None = None
    ) -> tuple[int, bool]:
        """The number of a material in the file, and whether it needs texture coordinates.

        `vertex_color`: COLOR_0 is the base colour. `paint`: a linear rgb that covers the authored base colour.
        """
        key = index, double_sided, vertex_color, paint
        if key not in self._done:
            written = self._write(self._snapshot.materials[index], double_sided, vertex_color, paint)
            textured = _has_texture(written)
            self._done[key] = self._builder.shared("materials", written), textured
        return self._done[key]

    def _write(
        self, source: Material, double_sided: bool, vertex_color: bool, paint: Color | None
    ) -> dict[str, Any]:
        pbr = self._metal_rough(source)
        pbr |= self._base(source, vertex_color, paint)
        out: dict[str, Any] = {"pbrMetallicRoughness": pbr}
        if source.path:
            out["name"] = source.path.rpartition("/")[2]
            out["extras"] = {"prim": source.path}
        out |= self._alpha(source)
        out |= self._normal(source)
        out |= self._occlusion(source)
        emissive, strength = self._emissive(source)
        out |= emissive
        extensions = self._extensions(source, strength)
        if extensions:
            out["extensions"] = extensions
            self._builder.extensions.update(extensions)
        if double_sided:
            out["doubleSided"] = True
        return out

    # --- base colour and alpha -------------------------------------------------------------------------------

    def _base(self, source: Material, vertex_color: bool, paint: Color | None) -> dict[str, Any]:
        color, alpha = source.texture("diffuseColor"), source.texture("opacity")
        if paint is not None or vertex_color:
            color = None
        factor: Color = paint or (_WHITE if vertex_color else source.diffuse_color)
        see_through = self._alpha(source).get("alphaMode") is not None
        opacity = 1.0 if alpha is not None else min(max(source.opacity, 0.0), 1.0)
        out: dict[str, Any] = {}
        if color is not None:
            direct = self._direct_color(color, alpha, see_through)
            if direct is not None:
                out["baseColorTexture"], factor = direct
            else:
                out["baseColorTexture"] = self._baked_base(source, color, alpha if see_through else None)
                factor = _WHITE
            if out["baseColorTexture"] is None:  # unreadable, and told
                del out["baseColorTexture"]
                factor = source.diffuse_color
        elif alpha is not None and see_through:
            texture = self._baked_base(source, None, alpha)
            if texture is not None:
                out["baseColorTexture"] = texture
        out["baseColorFactor"] = [*_unit(factor), opacity]
        return out

    def _direct_color(
        self, color: TextureInput, alpha: TextureInput | None, see_through: bool
    ) -> tuple[dict[str, Any], Color] | None:
        """The base colour texture as it is, with its factor; None where the pixels have to be written anew."""
        if not self.textures.plain_color(color):
            return None
        if see_through:
            has_alpha = self.textures.header(color)[2]
            if alpha is None and has_alpha:  # the image's alpha is none of the material's business
                return None
            if alpha is not None and not (
                has_alpha
                and placement(alpha) == placement(color)
                and (alpha.channel, alpha.scale[3], alpha.bias[3]) == ("a", 1.0, 0.0)
            ):
                return None
        texture = self.textures.embedded(color)
        return None if texture is None else (texture, (color.scale[0], color.scale[1], color.scale[2]))

    def _baked_base(
        self, source: Material, color: TextureInput | None, alpha: TextureInput | None
    ) -> dict[str, Any] | None:
        first = color or alpha
        assert first is not None
        rgb = self.textures.values(color, color=True) if color is not None else None
        a = self.textures.values(alpha, color=False) if alpha is not None else None
        if rgb is None and a is None:
            return None
        if color is not None and alpha is not None:
            self.textures.same_placement(source, color, alpha, "opacity", "diffuseColor")
        height, width = _largest(rgb, a)
        parts = [np.ones((height, width, 3)) if rgb is None else images.resized(_srgb(rgb), height, width)]
        if a is not None:
            parts.append(images.resized(a[..., :1], height, width))
        return self.textures.reference(first, self.textures.png(np.concatenate(parts, 2)))

    def _alpha(self, source: Material) -> dict[str, Any]:
        textured = source.texture("opacity") is not None
        if source.opacity_threshold > 0 and (textured or source.opacity < 1):
            return {"alphaMode": "MASK", "alphaCutoff": source.opacity_threshold}
        return {"alphaMode": "BLEND"} if textured or source.opacity < 1 else {}

    # --- metallic and roughness ------------------------------------------------------------------------------

    def _metal_rough(self, source: Material) -> dict[str, Any]:
        rough, metal = source.texture("roughness"), source.texture("metallic")
        metallic = 0.0 if source.use_specular_workflow else source.metallic
        if source.use_specular_workflow:
            metal = None
        out = {"roughnessFactor": _clamp(source.roughness), "metallicFactor": _clamp(metallic)}
        if rough is None and metal is None:
            return out
        texture = self._direct_metal_rough(rough, metal, metallic)
        if texture is not None:
            assert rough is not None
            out["roughnessFactor"] = rough.scale[1]
            if metal is not None:
                out["metallicFactor"] = metal.scale[2]
            return {**out, "metallicRoughnessTexture": texture}
        r = self.textures.values(rough, color=False) if rough is not None else None
        m = self.textures.values(metal, color=False) if metal is not None else None
        if r is None and m is None:
            return out
        if rough is not None and metal is not None:
            self.textures.same_placement(source, rough, metal, "metallic", "roughness")
        height, width = _largest(r, m)
        packed = np.ones((height, width, 3))
        if r is not None:
            packed[..., 1] = images.resized(r, height, width)[..., 0]
            out["roughnessFactor"] = 1.0
        if m is not None:
            packed[..., 2] = images.resized(m, height, width)[..., 0]
            out["metallicFactor"] = 1.0
        placed = rough if r is not None else metal
        assert placed is not None
        return {**out, "metallicRoughnessTexture": self.textures.reference(placed, self.textures.png(packed))}

    def _direct_metal_rough(
        self, rough: TextureInput | None, metal: TextureInput | None, metallic: float
    ) -> dict[str, Any] | None:
        """The authored image, where its green and blue are what glTF expects there."""
        if rough is None or not self.textures.plain_number(rough, "g"):
            return None
        if metal is None:
            return (
                self.textures.embedded(rough) if metallic == 0 else None
            )  # its blue would scale the metallic factor
        if self.textures.plain_number(metal, "b") and placement(metal) == placement(rough):
            return self.textures.embedded(rough)
        return None

    # --- the other inputs ------------------------------------------------------------------------------------

    def _normal(self, source: Material) -> dict[str, Any]:
        normal = source.texture("normal")
        if normal is None:
            return {}
        usual = normal.scale[:3] == _NORMAL_SCALE and normal.bias[:3] == _NORMAL_BIAS
        if usual and normal.channel == "rgb" and normal.color_space != "sRGB":
            texture = self.textures.embedded(normal)
        else:
            values = self.textures.values(normal, color=False)
            if values is None or values.shape[2] != 3:
                return {}
            texture = self.textures.reference(normal, self.textures.png((values + 1.0) / 2.0))
        return {} if texture is None else {"normalTexture": texture}

    def _occlusion(self, source: Material) -> dict[str, Any]:
        texture = self._number_texture(source.texture("occlusion"), "r")
        return {} if texture is None else {"occlusionTexture": texture}

    def _number_texture(self, source: TextureInput | None, channel: str) -> dict[str, Any] | None:
        """A single number of a texture where glTF reads it in `channel`, with a factor of 1."""
        if source is None:
            return None
        if self.textures.plain_number(source, channel) and source.scale["rgba".index(channel)] == 1.0:
            return self.textures.embedded(source)
        values = self.textures.values(source, color=False)
        if values is None:
            return None
        return self.textures.reference(source, self.textures.png(np.repeat(values[..., :1], 3, 2)))

    def _emissive(self, source: Material) -> tuple[dict[str, Any], float]:
        texture = source.texture("emissiveColor")
        factor = np.array(source.emissive_color, np.float64)
        out: dict[str, Any] = {}
        if texture is not None:
            reference: dict[str, Any] | None
            if self.textures.plain_color(texture, most=math.inf):
                reference, factor = self.textures.embedded(texture), np.array(texture.scale[:3])
            else:
                values = self.textures.values(texture, color=True)
                top = 1.0 if values is None else max(1.0, float(values.max(initial=0.0)))
                reference = (
                    None
                    if values is None
                    else self.textures.reference(texture, self.textures.png(_srgb(values / top)))
                )
                factor = np.full(3, top)
            if reference is None:
                factor = np.zeros(3)
            else:
                out["emissiveTexture"] = reference
        factor = np.maximum(np.nan_to_num(factor), 0.0)
        strength = max(1.0, float(factor.max()))
        if factor.any():
            out["emissiveFactor"] = (factor / strength).tolist()
        return out, strength

    def _extensions(self, source: Material, strength: float) -> dict[str, Any]:
        out: dict[str, Any] = {}
        coat, coat_texture = source.clearcoat, self._number_texture(source.texture("clearcoat"), "r")
        if coat > 0 or coat_texture is not None:
            rough_texture = self._number_texture(source.texture("clearcoatRoughness"), "g")
            entry: dict[str, Any] = {
                "clearcoatFactor": 1.0 if coat_texture else _clamp(coat),
                "clearcoatRoughnessFactor": 1.0 if rough_texture else _clamp(source.clearcoat_roughness),
            }
            if coat_texture:
                entry["clearcoatTexture"] = coat_texture
            if rough_texture:
                entry["clearcoatRoughnessTexture"] = rough_texture
            out["KHR_materials_clearcoat"] = entry
        if strength > 1:
            out["KHR_materials_emissive_strength"] = {"emissiveStrength": strength}
        if source.use_specular_workflow:
            # F0 = ((ior - 1) / (ior + 1))^2 * factor, with glTF's own ior of 1.5: 0.04 * factor.
            factor, texture = np.array(source.specular_color) / _DIELECTRIC_F0, None
            fed = source.texture("specularColor")
            values = self.textures.values(fed, color=True) if fed is not None else None
            if fed is not None and values is not None:
                texture = self.textures.reference(fed, self.textures.png(_srgb(values)))
                factor = np.full(3, 1.0 / _DIELECTRIC_F0)
            entry = {"specularColorFactor": np.maximum(factor, 0.0).tolist()}
            if texture is not None:
                entry["specularColorTexture"] = texture
            out["KHR_materials_specular"] = entry
        elif abs(source.ior - 1.5) > 1e-6:
            out["KHR_materials_ior"] = {"ior": max(1.0, source.ior)}
        return out


def _has_texture(value: Any) -> bool:
    """Whether a material holds a textureInfo anywhere."""
    return isinstance(value, dict) and ("index" in value or any(map(_has_texture, value.values())))


def _largest(*values: np.ndarray | None) -> tuple[int, int]:
    shapes = [v.shape[:2] for v in values if v is not None]
    return max(h for h, _ in shapes), max(w for _, w in shapes)


def _srgb(linear: np.ndarray) -> np.ndarray:
    return srgb_from_linear(np.nan_to_num(linear))


def _clamp(value: float) -> float:
    return min(max(value, 0.0), 1.0) if value == value else 0.0


def _unit(color: Color) -> list[float]:
    return [_clamp(c) for c in color]
