"""Image files as they are: found through USD's resolver (also inside .usdz packages), read once each."""

import hashlib
from typing import Any

from twinstage.scene.read.context import ReadContext
from twinstage.scene.safe.images import read_image
from twinstage.scene.snapshot import Texture

UDIM = "<UDIM>"


class TextureStore:
    """Textures by resolved path; equal contents are kept once."""

    def __init__(self, context: ReadContext) -> None:
        self.context = context
        self.textures: list[Texture] = []
        self._by_path: dict[str, int] = {}
        self._by_hash: dict[str, int] = {}

    def index(self, asset: Any, attribute: Any) -> int:
        """The texture of an Sdf.AssetPath value, or -1 (with a finding) where it cannot be read.

        `attribute` is the Usd.Attribute that holds the value: relative paths are anchored at its layer.
        """
        authored = str(asset.path)
        if not authored:
            return -1
        resolved = str(asset.resolvedPath) or self._resolve(authored, attribute)
        if not resolved:
            self.context.finding(
                "texture.missing",
                f"{attribute.GetPath()}: texture {authored!r} is not found",
                attribute.GetPath(),
            )
            return -1
        if resolved not in self._by_path:
            self._by_path[resolved] = self._read(resolved, authored, attribute)
        return self._by_path[resolved]

    def _resolve(self, authored: str, attribute: Any) -> str:
        """Second chances: backslashes, and the first tile of a UDIM set."""
        from pxr import Ar, Sdf

        candidate = authored.replace("\\", "/")
        if UDIM in candidate:
            self.context.finding(
                "texture.udim",
                f"{attribute.GetPath()}: of the UDIM set {authored!r} only tile 1001 is used",
                attribute.GetPath(),
            )
            candidate = candidate.replace(UDIM, "1001")
        if candidate == authored:
            return ""
        for spec in attribute.GetPropertyStack(self.context.time):
            path = Sdf.ComputeAssetPathRelativeToLayer(spec.layer, candidate)
            resolved = str(Ar.GetResolver().Resolve(path))
            if resolved:
                return resolved
        return ""

    def _read(self, resolved: str, authored: str, attribute: Any) -> int:
        data, fault = read_image(resolved, self.context.allowed, str(attribute.GetPath()), authored)
        if fault is not None:
            self.context.finding(fault.code, fault.message, attribute.GetPath(), fault.severity)
        if data is None:
            return -1
        digest = hashlib.sha256(data).hexdigest()
        if digest not in self._by_hash:
            self._by_hash[digest] = len(self.textures)
            self.textures.append(Texture(resolved, digest, data))
        return self._by_hash[digest]
