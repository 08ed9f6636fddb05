"""A plant for tests of the history: a contract of several types, and an ingest that lived for a while."""

import random
from pathlib import Path

from twinstage.telemetry.contract import Contract, parse_contract
from twinstage.telemetry.history.hotlog import DATABASE
from twinstage.telemetry.history.recorder import Recorder, open_recorder
from twinstage.telemetry.ingest import Ingest

MS = 1_000_000
S = 1_000_000_000
T0 = 1_790_000_000 * S
CONTRACT = """
contract: 1
sources:
  a: {uri: "memory:a", lateness: 0.5, reader: {format: jsonl, layout: long, time: {field: t, unit: ns}, name: tag, value: v}}
  b: {uri: "memory:b", lateness: 0.1, reader: {format: jsonl, layout: long, time: {field: t, unit: ns}, name: tag, value: v}}
signals:
  - {id: oven.x, source: a, field: x, unit: mm}
  - {id: oven.count, source: a, field: n, type: i64}
  - {id: oven.note, source: a, field: s, type: string}
  - {id: door.open, source: b, field: door, type: bool}
  - {id: axis, source: b, field: axis, type: "vec[3]", unit: m}
derived:
  - {id: twice, expr: "oven.x * 2", unit: m}
"""
VALUES = {
    "x": lambda rng: f"{rng.uniform(-9, 9):.3f}",
    "n": lambda rng: str(rng.randrange(1 << 60)),
    "s": lambda rng: f'"note {rng.randrange(9)}"',
    "door": lambda rng: rng.choice(["true", "false"]),
    "axis": lambda rng: f"[{rng.random()}, {rng.random()}, 1]",
}
TAGS = {"a": ["x", "n", "s"], "b": ["door", "axis"]}


def contract(text: str = CONTRACT) -> Contract:
    return parse_contract(text)


def live(
    folder: Path, seconds: float, *, seed: int = 0, start_s: float = 0.0, on_tick=None
) -> tuple[Ingest, Recorder]:
    """A run of 20 ticks a second with disorder and late readings; returned open."""
    made = contract()
    ingest = Ingest(made)
    recorder = open_recorder(folder, ingest)
    rng = random.Random(seed)
    for tick in range(round(start_s * 20), round((start_s + seconds) * 20)):
        now = T0 + tick * 50 * MS
        for source, tags in TAGS.items():
            lines = []
            for _ in range(rng.randrange(4)):
                tag = rng.choice(tags)
                age = rng.choice([0.0, 0.05, 0.3, 2.0] if source == "a" else [0.0, 0.05])
                time = now - round(age * S) + rng.randrange(MS)
                lines.append(f'{{"t": {time}, "tag": "{tag}", "v": {VALUES[tag](rng)}}}\n')
            ingest.offer(source, "".join(lines).encode(), now)
        recorder.after_advance(ingest.advance(now))
        if on_tick is not None:
            on_tick(tick, now, ingest, recorder)
    recorder.commit()
    return ingest, recorder


def path(folder: Path) -> Path:
    return folder / DATABASE
