"""`assets check --json` over all of ../shared/assets: how long it takes on two cores, and whether each file gets its answer.

The command is a program of its own, held to `--cores` of the machine's cores. `check.lost_files` counts files that crashed
the check or ran out of its time or memory; the aims are 300 s and none. `--quick`: its folder `features` alone. Without
../shared there is nothing to measure, which is said on standard error.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from _common import figure

ASSETS = Path(__file__).resolve().parents[2] / "shared" / "assets"
CORES = 2
AIM_S = 300
LOST = {"stage.crash", "stage.time-limit", "stage.memory-limit"}


def check(folder: Path, cores: int) -> tuple[float, list[dict[str, Any]]]:
    """Seconds from start to end of the command, and what it said by file. Raises SystemExit where it gave no answer."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])
    command = [sys.executable, "-m", "twinstage", "assets", "check", "--json", str(folder)]
    begun = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True)
    seconds = time.perf_counter() - begun
    if done.returncode not in (0, 1):
        sys.exit(f"the check ended with {done.returncode}: {done.stderr[-2000:]}")
    return seconds, json.loads(done.stdout)["files"]


def lost(files: list[dict[str, Any]]) -> list[str]:
    """Files that could not be looked at to the end."""
    return [row["file"] for row in files if LOST & {finding["code"] for finding in row["findings"]}]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--cores", type=int, default=CORES)
    args = parser.parse_args()
    folder = ASSETS / "features" if args.quick else ASSETS
    if not folder.is_dir():
        print(
            "the check of real files is left out: there is no ../shared beside the checkout", file=sys.stderr
        )
        return
    seconds, files = check(folder, args.cores)
    size = sum(Path(row["file"]).stat().st_size for row in files) / 1e6
    triangles = sum(row["triangles"] for row in files) / 1e6
    name = "/".join(folder.parts[folder.parts.index("shared") :])
    what = f"assets check --json {name}: {len(files)} files, {size:.0f} MB, {triangles:.1f} million triangles"
    what += f", {args.cores} cores"
    figure("check.shared_assets_seconds", [seconds], "s", f"{what}; aim: at most {AIM_S} s", aim=AIM_S)
    gone = lost(files)
    for file in gone:
        print(f"not looked at to the end: {file}", file=sys.stderr)
    figure(
        "check.lost_files",
        [len(gone)],
        "files",
        "crashed, or beyond the limits of time or memory; aim: 0",
        aim=0,
    )


if __name__ == "__main__":
    main()
