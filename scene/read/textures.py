"""Image files as they are: found through USD's resolver (also inside .usdz packages), read once each.

UDIM sets are baked into one image (`scene.read.udim`).
"""

import hashlib
from dataclasses import dataclass
from typing import Any

from twinstage.scene.read.context import ReadContext
from twinstage.scene.read.image_facts import Header, mean_color, read_header
from twinstage.scene.read.udim import FIRST, LAST, Atlas, bake_atlas
from twinstage.scene.snapshot import Texture

MAX_BYTES = 512 << 20
UDIM = "<UDIM>"
Fill = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Found:
    """A texture's index; for a UDIM set also the rectangle of tiles: first column and row, columns, rows."""

    index: int
    tiles: tuple[int, int, int, int] | None = None


class TextureStore:
    """Textures by resolved path; equal contents are kept once."""

    def __init__(self, context: ReadContext) -> None:
        self.context = context
        self.textures: list[Texture] = []
        self._by_path: dict[str, int] = {}
        self._by_hash: dict[str, int] = {}
        self._headers: dict[int, Header] = {}
        self._means: dict[tuple[int, bool], Fill] = {}
        self._atlases: dict[tuple[object, ...], Found] = {}

    def index(self, asset: Any, attribute: Any) -> int:
        """The texture of an Sdf.AssetPath value, or -1 (with a finding) where it cannot be read.

        `attribute` is the Usd.Attribute that holds the value: relative paths are anchored at its layer.
        """
        authored = str(asset.path)
        if not authored:
            return -1
        resolved = str(asset.resolvedPath) or self._resolve(authored, attribute)
        if not resolved:
            self._complain("texture.missing", authored, attribute, "is not found")
            return -1
        return self._indexed(resolved, authored, attribute)

    def find(
        self, asset: Any, attribute: Any, *, fill: Fill = (0.0, 0.0, 0.0, 1.0), square: bool = False
    ) -> Found:
        """As `index`, with UDIM sets baked into one image; `fill` and `square` as in `bake_atlas`."""
        authored = str(asset.path)
        if UDIM not in authored:
            return Found(self.index(asset, attribute))
        layers = [spec.layer for spec in attribute.GetPropertyStack(self.context.time)]
        key = (authored, *(layer.identifier for layer in layers), fill, square)
        if key not in self._atlases:
            self._atlases[key] = self._udim(authored, layers, attribute, fill, square)
        return self._atlases[key]

    def header(self, index: int) -> Header:
        """Bits and channels of a texture's file."""
        if index not in self._headers:
            self._headers[index] = read_header(self.textures[index].data)
        return self._headers[index]

    def mean(self, index: int, *, srgb: bool) -> Fill:
        """The mean of a texture's channels, rounded to 1e-6."""
        key = (index, srgb)
        if key not in self._means:
            r, g, b, a = (round(v, 6) for v in mean_color(self.textures[index].data, srgb=srgb))
            self._means[key] = (r, g, b, a)
        return self._means[key]

    def _udim(self, authored: str, layers: list[Any], attribute: Any, fill: Fill, square: bool) -> Found:
        """Tiles that exist, from the strongest layer that has any, in one atlas."""
        from pxr import Ar

        resolver = Ar.GetResolver()
        for layer in layers:
            tiles: dict[int, bytes] = {}
            path = ""
            for number in range(FIRST, LAST + 1):
                # Anchored with the number in place: plain relative names are looked for beside the layer first.
                resolved = str(resolver.Resolve(self._anchored(authored.replace(UDIM, str(number)), layer)))
                data = self._bytes(resolved, authored, attribute) if resolved else None
                if data is not None:
                    path = path or resolved.replace(str(number), UDIM)
                    tiles[number] = data
            if tiles:
                atlas = bake_atlas(tiles, fill, square=square)
                if atlas is not None:
                    self._tell(atlas, authored, attribute)
                    index = self._keep(path, atlas.data)
                    return Found(index, (atlas.column, atlas.row, atlas.columns, atlas.rows))
        self._complain("texture.missing", authored, attribute, "has no tile that can be read")
        return Found(-1)

    def _tell(self, atlas: Atlas, authored: str, attribute: Any) -> None:
        if atlas.unreadable:
            listed = ", ".join(map(str, atlas.unreadable))
            self._complain("texture.udim", authored, attribute, f"has tiles that cannot be decoded: {listed}")
        if atlas.missing:
            listed = ", ".join(map(str, atlas.missing[:8])) + (" ..." if len(atlas.missing) > 8 else "")
            self._complain(
                "texture.udim", authored, attribute, f"has no tile {listed}: the fallback is shown there"
            )
        if atlas.shrunk:
            self._complain("texture.udim", authored, attribute, f"is shrunk to {atlas.edge} pixels a tile")

    def _resolve(self, authored: str, attribute: Any) -> str:
        """Second chances: backslashes, and paths that a primvar gave."""
        from pxr import Ar

        for spec in attribute.GetPropertyStack(self.context.time):
            resolved = str(Ar.GetResolver().Resolve(self._anchored(authored, spec.layer)))
            if resolved:
                return resolved
        return ""

    @staticmethod
    def _anchored(authored: str, layer: Any) -> str:
        from pxr import Sdf

        return str(Sdf.ComputeAssetPathRelativeToLayer(layer, authored.replace("\\", "/")))

    def _indexed(self, resolved: str, authored: str, attribute: Any) -> int:
        if resolved not in self._by_path:
            data = self._bytes(resolved, authored, attribute)
            self._by_path[resolved] = -1 if data is None else self._keep(resolved, data)
        return self._by_path[resolved]

    def _bytes(self, resolved: str, authored: str, attribute: Any) -> bytes | None:
        from pxr import Ar

        self.context.allowed.require(resolved, str(attribute.GetPath()), authored)
        asset = Ar.GetResolver().OpenAsset(Ar.ResolvedPath(resolved))
        if not asset:
            self._complain("texture.unreadable", authored, attribute, "cannot be opened")
            return None
        with asset:
            if asset.GetSize() > MAX_BYTES:
                self._complain("texture.size", authored, attribute, f"is larger than {MAX_BYTES >> 20} MiB")
                return None
            return bytes(asset.GetBuffer() or b"")

    def _keep(self, path: str, data: bytes) -> int:
        digest = hashlib.sha256(data).hexdigest()
        if digest not in self._by_hash:
            self._by_hash[digest] = len(self.textures)
            self.textures.append(Texture(path, digest, data))
        return self._by_hash[digest]

    def _complain(self, code: str, authored: str, attribute: Any, what: str) -> None:
        where = attribute.GetPath()
        self.context.finding(code, f"{where}: texture {authored!r} {what}", where)
