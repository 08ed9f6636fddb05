"""Which records a sink is told, and in which words. Pure.

Alarms of low and medium priority that are raised in a flood (`quiet`) are counted and told in one message: a minute after
the first, then every minute, and when the flood is over. What becomes of them (they return, someone acknowledges them) is
told no more than they were. High and critical ones are always told one by one.
"""

from collections import Counter
from collections.abc import Sequence

from twinstage.base.clock import NS
from twinstage.telemetry.alarms.records import AlarmRecord
from twinstage.telemetry.alarms.spec import PRIORITIES
from twinstage.telemetry.alarms.told import Teller, summed_up
from twinstage.telemetry.contract import utc
from twinstage.telemetry.sinks.base import Message, Sink

SUMMARY_EVERY_NS = 60 * NS
_FLOODS = ("flood_began", "flood_ended")


class Composer:
    """Turns the records of ticks into messages of one sink."""

    def __init__(self, sink: Sink, teller: Teller) -> None:
        self._what = frozenset(sink.what)
        self._ranks = set(PRIORITIES[PRIORITIES.index(sink.least) :])
        self._teller = teller
        self._quiet: Counter[str] = Counter()
        self._silent: set[str] = set()
        self._since_ns = 0

    def messages(self, records: Sequence[AlarmRecord], at_ns: int) -> list[Message]:
        """What to tell of those records at that time; called at every tick."""
        out: list[Message] = []
        ended = False
        for record in records:
            ended |= record.what == "flood_ended"
            if record.what not in _FLOODS and record.priority not in self._ranks:
                continue
            if self._counted(record, at_ns):
                continue
            if record.what in _FLOODS or record.what in self._what:
                out.append(self._message(record))
        due = self._quiet and (ended or at_ns - self._since_ns >= SUMMARY_EVERY_NS)
        return [self._summary(at_ns), *out] if due else out

    def _counted(self, record: AlarmRecord, at_ns: int) -> bool:
        """Whether it belongs to what is summed up."""
        if record.what == "raised":
            if not record.quiet:
                self._silent.discard(record.alarm)
                return False
            if not self._quiet:
                self._since_ns = at_ns
            self._quiet[record.alarm] += 1
            self._silent.add(record.alarm)
            return True
        return record.alarm in self._silent and record.what in ("returned", "acknowledged")

    def _summary(self, at_ns: int) -> Message:
        counts = dict(self._quiet)
        self._quiet.clear()
        data = {"counts": counts, "total": sum(counts.values())}
        return Message(f"{at_ns}-summary", utc(at_ns), "summary", "", "", summed_up(counts), data)

    def _message(self, record: AlarmRecord) -> Message:
        data = self._teller.record(record)
        spec = self._teller.spec(record.alarm)
        if spec is not None:
            data |= {"message": spec.message, "response": spec.response}
        name = f"{record.at_ns}-{record.what}-{record.alarm}"
        return Message(
            name,
            data["at"],
            record.what,
            record.alarm,
            record.priority,
            self._teller.text(record),
            data,
        )
