"""Where the archive lies: a folder, or any object store that fsspec knows. Effects: files, network.

A part is written whole or not at all, and on a disk it is safe when `write` returns.
"""

import os
import tempfile
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any

from twinstage.base.errors import TwinstageError
from twinstage.telemetry.history.faults import HistoryFault


class Store:
    """Parts by their relative names, such as `2026-11-24/09/x.parquet`."""

    def __init__(self, url: str) -> None:
        """`url`: a path, or what fsspec opens (`s3://bucket/plant`); credentials come from its own environment."""
        import fsspec

        self.url = url
        try:
            self.fs, self.root = fsspec.core.url_to_fs(url)
        except (ValueError, ImportError) as error:
            raise HistoryFault(f"the archive {url!r} cannot be opened: {error}") from None
        self.local = isinstance(self.fs, fsspec.implementations.local.LocalFileSystem)

    def path(self, name: str) -> str:
        """The full path of a part in `fs`."""
        if ".." in PurePosixPath(name).parts or name.startswith("/"):
            raise HistoryFault(f"the history names a part outside its archive: {name!r}")
        return f"{self.root.rstrip('/')}/{name}"

    def duck_path(self, name: str) -> str:
        """The part as DuckDB names it."""
        return self.path(name) if self.local else f"{_protocol(self.fs)}://{self.path(name)}"

    def write(self, name: str, data: bytes) -> None:
        """Raises OSError where the store does not take it."""
        path = self.path(name)
        if self.local:
            _write_safely(Path(path), data)
        else:
            self.fs.pipe_file(path, data)
        if self.fs.size(path) != len(data):
            raise OSError(f"the archive {self.url!r} did not keep all of {name!r}")

    def remove(self, name: str) -> None:
        """Remove a part; one that is gone already is no error."""
        with suppress(FileNotFoundError):
            self.fs.rm_file(self.path(name))

    def open(self, name: str) -> Any:
        """A file to read. Raises TwinstageError where the part is missing."""
        try:
            return self.fs.open(self.path(name), "rb")
        except FileNotFoundError:
            raise TwinstageError(
                f"the archive {self.url!r} lacks {name!r}, which its history names"
            ) from None


def _protocol(fs: Any) -> str:
    return fs.protocol if isinstance(fs.protocol, str) else str(fs.protocol[0])


def _write_safely(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".part-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
