"""A twin whose telemetry is a history, told again up to a moment and on from there.

Grips and counters have a memory, so the way to the moment is ticked from where the replay of that time began, or from a week
back, in no time; the state itself comes from the nearest snapshot.

Ages and alarms are of that time, too: the same at any speed.
"""

from typing import TYPE_CHECKING

from twinstage.base.clock import NS
from twinstage.base.errors import UserError
from twinstage.live.replay import LONGEST_S, paced

if TYPE_CHECKING:
    from twinstage.base.clock import Clock
    from twinstage.live.alarms import AlarmDesk
    from twinstage.live.twin import LiveTwin, TwinFiles
    from twinstage.telemetry.contract import Contract
    from twinstage.telemetry.history.playback import Playback
    from twinstage.telemetry.ingest import Ingest


class ValueClock:
    """A clock for what happens to values: that of the twin, or the moment that a playback has reached."""

    def __init__(self, clock: "Clock", ingest: "Ingest") -> None:
        self._clock, self._ingest = clock, ingest

    def now_ns(self) -> int:
        return self._ingest.time_ns(self._clock.now_ns())


class AlarmWatch:
    """Judges alarms in the time of a playback, see `telemetry.history.playback.Watch`."""

    def __init__(self, desk: "AlarmDesk", past: "Playback") -> None:
        self._desk, self._past = desk, past

    def look(self, at_ns: int) -> None:
        """Judge all alarms at that moment."""
        self._desk.tick(at_ns)

    def wake_ns(self, looked_ns: int) -> int:
        """When a value grows stale, a delay or a shelf ends, or a flood may."""
        return min(self._past.state.next_stale_ns(looked_ns), self._desk.engine.wake_ns(looked_ns))


def open_past(files: "TwinFiles", contract: "Contract") -> "tuple[Playback, int]":
    """An ingest at the beginning of the way, and the moment that a user wants [ns]. UserError where it lies outside."""
    from twinstage.telemetry.history.moments import iso_ns, moment_ns
    from twinstage.telemetry.history.playback import Playback, boundary_before
    from twinstage.telemetry.history.query import History

    assert files.past is not None
    if files.history is not None:
        raise UserError("a past that is told again is in its history already: give --history or --replay")
    history = History(files.past)
    span = history.span()
    if span is None:
        raise UserError(f"the history {str(files.past)!r} has no readings to tell again")
    wanted = span[0] if files.past_from is None else files.past_from
    if isinstance(wanted, str):
        wanted = moment_ns(wanted, span[0], where="--from")
    if not span[0] <= wanted <= span[1]:
        raise UserError(
            f"{iso_ns(wanted)} lies outside the history {str(files.past)!r}, which goes from {iso_ns(span[0])} to "
            f"{iso_ns(span[1])}"
        )
    start = max(boundary_before(history, wanted), wanted - LONGEST_S * NS)
    return Playback(history, contract, start), wanted


def go_to(live: "LiveTwin", past: "Playback", moment_ns: int, speed: float) -> None:
    """Tick to the moment; from the next tick on time passes `speed` times as fast as the caller's."""
    start, grid_ns = past.moment_ns, past.grid_ns
    period = round(NS / paced(live.settings, (moment_ns - start) / NS).tick_hz)
    past.grid_ns = max(grid_ns, period)
    if live.alarms is not None:
        past.watch = AlarmWatch(live.alarms, past)
    for count, time in enumerate((*range(start, moment_ns, period), moment_ns)):
        live.tick(time)
        if count % 600 == 599:
            live.flush()
    live.flush()
    past.grid_ns = grid_ns
    past.pace(speed)
