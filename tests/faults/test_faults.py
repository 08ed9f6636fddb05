"""Everything that goes wrong with telemetry, from seeds: the state is that of an oracle that shares no line with it, and
the accounts are exact at every step."""

import random
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import pytest
from tests.faults.oracle import OUTCOMES, Oracle
from tests.faults.plant import CONTRACT, FAULTS, Plant

from twinstage.base.errors import UserError
from twinstage.telemetry.contract import parse_contract
from twinstage.telemetry.history.hotlog import DATABASE, LogReader
from twinstage.telemetry.history.recorder import Recorder, open_recorder
from twinstage.telemetry.ingest import Ingest
from twinstage.telemetry.journal import Entry
from twinstage.telemetry.quarantine import QuarantineMemory

Step = tuple[str, str, bytes, int]


class Tape:
    """A journal in memory."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    def tell(self, entry: Entry) -> None:
        self.entries.append(entry)

    def commit(self) -> None: ...

    def close(self) -> None: ...


def do(door: Ingest | Oracle, step: Step) -> None:
    verb, source, data, now = step
    if verb == "offer":
        door.offer(source, data, now)
    elif verb == "finish":
        door.finish(source, now)
    else:
        door.advance(now)


def played(seed: int, faults: frozenset[str]) -> tuple[Ingest, Oracle, Tape]:
    tape = Tape()
    ingest, oracle = Ingest(parse_contract(CONTRACT), QuarantineMemory(), journal=tape), Oracle()
    for step in Plant(seed, faults).script():
        do(ingest, step)
        do(oracle, step)
        if step[0] != "offer":
            assert ingest.counters == oracle.counters(), step
            for counts in ingest.counters.values():
                assert counts["received"] == sum(counts[outcome] for outcome in OUTCOMES[1:7])
            if step[0] == "advance":
                assert ingest.state.digest() == oracle.digest(), step
    return ingest, oracle, tape


@pytest.mark.parametrize("seed", range(24))
def test_everything_at_once(seed: int) -> None:
    ingest, oracle, tape = played(seed, frozenset(FAULTS))
    assert ingest.state.digest() == oracle.digest()
    counts = ingest.counters["loop"]
    assert all(counts[outcome] for outcome in ("applied", "history_only", "duplicate", "quarantined"))
    assert isinstance(ingest.quarantine, QuarantineMemory)
    refused = sum(c["quarantined"] + c["late"] for c in ingest.counters.values())
    assert ingest.quarantine.total == refused  # none without its record
    again = Ingest(parse_contract(CONTRACT))
    for entry in tape.entries:
        again.retell(entry)
    assert again.state.digest() == oracle.digest()  # a replay gives the live hash
    assert again.counters == ingest.counters
    for name, told in again.parts()["intakes"].items():  # and knows what is late or was told before
        assert told["order"] == ingest.parts()["intakes"][name]["order"]


@pytest.mark.parametrize("fault", [*FAULTS, "none"])
def test_each_fault_alone(fault: str) -> None:
    for seed in range(2):
        ingest, oracle, _ = played(100 + seed, frozenset({fault} & set(FAULTS)))
        assert ingest.state.digest() == oracle.digest()
        refused = sum(c["quarantined"] + c["late"] for c in ingest.counters.values())
        if fault in ("none", "reorder", "split", "duplicate"):
            assert refused == 0
        if fault in ("nan", "unit", "schema", "garbage", "jump"):
            assert refused > 0, seed


def test_orders_within_the_lateness_and_pieces_of_any_size_change_nothing() -> None:
    calm = frozenset({"duplicate", "nan", "unit", "schema", "quality"})
    script = [step for step in Plant(7, calm).script() if step[0] == "offer"]
    hashes = set()
    for seed in range(50):
        draw = random.Random(seed)
        ingest = Ingest(parse_contract(CONTRACT))
        for source, lateness in (("loop", 5), ("table", 2), ("rig", 0)):
            lines = [(now, data) for _, name, data, now in script if name == source]
            first, rest = lines[:1], lines[1:]
            rest.sort(key=lambda line: line[0] + draw.random() * 0.8 * lateness * 10**9)
            data = b"".join(line for _, line in first + rest)
            while data:
                size = draw.randrange(1, 20_000)
                ingest.offer(source, data[:size], 1 << 61)
                data = data[size:]
                if draw.random() < 0.3:
                    ingest.advance(1)
            ingest.finish(source, 1)
        ingest.advance(1)
        hashes.add((ingest.state.digest(), str(ingest.counters)))
    assert len(hashes) == 1


@pytest.mark.parametrize("seed", range(6))
def test_a_twin_that_dies_anywhere_goes_on_from_what_was_safe(seed: int, tmp_path: Path) -> None:
    """Bytes that were not safe are sent again, as a source does whose messages were not acknowledged."""
    script, draw = Plant(seed, frozenset(FAULTS) - {"split"}).script(), random.Random(seed)
    oracle = Oracle()
    for step in script:
        do(oracle, step)
    safe, lives = 0, 0
    while safe < len(script):
        ingest = Ingest(parse_contract(CONTRACT))
        recorder = open_recorder(tmp_path / "history", ingest)
        if (
            ingest.counters["table"]["received"] or safe
        ):  # a stream that is opened anew tells its header again
            ingest.offer("table", b"time,speed,count,on\n", script[max(safe - 1, 0)][3])
        dies = min(len(script), safe + draw.randrange(50, 400))
        for number in range(safe, dies):
            do(ingest, script[number])
            if draw.random() < 0.1 or number + 1 == len(script):
                recorder.commit()
                safe = number + 1
        lives += 1
        if safe == len(script):
            assert ingest.state.digest() == oracle.digest()
            for name, counts in oracle.counters().items():
                assert ingest.counters[name] == counts
        killed(recorder)
    assert lives > 1


def killed(recorder: Recorder) -> None:
    """Nothing more is committed. Only the lock is let go, as the system does for a process that is gone."""
    recorder.journal._waiting.clear()
    recorder.journal._db.close()
    recorder._lock.close()


@contextmanager
def full_disk(folder: Path, room: int) -> Iterator[None]:
    """No file may grow beyond what the write-ahead log has, and so much more [bytes]."""
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    wal = folder / f"{DATABASE}-wal"
    resource.setrlimit(resource.RLIMIT_FSIZE, ((wal.stat().st_size if wal.exists() else 0) + room, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("seed", range(6))
def test_a_disk_that_is_full_for_a_while_costs_nothing_that_was_safe(seed: int, tmp_path: Path) -> None:
    """It refuses commits, checkpoints and snapshots; the twin goes on, and dies in the midst of it, too."""
    script, draw = Plant(seed, frozenset(FAULTS) - {"split"}).script(), random.Random(seed)
    oracle, folder = Oracle(), tmp_path / "history"
    for step in script:
        do(oracle, step)
    safe, refused, lives = 0, 0, 0
    while safe < len(script):
        ingest = Ingest(parse_contract(CONTRACT))
        recorder = open_recorder(folder, ingest)
        if ingest.counters["table"]["received"] or safe:
            ingest.offer("table", b"time,speed,count,on\n", script[max(safe - 1, 0)][3])
        for number in range(safe, min(len(script), safe + draw.randrange(50, 600))):
            do(ingest, script[number])
            if script[number][0] == "advance" and draw.random() < 0.3:
                recorder.snapshot()
            last = number + 1 == len(script)
            if not last and draw.random() > 0.1:
                continue
            with (
                full_disk(folder, draw.randrange(6000)) if draw.random() < 0.6 and not last else nullcontext()
            ):
                try:
                    recorder.commit()
                    safe = number + 1
                    if draw.random() < 0.3:
                        recorder.checkpoint()
                except OSError as error:
                    refused += 1
                    assert "cannot be written" in str(error)
        lives += 1
        if safe == len(script):
            assert ingest.state.digest() == oracle.digest()
            for name, counts in oracle.counters().items():
                assert ingest.counters[name] == counts
        killed(recorder)
    assert lives > 1 and refused > 3, (lives, refused)
    for someone_looks in (False, True):  # it is full when the next twin opens it: a sentence, and no harm
        reader = LogReader(folder / DATABASE) if someone_looks else None  # and so its files are there already
        with full_disk(folder, 0), pytest.raises(UserError, match="cannot be opened"):
            open_recorder(folder, Ingest(parse_contract(CONTRACT))).close()
        if reader is not None:
            reader.close()
    last_of_all = Ingest(parse_contract(CONTRACT))
    open_recorder(folder, last_of_all).close()
    assert last_of_all.state.digest() == oracle.digest()
