"""The file that is imported and what lies beside it. Touches the file system; every path stays inside its roots."""

import contextlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from twinstage.base.errors import UserError
from twinstage.scene.asset_paths import AllowedFolders

MAX_BYTES = 2 << 30
"""Bytes of one file at most."""
LICENSES = ("license", "licence", "copying", "notice", "copyright")


@dataclass(frozen=True)
class Source:
    """A file to read. `roots`: folders that it may reach besides its own; `packages`: folders by name (package://NAME/)."""

    path: Path
    roots: tuple[Path, ...] = ()
    packages: Mapping[str, Path] = field(default_factory=dict)

    def data(self, most: int = MAX_BYTES) -> bytes:
        """The file itself."""
        return read_file(self.path, str(self.path), most)

    def text(self) -> str:
        """The file itself, UTF-8."""
        try:
            return self.data().decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise UserError(f"{self.path} is not text in UTF-8 (byte {error.start})") from None

    def find(self, name: str, owner: str) -> Path:
        """Where a file is that this one names, relative to it; UserError, naming `owner`, where it may not be reached."""
        plain = name.replace("\\", "/")
        if "\0" in plain:
            raise UserError(f"{owner} names {name!r}, which is no file name")
        path = Path(os.path.normpath(self.path.parent / plain))
        allowed = AllowedFolders(self.path.absolute(), [*self.roots, *self.packages.values()])
        if not allowed.allows(str(path.absolute())):
            raise UserError(
                f"{owner} names {name!r}, which lies outside the file's own folder; "
                "if that is meant, give a folder above it as --asset-root"
            )
        if not path.is_file():
            raise UserError(f"{owner} names {name!r}, which is not there")
        return path

    def beside(self, name: str, owner: str, most: int = MAX_BYTES) -> bytes:
        """The bytes of a file that this one names."""
        return read_file(self.find(name, owner), f"{owner}: {name}", most)

    def license_texts(self) -> tuple[tuple[str, bytes], ...]:
        """(name, contents) of licence files in the file's own folder, by name."""
        found = []
        allowed = AllowedFolders(self.path.absolute(), ())
        for entry in sorted(self.path.absolute().parent.iterdir()):
            stem = entry.name.lower().split(".")[0].split("-")[0].split("_")[0]
            named = stem in LICENSES and entry.suffix.lower() in ("", ".txt", ".md", ".rst")
            if named and allowed.allows(str(entry)):  # no link to somewhere else
                with contextlib.suppress(OSError):
                    if entry.is_file() and entry.stat().st_size <= 1 << 20:
                        found.append((entry.name, entry.read_bytes()))
        return tuple(found[:8])


def read_file(path: Path, called: str, most: int = MAX_BYTES) -> bytes:
    """The bytes of an ordinary file; UserError where it is none, cannot be read or is too large."""
    try:
        if not path.is_file():
            raise UserError(
                f"{called} is not there" if not path.exists() else f"{called} is no ordinary file"
            )
        if path.stat().st_size > most:
            raise UserError(f"{called} is larger than {most >> 20:,} MiB")
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"{called} cannot be read: {error.strerror}") from None
