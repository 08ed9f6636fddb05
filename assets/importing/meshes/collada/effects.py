"""`<effect>` of COLLADA (profile_COMMON: constant, lambert, phong, blinn) -> a look.

Colours are taken as display colours. Opacity follows the specification's modes A_ONE, A_ZERO, RGB_ONE and RGB_ZERO; where that
makes a surface vanish altogether, which is a mistake of many exporters, it is opaque, with a note.
"""

from dataclasses import replace

import numpy as np

from twinstage.assets.importing.meshes.mtl import roughness_of
from twinstage.assets.importing.meshes.shape import Look
from twinstage.assets.importing.meshes.xml import Element, children, numbers, text_of
from twinstage.scene.color import linear_from_srgb

MODELS = ("constant", "lambert", "phong", "blinn")
_LUMINANCE = (0.212671, 0.715160, 0.072169)


def read_look(effect: Element, images: dict[str, str], name: str, notes: list[str]) -> Look:
    """The look of an effect. `images`: file by image id."""
    profile = effect.find("profile_COMMON")
    technique = profile.find("technique") if profile is not None else None
    model = next((m for m in (technique if technique is not None else ()) if m.tag in MODELS), None)
    look = Look(name, color=(0.8, 0.8, 0.8))
    if profile is None or model is None:
        notes.append(f"material {name!r}: its effect has no common profile, so it is grey")
        return look
    parameters = _parameters(profile)
    for word, key in (("diffuse", "color"), ("emission", "emissive")):
        slot = model.find(word)
        image = _texture(slot, parameters, images)
        if image:
            look.maps[key] = image
        rgba = _color(slot, parameters)
        if rgba is not None and key == "color":
            look = replace(look, color=_linear(rgba))
        elif rgba is not None and max(rgba[:3]) > 0:
            look = replace(look, emissive=_linear(rgba))
    if model.tag == "constant" and look.emissive is not None:
        look = replace(look, color=(0.0, 0.0, 0.0))
    look = _opacity(model, parameters, look, notes)
    shininess = _number(model.find("shininess"), parameters)
    specular = _color(model.find("specular"), parameters)
    shiny = specular is None or max(specular[:3]) > 0
    if model.tag in ("phong", "blinn") and shininess is not None and shiny:
        # Some exporters write it from 0 to 1.
        look = replace(look, roughness=roughness_of(shininess * 128 if 0 < shininess <= 1 else shininess))
    elif not shiny or model.tag == "lambert":
        look = replace(look, roughness=1.0)
    ior = _number(model.find("index_of_refraction"), parameters)
    if ior is not None and 1.0 < ior < 4.0:
        look = replace(look, ior=ior)
    for bump in effect.iter("bump"):
        image = _texture(bump, parameters, images)
        if image:
            notes.append(f"material {name!r}: the bump map {image!r} is not carried over")
    sided = any(text_of(e) in ("1", "true") for e in effect.iter("double_sided"))
    return replace(look, two_sided=sided)


def _opacity(model: Element, parameters: dict[str, Element], look: Look, notes: list[str]) -> Look:
    slot = model.find("transparent")
    amount = _number(model.find("transparency"), parameters)
    if slot is None and amount is None:
        return look
    mode = slot.get("opaque", "A_ONE") if slot is not None else "A_ONE"
    rgba = _color(slot, parameters) or (1.0, 1.0, 1.0, 1.0)
    factor = 1.0 if amount is None else amount
    light = float(np.dot(_LUMINANCE, rgba[:3]))
    opacity = {
        "A_ONE": rgba[3] * factor,
        "A_ZERO": 1 - rgba[3] * factor,
        "RGB_ONE": light * factor,
        "RGB_ZERO": 1 - light * factor,
    }.get(mode, 1.0)
    if not opacity > 0:
        notes.append(f"material {look.name!r}: it would be invisible as written, so it is opaque")
        return look
    return replace(look, opacity=min(float(opacity), 1.0))


def _parameters(profile: Element) -> dict[str, Element]:
    """`newparam` by sid, of the profile and its technique."""
    return {p.get("sid", ""): p for p in profile.iter("newparam")}


def _color(slot: Element | None, parameters: dict[str, Element]) -> tuple[float, ...] | None:
    if slot is None:
        return None
    found = slot.find("color")
    if found is None and (reference := slot.find("param")) is not None:
        holder = parameters.get(reference.get("ref", ""))
        found = next((c for c in holder if c.tag.startswith("float")), None) if holder is not None else None
    try:
        values = numbers(text_of(found))
    except ValueError:
        return None
    if len(values) < 3 or not np.isfinite(values).all():
        return None
    return tuple(float(v) for v in (*values[:4], 1.0)[:4])


def _number(slot: Element | None, parameters: dict[str, Element]) -> float | None:
    if slot is None:
        return None
    text = text_of(slot, "float")
    if not text and (reference := slot.find("param")) is not None:
        holder = parameters.get(reference.get("ref", ""))
        text = text_of(holder, "float")
    try:
        value = float(text)
    except ValueError:
        return None
    return value if np.isfinite(value) else None


def _texture(slot: Element | None, parameters: dict[str, Element], images: dict[str, str]) -> str:
    """The file of a texture: through sampler and surface, or, as some exporters write it, the image itself."""
    texture = slot.find("texture") if slot is not None else None
    if texture is None:
        return ""
    key = texture.get("texture", "")
    for _ in range(4):
        if key in images:
            return images[key]
        holder = parameters.get(key)
        if holder is None:
            return ""
        found = next((e for e in holder.iter() if e.tag in ("source", "init_from", "instance_image")), None)
        if found is None:
            return ""
        key = found.get("url", "").lstrip("#") or text_of(found)
    return ""


def _linear(rgba: tuple[float, ...]) -> tuple[float, float, float]:
    linear = linear_from_srgb(np.clip(np.array(rgba[:3]), 0.0, 1.0))
    return (float(linear[0]), float(linear[1]), float(linear[2]))


def read_images(root: Element) -> dict[str, str]:
    """File by image id."""
    out = {}
    for image in root.iter("image"):
        start = image.find("init_from")
        text = text_of(start) or text_of(start, "ref")
        if image.get("id") and text:
            out[image.get("id", "")] = text
    return out


def read_looks(root: Element, notes: list[str]) -> dict[str, Look]:
    """Looks by material id."""
    images = read_images(root)
    effects = {e.get("id", ""): e for e in root.iter("effect")}
    looks = {}
    for library in children(root, "library_materials"):
        for material in children(library, "material"):
            name = material.get("name") or material.get("id") or "material"
            instance = material.find("instance_effect")
            effect = effects.get(instance.get("url", "").lstrip("#")) if instance is not None else None
            if effect is None:
                notes.append(f"material {name!r}: its effect is missing, so it is grey")
                looks[material.get("id", "")] = Look(name, color=(0.8, 0.8, 0.8))
            else:
                looks[material.get("id", "")] = read_look(effect, images, name, notes)
    return looks
