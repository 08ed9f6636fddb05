"""One client of a hub, without any I/O: it eats the client's messages and gives the messages to send.

    awaiting hello -> awaiting ready -> streaming (-> awaiting ready when the scene is replaced)

The transport feeds `receive`, and whenever `wake` is called (or a send is done) takes what is due from
`take`. A tick is made at the moment it is taken, from the newest state: a transport that is slow to send, a
client that is slow to acknowledge and a paused client all just skip states, nothing queues up. Times are
arguments: `now_ns` is any clock that does not jump, `wall_ns` the time of day.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Protocol

from twinstage.sync import messages as m
from twinstage.sync.access.roles import LOCAL, Identity, Refusal, Role

Admit = Callable[[str | None], Identity | Refusal]
"""Says who shows that token in a hello, or why it is not let in."""
MAX_CONTROL = 64
"""Control messages that may wait for one client; more means that it does not read."""
_NS = 1_000_000_000


class Stream(Protocol):
    """What a session needs of its hub."""

    @property
    def epoch(self) -> str: ...

    @property
    def revision(self) -> int: ...

    @property
    def seq(self) -> int: ...

    def tick(self, base_seq: int | None, want: frozenset[str]) -> list[bytes]:
        """Messages of one tick: all changes after `base_seq`, or a keyframe for None."""
        ...


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
        self._welcomed = False
        self._streaming = False
        self._paused = False
        self._base: int | None = None
        self._fresh = False
        """A client that has just become ready gets a tick even if nothing changed, so that it knows where it is."""
        self._have: m.Have | None = None
        self._under_way: deque[tuple[int, int]] = deque()
        self._last_sent = 0
        self.want: frozenset[str] = frozenset(m.CHANNELS)
        self.closed: tuple[int, str] | None = None
        self.lost = False
        """Set by the transport when the connection is gone, so that there is nobody to say goodbye to."""
        self.ticks_sent = 0
        self.ticks_skipped = 0
        self.bytes_sent = 0
        self.acked_seq = 0
        self.ack_ns = 0
        """Time from the send of the last acknowledged tick to its acknowledgement [ns]."""

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
        self._handle(parsed, now_ns, wall_ns)

    def _handle(self, message: m.ClientMessage, now_ns: int, wall_ns: int) -> None:
        if isinstance(message, m.Hello):
            self._hello(message, wall_ns)
        elif not self._welcomed:
            self.close(
                m.OUT_OF_ORDER, f"the first message must be a hello, not {type(message).__name__.lower()!r}"
            )
        elif isinstance(message, m.Ready):
            self._ready(message)
        elif isinstance(message, m.Ack):
            self._ack(message.seq, now_ns)
        elif isinstance(message, m.Ping):
            self._say(m.Pong(message.t, str(wall_ns)))
        elif isinstance(message, m.Pause):
            self._paused = True
        else:
            self._resume(now_ns)

    def _hello(self, hello: m.Hello, wall_ns: int) -> None:
        if self._welcomed:
            self.close(m.OUT_OF_ORDER, "a second hello on one connection")
            return
        if self._admit is not None:
            who = self._admit(hello.token)
            if isinstance(who, Refusal):
                self.close(who.code, who.sentence)
                return
            self.who = who
        self._welcomed = True
        self._have = hello.have
        self.want = frozenset(m.CHANNELS if hello.want is None else set(hello.want) & set(m.CHANNELS))
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
            )
        )

    def _ready(self, ready: m.Ready) -> None:
        if ready.revision != self._stream.revision:
            self.scene_replaced()
            return
        if self._streaming:
            return
        self._streaming = self._fresh = True
        self._base = self._resume_seq()
        self._have = None
        self._wake()

    def _resume_seq(self) -> int | None:
        """The seq to catch up from, or None for a keyframe."""
        have, stream = self._have, self._stream
        if (
            have is None
            or have.epoch != stream.epoch
            or have.revision != stream.revision
            or have.seq > stream.seq
        ):
            return None
        return have.seq

    def _ack(self, seq: int, now_ns: int) -> None:
        if seq > self._last_sent:
            self.close(m.OUT_OF_ORDER, f"ack of tick {seq}, but the newest one sent is {self._last_sent}")
            return
        while self._under_way and self._under_way[0][0] <= seq:
            self.acked_seq, sent_ns = self._under_way.popleft()
            self.ack_ns = now_ns - sent_ns
        self._wake()

    def _resume(self, now_ns: int) -> None:
        self._paused = False
        # The time that the client slept does not count as slowness.
        self._under_way = deque((seq, now_ns) for seq, _ in self._under_way)
        self._wake()

    # ------------------------------------------------------------------ from the server

    def scene_replaced(self) -> None:
        """Node ids are void: tells the client and sends no tick before its next `ready`."""
        if not self._welcomed:
            return
        self._streaming = False
        self._have = None
        self._under_way.clear()
        self._say(m.Event("scene", revision=self._stream.revision))

    def notice(self, level: str, text: str) -> None:
        """Text for the user: level info, warning or error."""
        if self._welcomed:
            self._say(m.Event("notice", level=level, text=text))

    def close(self, code: int, reason: str) -> None:
        """Ends the session; the first reason stays."""
        if self.closed is None:
            self.closed = (code, _short(reason))
            self._control.append(m.to_text(m.Bye(reason)))
        self._wake()

    def expire(self, now_ns: int) -> None:
        """Closes a client that keeps the server waiting too long."""
        if not self._welcomed:
            if now_ns - self._opened_ns > m.HELLO_TIMEOUT_S * _NS:
                self.close(m.TOO_SLOW, f"no hello within {m.HELLO_TIMEOUT_S:g} s")
        elif self._under_way and not self._paused and now_ns - self._under_way[0][1] > m.ACK_TIMEOUT_S * _NS:
            self.close(
                m.TOO_SLOW, f"tick {self._under_way[0][0]} was not acknowledged in {m.ACK_TIMEOUT_S:g} s"
            )

    def changed(self) -> None:
        """The stream has a new tick."""
        if self.due:
            self._wake()

    @property
    def due(self) -> bool:
        """Whether a tick may be sent now."""
        return (
            self._streaming
            and not self._paused
            and self.closed is None
            and len(self._under_way) < m.WINDOW
            and (self._fresh or self._base is None or self._base < self._stream.seq)
        )

    def take(self, now_ns: int) -> list[str | bytes]:
        """Everything to send now, in order: control messages, then at most one tick."""
        out: list[str | bytes] = list(self._control)
        self._control.clear()
        if self.due:
            out += self._next_tick(now_ns)
        return out

    def _next_tick(self, now_ns: int) -> list[bytes]:
        seq = self._stream.seq
        frames = self._stream.tick(self._base, self.want)
        if self._base is not None:
            self.ticks_skipped += max(0, seq - self._base - 1)
        self._fresh = False
        self._base = self._last_sent = seq
        self._under_way.append((seq, now_ns))
        self.ticks_sent += 1
        self.bytes_sent += sum(map(len, frames))
        return frames

    def _say(self, message: m.ServerMessage) -> None:
        if self.closed:
            return
        if len(self._control) >= MAX_CONTROL:
            self._control.clear()
            self.close(m.TOO_SLOW, f"{MAX_CONTROL} control messages wait unread")
            return
        self._control.append(m.to_text(message))
        self._wake()


def _short(reason: str) -> str:
    """A close reason holds 123 bytes of UTF-8 at most."""
    return reason.encode()[:123].decode(errors="ignore")
