"""All operations of a twin's server."""

from twinstage.sync.api import (
    alarms,
    bindings,
    browse,
    catalogue,
    commands,
    datasets,
    health,
    history,
    others,
    past,
    playback,
    preview,
    prims,
    records,
    session,
    values,
)
from twinstage.sync.api.operation import Operation, Role

OPERATIONS: tuple[Operation, ...] = (
    *prims.OPERATIONS,
    *values.OPERATIONS,
    *history.OPERATIONS,
    *past.OPERATIONS,
    *alarms.OPERATIONS,
    *bindings.OPERATIONS,
    *commands.OPERATIONS,
    *records.OPERATIONS,
    *datasets.OPERATIONS,
    *browse.OPERATIONS,
    *catalogue.OPERATIONS,
    *preview.OPERATIONS,
    *playback.OPERATIONS,
    *others.OPERATIONS,
    *health.OPERATIONS,
    *session.OPERATIONS,
)
BY_ID = {operation.id: operation for operation in OPERATIONS}


def role_of_call(operation: str) -> Role:
    """The least role that may call this operation, by its name over gRPC; the highest for one that is not there."""
    found = BY_ID.get(operation[:1].lower() + operation[1:])
    return "engineer" if found is None else found.role
