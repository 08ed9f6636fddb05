"""Clutter without a label: a pool of copies of USD files, of which each frame shows some, scattered over a region.

The copies are prims of every frame (native instances, so they cost little); a frame hides those that it does not use.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Literal

from pydantic import Field, PrivateAttr, model_validator

from twinstage.base.errors import UserError
from twinstage.scene.author import NewPrim
from twinstage.scene.edits import Edit
from twinstage.scene.snapshot import Snapshot
from twinstage.synth.asset_files import asset_hash, asset_names, asset_prim
from twinstage.synth.canonical import sha256_hex
from twinstage.synth.distributions import NotNegative
from twinstage.synth.draws import Draws
from twinstage.synth.model import wrong
from twinstage.synth.randomizers.base import RANDOMIZERS, Setting
from twinstage.synth.randomizers.scatter import Scattering

DISTRACTORS = "/TwinstageDistractors"
"""Parent of all copies. What lies below is never an object of the dataset, whatever labels the files have."""

MOST_COPIES = 5000


class Known(dict[str, str]):
    """Hashes by name of the files, filled in when the stage is opened; no part of what the recipe says."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Known)

    def __hash__(self) -> int:  # type: ignore[override]
        return 0


@RANDOMIZERS.register
class DistractorsRandomizer(Scattering):
    """Shows copies of USD files, without labels, scattered like `scatter` does.

    Attributes:
        files: USD files relative to the recipe's folder; `*` in the last part matches several.
        count: how many a frame shows, rounded; of each, the file is drawn.
        most: bound of `count`, which is also how many copies of each file are prepared.
    """

    kind: Literal["distractors"] = "distractors"
    files: tuple[str, ...] = Field(min_length=1)
    count: NotNegative
    most: int = Field(default=10, ge=1, le=1000)

    _files: Known = PrivateAttr(default_factory=Known)

    @model_validator(mode="after")
    def _enough_copies(self) -> "DistractorsRandomizer":
        largest = round(max(self.count.span(), default=0))
        if largest > self.most:
            raise wrong(f"count can draw {largest}, but most is {self.most}: give a larger most", "count")
        return self

    def choices(self) -> Mapping[str, Sequence[str]]:
        return {"asset": sorted(self._files) or list(self.files)}

    def inputs(self) -> Mapping[str, str]:
        return self._files

    def added_prims(self, setting: Setting) -> list[NewPrim]:
        names = asset_names(self.files, setting, self.who)
        if len(names) * self.most > MOST_COPIES:
            raise UserError(
                f"{self.who}: {len(names)} files times most = {self.most} are more than {MOST_COPIES} copies"
            )
        if len({_stem(name) for name in names}) < len(names):
            raise UserError(f"{self.who}: two of its files have the same name; names tell copies apart")
        self._files.update((name, asset_hash(name, setting)) for name in names)
        return [
            asset_prim(self._copy(name, copy), name, setting, self.who)
            for name in names
            for copy in range(self.most)
        ]

    def __call__(self, snapshot: Snapshot, draws: Draws) -> list[Edit]:
        wanted = min(max(round(draws.value("count", self.count)), 0), self.most)
        draws.note("shown", wanted)
        used: Counter[str] = Counter()
        paths = []
        for slot in range(wanted):
            name = draws.pick(f"file {slot}", sorted(self._files), "asset")
            paths.append(self._copy(name, used[name]))
            used[name] += 1
        idle = sorted(set(self._copies()) - set(paths))
        hidden = [Edit(path, "visibility", "invisible") for path in idle]
        return [*hidden, *self.scattered(snapshot, draws, [snapshot.prims.index_of[path] for path in paths])]

    def extremes(self, snapshot: Snapshot) -> list[Edit]:
        """All hidden."""
        return [Edit(path, "visibility", "invisible") for path in self._copies()]

    def _copy(self, name: str, copy: int) -> str:
        """The path of a copy of that file."""
        return f"{DISTRACTORS}/{own_name(self.name)}/{_stem(name)}_{copy}"

    def _copies(self) -> list[str]:
        return [self._copy(name, copy) for name in self._files for copy in range(self.most)]


def own_name(name: str) -> str:
    """The prim of a randomizer of that name; two names never become one."""
    safe = _identifier(name)
    return safe if safe == name else f"{safe}_{sha256_hex(name.encode())[:8]}"


def _stem(name: str) -> str:
    return _identifier(PurePosixPath(name).stem)


def _identifier(text: str) -> str:
    """A prim's name made of any text."""
    out = re.sub(r"\W", "_", text, flags=re.ASCII)
    return f"_{out}" if not out or out[0].isdigit() else out
