"""The fan-out benchmark in small: its server, its clients, its judge, and that it refuses what is wrong."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest


@pytest.fixture(scope="module")
def fanout(root: Path) -> Iterator[ModuleType]:
    """The benchmark as a module."""
    sys.path.insert(0, str(root / "benchmarks"))
    yield importlib.import_module("sync_fanout")
    sys.path.remove(str(root / "benchmarks"))


def test_a_small_crowd_gets_the_motion(fanout: ModuleType) -> None:
    with fanout.stage(200, 30, boxes=False) as (server, clients):
        server.tell("go")
        clients.do("judge", prims=200, hz=30, every=2)
        clients.do("connect", clients=3)
        window = fanout.watch(server, clients, 1.0)
    assert window.ticks > 5
    assert window.seen["applied"] > 0.2 and window.seen["compared"] > 1
    assert 0 < window.seen["error_mm"] < 0.1 and window.seen["error_deg"] < 0.02
    assert 1 < window.seen["bytes_per_tick"] / 200 < 30


def test_a_pose_that_is_off_ends_the_benchmark(fanout: ModuleType) -> None:
    with (
        fanout.stage(200, 30, boxes=False) as (server, clients),
        pytest.raises(SystemExit, match="poses differ"),
    ):
        server.tell("go")
        clients.do("judge", prims=200, hz=29, every=1)  # it takes another motion for the true one
        clients.do("connect", clients=1)
        fanout.watch(server, clients, 1.0)


def test_bad_clients_are_told_apart(fanout: ModuleType) -> None:
    with fanout.stage(200, 30, boxes=False) as (server, clients):
        server.tell("go")
        clients.do("connect", clients=2)
        clients.do("misbehave", bytes_per_second=2000.0)
        window = fanout.watch(server, clients, 0.5)
        told = clients.do("recover", wait=1.0)
    assert window.seen["applied"] > 0.2
    assert told["slow_ms"] < 5000 and told["hidden_ms"] < 5000


def test_the_motion_repeats_and_moves_all(fanout: ModuleType) -> None:
    motion = fanout.make_motion(300, 30)
    where, turn = motion.pose(7)
    again = motion.pose(7 + motion.period)
    np.testing.assert_allclose(where, again[0])
    np.testing.assert_allclose(np.linalg.norm(turn, axis=1), 1, atol=1e-6)
    later = motion.pose(17)
    still = (where == later[0]).all(axis=1) & (turn == later[1]).all(axis=1)
    assert np.count_nonzero(still) <= 3
