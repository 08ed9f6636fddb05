"""The same door for gRPC: a token in the metadata `authorization: Bearer twk_...`, and the role that the operation asks for."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from twinstage.sync.access.access import Access
from twinstage.sync.access.roles import CALLER, ROLES, Identity, Refusal
from twinstage.sync.api.table import role_of_call


def interceptor(access: Access) -> Any:
    """A grpc.aio.ServerInterceptor that asks each call."""
    import grpc

    class Door(grpc.aio.ServerInterceptor):  # type: ignore[misc]
        async def intercept_service(
            self, continuation: Callable[[Any], Awaitable[Any]], call_details: Any
        ) -> Any:
            operation = call_details.method.rpartition("/")[2]
            who = _who(access, call_details)
            refusal = who if isinstance(who, Refusal) else _too_low(who, operation)
            handler = await continuation(call_details)
            if handler is None:
                return None
            if refusal is not None:
                known = who if isinstance(who, Identity) else None
                access.refuse(
                    refusal, address="grpc", what=f"CALL {operation[:100]}", now_ns=_now_ns(), who=known
                )
                return _refusing(grpc, handler, refusal)
            CALLER.set(who if isinstance(who, Identity) else None)
            return handler

    return Door()


def _who(access: Access, details: Any) -> Identity | Refusal:
    if not access.asks:
        return access.local("grpc")
    for key, value in details.invocation_metadata or ():
        kind, _, text = str(value).partition(" ")
        if key == "authorization" and kind.lower() == "bearer":
            return access.by_token(text.strip(), "grpc", via="bearer", now_ns=_now_ns())
    return access.missing()


def _too_low(who: Identity, operation: str) -> Refusal | None:
    word = "viewer" if operation == "Follow" else role_of_call(operation)
    if word == "anyone" or who.may(ROLES[word]):
        return None
    return Refusal("role", f"this needs the role {word}; {who.name!r} has the role {who.role.word}", 403)


def _refusing(grpc: Any, handler: Any, refusal: Refusal) -> Any:
    """A handler of the same shape that says why not."""
    codes = {403: "PERMISSION_DENIED", 429: "RESOURCE_EXHAUSTED", 503: "UNAVAILABLE"}
    code = getattr(grpc.StatusCode, codes.get(refusal.status, "UNAUTHENTICATED"))

    async def unary(request: Any, context: Any) -> None:
        await context.abort(code, refusal.sentence)

    async def stream(request: Any, context: Any) -> Any:
        await context.abort(code, refusal.sentence)
        yield  # pragma: no cover

    if handler.response_streaming:
        return grpc.unary_stream_rpc_method_handler(
            stream, handler.request_deserializer, handler.response_serializer
        )
    return grpc.unary_unary_rpc_method_handler(
        unary, handler.request_deserializer, handler.response_serializer
    )


def _now_ns() -> int:
    return int(asyncio.get_running_loop().time() * 1e9)
