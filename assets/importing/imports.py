"""The door of imports: a file goes in, a package comes out, or one sentence why not. Starts the limited child.

The child may read below the file's folder and the asset roots and write into one new folder, which takes its place only when
everything went well: a broken file leaves nothing behind.
"""

import inspect
import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from twinstage.assets.importing.package import Written, package_names
from twinstage.assets.importing.registry import importer_for, make
from twinstage.assets.importing.task import UNITS
from twinstage.base.errors import TwinstageError, UserError
from twinstage.base.finding import Finding
from twinstage.scene.export.target import write_folder
from twinstage.scene.probe import ProbeLimits
from twinstage.scene.safe.examiner import Examiner, shared_examiner
from twinstage.scene.stage import checked_root

TASK = "twinstage.assets.importing.task:import_task"
LIMITS = ProbeLimits(time_s=600.0)
FILE_BYTES = 4 << 30
"""Bytes of one file of a package at most."""
COLLIDERS = ("convexHull", "convexDecomposition", "boundingCube", "boundingSphere", "none")


@dataclass(frozen=True, slots=True)
class Wish:
    """What the user says besides the file.

    up, units: "" where the file is to be believed. scale: on top. labels: of the whole model. collider: an approximation, ""
    for none. usdz: one more file that holds all. options: of the importer. roots: folders that the file may reach; packages:
    folders by name, which it may reach as package://NAME/.
    """

    name: str = ""
    labels: tuple[str, ...] = ()
    up: str = ""
    units: str = ""
    scale: float = 1.0
    collider: str = ""
    usdz: bool = False
    force: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)
    roots: tuple[Path, ...] = ()
    packages: Mapping[str, Path] = field(default_factory=dict)


def import_file(path: Path, out: Path, wish: Wish | None = None, limits: ProbeLimits = LIMITS) -> Written:
    """Import a file into the new folder `out`. Raises UserError for a file or wish that cannot be."""
    wish = wish or Wish()
    cls = _checked(path, wish)
    name = wish.name or path.name[: -len(_ending(path, cls.extensions))]
    file, _ = package_names(name)
    near = cls.packages_near(path.absolute())
    packages = {**near, **{key: checked_root(folder) for key, folder in wish.packages.items()}}
    own = [str(checked_root(root)) for root in wish.roots]
    request = {
        "path": str(path.absolute()),
        "asset_roots": own,
        "packages": {key: str(folder) for key, folder in packages.items()},
        "roots": [*own, *map(str, packages.values()), *_home_of(cls)],
        "name": name,
        "labels": list(wish.labels),
        "up": wish.up,
        "units": wish.units,
        "scale": wish.scale,
        "collider": wish.collider,
        "usdz": wish.usdz,
        "options": dict(wish.options),
        "file_bytes": FILE_BYTES,
        "needs_wall": f"{path}: {cls.needs_wall}" if cls.needs_wall else "",
    }
    done: list[Written] = []

    def fill(folder: Path) -> None:
        done.append(_examine(path, {**request, "folder": str(folder), "writes": [str(folder)]}, limits))

    ours = rf"{file}\.usd[az]|payload|(?i:licen[cs]e|copying|notice|copyright)[^/]*"
    write_folder(out, force=wish.force, ours=ours, fill=fill)
    return done[0]


def _checked(path: Path, wish: Wish) -> Any:
    """The importer of the file, after everything that can be said without reading it."""
    if not path.exists():
        raise UserError(f"there is no file {path}")
    if not path.is_file():
        raise UserError(f"{path} is no file")
    if not (math.isfinite(wish.scale) and wish.scale > 0):
        raise UserError(f"a scale of {wish.scale:g} was given; a number above 0 was expected")
    if wish.up not in ("", "Y", "Z"):
        raise UserError(f"--up {wish.up!r} was given; Y or Z was expected")
    if wish.units and wish.units not in UNITS:
        raise UserError(f"--units {wish.units!r} was given; {', '.join(UNITS)} were expected")
    if wish.collider and wish.collider not in COLLIDERS:
        raise UserError(f"--collider {wish.collider!r} was given; known are {', '.join(COLLIDERS)}")
    if not all(label.strip() for label in wish.labels):
        raise UserError("an empty --label was given; the name of a class was expected, as in --label pump")
    cls = importer_for(path)
    make(cls, dict(wish.options))
    return cls


def _ending(path: Path, endings: Iterable[str]) -> str:
    return max((e for e in endings if path.name.lower().endswith(e)), key=len)


def _home_of(cls: type) -> list[str]:
    """Where an importer of another distribution lies, which the child has to read."""
    return [os.path.dirname(os.path.abspath(inspect.getfile(cls)))]


def _examine(path: Path, request: dict[str, Any], limits: ProbeLimits) -> Written:
    shared = shared_examiner()
    if shared.fork:
        done = shared.examine(TASK, request, limits)
    else:  # a child that does not fork keeps the limits of its first task
        with Examiner() as own:
            done = own.examine(TASK, request, limits)
    if done.outcome == "ok":
        return written_from(done.answer)
    if done.outcome == "refused":
        raise UserError(done.message)
    if done.outcome == "time":
        raise UserError(f"{path} was not imported within {limits.time_s:g} s, so nothing is written")
    if done.outcome == "memory":
        raise UserError(
            f"{path} needs more than {limits.memory >> 20:,} MiB of memory to import, so nothing is written"
        )
    if done.outcome == "crash":
        raise UserError(f"{path} makes a library crash ({done.message}), so nothing is written")
    if done.message.startswith("RecursionError"):
        raise UserError(f"{path} is nested too deeply to be imported, so nothing is written")
    raise TwinstageError(f"{path} could not be imported: {done.message}")


def written_from(answer: Mapping[str, Any]) -> Written:
    """What the child tells, as it was there."""
    values = dict(answer)
    values["notes"] = tuple(Finding(**row) for row in answer["notes"])
    values["animations"] = tuple((name, seconds) for name, seconds in answer["animations"])
    x, y, z = answer["size"]
    return Written(**{**values, "size": (x, y, z), "files": tuple(answer["files"])})
