"""The server's side of twin.v1 under clients that say anything: sessions without a socket, and a good client beside them.

Whatever is said, a session may only end, with a code and a sentence; the good client keeps its stream and its digest.
Shared by the tests and by scripts/soak_stream.py.
"""

import json
import math
import resource
import warnings
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import numpy as np
from tests.strangers import client as stranger
from tests.strangers.noise import CODES, Talker
from tests.sync import make

from twinstage.base.clock import ManualClock
from twinstage.scene.columns import EntityColumns, TextColumns, frozen
from twinstage.sync.hub import Hub, SignalMeta
from twinstage.sync.scene_json import scene_bytes
from twinstage.sync.session import MAX_CONTROL, MAX_CONTROL_BYTES

SECOND = 1_000_000_000
PATHS = ("/World", "/World/A", "/World/A/B", "/World/C")
SIGNALS = [SignalMeta("line1.x", "m"), SignalMeta("line1.state", type="string"), SignalMeta("line2.y", "K")]


@dataclass
class Heard:
    """What became of the messages."""

    cases: int = 0
    sessions: int = 0
    codes: Counter[int] = field(default_factory=Counter)
    """How sessions ended; 0: still open when their client went."""
    compared: int = 0
    """Digests of the good client that were the server's."""
    failures: list[str] = field(default_factory=list)
    rss_mib: float = 0.0


def new_hub(clock: ManualClock | None = None) -> Hub:
    return Hub(make.snapshot(PATHS, points=3), SIGNALS, epoch="e1", clock=clock)


def change(hub: Hub, k: int) -> None:
    """One tick with every kind of column."""
    nodes = np.arange(hub.scene.snapshot.node_count)
    text = TextColumns(
        frozen(np.array([1]), np.uint32),
        (f"run {k}",),
        frozen(np.array([k]), np.int64),
        frozen(np.zeros(1), np.uint32),
    )
    hub.publish(
        make.tick(
            make.poses(nodes, np.column_stack([nodes, 0.01 * k + 0 * nodes, 0 * nodes]), event_ns=k),
            signals=make.values([0, 2], [math.nan if k % 3 else k, -k], [k, k], [0, 0]),
            texts=text,
            style=make.styles([k % 4], [[k % 256, 1, 2, 255]]),
            visibility=make.switches([(k + 1) % 4], [bool(k % 2)]),
            entities=EntityColumns(frozen(np.array([k % 4]), np.uint32), frozen(np.array([k]), np.int64)),
        )
    )


class GoodPeer:
    """A client that does all as it should; it is judged by the stranger's decoder."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.session = hub.connect(lambda: None, now_ns=hub.clock.now_ns())
        self.copy = stranger.Copy(json.loads(scene_bytes(hub.scene)))
        self.frames: list[stranger.Frame] = []
        self.compared = 0
        self.say(type="hello", caps=["delta", "zstd", "digest"])
        self.say(type="ready", revision=hub.revision)

    def say(self, **message: object) -> None:
        now = self.hub.clock.now_ns()
        self.session.receive(json.dumps(message), now_ns=now, wall_ns=now)

    def follow(self, *, compare: bool = False) -> None:
        """Takes and acknowledges all that is due. Raises where the stream or the digest is not the hub's."""
        if compare:
            self.say(type="digest")
        for _ in range(20):
            told = self.session.take(self.hub.clock.now_ns())
            if not told:
                break
            for message in told:
                if isinstance(message, str):
                    self.hear(json.loads(message))
                    continue
                self.frames += stranger.decode(message)[0]
                if self.frames[-1].op == 5:
                    self.copy.apply(self.frames)
                    self.frames = []
                    self.say(type="ack", seq=self.copy.seq)
        assert self.session.closed is None, self.session.closed
        assert self.copy.seq == self.hub.seq or self.session.rate < 60, (self.copy.seq, self.hub.seq)

    def hear(self, message: dict) -> None:
        assert message["type"] in ("welcome", "digest", "tier"), message
        if message["type"] == "digest":
            assert (message["seq"], message["sha256"]) == (self.copy.seq, self.copy.digest())
            self.compared += 1


class Victim:
    """A session with a client that says anything."""

    def __init__(self, hub: Hub, talker: Talker) -> None:
        self.hub, self.talker = hub, talker
        self.session = hub.connect(lambda: None, now_ns=hub.clock.now_ns())
        talker.seq = 0

    def say(self, message: str | bytes, *, read: bool) -> None:
        now = self.hub.clock.now_ns()
        self.session.receive(message, now_ns=now, wall_ns=now)
        if read:
            for told in self.session.take(now):
                if isinstance(told, bytes):
                    self.talker.seq = stranger.decode(told)[0][-1].seq
        waiting = self.session._control
        assert len(waiting) <= MAX_CONTROL + 2 or sum(map(len, waiting)) <= MAX_CONTROL_BYTES
        assert len(self.session._under_way) <= 2

    def end(self) -> int:
        """-> its code; 0 where it is still open."""
        self.hub.disconnect(self.session)
        closed = self.session.closed
        if closed is None:
            return 0
        code, reason = closed
        assert code in CODES and reason and len(reason.encode()) <= 123, closed
        return code


def fuzz_sessions(cases: int, seed: int, *, keep: Path | None = None) -> Heard:
    """So many messages to one session after another, on one hub; doubtful arithmetic fails. `keep`: folder for what failed."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        return _fuzz_sessions(cases, seed, keep)


def _fuzz_sessions(cases: int, seed: int, keep: Path | None) -> Heard:
    random, clock = Random(f"sessions {seed}"), ManualClock(SECOND)
    hub, heard = new_hub(clock), Heard()
    talker, good = Talker(random), GoodPeer(hub)
    ticks = 0
    while heard.cases < cases:
        victim, said = Victim(hub, talker), talker.session()
        heard.sessions += 1
        message: str | bytes = ""
        reads = random.choice([0.95, 0.95, 0.95, 0.0])
        try:
            for message in said[: cases - heard.cases]:
                heard.cases += 1
                victim.say(message, read=random.random() < reads)
                clock.advance(random.choice([0, 1_000_000, 20_000_000, 300_000_000]))
                if victim.session.closed:
                    break
            ticks += 1
            change(hub, ticks)
            good.follow(compare=ticks % 16 == 0)
            if ticks % 8 == 0:
                for session in list(hub.sessions):
                    session.expire(clock.now_ns())
            heard.codes[victim.end()] += 1
        except Exception as error:
            heard.failures.append(f"seed {seed}, case {heard.cases}: {error!r} after {message[:2000]!r}")
            if keep is not None:
                keep.mkdir(parents=True, exist_ok=True)
                (keep / f"session-{seed}-{heard.cases}.txt").write_text(f"{error!r}\n{message!r}\n")
            hub.disconnect(victim.session)
            hub.disconnect(good.session)
            good = GoodPeer(hub)
    assert hub.sessions == {good.session}
    heard.compared = good.compared
    heard.rss_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return heard
