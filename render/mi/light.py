"""What the integrators are made of: what a ray hits, one function a kind of light, and what is in between.

Everything works on whole arrays of rays and is traced by Dr.Jit. Each function returns the light (Color3f) that the
surface sends back along its ray, shadows included.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from twinstage.render.mi.lamps import LampSample, LampTable
from twinstage.render.mi.lights import Lights, Sun
from twinstage.render.mi.reflection import Surface, direction, direction_pdf, passing, reflected, surface_at
from twinstage.render.mi.runtime import Mitsuba
from twinstage.render.mi.surfaces import SurfaceTable

LAYERS = 8
"""How many surfaces that let light through, one behind the other, a ray may pass."""

CANDIDATES = 4
"""Points on lamps that are looked at before one is asked, where there are several lamps."""

FEW_CANDIDATES = 2
"""The same where one of all lights is asked: 4 take a tenth more time for a tenth less error."""

MAP_CANDIDATES = 4
"""The same for directions of a map."""

_SHIFTS = ((0.0, 0.0), (0.5, 0.25), (0.25, 0.5), (0.75, 0.75))
"""By how much the numbers of the second candidate, the third, ... lie off those of the first: each quarter gets one."""

MOST_PASSING = 0.75
"""Greatest share of rays that pass glass rather than show it: its highlights are strong and small."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What `direct_light` looks at. `masked`: whether any surface lets light through."""

    scene: Any
    surfaces: SurfaceTable
    lights: Lights
    masked: bool


@dataclass(frozen=True, slots=True)
class Hit:
    """Where rays end: which triangle, the interaction, weights of its second and third corner, what is left of the ray."""

    found: Any
    si: Any
    corner: Any
    reach: Any


def first_hit(
    runtime: Mitsuba, world: Surroundings, sampler: Any, ray: Any, active: Any, *, coherent: bool
) -> Hit:
    """The first surface that stops each ray; holes and glass are passed by chance."""
    found, reach = world.scene.ray_intersect_preliminary(ray, coherent, active), runtime.mi.Float(1.0)
    if world.masked:
        found, reach = _behind(runtime, world, sampler.next_1d(active), ray, found, active)
    return surface_hit(runtime, found, ray.d, active, reach)


def surface_hit(runtime: Mitsuba, found: Any, along: Any, active: Any, reach: Any = 1.0) -> Hit:
    """The hit of a triangle, where `found` says, by rays along `along`."""
    mi = runtime.mi
    # A ray from anywhere: a triangle has its place from the weights of its corners.
    ray = mi.Ray3f(mi.Point3f(0.0), along)
    si = found.compute_surface_interaction(ray, mi.RayFlags.All, active)
    return Hit(found, si, mi.Point2f(found.prim_uv), mi.Float(reach))


def _behind(
    runtime: Mitsuba, world: Surroundings, chance: Any, ray: Any, found: Any, active: Any
) -> tuple[Any, Any]:
    """The first hit that stops each ray, and what is left of the ray there.

    One number in [0, 1) a ray decides at all layers, stretched after each. What is left makes up for glass being asked
    how often it stops a ray more than it would by itself.
    """
    mi, dr = runtime.mi, runtime.dr
    flags = mi.RayFlags.UV | mi.RayFlags.ShadingFrame

    def again(found: Any, reach: Any, chance: Any, layer: Any, active: Any) -> Any:
        si = found.compute_surface_interaction(ray, flags, active)
        share, hole = passing(runtime, world.surfaces, si, active)
        odds = dr.select(hole, share, dr.minimum(share, MOST_PASSING))
        through = active & (chance < odds)
        reach *= dr.select(
            active, dr.select(through, share / odds, dr.select(hole, 1.0, dr.rcp(1.0 - odds))), 1.0
        )
        chance = dr.select(through, chance / odds, chance)
        onward = si.spawn_ray(ray.d)
        found = dr.select(through, world.scene.ray_intersect_preliminary(onward, False, through), found)
        layer += 1
        return found, reach, chance, layer, through & found.is_valid() & (layer < LAYERS)

    met = world.surfaces.veiled(found, active & found.is_valid())
    start = found, dr.full(mi.Float, 1.0, dr.width(ray.d)), chance, mi.UInt32(0), met
    found, reach, *_ = dr.while_loop(start, lambda *state: state[-1], again, label="layers")
    return found, reach


def clear(runtime: Mitsuba, world: Surroundings, ray: Any, active: Any) -> Any:
    """Share of light (mi.Float) that gets through along shadow rays, 0 where a surface stops it."""
    mi, dr = runtime.mi, runtime.dr
    blocked = world.scene.ray_test(ray, active)
    free = dr.select(active & ~blocked, mi.Float(1.0), 0.0)
    if not world.masked:
        return free

    def again(ray: Any, share: Any, layer: Any, active: Any) -> Any:
        si = world.scene.ray_intersect(ray, mi.RayFlags.UV | mi.RayFlags.ShadingFrame, False, active)
        met = active & si.is_valid()
        share = dr.select(met, share * passing(runtime, world.surfaces, si, met)[0], share)
        onward = si.spawn_ray(ray.d)
        onward.maxt = ray.maxt - si.t
        layer += 1
        active = met & (share > 0.0)
        share = dr.select(active & (layer >= LAYERS), 0.0, share)
        return dr.select(active, onward, ray), share, layer, active & (layer < LAYERS)

    # What a box around all glass and holes was not in the way of is blocked by something opaque.
    asked = world.surfaces.meets_veil(ray, active & blocked)
    state = (mi.Ray3f(ray), dr.full(mi.Float, 1.0, dr.width(ray.d)), mi.UInt32(0), asked)
    share = dr.while_loop(state, lambda *state: state[-1], again, label="shadows")[1]
    return dr.select(asked, share, free)


def seen_surface(runtime: Mitsuba, world: Surroundings, hit: Hit, active: Any) -> Surface:
    """The surface at hits, its numbers looked up."""
    return surface_at(runtime, world.surfaces, hit.si, hit.corner, active)


@dataclass(frozen=True, slots=True)
class _Asked:
    """A way to a light: the shadow ray, the light (Color3f) that arrives if nothing is in between, where that counts.

    `shadow` is a bool where it is the same everywhere, else mi.Bool.
    """

    ray: Any
    light: Any
    shadow: Any


def from_lights(
    runtime: Mitsuba,
    world: Surroundings,
    sampler: Any,
    surface: Surface,
    *,
    shared: bool = False,
    quick: bool = False,
) -> Any:
    """Light of suns, lamps, glowing surfaces and the map.

    `shared`: reflected rays that meet one count, too. `quick`: of all of these only one is asked whether anything is in
    between, chosen by what it would give.
    """
    asked = _ways(runtime, world, sampler, surface, shared, 1 if quick else CANDIDATES)
    if quick and len(asked) > 1:
        asked = [_one_of(runtime, sampler, asked, surface.active)]
    out = runtime.mi.Color3f(0.0)
    for way in asked:
        out += _arrived(runtime, world, way, surface.active)
    return out


def from_one(runtime: Mitsuba, world: Surroundings, sampler: Any, surface: Surface) -> Any:
    """Light of everything that shines, the sky as well, by one shadow ray: to one of them, chosen by what it would give."""
    asked = _ways(runtime, world, sampler, surface, False, FEW_CANDIDATES)
    if not world.lights.sky.dark:
        asked.append(_around(runtime, world, sampler, surface))
    if not asked:
        return runtime.mi.Color3f(0.0)
    way = asked[0] if len(asked) == 1 else _one_of(runtime, sampler, asked, surface.active)
    return _arrived(runtime, world, way, surface.active)


def _ways(
    runtime: Mitsuba, world: Surroundings, sampler: Any, surface: Surface, shared: bool, candidates: int
) -> list[_Asked]:
    """A way to each sun, one to a lamp or a glowing surface out of `candidates`, one to what is bright in the map."""
    lights = world.lights
    asked = [_sun(runtime, world, sampler, surface, sun) for sun in lights.suns]
    if lights.table is not None:
        asked.append(_lamp(runtime, world, lights.table, sampler, surface, shared, candidates))
    if lights.mapped:
        asked.append(_map(runtime, world, sampler, surface))
    return asked


def _arrived(runtime: Mitsuba, world: Surroundings, way: _Asked, active: Any) -> Any:
    """What of the light gets through."""
    dr = runtime.dr
    lit = active & dr.any(way.light > 0.0)
    if way.shadow is False:
        return dr.select(lit, way.light, 0.0)
    free = clear(runtime, world, way.ray, lit & way.shadow)
    if way.shadow is not True:
        free = dr.select(lit & ~way.shadow, 1.0, free)
    return dr.select(lit, way.light * free, 0.0)


def _one_of(runtime: Mitsuba, sampler: Any, asked: Sequence[_Asked], active: Any) -> _Asked:
    """One way in place of all: the expectation is that of their sum."""
    dr, mi = runtime.dr, runtime.mi
    worth = [dr.select(active, dr.mean(way.light), 0.0) for way in asked]
    total = sum(worth[1:], worth[0])
    mark, below = sampler.next_1d(active) * total, worth[0]
    ray, light, own, shadow = mi.Ray3f(asked[0].ray), asked[0].light, worth[0], mi.Bool(asked[0].shadow)
    for way, its in zip(asked[1:], worth[1:], strict=True):
        taken = (mark >= below) & (its > 0.0)
        ray = dr.select(taken, way.ray, ray)
        light, own = dr.select(taken, way.light, light), dr.select(taken, its, own)
        shadow = dr.select(taken, mi.Bool(way.shadow), shadow)
        below = below + its
    light = light * dr.select(own > 0.0, total / own, 0.0)
    return _Asked(ray, light, True if all(way.shadow is True for way in asked) else shadow)


def _sun(runtime: Mitsuba, world: Surroundings, sampler: Any, surface: Surface, sun: Sun) -> _Asked:
    """A direction on the sun's disc, evenly by solid angle."""
    mi, dr = runtime.mi, runtime.dr
    middle = mi.Vector3f(*(dr.opaque(mi.Float, -float(v)) for v in sun.direction))
    # A direction of the disc, even by solid angle, has the irradiance over the mean of the disc's cosines.
    spread = 2.0 / (1.0 + math.cos(sun.half_angle))
    light = mi.Color3f(*(dr.opaque(mi.Float, v * spread) for v in sun.irradiance))
    if sun.half_angle > 0.0:
        # 1 - cos, which float32 holds also for half a degree.
        most = dr.opaque(mi.Float, 2.0 * math.sin(sun.half_angle / 2.0) ** 2)
        number = sampler.next_2d(surface.active)
        low = number.x * most
        sin, cos = dr.sincos(dr.two_pi * number.y)
        radius = dr.safe_sqrt(low * (2.0 - low))
        toward = mi.Frame3f(middle).to_world(mi.Vector3f(radius * cos, radius * sin, 1.0 - low))
    else:
        toward = middle
    matt, shiny = reflected(runtime, world.surfaces, surface, toward)
    value = parted(runtime, matt, shiny, sun.reflects) * light
    return _Asked(surface.si.spawn_ray(toward), value, sun.shadow)


def parted(runtime: Mitsuba, matt: Any, shiny: Any, parts: tuple[float, float]) -> Any:
    """Both reflections with a light's own multipliers."""
    if parts == (1.0, 1.0):
        return matt + shiny
    mi, dr = runtime.mi, runtime.dr
    return matt * dr.opaque(mi.Float, parts[0]) + shiny * dr.opaque(mi.Float, parts[1])


def _lamp(
    runtime: Mitsuba,
    world: Surroundings,
    table: LampTable,
    sampler: Any,
    surface: Surface,
    shared: bool,
    candidates: int,
) -> _Asked:
    """One point on one lamp, chosen among several by the light that they would give without shadows.

    Resampled importance sampling (Talbot et al. 2005): `candidates` are drawn by power, one of them is kept by what it
    would reflect, and only that one is asked whether anything is in between.
    """
    dr, mi = runtime.dr, runtime.mi
    count = candidates if table.count > 1 else 1
    chance = sampler.next_1d(surface.active) if count > 1 else mi.Float(0.0)
    number = sampler.next_2d(surface.active)
    point, light = mi.Point3f(0.0), mi.Color3f(0.0)
    shadow, total, worth_kept = mi.Bool(True), mi.Float(0.0), mi.Float(0.0)
    for k in range(count):
        sample = table.sample(surface.si.p, _shifted(mi, number, k), surface.active)
        value = _lamp_light(runtime, world, table, surface, sample, shared)
        casts = table.casts_shadow(sample.index, surface.active) if table.shadowless else mi.Bool(True)
        worth = dr.mean(value)
        if k == 0:
            point, light, shadow, total, worth_kept = sample.point, value, casts, worth, worth
            continue
        total = total + worth  # not in place: the first candidate's worth is the same array
        share = dr.select(total > 0.0, worth / total, 0.0)
        taken = chance < share
        chance = dr.select(taken, chance / share, (chance - share) / (1.0 - share))
        point, light = dr.select(taken, sample.point, point), dr.select(taken, value, light)
        shadow, worth_kept = dr.select(taken, casts, shadow), dr.select(taken, worth, worth_kept)
    if count > 1:
        light *= dr.select(worth_kept > 0.0, total / (worth_kept * float(count)), 0.0)
    return _Asked(surface.si.spawn_ray_to(point), light, shadow if table.shadowless else True)


def _lamp_light(
    runtime: Mitsuba,
    world: Surroundings,
    table: LampTable,
    surface: Surface,
    sample: LampSample,
    shared: bool,
) -> Any:
    """What a point on a lamp would reflect if nothing were in between."""
    dr = runtime.dr
    matt, shiny = reflected(runtime, world.surfaces, surface, sample.direction)
    if table.parted:
        first, second = table.parts(sample.index, surface.active)
        matt, shiny = matt * first, shiny * second
    light = (matt + shiny) * sample.weight
    if shared and table.meets:
        other = direction_pdf(runtime, world.surfaces, surface, sample.direction)
        both = sample.bodied if world.masked else sample.met
        light *= dr.select(both, power(dr, sample.pdf, other), 1.0)
    return light


def _map(runtime: Mitsuba, world: Surroundings, sampler: Any, surface: Surface) -> _Asked:
    """Light of a map by a sample of its brightness, weighted against `direction` by the power heuristic.

    As with lamps, several directions are looked at and one is asked: most of a map lies behind a wall's back.
    """
    dr, mi, active = runtime.dr, runtime.mi, surface.active
    chance, number = sampler.next_1d(active), sampler.next_2d(active)
    toward, light = mi.Vector3f(0.0), mi.Color3f(0.0)
    total, kept = mi.Float(0.0), mi.Float(0.0)
    for k in range(MAP_CANDIDATES):
        there, found = _map_light(runtime, world, _shifted(mi, number, k), surface)
        worth = dr.mean(found)
        total = total + worth
        if k == 0:
            toward, light, kept = there, found, worth
            continue
        share = dr.select(total > 0.0, worth / total, 0.0)
        taken = chance < share
        chance = dr.select(taken, chance / share, (chance - share) / (1.0 - share))
        toward, light = dr.select(taken, there, toward), dr.select(taken, found, light)
        kept = dr.select(taken, worth, kept)
    light *= dr.select(kept > 0.0, total / (kept * float(MAP_CANDIDATES)), 0.0)
    return _Asked(surface.si.spawn_ray(toward), light, True)


def _around(runtime: Mitsuba, world: Surroundings, sampler: Any, surface: Surface) -> _Asked:
    """The sky or the map in a direction where the surface reflects, weighted against `_map`."""
    dr, sky = runtime.dr, world.lights.sky
    toward = direction(runtime, world.surfaces, sampler, surface)
    density = direction_pdf(runtime, world.surfaces, surface, toward)
    value = parted(runtime, *reflected(runtime, world.surfaces, surface, toward), sky.reflects)
    lit = surface.active & (density > 0.0)
    light, other = sky.radiance_and_pdf(toward, lit)
    share = power(dr, density, other) if world.lights.mapped else 1.0
    return _Asked(surface.si.spawn_ray(toward), dr.select(lit, value * light * (share / density), 0.0), True)


def _shifted(mi: Any, number: Any, k: int) -> Any:
    """The numbers of the k-th candidate: those of the first, around a torus, so that candidates are spread out.

    Each is even over the square, which is all that resampling needs to keep the expectation; that they keep apart makes it
    less noisy, and one draw is cheaper than four.
    """
    if k == 0:
        return number
    x, y = number.x + _SHIFTS[k][0], number.y + _SHIFTS[k][1]
    return mi.Point2f(x - mi.Float(x >= 1.0), y - mi.Float(y >= 1.0))


def _map_light(runtime: Mitsuba, world: Surroundings, number: Any, surface: Surface) -> tuple[Any, Any]:
    """A direction of the map by two numbers, and what would be reflected of it if nothing were in between."""
    dr, sky, active = runtime.dr, world.lights.sky, surface.active
    toward, density, light = sky.sample(number, active)
    matt, shiny = reflected(runtime, world.surfaces, surface, toward)
    value = parted(runtime, matt, shiny, sky.reflects)
    other = direction_pdf(runtime, world.surfaces, surface, toward)
    weight = dr.select(density > 0.0, power(dr, density, other) / density, 0.0)
    return toward, value * light * weight


def power(dr: Any, a: Any, b: Any) -> Any:
    """Weight of a sample of density a against another technique of density b."""
    square = a * a
    return dr.select(square > 0.0, square / (square + b * b), 0.0)
