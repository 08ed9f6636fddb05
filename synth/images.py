"""The image files of one view: pictures by the engine, with the frame's effects, and arrays of the label pass."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from twinstage.render.engines import Engine, EngineSettings, FromHits
from twinstage.render.engines.develop import develop
from twinstage.render.files import aov_bytes
from twinstage.render.picture import png_bytes
from twinstage.scene.columns import F4, U1
from twinstage.scene.snapshot import Snapshot
from twinstage.synth.annotate import instance_image
from twinstage.synth.dataset import SUFFIX
from twinstage.synth.draws import Stream
from twinstage.synth.effects import Effect, Shot, ranges
from twinstage.synth.look import View


def label_image(what: str, view: View) -> bytes:
    """The file of an annotation of the label pass, as its suffix wants it (`render.files`)."""
    aovs, camera = view.capture.aovs, view.capture.camera
    suffix = f".{SUFFIX[what].rpartition('.')[2]}"
    if what == "instance":
        return png_bytes(instance_image(view.capture, view.seen))
    if what == "panoptic":
        return png_bytes(panoptic_image(instance_image(view.capture, view.seen)))
    name = "depth" if what == "depth_mm" else what
    return aov_bytes(suffix, name, aovs[name], camera)


def linear_image(light: F4, view: View) -> bytes:
    """The file of `linear`: light before exposure and tone map."""
    return aov_bytes(".exr", "linear", light, view.capture.camera)


def panoptic_image(places: np.ndarray) -> U1:
    """u1[h, w, 3] of segment ids as COCO's panoptic PNGs hold them: id = R + 256 G + 65536 B."""
    ids = places.astype(np.uint32)
    return np.stack([ids & 255, ids >> 8 & 255, ids >> 16], -1).astype(np.uint8)


@dataclass(frozen=True, slots=True)
class Photo:
    """What an engine gives for a view, with the frame's effects.

    `rgb`: sRGB u1[h, w, 3]; `linear`: f4[h, w, 3] before exposure and tone map, None where the engine was not asked for it.
    """

    rgb: U1
    linear: F4 | None


def photo(
    engine: Engine,
    settings: EngineSettings,
    snapshot: Snapshot,
    view: View,
    effects: Sequence[Effect],
    key: tuple[int | str, ...],
) -> Photo:
    """The picture of a view. `key`: (seed, frame): noise differs from frame to frame, or a network would learn it."""
    camera = view.capture.camera
    noise = Stream(*key, "engine", view.spec.name, settings.seed).word()
    if view.hits is not None and isinstance(engine, FromHits):
        aovs = engine.render_seen(view.hits, seed=noise).aovs
    else:
        aovs = engine.render(snapshot, camera, seed=noise, motion=view.motion).aovs
    if not effects:
        return Photo(aovs["rgb"], aovs.get("linear"))
    depth = view.capture.aovs["depth"]
    shot = Shot(snapshot, camera, depth, ranges(camera, depth), (*key, "effects", view.spec.name))
    linear = aovs["linear"]
    for effect in effects:
        linear = effect.on_light(linear, shot)
    rgb: U1 = develop(replace_outputs(settings, "rgb"), camera, linear).aovs["rgb"]
    for effect in effects:
        rgb = effect.on_picture(rgb, shot)
    return Photo(rgb, linear)


def replace_outputs(settings: EngineSettings, output: str) -> EngineSettings:
    """The settings with that one output; what came as linear light is denoised already."""
    return settings.model_copy(update={"outputs": (output,), "denoise": False})
