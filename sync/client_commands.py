"""What a client asks to have changed: each command is said until it is answered, and done once."""

import asyncio
import uuid
from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from twinstage.base.errors import TwinstageError, UserError
from twinstage.sync import messages as m

_MOST_UNDER_WAY = 16
"""Commands that may wait for their answers at the same time."""


class CommandError(TwinstageError):
    """A command that was not done. `code`: conflict, refused, invalid or forbidden; `current`: what stands in its way."""

    def __init__(self, answer: m.Answer) -> None:
        super().__init__(answer.error)
        self.code = answer.code
        self.current = answer.current
        self.answer = answer


class Asking:
    """The commands of one link, which says them (`_say`) and hands in the answers (`_answered`)."""

    def __init__(self) -> None:
        self.edits = 0
        """Number of the newest transaction that is known here: the `base` of the next command."""
        self._commands: dict[str, tuple[str, asyncio.Future[m.Answer]]] = {}
        """Text and answer to come of each command, by id: said again after a lost connection, and done once."""
        self._places = asyncio.Semaphore(_MOST_UNDER_WAY)
        self._ended: TwinstageError | None = None
        """Why nothing will be answered any more."""

    async def _say(self, text: str) -> None:
        """Sends a text if there is a connection now."""
        raise NotImplementedError

    def _unanswered(self) -> list[str]:
        """Texts to say again over a new connection."""
        return [text for text, _ in self._commands.values()]

    def _answered(self, answer: m.Answer) -> None:
        self.edits = max(self.edits, answer.version)
        _, asked = self._commands.get(answer.id, ("", None))
        if asked is not None and not asked.done():
            asked.set_result(answer)

    def _end(self, error: TwinstageError) -> None:
        """Nothing will be answered any more."""
        self._ended = error
        for _, asked in self._commands.values():
            if not asked.done():
                asked.set_exception(error)

    async def command(
        self, kind: str, *, base: int | None = None, timeout: float | None = 10.0, **fields: Any
    ) -> m.Answer:
        """Have something changed (docs/commands.md); the fields are those of the message `command`.

        `base`: the version that it is based on (`client.edits`); None: whatever there is. A connection that is lost
        meanwhile does no harm. Raises CommandError where it is not done, TimeoutError after `timeout` [s], LinkError where
        the link has ended.
        """
        if self._ended is not None:
            raise self._ended
        ident = uuid.uuid4().hex
        told = {name: value for name, value in fields.items() if value is not None}
        message = {"type": "command", "id": ident, "kind": kind, "base": base, **told}
        text = msgspec.json.encode(message).decode()
        if len(text.encode()) > m.MAX_MESSAGE_BYTES:
            raise UserError(f"a command of more than {m.MAX_MESSAGE_BYTES} bytes; make several of it")
        asked: asyncio.Future[m.Answer] = asyncio.get_running_loop().create_future()
        async with asyncio.timeout(timeout), self._places:
            self._commands[ident] = text, asked
            try:
                await self._say(text)
                answer = await asked
            finally:
                self._commands.pop(ident, None)
        if not answer.ok:
            raise CommandError(answer)
        return answer

    async def move(
        self,
        path: str,
        *,
        position: Sequence[float] | None = None,
        rotation: Sequence[float] | None = None,
        scale: Sequence[float] | None = None,
        frame: Literal["parent", "world"] = "parent",
        base: int | None = None,
    ) -> m.Answer:
        """Move a prim: x, y, z [m], w, x, y, z, factors; what is left out stays."""
        parts: dict[str, Any] = {
            name: None if part is None else [float(v) for v in part]
            for name, part in (("position", position), ("rotation", rotation), ("scale", scale))
        }
        return await self.command("move", base=base, path=path, frame=frame, **parts)

    async def set(
        self, path: str, property: str, value: Any, *, value_type: str | None = None, base: int | None = None
    ) -> m.Answer:
        """Set a property, in SI; `value_type`: USD type of a new one."""
        return await self.command(
            "set", base=base, path=path, property=property, value=value, valueType=value_type
        )

    async def place(
        self,
        asset: str,
        *,
        parent: str | None = None,
        name: str | None = None,
        path: str | None = None,
        position: Sequence[float] | None = None,
        rotation: Sequence[float] | None = None,
        frame: Literal["parent", "world"] = "parent",
        label: str | None = None,
        base: int | None = None,
        twin: str | None = None,
        timeout: float | None = 60.0,
    ) -> m.Answer:
        """Place an asset of a library (`LIBRARY/file`): x, y, z [m], w, x, y, z; `answer.placed` has the path of the new prim.

        `twin`: which one of a relay that joins several.
        """
        return await self.command(
            "place",
            base=base,
            timeout=timeout,
            asset=asset,
            parent=parent,
            name=name,
            path=path,
            position=None if position is None else [float(v) for v in position],
            rotation=None if rotation is None else [float(v) for v in rotation],
            frame=frame,
            label=label,
            twin=twin,
        )

    async def remove(self, path: str, *, base: int | None = None) -> m.Answer:
        """Take away what was placed, with all edits at and below it."""
        return await self.command("remove", base=base, path=path)

    async def undo(self, of: int | None = None) -> m.Answer:
        """Take back the newest of one's own transactions, or that of version `of`."""
        return await self.command("undo", of=of)

    async def redo(self, of: int | None = None) -> m.Answer:
        """Do again what was taken back last, or version `of`."""
        return await self.command("redo", of=of)
