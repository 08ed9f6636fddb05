"""How many of the corpus's drifts are found and named: `python tests/telemetry/drift/drift_score.py FIRST LAST`."""

import sys
import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from drift_corpus import KINDS, Case, Truth, make_case

from twinstage.telemetry.contract import parse_contract
from twinstage.telemetry.drift.check import check_drift
from twinstage.telemetry.drift.monitor import Drift

Score = tuple[Counter[str], Counter[str], Counter[str], list[str]]


def judge(case: Case, drifts: list[Drift]) -> tuple[bool, list[Drift]]:
    """Whether the truth was found and named, and findings that are not true."""
    truth = case.truth
    wanted = {"renamed": ["missing", "new"], "none": []}.get(truth.kind, [truth.kind])
    found = [any(_names(truth, drift, what) for drift in drifts) for what in wanted]
    wrong = [drift for drift in drifts if not any(_names(truth, drift, what) for what in wanted)]
    return all(found), wrong


def _names(truth: Truth, drift: Drift, what: str) -> bool:
    if drift.what != what:
        return False
    if what == "cadence":
        return set(truth.fields) <= set(drift.fields)
    field = truth.fields[-1] if truth.kind == "renamed" and what == "new" else truth.fields[0]
    if drift.fields != (field,):
        return False
    if what == "unit":
        return abs(drift.scale / truth.scale - 1) < 1e-3 and abs(drift.offset - truth.offset) < 1e-3
    return what != "retyped" or drift.detail.endswith({"text": "text", "number": "numbers"}[truth.became])


def score(seeds: Iterable[int], kinds: Iterable[str] = KINDS) -> Score:
    """(cases, named, cases with an untrue finding) by kind, and a line for each miss."""
    kinds = tuple(kinds)
    total, named, untrue, lines = Counter[str](), Counter[str](), Counter[str](), []
    with tempfile.TemporaryDirectory() as folder:
        for seed in seeds:
            for kind in kinds:
                case = make_case(seed, kind)
                log, clean = Path(folder, "log"), Path(folder, "clean")
                log.write_bytes(case.log)
                clean.write_bytes(case.clean or b"")
                contract = parse_contract(case.contract)
                checked = check_drift(contract, "s", log, clean=clean if case.clean else None, learn=None)
                right, wrong = judge(case, checked.drifts)
                total[kind] += 1
                named[kind] += right
                untrue[kind] += bool(wrong)
                where = f"seed {seed} {kind} {case.format} {'two files' if case.clean else 'one file'}"
                if not right:
                    lines.append(f"{where}: missed {case.truth}; found {[str(d) for d in checked.drifts]}")
                if wrong:
                    lines.append(f"{where}: untrue {[str(d) for d in wrong]}")
    return total, named, untrue, lines


def main() -> None:
    """Print the table, then every miss."""
    first, last = int(sys.argv[1]), int(sys.argv[2])
    total, named, untrue, lines = score(range(first, last))
    for kind in KINDS:
        print(f"{kind:<10} {named[kind]:>5} of {total[kind]:>5} named; untrue findings in {untrue[kind]}")
    drifting = [kind for kind in KINDS if kind != "none"]
    share = sum(named[k] for k in drifting) / sum(total[k] for k in drifting)
    print(f"named: {share:.2%}; untrue findings in {sum(untrue.values())} of {sum(total.values())} logs")
    print(*lines, sep="\n")


if __name__ == "__main__":
    main()
