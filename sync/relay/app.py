"""A relay put together: a hub that follows a twin, and the app that serves it."""

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from twinstage.base.clock import Clock, SystemClock
from twinstage.sync.access.access import Access
from twinstage.sync.api.calls import Call
from twinstage.sync.api.health import Check, Readiness
from twinstage.sync.api.http import add_call
from twinstage.sync.api.table import BY_ID
from twinstage.sync.hub import Hub
from twinstage.sync.relay.choices import NatsChoices
from twinstage.sync.relay.forward import Forward
from twinstage.sync.relay.joined import Joined
from twinstage.sync.relay.link import Link, Through, whole
from twinstage.sync.relay.whole import Whole
from twinstage.sync.server import FileSource, create_app

MetricsOf = Callable[["Relay"], tuple[bytes, str]]


class Relay:
    """`app` to be served with `run` beside it, on the same event loop. UserError at once for choices that cannot be right."""

    def __init__(
        self,
        choices: NatsChoices,
        *,
        join: Mapping[str, str] | None = None,
        viewer_dir: Path | None = None,
        hosts: Collection[str] = (),
        access: Access | None = None,
        metrics: MetricsOf | None = None,
        clock: Clock | None = None,
        through: Through = whole,
    ) -> None:
        """`join`: several twins instead of one, NATS subjects by the prim path below which a twin is shown."""
        self.forward: Forward | None = None
        self.whole: Whole | None = None
        self.hub: Hub
        files: FileSource
        time: Clock = clock or SystemClock()
        if join:
            joined = Joined(choices, join, clock=clock, through=through)
            self.links = {part.prefix: part.link for part in joined.parts}
            self.hub, files, self.whole = joined.hub, joined, joined.whole
        else:
            link = Link(choices, clock=clock, through=through)
            self.links = {"twin": link}
            self.hub, files, time = link.hub, link.files, link.clock
            self.forward = Forward(link.asker)
            self.hub.take_command, self.hub.edits = self.forward.take_command, lambda: link.edge.edits
            self.hub.take_control = self.forward.take_control
        self.access = access or Access(clock=clock)
        page = metrics
        self.app: FastAPI = create_app(
            self.hub,
            viewer_dir=viewer_dir,
            status=self.status,
            clock=time,
            allowed_hosts=hosts,
            metrics=None if page is None else lambda: page(self),
            access=self.access,
            files=files,
            more=self._more_routes,
        )

    @property
    def link(self) -> Link:
        """The first twin."""
        return next(iter(self.links.values()))

    @property
    def in_step(self) -> bool:
        """With all twins."""
        return all(link.edge.in_step for link in self.links.values())

    async def run(self) -> None:
        """Follows the twins until cancelled."""
        await asyncio.gather(*(link.run() for link in self.links.values()))

    def readiness(self) -> Readiness:
        """Ready is who is in step with its twins."""
        bus = self.link.bus
        checks = [Check(name="nats", ok=bus.connected, text=bus.problem or "connected")]
        for name, link in self.links.items():
            edge, silent = link.edge, link.edge.silent_s
            heard = "not heard yet" if silent == float("inf") else f"heard {silent:.1f} s ago"
            text = f"in step, {heard}" if edge.in_step else f"{edge.why}; {heard}"
            checks.append(Check(name=name, ok=edge.in_step, text=text))
        return Readiness(ready=all(check.ok for check in checks), checks=tuple(checks))

    def status(self) -> Mapping[str, Any]:
        """What `/api/status` says beside what every server says."""
        twins = {name: _status_of(link) for name, link in self.links.items()}
        away = self.hub.away
        since = None if away is None else away.since_ns
        return {"relay": {"inStep": self.in_step, "awaySinceNs": since, "twins": twins}}

    def _more_routes(self, app: FastAPI) -> None:
        async def readiness(*asked: Any) -> Readiness:
            return self.readiness()

        ready: Call = readiness
        add_call(app, BY_ID["getReadiness"], ready)
        if self.forward is not None:
            self.forward.add_routes(app)
        if self.whole is not None:
            self.whole.add_routes(app)


def _status_of(link: Link) -> Mapping[str, Any]:
    silent, trip = link.edge.silent_s, link.clock.offset.round_trip_ns
    return {
        "inStep": link.edge.in_step,
        "why": link.edge.why,
        "epoch": link.hub.epoch,
        "seq": link.hub.seq,
        "silentSeconds": None if silent == float("inf") else round(silent, 3),
        "clockOffsetNs": str(link.clock.offset.offset_ns or 0),
        "clockErrorNs": None if trip is None else str(trip // 2),
        **asdict(link.edge.counts),
    }
