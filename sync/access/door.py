"""Connections before any request: how many there may be, and how long one may take to say what it wants.

uvicorn has no such limits: a client that sends half a head, or a byte a second, would keep its place for ever.
"""

import asyncio
import json
from typing import Any, ClassVar

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from twinstage.sync.access.access import Access
from twinstage.sync.access.buckets import is_loopback

_PHRASES = {408: "Request Timeout", 503: "Service Unavailable"}


class Door(H11Protocol):
    """One HTTP connection, until it is answered for the last time or becomes a websocket."""

    access: ClassVar[Access]
    _timer: asyncio.TimerHandle | None = None
    _phase: object = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        sentence = self._crowded()
        if sentence:
            self._end(503, sentence)
            return
        self._watch()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._watch(answered=True)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop()
        super().connection_lost(exc)

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        self._stop()
        super().handle_websocket_upgrade(event)

    def _crowded(self) -> str:
        limits = self.access.limits
        if len(self.connections) > limits.connections:
            self.access.counts.limited["connections"] += 1
            return f"this server has its {limits.connections} connections already"
        address = self.client[0] if self.client else ""
        if is_loopback(address):
            return ""
        mine = sum((getattr(other, "client", None) or ("",))[0] == address for other in self.connections)
        if mine > limits.connections_by_address:
            self.access.counts.limited["connections_by_address"] += 1
            return f"{address} has its {limits.connections_by_address} connections already"
        return ""

    def _watch(self, *, answered: bool = False) -> None:
        """A head and a body have their time each, however slowly their bytes come."""
        if answered or self.transport.is_closing() or self.transport.get_protocol() is not self:
            phase: object = None  # between two requests uvicorn's own timer runs
        else:
            phase = self.conn.their_state if self.conn.their_state in (h11.IDLE, h11.SEND_BODY) else None
            if phase is h11.IDLE and self.cycle is not None and not self.conn.trailing_data[0]:
                phase = None
        if phase is self._phase:
            return
        self._stop()
        self._phase = phase
        if phase is not None:
            limits = self.access.limits
            seconds = limits.header_seconds if phase is h11.IDLE else limits.body_seconds
            self._timer = self.loop.call_later(seconds, self._too_slow)

    def _too_slow(self) -> None:
        self._timer = None
        body = self._phase is h11.SEND_BODY
        self.access.counts.limited["body_time" if body else "header_time"] += 1
        if body:
            self.transport.abort()  # whoever reads the body learns that the client is gone
            return
        self._end(408, f"the head of a request must come within {self.access.limits.header_seconds:g} s")

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._phase = None

    def _end(self, status: int, sentence: str) -> None:
        body = json.dumps({"error": sentence}).encode()
        head = (
            f"HTTP/1.1 {status} {_PHRASES[status]}\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()


def door(access: Access) -> Any:
    """The protocol class of one server, for uvicorn's `http`."""
    return type("ServerDoor", (Door,), {"access": access})
