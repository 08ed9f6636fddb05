"""Clients of a twin that tests ask the same questions: the one in Python, the one in JavaScript, and the viewer's wire.

The last two run in Node; the viewer's as its TypeScript source, on a Node that reads that (22.18 and later).
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

import numpy as np
import pytest

from twinstage.base.errors import TwinstageError
from twinstage.sync.client import Client, connect

HERE = Path(__file__).parent
KINDS = ("python", "javascript", "viewer")
_LEAST = {"javascript": (22, 15), "viewer": (22, 18)}


class Peer(Protocol):
    """A client under test."""

    kind: str

    async def digest(self) -> dict[str, Any]:
        """`equal`, `seq` and the hashes; raises where the link is down or goes."""
        ...

    async def counts(self) -> dict[str, Any]:
        """`connections`, `resyncs` (states that it gave up), `ticks`, `keyframes`, `seqs` (the last ones), `state`, `ended`."""
        ...

    async def worlds(self, nodes: Sequence[int]) -> tuple[int, np.ndarray]:
        """seq and world_from_node f8[n, 4, 4]."""
        ...


class PythonPeer:
    """The client of `twinstage.sync.client`, on this loop."""

    kind = "python"

    def __init__(self, client: Client, seqs: list[int], keyframes: list[int], opened: list[int]) -> None:
        self.client = client
        self._seqs, self._keyframes, self._opened = seqs, keyframes, opened

    async def digest(self) -> dict[str, Any]:
        told = await self.client.digest(1.5)
        return {"equal": told.equal, "seq": told.seq, "ours": told.client, "theirs": told.server}

    async def counts(self) -> dict[str, Any]:
        client = self.client
        failure = client._ended
        return {
            "connections": 1 + client.reconnects,
            "ticks": len(self._seqs),
            "keyframes": len(self._keyframes),
            "seqs": self._seqs,
            "state": "live" if client.connected else "down",
            "ended": str(failure) if failure else "",
            "seq": client.model.seq if client._model else -1,
        }

    async def worlds(self, nodes: Sequence[int]) -> tuple[int, np.ndarray]:
        model = self.client.model
        return model.seq, np.stack([model.world(node) for node in nodes])


class NodePeer:
    """A client in Node, asked over its standard input."""

    def __init__(self, kind: str, child: asyncio.subprocess.Process) -> None:
        self.kind = kind
        self._child = child
        self._turn = asyncio.Lock()

    async def ask(self, what: str, **more: Any) -> Any:
        """The answer; RuntimeError where the client had none."""
        assert self._child.stdin is not None and self._child.stdout is not None
        async with self._turn:
            self._child.stdin.write((json.dumps({"ask": what, **more}) + "\n").encode())
            line = await self._child.stdout.readline()
        if not line:
            assert self._child.stderr is not None
            raise AssertionError((await self._child.stderr.read()).decode()[-3000:])
        told = json.loads(line)
        if isinstance(told, dict) and "error" in told:
            raise RuntimeError(told["error"])
        return told

    async def digest(self) -> dict[str, Any]:
        return dict(await self.ask("digest"))

    async def counts(self) -> dict[str, Any]:
        return dict(await self.ask("counts"))

    async def worlds(self, nodes: Sequence[int]) -> tuple[int, np.ndarray]:
        told = await self.ask("nodes", nodes=list(map(int, nodes)))
        rows = np.array(told["worlds"], float).reshape(-1, 3, 4)
        out = np.tile(np.eye(4), (len(rows), 1, 1))
        out[:, :3] = rows
        return told["seq"], out


@pytest.fixture(scope="session")
def node(nodes: ModuleType) -> str:
    """A Node that runs both clients."""
    return str(nodes.newest(max(_LEAST.values())))


@contextlib.asynccontextmanager
async def opened(kind: str, url: str, node: str, *, patience_s: float | None = None) -> AsyncIterator[Any]:
    """A client of that kind that has its first state. `patience_s`: after how long a silence a client in Node doubts its
    connection, where that is not as it ships."""
    if kind == "python":
        seqs: list[int] = []
        keyframes: list[int] = []

        def took(tick: Any) -> None:
            seqs.append(tick.seq)
            if tick.keyframe:
                keyframes.append(tick.seq)

        async with connect(url, on_tick=took) as client:
            yield PythonPeer(client, seqs, keyframes, [])
        return
    flags = ["--experimental-transform-types", "--no-warnings"] if kind == "viewer" else []
    script = HERE / ("viewer_peer.mjs" if kind == "viewer" else "js_peer.mjs")
    child = await asyncio.create_subprocess_exec(
        node,
        *flags,
        str(script),
        url,
        *([] if patience_s is None else [str(round(1000 * patience_s))]),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=1 << 24,
    )
    try:
        peer = NodePeer(kind, child)
        told: dict[str, Any] = {}
        try:
            async with asyncio.timeout(60):
                while not (told := await peer.counts()).get("ticks"):
                    assert not told["ended"], told
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise AssertionError(f"{kind} has no state: {told}") from None
        yield peer
    finally:
        if child.returncode is None:
            child.kill()
        await child.communicate()


async def settled(peer: Peer, timeout: float = 60.0) -> dict[str, Any]:
    """The first digest that it can compare with the server: equal, or the test fails."""
    async with asyncio.timeout(timeout):
        while True:
            try:
                told = await peer.digest()
            except (TwinstageError, RuntimeError, TimeoutError, OSError):
                await asyncio.sleep(0.05)
                continue
            assert told["equal"], (peer.kind, told)
            return told


async def until(condition: Callable[[], Awaitable[bool]], what: str = "", timeout: float = 60.0) -> None:
    """Waits for it; `what` is said where it does not come."""
    try:
        async with asyncio.timeout(timeout):
            while not await condition():
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"still not after {timeout:g} s: {what}") from None
