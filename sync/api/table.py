"""All operations of a twin's server."""

from twinstage.sync.api import (
    alarms,
    bindings,
    commands,
    datasets,
    health,
    history,
    others,
    playback,
    prims,
    records,
    session,
    values,
)
from twinstage.sync.api.operation import Operation

OPERATIONS: tuple[Operation, ...] = (
    *prims.OPERATIONS,
    *values.OPERATIONS,
    *history.OPERATIONS,
    *alarms.OPERATIONS,
    *bindings.OPERATIONS,
    *commands.OPERATIONS,
    *records.OPERATIONS,
    *datasets.OPERATIONS,
    *playback.OPERATIONS,
    *others.OPERATIONS,
    *health.OPERATIONS,
    *session.OPERATIONS,
)
BY_ID = {operation.id: operation for operation in OPERATIONS}
