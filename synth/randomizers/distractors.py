"""Clutter without a label: a pool of copies of USD files, of which each frame shows some, scattered over a region.

The copies are prims of every frame (native instances, so they cost little); a frame hides those that it does not use.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Literal

from pydantic import Field

from twinstage.base.errors import UserError
from twinstage.scene.author import NewPrim
from twinstage.scene.edits import Edit
from twinstage.scene.snapshot import Snapshot
from twinstage.synth.asset_files import asset_files, asset_prim
from twinstage.synth.draws import Distribution, Draws
from twinstage.synth.randomizers.base import RANDOMIZERS, Setting
from twinstage.synth.randomizers.scatter import Scattering

DISTRACTORS = "/TwinstageDistractors"
"""Parent of all copies. What lies below is never an object of the dataset, whatever labels the files have."""

MOST_COPIES = 5000


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
    count: Distribution
    most: int = Field(default=10, ge=1, le=1000)

    def choices(self) -> Mapping[str, Sequence[str]]:
        if any("*" in file for file in self.files):
            return {}  # the folder is not known here
        return {"asset": [_identifier(PurePosixPath(file).stem) for file in self.files]}

    def added_prims(self, setting: Setting) -> list[NewPrim]:
        files = asset_files(setting.recipe_folder, self.files, self.who)
        if len(files) * self.most > MOST_COPIES:
            raise UserError(
                f"{self.who}: {len(files)} files times most = {self.most} are more than {MOST_COPIES} copies"
            )
        names = {name: file for file in files for name in [_identifier(file.stem)]}
        if len(names) < len(files):
            raise UserError(f"{self.who}: two of its files have the same name; names tell copies apart")
        return [
            asset_prim(f"{self._pool}{name}_{copy}", file, setting, self.who)
            for name, file in names.items()
            for copy in range(self.most)
        ]

    def __call__(self, snapshot: Snapshot, draws: Draws) -> list[Edit]:
        pool = self._copies(snapshot)
        wanted = min(max(round(draws.value("count", self.count)), 0), self.most)
        draws.note("shown", wanted)
        used: dict[str, int] = {}
        prims = []
        for slot in range(wanted):
            name = draws.pick(f"file {slot}", sorted(pool), "asset")
            prims.append(pool[name][used.setdefault(name, 0)])
            used[name] += 1
        idle = {prim for copies in pool.values() for prim in copies} - set(prims)
        hidden = [Edit(snapshot.prims.path[prim], "visibility", "invisible") for prim in sorted(idle)]
        return [*hidden, *self.scattered(snapshot, draws, prims)]

    def extremes(self, snapshot: Snapshot) -> list[Edit]:
        """All hidden."""
        pool = self._copies(snapshot)
        return [
            Edit(snapshot.prims.path[p], "visibility", "invisible")
            for copies in pool.values()
            for p in copies
        ]

    @property
    def _pool(self) -> str:
        return f"{DISTRACTORS}/{_identifier(self.name)}/"

    def _copies(self, snapshot: Snapshot) -> dict[str, list[int]]:
        """Prims by name of the file, in the order of the copies."""
        found: dict[str, dict[int, int]] = {}
        for path, prim in snapshot.prims.index_of.items():
            if path.startswith(self._pool) and "/" not in path[len(self._pool) :]:
                name, _, copy = path[len(self._pool) :].rpartition("_")
                found.setdefault(name, {})[int(copy)] = prim
        return {name: [copies[k] for k in sorted(copies)] for name, copies in found.items()}


def _identifier(text: str) -> str:
    """A prim's name made of any text."""
    out = re.sub(r"\W", "_", text, flags=re.ASCII)
    return f"_{out}" if not out or out[0].isdigit() else out
