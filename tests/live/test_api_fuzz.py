"""Questions that nobody should ask, made from the table of operations: a 4xx and one sentence, and nothing in the log."""

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from random import Random
from typing import Any
from urllib.parse import quote

import grpc
import httpx
import pytest
from api_twin import make_twin, write_datasets
from tests.strangers.fuzz_socket import complaints
from tests.strangers.noise import BARE, NUMBERS, WORDS

from twinstage.live.server import make_app
from twinstage.live.twin import LiveTwin
from twinstage.sync.api.operation import Operation
from twinstage.sync.api.table import OPERATIONS
from twinstage.sync.rpc.proto import SERVICE, classes
from twinstage.sync.rpc.server import running_rpc
from twinstage.sync.rpc.shapes import methods

SLOW = {"getStagePackage"}
"""What starts a process of its own."""
GOOD = [
    "/Cell/Agv1",
    "Cell/Agv1",
    "agv1.x",
    "agv1.name",
    "alpha",
    "000000",
    "V-1",
    "0",
    "1",
    "12.5",
    "-1",
    "acknowledge",
    "shelve",
]
GOOD += ["2026-11-24T09:14:00Z", "bad", "plc", "000000_Eye_rgb.png", "agv1/far", "true"]
ODD = [
    "-0",
    "1e3",
    "0x1",
    "٣",
    "１",
    "1_000",
    "9" * 30,
    "nan",
    "inf",
    "-inf",
    "1e400",
    " ",
    "\t",
    "\n",
    "a\nb",
    "\x7f",
    "\u202e",
    "\ufeff",
]
ODD += [
    "..",
    "../..",
    "/../../etc/passwd",
    "%2e%2e",
    "%",
    "%zz",
    "//",
    "/" * 300,
    "C:\\",
    "CON",
    "~",
    ".",
    "a/../b",
    "*",
    "**",
    "[",
    "{}",
    "'",
]
ODD += [
    "' OR 1=1 --",
    "; DROP TABLE x",
    "$(id)",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:60Z",
    "2026-13-45T99:99:99Z",
    "2026-11-24T09:14:00",
]
ODD += ["2026-11-24T09:14:00+99:99", "-9999999999999999999", "\ud7ff", "𝕏", "x" * 3000, "1" + "0" * 400]
GRPC_OK = {"OK", "INVALID_ARGUMENT", "NOT_FOUND", "FAILED_PRECONDITION", "RESOURCE_EXHAUSTED"}


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveTwin]:
    made = make_twin(tmp_path_factory.mktemp("fuzz"))
    yield made
    assert made.recorder is not None
    made.recorder.close()


@pytest.fixture(scope="module")
def app(twin: LiveTwin, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return make_app(twin, camera_engine=None, datasets=write_datasets(tmp_path_factory.mktemp("data")))


def text(random: Random) -> str:
    kind = random.random()
    if kind < 0.35:
        return random.choice(GOOD)
    if kind < 0.7:
        return random.choice(ODD)
    if kind < 0.8:
        return random.choice(WORDS + BARE)
    if kind < 0.9:
        return str(random.choice(NUMBERS))
    return "".join(chr(random.randrange(1, 0xD800)) for _ in range(random.randrange(12)))


def value(random: Random, depth: int = 2) -> Any:
    kind = random.randrange(7 if depth else 4)
    if kind < 2:
        return text(random)
    if kind < 4:
        return random.choice([*NUMBERS, None, True, False])
    if kind == 4:
        return {text(random): value(random, depth - 1) for _ in range(2)}
    return [value(random, depth - 1) for _ in range(random.choice([0, 1, 3, 1001 if depth == 2 else 2]))]


def question(operation: Operation, random: Random) -> dict[str, Any]:
    """Method, path, query, body and headers."""
    names = {field.alias or name for name, field in operation.asks.model_fields.items()}
    path = operation.path
    for name in names | {"digest", "name", "path"}:
        for written in (f"{{{name}}}", f"{{{name}:path}}"):
            path = path.replace(written, quote(text(random), safe="" if random.random() < 0.6 else "/"))
    asked = [(name, text(random)) for name in sorted(names) if random.random() < 0.5]
    if random.random() < 0.2:
        asked += [random.choice(asked)] if asked else [(text(random), text(random))]
    made: dict[str, Any] = {"method": operation.method, "url": path, "params": asked}
    headers = {
        "content-type": random.choice(
            ["application/json"] * 6 + ["text/plain", "application/json; charset=x", ""]
        )
    }
    if random.random() < 0.2:
        headers["if-none-match"] = random.choice(["*", '"x", W/"y"', ",,,", "x" * 5000])
        headers["accept-encoding"] = random.choice(["gzip;q=x", ";", "*;q=0", "gzip"])
        headers["accept-language"] = "x" * 900
    if operation.method != "GET":
        made["content"] = body(operation, random)
    return made | {"headers": headers}


def body(operation: Operation, random: Random) -> bytes:
    kind = random.random()
    if kind < 0.6 and operation.body is not None:
        fields = [field.alias or name for name, field in operation.body.model_fields.items()]
        data = {name: value(random) for name in fields if random.random() < 0.8}
        if "alarms" in fields and random.random() < 0.5:
            data |= {"alarms": [random.choice(["agv1/far", text(random)])], "by": "me"}
        return json.dumps(data, ensure_ascii=random.random() < 0.5).encode("utf-8", "replace")
    if kind < 0.8:
        return json.dumps(value(random)).encode("utf-8", "replace")
    return random.choice(
        [
            b"",
            b"{",
            b"[" * 30_000,
            b'{"a":' * 9000,
            b"\xff\xfe",
            b"NaN",
            b'{"by":"\\ud800"}',
            b"x" * 70_000,
            b"1" * 5000,
        ]
    )


def one_sentence(answer: httpx.Response) -> str:
    """What is wrong with a refusal; "" if nothing."""
    try:
        told = answer.json()["error"]
    except Exception as error:
        return repr(error)
    fine = isinstance(told, str) and 0 < len(told) < 5000 and "\n" not in told and "Traceback" not in told
    return "" if fine else repr(told)[:300]


async def ask_http(app: Any, count: int, seed: int) -> tuple[Counter[int], list[str]]:
    random, codes, wrong = Random(f"http {seed}"), Counter[int](), list[str]()
    operations = [operation for operation in OPERATIONS if operation.id not in SLOW]
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        for case in range(count):
            operation = random.choice(operations)
            asked = question(operation, random)
            try:
                answer = await client.request(**asked)
            except httpx.InvalidURL:
                continue
            except Exception as error:
                wrong.append(f"case {case}, {operation.id}: {error!r} for {str(asked)[:600]}")
                continue
            codes[answer.status_code] += 1
            if answer.status_code >= 500 and answer.status_code != 503:
                wrong.append(f"case {case}, {operation.id}: {answer.status_code} for {str(asked)[:600]}")
            elif answer.status_code >= 400 and (what := one_sentence(answer)):
                wrong.append(
                    f"case {case}, {operation.id}: {answer.status_code} {what} for {str(asked)[:600]}"
                )
    return codes, wrong


def test_http(app: Any) -> None:
    with complaints() as lines:
        codes, wrong = asyncio.run(asyncio.wait_for(ask_http(app, 2500, seed=1), 100))
    assert wrong == []
    assert lines == []
    assert {200, 404, 415, 422} <= set(codes) and codes[200] > 100, codes


def test_grpc(app: Any, twin: LiveTwin) -> None:
    random, codes, wrong = Random("grpc 1"), Counter[str](), list[str]()

    def request(method: Any) -> bytes:
        if random.random() < 0.15:
            return random.randbytes(random.choice([1, 3, 40, 3000]))
        made = classes()[method.request.name]()
        for field in method.request.fields:
            if random.random() < 0.6:
                put(made, field, random)
        return bytes(made.SerializeToString())

    async def work() -> None:
        async with (
            running_rpc(app.state.calls, twin.hub, twin.clock) as where,
            grpc.aio.insecure_channel(where) as channel,
        ):
            asking = [method for method in methods() if method.operation.id not in SLOW]
            for case in range(900):
                method = random.choice(asking)
                data = request(method)
                stub = channel.unary_unary(f"/{SERVICE}/{method.name}")
                try:
                    await stub(data, timeout=20)
                    codes["OK"] += 1
                except grpc.aio.AioRpcError as error:
                    codes[error.code().name] += 1
                    poor = not error.details() or "\n" in error.details() or "xception" in error.details()
                    if error.code().name not in GRPC_OK or poor:
                        wrong.append(
                            f"case {case}, {method.name}: {error.code().name} {error.details()} for {data[:300]!r}"
                        )

    with complaints() as lines:
        asyncio.run(asyncio.wait_for(work(), 100))
    assert wrong == []
    assert lines == []
    assert {"OK", "INVALID_ARGUMENT", "NOT_FOUND"} <= set(codes) and codes["OK"] > 50, codes


def put(message: Any, field: Any, random: Random) -> None:
    """A value that protobuf takes for that field, whatever it means."""
    candidates = [
        text(random),
        text(random),
        random.choice(NUMBERS),
        True,
        float("nan"),
        1 << 30,
        -5,
        json.dumps(value(random)),
    ]
    random.shuffle(candidates)
    for candidate in candidates:
        try:
            if field.shape.repeated:
                getattr(message, field.name).extend([candidate] * random.choice([1, 2, 1200]))
            else:
                setattr(message, field.name, candidate)
            return
        except (TypeError, ValueError, OverflowError, AttributeError):
            continue
