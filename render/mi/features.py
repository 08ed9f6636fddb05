"""What a denoiser is told besides the picture: the base colour and the normal of what each ray meets first."""

from typing import Any

from twinstage.render.mi.light import Surroundings, first_hit, seen_surface
from twinstage.render.mi.runtime import Mitsuba


def features(runtime: Mitsuba, world: Surroundings, sampler: Any, ray: Any) -> list[Any]:
    """Six channels (mi.Float): base colour in [0, 1] and shading normal in the world, towards the camera.

    What glows adds its light to the colour, and surroundings count as their own; both up to 1.
    """
    mi, dr, table = runtime.mi, runtime.dr, world.surfaces
    hit = first_hit(runtime, world, sampler, ray, mi.Bool(True), coherent=True)
    met = hit.si.is_valid()
    surface = seen_surface(runtime, world, hit, mi.Bool(True))
    quad = table.quad(surface.row, 0, met)
    colour = table.value("diffuseColor", hit.si, surface.row, quad, met)
    colour = table.painted(hit.si, hit.corner, colour, met) + surface.glow
    colour = dr.select(met, colour, world.lights.sky.radiance(ray.d, ~met))
    colour = dr.select(dr.isfinite(colour), dr.clip(colour, 0.0, 1.0), 0.0)
    normal = dr.select(met & dr.all(dr.isfinite(surface.frame.n)), surface.frame.n, 0.0)
    return [*colour, *normal]
