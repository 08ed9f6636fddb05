"""What a denoiser is told besides the picture: the base colour and the normal of what each ray meets first."""

from typing import Any

from twinstage.render.mi.light import Surroundings, past_cutouts
from twinstage.render.mi.runtime import Mitsuba


def features(runtime: Mitsuba, world: Surroundings, sampler: Any, ray: Any) -> list[Any]:
    """Six channels (mi.Float): base colour in [0, 1] and shading normal in the world, towards the camera.

    What glows adds its light to the colour, and surroundings count as their own; both up to 1.
    """
    mi, dr = runtime.mi, runtime.dr
    si = world.scene.ray_intersect(ray, mi.RayFlags.All, True)
    if world.masked:
        si = past_cutouts(runtime, world.scene, sampler.next_1d(), ray, si)
    hit = si.is_valid()
    colour = mi.Color3f(*world.surfaces.lookup("base_color", si, hit))
    colour = dr.select(hit, colour, 0.0) + si.emitter(world.scene).eval(si)
    colour = dr.select(dr.isfinite(colour), dr.clip(colour, 0.0, 1.0), 0.0)
    normal = dr.select(si.wi.z < 0.0, -si.sh_frame.n, si.sh_frame.n)
    normal = dr.select(hit & dr.isfinite(normal), normal, 0.0)
    return [*colour, *normal]
