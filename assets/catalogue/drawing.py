"""Pictures of all assets of some libraries that name none, several at a time. Writes files, starts children."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twinstage.assets.catalogue.entry import Entry
from twinstage.assets.catalogue.thumbnails import Thumbnails, drawn, place_beside
from twinstage.assets.children import each_in_a_child
from twinstage.base.errors import UserError
from twinstage.render.whole import check_folder, write_whole
from twinstage.scene.safe.examiner import Examiner


@dataclass(frozen=True, slots=True)
class Drawn:
    """What came of it: names of assets; `problems`: and why not; `evicted`: older pictures that went to make room."""

    folder: str
    made: tuple[str, ...]
    there: tuple[str, ...]
    unseen: tuple[str, ...]
    problems: tuple[tuple[str, str], ...]
    evicted: int = 0

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        names = {name: list(getattr(self, name)) for name in ("made", "there", "unseen")}
        return {
            "folder": self.folder,
            **names,
            "problems": dict(self.problems),
            "evicted": self.evicted,
        }

    def text(self) -> str:
        """For a terminal."""
        where = f" in {self.folder}" if self.folder else " beside their assets"
        rest = f"; {len(self.there)} have one" if self.there else ""
        unseen = (
            f"; of {len(self.unseen)} nothing can be seen ({', '.join(self.unseen[:3])})"
            if self.unseen
            else ""
        )
        lines = [f"{asset} cannot be drawn: {why}" for asset, why in self.problems]
        gone = (
            f"; {self.evicted} that nobody asked for longest were deleted to make room"
            if self.evicted
            else ""
        )
        return "\n".join([*lines, f"{len(self.made)} pictures drawn{where}{rest}{unseen}{gone}"])


def draw_all(
    entries: Sequence[Entry],
    folders: Sequence[Path],
    *,
    cache: Path,
    roots: Iterable[Path] = (),
    beside: bool = False,
    workers: int = 1,
    tell: Callable[[int, int], None] = lambda done, of: None,
) -> Drawn:
    """Draw what has no picture, or has one that may not be shown. UserError where the pictures cannot be written."""
    where = {folder.absolute().name: folder.absolute() for folder in folders}
    allowed = [*where.values(), *(Path(root).absolute() for root in roots)]
    small = Thumbnails(cache)
    if not beside:
        check_folder(small.folder)
    asked = [entry for entry in entries if not _has(entry, where[entry.library], small, beside=beside)]
    files = {where[entry.library] / entry.id: entry for entry in asked}

    def one(file: Path, child: Examiner) -> str | None:
        entry = files[file]
        try:
            if entry.problem:
                raise UserError(entry.problem)
            picture = drawn(file, allowed, child)
        except UserError as error:
            return str(error)
        if picture is not None:
            if beside:
                write_whole(place_beside(file), picture.data)
            else:
                small.keep(entry, picture.data)
        return None if picture is not None else ""

    answers = each_in_a_child(list(files), one, workers, tell)
    said = dict(zip((entry.asset for entry in files.values()), answers, strict=True))
    return Drawn(
        "" if beside else str(small.folder),
        tuple(asset for asset, why in said.items() if why is None),
        tuple(entry.asset for entry in entries if entry.asset not in said),
        tuple(asset for asset, why in said.items() if why == ""),
        tuple((asset, why) for asset, why in said.items() if why),
        small.evicted,
    )


def _has(entry: Entry, root: Path, small: Thumbnails, *, beside: bool) -> bool:
    return small.named(entry, root) is not None or (not beside and small.kept(entry) is not None)
