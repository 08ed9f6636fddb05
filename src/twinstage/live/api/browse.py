"""Looking through the datasets of a shelf. Columns are made at the first question, and kept while the manifest stays.

Touches files. Methods run on any thread.
"""

import math
import shlex
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec

from twinstage.live.api.datasets import DatasetShelf
from twinstage.sync.api.browse import (
    ClassSummary,
    FacetFigures,
    Facets,
    FacetsAsk,
    FacetWord,
    FoundBox,
    FoundPicture,
    FoundPictures,
    FrameAsk,
    FrameFinding,
    FrameFindings,
    FrameNotes,
    FrameNumbers,
    FramesAsk,
    NumbersAsk,
    ShownAsk,
    Summary,
    SummaryAsk,
    ThumbnailAsk,
)
from twinstage.sync.api.datasets import ImageAsk
from twinstage.sync.api.operation import Refused
from twinstage.synth.browse.classes import class_figures
from twinstage.synth.browse.columns import Columns, columns_of
from twinstage.synth.browse.facets import Facets as Spread
from twinstage.synth.browse.find import FIELDS, SORTS, Found, find
from twinstage.synth.browse.pictures import shown, thumbnail
from twinstage.synth.browse.remake import changes_to
from twinstage.synth.browse.stored import rows_of

MOST_INDEXED, MOST_QUERIES, THUMBNAIL_BYTES = 4, 32, 96 << 20
MOST_BOXES = 300
"""Boxes of one picture that come along."""
_BEST = (
    "rgb",
    "linear",
    "semantic",
    "instance",
    "panoptic",
    "depth",
    "depth_mm",
    "normal",
    "normal_camera",
    "nocs",
)
T = TypeVar("T")


class Kept(Generic[T]):
    """The last values by key, as many as weigh no more than `most` together; each is made once, one at a time a key."""

    def __init__(self, most: int, weight: Callable[[T], int] = lambda value: 1) -> None:
        self._most, self._weight = most, weight
        self._values: OrderedDict[Hashable, T] = OrderedDict()
        self._lock, self._making = threading.Lock(), dict[Hashable, threading.Lock]()

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """The value of that key."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key]
            making = self._making.setdefault(key, threading.Lock())
        with making:
            with self._lock:
                if key in self._values:
                    return self._values[key]
            try:
                value = make()
            finally:
                with self._lock:
                    self._making.pop(key, None)
            with self._lock:
                self._values[key] = value
                while len(self._values) > 1 and sum(map(self._weight, self._values.values())) > self._most:
                    self._values.popitem(last=False)
            return value


class Indexed:
    """A dataset's columns, and what follows from them alone."""

    def __init__(self, root: Path, version: str, labels: Path | None) -> None:
        """`labels`: where labels.json is, if it is there."""
        self.root, self.version = root, version
        self.labels = {} if labels is None else _object(labels)
        self.columns: Columns = columns_of(rows_of(root), self.labels)
        self.spread = Spread(self.columns)


class BrowseDesk:
    """Implements `sync.api.browse.BrowseSource`. `recipe`: the file that the datasets were made from, where it is known."""

    def __init__(self, shelf: DatasetShelf, recipe: Path | None = None) -> None:
        self._shelf, self._recipe = shelf, recipe
        self._indexed = Kept[Indexed](MOST_INDEXED)
        self._found = Kept[Found](MOST_QUERIES)
        self._exact = Kept["list[str] | None"](MOST_QUERIES)
        self._small = Kept[bytes](THUMBNAIL_BYTES, len)

    # --- questions ----------------------------------------------------------------------------------------------------

    def describe(self, asked: SummaryAsk) -> Summary:
        """What it is."""
        one = self._index(asked.dataset)
        columns, manifest = one.columns, self._shelf.manifest(asked.dataset)
        seed = manifest.get("seed")
        numbers = [name for name, draw in columns.draws.items() if not draw.words]
        return Summary(
            dataset=asked.dataset,
            version=one.version,
            frames=len(columns.frame),
            pictures=int((columns.camera >= 0).sum()),
            objects=int(columns.annotated.sum()),
            rejected=int(columns.rejected.sum()),
            unreadable=tuple(columns.unreadable[:100]),
            cameras=tuple(columns.names["camera"]),
            annotate=tuple(str(name) for name in _list(manifest.get("annotate"))),
            stages=tuple(stage for stage in _list(manifest.get("stages")) if isinstance(stage, dict)),
            seed=seed if isinstance(seed, int) else None,
            labels=one.labels,
            classes=tuple(_class(figures) for figures in class_figures(columns)),
            sorts=(*SORTS, *numbers),
            fields=(*FIELDS, *columns.draws),
        )

    def search(self, asked: FramesAsk) -> FoundPictures:
        """Pictures, in order."""
        one = self._index(asked.dataset)
        found = self._find(one, asked.query, asked.sort, asked.falling)
        # Boxes are of what was asked for, so without a term about objects of all that is annotated.
        rows = found.pictures[asked.offset : asked.offset + asked.limit].tolist()
        return FoundPictures(
            dataset=asked.dataset,
            total=len(found.pictures),
            frames=len(found.frames),
            objects=int(found.objects.sum()),
            offset=asked.offset,
            pictures=tuple(_picture(one.columns, row, found, asked.boxes) for row in rows),
        )

    def facets(self, asked: FacetsAsk) -> Facets:
        """How values are spread."""
        one = self._index(asked.dataset)
        made = one.spread.of(self._find(one, asked.query))
        return Facets(
            dataset=asked.dataset,
            more_draws=one.columns.more_draws,
            facets=tuple(
                FacetFigures(
                    id=f.id,
                    about=f.about,  # type: ignore[arg-type]
                    low=f.low,
                    high=f.high,
                    all=f.all,
                    found=f.found,
                    whole=f.whole,
                    words=tuple(FacetWord(word=w, all=a, found=b) for w, a, b in f.words),
                    more=f.more,
                )
                for f in made
            ),
        )

    def numbers(self, asked: NumbersAsk) -> FrameNumbers:
        """Numbers of frames, for a file."""
        one = self._index(asked.dataset)
        frames = one.columns.frame[self._find(one, asked.query).frames]
        return FrameNumbers(dataset=asked.dataset, query=asked.query, frames=tuple(sorted(frames.tolist())))

    def notes(self, asked: FrameAsk) -> FrameNotes:
        """How to make the frame again."""
        one = self._index(asked.dataset)
        self._known(one, asked)
        manifest = self._shelf.manifest(asked.dataset)
        changes = None if self._recipe is None else self._changes(self._recipe, one)
        recipe = "RECIPE.yaml" if self._recipe is None else str(self._recipe)
        words = [
            "twinstage",
            "synth",
            "frame",
            recipe,
            str(asked.frame),
            "--out",
            f"frame_{asked.frame:06d}",
            "--usd",
        ]
        for flag, key in (("--frames", "frames"), ("--seed", "seed")):
            if isinstance(manifest.get(key), int):
                words += [flag, str(manifest[key])]
        for change in changes or ():
            words += ["--set", change]
        layer = f"frames/{asked.frame:06d}.usda"
        there = self._shelf.has(asked.dataset, layer)
        return FrameNotes(
            dataset=asked.dataset,
            frame=asked.frame,
            remake=shlex.join(words),
            exact=changes is not None,
            layer=layer if there else None,
        )

    def findings(self, asked: FrameAsk) -> FrameFindings:
        """What the judge says now."""
        from twinstage.synth.verify.single import verify_frame

        one = self._index(asked.dataset)
        self._known(one, asked)
        report = verify_frame(one.root, asked.frame)
        findings = tuple(
            FrameFinding(code=f.code, where=f.where, message=f.message) for f in report.findings[:500]
        )
        return FrameFindings(
            dataset=asked.dataset, frame=asked.frame, checks=report.checks, findings=findings
        )

    # --- files --------------------------------------------------------------------------------------------------------

    def thumbnail(self, asked: ThumbnailAsk) -> bytes:
        """A small JPEG."""
        path = self._shelf.image_file(ImageAsk(dataset=asked.dataset, image=asked.image))
        told = path.stat()
        key = str(path), told.st_mtime_ns, told.st_size, asked.w
        return self._small.get(key, lambda: thumbnail(path, int(asked.w)))

    def shown(self, asked: ShownAsk) -> bytes:
        """A PNG."""
        return shown(self._shelf.image_file(ImageAsk(dataset=asked.dataset, image=asked.image)))

    def layer(self, asked: FrameAsk) -> Path:
        """Its USD."""
        return self._shelf.file(asked.dataset, f"frames/{asked.frame:06d}.usda")

    # --- what is kept -------------------------------------------------------------------------------------------------

    def _index(self, name: str) -> Indexed:
        root = self._shelf.folder(name)
        told = self._shelf.file(name, "manifest.json").stat()
        version = f"{told.st_mtime_ns:x}{told.st_size:x}"

        def made() -> Indexed:
            there = self._shelf.has(name, "labels.json")
            return Indexed(root, version, self._shelf.file(name, "labels.json") if there else None)

        return self._indexed.get((name, version), made)

    def _find(self, one: Indexed, query: str, sort: str = "frame", falling: bool = False) -> Found:
        key = str(one.root), one.version, " ".join(query.split()), sort, falling
        return self._found.get(key, lambda: find(one.columns, query, sort, falling))

    def _changes(self, recipe: Path, one: Indexed) -> list[str] | None:
        """What makes that recipe, as it stands now, the dataset's; None where nothing does."""
        told = recipe.stat().st_mtime_ns if recipe.is_file() else 0
        key = told, str(one.root), one.version
        return self._exact.get(key, lambda: changes_to(recipe, one.root))

    def _known(self, one: Indexed, asked: FrameAsk) -> None:
        if asked.frame not in one.columns.row_of:
            raise Refused(404, f"the dataset {asked.dataset!r} has no frame {asked.frame}")


def _picture(columns: Columns, row: int, found: Found, boxes: bool) -> FoundPicture:
    frame = int(columns.of[row])
    begin, end = int(columns.first[row]), int(columns.first[row + 1])
    mine = [k for k in range(begin, end) if found.objects[k]]
    images = columns.images[row]
    image = next((images[what] for what in _BEST if what in images), next(iter(images.values()), None))
    camera, split = int(columns.camera[row]), int(columns.split[frame])
    return FoundPicture(
        frame=int(columns.frame[frame]),
        camera=None if camera < 0 else columns.names["camera"][camera],
        image=None if image is None else image.rpartition("/")[2],
        width=int(columns.size[row, 0]),
        height=int(columns.size[row, 1]),
        objects=len(mine),
        split=None if split < 0 else columns.names["split"][split],
        rejected=columns.reason[frame] or "no reason is given" if columns.rejected[frame] else None,
        boxes=tuple(
            FoundBox(label=int(columns.label[k]), box=tuple(columns.box[k].tolist()))
            for k in mine[:MOST_BOXES]
        )
        if boxes
        else (),
    )


def _class(figures: Any) -> ClassSummary:
    names = ("size", "occlusion", "truncation", "distance", "small", "cut")
    values = {name: getattr(figures, "side" if name == "size" else name) for name in names}
    return ClassSummary(
        name=figures.name,
        objects=figures.objects,
        listed=figures.listed,
        pictures=figures.pictures,
        **{name: None if math.isnan(value) else value for name, value in values.items()},
    )


def _list(data: Any) -> list[Any]:
    return data if isinstance(data, list) else []


def _object(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > 4 << 20:
            return {}
        data = msgspec.json.decode(path.read_bytes())
    except (OSError, ValueError, RecursionError, msgspec.MsgspecError):
        return {}
    return data if isinstance(data, dict) else {}
