"""What every triangle of a glTF file wears, from the file alone: numbers of its material, pixels, coordinates and colours."""

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from gltf_oracle import Oracle, corners
from PIL import Image

SLOTS = (
    ("pbrMetallicRoughness", "baseColorTexture"),
    ("pbrMetallicRoughness", "metallicRoughnessTexture"),
    ("", "normalTexture"),
    ("", "occlusionTexture"),
    ("", "emissiveTexture"),
)
WRAPS = {33071: "clamp", 33648: "mirror", 10497: "repeat"}


@dataclass
class Looks:
    """Of all triangles n: corners [n, 3, 3], texture coordinates [n, 3, 2], colours [n, 3, 4], material [n] (-1: none)."""

    points: np.ndarray
    uv: np.ndarray
    color: np.ndarray
    material: np.ndarray


def looks(file: Oracle, t: float = 0.0) -> Looks:
    """What is drawn at a moment, in the same order as `Oracle.triangles`."""
    worlds = file.worlds(t)
    points, uv, color, material = [], [], [], []
    for number, world in worlds.items():
        node = file.doc["nodes"][number]
        for primitive in file.doc["meshes"][node["mesh"]]["primitives"] if "mesh" in node else ():
            if primitive.get("mode", 4) < 4:
                continue
            places = file.points(number, node, primitive, worlds, world, t)
            order = corners(primitive, file, len(places))
            attributes = primitive["attributes"]
            points.append(places[order])
            coordinates = (
                file.rows(attributes["TEXCOORD_0"])
                if "TEXCOORD_0" in attributes
                else np.zeros((len(places), 2))
            )
            uv.append(coordinates[order])
            tint = file.rows(attributes["COLOR_0"]) if "COLOR_0" in attributes else np.ones((len(places), 4))
            if tint.shape[1] == 3:
                tint = np.concatenate([tint, np.ones((len(tint), 1))], 1)
            color.append(tint[order])
            material.append(np.full(len(order), primitive.get("material", -1)))
    return Looks(*(np.concatenate(rows) for rows in (points, uv, color, material)))


def worn(file: Oracle, number: int) -> dict[str, Any]:
    """The numbers of a material, with glTF's defaults filled in."""
    material = file.doc["materials"][number] if number >= 0 else {}
    pbr, more = material.get("pbrMetallicRoughness", {}), material.get("extensions", {})
    strength = more.get("KHR_materials_emissive_strength", {}).get("emissiveStrength", 1.0)
    mode = material.get("alphaMode", "OPAQUE")
    return {
        "baseColor": pbr.get("baseColorFactor", [1, 1, 1, 1]),
        "metallic": pbr.get("metallicFactor", 1.0),
        "roughness": pbr.get("roughnessFactor", 1.0),
        "emissive": [strength * x for x in material.get("emissiveFactor", [0, 0, 0])],
        "alphaMode": mode,
        "alphaCutoff": material.get("alphaCutoff", 0.5) if mode == "MASK" else None,
        "doubleSided": material.get("doubleSided", False),
    }


def texture(file: Oracle, number: int, group: str, slot: str) -> "tuple[str, str, np.ndarray] | None":
    """(wrap in s, wrap in t, decoded pixels [h, w, 4]) of a material's texture; None where it has none."""
    material = file.doc["materials"][number] if number >= 0 else {}
    entry = (material.get(group, {}) if group else material).get(slot)
    if entry is None:
        return None
    one = file.doc["textures"][entry["index"]]
    sampler = file.doc["samplers"][one["sampler"]] if "sampler" in one else {}
    image = file.doc["images"][one["source"]]
    if "bufferView" in image:
        view = file.doc["bufferViews"][image["bufferView"]]
        start = view.get("byteOffset", 0)
        data = file.buffer(view.get("buffer", 0))[start : start + view["byteLength"]]
    else:
        data = (file.folder / image["uri"]).read_bytes()
    pixels = np.asarray(Image.open(io.BytesIO(data)).convert("RGBA"))
    return WRAPS[sampler.get("wrapS", 10497)], WRAPS[sampler.get("wrapT", 10497)], pixels


def partners(found: Looks, wanted: Looks, reach: float = 1e-5) -> tuple[np.ndarray, np.ndarray]:
    """For each wanted triangle the number of the found one at its place, whose corners are turned as its own; and its gap.

    Of several at one place the one whose texture coordinates and colours are nearest. Returns (corners [n, 3] as indices
    into the flattened corners of `found`, gap in place by the size of all [n]).
    """
    size = float(np.ptp(wanted.points.reshape(-1, 3), axis=0).max())
    direction = np.array([0.5377, 0.3183, 0.7809])
    keys = found.points.mean(1) @ direction
    order = np.argsort(keys)
    free = np.ones(len(order), bool)
    out, gaps = np.zeros((len(wanted.points), 3), int), np.full(len(wanted.points), np.inf)
    for k, middle in enumerate(wanted.points.mean(1) @ direction):
        low, high = np.searchsorted(keys[order], [middle - reach * size, middle + reach * size])
        best = (np.inf, -1, 0)
        for place in np.arange(low, high)[free[low:high]].tolist():
            one = int(order[place])
            for turn in range(3):
                gap = np.abs(np.roll(found.points[one], turn, 0) - wanted.points[k]).max() / size
                if gap < reach:
                    look = np.abs(np.roll(found.uv[one], turn, 0) - wanted.uv[k]).max()
                    look += np.abs(np.roll(found.color[one], turn, 0) - wanted.color[k]).max()
                    best = min(best, (look, place, turn))
                    gaps[k] = gap if best[1:] == (place, turn) else gaps[k]
        if best[1] >= 0:
            free[best[1]] = False
            one = int(order[best[1]])
            out[k] = 3 * one + np.roll(np.arange(3), best[2])
    return out, gaps
