"""Which files a stage may reach: those below its own folder and below the asset roots that the user named.

Links are followed first: a link inside an allowed folder to a place outside is a way out like any other. Only regular
files count: to open a pipe or a device is to wait for it. `safe.screen` asks before anything is composed, the readers
ask before they open a texture.
"""

import os
import re
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from twinstage.base.errors import UserError
from twinstage.base.finding import Finding

_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")
OUTSIDE, NO_FILE, URI, ANONYMOUS = "asset.outside-root", "asset.no-file", "asset.uri", "asset.anonymous"


class AllowedFolders:
    """The folders that a stage may reach; `home` is the stage's own."""

    def __init__(self, stage_path: Path, asset_roots: Iterable[Path]) -> None:
        self.home = stage_path.parent
        self._file = os.path.realpath(stage_path)
        folders = [self.home, *asset_roots]
        self.prefixes = tuple(os.path.join(os.path.realpath(folder), "") for folder in folders)

    def allows(self, path: str) -> bool:
        """Whether that file of the file system (inside a package: the package) lies below an allowed folder."""
        try:
            real = os.path.realpath(outer_file(path))
        except (ValueError, OSError):  # a zero byte, or links that lead in a circle
            return False
        return real == self._file or any(real.startswith(prefix) for prefix in self.prefixes)

    def complaint(self, path: str, owner: str, authored: str) -> str:
        """Why that file may not be reached, one sentence; "" where it may. `owner`: the layer or property that names it."""
        if self.allows(path):
            return ""
        return (
            f"{owner} reaches {authored!r} outside the stage's folder {self.home}; "
            f"if that is meant, name a folder above it as an asset root (--asset-root {os.path.dirname(path)})"
        )

    def refusal(self, path: str, owner: str, authored: str) -> Finding | None:
        """Why that resolved file may not be opened, as a finding; None where it may."""
        outside = self.complaint(path, owner, authored)
        if outside:
            return Finding(OUTSIDE, "error", "", outside, "copy the file below the stage's folder")
        if not is_regular(outer_file(path)):
            message = f"{owner} names {authored!r}, which is no ordinary file"
            return Finding(NO_FILE, "error", "", message, "name a file")
        return None

    def require(self, path: str, owner: str, authored: str) -> None:
        """UserError unless `allows(path)`."""
        complaint = self.complaint(path, owner, authored)
        if complaint:
            raise UserError(complaint)


def outer_file(path: str) -> str:
    """The file of the file system behind a path that may lead into a package (`a.usdz[b.usda]`)."""
    return path.split("[", 1)[0] if path.endswith("]") else path


def is_regular(path: str) -> bool:
    """Whether it is, links followed, an ordinary file."""
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except (OSError, ValueError):
        return False


def is_utf8(path: str) -> bool:
    """Whether it is text throughout. Python spells other bytes of a name as lone surrogates, which the USD library refuses."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def uri_or_anonymous(authored: str, owner: str) -> Finding | None:
    """A finding about a path that is no path: a URI, or the name of a layer in memory."""
    if authored.startswith("anon:"):
        message = f"{owner} names {authored!r}, a layer in memory"
        return Finding(ANONYMOUS, "error", "", message, "name a file")
    if _URI.match(authored):
        message = f"{owner} names {authored!r}; addresses are not fetched"
        return Finding(URI, "error", "", message, "download it below the stage's folder")
    return None


def check_used_layers(stage: Any, allowed: AllowedFolders) -> None:
    """UserError if a composed layer lies outside the allowed folders: a second look, after the screen's."""
    for layer in stage.GetUsedLayers():
        if not layer.anonymous:
            allowed.require(
                layer.realPath or layer.identifier, stage.GetRootLayer().identifier, layer.identifier
            )
