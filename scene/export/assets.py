"""Asset paths of a flattened layer: found, checked against the allowed folders, and given new places."""

import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from twinstage.base.finding import Finding
from twinstage.scene.asset_paths import AllowedFolders
from twinstage.scene.export.own import relative_path
from twinstage.scene.generation import plain_name

UDIM = "<UDIM>"
TILES = range(1001, 1101)
LAYERS = (".usd", ".usda", ".usdc", ".usdz")
MAX_BYTES = 1 << 30
"""Bytes of one asset at most."""


@dataclass
class Assets:
    """What a layer's asset paths name.

    `anchors`: absolute paths by what layers say, for UDIM sets, which flattening leaves as they are authored (see `anchors`).
    `files`: resolved path by its place in the package or assets folder.
    """

    allowed: AllowedFolders
    anchors: dict[str, list[str]] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    findings: dict[Finding, None] = field(default_factory=dict)
    _places: dict[str, str] = field(default_factory=dict)

    def tiles(self, path: str) -> list[tuple[str, str]]:
        """(tile, resolved path) of the files that an asset path names: one with the tile "", or those of a UDIM set."""
        from pxr import Ar

        resolver = Ar.GetResolver()
        if UDIM not in path:
            resolved = str(resolver.Resolve(path))
            return [("", resolved)] if resolved else []
        for absolute in self.anchors.get(path, [path]):
            named = [(str(tile), str(resolver.Resolve(absolute.replace(UDIM, str(tile))))) for tile in TILES]
            found = [(tile, resolved) for tile, resolved in named if resolved]
            if found:
                return found
        return []

    def may_use(self, path: str) -> list[tuple[str, str]]:
        """As `tiles`, without what is missing or lies outside the allowed folders; both are told."""
        tiles = self.tiles(path)
        if not tiles:
            self._tell("export.missing", f"asset {path!r} is not found; of its path only the name is kept")
        inside = [(tile, resolved) for tile, resolved in tiles if self.allowed.allows(resolved)]
        if len(inside) < len(tiles):
            self._tell("export.outside", f"asset {path!r} lies outside the stage's folders and is left out")
        return inside

    def place(self, path: str, folder: str) -> str:
        """A place below `folder` for what an asset path names, noted in `files`; the path itself where there is nothing."""
        if not path:
            return path
        if path not in self._places:
            name = _name(path)
            if name.lower().endswith(LAYERS):  # named, as by assetInfo, but composed into the file already
                self._places[path] = name
                return name
            tiles = self.may_use(path)
            digest = hashlib.sha256()
            for _, resolved in tiles:
                digest.update(hashlib.sha256(read_asset(resolved)).digest())
            place = f"{folder}/{digest.hexdigest()[:12]}_{name}"
            for tile, resolved in tiles:
                self.files[place.replace(UDIM, tile)] = resolved
            self._places[path] = place if tiles else name
        return self._places[path]

    def relative(self, path: str, folder: Path) -> str:
        """The path of an asset where it is, from `folder`; as it is where it is missing or outside."""
        if not path:
            return path
        if path not in self._places:
            tiles = self.may_use(path)
            if not tiles:
                self._places[path] = _name(path)
                return self._places[path]
            tile, resolved = tiles[0]
            outer, bracket, inner = resolved.partition("[")
            found = relative_path(plain_name(outer), folder) + bracket + inner
            if tile:  # the set again, in place of its first tile
                folder_of, _, last = found.rpartition("/")
                found = f"{folder_of}/{_name(path)}" if last == _name(path).replace(UDIM, tile) else path
            self._places[path] = found
        return self._places[path]

    def contents(self) -> Iterator[tuple[str, bytes]]:
        """(place, bytes) of all files, by place."""
        for place, resolved in sorted(self.files.items()):
            yield place, read_asset(resolved)

    def _tell(self, code: str, message: str) -> None:
        self.findings[Finding(code, "warning", "", message)] = None


def _name(path: str) -> str:
    """The file's own name, in a package or not."""
    return path.rsplit("[", 1)[-1].rstrip("]").replace("\\", "/").rpartition("/")[2]


def anchors(stage: Any) -> dict[str, list[str]]:
    """Absolute paths by authored path of the UDIM sets that the stage's layers name."""
    from pxr import Sdf, UsdUtils

    found: dict[str, set[str]] = {}
    for layer in stage.GetUsedLayers():
        if layer.anonymous or "[" in layer.identifier:
            continue
        for group in UsdUtils.ExtractExternalReferences(layer.identifier):
            for authored in group:
                if UDIM in authored:
                    # Without a leading dot a path is searched for, and the search does not find a pattern.
                    for said in (authored, f"./{authored}"):
                        absolute = Sdf.ComputeAssetPathRelativeToLayer(layer, said)
                        if os.path.isabs(absolute):
                            found.setdefault(authored, set()).add(absolute)
    return {authored: sorted(paths) for authored, paths in sorted(found.items())}


def read_asset(resolved: str) -> bytes:
    """The bytes of an asset, in a package or not; UserError where it cannot be read or is too large."""
    from pxr import Ar

    from twinstage.base.errors import UserError

    asset = Ar.GetResolver().OpenAsset(Ar.ResolvedPath(resolved))
    if not asset:
        raise UserError(f"asset {resolved} cannot be opened")
    with asset:
        if asset.GetSize() > MAX_BYTES:
            raise UserError(f"asset {resolved} is larger than {MAX_BYTES >> 20} MiB")
        return bytes(asset.GetBuffer())


def rewrite(layer: Any, change: Callable[[str], str]) -> None:
    """Give every asset path of a layer (values, samples, metadata) a new one."""
    from pxr import UsdUtils

    UsdUtils.ModifyAssetPaths(layer, change)
