"""UsdLux lights -> `Light`, sizes in metres, radiance with exposure and colour temperature multiplied in."""

import math
from collections.abc import Sequence
from typing import Any

from twinstage.scene.read.context import ReadContext
from twinstage.scene.read.textures import TextureStore
from twinstage.scene.snapshot import Light, PrimTable

KINDS = {
    "DomeLight": "dome",
    "DomeLight_1": "dome",
    "DistantLight": "distant",
    "RectLight": "rect",
    "DiskLight": "disk",
    "SphereLight": "sphere",
    "CylinderLight": "cylinder",
}
NOT_LIT = ("GeometryLight", "PortalLight", "PluginLight")
LENGTHS = ("width", "height", "radius", "length")
POLE_UP_Y = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
POLE_UP_Z = ((1.0, 0.0, 0.0), (0.0, 0.0, -1.0), (0.0, 1.0, 0.0))
"""node_from_map where the map's pole is +Z: +90 degrees about X."""


def read_lights(
    context: ReadContext, table: PrimTable, prims: Sequence[Any], textures: TextureStore, up_axis: str
) -> tuple[Light, ...]:
    """All lights in path order, hidden ones included."""
    lights = []
    for i, type_name in enumerate(table.type_name):
        if type_name in KINDS:
            lights.append(_read_light(context, i, prims[i], textures, up_axis))
        elif type_name in NOT_LIT:
            context.finding(
                "light.kind", f"{table.path[i]} gives no light: {type_name} is not supported", table.path[i]
            )
    return tuple(lights)


def _read_light(context: ReadContext, index: int, prim: Any, textures: TextureStore, up_axis: str) -> Light:
    kind = KINDS[str(prim.GetTypeName())]

    def get(name: str, default: Any) -> Any:
        attribute = prim.GetAttribute(f"inputs:{name}")
        found = attribute.Get(context.time) if attribute else None
        return default if found is None else found

    lengths = {name: float(get(name, 0.0)) * context.conversion.scale for name in LENGTHS if _has(prim, name)}
    if get("shaping:ies:file", None):
        context.finding("light.ies", f"{prim.GetPath()}: the IES profile is left out", prim.GetPath())
    return Light(
        prim=index,
        kind=kind,
        radiance=_radiance(get),
        normalize=bool(get("normalize", False)),
        angle=math.radians(float(get("angle", 0.0))) if kind == "distant" else 0.0,
        texture=_texture(prim, get, textures) if kind in ("dome", "rect") else -1,
        node_from_map=_pole(prim, up_axis),
        **lengths,
    )


def _has(prim: Any, name: str) -> bool:
    return bool(prim.GetAttribute(f"inputs:{name}"))


def _radiance(get: Any) -> tuple[float, float, float]:
    from pxr import UsdLux

    power = float(get("intensity", 1.0)) * 2.0 ** float(get("exposure", 0.0))
    color = [float(c) for c in get("color", (1.0, 1.0, 1.0))]
    if get("enableColorTemperature", False):
        tint = UsdLux.BlackbodyTemperatureAsRgb(float(get("colorTemperature", 6500.0)))
        color = [c * float(t) for c, t in zip(color, tint, strict=True)]
    red, green, blue = (c * power for c in color)
    return red, green, blue


def _texture(prim: Any, get: Any, textures: TextureStore) -> int:
    asset = get("texture:file", None)
    return textures.index(asset, prim.GetAttribute("inputs:texture:file")) if asset is not None else -1


def _pole(prim: Any, up_axis: str) -> tuple[tuple[float, float, float], ...]:
    attribute = prim.GetAttribute("poleAxis")
    axis = str(attribute.Get()) if attribute else "Y"
    if axis == "scene":
        axis = up_axis
    return POLE_UP_Z if axis == "Z" else POLE_UP_Y
