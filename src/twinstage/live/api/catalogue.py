"""The catalogue of a twin's libraries. Files are read and pictures drawn in limited children, off the event loop.

A library is looked through when somebody asks; only what changed is read, and what was read is kept in the user's cache
folder. Who asks waits `PATIENCE_S` for it, and then gets what was known before. Touches files and child processes.
"""

import hashlib
import threading
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
        self._drawing = threading.Lock()
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

    def thumbnail(self, asked: CatalogueThumbnailAsk) -> CataloguePicture:
        """Its picture. Refused (404) where there is nothing to be seen."""
        entry = self._entry(asked.asset)
        root = self._library.roots[entry.library]
        picture = self._small.named(entry, root) or self._small.kept(entry)
        if picture is None:
            if entry.problem:
                raise Refused(404, f"{entry.asset} cannot be read: {self._without_paths(entry.problem)}")
            picture = self._drawn(entry, root)
        if picture is None:
            raise Refused(404, f"of {entry.asset} there is nothing to be seen")
        tag = hashlib.sha256(picture.data).hexdigest()[:32]
        return CataloguePicture(picture.data, picture.kind, tag, entry.digest)

    def _drawn(self, entry: Entry, root: Path) -> Picture | None:
        with self._drawing:  # one at a time: a picture takes a processor for a second
            try:
                return self._small.picture(entry, root, list(self._library.folders), self._child)
            except UserError as error:
                raise Refused(404, self._without_paths(str(error))) from None

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
        if self._entries.problem:
            raise Refused(503, f"the libraries cannot be read: {self._entries.problem}")
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
            raise Refused(503, "the libraries are still being read; ask again")
        near = did_you_mean(asset, [entry.asset for entry in entries])
        raise Refused(404, f"the catalogue has no asset {asset!r}{near}")

    def _told(self, asset: str, placed: list[str]) -> CatalogueAsset:
        entry = self._entry(asset)
        return CatalogueAsset(
            **self._row(entry),
            doc=entry.doc,
            variants=dict(entry.variants),
            materials=entry.materials,
            joints=entry.joints,
            meters_per_unit=entry.meters_per_unit,
            files=entry.files,
            used_by=entry.used_by,
            used_here=self._used_here(entry, placed),
        )

    def _used_here(self, entry: Entry, placed: list[str]) -> CatalogueUse | None:
        uses = self._uses.ask(PATIENCE_S)
        if not self._uses.known:
            return None
        use = uses.get((self._library.roots[entry.library] / entry.id).resolve(), Use((), 0))
        prims = tuple(dict.fromkeys([*placed, *use.prims]))[:1000]
        total = use.total + sum(path not in use.prims for path in placed)
        return CatalogueUse(stage=self._stage.name, prims=prims, total=total)

    def _row(self, entry: Entry) -> dict[str, Any]:
        names = ("asset", "library", "title", "kind", "tags", "labels", "license", "size", "low", "up_axis")
        row = {name: getattr(entry, name) for name in (*names, "triangles", "bytes", "animated")}
        return {**row, "version": entry.digest, "problem": self._without_paths(entry.problem)}

    def _without_paths(self, sentence: str) -> str:
        """Files as libraries have them: who asks need not know where they lie."""
        for name, root in self._library.roots.items():
            for folder in {str(root), str(root.resolve())}:
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
