"""Twins and relays put together in one process, over a real NATS server."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from twinstage.base.clock import SystemClock
from twinstage.sync import codec
from twinstage.sync.access.roles import Role
from twinstage.sync.hub import Hub
from twinstage.sync.messages import CHANNELS, Interest
from twinstage.sync.relay.app import Relay
from twinstage.sync.relay.choices import NatsChoices
from twinstage.sync.relay.mirror import blank, read_mirror
from twinstage.sync.relay.twin import Publishing
from twinstage.sync.scene_json import scene_bytes
from twinstage.sync.serve import running
from twinstage.sync.server import create_app
from twinstage.sync.tiers import Tier


async def until(condition: Callable[[], bool], timeout: float = 60.0) -> None:
    """Looks often; the tests have no other waits."""
    async with asyncio.timeout(timeout):
        while not condition():
            await asyncio.sleep(0.005)


@asynccontextmanager
async def beside(*works: Callable[[], Awaitable[None]]) -> AsyncIterator[list["asyncio.Task[None]"]]:
    """Coroutines that run while the block does; one that fails shows when the block ends."""
    tasks = [asyncio.ensure_future(work()) for work in works]
    try:
        yield tasks  # type: ignore[misc]
    finally:
        failed = [task.exception() for task in tasks if task.done() and not task.cancelled()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for error in failed:
            if error is not None:
                raise error


@asynccontextmanager
async def alone(hub: Hub, *, sock: Any = None, **more: Any) -> AsyncIterator[tuple[str, Hub]]:
    """The hub's own server."""
    async with running(create_app(hub, **more), port=0, sock=sock) as url:
        yield url, hub


@asynccontextmanager
async def published(
    hub: Hub, nats: Any, subject: str, *, top: Role = Role.ENGINEER, **more: Any
) -> AsyncIterator[Publishing]:
    """A hub that is published, without a server of its own."""
    choices = NatsChoices(nats.url, subject)
    twin = Publishing(hub, create_app(hub, **more), choices, more.get("clock") or SystemClock(), top=top)
    async with beside(twin.run):
        yield twin


@asynccontextmanager
async def relayed(
    nats: Any, subject: str, *, sock: Any = None, **more: Any
) -> AsyncIterator[tuple[str, Relay]]:
    """A relay that is in step."""
    relay = Relay(NatsChoices(nats.url, subject), **more)
    async with beside(relay.run) as tasks:
        await until(lambda: relay.in_step or any(task.done() for task in tasks))
        async with running(relay.app, port=0, sock=sock) as url:
            yield url, relay


def behind(nats: Any) -> Callable[..., Any]:
    """Serves a hub through one relay."""

    @asynccontextmanager
    async def serve(
        hub: Hub, *, viewer_dir: Any = None, access: Any = None, sock: Any = None, **more: Any
    ) -> AsyncIterator[tuple[str, Hub]]:
        subject = nats.subject()
        async with (
            published(hub, nats, subject, **more) as twin,
            relayed(nats, subject, viewer_dir=viewer_dir, access=access, sock=sock) as (url, relay),
        ):
            twin.publisher._hash_after = float("inf")  # what a test breaks on purpose stays broken
            yield url, relay.hub

    return serve


class Mirrored:
    """A tap that keeps another hub in step without any I/O; with `holes`, some ticks are lost and made good later."""

    def __init__(self, hub: Hub, *, holes: bool = False) -> None:
        self.hub, self.holes = hub, holes
        self.edge = Hub(blank(), epoch="", clock=hub.clock)
        self._count = 0
        hub.tap(self)
        self.scene_replaced()

    def changed(self, tier: Tier) -> None:
        self._count += 1
        if self.holes and self._count % 3:
            return
        if self.edge.seq != tier.previous:
            self.catch_up()
            return
        view = self.hub.view(frozenset(CHANNELS), Interest())
        ready = tier.messages(tier.previous, view, delta=True, zstd=True)
        self.edge.absorb(codec.decode(b"".join(ready)), ready=ready)

    def catch_up(self, base: int | None = -1) -> None:
        """All that the hub knows and the edge lacks."""
        base = self.edge.seq if base == -1 else base
        view = self.hub.view(frozenset(CHANNELS), Interest())
        messages = self.hub.tiers[0].messages(base, view, delta=False, zstd=True)
        self.edge.absorb(codec.decode(b"".join(messages)))

    def scene_replaced(self) -> None:
        scene = read_mirror(scene_bytes(self.hub.scene))
        about = {"epoch": scene.epoch, "revision": scene.revision}
        self.edge.become(scene.snapshot, scene.signals, scene.bindings, **about)
        self.catch_up(None)

    def notice(self, level: str, text: str) -> None:
        self.edge.notice(level, text)

    def event(self, name: str, n: int, data: Any) -> None:
        self.edge.event(name, data, n)
