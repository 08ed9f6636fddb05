"""What has been published and is not in the USD layer yet.

A write of ten thousand poses takes 30 ms, in which no tick is told. So the regular write goes in portions, one after each
tick: every prim is still written at most `usd_hz` times a second, and until the last portion is in, the layer holds two
moments. Whoever needs one moment (an export, a save, a render) writes all at once.
"""

from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING

from twinstage.scene.columns import PoseColumns, TickColumns
from twinstage.scene.merge import merge_ticks

if TYPE_CHECKING:
    from twinstage.scene.writer import ColumnWriter

PORTION = 1000
"""Poses of a portion at least; more where there would be too many portions."""


class Unwritten:
    """Ticks on their way into the layer. `ticks`: so many lie between two regular writes."""

    def __init__(self, writer: "ColumnWriter", ticks: int) -> None:
        self._writer = writer
        self._most = max(1, ticks - 1)
        self._ticks: list[TickColumns] = []
        self._portions: deque[TickColumns] = deque()

    def add(self, columns: TickColumns) -> None:
        """One more tick."""
        self._ticks.append(columns)

    def holds(self, node: int) -> bool:
        """Whether something of that node is on its way."""
        return any(
            node in index
            for tick in (*self._portions, *self._ticks)
            for index in (tick.pose.index, tick.visibility.index, tick.style.index)
        )

    def write_all(self) -> None:
        """Everything, at once."""
        parts = [*self._portions, *self._ticks]
        self._portions.clear()
        self._ticks.clear()
        if parts:
            self._writer.write(merge_ticks(parts))

    def write_some(self, *, due: bool) -> None:
        """A portion of what is under way; `due`: what has been published since goes under way if nothing else is."""
        if due and self._ticks and not self._portions:
            self._portions.extend(self._cut(merge_ticks(self._ticks)))
            self._ticks.clear()
        if self._portions:
            self._writer.write(self._portions.popleft())

    def _cut(self, columns: TickColumns) -> Iterator[TickColumns]:
        """Poses of prims in portions; everything else goes with the first, points (which are whole arrays) with the last."""
        pose, prims = columns.pose, len(self._writer.snapshot.prims)
        rows = max(PORTION, -(-len(pose) // self._most))
        if len(pose) <= rows:
            yield columns
            return
        split = int(pose.index.searchsorted(prims))
        begins = [*range(0, split, rows), *([split] if split < len(pose) else [])]
        for begin, end in zip(begins, [*begins[1:], len(pose)], strict=True):
            part = _rows(pose, begin, end)
            if begin:
                yield TickColumns(part)
            else:
                yield TickColumns(
                    part,
                    visibility=columns.visibility,
                    style=columns.style,
                    attributes=columns.attributes,
                    labels=columns.labels,
                )


def _rows(pose: PoseColumns, begin: int, end: int) -> PoseColumns:
    part = slice(begin, end)
    scale = None if pose.scale is None else pose.scale[part]
    columns = (pose.index[part], pose.translation[part], pose.rotation[part], scale)
    return PoseColumns(pose.ordinal, pose.event_ns, *columns)
