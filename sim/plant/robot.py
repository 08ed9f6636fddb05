"""The robot's cycle: three totes from the pick to the place station, and back again.

Moves between stations are interpolated between joint angles, moves up and down along a straight line of the tool
(inverse kinematics at every instant), both with zero velocity and acceleration at their ends. The gripper changes state only
while the arm stands.
"""

import math
from bisect import bisect_right
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from twinstage.sim.plant import layout
from twinstage.sim.plant.kinematics import ToolPose, inverse

HOME = np.radians([-45.0, -18.0, 30.0, 0.0, 70.0, 90.0])
DOWN = np.array([0.0, 0.0, -1.0])
NEAR, ACROSS, VERTICAL, SETTLE, GRIP, REST = 1.5, 2.1, 1.0, 0.35, 0.4, 3.0
"""Durations [s]: to a slot from home, between stations, down or up, standing still, jaw travel, rest at home."""


@dataclass(frozen=True, slots=True)
class RobotState:
    """Joint angles [rad] f8[6], clear width between the fingers [m], whether the gripper reports `closed`."""

    q: np.ndarray
    jaw: float
    closed: bool


@dataclass(frozen=True, slots=True)
class Step:
    """One piece of the cycle. `line`: tool heights [m] at its ends over a slot, instead of joint angles."""

    duration: float
    start: np.ndarray
    end: np.ndarray
    jaw: tuple[float, float]
    closed: bool
    line: tuple[str, int, float, float] | None = None


def slot(station: str, index: int, height: float) -> ToolPose:
    """The tool over slot 0, 1 or 2 of the `pick` or `place` station, at that height [m]."""
    shift = (index - 1) * layout.PITCH
    if station == "pick":
        at, jaw = (layout.PICK[0] + shift, layout.PICK[1]), (0.0, -1.0)
    else:
        at, jaw = (layout.PLACE[0], layout.PLACE[1] + shift), (-1.0, 0.0)
    return ToolPose(np.array([*at, height]), DOWN, np.array([*jaw, 0.0]))


def smooth(s: float) -> float:
    """Quintic blend from 0 to 1."""
    s = min(max(s, 0.0), 1.0)
    return s * s * s * (10 - 15 * s + 6 * s * s)


LOW, HIGH = layout.GRASP_HEIGHT, layout.GRASP_HEIGHT + layout.LIFT
OPEN, CLOSED = layout.JAW_OPEN, layout.JAW_CLOSED


@lru_cache(maxsize=1)
def steps() -> tuple[Step, ...]:
    """The whole cycle in order."""
    out: list[Step] = []
    here = HOME
    trips = [("pick", "place", i) for i in (0, 1, 2)] + [("place", "pick", i) for i in (2, 1, 0)]
    for number, (source, target, index) in enumerate(trips):
        above_source, above_target = inverse(slot(source, index, HIGH)), inverse(slot(target, index, HIGH))
        on_source, on_target = inverse(slot(source, index, LOW)), inverse(slot(target, index, LOW))
        out += [
            Step(ACROSS if number not in (0, 3) else NEAR, here, above_source, (OPEN, OPEN), False),
            Step(VERTICAL, above_source, on_source, (OPEN, OPEN), False, (source, index, HIGH, LOW)),
            Step(GRIP, on_source, on_source, (OPEN, CLOSED), False),
            Step(SETTLE, on_source, on_source, (CLOSED, CLOSED), True),
            Step(VERTICAL, on_source, above_source, (CLOSED, CLOSED), True, (source, index, LOW, HIGH)),
            Step(ACROSS, above_source, above_target, (CLOSED, CLOSED), True),
            Step(VERTICAL, above_target, on_target, (CLOSED, CLOSED), True, (target, index, HIGH, LOW)),
            Step(SETTLE, on_target, on_target, (CLOSED, CLOSED), True),
            Step(GRIP, on_target, on_target, (CLOSED, OPEN), False),
            Step(SETTLE, on_target, on_target, (OPEN, OPEN), False),
            Step(VERTICAL * 0.8, on_target, above_target, (OPEN, OPEN), False, (target, index, LOW, HIGH)),
        ]
        here = above_target
        if number in (2, 5):
            out += [
                Step(NEAR, here, HOME, (OPEN, OPEN), False),
                Step(REST, HOME, HOME, (OPEN, OPEN), False),
            ]
            here = HOME
    return tuple(out)


@lru_cache(maxsize=1)
def _starts() -> tuple[float, ...]:
    total, out = 0.0, []
    for step in steps():
        out.append(total)
        total += step.duration
    return (*out, total)


def period() -> float:
    """Length of the cycle [s]."""
    return _starts()[-1]


def state(t: float) -> RobotState:
    """The robot t seconds after the start of its first cycle."""
    t = math.fmod(t, period())
    index = min(bisect_right(_starts(), t) - 1, len(steps()) - 1)
    step = steps()[index]
    s = smooth((t - _starts()[index]) / step.duration)
    if step.line is None:
        q = step.start + s * (step.end - step.start)
    else:
        station, number, low, high = step.line
        q = inverse(slot(station, number, low + s * (high - low)))
    return RobotState(q, step.jaw[0] + s * (step.jaw[1] - step.jaw[0]), step.closed)
