"""A hub of things that walk, turn, grow, change colour, come and go; every kind of row that a stream has."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from types import ModuleType
from typing import Any

import numpy as np

from twinstage.scene.columns import EntityColumns, TextColumns, frozen
from twinstage.sync.hub import Hub, SignalMeta

PERIOD_S = 0.01
SIGNALS = [SignalMeta("speed", "m/s"), SignalMeta("recipe", type="string"), SignalMeta("never")]


class Motion:
    """Publishes ticks of random changes, seeded."""

    def __init__(self, make: ModuleType, count: int = 200, *, epoch: str = "e1", seed: int = 5) -> None:
        self.make = make
        self.paths = ["/World", "/World/A", *(f"/World/A/N{k:05}" for k in range(count))]
        self.snapshot = make.snapshot(self.paths, points=20)
        self.hub = Hub(self.snapshot, SIGNALS, epoch=epoch)
        self.random = np.random.Generator(np.random.Philox(seed))
        self.nodes = np.arange(1, self.snapshot.node_count)
        n = len(self.nodes)
        self.place = self.random.uniform(-10_000, 10_000, (n, 3))
        self.turn = self.random.normal(size=(n, 4))
        self.count = 0

    def tick(self) -> int:
        """One tick; its seq."""
        make, random, n = self.make, self.random, len(self.nodes)
        self.count += 1
        some = np.sort(random.choice(n, max(1, n // 2), replace=False))
        self.place[some] += random.normal(0, 0.01, (len(some), 3))
        self.place[random.integers(0, n)] += random.normal(0, 100, 3)
        self.turn[some] += 0.01 * random.normal(size=(len(some), 4))
        nodes, one = self.nodes[some], [int(self.nodes[self.count % n])]
        now, id_ = 1_700_000_000_000_000_000 + self.count * 10_000_000, frozen(np.array([1]), np.uint32)
        columns: dict[str, Any] = {
            "signals": make.values([0], [random.normal()], [now], [0]),
            "style": make.styles(one, [[self.count % 256, 9, 8, 255 * (self.count % 2)]]),
            "visibility": make.switches(one, [self.count % 3 > 0]),
            "entities": EntityColumns(
                frozen(np.array(one), np.uint32), frozen(np.array([self.count]), np.int64)
            ),
        }
        if self.count % 4 == 0:
            good = frozen(np.zeros(1), np.uint32)
            columns["texts"] = TextColumns(
                id_, (f"Rezept {self.count} ü",), frozen(np.array([now]), np.int64), good
            )
        scale = np.ones((len(some), 3))
        scale[0] = 1 + self.count % 5
        pose = make.poses(nodes, self.place[some], self.turn[some], scale, ordinal=self.count, event_ns=now)
        return self.hub.publish(make.tick(pose, **columns))

    async def go(self) -> None:
        """Ticks until it is cancelled."""
        while True:
            self.tick()
            await asyncio.sleep(PERIOD_S)

    @contextlib.asynccontextmanager
    async def going(self) -> AsyncIterator[None]:
        """Ticks while the block runs."""
        task = asyncio.create_task(self.go())
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
