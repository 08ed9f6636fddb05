"""Direct lighting as one Dr.Jit function: the fast engine's integrator.

Light that reaches a surface straight from a light or the sky, with shadows; no light from surface to surface. Each
camera sample asks every sun, one point on a lamp or a glowing surface, and the sky once: nothing is spent on choosing
between a sun and the sky, which is what makes few samples noisy, and after the first hit only any-hit rays are cast. A
map is asked where it is bright and where the surface reflects, weighted by the power heuristic.

Camera rays pass holes and glass by chance, shadow rays pass them with what they let through, up to `LAYERS` times.

Mitsuba's own `direct` takes twice the time for more noise: it chooses among the lights and samples a constant sky over
the whole sphere (measured, 640x480, 4 samples, 94,000 triangles, sun and sky, two cores: 200 ms against 105 ms).
"""

from typing import Any

from twinstage.render.mi.light import (
    Surroundings,
    around,
    clear,
    first_hit,
    from_lights,
    from_map,
    map_pdf,
    parted,
    power,
    seen_surface,
)
from twinstage.render.mi.reflection import Surface, direction, direction_pdf, reflected
from twinstage.render.mi.runtime import Mitsuba


def direct_light(runtime: Mitsuba, world: Surroundings, sampler: Any, ray: Any) -> Any:
    """Radiance (Color3f) that arrives along each ray."""
    mi = runtime.mi
    hit = first_hit(runtime, world, sampler, ray, mi.Bool(True), coherent=True)
    surface = seen_surface(runtime, world, hit, mi.Bool(True))
    radiance = around(runtime, world, ray.d, ~hit.si.is_valid()) + surface.glow
    radiance += from_lights(runtime, world, sampler, surface)
    if world.lights.sky is not None or world.lights.mapped:
        radiance += _from_around(runtime, world, sampler, surface)
    if world.lights.mapped:
        radiance += from_map(runtime, world, sampler, surface)
    return radiance * hit.reach


def _from_around(runtime: Mitsuba, world: Surroundings, sampler: Any, surface: Surface) -> Any:
    """The sky or the map where the surface reflects, if nothing is in between."""
    dr, si = runtime.dr, surface.si
    toward = direction(runtime, world.surfaces, sampler, surface)
    density = direction_pdf(runtime, world.surfaces, surface, toward)
    value = parted(runtime, *reflected(runtime, world.surfaces, surface, toward), world.lights.sky_reflects)
    lit = surface.active & (density > 0.0) & dr.any(value > 0.0)
    free = clear(runtime, world, si.spawn_ray(toward), lit)
    light = around(runtime, world, toward, free > 0.0) * free
    if world.lights.mapped:
        light *= power(dr, density, map_pdf(runtime, world.scene, si, toward, lit))
    return dr.select(lit, value * light / density, 0.0)
