"""A surface in UsdPreviewSurface's terms, each input a signal -> `Material`, with a finding for what it cannot hold."""

from dataclasses import dataclass, field, replace
from typing import Any

from twinstage.scene.read.context import ReadContext
from twinstage.scene.read.materials_signal import (
    Constant,
    Coordinates,
    Image,
    Notes,
    Signal,
    Text,
    Varying,
    mean_of,
    sane,
)
from twinstage.scene.snapshot import Material

# Input name -> (field of Material, number of components; 0: a plain number).
INPUTS: dict[str, tuple[str, int]] = {
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
    "occlusion": ("occlusion", 0),
    "displacement": ("displacement", 0),
}
NORMAL = "normal"
DRAWN = ("diffuseColor", "emissiveColor", "metallic", "roughness", "opacity")
"""Inputs whose textures every consumer draws: their numbers keep the defaults, so that no image need be decoded."""
PLAIN_ONLY = ("opacityThreshold", "ior")
"""Inputs that hold one number for the whole surface: of an image the mean is taken."""


@dataclass
class Surface:
    """Inputs by their UsdPreviewSurface name; those that are not there keep the specification's defaults."""

    inputs: dict[str, Signal] = field(default_factory=dict)
    specular_workflow: bool = False
    opacity_mode: str = "transparent"

    def put(self, name: str, signal: Signal | None) -> None:
        """Set an input, unless the signal is None."""
        if signal is not None:
            self.inputs[name] = signal


@dataclass(frozen=True, slots=True)
class Read:
    """A material as it was read: what it is, the uv primvar of its textures ("" for none), the primvars it asks for.

    `unwrapped`: inputs whose texture is black outside [0, 1] only because nobody said otherwise.
    """

    material: Material
    uv_name: str
    reads: tuple[str, ...]
    unwrapped: tuple[str, ...] = ()


def assemble(
    context: ReadContext, path: str, surface: Surface, notes: Notes, *, has_colors: bool
) -> tuple[Material, str, tuple[str, ...]]:
    """The Material, its uv primvar and its unwrapped textures (`Read`).

    `has_colors`: the gprim's prototype holds displayColor per vertex.
    """
    fields: dict[str, Any] = {}
    uv_name, textures = _textures(surface, path, notes)
    for name, (attribute, width) in INPUTS.items():
        signal = surface.inputs.get(name)
        if signal is None or (name in textures and name in DRAWN):
            continue
        if isinstance(signal, Text):
            notes.add("material.type", f"feeds a text into {name}: it is left out", path)
            continue
        if isinstance(signal, Coordinates):
            notes.add("material.type", f"feeds texture coordinates into {name}: it is left out", path)
            continue
        exact = isinstance(signal, Constant)  # means are rounded, authored numbers stay as they are
        value = tuple(sane(v if exact else round(v, 7)) for v in mean_of(signal, width or 1))
        fields[attribute] = value if width else value[0]
        if isinstance(signal, Image) and name in PLAIN_ONLY:
            notes.add("material.nearest", f"has an image for {name}: its mean is used", path)
        elif isinstance(signal, Varying):
            shown = name == "diffuseColor" and signal.primvar == "displayColor" and has_colors
            fields["vertex_color"] = fields.get("vertex_color", False) or shown
            if not shown:
                notes.add(
                    "material.varying",
                    f"reads {name} from varying primvar {signal.primvar!r}: its mean is used",
                    path,
                )
    if fields.get("displacement") or "displacement" in textures:
        fields["displacement"] = fields.get("displacement", 0.0) * context.conversion.scale
        notes.add(
            "material.displacement", "has a displacement: it is read, but surfaces are not displaced", path
        )
    material = Material(
        path,
        use_specular_workflow=surface.specular_workflow,
        opacity_mode=surface.opacity_mode,
        textures=tuple((name, image.source) for name, image in textures.items()),
        **fields,
    )
    return material, uv_name, tuple(name for name, image in textures.items() if image.unwrapped)


def _as_data(normal: Image, path: str, notes: Notes) -> Image:
    """Normals are data: what only `auto` took for sRGB is read raw."""
    if normal.source.color_space == "sRGB" and normal.guessed:
        notes.add(
            "texture.color-space",
            "has an 8-bit normal map without a colour space, which OpenUSD takes for sRGB: it is read raw",
            path,
        )
        return replace(normal, source=replace(normal.source, color_space="raw"))
    return normal


def _textures(surface: Surface, path: str, notes: Notes) -> tuple[str, dict[str, Image]]:
    """The uv primvar and the images that read it: prototypes carry one set of coordinates, the diffuse colour's first."""
    found: dict[str, Image] = {}
    for name in (*INPUTS, NORMAL):
        signal = surface.inputs.get(name)
        if isinstance(signal, Image) and name not in PLAIN_ONLY:
            found[name] = _as_data(signal, path, notes) if name == NORMAL else signal
    uv_name = next((image.uv for image in found.values()), "")
    for name in [name for name, image in found.items() if image.uv != uv_name]:
        notes.add(
            "primvar.several-uv",
            f"reads {name} with uv primvar {found.pop(name).uv!r} beside {uv_name!r}: its mean is used, as one set is kept",
            path,
        )
    return uv_name, found


def tell(context: ReadContext, path: str, notes: Notes) -> None:
    """The notes of a material as findings."""
    for code, sentence, where in notes.found:
        about = f"material {path}" if where == path else f"material {path}: {where}"
        context.finding(code, f"{about} {sentence}", where)
