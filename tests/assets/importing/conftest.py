"""Imports into a folder of the test, and twins over what was imported."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from twinstage.assets.importing.document import Document
from twinstage.assets.importing.document_check import validate
from twinstage.assets.importing.imports import Wish, import_file
from twinstage.assets.importing.registry import importer_for, make
from twinstage.assets.importing.source import Source


@pytest.fixture
def read() -> Callable[..., Document]:
    """The document of a file, read in this process: `read(path, roots=(), packages={}, **options)`."""

    def run(
        path: Path, roots: tuple[Path, ...] = (), packages: dict[str, Path] | None = None, **options: Any
    ) -> Document:
        cls = importer_for(path)
        near = cls.packages_near(path)
        document = make(cls, options)(Source(path, roots, {**near, **(packages or {})}))
        validate(document)
        return document

    return run


@pytest.fixture
def imported(tmp_path: Path) -> Callable[..., tuple[Path, Any]]:
    """Import a file through the door: (interface layer, what was written)."""

    def run(path: Path, **wish: Any) -> tuple[Path, Any]:
        out = tmp_path / f"out_{path.stem}_{path.suffix[1:]}"
        written = import_file(path, out, Wish(force=True, **wish))
        return out / written.root, written

    return run
