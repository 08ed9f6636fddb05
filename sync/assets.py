"""What the server hands out over HTTP: the scene document, baked geometry, textures and the viewer's files.

Everything but the viewer's files is named by its content, so answers are prepared once, kept in a bounded
cache (both plain and gzipped) and never go stale.
"""

import gzip
import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

from twinstage.scene.glb import bake_prototype
from twinstage.sync.hub import Hub, Scene
from twinstage.sync.scene_columns import MEDIA_TYPE, scene_columns
from twinstage.sync.scene_json import ShapeRows, image_type, scene_bytes

CACHE_BYTES = 256 << 20
"""Bytes of prepared answers that are kept."""


@dataclass(frozen=True, slots=True)
class Asset:
    """A prepared answer; `zipped` is None where gzip would not help. `etag` is quoted, as in the header."""

    data: bytes
    zipped: bytes | None
    content_type: str
    etag: str


def make_asset(data: bytes, content_type: str, *, compress: bool, level: int = 6) -> Asset:
    """An answer with its gzipped twin (no time stamp, so it is the same for the same data)."""
    zipped = gzip.compress(data, level, mtime=0) if compress and len(data) > 512 else None
    etag = f'"{hashlib.sha256(data).hexdigest()[:32]}"'
    return Asset(data, zipped, content_type, etag)


class AssetStore:
    """Answers of one hub. Methods are pure work and may run in a worker thread."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._cache: OrderedDict[str, Asset] = OrderedDict()
        self._lock = threading.Lock()
        self._rows: ShapeRows = {}
        """What documents say of shapes: of the next scene only those are worked out that are new."""

    def scene(self) -> Asset:
        """The scene document of the present revision."""
        scene = self._hub.scene
        return self._kept(
            f"scene {scene.revision}",
            lambda: make_asset(scene_bytes(scene, self._known(scene)), "application/json", compress=True),
        )

    def columns(self) -> Asset:
        """The scene document with its columns as bytes."""
        scene = self._hub.scene
        return self._kept(
            f"columns {scene.revision}",
            lambda: make_asset(scene_columns(scene, self._known(scene)), MEDIA_TYPE, compress=True, level=1),
        )

    def _known(self, scene: Scene) -> ShapeRows:
        """Rows of shapes that the scene has, for it to be filled in; another thread may fill in the same."""
        used = {one.hash for one in scene.snapshot.prototypes}
        self._rows = {digest: row for digest, row in list(self._rows.items()) if digest in used}
        return self._rows

    def geometry(self, digest: str) -> Asset | None:
        """The GLB of the prototype with that hash, or None. One that was handed out stays for a while when its scene goes."""
        with self._lock:
            if f"glb {digest}" in self._cache:
                self._cache.move_to_end(f"glb {digest}")
                return self._cache[f"glb {digest}"]
        prototypes = self._hub.scene.snapshot.prototypes
        prototype = next((one for one in prototypes if one.hash == digest), None)
        if prototype is None:
            return None
        return self._kept(
            f"glb {digest}", lambda: make_asset(bake_prototype(prototype), "model/gltf-binary", compress=True)
        )

    def put_geometry(self, digest: str, data: bytes, zipped: bytes) -> None:
        """A GLB that was baked elsewhere."""
        etag = f'"{hashlib.sha256(data).hexdigest()[:32]}"'
        self._kept(f"glb {digest}", lambda: Asset(data, zipped, "model/gltf-binary", etag))

    def keep_geometry(self, digests: Collection[str]) -> None:
        """Let go of models of scenes that went long ago: all but those."""
        with self._lock:
            for key in [key for key in self._cache if key.startswith("glb ") and key[4:] not in digests]:
                del self._cache[key]

    def texture(self, digest: str) -> Asset | None:
        """The image with that hash, or None; the snapshot holds it already, so it is not kept twice."""
        for texture in self._hub.scene.snapshot.textures:
            if texture.hash == digest:
                return Asset(texture.data, None, image_type(texture.data), f'"{digest}"')
        return None

    def _kept(self, key: str, make: Callable[[], Asset]) -> Asset:
        with self._lock:
            if key in self._cache:
                self._cache.move_to_end(key)
                return self._cache[key]
        asset = make()  # unlocked: one client's large file must not hold up another's small one
        with self._lock:
            self._cache[key] = asset
            while len(self._cache) > 1 and sum(map(_size, self._cache.values())) > CACHE_BYTES:
                self._cache.popitem(last=False)
        return asset


def _size(asset: Asset) -> int:
    return len(asset.data) + len(asset.zipped or b"")


def find_viewer() -> Path | None:
    """The built viewer of the installed package or of the checkout; None where there is neither."""
    package = Path(str(files("twinstage")))
    for folder in (package / "viewer_dist", package.parent.parent / "viewer" / "dist"):
        if (folder / "index.html").is_file():
            return folder
    return None


def files_below(folder: Path | None) -> frozenset[str]:
    """Paths, as URLs have them, of the files of a viewer; none where there is no folder."""
    if folder is None:
        return frozenset()
    found = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return frozenset("/" + name for name in found)


def accepts_gzip(accepted: str) -> bool:
    """Whether a header `Accept-Encoding` allows gzip."""
    for item in accepted.lower().split(","):
        name, _, weight = item.replace(" ", "").partition(";")
        if name in ("gzip", "*"):
            return weight not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False


_PACKED_SUFFIXES = (".js", ".css", ".html", ".svg", ".json", ".txt")


@lru_cache(maxsize=64)
def packed(path: str, changed_ns: int) -> bytes | None:
    """A file of the viewer, gzipped once; None where that would not help. `changed_ns`: when it was last written."""
    if not path.endswith(_PACKED_SUFFIXES):
        return None
    data = Path(path).read_bytes()
    return gzip.compress(data, 6, mtime=0) if len(data) > 512 else None
