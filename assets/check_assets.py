"""What a stage reaches besides layers: asset values of its prims, whether they are there, and the images among them.

Runs in the child; the stage is composed of screened layers.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from twinstage.assets.rules import about
from twinstage.assets.rules.arcs import ABSOLUTE, MDL, missing_file, other_case
from twinstage.assets.rules.textures import TextureFacts, read_texture
from twinstage.base.finding import Finding
from twinstage.scene.asset_paths import AllowedFolders
from twinstage.scene.safe.limits import MAX_IMAGE_BYTES, MAX_IMAGE_PIXELS

IMAGES = (
    ".png",
    ".jpg",
    ".jpeg",
    ".exr",
    ".hdr",
    ".tga",
    ".tif",
    ".tiff",
    ".bmp",
    ".webp",
    ".gif",
    ".psd",
    ".svg",
)


@dataclass
class Reached:
    """Images by resolved path -> (property that names it, as authored); names of files told as missing; images used."""

    images: dict[str, tuple[str, str]] = field(default_factory=dict)
    missing: set[str] = field(default_factory=set)
    used: dict[str, tuple[str, int]] = field(default_factory=dict)

    def tell(self, finding: Finding) -> None:
        """Note the file that a finding calls missing: it begins with the quoted path."""
        if finding.message.startswith("'"):
            self.missing.add(_name(finding.message[1:].partition("'")[0]))


def _name(path: str) -> str:
    """The last part of a path, whatever its slashes."""
    return path.replace("\\", "/").rpartition("/")[2]


def look_at_values(prim: Any, path: str, reached: Reached) -> Iterator[Finding]:
    """Asset values of one prim."""
    from pxr import Sdf, Usd

    for attribute in prim.GetAuthoredAttributes():
        if attribute.GetTypeName() not in (Sdf.ValueTypeNames.Asset, Sdf.ValueTypeNames.AssetArray):
            continue
        value = attribute.Get(Usd.TimeCode.EarliestTime())
        for asset in [value] if isinstance(value, Sdf.AssetPath) else list(value or ()):
            if asset.path:
                yield from _value(attribute, f"{path}.{attribute.GetName()}", asset, reached)


def _value(attribute: Any, where: str, asset: Any, reached: Reached) -> Iterator[Finding]:
    authored, resolved = str(asset.path), str(asset.resolvedPath)
    if authored.startswith(("anon:", "`")):
        return
    layer = next((spec.layer for spec in attribute.GetPropertyStack()), None)
    folder = os.path.dirname(layer.realPath) if layer is not None else ""
    if "<UDIM>" in authored:
        tiles = _tiles(authored, layer)
        for tile in tiles:
            reached.images.setdefault(tile, (where, os.path.basename(tile)))
        if not tiles:
            yield _missing(authored, where, folder, reached)
        return
    if not resolved:
        yield _missing(authored, where, folder, reached)
        return
    if (
        layer is not None
        and not layer.anonymous
        and (os.path.isabs(authored) or authored[1:3] in (":\\", ":/"))
    ):
        message = f"{authored!r} is the path of one computer"
        yield Finding(ABSOLUTE.code, "warning", where, message, ABSOLUTE.fix)
    if authored.lower().endswith(IMAGES):
        reached.images.setdefault(resolved, (where, authored))


def _tiles(authored: str, layer: Any) -> list[str]:
    from pxr import Tf, UsdShade

    try:
        return [str(tile) for tile, _ in UsdShade.UdimUtils.ResolveUdimTilePaths(authored, layer)]
    except Tf.ErrorException:
        return []


def _missing(authored: str, where: str, folder: str, reached: Reached) -> Finding:
    reached.missing.add(_name(authored))
    if authored.lower().endswith(".mdl"):
        return Finding(MDL.code, "info", where, f"{authored!r} is not found", MDL.fix)
    return missing_file(authored, where, folder)


def look_at_rest(stage: Any, reached: Reached) -> Iterator[Finding]:
    """Files that only parts name which are not shown now: other variants, payloads, value clips."""
    from pxr import UsdUtils

    used = {_name(authored) for _, authored in reached.images.values()}  # a stronger layer mended that path
    homes = {os.path.dirname(layer.realPath) for layer in stage.GetUsedLayers() if layer.realPath}
    _, _, unresolved = UsdUtils.ComputeAllDependencies(stage.GetRootLayer().identifier)
    for path in sorted(set(unresolved)):
        if _name(path) in reached.missing or path.startswith("anon:") or _name(path) in used:
            continue
        if path.lower().endswith(".mtlx") and os.path.exists(path):
            continue
        if path.lower().endswith(".mdl"):
            yield Finding(MDL.code, "info", "", f"{path!r} is not found", MDL.fix)
            continue
        if any(_reached_otherwise(path, home, reached) for home in homes):
            continue  # a stronger layer names it as the file system does
        found = missing_file(path, "", os.path.dirname(path))
        yield Finding(
            found.code, "warning", "", f"{found.message} (named where nothing shows it now)", found.fix
        )


def _reached_otherwise(path: str, home: str, reached: Reached) -> bool:
    """Whether the image of a path that differs by case alone is shown. `home`: a folder that a bare path may lie in."""
    other = other_case(path, home)
    return bool(other) and os.path.normpath(os.path.join(home, other)) in reached.images


def look_at_images(reached: Reached, allowed: AllowedFolders) -> Iterator[Finding]:
    """All images, each once; their memory goes into `reached.used`."""
    for resolved, (where, authored) in reached.images.items():
        if allowed.refusal(resolved, where, authored) is not None:
            continue
        facts = _image(resolved, authored)
        if facts is None:
            continue
        prim, _, name = where.partition(".")
        yield from about("texture", facts, f"{prim}.{name}" if name else prim)
        if facts.size is not None and facts.size.pixels <= MAX_IMAGE_PIXELS:
            reached.used[resolved] = (prim, facts.decoded)


def _image(resolved: str, authored: str) -> TextureFacts | None:
    from pxr import Ar

    asset = Ar.GetResolver().OpenAsset(Ar.ResolvedPath(resolved))
    if not asset:
        # The library maps files into memory, which an empty one cannot be.
        empty = os.path.isfile(resolved) and os.path.getsize(resolved) == 0
        return read_texture(authored, b"") if empty else None
    with asset:
        if asset.GetSize() > MAX_IMAGE_BYTES:
            return None
        return read_texture(authored, bytes(asset.GetBuffer() or b""))
