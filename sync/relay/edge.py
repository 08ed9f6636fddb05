"""The relay's side of the feed: keeps a hub in step with the twin's, whatever is lost, restarted or replaced.

    apart -> catching up -> in step (-> catching up when a message is missing, -> apart when nothing is heard)

While it is apart, the hub keeps the last state and serves it; viewers are told. What it asks for is always the state since what
it has, so that catching up costs what changed, not what was missed.
"""

import asyncio
import itertools
import logging
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from twinstage.base.clock import Clock, SystemClock
from twinstage.sync import codec
from twinstage.sync.clock import ClockOffset
from twinstage.sync.hub import Hub
from twinstage.sync.messages import CHANNELS, Away, Interest
from twinstage.sync.relay.asking import Asker, Refusal
from twinstage.sync.relay.bus import NoAnswer
from twinstage.sync.relay.envelope import BEAT, TICK, EnvelopeError, Feed, json_object, read_feed
from twinstage.sync.relay.files import Fetched, RelayFiles
from twinstage.sync.relay.mirror import Mirror, read_mirror

log = logging.getLogger("twinstage.relay")
SILENT_S = 3.5
"""Without a sign of life for this long, the twin counts as gone [s]."""
APART = "the twin cannot be reached: what is shown is its last state"
_LOOK_S = 0.25
_AGAIN_S = 0.5
_MOST_BUFFERED = 64 << 20


class TwinClock:
    """The twin's time of day, as far as can be told from here: what this relay's clients are told as the server's."""

    def __init__(self, own: Clock | None = None) -> None:
        self.own = own or SystemClock()
        self.offset = ClockOffset()

    def now_ns(self) -> int:
        """Nanoseconds since 1970, UTC."""
        return self.own.now_ns() + (self.offset.offset_ns or 0)

    def local_ns(self) -> int:
        """This machine's."""
        return self.own.now_ns()


@dataclass(slots=True)
class Counts:
    """What happened so far."""

    messages: int = 0
    bytes: int = 0
    gaps: int = 0
    """Times that something was missing."""
    caught_up: int = 0
    restarts: int = 0
    """Epochs after the first."""
    digests_equal: int = 0
    digests_other: int = 0
    refused: int = 0
    """Messages that made no sense."""


class Edge:
    """One relay's link to its twin. `heard` takes the feed; `run` looks after it."""

    def __init__(self, hub: Hub, asker: Asker, files: RelayFiles, clock: TwinClock) -> None:
        self.hub, self._asker, self._files, self._clock = hub, asker, files, clock
        self.counts = Counts()
        self.in_step = False
        self.why = "the twin has not been heard yet"
        """Why it is not in step, in one sentence."""
        self._heard_s = 0.0
        self._n = 0
        self._parts: list[bytes] = []
        self._buffer: deque[Feed] = deque()
        self._buffered = 0
        self._trusted = True
        """Whether what is held may be built on."""
        self._told_apart = self._ever = False
        self.edits = 0
        """Number of the twin's newest transaction, as far as it was heard."""
        self._wanted = asyncio.Event()
        self._wanted.set()
        hub.closed_for = "this relay has no scene yet: its twin has not been heard"

    # ------------------------------------------------------------------ the feed

    @property
    def silent_s(self) -> float:
        """Time since the twin was heard [s]."""
        return time.monotonic() - self._heard_s if self._heard_s else float("inf")

    def heard(self, data: bytes) -> None:
        """One message of the feed."""
        self.counts.messages += 1
        self.counts.bytes += len(data)
        try:
            feed = read_feed(data)
            self._heard_s = time.monotonic()
            if self.in_step:
                self._take(feed)
            else:
                self._keep(feed)
        except (EnvelopeError, codec.FrameError, KeyError, TypeError, ValueError) as error:
            self.counts.refused += 1
            self._lost(f"a message made no sense: {error}")

    def _take(self, feed: Feed) -> None:
        expected = self._n if feed.kind == BEAT else self._n + 1
        if feed.epoch_crc != self.hub.epoch_crc:
            self._lost("the twin has been started anew", feed)
        elif feed.n != expected:
            self.counts.gaps += 1
            self._lost(f"message {expected} of the feed is missing", feed)
        else:
            self._n = feed.n
            self._apply(feed)

    def _keep(self, feed: Feed) -> None:
        """For when the state has come."""
        if self._buffered > _MOST_BUFFERED:
            self._buffer.clear()
            self._buffered = 0
        self._buffer.append(feed)
        self._buffered += len(feed.body)
        self._wanted.set()

    def _lost(self, why: str, feed: Feed | None = None) -> None:
        """Out of step: what is held stays, and what is missing is asked for."""
        self.in_step = False
        self.why = why
        self._parts.clear()
        self._buffer.clear()
        self._buffered = 0
        log.info("catching up: %s", why)
        if feed is not None:
            self._keep(feed)
        self._wanted.set()

    def _apply(self, feed: Feed) -> None:
        if feed.kind == TICK:
            self._parts.append(feed.body)
            if feed.last:
                parts, self._parts = self._parts, []
                frames = codec.decode(b"".join(parts))
                self.hub.absorb(frames, received_ns=feed.received_ns or None, ready=parts)
        else:
            told = json_object(feed.body)
            self.edits = max(self.edits, int(told.get("edits", 0)))
            if feed.kind == BEAT:
                self.hub.events_are(int(told["events"]))
            else:
                self._tell(told)

    def _tell(self, told: dict[str, Any]) -> None:
        kind = told.get("type")
        if kind == "event":
            self.hub.events_are(told["n"] - 1)
            self.hub.event(told["event"], told["data"], told["n"])
        elif kind == "notice":
            self.hub.notice(told["level"], told["text"])
        elif kind == "scene":
            self._lost("the scene was replaced")
        elif kind == "digest":
            self._compare(told["seq"], told["sha256"])

    def _compare(self, seq: int, sha256: str) -> None:
        """What the twin holds against what is held here, at the same tick."""
        if seq != self.hub.seq:
            return
        if self.digest() == sha256:
            self.counts.digests_equal += 1
            return
        self.counts.digests_other += 1
        self._trusted = False
        log.error("this relay holds something else than its twin at tick %d: everything is taken anew", seq)
        self._lost("what was held was not what the twin holds")

    def digest(self) -> str:
        """Hash of all that is held."""
        return self.hub.digest(self.hub.view(frozenset(CHANNELS), Interest()), {})

    # ------------------------------------------------------------------ catching up

    async def run(self) -> None:
        """Until cancelled."""
        beside = [asyncio.create_task(self._watch()), asyncio.create_task(self._keep_time())]
        try:
            while True:
                await self._wanted.wait()
                try:
                    await self._catch_up()
                except (NoAnswer, Refusal) as error:
                    self.why = str(error)
                    await asyncio.sleep(_AGAIN_S)
                except (EnvelopeError, codec.FrameError, KeyError, TypeError, ValueError) as error:
                    self.counts.refused += 1
                    self._trusted = False
                    self.why = f"the twin's answer made no sense: {error}"
                    await asyncio.sleep(_AGAIN_S)
        finally:
            for task in beside:
                task.cancel()

    async def _catch_up(self) -> None:
        hub = self.hub
        head, data = await self._state(self._have())
        scene: tuple[Fetched, Mirror] | None = None
        if (head["epoch"], head["revision"]) != (hub.epoch, hub.revision):
            fetched = await self._files.fetch_scene()
            mirror = await asyncio.to_thread(read_mirror, fetched.asset.data)
            head, data = await self._state(None)
            if (head["epoch"], head["revision"]) != (mirror.epoch, mirror.revision):
                return  # replaced once more in between: from the beginning
            scene = fetched, mirror
        frames = await asyncio.to_thread(codec.decode, data)
        if not frames:
            raise EnvelopeError("a state without frames")
        self._become(head, frames, scene)

    async def _state(self, have: dict[str, Any] | None) -> tuple[dict[str, Any], bytes]:
        return await self._asker.ask(
            {"op": "state", "have": have, "epoch": self.hub.epoch, "n": self._n}, on_first=self._timed()
        )

    def _timed(self) -> Callable[[dict[str, Any]], None]:
        """Measures the twin's clock by an answer."""
        sent_ns = self._clock.local_ns()
        return lambda head: self._clock.offset.add(sent_ns, self._clock.local_ns(), int(head["ns"]))

    def _have(self) -> dict[str, Any] | None:
        if not self._ever or not self._trusted:
            return None
        hub = self.hub
        return {"epoch": hub.epoch, "revision": hub.revision, "seq": hub.seq}

    def _become(
        self, head: dict[str, Any], frames: list[codec.Frame], scene: tuple[Fetched, Mirror] | None
    ) -> None:
        """In one go: no client sees anything in between."""
        hub = self.hub
        served = head.get("serves")
        hub.serves = None if served is None else tuple(str(name) for name in served)
        if scene is not None:
            fetched, mirror = scene
            self._files.scene_is(fetched, mirror.files)
            restarted = self._ever and mirror.epoch != hub.epoch
            self.counts.restarts += restarted
            hub.become(
                mirror.snapshot,
                mirror.signals,
                mirror.bindings,
                epoch=mirror.epoch,
                revision=mirror.revision,
            )
        if frames[-1].header.keyframe or frames[-1].header.seq > hub.seq:
            hub.absorb(frames)
        hub.events_are(0 if self._ever else int(head["events"]), tell=False)
        if self._ever and not self._trusted:  # clients hold it, too, and cannot know: they begin anew
            for follower in (*hub.sessions, *hub.taps):
                follower.scene_replaced()
        self._ever = self._trusted = self.in_step = True
        hub.closed_for = self.why = ""
        self._n, self.edits = head["n"], int(head["edits"])
        self._heard_s = time.monotonic()
        self._wanted.clear()
        for told in head["told"]:
            self._tell(told)
        hub.events_are(int(head["events"]))
        self.counts.caught_up += 1
        waiting, self._buffer, self._buffered = self._buffer, deque(), 0
        while waiting and self.in_step:
            feed = waiting.popleft()
            if feed.epoch_crc == hub.epoch_crc and (
                feed.n > self._n or (feed.kind == BEAT and feed.n == self._n)
            ):
                self._take(feed)
        self._buffer.extend(waiting)

    # ------------------------------------------------------------------ being alone

    async def _watch(self) -> None:
        """Tells viewers when the twin is gone, and when it is back; nudges a catch-up when it is heard again."""
        while True:
            await asyncio.sleep(_LOOK_S)
            apart = self.silent_s > SILENT_S
            if apart and self.in_step:
                self._lost("nothing is heard from the twin")
            if apart and self._ever and not self._told_apart:
                self._told_apart = True
                since_ns = self._clock.now_ns() - int(self.silent_s * 1e9)
                self.hub.twin_is(Away(str(since_ns)), APART)
                self.hub.notice("warning", APART)
            elif self._told_apart and self.in_step:
                self._told_apart = False
                self.hub.twin_is(None)
                self.hub.notice("info", "the twin is heard again")

    async def _keep_time(self) -> None:
        """How far the twin's clock is from this one, now and then."""
        for count in itertools.count():
            with suppress(NoAnswer, Refusal):
                await self._asker.ask({"op": "clock"}, on_first=self._timed())
            await asyncio.sleep(0.2 if count < 4 else 10.0)

    def nudge(self) -> None:
        """The connection to NATS is another one: something may have been missed."""
        if self.in_step:
            self._lost("the connection to NATS was lost")
