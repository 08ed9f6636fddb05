"""The records of a dataset as they lie on disk: read when they are asked for, so that no run is too long to be judged."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from twinstage.synth.verify.files import inside, read_json
from twinstage.synth.verify.report import Judge


class Records(Mapping[str, dict[str, Any]]):
    """Records by their path in the dataset, in order. None is kept: each question reads the file again."""

    def __init__(self, root: Path, names: Sequence[str]) -> None:
        self._root, self._names = root, dict.fromkeys(names)

    def __getitem__(self, name: str) -> dict[str, Any]:
        if name not in self._names:
            raise KeyError(name)
        return dict(read_json(inside(self._root, name)))

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def stored_records(root: Path, judge: Judge) -> Records:
    """The records that can be read; those that are no JSON object are left out, with a finding."""
    names = []
    for path in sorted((root / "records").glob("*.json")):
        name = f"records/{path.name}"
        with judge.guard("record.broken", name):
            record = read_json(inside(root, name))
            if judge.check(isinstance(record, dict), "record.broken", name, "is no JSON object"):
                names.append(name)
    return Records(root, names)
