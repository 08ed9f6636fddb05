"""Which instances make up each object of a frame: found once for all objects that a record lists."""

from collections.abc import Sequence

import numpy as np

from twinstage.render.casting import shown_instances
from twinstage.scene.snapshot import Snapshot


class Parts:
    """Rows of `Snapshot.instances` by object, ascending, of those objects (rows of `Snapshot.objects`)."""

    def __init__(self, snapshot: Snapshot, objects: Sequence[int]) -> None:
        wanted = np.zeros(len(snapshot.objects) + 1, bool)
        wanted[list(objects)] = True
        owner = snapshot.instances.object
        rows = np.flatnonzero(wanted[owner] & (owner >= 0))
        rows = rows[np.argsort(owner[rows], kind="stable")]
        drawn = shown_instances(snapshot)[rows]
        self._all = _split(rows, owner)
        self._drawn = _split(rows[drawn], owner)

    def of(self, index: int) -> np.ndarray:
        """All instances of an object, drawn or hidden."""
        return self._all.get(index, _NONE)

    def drawn(self, index: int) -> np.ndarray:
        """Those that pictures and labels show."""
        return self._drawn.get(index, _NONE)


_NONE = np.empty(0, np.int64)


def _split(rows: np.ndarray, owner: np.ndarray) -> dict[int, np.ndarray]:
    names, first = np.unique(owner[rows], return_index=True)
    return dict(zip(names.tolist(), np.split(rows, first[1:]), strict=False))
