"""Broken assets against `assets check`: `make soak-findings`, or with other seeds `python scripts/soak_findings.py 0 500`.

One line of JSON a case goes to out/soak/findings.jsonl; cases that are there are not judged again (`--fresh` begins anew).
Ends with the confusion table, and errors told of real files that are clean by hand; exit 1 below 95 % named, or for
a false error.
"""

import argparse
import json
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "assets" / "broken"))

from broken_bases import Fault  # noqa: E402
from broken_judge import Row, Verdict, judge, table  # noqa: E402
from known_faulty import clean, false_errors  # noqa: E402

REPORTED = (310_000, 310_355)
"""Seeds that nothing was developed on: 5 cases of each operator."""


def check(file: Path) -> list[Row]:
    """The product's public function."""
    from twinstage.assets.check import check_stage

    return [(f.code, f.severity, f.path, f.message) for f in check_stage(file)]


def main() -> int:
    """Judge the seeds and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("first", type=int, nargs="?", default=REPORTED[0])
    parser.add_argument("end", type=int, nargs="?", default=REPORTED[1])
    parser.add_argument("--out", type=Path, default=ROOT / "out" / "soak" / "findings.jsonl")
    parser.add_argument("--fresh", action="store_true")
    options = parser.parse_args()
    shared = ROOT.parent / "shared"
    if not (shared / "assets").is_dir():
        print(f"{shared} is not there: the corpus breaks its assets")
        return 2
    options.out.parent.mkdir(parents=True, exist_ok=True)
    known = {} if options.fresh or not options.out.exists() else _read(options.out)
    good: dict[str, set[Row]] = {}
    verdicts = []
    with options.out.open("w" if options.fresh else "a") as log:
        for seed in range(options.first, options.end):
            if seed not in known:
                known[seed] = judge(seed, shared, check, good)
                log.write(json.dumps(_line(known[seed])) + "\n")
                log.flush()
            verdicts.append(known[seed])
    code = _report(verdicts)
    print(f"{len(clean(shared))} real files are clean by the manifest and by hand")
    false = false_errors(shared, [shared / "assets"], os.cpu_count() or 1)
    for row in false:
        print("false error:", *row)
    print(f"{len(false)} false errors")
    return 1 if false else code


def _line(v: Verdict) -> dict[str, object]:
    return {
        "seed": v.seed, "base": v.base, "operator": v.fault.operator, "codes": sorted(v.fault.codes), "places": v.fault.places,
        "text": v.fault.text, "named": v.named, "said": v.said,
    }  # fmt: skip


def _read(path: Path) -> dict[int, Verdict]:
    rows = map(json.loads, path.read_text().splitlines())
    return {
        r["seed"]: Verdict(
            r["seed"], r["base"], Fault(r["operator"], frozenset(r["codes"]), tuple(r["places"]), r["text"]),
            r["named"], r["said"], (),
        )
        for r in rows
    }  # fmt: skip


def _report(verdicts: list[Verdict]) -> int:
    print(table(verdicts))
    for v in verdicts:
        if not v.named:
            print(
                f"missed {v.seed} {v.base} {v.fault.operator} {v.fault.places} {v.fault.text}: said {v.said}"
            )
    named = sum(bool(v.named) for v in verdicts)
    print(f"{named} of {len(verdicts)} named: {named / max(1, len(verdicts)):.1%}")
    return 0 if named >= 0.95 * len(verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())
