"""What a job comes to: scene, settings, views, times and files, with every mistake found before the first picture."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from twinstage.base.errors import UserError
from twinstage.base.finding import Finding
from twinstage.live.pictures.job import Job, frame_text, parse_frames
from twinstage.live.pictures.sinks import Wanted

if TYPE_CHECKING:
    from twinstage.render.api import Scene
    from twinstage.render.capture import Camera
    from twinstage.render.engines import EngineSettings
    from twinstage.render.instants import Instant
    from twinstage.render.motion import Motion
    from twinstage.render.sensors import Sensor
    from twinstage.render.views import View
    from twinstage.scene.stage import OpenedStage

TURNTABLE_FPS = 24.0
AFTER = ("motion", "flow", "flow_occluded")
BEFORE = ("flow_back", "flow_back_occluded")
"""AOVs that need the next or the last moment."""

MOST_MOMENTS = 9
"""At which the stage is read for one look of a camera, beside the frame's own."""

MOST_SCENES = 3 * MOST_MOMENTS
"""Kept: as many moments as a frame, the next and the last one can ask for."""


@dataclass(frozen=True, slots=True)
class Planned:
    """`views`: of the first frame, or all of a turntable; `times`: time codes of the frames, None for the start."""

    scene: "Scene"
    settings: "EngineSettings"
    views: "Sequence[View]"
    times: tuple[float | None, ...]
    wanted: Wanted
    sensor: "Sensor | None"
    sensor_folder: Path | None
    time_codes_per_second: float
    start: float


def plan(job: Job) -> Planned:
    """Open the stage and check the job against it; raises UserError (one sentence) for the first mistake."""
    from twinstage.live.twin import TwinFiles, open_files
    from twinstage.render.api import Scene
    from twinstage.render.outputs import check_aovs
    from twinstage.render.sensors import read_sensor
    from twinstage.render.views import check_size
    from twinstage.scene.read import read_snapshot

    job.check()
    check_size(job.size)
    aovs = check_aovs(list(job.aovs)) if job.aovs else _usual_aovs(job)
    sensor = None if job.sensor is None else read_sensor(job.sensor)
    _check_used(job, aovs, sensor)
    settings = _settings(job, aovs, sensor)
    opened = open_files(TwinFiles(job.stage, asset_roots=job.asset_roots, variants=job.variants))
    times = _times(job, opened)
    snapshot = read_snapshot(opened, times[0], refine=job.refine)
    scene = Scene(snapshot, opened=opened, refine=job.refine, time=times[0])
    views = views_of(job, scene)
    wanted = _wanted(job, opened, aovs, views, times)
    folder = None if sensor is None or (sensor.kind == "rgb" and job.out.suffix) else job.out  # type: ignore[attr-defined]
    if folder is not None and job.out.suffix and not job.out.is_dir():
        raise UserError(f"--out {job.out}: this sensor writes files of its own; name a folder")
    stage = opened.stage
    start = float(stage.GetStartTimeCode()) if stage.HasAuthoredTimeCodeRange() else 0.0
    return Planned(scene, settings, views, times, wanted, sensor, folder, opened.time_codes_per_second, start)


class Moments:
    """The scenes of the frames and of the moments around them; each is read once and kept while it is near."""

    def __init__(self, job: Job, planned: Planned) -> None:
        self._job, self._planned = job, planned
        self.notes: dict[Finding, None] = {}
        self._scenes: dict[float | None, Scene] = {planned.times[0]: planned.scene}
        self._step = step_of(planned.times)

    def at(self, place: int) -> "tuple[Scene, Sequence[View]]":
        """Scene and views of a frame."""
        if self._job.turntable is not None:
            return self._planned.scene, [self._planned.views[place]]
        scene = self._scene(self._planned.times[place])
        if place == 0:
            return scene, self._planned.views
        return scene, views_of(self._job, scene)

    def around(self, place: int, k: int, aovs: Sequence[str]) -> "tuple[Instant | None, Instant | None]":
        """The next and the last moment, with their k-th camera, where AOVs need them."""
        after = self._other(place, k, 1) if any(aov in AFTER for aov in aovs) else None
        before = self._other(place, k, -1) if any(aov in BEFORE for aov in aovs) else None
        return after, before

    def exposed(self, place: int, view: "View") -> "tuple[View, Motion | None]":
        """The view with the path that its camera takes while it looks, and how the scene moves meanwhile.

        The motion is None where the camera looks for no time, or nothing moves. A camera that is no camera of the stage
        rests.
        """
        if self._job.turntable is not None:
            return view, None
        return self._exposed(self._time(place), view)

    def _exposed(self, time: float, view: "View") -> "tuple[View, Motion | None]":
        from twinstage.render.motion import Motion, same_things
        from twinstage.render.moving import along

        seconds = self._seconds(view.camera)
        if len(seconds) == 1:
            return view, None
        rate = self._planned.time_codes_per_second
        moments = [(s, self._scene(time + s * rate).snapshot) for s in seconds]
        snapshot, camera = moments[0][1], view.camera
        if view.source in {snapshot.prims.path[row.prim] for row in snapshot.cameras}:
            camera = along(camera, view.source, moments)
        view, snapshots = replace(view, camera=camera), tuple(snapshot for _, snapshot in moments)
        if not same_things(snapshots):
            said = f"things appear or vanish while camera {view.camera.name} looks: it sees them as they are at the frame"
            self.notes[Finding("camera.vanishing", "warning", view.source, said)] = None
            return view, None
        motion = Motion(tuple(seconds), snapshots)
        return view, None if motion.still else motion

    def _seconds(self, camera: "Camera") -> list[float]:
        """Moments at which the stage is read for one look of a camera and its sensor, the frame's time among them."""
        shutter, sensor = camera.shutter, self._planned.sensor
        ends = [shutter.open, shutter.close, shutter.open + shutter.readout, shutter.close + shutter.readout]
        ends += [0.0] if sensor is None else sensor.looks(camera)
        first, last = min(*ends, 0.0), max(*ends, 0.0)
        if last <= first:
            return [0.0]
        keys = math.ceil((last - first) * self._planned.time_codes_per_second - 1e-9) + 1
        return sorted({0.0, *np.linspace(first, last, min(max(keys, 2), MOST_MOMENTS)).tolist()})

    def _time(self, place: int) -> float:
        time = self._planned.times[place]
        return self._planned.start if time is None else time

    def _other(self, place: int, k: int, way: int) -> "Instant":
        from twinstage.render.instants import Instant

        if self._job.turntable is not None:
            views = self._planned.views
            return Instant(self._planned.scene.snapshot, views[(place + way) % len(views)].camera)
        times = self._planned.times
        near = place + way
        time = times[near] if 0 <= near < len(times) else None
        time = self._time(place) + way * self._step if time is None else time
        scene = self._scene(time)
        view, motion = self._exposed(time, views_of(self._job, scene)[k])
        return Instant(scene.snapshot, view.camera, motion)

    def _scene(self, time: float | None) -> "Scene":
        if time not in self._scenes:
            assert time is not None
            while len(self._scenes) > MOST_SCENES:
                self._scenes.pop(next(iter(self._scenes)))
            self._scenes[time] = self._planned.scene.at(time)
        return self._scenes[time]


def views_of(job: Job, scene: "Scene") -> list["View"]:
    """The views that a job looks through at a scene; all of a turntable."""
    from twinstage.render.turntable import turntable
    from twinstage.render.views import View, point_of_view, view_of

    if job.turntable is not None:
        cameras = turntable(scene.snapshot, job.turntable, *job.size, elevation=math.radians(job.elevation))
        views = [View(camera, "round the whole scene") for camera in cameras]
    elif job.eye is not None:
        views = [point_of_view(scene.snapshot, job.eye, job.look_at, job.size, math.radians(job.fov))]
    else:
        views = [_named(name, scene, job) for name in job.cameras]
        views = views or [view_of(scene.snapshot, None, job.size, square_pixels=job.square_pixels)]
    if job.lens is None:
        return views
    from twinstage.render.calibration import calibrated, read_calibration

    calibration = read_calibration(job.lens)
    return [View(calibrated(view.camera, calibration), view.source) for view in views]


def _named(name: str, scene: "Scene", job: Job) -> "View":
    from twinstage.render.calibration import FILES, read_camera
    from twinstage.render.views import View, view_of

    if Path(name).suffix.lower() in FILES:
        return View(read_camera(Path(name)), name)
    return view_of(scene.snapshot, name, job.size, square_pixels=job.square_pixels)


def _usual_aovs(job: Job) -> tuple[str, ...]:
    """What is written where nobody says: rgb; light in an EXR; nothing beside labels, or beside a sensor's own files."""
    suffix = job.out.suffix.lower()
    if suffix == ".json" or (job.sensor is not None and not suffix):
        return ()
    return ("linear",) if suffix == ".exr" else ("rgb",)


def _check_used(job: Job, aovs: Sequence[str], sensor: "Sensor | None") -> None:
    """Raise UserError for flags that nothing would come of."""
    if job.overlay and "rgb" not in aovs:
        raise UserError("--overlay draws on pictures; ask for --aov rgb too")
    if sensor is not None and sensor.kind == "rgb":  # type: ignore[attr-defined]
        told = {"--exposure": job.exposure != 0, "--tone-map": job.tone_map is not None}
        for flag in (flag for flag, given in told.items() if given):
            raise UserError(
                f"{flag} is not used where a sensor makes the picture; set it in the sensor's file"
            )


def _settings(job: Job, aovs: Sequence[str], sensor: "Sensor | None") -> "EngineSettings":
    from twinstage.render.api import engine_settings
    from twinstage.render.outputs import PICTURE_AOVS

    made = [aov for aov in aovs if aov in PICTURE_AOVS]
    if sensor is not None and sensor.needs_linear and "linear" not in made:
        made.append("linear")
    more: dict[str, Any] = {} if job.tone_map is None else {"tone_map": job.tone_map}
    return engine_settings(
        kind=job.engine,
        spp=job.spp,
        seed=job.seed,
        exposure=job.exposure,
        denoise=job.denoise,
        outputs=tuple(made) or ("rgb",),
        **more,
    )


def _times(job: Job, opened: "OpenedStage") -> tuple[float | None, ...]:
    if job.frames is None:
        return (job.time,)
    stage = opened.stage
    known = stage.HasAuthoredTimeCodeRange()
    return parse_frames(job.frames, (stage.GetStartTimeCode(), stage.GetEndTimeCode()) if known else None)


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
        fps = opened.time_codes_per_second / step_of(times)
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


def step_of(times: Sequence[float | None]) -> float:
    """Time codes from one frame to the next, so that films run at the speed of life."""
    if len(times) < 2 or times[0] is None or times[1] is None:
        return 1.0
    return abs(times[1] - times[0]) or 1.0


def file_names(views: Sequence["View"]) -> list[str]:
    """The cameras' names as file names; raises UserError where two would be the same.

    The reader has made the names of a stage's cameras unlike; those in files may be anything, a path elsewhere included.
    """
    names = [re.sub(r"[^\w.-]+", "_", view.camera.name).lstrip(".") or "camera" for view in views]
    for name, view in zip(names, views, strict=True):
        if names.count(name) > 1:
            raise UserError(f"--camera {view.source} is named twice; name each camera once")
    return names
