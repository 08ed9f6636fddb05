"""The scene document and the files that it names, taken from the twin once and kept; named by content, they never go stale."""

import asyncio
import gzip
import logging
import zlib
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from starlette.exceptions import HTTPException

from twinstage.sync.assets import CACHE_BYTES, Asset
from twinstage.sync.relay.asking import Asker, Refusal
from twinstage.sync.relay.bus import NoAnswer
from twinstage.sync.relay.envelope import EnvelopeError

log = logging.getLogger("twinstage.relay")
FILE_TIMEOUT_S = 20.0
"""The twin may have to bake a prototype first."""
File = tuple[str, str]
"""Kind (glb, texture) and hash."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A scene document as the twin gave it."""

    asset: Asset


class RelayFiles:
    """Scene, geometry and textures; those of the scene are fetched ahead, as far as there is room."""

    def __init__(self, asker: Asker, *, room: int = CACHE_BYTES) -> None:
        self._asker, self._room = asker, room
        self._scene: Asset | None = None
        self._named: frozenset[File] = frozenset()
        self._kept: OrderedDict[File, Asset] = OrderedDict()
        self._coming: dict[File, asyncio.Task[Asset | None]] = {}
        self._ahead: asyncio.Task[None] | None = None
        self.fetched_bytes = 0

    @property
    def document(self) -> bytes | None:
        """The scene document, if there is one."""
        return None if self._scene is None else self._scene.data

    # ------------------------------------------------------------------ for the edge

    async def fetch_scene(self) -> Fetched:
        """The twin's scene document of this moment. Raises NoAnswer, Refusal."""
        return Fetched(await self._fetch("scene", ""))

    def scene_is(self, scene: Fetched, files: Sequence[File]) -> None:
        """From now on; `files`: those that it names."""
        self._scene = scene.asset
        self._named = frozenset(files)
        if self._ahead is not None:
            self._ahead.cancel()
        self._ahead = asyncio.create_task(self._fetch_ahead(files))

    async def _fetch_ahead(self, files: Sequence[File]) -> None:
        """So that viewers who come while the twin is away see something."""
        for file in files:
            if self._size() > self._room * 3 // 4:
                return
            try:
                await self._have(file)
            except (NoAnswer, Refusal, EnvelopeError):
                await asyncio.sleep(1.0)

    # ------------------------------------------------------------------ for the server

    async def scene(self) -> Asset:
        """The scene document. HTTPException where there is none yet."""
        if self._scene is None:
            raise HTTPException(503, "this relay has no scene yet: its twin has not been heard")
        return self._scene

    async def geometry(self, digest: str) -> Asset | None:
        """A GLB; None where the scene names none of that hash."""
        return await self._file(("glb", digest))

    async def texture(self, digest: str) -> Asset | None:
        """An image; None where the scene names none of that hash."""
        return await self._file(("texture", digest))

    async def _file(self, file: File) -> Asset | None:
        if file not in self._named and file not in self._kept:
            return None
        try:
            return await self._have(file)
        except Refusal as error:
            if error.status == 404:
                return None
            raise HTTPException(503, str(error)) from None
        except NoAnswer:
            raise HTTPException(
                503, "the twin cannot be reached, and this relay does not have that file"
            ) from None

    async def _have(self, file: File) -> Asset | None:
        """Asked for once, however many want it."""
        if file in self._kept:
            self._kept.move_to_end(file)
            return self._kept[file]
        task = self._coming.get(file)
        if task is None:
            task = self._coming[file] = asyncio.create_task(self._fetch_file(file))
            task.add_done_callback(lambda done: self._came(file, done))
        return await asyncio.shield(task)

    def _came(self, file: File, done: "asyncio.Task[Asset | None]") -> None:
        self._coming.pop(file, None)
        if not done.cancelled():
            done.exception()  # told to whoever waits; nobody may

    async def _fetch_file(self, file: File) -> Asset:
        asset = await self._fetch(*file)
        self._kept[file] = asset
        while len(self._kept) > 1 and self._size() > self._room:
            self._kept.popitem(last=False)
        return asset

    async def _fetch(self, kind: str, name: str) -> Asset:
        question = {"op": "asset", "kind": kind, "name": name}
        head, data = await self._asker.ask(question, timeout_s=FILE_TIMEOUT_S)
        self.fetched_bytes += len(data)
        zipped = data if head["zipped"] else None
        try:
            plain = await asyncio.to_thread(gzip.decompress, data) if head["zipped"] else data
        except (OSError, EOFError, zlib.error) as error:
            raise NoAnswer(f"the twin's file is damaged: {error}") from None
        return Asset(plain, zipped, str(head["type"]), str(head["etag"]))

    def _size(self) -> int:
        return sum(len(asset.data) + len(asset.zipped or b"") for asset in self._kept.values())
