"""A job from its stage to its files: frame by frame, camera by camera."""

import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from twinstage.base.errors import UserError
from twinstage.base.finding import Finding, in_order
from twinstage.live.pictures.job import Job
from twinstage.live.pictures.plan import Moments, Planned, plan
from twinstage.live.pictures.sensors import Sensing
from twinstage.live.pictures.sinks import Shot, Sinks

if TYPE_CHECKING:
    from twinstage.render.api import Labels, Picture, Scene
    from twinstage.render.engines import EngineSettings
    from twinstage.render.motion import Motion
    from twinstage.render.views import View

Progress = Callable[[int, int], None]


def render_job(job: Job, progress: Progress | None = None) -> dict[str, Any]:
    """Render all that a job asks for and write its files; returns what was done.

    Every mistake in the flags is told before the first picture. `progress` is called with the views done and their number.

    Raises:
        UserError: what the job names does not exist, contradicts itself or cannot be written.
    """
    planned = plan(job)
    started = time.perf_counter()
    with Sinks(planned.wanted) as sinks:
        looking = _Looking(job, planned, sinks, progress)
        for i in range(len(planned.wanted.frames)):
            looking.frame(i)
    sources = [view.source for view in planned.views]
    return {
        "out": str(job.out),
        "files": [str(file) for file in sinks.files],
        "camera": sources[0],
        "cameras": sources[: 1 if job.turntable else None],
        "frames": len(planned.wanted.frames),
        "pictures": len(planned.wanted.shots),
        "engine": job.engine,
        "seconds": time.perf_counter() - started,
        "findings": [finding.as_dict() for finding in _notes(planned.scene, looking.notes)],
    }


class _Looking:
    """Goes through the views of a job and hands pictures, labels and what sensors give to the sinks."""

    def __init__(self, job: Job, planned: Planned, sinks: Sinks, progress: Progress | None) -> None:
        from twinstage.render.outputs import PICTURE_AOVS

        self._job, self._planned, self._sinks = job, planned, sinks
        self._moments = Moments(job, planned)
        self._progress = progress or (lambda done, total: None)
        self._done = 0
        self._total = len(planned.wanted.frames) * len(planned.wanted.cameras)
        self._exact = [aov for aov in planned.wanted.aovs if aov not in PICTURE_AOVS]
        self._sensing = Sensing(planned.sensor)

    @property
    def notes(self) -> Iterable[Finding]:
        return self._moments.notes

    def frame(self, place: int) -> None:
        """All cameras of one frame."""
        scene, views = self._moments.at(place)
        wanted = self._planned.wanted
        for k, (name, view) in enumerate(zip(wanted.cameras, views, strict=True)):
            self._progress(self._done, self._total)
            self._look(scene, view, k, name, place)
            self._done += 1
            self._progress(self._done, self._total)

    def _look(self, scene: "Scene", view: "View", k: int, name: str, place: int) -> None:
        job, sinks, wanted = self._job, self._sinks, self._planned.wanted
        frame, seed = wanted.frames[place], (job.seed + place) % 2**32
        view, motion = self._moments.exposed(place, view)
        labels: Labels | None = None
        if self._exact or sinks.labels is not None or job.overlay:
            labels = self._labels(scene, view, motion, k, place)
        if sinks.labels is not None and labels is not None:
            sinks.labels.add({"frame": frame, **labels.record()})
        picture: Picture | None = None
        if len(self._exact) < len(wanted.aovs) or self._sensing.needs_linear:
            # Each frame has noise of its own, or it would stand still in a film.
            picture = scene.render(view, self._settings(seed), motion)
        sensed = self._sensing.sense(scene, view, seed, picture, motion)
        if sensed is not None and self._planned.sensor_folder is not None:
            sinks.extra += self._sensing.save(sensed, self._planned.sensor_folder, f"{name}_{{kind}}_{frame}")
        for aov in wanted.aovs:
            if aov in self._exact:
                assert labels is not None
                sinks.add(Shot(name, aov, frame), labels.aovs[aov], view.camera)
                continue
            assert picture is not None
            values = self._sensing.seen(sensed, aov, picture.aovs[aov])
            if aov == "rgb" and job.overlay and labels is not None:
                values = labels.over(values)
            sinks.add(Shot(name, aov, frame), values, view.camera)

    def _settings(self, seed: int) -> "EngineSettings":
        return self._planned.settings.model_copy(update={"seed": seed})

    def _labels(self, scene: "Scene", view: "View", motion: "Motion | None", k: int, place: int) -> "Labels":
        from twinstage.render.framing import what_went_wrong

        if not len(scene.snapshot.objects) and (self._sinks.labels is not None or self._job.overlay):
            raise UserError(
                f"{self._job.stage} has no object to label: it draws nothing that is labelled, a component or a gprim"
                + what_went_wrong(scene.snapshot)
            )
        after, before = self._moments.around(place, k, self._exact)
        return scene.label(view, self._exact or ("object",), motion=motion, after=after, before=before)


def _notes(scene: "Scene", more: Iterable[Finding]) -> list[Finding]:
    """What the readers and the engines found, errors first, and why a picture is dark."""
    from twinstage.render.lighting import placed_lights

    snapshot = scene.snapshot
    found = [*snapshot.findings, *scene.engine_findings, *more]
    if snapshot.lights and not placed_lights(snapshot):
        found.append(
            Finding("light.none", "info", "", "every light of the stage is hidden or dark, so none shines")
        )
    return in_order(found)
