"""Each limit is told by a code and a sentence, counted, and hurts nobody else."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

import httpx
import pytest
from access_desk import Desk, Serve, run
from test_doors import greeted, socket
from websockets.exceptions import ConnectionClosed

from twinstage.sync.access.access import Access
from twinstage.sync.access.limits import Limits
from twinstage.sync.access.roles import Role

Dial = Callable[[str], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]


@asynccontextmanager
async def dialling() -> AsyncIterator[Dial]:
    """Plain connections, closed at the end."""
    writers: list[asyncio.StreamWriter] = []

    async def dial(url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        parts = urlsplit(url)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        writers.append(writer)
        return reader, writer

    try:
        yield dial
    finally:
        for writer in writers:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()


async def hears(reader: asyncio.StreamReader) -> bytes:
    """Everything until the server hangs up."""
    async with asyncio.timeout(60):
        try:
            return await reader.read()
        except ConnectionResetError:
            return b""


def test_a_flood_of_messages_closes_one_client(serve: Serve) -> None:
    async def work() -> None:
        access = Access(limits=Limits(messages_per_second=5, message_burst=20))
        async with serve(access) as url, socket(url) as quiet, socket(url) as loud:
            await greeted(quiet)
            await greeted(loud)
            with pytest.raises(ConnectionClosed) as closed:
                for number in range(100):
                    await loud.send(json.dumps({"type": "ping", "t": number}))
                while True:
                    await loud.recv()
            assert closed.value.rcvd is not None
            assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (
                4429,
                "more than 5 messages a second",
            )
            await quiet.send('{"type":"ping","t":1}')
            assert json.loads(await quiet.recv())["type"] == "pong"
            assert access.counts.limited == {"messages": 1}

    run(work)


def test_a_long_message_closes_its_client(serve: Serve) -> None:
    async def work() -> None:
        async with serve(None) as url, socket(url) as link:
            with pytest.raises(ConnectionClosed) as closed:
                await link.send("x" * 100_000)
                await link.recv()
            assert closed.value.rcvd is not None and closed.value.rcvd.code == 1009

    run(work)


def test_clients_are_as_many_as_there_are_seats(serve: Serve) -> None:
    async def work() -> None:
        access = Access(limits=Limits(clients=2))
        async with serve(access) as url, socket(url) as first:
            await greeted(first)
            async with socket(url) as second, socket(url) as third:
                await greeted(second)
                with pytest.raises(ConnectionClosed) as closed:
                    await third.recv()
                assert closed.value.rcvd is not None and closed.value.rcvd.code == 4429
                assert closed.value.rcvd.reason == "this server has its 2 clients already"
            async with socket(url) as again:  # a seat is free again
                await greeted(again)

    run(work)


def test_seats_are_counted_by_address_but_not_for_this_machine() -> None:
    access = Access(limits=Limits(clients_by_address=1))
    with (
        access.seat("10.0.0.1") as first,
        access.seat("10.0.0.1") as second,
        access.seat("10.0.0.2") as other,
    ):
        assert first is None and other is None
        assert second is not None and (second.code, second.sentence) == (
            4429,
            "10.0.0.1 has its 1 clients already",
        )
        with access.seat("127.0.0.1") as one, access.seat("127.0.0.1") as two:
            assert one is None and two is None
    with access.seat("10.0.0.1") as first:
        assert first is None


def test_connections_are_bounded_and_told_why(serve: Serve) -> None:
    async def work() -> None:
        access = Access(limits=Limits(connections=3))
        async with serve(access) as url, dialling() as dial:
            held = [await dial(url) for _ in range(3)]
            for reader, writer in held:  # each has been taken by the server before the next one comes
                writer.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
                assert b"200 OK" in await reader.readuntil(b"\r\n\r\n")
            reader, writer = await dial(url)
            answer = await hears(reader)
            assert answer.startswith(b"HTTP/1.1 503 ") and b"has its 3 connections already" in answer
            assert access.counts.limited == {"connections": 1}

    run(work)


def test_a_slow_head_and_a_slow_body_end(serve: Serve) -> None:
    async def work() -> None:
        access = Access(limits=Limits(header_seconds=0.3, body_seconds=0.3))
        async with serve(access) as url, dialling() as dial:
            silent, _silent = await dial(url)
            half, writer = await dial(url)
            writer.write(b"GET / HTTP/1.1\r\nHost: local")
            assert (await hears(silent)).startswith(b"HTTP/1.1 408 ")
            answer = await hears(half)
            assert answer.startswith(b"HTTP/1.1 408 ") and b"within 0.3 s" in answer
            assert access.counts.limited == {"header_time": 2}
            body, writer = await dial(url)
            writer.write(
                b"POST /api/session HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{"
            )
            assert await hears(body) == b""
            assert access.counts.limited["body_time"] == 1
            kept, writer = await dial(
                url
            )  # a second request on a kept connection has no more time than the first
            writer.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert b"200 OK" in await kept.readuntil(b"\r\n\r\n")
            await kept.readexactly(len('{"status":"ok"}'))
            writer.write(b"GET /hea")
            assert (await hears(kept)).startswith(b"HTTP/1.1 408 ")
            # Whoever is in time is not bothered, however long the connection then lasts.
            async with socket(url) as link:
                await greeted(link)
                await asyncio.sleep(0.5)
                await link.send('{"type":"ping","t":1}')
                assert json.loads(await link.recv())["type"] == "pong"

    run(work)


def test_a_long_body_is_refused_whether_it_is_declared_or_not(desk: Desk, serve: Serve) -> None:
    viewer = desk.create("wall", Role.VIEWER)

    async def work() -> None:
        access = desk.access(body_bytes=1000)

        async def chunks():
            for _ in range(20):
                yield b"x" * 100

        async with serve(access) as url, httpx.AsyncClient(base_url=url) as http:
            headers = {"content-type": "application/json"}
            for content in (b"x" * 1001, chunks()):
                answer = await http.post("/api/session", content=content, headers=headers)
                assert answer.status_code == 413 and "longer than 1000 bytes" in answer.json()["error"]
            assert (await http.post("/api/session", json={"token": viewer})).status_code == 200
            assert access.counts.limited == {"body": 2}

    run(work)


def test_refusals_do_not_flood_the_audit_log(desk: Desk, serve: Serve) -> None:
    desk.create("wall", Role.VIEWER)

    async def work() -> None:
        access = desk.access()
        async with serve(access) as url, httpx.AsyncClient(base_url=url) as http:
            for _ in range(100):
                assert (await http.get("/api/scene")).status_code == 401
        assert access.counts.refusals["missing"] == 100

    run(work)
    assert 20 <= len(desk.lines) < 60


def test_a_polling_program_is_one_line(desk: Desk, serve: Serve) -> None:
    viewer = desk.create("grafana", Role.VIEWER)

    async def work() -> None:
        headers = {"Authorization": f"Bearer {viewer}"}
        async with serve(desk.access()) as url, httpx.AsyncClient(base_url=url, headers=headers) as http:
            for _ in range(10):
                assert (await http.get("/api/status")).status_code == 200

    run(work)
    assert [line["event"] for line in desk.lines] == ["signed_in"]
