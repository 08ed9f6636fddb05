"""The stage with its live layer as one .usdz. It is made by a child process, because flattening would hold up the ticks: here
the session's layers are only copied into files, the large ones on another thread while the writer of the live layer waits.

What was made is kept until something changes. Touches files, pxr and processes.
"""

import asyncio
import json
import os
import shutil
import sys
import tempfile
import weakref
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twinstage.sync.api.calls import PackageFile
from twinstage.sync.api.operation import Refused

if TYPE_CHECKING:
    from twinstage.live.twin import LiveTwin

MOST_BYTES = 1 << 30
"""Largest package [B]."""
MOST_WAITING = 16
PATIENCE_S = 300.0
"""How long a package may take."""
OUT = "stage.usdz"
LARGE = ("live", "simulation", "bindings")
"""Layers that only the writer of the live layer changes while a twin runs."""
SMALL = ("ui", "randomization")


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
        hub = self._live.hub
        key = hub.revision, hub.seq
        if self._made is not None and (self._made[0] == key or self._made[1] > asked):
            return self._made[2]
        self._check()
        self._began += 1
        number = self._began
        folder = Path(tempfile.mkdtemp(prefix="twinstage-package-"))
        try:
            await self._copy(folder)
            await _in_child(folder, self._live.opened.path.parent)
            self._refuse_above((folder / OUT).stat().st_size)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        made = PackageFile(folder / OUT, f"{hub.epoch}-{key[0]}-{key[1]}")
        weakref.finalize(made, shutil.rmtree, folder, True)
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
            text = f"the package would have more than {self._most >> 20} MiB; use `twinstage export`"
            raise Refused(413, text)

    async def _copy(self, folder: Path) -> None:
        """The session's layers as files, all of one moment."""
        live, opened = self._live, self._live.opened
        job = {"stage": str(opened.path), "roots": list(opened.allowed.prefixes)}
        (folder / "job.json").write_text(json.dumps(job))
        live.flush()
        small = {name: getattr(opened.layers, name) for name in SMALL}
        for name, layer in {**small, "session": opened.stage.GetSessionLayer()}.items():
            (folder / f"{name}.usda").write_text(layer.ExportToString(), encoding="utf-8")
        large = {folder / f"{name}.usdc": getattr(opened.layers, name) for name in LARGE}
        await asyncio.to_thread(_export, large, live.writing)


def _export(layers: dict[Path, Any], writing: Any) -> None:
    with writing:
        for path, layer in layers.items():
            layer.Export(str(path))


async def _in_child(folder: Path, home: Path) -> None:
    """Make the package of those files; `home`: the stage's folder, which is not told. Raises Refused (503)."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "twinstage.live.api.package_child", str(folder)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(PATIENCE_S):
            _, said = await child.communicate()
    except TimeoutError:
        raise Refused(503, f"the package was not made within {PATIENCE_S:g} s") from None
    finally:
        if child.returncode is None:
            with suppress(ProcessLookupError):
                child.kill()
            await child.wait()
    if child.returncode:
        lines = said.decode("utf-8", "replace").strip().splitlines() or ["it said nothing"]
        told = lines[-1].replace(f"{home}{os.sep}", "")[:500]
        raise Refused(503, f"the package could not be made: {told}")
