"""The tank: it drains slowly, is filled quickly with cold water, and a heater brings it back to temperature."""

import math
from dataclasses import dataclass

DRAIN, FILL = 85.0, 35.0
"""Seconds."""
HIGH, LOW = 84.0, 28.0
"""%."""
HOT, COLD = 74.0, 31.0
"""Where the temperature tends while draining (heater on) and while filling [degC]."""
TAU_HOT, TAU_COLD = 38.0, 30.0


@dataclass(frozen=True, slots=True)
class TankState:
    """Level [%] and temperature [degC]."""

    level: float
    temperature: float


def state(t: float) -> TankState:
    """At t seconds after the start; a cycle begins full."""
    s = math.fmod(t + 30.0, DRAIN + FILL)
    hot, cold = math.exp(-DRAIN / TAU_HOT), math.exp(-FILL / TAU_COLD)
    # The temperature at which a drain begins, such that a whole cycle ends where it began.
    begin = (HOT * (1 - hot) * cold + COLD * (1 - cold)) / (1 - hot * cold)
    if s < DRAIN:
        level = HIGH + (LOW - HIGH) * _ease(s / DRAIN)
        return TankState(level, HOT + (begin - HOT) * math.exp(-s / TAU_HOT))
    middle = HOT + (begin - HOT) * hot
    s -= DRAIN
    level = LOW + (HIGH - LOW) * _ease(s / FILL)
    return TankState(level, COLD + (middle - COLD) * math.exp(-s / TAU_COLD))


def _ease(s: float) -> float:
    """0 to 1 with soft ends: valves take a while to open and close."""
    return s - math.sin(2 * math.pi * s) / (2 * math.pi) * 0.6
