"""Runs the live work cell for a long time under watch: memory, ticks, a client that keeps up, restarts that are survived.

Every minute one JSON line goes to out/soak/first_light.jsonl. Started again, it goes on until the minutes are full. Exit 1
if the server's memory grew by more than a third after the first five minutes, if it fell below 30 ticks a second, or if
an event was lost (received != applied + late + duplicate + quarantined + pending).
"""

import argparse
import asyncio
import json
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
LOG = ROOT / "out" / "soak" / "first_light.jsonl"


def start() -> tuple["subprocess.Popen[str]", str]:
    """The work cell on a free port."""
    cell = ROOT / "assets" / "library" / "workcell"
    command = [sys.executable, "-m", "twinstage", "serve", str(cell / "workcell.usda")]
    command += ["--bindings", str(cell / "bindings.yaml"), "--port", "0"]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    for line in child.stdout:
        if line.startswith("serving "):
            return child, line.split(" at ")[1].split()[0]
    raise SystemExit("the server did not start")


def resident_mb(pid: int) -> float:
    """Resident memory of a process [MB]."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    raise SystemExit("the server is gone")


def status(url: str) -> dict[str, Any]:
    """What the server says of itself."""
    with urllib.request.urlopen(f"{url}/api/status", timeout=10) as answer:
        return dict(json.load(answer))


def balanced(sources: dict[str, dict[str, int]]) -> bool:
    """Whether every event of every source is accounted for."""
    parts = ("applied", "late", "duplicate", "quarantined", "pending")
    return all(source["received"] == sum(source[part] for part in parts) for source in sources.values())


async def watch_minute(url: str, seconds: float) -> int:
    """Frames that a client applied."""
    from twinstage.sync.client import connect

    frames, loop = 0, asyncio.get_running_loop()
    end = loop.time() + seconds
    async with connect(url) as client:
        while loop.time() < end:
            await client.frame(timeout=10)
            frames += 1
    return frames


def faults(rows: list[dict[str, Any]]) -> list[str]:
    """What is wrong with the minutes so far."""
    out = []
    settled = rows[min(5, len(rows) - 1)]["memory_mb"]
    if rows[-1]["memory_mb"] > settled * 4 / 3:
        out.append(f"memory grew from {settled:.0f} to {rows[-1]['memory_mb']:.0f} MB")
    if rows[-1]["ticks_per_second"] < 30:
        out.append(f"{rows[-1]['ticks_per_second']:.0f} ticks a second")
    if not rows[-1]["balanced"]:
        out.append("an event was lost")
    return out


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=int, default=60)
    parser.add_argument("--seconds", type=float, default=60.0, help="length of one 'minute'")
    arguments = parser.parse_args()
    LOG.parent.mkdir(parents=True, exist_ok=True)
    done = len(LOG.read_text().splitlines()) if LOG.exists() else 0
    server, url = start()
    rows: list[dict[str, Any]] = []
    try:
        for minute in range(done, arguments.minutes):
            frames = asyncio.run(watch_minute(url, arguments.seconds))
            said = status(url)
            row = {
                "minute": minute,
                "memory_mb": round(resident_mb(server.pid), 1),
                "ticks_per_second": said["ticksPerSecond"],
                "frames": frames,
                "balanced": balanced(said["sources"]),
            }
            rows.append(row)
            with LOG.open("a") as log:
                log.write(json.dumps(row) + "\n")
            print(json.dumps(row), flush=True)
            wrong = faults(rows)
            if wrong:
                print(f"soak: {'; '.join(wrong)}", file=sys.stderr)
                return 1
    finally:
        server.terminate()
        server.wait(15)
    return 0


if __name__ == "__main__":
    sys.exit(main())
