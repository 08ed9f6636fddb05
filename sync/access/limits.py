"""What one server grants: each limit is told by a code and a sentence where it is met, and counted."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of one server. Those by address do not hold for this machine's own (a proxy there speaks for many)."""

    clients: int = 500
    """Websockets at one time."""
    clients_by_address: int = 64
    """Websockets of one address at one time."""
    connections: int = 2000
    """TCP connections at one time, websockets among them."""
    connections_by_address: int = 256
    """TCP connections of one address at one time."""
    messages_per_second: float = 400.0
    """Control messages of one websocket: two acks a tick, and then some."""
    message_burst: float = 1000.0
    body_bytes: int = 1 << 20
    """Longest request body [B]."""
    header_seconds: float = 10.0
    """Time for the head of a request, the TLS handshake, and the first message of a websocket [s]."""
    body_seconds: float = 30.0
    """Time for the body of a request [s]."""
    wrong_tokens: float = 10.0
    """Wrong tokens of one address at once."""
    wrong_tokens_per_second: float = 0.1
