"""Kill -9 against the history: a writer is killed at random points, and no event that it acknowledged may be missing.

    python scripts/soak_history.py                          # 1,000,000 events, 20 kills
    python scripts/soak_history.py --events 20000 --kills 3 # the short form, also in the tests

The writer offers a known stream, commits beside it, keeps checkpoints and compacts all the time, and prints how many events
are acknowledged. After each kill the history is opened again and the writer goes on where it ended. In the end every event
must be there exactly once with its value, and the state must be that of an ingest that was never killed.
"""

import argparse
import asyncio
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from twinstage.telemetry.contract import Contract, parse_contract
from twinstage.telemetry.history import archive, recorder
from twinstage.telemetry.history.query import History
from twinstage.telemetry.ingest import Ingest
from twinstage.telemetry.numbers import ColumnBatch

MS = 1_000_000
T0 = 1_790_000_000_000 * MS
BATCH = 500
PACE_S = 8e-6
"""About what a writer needs for an event [s], so that kills spread over all of them."""
SIGNALS = 7
CONTRACT = """
contract: 1
sources:
  a: {uri: "memory:a", lateness: 0.1, reader: {format: jsonl, layout: long, time: {field: t, unit: ns}, name: tag, value: v}}
signals:
""" + "".join(f"  - {{id: s{k}, source: a, field: f{k}}}\n" for k in range(SIGNALS))


def contract() -> Contract:
    return parse_contract(CONTRACT)


def batch(start: int) -> ColumnBatch:
    """Events start .. start + BATCH - 1, in a disorder that the lateness allows: event k is at k ms."""
    order = np.random.default_rng(start).permutation(50)
    number = (start + np.arange(BATCH)).reshape(-1, 50)[:, order].ravel()
    return ColumnBatch((number % SIGNALS).astype(np.uint32), T0 + number * MS, number * 0.5)


def feed(ingest: Ingest, start: int) -> int:
    """Offer one batch and apply what is due; returns how many readings were applied."""
    now = T0 + (start + BATCH) * MS
    ingest.offer_columns("a", batch(start), now)
    return ingest.advance(now)


async def write(folder: Path, events: int) -> None:
    """The writer: says what is acknowledged, until it is killed or done."""
    recorder.COMMIT_S, recorder.CHECKPOINT_S, recorder.COMPACT_S = 0.003, 0.05, 0.03
    recorder.SNAPSHOT_READINGS = 5_000
    archive.PART, archive.KEEP_HOT = 3_000, 1_500
    ingest = Ingest(contract())
    kept = recorder.open_recorder(folder, ingest)
    stop = asyncio.Event()
    beside = asyncio.create_task(kept.run(stop))
    for start in range(ingest.counters["a"]["received"], events, BATCH):
        kept.after_advance(feed(ingest, start))
        await asyncio.sleep(0.0005)  # so that checkpoints and compaction find their moments
        if start % (4 * BATCH) == 0:
            await asyncio.to_thread(ingest.commit)
            print(start + BATCH, flush=True)
    stop.set()
    await beside
    kept.close()
    print(events, flush=True)


def written(folder: Path, events: int, kill_after_s: float | None) -> tuple[int, bool]:
    """Run the writer and kill it that long after its first word; returns what it acknowledged, and whether it was done."""
    command = [sys.executable, __file__, "--child", str(folder), "--events", str(events)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        first = child.stdout.readline()
        if kill_after_s is not None:
            time.sleep(kill_after_s)
            os.kill(child.pid, signal.SIGKILL)
        lines = [first, *child.stdout.read().splitlines()]
    done = [int(line) for line in lines if line.strip()]
    if not done and child.returncode not in (0, -signal.SIGKILL):
        raise SystemExit(f"the writer failed with {child.returncode}")
    return max(done, default=0), bool(done) and done[-1] == events


def judge(folder: Path, events: int) -> None:
    """Every event once, with its value; the state of an ingest that was never killed."""
    with History(folder) as history:
        table = history.range([], 0, 1 << 62).sort_by("event_ns")
        number = (table["event_ns"].to_numpy() - T0) // MS
        assert len(number) == events and (number == np.arange(events)).all(), "events are missing or double"
        assert (table["value"].to_numpy() == number * 0.5).all(), "values are other ones"
        assert table["signal"].to_pylist()[: 3 * SIGNALS] == [f"s{k % SIGNALS}" for k in range(3 * SIGNALS)]
        end = T0 + (events - 1 - 100) * MS
        assert history.log.query("SELECT count(*) FROM parts")[0][0], (
            "nothing was archived, so this proves little"
        )
        seek = history.state_at(contract(), end).digest()
    clean, recovered = Ingest(contract()), Ingest(contract())
    for start in range(0, events, BATCH):
        feed(clean, start)
    recorder.open_recorder(folder, recovered).close()
    counts = recovered.counters["a"]
    parts = ("applied", "history_only", "late", "duplicate", "quarantined", "pending")
    assert counts["received"] == events == sum(counts[name] for name in parts), counts
    assert recovered.state.digest() == clean.state.digest() == seek, "the state is another one"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--child", type=Path)
    options = parser.parse_args()
    if options.child is not None:
        asyncio.run(write(options.child, options.events))
        return
    rng = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as name:
        folder, kills, done = Path(name) / "history", 0, False
        while not done:
            wait = (
                rng.uniform(0.0, options.events * PACE_S / options.kills) if kills < options.kills else None
            )
            acknowledged, done = written(folder, options.events, wait)
            kills += not done
            ingest = Ingest(contract())
            recorder.open_recorder(folder, ingest).close()
            received = ingest.counters["a"]["received"]
            print(f"kill {kills}: {acknowledged} acknowledged, {received} recovered", flush=True)
            assert received >= acknowledged, f"{acknowledged - received} acknowledged events are lost"
        judge(folder, options.events)
    print(f"{options.events} events, {kills} kills: nothing lost, nothing double, the same state")


if __name__ == "__main__":
    main()
