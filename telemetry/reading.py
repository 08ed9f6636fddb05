"""What a source says: one value of one signal at one moment.

`Reading` is for people and for callbacks. On the hot path the same travels as a bare tuple, `Event`, which sorts by
(event time, signal, sequence, arrival) before it would ever compare values.
"""

from typing import NamedTuple, TypeAlias

Value: TypeAlias = float | int | str | tuple[float, ...] | None
"""In SI: f64 -> float, i64 -> int, bool and enum -> int (code), string -> str, vec, quat, pose -> tuple of floats."""

Event: TypeAlias = tuple[int, int, int, int, Value, int]
"""(event_ns, signal index, sequence, arrival number, value, quality)."""

IDENTITY_QUATERNION = (1.0, 0.0, 0.0, 0.0)
IDENTITY_POSE = (0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0)


class Reading(NamedTuple):
    """One value in SI units; `source_timestamp` [ns since 1970, UTC]; `quality` is an OPC UA StatusCode."""

    signal: str
    value: Value
    source_timestamp: int
    quality: int
