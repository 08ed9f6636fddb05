"""Tiers, deltas, interest and digests of hub and sessions, without any socket: what a client holds is what the hub says."""

import json
from types import ModuleType

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from twinstage.base.clock import ManualClock
from twinstage.scene.columns import EntityColumns, TextColumns, frozen
from twinstage.sync import codec, messages
from twinstage.sync.hub import Hub, SignalMeta
from twinstage.sync.model import SceneModel
from twinstage.sync.scene_json import scene_bytes

SECOND = 1_000_000_000
FRAME = SECOND // 60
PATHS = ("/World", "/World/A", "/World/A/B", "/World/C")


class Peer:
    """A client's side of a session by hand; the session lives on the hub's clock."""

    def __init__(self, hub: Hub, *, model: SceneModel | None = None, **hello: object) -> None:
        self.hub = hub
        self.session = hub.connect(lambda: None, now_ns=self.now)
        self.model = model or SceneModel(json.loads(scene_bytes(hub.scene)))
        self.control: list[dict] = []
        self.ticks: list[list[codec.Frame]] = []
        self.frames: list[codec.Frame] = []
        self.compared = 0
        caps = ["delta", "zstd", "digest"]
        self.say(**{"type": "hello", "caps": caps, **hello})
        self.say(type="ready", revision=hub.revision)

    @property
    def now(self) -> int:
        return self.hub.clock.now_ns()

    @property
    def seqs(self) -> list[int]:
        return [tick[-1].header.seq for tick in self.ticks]

    def say(self, **message: object) -> None:
        self.session.receive(json.dumps(message), now_ns=self.now, wall_ns=self.now)

    def take(self, most: int = 1000) -> "Peer":
        """Applies what is due, message by message; a digest is compared with what is held at that moment."""
        for _ in range(most):
            message = self.session.next_message(self.now)
            if message is None:
                break
            if isinstance(message, str):
                self.hear(json.loads(message))
                continue
            assert len(message) <= codec.MESSAGE_BYTES
            for frame in codec.decode(message):
                self.frames.append(frame)
                if frame.header.op == codec.OP_TICK_END:
                    assert self.model.apply(self.frames) is not None
                    self.ticks.append(self.frames)
                    self.frames = []
        return self

    def hear(self, message: dict) -> None:
        self.control.append(message)
        if message["type"] == "digest":
            assert message["seq"] == self.model.seq
            assert message["sha256"] == self.model.digest()
            self.compared += 1

    def ack(self) -> "Peer":
        if self.ticks:
            self.say(type="ack", seq=self.seqs[-1])
        return self

    def ops(self) -> list[int]:
        """Kinds of the frames of the last tick."""
        return [frame.header.op for frame in self.ticks[-1]]


def new_hub(make: ModuleType, **more: object) -> Hub:
    signals = [
        SignalMeta("line1.x", "m"),
        SignalMeta("line1.state", type="string"),
        SignalMeta("line2.y", "K"),
    ]
    hub = Hub(make.snapshot(PATHS, points=3), signals, epoch="e1", clock=ManualClock(SECOND), **more)
    return hub


def move(make: ModuleType, hub: Hub, nodes: list[int], x: float, **more: object) -> int:
    return hub.publish(make.tick(make.poses(nodes, [[x + n, 0, 0] for n in nodes], **more)))


def step(hub: Hub, ns: int = FRAME) -> None:
    hub.clock.advance(ns)
    hub.advance()


def test_who_is_in_step_gets_deltas_and_a_node_that_is_new_comes_whole(make: ModuleType) -> None:
    hub = new_hub(make)
    move(make, hub, [0, 1], 1.0)
    peer = Peer(hub).take().ack()
    assert peer.ops() == [codec.OP_POSE, codec.OP_TICK_END]
    move(make, hub, [0, 1, 3], 1.01)
    peer.take().ack()
    assert peer.ops() == [codec.OP_POSE, codec.OP_DELTA, codec.OP_TICK_END]
    whole, delta = (frame.body for frame in peer.ticks[-1][:2])
    assert (whole.index.tolist(), delta.index.tolist()) == ([3], [0, 1])
    assert peer.model.local(1)[0, 3] == round(2.01 / codec.QUANTUM) * codec.QUANTUM


def test_who_missed_a_few_ticks_gets_their_sum_as_a_delta(make: ModuleType) -> None:
    hub = new_hub(make)
    everything = list(range(7))
    move(make, hub, everything, 0.0)
    peer = Peer(hub).take().ack()
    random = np.random.Generator(np.random.Philox(6))
    for rows in ([0, 1, 2], [2, 3], [1, 2, 6], everything):
        move(make, hub, rows, float(random.normal()), rotation=random.normal(size=(len(rows), 4)))
    peer.take().ack()
    assert peer.ops() == [codec.OP_DELTA, codec.OP_TICK_END] and peer.seqs == [1, 5]
    peer.say(type="digest")
    assert peer.take().ack().compared == 1
    for k in range(5):
        move(make, hub, [0, 1], 0.1 * k)
    peer.take()
    assert peer.ops() == [codec.OP_POSE, codec.OP_TICK_END]  # too far back
    step(hub, SECOND)
    peer.say(type="digest")
    assert peer.ack().take().compared == 2


def test_what_came_new_or_grew_among_missed_ticks_comes_whole(make: ModuleType) -> None:
    hub = new_hub(make)
    move(make, hub, [0, 1, 2], 0.0)
    peer = Peer(hub).take().ack()
    move(make, hub, [0, 1, 2, 3], 0.1)
    move(make, hub, [0, 1], 0.2, scale=[[1, 1, 1], [2, 1, 1]])
    move(make, hub, [0, 1, 2, 3], 0.3, scale=[[1, 1, 1], [2, 1, 1], [1, 1, 1], [1, 1, 1]])
    peer.take().ack()
    bodies = {frame.header.op: [] for frame in peer.ticks[-1]}
    for frame in peer.ticks[-1]:
        bodies[frame.header.op] += [] if frame.body is None else frame.body.index.tolist()
    assert bodies == {codec.OP_POSE: [3, 1], codec.OP_DELTA: [0, 2], codec.OP_TICK_END: []}
    peer.say(type="digest")
    assert peer.take().compared == 1


def test_scale_changes_and_far_moves_come_whole(make: ModuleType) -> None:
    hub = new_hub(make)
    nodes = list(range(7))
    move(make, hub, nodes, 0.0)
    peer = Peer(hub).take().ack()
    scale = [[1, 1, 1]] * 6 + [[2, 1, 1]]
    move(make, hub, nodes, 0.1, scale=scale)
    peer.take().ack()
    assert {f.header.op: f.header.n for f in peer.ticks[-1]} == {1: 1, 6: 6, 5: 0}
    hub.publish(make.tick(make.poses([2, 6], [[1e7, 0, 0], [0.2, 0, 0]], scale=[[1, 1, 1], [2, 1, 1]])))
    peer.take().ack()
    assert peer.model.local(2)[0, 3] == 1e7
    assert peer.model.local(6)[:, 0].tolist() == [2, 0, 0, 0]


def test_without_the_capabilities_everything_is_absolute_and_plain(make: ModuleType) -> None:
    hub = new_hub(make)
    move(make, hub, [0, 1], 1.0)
    plain = Peer(hub, caps=[]).take().ack()
    move(make, hub, [0, 1], 2.0)
    plain.take()
    assert plain.control[0]["caps"] == []
    assert plain.ops() == [codec.OP_POSE, codec.OP_TICK_END]
    assert not any(frame.header.flags & codec.FLAG_ZSTD for tick in plain.ticks for frame in tick)


def test_a_pose_that_stays_where_it_is_is_not_told_again(make: ModuleType) -> None:
    hub = new_hub(make)
    move(make, hub, [0, 1], 1.0)
    peer = Peer(hub).take().ack()
    move(make, hub, [0, 1], 1.0 + 1e-6)  # a micrometre: less than the quantum
    peer.take()
    assert peer.ops() == [codec.OP_TICK_END]


def test_each_tier_tells_at_its_own_pace_and_in_deltas_of_its_own(make: ModuleType) -> None:
    hub = new_hub(make)
    peers = {hz: Peer(hub, rate=hz).take().ack() for hz in (60, 30, 10, 2)}
    assert [peer.control[0]["rate"] for peer in peers.values()] == [60.0, 30.0, 10.0, 2.0]
    for k in range(240):
        move(make, hub, [0, 1, 2], 0.01 * k)
        for peer in peers.values():
            peer.take().ack()
        step(hub)
    for peer in peers.values():
        peer.take().ack()
    counts = {hz: len(peer.ticks) - 1 for hz, peer in peers.items()}
    assert counts[60] == 240
    assert 118 <= counts[30] <= 122 and 39 <= counts[10] <= 42 and 7 <= counts[2] <= 10
    for peer in peers.values():
        kinds = [{frame.header.op for frame in tick} for tick in peer.ticks[3:]]
        assert all(codec.OP_DELTA in ops and codec.OP_POSE not in ops for ops in kinds)
    step(hub, SECOND)
    for peer in peers.values():
        peer.say(type="digest")
        assert peer.take().compared == 1


def test_the_last_change_reaches_the_slowest_tier_without_another_tick(make: ModuleType) -> None:
    hub = new_hub(make)
    woken: list[int] = []
    hub.on_pending = lambda: woken.append(1)
    peer = Peer(hub, rate=2).take().ack()
    move(make, hub, [1], 1.0)
    peer.take().ack()
    step(hub)
    move(make, hub, [1], 5.0)
    assert woken
    peer.take().ack()
    assert peer.model.local(1)[0, 3] == 2.0
    wait = hub.advance()
    assert wait is not None and SECOND // 3 < wait <= SECOND // 2
    step(hub, wait)
    assert hub.advance() is None
    peer.take()
    assert peer.model.local(1)[0, 3] == 6.0


def test_a_tick_that_is_taken_late_is_still_the_one_that_was_told(make: ModuleType) -> None:
    hub = new_hub(make)
    slow = Peer(hub, rate=10).take().ack()
    move(make, hub, [1], 1.0)
    told = hub.seq
    for k in range(3):  # the tier does not tell these yet
        step(hub)
        move(make, hub, [1, 2], 2.0 + k)
    slow.take()
    assert slow.seqs[-1] == told and slow.model.local(1)[0, 3] == 2.0
    assert not slow.model._live[2]


def test_tiers_without_clients_cost_nothing(make: ModuleType) -> None:
    hub = new_hub(make)
    for k in range(20):
        move(make, hub, [1], float(k))
        step(hub)
    assert hub.counters.encodings == 0
    assert [tier.seq for tier in hub.tiers] == [20, 0, 0, 0]
    peer = Peer(hub, rate=2).take()
    assert peer.seqs == [20]
    peer.say(type="pause")
    assert not any(tier.listeners for tier in hub.tiers)


def test_a_client_that_does_not_keep_up_steps_down_and_up_again(make: ModuleType) -> None:
    hub = new_hub(make)
    slow, fast = Peer(hub).take().ack(), Peer(hub).take().ack()

    def seconds(count: int, *, read: bool) -> None:
        for k in range(60 * count):
            move(make, hub, [1], 0.001 * (hub.seq + 1))
            fast.take().ack()
            if read:
                slow.take().ack()
            step(hub)
            if k % 60 == 59:
                for session in list(hub.sessions):
                    session.expire(slow.now)

    seconds(3, read=True)
    assert slow.session.rate == 60
    seconds(12, read=False)
    assert slow.session.rate == 0 and fast.session.rate == 60
    seconds(2, read=True)
    assert slow.session.rate >= 2 and hub.seq - slow.seqs[-1] <= 30
    seconds(20, read=True)
    assert slow.session.rate == 60
    told = [message for message in slow.control if message["type"] == "tier"]
    assert [message["hz"] for message in told] == [30, 10, 2, 0, 2, 10, 30, 60]
    assert all(message["reason"] for message in told)
    assert hub.counters.steps_down == hub.counters.steps_up == 4
    slow.say(type="digest")
    fast.say(type="digest")
    assert slow.take().compared == fast.take().compared == 1


def test_a_client_that_owes_an_ack_for_a_minute_is_told_and_closed(make: ModuleType) -> None:
    hub = new_hub(make)
    peer = Peer(hub).take()
    for _ in range(62):
        step(hub, SECOND)
        peer.session.expire(peer.now)
    peer.take()
    assert peer.session.closed and peer.session.closed[0] == 4408
    assert [m["type"] for m in peer.control[-2:]] == ["event", "bye"]
    assert peer.control[-2]["event"] == "notice" and "too slow" in peer.control[-2]["text"]
    assert hub.counters.closed_slow == 1


def test_interest_in_a_subtree_leaves_the_rest_out_and_brings_what_enters_whole(make: ModuleType) -> None:
    hub = new_hub(make)
    everything = list(range(7))
    move(make, hub, everything, 1.0)
    peer = Peer(hub, interest={"type": "interest", "prims": ["/World/A/**"]}).take().ack()
    assert np.flatnonzero(peer.model._live).tolist() == [0, 1, 2]  # with the ancestor that places them
    move(make, hub, everything, 1.5)
    peer.take().ack()
    assert [f.body.index.tolist() for f in peer.ticks[-1] if f.header.op == codec.OP_DELTA] == [[0, 1, 2]]
    peer.say(type="interest", prims=["/World/C"])
    peer.take().ack()
    assert [f.body.index.tolist() for f in peer.ticks[-1] if f.body is not None] == [[3, 4, 5, 6]]
    move(make, hub, everything, 1.75)
    peer.take().ack()
    assert [f.body.index.tolist() for f in peer.ticks[-1] if f.body is not None] == [[0, 3, 4, 5, 6]]
    assert peer.model.local(1)[0, 3] == 2.5  # what left keeps its last values
    step(hub, SECOND)
    peer.say(type="digest")
    assert peer.take().ack().compared == 1
    assert peer.model.local(1)[0, 3] == 2.75  # made true once, so that both can be compared


def test_interest_in_signals_and_labels(make: ModuleType) -> None:
    hub = new_hub(make)
    peer = (
        Peer(hub, interest={"type": "interest", "signals": ["line1.*"], "labels": ["no such label"]})
        .take()
        .ack()
    )
    texts = TextColumns(
        frozen(np.array([1]), np.uint32),
        ("läuft",),
        frozen(np.array([7]), np.int64),
        frozen(np.array([0]), np.uint32),
    )
    hub.publish(
        make.tick(
            make.poses([1], [[1, 0, 0]]), signals=make.values([0, 2], [1.0, 2.0], [5, 6], [0, 0]), texts=texts
        )
    )
    peer.take().ack()
    assert not peer.model._live.any()
    assert peer.model.value("line1.x").value == 1.0 and np.isnan(peer.model.value("line2.y").value)
    assert peer.model.value("line1.state").text == "läuft"


def test_clients_with_the_same_interest_share_one_encoding(make: ModuleType) -> None:
    hub = new_hub(make)
    peers = [Peer(hub, interest={"type": "interest", "prims": ["/World/A"]}).take().ack() for _ in range(10)]
    before = hub.counters.encodings
    for k in range(4):
        move(make, hub, [1, 3], float(k))
        for peer in peers:
            peer.take().ack()
    assert hub.counters.encodings - before == 4


def test_a_memory_seen_through_a_filter_counts_for_nothing(make: ModuleType) -> None:
    hub = new_hub(make)
    move(make, hub, [1, 3], 1.0)
    have = {"epoch": "e1", "revision": 0, "seq": 1}
    peer = Peer(hub, have=have, interest={"type": "interest", "prims": ["/World/A"]}).take()
    assert peer.ticks[0][-1].header.keyframe


def test_no_common_version_is_said_with_both_ranges(make: ModuleType) -> None:
    peer = Peer(new_hub(make), protocol={"min": 2, "max": 4})
    assert peer.session.closed == (4406, "the client speaks versions 2 to 4, this server 1 to 1")


def test_the_welcome_tells_what_a_client_has_to_know(make: ModuleType) -> None:
    peer = Peer(new_hub(make), caps=["zstd", "teleport"], rate=25, protocol={"min": 0, "max": 9}).take()
    welcome = peer.control[0]
    assert (welcome["protocol"], welcome["version"], welcome["caps"]) == ("twin.v1", 1, ["zstd"])
    assert (welcome["rate"], welcome["tiers"]) == (10, [60, 30, 10, 2])
    assert welcome["stage"] == {"metersPerUnit": 0.01, "upAxis": "Y", "hash": "ab" * 32}


def test_unknown_messages_and_fields_are_ignored_and_counted(make: ModuleType) -> None:
    hub = new_hub(make)
    peer = Peer(hub, colour="green").take()
    peer.say(type="shout", text="hey")
    assert peer.session.closed is None and hub.counters.ignored_messages == 1


def test_events_are_numbered_and_only_for_who_wants_them(make: ModuleType) -> None:
    hub = new_hub(make)
    keen, not_so = Peer(hub), Peer(hub, want=["pose"])
    assert hub.event("alarm", {"id": "hot", "state": "active"}) == 1
    assert hub.event("alarm", {"id": "hot", "state": "normal"}) == 2
    told = [m for m in keen.take().control if m["type"] == "event"]
    assert [(m["event"], m["n"], m["data"]["state"]) for m in told] == [
        ("alarm", 1, "active"),
        ("alarm", 2, "normal"),
    ]
    assert not [m for m in not_so.take().control if m["type"] == "event"]


def test_answers_go_between_the_messages_of_a_long_tick(make: ModuleType) -> None:
    n = 40_000
    hub = Hub(
        make.snapshot(["/W", *(f"/W/n{i:05d}" for i in range(n))]), epoch="e1", clock=ManualClock(SECOND)
    )
    random = np.random.Generator(np.random.Philox(1))
    hub.publish(
        make.tick(make.poses(np.arange(1, n + 1), random.normal(size=(n, 3)), random.normal(size=(n, 4))))
    )
    peer = Peer(hub, caps=[])
    sizes = []
    peer.take(2)  # the greeting and the first part
    assert peer.frames and not peer.ticks
    peer.say(type="ping", t=1.0)
    peer.take(1)
    assert peer.control[-1]["type"] == "pong" and not peer.ticks
    peer.take()
    assert len(peer.ticks) == 1 and len(peer.ticks[0]) >= 4
    del sizes


def test_latency_is_measured_from_arrival_to_real_acknowledgements(make: ModuleType) -> None:
    hub = new_hub(make)
    quick, slow = Peer(hub).take().ack(), Peer(hub).take().ack()
    for k in range(10):
        received = hub.clock.now_ns() - 5_000_000
        hub.publish(make.tick(make.poses([1], [[k, 0, 0]])), received_ns=received)
        quick.take()
        hub.clock.advance(10_000_000)
        quick.say(type="ack", seq=quick.seqs[-1], fps=59.5, applyMs=3.0)
    figures = hub.figures
    assert figures.apply_seconds.count == 10 and abs(figures.apply_seconds.sum - 0.15) < 1e-9
    assert figures.apply_seconds.quantile(0.99) == 0.02
    assert quick.session.fps == 59.5 and figures.client_seconds.count == 10
    slow.take()  # one tick that tells of all ten: it is as old as the oldest of them
    slow.ack()
    assert figures.apply_seconds.count == 11 and abs(figures.apply_seconds.sum - 0.15 - 0.105) < 1e-9


# ---------------------------------------------------------------------- any sequence

numbers = st.integers(-400_000, 400_000)
nodes = st.lists(st.integers(0, 6), min_size=1, max_size=7, unique=True).map(sorted)
interests = st.sampled_from(
    [
        {},
        {"prims": ["/World/A/**"]},
        {"prims": ["/World/C"]},
        {"prims": ["/*/A"], "signals": ["line2.*"]},
        {"signals": ["line1.*"]},
        {"prims": []},
    ]
)
published = st.one_of(
    st.tuples(st.just("move"), nodes, numbers),
    st.tuples(st.just("move"), nodes, st.integers(-20, 20)),
    st.tuples(st.just("turn"), nodes, numbers),
    st.tuples(st.just("scale"), nodes, numbers),
    st.tuples(st.just("style"), st.integers(0, 6), st.integers(0, 255)),
    st.tuples(st.just("switch"), st.integers(0, 6), st.integers(0, 1)),
    st.tuples(st.just("signal"), st.integers(0, 2), st.integers(-9, 9)),
    st.tuples(st.just("text"), st.text(max_size=5), st.just(0)),
    st.tuples(st.just("entity"), st.integers(0, 6), st.integers(-1, 2**40)),
)
asked = st.one_of(
    st.tuples(st.just("interest"), interests, st.just(0)),
    st.tuples(st.just("rate"), st.sampled_from([None, 60, 30, 10, 2]), st.just(0)),
    st.tuples(
        st.sampled_from(["pause", "resume", "drop", "digest", "digest", "scene"]), st.just(0), st.just(0)
    ),
)
taken = st.one_of(
    st.tuples(st.sampled_from(["both", "both", "take", "part", "ack"]), st.just(0), st.just(0)),
    st.tuples(st.just("wait"), st.sampled_from([1, 2, 6, 40, 130]), st.just(0)),
)
operations = st.lists(st.one_of(published, published, taken, taken, asked), min_size=10, max_size=70)


@pytest.mark.parametrize("way", ["twin", "relay", "relay with holes"])
@given(operations, st.sampled_from([["delta", "zstd"], ["delta"], []]), interests)
@settings(deadline=None, max_examples=150)
@example(
    [("move", [1, 2, 3], 1), ("both", 0, 0), ("interest", {"prims": ["/World/C"]}, 0), ("digest", 0, 0)],
    ["delta"],
    {"prims": ["/World/A/**"]},
)
@example(
    [("move", [1], 1), ("both", 0, 0), ("move", [1], 2), ("move", [3], 3), ("both", 0, 0)], ["delta"], {}
)
def test_whatever_happens_a_client_ends_with_the_digest_of_the_hub(
    make: ModuleType, relays: ModuleType, way: str, script: list, caps: list[str], interest: dict
) -> None:
    hub = new_hub(make)
    mirrored = None if way == "twin" else relays.Mirrored(hub, holes=way == "relay with holes")
    edge = hub if mirrored is None else mirrored.edge
    peer = Peer(edge, caps=caps, interest={"type": "interest", **interest})
    filtered = bool(interest)
    for count, (what, row, value) in enumerate(script):
        if what == "move":
            move(make, hub, row, value * 0.01)
        elif what == "turn":
            quat = np.random.default_rng(abs(value)).normal(size=(len(row), 4))
            move(make, hub, row, 0.0, rotation=quat)
        elif what == "scale":
            move(make, hub, row, 1.0, scale=[[1, 1, 1 + value % 3]] * len(row))
        elif what == "style":
            hub.publish(make.tick(style=make.styles([row], [[value, 0, 0, value]])))
        elif what == "switch":
            hub.publish(make.tick(visibility=make.switches([row], [bool(value)])))
        elif what == "signal":
            hub.publish(
                make.tick(signals=make.values([row], [np.nan if value == 0 else value], [count], [0]))
            )
        elif what == "text":
            hub.publish(make.tick(texts=text_columns(row, count)))
        elif what == "entity":
            entities = EntityColumns(frozen(np.array([row]), np.uint32), frozen(np.array([value]), np.int64))
            hub.publish(make.tick(entities=entities))
        elif what == "interest":
            filtered |= bool(row)
            interest = row
            peer.say(type="interest", **row)
        elif what == "rate":
            peer.say(type="rate", hz=row)
        elif what == "wait":
            step(hub, row * FRAME)
            edge.advance()
            peer.session.expire(peer.now)
        elif what == "both":
            peer.take().ack()
        elif what == "take":
            peer.take()
        elif what == "part":
            peer.take(1)
        elif what == "ack":
            peer.ack()
        elif what == "scene":
            hub.replace_scene(make.snapshot(PATHS, points=3))
            peer.frames, peer.ticks = [], []
            peer.model = SceneModel(json.loads(scene_bytes(hub.scene)))
            peer.say(type="ready", revision=hub.revision)
            filtered = bool(interest)
        elif what == "drop":
            edge.disconnect(peer.session)
            model, again = peer.model, {}
            if not filtered and model.seq and peer.ticks:
                again = {"have": {"epoch": "e1", "revision": hub.revision, "seq": model.seq}}
            else:
                model, filtered = None, bool(interest)
            wish = {"type": "interest", **interest}
            peer = Peer(edge, model=model, caps=caps, interest=wish, **again)
        else:
            peer.say(type=what)
    assert peer.session.closed is None
    if mirrored is not None:
        mirrored.catch_up()
        whole = hub.view(frozenset(messages.CHANNELS), messages.Interest())
        assert edge.digest(edge.view(frozenset(messages.CHANNELS), messages.Interest()), {}) == hub.digest(
            whole, {}
        )
    peer.say(type="resume")
    before = peer.compared
    peer.say(type="digest")
    for _ in range(8):
        peer.take().ack()
        step(hub, SECOND)
        edge.advance()
        peer.session.expire(peer.now)
    assert peer.session.closed is None
    assert peer.compared > before and peer.model.seq == hub.seq
    if not filtered:
        whole = hub.view(peer.session.want, messages.Interest())
        assert peer.model.digest() == hub.digest(whole, {})


def text_columns(text: str, event_ns: int) -> TextColumns:
    return TextColumns(
        frozen(np.array([1]), np.uint32),
        (text,),
        frozen(np.array([event_ns]), np.int64),
        frozen(np.array([0]), np.uint32),
    )


@pytest.mark.parametrize("offset", [0.0, 10_000.0, 3e5, -7e9])
def test_ten_thousand_steps_of_deltas_lose_nothing(make: ModuleType, offset: float) -> None:
    hub = new_hub(make)
    random = np.random.Generator(np.random.Philox(4))
    nodes = np.arange(7)
    translation = random.uniform(-5, 5, (7, 3)) + offset
    quat = random.normal(size=(7, 4))
    peer = Peer(hub, caps=["delta"]).take().ack()
    for _ in range(1500):
        translation += random.normal(scale=0.02, size=(7, 3))
        quat += random.normal(scale=0.01, size=(7, 4))
        hub.publish(make.tick(make.poses(nodes, translation, quat)))
        peer.take().ack()
    assert sum(codec.OP_DELTA in [f.header.op for f in tick] for tick in peer.ticks) >= 1499
    held = np.array([peer.model.local(n)[:3, 3] for n in range(7)])
    assert (
        np.abs(held - translation).max() <= max(0.5 * codec.QUANTUM, 2e-6 if abs(offset) > 1e9 else 0) + 1e-12
    )
    peer.say(type="digest")
    assert peer.take().compared == 1


def test_a_view_is_told_of_what_its_camera_may_see_with_some_patience(make: ModuleType) -> None:
    hub = new_hub(make)
    move(make, hub, [0], 0.0)
    hub.publish(make.tick(make.poses([1, 3], [[50, 0, 0], [-50, 0, 0]])))
    ahead = {"position": [0, 0, 0], "direction": [1, 0, 0], "verticalFov": 0.8, "aspect": 1.5, "far": 200}
    peer = Peer(hub, interest={"type": "interest", "view": ahead}).take().ack()
    assert np.flatnonzero(peer.model._live).tolist() == [0, 1]

    def told_of(x: float, y: float) -> list[int]:
        step(hub, SECOND)
        hub.publish(make.tick(make.poses([1, 3], [[x, y, 0], [-50 - x, 0, 0]])))
        peer.take().ack()
        bodies = [frame.body.index.tolist() for frame in peer.ticks[-1] if frame.header.op in (1, 6)]
        return sorted(node for body in bodies for node in body)

    assert told_of(51, 0) == [1]
    assert told_of(50, 52) == [1]  # a little out of the picture: it stays for the time being
    assert told_of(0, 50) == [] and told_of(0, 51) == []  # beside the camera
    assert told_of(50, 52) == []  # where it was allowed to stay, but not to enter
    assert told_of(50, 1) == [1]
    assert told_of(500, 0) == []  # too far
    step(hub, SECOND)
    peer.say(type="interest", view={**ahead, "direction": [-1, 0, 0], "far": None})
    peer.take().ack()
    assert peer.model.local(3)[0, 3] == -550
    peer.say(type="digest")
    step(hub, SECOND)
    assert peer.take().compared == 1


def test_a_camera_without_a_direction_is_refused(make: ModuleType) -> None:
    peer = Peer(new_hub(make))
    peer.say(type="interest", view={"position": [0, 0, 0], "direction": [0, 0, 0]})
    assert peer.session.closed and peer.session.closed[0] == 4400 and "direction" in peer.session.closed[1]


def test_a_wish_that_has_to_wait_tells_for_how_long(make: ModuleType) -> None:
    hub = new_hub(make)
    peer = Peer(hub).take().ack()
    peer.say(type="digest")
    peer.take().ack()
    assert peer.session.wait_ns(peer.now) is None and peer.compared == 1
    peer.say(type="digest")
    peer.take()
    wait = peer.session.wait_ns(peer.now)
    assert wait == SECOND // 4 and peer.compared == 1
    step(hub, wait)
    assert peer.session.wait_ns(peer.now) is None
    assert peer.take().ack().compared == 2
    peer.say(type="interest", prims=["/World/A"])
    peer.take()
    assert peer.session.wait_ns(peer.now) == SECOND // 4
    peer.say(type="pause")
    assert peer.session.wait_ns(peer.now) is None


@pytest.mark.parametrize("hz", [0, -1.5])
def test_a_rate_that_is_none_is_refused_in_the_hello_too(make: ModuleType, hz: float) -> None:
    peer = Peer(new_hub(make), rate=hz).take()
    assert peer.session.closed and peer.session.closed[0] == 4400
    assert [m["type"] for m in peer.control] == ["bye"]
