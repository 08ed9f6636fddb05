"""Rings of masks: exact by construction, simplified within bounds; against OpenCV, COCO's toolkit and counting."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from twinstage.base.errors import UserError
from twinstage.synth.writers.pixels import bounding_box, decode
from twinstage.synth.writers.rings import Ring, filled, joined, simplified, trace

masks = st.tuples(st.integers(1, 9), st.integers(1, 9)).flatmap(lambda shape: arrays(bool, shape))


@given(masks)
@settings(max_examples=200, deadline=None)
def test_rings_are_the_mask(mask: np.ndarray) -> None:
    rings = trace(mask)
    assert sum(-r.area if r.hole else r.area for r in rings) == mask.sum()
    if rings:
        assert (filled(joined(rings), mask.shape[1], mask.shape[0]) == mask).all()
    import cv2

    parts, _ = cv2.connectedComponents(mask.astype(np.uint8), connectivity=4)
    assert sum(not r.hole for r in rings) == parts - 1
    empty, _ = cv2.connectedComponents(
        np.pad(~mask, 1, constant_values=True).astype(np.uint8), connectivity=8
    )
    assert sum(r.hole for r in rings) == empty - 2


def test_coco_fills_a_ring_that_follows_every_pixel_exactly() -> None:
    from pycocotools import mask as coco

    y, x = np.mgrid[:60, :80]
    mask = (x - 40) ** 2 / 900 + (y - 30) ** 2 / 300 < 1
    (ring,) = trace(mask)
    rle = coco.merge(coco.frPyObjects([ring.points.ravel().tolist()], 60, 80))
    wanted = coco.encode(np.asfortranarray(mask.astype(np.uint8)))
    assert rle == {**wanted, "size": rle["size"]}


@given(st.integers(0, 2**32 - 1), st.floats(0.2, 3))
@settings(max_examples=50, deadline=None)
def test_a_simplified_ring_leaves_no_point_further_away_than_told(seed: int, tolerance: float) -> None:
    random = np.random.default_rng(seed)
    angle = np.sort(random.uniform(0, 2 * np.pi, 60))
    points = np.column_stack([np.cos(angle), np.sin(angle)]) * random.uniform(10, 20, (60, 1))
    ring = simplified(points, tolerance)
    assert {tuple(p) for p in ring} <= {tuple(p) for p in points}
    a, b = ring, np.roll(ring, -1, axis=0)
    along = b - a
    # Douglas and Peucker measure to the line through two points that stay.
    lines = np.abs((points[:, None] - a)[..., 0] * along[:, 1] - (points[:, None] - a)[..., 1] * along[:, 0])
    assert (lines / np.linalg.norm(along, axis=1)).min(1).max() <= tolerance + 1e-9


def test_large_rings_are_joined_in_little_memory() -> None:
    import tracemalloc

    random = np.random.default_rng(1)
    a = Ring(random.uniform(0, 100, (6000, 2)), False)
    b = Ring(random.uniform(200, 300, (6000, 2)), False)
    tracemalloc.start()
    joined([a, b])
    assert tracemalloc.get_traced_memory()[1] < 60e6
    tracemalloc.stop()


@given(masks)
@settings(max_examples=100, deadline=None)
def test_run_lengths_are_decoded_as_coco_does(mask: np.ndarray) -> None:
    from pycocotools import mask as coco

    height, width = mask.shape
    rle = coco.encode(np.asfortranarray(mask.astype(np.uint8)))
    found = decode({"size": [height, width], "counts": rle["counts"].decode()}, (width, height))
    assert (found == mask).all()
    box = bounding_box(found)
    assert (box is None) == (not mask.any())
    assert box is None or list(box) == coco.toBbox(rle).tolist()


@pytest.mark.parametrize("counts", ["", "o", "~", "0" * 3, "oooooooooooooooooooo0", "é", "5N5"])
def test_broken_run_lengths_are_refused(counts: str) -> None:
    with pytest.raises(UserError, match="run length"):
        decode({"size": [4, 4], "counts": counts}, (4, 4))
