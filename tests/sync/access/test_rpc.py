"""gRPC asks for the same tokens and the same roles."""

import asyncio
import json
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Any

import pytest
import trustme
from access_desk import Desk, run
from tests.strangers.noise import Talker

from twinstage.base.clock import SystemClock
from twinstage.sync.access.choices import AccessChoices
from twinstage.sync.access.roles import Role

grpc = pytest.importorskip("grpc")


def test_each_call_shows_a_token_and_has_its_role(desk: Desk, make: ModuleType) -> None:
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
                async with asyncio.timeout(60):
                    async for _ in follow(
                        known["FollowRequest"](), metadata=[("authorization", f"Bearer {viewer}")]
                    ):
                        break

    run(work)
    assert by == ["anna (desk 3)"]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> AccessChoices:
    """Of 127.0.0.1; `tokens` is not used, and leads to the authority."""
    folder = tmp_path_factory.mktemp("rpc-tls")
    authority = trustme.CA()
    mine = authority.issue_cert("127.0.0.1", "localhost")
    mine.private_key_pem.write_to_path(folder / "key.pem")
    for number, pem in enumerate(mine.cert_chain_pems):
        pem.write_to_path(folder / "cert.pem", append=number > 0)
    authority.cert_pem.write_to_path(folder / "ca.pem")
    return AccessChoices(folder / "ca.pem", folder / "cert.pem", folder / "key.pem")


def follow(channel: Any, hello: bytes | str | None, token: str = "", **more: Any) -> Any:
    """The stream. `hello`: its text, or the bytes of a whole request."""
    from twinstage.sync.rpc.proto import SERVICE, classes

    known = classes()
    ask = channel.unary_stream(
        f"/{SERVICE}/Follow",
        request_serializer=lambda data: data,
        response_deserializer=known["FollowMessage"].FromString,
    )
    request = hello if isinstance(hello, bytes) else known["FollowRequest"](hello=hello).SerializeToString()
    return ask(request, metadata=[("authorization", f"Bearer {token}")] if token else [], **more)


def test_over_tls_only_who_speaks_tls_and_trusts_it_is_heard(
    desk: Desk, make: ModuleType, certificate: AccessChoices
) -> None:
    from twinstage.sync.access.rpc import interceptor
    from twinstage.sync.hub import Hub
    from twinstage.sync.rpc.server import running_rpc
    from twinstage.sync.serve import running
    from twinstage.sync.server import create_app

    viewer = desk.create("wall", Role.VIEWER)
    authority = certificate.tokens.read_bytes()  # type: ignore[union-attr]

    async def code(stream: Any) -> str:
        try:
            async for _ in stream:
                return "OK"
        except grpc.aio.AioRpcError as error:
            return str(error.code().name)
        return "nothing"

    async def work() -> None:
        hub, access = Hub(make.snapshot(["/World"]), epoch="e1"), desk.access()
        rpc = running_rpc({}, hub, SystemClock(), interceptors=[interceptor(access)], pem=certificate.pem())
        async with running(create_app(hub, access=access), port=0), rpc as where:
            trusting = grpc.ssl_channel_credentials(authority)
            async with grpc.aio.secure_channel(where, trusting) as channel:
                assert await code(follow(channel, None)) == "UNAUTHENTICATED"
                assert await code(follow(channel, None, viewer)) == "OK"
                reader, writer = await asyncio.open_connection(*where.split(":"))
                writer.write(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
                assert b"HTTP" not in await reader.read(100)
                writer.close()
                async with grpc.aio.insecure_channel(where) as plain:
                    assert await code(follow(plain, None, viewer, timeout=3)) in (
                        "UNAVAILABLE",
                        "DEADLINE_EXCEEDED",
                    )
                async with grpc.aio.secure_channel(where, grpc.ssl_channel_credentials()) as doubting:
                    assert await code(follow(doubting, None, viewer, timeout=3)) in (
                        "UNAVAILABLE",
                        "DEADLINE_EXCEEDED",
                    )
                # A stream that lasts ends with its token.
                stream = follow(channel, None, viewer)
                assert json.loads((await stream.read()).text)["role"] == "viewer"
                desk.revoke("wall")
                with pytest.raises(grpc.aio.AioRpcError) as ended:
                    while await stream.read() is not grpc.aio.EOF:
                        pass
                assert ended.value.code().name == "UNAUTHENTICATED" and "revoked" in str(
                    ended.value.details()
                )

    run(work)


def test_a_server_with_a_certificate_answers_grpc_with_it(
    certificate: AccessChoices, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from twinstage.live.server import serve_live
    from twinstage.live.twin import TwinFiles, open_twin

    (tmp_path / "a.usda").write_text('#usda 1.0\ndef Cube "A"\n{\n}\n')
    twin = open_twin(TwinFiles(tmp_path / "a.usda"), clock=SystemClock())
    choices = AccessChoices(tls_cert=certificate.tls_cert, tls_key=certificate.tls_key)
    told: list[str] = []

    async def ask() -> None:
        while "gRPC at" not in (text := capsys.readouterr().out):
            await asyncio.sleep(0.01)
        told.append(text)
        where = text.partition("gRPC at ")[2].split()[0]
        trusting = grpc.ssl_channel_credentials(certificate.tokens.read_bytes())  # type: ignore[union-attr]
        async with grpc.aio.secure_channel(where, trusting) as channel:
            async for message in follow(channel, None, timeout=10):
                told.append(json.loads(message.text)["type"])
                break
        stop.set()
        await asyncio.Event().wait()

    stop = asyncio.Event()
    serve_live(
        twin,
        host="127.0.0.1",
        port=0,
        on_ready=lambda url: None,
        beside=ask,
        stop=stop,
        camera_engine=None,
        access=choices,
        grpc_port=0,
        duration=20,
    )
    assert told[1:] == ["welcome"] and "gRPC at 127.0.0.1:" in told[0] and "over TLS" in told[0]


@pytest.mark.parametrize("seed", [1, 2])
def test_whatever_is_said_to_follow_ends_one_stream_at_most_with_a_code(make: ModuleType, seed: int) -> None:
    """Greetings that are nearly right, and bytes that are no request; a good stream beside them goes on."""
    from twinstage.sync.hub import Hub
    from twinstage.sync.rpc.proto import classes
    from twinstage.sync.rpc.server import running_rpc
    from twinstage.sync.serve import running
    from twinstage.sync.server import create_app

    known, dice = classes(), Random(seed)
    talker = Talker(dice)
    codes: dict[str, int] = {}

    def request() -> bytes:
        if dice.random() < 0.15:
            return dice.randbytes(dice.randrange(60))
        said = talker.hello() if dice.random() < 0.5 else talker.message()
        text = said if isinstance(said, str) else said.decode(errors="replace")
        data = known["FollowRequest"](hello=text.encode(errors="replace").decode()).SerializeToString()
        if dice.random() < 0.2:
            data = data[: dice.randrange(len(data) + 1)]
        return bytes(data)

    async def one(channel: Any) -> None:
        stream = follow(channel, request(), timeout=10)
        try:
            while json.loads((await asyncio.wait_for(stream.read(), 0.3)).text)["type"] != "welcome":
                pass
            name = "OK"
            stream.cancel()
        except TimeoutError:
            name = "silent"  # a greeting that is no greeting: its ten seconds run
            stream.cancel()
        except grpc.aio.AioRpcError as error:
            name = str(error.code().name)
        codes[name] = codes.get(name, 0) + 1

    async def work() -> None:
        hub = Hub(make.snapshot(["/World", "/World/A"]), epoch="e1")
        async with (
            running(create_app(hub), port=0),
            running_rpc({}, hub, SystemClock()) as where,
            grpc.aio.insecure_channel(where) as channel,
        ):
            good = follow(channel, None)
            await good.read()
            for k in range(30):
                hub.publish(make.tick(make.poses([1], [[k, 0, 0]])))
                await asyncio.gather(*(one(channel) for _ in range(10)))
                assert (await asyncio.wait_for(good.read(), 60)).binary
            good.cancel()
            async with asyncio.timeout(60):
                while hub.sessions:
                    await asyncio.sleep(0.01)

    run(work, 90)
    assert (
        set(codes) <= {"OK", "INVALID_ARGUMENT", "RESOURCE_EXHAUSTED", "silent"}
        and min(codes["OK"], codes["INVALID_ARGUMENT"]) > 10
    ), codes
