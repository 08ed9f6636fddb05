"""The relay benchmark in small: every figure that docs/scaling.md speaks of, from real processes."""

import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="module")
def bench(root: Path) -> Iterator[ModuleType]:
    """The benchmark as a module."""
    sys.path.insert(0, str(root / "benchmarks"))
    yield importlib.import_module("relay")
    sys.path.remove(str(root / "benchmarks"))


def printed(capsys: pytest.CaptureFixture[str]) -> dict[str, float]:
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return {row["figure"]: row["value"] for row in rows}


def test_one_relay_and_its_clients_are_measured(
    bench: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    form = bench.Form(prims=300, hz=20, clients=3, window_s=0.5, windows=1, relays=(1,))
    with bench.nats() as (url, nats_cpu), bench.plant(form, url, "bench", form.prims) as twin:
        twin.tell("go")
        with bench.contextlib.ExitStack() as stack:
            edge = bench.follow(stack, url, [["bench"]])[0]
            clients = stack.enter_context(bench.crowd(edge, 1))
            clients.do("connect", clients=1)
            few = bench.several(form, [twin, edge], [clients], nats_cpu)
            clients.do("connect", clients=2)
            many = bench.several(form, [twin, edge], [clients], nats_cpu)
    bench.tell_relays(form, 1, "in small", 0.0, few, many, 0)
    figures = printed(capsys)
    assert few[0].ticks >= 2 and few[0].seen[0]["applied"] > 0.2
    assert 0 < figures["relay.twin_cpu_per_tick.1_relay"] < 200
    assert 0 < figures["relay.relay_cpu_per_tick.1_relay"] < 200
    # What a relay hears is what its clients hear, but for heads, beats and digests.
    assert 300 < figures["relay.client_bytes_per_tick"] < figures["relay.feed_bytes_per_tick"] < 9000


def test_a_relay_of_any_size_holds_what_its_twin_holds(
    bench: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    bench.size(2000)
    figures = printed(capsys)
    assert figures["relay.tick_bytes.2000.some"] < figures["relay.tick_bytes.2000.all"] < 20_000
    assert figures["relay.keyframe_bytes.2000"] > figures["relay.tick_bytes.2000.all"]
