"""Wavefront MTL -> looks. Colours are taken as display colours (sRGB), as the tools that write them show them.

The physically based words (Pr, Pm, map_Pr, map_Pm, norm) are those that Blender and others write; without them roughness comes
from the shininess Ns by roughness = (2 / (Ns + 2)) ** 0.25, so that the highlight of the microfacet model is as wide (Walter
and others, "Microfacet models for refraction through rough surfaces", 2007: exponent = 2 / alpha^2 - 2, alpha = roughness^2).
"""

import re
from dataclasses import replace

import numpy as np

from twinstage.assets.importing.meshes.shape import Look
from twinstage.scene.color import linear_from_srgb

_MAPS = {
    "map_kd": "color",
    "map_ke": "emissive",
    "map_d": "opacity",
    "map_pr": "roughness",
    "map_pm": "metallic",
    "norm": "normal",
    "map_kn": "normal",
}
_BUMPS = ("bump", "map_bump", "map_disp", "disp")
# How many values follow each option of a map.
_OPTIONS = {
    "-blendu": 1,
    "-blendv": 1,
    "-cc": 1,
    "-clamp": 1,
    "-texres": 1,
    "-imfchan": 1,
    "-bm": 1,
    "-boost": 1,
    "-type": 1,
    "-mm": 2,
    "-o": 3,
    "-s": 3,
    "-t": 3,
}


def read_mtl(text: str) -> tuple[dict[str, Look], list[str]]:
    """Looks by name, and what was left out, in words."""
    looks: dict[str, Look] = {}
    notes: list[str] = []
    look: Look | None = None
    physical = False
    for line in text.splitlines():
        parts = line.strip().split(None, 1)
        if len(parts) < 2 or parts[0].startswith("#"):
            continue
        word, rest = parts[0].lower(), parts[1].strip()
        if word == "newmtl":
            look = Look(rest)
            looks[rest] = look
            physical = False
            continue
        if look is None:
            continue
        if word in _MAPS:
            look.maps[_MAPS[word]] = _file_of(rest)
            continue
        if word in _BUMPS:
            notes.append(f"material {look.name!r}: the bump map {_file_of(rest)!r} is not carried over")
            continue
        changed, physical = _apply(look, word, rest, physical)
        look = looks[look.name] = changed
    return looks, list(dict.fromkeys(notes))


def _apply(look: Look, word: str, rest: str, physical: bool) -> tuple[Look, bool]:
    numbers = [float(m) for m in re.findall(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?", rest)]
    if not numbers or not np.isfinite(numbers).all():
        return look, physical
    first = numbers[0]
    if word == "kd":
        return replace(look, color=_color(numbers)), physical
    if word == "ke":
        return replace(look, emissive=_color(numbers) if max(numbers[:3]) > 0 else None), physical
    if word == "d":
        return replace(look, opacity=min(max(first, 0.0), 1.0)), physical
    if word == "pr":
        return replace(look, roughness=min(max(first, 0.0), 1.0)), True
    if word == "pm":
        return replace(look, metallic=min(max(first, 0.0), 1.0)), physical
    if word == "ni" and 1.0 < first < 4.0:
        return replace(look, ior=first), physical
    if word == "ns" and not physical:
        return replace(look, roughness=roughness_of(first)), physical
    return look, physical


def roughness_of(shininess: float) -> float:
    """Roughness of the microfacet model whose highlight is as wide as Phong's with that exponent."""
    return float((2.0 / (max(shininess, 0.0) + 2.0)) ** 0.25)


def _color(numbers: list[float]) -> tuple[float, float, float]:
    values = (numbers + numbers[:1] * 2)[:3] if len(numbers) < 3 else numbers[:3]
    linear = linear_from_srgb(np.clip(np.array(values, np.float64), 0.0, 1.0))
    return (float(linear[0]), float(linear[1]), float(linear[2]))


def _file_of(text: str) -> str:
    """The file's name behind the options; it may hold spaces."""
    words = text.split()
    at = 0
    while at < len(words) and words[at].lower() in _OPTIONS:
        most = _OPTIONS[words[at].lower()]
        at += 1
        taken = 0
        while at < len(words) - 1 and taken < most and (most == 1 or _is_number(words[at])):
            at += 1
            taken += 1
    return re.split(r"\s+", text.strip(), maxsplit=at)[-1] if at else text.strip()


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True
