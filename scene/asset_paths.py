"""Which files a stage may reach: those below its own folder and below the asset roots that the user named.

Layers are checked after composition, textures and other assets by the paths that the layers hold, before anything
reads them. Links are followed first: a link inside an allowed folder to a place outside is a way out like any other.
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from twinstage.base.errors import UserError


class AllowedFolders:
    """The folders that a stage may reach; `home` is the stage's own."""

    def __init__(self, stage_path: Path, asset_roots: Iterable[Path]) -> None:
        self.home = stage_path.parent
        folders = [self.home, *asset_roots]
        self._prefixes = tuple(os.path.join(os.path.realpath(folder), "") for folder in folders)

    def allows(self, path: str) -> bool:
        """Whether that file of the file system (inside a package: the package) lies below an allowed folder."""
        real = os.path.realpath(path.split("[", 1)[0])
        return any(real.startswith(prefix) for prefix in self._prefixes)

    def complaint(self, path: str, layer: str, authored: str) -> str:
        """Why that file may not be reached, one sentence; "" where it may."""
        if self.allows(path):
            return ""
        return (
            f"layer {layer} reaches {authored!r} outside the stage's folder {self.home}; "
            f"if that is meant, name a folder above it as an asset root (--asset-root {os.path.dirname(path)})"
        )

    def require(self, path: str, layer: str, authored: str) -> None:
        """UserError unless `allows(path)`."""
        complaint = self.complaint(path, layer, authored)
        if complaint:
            raise UserError(complaint)


def complaints(stage: Any, allowed: AllowedFolders) -> Iterator[tuple[str, str]]:
    """(layer, sentence) for every layer, and every asset that a layer names, outside the allowed folders."""
    for layer in stage.GetUsedLayers():
        if layer.anonymous:
            continue
        found = [(stage.GetRootLayer().identifier, layer.identifier, layer.realPath or layer.identifier)]
        found += [(layer.identifier, authored, resolved) for authored, resolved in _assets_of(layer)]
        for owner, authored, path in found:
            complaint = allowed.complaint(path, owner, authored)
            if complaint:
                yield owner, complaint


def check_used_layers(stage: Any, allowed: AllowedFolders) -> None:
    """UserError if a layer, or an asset that a layer names, lies outside the allowed folders."""
    for _, complaint in complaints(stage, allowed):
        raise UserError(complaint)


def _assets_of(layer: Any) -> Iterator[tuple[str, str]]:
    from pxr import Ar, Sdf, UsdUtils

    if (
        "[" in layer.identifier
    ):  # a layer inside a package can name only what the package holds, or what is checked above
        return
    resolver = Ar.GetResolver()
    for authored in {
        path for group in UsdUtils.ExtractExternalReferences(layer.identifier) for path in group
    }:
        absolute = Sdf.ComputeAssetPathRelativeToLayer(layer, authored)
        resolved = str(resolver.Resolve(absolute))
        if resolved:  # what does not resolve is reported as such, not refused
            yield authored, resolved
