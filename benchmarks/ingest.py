"""Telemetry, from readings to a state that survives: in batches, one at a time, for long.

batch_events_per_second_core_durable: batches of arrays (readings of 1,000 signals in Fahrenheit) through units, ranges,
duplicates, order and the state, into the hot log, each batch committed to the disk; per second of one core's processor time.
`..._not_durable`: the same without the log. `jsonl_...`: the same readings as JSON lines, with the log.
The peer does the same work with pandas (arrays) and with pydantic and pandas (lines): units by column, ranges, duplicates
against the last 100,000 rows, sorted by time, the last of each signal as the state, all rows appended to SQLite.
event_to_state_p50, _p99: a producer in a process of its own sends JSON lines over TCP, 5,000 readings a second; from an
event's own stamp to the tick that has it in the state, ticks 60 times a second.
memory_slope: resident memory of a process that takes 20,000 readings a second into the log, when its memory has filled; least
  squares, median of five.
seek_10m_rows_p95: the state at a random moment of ten million rows that lie in Parquet; `..._hot_p95`: in the hot log.
"""

import argparse
import asyncio
import json
import os
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
import numpy as np
from _common import figure
from _seek import bench_seek

SIGNALS, START_NS = 1000, 1_800_000_000_000_000_000
PEER = "pandas/pydantic pipeline"


@dataclass(frozen=True)
class Form:
    """How long to take: the quick form has the same figures."""

    batches: int = 100
    batch: int = 10_000
    samples: int = 5
    latency_s: float = 60.0
    memory_s: float = 600.0


QUICK = replace(Form(), batches=30, samples=3, latency_s=8.0, memory_s=60.0)


def contract(uri: str = "memory:plant", lateness: float = 0.5) -> Any:
    """1,000 signals of one source."""
    from twinstage.telemetry.contract import parse_contract

    reader = "reader: {format: jsonl, layout: long, time: {field: t, unit: ns}, name: tag, value: v}"
    signals = "\n".join(
        f'  - {{id: s{k}, source: plant, field: s{k}, unit: "[degF]", range: [-100, 300]}}'
        for k in range(SIGNALS)
    )
    head = f'contract: 1\nsources:\n  plant: {{uri: "{uri}", lateness: {lateness}, {reader}}}\nsignals:\n'
    return parse_contract(head + signals)


def readings(form: Form) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Batches of signal, event time and value [degF], in order of arrival."""
    rng = np.random.default_rng(7)
    signal = np.tile(np.arange(SIGNALS, dtype=np.uint32), form.batch // SIGNALS)
    for k in range(form.batches):
        time_ns = START_NS + (np.arange(form.batch) + k * form.batch) * 1000
        yield signal, time_ns, rng.uniform(0, 100, form.batch)


def lines(form: Form) -> list[bytes]:
    """The same as JSON lines."""
    out = []
    for signal, time_ns, value in readings(form):
        rows = zip(time_ns.tolist(), signal.tolist(), value.tolist(), strict=True)
        out.append(b"".join(b'{"t": %d, "tag": "s%d", "v": %.6f}\n' % row for row in rows))
    return out


def per_second(run: Callable[[Path], None], form: Form) -> list[float]:
    """Readings a second of processor time, run after run, each with a file of its own."""
    out = []
    for _ in range(form.samples):
        with tempfile.TemporaryDirectory() as folder:
            start = time.process_time()
            run(Path(folder) / "log.db")
            out.append(form.batches * form.batch / (time.process_time() - start))
    return out


# ------------------------------------------------------------------------------------------ ours


def ours(form: Form, *, durable: bool) -> Callable[[Path], None]:
    """Arrays, each batch offered, applied, committed."""
    from twinstage.telemetry.history.hotlog import HotLog
    from twinstage.telemetry.ingest import Ingest
    from twinstage.telemetry.numbers import ColumnBatch

    made, batches = contract(), [ColumnBatch(*each) for each in readings(form)]

    def run(path: Path) -> None:
        ingest = Ingest(made, journal=HotLog(path, made) if durable else None)
        for batch in batches:
            ingest.offer_columns("plant", batch, START_NS)
            ingest.advance(START_NS)
            ingest.commit()

    return run


def ours_from_lines(form: Form) -> Callable[[Path], None]:
    """JSON lines, with the log."""
    from twinstage.telemetry.history.hotlog import HotLog
    from twinstage.telemetry.ingest import Ingest

    made, chunks = contract(), lines(form)

    def run(path: Path) -> None:
        ingest = Ingest(made, journal=HotLog(path, made))
        for chunk in chunks:
            ingest.offer("plant", chunk, START_NS)
            ingest.advance(START_NS)
            ingest.commit()

    return run


# ------------------------------------------------------------------------------------------ the peer


class Pandas:
    """What a careful data engineer writes."""

    def __init__(self, path: Path) -> None:
        import pandas as pd

        self._pd = pd
        self._db = sqlite3.connect(path)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self.state: dict[Any, tuple[int, float]] = {}
        self._recent: Any = None

    def take(self, frame: Any) -> None:
        """Columns signal, time, value [degF] of a batch."""
        pd = self._pd
        frame = frame[(frame.value >= -100) & (frame.value <= 300)]
        frame = frame.drop_duplicates(["signal", "time"])
        if self._recent is not None:
            key = ["signal", "time"]
            known = (
                frame.merge(self._recent, on=key, how="left", indicator=True)["_merge"].to_numpy() == "both"
            )
            frame = frame[~known]
        self._recent = pd.concat([self._recent, frame[["signal", "time"]]]).tail(100_000)
        frame = frame.assign(value=(frame.value + 459.67) * 5 / 9).sort_values("time", kind="stable")
        last = frame.groupby("signal").last()
        self.state.update(zip(last.index, zip(last.time, last.value, strict=True), strict=True))
        frame.to_sql("events", self._db, if_exists="append", index=False)
        self._db.commit()


def peer(form: Form) -> Callable[[Path], None]:
    """Arrays through pandas."""
    import pandas as pd

    batches = list(readings(form))

    def run(path: Path) -> None:
        pipeline = Pandas(path)
        for signal, time_ns, value in batches:
            pipeline.take(pd.DataFrame({"signal": signal, "time": time_ns, "value": value}))

    return run


def peer_from_lines(form: Form) -> Callable[[Path], None]:
    """Lines through pydantic, then pandas."""
    import pandas as pd
    from pydantic import BaseModel, ConfigDict

    class Event(BaseModel):
        model_config = ConfigDict(extra="forbid")
        t: int
        tag: str
        v: float

    chunks = lines(form)

    def run(path: Path) -> None:
        pipeline = Pandas(path)
        for chunk in chunks:
            events = [Event.model_validate_json(line) for line in chunk.splitlines()]
            columns = {
                "signal": [e.tag for e in events],
                "time": [e.t for e in events],
                "value": [e.v for e in events],
            }
            pipeline.take(pd.DataFrame(columns))

    return run


def bench_batches(form: Form) -> None:
    """With and without the log, arrays and lines, each beside the peer."""
    few = replace(form, batches=max(3, form.batches // 10))
    conditions = f"batches of {form.batch:,}, {SIGNALS:,} signals, per second of one core's processor time"
    for name, run, other in (
        ("ingest.batch_events_per_second_core_durable", ours(form, durable=True), peer(few)),
        ("ingest.jsonl_events_per_second_core_durable", ours_from_lines(form), peer_from_lines(few)),
    ):
        found, beside = per_second(run, form), per_second(other, few)
        ratios = [a / b for a, b in zip(found, beside, strict=True)]
        more = {
            "peer": PEER,
            "peer_value": float(np.median(beside)),
            "ratio": round(float(np.median(ratios)), 2),
        }
        figure(name, found, "1/s", f"{conditions}; every batch committed to the disk", **more)
    found = per_second(ours(form, durable=False), form)
    figure("ingest.batch_events_per_second_core_not_durable", found, "1/s", f"{conditions}; no log")


# ------------------------------------------------------------------------------------------ latency

PRODUCER = """
import socket, sys, time
port, seconds, rate = int(sys.argv[1]), float(sys.argv[2]), 5000
sock = socket.create_connection(("127.0.0.1", port))
start, sent = time.perf_counter(), 0
while (elapsed := time.perf_counter() - start) < seconds:
    due = int(elapsed * rate)
    rows = [b'{"t": %d, "tag": "s%d", "v": 50.0}\\n' % (time.time_ns() + k, k % 1000) for k in range(sent, due)]
    if rows:
        sock.sendall(b"".join(rows))
        sent = due
    time.sleep(0.001)
sock.close()
"""


async def latencies(form: Form) -> list[float]:
    """Milliseconds from stamp to state, of what every tick applied."""
    from twinstage.base.clock import SystemClock
    from twinstage.telemetry.ingest import Ingest
    from twinstage.telemetry.pump import pump
    from twinstage.telemetry.reading import Reading

    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = int(probe.getsockname()[1])
    made, found = contract(f"tcp://127.0.0.1:{port}", 0.0), list[float]()

    def applied(readings: list[Reading]) -> None:
        now = time.time_ns()
        found.extend((now - reading.source_timestamp) / 1e6 for reading in readings)

    ingest, stop = Ingest(made, on_applied=applied), asyncio.Event()
    clock = SystemClock()
    feeding = asyncio.create_task(
        pump(made, ingest, base_dir=Path(), clock=clock, seed=0, speed=1.0, stop=stop)
    )
    await asyncio.sleep(0.3)
    producer = subprocess.Popen([sys.executable, "-c", PRODUCER, str(port), str(form.latency_s)])
    due = time.perf_counter()
    while producer.poll() is None:
        ingest.advance(clock.now_ns())
        due += 1 / 60
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
    stop.set()
    await feeding
    return found


def bench_latency(form: Form) -> None:
    """Three runs."""
    runs = [np.array(asyncio.run(latencies(form))) for _ in range(3)]
    conditions = f"JSON lines over TCP, 5,000 readings/s for {form.latency_s:g} s, ticks at 60 Hz, three runs"
    for share in (50, 99):
        values = [float(np.percentile(run[len(run) // 10 :], share)) for run in runs]
        figure(f"ingest.event_to_state_p{share}", values, "ms", conditions)


# ------------------------------------------------------------------------------------------ memory


WARM_UP = 600
"""Batches before memory is looked at: then the memory for duplicates (262,144 keys) and the write-ahead log are as large as
they get, however slow the machine."""


def memory_child(seconds: float) -> list[tuple[float, float]]:
    """Seconds and resident memory [MB] while 20,000 readings a second go into the log.

    What is measured lies in one array from the start: a list of it would grow by about 5 MB an hour and be what is found.
    """
    from twinstage.telemetry.history.hotlog import HotLog
    from twinstage.telemetry.ingest import Ingest
    from twinstage.telemetry.numbers import ColumnBatch

    made, found = contract(), np.full((int(seconds * 20), 2), -1.0)
    signal = np.arange(SIGNALS, dtype=np.uint32)
    with tempfile.TemporaryDirectory() as folder:
        ingest = Ingest(made, journal=HotLog(Path(folder) / "log.db", made))
        for k in range(-WARM_UP, len(found)):
            if k <= 0:
                start = time.perf_counter()
            time_ns = START_NS + (WARM_UP + k) * 50_000_000 + np.arange(SIGNALS)
            ingest.offer_columns("plant", ColumnBatch(signal, time_ns, np.full(SIGNALS, 50.0)), START_NS)
            ingest.advance(START_NS)
            ingest.commit()
            if k >= 0:
                found[k] = time.perf_counter() - start, _resident_mb()
                time.sleep(max(0.0, (k + 1) / 20 - (time.perf_counter() - start)))
    return [(float(seconds), float(memory)) for seconds, memory in found]


def _resident_mb() -> float:
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def bench_memory(form: Form) -> None:
    """Slopes of five runs at once: one page that the allocator takes in the midst of one of them is not the figure."""
    command = [sys.executable, __file__, "--memory", str(form.memory_s)]
    runs = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(5)]
    slopes = []
    for run in runs:
        out, _ = run.communicate()
        if run.returncode:
            sys.exit("a run of the memory figure failed")
        times, memory = np.array(json.loads(out)).T
        slopes.append(3600 * float(np.polyfit(times, memory, 1)[0]))
    conditions = f"20,000 readings/s into the log for {form.memory_s:g} s after {WARM_UP * SIGNALS:,}, five runs at once"
    figure("ingest.memory_slope", slopes, "MB/h", conditions)


def bench_seeks(form: Form) -> None:
    """See `_seek`; the quick form is the same, for it is the size that is asked about."""
    bench_seek(contract(), START_NS, SIGNALS)


PARTS = {"batches": bench_batches, "latency": bench_latency, "memory": bench_memory, "seek": bench_seeks}


def main() -> None:
    """All figures of this file."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="fewer readings, the same figures")
    parser.add_argument("--only", default=" ".join(PARTS), help=f"parts by name: {' '.join(PARTS)}")
    parser.add_argument("--memory", type=float, metavar="SECONDS", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.memory:
        print(json.dumps(memory_child(options.memory)))
        return
    for name in options.only.split():
        PARTS[name](QUICK if options.quick else Form())


if __name__ == "__main__":
    main()
