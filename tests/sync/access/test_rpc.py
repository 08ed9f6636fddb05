"""gRPC asks for the same tokens and the same roles."""

import asyncio
from types import ModuleType
from typing import Any

import pytest
from access_desk import Desk, run

from twinstage.sync.access.roles import Role

grpc = pytest.importorskip("grpc")


def test_each_call_shows_a_token_and_has_its_role(desk: Desk, make: ModuleType) -> None:
    from twinstage.base.clock import SystemClock
    from twinstage.sync.access.roles import signed
    from twinstage.sync.access.rpc import interceptor
    from twinstage.sync.api.alarms import ActAsk, Acted, Order
    from twinstage.sync.api.calls import alive
    from twinstage.sync.hub import Hub
    from twinstage.sync.rpc.proto import SERVICE, classes
    from twinstage.sync.rpc.server import running_rpc
    from twinstage.sync.rpc.shapes import methods

    viewer, operator = desk.create("wall", Role.VIEWER), desk.create("desk 3", Role.OPERATOR)
    by: list[str] = []

    async def act(asked: ActAsk, order: Order) -> Acted:
        by.append(signed(order.by))
        return Acted(done=(), refused=())

    known, shapes = classes(), {method.name: method for method in methods()}

    async def work() -> None:
        calls: Any = {"getHealth": alive, "actOnAlarms": act}
        hub = Hub(make.snapshot(["/World"]), epoch="e1")
        doors = [interceptor(desk.access())]
        async with running_rpc(calls, hub, SystemClock(), interceptors=doors) as where:  # noqa: SIM117
            async with grpc.aio.insecure_channel(where) as channel:

                async def call(name: str, token: str = "", **fields: Any) -> str:
                    shape = shapes[name]
                    ask = channel.unary_unary(
                        f"/{SERVICE}/{name}",
                        request_serializer=known[shape.request.name].SerializeToString,
                        response_deserializer=known[shape.answer.name].FromString,
                    )
                    metadata = [("authorization", f"Bearer {token}")] if token else []
                    try:
                        await ask(known[shape.request.name](**fields), metadata=metadata)
                    except grpc.aio.AioRpcError as error:
                        return str(error.code().name)
                    return "OK"

                order = {"action": "acknowledge", "alarms": ["a"], "by": "anna"}
                assert await call("GetHealth", viewer) == "OK"
                assert await call("ActOnAlarms", **order) == "UNAUTHENTICATED"
                assert await call("ActOnAlarms", viewer, **order) == "PERMISSION_DENIED"
                assert await call("ActOnAlarms", operator[:-2] + "AA", **order) == "UNAUTHENTICATED"
                assert by == []
                assert await call("ActOnAlarms", operator, **order) == "OK"
                follow = channel.unary_stream(
                    f"/{SERVICE}/Follow",
                    request_serializer=known["FollowRequest"].SerializeToString,
                    response_deserializer=known["FollowMessage"].FromString,
                )
                with pytest.raises(grpc.aio.AioRpcError) as refused:
                    async for _ in follow(known["FollowRequest"]()):
                        raise AssertionError("nothing of the twin comes without a token")
                assert refused.value.code().name == "UNAUTHENTICATED"
                async with asyncio.timeout(5):
                    async for _ in follow(
                        known["FollowRequest"](), metadata=[("authorization", f"Bearer {viewer}")]
                    ):
                        break

    run(work)
    assert by == ["anna (desk 3)"]
