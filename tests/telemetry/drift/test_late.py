"""Readings that are merely late are no change of cadence; a change among late readings still is one."""

import random
from collections.abc import Callable, Sequence

import pytest

from twinstage.base.clock import NS
from twinstage.telemetry.contract import Contract, parse_contract
from twinstage.telemetry.drift.cadence import Ordered
from twinstage.telemetry.drift.monitor import Drift
from twinstage.telemetry.drift.watch import DriftWatch

LATENESS = 30


def contract() -> Contract:
    return parse_contract(
        "contract: 1\n"
        "sources:\n"
        f"  s: {{uri: 'memory:', lateness: {LATENESS},\n"
        "      reader: {format: csv, header: false, columns: [t, p], time: {column: t, unit: s}}}\n"
        "signals: [{id: pressure, source: s, field: p, unit: bar}]\n"
    )


def told(times: Sequence[float], *, at_a_time: int = 40) -> list[Drift]:
    """What a watch tells of readings that arrive in this order."""
    rng, watch, out = random.Random(1), DriftWatch(contract()), []
    lines = [f"{1000 + time:.3f},{6 + rng.random():.4f}\n" for time in times]
    for at in range(0, len(lines), at_a_time):
        out += watch.offer("s", "".join(lines[at : at + at_a_time]).encode(), at * NS)
    return out


def swapped(times: list[float]) -> list[float]:
    """Of each two the second comes first."""
    return [time for k in range(0, len(times) - 1, 2) for time in (times[k + 1], times[k])]


def every_second_later(times: list[float]) -> list[float]:
    return sorted(times, key=lambda time: time + (20 if times.index(time) % 2 else 0))


def shuffled(times: list[float]) -> list[float]:
    rng = random.Random(7)
    return sorted(times, key=lambda time: time + rng.random() * (LATENESS - 1))


def backlog_between(times: list[float]) -> list[float]:
    """A buffer that was held back for 25 readings comes in turns with what is new."""
    return [
        times[k] for at in range(0, len(times) - 49, 50) for j in range(25) for k in (at + 25 + j, at + j)
    ]


def doubled(times: list[float]) -> list[float]:
    """Each comes once more, ten readings later."""
    out = list(times[:10])
    for k in range(10, len(times)):
        out += [times[k], times[k - 10]]
    return out


WAYS = [swapped, every_second_later, shuffled, backlog_between, doubled]


@pytest.mark.parametrize("way", WAYS)
def test_late_readings_are_no_other_cadence(way: Callable[[list[float]], list[float]]) -> None:
    times = [float(k) for k in range(1500)]
    assert told(times[:600] + way(times[600:])) == []


@pytest.mark.parametrize("way", WAYS)
def test_a_cadence_that_changes_among_late_readings_is_found_once(
    way: Callable[[list[float]], list[float]],
) -> None:
    slow = [float(k) for k in range(1000)]
    fast = [1000 + k / 4 for k in range(3000)]
    (drift,) = told(way(slow) + way(fast))
    assert (drift.what, drift.fields) == ("cadence", ("p",))
    assert drift.scale == pytest.approx(0.25, rel=0.1)
    assert 900 < drift.line < 2300


def test_a_clock_that_is_set_back_is_no_other_cadence_and_watching_goes_on() -> None:
    times = [float(k) for k in range(800)]
    back = [k - 500.0 for k in range(800)]
    assert told(times + back) == []
    (drift,) = told(times + back + [300 + k * 3.0 for k in range(800)])
    assert (drift.what, drift.scale) == ("cadence", pytest.approx(3))


def test_what_is_held_back_is_bounded() -> None:
    order = Ordered(lateness_ns=10**6 * NS, keep=50)
    given = 0
    for k in range(20_000):
        given += len(order.take(k + 1, k * NS))
    assert 20_000 - given <= 5000
