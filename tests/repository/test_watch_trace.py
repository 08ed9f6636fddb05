"""The table of `benchmarks/watch.py --trace`: moments of twin and follower in one order, on one clock."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest


@pytest.fixture(scope="module")
def trace(root: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("_watch_trace", root / "benchmarks" / "_watch_trace.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["_watch_trace"] = module
    spec.loader.exec_module(module)
    return module


def test_moments_stand_in_their_order_with_what_lies_between(trace: Any) -> None:
    twin = trace.of_twin({"seenMs": 1000_020, "steps": {"settle": 40, "read": 100}})
    page = trace.of_page(
        {
            "files": [["/api/scene", 1000.165, 1000.175, 1000.180, 102_000]],
            "tasks": [[1000.185, 60]],
        }
    )
    lines = trace.table("page, mesh", 1000.0, [*page, *twin], 1000.3, "the scene is there").splitlines()
    assert [line.split(None, 2) for line in lines[1:]] == [
        ["20", "20", "twin: seen"],
        ["60", "40", "twin: settle"],
        ["160", "100", "twin: read"],
        ["165", "5", "page: asks for /api/scene"],
        ["175", "10", "page: first byte of /api/scene"],
        ["180", "5", "page: has /api/scene, 102 kB"],
        ["245", "65", "page: was busy for 60 ms"],
        ["300", "55", "the scene is there"],
    ]


def test_requests_of_a_client_are_noted(trace: Any) -> None:
    class Client:
        def _get(self, path: str) -> bytes:
            return path.encode() * 100

    client = Client()
    noted = trace.Requests(client)
    assert client._get("/api/scene") == b"/api/scene" * 100
    assert [what for _, what in noted.moments] == [
        "client: asks for /api/scene",
        "client: has /api/scene, 1 kB",
    ]
