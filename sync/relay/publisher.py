"""The twin's side of the feed: every tick once, whatever viewers are told, and a sign of life each second."""

import asyncio
import time
from collections import deque
from collections.abc import Mapping
from typing import Any

import msgspec

from twinstage.base.clock import Clock
from twinstage.sync.hub import Hub
from twinstage.sync.messages import CHANNELS, Interest
from twinstage.sync.relay.bus import Bus
from twinstage.sync.relay.envelope import BEAT, TICK, TOLD, Feed
from twinstage.sync.tiers import Tier
from twinstage.sync.view import View

BEAT_S = 1.0
"""Time between two signs of life [s]."""
DIGEST_S = 10.0
"""Least time between two digests [s]; longer where one takes more than a thousandth of it."""
MOST_WAITING = 64 << 20
"""Bytes that may wait to be sent; then they are dropped, and relays ask for the state [B]."""
KEPT_TOLD = 256
"""Last events and notices, for a relay that has missed some."""


class Publisher:
    """A tap of a hub. `run` sends; until then, and while NATS is away, messages are counted and dropped."""

    def __init__(self, hub: Hub, subject: str, clock: Clock) -> None:
        self._hub, self._clock = hub, clock
        self.subject = f"{subject}.feed"
        self.n = 0
        """Number of the last message."""
        self.told: deque[tuple[int, dict[str, Any]]] = deque(maxlen=KEPT_TOLD)
        """Last events and notices, with their numbers."""
        self.published_bytes = self.published_messages = self.dropped = 0
        self._view: View | None = None
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._more = asyncio.Event()
        self._bus: Bus | None = None
        self._hashed_seq = -1
        self._hash_after = 0.0
        hub.tap(self)

    @property
    def _sending(self) -> bool:
        return self._bus is not None and self._bus.connected

    # ------------------------------------------------------------------ from the hub

    def changed(self, tier: Tier) -> None:
        """One tick, as the best clients get it."""
        if not self._sending:
            self.n += 1
            return
        self._view = view = self._hub.view(frozenset(CHANNELS), Interest())
        messages = tier.messages(tier.previous, view, delta=True, zstd=True)
        received = tier.received_ns or 0
        for i, message in enumerate(messages):
            self._put(TICK, message, last=i == len(messages) - 1, received_ns=received)

    def scene_replaced(self) -> None:
        """The ticks to come are of another revision."""
        self._tell({"type": "scene", "revision": self._hub.revision})

    def notice(self, level: str, text: str) -> None:
        """A text for all viewers."""
        self._keep({"type": "notice", "level": level, "text": text})

    def event(self, name: str, n: int, data: Mapping[str, Any]) -> None:
        """Something happened."""
        self._keep({"type": "event", "n": n, "event": name, "data": dict(data), "edits": self._hub.edits()})

    # ------------------------------------------------------------------ to NATS

    async def run(self, bus: Bus) -> None:
        """Sends until cancelled."""
        self._bus = bus
        beating = asyncio.create_task(self._beat())
        try:
            while True:
                await self._more.wait()
                self._more.clear()
                while self._waiting:
                    message = self._waiting.popleft()
                    self._waiting_bytes -= len(message)
                    await bus.publish(self.subject, message)
                    self.published_messages += 1
                    self.published_bytes += len(message)
        finally:
            self._bus = None
            beating.cancel()

    async def _beat(self) -> None:
        while True:
            self._hash()
            hub = self._hub
            about = {
                "epoch": hub.epoch,
                "revision": hub.revision,
                "seq": hub.seq,
                "edits": hub.edits(),
                "events": hub.events,
                "ns": str(self._clock.now_ns()),
            }
            if self._sending:
                self._append(Feed(BEAT, hub.epoch_crc, self.n, msgspec.json.encode(about)).pack())
            await asyncio.sleep(BEAT_S)

    def _hash(self) -> None:
        """Tells now and then what a relay should hold."""
        begin = time.monotonic()
        if not self._sending or begin < self._hash_after or self._hub.seq == self._hashed_seq:
            return
        self._hashed_seq = seq = self._hub.seq
        whole = self._hub.view(frozenset(CHANNELS), Interest())
        self._tell({"type": "digest", "seq": seq, "sha256": self._hub.digest(whole, {})})
        self._hash_after = begin + max(DIGEST_S, 1000 * (time.monotonic() - begin))

    def _keep(self, message: dict[str, Any]) -> None:
        self._tell(message)
        self.told.append((self.n, message))

    def _tell(self, message: dict[str, Any]) -> None:
        self._put(TOLD, msgspec.json.encode(message))

    def _put(self, kind: int, body: bytes, *, last: bool = True, received_ns: int = 0) -> None:
        self.n += 1
        if self._sending:
            self._append(Feed(kind, self._hub.epoch_crc, self.n, body, last, received_ns).pack())

    def _append(self, message: bytes) -> None:
        if self._waiting_bytes > MOST_WAITING:
            self.dropped += len(self._waiting)
            self._waiting.clear()
            self._waiting_bytes = 0
        self._waiting.append(message)
        self._waiting_bytes += len(message)
        self._more.set()
