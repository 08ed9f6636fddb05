"""A relay put together: a hub that follows a twin, and the app that serves it."""

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from twinstage.base.clock import Clock
from twinstage.sync.access.access import Access
from twinstage.sync.api.calls import Call
from twinstage.sync.api.health import Check, Readiness
from twinstage.sync.api.http import add_call
from twinstage.sync.api.table import BY_ID
from twinstage.sync.hub import Hub
from twinstage.sync.relay.asking import Asker
from twinstage.sync.relay.bus import Hear, NatsBus
from twinstage.sync.relay.choices import NatsChoices
from twinstage.sync.relay.edge import Edge, TwinClock
from twinstage.sync.relay.files import RelayFiles
from twinstage.sync.relay.forward import Forward
from twinstage.sync.relay.mirror import blank
from twinstage.sync.server import create_app

MetricsOf = Callable[["Relay"], tuple[bytes, str]]


class Relay:
    """`app` to be served with `run` beside it, on the same event loop. UserError at once for choices that cannot be right."""

    def __init__(
        self,
        choices: NatsChoices,
        *,
        viewer_dir: Path | None = None,
        hosts: Collection[str] = (),
        access: Access | None = None,
        metrics: MetricsOf | None = None,
        clock: Clock | None = None,
        through: Callable[[Hear], Hear] = lambda hear: hear,
    ) -> None:
        """`through`: what the feed passes on its way in, for tests that lose some of it."""
        self.clock = TwinClock(clock)
        self.hub = Hub(blank(), epoch="", clock=self.clock)
        subject = choices.subject
        self.bus = NatsBus(
            choices,
            name="twinstage relay",
            hear=(f"{subject}.feed", through(lambda data: self.edge.heard(data))),
            changed=lambda: self.edge.nudge(),
        )
        asker = Asker(self.bus, subject)
        self.files = RelayFiles(asker)
        self.edge = Edge(self.hub, asker, self.files, self.clock)
        self.forward = Forward(asker)
        self.hub.take_command, self.hub.edits = self.forward.take_command, lambda: self.edge.edits
        self.access = access or Access(clock=clock)
        page = metrics
        self.app: FastAPI = create_app(
            self.hub,
            viewer_dir=viewer_dir,
            status=self.status,
            clock=self.clock,
            allowed_hosts=hosts,
            metrics=None if page is None else lambda: page(self),
            access=self.access,
            files=self.files,
            more=self._more_routes,
        )

    async def run(self) -> None:
        """Follows the twin until cancelled."""
        await asyncio.gather(self.bus.run(), self.edge.run())

    def readiness(self) -> Readiness:
        """Ready is who is in step with the twin."""
        edge, silent = self.edge, self.edge.silent_s
        heard = "not heard yet" if silent == float("inf") else f"heard {silent:.1f} s ago"
        checks = (
            Check(name="nats", ok=self.bus.connected, text=self.bus.problem or "connected"),
            Check(
                name="twin",
                ok=edge.in_step,
                text=f"in step, {heard}" if edge.in_step else f"{edge.why}; {heard}",
            ),
        )
        return Readiness(ready=all(check.ok for check in checks), checks=checks)

    def status(self) -> Mapping[str, Any]:
        """What `/api/status` says beside what every server says."""
        silent = self.edge.silent_s
        counts = {name: value for name, value in asdict(self.edge.counts).items()}
        return {
            "relay": {
                "inStep": self.edge.in_step,
                "why": self.edge.why,
                "silentSeconds": None if silent == float("inf") else round(silent, 3),
                "clockOffsetNs": str(self.clock.offset.offset_ns or 0),
                **counts,
            }
        }

    def _more_routes(self, app: FastAPI) -> None:
        async def readiness(*asked: Any) -> Readiness:
            return self.readiness()

        ready: Call = readiness
        add_call(app, BY_ID["getReadiness"], ready)
        self.forward.add_routes(app)
