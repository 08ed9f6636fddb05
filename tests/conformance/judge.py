"""The whole comparison of one file, at the start and at one moment more."""

from conformance import compare, looks
from conformance.oracle import Oracle
from conformance.reading import Reading


def differences(reading: Reading) -> list[str]:
    """Everything that the file's snapshots say otherwise than pxr."""
    assert reading.opened is not None
    if reading.differences is None:
        found: list[str] = []
        for moment in reading.moments():
            snapshot = reading.snapshot(moment)
            oracle = Oracle(reading.opened.stage, moment, snapshot.stage.up_axis)
            name = reading.name if moment is None else f"{reading.name} at {moment:g}"
            found += compare.differences(snapshot, oracle, name)
            found += looks.differences(snapshot, oracle, name)
        reading.differences = found
    return reading.differences


def told(lines: list[str], most: int = 25) -> str:
    """The first lines, for an assertion."""
    more = [f"... and {len(lines) - most} more"] if len(lines) > most else []
    return "\n".join(["", *lines[:most], *more])
