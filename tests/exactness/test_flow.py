"""Flow by translation, rotation, scale and camera motion, forwards and back, against the closed form; its faults are caught."""

import numpy as np
import pytest

from exactness import ours
from exactness.analytic import Truth
from exactness.cases import EYES, scene
from exactness.eyes import turned
from exactness.flow import Carried, judge, seen_later

MOVES = {
    "things move": (0.0, (0.0, 0.0, 0.0), (0.0, 0.0, 0.0), 1.0),
    "the camera moves": (1.0, (0.02, -0.03, 0.05), (0.1, 0.05, -0.04), 0.0),
    "both move": (1.0, (-0.04, 0.05, -0.02), (-0.15, 0.2, 0.05), 1.0),
}
"""Camera: whether, its turn in its own axes, its step; and whether things move."""

PLACE = "10 km away, centimetres, Y-up"
CASES = [("pinhole", move) for move in MOVES] + [
    (eye, "both move")
    for eye in ("pinhole, offset, not square", "orthographic", "Brown-Conrady", "fisheye", "equirectangular")
]


def _moments(eye: str, move: str):
    made, about = scene("flat", PLACE)
    later, _ = scene("later", PLACE)
    at = EYES[eye](about)
    _, turn, step, things = MOVES[move]
    then = seen_later(at, turned(np.array(turn)), step)
    return made, (later if things else made), at, then


@pytest.mark.parametrize(("eye", "move"), CASES)
def test_flow_equals_the_closed_form(eye: str, move: str) -> None:
    made, later, at, then = _moments(eye, move)
    now = ours.labels(made.snapshot, at, after=(later.snapshot, then)).aovs
    truth = Truth.of(made.things, at)
    report = judge(
        truth,
        Carried.of(truth, later.things, then),
        now["flow"],
        now["flow_occluded"],
        now["motion"],
        truth.still,
    )
    back = ours.labels(later.snapshot, then, before=(made.snapshot, at)).aovs
    truth = Truth.of(later.things, then)
    carried = Carried.of(truth, made.things, at)
    backwards = judge(truth, carried, back["flow_back"], back["flow_back_occluded"], None, truth.still)
    assert report.problems + backwards.problems == []
    assert report.figures["longest [px]"] > 2 and report.figures["hidden pixels"] > 0


@pytest.mark.parametrize("fault", ["sign", "swapped", "half", "late", "seen", "static"])
def test_wrong_flow_is_caught(fault: str) -> None:
    made, later, at, then = _moments("pinhole", "both move")
    truth = Truth.of(made.things, at)
    carried = Carried.of(truth, later.things, then)
    good = ours.labels(made.snapshot, at, after=(later.snapshot, then)).aovs
    flow, occluded, motion = good["flow"], good["flow_occluded"], good["motion"]
    if fault == "sign":
        flow = -flow
    elif fault == "swapped":
        flow = flow[..., ::-1]
    elif fault == "half":
        flow = flow + np.float32(0.5)
    elif fault == "late":
        flow = ours.labels(made.snapshot, at, after=(made.snapshot, then)).aovs["flow"]
    elif fault == "seen":
        occluded = np.zeros_like(occluded)
    else:
        motion = np.zeros_like(motion)
    assert (
        judge(truth, carried, good["flow"], good["flow_occluded"], good["motion"], truth.still).problems == []
    )
    assert judge(truth, carried, flow, occluded, motion, truth.still).problems
