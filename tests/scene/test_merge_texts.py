"""Texts and entities of many ticks in one: the newest of each row wins."""

import numpy as np

from twinstage.scene.columns import EntityColumns, TextColumns, TickColumns, empty_pose, frozen
from twinstage.scene.merge import merge_ticks


def tick(ordinal: int, texts: dict[int, str], entities: dict[int, int]) -> TickColumns:
    """One tick; event times and qualities are the ordinal."""
    count = len(texts)
    return TickColumns(
        pose=empty_pose(ordinal),
        texts=TextColumns(
            frozen(np.array(list(texts)), np.uint32),
            tuple(texts.values()),
            frozen(np.full(count, ordinal), np.int64),
            frozen(np.full(count, ordinal), np.uint32),
        ),
        entities=EntityColumns(
            frozen(np.array(list(entities)), np.uint32), frozen(np.array(list(entities.values())), np.int64)
        ),
    )


def test_the_newest_text_and_entity_of_each_row_win() -> None:
    merged = merge_ticks(
        [tick(1, {0: "a", 4: "b"}, {7: 70}), tick(2, {4: "c", 5: "d"}, {}), tick(3, {}, {2: -1, 7: 71})]
    )
    assert (merged.texts.signal.tolist(), merged.texts.text) == ([0, 4, 5], ("a", "c", "d"))
    assert merged.texts.event_ns.tolist() == merged.texts.quality.tolist() == [1, 2, 2]
    assert (merged.entities.index.tolist(), merged.entities.entity.tolist()) == ([2, 7], [-1, 71])
    assert merged.ordinal == 3
