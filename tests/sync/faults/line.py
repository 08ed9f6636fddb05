"""A client of a hub behind a line of its own speed, on a driven clock: no sockets, no time but the one that is told.

What the server has given away and the line has not taken yet is counted in bytes: that is the memory that a client costs.
"""

import json
from collections import deque
from typing import Any

from twinstage.sync import codec
from twinstage.sync.hub import Hub
from twinstage.sync.model import SceneModel
from twinstage.sync.scene_json import scene_bytes

HIGH_WATER = 65536
"""As asyncio's: a transport that holds more takes nothing."""
SECOND = 1_000_000_000


class LineClient:
    """`bytes_per_second`: None for all there is, 0 for a client that reads nothing. Acknowledges what it has applied."""

    def __init__(self, hub: Hub, *, bytes_per_second: int | None = None, **hello: Any) -> None:
        self.hub = hub
        self.bytes_per_second = bytes_per_second
        self.session = hub.connect(lambda: None, now_ns=self.now)
        self.model = SceneModel(json.loads(scene_bytes(hub.scene)))
        self.wire: deque[str | bytes] = deque()
        self.control: list[dict[str, Any]] = []
        self.seqs: list[int] = []
        self.keyframes = 0
        self.received = 0
        """Bytes that have come."""
        self.most_queued = 0
        self.compared = 0
        self._taken = 0
        self._budget = 0.0
        self._frames: list[codec.Frame] = []
        self.say(type="hello", **{"caps": ["delta", "zstd", "digest"], **hello})
        self.say(type="ready", revision=hub.revision)

    def again(self, hub: Hub, have: dict[str, Any]) -> "LineClient":
        """The same client on a new connection, perhaps to another run; it keeps what it holds of the same."""
        made = LineClient(hub, have=have)
        made.keyframes = self.keyframes
        if hub.epoch == self.model.epoch:
            made.model = self.model
        return made

    @property
    def now(self) -> int:
        return self.hub.clock.now_ns()

    @property
    def seq(self) -> int:
        return self.model.seq

    def say(self, **message: Any) -> None:
        self.session.receive(json.dumps(message), now_ns=self.now, wall_ns=self.now)

    @property
    def queued(self) -> int:
        """Bytes in all queues between the hub and the line."""
        waiting = [*self.session._control, *self.session._rest, *self.wire]
        return sum(map(len, waiting)) - self._taken

    def run(self, ns: int) -> None:
        """So much time passes on the line."""
        self._budget = (
            1e12 if self.bytes_per_second is None else self._budget + self.bytes_per_second * ns / SECOND
        )
        while True:
            self._fill()
            if not self.wire or self._budget < 1:
                break
            left = len(self.wire[0]) - self._taken
            got = min(left, int(self._budget))
            self._budget -= got
            self.received += got
            self._taken += got
            if got == left:
                self._taken = 0
                self._hear(self.wire.popleft())
        if not self.wire:
            self._budget = 0.0  # what a line does not carry is lost

    def _fill(self) -> None:
        while sum(map(len, self.wire)) - self._taken <= HIGH_WATER:
            message = self.session.next_message(self.now)
            if message is None:
                break
            self.wire.append(message)
        self.most_queued = max(self.most_queued, self.queued)

    def _hear(self, message: str | bytes) -> None:
        if isinstance(message, str):
            told = json.loads(message)
            self.control.append(told)
            if told["type"] == "digest":
                assert (told["seq"], told["sha256"]) == (self.model.seq, self.model.digest())
                self.compared += 1
            return
        for frame in codec.decode(message):
            self._frames.append(frame)
            if frame.header.op == codec.OP_TICK_END:
                assert self.model.apply(self._frames) is not None
                self._frames = []
                self.keyframes += frame.header.keyframe
                self.seqs.append(self.model.seq)
                self.say(type="ack", seq=self.model.seq)

    @property
    def tiers(self) -> list[float]:
        """What it was told of its pace."""
        return [message["hz"] for message in self.control if message["type"] == "tier"]
