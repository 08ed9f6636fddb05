"""A live twin with a history under 20,000 readings a second for an hour: `make soak-live`.

    python scripts/soak_live.py                               # an hour
    python scripts/soak_live.py --minutes 2 --seconds 4       # two short 'minutes', as in the tests
    python scripts/soak_live.py --fresh                       # forget what is there and begin anew

`twinstage serve --history` runs in a process of its own, `_live_load` sends it what a plant sends, with its faults, and
clients follow it, good ones and bad ones (`_bad_clients`). Each minute one JSON line goes to out/soak/live.jsonl. Started
again before the end, it goes on: with the same history, whose twin must go on where it ended. In the end the server is
killed with kill -9, and the last line says what was found. Exit 1 where

 - the accounts are not exactly what was sent, or do not add up in any minute;
 - the history does not recover to the state hash that the live twin had, or lacks a reading;
 - memory grows by more than SLOPE_MB_H, judged only in a run of half an hour and more, without its first third;
 - the twin told its clients of fewer than 30 ticks a second (of the 40 that bring something) in half of the minutes, or
   fell behind what is sent by more than BEHIND_S: not with --busy, on a machine that others use.
"""

import argparse
import asyncio
import json
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "scripts"))
import _bad_clients as bad  # noqa: E402
import _live_load as load  # noqa: E402

SLOPE_MB_H = 5.0
LONG_S = 1800.0
TICKS = 30.0
BEHIND_S = 5.0
WAIT_S = 180.0
Row = dict[str, Any]

STAGE = """#usda 1.0
(
    defaultPrim = "Cell"
    metersPerUnit = 1
    upAxis = "Z"
)
def Xform "Cell"
{
BOXES}
"""
BOX = """    def Cube "BoxN"
    {
        double size = 0.1
        double3 xformOp:translate = (N, 0, 0)
        uniform token[] xformOpOrder = ["xformOp:translate"]
    }
"""


# ------------------------------------------------------------------------------------------ clients


@dataclass
class Seen:
    """What the clients of a minute saw. `lost`: how often one that should keep up lost the twin; `late`: ages of its ticks
    when they were applied [ms]; `did`: how often the bad ones came."""

    frames: int = 0
    lost: int = 0
    late: list[float] = field(default_factory=list)
    did: Counter[str] = field(default_factory=Counter)

    def late_ms(self, percent: float) -> float:
        """That percentile of the ages."""
        return round(float(np.percentile(self.late, percent)), 1) if self.late else 0.0


async def follower(url: str, seen: Seen) -> None:
    """A client that keeps up, and comes again where it loses the twin (a machine that is asleep for a while)."""
    from twinstage.base.errors import TwinstageError
    from twinstage.sync.client import connect

    while True:
        try:
            async with connect(url) as client:
                while True:
                    tick = await client.frame(timeout=30)
                    seen.frames += 1
                    seen.late.append((time.time_ns() - tick.tick_ns) / 1e6)
        except (TwinstageError, TimeoutError, OSError):
            seen.lost += 1
            await asyncio.sleep(1)


def misbehaving(client: Callable[[str, Counter[str]], Awaitable[None]]) -> "Client":
    """A bad client, counted."""
    return lambda url, seen: client(url, seen.did)


Client = Callable[[str, Seen], Awaitable[None]]
CLIENTS: tuple[Client, ...] = (*[follower] * 3, *map(misbehaving, bad.ALL))
"""Who is connected all the time, each until it is cancelled. Whatever the bad ones do (slow, silent, sending rubbish, cut
off), the judgement of the minute is the same."""


async def followed(url: str, seconds: float) -> Seen:
    """All clients for so long. One that fails ends the soak."""
    seen = Seen()
    tasks = [asyncio.ensure_future(client(url, seen)) for client in CLIENTS]
    try:
        done, _ = await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_EXCEPTION)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return seen


# ------------------------------------------------------------------------------------------ the server


class Server:
    """The twin in a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = _free_port()
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "cell.usda").write_text(
            STAGE.replace("BOXES", "".join(BOX.replace("N", str(k)) for k in range(load.BOUND)))
        )
        # Where the twin listens is no part of what its readings mean, yet it is of the contract: so the port stays.
        kept = folder / "port"
        if kept.exists():
            self.port = int(kept.read_text())
        kept.write_text(str(self.port))
        (folder / "contract.yaml").write_text(load.CONTRACT.replace("PORT", str(self.port)))
        (folder / "bindings.yaml").write_text(load.BINDINGS)
        command = [sys.executable, "-m", "twinstage", "serve", str(folder / "cell.usda")]
        command += ["--bindings", str(folder / "bindings.yaml"), "--history", str(folder / "history")]
        begun = time.perf_counter()
        self.child = subprocess.Popen([*command, "--port", "0"], stdout=subprocess.PIPE, text=True)
        assert self.child.stdout is not None
        line = next((line for line in self.child.stdout if line.startswith("serving ")), None)
        if line is None:
            raise SystemExit("the server did not start")
        self.url = line.split(" at ")[1].split()[0]
        self.start_s = time.perf_counter() - begun

    def status(self) -> dict[str, Any]:
        """What it says of itself."""
        with urllib.request.urlopen(f"{self.url}/api/status", timeout=120) as answer:
            return dict(json.load(answer))

    def counts(self) -> dict[str, int]:
        """The accounts of the plant."""
        return dict(self.status()["sources"]["plant"])

    def memory_mb(self) -> float:
        """Resident memory."""
        for line in Path(f"/proc/{self.child.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS"):
                return int(line.split()[1]) / 1024
        raise SystemExit("the server is gone")

    def cpu_s(self) -> float:
        """Processor time so far."""
        fields = Path(f"/proc/{self.child.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / 100

    def taken(self, least: int) -> dict[str, Any]:
        """Its status once it has that many readings: before, no one else may send, for that would be another order."""
        return self._status_when(lambda told: told["sources"]["plant"]["received"] >= least)

    def settled(self, least: int) -> dict[str, Any]:
        """The same, and none of them waits, and all are safe."""
        self.taken(least)
        return self._status_when(
            lambda told: not told["sources"]["plant"]["pending"] and not told["history"]["waiting"]
        )

    def _status_when(self, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        end = time.monotonic() + WAIT_S
        while True:
            told = self.status()
            if holds(told) or time.monotonic() > end:  # what is missing then, the accounts say
                return told
            time.sleep(0.05)

    def end(self, how: signal.Signals) -> None:
        """Stop it."""
        if self.child.poll() is None:
            self.child.send_signal(how)
        self.child.wait(60)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


# ------------------------------------------------------------------------------------------ minutes


@dataclass
class Run:
    """One start of this script. `first`: number of its first batch; `base`: what the history had by then."""

    server: Server
    seconds: float
    rate: int
    number: int
    base: dict[str, int]
    first: int
    last: int = field(init=False)

    def __post_init__(self) -> None:
        self.last = self.first

    def due(self) -> int:
        """Readings that the twin should have by now."""
        return self.base["received"] + load.expected(self.last - self.first, self.rate)["received"]

    def minute(self, number: int) -> Row:
        """Send and follow for one minute; memory is the median of what was seen in it."""
        command = [sys.executable, str(ROOT / "scripts" / "_live_load.py"), str(self.server.port)]
        command += [str(self.seconds), str(self.rate), str(self.last)]
        cpu, seq, memory = self.server.cpu_s(), self.server.status()["seq"], list[float]()
        begun = time.perf_counter()

        async def watched() -> Seen:
            async def look() -> None:
                while True:
                    memory.append(self.server.memory_mb())
                    await asyncio.sleep(min(1.0, self.seconds / 10))

            looking = asyncio.create_task(look())
            seen = await followed(self.server.url, max(0.1, self.seconds - (time.perf_counter() - begun)))
            looking.cancel()
            return seen

        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as sender:
            try:
                seen = asyncio.run(watched())
            except BaseException:
                sender.kill()
                raise
            out = sender.communicate(timeout=self.seconds + 120)[0]
        if sender.returncode:
            raise SystemExit("the sender failed")
        sent = json.loads(out)
        self.last = sent["last"]
        told, seconds = self.server.taken(self.due()), time.perf_counter() - begun
        counts = told["sources"]["plant"]
        return {
            "minute": number,
            "run": self.number,
            "seconds": round(seconds, 2),
            "rate": self.rate,
            "next": self.last,
            "memory_mb": round(float(np.median(memory)), 2),
            "cpu_s": round(self.server.cpu_s() - cpu, 2),
            "ticks_per_second": round((told["seq"] - seq) / seconds, 1),
            "frames": seen.frames,
            "lost": seen.lost,
            "late_ms": [seen.late_ms(50), seen.late_ms(99)],
            "bad": dict(seen.did),
            "behind_s": sent["behind_s"],
            "counts": counts,
            "balanced": counts["received"] == _sum(counts),
            "committed": told["history"]["committed"],
        }


def _sum(counts: dict[str, int]) -> int:
    parts = ("applied", "history_only", "late", "duplicate", "quarantined", "pending")
    return sum(counts[name] for name in parts)


def wrong_in(row: Row) -> list[str]:
    """What is wrong with a minute."""
    out = []
    if not row["balanced"]:
        out.append(f"minute {row['minute']}: the accounts do not add up: {row['counts']}")
    if not row["frames"]:
        out.append(f"minute {row['minute']}: the clients saw nothing")
    missing = {client.__name__ for client in bad.ALL} - set(row["bad"])
    if missing:
        out.append(f"minute {row['minute']}: no client was {', '.join(sorted(missing))}")
    return out


def slope(rows: list[Row]) -> tuple[float, float]:
    """Growth of memory [MB/h] in the longest run, without its first third, and how long that is [s]."""
    by_run: dict[int, list[Row]] = {}
    for row in rows:
        by_run.setdefault(row["run"], []).append(row)
    longest = max(by_run.values(), key=len)
    end = np.cumsum([row["seconds"] for row in longest])
    late = end > end[-1] / 3
    if np.count_nonzero(late) < 2:
        return 0.0, float(end[-1])
    memory = np.array([row["memory_mb"] for row in longest])
    return 3600 * float(np.polyfit(end[late], memory[late], 1)[0]), float(end[-1])


# ------------------------------------------------------------------------------------------ the end


def judged(run: Run, rows: list[Row]) -> Row:
    """Wait until all is applied and safe, kill the server, recover; what was found."""
    told = run.server.settled(
        run.base["received"] + load.expected(run.last - run.first, run.rate)["received"]
    )
    counts = told["sources"]["plant"]
    run.server.end(signal.SIGKILL)
    sent = load.expected(run.last - run.first, run.rate)
    grown, long_s = slope(rows)
    out: Row = {
        "end": True,
        "sent": sent,
        "found": {name: counts[name] - run.base.get(name, 0) for name in sent},
        "state": told["stateHash"],
        **recovered(run.server.folder),
        "slope_mb_h": round(grown, 2),
        "over_s": round(long_s),
    }
    wrong = [text for row in rows for text in wrong_in(row)]
    slow = [
        f"minute {row['minute']}: {row['behind_s']} s behind" for row in rows if row["behind_s"] > BEHIND_S
    ]
    if (ticks := float(np.median([row["ticks_per_second"] for row in rows]))) < TICKS:
        slow.append(f"{ticks:g} ticks a second")
    if _moved(out["found"]) != _moved(sent) or out["found"]["history_only"] < sent["history_only"]:
        wrong.append("the accounts are not what was sent")
    if out["recovered_state"] != out["state"] or out["recovered_counts"] != counts:
        wrong.append("the history recovers to another state or to other counts")
    if out["kept"] != counts["applied"] + counts["history_only"]:
        wrong.append("the history does not hold each reading once")
    if long_s >= LONG_S and grown > SLOPE_MB_H:
        wrong.append(f"memory grows by {grown:.1f} MB an hour")
    return out | {"wrong": wrong, "slow": slow}


def _moved(counts: dict[str, int]) -> dict[str, int]:
    """The accounts but for what goes into the history only: when sender or twin stood still for longer than `idle_after`,
    the source counted as silent, and what then came in disorder was late."""
    both = counts["applied"] + counts["history_only"]
    return {**counts, "applied": both, "history_only": 0}


def recovered(folder: Path) -> Row:
    """What the history gives after kill -9, and how long that took."""
    from twinstage.telemetry.contract import load_contract
    from twinstage.telemetry.history.archive import archived_upto, parts_of
    from twinstage.telemetry.history.hotlog import DATABASE, LogReader
    from twinstage.telemetry.history.recovery import recover
    from twinstage.telemetry.ingest import Ingest

    ingest, path = Ingest(load_contract(folder / "contract.yaml")), folder / "history" / DATABASE
    begun = time.perf_counter()
    recover(ingest, path)
    seconds = time.perf_counter() - begun
    reader = LogReader(path)
    kept = sum(part.count for part in parts_of(reader)) + reader.waiting(archived_upto(reader))
    parts = len(parts_of(reader))
    reader.close()
    size = sum(file.stat().st_size for file in (folder / "history").rglob("*") if file.is_file())
    return {
        "recovered_state": ingest.state.digest(),
        "recovered_counts": ingest.counters["plant"],
        "recovery_s": round(seconds, 2),
        "kept": kept,
        "parts": parts,
        "history_mb": round(size / 1e6, 1),
    }


def main() -> int:
    """Minutes until they are full, then the end."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=int, default=60)
    parser.add_argument("--seconds", type=float, default=60.0, help="length of one 'minute'")
    parser.add_argument("--rate", type=int, default=20_000, help="readings a second")
    parser.add_argument(
        "--out", type=Path, default=ROOT / "out" / "soak", help="folder of the log and the history"
    )
    parser.add_argument(
        "--busy", action="store_true", help="others use this machine: speed is told, not judged"
    )
    parser.add_argument("--fresh", action="store_true", help="begin anew")
    options = parser.parse_args()
    log, folder = options.out / "live.jsonl", options.out / "live"
    if options.fresh:
        log.unlink(missing_ok=True)
        shutil.rmtree(folder, ignore_errors=True)
    log.parent.mkdir(parents=True, exist_ok=True)
    rows = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    if rows and "end" in rows[-1]:
        print(f"{log} is complete; --fresh begins anew")
        return 1 if rows[-1]["wrong"] or (rows[-1]["slow"] and not options.busy) else 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the server ends with this script
    server = Server(folder)
    try:
        return go_on(server, rows, options, log)
    finally:
        server.end(signal.SIGTERM)


def go_on(server: Server, rows: list[Row], options: argparse.Namespace, log: Path) -> int:
    """The minutes that are missing, and the judgement."""
    base = server.settled(0)["sources"]["plant"]
    if rows and base["received"] < rows[-1]["counts"]["received"] - rows[-1]["counts"]["pending"]:
        raise SystemExit(f"the history goes on after {base['received']} readings; the log knows of more")
    first = rows[-1]["next"] if rows else 0
    number = rows[-1]["run"] + 1 if rows else 0
    run = Run(server, options.seconds, options.rate, number, base, first)
    print(f"the server was there after {server.start_s:.1f} s, with {base['received']} readings", flush=True)
    for minute in range(len(rows), options.minutes):
        rows.append(run.minute(minute))
        _put(log, rows[-1])
    end = judged(run, rows)
    _put(log, end)
    for text in (*end["wrong"], *end["slow"]):
        print(f"soak: {text}", file=sys.stderr)
    if not end["wrong"]:
        shutil.rmtree(server.folder)
    return 1 if end["wrong"] or (end["slow"] and not options.busy) else 0


def _put(log: Path, row: Row) -> None:
    with log.open("a") as file:
        file.write(json.dumps(row) + "\n")
    print(json.dumps(row), flush=True)


if __name__ == "__main__":
    sys.exit(main())
