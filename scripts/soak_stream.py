"""A million damaged messages of the stream against decoder and client, and a million to the server's side; resumable.

    python scripts/soak_stream.py [--cases 1000000] [--seed 1] [--only client|server] [--fresh]

client: messages from a server, damaged; the decoder and the client's model may raise nothing but FrameError.
server: what clients say, to sessions and, a share of them, through real sockets: each case ends
one connection at most, with a code, and a good client beside it keeps its stream and its digest; memory stays flat.

What fails is kept in out/soak/stream, and the exit code is 1. Each portion of 10,000 has a seed of its own, so it can be
had again alone: `--fresh --seed N --cases 10000`.
"""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
PORTION = 10_000
SOCKETS, EVERY = 1000, 10
"""So many connections to one server, with some nine messages each, in every tenth portion of the server's side."""
MOST_GROWTH_MIB = 40.0
"""FastAPI keeps some of the servers that were, half a MiB each."""

Totals = dict[str, int]


def of_client(count: int, seed: int, keep: Path) -> Totals:
    """Damaged messages from a server."""
    from tests.sync.fuzz import fuzz

    outcome = fuzz(count, seed, keep=keep)
    return {
        "cases": outcome.cases,
        "refused": outcome.refused,
        "applied": outcome.applied,
        "failures": len(outcome.failures),
    }


def of_server(count: int, seed: int, keep: Path) -> Totals:
    """What clients say."""
    from tests.strangers.fuzz_session import fuzz_sessions
    from tests.strangers.fuzz_socket import fuzz_sockets

    heard = fuzz_sessions(count, seed, keep=keep)
    met = asyncio.run(fuzz_sockets(SOCKETS if seed % EVERY == 1 else 0, seed))
    failures = heard.failures + met.failures
    if failures:
        (keep / f"server-{seed}.txt").write_text("\n".join(failures))
    return {
        "cases": heard.cases,
        "sessions": heard.sessions,
        "connections": met.connections,
        "throughSockets": met.messages,
        "closed": sum(n for code, n in heard.codes.items() if code)
        + sum(n for end, n in met.ends.items() if end.isdigit()),
        "digests": heard.compared + met.digests,
        "socketsGrewKiB": round(met.grown_mib * 1024),
        "failures": len(failures),
    }


SIDES: dict[str, Callable[[int, int, Path], Totals]] = {"client": of_client, "server": of_server}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=1_000_000, help="of each side")
    parser.add_argument(
        "--seed", type=int, default=1, help="first seed; each portion of 10,000 takes the next"
    )
    parser.add_argument("--only", choices=sorted(SIDES), help="only that side")
    parser.add_argument("--fresh", action="store_true", help="forget what an earlier run has done")
    options = parser.parse_args()
    folder = ROOT / "out" / "soak" / "stream"
    folder.mkdir(parents=True, exist_ok=True)
    wrong = 0
    for side in [options.only] if options.only else SIDES:
        wrong += soak(side, options, folder)
    return 1 if wrong else 0


def soak(side: str, options: argparse.Namespace, folder: Path) -> int:
    """All portions of one side that are not done yet; -> how much went wrong."""
    log = folder / f"{side}.json"
    done: dict[str, Totals] = json.loads(log.read_text()) if log.exists() and not options.fresh else {}
    from tests.strangers.fuzz_socket import resident_mib

    start, first_mib = time.monotonic(), 0.0
    seeds = range(options.seed, options.seed + -(-options.cases // PORTION))
    for number, seed in enumerate(seeds):
        if str(seed) in done:
            continue
        done[str(seed)] = SIDES[side](min(PORTION, options.cases - number * PORTION), seed, folder)
        log.write_text(json.dumps(done))
        mib = resident_mib()
        first_mib = first_mib or mib
        line = f"{side}, seed {seed}: {done[str(seed)]}, {time.monotonic() - start:.0f} s, {mib:.0f} MiB"
        print(line, flush=True)
    mine = [done[str(seed)] for seed in seeds]
    total = {name: sum(portion[name] for portion in mine) for name in mine[0]}
    growth = resident_mib() - first_mib if first_mib else 0.0
    print(json.dumps({"side": side, **total, "grownMiB": round(growth, 1)}))
    if growth > MOST_GROWTH_MIB:
        print(f"memory grew by {growth:.0f} MiB, at most {MOST_GROWTH_MIB:g} are well")
    return total["failures"] + (growth > MOST_GROWTH_MIB)


if __name__ == "__main__":
    sys.exit(main())
