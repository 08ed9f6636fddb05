"""Who does what people want is handed in (`EditSource`); this module checks what they say and what they may.

`Commands.take` is what the websocket feeds, `edit_calls` what HTTP calls. Both give the same answers.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, Protocol

from pydantic import ValidationError

from twinstage.sync import messages as m
from twinstage.sync.access.access import Access
from twinstage.sync.access.buckets import AddressBuckets
from twinstage.sync.access.roles import Identity, Role, caller
from twinstage.sync.api.commands import (
    Answer,
    Code,
    Command,
    Edits,
    EditsAsk,
    Transactions,
    TransactionsAsk,
)
from twinstage.sync.api.operation import Refused

if TYPE_CHECKING:
    from twinstage.sync.api.calls import Call

COMMANDS_PER_SECOND, COMMAND_BURST = 60.0, 40.0
"""Of one token, or of one address without tokens."""
_STATUS: Mapping[str, int] = {"conflict": 409, "refused": 409, "invalid": 422, "forbidden": 403}


class EditSource(Protocol):
    """Who keeps the edits. Belongs to the server's event loop."""

    @property
    def version(self) -> int:
        """Number of the newest transaction."""
        ...

    def command(self, command: Command, who: Identity) -> Answer | Awaitable[Answer]:
        """Do it at once; the answer, or what gives it when it is safe."""
        ...

    def edits(self, asked: EditsAsk) -> Edits:
        """What stands."""
        ...

    def transactions(self, asked: TransactionsAsk) -> Transactions:
        """What was done last."""
        ...

    def layer_text(self, who: bool = False) -> str:
        """The ui layer as usda."""
        ...

    async def assets_zip(self) -> bytes:
        """The files of all placed assets, as a zip."""
        ...

    def bindings_text(self) -> str | None:
        """A bindings file with the edits in it; None where there are no bindings."""
        ...


def needed_for(kind: str) -> Role:
    """The role that a kind of command needs."""
    return Role.OPERATOR if kind == "alarm" else Role.ENGINEER


def role_too_low(kind: str, who: Identity) -> str:
    """Why somebody may not send that kind of command, in one sentence; "" for who may."""
    needed = needed_for(kind)
    return (
        ""
        if who.may(needed)
        else f"this needs the role {needed.word}; {who.name!r} has the role {who.role.word}"
    )


class Commands:
    """The door of all commands: form, role, rate."""

    def __init__(self, source: EditSource, access: Access) -> None:
        self.source = source
        self._access = access
        self._rate = AddressBuckets(COMMANDS_PER_SECOND, COMMAND_BURST)
        self._tasks: set[asyncio.Task[None]] = set()

    def do(self, command: Command, who: Identity, now_ns: int) -> Answer | Awaitable[Answer]:
        """The answer, or what gives it later."""
        too_low = role_too_low(command.kind, who)
        if too_low:
            return self._no(command.id, "forbidden", too_low)
        if not self._rate.take(who.token_id or who.address, now_ns):
            return self._no(
                command.id, "refused", f"more than {COMMANDS_PER_SECOND:g} commands a second came from you"
            )
        return self.source.command(command, who)

    def take(
        self, raw: Mapping[str, Any], who: Identity, answer: Callable[[m.Answer], None], now_ns: int
    ) -> None:
        """A command from a websocket; `answer` is called at once, or later."""
        ident = str(raw.get("id", ""))[:64]
        try:
            command = Command.model_validate({key: value for key, value in raw.items() if key != "type"})
        except ValidationError as error:
            answer(message_of(self._no(ident, "invalid", _first(error))))
            return
        result = self.do(command, who, now_ns)
        if isinstance(result, Answer):
            self._tell(result, command, who, answer)
            return

        async def later() -> None:
            self._tell(await result, command, who, answer)

        task = asyncio.ensure_future(later())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _tell(self, answer: Answer, command: Command, who: Identity, say: Callable[[m.Answer], None]) -> None:
        outcome = "done" if answer.ok else str(answer.code)
        what = command.path or " ".join([command.asset or "", *answer.placed]).strip()
        self._access.changed(who, f"COMMAND {command.kind} {what}".strip(), outcome)
        say(message_of(answer))

    def _no(self, ident: str, code: Code, sentence: str) -> Answer:
        return Answer(id=ident, ok=False, version=self.source.version, code=code, error=sentence)


def message_of(answer: Answer) -> m.Answer:
    """As the websocket says it."""
    return m.Answer(**answer.model_dump(mode="json", exclude_none=True))


def edit_calls(commands: Commands, now_ns: Callable[[], int]) -> "dict[str, Call]":
    """What answers the operations."""

    async def send(asked: Any, command: Command) -> Answer:
        result = commands.do(command, caller(), now_ns())
        answer: Answer = await result if isawaitable(result) else result
        if not answer.ok:
            assert answer.code is not None
            more = answer.model_dump(mode="json", by_alias=True, exclude={"error"}, exclude_none=True)
            raise Refused(_STATUS[answer.code], answer.error or "", more)
        return answer

    async def listing(asked: EditsAsk) -> Edits:
        return commands.source.edits(asked)

    async def journal(asked: TransactionsAsk) -> Transactions:
        return commands.source.transactions(asked)

    return {"sendCommand": send, "listEdits": listing, "listTransactions": journal}


def _first(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    place = ".".join(map(str, first["loc"])) or "the command"
    return f"{place}: {first['msg']}"[:500]
