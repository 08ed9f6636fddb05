"""What each controller writes: its own rate, time stamps, units and format.

robot   50 Hz  JSONL, one wide record: t (ms), j1..j6 (deg), jaw (mm), grip (0 or 1), seq
plc     20 Hz  JSONL, one tag a line: t (ms), tag, v, q (OPC UA StatusCode); mm, m/min, A, degC, bool
fleet   10 Hz  JSONL, one record a vehicle: ts (ISO-8601, UTC), id, x, y (mm), heading (deg), speed (m/s), battery (%)
tank     2 Hz  semicolons and decimal commas: ts; level (%); temperature (degC); quality in words
"""

import json
import math
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Protocol

from twinstage.sim.plant import belt, fleet, layout, process, robot
from twinstage.sim.plant.noise import normal
from twinstage.sim.plant.timing import NS, Habits, quality


class Stream(Protocol):
    """A controller: its name and habits, and the lines of one sample."""

    name: str
    habits: Habits
    lines_per_sample: int

    def lines(self, index: int, event_ns: int, t: float) -> Iterator[bytes]:
        """Lines of sample `index`, taken at `event_ns` (UTC), t seconds after the start."""
        ...


def _json(record: dict[str, object]) -> bytes:
    return json.dumps(record, separators=(",", ":")).encode() + b"\n"


def _iso(event_ns: int) -> str:
    seconds, rest = divmod(event_ns, NS)
    return f"{datetime.fromtimestamp(seconds, tz=UTC):%Y-%m-%dT%H:%M:%S}.{rest // 1_000_000:03d}Z"


class RobotStream:
    """The robot controller. Its encoders resolve a thousandth of a degree and waver by about as much."""

    name = "robot"
    habits = Habits(period=0.02)
    lines_per_sample = 1

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def lines(self, index: int, event_ns: int, t: float) -> Iterator[bytes]:
        now = robot.state(t)
        record: dict[str, object] = {"t": event_ns // 1_000_000}
        for joint, angle in enumerate(now.q, 1):
            noise = 0.0007 * normal(self._seed, f"robot.j{joint}", index)
            record[f"j{joint}"] = round(math.degrees(angle) + noise, 3) + 0.0
        record["jaw"] = round(now.jaw * 1000 + 0.02 * normal(self._seed, "robot.jaw", index), 2)
        yield _json(record | {"grip": int(now.closed), "seq": index})


class PlcStream:
    """The conveyor's PLC, read out tag by tag."""

    name = "plc"
    habits = Habits(period=0.05, bad=0.0004, uncertain=0.002)
    lines_per_sample = layout.PARCELS + 5

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._belt = belt.Belt(seed)

    def lines(self, index: int, event_ns: int, t: float) -> Iterator[bytes]:
        now = self._belt.state(t)
        tags: list[tuple[str, float | bool]] = [
            ("Belt.Position", round(now.way * 1000, 1)),
            ("Belt.Speed", round(60 * now.speed + 0.02 * self._noise("speed", index), 2)),
            ("Motor.Current", round(max(now.current + 0.06 * self._noise("current", index), 0.0), 2)),
            ("Motor.Temperature", round(now.temperature + 0.12 * self._noise("temperature", index), 1)),
            ("Motor.Fault", now.fault),
        ]
        for number in range(layout.PARCELS):
            position = belt.parcel_position(number, now.way) * 1000
            tags.append((f"Parcel{number + 1:02d}.Position", round(position, 1)))
        for place, (tag, value) in enumerate(tags):
            status = quality(self.habits, self._seed, "plc", index * self.lines_per_sample + place)
            wrong = bool(status & 0x80000000) and not isinstance(value, bool)
            yield _json({"t": event_ns // 1_000_000, "tag": tag, "v": 0.0 if wrong else value, "q": status})

    def _noise(self, name: str, index: int) -> float:
        return normal(self._seed, f"plc.{name}", index)


class FleetStream:
    """The fleet manager. Vehicles find themselves to about two millimetres."""

    name = "fleet"
    habits = Habits(period=0.1)
    lines_per_sample = len(layout.VEHICLES)

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def lines(self, index: int, event_ns: int, t: float) -> Iterator[bytes]:
        for number, name in enumerate(layout.VEHICLES):
            now = fleet.state(number, t)
            yield _json(
                {
                    "ts": _iso(event_ns),
                    "id": name,
                    "x": round(1000 * now.x + 1.2 * normal(self._seed, f"{name}.x", index), 1),
                    "y": round(1000 * now.y + 1.2 * normal(self._seed, f"{name}.y", index), 1),
                    "heading": round(
                        math.degrees(now.heading) + 0.05 * normal(self._seed, f"{name}.h", index), 2
                    ),
                    "speed": round(now.speed, 3),
                    "battery": round(now.battery, 1),
                }
            )


class TankStream:
    """The historian of the tank."""

    name = "tank"
    habits = Habits(period=0.5, delay=(0.01, 0.05), bad=0.002, uncertain=0.01)
    lines_per_sample = 1
    words = ("good", "uncertain", "bad")

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def lines(self, index: int, event_ns: int, t: float) -> Iterator[bytes]:
        now = process.state(t)
        level = now.level + 0.05 * normal(self._seed, "tank.level", index)
        temperature = now.temperature + 0.08 * normal(self._seed, "tank.temperature", index)
        word = self.words[quality(self.habits, self._seed, "tank", index) >> 30]
        numbers = f"{level:.2f};{temperature:.1f}".replace(".", ",")
        yield f"{_iso(event_ns)};{numbers};{word}\n".encode()


STREAMS: dict[str, type[RobotStream] | type[PlcStream] | type[FleetStream] | type[TankStream]] = {
    cls.name: cls for cls in (RobotStream, PlcStream, FleetStream, TankStream)
}
