"""What a twin's state has to be, worked out a second time: slowly, reading by reading, with the standard library alone.

Nothing of `twinstage` is imported, so that no mistake is shared. Rules come from the docs: which reading is a duplicate,
late, or from the future; when a watermark moves; which value stands; how the state hash is made.
"""

import hashlib
import json
import math
import struct
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any

NS = 10**9
NEVER = -(1 << 63)
BAD_FROM = 0x80000000
NO_DATA = 0x809B0000
EPOCH_2026 = 1_767_225_600 * NS
OUTCOMES = (
    "received",
    "applied",
    "history_only",
    "late",
    "duplicate",
    "quarantined",
    "pending",
    "unmapped",
    "blank",
    "contradicting",
)

SIGNALS = {
    # id: (type, source)
    "loop.t": ("f64", "loop"), "loop.p": ("f64", "loop"), "loop.n": ("i64", "loop"), "table.speed": ("f64", "table"),
    "table.count": ("i64", "table"), "table.on": ("bool", "table"), "rig.at": ("vec[3]", "rig"), "rig.turn": ("quat", "rig"),
    "rig.mode": ("enum", "rig"), "rig.note": ("string", "rig"),
}  # fmt: skip
MODES = ("IDLE", "RUN", "FAULT")
PSI = Fraction(45359237, 10**8) * Fraction(980665, 10**5) / Fraction(254, 10**4) ** 2
UNITS: dict[str, dict[str, tuple[Fraction, Fraction]]] = {
    "loop.t": {"degC": (Fraction(1), Fraction(27315, 100)), "degF": (Fraction(5, 9), Fraction(45967, 180)),
               "Cel": (Fraction(1), Fraction(27315, 100))},
    "loop.p": {"bar": (Fraction(100000), Fraction(0)), "psi": (PSI, Fraction(0)), "[psi]": (PSI, Fraction(0))},
}  # fmt: skip
RANGES = {"loop.t": (-20, 120), "loop.p": (0, 16)}
OWN = {"loop.t": "Cel", "loop.p": "bar"}


class Refused(Exception):
    """A line or a value goes to quarantine."""


@dataclass
class Source:
    """One source: what it may do, and where it stands."""

    lateness: int
    history: int
    idle_after: int
    ahead: int | None
    most: int
    rest: bytes = b""
    lines: int = 0
    header: list[str] | None = None
    newest: int | None = None
    watermark: int | None = None
    heard: int = 0
    idle: bool = True
    arrivals: int = 0
    known: dict[tuple[str, int, int], Any] = field(default_factory=dict)
    waiting: list[tuple[int, str, int, int, Any, int]] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(OUTCOMES, 0))


@dataclass
class Slot:
    """A signal's place in the state."""

    time: int = NEVER
    sequence: int = 0
    quality: int = NO_DATA
    value: Any = None


class Oracle:
    """Takes the same bytes at the same moments as the twin does."""

    def __init__(self) -> None:
        self.sources = {
            "loop": Source(5 * NS, 20 * NS, 30 * NS, 60 * NS, 400),
            "table": Source(2 * NS, 1 << 62, 30 * NS, None, 400),
            "rig": Source(0, 10 * NS, 30 * NS, None, 400),
        }
        self.state = {name: Slot() for name in SIGNALS}

    def offer(self, name: str, chunk: bytes, now: int) -> None:
        source = self.sources[name]
        source.heard, source.idle = now, False
        *lines, source.rest = (source.rest + chunk).split(b"\n")
        for line in lines:
            self._line(name, source, line.removesuffix(b"\r"), now)

    def advance(self, now: int) -> None:
        for source in self.sources.values():
            if not source.idle and now - source.heard >= source.idle_after:
                source.idle = True
                source.watermark = source.newest
        for source in self.sources.values():
            due = [r for r in source.waiting if source.watermark is not None and r[0] <= source.watermark]
            source.waiting = [r for r in source.waiting if r not in due]
            source.counts["applied"] += len(due)
            for reading in sorted(due, key=lambda r: (r[0], list(SIGNALS).index(r[1]), r[2], r[3])):
                self._apply(*reading)

    def finish(self, name: str, now: int) -> None:
        source = self.sources[name]
        if source.rest:
            self.offer(name, b"\n", now)
        source.watermark, source.idle = source.newest, True

    def counters(self) -> dict[str, dict[str, int]]:
        return {name: {**s.counts, "pending": len(s.waiting)} for name, s in self.sources.items()}

    # one line

    def _line(self, name: str, source: Source, line: bytes, now: int) -> None:
        source.lines += 1
        if not line or line.isspace():
            return
        read = {"loop": self._loop, "table": self._table, "rig": self._rig}[name]
        if name == "table" and line.startswith(b"#"):
            return
        try:
            if len(line) > source.most:
                raise Refused
            readings = read(source, line)
        except Refused:
            source.counts["received"] += 1
            source.counts["quarantined"] += 1
            return
        for time, signal, sequence, value, quality in readings:
            source.counts["received"] += 1
            if value is Refused:
                source.counts["quarantined"] += 1
            else:
                self._judge(source, time, signal, sequence, value, quality, now)

    def _judge(
        self, source: Source, time: int, signal: str, sequence: int, value: Any, quality: int, now: int
    ) -> None:
        key = (signal, time, sequence)
        behind = source.watermark is not None and time < source.watermark
        if source.ahead is not None and time > now + source.ahead:
            source.counts["quarantined"] += 1
        elif key in source.known:
            source.counts["duplicate"] += 1
            source.counts["contradicting"] += not _same(source.known[key], value)
        elif behind and source.watermark is not None and time < source.watermark - source.history:
            source.counts["late"] += 1
        else:
            source.known[key] = value
            source.arrivals += 1
            if behind:
                source.counts["history_only"] += 1
                return
            source.waiting.append((time, signal, sequence, source.arrivals, value, quality))
            source.newest = time if source.newest is None else max(source.newest, time)
            moved = source.newest - source.lateness
            source.watermark = moved if source.watermark is None else max(source.watermark, moved)

    def _apply(self, time: int, signal: str, sequence: int, _: int, value: Any, quality: int) -> None:
        slot = self.state[signal]
        if (time, sequence) < (slot.time, slot.sequence):
            return
        slot.time, slot.sequence, slot.quality = time, sequence, quality
        if quality < BAD_FROM:
            slot.value = value

    # three ways of writing

    def _loop(self, source: Source, line: bytes) -> list[Any]:
        row = _object(line)
        time = row.get("t")
        if type(time) is not int:
            raise Refused
        sequence = row.get("n")
        if type(sequence) is not int:
            raise Refused
        quality = _quality(row.get("q"))
        signal = {"T": "loop.t", "P": "loop.p", "N": "loop.n"}.get(row.get("tag", ""))
        if signal is None:
            if type(row.get("tag")) is not str:
                raise Refused
            source.counts["unmapped"] += 1
            return []
        if quality >= BAD_FROM:
            return [(time * 10**6, signal, sequence, None, quality)]
        raw = row.get("v")
        if raw is None:
            source.counts["blank"] += 1
            return []
        return [(time * 10**6, signal, sequence, _loop_value(signal, raw, row.get("u")), quality)]

    def _table(self, source: Source, line: bytes) -> list[Any]:
        try:
            cells = [cell.strip() for cell in line.decode().split(",")]
        except UnicodeDecodeError:
            raise Refused from None
        if source.header is None:
            source.header = cells
            return []
        if cells == source.header:
            return []
        if len(cells) < 4 or any(cells[4:]):
            raise Refused
        try:
            moment = datetime.fromisoformat(cells[0])
        except ValueError:
            raise Refused from None
        if moment.tzinfo is None:
            raise Refused
        time = round(Fraction(Decimal(f"{(moment.timestamp()):.6f}")) * NS)
        out = []
        for signal, cell in zip(("table.speed", "table.count", "table.on"), cells[1:4], strict=True):
            if cell in ("", "-"):
                source.counts["blank"] += 1
            else:
                out.append((time, signal, 0, _table_value(signal, cell), 0))
        return out

    def _rig(self, source: Source, line: bytes) -> list[Any]:
        row = _object(line)
        try:
            time = int(Decimal(str(row.get("s"))) * NS) + EPOCH_2026
        except InvalidOperation:
            raise Refused from None
        out: list[Any] = []
        for signal, key in (
            ("rig.at", "at"),
            ("rig.turn", "turn"),
            ("rig.mode", "mode"),
            ("rig.note", "note"),
        ):
            raw = row.get(key)
            if raw is None:
                source.counts["blank"] += 1
            else:
                out.append((time, signal, 0, _rig_value(signal, raw), 0))
        return out

    # the hash

    def digest(self) -> str:
        """SHA-256 of ids and types, then columns: numbers, times, qualities, whole numbers, vectors by type, texts."""
        state = self.state
        hasher = hashlib.sha256("\n".join(f"{name} {kind}" for name, (kind, _) in SIGNALS.items()).encode())
        numbers = [
            s.value if SIGNALS[n][0] in ("f64", "i64", "bool", "enum") else None for n, s in state.items()
        ]
        quiet = struct.pack("<Q", 0x7FF8000000000000)
        hasher.update(b"".join(quiet if n is None else struct.pack("<d", float(n)) for n in numbers))
        hasher.update(b"".join(struct.pack("<q", s.time) for s in state.values()))
        hasher.update(b"".join(struct.pack("<I", s.quality) for s in state.values()))
        whole = [s.value or 0 for n, s in state.items() if SIGNALS[n][0] == "i64"]
        hasher.update(struct.pack(f"<{len(whole)}q", *whole))
        hasher.update(struct.pack("<4d", *(state["rig.turn"].value or (1.0, 0.0, 0.0, 0.0))))
        hasher.update(struct.pack("<3d", *(state["rig.at"].value or (0.0, 0.0, 0.0))))
        mode = state["rig.mode"].value
        hasher.update(repr(None if mode is None else MODES[mode]).encode())
        hasher.update(repr(state["rig.note"].value).encode())
        return hasher.hexdigest()


def _same(first: Any, again: Any) -> bool:
    """Whether two values say the same; floats but for what a conversion of units may leave."""
    if type(first) is float and type(again) is float:
        return abs(first - again) <= 1e-9 * max(abs(first), abs(again))
    return bool(first == again)


def _object(line: bytes) -> dict[str, Any]:
    try:
        row = json.loads(line.decode(), parse_constant=_no_constant)
    except (UnicodeDecodeError, ValueError):
        raise Refused from None
    if type(row) is not dict:
        raise Refused
    return row


def _no_constant(word: str) -> None:
    raise ValueError(f"{word} is no JSON")


def _quality(raw: Any) -> int:
    if raw is None:
        return 0
    names = {"good": 0, "uncertain": 0x40000000, "bad": 0x80000000}
    if raw in names:
        return names[raw]
    if type(raw) is int and 0 <= raw < 1 << 32 and (raw == 0 or raw >> 16):
        return raw
    raise Refused


def _loop_value(signal: str, raw: Any, unit: Any) -> Any:
    if signal == "loop.n":
        if unit not in ("1",):
            return Refused
        return raw if type(raw) is int else Refused
    if unit not in UNITS[signal] or type(raw) not in (int, float):
        return Refused
    scale, offset = UNITS[signal][unit]
    own_scale, own_offset = UNITS[signal][OWN[signal]]
    low, high = RANGES[signal]
    exact = (Fraction(raw) * scale + offset - own_offset) / own_scale
    if not low - Fraction(1, 10**9) <= exact <= high + Fraction(1, 10**9):
        return Refused
    return float(raw) * float(scale) + float(offset)


def _table_value(signal: str, cell: str) -> Any:
    if signal == "table.on":
        return {"1": 1, "0": 0, "true": 1, "false": 0}.get(cell.lower(), Refused)
    try:
        value = float(cell) if signal == "table.speed" else int(cell)
    except ValueError:
        return Refused
    return value if value - value == 0 else Refused


def _rig_value(signal: str, raw: Any) -> Any:
    if signal == "rig.note":
        return raw if type(raw) is str else Refused
    if signal == "rig.mode":
        return MODES.index(raw) if raw in MODES else Refused
    wanted = 3 if signal == "rig.at" else 4
    if type(raw) is not list or len(raw) != wanted or any(type(x) not in (int, float) for x in raw):
        return Refused
    values = tuple(float(x) for x in raw)
    if signal == "rig.at":
        return values
    x, y, z, w = values  # written xyzw, kept wxyz of length 1
    length = math.sqrt(math.fsum(v * v for v in values))  # of rounded squares: the hash counts the last bit
    if not 0.5 <= length <= 2:
        return Refused
    return (w / length, x / length, y / length, z / length)
