"""UsdPreviewSurface -> Mitsuba's `principled`, for the scalar variant.

The scalar variant, where objects are cheap and Python is not, gets one BSDF for each different material. Vectorised
variants keep all materials in one table (`surfaces`), so there all of them have the same look, `TABLED`.

A `Look` is what materials have to share to share a BSDF. Every surface shows both sides, as in USD's reference viewer.
In the specular workflow, a bright specular colour is taken for a metal, as `principled` has no coloured dielectric
reflection; glass is drawn as holes by chance.
"""

from dataclasses import dataclass, replace
from typing import Any

from twinstage.render.mi.textures import TextureCache
from twinstage.scene.snapshot import Material, Snapshot, TextureInput

METAL_F0 = 0.25
"""Reflectance at normal incidence from which a specular colour means a metal."""

SPECULAR_RATE = 0.3
"""Share of reflected rays that follow the gloss rather than the matt part: on most surfaces the matt part is brighter."""

_LEAST_ROUGHNESS = 0.02
_INPUTS = {"base_color": "diffuseColor", "roughness": "roughness", "metallic": "metallic"}
"""Inputs of `principled` and what they are called in UsdPreviewSurface."""
_SHOWN = ("normal", "opacity", "emissiveColor", *_INPUTS.values())

Color = tuple[float, float, float]
BLACK: Color = (0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Paint:
    """Linear rgb, roughness and metallic, each in [0, 1]."""

    base_color: Color
    roughness: float
    metallic: float


@dataclass(frozen=True, slots=True)
class Look:
    """What materials have to share to share a BSDF.

    `own` is the material's row where it shares with none, else -1.
    """

    textures: tuple[tuple[str, TextureInput], ...]
    eta: float
    clearcoat: float
    clearcoat_gloss: float
    opacity: float
    opacity_threshold: float
    emission: Color
    paint: Paint
    vertex_color: bool
    own: int

    def texture(self, name: str) -> TextureInput | None:
        """The texture that feeds that input, or None."""
        return dict(self.textures).get(name)

    @property
    def emissive(self) -> bool:
        return max(self.emission) > 0.0 or self.texture("emissiveColor") is not None

    @property
    def masked(self) -> bool:
        return self.opacity < 1.0 or self.texture("opacity") is not None

    def without_values(self) -> "Look":
        """The look with the numbers taken out that can be written in place."""
        return replace(
            self, paint=Paint(BLACK, 0.5, 0.0), emission=(1.0, 1.0, 1.0) if self.emissive else BLACK
        )


TABLED = Look((), 1.5, 0.0, 0.0, 1.0, 0.0, BLACK, Paint(BLACK, 0.5, 0.0), False, -1)
"""The look of everything whose numbers come from the table."""


def look_of(material: Material, *, tabled: bool, row: int = -1, vertex_color: bool = False) -> Look:
    """The look of a material. `tabled`: all of it comes from the table; `row`: of a material to be kept apart."""
    if tabled:
        return TABLED
    coated = material.clearcoat > 0.0
    masked = material.opacity < 1.0 and material.texture("opacity") is None
    kept = tuple(item for item in material.textures if item[0] in _SHOWN)
    red, green, blue = (float(c) for c in material.emissive_color)
    return Look(
        textures=kept,
        eta=min(max(_specular(material)[1], 1.01), 3.0),
        clearcoat=min(material.clearcoat, 1.0) if coated else 0.0,
        clearcoat_gloss=1.0 - min(max(material.clearcoat_roughness, 0.0), 1.0) if coated else 0.0,
        opacity=material.opacity if masked else 1.0,
        opacity_threshold=material.opacity_threshold if material.texture("opacity") is not None else 0.0,
        emission=(red, green, blue),
        paint=paint_of(material),
        vertex_color=vertex_color,
        own=row,
    )


def paint_of(material: Material) -> Paint:
    """The paint of a material. A textured input's number is left out, so that it keeps nobody apart."""
    metallic = _specular(material)[0]
    base = material.specular_color if material.use_specular_workflow and metallic else material.diffuse_color
    red, green, blue = (min(max(float(c), 0.0), 1.0) for c in base)
    return Paint(
        base_color=BLACK if material.texture("diffuseColor") is not None else (red, green, blue),
        roughness=0.5
        if material.texture("roughness") is not None
        else min(max(float(material.roughness), _LEAST_ROUGHNESS), 1.0),
        metallic=0.0 if material.texture("metallic") is not None else min(max(float(metallic), 0.0), 1.0),
    )


def _specular(material: Material) -> tuple[float, float]:
    """Metallic and index of refraction, whatever the workflow."""
    if not material.use_specular_workflow:
        return material.metallic, material.ior
    f0 = max(material.specular_color)
    root = min(max(f0, 1e-4), METAL_F0) ** 0.5
    return (1.0 if f0 >= METAL_F0 else 0.0), (1 + root) / (1 - root)


def bsdf_dict(snapshot: Snapshot, look: Look, textures: TextureCache) -> dict[str, Any]:
    """The BSDF of a look; one that nobody asks for `TABLED`."""
    if look is TABLED:
        return {"type": "diffuse"}
    principled: dict[str, Any] = {
        "type": "principled",
        "eta": look.eta,
        "main_specular_sampling_rate": SPECULAR_RATE,
        "base_color": {"type": "rgb", "value": list(look.paint.base_color)},
        "roughness": look.paint.roughness,
        "metallic": look.paint.metallic,
    }
    if look.clearcoat > 0.0:
        principled["clearcoat"] = look.clearcoat
        principled["clearcoat_gloss"] = look.clearcoat_gloss
    for parameter, name in _INPUTS.items():
        source = look.texture(name)
        if source is not None:
            principled[parameter] = textures.node(snapshot, name, source)
    if look.vertex_color:
        principled["base_color"] = {"type": "mesh_attribute", "name": "vertex_color"}
    out = principled
    normal = look.texture("normal")
    if normal is not None:
        out = {"type": "normalmap", "normalmap": textures.node(snapshot, "normal", normal), "bsdf": out}
    out = {"type": "twosided", "bsdf": out}
    cutout = look.texture("opacity")
    if cutout is not None:
        mask = textures.node(snapshot, "opacity", cutout, look.opacity_threshold)
        return {"type": "mask", "opacity": mask, "bsdf": out}
    return {"type": "mask", "opacity": look.opacity, "bsdf": out} if look.opacity < 1.0 else out


def emitter_dict(snapshot: Snapshot, look: Look, textures: TextureCache) -> dict[str, Any] | None:
    """The area emitter of a glowing surface, or None."""
    if not look.emissive:
        return None
    source = look.texture("emissiveColor")
    if source is not None:
        return {"type": "area", "radiance": textures.node(snapshot, "emissiveColor", source)}
    return {"type": "area", "radiance": {"type": "rgb", "value": list(look.emission)}}


def write_paint(mi: Any, bsdf: Any, paint: Paint) -> None:
    """Write new numbers into a living BSDF; textured inputs have none."""
    params = mi.traverse(bsdf)
    for key in list(params.keys()):
        if key.endswith("base_color.value"):
            params[key] = mi.Color3f(*paint.base_color)
        elif key.endswith("roughness.value"):
            params[key] = paint.roughness
        elif key.endswith("metallic.value"):
            params[key] = paint.metallic
    params.update()
