"""Fuzzes the opening of stages: damaged real files and hostile ones, through one reused, limited child.

Every case goes to out/soak/fuzz-SEED.jsonl, one row each. Started again, it goes on where it stopped. Exit 1 if a case opened
a canary outside its folder, took longer than 10 s or more than 2 GB, made a reader of ours fail, or ended this process.
"""

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "fuzz"))

from fuzz_run import Fuzz, faults  # noqa: E402

ASSETS = ROOT.parent / "shared" / "assets"


def known(log: Path) -> list[dict[str, Any]]:
    """Rows of earlier runs; a last line that was cut off is dropped."""
    if not log.exists():
        return []
    rows = []
    for line in log.read_text().splitlines():
        try:
            rows.append(json.loads(line))
        except ValueError:
            break
    log.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return rows


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """What all rows say together."""
    return {
        "cases": len(rows),
        "outcomes": dict(sorted(Counter(row["outcome"] for row in rows).items())),
        "without_wall": sum(not row["walled"] for row in rows),
        "opened_outside": sum(bool(row["canary"]) for row in rows),
        "slowest_s": max((row["seconds"] for row in rows), default=0.0),
        "most_mb": max((row["peak_mb"] for row in rows), default=0),
        "faults": sum(bool(faults(row)) for row in rows),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--minutes", type=float, default=0.0, help="stop after so long; 0: not before all cases"
    )
    parser.add_argument("--assets", type=Path, default=ASSETS, help="folder of real files to damage")
    arguments = parser.parse_args()
    log = ROOT / "out" / "soak" / f"fuzz-{arguments.seed}.jsonl"
    log.parent.mkdir(parents=True, exist_ok=True)
    rows = known(log)
    begun = time.monotonic()
    base = Path(tempfile.mkdtemp(prefix="twinstage-fuzz-"))
    fuzz = Fuzz(base, arguments.assets if arguments.assets.is_dir() else None, arguments.seed)
    try:
        with log.open("a") as out:
            for row in fuzz.rows(range(len(rows), arguments.cases)):
                rows.append(row)
                out.write(json.dumps(row) + "\n")
                out.flush()
                for fault in faults(row):
                    print(f"case {row['number']} ({row['kind']}): {fault}", file=sys.stderr, flush=True)
                if row["number"] % 500 == 499:
                    print(json.dumps(summary(rows)), flush=True)
                if arguments.minutes and time.monotonic() - begun > arguments.minutes * 60:
                    break
    finally:
        fuzz.close()
        shutil.rmtree(base, ignore_errors=True)
    told = summary(rows)
    print(json.dumps(told, indent=2))
    return 1 if told["faults"] else 0


if __name__ == "__main__":
    sys.exit(main())
