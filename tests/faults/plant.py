"""Three sources and everything that goes wrong with them, from a seed: bytes and moments, and nothing of `twinstage`."""

import json
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

NS = 10**9
START = datetime(2026, 1, 1, tzinfo=UTC)
START_NS = 1_767_225_600 * NS

CONTRACT = """
contract: 1
sources:
  loop:
    uri: "memory:loop"
    lateness: 5
    history: 20
    idle_after: 30
    max_ahead: 60
    max_line: 400
    reader:
      format: jsonl
      layout: long
      time: {field: t, unit: ms}
      name: tag
      value: v
      sequence: n
      quality: q
      unit: u
      units: {degC: Cel, degF: "[degF]", bar: bar, psi: "[psi]"}
  table:
    uri: "memory:table"
    lateness: 2
    idle_after: 30
    max_line: 400
    reader: {format: csv, comment: "#", missing: ["", "-"], time: {column: time, unit: iso8601}}
  rig:
    uri: "memory:rig"
    lateness: 0
    history: 10
    idle_after: 30
    max_line: 400
    reader: {format: jsonl, time: {field: s, epoch: relative}}
    clock: {epoch: "2026-01-01T00:00:00Z"}
signals:
  - {id: loop.t, source: loop, field: T, unit: Cel, range: [-20, 120]}
  - {id: loop.p, source: loop, field: P, unit: bar, range: [0, 16]}
  - {id: loop.n, source: loop, field: N, type: i64}
  - {id: table.speed, source: table, field: speed, unit: m/s}
  - {id: table.count, source: table, field: count, type: i64}
  - {id: table.on, source: table, field: on, type: bool}
  - {id: rig.at, source: rig, field: at, type: "vec[3]", unit: m}
  - {id: rig.turn, source: rig, field: turn, type: quat, order: xyzw}
  - {id: rig.mode, source: rig, field: mode, type: enum, values: [IDLE, RUN, FAULT]}
  - {id: rig.note, source: rig, field: note, type: string}
"""

FAULTS = (
    "reorder", "duplicate", "contradict", "loss", "late", "too_late", "skew", "jump", "nan", "unit", "schema", "garbage",
    "quality", "silence", "tie", "split",
)  # fmt: skip
Row = tuple[float, bytes]
"""(when it arrives [s from the start], the line)."""


class Plant:
    """What arrives when. `faults`: those that happen; without any, clean data in order."""

    def __init__(self, seed: int, faults: frozenset[str] = frozenset(FAULTS), seconds: int = 120) -> None:
        self.draw = random.Random(seed)
        self.faults = faults
        self.seconds = seconds

    def script(self) -> list[tuple[str, str, bytes, int]]:
        """Steps in order: ("offer", source, bytes, now), ("advance", "", b"", now), ("finish", source, b"", now)."""
        steps: list[tuple[float, str, str, bytes]] = []
        makers: dict[str, Callable[[], list[Row]]] = {
            "loop": self._loop,
            "table": self._table,
            "rig": self._rig,
        }
        for source, make in makers.items():
            rows = sorted(self._disturbed(source, make()))
            head = [(-1.0, b"time,speed,count,on")] if source == "table" else []
            steps += [(s, "offer", source, line + b"\n") for s, line in head + rows]
        steps.sort(key=lambda step: step[0])
        if "split" in self.faults:
            steps = self._split(steps)
        out: list[tuple[str, str, bytes, int]] = []
        for s, verb, source, data in steps:
            now = START_NS + round(s * NS)
            out.append((verb, source, data, now))
            if self.draw.random() < 0.05:
                out.append(("advance", "", b"", now))
        end = START_NS + (self.seconds + 200) * NS
        out += [("finish", source, b"", end) for source in makers]
        return [*out, ("advance", "", b"", end)]

    def _on(self, fault: str, chance: float) -> bool:
        return fault in self.faults and self.draw.random() < chance

    # what is measured

    def _loop(self) -> list[Row]:
        rows, draw = [], self.draw
        skew = draw.uniform(-1, 1) if "skew" in self.faults else 0.0
        drift = draw.choice([0.0, skew / 600])
        for k in range(self.seconds * 4):
            s = k / 4
            tag = draw.choice("TPN")
            told = s + skew + drift * s
            if "jump" in self.faults and 40 <= s < 44:
                told += 3600
            if "jump" in self.faults and 80 <= s < 82:
                told -= 12
            row: dict[str, Any] = {"t": START_NS // 10**6 + round(told * 1000), "tag": tag, "n": k}
            row |= self._loop_value(tag)
            if self._on("quality", 0.05):
                row["q"] = draw.choice(
                    [0x40000000, 0x80000000, 0x808B0000, "bad", "uncertain", "good", 7, "perhaps", 1.5]
                )
            rows.append((s, self._broken(row, {"v": "value", "t": "time", "n": "seq", "tag": "name"})))
            if self._on(
                "tie", 0.1
            ):  # of one moment, by another number, when the watermark may have come as far
                twin = row | self._loop_value(tag) | {"n": k + draw.choice([-1000, 1000])}
                rows.append((s + draw.choice([0.0, 5.0, 5.25]), json.dumps(twin).encode()))
        return rows

    def _loop_value(self, tag: str) -> dict[str, Any]:
        draw = self.draw
        if tag == "N":
            return {"v": draw.choice([draw.randrange(10**12), -5, 0]), "u": "1"}
        low, high, unit = (-20.0, 120.0, "degC") if tag == "T" else (0.0, 16.0, "bar")
        value = draw.uniform(low, high)
        if self._on("unit", 0.3):
            unit = draw.choice(["degF", "psi", "degC", "bar", "", "kPa?"])
            value = {"degF": value * 1.8 + 32, "psi": value / 0.0689475729}.get(unit, value)
        if self._on("unit", 0.05):
            value *= 6.894757  # another unit's number under this unit's name
        return {"v": round(value, 3), "u": unit}

    def _table(self) -> list[Row]:
        rows, draw = [], self.draw
        for k in range(self.seconds * 2):
            s = k / 2
            moment = START + timedelta(seconds=s, milliseconds=draw.randrange(100))
            time = moment.isoformat() if k % 3 else moment.astimezone().isoformat()
            cells = [
                time,
                f"{draw.uniform(-3, 3):.4f}",
                str(draw.randrange(1000)),
                draw.choice(["1", "0", "true", "false"]),
            ]
            if self._on("nan", 0.05):
                cells[draw.randrange(1, 3)] = draw.choice(["nan", "inf", "-inf", "NaN", "-", ""])
            if self._on("schema", 0.05):
                draw.choice([
                    lambda c: c.pop(), lambda c: c.append("more"), lambda c: c.append(""), lambda c: c.__setitem__(2, "1.5"),
                    lambda c: c.__setitem__(0, c[0][:19]), lambda c: c.__setitem__(0, "soon"),
                    lambda c: c.__setitem__(3, "maybe"),
                ])(cells)  # fmt: skip
            rows.append((s, ",".join(cells).encode()))
            if self._on("schema", 0.01):
                rows.append((s, draw.choice([b"time,speed,count,on", b"# a comment", b"", b"  "])))
        return rows

    def _rig(self) -> list[Row]:
        rows, draw = [], self.draw
        for k in range(self.seconds):
            turn = [draw.gauss(0, 1) for _ in range(4)]
            length = sum(x * x for x in turn) ** 0.5
            row: dict[str, Any] = {
                "s": round(k + draw.random() / 2, 4),
                "at": [round(draw.uniform(-9, 9), 3) for _ in range(3)],
                "turn": [round(x / length, 6) for x in turn],
                "mode": draw.choice(["IDLE", "RUN", "FAULT"]),
                "note": draw.choice(["", "ok", "Wärme", "x" * 40]),
            }
            if self._on("nan", 0.05):
                row["at"][draw.randrange(3)] = draw.choice([None, "nan", True])
            if self._on("schema", 0.1):
                key = draw.choice(["at", "turn", "mode", "note", "s"])
                row[key] = (
                    draw.choice([None, 5, "WARP", [1.0, 2.0], {"x": 1}, [0.0] * 4, [0, 0, 0, 9.0]])
                    if key != "s"
                    else "now"
                )
            rows.append((float(k), self._broken(row, {"at": "position", "s": "time"})))
        return rows

    # what goes wrong on the way

    def _broken(self, row: dict[str, Any], renamed: dict[str, str]) -> bytes:
        if self._on("schema", 0.03):
            old, new = self.draw.choice(sorted(renamed.items()))
            row = {new if key == old else key: value for key, value in row.items()}
        if self._on("schema", 0.02) and "v" in row:
            row = row | {"v": self.draw.choice([str(row["v"]), None, True, [1], "NaN"])}
        return json.dumps(row).encode()

    def _disturbed(self, source: str, rows: list[Row]) -> list[Row]:
        draw, out = self.draw, []
        lateness, history = {"loop": (5, 20), "table": (2, 30), "rig": (0, 10)}[source]
        for s, line in rows:
            if self._on("loss", 0.03) or ("silence" in self.faults and 50 <= s < 95 and source != "table"):
                continue
            due = s + (draw.uniform(0, 0.9 * lateness) if "reorder" in self.faults else 0)
            if self._on("late", 0.02):
                due = s + lateness + draw.uniform(0, history)
            if self._on("too_late", 0.02):
                due = s + lateness + history + draw.uniform(1, 20)
            out.append((due, self._noise(line)))
            if self._on("duplicate", 0.05):
                out.append((due + draw.uniform(0, 15), line))
            if self._on("contradict", 0.02):
                out.append((due + draw.uniform(0, 3), line.replace(b"1", b"2")))
        return out

    def _noise(self, line: bytes) -> bytes:
        if not self._on("garbage", 0.02):
            return line
        draw = self.draw
        return draw.choice([
            line[: len(line) // 2], b"\xff\xfe" + line, line + b" " * 500, b"null", b"[1, 2]", b"{}", line + b"\r", b"}{",
            line.replace(b":", b"::", 1), b"\x00\x01\x02",
        ])  # fmt: skip

    def _split(self, steps: list[tuple[float, str, str, bytes]]) -> list[tuple[float, str, str, bytes]]:
        """The same bytes in other pieces: lines cut anywhere, or many in one."""
        out: list[tuple[float, str, str, bytes]] = []
        held: dict[str, bytes] = {}
        for s, verb, source, data in steps:
            data = held.pop(source, b"") + data
            if self.draw.random() < 0.3:
                held[source] = data
            elif self.draw.random() < 0.3:
                at = self.draw.randrange(len(data))
                out.append((s, verb, source, data[:at]))
                held[source] = data[at:]
            else:
                out.append((s, verb, source, data))
        last = steps[-1][0]
        return out + [(last, "offer", source, data) for source, data in held.items()]
