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

from twinstage.render.mi.light import Surroundings, first_hit, from_one, seen_surface
from twinstage.render.mi.runtime import Mitsuba


def direct_light(runtime: Mitsuba, world: Surroundings, sampler: Any, ray: Any) -> Any:
    """Radiance (Color3f) that arrives along each ray."""
    mi = runtime.mi
    hit = first_hit(runtime, world, sampler, ray, mi.Bool(True), coherent=True)
    surface = seen_surface(runtime, world, hit, mi.Bool(True))
    radiance = world.lights.sky.radiance(ray.d, ~hit.si.is_valid()) + surface.glow
    radiance += from_one(runtime, world, sampler, surface)
    return radiance * hit.reach
