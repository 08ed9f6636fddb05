"""Merging ticks equals applying them one after the other."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from twinstage.scene.columns import (
    AttributeColumns,
    PoseColumns,
    SignalColumns,
    StyleColumns,
    TickColumns,
    VisibilityColumns,
    frozen,
)
from twinstage.scene.merge import merge_ticks


def _tick(seed: int, ids: list[int], scaled: bool) -> TickColumns:
    rng = np.random.default_rng(seed)
    index = frozen(np.array(sorted(set(ids))), np.uint32)
    n = len(index)
    pose = PoseColumns(
        seed,
        int(rng.integers(1000)),
        index,
        frozen(rng.normal(size=(n, 3)), np.float64),
        frozen(rng.normal(size=(n, 4)), np.float32),
        frozen(rng.uniform(1, 2, (n, 3)), np.float32) if scaled else None,
    )
    return TickColumns(
        pose,
        VisibilityColumns(index, frozen(rng.integers(0, 2, n), np.bool_)),
        StyleColumns(index, frozen(rng.integers(0, 255, (n, 4)), np.uint8)),
        AttributeColumns(index, frozen(rng.normal(size=n), np.float64)),
        SignalColumns(
            index,
            frozen(rng.normal(size=n), np.float64),
            frozen(rng.integers(0, 9, n), np.int64),
            frozen(rng.integers(0, 9, n), np.uint32),
        ),
    )


ticks = st.lists(st.tuples(st.lists(st.integers(0, 8), max_size=6), st.booleans()), min_size=1, max_size=5)


@settings(deadline=None, max_examples=60)
@given(ticks)
def test_merge_equals_one_after_the_other(parts: list[tuple[list[int], bool]]) -> None:
    sequence = [_tick(i, ids, scaled) for i, (ids, scaled) in enumerate(parts)]
    merged = merge_ticks(sequence)
    expected: dict[int, tuple[float, ...]] = {}
    for tick in sequence:
        for row, node in enumerate(tick.pose.index):
            scale = (1.0, 1.0, 1.0) if tick.pose.scale is None else tuple(tick.pose.scale[row])
            values = (*tick.pose.translation[row], *tick.pose.rotation[row], *scale)
            style = (*tick.style.rgba[row], tick.visibility.visible[row])
            expected[int(node)] = (*values, *style, tick.attributes.value[row], tick.signals.value[row])
    assert list(merged.pose.index) == sorted(expected)
    for row, node in enumerate(merged.pose.index):
        scale = (1.0, 1.0, 1.0) if merged.pose.scale is None else tuple(merged.pose.scale[row])
        values = (*merged.pose.translation[row], *merged.pose.rotation[row], *scale)
        style = (*merged.style.rgba[row], merged.visibility.visible[row])
        got = (*values, *style, merged.attributes.value[row], merged.signals.value[row])
        np.testing.assert_array_equal(got, expected[int(node)])
    assert merged.pose.event_ns == max(tick.pose.event_ns for tick in sequence)
