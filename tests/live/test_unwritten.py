"""Portions on their way into the USD layer: each row once, in order, and all of it where somebody needs one moment."""

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from twinstage.live.unwritten import PORTION, Unwritten
from twinstage.scene.columns import PoseColumns, TickColumns, VisibilityColumns, frozen


class Writer:
    """Keeps what it is told."""

    def __init__(self, prims: int, nodes: int) -> None:
        self.snapshot = SimpleNamespace(prims=range(prims))
        self.held = np.full(nodes, np.nan)
        self.told: list[TickColumns] = []

    def write(self, columns: TickColumns) -> None:
        self.told.append(columns)
        self.held[columns.pose.index] = columns.pose.translation[:, 0]


def tick(nodes: np.ndarray, x: float, **more: Any) -> TickColumns:
    n = len(nodes)
    where = frozen(np.full((n, 3), x), np.float64)
    turn = frozen(np.tile([1.0, 0, 0, 0], (n, 1)), np.float32)
    return TickColumns(PoseColumns(1, 0, frozen(nodes, np.uint32), where, turn), **more)


def made(writer: Writer, ticks: int = 12) -> Unwritten:
    return Unwritten(cast(Any, writer), ticks)


@pytest.mark.parametrize(
    ("prims", "points"), [(500, 0), (10_000, 0), (10_000, 3_000), (0, 5_000), (40_000, 10)]
)
def test_all_is_written_within_a_period_in_even_portions(prims: int, points: int) -> None:
    writer = Writer(prims, prims + points)
    waiting = made(writer)
    hidden = VisibilityColumns(frozen([3], np.uint32), frozen([False], np.bool_))
    waiting.add(tick(np.arange(prims + points), 1.0, visibility=hidden))
    for count in range(12):
        waiting.write_some(due=count == 0)
    assert (writer.held == 1).all()
    rows = [len(each.pose) for each in writer.told]
    assert sum(rows) == prims + points
    assert max(rows) <= max(PORTION, -(-(prims + points) // 11), points)
    assert [len(each.visibility) for each in writer.told] == [1] + [0] * (len(rows) - 1)


def test_a_prim_is_written_once_a_period_with_its_newest_pose() -> None:
    writer = Writer(5_000, 5_000)
    waiting = made(writer)
    for count in range(1, 37):
        waiting.add(tick(np.arange(5_000), float(count)))
        waiting.write_some(due=count % 12 == 0)
    written = np.concatenate([each.pose.index for each in writer.told])
    assert np.bincount(written).max() == 3
    assert set(writer.held) <= {24.0, 36.0}


def test_who_needs_one_moment_gets_the_newest() -> None:
    writer = Writer(5_000, 5_000)
    waiting = made(writer)
    waiting.add(tick(np.arange(5_000), 1.0))
    waiting.write_some(due=True)
    assert np.isnan(writer.held).any()
    waiting.add(tick(np.arange(0, 5_000, 2), 2.0))
    waiting.write_all()
    assert (writer.held[::2] == 2).all() and (writer.held[1::2] == 1).all()
    told = len(writer.told)
    waiting.write_some(due=True)
    waiting.write_all()
    assert len(writer.told) == told
