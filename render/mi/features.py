"""What a denoiser is told besides the picture: the base colour and the normal of what each ray meets first."""

from typing import Any

from twinstage.render.mi.light import Surroundings, first_hit, seen_surface
from twinstage.render.mi.runtime import Mitsuba


def features(runtime: Mitsuba, world: Surroundings, sampler: Any, ray: Any) -> list[Any]:
    """Six channels (mi.Float): base colour in [0, 1] and shading normal in the world, towards the camera.

    What glows adds its light to the colour, and surroundings count as their own; both up to 1.
    """
    mi, dr = runtime.mi, runtime.dr
    every = dr.full(mi.Bool, True, dr.width(ray.o))
    found = first_hit(runtime, world, sampler, ray, every, coherent=True)
    hit = found.si.is_valid()
    surface = seen_surface(runtime, world, found, every)
    si, row, table = found.si, surface.row, world.surfaces
    base = table.value("diffuseColor", si, row, table.quad(row, 0, hit), hit)
    base = table.painted(si, found.corner, base, hit)
    beyond = world.lights.sky.radiance(ray.d, ~hit) if not world.lights.sky.dark else mi.Color3f(0.0)
    colour = dr.select(hit, base + surface.glow, beyond)
    colour = dr.select(dr.isfinite(colour), dr.clip(colour, 0.0, 1.0), 0.0)
    normal = dr.select(hit & dr.isfinite(surface.frame.n), surface.frame.n, 0.0)
    return [*colour, *normal]
