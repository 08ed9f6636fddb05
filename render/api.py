"""Pictures and labels of a stage in a few lines of Python; see docs/render.md.

    from twinstage import render

    scene = render.open("cell.usda")
    scene.picture("Main", size=(640, 480)).save("main.png")
    scene.labels("Main", size=(640, 480), aovs=["depth", "semantic"]).save("main.json")

Engines stay alive with their scene, so that the second picture costs what changes. Touches pxr through `scene` when a stage
is opened or read at another time code, and files where something is saved.
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from twinstage.base.errors import UserError, did_you_mean
from twinstage.render.capture import Camera, Capture
from twinstage.render.outputs import PICTURE_AOVS, aov_bytes, check_aovs, check_suffix
from twinstage.render.preview import Preview
from twinstage.render.records import view_record
from twinstage.render.turntable import turntable
from twinstage.render.views import Point, Size, View, point_of_view, view_of
from twinstage.render.whole import write_whole
from twinstage.scene.columns import U1
from twinstage.scene.snapshot import Snapshot

if TYPE_CHECKING:
    from twinstage.base.finding import Finding
    from twinstage.render.engines import Engine, EngineSettings
    from twinstage.render.instants import Instant
    from twinstage.render.motion import Motion
    from twinstage.scene.stage import OpenedStage

DEFAULT_SIZE = (1280, 720)
DEFAULT_SPP = 64


def open(
    stage: str | Path,
    *,
    asset_roots: Iterable[str | Path] = (),
    variants: Mapping[str, str] | None = None,
    time: float | None = None,
    refine: int | None = None,
) -> "Scene":
    """Open a USD stage for pictures and labels.

    `asset_roots`: folders that it may reach beside its own; `variants`: `{"/Prim{set}": "variant"}`; `time`: time code of
    animated values, the start where None; `refine`: levels of subdivision. Raises UserError where it cannot be opened.
    """
    from twinstage.scene.choices import choose_variants
    from twinstage.scene.read import read_snapshot
    from twinstage.scene.stage import open_stage

    opened = choose_variants(open_stage(stage, asset_roots=asset_roots), dict(variants or {}))
    snapshot = read_snapshot(opened, checked_time(time), refine=refine)
    return Scene(snapshot, opened=opened, refine=refine, time=time)


def checked_time(time: float | None) -> float | None:
    """The time code; raises UserError where it is no finite number."""
    if time is not None and not math.isfinite(time):
        raise UserError(f"{time:g} is no time code; a finite number was expected")
    return time


class Scene:
    """A scene that does not change; `at` and `moved` give others, which share its engines."""

    def __init__(
        self,
        snapshot: Snapshot,
        *,
        opened: "OpenedStage | None" = None,
        refine: int | None = None,
        time: float | None = None,
        engines: "dict[EngineSettings, Engine] | None" = None,
    ) -> None:
        self.snapshot = snapshot
        self.time = time
        self._opened = opened
        self._refine = refine
        self._only_moves: bool | None = None
        self._engines: dict[EngineSettings, Engine] = {} if engines is None else engines

    @property
    def cameras(self) -> tuple[str, ...]:
        """Prim paths of the stage's cameras."""
        return tuple(self.snapshot.prims.path[camera.prim] for camera in self.snapshot.cameras)

    @property
    def engine_findings(self) -> "tuple[Finding, ...]":
        """What the engines found while they made pictures: damaged textures, a hint where they could be faster."""
        found = [f for engine in self._engines.values() for f in getattr(engine, "findings", ())]
        return tuple(dict.fromkeys(found))

    def camera(self, camera: str | Camera | None = None, *, size: Size = DEFAULT_SIZE) -> Camera:
        """The camera of a name or path, at the scene's poses; None: the stage's first one, or one that frames it all.

        Its pixels are square; `camera.camera_from_scene` gives those that fill both apertures.
        """
        return view_of(self.snapshot, camera, size).camera

    def look_at(
        self, eye: Point, target: Point | None = None, *, size: Size = DEFAULT_SIZE, fov: float = 60.0
    ) -> Camera:
        """A camera at `eye` [m] that looks at `target`, or at the middle of the scene; `fov`: horizontal [degrees]."""
        return point_of_view(self.snapshot, eye, target, size, math.radians(fov)).camera

    def turntable(self, views: int, *, size: Size = DEFAULT_SIZE, elevation: float = 25.0) -> list[Camera]:
        """Cameras once round the scene; `elevation` above the ground [degrees]."""
        return turntable(self.snapshot, views, *size, elevation=math.radians(elevation))

    def at(self, time: float) -> "Scene":
        """The scene at another time code of its stage."""
        from twinstage.scene.read import read_snapshot

        if self._opened is None:
            raise UserError("this scene was not read from a stage, so it has no other time codes")
        checked_time(time)
        snapshot = self._moved_to(self._opened, time)
        if snapshot is None:
            snapshot = read_snapshot(self._opened, time, refine=self._refine)
        return self._with(snapshot, float(time))

    def _moved_to(self, opened: "OpenedStage", time: float) -> Snapshot | None:
        """This scene at another time code, where nothing but transforms differs: most of it need not be read again."""
        from twinstage.scene.read.again import only_transforms_vary, read_moved

        if self._only_moves is None:
            self._only_moves = only_transforms_vary(opened.stage)
        return read_moved(opened, self.snapshot, time) if self._only_moves else None

    def moved(self, poses: Mapping[str, np.ndarray]) -> "Scene":
        """The scene with prims at other places: parent_from_prim f8[4, 4] (column vectors, metres, Z up) by prim path."""
        paths = self.snapshot.prims.index_of
        for path, matrix in poses.items():
            if path not in paths:
                raise UserError(f"no prim {path!r} in this scene{did_you_mean(path, paths)}")
            if np.shape(matrix) != (4, 4) or not np.isfinite(matrix).all():
                raise UserError(f"{path}: a pose of 4 x 4 finite numbers was expected")
        rows = sorted((paths[path], matrix) for path, matrix in poses.items()) if poses else []
        if not rows:
            return self._with(self.snapshot, self.time)
        prims = self.snapshot.prims
        frames = prims.frames.replaced(
            np.array([row for row, _ in rows]), np.array([matrix for _, matrix in rows], np.float64)
        )
        return self._with(replace(self.snapshot, prims=replace(prims, frames=frames)), self.time)

    def _with(self, snapshot: Snapshot, time: float | None) -> "Scene":
        scene = Scene(snapshot, opened=self._opened, refine=self._refine, time=time, engines=self._engines)
        scene._only_moves = self._only_moves
        return scene

    def picture(
        self,
        camera: str | Camera | None = None,
        *,
        size: Size = DEFAULT_SIZE,
        engine: str = "direct",
        spp: int = DEFAULT_SPP,
        seed: int = 0,
        exposure: float = 0.0,
        aovs: Sequence[str] = ("rgb",),
        **settings: Any,
    ) -> "Picture":
        """Render a picture. `settings`: more fields of `engines.EngineSettings`; `aovs`: rgb and linear."""
        view = view_of(self.snapshot, camera, size)
        chosen = engine_settings(
            kind=engine, spp=spp, seed=seed, exposure=exposure, outputs=tuple(aovs), **settings
        )
        return self.render(view, chosen)

    def render(self, view: View, settings: "EngineSettings", motion: "Motion | None" = None) -> "Picture":
        """The picture of a view with those settings; `motion`: how things move while its shutter is open."""
        engine = self.engine(settings)
        capture = engine.render(self.snapshot, view.camera, seed=settings.seed, motion=motion)
        return Picture(view, replace(capture, time_code=self.time), settings)

    def engine(self, settings: "EngineSettings") -> "Engine":
        """The living engine of those settings, whatever their seed."""
        from twinstage.render.engines import open_engine

        key = settings.model_copy(update={"seed": 0})
        if key not in self._engines:
            self._engines[key] = open_engine(key)
        return self._engines[key]

    def labels(
        self,
        camera: str | Camera | None = None,
        *,
        size: Size = DEFAULT_SIZE,
        aovs: Sequence[str] = ("depth", "normal", "object"),
        objects: Iterable[int] | None = None,
        classes: Mapping[str, int] | None = None,
        after: "Scene | None" = None,
        before: "Scene | None" = None,
    ) -> "Labels":
        """What a camera sees, exactly: AOVs of the label pass, and masks, boxes and counts of objects.

        `objects`: rows of `snapshot.objects`, all where None. `classes`: ids for `semantic`; by default the classes of the
        scene from 1 by name. `after`, `before`: the scene at the next and the last moment, for `motion` and flow; the
        camera is then the one of the same name.
        """
        from twinstage.render.instants import Instant

        view = view_of(self.snapshot, camera, size)
        moments = [
            None if scene is None else Instant(scene.snapshot, scene.camera(camera, size=size))
            for scene in (after, before)
        ]
        return self.label(view, aovs, objects=objects, classes=classes, after=moments[0], before=moments[1])

    def label(
        self,
        view: View,
        aovs: Sequence[str],
        *,
        objects: Iterable[int] | None = None,
        classes: Mapping[str, int] | None = None,
        motion: "Motion | None" = None,
        after: "Instant | None" = None,
        before: "Instant | None" = None,
    ) -> "Labels":
        """The labels of a view; `motion`: how things move while its shutter is open; `after`, `before`: other moments.

        Each row of pixels is labelled as it is in the middle of its exposure, and objects as in that of the middle row.
        """
        from twinstage.render.labels import label_pass
        from twinstage.render.sensors.classes import numbered_classes

        names = check_aovs(list(aovs))
        wrong = [name for name in names if name in PICTURE_AOVS]
        if wrong:
            raise UserError(f"{wrong[0]} is no label; `picture` makes it")
        ids = numbered_classes(self.snapshot) if classes is None else dict(classes)
        of_class = self.snapshot.objects.label_set
        by_set = np.array([ids.get(name, 0) for name, *_ in of_class.values] or [0])
        capture = label_pass(
            self.snapshot,
            view.camera,
            objects,
            aovs=names,
            classes=dict(enumerate(by_set[of_class.code].tolist())),
            motion=motion,
            after=after,
            before=before,
        )
        snapshot = self.snapshot if motion is None else motion.at(view.camera.shutter.middle)
        return Labels(view, replace(capture, time_code=self.time), snapshot, ids)

    def temperatures(self) -> dict[str, float]:
        """Kelvin by path of the prims that state `twin:temperature`, for thermal cameras; empty without a stage."""
        from twinstage.render.sensors import stage_temperatures

        if self._opened is None:
            return {}
        known = self.snapshot.prims.index_of
        found = stage_temperatures(self._opened.stage, self.time)
        return {path: kelvin for path, kelvin in found.items() if path in known}


@dataclass(frozen=True, slots=True)
class Picture:
    """A rendered picture and how it was made."""

    view: View
    capture: Capture
    settings: "EngineSettings"

    @property
    def camera(self) -> Camera:
        return self.view.camera

    @property
    def aovs(self) -> Mapping[str, np.ndarray]:
        return self.capture.aovs

    @property
    def rgb(self) -> U1:
        """sRGB u1[h, w, 3]."""
        return np.asarray(self.capture.aovs["rgb"], np.uint8)

    def save(self, path: str | Path) -> None:
        """Write .png or .jpg, or .exr of the linear picture where `aovs` asked for that, whole or not at all."""
        path = Path(path)
        exact = path.suffix.lower() in (".exr", ".npy") and "linear" in self.aovs
        name = "linear" if exact else "rgb"
        save_aov(path, name, self.aovs[name], camera=self.camera)


@dataclass(frozen=True, slots=True)
class Labels:
    """What one camera sees. `capture.objects`: masks and counts, `aovs`: arrays by name, `classes`: ids in `semantic`."""

    view: View
    capture: Capture
    snapshot: Snapshot = field(repr=False)
    classes: Mapping[str, int] = field(default_factory=dict)

    @property
    def camera(self) -> Camera:
        return self.view.camera

    @property
    def aovs(self) -> Mapping[str, np.ndarray]:
        return self.capture.aovs

    def record(self) -> dict[str, Any]:
        """Camera, pose and objects as plain data; docs/render.md lists the fields."""
        return {**view_record(self.snapshot, self.view, self.capture), "classes": dict(self.classes)}

    def save(self, path: str | Path) -> None:
        """Write the record as JSON."""
        save_records(Path(path), [self.record()])

    def save_aov(self, name: str, path: str | Path, *, preview: bool = False) -> None:
        """Write one AOV: .exr, .npy, ids also .png; a picture of it with `preview`."""
        if name not in self.aovs:
            raise UserError(f"these labels have no AOV {name!r}{did_you_mean(name, self.aovs)}")
        save_aov(Path(path), name, self.aovs[name], Preview() if preview else None, self.camera)

    def over(self, picture: "Picture | U1") -> U1:
        """The picture with masks, boxes and names of the visible objects, u1[h, w, 3]."""
        from twinstage.render.picture import overlay_capture

        rgb = picture.rgb if isinstance(picture, Picture) else picture
        return overlay_capture(rgb, self.capture, object_names(self.snapshot, self.capture))


def object_names(snapshot: Snapshot, capture: Capture) -> dict[int, str]:
    """What to write on objects: their first label, else the name of their prim."""
    rows = [mask.object for mask in capture.objects if mask.visible_px]
    return {row: _name(snapshot.objects[row]) for row in rows}


def _name(item: Any) -> str:
    return str(item.labels[0] if item.labels else item.prim_path.rsplit("/", 1)[-1])


def save_aov(
    path: Path, name: str, values: np.ndarray, preview: Preview | None = None, camera: Camera | None = None
) -> None:
    """Write an AOV by the path's suffix, whole or not at all; raises UserError where it cannot hold it."""
    check_suffix(path, name, preview is not None)
    write_whole(path, aov_bytes(name, values, path.suffix, preview, camera))


def save_records(path: Path, views: Sequence[Mapping[str, Any]]) -> None:
    """Write the records of views as one JSON file."""
    text = json.dumps({"labels": 1, "views": list(views)}, indent=1, allow_nan=False)
    write_whole(path, text.encode() + b"\n")


def engine_settings(**fields: Any) -> "EngineSettings":
    """EngineSettings; raises one-sentence UserErrors for an unknown kind, an unknown field or a value out of range."""
    from pydantic import ValidationError

    from twinstage.render.engines import ENGINES, EngineSettings

    ENGINES.get(fields.get("kind", "direct"))
    for name in fields:
        if name not in EngineSettings.model_fields:
            raise UserError(
                f"engines have no setting {name!r}{did_you_mean(name, EngineSettings.model_fields)}"
            )
    try:
        return EngineSettings(**fields)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise UserError(f"the engine's {name} is {first['input']!r}: {first['msg']}") from None
