"""One client of a hub, without any I/O: it eats the client's messages and gives the messages to send.

    awaiting hello -> awaiting ready -> streaming (-> awaiting ready when the scene is replaced)

The transport feeds `receive`, and whenever `wake` is called (or a send is done) takes what is due from `next_message`,
one message at a time, so that answers go between the messages of a long tick. A tick is made at the moment it is
begun: a transport that is slow to send, a client that is slow to acknowledge and a paused client all just skip states,
nothing queues up. Times are arguments: `now_ns` is any clock that does not jump, `wall_ns` the time of day.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from twinstage.scene.columns import Bool
from twinstage.sync import messages as m
from twinstage.sync.access.roles import LOCAL, Identity, Refusal, Role
from twinstage.sync.frustum import LOOK_EVERY_NS
from twinstage.sync.interest import complaint, poor_eye
from twinstage.sync.pace import Pace, Step
from twinstage.sync.stream import Admit, Stream
from twinstage.sync.tiers import Tier
from twinstage.sync.view import View, entered

MAX_CONTROL = 64
"""Control messages that may wait for one client for a second; more means that it does not read."""
MAX_CONTROL_BYTES = 1 << 18
"""What they may hold at any moment [B]: many may come at once, before any client could take one."""
_NS = 1_000_000_000
_CALM_NS = _NS // 4
"""Least time between two ticks that a client asks for by changing its interest or wanting a digest [ns]."""
_LATE_NS = _NS
"""An acknowledgement this late is answered with the newest state, whatever the tier [ns]."""
_ALL = m.Interest()


@dataclass(slots=True)
class _Sent:
    """A tick under way. `received_ns`: oldest arrival of what it tells, None = not known."""

    seq: int
    sent_ns: int
    received_ns: int | None


class Session:
    """State of one connection. `closed` is (code, reason) once it has to end."""

    def __init__(
        self, stream: Stream, wake: Callable[[], None], *, now_ns: int, admit: Admit | None = None
    ) -> None:
        self._stream = stream
        self._admit = admit
        self.who = Identity(LOCAL, Role.ENGINEER)
        """Who is at the other end, after the hello."""
        self._wake = wake
        self._opened_ns = now_ns
        self._control: deque[str] = deque()
        self._rest: deque[str | bytes] = deque()
        """What is left of the tick that is being sent."""
        self._welcomed = False
        self._streaming = False
        self._paused = False
        self._base: int | None = None
        self._fresh = False
        """The next tick comes at once and from the newest state, even if nothing changed: after `ready`, after a pause."""
        self._have: m.Have | None = None
        self._under_way: deque[_Sent] = deque()
        self._last_sent = 0
        self._received_ns: int | None = None
        self._told = 0
        """Ticks of its tier since the last one sent."""
        self._interest = _ALL
        self._view: View | None = None
        """What the client has been shown so far; None where the scene or the interest is another now."""
        self._shown: View | None = None
        self._held: dict[str, Bool] = {}
        """Rows that it was told of earlier and that its interest has left: it still holds them as they were."""
        self._wants_digest = False
        self._calm_ns = self._look_ns = 0
        self._pace = Pace(now_ns)
        self._asked = self._level = 0
        self.want: frozenset[str] = frozenset(m.CHANNELS)
        self.caps: frozenset[str] = frozenset()
        self.closed: tuple[int, str] | None = None
        self._crowded = False
        """Whether too many control messages waited when it was looked at last."""
        self.lost = False
        """Set by the transport when the connection is gone, so that there is nobody to say goodbye to."""
        self.ticks_sent = 0
        self.ticks_skipped = 0
        self.bytes_sent = 0
        self.acked_seq = 0
        self.ack_ns = 0
        """Time from the send of the last acknowledged tick to its acknowledgement [ns]."""
        self.fps: float | None = None
        """Pictures a second, as the client says."""

    # ------------------------------------------------------------------ from the client

    def receive(self, message: str | bytes, *, now_ns: int, wall_ns: int) -> None:
        """Eats one message. A breach of the protocol closes the session with a code and a sentence."""
        if self.closed:
            return
        if isinstance(message, bytes):
            self.close(m.BAD_MESSAGE, "clients send text messages only, this one is binary")
            return
        try:
            parsed = m.from_client(message)
        except m.MessageError as error:
            self.close(m.BAD_MESSAGE, str(error))
            return
        if isinstance(parsed, m.Unknown):
            self._stream.counters.ignored_messages += 1
            return
        if isinstance(parsed, m.Command) and self._welcomed:
            self._command(parsed.id, message, now_ns)
            return
        if isinstance(parsed, m.Control) and self._welcomed:
            self._control_used(message, now_ns)
            return
        if isinstance(parsed, m.UsePlayhead) and self._welcomed:
            self._stream.room.use(parsed, self, now_ns, wall_ns)
            return
        self._handle(parsed, now_ns, wall_ns)

    def _command(self, ident: str, message: str, now_ns: int) -> None:
        take = self._stream.take_command
        if take is None:
            self._say(
                m.Answer(
                    ident[:64], False, 0, code="refused", error="nothing can be changed through this server"
                )
            )
            return
        take(m.fields_of(message), self.who, self._say, now_ns)

    def _control_used(self, message: str, now_ns: int) -> None:
        def refuse(sentence: str) -> None:
            self.notice("warning", sentence)

        take = self._stream.take_control
        if take is None:
            refuse("controls do not work through this server")
        else:
            take(m.fields_of(message), self.who, refuse, now_ns)

    def _handle(self, message: m.ClientMessage, now_ns: int, wall_ns: int) -> None:
        if isinstance(message, m.Hello):
            self._hello(message, wall_ns)
        elif not self._welcomed:
            self.close(
                m.OUT_OF_ORDER, f"the first message must be a hello, not {type(message).__name__.lower()!r}"
            )
        elif isinstance(message, m.Ready):
            self._ready(message, now_ns)
        elif isinstance(message, m.Ack):
            self._ack(message, now_ns, wall_ns)
        elif isinstance(message, m.Ping):
            self._say(m.Pong(message.t, str(wall_ns)))
        elif isinstance(message, m.Pause):
            self._paused = True
            self._listen()
        elif isinstance(message, m.Resume):
            self._resume(now_ns)
        elif isinstance(message, m.Interest):
            self._new_interest(message)
        elif isinstance(message, m.Rate):
            self._new_rate(message.hz)
        else:
            self._wants_digest = True
            self._wake()

    def _hello(self, hello: m.Hello, wall_ns: int) -> None:
        if self._welcomed:
            self.close(m.OUT_OF_ORDER, "a second hello on one connection")
            return
        if not hello.protocol.min <= m.VERSION <= hello.protocol.max:
            theirs = f"{hello.protocol.min} to {hello.protocol.max}"
            self.close(
                m.NO_PROTOCOL, f"the client speaks versions {theirs}, this server {m.VERSION} to {m.VERSION}"
            )
            return
        if self._admit is not None:
            who = self._admit(hello.token)
            if isinstance(who, Refusal):
                self.close(who.code, who.sentence)
                return
            self.who = who
        if self._poor_rate(hello.rate):
            return
        self._welcomed = True
        self._have = hello.have
        self.want = frozenset(m.CHANNELS if hello.want is None else set(hello.want) & set(m.CHANNELS))
        self.caps = frozenset(hello.caps) & frozenset(m.CAPS)
        self._new_interest(hello.interest or _ALL)
        self._asked = self._level = self._level_of(hello.rate)
        stream = self._stream
        self._say(
            m.Welcome(
                protocol=m.PROTOCOL,
                epoch=stream.epoch,
                revision=stream.revision,
                seq=stream.seq,
                want=[channel for channel in m.CHANNELS if channel in self.want],
                server_time_ns=str(wall_ns),
                limits=m.Limits(),
                role=self.who.role.word,
                caps=[cap for cap in m.CAPS if cap in self.caps],
                rate=self.tier.hz,
                tiers=[tier.hz for tier in stream.tiers],
                stage=stream.stage,
                events=stream.events,
                edits=stream.edits(),
                serves=None if stream.serves is None else list(stream.serves),
            )
        )
        stream.room.welcome(self)
        if stream.away is not None:
            self._say(stream.away)
        if stream.standing:
            self.notice("warning", stream.standing)

    def _ready(self, ready: m.Ready, now_ns: int) -> None:
        if ready.revision != self._stream.revision:
            self.scene_replaced()
            return
        if self._streaming:
            return
        self._streaming = self._fresh = True
        self._base = self._resume_seq()
        self._have = None
        self._shown, self._held = None, {}
        if self._base is not None:  # it holds all that was told by then
            self._shown = self._view = self._stream.view(self.want, _ALL)
        self._pace.forgive(now_ns)
        self._listen()
        self._wake()

    def _resume_seq(self) -> int | None:
        """The seq to catch up from, or None for a keyframe. What a filtered client holds is not known."""
        have, stream = self._have, self._stream
        if (
            have is None
            or have.epoch != stream.epoch
            or have.revision != stream.revision
            or not stream.floor <= have.seq <= stream.seq
            or self._interest != _ALL
        ):
            return None
        return have.seq

    def _ack(self, ack: m.Ack, now_ns: int, wall_ns: int) -> None:
        if ack.seq > self._last_sent:
            self.close(m.OUT_OF_ORDER, f"ack of tick {ack.seq}, but the newest one sent is {self._last_sent}")
            return
        figures = self._stream.figures
        while self._under_way and self._under_way[0].seq <= ack.seq:
            sent = self._under_way.popleft()
            self.acked_seq, self.ack_ns = sent.seq, now_ns - sent.sent_ns
            figures.ack_seconds.observe(self.ack_ns / _NS)
            if sent.received_ns is not None:
                figures.apply_seconds.observe(max(0, wall_ns - sent.received_ns) / _NS)
            self._fresh |= self.ack_ns > _LATE_NS and self._base != self._stream.seq
        if ack.fps is not None:
            self.fps = ack.fps
        if ack.apply_ms is not None and ack.apply_ms >= 0:
            figures.client_seconds.observe(ack.apply_ms / 1e3)
        self._wake()

    def _resume(self, now_ns: int) -> None:
        if self._paused:
            # The time that the client slept does not count as slowness.
            self._paused = False
            for sent in self._under_way:
                sent.sent_ns = now_ns
                sent.received_ns = None
            self._received_ns = None
            self._pace.forgive(now_ns)
            self._fresh |= self._base is not None and self._base < self._stream.seq
            self._listen()
        self._wake()

    def _new_interest(self, interest: m.Interest) -> None:
        wrong = complaint(interest.prims) or complaint(interest.labels) or complaint(interest.signals)
        wrong = wrong or poor_eye(interest.view)
        if wrong:
            self.close(m.BAD_MESSAGE, wrong)
            return
        if interest != self._interest:
            self._interest, self._view = interest, None
            self._wake()

    def _poor_rate(self, hz: float | None) -> bool:
        """Whether that is no rate; it closes the session."""
        poor = hz is not None and not hz > 0
        if poor:
            self.close(m.BAD_MESSAGE, f"a rate of {hz:g} Hz; pause ends the stream for a while")
        return poor

    def _new_rate(self, hz: float | None) -> None:
        if self._poor_rate(hz):
            return
        before, self._asked = self._level, self._level_of(hz)
        self._set_level(self._asked)
        if self._level != before:
            self._say(m.Tier(self.tier.hz, "as asked"))

    # ------------------------------------------------------------------ tiers

    @property
    def tier(self) -> Tier:
        """Whose ticks it gets."""
        tiers = self._stream.tiers
        return tiers[min(self._level, len(tiers) - 1)]

    @property
    def rate(self) -> float:
        """Ticks a second that it gets at most; 0: single catch-ups."""
        return self.tier.hz if self._level < len(self._stream.tiers) else 0.0

    @property
    def unacked(self) -> int:
        """Ticks under way."""
        return len(self._under_way)

    def _level_of(self, hz: float | None) -> int:
        """The fastest tier that is not faster."""
        rates = [tier.hz for tier in self._stream.tiers]
        if hz is None:
            return 0
        return next((i for i, rate in enumerate(rates) if rate <= hz), len(rates) - 1)

    def _set_level(self, level: int) -> None:
        self.tier.listeners.discard(self)
        self._level = level
        self._listen()

    def _listen(self) -> None:
        """A tier works only for clients that stream."""
        if self._streaming and not self._paused and self.closed is None:
            self.tier.listeners.add(self)
        else:
            self.tier.listeners.discard(self)

    def changed(self, tier: Tier) -> None:
        """The tier has told a tick."""
        base = self._base
        self._told += 1
        self._pace.note(base is not None and base < tier.previous)
        received = tier.received_ns
        if received is not None:
            self._received_ns = received if self._received_ns is None else min(self._received_ns, received)
        if self.due:
            self._wake()

    def expire(self, now_ns: int) -> None:
        """To be called about once a second: steps down or up, closes a client that keeps the server waiting too long."""
        crowded, self._crowded = self._crowded, len(self._control) > MAX_CONTROL
        if crowded and self._crowded:
            self._unread()
            return
        if not self._welcomed:
            if now_ns - self._opened_ns > m.HELLO_TIMEOUT_S * _NS:
                self.close(m.TOO_SLOW, f"no hello within {m.HELLO_TIMEOUT_S:g} s")
            return
        if self._paused or not self._streaming or self.closed:
            return
        owes = now_ns - self._under_way[0].sent_ns if self._under_way else 0
        if owes > m.ACK_TIMEOUT_S * _NS:
            reason = f"tick {self._under_way[0].seq} was not acknowledged in {m.ACK_TIMEOUT_S:g} s"
            self._stream.counters.closed_slow += 1
            self.notice("error", f"this client is too slow: {reason}")
            self.close(m.TOO_SLOW, reason)
            return
        self._step(self._pace.judge(now_ns, owes), now_ns)
        if self._wants_digest or self._view is None:
            self._wake()

    def _step(self, step: Step, now_ns: int) -> None:
        last = len(self._stream.tiers)
        if step == "down" and self._level < last:
            self._pace.stepped(step, now_ns)
            self._stream.counters.steps_down += 1
            self._set_level(self._level + 1)
            few = "single catch-ups" if self._level == last else f"{self.tier.hz:g} ticks a second"
            self._say(m.Tier(self.rate, f"ticks were skipped or acknowledged late: {few} from now on"))
        elif step == "up" and self._level > self._asked:
            self._pace.stepped(step, now_ns)
            self._stream.counters.steps_up += 1
            self._set_level(self._level - 1)
            self._say(m.Tier(self.rate, "kept up for a while"))
        elif step == "up":
            self._pace.steady()

    # ------------------------------------------------------------------ from the server

    def scene_replaced(self) -> None:
        """Node ids are void: tells the client and sends no tick before its next `ready`."""
        if not self._welcomed:
            return
        self._streaming = False
        self._have = self._view = None
        self._under_way.clear()
        self._rest.clear()
        self._listen()
        self._say(m.Event("scene", revision=self._stream.revision))

    def begin_again(self) -> None:
        """What was told so far does not count any more: a keyframe is next. What is half sent is sent to its end."""
        self._have = None
        if self._streaming:
            self._base, self._fresh = None, True
            self._listen()
        self._wake()

    def notice(self, level: str, text: str) -> None:
        """Text for the user: level info, warning or error."""
        if self._welcomed:
            self._say(m.Event("notice", level=level, text=text))

    def away(self, away: m.Away) -> None:
        """The twin behind this server has gone, or is back."""
        if self._welcomed:
            self._say(away)

    def playhead(self, told: m.Playhead) -> None:
        """How the shared playhead stands."""
        self._say(told)

    def event(self, name: str, n: int, data: Mapping[str, Any]) -> None:
        """Something that happened, number n of the server's; only for who wants events."""
        if self._welcomed and "event" in self.want:
            self._say(m.Event(name, n=n, data=dict(data)))

    def close(self, code: int, reason: str) -> None:
        """Ends the session; the first reason stays."""
        if self.closed is None:
            self.closed = (code, _short(reason))
            self._rest.clear()
            self._control.append(m.to_text(m.Bye(reason)))
            self._listen()
        self._wake()

    # ------------------------------------------------------------------ to the client

    @property
    def due(self) -> bool:
        """Whether a tick may be begun now."""
        window = m.WINDOW if self._level < len(self._stream.tiers) else 1
        return (
            self._streaming
            and not self._paused
            and self.closed is None
            and not self._rest
            and len(self._under_way) < window
            and (self._fresh or self._base is None or self._base < self.tier.seq)
        )

    def next_message(self, now_ns: int) -> str | bytes | None:
        """The next message to send, if there is one: control messages first, then what is left of a tick, then a tick."""
        if self._control:
            return self._control.popleft()
        if not self._rest:
            self._grant_wishes(now_ns)
            if self.due:
                self._rest.extend(self._next_tick(now_ns))
        return self._rest.popleft() if self._rest else None

    def take(self, now_ns: int) -> list[str | bytes]:
        """Everything to send now, in order: control messages, and at most one tick."""
        out: list[str | bytes] = []
        ticks = self.ticks_sent
        while self._control or self._rest or self.ticks_sent == ticks:
            message = self.next_message(now_ns)
            if message is None:
                break
            out.append(message)
        return out

    @property
    def _wishes(self) -> bool:
        wishes = self._wants_digest or (self._view is None and self._shown is not None)
        return wishes and self._streaming and not self._paused and self.closed is None

    def wait_ns(self, now_ns: int) -> int | None:
        """Time until a wish of the client may be granted: its transport then takes up again without being woken."""
        return self._calm_ns - now_ns if self._wishes and now_ns < self._calm_ns else None

    def _grant_wishes(self, now_ns: int) -> None:
        """A digest or another interest brings a tick of its own, a few times a second at most."""
        if self._wishes and now_ns >= self._calm_ns:
            self._fresh = True

    def _next_tick(self, now_ns: int) -> list[str | bytes]:
        tier = self._stream.tiers[0] if self._fresh else self.tier
        base, also = self._base, self._look_anew(tier, now_ns)
        digest = self._fresh and self._wants_digest
        if digest and self._held and base is not None:  # what it holds of the past is made true once more
            also = {kind: also[kind] | held if also else held for kind, held in self._held.items()}
        assert self._shown is not None
        frames: list[str | bytes] = list(
            tier.messages(base, self._shown, delta="delta" in self.caps, zstd="zstd" in self.caps, also=also)
        )
        seq = tier.seq
        self.ticks_sent += 1
        self.bytes_sent += sum(map(len, frames))
        if base is None:
            self._held = {}
        self.ticks_skipped += max(0, self._told - 1)
        self._told = 0
        if digest or also is not None:
            self._calm_ns = now_ns + _CALM_NS
        self._under_way.append(_Sent(seq, now_ns, self._received_ns if base is not None else None))
        self._received_ns = None
        self._fresh = False
        self._base = self._last_sent = seq
        if digest:
            self._wants_digest = False
            frames.append(m.to_text(m.Digest(seq, self._stream.digest(self._shown, self._held))))
        return frames

    def _look_anew(self, tier: Tier, now_ns: int) -> dict[str, Bool] | None:
        """Turns to another view where the interest is another; returns the rows that enter, to be told whole."""
        seeing = self._interest.view is not None and now_ns >= self._look_ns
        if (self._view is not None and not seeing) or (self._shown is not None and now_ns < self._calm_ns):
            return None
        old, base = self._shown, self._base
        self._look_ns = now_ns + LOOK_EVERY_NS
        self._shown = self._view = new = self._stream.view(self.want, self._interest, old)
        if old is None or base is None or old is new:
            return None
        entering, self._held = entered(old, new, tier.state.column, base, self._held)
        return entering

    def _say(self, message: m.ServerMessage) -> None:
        if self.closed:
            return
        self._control.append(m.to_text(message))
        if len(self._control) > MAX_CONTROL and sum(map(len, self._control)) > MAX_CONTROL_BYTES:
            self._unread()
        self._wake()

    def _unread(self) -> None:
        if self.closed is None:
            count = len(self._control)
            self._control.clear()
            self._stream.counters.closed_slow += 1
            self.close(m.TOO_SLOW, f"{count} control messages wait unread")


def _short(reason: str) -> str:
    """A close reason holds 123 bytes of UTF-8 at most."""
    return reason.encode()[:123].decode(errors="ignore")
