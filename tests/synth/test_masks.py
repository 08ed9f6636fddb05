"""Run lengths, boxes and hulls of many masks at once: against pycocotools, which writes them in C, and OpenCV."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pycocotools import mask as coco

from twinstage.synth import masks, runs

MASKS = st.tuples(st.integers(1, 12), st.integers(1, 12)).flatmap(lambda shape: arrays(bool, shape))
SIZE = (30, 25)
PLACED = st.lists(st.tuples(MASKS, st.integers(0, SIZE[1] - 12), st.integers(0, SIZE[0] - 12)), max_size=5)
"""Masks and where they lie in an image of SIZE (height, width)."""


def whole(part: np.ndarray, x: int, y: int) -> np.ndarray:
    image = np.zeros(SIZE, np.uint8, order="F")
    image[y : y + part.shape[0], x : x + part.shape[1]] = part
    return image


@given(PLACED, st.sampled_from([1, 200, 1 << 24]))
def test_windows_are_encoded_as_whole_images(
    placed: list[tuple[np.ndarray, int, int]], together: int
) -> None:
    images = [coco.encode(whole(*item)) for item in placed]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runs, "_MOST_PIXELS", together)
        found = runs.runs_of([part for part, _, _ in placed], [(x, y) for _, x, y in placed])
    assert found.counts(SIZE) == [image["counts"].decode() for image in images]
    boxes = [[float(v) for v in coco.toBbox(image)] if coco.area(image) else None for image in images]
    assert found.boxes() == boxes


@given(PLACED)
def test_hulls_are_those_of_opencv(placed: list[tuple[np.ndarray, int, int]]) -> None:
    found = runs.runs_of([part for part, _, _ in placed], [(x, y) for _, x, y in placed]).hulls()
    for item, hull in zip(placed, found, strict=True):
        rows, columns = np.nonzero(whole(*item))
        corners = [(x + i, y + j) for x, y in zip(columns, rows, strict=True) for i in (0, 1) for j in (0, 1)]
        theirs = cv2.convexHull(np.array(corners, np.int32))[:, 0] if corners else np.empty((0, 2))
        assert {tuple(p) for p in hull.tolist()} == {tuple(p) for p in theirs.tolist()}
        if len(hull):
            turned = np.roll(hull, -1, axis=0)
            assert (hull[:, 0] * turned[:, 1] - hull[:, 1] * turned[:, 0]).sum() > 0  # counter-clockwise


@given(MASKS)
def test_whole_images_come_back(mask: np.ndarray) -> None:
    assert np.array_equal(masks.decode(masks.encode(mask)), mask)


def test_long_runs_and_large_steps_are_written_as_pycocotools_does() -> None:
    mask = np.zeros((700, 900), bool)
    mask[:, 3:800] = True
    mask[5, 7] = mask[699, 600] = mask[0, 601] = False
    theirs = coco.encode(np.asfortranarray(mask.astype(np.uint8)))["counts"].decode()
    assert masks.encode(mask)["counts"] == theirs
