"""Materials and images of a glTF file, in the document's terms.

The sources of the formulas: glTF 2.0 section 3.9, KHR_texture_transform, KHR_materials_*.
"""

import math
from dataclasses import dataclass, field
from typing import Any

from twinstage.assets.importing.document import Image, Input, Material, Texture, color, note, number
from twinstage.assets.importing.gltf.container import Container
from twinstage.assets.importing.gltf.entry import Entry
from twinstage.base.finding import Finding

WRAPS: dict[int, Any] = {10497: "repeat", 33648: "mirror", 33071: "clamp"}
READ = (
    "KHR_materials_clearcoat",
    "KHR_materials_emissive_strength",
    "KHR_materials_ior",
    "KHR_materials_pbrSpecularGlossiness",
    "KHR_materials_transmission",
    "KHR_materials_unlit",
)
ONE = (1.0, 1.0, 1.0, 1.0)


@dataclass
class Materials:
    """Materials and images as far as something uses them, and notes."""

    container: Container
    notes: dict[Finding, None] = field(default_factory=dict)
    materials: list[Material] = field(default_factory=list)
    images: list[Image] = field(default_factory=list)
    _materials: dict[tuple[int, bool], int] = field(default_factory=dict)
    _images: dict[int, int] = field(default_factory=dict)

    def material(self, index: int, owner: str, *, vertex_color: bool) -> int:
        """The document's number of a material, as it looks on a primitive with or without colours; -1 for none at all."""
        if index < 0 and not vertex_color:
            return -1
        if index >= 0:  # also where it is known already: the owner is named in the sentence
            self.container.item("materials", "material", index, owner)
        key = (index, vertex_color)
        if key not in self._materials:
            if index < 0:
                made = Material("vertex_color", base_color=color(1, 1, 1), vertex_color=True)
            else:
                entry = self.container.list("materials", "material")[index]
                made = self._read(entry, index, vertex_color=vertex_color)
            self._materials[key] = len(self.materials)
            self.materials.append(made)
        return self._materials[key]

    def _read(self, entry: Entry, index: int, *, vertex_color: bool) -> Material:
        glossy = entry.extension("KHR_materials_pbrSpecularGlossiness")
        base = self._glossy(glossy) if glossy is not None else self._metallic(entry)
        mode = entry.text("alphaMode", "OPAQUE")
        modes: dict[str, Any] = {"OPAQUE": "opaque", "MASK": "mask", "BLEND": "blend"}
        if mode not in modes:
            self._tell("material", entry.where, f"alphaMode {mode!r} is none of glTF's; it is drawn opaque")
        for name in entry.extensions():
            if name not in READ:
                self._tell("extension", entry.where, f"{name} is left out: UsdPreviewSurface cannot say it")
        coat = entry.extension("KHR_materials_clearcoat")
        clear = entry.extension("KHR_materials_transmission")
        ior = entry.extension("KHR_materials_ior")
        return Material(
            entry.name or f"material_{index}",
            **base,
            alpha_mode=modes.get(mode, "opaque"),
            alpha_cutoff=entry.number("alphaCutoff", 0.5),
            normal=self._normal(entry),
            occlusion=self._occlusion(entry),
            emissive=self._emissive(entry),
            clearcoat=self._scaled(coat, "clearcoatFactor", "clearcoatTexture", "r", 0.0),
            clearcoat_roughness=self._scaled(
                coat, "clearcoatRoughnessFactor", "clearcoatRoughnessTexture", "g", 0.0
            ),
            transmission=self._scaled(clear, "transmissionFactor", "transmissionTexture", "r", 0.0),
            ior=ior.number("ior", 1.5) if ior is not None else 1.5,
            double_sided=entry.flag("doubleSided"),
            vertex_color=vertex_color,
            unlit=entry.extension("KHR_materials_unlit") is not None,
        )

    def _metallic(self, entry: Entry) -> dict[str, Any]:
        pbr = entry.entry("pbrMetallicRoughness")
        factor = pbr.numbers("baseColorFactor", ONE)
        scale = (1.0, pbr.number("roughnessFactor", 1.0), pbr.number("metallicFactor", 1.0), 1.0)
        base = self._texture(pbr, "baseColorTexture", "rgb", "sRGB", factor)
        return {
            "base_color": Input(factor[:3], base),
            "opacity": number(factor[3], self._texture(pbr, "baseColorTexture", "a", "sRGB", factor)),
            "metallic": number(scale[2], self._texture(pbr, "metallicRoughnessTexture", "b", "raw", scale)),
            "roughness": number(scale[1], self._texture(pbr, "metallicRoughnessTexture", "g", "raw", scale)),
        }

    def _glossy(self, entry: Entry) -> dict[str, Any]:
        """The older specular-glossiness look: roughness is 1 minus glossiness."""
        factor = entry.numbers("diffuseFactor", ONE)
        specular = entry.numbers("specularFactor", (1.0, 1.0, 1.0))
        gloss = entry.number("glossinessFactor", 1.0)
        rough = self._texture(
            entry, "specularGlossinessTexture", "a", "sRGB", (1.0, 1.0, 1.0, -gloss), (0.0, 0.0, 0.0, 1.0)
        )
        shine = self._texture(entry, "specularGlossinessTexture", "rgb", "sRGB", (*specular, 1.0))
        return {
            "base_color": Input(factor[:3], self._texture(entry, "diffuseTexture", "rgb", "sRGB", factor)),
            "opacity": number(factor[3], self._texture(entry, "diffuseTexture", "a", "sRGB", factor)),
            "specular": Input(specular, shine),
            "roughness": number(1.0 - gloss, rough),
        }

    def _normal(self, entry: Entry) -> Texture | None:
        if "normalTexture" not in entry:
            return None
        strength = entry.entry("normalTexture").number("scale", 1.0)
        scale, bias = (2.0 * strength, 2.0 * strength, 2.0, 1.0), (-strength, -strength, -1.0, 0.0)
        return self._texture(entry, "normalTexture", "rgb", "raw", scale, bias)

    def _occlusion(self, entry: Entry) -> Input:
        strength = entry.entry("occlusionTexture").number("strength", 1.0)
        scale, bias = (strength, 1.0, 1.0, 1.0), (1.0 - strength, 0.0, 0.0, 0.0)
        return number(1.0, self._texture(entry, "occlusionTexture", "r", "raw", scale, bias))

    def _emissive(self, entry: Entry) -> Input:
        strong = entry.extension("KHR_materials_emissive_strength")
        strength = strong.number("emissiveStrength", 1.0) if strong is not None else 1.0
        r, g, b = (strength * v for v in entry.numbers("emissiveFactor", (0.0, 0.0, 0.0)))
        if not any((r, g, b)):
            return color(0, 0, 0)
        return color(r, g, b, self._texture(entry, "emissiveTexture", "rgb", "sRGB", (r, g, b, 1.0)))

    def _scaled(self, entry: Entry | None, factor: str, texture: str, channel: Any, default: float) -> Input:
        """A factor times a channel of a texture."""
        if entry is None:
            return number(default)
        value = entry.number(factor, default)
        if value == 0.0:
            return number(0.0)
        return number(value, self._texture(entry, texture, channel, "raw", (value,) * 4))

    def _texture(
        self,
        owner: Entry,
        key: str,
        channel: Any,
        space: Any,
        scale: tuple[float, ...],
        bias: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0),
    ) -> Texture | None:
        """How `owner` reads a texture; None where it has none, or where its image cannot be used (which is noted)."""
        if key not in owner:
            return None
        info = owner.entry(key)
        texture = self.container.item("textures", "texture", info.integer("index"), info.where)
        image = self._image_of(texture, owner)
        if image < 0:
            return None
        sampler = Entry({}, "")
        if "sampler" in texture:
            sampler = self.container.item("samplers", "sampler", texture.integer("sampler"), texture.where)
        wrap = [sampler.integer(name, 10497) for name in ("wrapS", "wrapT")]
        moved = info.extension("KHR_texture_transform")
        uv_set = info.integer("texCoord", 0, high=15)
        if moved is not None:
            uv_set = moved.integer("texCoord", uv_set, high=15)
        uv_scale, angle, uv_translation = _moved(moved)
        red, green, blue, alpha = scale
        return Texture(
            image,
            channel,
            uv_set,
            uv_scale,
            angle,
            uv_translation,
            WRAPS.get(wrap[0], "repeat"),
            WRAPS.get(wrap[1], "repeat"),
            space,
            (red, green, blue, alpha),
            (bias[0], bias[1], bias[2], bias[3]),
        )

    def _image_of(self, texture: Entry, owner: Entry) -> int:
        for name in ("EXT_texture_webp", "EXT_texture_avif", "KHR_texture_basisu", "MSFT_texture_dds"):
            other = texture.extension(name)
            if other is None:
                continue
            if name == "EXT_texture_webp":
                return self._image(other.integer("source"), texture.where)
            text = f"its image is of a kind that is not read ({name})"
            if "source" not in texture:
                self._tell(
                    "image", owner.where, f"{text}, so the texture is left out; convert the image to PNG"
                )
                return -1
        if "source" not in texture:
            self._tell("image", texture.where, "it has no image, so it is left out")
            return -1
        return self._image(texture.integer("source"), texture.where)

    def _image(self, index: int, owner: str) -> int:
        """The document's number of an image."""
        if index not in self._images:
            entry = self.container.item("images", "image", index, owner)
            if "bufferView" in entry:
                data, offset, view = self.container.view(entry.integer("bufferView"), entry.where)
                content = data[offset : offset + view.integer("byteLength")]
                kind, called = entry.text("mimeType"), ""
            else:
                content, kind, called = self.container.uri(entry.text("uri"), entry.where)
            self._images[index] = len(self.images)
            name = entry.name or called or f"image_{index}"
            self.images.append(Image(name, content, kind or entry.text("mimeType")))
        return self._images[index]

    def _tell(self, code: str, where: str, text: str) -> None:
        self.notes[note(code, where, text)] = None


def _moved(entry: Entry | None) -> tuple[tuple[float, float], float, tuple[float, float]]:
    """(scale, angle, translation) with v up, of a KHR_texture_transform, which has v down.

    u' = c su u + s sv v + ox and v' = -s su u + c sv v + oy, for c and s of the angle. With w = 1 - v this is the same scale
    and angle about the lower left, and a translation of (ox + sv s, 1 - oy - sv c).
    """
    if entry is None:
        return (1.0, 1.0), 0.0, (0.0, 0.0)
    ox, oy = entry.numbers("offset", (0.0, 0.0))
    su, sv = entry.numbers("scale", (1.0, 1.0))
    angle = entry.number("rotation", 0.0)
    c, s = math.cos(angle), math.sin(angle)
    return (su, sv), angle, (_tidy(ox + sv * s), _tidy(1.0 - oy - sv * c))


def _tidy(value: float) -> float:
    return 0.0 if abs(value) < 1e-15 else value
