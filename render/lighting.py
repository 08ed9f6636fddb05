"""UsdLux quantities that every engine needs: what a light emits, in metres, and the light of a stage that has none.

UsdLux states the radiance that a light's surface emits; `normalize` divides it by the surface's size, so that the
power stays while the size changes. The size is measured in the stage's own units, as in any USD renderer: therefore
`metersPerUnit` enters. A distant light's size is the solid angle of its disc projected onto a surface that faces it.
"""

from dataclasses import dataclass

import numpy as np

from twinstage.scene.columns import F8
from twinstage.scene.snapshot import Light, Material, Shaping, Snapshot

DRAWN_KINDS = ("dome", "distant", "rect", "disk", "sphere", "cylinder")
"""Kinds of light that engines know."""

DEFAULT_DOME = (0.45, 0.5, 0.58)
"""Radiance of the sky of a stage without lights."""
DEFAULT_SUN = (2.2, 2.1, 1.9)
"""Irradiance of the sun of a stage without lights."""
DEFAULT_SUN_DIRECTION = (0.45, 0.35, -0.82)
"""Where the sun's light goes to, in a Z-up world."""


@dataclass(frozen=True, slots=True)
class PlacedLight:
    """A light with its pose: world_from_light f8[4, 4] [m], radiance (irradiance for distant lights) linear rgb.

    `light` is None for the two that stand in where a stage has none.
    """

    kind: str
    world_from_light: F8
    radiance: tuple[float, float, float]
    light: Light | None = None


def placed_lights(snapshot: Snapshot) -> tuple[PlacedLight, ...]:
    """The lights of a stage, without those that are hidden or dark; a sky and a sun where it has no light at all.

    A surface of an emissive material is light of its own, so a stage with one gets no default lights.
    """
    out = []
    for light in snapshot.lights:
        drawn = light.kind in DRAWN_KINDS and snapshot.prims.visible[light.prim]
        if drawn and max(light.radiance) > 0 and light.diffuse > 0:
            world = snapshot.node_world[light.prim]
            factor = 1.0 / size_factor(snapshot, light, world) if light.normalize else 1.0
            if light.kind == "distant" and not light.normalize:
                factor = distant_size(light.angle)
            radiance = tuple(c * factor * light.diffuse for c in light.radiance)
            out.append(PlacedLight(light.kind, world, radiance, light))  # type: ignore[arg-type]
    if out or snapshot.lights or glowing_materials(snapshot):
        return tuple(out)
    return default_lights()


def default_lights() -> tuple[PlacedLight, ...]:
    """A sky of `DEFAULT_DOME` and a sun of `DEFAULT_SUN`."""
    pose = np.eye(4)
    z = -np.array(DEFAULT_SUN_DIRECTION) / np.linalg.norm(DEFAULT_SUN_DIRECTION)
    x = np.cross([0.0, 1.0, 0.0], z)
    x /= np.linalg.norm(x)
    pose[:3, :3] = np.stack([x, np.cross(z, x), z], 1)
    return (PlacedLight("dome", np.eye(4), DEFAULT_DOME), PlacedLight("distant", pose, DEFAULT_SUN))


def size_factor(snapshot: Snapshot, light: Light, world: F8) -> float:
    """What `normalize` divides by: the area in stage units squared, or 1 for domes and distant lights.

    A distant light's normalized radiance times its solid angle is its intensity: the irradiance needs no factor.
    """
    unit = snapshot.stage.meters_per_unit
    sx, sy, sz = np.linalg.norm(world[:3, :3], axis=0) / unit
    skew = np.linalg.norm(np.cross(world[:3, 0], world[:3, 1])) / unit**2  # of X and Y: sx * sy without shear
    if light.kind == "rect":
        area = light.width * light.height * skew
    elif light.kind == "disk":
        area = np.pi * light.radius**2 * skew
    elif light.kind == "sphere":
        area = 4 * np.pi * light.radius**2 * (sx * sy * sz) ** (2 / 3)
    elif light.kind == "cylinder":
        area = 2 * np.pi * light.radius * light.length * sx * np.sqrt(sy * sz)
    else:
        return 1.0
    return float(area) if area > 0 else 1.0


def distant_size(angle: float) -> float:
    """Irradiance of a distant light of radiance 1 that is `angle` [rad] wide; 1 for a point.

    UsdLux, sizeFactor of a DistantLight: with t = angle / 2 up to a half turn, pi sin^2 t; beyond it (2 - sin^2 t) pi.
    """
    if angle <= 0:
        return 1.0
    half = min(angle / 2, np.pi)
    share = np.sin(half) ** 2
    return float(np.pi * (share if half <= np.pi / 2 else 2 - share))


def shaping_factor(shaping: Shaping, cosine: np.ndarray) -> F8:
    """What shaping leaves of the emission, f8[n, 3], by the cosine f8[n] of the angle to the light's axis.

    UsdLux ShapingAPI, as its reference renderer hdEmbree has it: lerp(focusTint, 1, cos^focus), then
    1 - smoothstep((1 - softness) * coneAngle, coneAngle, angle). An IES profile is left out.
    """
    out = np.ones((len(cosine), 3))
    if shaping.focus > 0:
        share = np.maximum(cosine, 0.0)[:, None] ** shaping.focus
        out = share + (1 - share) * np.array(shaping.focus_tint)
    if shaping.cone_angle < np.pi:
        angle = np.arccos(np.clip(cosine, -1.0, 1.0))
        inner = (1 - shaping.cone_softness) * shaping.cone_angle
        at = np.clip((angle - inner) / max(shaping.cone_angle - inner, 1e-9), 0.0, 1.0)
        out = out * (1 - at * at * (3 - 2 * at))[:, None]
    return out


def world_from_map(light: Light, world: F8) -> F8:
    """Rotation f8[3, 3] from the axes of a dome's map (+Y is its pole, +Z its middle) to the world."""
    u, _, vt = np.linalg.svd(world[:3, :3] @ np.array(light.node_from_map))
    rotation: F8 = u @ vt
    return rotation


def glowing_materials(snapshot: Snapshot) -> set[int]:
    """Rows of the materials in use that give light."""
    used = {m for row in snapshot.material_sets for m in row}
    return {m for m in used if emits(snapshot.materials[m])}


def emits(material: Material) -> bool:
    """Whether a surface of that material gives light."""
    return max(material.emissive_color) > 0 or material.texture("emissiveColor") is not None
