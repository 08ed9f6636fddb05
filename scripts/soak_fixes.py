"""What `assets check --fix` promises, on broken copies of real assets: `make soak-fixes` (other seeds: ARGS="0 140").

Each case breaks a copy, checks it, mends it, checks the new layer and compares pictures of the asset, of the broken copy and
of the mended one. One line of JSON a case goes to out/soak/fixes.jsonl; cases that are there are not judged again (`--fresh`
begins anew). Ends with a table; exit 1 where a mended case is not as promised.
"""

import argparse
import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "assets" / "broken"))

from mend_judge import Outcome, judge, table  # noqa: E402
from mend_product import PRODUCT  # noqa: E402

REPORTED = (520_142, 520_212)
"""Seeds that nothing was developed on: 5 cases of each operator."""


def main() -> int:
    """Judge the seeds and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("first", type=int, nargs="?", default=REPORTED[0])
    parser.add_argument("end", type=int, nargs="?", default=REPORTED[1])
    parser.add_argument("--out", type=Path, default=ROOT / "out" / "soak" / "fixes.jsonl")
    parser.add_argument("--fresh", action="store_true")
    options = parser.parse_args()
    shared = ROOT.parent / "shared"
    if not (shared / "assets").is_dir():
        print(f"{shared} is not there: the corpus breaks its assets")
        return 2
    options.out.parent.mkdir(parents=True, exist_ok=True)
    known = {} if options.fresh or not options.out.exists() else _read(options.out)
    outcomes = []
    with options.out.open("w" if options.fresh else "a") as log:
        for seed in range(options.first, options.end):
            if seed not in known:
                known[seed] = judge(seed, shared, PRODUCT)
                log.write(json.dumps(known[seed].as_dict()) + "\n")
                log.flush()
            outcomes.append(known[seed])
    print(table(outcomes))
    for one in outcomes:
        if one.wrong or not one.mended:
            told = "; ".join(one.wrong) or ("left alone" if one.named else "not named")
            print(f"{one.seed} {one.base} {one.operator} {one.text}: {told}")
    mended = [one for one in outcomes if one.mended]
    good = sum(not one.wrong for one in mended)
    print(f"{len(outcomes)} cases, {len(mended)} mended, {good} of them as promised")
    return 0 if good == len(mended) else 1


def _read(path: Path) -> dict[int, Outcome]:
    rows = map(json.loads, path.read_text().splitlines())
    return {row["seed"]: Outcome(**{**row, "wrong": tuple(row["wrong"])}) for row in rows}


if __name__ == "__main__":
    sys.exit(main())
