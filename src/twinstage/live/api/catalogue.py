"""The catalogue of a twin's libraries. Files are read and pictures drawn in limited children, off the event loop.

A library is looked through when somebody asks; only what changed is read, and what was read is kept in the user's cache
folder. Who asks waits `PATIENCE_S` for it, and then gets what was known before. Touches files and child processes.
"""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from twinstage.assets.catalogue.entry import Entry
from twinstage.assets.catalogue.facets import Facet, facets
from twinstage.assets.catalogue.query import find
from twinstage.assets.catalogue.scan import Catalogue
from twinstage.assets.catalogue.thumbnails import Picture, Thumbnails, cache_folder
from twinstage.assets.catalogue.usage import Usage, Use
from twinstage.base.errors import UserError, did_you_mean
from twinstage.live.api.background import InBackground
from twinstage.live.library import AssetLibrary
from twinstage.scene.safe.examiner import Examiner
from twinstage.scene.ui_layer import ASSET
from twinstage.sync.api.calls import Gate
from twinstage.sync.api.catalogue import (
    CatalogueAsk,
    CatalogueAsset,
    CatalogueAssetAsk,
    CatalogueEntry,
    CatalogueFacet,
    CataloguePage,
    CataloguePicture,
    CatalogueReading,
    CatalogueThumbnailAsk,
    CatalogueUse,
    CatalogueWord,
)
from twinstage.sync.api.operation import Refused

PATIENCE_S = 3.0
UNDRAWN_S = 600.0
"""For so long nothing is drawn anew that could not be drawn [s]."""
MOST_UNDRAWN = 10_000
MOST_NAMED = 1000
"""Files of an asset, assets that use it, and prims of the stage that do; the others are counted."""
Placed = Callable[[], Iterable[tuple[str, str]]]
"""(path, asset) of all prims that people placed; called on the event loop."""


class CatalogueDesk:
    """Implements `sync.api.catalogue.CatalogueSource`."""

    def __init__(
        self,
        library: AssetLibrary,
        stage: Path,
        roots: Iterable[Path] = (),
        placed: Placed = lambda: (),
        cache: Path | None = None,
    ) -> None:
        """`stage`: the running one, which may reach `roots`; `cache`: a folder that is made; the user's where None."""
        self._library, self._stage, self._placed = library, stage, placed
        self._names = _names_of(library.roots, (*roots, stage.absolute().parent))
        cache = cache or cache_folder()
        key = hashlib.sha256("\n".join(map(str, library.folders)).encode()).hexdigest()[:16]
        self._catalogue = Catalogue(
            library.folders, remember=cache / "catalogue" / f"{key}.json", forgiving=True
        )
        self._small = Thumbnails(cache)
        self._progress = (0, 0)
        self._entries = InBackground[list[Entry]](self._read, [])
        self._usage = Usage(stage, (*roots, *library.folders))
        self._uses = InBackground[dict[Path, Use]](self._read_usage, {})
        self._gate = Gate(at_once=4)
        self._showing = Gate(at_once=2, most_waiting=400)
        self._drawing = Gate(at_once=1, most_waiting=400)  # a picture takes a processor for a second
        self._undrawn: OrderedDict[tuple[str, str], tuple[float, str]] = OrderedDict()
        """By asset and digest: when that was found, and the sentence."""
        self._child = Examiner()

    # --- what is asked ------------------------------------------------------------------------------------------------

    def search(self, asked: CatalogueAsk) -> CataloguePage:
        """A page of assets."""
        entries = self._entries.ask(PATIENCE_S)
        found = find(entries, asked.query)
        start = self._start(found, asked.after)
        page = found[start : start + asked.limit]
        more = start + asked.limit < len(found)
        return CataloguePage(
            total=len(found),
            next=page[-1].asset if more else None,
            assets=tuple(CatalogueEntry(**self._row(entry)) for entry in page),
            libraries=tuple(self._library.roots),
            facets=tuple(map(_facet, facets(entries, found))) if asked.facets else (),
            reading=self._reading(),
        )

    async def describe(self, asked: CatalogueAssetAsk) -> CatalogueAsset:
        """One asset, and where it is used."""
        placed = [path for path, asset in self._placed() if asset == asked.asset]
        return await self._gate.run(self._told, asked.asset, placed)

    async def thumbnail(self, asked: CatalogueThumbnailAsk) -> CataloguePicture:
        """Its picture. Refused (404) where there is nothing to be seen. What is there does not wait for what is drawn."""
        entry, picture = await self._showing.run(self._shown, asked.asset)
        if picture is None:
            picture = await self._drawing.run(self._drawn, entry)
        tag = hashlib.sha256(picture.data).hexdigest()[:32]
        return CataloguePicture(picture.data, picture.kind, tag, entry.digest)

    def _shown(self, asset: str) -> tuple[Entry, Picture | None]:
        """An asset, and its picture if there is one. Refused where none can be drawn."""
        entry = self._entry(asset)
        picture = self._small.named(entry, self._library.roots[entry.library]) or self._small.kept(entry)
        if picture is None and entry.problem:
            raise Refused(404, f"{entry.asset} cannot be read: {self._without_paths(entry.problem)}")
        if picture is None:
            self._refuse_undrawn(entry)
        return entry, picture

    def _drawn(self, entry: Entry) -> Picture:
        self._refuse_undrawn(entry)  # another one may have tried while this one waited
        try:
            root = self._library.roots[entry.library]
            picture = self._small.picture(entry, root, list(self._library.folders), self._child)
        except UserError as error:
            raise self._found_undrawn(entry, self._without_paths(str(error))) from None
        if picture is None:
            raise self._found_undrawn(entry, f"of {entry.asset} there is nothing to be seen")
        return picture

    def _found_undrawn(self, entry: Entry, sentence: str) -> Refused:
        self._undrawn[entry.asset, entry.digest] = time.monotonic(), sentence
        while len(self._undrawn) > MOST_UNDRAWN:
            self._undrawn.popitem(last=False)
        return Refused(404, sentence)

    def _refuse_undrawn(self, entry: Entry) -> None:
        at, sentence = self._undrawn.get((entry.asset, entry.digest), (-float("inf"), ""))
        if time.monotonic() - at < UNDRAWN_S:
            raise Refused(404, sentence)

    # --- how it is known ----------------------------------------------------------------------------------------------

    def _read(self) -> list[Entry]:
        """On the background's thread."""

        def tell(done: int, of: int) -> None:
            self._progress = (done, of)

        self._progress = (0, 0)
        return self._catalogue.read(tell=tell, empty=True)

    def _read_usage(self) -> dict[Path, Use]:
        with Examiner() as child:
            return self._usage.read(child)

    def _reading(self) -> CatalogueReading | None:
        if self._entries.known and not self._entries.is_at_it:
            return None
        if self._entries.problem and not self._entries.known:
            raise Refused(503, f"the libraries cannot be read: {self._without_paths(self._entries.problem)}")
        done, of = self._progress
        return CatalogueReading(done=done, of=of)

    def _entry(self, asset: str) -> Entry:
        """Raises Refused: 404 for what there is not, 503 while that is not known."""
        entries = self._entries.value if self._entries.known else self._entries.ask(PATIENCE_S)
        found = next((entry for entry in entries if entry.asset == asset), None)
        if found is None:
            entries = self._entries.ask(PATIENCE_S)
            found = next((entry for entry in entries if entry.asset == asset), None)
        if found is not None:
            return found
        if not self._entries.known:
            self._reading()
            raise Refused(503, "the libraries are still being read; ask again")
        near = did_you_mean(asset, [entry.asset for entry in entries])
        raise Refused(404, f"the catalogue has no asset {asset!r}{near}")

    def _told(self, asset: str, placed: list[str]) -> CatalogueAsset:
        entry = self._entry(asset)
        row, lists = self._row(entry), {"files": entry.files, "used_by": entry.used_by}
        row["cut"] |= {
            name: len(names) - MOST_NAMED for name, names in lists.items() if len(names) > MOST_NAMED
        }
        return CatalogueAsset(
            **row,
            doc=entry.doc,
            variants=dict(entry.variants),
            materials=entry.materials,
            joints=entry.joints,
            meters_per_unit=entry.meters_per_unit,
            files=entry.files[:MOST_NAMED],
            used_by=entry.used_by[:MOST_NAMED],
            used_here=self._used_here(entry, placed),
        )

    def _used_here(self, entry: Entry, placed: list[str]) -> CatalogueUse | None:
        uses = self._uses.ask(PATIENCE_S)
        problem = self._without_paths(self._uses.problem)
        if not (self._uses.known or problem):
            return None
        use = uses.get((self._library.roots[entry.library] / entry.id).resolve(), Use((), 0))
        prims = tuple(dict.fromkeys([*placed, *use.prims]))[:MOST_NAMED]
        total = use.total + sum(path not in use.prims for path in placed)
        return CatalogueUse(stage=self._stage.name, prims=prims, total=total, problem=problem)

    def _row(self, entry: Entry) -> dict[str, Any]:
        names = ("asset", "library", "title", "kind", "tags", "labels", "license", "size", "low", "up_axis")
        row = {name: getattr(entry, name) for name in (*names, "triangles", "bytes", "animated")}
        problem = self._without_paths(entry.problem)
        return {**row, "version": entry.digest, "problem": problem, "cut": dict(entry.cut)}

    def _without_paths(self, sentence: str) -> str:
        """Files as libraries have them: who asks need not know where they lie."""
        for folder, name in self._names:
            sentence = sentence.replace(folder, name)
        return sentence

    @staticmethod
    def _start(found: list[Entry], after: str | None) -> int:
        if after is None:
            return 0
        at = next((k for k, entry in enumerate(found) if entry.asset == after), None)
        if at is None:
            raise Refused(422, f"after: there is no {after!r} (any more); begin with the first page")
        return at + 1


def _names_of(libraries: Mapping[str, Path], others: Iterable[Path]) -> list[tuple[str, str]]:
    """(folder, what it is called), the longest first, so that one within another is found."""
    named = {folder: folder.name for one in others for folder in (one.absolute(), one.resolve())}
    named |= {folder: name for name, root in libraries.items() for folder in (root, root.resolve())}
    rows = ((str(folder), name) for folder, name in named.items() if folder.name)
    return sorted(rows, key=lambda row: -len(row[0]))


def placed_by_people(values: Mapping[tuple[str, str], object]) -> list[tuple[str, str]]:
    """(path, asset) of what edits placed (`scene.ui_layer`)."""
    return [
        (path, str(value["asset"]))
        for (path, name), value in values.items()
        if name == ASSET and isinstance(value, Mapping)
    ]


def _facet(facet: Facet) -> CatalogueFacet:
    return CatalogueFacet(
        id=facet.id,
        low=facet.low,
        high=facet.high,
        all=facet.all,
        found=facet.found,
        whole=facet.whole,
        words=tuple(CatalogueWord(word=word, all=a, found=b) for word, a, b in facet.words),
        more=facet.more,
    )
