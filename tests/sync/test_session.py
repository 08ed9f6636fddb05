"""Hub and sessions without any socket: who gets what, and when."""

import json
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twinstage.base.errors import UserError
from twinstage.scene.columns import frozen
from twinstage.sync import codec, messages
from twinstage.sync.hub import Hub, SignalMeta
from twinstage.sync.model import SceneModel
from twinstage.sync.scene_json import scene_bytes
from twinstage.sync.session import MAX_CONTROL, MAX_CONTROL_BYTES, Session

SECOND = 1_000_000_000


class Peer:
    """A client's side of a session, by hand: it holds a model and acknowledges when told."""

    def __init__(self, hub: Hub, *, want: list[str] | None = None, have: dict | None = None) -> None:
        self.hub, self.now, self.wakes = hub, 0, 0
        self.session: Session = hub.connect(self._wake, now_ns=0)
        self.model = SceneModel(json.loads(scene_bytes(hub.scene)))
        self.control: list[dict] = []
        self.ticks: list[codec.Header] = []
        self.say(type="hello", want=want, have=have)

    def _wake(self) -> None:
        self.wakes += 1

    def say(self, **message: object) -> None:
        self.session.receive(json.dumps(message), now_ns=self.now, wall_ns=123)

    def take(self) -> int:
        """Applies all that is due; returns the number of ticks."""
        frames, before = [], len(self.ticks)
        for message in self.session.take(self.now):
            if isinstance(message, str):
                self.control.append(json.loads(message))
                continue
            for frame in codec.decode(message):
                frames.append(frame)
                if frame.header.op == codec.OP_TICK_END:
                    self.model.apply(frames)
                    self.ticks.append(frame.header)
                    frames = []
        assert not frames
        return len(self.ticks) - before

    def ready(self) -> "Peer":
        self.say(type="ready", revision=self.hub.revision)
        self.take()
        self.ack()
        return self

    def ack(self) -> None:
        self.say(type="ack", seq=self.ticks[-1].seq)


@pytest.fixture
def hub(make: ModuleType) -> Hub:
    return Hub(make.snapshot(points=3), [SignalMeta("a.x", "m"), SignalMeta("a.y", "K")], epoch="e1")


def move(make: ModuleType, hub: Hub, node: int, x: float) -> int:
    return hub.publish(make.tick(make.poses([node], [[x, 0, 0]])))


def test_a_new_client_is_welcomed_and_gets_a_keyframe_of_what_moved(make: ModuleType, hub: Hub) -> None:
    move(make, hub, 1, 5.0)
    move(make, hub, 5, 7.0)
    peer = Peer(hub)
    assert peer.take() == 0  # nothing before it holds the scene
    peer.say(type="ready", revision=0)
    assert peer.take() == 1
    welcome = peer.control[0]
    assert (welcome["type"], welcome["epoch"], welcome["revision"], welcome["seq"]) == ("welcome", "e1", 0, 2)
    assert welcome["limits"] == {"window": 2, "maxMessageBytes": 65536, "ackTimeoutSeconds": 60.0}
    header = peer.ticks[0]
    assert header.keyframe and header.base_seq == 0 and header.seq == 2
    assert peer.model.world(peer.model.node("/World/A"))[0, 3] == 5.0
    assert peer.model.world(peer.model.node("/World/C", 101))[0, 3] == 7.0


def test_clients_in_step_share_one_encoding(make: ModuleType, hub: Hub) -> None:
    peers = [Peer(hub).ready() for _ in range(20)]
    before = hub.counters.encodings
    for step in range(5):
        move(make, hub, 1, float(step))
        taken = [peer.session.take(0) for peer in peers]
        assert all(messages[0] is taken[0][0] for messages in taken)
        for peer in peers:
            peer.say(type="ack", seq=hub.seq)
    assert hub.counters.encodings - before == 5


def test_a_client_that_never_acks_gets_two_ticks_and_then_the_latest_state_at_once(
    make: ModuleType, hub: Hub
) -> None:
    slow, fast = Peer(hub).ready(), Peer(hub).ready()
    for step in range(100):
        move(make, hub, 1 + step % 3, float(step))
        slow.take()
        assert fast.take() == 1
        fast.ack()
    assert len(slow.ticks) == 1 + messages.WINDOW
    slow.ack()
    assert slow.take() == 1
    assert slow.ticks[-1].base_seq == 2 and slow.ticks[-1].seq == 100
    assert slow.session.ticks_skipped == 97
    assert np.array_equal(slow.model.locals(), fast.model.locals())
    assert slow.model.local(1)[0, 3] == 99.0


operations = st.lists(
    st.one_of(
        st.tuples(st.just("move"), st.integers(0, 6), st.integers(-40_000, 40_000)),
        st.tuples(st.just("style"), st.integers(0, 6), st.integers(0, 255)),
        st.tuples(st.just("switch"), st.integers(0, 6), st.integers(0, 1)),
        st.tuples(st.just("signal"), st.integers(0, 1), st.integers(-9, 9)),
        st.tuples(st.sampled_from(["take", "ack", "pause", "resume", "drop"]), st.just(0), st.just(0)),
    ),
    max_size=60,
)


@given(operations)
@settings(deadline=None, max_examples=80)
def test_whatever_is_missed_the_client_ends_with_the_latest_state(make: ModuleType, script: list) -> None:
    hub = Hub(make.snapshot(points=3), [SignalMeta("a.x"), SignalMeta("a.y")], epoch="e1")
    peer, truth = Peer(hub).ready(), Peer(hub).ready()
    for step, (what, row, value) in enumerate(script):
        if what == "move":
            hub.publish(make.tick(make.poses([row], [[value * 0.1, 0, 0]], scale=[[1, 1, 1 + value % 2]])))
        elif what == "style":
            hub.publish(make.tick(style=make.styles([row], [[value, 0, 0, value]])))
        elif what == "switch":
            hub.publish(make.tick(visibility=make.switches([row], [bool(value)])))
        elif what == "signal":
            hub.publish(make.tick(signals=make.values([row], [value], [step], [0])))
        elif what == "take":
            peer.take()
        elif what == "ack":
            peer.ack()
        elif what == "drop":  # a lost connection: the state is kept, the session is not
            hub.disconnect(peer.session)
            model = peer.model
            have = {"epoch": model.epoch, "revision": model.revision, "seq": model.seq}
            again = Peer(hub, have=have)
            again.model = model
            peer = again.ready()
            assert not peer.ticks[-1].keyframe
        else:
            peer.say(type=what)
        truth.take()
        truth.ack()
    peer.say(type="resume")
    for _ in range(3):
        peer.take()
        if peer.ticks:
            peer.ack()
    a, b = peer.model, truth.model
    assert np.array_equal(a.locals(), b.locals())
    assert [a.style(n) for n in range(7)] == [b.style(n) for n in range(7)]
    assert [a.visible(n) for n in range(7)] == [b.visible(n) for n in range(7)]
    assert [repr(a.value(s)) for s in a.signal_ids] == [repr(b.value(s)) for s in b.signal_ids]


def test_a_catch_up_within_the_epoch_holds_only_what_changed(make: ModuleType, hub: Hub) -> None:
    for node in range(5):
        move(make, hub, node, 1.0)
    peer = Peer(hub, have={"epoch": "e1", "revision": 0, "seq": 4})
    peer.say(type="ready", revision=0)
    frames = codec.decode(b"".join(m for m in peer.session.take(0) if isinstance(m, bytes)))
    assert not frames[0].header.keyframe and frames[0].header.base_seq == 4
    assert frames[0].body.index.tolist() == [4]


@pytest.mark.parametrize(
    "have",
    [
        {"epoch": "other", "revision": 0, "seq": 1},
        {"epoch": "e1", "revision": 9, "seq": 1},
        {"epoch": "e1", "revision": 0, "seq": 99},
    ],
)
def test_any_other_memory_gets_a_keyframe(make: ModuleType, hub: Hub, have: dict) -> None:
    move(make, hub, 1, 1.0)
    assert Peer(hub, have=have).ready().ticks[0].keyframe


def test_the_cost_of_joining_does_not_grow_with_uptime(make: ModuleType, hub: Hub) -> None:
    def size() -> int:
        peer = Peer(hub)
        peer.say(type="ready", revision=0)
        hub.disconnect(peer.session)
        return sum(len(m) for m in peer.session.take(0) if isinstance(m, bytes))

    for step in range(10):
        move(make, hub, step % 3, float(step))
    young = size()
    for step in range(2000):
        move(make, hub, step % 3, float(step))
    assert size() == young


def test_a_replaced_scene_stops_the_stream_until_the_client_holds_it(make: ModuleType, hub: Hub) -> None:
    peer = Peer(hub).ready()
    move(make, hub, 1, 5.0)
    hub.replace_scene(make.snapshot(["/New", "/New/X"]))
    move(make, hub, 1, 8.0)
    assert peer.take() == 0
    assert peer.control[-1] == {"type": "event", "event": "scene", "revision": 1}
    peer.say(type="ready", revision=0)  # an answer to something older
    assert peer.take() == 0
    peer.model = SceneModel(json.loads(scene_bytes(hub.scene)))
    peer.say(type="ready", revision=1)
    assert peer.take() == 1
    assert peer.ticks[-1].keyframe
    assert peer.model.world(peer.model.node("/New/X"))[0, 3] == 8.0


def test_a_paused_client_gets_nothing_and_then_one_tick(make: ModuleType, hub: Hub) -> None:
    peer = Peer(hub).ready()
    peer.say(type="pause")
    for step in range(5):
        move(make, hub, 1, float(step))
        assert peer.take() == 0
    peer.now = 3600 * SECOND
    peer.session.expire(peer.now)
    assert peer.session.closed is None
    peer.say(type="resume")
    assert peer.take() == 1
    assert peer.model.local(1)[0, 3] == 4.0


def test_unwanted_kinds_are_left_out(make: ModuleType, hub: Hub) -> None:
    peer = Peer(hub, want=["scalar", "something new"]).ready()
    assert peer.control[0]["want"] == ["scalar"]
    hub.publish(make.tick(make.poses([1], [[1, 0, 0]]), signals=make.values([1], [3.0], [5], [0])))
    peer.take()
    assert np.isclose(peer.model.value("a.y").value, 3.0)
    assert peer.model.local(1)[0, 3] == 0.0


def test_a_ping_is_answered_with_the_time_of_day(hub: Hub) -> None:
    peer = Peer(hub)
    peer.say(type="ping", t=12.5)
    peer.take()
    assert peer.control[-1] == {"type": "pong", "t": 12.5, "serverTimeNs": "123"}


@pytest.mark.parametrize(
    ("message", "code", "words"),
    [
        ("{", 4400, "not a message of twin.v1"),
        ("[1, 2]", 4400, "Expected `object`"),
        ('{"type":5}', 4400, "Expected `str`"),
        ('{"type":"interest","prims":["' + '","'.join("a" * 65) + '"]}', 4400, "65 patterns"),
        ('{"type":"interest","labels":["' + "a" * 600 + '"]}', 4400, "600 characters"),
        ('{"type":"rate","hz":0}', 4400, "pause ends the stream"),
        ('{"type":"ack","seq":"7"}', 4400, "Expected `int`"),
        ('{"type":"ack","seq":-1}', 4400, ">= 0"),
        ('{"type":"ack"}', 4400, "seq"),
        ('{"type":"ack","seq":70}', 4409, "ack of tick 70, but the newest one sent is 0"),
        ('{"type":"hello"}', 4409, "second hello"),
        (b"\x01", 4400, "text messages only"),
        ("\ud800", 4400, "not a message"),
        ("[" * 5000, 4400, "not a message"),
    ],
)
def test_a_breach_of_the_protocol_is_a_close_code_with_a_sentence(
    hub: Hub, message: str | bytes, code: int, words: str
) -> None:
    peer = Peer(hub)
    peer.session.receive(message, now_ns=0, wall_ns=0)
    assert peer.session.closed is not None
    assert peer.session.closed[0] == code
    assert words in peer.session.closed[1]
    assert len(peer.session.closed[1].encode()) <= 123
    peer.take()
    assert peer.control[-1]["type"] == "bye"


def test_the_first_message_must_be_a_hello(hub: Hub) -> None:
    session = hub.connect(lambda: None, now_ns=0)
    session.receive('{"type":"pause"}', now_ns=0, wall_ns=0)
    assert session.closed == (4409, "the first message must be a hello, not 'pause'")


def test_silent_clients_are_closed(make: ModuleType, hub: Hub) -> None:
    silent = hub.connect(lambda: None, now_ns=0)
    silent.expire(9 * SECOND)
    assert silent.closed is None
    silent.expire(11 * SECOND)
    assert silent.closed and silent.closed[0] == 4408
    peer = Peer(hub).ready()
    move(make, hub, 1, 1.0)
    peer.take()
    peer.session.expire(59 * SECOND)
    assert peer.session.closed is None
    peer.session.expire(61 * SECOND)
    assert peer.session.closed and "tick 1 was not acknowledged" in peer.session.closed[1]


def test_notices_do_not_pile_up_for_a_client_that_does_not_read(hub: Hub) -> None:
    peer = Peer(hub)
    for i in range(MAX_CONTROL + 5):
        hub.notice("info", str(i))
    peer.session.expire(SECOND)
    assert peer.session.closed is None  # they may all have come at once, a moment ago
    peer.session.expire(2 * SECOND)
    assert peer.session.closed and peer.session.closed[0] == 4408
    assert len(peer.session.take(0)) <= 2


def test_what_may_wait_for_a_client_at_any_moment_is_bounded_in_bytes(hub: Hub) -> None:
    peer = Peer(hub)
    for _ in range(1000):
        hub.notice("info", "x" * 1000)
        assert sum(map(len, peer.session._control)) <= MAX_CONTROL_BYTES + 2000
    assert peer.session.closed and peer.session.closed[0] == 4408


def test_poses_that_are_no_numbers_hold_the_last_pose(make: ModuleType, hub: Hub) -> None:
    peer = Peer(hub).ready()
    quats = np.array([[1.0, 0, 0, 0], [np.nan, 0, 0, 0], [0, 0, 0, 0], [0, 2, 0, 0]])
    hub.publish(make.tick(make.poses([0, 1, 2, 3], [[np.inf, 0, 0], [1, 0, 0], [2, 0, 0], [3, 0, 0]], quats)))
    peer.take()
    assert peer.model.locals()[:, 0, 3].tolist() == [0, 0, 0, 3, 0, 0, 0]
    assert hub.counters.refused_rows == 3


def test_columns_of_another_scene_are_refused(make: ModuleType, hub: Hub) -> None:
    with pytest.raises(UserError, match="a pose column names row 7, but this scene has 7"):
        move(make, hub, 7, 0.0)
    with pytest.raises(UserError, match="signal column names row 2"):
        hub.publish(make.tick(signals=make.values([2], [0], [0], [0])))
    assert hub.seq == 0


def test_a_tick_of_nothing_is_not_sent_but_a_new_watermark_is(make: ModuleType, hub: Hub) -> None:
    peer = Peer(hub).ready()
    assert hub.publish(make.tick()) == 0
    assert peer.take() == 0
    assert hub.publish(make.tick(watermark_ns=5)) == 1
    assert peer.take() == 1
    assert peer.ticks[-1].watermark_ns == 5


def test_the_scene_document_is_deterministic_and_tells_nothing_of_the_machine(make: ModuleType) -> None:
    first = Hub(make.snapshot(points=2), [SignalMeta("s")], {"/World": ["s"]}, epoch="e")
    second = Hub(make.snapshot(points=2), [SignalMeta("s")], {"/World": ["s"]}, epoch="e")
    data = scene_bytes(first.scene)
    assert data == scene_bytes(second.scene)
    assert b"private" not in data
    document = json.loads(data)
    assert document["stage"]["name"] == "cell.usda"
    assert document["bindings"] == {"/World": ["s"]}
    assert len(document["nodes"]["local"]) == 12 * document["nodes"]["count"]
    assert document["points"]["id"] == [100, 101]
    assert document["instances"]["local"] is None


def test_the_document_carries_the_authored_transforms(make: ModuleType) -> None:
    local = np.stack(
        [make.translation(1, 2, 3), make.translation(0, 0, 1), np.diag([2.0, 2, 2, 1]), np.eye(4)]
    )
    snapshot = make.snapshot(local=local)
    model = SceneModel(json.loads(scene_bytes(Hub(snapshot, epoch="e").scene)))
    for path, node in snapshot.prims.index_of.items():
        assert np.array_equal(model.world(model.node(path)), snapshot.node_world[node])
    frozen_world = frozen(np.array(snapshot.node_world), np.float64)
    assert frozen_world[2, 2, 3] == 4.0
