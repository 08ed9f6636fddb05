"""The stage with its live layer as one .usdz: frozen between two ticks, made on another thread, kept until a change."""

import asyncio
import os
import shutil
import tempfile
import weakref
from pathlib import Path
from typing import TYPE_CHECKING

from twinstage.base.errors import UserError
from twinstage.sync.api.calls import PackageFile
from twinstage.sync.api.operation import Refused

if TYPE_CHECKING:
    from twinstage.live.twin import LiveTwin
    from twinstage.scene.export.own import OwnLayer

MOST_BYTES = 1 << 30
"""Largest package [B]."""
MOST_WAITING = 16


class Packager:
    """Implements `sync.api.calls.PackageSource`. One package is made at a time; who asks meanwhile shares the next."""

    def __init__(self, live: "LiveTwin", *, most_bytes: int = MOST_BYTES) -> None:
        self._live = live
        self._most = most_bytes
        self._lock = asyncio.Lock()
        self._waiting = 0
        self._began = 0
        """How many were begun: one that was begun after someone asked is new enough for them."""
        self._made: tuple[tuple[int, int], int, PackageFile] | None = None

    async def package(self) -> PackageFile:
        """The stage as it is now."""
        if self._waiting >= MOST_WAITING:
            raise Refused(503, "too many ask for the package at the same time; ask again")
        asked = self._began
        self._waiting += 1
        try:
            async with self._lock:
                return await self._newest(asked)
        finally:
            self._waiting -= 1

    async def _newest(self, asked: int) -> PackageFile:
        from twinstage.live.export import freeze

        hub = self._live.hub
        key = hub.revision, hub.seq
        if self._made is not None and (self._made[0] == key or self._made[1] > asked):
            return self._made[2]
        self._check()
        self._began += 1
        number = self._began
        own = freeze(self._live)
        path = await asyncio.to_thread(self._write, own)
        made = PackageFile(path, f"{hub.epoch}-{key[0]}-{key[1]}")
        weakref.finalize(made, shutil.rmtree, path.parent, True)
        self._made = key, number, made
        return made

    def _check(self) -> None:
        """Refuse what will be too large before it is made: layers and images as they are on the disk."""
        layers = {layer.realPath for layer in self._live.opened.stage.GetUsedLayers() if layer.realPath}
        size = sum(os.path.getsize(path) for path in layers if os.path.isfile(path))
        size += sum(len(texture.data) for texture in self._live.snapshot.textures)
        self._refuse_above(size)

    def _refuse_above(self, size: int) -> None:
        if size > self._most:
            raise Refused(
                413, f"the package would have more than {self._most >> 20} MiB; use `twinstage export`"
            )

    def _write(self, own: "OwnLayer") -> Path:
        from twinstage.scene.export.flat import write_package
        from twinstage.scene.export.target import Target

        folder = Path(tempfile.mkdtemp(prefix="twinstage-package-"))
        path = folder / "stage.usdz"
        try:
            write_package(own, Target(path))
            self._refuse_above(path.stat().st_size)
        except UserError as error:
            shutil.rmtree(folder, ignore_errors=True)
            raise Refused(503, str(error)) from None
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return path
