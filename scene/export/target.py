"""Where an export goes: never onto a file of the stage, onto another one only if told, and whole or not at all."""

import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twinstage.base.errors import UserError


@dataclass(frozen=True, slots=True)
class Target:
    """A file to write. `force`: replace what is there."""

    path: Path
    force: bool = False

    def check(self, stage: Any) -> None:
        """UserError if the file may not be written: it belongs to the stage, it is there, or its folder cannot be."""
        real = os.path.realpath(self.path)
        for layer in stage.GetUsedLayers():
            if layer.realPath and os.path.realpath(layer.realPath.split("[", 1)[0]) == real:
                raise UserError(f"{self.path} is a file of the stage itself, which an export never writes")
        if self.path.is_dir():
            raise UserError(f"{self.path} is a folder; a file was expected")
        if self.path.exists() and not self.force:
            raise UserError(f"{self.path} is already there; --force replaces it")
        make_folder(self.path.absolute().parent)

    @contextmanager
    def writing(self) -> Iterator[Path]:
        """A file beside the target, with its ending, which takes its place at the end; nothing is left of a failure."""
        folder = self.path.absolute().parent
        try:
            handle, name = tempfile.mkstemp(prefix=f".{self.path.stem}.", suffix=self.path.suffix, dir=folder)
        except OSError as error:  # a file system that is read only, full, or makes no files at all
            raise UserError(f"{self.path} cannot be written: {error.strerror}") from None
        os.close(handle)
        temporary = Path(name)
        try:
            yield temporary
            os.chmod(temporary, 0o666 & ~_umask())
            os.replace(temporary, self.path)
        except OSError as error:
            raise UserError(f"{self.path} cannot be written: {error.strerror}") from error
        finally:
            temporary.unlink(missing_ok=True)

    def write(self, data: bytes) -> None:
        """Write bytes."""
        with self.writing() as temporary:
            temporary.write_bytes(data)


def make_folder(folder: Path) -> None:
    """The folder, made if need be; UserError where it cannot be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"the folder {folder} cannot be made: {error.strerror}") from None
    if not os.access(folder, os.W_OK):
        raise UserError(f"the folder {folder} cannot be written")


def write_folder(folder: Path, *, force: bool, ours: str, fill: Callable[[Path], None]) -> None:
    """Fill a new folder and put it in its place. `ours`: a pattern; a folder with any other file is never replaced."""
    if folder.exists():
        foreign = not folder.is_dir() or any(not re.fullmatch(ours, p.name) for p in folder.iterdir())
        if foreign:
            raise UserError(
                f"{folder} is already there and holds other files; remove it or choose another --out"
            )
        if not force:
            raise UserError(f"{folder} is already there; --force replaces it")
    make_folder(folder.absolute().parent)
    try:
        temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.absolute().parent))
    except OSError as error:
        raise UserError(f"{folder} cannot be written: {error.strerror}") from None
    try:
        fill(temporary)
        os.chmod(temporary, 0o777 & ~_umask())
        if folder.exists():
            shutil.rmtree(folder)
        os.replace(temporary, folder)
    except OSError as error:
        raise UserError(f"{folder} cannot be written: {error.strerror}") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
