"""The server is killed (kill -9) and started again, with and without a history: real processes, every client."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from peers import KINDS, Peer, opened, settled, until

pytestmark = pytest.mark.timeout(120)
COUNT = 12
IDLE_S = 1.5
STAGE = '#usda 1.0\n(\n    metersPerUnit = 1\n    upAxis = "Z"\n)\n' + "".join(
    f'def Xform "Box{k}" (kind = "component") {{}}\n' for k in range(COUNT)
)


def _files(folder: Path, port: int) -> list[str]:
    (folder / "cell.usda").write_text(STAGE)
    signals = "".join(f"  - {{id: s{k}, source: plc, field: s{k}, unit: m}}\n" for k in range(COUNT))
    (folder / "contract.yaml").write_text(
        f"contract: 1\nsources:\n  plc: {{uri: 'tcp://127.0.0.1:{port}', lateness: 0, "
        f"reader: {{format: jsonl, time: {{field: t, unit: ns}}}}}}\nsignals:\n{signals}"
        "  - {id: recipe, source: plc, field: recipe, type: string}\n"
    )
    rows = "".join(f"  - {{kind: pose, prim: /Box{k}, position: {{x: s{k}}}}}\n" for k in range(COUNT))
    (folder / "bindings.yaml").write_text(f"bindings: 1\ncontract: contract.yaml\nbindings:\n{rows}")
    return [str(folder / "cell.usda"), "--bindings", str(folder / "bindings.yaml"), "--camera-engine", "off"]


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@contextlib.asynccontextmanager
async def _served(arguments: list[str], port: int) -> AsyncIterator[asyncio.subprocess.Process]:
    command = [sys.executable, "-m", "twinstage", "serve", *arguments, "--port", str(port)]
    child = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert child.stdout is not None
    try:
        while not (line := await child.stdout.readline()).startswith(b"serving "):
            assert line, "the server ended before it served"
        yield child
    finally:
        if child.returncode is None:
            os.kill(child.pid, signal.SIGKILL)
        await child.communicate()


class Feed:
    """Readings for a source, one line after the other; each moves some of the boxes."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._writer: asyncio.StreamWriter | None = None
        self._random = np.random.default_rng(3)
        self.sent = 0

    async def open(self) -> None:
        async def there() -> bool:
            try:
                _, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
            except OSError:
                return False
            return True

        await until(there, "the source listens")

    async def send(self, lines: int) -> None:
        assert self._writer is not None
        for _ in range(lines):
            self.sent += 1
            values = {
                f"s{k}": float(self._random.normal()) for k in range(COUNT) if self._random.random() < 0.5
            }
            line = {"t": time.time_ns(), "recipe": f"no. {self.sent}", **values}
            self._writer.write((json.dumps(line) + "\n").encode())
            await self._writer.drain()
            await asyncio.sleep(0.01)

    async def close(self) -> None:
        assert self._writer is not None
        self._writer.close()


async def _status(url: str) -> dict[str, Any]:
    async with httpx.AsyncClient(trust_env=False) as client:
        return dict((await client.get(f"{url}/api/status")).json())


async def _taken(url: str, lines: int) -> dict[str, Any]:
    """The status once that many lines have been applied, and are safe where there is a history."""
    told: dict[str, Any] = {}

    async def there() -> bool:
        told.update(await _status(url))
        counts = told["sources"]["plc"]
        waiting = told.get("history", {}).get("waiting", 0)
        return counts["received"] >= lines and not counts["pending"] and not waiting

    await until(there, f"{lines} readings are taken: {told}")
    return told


async def _agree(peers: list[Peer]) -> np.ndarray:
    """All hold the server's state by its own hash; their worlds at one tick, which are the same."""
    for peer in peers:

        async def back(peer: Peer = peer) -> bool:
            return bool((await peer.counts())["state"] == "live")

        await until(back, f"{peer.kind} is back")
        await settled(peer)
    found: dict[str, tuple[int, np.ndarray]] = {}

    async def at_one_tick() -> bool:
        found.update({peer.kind: await peer.worlds(range(COUNT)) for peer in peers})
        return len({seq for seq, _ in found.values()}) == 1

    await until(at_one_tick, f"all are at one tick: {found}")
    worlds = [world for _, world in found.values()]
    for world in worlds[1:]:
        np.testing.assert_allclose(world, worlds[0], rtol=0, atol=1e-12)
    return worlds[0]


async def _idle(url: str, pid: int) -> None:
    """With nothing to tell, a server sends no tick, and hardly works (it looks for readings 60 times a second)."""

    def cpu() -> float:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    before, spent = await _status(url), cpu()
    assert before["clients"] == len(KINDS)
    await asyncio.sleep(IDLE_S)
    share, after = (cpu() - spent) / IDLE_S, await _status(url)
    for name in ("ticksSent", "bytesSent", "encodings", "ticks"):
        assert after["counters"][name] == before["counters"][name], name
    print(f"\nidle: {100 * share:.1f} % of a core")
    assert share < 0.1


def test_a_killed_server_comes_again_and_every_client_holds_what_it_then_says(
    tmp_path: Path, node: str
) -> None:
    port, source = _free_port(), _free_port()
    url, plain = f"http://127.0.0.1:{port}", _files(tmp_path, source)
    kept = [*plain, "--history", str(tmp_path / "history")]

    async def main() -> None:
        feed, epochs = Feed(source), []
        async with contextlib.AsyncExitStack() as stack:
            async with _served(kept, port) as child:
                await feed.open()
                await feed.send(5)
                peers = [await stack.enter_async_context(opened(kind, url, node)) for kind in KINDS]
                await feed.send(30)
                told = await _taken(url, 35)
                epochs.append(told["epoch"])
                held = await _agree(peers)
                os.kill(child.pid, signal.SIGKILL)
                await child.wait()
            await feed.close()
            async with _served(kept, port) as child:  # it goes on where it was: nobody has sent anything yet
                epochs.append((await _status(url))["epoch"])
                np.testing.assert_array_equal(await _agree(peers), held)
                await feed.open()
                feeding = asyncio.create_task(feed.send(1000))
                await asyncio.sleep(0.3)
                os.kill(child.pid, signal.SIGKILL)  # in the middle of its work
                await child.wait()
                feeding.cancel()
                await asyncio.gather(feeding, return_exceptions=True)
            await feed.close()
            async with _served(plain, port) as child:  # it remembers nothing
                epochs.append((await _status(url))["epoch"])
                np.testing.assert_array_equal(await _agree(peers), np.tile(np.eye(4), (COUNT, 1, 1)))
                await feed.open()
                await feed.send(20)
                moved = await _agree(peers)
                assert np.abs(moved[:, 0, 3]).min() > 0
                await feed.close()
                await _idle(url, child.pid)
            assert len(set(epochs)) == 3
            for peer in peers:
                counts = await peer.counts()
                assert counts["connections"] >= 3 and not counts["ended"]

    asyncio.run(asyncio.wait_for(main(), 100))
