"""One source's fields, watched: learns from a clean stretch, then names what changed."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from twinstage.base.errors import did_you_mean
from twinstage.telemetry.contract import Contract, SignalSpec
from twinstage.telemetry.drift.factors import changes_from
from twinstage.telemetry.drift.field import FEW, FieldWatch, Noticed, What
from twinstage.telemetry.drift.rows import Row
from twinstage.telemetry.reader_spec import ReaderSpec

_NEW_AFTER = 3
"""Readings from which a field counts as new: one odd line makes no field."""
_MOST_FIELDS = 50_000


@dataclass(frozen=True, slots=True)
class Drift:
    """One thing that changed.

    Attributes:
        what: `new`, `missing`, `retyped`, `cadence` or `unit`.
        fields: which fields, by the names that the source gives them.
        signals: ids of the signals that read them.
        line, time: of the row since which it is so [ns, as written].
        detail: how, in words.
        scale, offset: for `unit`, what became of a value x: x * scale + offset; for `cadence`, of the time between two.
    """

    what: What
    source: str
    fields: tuple[str, ...]
    signals: tuple[str, ...]
    line: int
    time: int
    detail: str
    scale: float = 1.0
    offset: float = 0.0

    def __str__(self) -> str:
        shown = ", ".join(repr(name) for name in self.fields[:4])
        more = f" and {len(self.fields) - 4} more" if len(self.fields) > 4 else ""
        one = len(self.fields) == 1
        verb = {
            "new": "is new" if one else "are new",
            "missing": "is missing" if one else "are missing",
            "retyped": "changed its kind" if one else "changed their kind",
            "cadence": "changed its cadence" if one else "changed their cadence",
            "unit": "changed its unit" if one else "changed their unit",
        }[self.what]
        return f"field{'' if one else 's'} {shown}{more} {verb}: {self.detail}"


class DriftMonitor:
    """Fed with the rows of one source.

    learn: rows of the clean stretch; size: readings of a field that are judged together.
    """

    def __init__(self, contract: Contract, source: str, *, learn: int = 400, size: int = 50) -> None:
        self.source = source
        self._learn = learn
        self._size = size
        self._signals: dict[str, list[SignalSpec]] = defaultdict(list)
        for signal in contract.signals:
            if signal.source == source:
                for name in signal.field:
                    prefix = f"{signal.record}/" if signal.record is not None else ""
                    self._signals[prefix + name].append(signal)
        self._lateness_ns = contract.sources[source].lateness_ns
        self._known = {*self._signals, *_columns(contract.sources[source].reader)}
        self._watches: dict[str, FieldWatch] = {}
        self._unknown: dict[str, int] = {}
        self._told_never: set[str] = set()
        self._rows = 0
        self._counts: dict[str, int] = {}
        """Rows of each record type: types may come in blocks, so each has its own count."""
        self._learned = False

    @property
    def learning(self) -> bool:
        """Whether the clean stretch still lasts."""
        return not self._learned

    def feed(self, rows: Iterable[Row]) -> list[Drift]:
        """What these rows show to have changed."""
        noticed: list[tuple[str, Noticed]] = []
        row: Row | None = None
        for row in rows:
            self._rows += 1
            count = self._counts[row.record] = self._counts.get(row.record, 0) + 1
            if not self._learned and self._rows > self._learn:
                noticed += self._end_learning()
            for name, value in row.fields.items():
                watch = self._watches.get(name) or self._open(name, row, noticed)
                if watch is not None:
                    noticed += [(name, one) for one in watch.take(row, count, value, not self._learned)]
            if self._learned and self._rows % self._size == 0:
                noticed += self._missing(row)
        return self._told(noticed)

    def end_learning(self) -> None:
        """The clean stretch is over, and was a stream of its own."""
        self.begin_again()
        self._end_learning()

    def begin_again(self) -> list[Drift]:
        """The next row is the first of another stream of this source."""
        return self._told(
            [(name, one) for name, watch in self._watches.items() for one in watch.begin_again()]
        )

    def _end_learning(self) -> list[tuple[str, Noticed]]:
        self._learned = True
        for watch in self._watches.values():
            watch.widest = max(watch.widest, self._counts.get(watch.record, 0) - watch.last_row)
        return [(name, one) for name, watch in self._watches.items() for one in watch.close(True)]

    def finish(self, last: Row | None = None) -> list[Drift]:
        """The stream is over: judge what is left in the windows."""
        noticed = [
            (name, one) for name, watch in self._watches.items() for one in watch.finish(not self._learned)
        ]
        if last is not None:
            noticed += self._missing(last) if self._learned else []
            never = [name for name in self._signals if name not in self._watches]
            noticed += [(name, self._never(name, last)) for name in never if name not in self._told_never]
            self._told_never |= set(never)
        return self._told(noticed)

    def columns(self, names: Sequence[str], line: int, time: int) -> list[Drift]:
        """The columns of a table, at the start of another stream: known fields that are no column are missing."""
        gone = [name for name, watch in self._watches.items() if name not in names and not watch.told_missing]
        for name in gone:
            self._watches[name].told_missing = True
        return self._told([(name, Noticed("missing", line, time, self._gone(name, names))) for name in gone])

    def _open(self, name: str, row: Row, noticed: list[tuple[str, Noticed]]) -> FieldWatch | None:
        """Begin to watch a field; after the clean stretch, only once it has come often enough to be told as new."""
        if self._learned and name not in self._known:
            self._unknown[name] = self._unknown.get(name, 0) + 1 if len(self._unknown) < _MOST_FIELDS else 0
            if self._unknown.get(name, 0) < _NEW_AFTER:
                return None
            noticed.append((name, Noticed("new", row.line, row.time, "it was not there before")))
        if len(self._watches) >= _MOST_FIELDS:
            return None
        signals = self._signals.get(name, [])
        period = next((round(one.period * 1e9) for one in signals if one.period), None)
        changes = changes_from(_unit(signals[0], name) if signals else None)
        bounds = signals[0].range if signals and signals[0].type in ("f64", "i64") else None
        if signals and not signals[0].type.startswith(("f64", "vec", "pose")):
            changes = ()  # a whole number, a name and a direction have no unit
        self._watches[name] = FieldWatch(self._size, changes, period, row.record, bounds, self._lateness_ns)
        return self._watches[name]

    def _missing(self, row: Row) -> list[tuple[str, Noticed]]:
        """Fields that the rows passed by for much longer than ever before."""
        out = []
        for name, watch in self._watches.items():
            silent = self._counts.get(watch.record, 0) - watch.last_row
            if watch.learned < FEW or watch.told_missing:
                continue  # its turn may be later
            if silent > max(3 * watch.widest, self._size // 2):
                watch.told_missing = True
                out.append((name, Noticed("missing", row.line, row.time, self._gone(name, self._watches))))
        return out

    def _never(self, name: str, row: Row) -> Noticed:
        near = did_you_mean(name, self._watches)
        text = "the contract names it, and it never comes" + (near if "did you mean" in near else "")
        return Noticed("missing", row.line, row.time, text)

    def _gone(self, name: str, names: Iterable[str]) -> str:
        fresh = [other for other in [*names, *self._unknown] if other != name and self._is_new(other)]
        near = did_you_mean(name, fresh, most=0)
        return "it no longer comes" + (near if "did you mean" in near else "")

    def _is_new(self, name: str) -> bool:
        return name in self._unknown or name not in self._watches

    def _told(self, noticed: list[tuple[str, Noticed]]) -> list[Drift]:
        """Findings, one a field."""
        out = []
        for name, one in noticed:
            ids = tuple(dict.fromkeys(signal.id for signal in self._signals.get(name, ())))
            what: What = one.what
            out.append(
                Drift(what, self.source, (name,), ids, one.line, one.time, one.detail, one.scale, one.offset)
            )
        return out

    @property
    def reach(self) -> int:
        """Lines within which fields that changed in the same way did so together."""
        readings = sum(watch.seen for watch in self._watches.values()) or 1
        return 3 * self._size * max(1, self._rows * len(self._watches) // readings)


def _unit(signal: SignalSpec, name: str) -> str:
    """The unit in which a field of a signal arrives."""
    field = name.removeprefix(f"{signal.record}/") if signal.record is not None else name
    place = signal.field.index(field)
    if signal.type == "pose" and place > 2:
        return "1"
    return signal.units[place] if signal.units is not None else signal.unit


def _columns(reader: ReaderSpec) -> list[str]:
    """Fields that the contract describes, whether or not a signal reads them."""
    if reader.record is not None:
        return [f"{kind}/{name}" for kind, names in reader.record.types.items() for name in names]
    return list(reader.columns or ()) if reader.layout == "wide" else []


def merged(drifts: Sequence[Drift], reach: int) -> list[Drift]:
    """In the order of the lines; fields that changed in the same way within `reach` lines share one finding."""
    out: list[Drift] = []
    for drift in sorted(drifts, key=lambda one: (one.line, one.what, one.fields)):
        for place, other in enumerate(out):
            if drift.line - other.line <= reach and _same(other, drift):
                fields = tuple(dict.fromkeys((*other.fields, *drift.fields)))
                signals = tuple(dict.fromkeys((*other.signals, *drift.signals)))
                out[place] = replace(other, fields=fields, signals=signals)
                break
        else:
            out.append(drift)
    return out


def _same(one: Drift, other: Drift) -> bool:
    if one.what != other.what or one.what == "missing":
        return False
    return one.detail == other.detail or (one.what == "cadence" and 0.7 < one.scale / other.scale < 1.4)
