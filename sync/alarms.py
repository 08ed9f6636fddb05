"""Who looks after the alarms is handed in (`AlarmSource`); this module knows what is asked of it (`api.alarms`).

An order is answered when what was done is as safe as the journal is. `by` is what the client says, and the name of its token.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from twinstage.base.errors import UserError
from twinstage.sync.access.roles import signed
from twinstage.sync.api.alarms import (
    ActAsk,
    Acted,
    Action,
    AlarmRecord,
    AlarmRecords,
    AlarmRecordsAsk,
    Alarms,
    AlarmsAsk,
    Order,
    RefusedAlarm,
)
from twinstage.sync.api.calls import Gate
from twinstage.sync.api.operation import Refused

if TYPE_CHECKING:
    from twinstage.sync.api.calls import Call


class UnknownAlarm(UserError):
    """There is no such alarm."""


class AlarmSource(Protocol):
    """Who looks after the alarms. Belongs to the server's event loop."""

    def listing(self, *, every: bool) -> Mapping[str, Any]:
        """Alarms as they stand, active ones or every one, and whether there is a flood."""
        ...

    def page(self, *, before: int | None, alarm: str | None, limit: int) -> Sequence[Mapping[str, Any]]:
        """Records, the newest first; may be called on another thread."""
        ...

    async def act(
        self, action: Action, alarm: str, *, by: str, comment: str, seconds: float | None
    ) -> Mapping[str, Any]:
        """Do it; the record of it, once it is safe. Raises UnknownAlarm, or UserError where it cannot be done now."""
        ...


def alarm_calls(source: AlarmSource) -> "dict[str, Call]":
    """What answers the operations."""
    gate = Gate(subject="the journal of alarms")

    async def listing(asked: AlarmsAsk) -> Alarms:
        return Alarms.model_validate(source.listing(every=asked.all))

    async def journal(asked: AlarmRecordsAsk) -> AlarmRecords:
        page = partial(source.page, before=asked.before, alarm=asked.alarm, limit=asked.limit)
        found = await gate.run(page)
        return AlarmRecords(records=tuple(AlarmRecord.model_validate(record) for record in found))

    async def act(asked: ActAsk, order: Order) -> Acted:
        return await acted(source, asked.action, order.model_copy(update={"by": signed(order.by)}))

    return {"listAlarms": listing, "listAlarmRecords": journal, "actOnAlarms": act}


async def acted(source: AlarmSource, action: Action, order: Order) -> Acted:
    """Each alarm by itself: what was done, and what was not and why. Refused (404, 409) where nothing was done."""
    if (order.seconds is not None) != (action == "shelve"):
        raise Refused(422, "seconds: shelve needs it, and nothing else takes it")
    done: list[AlarmRecord] = []
    refused: list[RefusedAlarm] = []
    unknown = 0
    for alarm in dict.fromkeys(order.alarms):
        try:
            record = await source.act(
                action, alarm, by=order.by, comment=order.comment, seconds=order.seconds
            )
            done.append(AlarmRecord.model_validate(record))
        except UserError as error:
            unknown += isinstance(error, UnknownAlarm)
            refused.append(RefusedAlarm(alarm=alarm, reason=str(error)))
    if not done:
        status = 404 if unknown == len(refused) else 409
        raise Refused(status, refused[0].reason, {"refused": [one.model_dump() for one in refused]})
    return Acted(done=tuple(done), refused=tuple(refused))
