"""One twin as a relay sees it: a hub in step with the twin's, its files, and a way to ask it."""

import asyncio
from collections.abc import Callable

from twinstage.base.clock import Clock
from twinstage.sync.hub import Hub
from twinstage.sync.relay.asking import Asker
from twinstage.sync.relay.bus import Hear, NatsBus
from twinstage.sync.relay.choices import NatsChoices
from twinstage.sync.relay.edge import Edge, TwinClock
from twinstage.sync.relay.files import RelayFiles
from twinstage.sync.relay.mirror import blank

Through = Callable[[Hear], Hear]
"""What the feed passes on its way in, for tests that lose some of it."""


def whole(hear: Hear) -> Hear:
    """Loses nothing."""
    return hear


class Link:
    """Follows one twin while `run` runs. UserError at once for choices that cannot be right."""

    def __init__(self, choices: NatsChoices, *, clock: Clock | None = None, through: Through = whole) -> None:
        self.clock = TwinClock(clock)
        self.hub = Hub(blank(), epoch="", clock=self.clock)
        self.bus = NatsBus(
            choices,
            name="twinstage relay",
            hear=(f"{choices.subject}.feed", through(lambda data: self.edge.heard(data))),
            changed=lambda: self.edge.nudge(),
        )
        self.asker = Asker(self.bus, choices.subject)
        self.files = RelayFiles(self.asker)
        self.edge = Edge(self.hub, self.asker, self.files, self.clock)

    async def run(self) -> None:
        """Until cancelled."""
        await asyncio.gather(self.bus.run(), self.edge.run())
