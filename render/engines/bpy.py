"""Blender's Cycles behind the engine protocol: for comparison, never needed.

It runs in a process of its own, with a Python that has `bpy` (`bpy_link`), is started at the first picture and kept.
Objects, meshes and images stay there between frames; what changed is sent. Pictures are linear light as our own engines
give it: box filter, no denoising, every pixel its `spp` samples, the declared tone map. `max_depth` counts segments, so
that `path` and this engine follow light equally far: two segments are direct light, a bounce is one more.
"""

from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from twinstage.base.errors import UserError
from twinstage.render.capture import Camera, Capture
from twinstage.render.engines.base import ENGINES, EngineSettings
from twinstage.render.engines.develop import develop
from twinstage.render.motion import Motion
from twinstage.scene.columns import F4, F8
from twinstage.scene.snapshot import Snapshot


@ENGINES.register
class BpyEngine:
    """Cycles.

    Attributes:
        seconds: what the last picture took in Blender, without messages and files.
        sampling_seconds: of these, from the first sample to the last: without updates of scene, trees and maps.
        sampling_cpu_seconds: processor time of all threads in that span.
    """

    kind: ClassVar[str] = "bpy"

    def __init__(self, settings: EngineSettings) -> None:
        self.settings = settings
        self.seconds = self.sampling_seconds = self.sampling_cpu_seconds = 0.0
        self.version = ""
        self._link: Any = None
        self._images: Any = None
        self._meshes: set[str] = set()
        self._source: Snapshot | None = None
        self._snapshot: Snapshot | None = None
        self._structure: tuple[object, ...] = ()
        self._origin: F8 = np.zeros(3)

    def render(
        self, snapshot: Snapshot, camera: Camera, *, seed: int | None = None, motion: Motion | None = None
    ) -> Capture:
        """A Capture with the AOVs of `settings.outputs`; what moves is refused."""
        if motion is not None and not motion.still:
            raise UserError("the bpy engine renders what rests; leave the motion out or take another engine")
        return develop(self.settings, camera, self.linear(snapshot, camera, seed=seed))

    def linear(self, snapshot: Snapshot, camera: Camera, *, seed: int | None = None) -> F4:
        """Linear rgb f4[h, w, 3] before exposure and tone map."""
        from twinstage.render.engines.bpy_camera import camera_message

        camera_message(camera, self._origin)  # a bad camera is refused before anything starts
        self._follow(snapshot)
        return self._shoot(camera, seed)

    def linear_of_usd(self, path: str | Path, camera: Camera, *, seed: int | None = None) -> F4:
        """The same of a stage that Blender's own USD import reads: nothing of our snapshot takes part."""
        link = self._open()
        self._forget()
        link.call({"op": "usd", "path": str(Path(path).resolve())})
        return self._shoot(camera, seed)

    def again(self, camera: Camera, *, seed: int | None = None) -> F4:
        """Another picture of what was looked at last."""
        return self._shoot(camera, seed)

    def close(self) -> None:
        """End Blender's process; the next picture starts another one."""
        if self._link is not None:
            self._link.close()
            self._link = None
        self._forget()

    def _forget(self) -> None:
        self._source = self._snapshot = self._images = None
        self._structure = ()
        self._meshes, self._origin = set(), np.zeros(3)

    def _open(self) -> Any:
        from twinstage.render.engines.bpy_link import BpyLink

        if self._link is None:
            link, settings = BpyLink(), self.settings
            setup = {
                "op": "setup",
                "samples": settings.spp,
                "bounces": max(settings.max_depth - 2, 0),
                "clamp": settings.clamp / 2.0**settings.exposure,
                "threads": settings.threads,
            }
            self.version = link.call(setup)[0]["version"]
            self._link = link
        return self._link

    def _follow(self, snapshot: Snapshot) -> None:
        from twinstage.render.engines import bpy_scene as scene
        from twinstage.render.engines.bpy_looks import Images
        from twinstage.render.lighting import with_glowing_gprims

        last, link = self._snapshot, self._open()
        if snapshot is self._source:
            return
        self._source, snapshot = snapshot, with_glowing_gprims(snapshot)
        structure, origin = scene.structure_of(snapshot), scene.origin_of(snapshot)
        if self._images is None:
            self._images = Images(self.settings.largest_texture, self.settings.largest_map)
        if last is None or structure != self._structure or not np.array_equal(origin, self._origin):
            link.call(*scene.scene_message(snapshot, origin, self._images, self._meshes))
        else:
            if not scene.same_looks(last, snapshot):
                link.call(*scene.looks_message(snapshot, origin, self._images))
            moves = scene.move_message(last, snapshot, origin)
            if moves is not None:
                link.call(*moves)
        self._snapshot, self._structure, self._origin = snapshot, structure, origin

    def _shoot(self, camera: Camera, seed: int | None) -> F4:
        from twinstage.render.engines.bpy_camera import camera_message

        message = {
            "op": "render",
            "camera": camera_message(camera, self._origin),
            "seed": self.settings.seed if seed is None else seed,
        }
        answer, found = self._open().call(message)
        self.seconds, self.sampling_seconds = answer["seconds"], answer["sampling"]
        self.sampling_cpu_seconds = answer["cpu"]
        linear: F4 = found["linear"]
        return linear
