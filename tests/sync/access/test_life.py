"""A server's life, as a process of its own: it is told to end, it is killed, it comes back; its clients converge."""

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from access_desk import run
from pxr import Gf, Usd, UsdGeom
from websockets.asyncio.client import connect as open_websocket
from websockets.exceptions import ConnectionClosed

from twinstage.sync.client import Client, connect

pytestmark = pytest.mark.timeout(120)
MOST_S = 100
"""A process takes long to start on a machine that is busy with other tests [s]."""
CONTRACT = """
contract: 1
sources:
  plc: {uri: "file:plc.jsonl", reader: {format: jsonl, layout: wide, time: {field: t, unit: s}}, lateness: 0}
signals:
  - {id: door, source: plc, field: door, unit: m, type: f64}
  - {id: heat, source: plc, field: heat, unit: Cel, type: f64}
  - {id: beat, source: plc, field: beat, unit: "1", type: f64}
"""
BINDINGS = """
bindings: 1
contract: contract.yaml
bindings:
  - {kind: joint, prim: /Door, axis: X, motion: slide, signal: door}
  - {kind: attribute, prim: /Door, attribute: "twin:heat", signal: heat, unit: Cel}
"""


class House:
    """A small twin in a folder, and the processes that serve it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        stage = Usd.Stage.CreateNew(str(folder / "cell.usda"))
        UsdGeom.SetStageMetersPerUnit(stage, 1.0)
        UsdGeom.SetStageUpAxis(stage, UsdGeom.Tokens.z)
        UsdGeom.Cube.Define(stage, "/Door").AddTranslateOp().Set(Gf.Vec3d(0, 0, 1))
        stage.Save()
        (folder / "contract.yaml").write_text(CONTRACT)
        (folder / "bindings.yaml").write_text(BINDINGS)
        lines = [{"t": k / 10, "door": 0.25 * k, "heat": 20 + k} for k in range(5)]
        (folder / "plc.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = int(probe.getsockname()[1])
        self.running: list[subprocess.Popen[str]] = []

    def forget(self) -> None:
        """Leave nothing of `door` and `heat` at the source, which tells its file anew in each run: history alone has them."""
        (self.folder / "plc.jsonl").write_text('{"t": 0, "beat": 1}\n')

    def start(self, *more: str) -> tuple[subprocess.Popen[str], str]:
        command = [
            *(sys.executable, "-m", "twinstage", "serve", str(self.folder / "cell.usda")),
            *("--bindings", str(self.folder / "bindings.yaml"), "--history", str(self.folder / "history")),
            *("--camera-engine", "off", "--port", str(self.port), *more),
        ]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.running.append(process)
        assert process.stdout is not None and process.stderr is not None
        for line in process.stdout:
            found = re.search(r"https?://[0-9.]+:\d+", line)
            if found:
                return process, found.group()
        raise AssertionError(process.stderr.read())


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    yield made
    for process in made.running:
        process.kill()
        process.communicate()


def held(client: Client) -> dict[str, object]:
    """Everything that a client holds of this twin."""
    values = {name: client.value(name) for name in ("door", "heat")}
    return {
        **{name: (value.value, value.event_ns) for name, value in values.items()},
        "pose": client.world("/Door").tolist(),
    }


async def until_over(client: Client) -> dict[str, object]:
    """The state when the recording is over."""
    async with asyncio.timeout(MOST_S):
        while client.value("heat").value != 24 + 273.15:
            await client.frame()
    return held(client)


def test_told_to_end_it_says_goodbye_keeps_everything_and_comes_back(house: House) -> None:
    async def work() -> None:
        process, url = house.start()
        async with connect(url) as client:
            before, epoch = await until_over(client), client.model.epoch
            assert before["door"] == (1.0, 400_000_000)
            async with open_websocket(
                url.replace("http", "ws") + "/ws", subprotocols=["twin.v1"], proxy=None
            ) as link:
                await link.send('{"type":"hello"}')
                await link.recv()
                process.send_signal(signal.SIGTERM)
                said = []
                with pytest.raises(ConnectionClosed) as closed:
                    while True:
                        said.append(await link.recv())
                assert json.loads(said[-1]) == {"type": "bye", "reason": "the server is stopping"}
                assert closed.value.rcvd is not None and closed.value.rcvd.code == 1012
            _, err = await asyncio.to_thread(process.communicate, None, MOST_S)
            assert process.returncode == 0 and "Traceback" not in err
            house.forget()
            _, again = house.start()
            assert again == url
            async with asyncio.timeout(MOST_S):
                while client.reconnects == 0 or not client.connected or client.model.epoch == epoch:
                    await asyncio.sleep(0.02)
                while held(client) != before:
                    await client.frame()
            async with connect(url) as newcomer:
                assert held(newcomer) == before
            assert (await client.digest()).equal  # with the server, to the last bit

    run(work, MOST_S)


def test_killed_and_started_again_it_has_the_same_state(house: House) -> None:
    times = re.compile(r"1970-[0-9T:.-]+Z")

    async def work() -> None:
        process, url = house.start()
        async with connect(url) as client, httpx.AsyncClient(base_url=url) as http:
            before, epoch = await until_over(client), client.model.epoch
            async with asyncio.timeout(MOST_S):  # the history commits ten times a second
                while (await http.get("/api/status")).json()["history"]["waiting"]:
                    await asyncio.sleep(0.02)
            layer = (await http.get("/api/state")).text
            process.kill()
            await asyncio.to_thread(process.wait, 10)
            house.forget()
            house.start()
            async with asyncio.timeout(MOST_S):
                while client.model.epoch == epoch or not client.connected:
                    await asyncio.sleep(0.02)
                while held(client) != before:
                    await client.frame()
            again = (await http.get("/api/state")).text
            assert sorted(times.findall(again)) == [
                "1970-01-01T00:00:00.401Z"
            ]  # `beat` has moved the watermark
            assert times.sub("", again) == times.sub("", layer)

    run(work, MOST_S)


def test_tokens_and_cookies_outlive_a_restart(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    from twinstage.cli.app import run as cli

    tokens = house.folder / "tokens.json"
    assert cli(["token", "create", "--role", "operator", "--name", "desk 3", "--file", str(tokens)]) == 0
    secret = capsys.readouterr().out.strip()
    mine = house.folder / "mine"
    mine.write_text(secret)

    async def work() -> None:
        process, url = house.start("--tokens", str(tokens))
        async with httpx.AsyncClient(base_url=url) as http, connect(url, token=f"file:{mine}") as client:
            assert (await http.get("/api/status")).status_code == 401
            assert (await http.post("/api/session", json={"token": secret})).status_code == 200
            assert (await http.get("/api/status")).json()["clients"] == 1
            process.send_signal(signal.SIGTERM)
            _, err = await asyncio.to_thread(process.communicate, None, MOST_S)
            lines = [line.partition(" twinstage.audit: ")[2] for line in err.splitlines()]
            audit = [json.loads(line) for line in lines if line]
            assert [(line["event"], line.get("via", line.get("reason"))) for line in audit] == [
                *[("signed_in", "hello"), ("signed_in", "bearer")],
                *[("refused", "missing"), ("signed_in", "session")],
            ]
            assert {line["who"]["name"] for line in audit if "who" in line} == {"desk 3"}
            assert secret not in err and process.returncode == 0
            epoch = client.model.epoch
            house.start("--tokens", str(tokens))
            async with asyncio.timeout(MOST_S):
                while client.model.epoch == epoch or not client.connected:
                    await asyncio.sleep(0.02)
            assert client.role == "operator"
            assert (await http.get("/api/status")).status_code == 200  # the browser's cookie
            base = ["--server", url]
            assert await asyncio.to_thread(cli, ["top", "--json", *base]) == 2
            assert "--token-file" in capsys.readouterr().err
            assert await asyncio.to_thread(cli, ["top", "--json", *base, "--token-file", str(mine)]) == 0
            assert json.loads(capsys.readouterr().out)["protocol"] == "twin.v1"
            assert await asyncio.to_thread(cli, ["token", "revoke", "desk 3", "--file", str(tokens)]) == 0
            async with asyncio.timeout(MOST_S):
                while client.connected:
                    await asyncio.sleep(0.02)
            assert (await http.get("/api/status")).status_code == 401

    run(work, MOST_S)
    shown = capsys.readouterr()
    assert secret not in shown.out + shown.err
    assert cli(["token", "list", "--file", str(tokens)]) == 0
    listed = capsys.readouterr().out
    assert "operator\trevoked\tdesk 3" in listed and secret[13:] not in listed


@pytest.mark.parametrize("words", [["--host", "0.0.0.0"], ["--host", "::", "--insecure-no-auth"]])
def test_an_open_address_needs_a_word(
    house: House, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    from twinstage.cli.app import run as cli

    assert cli(["serve", str(house.folder / "cell.usda"), *words]) == 2
    told = capsys.readouterr().err
    assert (
        told.count("\n") == 1 and "can be reached by other machines" in told and "--insecure-no-tls" in told
    )


def test_an_open_address_is_served_with_both_words(house: House) -> None:
    process, _ = house.start("--host", "0.0.0.0", "--insecure-no-auth", "--insecure-no-tls")
    assert httpx.get(f"http://127.0.0.1:{house.port}/healthz").status_code == 200
    os.kill(process.pid, signal.SIGINT)
    process.communicate(timeout=MOST_S)
    assert process.returncode in (0, 130)
