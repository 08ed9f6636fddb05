"""The plant as a source: the same for the same seed, however it is asked, and in the units that the contract declares."""

import asyncio
import json
from collections import defaultdict
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twinstage.base.clock import NS, ManualClock
from twinstage.base.errors import UserError
from twinstage.sim.plant import Plant, belt, fleet, process, robot
from twinstage.sim.plant.source import PlantSource, parse_uri
from twinstage.sim.plant.streams import STREAMS
from twinstage.sim.plant.timing import LONGEST_DELIVERY_NS
from twinstage.telemetry.contract import Contract, load_contract
from twinstage.telemetry.ingest import Ingest
from twinstage.telemetry.sources import SOURCES

START = 1_767_225_600_000_000_000
CONTRACT = Path(__file__).resolve().parents[2] / "assets" / "library" / "workcell" / "contract.yaml"


@pytest.fixture(scope="module")
def contract() -> Contract:
    return load_contract(CONTRACT)


def arrivals(
    seed: int, seconds: float, streams: tuple[str, ...] = tuple(STREAMS)
) -> list[tuple[int, str, bytes]]:
    return Plant(seed=seed, start_ns=START, streams=streams).advance(START + round(seconds * NS))


def test_same_seed_same_bytes_other_seed_other_bytes() -> None:
    assert arrivals(1, 4) == arrivals(1, 4)
    assert arrivals(1, 4) != arrivals(2, 4)


@settings(deadline=None, max_examples=25)
@given(st.lists(st.integers(0, 3 * NS), max_size=12), st.integers(0, 2**64 - 1))
def test_any_split_of_advances_gives_the_same_sequence(cuts: list[int], seed: int) -> None:
    plant, out = Plant(seed=seed, start_ns=START), []
    for cut in sorted({*cuts, 3 * NS}):
        out += plant.advance(START + cut)
    assert out == Plant(seed=seed, start_ns=START).advance(START + 3 * NS)


@pytest.mark.parametrize("late", [0.0, 0.3, 2.0, 7.7])
def test_who_connects_late_hears_the_rest_of_the_same_sequence(late: float) -> None:
    plant = Plant(seed=6, start_ns=START)
    plant.skip(START + round(late * NS))
    heard = plant.advance(START + 10 * NS)
    assert heard == [a for a in arrivals(6, 10) if a[0] > START + round(late * NS)]


def test_no_delivery_takes_longer_than_declared() -> None:
    for cls in STREAMS.values():
        habits = cls.habits
        assert habits.delay[1] + habits.slow[1] + 0.06 < LONGEST_DELIVERY_NS / NS


def test_an_endless_source_joins_in_where_the_plant_is(contract: Contract) -> None:
    class Jumping(ManualClock):
        """Every question finds it 50 ms later, so nothing has to sleep."""

        def now_ns(self) -> int:
            self.advance(NS // 20)
            return super().now_ns()

    async def first_times(clock: ManualClock) -> int:
        source = PlantSource().open(
            "plant:workcell?stream=robot", spec=contract.sources["robot"], base_dir=CONTRACT.parent,
            seed=3, clock=clock, speed=1.0,
        )  # fmt: skip
        async for chunk in source:
            return int(json.loads(chunk.split(b"\n")[0])["t"]) * 1_000_000
        return 0

    async def run() -> tuple[int, int]:
        clock = Jumping(START)
        first = await first_times(clock)
        clock.advance(3600 * NS)
        return first, await first_times(clock)

    first, later = asyncio.run(run())
    assert 0 <= first - START < NS
    assert 3600 * NS < later - START < 3601 * NS


def test_streams_asked_alone_tell_the_same_story() -> None:
    together = arrivals(5, 3)
    for name in STREAMS:
        assert [a for a in together if a[1] == name] == arrivals(5, 3, (name,))


def test_arrivals_are_in_order_and_events_are_not_always() -> None:
    found = arrivals(1, 60, ("robot",))
    times = [a for a, _, _ in found]
    assert times == sorted(times)
    stamps, lags, spoiled = [], [], 0
    for arrival, _, raw in found:
        try:
            record = json.loads(raw)
        except json.JSONDecodeError:
            spoiled += 1
            continue
        stamps.append(record["t"])
        lags.append((arrival - record["t"] * 1_000_000) / 1e6)
    assert min(lags) >= 5 and 20 < np.median(lags) < 26 and 60 < max(lags) < 220, "delivery in ms"
    assert any(b < a for a, b in pairwise(stamps)), "now and then one is overtaken"
    assert len(stamps) > len(set(stamps)), "now and then one comes twice"
    steps = np.diff(sorted(set(stamps)))
    assert 14 <= steps.min() < 20 < steps.max() <= 60, "sampling jitters"
    assert spoiled <= 3


def test_every_source_has_bad_moments_and_the_twin_swallows_them(contract: Contract) -> None:
    ingest = Ingest(contract)
    for arrival, source, raw in arrivals(1, 150):
        ingest.offer(source, raw, arrival)
    ingest.advance(START + 160 * NS)
    total: dict[str, int] = defaultdict(int)
    for counters in ingest.counters.values():
        for key, value in counters.items():
            total[key] += value
    assert total["late"] == 0, "no delivery is later than the contract's lateness"
    assert total["duplicate"] > 20
    assert 1 <= total["quarantined"] < 40
    assert total["applied"] > 100_000


def test_values_arrive_in_the_declared_units(contract: Contract) -> None:
    """What the state holds in SI is what the plant's inner state (the oracle) says at the event's time."""
    ingest = Ingest(contract)
    until = START + 71 * NS + 300_000_000
    for arrival, source, raw in Plant(seed=11, start_ns=START).advance(until):
        ingest.offer(source, raw, arrival)
    ingest.advance(until + 10 * NS)
    state, conveyor = ingest.state, belt.Belt(11)

    def check(signal: str, expected: object, tolerance: float) -> None:
        row = state.index_of[signal]
        t = (int(state.event_ns[row]) - START) / NS
        assert callable(expected)
        assert t > 70
        assert float(state.numeric[row]) == pytest.approx(expected(t), abs=tolerance), signal

    for joint in range(6):
        check(f"robot.j{joint + 1}", lambda t, j=joint: robot.state(t).q[j], 2e-4)
    check("robot.jaw", lambda t: robot.state(t).jaw, 2e-4)
    check("robot.grip", lambda t: float(robot.state(t).closed), 0)
    check("belt.speed", lambda t: conveyor.state(t).speed, 3e-3)
    check("belt.position", lambda t: conveyor.state(t).way, 1e-4)
    check("motor.current", lambda t: conveyor.state(t).current, 0.4)
    check("motor.temperature", lambda t: conveyor.state(t).temperature + 273.15, 0.8)
    check("parcel3.position", lambda t: belt.parcel_position(3, conveyor.state(t).way), 1e-4)
    for number in range(3):
        check(f"agv{number + 1}.x", lambda t, n=number: fleet.state(n, t).x, 0.01)
        check(f"agv{number + 1}.y", lambda t, n=number: fleet.state(n, t).y, 0.01)
        check(f"agv{number + 1}.battery", lambda t, n=number: fleet.state(n, t).battery / 100, 1e-3)
    check("tank.level", lambda t: process.state(t).level / 100, 4e-3)
    check("tank.temperature", lambda t: process.state(t).temperature + 273.15, 0.6)


def test_a_jam_stops_the_belt_raises_the_current_and_clears() -> None:
    conveyor = belt.Belt(4)
    jams = conveyor.jams_until(400)
    assert 3 <= len(jams) <= 6
    first = jams[0]
    assert first.start > 20, "a visitor first sees everything run"
    assert conveyor.state(first.start - 0.1).speed == belt.SPEED
    assert conveyor.state(first.tripped - 0.05).current > 2 * belt.NOMINAL
    stopped = conveyor.state((first.tripped + first.cleared) / 2)
    assert stopped.fault and stopped.speed == 0 and stopped.current == 0
    after = conveyor.state(first.cleared + 5)
    assert not after.fault and after.speed == belt.SPEED
    assert after.temperature > belt.WARM + 5


def test_the_belt_moves_as_its_speed_says() -> None:
    conveyor = belt.Belt(4)
    t = np.arange(0, 200, 0.01)
    states = [conveyor.state(float(x)) for x in t]
    way, speed = np.array([s.way for s in states]), np.array([s.speed for s in states])
    integral = np.concatenate([[0], np.cumsum((speed[1:] + speed[:-1]) / 2 * 0.01)])
    assert np.abs(way - integral).max() < 5e-3
    assert way[-1] == pytest.approx(integral[-1], abs=5e-3)


def test_the_source_is_registered_and_paced_by_the_clock(contract: Contract) -> None:
    assert SOURCES.get("plant") is PlantSource
    spec = contract.sources["robot"]

    async def collect(uri: str) -> bytes:
        clock = ManualClock(START)
        source = PlantSource().open(
            uri, spec=spec, base_dir=CONTRACT.parent, seed=3, clock=clock, speed=float("inf")
        )
        return b"".join([chunk async for chunk in source])

    got = asyncio.run(collect("plant:workcell?stream=robot&duration=2"))
    assert got == b"".join(raw for _, _, raw in arrivals(3, 2, ("robot",)))


def test_sources_of_one_clock_share_their_start(contract: Contract) -> None:
    async def first(stream: str, clock: ManualClock) -> bytes:
        source = PlantSource().open(
            f"plant:workcell?stream={stream}&duration=1",
            spec=contract.sources[stream], base_dir=CONTRACT.parent, seed=3, clock=clock, speed=float("inf"),
        )  # fmt: skip
        return b"".join([chunk async for chunk in source])

    async def both() -> tuple[bytes, bytes]:
        clock = ManualClock(START)
        robot_bytes = await first("robot", clock)
        clock.advance(3 * NS)  # the second source opens a little later
        return robot_bytes, await first("fleet", clock)

    robot_bytes, fleet_bytes = asyncio.run(both())
    assert robot_bytes == b"".join(raw for _, _, raw in arrivals(3, 1, ("robot",)))
    assert fleet_bytes == b"".join(raw for _, _, raw in arrivals(3, 1, ("fleet",)))


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("plant:workcel?stream=robot", "workcell"),
        ("plant:workcell", "stream"),
        ("plant:workcell?stream=robots", "robot"),
        ("plant:workcell?stream=robot&sed=1", "seed"),
        ("plant:workcell?stream=robot&duration=-1", "above 0"),
        ("plant:workcell?stream=robot&start=2026-01-01", "zone"),
        ("plant:workcell?stream=robot&seed=x", "cannot be read"),
    ],
)
def test_wrong_uris_are_told_in_a_sentence(uri: str, words: str) -> None:
    with pytest.raises(UserError) as error:
        parse_uri(uri)
    assert words in str(error.value) and "\n" not in str(error.value)


def test_an_endless_plant_refuses_to_run_as_fast_as_possible(contract: Contract) -> None:
    async def run() -> None:
        source = PlantSource().open(
            "plant:workcell?stream=tank", spec=contract.sources["tank"], base_dir=CONTRACT.parent,
            seed=1, clock=ManualClock(START), speed=float("inf"),
        )  # fmt: skip
        async for _ in source:
            pass

    with pytest.raises(UserError, match="duration"):
        asyncio.run(run())
