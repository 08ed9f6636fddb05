"""What `soak_live` sends: lines of a plant with known faults, as many a second as asked for, and what must become of them.

    python scripts/_live_load.py PORT SECONDS RATE FIRST    # sends, then prints the number of its last batch

A batch holds 25 ms of the plant. Its lines come in a shuffled order, some twice, some with another value the second time,
some out of range, cut off, late, too late, or of a signal that the contract lacks: as many of each in every batch, so the
accounts of any number of batches are known.
"""

import json
import random
import socket
import sys
import time

BATCHES_PER_SECOND = 40
SIGNALS = 1000
BOUND = 40
"""So many of the signals move a prim."""

MS = 1_000_000
BATCH_NS = 1000 * MS // BATCHES_PER_SECOND
EACH = {"duplicate": 7, "quarantined": 4, "history_only": 2, "late": 1, "unmapped": 1}
"""Lines of a batch beside its good ones, by what becomes of them; two of the duplicates contradict."""

CONTRACT = """
contract: 1
sources:
  plant:
    uri: "tcp://127.0.0.1:PORT"
    lateness: 0.5
    history: 20
    idle_after: 3
    reader: {format: jsonl, layout: long, time: {field: t, unit: ns}, name: tag, value: v}
signals:
""" + "".join(
    f'  - {{id: plant.s{k}, source: plant, field: s{k}, unit: mm, range: [-5000, 5000], max_age: 2}}\n'
    for k in range(SIGNALS)
)  # fmt: skip

BINDINGS = "bindings: 1\ncontract: contract.yaml\nbindings:\n" + "".join(
    f"  - {{kind: pose, prim: /Cell/Box{k}, position: {{z: plant.s{k}}}}}\n" for k in range(BOUND)
)


def expected(batches: int, rate: int) -> dict[str, int]:
    """The accounts after so many batches, when nothing waits any more."""
    good = rate // BATCHES_PER_SECOND - sum(EACH.values())
    counts = {"applied": good * batches, "pending": 0} | {name: n * batches for name, n in EACH.items()}
    counts["received"] = sum(counts.values()) - counts["unmapped"]
    counts["contradicting"] = 2 * batches
    return counts


def batch(number: int, start_ns: int, rate: int) -> bytes:
    """Lines of the batch with that number; `start_ns`: the moment of batch 0 [ns]."""
    draw = random.Random(number)
    good = rate // BATCHES_PER_SECOND - sum(EACH.values())
    begin, step = start_ns + number * BATCH_NS, BATCH_NS // good
    rows = [(begin + k * step, (number * good + k) % SIGNALS, draw.uniform(-1000, 1000)) for k in range(good)]
    lines = [_line(*row) for row in rows]
    draw.shuffle(lines)
    again = [_line(*row) for row in rows[:5]] + [_line(t, s, v + 1) for t, s, v in rows[5:7]]
    refused = [_line(begin + k * step + 1, k, 9e9) for k in range(2)] + [lines[0][:20], lines[1][:25]]
    late = [_line(begin - lag * MS + 1, k, 1.0) for k, lag in enumerate((5_000, 6_000, 60_000))]
    strange = b'{"t": %d, "tag": "nobody", "v": 1.0}' % begin
    return b"\n".join([*lines, *again, *refused, *late, strange, b""])


def _line(time_ns: int, signal: int, value: float) -> bytes:
    return b'{"t": %d, "tag": "s%d", "v": %.3f}' % (time_ns, signal, value)


def main() -> None:
    """Send in real time; a server that is slower makes it wait, and `behind_s` then says for how long."""
    port, seconds, rate, first = int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    start_ns = time.time_ns() - first * BATCH_NS
    begun = time.perf_counter()
    with socket.create_connection(("127.0.0.1", port)) as sock:
        end = first + int(seconds * BATCHES_PER_SECOND)
        for number in range(first, end):
            sock.sendall(batch(number, start_ns, rate))
            time.sleep(max(0.0, (number + 1 - first) / BATCHES_PER_SECOND - (time.perf_counter() - begun)))
    print(json.dumps({"last": end, "behind_s": round(time.perf_counter() - begun - seconds, 2)}))


if __name__ == "__main__":
    main()
