"""Assets that the limited child looks at before they may be placed: each once for all who ask, one at a time."""

import asyncio

from twinstage.base.errors import UserError
from twinstage.live.commands.effects import Effects
from twinstage.sync.api.calls import Gate
from twinstage.sync.api.operation import Refused

MOST_LOOKS = 16
"""Assets that wait to be looked at."""


class Looks:
    """Lets assets in. Belongs to the server's event loop."""

    def __init__(self, effects: Effects) -> None:
        self._effects = effects
        self._looking: dict[str, asyncio.Task[None]] = {}
        self._gate = Gate(at_once=1, most_waiting=MOST_LOOKS)

    async def at(self, asset: str) -> None:
        """Let an asset in, once for all who ask meanwhile. UserError where it cannot be had, or too many are asked for."""
        task = self._looking.get(asset)
        if task is None:
            task = self._looking[asset] = asyncio.create_task(self._gate.run(self._effects.let_in, asset))

            def done(task: asyncio.Task[None]) -> None:
                self._looking.pop(asset, None)
                _ = task.cancelled() or task.exception()  # who asked may be gone

            task.add_done_callback(done)
        try:
            await asyncio.shield(task)
        except Refused:
            raise UserError("too many assets are looked at for the first time just now; try again") from None
