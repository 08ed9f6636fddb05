"""Rays from a camera through the living scene, samples averaged into linear pictures.

The samples are averaged here rather than in a Mitsuba film: any camera works, and each pixel is the plain mean of its
own samples, a box filter. No sample touches another pixel, so the bytes do not depend on threads.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from twinstage.render.capture import Camera
from twinstage.render.exposure import Part, parts
from twinstage.render.mi.direct import direct_light
from twinstage.render.mi.features import features
from twinstage.render.mi.light import Surroundings
from twinstage.render.mi.numbers import PixelNumbers
from twinstage.render.mi.path import path_light
from twinstage.render.mi.rays import LensTables, camera_rays
from twinstage.render.mi.runtime import Mitsuba
from twinstage.render.mi.scene import LivingScene
from twinstage.render.motion import Motion
from twinstage.scene.columns import F4
from twinstage.scene.snapshot import Snapshot

MOST_RAYS = 6_000_000
"""Camera rays a kernel launch; more samples than this are traced in several passes."""

MOST_PIXELS = 12_000_000
"""Pixels a kernel launch; larger pictures are traced in blocks of rows."""

DIRECT = 0
"""As `Sampling.max_depth`: light straight from lights only."""

# Seeds of passes, blocks and parts lie far apart, so that seed s + 1 repeats none of seed s.
_PASS, _BLOCK, _PART = 0x9E3779B1, 0x85EBCA6B, 0x632BE5AB

Term = tuple[Any, int]
"""Channels (mi.Float each), and how many samples each of their values is the sum of."""

Shade = Callable[[Mitsuba, Surroundings, Any, Any, int, int], list[Term]]
"""From surroundings, sampler, rays, samples a pixel and seed to terms that follow each other or add up.

All terms of three channels but with the first are light and add up; the features of `Sampling.features` have six.
"""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How to sample: paths of at most `max_depth` segments, or DIRECT.

    `clamp`: greatest radiance that one sample may count, against fireflies; inf for none. `moments`: most moments of a
    scene that moves while the shutter is open. `centred`: all samples in the middle of their pixel. `features`: also what
    a denoiser wants to know.
    """

    max_depth: int
    spp: int
    seed: int
    clamp: float
    moments: int = 8
    centred: bool = False
    features: bool = False


def trace(
    runtime: Mitsuba,
    living: LivingScene,
    snapshot: Snapshot,
    camera: Camera,
    sampling: Sampling,
    motion: Motion | None = None,
    tables: LensTables | None = None,
) -> F4:
    """Linear rgb f4[h, w, 3] of the scene; with `sampling.features` f4[h, w, 9], base colour and normal after it."""
    shade, channels = _shade(sampling), 9 if sampling.features else 3
    tables = tables if tables is not None else LensTables(runtime)
    total = np.zeros((camera.height, camera.width, channels), np.float32)
    count = np.zeros((camera.height, 1, 1), np.float32)
    whole = parts(snapshot, camera, sampling.spp, motion, sampling.moments)
    for k, part in (item for each in whole for item in enumerate(_blocks(camera, each))):
        living.follow(part.snapshot)
        world = Surroundings(
            scene=living.scene,
            surfaces=living.surfaces,
            lights=living.lights(part.snapshot),
            masked=living.masked,
        )
        for seed, spp in _passes(camera, part, sampling.seed + _BLOCK * k):
            sums, spp = _trace_pass(runtime, living, tables, world, camera, part, sampling, shade, spp, seed)
            for channel, values in enumerate(sums):
                total[part.first : part.last, :, channel] += values
            count[part.first : part.last] += spp
    total /= np.maximum(count, 1)
    return total


def _blocks(camera: Camera, part: Part) -> Iterator[Part]:
    """The part, in blocks of rows where it is too large."""
    rows = part.last - part.first
    if rows * camera.width > MOST_PIXELS:
        rows = max(1, MOST_RAYS // camera.width)
    for first in range(part.first, part.last, rows):
        yield replace(part, first=first, last=min(first + rows, part.last))


def _passes(camera: Camera, part: Part, seed: int) -> list[tuple[int, int]]:
    """Seed and samples a pixel of each launch."""
    pixels = camera.width * (part.last - part.first)
    most = max(1, MOST_RAYS // pixels)
    passes = -(-part.spp // most)
    return [((seed + k * _PASS) & 0xFFFFFFFF, -(-part.spp // passes)) for k in range(passes)]


def _shade(sampling: Sampling) -> Shade:
    def light(
        runtime: Mitsuba, world: Surroundings, sampler: Any, ray: Any, spp: int, seed: int
    ) -> list[Term]:
        if sampling.max_depth == DIRECT:
            terms: list[Term] = [(direct_light(runtime, world, sampler, ray), 1)]
        else:
            terms = path_light(runtime, world, sampler, ray, sampling.max_depth, spp, seed)
        out = [(_bounded(runtime, light, sampling.clamp * share), share) for light, share in terms]
        # Last, so that they take no random number from the light: it is the same with and without them.
        return [*out, (features(runtime, world, sampler, ray), 1)] if sampling.features else out

    return light


def _bounded(runtime: Mitsuba, light: Any, clamp: float) -> list[Any]:
    """Channels of light without what is no number, and within the clamp."""
    mi, dr = runtime.mi, runtime.dr
    bounded = dr.minimum(light, dr.opaque(mi.Float, clamp))
    return list(dr.select(dr.isfinite(light), bounded, 0.0))


def _trace_pass(
    runtime: Mitsuba,
    living: LivingScene,
    tables: LensTables,
    world: Surroundings,
    camera: Camera,
    part: Part,
    sampling: Sampling,
    shade: Shade,
    spp: int,
    seed: int,
) -> tuple[list[F4], int]:
    """Each channel's sums f4[rows, w] over a part's rows, and the samples a pixel that they are of."""
    mi, dr = runtime.mi, runtime.dr
    rows = part.first, part.last
    sampler = _numbers(runtime, camera, part, spp, seed)
    rays = camera_rays(
        runtime,
        tables,
        camera,
        part.poses,
        living.origin,
        sampler,
        spp,
        rows,
        centred=sampling.centred,
    )
    terms = shade(runtime, world, sampler, rays.ray, spp, seed)
    # Without this, each of the reductions would trace everything again.
    dr.eval([channels for channels, _ in terms])
    pixels = camera.width * (rows[1] - rows[0])
    sums = [
        [_summed(runtime, channel, pixels, spp // share) for channel in channels] for channels, share in terms
    ]
    light = [sum(same[1:], same[0]) for same in zip(*(term for term in sums if len(term) == 3), strict=True)]
    more = [channel for term in sums if len(term) != 3 for channel in term]
    every = [*light, *more]
    if rays.seen is not None:
        seen = dr.gather(mi.Bool, rays.seen, dr.arange(mi.UInt32, pixels) * spp)
        every = [dr.select(seen, channel, 0.0) for channel in every]
    dr.eval(every)
    shape = rows[1] - rows[0], camera.width
    return [channel.numpy().reshape(shape) for channel in every], spp


def _summed(runtime: Mitsuba, channel: Any, pixels: int, block: int) -> Any:
    """Sums of the values of each pixel, which lie next to each other."""
    dr = runtime.dr
    if dr.width(channel) == 1:
        channel = dr.full(runtime.mi.Float, channel[0], pixels * block)
    return dr.block_reduce(dr.ReduceOp.Add, channel, block)


def _numbers(runtime: Mitsuba, camera: Camera, part: Part, spp: int, seed: int) -> PixelNumbers:
    """The random numbers of a part, `spp` samples a pixel.

    Parts that look at one exposure share the places inside a pixel out among them, so that what rests has edges as smooth
    as without motion.
    """
    mi, dr = runtime.mi, runtime.dr
    index = dr.arange(mi.UInt32, camera.width * (part.last - part.first) * spp)
    pixel = index // spp
    row = pixel // camera.width
    column = pixel - row * camera.width
    sample = index - pixel * spp
    if part.of > 1:
        sample += dr.opaque(mi.UInt32, part.index * spp)
    else:
        seed += _PART * part.index
    row += dr.opaque(mi.UInt32, part.first)
    return PixelNumbers(runtime, column, row, sample, spp * part.of, seed)
