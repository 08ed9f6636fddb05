"""UsdLux quantities that every engine needs: what a light emits, in metres, and the light of a stage that has none.

UsdLux states the radiance that a light's surface emits; `normalize` divides it by the surface's size, so that the
power stays while the size changes. The size is measured in the stage's own units, as in any USD renderer: therefore
`metersPerUnit` enters. A distant light's size is the solid angle of its disc projected onto a surface that faces it.
"""

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from twinstage.scene.columns import F4, F8, frozen
from twinstage.scene.ies import IesError, Profile, parse_ies
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

    `light` is None for the two that stand in where a stage has none. `reflects`: its multipliers of what surfaces reflect,
    matt and glossy; `radiance` is without them.
    """

    kind: str
    world_from_light: F8
    radiance: tuple[float, float, float]
    light: Light | None = None
    reflects: tuple[float, float] = (1.0, 1.0)


def placed_lights(snapshot: Snapshot) -> tuple[PlacedLight, ...]:
    """The lights of a stage, without those that are hidden or dark; a sky and a sun where it has no light at all.

    A surface of an emissive material is light of its own, so a stage with one gets no default lights. Gprims that are lights
    are not among them: `with_glowing_gprims` makes their surfaces glow.
    """
    out = []
    for light in snapshot.lights:
        drawn = light.kind in DRAWN_KINDS and snapshot.prims.visible[light.prim]
        if drawn and max(light.radiance) > 0 and max(light.diffuse, light.specular) > 0:
            world = snapshot.node_world[light.prim]
            factor = 1.0 / size_factor(snapshot, light, world) if light.normalize else 1.0
            if light.kind == "distant" and not light.normalize:
                factor = distant_size(light.angle)
            red, green, blue = (c * factor for c in light.radiance)
            parts = (max(light.diffuse, 0.0), max(light.specular, 0.0))
            out.append(PlacedLight(light.kind, world, (red, green, blue), light, parts))
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


def shaping_factor(shaping: Shaping, cosine: np.ndarray, azimuth: np.ndarray | float = 0.0) -> F8:
    """What shaping leaves of the emission, f8[n, 3], by the cosine f8[n] of the angle to the light's axis.

    UsdLux ShapingAPI, as its reference renderer hdEmbree has it: lerp(focusTint, 1, cos^focus), then
    1 - smoothstep((1 - softness) * coneAngle, coneAngle, angle), then the IES profile at that angle and `azimuth` [rad],
    which counts from the light's +X to its +Y.
    """
    out = np.ones((len(cosine), 3))
    angle = np.arccos(np.clip(cosine, -1.0, 1.0))
    if shaping.focus > 0:
        share = np.maximum(cosine, 0.0)[:, None] ** shaping.focus
        out = share + (1 - share) * np.array(shaping.focus_tint)
    if shaping.cone_angle < np.pi:
        inner = (1 - shaping.cone_softness) * shaping.cone_angle
        at = np.clip((angle - inner) / max(shaping.cone_angle - inner, 1e-9), 0.0, 1.0)
        out = out * (1 - at * at * (3 - 2 * at))[:, None]
    profile = ies_profile(shaping.ies)
    if profile is not None:
        theta = ies_angle(angle, shaping.ies_angle_scale)
        scale = 1.0 / profile.power() if shaping.ies_normalize and profile.power() > 0 else 1.0
        inside = (theta >= 0) & (theta <= np.pi)
        candela = profile.at(np.degrees(np.clip(theta, 0, np.pi)), np.degrees(azimuth))
        out = out * np.where(inside, candela * scale, 0.0)[:, None]
    return out


def ies_angle(angle: np.ndarray, scale: float) -> F8:
    """Vertical angle [rad] at which a profile is read (UsdLux, shaping:ies:angleScale)."""
    if scale > 0:
        return np.asarray(angle / scale)
    return np.asarray((angle - np.pi) / -scale + np.pi if scale < 0 else angle)


@lru_cache(32)
def ies_profile(data: bytes) -> Profile | None:
    """The profile of a light, or None where it has none or one that cannot be read (a finding told so)."""
    try:
        return parse_ies(data) if data else None
    except IesError:
        return None


@lru_cache(32)
def ies_grid(data: bytes, normalize: bool) -> F4 | None:
    """`Profile.grid` of a light, divided by its power where the light says so."""
    profile = ies_profile(data)
    if profile is None:
        return None
    power = profile.power() if normalize else 1.0
    return frozen(profile.grid() / (power if power > 0 else 1.0), np.float32)


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


def with_glowing_gprims(snapshot: Snapshot) -> Snapshot:
    """The snapshot with the surfaces of gprims that are lights (MeshLightAPI and the like) made to glow.

    Such a light's radiance is taken times what its material emits already, where that emits anything (UsdLux's
    `materialGlowTintsLight`), else for itself. `normalize` divides by the area of the gprim, in stage units.
    """
    lights = [light for light in snapshot.lights if light.kind == "mesh" and max(light.radiance) > 0]
    if not lights:
        return snapshot
    materials, sets = list(snapshot.materials), list(snapshot.material_sets)
    chosen = np.array(snapshot.instances.material_set)
    for light in lights:
        for row in np.flatnonzero(snapshot.instances.prim == light.prim).tolist():
            factor = light.diffuse / (_surface_area(snapshot, row) if light.normalize else 1.0)
            glow = tuple(c * factor for c in light.radiance)
            glowing: list[int] = []
            for m in sets[chosen[row]]:
                glowing.append(len(materials))
                materials.append(_tinted(materials[m], glow))
            chosen[row] = len(sets)
            sets.append(tuple(glowing))
    instances = replace(snapshot.instances, material_set=frozen(chosen, np.int32))
    return replace(snapshot, materials=tuple(materials), material_sets=tuple(sets), instances=instances)


def _tinted(material: Material, glow: tuple[float, ...]) -> Material:
    """The material with its emission times `glow`, or `glow` alone where it emits nothing."""
    source = material.texture("emissiveColor")
    tint = material.emissive_color if max(material.emissive_color) > 0 and source is None else (1.0, 1.0, 1.0)
    red, green, blue = (a * b for a, b in zip(glow, tint, strict=True))
    textures = material.textures
    if source is not None:
        factor = (*glow, 1.0)
        scale = tuple(a * b for a, b in zip(source.scale, factor, strict=True))
        bias = tuple(a * b for a, b in zip(source.bias, factor, strict=True))
        scaled = replace(source, scale=scale, bias=bias)  # type: ignore[arg-type]
        textures = tuple((name, scaled if name == "emissiveColor" else item) for name, item in textures)
    return replace(material, emissive_color=(red, green, blue), textures=textures)


def _surface_area(snapshot: Snapshot, row: int) -> float:
    """Area of an instance's triangles in stage units squared; 1 where it has none."""
    prototype = snapshot.prototypes[snapshot.instances.prototype[row]]
    corners = (prototype.points @ snapshot.instance_world[row, :3, :3].T)[prototype.triangles]
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    area = float(np.linalg.norm(across, axis=1).sum() / 2 / snapshot.stage.meters_per_unit**2)
    return area if area > 0 else 1.0
