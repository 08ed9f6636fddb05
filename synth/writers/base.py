"""What a writer is: a frozen model with a `kind` that turns a native dataset into another format, in a folder of its own.

A writer only says which files there are and what is in them, one after the other: an export of 10,000 frames is never in
memory. `export` puts them on disk, each whole or not at all. What a writer reads: `records/`, `labels.json`, `images/`,
`sensors/` and `models/`.
"""

import json
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, ClassVar

from pydantic import StringConstraints

from twinstage.base.errors import UserError
from twinstage.base.registry import Registry
from twinstage.synth.canonical import TEMPORARY
from twinstage.synth.dataset import Dataset, of_cameras, record_path
from twinstage.synth.fields import at_field
from twinstage.synth.model import Model

Content = bytes | Path | Iterable[bytes]
"""What a file holds: bytes, pieces of them, or the path of a file with the same bytes (which is linked, not copied)."""

Folder = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")]
"""One folder inside the dataset."""


class Writer(Model):
    """One export.

    Attributes:
        kind: its name in a recipe.
        folder: where its files go inside the dataset.
        cameras: names of those whose pictures it holds; all by default.
        needs: pictures that the recipe's `annotate` must name for it.
    """

    kind: str
    folder: str = ""
    cameras: tuple[str, ...] = ()
    needs: ClassVar[tuple[str, ...]] = ()

    def files(self, dataset: Dataset) -> Iterator[tuple[str, Content]]:
        """Each file by its path inside the dataset, deterministic. Use up a file's content before you take the next.

        `dataset` tells of `cameras` only. Raises UserError for a dataset that the format cannot hold.
        """
        raise NotImplementedError

    def check(self, annotate: Sequence[str]) -> None:
        """Raise UserError where a recipe with these pictures cannot be exported: before frames are made, not after."""
        lacking = [what for what in self.needs if what not in annotate]
        if lacking:
            raise UserError(f"export {self.kind}: it needs {' and '.join(lacking)}; add that to `annotate`")

    def check_labels(self, labels: dict[str, Any]) -> None:
        """Raise UserError where the classes (as `labels.json` has them) do not fit: before frames are made, too."""

    def check_record(self, record: dict[str, Any]) -> None:
        """Raise UserError for a frame that the format cannot hold: when it is made, not when all are.

        It tells of `cameras` only. Before any frame comes one without objects, whose `frame` is NO_FRAME: what the cameras are
        like. So what can never be held is refused before anything is written.
        """


WRITERS: Registry[Writer] = Registry("writer", group="twinstage.writers")


def check_frame(writers: Iterable[Writer], out: Path, frame: int) -> None:
    """Let the writers that refuse some records look at a frame's. Raises UserError."""
    asked = [(place, writer) for place, writer in enumerate(writers) if strict(writer)]
    if asked:
        record = json.loads((out / record_path(frame)).read_bytes())
        for place, writer in asked:
            with at_field("export", place):
                writer.check_record(of_cameras(record, writer.cameras))


def strict(writer: Writer) -> bool:
    """Whether it refuses some records."""
    return type(writer).check_record is not Writer.check_record


def export(writer: Writer, dataset: Dataset, out: Path, *, within: str = "") -> int:
    """Write all files of a writer below the folder `out`; how many there are. `within`: the folder of theirs that is `out`
    itself."""
    count = 0
    for path, content in writer.files(replace(dataset, cameras=writer.cameras)):
        put(inside(out, path.removeprefix(f"{within}/") if within else path), content)
        count += 1
    return count


def inside(root: Path, path: str) -> Path:
    """The path below `root`. Names come from the dataset, so one that leads out of `root` is refused with UserError."""
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts or "\\" in path or "\0" in path:
        raise UserError(f"the dataset names the file {path!r}, which would lie outside of its folder")
    return root / path


def source(dataset: Dataset, path: str) -> Path:
    """A file of the dataset; UserError where it is not there, or is a link that leads out of the dataset."""
    named = inside(dataset.root, path)
    found = named.resolve()
    if not found.is_relative_to(dataset.root.resolve()):
        raise UserError(f"{named} is a link that leads out of the dataset")
    if not found.is_file():
        raise UserError(f"{named} is not there, though a record names it")
    return found


def put(path: Path, content: Content) -> None:
    """One file, under another name first, then renamed into place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}{TEMPORARY}")
    if isinstance(content, Path):
        _link(content, part)
        # Renaming a file over another name of itself does nothing, by POSIX, and would leave `part`.
        path.unlink(missing_ok=True)
    else:
        with open(part, "wb") as stream:
            stream.writelines([content] if isinstance(content, bytes) else content)
    os.replace(part, path)


def _link(original: Path, path: Path) -> None:
    path.unlink(missing_ok=True)
    try:
        os.link(original, path)
    except OSError:  # another file system, or one without links
        shutil.copyfile(original, path)
