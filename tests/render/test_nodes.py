"""What the nodes of a `raycast` picture take over from coarse ones, against a plain loop."""

import numpy as np
import pytest

from twinstage.render.engines.nodes import Grid, _halfway


@pytest.mark.parametrize("shape", [(7, 9), (6, 8), (7, 8), (1, 5), (2, 2), (1, 1)])
def test_a_node_takes_over_what_all_coarse_ones_around_it_agree_on(shape: tuple[int, int]) -> None:
    random = np.random.default_rng(7)
    part = (random.random(shape) < 0.2).astype(np.int32)
    normal = [np.zeros(shape, np.float32), np.zeros(shape, np.float32), np.ones(shape, np.float32)]
    # What coarse nodes know: mostly that they see all, and only they know anything.
    clear = np.where(random.random(shape) < 0.8, 0xFF, 0x0F).astype(np.uint8)
    clear[1::2], clear[:, 1::2] = 0, 0
    hidden = ~clear
    hidden[1::2], hidden[:, 1::2] = 0, 0
    found = _halfway(Grid(part, normal), clear, hidden)
    rows, columns = shape
    for known, bits in zip(found, (clear, hidden), strict=True):
        for row in range(rows):
            for column in range(columns):
                if row % 2 == 0 and column % 2 == 0:
                    assert known[row, column] == bits[row, column]
                    continue
                above = (row - 1, row + 1) if row % 2 else (row,)
                beside = (column - 1, column + 1) if column % 2 else (column,)
                around = [(r, c) for r in above for c in beside]
                inside = all(r < rows and c < columns for r, c in around)
                same = inside and all(part[at] == part[row, column] for at in around)
                agreed = np.bitwise_and.reduce([bits[at] for at in around]) if same else 0
                assert known[row, column] == agreed & 0xFE  # of the strongest lamp each asks itself
