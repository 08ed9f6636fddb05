"""Real servers on ephemeral ports, real clients, real sockets."""

import asyncio
import gzip
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from types import ModuleType

import httpx
import numpy as np
import pytest
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as open_websocket
from websockets.exceptions import ConnectionClosed

from twinstage.base.errors import UserError
from twinstage.sync import codec
from twinstage.sync.access.access import Access
from twinstage.sync.access.limits import Limits
from twinstage.sync.blocking import SyncClient
from twinstage.sync.client import LinkError, connect
from twinstage.sync.hub import Hub, SignalMeta
from twinstage.sync.serve import bind, running, serve
from twinstage.sync.server import create_app

Serving = Callable[..., AbstractAsyncContextManager[tuple[str, Hub]]]
PATHS = ["/World", "/World/A", "/World/A/B", "/World/C"]


def new_hub(make: ModuleType, epoch: str = "e1", **scene: object) -> Hub:
    return Hub(
        make.snapshot(PATHS, points=2, **scene), [SignalMeta("a.x", "m")], {"/World/A": ["a.x"]}, epoch=epoch
    )


@asynccontextmanager
async def raw(url: str, **hello: object) -> AsyncIterator[ClientConnection]:
    """A websocket that has said hello and ready, and never acknowledges by itself."""
    async with open_websocket(
        url.replace("http", "ws") + "/ws",
        subprotocols=["twin.v1"],
        compression=None,
        max_size=None,
        proxy=None,
    ) as link:
        await link.send(json.dumps({"type": "hello", **hello}))
        welcome = json.loads(await link.recv())
        await link.send(json.dumps({"type": "ready", "revision": welcome["revision"]}))
        yield link


async def until(condition: Callable[[], bool], timeout: float = 60.0) -> None:
    async with asyncio.timeout(timeout):
        while not condition():
            await asyncio.sleep(0.005)


def seq_of(message: str | bytes) -> int:
    assert isinstance(message, bytes)
    return codec.decode(message)[-1].header.seq


def run(work: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(work(), 200))


def test_a_client_holds_what_the_twin_published(make: ModuleType, serving: Serving) -> None:
    async def work() -> None:
        hub = new_hub(make, local=np.tile(make.translation(0, 0, 1), (4, 1, 1)))
        async with serving(hub) as (url, edge), connect(url) as client:
            half = np.sqrt(0.5)
            hub.publish(
                make.tick(
                    make.poses([1, 5], [[10_000.25, 2, 3], [7, 0, 0]], [[half, 0, 0, half], [1, 0, 0, 0]]),
                    signals=make.values([0], [2.5], [77], [0]),
                    style=make.styles([1], [[255, 0, 0, 255]]),
                    visibility=make.switches([3], [False]),
                    watermark_ns=99,
                )
            )
            await until(lambda: client.model.seq == 1)
            # /World is at z 1; A turns by a right angle about z, B is 1 above A.
            expected = np.array([[0, -1, 0, 10_000.25], [1, 0, 0, 2], [0, 0, 1, 5], [0, 0, 0, 1]])
            assert np.allclose(client.world("/World/A/B"), expected, atol=2e-4)
            assert client.world("/World/C", 101)[:3, 3].tolist() == [7, 0, 2]
            assert client.world("/World/C", 100)[:3, 3].tolist() == [0, 0, 2]
            value = client.value("a.x")
            assert (value.value, value.event_ns, value.quality, value.unit) == (2.5, 77, 0, "m")
            assert client.style("/World/A/B") == (255, 0, 0, 255) and client.style("/World/C") == (0, 0, 0, 0)
            assert client.visible("/World/A") and not client.visible("/World/C", 100)
            tick = await client.frame()
            assert (tick.seq, tick.watermark_ns, tick.nodes.tolist()) == (1, 99, [1, 5])
            await until(lambda: next(iter(edge.sessions)).acked_seq == 1)
            with pytest.raises(UserError, match="no prim '/World/D'"):
                client.world("/World/D")
            with pytest.raises(UserError, match=r"no signal 'a.z'; did you mean 'a.x'"):
                client.value("a.z")

    run(work)


def test_a_client_survives_a_restart_of_the_server(make: ModuleType) -> None:
    async def work() -> None:
        sock = bind("127.0.0.1", 0)
        port = sock.getsockname()[1]
        first = new_hub(make, "first")
        server = running(create_app(first), sock=sock)
        url = await server.__aenter__()
        async with connect(url) as client:
            first.publish(make.tick(make.poses([1, 3], [[1, 0, 0], [3, 0, 0]])))
            await until(lambda: client.model.seq == 1)
            await server.__aexit__(None, None, None)
            await until(lambda: not client.connected)
            assert client.world("/World/A")[0, 3] == 1.0  # the last picture stays
            second = new_hub(make, "second")
            second.publish(make.tick(make.poses([3], [[30, 0, 0]])))
            async with running(create_app(second), port=port):
                await until(lambda: client.model.epoch == "second" and client.model.seq == 1)
                assert client.connected and client.reconnects == 1
                assert client.world("/World/C")[0, 3] == 30.0
                assert client.world("/World/A")[0, 3] == 0.0  # not moved in this run: where the scene puts it

    run(work)


def test_a_lost_connection_is_caught_up_without_a_keyframe(make: ModuleType, serving: Serving) -> None:
    async def work() -> None:
        hub = new_hub(make)
        ticks = []
        async with serving(hub) as (url, edge), connect(url, on_tick=ticks.append) as client:
            hub.publish(make.tick(make.poses([1], [[1, 0, 0]])))
            await until(lambda: client.model.seq == 1)
            model = client.model
            next(iter(edge.sessions)).close(1001, "the link is cut by the test")
            await until(lambda: not client.connected)
            hub.publish(make.tick(make.poses([3], [[3, 0, 0]])))
            await until(lambda: client.model.seq == 2)
            assert client.model is model
            assert not ticks[-1].keyframe and ticks[-1].nodes.tolist() == [3]

    run(work)


def test_a_slow_client_does_not_slow_a_fast_one_and_gets_the_latest_state(
    make: ModuleType, serving: Serving
) -> None:
    async def work() -> None:
        hub = new_hub(make)
        async with serving(hub) as (url, _), connect(url) as fast, raw(url) as slow:
            seqs = [seq_of(await slow.recv())]
            for step in range(1, 61):
                hub.publish(make.tick(make.poses([1 + step % 3], [[step, 0, 0]])))
                await until(lambda step=step: fast.model.seq == step)
            seqs.append(seq_of(await slow.recv()))
            assert seqs == [0, 1]
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(slow.recv(), 0.2)
            await slow.send('{"type":"ack","seq":1}')
            frames = codec.decode(await slow.recv())
            assert frames[-1].header.seq == 60 and frames[-1].header.base_seq == 1
            body = frames[0].body
            assert dict(zip(body.index.tolist(), body.translation[:, 0].tolist(), strict=True)) == {
                1: 60,
                2: 58,
                3: 59,
            }

    run(work)


def test_a_client_whose_socket_is_full_holds_nobody_up(make: ModuleType, serving: Serving) -> None:
    async def work() -> None:
        n = 5_000
        paths = ["/W", *(f"/W/n{i:05d}" for i in range(n))]
        hub = Hub(make.snapshot(paths), epoch="e")
        index = np.arange(1, n + 1)
        sock = bind("127.0.0.1", 0)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
        async with serving(hub, sock=sock) as (url, edge), connect(url) as fast:
            reader, writer = await stuck_client(url)
            for step in range(1, 11):
                hub.publish(make.tick(make.poses(index, np.full((n, 3), float(step)))))
                await until(lambda step=step: fast.model.seq == step, 2.0)
            assert len(edge.sessions) == 2
            assert min(session.ticks_sent for session in edge.sessions) <= 2
            writer.close()
            del reader

    run(work)


def test_a_stuck_client_does_not_keep_the_server_from_ending(
    make: ModuleType, caplog: pytest.LogCaptureFixture
) -> None:
    async def work() -> None:
        n = 60_000
        hub = Hub(make.snapshot(["/W", *(f"/W/n{i:05d}" for i in range(n))]), epoch="e")
        sock = bind("127.0.0.1", 0)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
        async with running(create_app(hub), sock=sock) as url:
            _, writer = await stuck_client(url)
            await until(lambda: any(session.ticks_sent for session in hub.sessions))
            for step in range(2):
                hub.publish(make.tick(make.poses(np.arange(1, n + 1), np.full((n, 3), float(step)))))
                await asyncio.sleep(0.05)
            start = time.monotonic()
        assert time.monotonic() - start < 30
        writer.close()

    run(work)
    assert caplog.records == []


async def stuck_client(url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Says hello and ready over a bare socket with small buffers, and never reads again."""
    port = int(url.rpartition(":")[2])
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.connect(("127.0.0.1", port))
    reader, writer = await asyncio.open_connection(sock=sock, limit=4096)
    writer.write(
        f"GET /ws HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
        "Sec-WebSocket-Protocol: twin.v1\r\n\r\n".encode()
    )
    await reader.readuntil(b"\r\n\r\n")
    for text in (b'{"type":"hello"}', b'{"type":"ready","revision":0}'):
        writer.write(bytes([0x81, 0x80 | len(text)]) + bytes(4) + text)  # masked with zeros
    await writer.drain()
    return reader, writer


def test_a_replaced_scene_reaches_the_client(make: ModuleType, serving: Serving) -> None:
    async def work() -> None:
        hub = new_hub(make)
        async with serving(hub) as (url, _), connect(url) as client:
            assert hub.replace_scene(make.snapshot(["/Other", "/Other/X"])) == 1
            hub.publish(make.tick(make.poses([1], [[4, 0, 0]])))
            hub.notice("warning", "the scene was edited")
            await until(lambda: client.model.revision == 1 and client.model.seq == 1)
            assert client.world("/Other/X")[0, 3] == 4.0
            await until(lambda: client.notices == ["the scene was edited"])

    run(work)


def test_the_blocking_client_needs_no_event_loop(make: ModuleType) -> None:
    hub = new_hub(make)

    async def publish(address: "asyncio.Queue[str]") -> None:
        async with running(create_app(hub), port=0) as url:
            await address.put(url)
            for step in range(1000):
                hub.publish(make.tick(make.poses([1], [[step, 0, 0]])))
                await asyncio.sleep(0.01)
                if step and not hub.sessions and seen.is_set():
                    return

    async def work() -> None:
        address: asyncio.Queue[str] = asyncio.Queue()
        server = asyncio.create_task(publish(address))
        await asyncio.to_thread(follow, await address.get())
        await server

    def follow(url: str) -> None:
        with SyncClient(url) as client:
            client.frame(5)
            first = client.world("/World/A")[0, 3]
            for _ in range(5):
                client.frame(5)
            assert client.world("/World/A")[0, 3] > first
            assert client.connected and client.scene["protocol"] == "twin.v1"
            seen.set()

    seen = threading.Event()
    run(work)


# ---------------------------------------------------------------------- HTTP and refusals


def test_the_scene_and_its_files_are_served_with_caching(make: ModuleType, tmp_path: Path) -> None:
    async def work() -> None:
        hub = new_hub(make)
        (tmp_path / "assets").mkdir()
        (tmp_path / "index.html").write_text("<!doctype html>viewer")
        (tmp_path / "assets" / "main-abc.js").write_text("1")
        app = create_app(hub, viewer_dir=tmp_path, status=lambda: {"sources": {"plc": {"applied": 3}}})
        async with running(app, port=0) as url, httpx.AsyncClient(base_url=url, trust_env=False) as http:
            scene = await http.get("/api/scene")
            assert scene.headers["content-encoding"] == "gzip" and scene.json()["epoch"] == "e1"
            plain = await http.get("/api/scene", headers={"Accept-Encoding": "identity"})
            assert "content-encoding" not in plain.headers and plain.content == scene.content
            again = await http.get("/api/scene", headers={"If-None-Match": scene.headers["etag"]})
            assert (again.status_code, again.content) == (304, b"")
            prototype = scene.json()["prototypes"][0]
            glb = await http.get(prototype["url"])
            assert glb.content[:4] == b"glTF" and len(glb.content) == prototype["bytes"]
            assert (
                "immutable" in glb.headers["cache-control"]
                and glb.headers["content-type"] == "model/gltf-binary"
            )
            texture = await http.get(scene.json()["textures"][0]["url"])
            assert texture.content == make.PNG and texture.headers["content-type"] == "image/png"
            for missing in ("/glb/00.glb", "/texture/00", "/nothing", "/../../etc/passwd"):
                answer = await http.get(missing)
                assert answer.status_code == 404 and set(answer.json()) == {"error"}, missing
            page = await http.get("/")
            assert page.text == "<!doctype html>viewer" and page.headers["cache-control"] == "no-cache"
            assert "script-src 'self' 'wasm-unsafe-eval'" in page.headers["content-security-policy"]
            assert "immutable" in (await http.get("/assets/main-abc.js")).headers["cache-control"]
            assert (await http.get("/healthz")).json() == {"status": "ok"}
            status = (await http.get("/api/status")).json()
            assert status["clients"] == 0 and status["sources"] == {"plc": {"applied": 3}}
            assert {"epoch", "revision", "seq", "ticksPerSecond", "uptimeSeconds", "counters"} < set(status)

    run(work)


def test_gzip_is_really_gzip(make: ModuleType) -> None:
    async def work() -> None:
        async with running(create_app(new_hub(make)), port=0) as url:
            port = int(url.rpartition(":")[2])
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(
                f"GET /api/scene HTTP/1.1\r\nHost: localhost:{port}\r\nAccept-Encoding: gzip\r\n"
                "Connection: close\r\n\r\n".encode()
            )
            head, _, body = (await reader.read()).partition(b"\r\n\r\n")
            assert b"content-encoding: gzip" in head.lower() and b"server:" not in head.lower()
            assert json.loads(gzip.decompress(body))["protocol"] == "twin.v1"
            writer.close()

    run(work)


@pytest.mark.parametrize(
    ("headers", "refused"),
    [
        ({}, False),
        ({"Origin": "http://127.0.0.1:PORT"}, False),
        ({"Origin": "http://evil.example"}, True),
        ({"Origin": "http://127.0.0.1:1"}, True),
        ({"Origin": "null"}, True),
        ({"Host": "evil.example:PORT", "Origin": "http://evil.example:PORT"}, True),
        ({"Host": "twin.example:PORT", "Origin": "http://twin.example:PORT"}, False),
    ],
)
def test_only_pages_of_this_server_may_follow(make: ModuleType, headers: dict, refused: bool) -> None:
    async def work() -> None:
        app = create_app(new_hub(make), allowed_hosts=["twin.example"])
        async with running(app, port=0) as url:
            port = url.rpartition(":")[2]
            named = {name: value.replace("PORT", port) for name, value in headers.items()}
            status, text = await upgrade(int(port), named)
            assert status == (403 if refused else 101)
            if refused:
                assert "may not open" in text or "does not go by" in text

    run(work)


async def upgrade(port: int, headers: dict[str, str]) -> tuple[int, str]:
    """Status and body of a websocket handshake with those headers."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    lines = {"Host": f"127.0.0.1:{port}", "Connection": "Upgrade", "Upgrade": "websocket"} | headers
    lines |= {"Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA=="}
    lines |= {"Sec-WebSocket-Protocol": "twin.v1"}
    writer.write(
        ("GET /ws HTTP/1.1\r\n" + "".join(f"{k}: {v}\r\n" for k, v in lines.items()) + "\r\n").encode()
    )
    head = await reader.readuntil(b"\r\n\r\n")
    status = int(head.split()[1])
    body = b"" if status == 101 else await reader.read()
    writer.close()
    return status, body.decode()


def test_foreign_hosts_are_refused_over_http_too(make: ModuleType) -> None:
    async def work() -> None:
        app = create_app(new_hub(make))
        async with running(app, port=0) as url, httpx.AsyncClient(base_url=url, trust_env=False) as http:
            answer = await http.get("/api/scene", headers={"Host": "evil.example"})
            assert answer.status_code == 403 and "evil.example" in answer.json()["error"]
            for name in ("localhost:80", "[::1]:8000", "[::1]", "LOCALHOST", "10.0.0.7", "localhost."):
                assert (await http.get("/healthz", headers={"Host": name})).status_code == 200, name
            for name in ("localhost.evil.example", "127.0.0.1.evil.example:80", "[evil.example]", ""):
                assert (await http.get("/healthz", headers={"Host": name})).status_code == 403, name

    run(work)


def test_breaches_end_with_their_close_codes(make: ModuleType, serving: Serving) -> None:
    async def code_after(
        url: str, *sent: str | bytes, subprotocols: list[str] | None = None
    ) -> tuple[int, str]:
        offered = ["twin.v1"] if subprotocols is None else subprotocols
        async with open_websocket(url, subprotocols=offered or None, proxy=None) as link:
            try:
                for message in sent:
                    await link.send(message)
                while True:
                    await asyncio.wait_for(link.recv(), 60)
            except ConnectionClosed as closed:
                assert closed.rcvd is not None
                return closed.rcvd.code, closed.rcvd.reason

    async def work() -> None:
        async with serving(new_hub(make), access=Access(limits=Limits(clients=1))) as (http_url, _):
            url = http_url.replace("http", "ws") + "/ws"
            assert (await code_after(url, "{"))[0] == 4400
            assert (await code_after(url, b"\0"))[0] == 4400
            assert (await code_after(url, '{"type":"pause"}'))[0] == 4409
            assert (await code_after(url, '{"type":"hello","token":"' + "x" * 70_000 + '"}'))[0] == 1009
            assert (await code_after(url, subprotocols=[]))[0] == 4406
            assert (await code_after(url, subprotocols=["twin.v9"]))[0] == 4406
            async with raw(http_url):
                assert await code_after(url) == (4429, "this server has its 1 clients already")

    run(work)


def test_a_client_tells_why_it_was_refused_for_good(make: ModuleType) -> None:
    async def forbid(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 11\r\nConnection: close\r\n\r\nnot for you")
        await writer.drain()
        writer.close()

    async def work() -> None:
        hub = new_hub(make)
        async with running(create_app(hub), port=0) as url, connect(url) as client:
            next(iter(hub.sessions)).close(4400, "a sentence")
            with pytest.raises(LinkError, match="a sentence"):
                await client.frame(5)
        server = await asyncio.start_server(forbid, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            with pytest.raises(LinkError, match="not for you"):
                async with connect(f"127.0.0.1:{port}"):
                    pass

    run(work)


def test_a_defect_in_a_callback_is_not_swallowed(make: ModuleType) -> None:
    def trip(tick: object) -> None:
        raise ZeroDivisionError("in the callback")

    async def work() -> None:
        async with running(create_app(new_hub(make)), port=0) as url, connect(url, on_tick=trip) as client:
            await until(lambda: not client.connected)
            with pytest.raises(LinkError, match="in the callback"):
                await client.frame(2)

    run(work)


def test_an_address_without_a_twin_is_one_sentence() -> None:
    async def work() -> None:
        sock = bind("127.0.0.1", 0)
        port = sock.getsockname()[1]
        sock.close()
        with pytest.raises(UserError, match=f"no twin answers at http://127.0.0.1:{port} within 0.3 s"):
            async with connect(f"127.0.0.1:{port}", timeout=0.3):
                pass
        with pytest.raises(UserError, match="not the address of a twin"):
            async with connect("ftp://there"):
                pass

    run(work)


def test_a_port_in_use_is_one_sentence() -> None:
    sock = bind("127.0.0.1", 0)
    try:
        port = sock.getsockname()[1]
        with pytest.raises(UserError, match=f"port {port} on 127.0.0.1 is already in use"):
            bind("127.0.0.1", port)
        with pytest.raises(UserError, match="cannot listen on"):
            bind("no such host", 0)
        with pytest.raises(UserError, match=r"no address 192\.0\.2\.1"):
            bind("192.0.2.1", 0)
    finally:
        sock.close()


def test_serving_ends_with_its_time_or_with_the_first_failure_beside_it(make: ModuleType) -> None:
    seen: list[str] = []

    async def fail() -> None:
        await asyncio.sleep(0.05)
        raise UserError("the plant is gone")

    async def done() -> None:
        seen.append("done")

    start = time.monotonic()
    serve(create_app(new_hub(make)), port=0, background=[done], on_ready=seen.append, duration=0.3)
    assert 0.3 <= time.monotonic() - start < 30
    assert seen[0].startswith("http://127.0.0.1:") and seen[1] == "done"
    with pytest.raises(UserError, match="the plant is gone"):
        serve(create_app(new_hub(make)), port=0, background=[fail], duration=10)


PROGRAM = """
import asyncio, runpy, sys
from twinstage.sync.hub import Hub
from twinstage.sync.serve import serve
from twinstage.sync.server import create_app
make = runpy.run_path(sys.argv[1])
hub = Hub(make["snapshot"](), epoch="e")
async def tick():
    x = 0
    while True:
        x += 1
        hub.publish(make["tick"](make["poses"]([1], [[x, 0, 0]])))
        await asyncio.sleep(0.02)
serve(create_app(hub), port=0, background=[tick], on_ready=lambda url: print(url, flush=True))
print("ended", flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_server_cleanly_and_says_goodbye(number: int, root: Path) -> None:
    program = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(root / "tests" / "sync" / "make.py")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=root,
        env={**os.environ, "PYTHONWARNINGS": "error"},
    )
    try:
        assert program.stdout is not None
        url = program.stdout.readline().strip()
        assert url.startswith("http://127.0.0.1:"), program.stderr.read() if program.stderr else ""

        async def work() -> None:
            async with raw(url) as link:
                await link.recv()
                start = time.monotonic()
                program.send_signal(number)
                last: str | bytes = ""
                try:
                    while True:
                        last = await asyncio.wait_for(link.recv(), 60)
                except ConnectionClosed as closed:
                    assert closed.rcvd is not None and closed.rcvd.code == 1012
                assert json.loads(last) == {"type": "bye", "reason": "the server is stopping"}
                await asyncio.to_thread(program.wait, 60)
                assert time.monotonic() - start < 30

        run(work)
        out, err = program.communicate(timeout=60)
        assert (out, err, program.returncode) == ("ended\n", "", 0)
    finally:
        program.kill()
        program.wait()


def test_the_client_needs_neither_usd_nor_a_web_framework() -> None:
    code = (
        "import sys, twinstage.sync.client, twinstage.sync.blocking;"
        "print([m for m in ('pxr', 'fastapi', 'starlette', 'uvicorn', 'open3d', 'mitsuba') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# ---------------------------------------------------------------------- digests, tiers and damage over real sockets


def test_client_and_server_compare_what_they_hold(make: ModuleType, serving: Serving) -> None:
    async def work() -> None:
        hub = new_hub(make)
        async with (
            serving(hub) as (url, edge),
            connect(url) as client,
            connect(url, caps=()) as plain,
        ):
            for step in range(20):
                hub.publish(make.tick(make.poses([1, 2, 4], [[step * 0.01, 0, 0]] * 3)))
                await until(lambda: client.model.seq == hub.seq and plain.model.seq == hub.seq)
            first, second = await client.digest(5), await plain.digest(5)
            assert first.equal and second.equal and first.server == second.server and first.seq == 20
            assert client.welcome is not None and {"delta", "zstd", "digest"} <= set(client.welcome.caps)
            assert hub.figures.frame_bytes["delta"].count >= 15
            edge.tiers[0].state.pose.data[0][1, 0] += 1  # one quantum, unseen by any client
            hub.publish(make.tick(watermark_ns=5))
            assert not (await client.digest(5)).equal
            await until(lambda: client.reconnects == 1 and client.connected)  # and it begins anew
            assert (await client.digest(5)).equal

    run(work)


def test_the_slower_tier_gets_the_last_state_from_a_server_that_has_gone_quiet(
    make: ModuleType, serving: Serving
) -> None:
    async def work() -> None:
        hub = new_hub(make)
        async with serving(hub) as (url, _), connect(url, rate=2) as client:
            for step in range(1, 4):
                hub.publish(make.tick(make.poses([1], [[step, 0, 0]])))
            await until(lambda: client.model.seq == hub.seq == 3, 3.0)
            assert client.world("/World/A")[0, 3] == 3.0
            await client.rate(None)
            await until(lambda: client.tier is not None and client.tier.hz == 60)

    run(work)


def test_interest_follows_a_client_through_a_lost_connection(make: ModuleType, serving: Serving) -> None:
    async def work() -> None:
        hub = new_hub(make)
        async with serving(hub) as (url, edge), connect(url) as client:
            await client.interest(prims=["/World/A"])
            hub.publish(make.tick(make.poses([1, 3], [[1, 0, 0], [3, 0, 0]])))
            await until(lambda: client.model.seq == hub.seq and client.world("/World/A")[0, 3] == 1.0)
            assert client.world("/World/C")[0, 3] == 0.0
            next(iter(edge.sessions)).close(1001, "the link is cut by the test")
            await until(lambda: client.reconnects == 1 and client.connected)
            hub.publish(make.tick(make.poses([1, 3], [[2, 0, 0], [4, 0, 0]])))
            await until(lambda: client.world("/World/A")[0, 3] == 2.0)
            assert client.world("/World/C")[0, 3] == 0.0
            assert (await client.digest(5)).equal
            await client.interest()
            await until(lambda: client.world("/World/C")[0, 3] == 4.0)
            assert (await client.digest(5)).equal

    run(work)


def test_a_damaged_frame_ends_one_connection_with_a_code_and_the_client_begins_anew(
    make: ModuleType, serving: Serving
) -> None:
    async def work() -> None:
        hub = new_hub(make)
        async with serving(hub) as (url, edge), connect(url) as client:
            hub.publish(make.tick(make.poses([1], [[1, 0, 0]])))
            await until(lambda: client.model.seq == 1)
            before, session = client.model, next(iter(edge.sessions))
            tick = bytearray(edge.tick(None, frozenset({"pose"}))[0])
            tick[70] ^= 4
            session._rest.append(bytes(tick))
            session._wake()
            await until(lambda: client.reconnects == 1 and client.connected and client.model.seq == 1)
            assert client.model is not before and client.world("/World/A")[0, 3] == 1.0
            assert (await client.digest(5)).equal

    run(work)


def test_the_client_knows_how_far_the_clock_of_the_server_is_and_how_old_its_picture(
    make: ModuleType,
    serving: Serving,
) -> None:
    class Ahead:
        def now_ns(self) -> int:
            return time.time_ns() + 3_600_000_000_000

    async def work() -> None:
        hub = Hub(make.snapshot(PATHS, points=2), [SignalMeta("a.x", "m")], epoch="e1", clock=Ahead())
        async with serving(hub, clock=Ahead()) as (url, _), connect(url) as client:
            await until(lambda: client.clock_offset_ns is not None)
            assert client.clock_offset_ns is not None
            assert abs(client.clock_offset_ns - 3_600_000_000_000) < 200_000_000
            event_ns = Ahead().now_ns() - 2_000_000_000
            hub.publish(make.tick(make.poses([1], [[1, 0, 0]], event_ns=event_ns)))
            await until(lambda: client.model.seq == 1)
            age = client.age()
            assert age is not None and 1.9 < age < 6
            assert abs(client.latency_ns) < 3_000_000_000

    run(work)
