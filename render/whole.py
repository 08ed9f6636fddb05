"""Files that appear whole or not at all. Touches the file system; a file that cannot be written is a UserError."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from twinstage.base.errors import UserError

TEMPORARY = ".part"
"""Suffix of files being written."""


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yields the name to write to; it becomes `path` when the block ends, and is removed where the block fails.

    Folders above are made. A file that is there already is replaced.

    Raises:
        UserError: the folder or the file cannot be written, a full disk included.
    """
    part = path.with_name(path.name + TEMPORARY)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            raise UserError(f"{path} is a folder; the name of a file was expected")
        yield part
        os.replace(part, path)
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror or error}") from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def write_whole(path: Path, data: bytes) -> None:
    """Write a file, whole or not at all; raises UserError where it cannot be."""
    with whole_file(path) as part:
        part.write_bytes(data)


def check_folder(folder: Path) -> None:
    """Make a folder that files will go to; raises UserError where it cannot be written, before work is done for it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{folder} cannot be made: {error.strerror or error}") from error
    if not os.access(folder, os.W_OK):
        raise UserError(f"{folder} cannot be written: permission denied")
