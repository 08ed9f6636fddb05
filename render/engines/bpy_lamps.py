"""UsdLux lights as Blender's: radiance becomes the power [W] of a Lambertian source of that size.

A light's power is pi * area * radiance; a sun's is its irradiance. Shaping becomes nodes of the same formula as
`lighting.shaping_factor`. Blender has no cylinder light: it is a tube that glows, without its ends, seen by no camera. A
dome is the world: a background a dome, added up. Left out are IES profiles; an area light's image counts as its mean colour,
and the multiplier of matt reflections for glossy ones, too, as Cycles has none.
"""

from typing import Any

import numpy as np

from twinstage.render.engines.bpy_looks import Graph, Images, Value
from twinstage.render.images import decode, linear_pixels
from twinstage.render.lighting import PlacedLight, placed_lights, world_from_map
from twinstage.scene.columns import F8
from twinstage.scene.snapshot import Shaping, Snapshot

BLENDER_FROM_MAP = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
"""Blender's maps have their middle along +X and their pole along +Z; ours along +Z and +Y."""


def lamps_of(snapshot: Snapshot, origin: F8) -> list[dict[str, Any]]:
    """All lights but domes."""
    return [_lamp(snapshot, placed, origin) for placed in placed_lights(snapshot) if placed.kind != "dome"]


def world_graph(snapshot: Snapshot, images: Images) -> dict[str, Any]:
    """The background: the sum of all domes."""
    graph = Graph()
    total: Value = None
    for placed in placed_lights(snapshot):
        if placed.kind != "dome":
            continue
        peak = max(placed.radiance) * max(placed.reflects[0], 1e-30)
        color: Value = [*(c * placed.reflects[0] / peak for c in placed.radiance), 1.0]
        if placed.light is not None and placed.light.texture >= 0:
            image = _environment(graph, placed, images.map(snapshot, placed.light.texture))
            color = graph.add("ShaderNodeVectorMath", set={"operation": "MULTIPLY"}, _0=image, _1=color[:3])
        one = graph.add("ShaderNodeBackground", Color=color, Strength=peak)
        total = one if total is None else graph.add("ShaderNodeAddShader", _0=total, _1=one)
    if total is None:
        graph.add("ShaderNodeBackground", Color=[0.0, 0.0, 0.0, 1.0], Strength=0.0)
    return graph.data()


def _environment(graph: Graph, placed: PlacedLight, key: str) -> Value:
    assert placed.light is not None
    rotation = BLENDER_FROM_MAP @ world_from_map(placed.light, placed.world_from_light).T
    seen = graph.add("ShaderNodeTexCoord", "Generated")
    turned = graph.add("ShaderNodeMapping", Vector=seen, Rotation=_euler(rotation))
    return graph.add("ShaderNodeTexEnvironment", set={"image": key}, Vector=turned)


def _euler(rotation: F8) -> list[float]:
    """XYZ angles [rad] of R = Rz Ry Rx."""
    y = float(np.arcsin(np.clip(-rotation[2, 0], -1.0, 1.0)))
    if abs(rotation[2, 0]) > 1 - 1e-9:  # gimbal lock: all of the turn goes to x
        return [float(np.arctan2(-rotation[1, 2], rotation[1, 1])), y, 0.0]
    x = float(np.arctan2(rotation[2, 1], rotation[2, 2]))
    return [x, y, float(np.arctan2(rotation[1, 0], rotation[0, 0]))]


def _lamp(snapshot: Snapshot, placed: PlacedLight, origin: F8) -> dict[str, Any]:
    tint = _tint(snapshot, placed)
    peak = max(tint)
    color = [c / max(peak, 1e-30) for c in tint]
    pose, scale = np.array(placed.world_from_light), np.linalg.norm(placed.world_from_light[:3, :3], axis=0)
    u, _, vt = np.linalg.svd(pose[:3, :3])
    pose[:3, :3], pose[:3, 3] = u @ vt, pose[:3, 3] - origin
    light = placed.light
    common = {"color": color, "use_shadow": light is None or light.shadow}
    world = pose.tolist()
    if placed.kind == "distant":
        angle = 0.0 if light is None else light.angle
        return {"type": "SUN", "world": world, "set": {**common, "energy": peak, "angle": angle}}
    assert light is not None
    if placed.kind == "cylinder":
        graph = Graph()
        emission = graph.add("ShaderNodeEmission", Color=[*color, 1.0], Strength=peak)
        back = graph.add("ShaderNodeNewGeometry", "Backfacing")
        graph.mix(back, emission, graph.add("ShaderNodeBsdfTransparent"))
        radius = light.radius * float(np.sqrt(scale[1] * scale[2]))
        size = {"radius": radius, "length": light.length * float(scale[0])}
        return {"type": "TUBE", "world": world, "graph": graph.data(), **size}
    size, area = _size(placed, scale)
    graph_data = None if light.shaping is None else _shaped(light.shaping, placed.kind)
    kind = "POINT" if placed.kind == "sphere" else "AREA"
    settings = {**common, **size, "energy": float(np.pi * area * peak)}
    return {"type": kind, "world": world, "set": settings, "graph": graph_data}


def _size(placed: PlacedLight, scale: np.ndarray) -> tuple[dict[str, Any], float]:
    """Blender's sizes, and the surface [m^2]."""
    light = placed.light
    assert light is not None
    if placed.kind == "rect":
        width, height = light.width * float(scale[0]), light.height * float(scale[1])
        return {"shape": "RECTANGLE", "size": width, "size_y": height}, width * height
    if placed.kind == "disk":
        width, height = 2 * light.radius * float(scale[0]), 2 * light.radius * float(scale[1])
        return {"shape": "ELLIPSE", "size": width, "size_y": height}, np.pi * width * height / 4
    radius = light.radius * float(np.prod(scale)) ** (1 / 3)
    return {"shadow_soft_size": radius, "use_soft_falloff": False}, 4 * np.pi * radius**2


def _shaped(shaping: Shaping, kind: str) -> dict[str, Any]:
    """An emission that falls off as `lighting.shaping_factor` says; the light's own colour and power multiply it."""
    graph = Graph()
    leaving = graph.add("ShaderNodeNewGeometry", "Incoming")
    local = graph.add(
        "ShaderNodeVectorTransform",
        set={"vector_type": "VECTOR", "convert_from": "WORLD", "convert_to": "OBJECT"},
        Vector=leaving,
    )
    flat = graph.add("ShaderNodeVectorMath", set={"operation": "NORMALIZE"}, _0=local)
    cosine = graph.add(
        "ShaderNodeVectorMath", "Value", set={"operation": "DOT_PRODUCT"}, _0=flat, _1=[0.0, 0.0, -1.0]
    )
    color: Value = [1.0, 1.0, 1.0, 1.0]
    strength: Value = 1.0
    if shaping.focus > 0:
        share = graph.math("POWER", graph.math("MAXIMUM", cosine, 0.0), shaping.focus)
        color = graph.add(
            "ShaderNodeMixRGB", Fac=share, Color1=[*shaping.focus_tint, 1.0], Color2=[1.0, 1.0, 1.0, 1.0]
        )
    if shaping.cone_angle < np.pi:
        inner = (1 - shaping.cone_softness) * shaping.cone_angle
        angle = graph.math("ARCCOSINE", graph.math("MINIMUM", cosine, 1.0))
        strength = graph.add(
            "ShaderNodeMapRange",
            set={"interpolation_type": "SMOOTHSTEP"},
            _0=angle,
            _1=inner,
            _2=max(shaping.cone_angle, inner + 1e-6),
            _3=1.0,
            _4=0.0,
        )
    graph.add("ShaderNodeEmission", Color=color, Strength=strength)
    return graph.data()


def _tint(snapshot: Snapshot, placed: PlacedLight) -> tuple[float, ...]:
    radiance = np.array(placed.radiance) * placed.reflects[0]
    if placed.light is None or placed.light.texture < 0:
        return tuple(radiance.tolist())
    mean = linear_pixels(decode(snapshot.textures[placed.light.texture], 256)).mean((0, 1))
    return tuple(float(c) for c in mean * radiance)
