"""Run lengths of masks against pycocotools, which writes them in C."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pycocotools import mask as coco

from twinstage.render.capture import ObjectMask
from twinstage.synth import masks

MASKS = st.tuples(st.integers(1, 12), st.integers(1, 12)).flatmap(lambda shape: arrays(bool, shape))


@given(MASKS, st.tuples(*[st.integers(0, 40)] * 4))
def test_a_window_of_an_image_is_encoded_as_the_whole_image(
    part: np.ndarray, around: tuple[int, ...]
) -> None:
    left, top, right, bottom = around
    whole = np.pad(part, ((top, bottom), (left, right)))
    window = (left, top, left + part.shape[1], top + part.shape[0])
    item = ObjectMask(0, (whole.shape[0], whole.shape[1]), window, part, part, 0, 0, 0)
    theirs = coco.encode(np.asfortranarray(whole.astype(np.uint8)))
    assert masks.encode_window(item, part) == {"size": list(whole.shape), "counts": theirs["counts"].decode()}
    expected = [float(v) for v in coco.toBbox(theirs)] if whole.any() else None
    assert masks.window_box(item, part) == expected


@given(MASKS)
def test_whole_images_come_back(mask: np.ndarray) -> None:
    assert np.array_equal(masks.decode(masks.encode(mask)), mask)


def test_long_runs_and_large_steps_are_written_as_pycocotools_does() -> None:
    mask = np.zeros((700, 900), bool)
    mask[:, 3:800] = True
    mask[5, 7] = mask[699, 600] = mask[0, 601] = False
    theirs = coco.encode(np.asfortranarray(mask.astype(np.uint8)))["counts"].decode()
    assert masks.encode(mask)["counts"] == theirs
