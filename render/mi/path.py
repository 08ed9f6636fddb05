"""Global illumination as one Dr.Jit loop: the same lights and surfaces as `direct`, followed from surface to surface.

At each hit the lights are asked, then the ray goes on where the surface reflects. The sky is what a ray that leaves the
scene sees, so it costs no ray of its own. Maps, glowing surfaces and strong lamps are found both ways, weighted by the
power heuristic; lamps not where anything lets light through, as a ray that passed may have met them before or behind.
From the fourth surface on, dim paths end by chance (Russian roulette).

Mitsuba's `path` renders the same scenes (the scalar variant uses it); this loop looks each surface up once and needs
no shapes for lights, which makes it several times faster with hundreds of materials.
"""

import dataclasses
from typing import Any

from twinstage.render.mi.light import (
    Hit,
    Surroundings,
    first_hit,
    from_lights,
    from_map,
    parted,
    power,
    seen_surface,
)
from twinstage.render.mi.reflection import Surface, direction, direction_pdf, reflected
from twinstage.render.mi.runtime import Mitsuba

ROULETTE_FROM = 4


def path_light(runtime: Mitsuba, world: Surroundings, sampler: Any, ray: Any, max_depth: int) -> Any:
    """Radiance (Color3f) that arrives along each ray by paths of at most `max_depth` segments."""
    mi, dr = runtime.mi, runtime.dr
    parts = world.lights.sky.reflects

    def step(sampler: Any, ray: Any, last: Any, reach: Any, light: Any, depth: Any, alive: Any) -> Any:
        """`last`: where the ray comes from, the density that it was chosen with, how the sky counts; `reach`: what is left."""
        hit = first_hit(runtime, world, sampler, ray, alive, coherent=False)
        si = hit.si
        reach *= dr.select(alive, hit.reach, 1.0)
        surface = seen_surface(runtime, world, hit, alive)
        light += reach * _own_light(runtime, world, ray, last, hit, surface, depth, alive)
        surface = dataclasses.replace(surface, active=surface.active & (depth + 1 < max_depth))
        found = from_lights(runtime, world, sampler, surface, shared=True)
        if world.lights.mapped:
            found += from_map(runtime, world, sampler, surface)
        light += reach * found
        toward = direction(runtime, world.surfaces, sampler, surface)
        density = direction_pdf(runtime, world.surfaces, surface, toward)
        matt, shiny = reflected(runtime, world.surfaces, surface, toward)
        value = matt + shiny
        alive = surface.active & (density > 0.0)
        reach *= dr.select(alive, value / density, 0.0)
        sky = mi.Color3f(1.0)
        if parts != (1.0, 1.0):
            sky = dr.select(value > 0.0, parted(runtime, matt, shiny, parts) / value, 0.0)
        depth += 1
        stay = dr.minimum(dr.max(reach), 0.95)
        gamble = depth >= ROULETTE_FROM
        alive &= ~gamble | (sampler.next_1d(alive) < stay)
        reach[gamble] *= dr.select(stay > 0.0, dr.rcp(stay), 0.0)
        alive &= dr.any(reach > 0.0)
        ray = mi.Ray3f(si.spawn_ray(toward))
        return sampler, ray, (mi.Point3f(si.p), density, sky), reach, light, depth, alive

    count = dr.width(ray.o)
    state = (
        sampler,
        mi.Ray3f(ray),
        (mi.Point3f(ray.o), dr.full(mi.Float, 1.0, count), dr.full(mi.Color3f, 1.0, count)),
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
    last: Any,
    hit: Hit,
    surface: Surface,
    depth: Any,
    alive: Any,
) -> Any:
    """What the thing that was hit (or the surroundings) sends out, without what the lights were asked for already."""
    dr = runtime.dr
    (start, density, sky), si, asked = last, hit.si, depth > 0
    glow, table = surface.glow, world.lights.table
    if table is not None and table.has_glow:
        distance, cosine = dr.norm(si.p - start), dr.abs(dr.dot(si.n, ray.d))
        other = table.glow_pdf(surface.row, distance, cosine, surface.active)
        glow *= dr.select(asked, power(dr, density, other), 1.0)
    if table is not None and table.has_lamps and not world.masked:
        distance = dr.select(si.is_valid(), dr.norm(si.p - start), dr.inf)
        glow += table.on_the_way(start, ray.d, distance, density, alive & asked)
    if world.lights.sky.dark:
        return dr.select(alive, glow, 0.0)
    beyond, other = world.lights.sky.radiance_and_pdf(ray.d, alive & ~si.is_valid())
    if world.lights.mapped:
        beyond *= dr.select(asked, power(dr, density, other), 1.0)
    return dr.select(alive, glow + beyond * sky, 0.0)
