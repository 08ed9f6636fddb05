"""A relay of several twins: each is followed as by a relay of its own, and all are served as one scene.

The whole has an epoch of this relay's own, so a client that moves to another joined relay takes everything anew there. Commands
go to the twin that they are for (`orders`), calls to those that they are about (`whole`).
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import msgspec
from starlette.exceptions import HTTPException

from twinstage.base.clock import Clock, SystemClock
from twinstage.scene.merge import merge_ticks
from twinstage.sync.assets import Asset, make_asset
from twinstage.sync.hub import Hub, new_epoch
from twinstage.sync.messages import Away
from twinstage.sync.relay.choices import NatsChoices
from twinstage.sync.relay.join import Place, at_home, check_prefixes, join_documents, placed
from twinstage.sync.relay.link import Link, Through, whole
from twinstage.sync.relay.mirror import blank, read_mirror
from twinstage.sync.relay.orders import Orders
from twinstage.sync.relay.past import JoinedPast, Twin
from twinstage.sync.relay.whole import SERVES, Whole
from twinstage.sync.tiers import Tier

_PERIOD_S = 1 / 60
"""Ticks of the twins that come within this time are one of the whole [s]."""


class Part:
    """One twin of several: a tap of its hub, which tells the whole."""

    def __init__(self, joined: "Joined", prefix: str, link: Link) -> None:
        self.prefix, self.link = prefix, link
        self.place: Place | None = None
        self.told = 0
        """The last tick of it that the whole has."""
        self.received_ns: int | None = None
        self._joined = joined
        link.hub.tap(self)

    def changed(self, tier: Tier) -> None:
        """A tick of this part will be in one of the whole."""
        if tier.received_ns is not None:
            self.received_ns = min(tier.received_ns, self.received_ns or tier.received_ns)
        self._joined.due()

    def scene_replaced(self) -> None:
        """Another scene, or another run."""
        self._joined.rebuild()

    def notice(self, level: str, text: str) -> None:
        """Told with the part's name; what still holds is told to who comes later, too."""
        self._joined.look_who_is_there()
        self._joined.hub.notice(level, f"{self.prefix}: {text}")

    def event(self, name: str, n: int, data: Mapping[str, Any]) -> None:
        """With the part's name, and a number of the whole."""
        hub = self._joined.hub
        if name == "edit":
            data = self._joined.orders.told(self.prefix, data)
        elif name == "overlay":  # who shows them asks for the set, which is that of all
            self._joined.whole.overlays += 1
            data = {"version": self._joined.whole.overlays}
        hub.event(
            name, {**data, "twin": self.prefix}, hub.events + (data["count"] if name == "missed" else 1)
        )


class Joined:
    """The whole: its `hub`, and the files that its scene names. `subjects`: NATS subjects by prefix."""

    def __init__(
        self,
        choices: NatsChoices,
        subjects: Mapping[str, str],
        *,
        clock: Clock | None = None,
        through: Through = whole,
    ) -> None:
        check_prefixes(list(subjects))
        own = clock or SystemClock()
        self.hub = Hub(blank(), epoch=f"joined-{new_epoch(own.now_ns())}", clock=own)
        self.hub.closed_for = "this relay has no scene yet: none of its twins has been heard"
        self._scene: Asset | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._told_s = 0.0
        self.parts = [
            Part(self, prefix, Link(replace(choices, subject=subject), clock=clock, through=through))
            for prefix, subject in sorted(subjects.items())
        ]
        self.orders = Orders({part.prefix: part.link for part in self.parts})
        self.hub.take_command, self.hub.edits = self.orders.take_command, self.orders.edits
        past = JoinedPast(self.hub, self._twins)
        self.whole = Whole(self.orders.forwards, self.orders.here, self.orders.owner, past)
        self.hub.take_control = self.whole.take_control

    def _twins(self) -> list[Twin]:
        """Those whose scene is in the whole."""
        forwards = self.orders.forwards
        return [
            Twin(part.prefix, part.place, part.link.hub, forwards[part.prefix])
            for part in self.parts
            if part.place is not None
        ]

    def look_who_is_there(self) -> None:
        """What holds of the parts holds of the whole; several twins are away since the first of them is."""
        gone = {part.prefix: part.link.hub for part in self.parts if part.link.hub.away is not None}
        since = [hub.away.since_ns for hub in gone.values() if hub.away is not None and hub.away.since_ns]
        away = Away(min(since, key=int), list(gone)) if since else None
        if away != self.hub.away:
            self.hub.twin_is(away, "; ".join(f"{prefix}: {hub.standing}" for prefix, hub in gone.items()))

    def due(self) -> None:
        """Tells soon what is new."""
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(max(0.0, self._told_s + _PERIOD_S - loop.time()), self._tell)

    def _tell(self) -> None:
        self._timer = None
        self._told_s = asyncio.get_running_loop().time()
        ticks, arrivals = [], []
        for part in self.parts:
            state = part.link.hub.tiers[0].state
            if part.place is None or state.seq == part.told:
                continue
            ticks.append(placed(state, part.told, part.place))
            arrivals += [part.received_ns] if part.received_ns is not None else []
            part.told, part.received_ns = state.seq, None
        if ticks:
            self.hub.publish(merge_ticks(ticks), received_ns=min(arrivals, default=None))

    def rebuild(self) -> None:
        """The scene of all parts that have one, in one go, with all that is known of them."""
        ready = {part.prefix: part for part in self.parts if part.link.files.document is not None}
        documents = {
            prefix: msgspec.json.decode(part.link.files.document or b"") for prefix, part in ready.items()
        }
        document, places = join_documents(documents, epoch=self.hub.epoch, revision=self.hub.revision + 1)
        self._scene = make_asset(msgspec.json.encode(document), "application/json", compress=True)
        mirror = read_mirror(self._scene.data)
        self.hub.become(
            mirror.snapshot, mirror.signals, mirror.bindings, epoch=mirror.epoch, revision=mirror.revision
        )
        self.hub.closed_for = ""
        served = [part.link.hub.serves for part in ready.values()]
        self.hub.serves = tuple(name for name in SERVES if any(one is None or name in one for one in served))
        self.orders.at_home = frozenset(
            prefix for prefix, one in documents.items() if at_home(prefix, one["nodes"]["path"])
        )
        for prefix, part in ready.items():
            part.place, part.told = places[prefix], -1
        self._tell()

    # ------------------------------------------------------------------ files

    async def scene(self) -> Asset:
        """The document of the whole."""
        if self._scene is None:
            raise HTTPException(503, self.hub.closed_for)
        return self._scene

    async def geometry(self, digest: str) -> Asset | None:
        """Of any part."""
        return await self._any(lambda part: part.link.files.geometry(digest))

    async def texture(self, digest: str) -> Asset | None:
        """Of any part."""
        return await self._any(lambda part: part.link.files.texture(digest))

    async def _any(self, ask: Callable[[Part], Any]) -> Asset | None:
        for part in self.parts:
            found: Asset | None = await ask(part)
            if found is not None:
                return found
        return None
