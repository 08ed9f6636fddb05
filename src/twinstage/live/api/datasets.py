"""Finished datasets below one folder. Methods run on any thread. Nothing outside of the folder is read: links that lead out
count as not there."""

import json
import re
from pathlib import Path
from typing import Any

from twinstage.base.errors import UserError
from twinstage.live.api.paging import paged_names
from twinstage.sync.api.datasets import (
    IMAGE_TYPES,
    NAME,
    Dataset,
    DatasetAsk,
    DatasetDetail,
    DatasetPage,
    DatasetsAsk,
    ImageAsk,
    Record,
    RecordAsk,
    RecordPage,
    RecordsAsk,
)
from twinstage.sync.api.operation import Refused

MOST_MANIFEST = 256 << 20
MOST_RECORD = 32 << 20
"""Largest files that are read [B]."""
_MANIFEST = "manifest.json"


class DatasetShelf:
    """Implements `sync.api.datasets.DatasetSource`. A folder that is a dataset itself counts as its only one."""

    def __init__(self, root: Path) -> None:
        """UserError where there is no such folder."""
        if not root.is_dir():
            raise UserError(f"--datasets {root}: there is no such folder")
        self._root = root.resolve()
        if (self._root / _MANIFEST).is_file() and not re.fullmatch(NAME, self._root.name):
            raise UserError(
                f"{root}: the folder's name is no name of a dataset; expected letters, digits, `_`, `-` and `.`"
            )
        self._summaries: dict[tuple[str, int, int], dict[str, Any]] = {}

    def list_datasets(self, asked: DatasetsAsk) -> DatasetPage:
        """A page of datasets."""
        names = sorted(folder.name for folder in self._folders())
        page, after = paged_names(names, asked.limit, asked.after)
        return DatasetPage(
            total=len(names), next=after, datasets=tuple(Dataset(**self._summary(name)) for name in page)
        )

    def get_dataset(self, asked: DatasetAsk) -> DatasetDetail:
        """One dataset."""
        manifest = self.manifest(asked.dataset)
        rest = {key: value for key, value in manifest.items() if key != "files"}
        return DatasetDetail(**_told(asked.dataset, manifest), manifest=rest)

    def list_records(self, asked: RecordsAsk) -> RecordPage:
        """A page of names."""
        files = self.folder(asked.dataset) / "records"
        names = sorted(path.stem for path in files.glob("*.json") if path.stem.isdecimal())
        page, after = paged_names(names, asked.limit, asked.after)
        return RecordPage(total=len(names), next=after, dataset=asked.dataset, records=tuple(page))

    def get_record(self, asked: RecordAsk) -> Record:
        """One record."""
        path = self.file(asked.dataset, f"records/{asked.record}.json")
        return Record(dataset=asked.dataset, record=asked.record, content=_read(path, MOST_RECORD))

    def image_file(self, asked: ImageAsk) -> Path:
        """Where an image is."""
        path = self.file(asked.dataset, f"images/{asked.image}")
        if path.suffix.lower() not in IMAGE_TYPES:
            raise Refused(404, f"{asked.image!r} is no image")
        return path

    def _folders(self) -> list[Path]:
        if (self._root / _MANIFEST).is_file():
            return [self._root]
        inside = (path for path in self._root.iterdir() if path.is_dir() and not path.name.startswith("."))
        named = (path for path in inside if re.fullmatch(NAME, path.name))
        return [path for path in named if self._is_inside(path / _MANIFEST)]

    def folder(self, name: str) -> Path:
        """Where a dataset lies. Raises Refused (404)."""
        for folder in self._folders():
            if folder.name == name:
                return folder
        raise Refused(404, f"there is no finished dataset {name!r}")

    def file(self, name: str, place: str) -> Path:
        """Where a file of a dataset lies. Raises Refused (404)."""
        path = self.folder(name) / place
        if not self._is_inside(path):
            raise Refused(404, f"the dataset {name!r} has no {place}")
        return path.resolve()

    def _is_inside(self, path: Path) -> bool:
        real = path.resolve()
        return real.is_file() and real.is_relative_to(self._root)

    def _summary(self, name: str) -> dict[str, Any]:
        """Kept as long as the manifest stays what it is: it may be long."""
        try:
            found = self.file(name, _MANIFEST).stat()
            key = name, found.st_mtime_ns, found.st_size
            if key not in self._summaries:
                if len(self._summaries) > 10_000:
                    self._summaries.clear()
                self._summaries[key] = _told(name, self.manifest(name))
            return self._summaries[key]
        except (Refused, OSError):
            return _told(name, {})

    def has(self, name: str, place: str) -> bool:
        """Whether a dataset has that file."""
        return self._is_inside(self.folder(name) / place)

    def manifest(self, name: str) -> dict[str, Any]:
        """What its manifest says. Raises Refused."""
        return _read(self.file(name, _MANIFEST), MOST_MANIFEST)


def _told(name: str, manifest: dict[str, Any]) -> dict[str, Any]:
    frames, seed, files = manifest.get("frames"), manifest.get("seed"), manifest.get("files")
    return {
        "name": name,
        "frames": frames if isinstance(frames, int) else None,
        "seed": seed if isinstance(seed, int) else None,
        "files": len(files) if isinstance(files, dict) else 0,
        "recipe_hash": str(manifest.get("recipe_hash", "")),
    }


def _read(path: Path, most: int) -> dict[str, Any]:
    if path.stat().st_size > most:
        raise Refused(413, f"{path.name} has more than {most >> 20} MiB")
    try:
        data = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        raise Refused(404, f"{path.name} is no JSON") from None
    if not isinstance(data, dict):
        raise Refused(404, f"{path.name} is no JSON object")
    return data
