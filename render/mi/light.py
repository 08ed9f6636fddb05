"""What the integrators are made of: a surface, one function a kind of light, and where a surface reflects.

Everything works on whole arrays of rays and is traced by Dr.Jit. Each function returns the light (Color3f) that the
surface sends back along its ray, shadows included.
"""

from dataclasses import dataclass
from typing import Any

from twinstage.render.mi.lamps import LampTable
from twinstage.render.mi.lights import Lights
from twinstage.render.mi.materials import SPECULAR_RATE
from twinstage.render.mi.runtime import Mitsuba
from twinstage.render.mi.surfaces import SurfaceTable

LAYERS = 4
"""How many cut-out surfaces, one behind the other, a ray may pass."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What `direct_light` looks at. `masked`: whether any surface lets light through."""

    scene: Any
    surfaces: SurfaceTable
    lights: Lights
    masked: bool


@dataclass(frozen=True, slots=True)
class Surface:
    """First hits: the interaction, BSDF and context, and which of them reflect."""

    si: Any
    bsdf: Any
    context: Any
    active: Any


def surface_at(runtime: Mitsuba, world: Surroundings, si: Any, active: Any) -> Surface:
    """The surface at first hits, its numbers looked up."""
    mi = runtime.mi
    bsdf = si.bsdf()
    active = active & si.is_valid() & mi.has_flag(bsdf.flags(), mi.BSDFFlags.Smooth)
    world.surfaces.prepare(si, active)
    return Surface(si, bsdf, mi.BSDFContext(), active)


def from_lights(runtime: Mitsuba, world: Surroundings, sampler: Any, surface: Surface) -> Any:
    """Light of suns, area lights and glowing surfaces: all that a chance ray would hardly meet."""
    lights, out = world.lights, runtime.mi.Color3f(0.0)
    for direction, irradiance in lights.suns:
        out += _from_sun(runtime, world.scene, surface, direction, irradiance)
    if lights.bodies:
        out += _from_bodies(runtime, world, sampler, surface)
    if lights.lamps:
        out += _from_lamps(runtime, world.scene, sampler, surface)
    return out


def _from_sun(runtime: Mitsuba, scene: Any, surface: Surface, direction: Any, irradiance: Any) -> Any:
    mi, dr = runtime.mi, runtime.dr
    toward = mi.Vector3f(*(dr.opaque(mi.Float, -float(v)) for v in direction))
    power = mi.Color3f(*(dr.opaque(mi.Float, float(v)) for v in irradiance))
    value = surface.bsdf.eval(surface.context, surface.si, surface.si.to_local(toward), surface.active)
    lit = surface.active & dr.any(value > 0.0)
    lit &= ~scene.ray_test(surface.si.spawn_ray(toward), lit)
    return dr.select(lit, value * power, 0.0)


def _from_bodies(runtime: Mitsuba, world: Surroundings, sampler: Any, surface: Surface) -> Any:
    dr, si, table = runtime.dr, surface.si, LampTable(runtime, world.lights.bodies)
    sample = table.sample(si.p, sampler.next_2d(surface.active), surface.active)
    value = surface.bsdf.eval(surface.context, si, si.to_local(sample.direction), surface.active)
    light = value * sample.weight
    lit = surface.active & dr.any(light > 0.0)
    lit &= ~world.scene.ray_test(si.spawn_ray_to(sample.point), lit)
    return dr.select(lit, light, 0.0)


def _from_lamps(runtime: Mitsuba, scene: Any, sampler: Any, surface: Surface) -> Any:
    """Light of glowing surfaces, for scenes that have no other."""
    dr, si = runtime.dr, surface.si
    sample, weight = scene.sample_emitter_direction(si, sampler.next_2d(surface.active), True, surface.active)
    lit = surface.active & (sample.pdf != 0.0)
    value = surface.bsdf.eval(surface.context, si, si.to_local(sample.d), lit)
    return dr.select(lit, value * weight, 0.0)


def from_map(runtime: Mitsuba, world: Surroundings, sampler: Any, surface: Surface) -> Any:
    """Light of an environment map by a sample of its brightness, weighted against `lobe` by the power heuristic."""
    dr, si, active = runtime.dr, surface.si, surface.active
    sample, weight = world.scene.environment().sample_direction(si, sampler.next_2d(active), active)
    toward = si.to_local(sample.d)
    value = surface.bsdf.eval(surface.context, si, toward, active)
    lit = active & (sample.pdf > 0.0) & dr.any(value > 0.0)
    lit &= ~world.scene.ray_test(si.spawn_ray(sample.d), lit)
    return dr.select(lit, value * weight * power(dr, sample.pdf, lobe_pdf(runtime, surface, toward)), 0.0)


def map_pdf(runtime: Mitsuba, scene: Any, si: Any, direction: Any, active: Any) -> Any:
    """Density with which `from_map` chooses a direction."""
    mi, dr = runtime.mi, runtime.dr
    seen = dr.zeros(mi.DirectionSample3f, dr.width(direction))
    seen.d = direction
    return scene.environment().pdf_direction(si, seen, active)


def lobe(runtime: Mitsuba, sampler: Any, surface: Surface) -> tuple[Any, Any]:
    """A direction where the surface reflects, in its frame, and its density: gloss (GGX) or matt (cosine) by chance.

    Simpler than `principled`'s own sampling and as good for it: what is reflected is evaluated exactly anyway.
    """
    mi, dr, si = runtime.mi, runtime.dr, surface.si
    gloss, distribution = _gloss(runtime, si)
    chance, number = sampler.next_1d(surface.active), sampler.next_2d(surface.active)
    view = mi.Vector3f(si.wi.x, si.wi.y, dr.abs(si.wi.z))
    half, _ = distribution.sample(view, number)
    mirrored = mi.reflect(view, half)
    matt = mi.warp.square_to_cosine_hemisphere(number)
    local = dr.select(chance < gloss, mirrored, matt)
    local = dr.select(si.wi.z < 0.0, mi.Vector3f(local.x, local.y, -local.z), local)
    return local, lobe_pdf(runtime, surface, local)


def lobe_pdf(runtime: Mitsuba, surface: Surface, local: Any) -> Any:
    """Density of `lobe` for a direction in the surface's frame."""
    mi, dr, si = runtime.mi, runtime.dr, surface.si
    gloss, distribution = _gloss(runtime, si)
    view = mi.Vector3f(si.wi.x, si.wi.y, dr.abs(si.wi.z))
    local = mi.Vector3f(local.x, local.y, dr.select(si.wi.z < 0.0, -local.z, local.z))
    middle = dr.normalize(local + view)
    glossy = distribution.pdf(view, middle) / (4.0 * dr.maximum(dr.dot(view, middle), 1e-6))
    return dr.select(local.z > 0.0, gloss * glossy + (1.0 - gloss) * local.z * dr.inv_pi, 0.0)


def _gloss(runtime: Mitsuba, si: Any) -> tuple[Any, Any]:
    """How often to follow the gloss, and its microfacets."""
    mi, dr = runtime.mi, runtime.dr
    roughness, metallic = si.duv_dx.x, si.duv_dx.y
    alpha = dr.maximum(dr.square(roughness), 1e-3)
    share = SPECULAR_RATE + (0.9 - SPECULAR_RATE) * metallic
    return share, mi.MicrofacetDistribution(mi.MicrofacetType.GGX, alpha, True)


def past_cutouts(runtime: Mitsuba, scene: Any, chance: Any, ray: Any, si: Any) -> Any:
    """The first hit that stops each ray; one number in [0, 1) a ray decides at all layers."""
    mi, dr = runtime.mi, runtime.dr

    def again(si: Any, layer: Any, active: Any) -> Any:
        bsdf = si.bsdf()
        passes = 1.0 - bsdf.eval_null_transmission(si, active)[0]
        through = (
            active & mi.has_flag(bsdf.flags(), mi.BSDFFlags.Null) & (_spread(dr, chance, layer) >= passes)
        )
        behind = scene.ray_intersect(si.spawn_ray(ray.d), through)
        si = dr.select(through, behind, si)
        return si, layer + 1, through & si.is_valid() & (layer + 1 < LAYERS)

    start = (si, mi.UInt32(0), si.is_valid())
    return dr.while_loop(start, lambda si, layer, active: active, again, label="cut-outs")[0]


def _spread(dr: Any, chance: Any, layer: Any) -> Any:
    """Another number in [0, 1) a layer, from the first by the golden ratio."""
    value = chance + layer * 0.61803398875
    return value - dr.floor(value)


def power(dr: Any, a: Any, b: Any) -> Any:
    """Weight of a sample of density a against another technique of density b."""
    square = a * a
    return dr.select(square > 0.0, square / (square + b * b), 0.0)
