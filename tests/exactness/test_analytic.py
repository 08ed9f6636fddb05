"""Labels against closed forms in float64: every case of `cases.py`; and the judge sees captures that are spoilt."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from exactness import ours
from exactness.analytic import Scene, Truth, judge
from exactness.cases import CASES, front, run, scene
from exactness.spoil import moved, with_aov, with_mask
from twinstage.render.capture import Capture


@pytest.mark.parametrize(("kind", "place", "eye"), CASES)
def test_labels_equal_the_closed_form(kind: str, place: str, eye: str) -> None:
    report = run(kind, place, eye)
    assert report.problems == []
    assert report.figures["pixels"] > 2000
    assert report.figures["wrong pixels on edges"] <= (0 if kind == "flat" else 20)


@cache
def _good(kind: str) -> tuple[Scene, Truth, Capture]:
    """A scene, what is true of it, and a capture that says so."""
    made, about = scene(kind, "metres, Z-up")
    eye = front(about)
    truth, capture = Truth.of(made.things, eye), ours.labels(made.snapshot, eye)
    assert judge(made, truth, capture).problems == []
    return made, truth, capture


def _swapped(capture: Capture) -> Capture:
    ids = capture.aovs["object"].copy()
    a, b = (int(mask.object) + 1 for mask in capture.objects[1:3])
    ids[capture.aovs["object"] == a], ids[capture.aovs["object"] == b] = b, a
    return replace(capture, aovs={**capture.aovs, "object": ids})


FLOOR = 2
"""Place of the floor among the masks: hidden in part, and cut by the image's edge."""

SPOILT: dict[str, tuple[Callable[[Capture], Capture], str]] = {
    "ids shifted by a pixel": (
        lambda c: with_aov(c, "object", lambda a: np.roll(a, 1, 1)),
        "wrong pixels away",
    ),
    "ids swapped": (_swapped, "wrong pixels away"),
    "a visible mask shifted": (lambda c: with_mask(c, 2, visible=lambda m: np.roll(m, 1, 0)), "visible mask"),
    "a full mask shifted": (lambda c: with_mask(c, 2, amodal=lambda m: np.roll(m, 2, 1)), "full mask"),
    "a full mask that is the visible one": (
        lambda c: with_mask(c, FLOOR, amodal=lambda _: c.objects[FLOOR].visible),
        "full mask",
    ),
    "a count of its own": (lambda c: with_mask(c, 1, visible_px=lambda n: n + 1), "counts"),
    "truncation ignored": (
        lambda c: with_mask(c, FLOOR, amodal_px_total=lambda _: c.objects[FLOOR].amodal_px_in_frame),
        "amodal_px_total",
    ),
    "depth in another unit": (lambda c: with_aov(c, "depth", lambda a: a * 1.000003), "depth"),
    "range for depth": (lambda c: with_aov(c, "depth", lambda _: c.aovs["range"]), "depth"),
    "depth for range": (lambda c: with_aov(c, "range", lambda _: c.aovs["depth"]), "range"),
    "normals turned over": (lambda c: with_aov(c, "normal", lambda a: -a), "normal"),
    "world normals for the camera's": (
        lambda c: with_aov(c, "normal_camera", lambda _: c.aovs["normal"]),
        "normal_camera",
    ),
    "NOCS mirrored": (lambda c: with_aov(c, "nocs", lambda a: 1 - a), "NOCS"),
    "points moved": (lambda c: with_aov(c, "position", lambda a: a + np.float32(2e-5)), "position"),
    "an object left out": (lambda c: replace(c, objects=c.objects[1:]), "objects missed"),
}


@pytest.mark.parametrize("name", SPOILT)
def test_a_spoilt_capture_is_caught(name: str) -> None:
    spoil, word = SPOILT[name]
    made, truth, capture = _good("flat")
    found = judge(made, truth, spoil(capture), canvas=name.startswith("truncation")).problems
    assert [text for text in found if text.startswith(word)], found


def test_a_wrong_matrix_is_caught() -> None:
    made, about = scene("flat", "metres, Z-up")
    eye = front(about)
    row = int(made.instance[4])
    for step in (1e-2, 1e-5):
        spoilt = moved(made.snapshot, made.snapshot.instances.node[row], (step, 0, 0))
        assert judge(made, Truth.of(made.things, eye), ours.labels(spoilt, eye)).problems


def test_wrong_texture_coordinates_and_parts_are_caught() -> None:
    made, truth, capture = _good("card")
    flipped = with_aov(capture, "uv", lambda a: a * (1, -1))
    assert [t for t in judge(made, truth, flipped).problems if t.startswith("uv")]
    renamed = with_aov(capture, "part", lambda a: np.where(a == 2, 3, a))
    assert [t for t in judge(made, truth, renamed).problems if t.startswith("wrong parts")]
