"""The conveyor and its motor. Now and then a parcel jams: the motor stalls, trips, is cleared and runs up again."""

import math
from bisect import bisect_right
from dataclasses import dataclass

from twinstage.sim.plant import layout
from twinstage.sim.plant.noise import uniform

SPEED = 0.32
"""m/s."""
FIRST_JAM, JAM_EVERY, JAM_SPREAD = 24.0, 90.0, 40.0
STALL, RUN_UP = 0.4, 1.2
TRIP = 1.1
"""Seconds: to a stand, back to speed, and from the stall to the trip of the motor."""
AMBIENT, WARM = 24.0, 47.0
"""degC: the hall, and the running motor."""
NOMINAL, STALLED, INRUSH = 3.4, 9.2, 6.1
"""A."""


@dataclass(frozen=True, slots=True)
class Jam:
    """From `start` the belt slows down, at `tripped` the motor is off and the fault is up, at `cleared` it starts again."""

    start: float
    tripped: float
    cleared: float
    lost: float
    """Way that the belt loses by it [m]."""


@dataclass(frozen=True, slots=True)
class BeltState:
    """Way of the belt since the start [m], speed [m/s], motor current [A], motor temperature [degC], fault."""

    way: float
    speed: float
    current: float
    temperature: float
    fault: bool


class Belt:
    """The conveyor of one seed."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._jams: list[Jam] = []
        self._starts: list[float] = []
        self._lost: list[float] = [0.0]

    def jams_until(self, t: float) -> list[Jam]:
        """All jams that begin before t, in order."""
        while not self._jams or self._jams[-1].start < t:
            self._append()
        return self._jams[: bisect_right(self._starts, t)]

    def _append(self) -> None:
        k = len(self._jams)
        start = FIRST_JAM + JAM_EVERY * k + JAM_SPREAD * uniform(self._seed, "jam.start", k)
        cleared = start + TRIP + 2.5 + 3.5 * uniform(self._seed, "jam.length", k)
        lost = SPEED * (STALL / 2 + (cleared - start - STALL) + RUN_UP / 2)
        self._jams.append(Jam(start, start + TRIP, cleared, lost))
        self._starts.append(start)
        self._lost.append(self._lost[-1] + lost)

    def state(self, t: float) -> BeltState:
        """At t seconds after the start."""
        jams = self.jams_until(t)
        if not jams:
            return BeltState(SPEED * t, SPEED, self._load(SPEED * t), WARM, False)
        last = jams[-1]
        before = SPEED * (last.start - 0.0) - self._lost[len(jams) - 1]
        way, speed = before + _way(t - last.start, last), _speed(t - last.start, last)
        fault = last.tripped <= t < last.cleared
        return BeltState(way, speed, self._current(t, last, way), _temperature(t, jams), fault)

    def _load(self, way: float) -> float:
        """Running current: it breathes with the parcels that pass the drive."""
        return NOMINAL + 0.22 * math.sin(2 * math.pi * way / layout.PARCEL_PITCH)

    def _current(self, t: float, jam: Jam, way: float) -> float:
        if t < jam.tripped:
            return self._load(way) + (STALLED - NOMINAL) * min((t - jam.start) / STALL, 1.0)
        if t < jam.cleared:
            return 0.0
        after = t - jam.cleared
        return self._load(way) + (INRUSH - NOMINAL) * math.exp(-after / 0.5)


def _speed(after: float, jam: Jam) -> float:
    stopped, cleared = STALL, jam.cleared - jam.start
    if after < stopped:
        return SPEED * (1 - after / stopped)
    if after < cleared:
        return 0.0
    return SPEED * min((after - cleared) / RUN_UP, 1.0)


def _way(after: float, jam: Jam) -> float:
    """Since the jam began [m]."""
    cleared = jam.cleared - jam.start
    if after < STALL:
        return SPEED * (after - after * after / (2 * STALL))
    way = SPEED * STALL / 2
    if after < cleared:
        return way
    run = after - cleared
    return way + SPEED * (run * run / (2 * RUN_UP) if run < RUN_UP else run - RUN_UP / 2)


def _temperature(t: float, jams: list[Jam]) -> float:
    """Each stall heats the winding by some 16 K; it cools with a time constant of 40 s."""
    value = WARM
    for jam in reversed(jams):
        age = t - jam.start
        if age > 600:
            break
        value += 18.0 * (1 - math.exp(-age / 1.5)) * math.exp(-age / 40)
    return value


def parcel_position(index: int, way: float) -> float:
    """Of parcel `index` on the tracked stretch [m], in [0, BELT_LENGTH)."""
    return (index * layout.PARCEL_PITCH + way) % layout.BELT_LENGTH
