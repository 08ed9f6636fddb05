"""A million damaged messages of the stream against the decoder and the client's model; resumable.

    python scripts/soak_stream.py [--cases 1000000] [--seed 1] [--fresh]

What raises anything but FrameError is kept as hex in out/soak/stream, and the exit code is 1. Ends by saying how many
messages were refused, and how many were applied because the damage did no harm or was made to look right.
"""

import argparse
import json
import runpy
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PORTION = 10_000


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=1_000_000)
    parser.add_argument(
        "--seed", type=int, default=1, help="first seed; each portion of 10,000 takes the next"
    )
    parser.add_argument("--fresh", action="store_true", help="forget what an earlier run has done")
    options = parser.parse_args()
    folder = ROOT / "out" / "soak" / "stream"
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "done.json"
    done: dict[str, dict[str, int]] = {}
    if log.exists() and not options.fresh:
        done = json.loads(log.read_text())
    fuzz = runpy.run_path(str(ROOT / "tests" / "sync" / "fuzz.py"))["fuzz"]
    start = time.monotonic()
    seeds = range(options.seed, options.seed + -(-options.cases // PORTION))
    for number, seed in enumerate(seeds):
        if str(seed) not in done:
            count = min(PORTION, options.cases - number * PORTION)
            outcome = fuzz(count, seed, keep=folder)
            done[str(seed)] = {
                "cases": outcome.cases,
                "refused": outcome.refused,
                "applied": outcome.applied,
                "failures": len(outcome.failures),
            }
            log.write_text(json.dumps(done))
            print(f"seed {seed}: {done[str(seed)]}, {time.monotonic() - start:.0f} s", flush=True)
    mine = [done[str(seed)] for seed in seeds]
    total = {
        name: sum(portion[name] for portion in mine) for name in ("cases", "refused", "applied", "failures")
    }
    print(json.dumps(total))
    return 1 if total["failures"] else 0


if __name__ == "__main__":
    sys.exit(main())
