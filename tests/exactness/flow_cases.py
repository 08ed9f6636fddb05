"""Cases of flow whose answer is known in closed form: forwards and back between two moments."""

import numpy as np

from exactness import ours
from exactness.analytic import Report, Scene, Truth
from exactness.cases import EYES, scene
from exactness.eyes import Eye, turned
from exactness.flow import Carried, judge, seen_later

Move = tuple[tuple[float, float, float], tuple[float, float, float], bool]

MOVES: dict[str, Move] = {
    "things move": ((0.0, 0.0, 0.0), (0.0, 0.0, 0.0), True),
    "the camera moves": ((0.02, -0.03, 0.05), (0.1, 0.05, -0.04), False),
    "both move": ((-0.04, 0.05, -0.02), (-0.15, 0.2, 0.05), True),
}
"""The camera's turn in its own axes [rad] and its step [m], and whether things move."""

PLACE = "10 km away, centimetres, Y-up"
LENSES = ("pinhole, offset, not square", "orthographic", "Brown-Conrady", "fisheye", "equirectangular")
FLOW_CASES = [*(("pinhole", move) for move in MOVES), *((eye, "both move") for eye in LENSES)]


def moments(eye: str, move: str) -> tuple[Scene, Scene, Eye, Eye]:
    """The scene now and then, and the camera now and then."""
    made, about = scene("flat", PLACE)
    turn, step, things = MOVES[move]
    at = EYES[eye](about)
    later = scene("later", PLACE)[0] if things else made
    return made, later, at, seen_later(at, turned(np.array(turn)), step)


def run_flow(eye: str, move: str) -> Report:
    """Flow from now to then, and from then back to now, against the closed form."""
    made, later, at, then = moments(eye, move)
    now = ours.labels(made.snapshot, at, after=(later.snapshot, then)).aovs
    truth = Truth.of(made.things, at)
    carried = Carried.of(truth, later.things, then)
    report = judge(truth, carried, now["flow"], now["flow_occluded"], now["motion"], truth.still)
    back = ours.labels(later.snapshot, then, before=(made.snapshot, at)).aovs
    truth = Truth.of(later.things, then)
    carried = Carried.of(truth, made.things, at)
    other = judge(truth, carried, back["flow_back"], back["flow_back_occluded"], None, truth.still)
    report.problems += [f"back: {text}" for text in other.problems]
    for name, value in other.figures.items():
        report.most(name, value)
    return report
