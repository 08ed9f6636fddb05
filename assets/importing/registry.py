"""Importers by kind and by file extension; other distributions add theirs by the entry point `twinstage.importers`.

An importer is a frozen model: its fields are options of the user (`--set NAME=VALUE`), its call reads a file.
A package of this folder that has a module `importer` registers its own.
"""

import importlib
import pkgutil
from pathlib import Path
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, ValidationError

import twinstage.assets.importing as package
from twinstage.assets.importing.document import Document
from twinstage.assets.importing.source import Source
from twinstage.base.errors import UserError, did_you_mean
from twinstage.base.registry import Registry


class Importer(BaseModel):
    """Reads one kind of file. It runs in the limited child: it may read below the file's folder and the roots.

    A call raises UserError with one sentence for a file that it cannot read; what it cannot carry goes into the notes.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    extensions: ClassVar[tuple[str, ...]] = ()
    """Endings of file names, lower case, with the dot."""
    needs_wall: ClassVar[str] = ""
    """Why files of this kind are not read where no kernel's wall stands around the child, and what to do; "" where they are."""
    kind: str

    @classmethod
    def packages_near(cls, path: Path) -> dict[str, Path]:
        """Packages (package://NAME/) that lie near a file; asked before the child starts, which may then read them."""
        return {}

    def __call__(self, source: Source) -> Document:
        """The document of a file."""
        raise NotImplementedError


IMPORTERS: Registry[Importer] = Registry("importer", group="twinstage.importers")


def load_own() -> None:
    """Register the importers of this folder."""
    for module in pkgutil.iter_modules(package.__path__):
        if module.ispkg:
            name = f"{package.__name__}.{module.name}.importer"
            try:
                importlib.import_module(name)
            except ModuleNotFoundError as problem:
                if problem.name != name:
                    raise


def importer_for(path: Path) -> type[Importer]:
    """The importer of a file, by the end of its name. UserError where none knows it."""
    load_own()
    name = path.name.lower()
    known = sorted((ending, cls) for cls in IMPORTERS for ending in cls.extensions)
    fitting = [(len(ending), cls) for ending, cls in known if name.endswith(ending)]
    if fitting:
        return max(fitting, key=lambda item: item[0])[1]
    if name.endswith((".usd", ".usda", ".usdc", ".usdz")):
        raise UserError(
            f"{path} is a USD file and needs no import; `twinstage assets check` says whether it is clean"
        )
    endings = ", ".join(ending for ending, _ in known)
    raise UserError(f"{path} is of no kind that can be imported; known are {endings}")


def make(cls: type[Importer], options: dict[str, Any]) -> Importer:
    """An importer with the user's options. UserError for an unknown or impossible one."""
    kind = str(cls.model_fields["kind"].default)
    fields = sorted(set(cls.model_fields) - {"kind"})
    for name in options:
        if name not in fields:
            hint = did_you_mean(name, fields) or "; it has none"
            raise UserError(f"the importer of {kind} has no option {name!r}{hint}")
    try:
        return cls(kind=kind, **options)
    except ValidationError as problem:
        first = problem.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise UserError(f"option {where} of the importer of {kind}: {first['msg'].lower()}") from None
