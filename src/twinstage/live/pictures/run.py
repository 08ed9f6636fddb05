"""A job from its stage to its files: frame by frame, camera by camera."""

import math
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from twinstage.base.errors import UserError
from twinstage.base.finding import Finding, in_order
from twinstage.live.pictures.job import Job, frame_text, parse_frames
from twinstage.live.pictures.sinks import Shot, Sinks, Wanted

if TYPE_CHECKING:
    from twinstage.render.api import Labels, Picture, Scene
    from twinstage.render.engines import EngineSettings
    from twinstage.render.views import View
    from twinstage.scene.snapshot import Snapshot
    from twinstage.scene.stage import OpenedStage

Progress = Callable[[int, int], None]

TURNTABLE_FPS = 24.0


def render_job(job: Job, progress: Progress | None = None) -> dict[str, Any]:
    """Render all that a job asks for and write its files; returns what was done.

    Every mistake in the flags is told before the first picture. `progress` is called with the views done and their number.

    Raises:
        UserError: what the job names does not exist, contradicts itself or cannot be written.
    """
    from twinstage.live.twin import TwinFiles, open_files
    from twinstage.render.api import Scene
    from twinstage.render.outputs import check_aovs
    from twinstage.render.views import check_size
    from twinstage.scene.read import read_snapshot

    job.check()
    check_size(job.size)
    only_labels = job.out.suffix.lower() == ".json"
    aovs = check_aovs(list(job.aovs)) if job.aovs else (() if only_labels else ("rgb",))
    settings = _settings(job, aovs)
    opened = open_files(TwinFiles(job.stage, asset_roots=job.asset_roots, variants=job.variants))
    times = _times(job, opened)
    first = read_snapshot(opened, times[0], refine=job.refine)
    scene = Scene(first, opened=opened, refine=job.refine, time=times[0])
    views = _views(job, scene)
    wanted = _wanted(job, opened, aovs, views, times)
    started = time.perf_counter()
    with Sinks(wanted) as sinks:
        looked = _Looking(job, settings, wanted, sinks, progress)
        if job.turntable is not None:
            looked.turntable(scene, views)
        else:
            looked.frames(scene, views, times)
    return {
        "out": str(job.out),
        "files": [str(file) for file in sinks.files],
        "camera": views[0].source,
        "cameras": [view.source for view in views[: 1 if job.turntable else None]],
        "frames": len(wanted.frames),
        "pictures": len(wanted.shots),
        "engine": job.engine,
        "seconds": time.perf_counter() - started,
        "findings": [finding.as_dict() for finding in _notes(first)],
    }


class _Looking:
    """Goes through the views of a job and hands pictures and labels to the sinks."""

    def __init__(
        self,
        job: Job,
        settings: "EngineSettings",
        wanted: Wanted,
        sinks: Sinks,
        progress: Progress | None,
    ) -> None:
        self._job, self._settings, self._wanted, self._sinks = job, settings, wanted, sinks
        self._progress = progress or (lambda done, total: None)
        self._done = 0
        self._total = len(wanted.frames) * len(wanted.cameras)

    def frames(self, scene: "Scene", views: Sequence["View"], times: Sequence[float | None]) -> None:
        """All cameras at all time codes; the first is read already."""
        for i, at in enumerate(times):
            if i and at is not None:
                scene = scene.at(at)
                views = _views(self._job, scene)
            for name, view in zip(self._wanted.cameras, views, strict=True):
                self._look(scene, view, name, self._wanted.frames[i], i)

    def turntable(self, scene: "Scene", views: Sequence["View"]) -> None:
        """One camera a frame."""
        for i, view in enumerate(views):
            self._look(scene, view, self._wanted.cameras[0], self._wanted.frames[i], i)

    def _look(self, scene: "Scene", view: "View", name: str, frame: str, place: int) -> None:
        from twinstage.render.outputs import PICTURE_AOVS

        self._progress(self._done, self._total)
        job, aovs, sinks = self._job, self._wanted.aovs, self._sinks
        exact = [aov for aov in aovs if aov not in PICTURE_AOVS]
        labels = self._labels(scene, view, exact) if exact or sinks.labels or job.overlay else None
        if sinks.labels is not None and labels is not None:
            sinks.labels.add({"frame": frame, **labels.record()})
        picture: Picture | None = None
        if len(exact) < len(aovs):
            picture = scene.render(view, self._settings.model_copy(update={"seed": self._seed(place)}))
        for aov in aovs:
            if aov in exact:
                assert labels is not None
                sinks.add(Shot(name, aov, frame), labels.aovs[aov])
            else:
                assert picture is not None
                drawn = labels.over(picture) if labels and job.overlay and aov == "rgb" else picture.aovs[aov]
                sinks.add(Shot(name, aov, frame), drawn)
        self._done += 1
        self._progress(self._done, self._total)

    def _labels(self, scene: "Scene", view: "View", aovs: Sequence[str]) -> "Labels":
        if not len(scene.snapshot.objects) and (self._sinks.labels is not None or self._job.overlay):
            raise UserError(
                f"{self._job.stage} has no object to label: it draws nothing that is labelled, a component or a gprim"
            )
        return scene.label(view, aovs or ("object",))

    def _seed(self, place: int) -> int:
        """Each frame has noise of its own, or it would stand still in a film."""
        return (self._settings.seed + place) % 2**32


def _settings(job: Job, aovs: Sequence[str]) -> "EngineSettings":
    from twinstage.render.api import engine_settings
    from twinstage.render.outputs import PICTURE_AOVS

    more: dict[str, Any] = {}
    if job.tone_map is not None:
        more["tone_map"] = job.tone_map
    if job.denoise:
        more["denoise"] = True
    made = tuple(aov for aov in aovs if aov in PICTURE_AOVS)
    if made and made != ("rgb",):
        more["outputs"] = made
    return engine_settings(kind=job.engine, spp=job.spp, seed=job.seed, exposure=job.exposure, **more)


def _times(job: Job, opened: "OpenedStage") -> tuple[float | None, ...]:
    if job.frames is None:
        return (job.time,)
    stage = opened.stage
    known = stage.HasAuthoredTimeCodeRange()
    return parse_frames(job.frames, (stage.GetStartTimeCode(), stage.GetEndTimeCode()) if known else None)


def _views(job: Job, scene: "Scene") -> list["View"]:
    from twinstage.render.turntable import turntable
    from twinstage.render.views import View, point_of_view, view_of

    if job.turntable is not None:
        cameras = turntable(scene.snapshot, job.turntable, *job.size, elevation=math.radians(job.elevation))
        return [View(camera, "round the whole scene") for camera in cameras]
    if job.eye is not None:
        return [point_of_view(scene.snapshot, job.eye, job.look_at, job.size, math.radians(job.fov))]
    return [view_of(scene.snapshot, name, job.size) for name in job.cameras or (None,)]


def _wanted(
    job: Job,
    opened: "OpenedStage",
    aovs: Sequence[str],
    views: Sequence["View"],
    times: Sequence[float | None],
) -> Wanted:
    if job.turntable is not None:
        cameras, frames = ["turntable"], [frame_text(i) for i in range(len(views))]
        fps = TURNTABLE_FPS
    else:
        cameras = file_names(views)
        frames = [frame_text(at or 0.0) for at in times]
        fps = opened.time_codes_per_second / (_step(times) or 1.0)
    return Wanted(
        out=job.out,
        cameras=cameras,
        aovs=aovs,
        frames=frames,
        preview=job.preview,
        sheet=job.sheet,
        labels=job.labels,
        fps=fps if job.fps is None else job.fps,
    )


def _step(times: Sequence[float | None]) -> float:
    """Time codes from one frame to the next, so that films run at the speed of life."""
    if len(times) < 2 or times[0] is None or times[1] is None:
        return 1.0
    return abs(times[1] - times[0])


def file_names(views: Sequence["View"]) -> list[str]:
    """The cameras' names, which the reader has made unlike; raises UserError where one is asked for twice."""
    names = [view.camera.name for view in views]
    if len(set(names)) < len(names):
        twice = next(view.source for view in views if names.count(view.camera.name) > 1)
        raise UserError(f"--camera {twice} is named twice; name each camera once")
    return names


def _notes(snapshot: "Snapshot") -> list[Finding]:
    """What the readers found, errors first, and why a picture is dark."""
    from twinstage.render.lighting import placed_lights

    found = list(snapshot.findings)
    if snapshot.lights and not placed_lights(snapshot):
        found.append(
            Finding("light.none", "info", "", "every light of the stage is hidden or dark, so none shines")
        )
    return in_order(found)
