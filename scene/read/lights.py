"""UsdLux lights -> `Light`, sizes in metres, radiance with exposure and colour temperature multiplied in.

What a light emits (UsdLux, `LightAPI`): radiance = color * blackbody(colorTemperature) * intensity * 2^exposure, in nit for
intensity 1; `normalize` and the sizes it divides by are `render.lighting`'s. Values come by USD's value resolution, so the
schemas' fall-backs hold (a DistantLight's intensity is 50,000). What pictures leave out is a finding; it is kept as data.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from twinstage.scene.read.context import ReadContext
from twinstage.scene.read.light_inputs import LightInputs
from twinstage.scene.read.light_notes import note_what_is_left_out
from twinstage.scene.read.textures import TextureStore
from twinstage.scene.snapshot import Light, PrimTable, Shaping
from twinstage.scene.tables import Interned

KINDS = {
    "DomeLight": "dome",
    "DomeLight_1": "dome",
    "DistantLight": "distant",
    "RectLight": "rect",
    "DiskLight": "disk",
    "SphereLight": "sphere",
    "CylinderLight": "cylinder",
    "GeometryLight": "mesh",
}
NOT_LIT = ("PortalLight", "PluginLight")
SHAPES = ("Mesh", "Volume", "Sphere", "Cube", "Cylinder", "Cone", "Capsule", "Plane")
"""Prims that become lights by an API schema of their own."""
LENGTHS = {
    "rect": ("width", "height"),
    "disk": ("radius",),
    "sphere": ("radius",),
    "cylinder": ("radius", "length"),
}
LATITUDE_LONGITUDE = ("automatic", "latlong")
POINT_RADIUS_M = 1e-3
"""Radius of a light without extent whose power is normalized: as small as keeps its arithmetic sound."""
POLE_UP_Y = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
POLE_UP_Z = ((1.0, 0.0, 0.0), (0.0, 0.0, -1.0), (0.0, 1.0, 0.0))
"""node_from_map where the map's pole is +Z: +90 degrees about X."""


def read_lights(
    context: ReadContext,
    table: PrimTable,
    prims: Sequence[Any],
    textures: TextureStore,
    up_axis: str,
    own: np.ndarray | None = None,
) -> tuple[Light, ...]:
    """All lights in path order, hidden ones included.

    `own` i4[n]: rows of equal numbers are proxies of the same prim, so a gprim is asked once whether it is a light.
    """
    lights = []
    types = Interned.of(table.type_name)
    wanted = types.isin([*KINDS, *NOT_LIT])
    wanted[_gprim_lights(types, prims, own)] = True
    for i in np.flatnonzero(wanted).tolist():
        if table.type_name[i] in NOT_LIT:
            context.finding(
                "light.kind",
                f"{table.path[i]} gives no light: {table.type_name[i]} is not supported",
                table.path[i],
            )
        else:
            lights.append(_read_light(context, i, prims[i], textures, up_axis))
    return tuple(lights)


def _gprim_lights(types: "Interned[str]", prims: Sequence[Any], own: np.ndarray | None) -> np.ndarray:
    """Rows of the gprims that have UsdLux's LightAPI."""
    rows = np.flatnonzero(types.isin(SHAPES))
    number = rows if own is None else own[rows]
    _, first, inverse = np.unique(number, return_index=True, return_inverse=True)
    is_light = np.array(["LightAPI" in prims[i].GetAppliedSchemas() for i in rows[first].tolist()], bool)
    out: np.ndarray = rows[is_light[inverse.reshape(-1)]]
    return out


def _read_light(context: ReadContext, index: int, prim: Any, textures: TextureStore, up_axis: str) -> Light:
    kind = KINDS.get(str(prim.GetTypeName()), "mesh")
    inputs = LightInputs(context, prim)
    normalize = inputs.flag("normalize")
    light = Light(
        prim=index,
        kind=kind,
        radiance=_radiance(inputs),
        normalize=normalize,
        angle=math.radians(inputs.number("angle", 0.53)) if kind == "distant" else 0.0,
        texture=_texture(context, inputs, textures) if kind in ("dome", "rect") else -1,
        node_from_map=_pole(prim, up_axis) if kind == "dome" else POLE_UP_Y,
        diffuse=inputs.number("diffuse", 1.0),
        specular=inputs.number("specular", 1.0),
        shaping=_shaping(inputs) if kind not in ("dome", "distant") else None,
        treat_as_point=_hint(prim),
        shadow=inputs.flag("shadow:enable", True),
        **_lengths(context, inputs, kind, normalize),
    )
    note_what_is_left_out(context, prim, light, inputs)
    return light


def _radiance(inputs: LightInputs) -> tuple[float, float, float]:
    from pxr import UsdLux

    exposure = min(max(inputs.number("exposure", 0.0), -64.0), 64.0)
    power = inputs.number("intensity", 1.0) * 2.0**exposure
    color = list(inputs.color("color", (1.0, 1.0, 1.0)))
    if inputs.flag("enableColorTemperature"):
        tint = UsdLux.BlackbodyTemperatureAsRgb(inputs.number("colorTemperature", 6500.0))
        color = [c * float(t) for c, t in zip(color, tint, strict=True)]
    red, green, blue = (max(c * power, 0.0) for c in color)
    if power < 0 or min(color) < 0:
        inputs.note(
            "light.value", "emits less than nothing (a negative intensity or colour), which counts as 0"
        )
    return red, green, blue


def _lengths(context: ReadContext, inputs: LightInputs, kind: str, normalize: bool) -> dict[str, float]:
    """Sizes [m]. A light without extent emits nothing, unless it is normalized: then it counts as tiny."""
    scale = context.conversion.scale
    found = {name: inputs.number(name, 0.0) * scale for name in LENGTHS.get(kind, ())}
    if all(value > 0 for value in found.values()):
        return found
    if normalize:
        return {name: value if value > 0 else POINT_RADIUS_M for name, value in found.items()}
    inputs.note("light.size", "has no extent and is not normalized, so it gives no light")
    return {name: max(value, 0.0) for name, value in found.items()}


def _shaping(inputs: LightInputs) -> Shaping | None:
    """UsdLux ShapingAPI, None where nothing is shaped.

    The schema's fall-back cuts at 90 degrees; where its attributes are authored without it being applied, nothing is cut.
    """
    applied = inputs.prim.HasAPI("ShapingAPI")
    if not (applied or inputs.authored("shaping:")):
        return None
    asset = inputs.value("shaping:ies:file")
    cone = min(max(inputs.number("shaping:cone:angle", 90.0 if applied else 180.0), 0.0), 180.0)
    shaping = Shaping(
        cone_angle=math.radians(cone),
        cone_softness=min(max(inputs.number("shaping:cone:softness", 0.0), 0.0), 1.0),
        focus=max(inputs.number("shaping:focus", 0.0), 0.0),
        focus_tint=inputs.color("shaping:focusTint", (0.0, 0.0, 0.0)),
        ies=inputs.file("shaping:ies:file", asset) if str(getattr(asset, "path", "")) else b"",
        ies_angle_scale=inputs.number("shaping:ies:angleScale", 0.0),
        ies_normalize=inputs.flag("shaping:ies:normalize"),
    )
    return shaping if shaping != Shaping(cone_angle=math.pi) else None


def _texture(context: ReadContext, inputs: LightInputs, textures: TextureStore) -> int:
    asset = inputs.value("texture:file")
    if not str(getattr(asset, "path", "")):
        return -1
    layout = str(inputs.value("texture:format") or "automatic")
    if layout not in LATITUDE_LONGITUDE:
        inputs.note(
            "light.texture-format", f"has a map of format {layout!r}, which is left out; latlong is read"
        )
        return -1
    attribute = inputs.attribute("texture:file")
    index = textures.index(asset, attribute)
    if index >= 0 and textures.header(index).bits == 0:
        path = str(attribute.GetPath())
        context.finding(
            "texture.unreadable",
            f"{path}: {str(asset.path)!r} is no image that can be read, so it is left out",
            path,
        )
        return -1
    return index


def _pole(prim: Any, up_axis: str) -> tuple[tuple[float, float, float], ...]:
    attribute = prim.GetAttribute("poleAxis")
    axis = str(attribute.Get()) if attribute else "Y"
    if axis == "scene":
        axis = up_axis
    return POLE_UP_Z if axis == "Z" else POLE_UP_Y


def _hint(prim: Any) -> bool:
    return any(
        attribute and attribute.Get() is True
        for attribute in (prim.GetAttribute("treatAsPoint"), prim.GetAttribute("treatAsLine"))
    )
