"""Promises of any capture, with every lens, and that broken ones are named. Distorted lenses are OpenCV's own functions."""

from dataclasses import replace

import numpy as np
import pytest

from exactness import ours
from exactness.cases import EYES, scene
from exactness.invariants import broken, digest, reprojection
from exactness.spoil import with_aov, with_mask


@pytest.mark.parametrize("lens", EYES)
@pytest.mark.parametrize("place", ["metres, Z-up", "10 km away"])
def test_promises_hold_with_every_lens(lens: str, place: str) -> None:
    made, about = scene("flat", place)
    eye = EYES[lens](about)
    capture = ours.labels(made.snapshot, eye)
    assert broken(capture, eye) == []
    if place == "metres, Z-up":
        off, rounding = reprojection(capture, eye)
        assert len(off) > 1000 and off.max() < 0.01 and rounding.max() < 0.01
    assert digest(ours.labels(made.snapshot, eye)) == digest(capture)


def test_broken_promises_are_named() -> None:
    made, about = scene("flat", "metres, Z-up")
    eye = EYES["Brown-Conrady"](about)
    good = ours.labels(made.snapshot, eye)
    spoilt = {
        "overlap": with_mask(good, 0, visible=lambda m: m | good.objects[2].visible),
        "outside of the full mask": with_mask(good, 0, amodal=lambda m: np.zeros_like(m)),
        "its mask has": with_mask(good, 1, visible_px=lambda n: n + 1),
        "amodal_px_in_frame differs": with_mask(good, 1, amodal_px_in_frame=lambda n: n - 1),
        "below amodal_px_in_frame": with_mask(good, 1, amodal_px_total=lambda n: 0),
        "no mask": replace(good, objects=good.objects[1:]),
        "unit length": with_aov(good, "normal", lambda a: a * 1.001),
        "px from its pixel's centre": with_aov(good, "position", lambda a: a + np.float32(1e-3)),
        "range is below depth": with_aov(good, "range", lambda a: a * 0.5),
        "NOCS leaves": with_aov(good, "nocs", lambda a: a + 0.1),
        "background": with_aov(good, "instance", lambda a: a * 0),
    }
    for words, capture in spoilt.items():
        assert [text for text in broken(capture, eye) if words in text], words
        assert digest(capture) != digest(good), words
