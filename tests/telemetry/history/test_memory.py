"""A twin that archives has as much memory afterwards as it had before: what a large part takes goes back to the system."""

import json
import platform
import subprocess
import sys
from pathlib import Path

import made
import numpy as np
import pytest

from twinstage.telemetry.batch import ingest_files

READINGS = 600_000
CONTRACT = """
contract: 1
sources:
  a: {uri: "file:x.csv", reader: {format: csv, time: {column: t, unit: ms}}}
signals:
  - {id: p, source: a, field: p}
  - {id: note, source: a, field: n, type: string}
  - {id: axis, source: a, field: [q, r], type: "vec[2]"}
"""

CHILD = """
import json, sys, threading
from pathlib import Path
import duckdb, pyarrow, pyarrow.parquet
from twinstage.telemetry.history.archive import compact_file

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6

def compacted(path):
    moved = []
    thread = threading.Thread(target=lambda: moved.append(compact_file(Path(path), all_=True)))  # as a twin does
    thread.start()
    thread.join()
    return moved[0]

first = compacted(sys.argv[1])  # whatever is loaded and set up once
before = resident()
moved = compacted(sys.argv[2])
peak = int(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1]) / 1e3
print(json.dumps({"first": first, "moved": moved, "before": before, "after": resident(), "peak": peak}))
"""


def history(folder: Path, rows: int) -> Path:
    folder.mkdir()
    draw, ms = np.random.default_rng(0).random((rows, 2)), made.T0 // made.MS
    lines = [f"{ms + 3 * k},{p:.6f},lot {k},{q:.6f},{k}\n" for k, (p, q) in enumerate(draw.tolist())]
    (folder / "x.csv").write_text("t,p,n,q,r\n" + "".join(lines))
    ingest_files(made.contract(CONTRACT), folder, now_ns=made.T0, history=folder / "history")
    return made.path(folder / "history")


@pytest.mark.skipif(
    not sys.platform.startswith("linux") or platform.libc_ver()[0] != "glibc",
    reason="memory is given back by means of glibc",
)
def test_archiving_gives_its_memory_back(tmp_path: Path) -> None:
    small, large = history(tmp_path / "small", 500), history(tmp_path / "large", READINGS // 3)
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(small), str(large)], capture_output=True, text=True, check=True
    )
    told = json.loads(done.stdout)
    assert (told["first"], told["moved"]) == (1500, READINGS)
    assert told["peak"] - told["before"] > 100, "the part is too small to show anything"
    assert told["after"] - told["before"] < 0.25 * (told["peak"] - told["before"]), told
