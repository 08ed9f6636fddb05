"""Things that come and go: channels that name entities -> poses, visibility and ids of a pool of slots. numpy only.

All slots exist from the opening of the stage (`slots.make_slots`): prims and layers are never added while a twin runs. A
channel that names a new id takes the first free slot; when no channel names an id any more its slot is hidden and free again.
An id that was let go is never used again: if it comes back it is refused and counted, as are ids beyond 2**53, which a number
of the wire cannot hold, and new ids while all slots are taken.
"""

from bisect import bisect_right
from dataclasses import dataclass, field

import numpy as np

from twinstage.scene.columns import I8, Bool
from twinstage.scene.movers import PoseMover, Trs, VectorSignals
from twinstage.scene.poses import Drives, snap_scale

MOST = 2**53


class SeenIds:
    """A set of integers that only grows, kept as intervals: ids are mostly given in order."""

    def __init__(self) -> None:
        self._first: list[int] = []
        self._last: list[int] = []

    def __contains__(self, value: int) -> bool:
        k = bisect_right(self._first, value) - 1
        return k >= 0 and value <= self._last[k]

    def add(self, value: int) -> None:
        """Put one in."""
        if value in self:
            return
        k = bisect_right(self._first, value)
        joins_before = k > 0 and self._last[k - 1] == value - 1
        joins_after = k < len(self._first) and self._first[k] == value + 1
        if joins_before and joins_after:
            self._last[k - 1] = self._last[k]
            del self._first[k], self._last[k]
        elif joins_before:
            self._last[k - 1] = value
        elif joins_after:
            self._first[k] = value
        else:
            self._first.insert(k, value)
            self._last.insert(k, value)


@dataclass
class EntityPool:
    """One entity binding.

    Attributes:
        slots: nodes of the copies, i8[p]. `attributes`: rows of the ids among the plan's attributes, i8[p].
        ids: input row of each channel's id, i8[c]. `pose`: one row a channel.
        drives, id_drives: which signals move, and which name, each channel.
        refused: counts of ids that were not let in: reused, full, range.
    """

    slots: I8
    attributes: I8
    ids: I8
    pose: PoseMover
    drives: Drives
    id_drives: Drives
    refused: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Nothing is there; ids that were used before may come again, as a replay from the start does."""
        self.seen = SeenIds()
        self.id_of: I8 = np.full(len(self.slots), -1, np.int64)
        self.slot_of: I8 = np.full(len(self.ids), -1, np.int64)
        self.refused = {"reused": 0, "full": 0, "range": 0}
        self._named: I8 = np.full(len(self.ids), -1, np.int64)

    @property
    def alive(self) -> Bool:
        """Which slots hold an entity, bool[p]."""
        return np.asarray(self.id_of >= 0)

    def update(
        self, changed: np.ndarray, inputs: np.ndarray, vectors: VectorSignals, full: bool
    ) -> tuple[I8, Trs, Bool]:
        """Slots whose pose may have changed i8[k] with their TRS, and the slots whose entity changed, bool[p]."""
        before = self.id_of.copy()
        if self.id_drives.dirty(changed).any():
            self._assign(inputs)
        fresh = before != self.id_of
        held = self.slot_of >= 0
        dirty = held & (full | self.drives.dirty(changed) | self.id_drives.dirty(changed))
        rows = np.flatnonzero(dirty)
        # Of channels that see the same entity the first one places it.
        slots, first = np.unique(self.slot_of[rows], return_index=True)
        translation, rotation, scale = self.pose.move(rows[first], inputs, vectors)
        return slots, (translation, rotation, snap_scale(scale)), np.asarray(fresh)

    def _assign(self, inputs: np.ndarray) -> None:
        values = inputs[self.ids]
        named = np.where(np.isfinite(values), np.rint(np.clip(values, -1, MOST)), -1).astype(np.int64)
        was, self._named = self._named, named
        wanted = {int(n) for n in named if n >= 0}
        for slot in np.flatnonzero(self.alive & ~np.isin(self.id_of, named)).tolist():
            self.id_of[slot] = -1
        place = {int(entity): slot for slot, entity in enumerate(self.id_of.tolist()) if entity >= 0}
        free = iter(np.flatnonzero(self.id_of < 0).tolist())
        news = {int(n) for n, old in zip(named, was, strict=True) if n != old}
        for entity in sorted(wanted - set(place)):
            why = "range" if entity >= MOST else "reused" if entity in self.seen else ""
            slot = -1 if why else next(free, -1)
            if slot < 0:
                if entity in news:
                    self.refused[why or "full"] += 1
                continue
            self.id_of[slot] = entity
            place[entity] = slot
            self.seen.add(entity)
        self.slot_of = np.array([place.get(int(n), -1) for n in named], np.int64)
