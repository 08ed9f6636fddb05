"""The twin's side put together: publishes a hub and answers the relays."""

import asyncio

from fastapi import FastAPI

from twinstage.base.clock import Clock
from twinstage.sync.access.roles import Role
from twinstage.sync.hub import Hub
from twinstage.sync.relay.answers import Answers
from twinstage.sync.relay.bus import NatsBus
from twinstage.sync.relay.choices import NatsChoices
from twinstage.sync.relay.publisher import Publisher


class Publishing:
    """`run` beside the server, on its event loop. UserError at once for choices that cannot be right.

    `top`: the highest role that a relay's client may have here.
    """

    def __init__(
        self, hub: Hub, app: FastAPI, choices: NatsChoices, clock: Clock, *, top: Role = Role.VIEWER
    ) -> None:
        subject = choices.subject
        self.publisher = Publisher(hub, subject, clock)
        self.answers = Answers(hub, self.publisher, app, clock, top=top)
        self.bus = NatsBus(choices, name="twinstage twin", answer=(f"{subject}.ask", self.answers.answer))

    async def run(self) -> None:
        """Until cancelled. UserError where another twin publishes under the same subject."""
        await asyncio.gather(self.bus.run(), self.publisher.run(self.bus))
