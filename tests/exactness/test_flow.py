"""Flow by translation, rotation, scale and camera motion, forwards and back, against the closed form; its faults are caught."""

import numpy as np
import pytest

from exactness import ours
from exactness.analytic import Truth
from exactness.flow import Carried, judge
from exactness.flow_cases import FLOW_CASES, moments, run_flow


@pytest.mark.parametrize(("eye", "move"), FLOW_CASES)
def test_flow_equals_the_closed_form(eye: str, move: str) -> None:
    report = run_flow(eye, move)
    assert report.problems == []
    assert report.figures["longest [px]"] > 2 and report.figures["hidden pixels"] > 0


@pytest.mark.parametrize("fault", ["sign", "swapped", "half", "late", "seen", "static"])
def test_wrong_flow_is_caught(fault: str) -> None:
    made, later, at, then = moments("pinhole", "both move")
    truth = Truth.of(made.things, at)
    carried = Carried.of(truth, later.things, then)
    good = ours.labels(made.snapshot, at, after=(later.snapshot, then)).aovs
    flow, occluded, motion = good["flow"], good["flow_occluded"], good["motion"]
    assert judge(truth, carried, flow, occluded, motion, truth.still).problems == []
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
    assert judge(truth, carried, flow, occluded, motion, truth.still).problems
