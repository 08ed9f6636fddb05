"""The files of a stage and their states. Touches files and pxr."""

import glob
import os
import re
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from twinstage.live.watch.settling import SLACK_S, Stamp
from twinstage.scene.asset_paths import outer_file
from twinstage.scene.read.textures import UDIM
from twinstage.scene.stage import file_digest

MOST_FILES = 20_000
"""More files than this are not watched."""


def stamps_of(files: Iterable[str]) -> dict[str, Stamp]:
    """Their states now."""
    return {file: stamp_of(file) for file in files}


def stamp_of(file: str) -> Stamp:
    """The state of a file; None where there is none."""
    try:
        state = os.stat(file)
    except (OSError, ValueError):
        return None
    return state.st_ino, state.st_size, state.st_mtime_ns


def stamp_before(file: str, moment: float) -> Stamp:
    """The state of a file that is opened after `moment` [s], for whoever did not know it before.

    None, too, where the file changed or was put there since: which of its states was opened cannot be told.
    """
    try:
        state = os.stat(file)
    except (OSError, ValueError):
        return None
    if max(state.st_mtime, state.st_ctime) > moment - SLACK_S:
        return None
    return state.st_ino, state.st_size, state.st_mtime_ns


def named_by(layer: Any) -> set[str]:
    """Files that a layer names, whether they are there or not: the layer's own first."""
    from pxr import Sdf, UsdUtils

    found = {outer_file(layer.realPath)} if layer.realPath else set()
    for group in UsdUtils.ExtractExternalReferences(layer.identifier):
        for authored in group:
            path = str(Sdf.Layer.SplitIdentifier(authored)[0]).replace("\\", "/")
            if path and not path.startswith("`") and not path.startswith("anon:"):
                found.add(outer_file(str(Sdf.ComputeAssetPathRelativeToLayer(layer, path))))
    return found


def watched(named: Iterable[str], documents: Iterable[str], textures: Iterable[str]) -> tuple[str, ...]:
    """All files to look at: tiles for UDIM names, and every MaterialX document beside one that is used."""
    found: set[str] = set()
    for name in (*named, *textures):
        found.update(_tiles(name) if UDIM in name else [outer_file(name)])
    for document in documents:
        found.update(str(path) for path in Path(document).parent.glob("*.mtlx"))
        found.add(document)
    return tuple(sorted(path for path in found if os.path.isabs(path)))[:MOST_FILES]


def _tiles(name: str) -> list[str]:
    pattern = re.sub(r"<UDIM>", "[0-9][0-9][0-9][0-9]", glob.escape(name).replace("[<]", "<"))
    return glob.glob(pattern)


class Digests:
    """SHA-256 of files, each worked out once for a state of the file, and on another thread where it is foreseen.

    `pool`: that thread; `held`: gives the digest of a file whose bytes are in memory, else None.
    """

    def __init__(self, pool: ThreadPoolExecutor, held: Callable[[str, Stamp], bytes | None]) -> None:
        self._known: dict[str, tuple[Stamp, Future[bytes]]] = {}
        self._pool = pool
        self._held = held

    def begin(self, files: Iterable[str]) -> None:
        """They will be asked for soon."""
        for file in files:
            self._future(file)

    def __call__(self, file: str) -> bytes:
        """Of that file as it is now."""
        return self._future(file).result()

    def _future(self, file: str) -> "Future[bytes]":
        stamp = stamp_of(file)
        known = self._known.get(file)
        if known is None or known[0] != stamp or (known[1].done() and known[1].exception()):
            known = self._known[file] = stamp, self._pool.submit(self._digest, file, stamp)
            for old in list(self._known)[:-MOST_FILES]:
                del self._known[old]
        return known[1]

    def _digest(self, file: str, stamp: Stamp) -> bytes:
        return self._held(file, stamp) or file_digest(file)
