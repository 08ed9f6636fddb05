"""The short way between a session and its socket, past the queues and tasks of ASGI.

A crowd of clients means thousands of small messages a second, and through ASGI each one costs several task switches and
copies of the frame. Here an acknowledgement is taken in where the bytes arrive, and a tick, which all clients share, is
handed to the transport as it is. uvicorn keeps what it does well: the handshake, the routes, pings and the close.

Another ASGI server knows nothing of this; `server` then takes the long way.
"""

import asyncio
from collections.abc import Callable, MutableMapping
from typing import Any

from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from twinstage.sync.session import Session

EXTENSION = "twinstage.direct"
"""Where the socket of a connection is found in its ASGI scope, under `extensions`."""
LAST_WORDS_S = 1.0
"""Time that a client has to take what was sent before the close [s]; then the connection is cut."""
_BAD_REQUEST = (
    b"HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: 51\r\n\r\n"
    b'{"error": "a header of the handshake is not ASCII"}'
)
_TEXT, _BINARY = 0x81, 0x82
_FIN, _MASKED, _CLOSE = 0x80, 0x80, 0x08
_SHORT = 126
_MOST_PIECES = 1024
"""Of one message; more are refused, however short they are."""
_Hear = Callable[[str | bytes], None]


def _deaf(message: str | bytes) -> None:
    """Hears a connection that is being closed."""


class DirectSocket(WebSocketsSansIOProtocol):
    """A websocket of uvicorn that can be read and written without ASGI once it is open: see `Pump`."""

    hear: _Hear | None = None
    """Takes the client's messages as they arrive, if it is set."""
    toll: Callable[[], object] | None = None
    """Called for each control frame and each piece of a message, which cost time as messages do."""
    changed: Callable[[], None] | None = None
    """Called when there is room to write again, or the connection is gone."""
    early = False
    """Whether the client spoke before it was answered: then only the library knows where in a frame it is."""
    _rest = b""
    _fragmented = False
    _asked = False
    _ended = False
    """The close was said by both, or the client's bytes made no sense: what comes now is thrown away."""

    # ------------------------------------------------------------------ what uvicorn calls

    def handle_connect(self, event: Any) -> None:
        try:
            super().handle_connect(event)
        except UnicodeError:  # the library means to quote a header that is no text
            self.handshake_complete = self.close_sent = True
            self.transport.write(_BAD_REQUEST)
            self.transport.close()
            return
        scope: MutableMapping[str, Any] | None = getattr(self, "scope", None)
        if scope is not None:  # not where the handshake was refused
            scope["extensions"][EXTENSION] = self

    async def send(self, message: Any) -> None:
        if self._ended:  # a moment ago: the app does not know it yet
            raise ClientDisconnected
        await super().send(message)
        if message["type"] == "websocket.http.response.body" and not message.get("more_body", False):
            self.handshake_complete = True  # it was refused; uvicorn would log it as an error of ours

    def data_received(self, data: bytes) -> None:
        if self._ended:
            return
        data, self._rest = self._rest + data if self._rest else data, b""
        if self.hear is None:
            self.early = self._asked or not data.endswith(b"\r\n\r\n")
            self._asked = True
            super().data_received(data)
            return
        at, size = 0, len(data)
        while at < size:
            end = _frame_end(data, at)
            if end > size and end - at <= self.config.ws_max_size:
                break  # until the rest of it is there
            self._frame(data[at:end] if at or end < size else data)
            at = end
        if at < size:
            self._rest = data[at:]

    def send_receive_event_to_app(self) -> None:
        if self.hear is None or self.close_sent:
            super().send_receive_event_to_app()
            return
        data, self.frames = b"".join(self.frames), []
        if self.curr_msg_data_type == "bytes":
            self.hear(data)
            return
        try:
            text = data.decode()
        except UnicodeDecodeError:
            self.conn.fail(1007, "text that is not UTF-8")
            self.handle_parser_exception()
            return
        self.hear(text)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._tell()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._tell()

    def handle_close(self, event: Any) -> None:
        if not self.close_sent:
            assert self.conn.close_rcvd is not None
            code, reason = self.conn.close_rcvd.code, self.conn.close_rcvd.reason
            self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        if not self._ended:
            self._end()

    def handle_ping(self) -> None:
        """Who sends pings and does not read the pongs gets none, instead of a heap of them."""
        self._count()
        pongs = b"".join(self.conn.data_to_send())
        if self.writable.is_set():
            self.transport.write(pongs)

    def handle_cont(self, event: Any) -> None:
        super().handle_cont(event)
        self._count()
        if len(self.frames) > _MOST_PIECES and not self._ended:
            self.conn.fail(1009, f"a message in more than {_MOST_PIECES} pieces")
            self.handle_parser_exception()

    def _count(self) -> None:
        """On the long way; on the short one `_frame` counts."""
        if self.hear is None and self.toll is not None:
            self.toll()

    def handle_parser_exception(self) -> None:
        if self._ended:
            return
        assert self.conn.close_sent is not None
        code, reason = self.conn.close_sent.code, self.conn.close_sent.reason
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        self._end()

    def _end(self) -> None:
        """Says the code, and then lets the client read it: a close with bytes unread would reach it as a mere reset.

        It has a second for that, whether it reads or not.
        """
        self._ended = True
        self.stop_keepalive()
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        if self.transport.can_write_eof():
            self.transport.write_eof()
        else:  # TLS
            self.transport.close()
        if self.close_timer is not None:
            self.close_timer.cancel()
        self.close_timer = self.loop.call_later(LAST_WORDS_S, self.transport.abort)
        self._tell()

    def keepalive_timeout(self) -> None:
        """A peer that does not answer pings does not take a close either: what waits for it is dropped."""
        stuck = self.transport.get_write_buffer_size()
        super().keepalive_timeout()
        if stuck:
            self.transport.abort()

    # ------------------------------------------------------------------ what `Pump` calls

    @property
    def open(self) -> bool:
        """Whether anything can still be sent."""
        return not (self.close_sent or self.disconnected or self.transport.is_closing())

    def write(self, message: str | bytes) -> None:
        """One whole message; the bytes are not copied."""
        kind, body = (_TEXT, message.encode()) if isinstance(message, str) else (_BINARY, message)
        n = len(body)
        if n < _SHORT:
            self.transport.write(bytes((kind, n)) + body)
        elif n < 1 << 16:
            self.transport.writelines((bytes((kind, 126)) + n.to_bytes(2, "big"), body))
        else:
            self.transport.writelines((bytes((kind, 127)) + n.to_bytes(8, "big"), body))

    # ------------------------------------------------------------------ inside

    def _tell(self) -> None:
        if self.changed is not None:
            self.changed()

    def _frame(self, frame: bytes) -> None:
        """A whole frame. Short texts (acknowledgements) are read here, everything else by the library."""
        if self.hear is _deaf and frame[0] & 0x0F != _CLOSE:
            return
        short = len(frame) - 6 < _SHORT and frame[:2] == bytes((_TEXT, _MASKED | max(0, len(frame) - 6)))
        if short and not self._fragmented and self.open and self.hear is not None:
            try:
                text = _unmasked(frame[6:], frame[2:6]).decode()
            except UnicodeDecodeError:
                pass  # the library closes with the right code
            else:
                self.hear(text)
                return
        control, whole = frame[0] & 0x08, frame[0] & _FIN
        if not control:  # a ping, pong or close may come in between
            self._fragmented = not whole
        if self.toll is not None and (control or not whole):
            self.toll()
        super().data_received(frame)


def _unmasked(body: bytes, key: bytes) -> bytes:
    n = len(body)
    mask = (key * (n // 4 + 1))[:n]
    return (int.from_bytes(body, "little") ^ int.from_bytes(mask, "little")).to_bytes(n, "little")


def _frame_end(data: bytes, at: int) -> int:
    """Where the frame that begins there ends, as far as its head tells."""
    if len(data) - at < 2:
        return at + 2
    n = data[at + 1] & 0x7F
    head = 2 + (4 if data[at + 1] & _MASKED else 0)
    if n == 126:
        n = int.from_bytes(data[at + 2 : at + 4], "big") if len(data) - at >= 4 else 0
        head += 2
    elif n == 127:
        n = int.from_bytes(data[at + 2 : at + 10], "big") if len(data) - at >= 10 else 0
        head += 8
    return at + head + n


def count_frames(scope: MutableMapping[str, Any], toll: Callable[[], object]) -> None:
    """Sets `toll` for a connection that goes the long way; nothing behind another server."""
    found = scope.get("extensions", {}).get(EXTENSION)
    if isinstance(found, DirectSocket):
        found.toll = toll


def direct_socket(scope: MutableMapping[str, Any]) -> DirectSocket | None:
    """The socket of that connection; None behind another server, or of a client that spoke too early."""
    found = scope.get("extensions", {}).get(EXTENSION)
    return found if isinstance(found, DirectSocket) and not found.early else None


class Pump:
    """Moves what a session has to say into its socket, as long as there is room.

    Made before the session, whose `wake` it is; `attach` begins, `done` is set when the connection is gone or everything
    has been said that comes before the close.
    """

    def __init__(self, socket: DirectSocket, now_ns: Callable[[], int]) -> None:
        self._socket = socket
        self._now_ns = now_ns
        self._loop = asyncio.get_running_loop()
        self._session: Session | None = None
        self._scheduled = False
        self._cut: asyncio.TimerHandle | None = None
        self._later: asyncio.TimerHandle | None = None
        self.failure: Exception | None = None
        self.done = asyncio.Event()

    def attach(self, session: Session, hear: _Hear, toll: Callable[[], object]) -> None:
        """From now on messages go straight to `hear` and come straight from the session; see `toll` of the socket."""
        self._session = session
        self._socket.changed = self.wake
        self._socket.hear, self._socket.toll = hear, toll
        self.wake()

    def wake(self) -> None:
        """Something may have to be sent: once the present callback has ended."""
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._run)

    def detach(self) -> None:
        """Nobody listens any more; the long way again, for the close. A client that does not take it in time is cut off."""
        socket = self._socket
        socket.hear, socket.toll, socket.changed = _deaf, None, None
        if not socket.disconnected:
            self._loop.call_later(socket.close_timeout + LAST_WORDS_S, socket.transport.abort)
        for timer in (self._cut, self._later):
            if timer is not None:
                timer.cancel()

    def _run(self) -> None:
        self._scheduled = False
        if self._session is None or self.done.is_set():
            return
        try:
            self._move(self._session, self._socket)
        except Exception as error:  # a defect: this connection ends, and whoever waits for `done` raises it
            self.failure = error
            self._session.lost = True
            self._socket.transport.abort()
            self.done.set()

    def _move(self, session: Session, socket: DirectSocket) -> None:
        if not socket.open:
            session.lost = True
            session.close(1000, "the client left")
            self.done.set()
            return
        room, message = socket.writable.is_set, None
        while room() and (message := session.next_message(self._now_ns())) is not None:
            socket.write(message)
        if session.closed is None:
            self._come_again(session.wait_ns(self._now_ns()))
            return
        if message is None and room():
            self.done.set()
        elif self._cut is None:
            self._cut = self._loop.call_later(LAST_WORDS_S, socket.transport.abort)

    def _come_again(self, wait_ns: int | None) -> None:
        if self._later is not None:
            self._later.cancel()
            self._later = None
        if wait_ns is not None:
            self._later = self._loop.call_later(wait_ns / 1e9, self.wake)
