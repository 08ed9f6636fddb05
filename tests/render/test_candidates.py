"""Points on lights that are looked at before one is asked: made of one draw, each even, all apart."""

import itertools

import numpy as np
import pytest

from twinstage.base.errors import TwinstageError
from twinstage.render.mi import light
from twinstage.render.mi.runtime import load_mitsuba


def test_candidates_of_one_draw_are_even_over_the_square_and_lie_apart() -> None:
    try:
        mi = load_mitsuba("llvm").mi
    except TwinstageError as error:
        pytest.skip(str(error))
    mi.set_variant("llvm_ad_rgb")
    draws = np.random.default_rng(3).random((2, 4096)).astype(np.float32)
    number = mi.Point2f(mi.Float(draws[0]), mi.Float(draws[1]))
    found = [np.array(light._shifted(mi, number, k)) for k in range(4)]
    for points in found:
        assert points.shape == (2, 4096)
        assert points.min() >= 0.0
        assert points.max() < 1.0
        counts = np.histogram2d(*points, bins=4, range=[[0, 1], [0, 1]])[0]
        assert abs(counts - 256).max() < 80
    for a, b in itertools.combinations(found, 2):
        away = np.abs(a - b)
        assert np.minimum(away, 1 - away).max(0).min() > 0.24
