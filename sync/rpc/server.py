"""The gRPC service of a twin. It runs on the event loop that its hub belongs to; off unless it is asked for.

Who may call is not decided here: `interceptors` (grpc.aio.ServerInterceptor) are handed in, and
`api.table.role_of_call` says which role each call needs.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from twinstage.base.clock import Clock
from twinstage.base.errors import TwinstageError, UserError
from twinstage.sync.access.roles import caller
from twinstage.sync.api.calls import Calls
from twinstage.sync.api.http import called, valid
from twinstage.sync.api.operation import MOST_BYTES, Refused
from twinstage.sync.hub import Hub
from twinstage.sync.messages import (
    BAD_MESSAGE,
    NO_PROTOCOL,
    NOT_ADMITTED,
    OUT_OF_ORDER,
    TOO_MANY,
    TOO_SLOW,
)
from twinstage.sync.rpc.convert import fill, taken
from twinstage.sync.rpc.proto import SERVICE, classes
from twinstage.sync.rpc.shapes import Method, methods

MOST_AT_ONCE = 100
"""Most calls at one time, streams included."""
LARGEST_ANSWER = 64 << 20
_GOODBYE_S = 1.0
_CODES = {
    400: "INVALID_ARGUMENT",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "FAILED_PRECONDITION",
    413: "RESOURCE_EXHAUSTED",
    415: "INVALID_ARGUMENT",
    422: "INVALID_ARGUMENT",
    503: "UNAVAILABLE",
}
_CLOSES = {
    BAD_MESSAGE: "INVALID_ARGUMENT",
    NO_PROTOCOL: "INVALID_ARGUMENT",
    OUT_OF_ORDER: "INVALID_ARGUMENT",
    NOT_ADMITTED: "UNAUTHENTICATED",
    TOO_SLOW: "DEADLINE_EXCEEDED",
    TOO_MANY: "RESOURCE_EXHAUSTED",
}
"""How a stream ends, by the close code of twin.v1."""
_SEQ = slice(8, 16)
"""Where a binary message of twin.v1 says the number of its tick."""


@asynccontextmanager
async def running_rpc(
    calls: Calls,
    hub: Hub,
    clock: Clock,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    interceptors: Sequence[Any] = (),
    pem: tuple[bytes, bytes] | None = None,
) -> AsyncIterator[str]:
    """Serves while the block runs; yields `host:port`. UserError without the packages, or where the port is in use.

    `pem`: the key and the certificate chain of TLS; None: without.
    """
    try:
        import grpc
    except ImportError:
        raise UserError("gRPC needs packages that are not here: pip install 'twinstage[grpc]'") from None
    server = grpc.aio.server(
        interceptors=tuple(interceptors),
        maximum_concurrent_rpcs=MOST_AT_ONCE,
        options=[
            ("grpc.so_reuseport", 0),
            ("grpc.max_receive_message_length", MOST_BYTES),
            ("grpc.max_send_message_length", LARGEST_ANSWER),
        ],
    )
    server.add_generic_rpc_handlers((_handlers(grpc, calls, hub, clock),))
    name = f"[{host}]" if ":" in host else host
    try:
        if pem is None:
            bound = server.add_insecure_port(f"{name}:{port}")
        else:
            bound = server.add_secure_port(f"{name}:{port}", grpc.ssl_server_credentials([pem]))
    except RuntimeError:
        bound = 0
    if not bound:
        raise UserError(f"cannot listen for gRPC on {name}:{port}; is that port in use?")
    await server.start()
    try:
        yield f"{name}:{bound}"
    finally:
        await server.stop(_GOODBYE_S)


def _handlers(grpc: Any, calls: Calls, hub: Hub, clock: Clock) -> Any:
    known = classes()
    handlers = {
        method.name: grpc.unary_unary_rpc_method_handler(
            _unary(grpc, method, calls),
            request_deserializer=_read_as(known[method.request.name]),
            response_serializer=known[method.answer.name].SerializeToString,
        )
        for method in methods()
    }
    handlers["Follow"] = grpc.unary_stream_rpc_method_handler(
        _follower(grpc, hub, clock),
        request_deserializer=_read_as(known["FollowRequest"]),
        response_serializer=known["FollowMessage"].SerializeToString,
    )
    return grpc.method_handlers_generic_handler(SERVICE, handlers)


def _read_as(message: Any) -> Callable[[bytes], Any]:
    """Reads a request; None where the bytes are none, which grpcio would log as a defect of ours."""
    from google.protobuf.message import DecodeError

    def read(data: bytes) -> Any:
        try:
            return message.FromString(data)
        except DecodeError:
            return None

    return read


def _unary(grpc: Any, method: Method, calls: Calls) -> Callable[[Any, Any], Awaitable[Any]]:
    operation, answer = method.operation, classes()[method.answer.name]
    models = [operation.asks, *([operation.body] if operation.body is not None else [])]

    async def handle(request: Any, context: Any) -> Any:
        try:
            if request is None:
                raise Refused(400, f"this is no {method.request.name}")
            data = taken(request, method.request)
            if operation.id not in calls:
                raise Refused(404, "this server does not answer that")
            parts = [
                {
                    key: data[key]
                    for key in (f.alias or n for n, f in model.model_fields.items())
                    if key in data
                }
                for model in models
            ]
            asked = [
                valid(lambda model=model, part=part: model.model_validate(part))  # type: ignore[misc]
                for model, part in zip(models, parts, strict=True)
            ]
            return fill(answer(), await called(calls[operation.id], *asked), method.answer)
        except Refused as refused:
            code = getattr(grpc.StatusCode, _CODES.get(refused.status, "UNKNOWN"))
            await context.abort(code, str(refused))
        except TwinstageError as error:
            await context.abort(grpc.StatusCode.INTERNAL, str(error))

    return handle


def _follower(grpc: Any, hub: Hub, clock: Clock) -> Callable[[Any, Any], AsyncIterator[Any]]:
    message = classes()["FollowMessage"]

    async def follow(request: Any, context: Any) -> AsyncIterator[Any]:
        """A session of the hub whose client is gRPC's flow control: what it takes counts as applied."""
        if request is None:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "this is no FollowRequest")
        wake = asyncio.Event()
        who = caller()
        session = hub.connect(wake.set, now_ns=_now_ns(), admit=lambda token: who)

        def say(**what: Any) -> None:
            session.receive(json.dumps(what), now_ns=_now_ns(), wall_ns=clock.now_ns())

        try:
            hello = request.hello if request.HasField("hello") else json.dumps({"type": "hello"})
            session.receive(hello, now_ns=_now_ns(), wall_ns=clock.now_ns())
            while True:
                wake.clear()
                seq = 0
                while (part := session.next_message(_now_ns())) is not None:
                    if isinstance(part, str):
                        yield message(text=part)
                        told = json.loads(part)
                        if (
                            "revision" in told
                        ):  # welcome, or another scene: what it refers to is fetched over HTTP
                            say(type="ready", revision=told["revision"])
                    else:
                        yield message(binary=part)
                        seq = int.from_bytes(part[_SEQ], "little")
                if seq:
                    say(type="ack", seq=seq)
                if session.closed:
                    code, reason = session.closed
                    await context.abort(getattr(grpc.StatusCode, _CLOSES.get(code, "UNAVAILABLE")), reason)
                await wake.wait()
        finally:
            session.lost = True
            hub.disconnect(session)

    return follow


def _now_ns() -> int:
    return int(asyncio.get_running_loop().time() * 1e9)
