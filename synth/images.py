"""The image files of one view: pictures by the engine, with the frame's effects, and arrays of the label pass."""

from collections.abc import Sequence

from twinstage.render.engines import Engine, EngineSettings
from twinstage.render.engines.develop import develop
from twinstage.render.picture import exr_bytes, png_bytes
from twinstage.scene.columns import U1
from twinstage.scene.snapshot import Snapshot
from twinstage.synth.annotate import instance_image
from twinstage.synth.draws import Stream
from twinstage.synth.effects import Effect, Shot, ranges
from twinstage.synth.look import View


def label_image(what: str, view: View) -> bytes:
    """The file of `depth`, `instance` or `normal`."""
    if what == "instance":
        return png_bytes(instance_image(view.capture, view.seen))
    if what == "depth":
        return exr_bytes({"Z": view.capture.aovs["depth"]})
    normal = view.capture.aovs["normal"]
    return exr_bytes({"X": normal[..., 0], "Y": normal[..., 1], "Z": normal[..., 2]})


def picture(
    engine: Engine,
    settings: EngineSettings,
    snapshot: Snapshot,
    view: View,
    effects: Sequence[Effect],
    key: tuple[int | str, ...],
) -> U1:
    """sRGB pixels u1[h, w, 3]. `key`: (seed, frame): noise differs from frame to frame, or a network would learn it."""
    camera = view.capture.camera
    noise = Stream(*key, "engine", view.spec.name, settings.seed).word()
    aovs = engine.render(snapshot, camera, seed=noise).aovs
    if not effects:
        return aovs["rgb"]
    depth = view.capture.aovs["depth"]
    shot = Shot(snapshot, camera, depth, ranges(camera, depth), (*key, "effects", view.spec.name))
    linear = aovs["linear"]
    for effect in effects:
        linear = effect.on_light(linear, shot)
    rgb: U1 = develop(replace_outputs(settings, "rgb"), camera, linear).aovs["rgb"]
    for effect in effects:
        rgb = effect.on_picture(rgb, shot)
    return rgb


def replace_outputs(settings: EngineSettings, output: str) -> EngineSettings:
    """The settings with that one output; what came as linear light is denoised already."""
    return settings.model_copy(update={"outputs": (output,), "denoise": False})
