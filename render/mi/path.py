"""Global illumination as one Dr.Jit loop: the same lights and surfaces as `direct`, followed from surface to surface.

At each hit the lights are asked, then the ray goes on where the surface reflects. The sky is what a ray that leaves the
scene sees, so it costs no ray of its own. From the fourth surface on, dim paths end by chance (Russian roulette).

Mitsuba's `path` renders the same scenes (the scalar variant uses it); this loop looks each surface up once and needs
no shapes for lights, which makes it several times faster with hundreds of materials.
"""

from typing import Any

from twinstage.render.mi.light import (
    Surroundings,
    from_lights,
    from_map,
    lobe,
    map_pdf,
    past_cutouts,
    power,
    surface_at,
)
from twinstage.render.mi.runtime import Mitsuba

ROULETTE_FROM = 4


def path_light(runtime: Mitsuba, world: Surroundings, sampler: Any, ray: Any, max_depth: int) -> Any:
    """Radiance (Color3f) that arrives along each ray by paths of at most `max_depth` segments."""
    mi, dr = runtime.mi, runtime.dr

    def step(sampler: Any, ray: Any, last: Any, reach: Any, light: Any, depth: Any, alive: Any) -> Any:
        """`last`: where the ray comes from and the density that it was chosen with; `reach`: what is left of it."""
        start, density = last
        si = world.scene.ray_intersect(ray, alive)
        if world.masked:
            si = past_cutouts(runtime, world.scene, sampler.next_1d(alive), ray, si)
        light += reach * _own_light(runtime, world, ray, start, density, si, depth, alive)
        surface = surface_at(runtime, world, si, alive & (depth + 1 < max_depth))
        found = from_lights(runtime, world, sampler, surface)
        if world.lights.mapped:
            found += from_map(runtime, world, sampler, surface)
        light += reach * found
        local, density = lobe(runtime, sampler, surface)
        value = surface.bsdf.eval(surface.context, si, local, surface.active)
        alive = surface.active & (density > 0.0)
        reach *= dr.select(alive, value / density, 0.0)
        depth += 1
        stay = dr.minimum(dr.max(reach), 0.95)
        gamble = depth >= ROULETTE_FROM
        alive &= ~gamble | (sampler.next_1d(alive) < stay)
        reach[gamble] *= dr.select(stay > 0.0, dr.rcp(stay), 0.0)
        alive &= dr.any(reach > 0.0)
        onward = si.spawn_ray(si.to_world(local))
        ray = mi.Ray3f(onward)
        return sampler, ray, (mi.Point3f(si.p), density), reach, light, depth, alive

    count = dr.width(ray.o)
    state = (
        sampler,
        mi.Ray3f(ray),
        (mi.Point3f(ray.o), dr.full(mi.Float, 1.0, count)),
        dr.full(mi.Color3f, 1.0, count),
        dr.full(mi.Color3f, 0.0, count),
        dr.full(mi.UInt32, 0, count),
        dr.full(mi.Bool, True, count),
    )
    return dr.while_loop(state, lambda *state: state[-1], step, label="path")[4]


def _own_light(
    runtime: Mitsuba,
    world: Surroundings,
    ray: Any,
    start: Any,
    density: Any,
    si: Any,
    depth: Any,
    alive: Any,
) -> Any:
    """What the thing that was hit (or the surroundings) sends out, without what the lights were asked for already."""
    dr, mi = runtime.dr, runtime.mi
    glow = si.emitter(world.scene, alive).eval(si, alive)
    asked = depth > 0
    if world.lights.lamps:
        glow = dr.select(asked & si.is_valid(), 0.0, glow)
    if world.lights.mapped:
        origin = dr.zeros(mi.SurfaceInteraction3f, dr.width(ray.d))
        origin.p = start
        share = power(dr, density, map_pdf(runtime, world.scene, origin, ray.d, alive & asked))
        glow *= dr.select(asked & ~si.is_valid(), share, 1.0)
    return dr.select(alive, glow, 0.0)
