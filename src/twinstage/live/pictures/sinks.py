"""Where pictures go. Which files there will be follows from the name that the user gave, before anything is rendered.

out/            a folder: <camera>_<aov>_<frame>.png (or .exr, where the numbers are no colours)
out.png         one picture; {camera}, {aov} and {frame} in the name make it many
out.mp4         a film of all frames
out.json        labels alone
"""

import json
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from string import Formatter
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from twinstage.base.errors import UserError
from twinstage.render.encoder import Encoder
from twinstage.render.outputs import STILLS, aov_bytes, check_suffix, file_suffix
from twinstage.render.preview import Preview
from twinstage.render.sheet import Heading, Tile, evenly, number, sheet_png, shrunk
from twinstage.render.video import KINDS, Film, check_film
from twinstage.render.whole import check_folder, whole_file, write_whole

if TYPE_CHECKING:
    from twinstage.render.capture import Camera

PLACES = ("camera", "aov", "frame")
FOLDER_NAME = "{camera}_{aov}_{frame}"
SHEET_MOST = 64
"""Pictures of a contact sheet; of more, evenly chosen ones are shown, and the sheet says so."""


@dataclass(frozen=True, slots=True)
class Shot:
    """What is on a picture: names as they stand in file names."""

    camera: str
    aov: str
    frame: str


class Sink(Protocol):
    """Takes the pictures of a job in order."""

    files: list[Path]

    def add(self, shot: Shot, values: np.ndarray, camera: "Camera") -> None: ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Wanted:
    """All that decides about files: names of cameras, AOVs and frames, each in order."""

    out: Path
    cameras: Sequence[str]
    aovs: Sequence[str]
    frames: Sequence[str]
    preview: bool
    sheet: bool
    labels: bool
    fps: float

    @property
    def shots(self) -> list[Shot]:
        return [Shot(c, a, f) for f in self.frames for c in self.cameras for a in self.aovs]


class Sinks:
    """All sinks of a job; files that are not whole at the end are removed."""

    def __init__(self, wanted: Wanted) -> None:
        self._open = ExitStack()
        kind = wanted.out.suffix.lower()
        pattern = wanted.out if kind in (*STILLS, *KINDS) else wanted.out / FOLDER_NAME
        self.sinks: list[Any] = []
        self.extra: list[Path] = []
        self.labels: LabelsFile | None = None
        folder = pattern is not wanted.out and kind != ".json"
        if folder and kind and not wanted.out.is_dir():
            known = ", ".join((*STILLS, *KINDS, ".json"))
            raise UserError(f"{wanted.out}: {kind} is no kind of picture; known: {known}, or name a folder")
        if wanted.sheet:
            self.sinks.append(Sheet(_sheet_path(wanted.out, folder), wanted))
        if kind in KINDS:
            self.sinks.append(self._open.enter_context(Films(pattern, wanted)))
        elif folder or (kind in STILLS and not wanted.sheet):
            self.sinks.append(self._open.enter_context(Stills(pattern, wanted)))
        if wanted.labels or kind == ".json":
            self.labels = self._open.enter_context(LabelsFile(_labels_path(wanted.out, folder)))
        if "{" not in str(pattern.parent):
            check_folder(pattern.parent if folder else wanted.out.parent)

    @property
    def files(self) -> list[Path]:
        """All files written, in order."""
        written = [file for sink in self.sinks for file in sink.files]
        return [*written, *self.extra, *([self.labels.path] if self.labels else [])]

    def add(self, shot: Shot, values: np.ndarray, camera: "Camera") -> None:
        for sink in self.sinks:
            sink.add(shot, values, camera)

    def __enter__(self) -> "Sinks":
        self._open.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                for sink in self.sinks:
                    sink.close()
        finally:
            self._open.__exit__(kind, error, trace)


def _sheet_path(out: Path, folder: bool) -> Path:
    if folder:
        return out / "sheet.png"
    if out.suffix.lower() != ".png":
        raise UserError(f"{out}: a contact sheet is a .png file; name one, or a folder")
    return out


def _labels_path(out: Path, folder: bool) -> Path:
    if folder:
        return out / "labels.json"
    return out.parent / "labels.json" if "{" in out.name else out.with_suffix(".json")


class Stills:
    """A file for each picture, encoded and written beside the renderer."""

    def __init__(self, pattern: Path, wanted: Wanted) -> None:
        self.files: list[Path] = []
        self._pattern, self._preview = pattern, wanted.preview
        names = [self._path(shot) for shot in wanted.shots]
        _check_places(pattern, names, wanted, PLACES)
        for shot, path in zip(wanted.shots, names, strict=True):
            check_suffix(path, shot.aov, wanted.preview)
        self._encoder = Encoder()

    def _path(self, shot: Shot) -> Path:
        path = filled(self._pattern, shot)
        if self._pattern.suffix.lower() in STILLS:
            return path
        return path.with_name(path.name + file_suffix(shot.aov, self._preview))

    def add(self, shot: Shot, values: np.ndarray, camera: "Camera") -> None:
        path, preview = self._path(shot), Preview() if self._preview else None
        self._encoder.put(
            lambda: aov_bytes(shot.aov, values, path.suffix, preview, camera), partial(write_whole, path)
        )
        self.files.append(path)

    def close(self) -> None:
        self._encoder.close()

    def __enter__(self) -> "Stills":
        return self

    def __exit__(self, *error: Any) -> None:
        self._encoder.__exit__(*error)


class Films:
    """A film for each camera and AOV that the name tells apart."""

    def __init__(self, pattern: Path, wanted: Wanted) -> None:
        self.files: list[Path] = []
        self._pattern, self._fps = pattern, wanted.fps
        self._films: dict[Path, Film] = {}
        self._previews: dict[Path, Preview] = {}
        self._open = ExitStack()
        one = [Shot(c, a, "") for c in wanted.cameras for a in wanted.aovs]
        _check_places(pattern, [filled(pattern, shot) for shot in one], wanted, PLACES[:2])
        check_film(pattern, wanted.fps)

    def add(self, shot: Shot, values: np.ndarray, camera: "Camera") -> None:
        path = filled(self._pattern, Shot(shot.camera, shot.aov, ""))
        if path not in self._films:
            self._films[path] = self._open.enter_context(Film(path, self._fps))
            self._previews[path] = Preview()
            self.files.append(path)
        self._films[path].add(self._previews[path](shot.aov, values))

    def close(self) -> None:
        self._open.close()

    def __enter__(self) -> "Films":
        return self

    def __exit__(self, *error: Any) -> None:
        self._open.__exit__(*error)


class Sheet:
    """A contact sheet; only the small pictures are kept."""

    def __init__(self, path: Path, wanted: Wanted) -> None:
        self.files: list[Path] = []
        self._path, self._wanted, self._place = path, wanted, 0
        self._shown = set(evenly(len(wanted.shots), SHEET_MOST).tolist())
        self._tiles: list[Tile] = []
        self._previews: dict[tuple[str, str], Preview] = {}

    def add(self, shot: Shot, values: np.ndarray, camera: "Camera") -> None:
        if self._place in self._shown:
            preview = self._previews.setdefault((shot.camera, shot.aov), Preview())
            self._tiles.append(shrunk(preview(shot.aov, values), "  ".join(self._caption(shot))))
        self._place += 1

    def _caption(self, shot: Shot) -> list[str]:
        wanted = self._wanted
        told = [shot.camera]
        told += [shot.aov] if len(wanted.aovs) > 1 or shot.aov != "rgb" else []
        return told + ([f"frame {shot.frame}"] if len(wanted.frames) > 1 else [])

    def close(self) -> None:
        wanted, total = self._wanted, self._place
        title = number(len(self._tiles), "picture") + (f" of {total}" if total > len(self._tiles) else "")
        note = f"{number(len(wanted.cameras), 'camera')}, {number(len(wanted.frames), 'frame')}"
        write_whole(self._path, sheet_png(self._tiles, Heading(title, note)))
        self.files.append(self._path)


@dataclass(slots=True)
class LabelsFile:
    """labels.json, written view by view, so that its size is no matter of memory."""

    path: Path
    objects: int = 0
    _open: ExitStack = field(default_factory=ExitStack)
    _file: Any = None
    _views: int = 0

    def add(self, record: Mapping[str, Any]) -> None:
        if self._file is None:
            part = self._open.enter_context(whole_file(self.path))
            self._file = self._open.enter_context(part.open("w", encoding="utf-8"))
            self._file.write('{"labels": 1, "views": [\n')
        self._file.write(("" if self._views == 0 else ",\n") + json.dumps(record, allow_nan=False))
        self._views += 1
        self.objects += len(record["objects"])

    def __enter__(self) -> "LabelsFile":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None or self._file is None:
            self._open.__exit__(kind, error, trace)
            return
        with self._open:
            self._file.write("\n]}\n")


def filled(pattern: Path, shot: Shot) -> Path:
    """The name with {camera}, {aov} and {frame} filled in; raises UserError for other braces."""
    known = {"camera": shot.camera, "aov": shot.aov, "frame": shot.frame}
    text = ""
    try:
        for words, place, form, conversion in Formatter().parse(str(pattern)):
            text += words
            if place is not None:
                if form or conversion:
                    raise KeyError(place)
                text += known[place]
    except (KeyError, ValueError):
        raise UserError(f"{pattern}: only {{camera}}, {{aov}} and {{frame}} may stand in braces") from None
    return Path(text)


def _check_places(pattern: Path, names: Sequence[Path], wanted: Wanted, places: Sequence[str]) -> None:
    if len(set(names)) == len(names):
        return
    counts = {"camera": len(wanted.cameras), "aov": len(wanted.aovs), "frame": len(wanted.frames)}
    lacking = [f"{{{p}}}" for p in places if counts[p] > 1 and f"{{{p}}}" not in str(pattern)]
    raise UserError(
        f"{pattern} would be written {len(names)} times: put {' and '.join(lacking)} into its name, or name a folder"
    )
