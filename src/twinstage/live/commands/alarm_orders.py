"""What operators want of alarms, as commands: each once, in the alarms' own journal, never a version of the scene."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from twinstage.base.errors import TwinstageError
from twinstage.sync.access.roles import Identity
from twinstage.sync.api.alarms import Order
from twinstage.sync.api.commands import Answer, Code, Command
from twinstage.sync.api.operation import Refused

if TYPE_CHECKING:
    from twinstage.live.twin import LiveTwin

_MOST_ALARM_IDS = 1000


class AlarmOrders:
    """Commands of kind alarm. `done`: the answer to one of that id and author; `no`: a refusal of it."""

    def __init__(
        self,
        live: "LiveTwin",
        done: Callable[[str, str], Answer],
        no: Callable[[Command, Code, str], Answer],
    ) -> None:
        self._live, self._done, self._no = live, done, no
        self._answers: OrderedDict[tuple[str, str], Answer] = OrderedDict()

    def do(self, command: Command, who: Identity) -> Answer | Awaitable[Answer]:
        """The answer, or what gives it when it is safe; asked again, the same one comes."""
        known = self._answers.get((who.name, command.id))
        if known is not None:
            return known
        if command.action is None or not command.alarms:
            return self._no(command, "invalid", "a command of kind alarm needs action and alarms")
        if self._live.alarms is None:
            return self._no(command, "refused", "the contract of this twin has no alarms")
        return self._answered(command, who)

    async def _answered(self, command: Command, who: Identity) -> Answer:
        from twinstage.sync.alarms import acted

        assert self._live.alarms is not None and command.action is not None
        by = command.by or who.name
        if command.by and who.token_id and command.by != who.name:
            by = f"{command.by} ({who.name})"
        order = Order(alarms=command.alarms, by=by[:100], comment=command.comment, seconds=command.seconds)
        try:
            done = await acted(self._live.alarms, command.action, order)
        except Refused as error:
            return self._no(command, "invalid" if error.status == 422 else "refused", str(error))
        except TwinstageError as error:
            return self._no(command, "refused", str(error))
        answer = self._done(command.id, who.name)
        if done.refused:
            left = "; ".join(f"{one.alarm}: {one.reason}" for one in done.refused[:5])
            answer = answer.model_copy(update={"error": f"not all was done: {left}"})
        self._answers[who.name, command.id] = answer
        while len(self._answers) > _MOST_ALARM_IDS:
            self._answers.popitem(last=False)
        return answer
