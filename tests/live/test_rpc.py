"""The gRPC twin of the HTTP API: a real server, a real grpcio client, the same answers."""

import asyncio
import json
import math
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from api_twin import make_twin, say, write_datasets

from twinstage.base.errors import UserError
from twinstage.live.server import make_app
from twinstage.live.twin import LiveTwin
from twinstage.sync.rpc.proto import SERVICE, classes, proto_text
from twinstage.sync.rpc.server import running_rpc
from twinstage.sync.rpc.shapes import messages, methods

Call = Callable[..., Awaitable[Any]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("rpc")


@pytest.fixture(scope="module")
def twin(folder: Path) -> Iterator[LiveTwin]:
    made = make_twin(folder)
    yield made
    assert made.recorder is not None
    made.recorder.close()


@pytest.fixture(scope="module")
def app(twin: LiveTwin, folder: Path) -> Any:
    return make_app(twin, camera_engine=None, datasets=write_datasets(folder))


def served(app: Any, twin: LiveTwin, work: Callable[[Any, Call], Awaitable[None]], **more: Any) -> None:
    """Run `work(channel, call)` against a server on a free port."""

    async def main() -> None:
        async with running_rpc(app.state.calls, twin.hub, twin.clock, **more) as where:
            assert where.startswith("127.0.0.1:")
            async with grpc.aio.insecure_channel(where) as channel:

                async def call(name: str, **asked: Any) -> Any:
                    method = next(m for m in methods() if m.name == name)
                    request = classes()[method.request.name]
                    stub = channel.unary_unary(
                        f"/{SERVICE}/{name}",
                        request_serializer=request.SerializeToString,
                        response_deserializer=classes()[method.answer.name].FromString,
                    )
                    return await stub(request(**asked), timeout=20)

                await work(channel, call)

    asyncio.run(asyncio.wait_for(main(), 200))


def test_the_committed_file_is_what_is_served(root: Path) -> None:
    text = (root / "docs" / "twin.proto").read_text("utf-8")
    assert text == proto_text(), "run `twinstage openapi --proto --out docs/twin.proto`"


def test_numbers_of_fields_are_there_once() -> None:
    for shape in messages().values():
        assert [field.number for field in shape.fields] == list(range(1, len(shape.fields) + 1))
        assert len({field.name for field in shape.fields}) == len(shape.fields)


REQUESTS: dict[str, tuple[str, dict[str, Any]]] = {
    "ListPrims": ("/api/v1/prims?limit=2&kind=component", {"limit": 2, "kind": "component"}),
    "GetPrim": ("/api/v1/prims/Cell/Agv1", {"path": "/Cell/Agv1"}),
    "ListValues": ("/api/v1/values", {}),
    "GetValue": ("/api/v1/values/agv1.count", {"signal": "agv1.count"}),
    "GetHistory": ("/api/v1/history", {}),
    "GetReadings": (
        "/api/v1/history/range?signal=agv1.x&signal=agv1.name&limit=5&from=0.2",
        {"signal": ["agv1.x", "agv1.name"], "limit": 5, "from": "0.2"},
    ),
    "GetReadingsAsOf": ("/api/v1/history/as-of?at=0.45", {"at": "0.45"}),
    "GetChart": (
        "/api/v1/history/chart?signal=agv1.x&from=0&to=2&buckets=4",
        {"signal": "agv1.x", "from": "0", "to": "2", "buckets": 4},
    ),
    "ListAlarms": ("/api/v1/alarms?all=true", {"all": True}),
    "ListAlarmRecords": ("/api/v1/alarms/journal", {}),
    "ListBindings": ("/api/v1/bindings?kind=pose", {"kind": "pose"}),
    "GetBinding": ("/api/v1/bindings/1", {"index": 1}),
    "ListAssetRecords": ("/api/v1/assets", {}),
    "GetAssetRecord": ("/api/v1/assets/V-1", {"id": "V-1"}),
    "ListDatasets": ("/api/v1/datasets", {}),
    "GetDataset": ("/api/v1/datasets/alpha", {"dataset": "alpha"}),
    "ListRecords": ("/api/v1/datasets/alpha/records?after=000000", {"dataset": "alpha", "after": "000000"}),
    "GetRecord": ("/api/v1/datasets/alpha/records/000001", {"dataset": "alpha", "record": "000001"}),
    "ListCatalogue": (
        "/api/v1/catalogue?query=tag:fluid&facets=true",
        {"query": "tag:fluid", "facets": True},
    ),
    "GetCatalogueAsset": ("/api/v1/catalogue/asset?asset=starter/pump.usda", {"asset": "starter/pump.usda"}),
    "GetHealth": ("/healthz", {}),
    "GetReadiness": ("/readyz", {}),
}


def test_all_calls_are_tried() -> None:
    assert set(REQUESTS) | {"ActOnAlarms"} == {method.name for method in methods()}


def test_answers_are_those_of_http(app: Any, twin: LiveTwin) -> None:
    async def work(_: Any, call: Call) -> None:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            while (await client.get("/api/v1/catalogue")).json().get("reading"):
                await asyncio.sleep(0.2)
            for name, (path, asked) in REQUESTS.items():
                told = (await client.get(path)).json()
                assert plain(await call(name, **asked)) == without_nothing(told), name

    served(app, twin, work)


def plain(message: Any) -> Any:
    """A message as the JSON of HTTP would have it, but for what is null or empty."""
    out: dict[str, Any] = {}
    for field, value in message.ListFields():
        name = field.json_name
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            out[name] = dict(value)
        elif field.message_type is not None and field.message_type.name == "Scalar":
            kind = value.WhichOneof("kind")
            if kind is not None:
                out[name] = list(value.numbers.numbers) if kind == "numbers" else getattr(value, kind)
        elif field.message_type is not None:
            many = hasattr(value, "__len__")
            out[name] = [plain(one) for one in value] if many else plain(value)
        elif name in ("definition", "manifest", "content", "variants", "cut") and isinstance(value, str):
            out[name] = json.loads(value)
        elif hasattr(value, "__len__") and not isinstance(value, str):
            nothing = lambda v: isinstance(v, float) and math.isnan(v)  # noqa: E731
            out[name] = [None if nothing(v) or (name == "quality" and v == -1) else v for v in value]
        else:
            out[name] = value
    return without_nothing(out)


def without_nothing(value: Any) -> Any:
    """Leaves out what protobuf does not send: null, 0, false, empty. Lists of lists become flat."""
    if isinstance(value, dict):
        cleaned = {key: without_nothing(one) for key, one in value.items()}
        return {
            key: one for key, one in cleaned.items() if one not in (None, "", [], {}) and (one or one is True)
        }
    if isinstance(value, list):
        if value and isinstance(value[0], list):
            return [part for one in value for part in one]
        return [without_nothing(one) if isinstance(one, dict) else one for one in value]
    return value


@pytest.mark.parametrize(
    ("name", "asked", "code", "text"),
    [
        ("GetPrim", {"path": "/Nope"}, "NOT_FOUND", "there is no prim '/Nope'"),
        ("GetPrim", {}, "INVALID_ARGUMENT", "path: "),
        ("ListPrims", {"limit": 5000}, "INVALID_ARGUMENT", "limit: "),
        ("GetDataset", {"dataset": "../x"}, "INVALID_ARGUMENT", "dataset: "),
        ("ActOnAlarms", {"action": "explode", "alarms": ["a"], "by": "x"}, "INVALID_ARGUMENT", "action: "),
        ("ActOnAlarms", {"action": "acknowledge", "alarms": ["nope"], "by": "x"}, "NOT_FOUND", "no alarm"),
        ("ActOnAlarms", {"action": "unshelve", "alarms": ["agv1/far"], "by": "x"}, "FAILED_PRECONDITION", ""),
    ],
)
def test_errors(app: Any, twin: LiveTwin, name: str, asked: dict[str, Any], code: str, text: str) -> None:
    async def work(_: Any, call: Call) -> None:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call(name, **asked)
        assert caught.value.code().name == code and text in (caught.value.details() or "")

    served(app, twin, work)


def test_an_alarm_is_acknowledged(app: Any, twin: LiveTwin) -> None:
    say(twin, 3, x=2000)

    async def work(_: Any, call: Call) -> None:
        done = await call("ActOnAlarms", action="acknowledge", alarms=["agv1/far"], by="anna", comment="seen")
        assert [(r.alarm, r.what, r.by) for r in done.done] == [("agv1/far", "acknowledged", "anna")]
        assert [a.state for a in (await call("ListAlarms")).alarms] == ["acknowledged"]

    served(app, twin, work)


def test_the_stream_is_that_of_the_websocket(app: Any, twin: LiveTwin) -> None:
    from twinstage.sync import codec

    async def work(channel: Any, call: Call) -> None:
        request, message = classes()["FollowRequest"], classes()["FollowMessage"]
        stub = channel.unary_stream(
            f"/{SERVICE}/Follow",
            request_serializer=request.SerializeToString,
            response_deserializer=message.FromString,
        )
        stream = stub(request(hello=json.dumps({"type": "hello", "want": ["pose"]})), timeout=20)
        welcome = json.loads((await stream.read()).text)
        assert (welcome["type"], welcome["epoch"]) == ("welcome", twin.hub.epoch)
        seqs = []
        for second in range(10, 15):  # more ticks than may wait for an ack
            read = await stream.read()
            seqs.append(codec.decode(read.binary)[-1].header.seq)
            say(twin, second, x=second * 10)
        assert seqs == sorted(set(seqs)) and len(twin.hub.sessions) == 1
        stream.cancel()
        async with asyncio.timeout(60):
            while twin.hub.sessions:
                await asyncio.sleep(0.01)

    served(app, twin, work)


def test_an_interceptor_may_refuse(app: Any, twin: LiveTwin) -> None:
    class Door(grpc.aio.ServerInterceptor):  # type: ignore[misc]
        async def intercept_service(self, continuation: Any, details: Any) -> Any:
            async def refuse(_: Any, context: Any) -> None:
                await context.abort(grpc.StatusCode.UNAUTHENTICATED, "a token is needed")

            return grpc.unary_unary_rpc_method_handler(refuse)

    async def work(_: Any, call: Call) -> None:
        with pytest.raises(grpc.aio.AioRpcError, match="a token is needed"):
            await call("GetHealth")

    served(app, twin, work, interceptors=[Door()])


def test_a_port_that_is_taken_is_one_sentence(app: Any, twin: LiveTwin) -> None:
    async def main() -> None:
        async with running_rpc(app.state.calls, twin.hub, twin.clock) as where:
            with pytest.raises(UserError, match="cannot listen for gRPC"):
                async with running_rpc(
                    app.state.calls, twin.hub, twin.clock, port=int(where.rpartition(":")[2])
                ):
                    pass

    asyncio.run(main())


def test_serving_says_where(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from twinstage.live.server import serve_live

    twin = make_twin(tmp_path, history=False)
    serve_live(
        twin,
        host="127.0.0.1",
        port=0,
        on_ready=lambda url: None,
        camera_engine=None,
        duration=0.5,
        grpc_port=0,
    )
    assert "gRPC at 127.0.0.1:" in capsys.readouterr().out
