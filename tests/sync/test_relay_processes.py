"""Twins and relays as the programs that they are: killed without warning, started anew, over a real NATS server."""

import asyncio
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx

from twinstage.sync.client import Client, connect

STAGE = """#usda 1.0
(
    defaultPrim = "World"
    metersPerUnit = 1
    upAxis = "Z"
)
def Xform "World"
{
    def Cube "Box"
    {
        double size = 1
    }
}
"""


@contextmanager
def program(*command: str, root: Path) -> Iterator["subprocess.Popen[str]"]:
    """A program of this checkout; killed at the end."""
    environment = {**os.environ, "PYTHONPATH": str(root / "src")}
    process = subprocess.Popen(
        [sys.executable, *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
        cwd=root,
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def said(process: "subprocess.Popen[str]", pattern: str) -> str:
    """What the pattern's group matches in the next line that fits."""
    assert process.stdout is not None
    heard = []
    for line in process.stdout:
        heard.append(line)
        if found := re.search(pattern, line):
            return found.group(1)
    raise AssertionError("".join(heard))


def relay(nats: Any, subject: str) -> tuple[str, ...]:
    return ("-m", "twinstage", "relay", nats.url, "--port", "0", "--publish-subject", subject)


async def until_ready(url: str) -> None:
    async with httpx.AsyncClient(base_url=url, trust_env=False) as http, asyncio.timeout(60):
        while (await http.get("/readyz")).status_code != 200:
            await asyncio.sleep(0.05)


def test_a_twin_and_a_relay_that_are_killed_leave_no_client_with_anything_but_the_truth(
    relays: ModuleType, nats: Any, root: Path
) -> None:
    twin = (str(root / "tests/sync/relay_twin.py"), nats.url, "killed")

    async def work(first: str, second: str, process: "subprocess.Popen[str]") -> None:
        await asyncio.gather(until_ready(first), until_ready(second))
        async with connect(first) as one, connect(second) as two, connect(second, caps=()) as plain:
            clients = [one, two, plain]
            await relays.until(lambda: all(client.model.seq > 10 for client in clients))
            epoch, model, seq = one.model.epoch, one.model, one.model.seq
            relay_process.kill()  # its viewers go to the other relay, and on from where they were
            one.http_url, one._socket_url = second, second.replace("http", "ws") + "/ws"
            await relays.until(lambda: one.reconnects == 1 and one.model.seq > seq + 30)
            assert one.model is model
            process.kill()
            await asyncio.to_thread(process.wait)
            held = two.model.seq
            assert two.connected and two.model.seq == held
            with program(*twin, "2", "60", root=root) as again:
                own = await asyncio.to_thread(said, again, r"twin at (\S+)")
                await asyncio.to_thread(said, again, r"resting (\d+)")
                await relays.until(
                    lambda: all(
                        c.connected and c.model.epoch != epoch and c.model.seq == 60 for c in clients
                    ),
                    20,
                )
                async with connect(own) as direct:
                    truth = await direct.digest()
                    assert truth.equal and truth.seq == 60
                    for client in clients:
                        assert await compared(client) == truth.server

    async def compared(client: Client) -> str:
        digests = await client.digest()
        assert digests.equal
        return digests.server

    with (
        program(*twin, "1", "100000", root=root) as process,
        program(*relay(nats, "killed"), root=root) as relay_process,
        program(*relay(nats, "killed"), root=root) as other,
    ):
        urls = said(relay_process, r"serving at (\S+)"), said(other, r"serving at (\S+)")
        asyncio.run(asyncio.wait_for(work(*urls, process), 60))


def test_the_commands_of_the_manual_make_a_twin_and_a_relay(nats: Any, root: Path, tmp_path: Path) -> None:
    stage = tmp_path / "cell.usda"
    stage.write_text(STAGE)
    serve = ("-m", "twinstage", "serve", str(stage), "--port", "0", "--camera-engine", "off")
    publish = ("--publish", nats.url, "--publish-subject", "cli.cell")
    with (
        program(*serve, *publish, root=root) as twin,
        program(*relay(nats, "cli.cell"), root=root) as edge,
    ):
        own, url = said(twin, r"at (http\S+)"), said(edge, r"serving at (\S+)")
        deadline = time.monotonic() + 20
        while httpx.get(f"{url}/readyz", trust_env=False).status_code != 200:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        for path in ("/api/scene", "/api/v1/prims", "/", "/openapi.json", "/api/v1/stage.usdz"):
            here, there = httpx.get(url + path, trust_env=False), httpx.get(own + path, trust_env=False)
            assert here.status_code == there.status_code, path
            assert here.content == there.content, path
        assert "#usda 1.0" in httpx.get(f"{url}/api/state", trust_env=False).text
        metrics = httpx.get(f"{url}/metrics", trust_env=False).text
        assert 'twin_relay_in_step{twin="twin"} 1.0' in metrics and "twin_sync_clients 0.0" in metrics
        assert httpx.get(f"{url}/api/status", trust_env=False).json()["relay"]["inStep"] is True


def test_a_password_in_an_address_and_a_foreign_host_are_refused(root: Path) -> None:
    for address, sentence in (
        ("nats://me:secret@127.0.0.1", "--nats-credentials"),
        ("nats://plant.example:4222", "--insecure-nats"),
    ):
        with program("-m", "twinstage", "relay", address, root=root) as process:
            text, _ = process.communicate(timeout=30)
            assert process.returncode == 2 and sentence in text and text.count("\n") == 1
            assert "secret" not in text
