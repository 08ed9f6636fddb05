"""The whole corpus of faults against `doctor`: `make soak-doctor`, or with other seeds `python scripts/soak_doctor.py 0 100`.

One line of JSON a seed goes to out/soak/doctor.jsonl; seeds that are there are not judged again (`--fresh` begins anew).
Ends with a table by operator; exit 1 below 95 % found and named.
"""

import argparse
import json
import shutil
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "doctor"))

from doctor_faults import TWINS, draw  # noqa: E402
from doctor_judge import Row, examine, judge  # noqa: E402
from doctor_twins import Twin, build  # noqa: E402


def main() -> int:
    """Judge the seeds and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("first", type=int, nargs="?", default=1000)
    parser.add_argument("end", type=int, nargs="?", default=1200)
    parser.add_argument("--out", type=Path, default=ROOT / "out" / "soak" / "doctor.jsonl")
    parser.add_argument("--fresh", action="store_true")
    options = parser.parse_args()
    shared = ROOT.parent / "shared"
    twins = TWINS if (shared / "assets").is_dir() else tuple(n for n in TWINS if n != "palletizer")
    rows = _known(options.out, options.fresh)
    good: dict[str, list[Row]] = {}
    for seed in range(options.first, options.end):
        if seed not in rows:
            rows[seed] = _one(seed, twins, shared, good)
            with options.out.open("a") as file:
                file.write(json.dumps(rows[seed]) + "\n")
    return _report([rows[seed] for seed in range(options.first, options.end)])


def _known(path: Path, fresh: bool) -> dict[int, dict[str, Any]]:
    path.parent.mkdir(parents=True, exist_ok=True)
    if fresh:
        path.unlink(missing_ok=True)
    lines = path.read_text().splitlines() if path.exists() else []
    return {row["seed"]: row for row in map(json.loads, lines)}


def _one(seed: int, twins: tuple[str, ...], shared: Path, good: dict[str, list[Row]]) -> dict[str, Any]:
    name, twin, fault = draw(seed, lambda n: build(n, ROOT, shared), twins)
    if name not in good:
        good[name] = _examine(build(name, ROOT, shared))
    verdict = judge(fault, good[name], _examine(twin))
    return {
        "seed": seed, "twin": name, "operator": fault.operator, "fault": fault.text,
        "found": verdict.found, "named": verdict.named,
        "new": [] if verdict.found else [list(row) for row in verdict.others],
    }  # fmt: skip


def _examine(twin: Twin) -> list[Row]:
    folder = Path(tempfile.mkdtemp())
    try:
        return examine(twin, folder)
    finally:
        shutil.rmtree(folder)


def _report(rows: list[dict[str, Any]]) -> int:
    total, found = Counter(r["operator"] for r in rows), Counter(r["operator"] for r in rows if r["found"])
    for name in sorted(total):
        print(f"{name:32} {found[name]:3} of {total[name]:3}")
    for row in rows:
        if not row["found"]:
            print(
                f"missed {row['seed']} {row['twin']} {row['operator']}: {row['fault']}; said {row['new'][:3]}"
            )
    share = sum(found.values()) / max(1, len(rows))
    print(f"{sum(found.values())} of {len(rows)} found and named: {share:.1%}")
    return 0 if share >= 0.95 else 1


if __name__ == "__main__":
    sys.exit(main())
