"""A follower of a twin in Python: numpy, msgspec and websockets only.

    async with connect("http://127.0.0.1:8000") as client:
        await client.frame()                          # the next tick
        client.world("/Cell/AGV1")                    # f8[4, 4], as every other viewer has it
        client.value("tank.level").value              # SI

The link repairs itself: after a lost connection the client keeps its state, tries again and catches up. It
acknowledges a tick after it has been applied, so a program that blocks the event loop skips states and never
builds up a backlog. `await client.digest()` compares all that it holds with the server.
"""

import asyncio
import itertools
import ssl
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import msgspec
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as open_websocket
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.typing import Subprotocol

from twinstage.base.errors import UserError
from twinstage.sync import messages as m
from twinstage.sync.access.credentials import client_context, token_text
from twinstage.sync.client_commands import Asking, CommandError
from twinstage.sync.client_http import addresses, fetch
from twinstage.sync.client_state import Held, LinkError
from twinstage.sync.clock import ClockOffset
from twinstage.sync.codec import OP_TICK_END, Frame, FrameError, decode_counting
from twinstage.sync.model import SceneModel, Tick

__all__ = ["Client", "CommandError", "Digests", "LinkError", "Tap", "connect"]

_FIRST_DELAY_S = 0.25
_LONGEST_DELAY_S = 5.0
_MAX_MESSAGE = 8 << 20
_FIRST_PINGS, _PING_EVERY_S = 4, 10.0
_KEEPALIVE_S = 5.0
"""Time between pings of the websocket, and how long each may go unanswered: a network that forgets a link tells nobody."""


class _Refused(Exception):
    """A close that must not be retried."""


@dataclass(frozen=True, slots=True)
class Digests:
    """Hashes (SHA-256, hex) of what the server and the client hold at the same tick."""

    seq: int
    server: str
    client: str

    @property
    def equal(self) -> bool:
        return self.server == self.client


class Tap(Protocol):
    """Someone who keeps what comes."""

    def welcomed(self, server_ns: int) -> None:
        """A connection begins; the server's time of day [ns since 1970]."""
        ...

    def scene(self, document: bytes) -> None:
        """What follows is of this scene; called again where it is the same after a new connection to another run."""
        ...

    def tick(self, messages: list[bytes], frames: list[Frame]) -> None:
        """A whole tick was applied: the messages that it came in, and its frames."""
        ...


class Client(Held, Asking):
    """One link to a twin; made by `connect`."""

    def __init__(
        self,
        url: str,
        want: tuple[str, ...],
        on_tick: Callable[[Tick], None] | None,
        *,
        on_event: Callable[[m.Event], None] | None = None,
        interest: m.Interest | None = None,
        rate: float | None = None,
        caps: tuple[str, ...] = m.CAPS,
        token: str | None = None,
        ca_file: str | Path | None = None,
        tap: Tap | None = None,
    ) -> None:
        http_url, self._socket_url = addresses(url)
        Held.__init__(self, http_url)
        Asking.__init__(self)
        self._tap = tap
        self._raw: list[bytes] = []
        self._token = token
        token_text(token)  # a reference that leads nowhere is told at once
        self._tls = client_context(self.http_url, ca_file)
        self.role = ""
        """What the server lets this client do: viewer, operator or engineer."""
        self._want = want
        self._on_tick = on_tick
        self._on_event = on_event
        self._interest = interest or m.Interest()
        self._rate = rate
        self._caps = caps
        self._socket: ClientConnection | None = None
        self._frames: list[Frame] = []
        self._filtered = False
        """Whether the model was ever filled through a filter: then nobody knows what it holds."""
        self._clock = ClockOffset()
        self._pings: dict[float, int] = {}
        self._asked: list[asyncio.Future[Digests]] = []
        self._seen = -1
        self._tick: Tick | None = None
        self._count = 0
        self._changed = asyncio.Event()
        self.connected = False
        self.reconnects = 0
        """Connections after the first one."""
        self.away: m.Away | None = None
        """Since when a relay cannot reach its twin, whose last state is shown; None while it can."""
        self.notices: list[str] = []
        """The last notices of the server, newest last."""
        self.welcome: m.Welcome | None = None
        """What the server said at the last greeting."""
        self.tier: m.Tier | None = None
        """The pace that the server has changed to since, and why."""
        self.events_missed = 0
        """Events that happened while the link was down, or a relay's: ask `/api/alarms` how things stand when this grows."""
        self._event = 0
        """Number of the newest event that is known to have happened."""
        self.frames_skipped = 0
        """Frames of kinds that are not known here."""
        self.latency_ns = 0
        """From the making of the last tick to its application here, by the clock offset."""
        self.apply_ns = 0
        """What decoding and applying the last tick took."""

    # ------------------------------------------------------------------ time

    @property
    def clock_offset_ns(self) -> int | None:
        """Server time minus local time [ns], by the shortest of the last round trips; None before the first answer."""
        return self._clock.offset_ns

    def server_now_ns(self) -> int:
        """The server's time of day now, as far as this side can tell [ns since 1970, UTC]."""
        return time.time_ns() + (self.clock_offset_ns or 0)

    def age(self) -> float | None:
        """Age of the newest pose change that is shown, by its source time [s]; None before the first."""
        event_ns = self.model.event_ns
        return (self.server_now_ns() - event_ns) / 1e9 if event_ns else None

    async def interest(
        self,
        *,
        prims: list[str] | None = None,
        labels: list[str] | None = None,
        signals: list[str] | None = None,
        view: m.Eye | None = None,
    ) -> None:
        """From now on only of those prims (globs, `/Line1/**`), class labels and signals (globs); None: no filter.

        What leaves keeps its last values. Asked for again after each reconnection.
        """
        self._interest = m.Interest(prims, labels, signals, view)
        self._filtered |= self._interest != m.Interest()
        await self._send(self._interest)

    async def rate(self, hz: float | None) -> None:
        """No more ticks a second than that; None: as many as there are."""
        self._rate = hz
        await self._send(m.Rate(hz))

    async def digest(self, timeout: float | None = 10.0) -> Digests:
        """What the server and this client hold, hashed at the same tick; where they differ, the client begins anew.

        LinkError where the link is down or goes before the answer, TimeoutError after `timeout` [s].
        """
        asked: asyncio.Future[Digests] = asyncio.get_running_loop().create_future()
        self._asked.append(asked)
        if not await self._send(m.AskDigest()):
            if asked.done():  # the link went while this was sent: all questions were dropped
                asked.exception()
            else:
                self._asked.remove(asked)
            raise LinkError(f"there is no link to {self.http_url} now")
        async with asyncio.timeout(timeout):
            return await asked

    async def _send(self, message: msgspec.Struct) -> bool:
        """Whether there was a link to send it on."""
        return await self._sent(m.to_text(message))

    async def _say(self, text: str) -> None:
        await self._sent(text)

    async def _sent(self, text: str) -> bool:
        if self._socket is None:
            return False
        with suppress(ConnectionClosed):
            await self._socket.send(text)
            return True
        return False

    async def frame(self, timeout: float | None = None) -> Tick:
        """The newest tick applied since the last call, or the next one.

        Raises LinkError when the server ended the link for good, TimeoutError after `timeout` [s].
        """
        async with asyncio.timeout(timeout):
            while self._tick is None or self._count == self._seen:
                if self._ended is not None:
                    raise self._ended
                self._changed.clear()
                await self._changed.wait()
        self._seen = self._count
        return self._tick

    # ------------------------------------------------------------------ link

    async def run(self) -> None:
        """Holds the link until cancelled or refused."""
        delay = _FIRST_DELAY_S
        while True:
            before = self._count
            try:
                await self._connection()
            except _Refused as refusal:
                self._fail(str(refusal))
                return
            except InvalidStatus as status:
                if status.response.status_code in (400, 401, 403):
                    sentence = bytes(status.response.body or b"").decode(errors="replace")
                    self._fail(sentence)
                    return
            except UserError as error:  # the token's file or variable is gone
                self._fail(str(error))
                return
            except ssl.SSLCertVerificationError as error:
                self._fail(f"its certificate is not to be trusted: {error.verify_message}")
                return
            except (OSError, ConnectionClosed, InvalidHandshake, FrameError, m.MessageError, EOFError):
                pass
            except Exception as error:  # a defect, here or in `on_tick`: say so instead of falling silent
                self._fail(repr(error), error)
                return
            finally:
                self.connected = False
            delay = _FIRST_DELAY_S if self._count > before else min(2 * delay, _LONGEST_DELAY_S)
            await asyncio.sleep(delay)

    def _fail(self, reason: str, cause: Exception | None = None) -> None:
        failure = LinkError(f"the link to {self.http_url} has ended: {reason}")
        failure.__cause__ = cause
        self._end(failure)
        self._changed.set()

    async def _connection(self) -> None:
        """One connection from its hello to its end."""
        async with open_websocket(
            self._socket_url,
            subprotocols=[Subprotocol(m.PROTOCOL)],
            compression=None,
            max_size=_MAX_MESSAGE,
            proxy=None,
            open_timeout=5,
            close_timeout=1,
            ping_interval=_KEEPALIVE_S,
            ping_timeout=_KEEPALIVE_S,
            ssl=self._tls,
        ) as socket:
            hello = m.Hello(
                token=token_text(self._token),
                want=list(self._want),
                caps=list(self._caps),
                have=self._have(),
                interest=self._interest,
                rate=self._rate,
            )
            await socket.send(m.to_text(hello))
            pinging = asyncio.create_task(self._ping(socket))
            try:
                await self._listen(socket)
            except FrameError as error:
                self._model = None  # what it holds is in doubt: take everything anew
                await socket.close(m.BAD_MESSAGE, str(error)[:100])
                raise
            except ConnectionClosed as closed:
                code = closed.rcvd.code if closed.rcvd else 1006
                if code not in m.RETRY:
                    raise _Refused(closed.rcvd.reason if closed.rcvd else "connection lost") from None
                raise
            finally:
                self._socket = None
                pinging.cancel()
                self._drop_asked()

    def _drop_asked(self) -> None:
        for asked in self._asked:
            if not asked.done():
                asked.set_exception(LinkError(f"the link to {self.http_url} went before the answer came"))
        self._asked.clear()

    async def _ping(self, socket: ClientConnection) -> None:
        """A few at once, then one now and then."""
        self._clock.clear()
        self._pings.clear()
        for count in itertools.count():
            t = float(count)
            self._pings[t] = time.time_ns()
            with suppress(ConnectionClosed):
                await socket.send(m.to_text(m.Ping(t)))
            await asyncio.sleep(0.05 if count < _FIRST_PINGS else _PING_EVERY_S)

    def _have(self) -> m.Have | None:
        model = self._model
        known = model is not None and self._tick is not None and not self._filtered
        return m.Have(model.epoch, model.seq, model.revision) if known and model else None

    async def _listen(self, socket: ClientConnection) -> None:
        self._frames, self._raw = [], []
        spent = 0
        while True:
            message = await socket.recv()
            if isinstance(message, str):
                await self._control(socket, m.from_server(message))
                continue
            begin = time.perf_counter_ns()
            frames, skipped = decode_counting(message)
            spent += time.perf_counter_ns() - begin
            self.frames_skipped += skipped
            if self._tap is not None:
                self._raw.append(message)
            for frame in frames:
                self._frames.append(frame)
                if frame.header.op == OP_TICK_END:
                    done, self._frames = self._frames, []
                    await self._apply(socket, done, spent)
                    spent = 0

    async def _apply(self, socket: ClientConnection, frames: list[Frame], spent_ns: int) -> None:
        begin = time.perf_counter_ns()
        raw, self._raw = self._raw, []
        tick = self.model.apply(frames)
        if tick is None:
            return
        if self._tap is not None:
            self._tap.tick(raw, frames)
        self.apply_ns = spent_ns + time.perf_counter_ns() - begin
        self.latency_ns = self.server_now_ns() - tick.tick_ns
        self._tick = tick
        self._count += 1
        self._changed.set()
        if self._on_tick:
            self._on_tick(tick)
        await socket.send(m.to_text(m.Ack(tick.seq, apply_ms=round(self.apply_ns / 1e6, 3))))

    async def _control(self, socket: ClientConnection, message: m.ServerMessage | m.Unknown) -> None:
        if isinstance(message, m.Welcome):
            self._count_events(message)
            self.role = message.role
            self.welcome, self.tier, self.away = message, None, None
            self.reconnects += self._tick is not None
            if self._tap is not None:
                self._tap.welcomed(int(message.server_time_ns))
            await self._load(socket, message.epoch, message.revision)
            self.connected, self._socket = True, socket
            self.edits = message.edits
            for text in self._unanswered():
                await socket.send(text)
        elif isinstance(message, m.Pong):
            sent_ns = self._pings.pop(message.t, None)
            if sent_ns is not None:
                self._clock.add(sent_ns, time.time_ns(), int(message.server_time_ns))
        elif isinstance(message, m.Tier):
            self.tier = message
        elif isinstance(message, m.Away):
            self.away = message if message.since_ns else None
        elif isinstance(message, m.Digest):
            self._compare(message)
        elif isinstance(message, m.Answer):
            self._answered(message)
        elif isinstance(message, m.Event) and message.event == "edit":
            self.edits = max(self.edits, int((message.data or {}).get("version", 0)))
        elif isinstance(message, m.Event) and message.event == "scene":
            self._frames, self._raw = [], []
            await self._load(socket, None, message.revision)
        elif isinstance(message, m.Event) and message.event == "notice":
            self.notices = [*self.notices[-99:], message.text]
        if isinstance(message, m.Event):
            if message.n:
                self.events_missed += max(0, message.n - self._event - (message.event != "missed"))
                self._event = max(self._event, message.n)
            if self._on_event:
                self._on_event(message)

    def _count_events(self, message: m.Welcome) -> None:
        """What happened between two connections is lost; within one a relay says what it has lost itself."""
        if self.welcome is not None and "event" in message.want:
            before = self._event if message.epoch == self.welcome.epoch else 0
            self.events_missed += max(0, message.events - before)
        self._event = message.events

    def _compare(self, message: m.Digest) -> None:
        """It comes right behind its tick."""
        done, self._asked = self._asked, []
        if not done:
            return
        if message.seq != self.model.seq:
            raise FrameError(f"a digest of tick {message.seq}, but the last one was {self.model.seq}")
        digests = Digests(message.seq, message.sha256, self.model.digest())
        for asked in done:
            if not asked.done():
                asked.set_result(digests)
        if not digests.equal:
            raise FrameError(f"what is held differs from the server's at tick {message.seq}")

    async def _load(self, socket: ClientConnection, epoch: str | None, revision: int) -> None:
        """Fetches the scene unless that one is held, then asks for the stream."""
        held = self._model
        if held is None or (epoch or held.epoch, revision) != (held.epoch, held.revision):
            body = await self._fetched("/api/scene", socket)
            self._model = SceneModel(msgspec.json.decode(body))
            if self._tap is not None:
                self._tap.scene(body)
            self._filtered = self._interest != m.Interest()
        await socket.send(m.to_text(m.Ready(self.model.revision)))

    async def _fetched(self, path: str, socket: ClientConnection) -> bytes:
        """A file of the server; OSError as soon as the stream is lost: the answer may be lost, too, and is not waited for."""
        fetching = asyncio.create_task(asyncio.to_thread(self._get, path))
        ending = asyncio.create_task(socket.wait_closed())
        try:
            await asyncio.wait((fetching, ending), return_when=asyncio.FIRST_COMPLETED)
            if not fetching.done():
                raise OSError(f"the link to {self.http_url} went while {path} was fetched")
            return fetching.result()
        finally:
            for task in (fetching, ending):
                task.cancel()

    async def fetch(self, path: str) -> bytes:
        """What the server has at a path, as `/glb/....glb`. OSError where it has nothing there."""
        return await asyncio.to_thread(self._get, path)

    async def geometry(self, prototype: int) -> bytes:
        """The GLB of a prototype of the scene."""
        url: str = self.scene["prototypes"][prototype]["url"]
        return await asyncio.to_thread(self._get, url)

    def _get(self, path: str) -> bytes:
        return fetch(self.http_url + path, token_text(self._token), self._tls)


@asynccontextmanager
async def connect(
    url: str,
    *,
    want: tuple[str, ...] = m.CHANNELS,
    timeout: float = 10.0,
    on_tick: Callable[[Tick], None] | None = None,
    on_event: Callable[[m.Event], None] | None = None,
    interest: m.Interest | None = None,
    rate: float | None = None,
    caps: tuple[str, ...] = m.CAPS,
    token: str | None = None,
    ca_file: str | Path | None = None,
    tap: Tap | None = None,
) -> AsyncIterator[Client]:
    """A link that has its first state; `url` is the address of the viewer.

    `on_tick` is called after each applied tick, `on_event` at each event. `interest` and `rate` (ticks a second at most): as in
    `Client`. `caps`: what of the protocol is used. `token`: env:NAME, file:PATH, or the token itself; looked up again for each
    connection, and never printed. `tap`: who keeps all that comes.
    `ca_file`: PEM certificate that vouches for the server's, where the system does not know it.
    Raises UserError where no twin answers within `timeout` [s].
    """
    client = Client(
        url,
        want,
        on_tick,
        on_event=on_event,
        interest=interest,
        rate=rate,
        caps=caps,
        token=token,
        ca_file=ca_file,
        tap=tap,
    )
    task = asyncio.create_task(client.run())
    try:
        try:
            await client.frame(timeout)
        except TimeoutError:
            raise UserError(f"no twin answers at {client.http_url} within {timeout:g} s") from None
        yield client
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
