"""A stage that is read again and again as its files change; what did not change is not read twice. Touches pxr.

Layers whose files stayed are kept open, shapes whose values stayed are kept as they were read (`scene.read.memo`).
"""

import gc
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from twinstage.base.errors import UserError
from twinstage.base.finding import Finding
from twinstage.live.watch.crates import Crates
from twinstage.live.watch.files import Digests, named_by, stamp_before, stamp_of, stamps_of, watched
from twinstage.live.watch.messages import Overlay, Source
from twinstage.live.watch.sentences import plain, together
from twinstage.live.watch.settling import Stamp
from twinstage.scene.asset_paths import outer_file
from twinstage.scene.read.memo import ShapeMemo

if TYPE_CHECKING:
    from twinstage.scene.snapshot import Snapshot
    from twinstage.scene.stage import OpenedStage


class Broken(Exception):
    """What was saved is no scene that could be shown; the text is one sentence."""


@dataclass
class _Loaded:
    layer: Any
    stamp: Stamp
    serial: int

    def is_past(self) -> bool:
        """Whether its file is another now, or the layer was changed in memory."""
        return bool(self.layer.dirty) or self.stamp != stamp_of(outer_file(self.layer.realPath))


@dataclass
class StageReader:
    """Reads one stage. `files`: what it is made of, and what it names and does not have."""

    source: Source
    files: tuple[str, ...] = ()
    memo: ShapeMemo = field(default_factory=ShapeMemo)
    _loaded: dict[str, _Loaded] = field(default_factory=dict)
    _named: dict[str, tuple[int, frozenset[str]]] = field(default_factory=dict)
    _also: tuple[str, ...] = ()
    _accepted: frozenset[str] = frozenset()
    _faults: frozenset[str] = frozenset()
    _good: dict[str, int] = field(default_factory=dict)
    _serial: int = 0
    _opened: "OpenedStage | None" = None
    _first: bool = True

    def __post_init__(self) -> None:
        pool = ThreadPoolExecutor(1, thread_name_prefix="bytes")
        self._crates = Crates(pool)
        self._digests = Digests(pool, self._crates.digest)

    def read(
        self, overlay: Overlay, composed: "Callable[[OpenedStage], None] | None" = None
    ) -> "tuple[OpenedStage, Snapshot]":
        """The stage as its files are now. Broken where they hold errors that they did not hold when it was shown last.

        `composed`: called when it is open and known to be whole. Who goes on with what was read says so by `shown`.
        """
        from pxr import Tf

        from twinstage.scene.probe import tell_reason
        from twinstage.scene.read import read_snapshot

        self._forget()
        try:
            opened = self._open(overlay)
            same = {name for name, one in self._loaded.items() if self._good.get(name) == one.serial}
            faults = _faults(opened)
            new = sorted(faults - self._accepted)
            if new and not self._first:
                raise Broken(together([self._plain(text) for text in new]))
            if composed is not None:
                composed(opened)
            self.memo.begin(opened.stage, same, self._same_prims(same))
            snapshot = read_snapshot(opened, memo=self.memo)
            opened, snapshot = self._hashed(opened, snapshot)
        except UserError as error:
            raise Broken(self._plain(str(error))) from None
        except OSError as error:  # a file went while its bytes were summed up
            text = f"{error.filename or self.source.stage} cannot be read: {error.strerror or error}"
            raise Broken(self._plain(text)) from None
        except Tf.ErrorException as error:
            raise Broken(
                self._plain(f"stage {self.source.stage} cannot be read: {tell_reason(error)}")
            ) from None
        self.memo.end()
        self._faults = frozenset(faults)
        self._good = {name: one.serial for name, one in self._loaded.items()}
        self._crates.keep({file: one.stamp for file, one in self._whole_files()})
        return opened, snapshot

    def shown(self) -> None:
        """What was read last is what people see: its faults are known from now on."""
        self._first, self._accepted = False, self._faults

    def _hashed(self, opened: "OpenedStage", snapshot: "Snapshot") -> "tuple[OpenedStage, Snapshot]":
        """With the hash of the layers: it is worked out on another thread meanwhile."""
        if opened.hash_by is None:
            return opened, snapshot
        found = opened.hash_by(self._digests)
        stage = replace(snapshot.stage, hash=found)
        return replace(opened, hash=found, hash_by=None), replace(snapshot, stage=stage)

    def _same_prims(self, same: set[str]) -> dict[str, frozenset[str]]:
        """Of layers that were read anew, the prims of which they say what they said."""
        return {
            one.layer.identifier: self._crates.same(file, one.stamp)
            for file, one in self._whole_files()
            if one.layer.identifier not in same
        }

    def _whole_files(self) -> "Iterator[tuple[str, _Loaded]]":
        """Layers that are what their file holds: no part of a package, and nothing was screened out."""
        for one in self._loaded.values():
            file = outer_file(one.layer.realPath)
            if file == one.layer.realPath and not one.layer.dirty:
                yield file, one

    def _plain(self, text: str) -> str:
        return plain(text, str(self.source.stage.absolute().parent))

    def look_around(self, snapshot: "Snapshot | None") -> None:
        """Find out which files matter from now on; after a broken reading those of before stay, too."""
        documents: tuple[str, ...] = ()
        named = {str(self.source.stage.absolute())}
        if self._opened is not None:
            documents = self._opened.documents
            for name, one in self._loaded.items():
                known = self._named.get(name)
                if known is None or known[0] != one.serial:
                    known = self._named[name] = one.serial, frozenset(named_by(one.layer))
                named |= known[1]
            self._named = {name: known for name, known in self._named.items() if name in self._loaded}
        textures = () if snapshot is None else [texture.path for texture in snapshot.textures]
        found = watched(named, documents, textures)
        before = self.files if snapshot is None else ()
        self.files = tuple(sorted({*found, *before, *self._also}))

    def look_also(self, files: tuple[str, ...]) -> None:
        """Those files matter, too, from now on."""
        self._also = files
        self.files = tuple(sorted({*self.files, *files}))

    def foresee(self, files: Iterable[str]) -> None:
        """Those will be read soon."""
        digested = self._digested()
        self._begin({file for file in files if file in digested})

    def _begin(self, files: Iterable[str]) -> None:
        """What can be worked out from the files' bytes, beside all else."""
        chosen = list(files)
        self._crates.begin(chosen, stamps_of(chosen))
        self._digests.begin(chosen)

    def stamps(self) -> dict[str, Stamp]:
        """Their states now."""
        return stamps_of(self.files)

    def _digested(self) -> set[str]:
        """Files of layers, whose contents make the stage's hash."""
        return {outer_file(one.layer.realPath) for one in self._loaded.values()}

    def _forget(self) -> None:
        """Let go of layers whose files changed, and of those that the screen changed in memory."""
        self._opened = None
        gone = [name for name, one in self._loaded.items() if one.is_past()]
        files = {outer_file(self._loaded[name].layer.realPath) for name in gone}
        for name in gone:
            del self._loaded[name]
        self._begin(files)
        self._reload(gone)

    def _reload(self, gone: list[str]) -> None:
        """Where something still holds such a layer, it is read anew in place."""
        from pxr import Sdf, Tf

        if any(Sdf.Layer.Find(name) for name in gone):
            gc.collect()
        for name in gone:
            layer = Sdf.Layer.Find(name)
            if layer:
                try:
                    layer.Reload(True)
                except Tf.ErrorException:
                    continue  # composition meets the same fault

    def _open(self, overlay: Overlay) -> "OpenedStage":
        from twinstage.scene.choices import choose_variants
        from twinstage.scene.placing import screen_placed
        from twinstage.scene.shard import check_roots
        from twinstage.scene.stage import open_stage

        source = self.source
        before, since = self.stamps(), time.time()
        opened = open_stage(
            source.stage, source.roots, population=source.only or None, probe=False, hash_later=True
        )
        self._opened = opened
        for layer in (*opened.kept, *opened.stage.GetUsedLayers()):
            if not layer.anonymous and layer.realPath:
                self._note(layer, before, since)
        check_roots(source.only, opened)
        opened = choose_variants(opened, dict(source.variants))
        for layer, text in ((opened.layers.ui, overlay.ui), (opened.layers.bindings, overlay.bindings)):
            if text:
                layer.ImportFromString(text)
        placed = screen_placed(opened)
        opened = replace(opened, kept=(*opened.kept, *placed))
        for layer in placed:
            if not layer.anonymous and layer.realPath:
                self._note(layer, before, since)
        self._opened = opened
        return opened

    def _note(self, layer: Any, before: dict[str, Stamp], since: float) -> None:
        known = self._loaded.get(layer.identifier)
        if known is None or known.layer != layer:
            self._serial += 1
            file = outer_file(layer.realPath)
            stamp = before.get(file) or stamp_before(file, since)
            self._loaded[layer.identifier] = _Loaded(layer, stamp, self._serial)


_DOCUMENTS = ("mtlx.unreadable", "material.mtlx")


def _faults(opened: "OpenedStage") -> set[str]:
    """What is wrong with the files in such a way that something of the scene is missing."""
    found = {" ".join(str(error).split()) for error in opened.stage.GetCompositionErrors()}
    return found | {f.message for f in opened.findings if f.severity == "error" or _is_lost(f)}


def _is_lost(finding: Finding) -> bool:
    """Nothing is left to see, as where a file ends after its head; or a document is."""
    return finding.code == "stage.empty" or _lost_document(finding)


def _lost_document(finding: Finding) -> bool:
    """Whether a MaterialX document could not be read; other remarks on one do no harm."""
    message = finding.message
    return finding.code in _DOCUMENTS and "is left out" in message and ": image " not in message
