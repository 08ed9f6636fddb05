"""What happened to alarms, as plain records: what a journal keeps and what sinks send."""

from typing import Literal

import msgspec

What = Literal[
    "raised",
    "returned",
    "acknowledged",
    "shelved",
    "unshelved",
    "suppressed",
    "unsuppressed",
    "out_of_service",
    "in_service",
    "flood_began",
    "flood_ended",
]


class AlarmRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that happened. `alarm`: "" for floods; value: of the signal in SI, None for none; `by`: who did it, ""
    for the twin itself; `quiet`: raised in a flood with a low priority, so sinks should not send it on its own."""

    at_ns: int
    what: What
    alarm: str = ""
    priority: str = ""
    value: float | None = None
    by: str = ""
    comment: str = ""
    until_ns: int = 0
    quiet: bool = False
