"""examples/python/overlays.py as a user runs it: what it draws is there, and its slider moves the goal."""

import json
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

from websockets.sync.client import connect


def test_the_example_draws_and_hears_its_slider(root: Path) -> None:
    command = [sys.executable, str(root / "examples/python/overlays.py"), "30", "0"]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    try:
        url = child.stdout.readline().strip()
        assert url.startswith("http://127.0.0.1:")
        first = items(url)
        assert {name: item["kind"] for name, item in first.items()} == {
            "scan": "points",
            "eye": "frustum",
            "plan": "lines",
            "ahead": "slider",
            "soon": "ghost",
            "goal": "text",
        }
        assert first["scan"]["positions"]["shape"] == [3000, 3]
        with connect(f"ws{url[4:]}/ws", subprotocols=["twin.v1"]) as socket:  # type: ignore[list-item]
            socket.send('{"type":"hello"}')
            socket.recv(timeout=10)
            socket.send('{"type":"control","name":"ahead","value":0.5}')
            assert child.stdout.readline().strip() == "local (engineer) looks 0.5 m ahead"
        deadline = time.monotonic() + 10
        while items(url)["goal"]["text"] != "in 0.5 m":
            assert time.monotonic() < deadline
            time.sleep(0.05)
    finally:
        child.terminate()
        child.wait(20)
        child.stdout.close()


def items(url: str) -> dict[str, Any]:
    with urllib.request.urlopen(f"{url}/api/v1/overlays", timeout=10) as answer:
        return {item["name"]: item for item in json.load(answer)["items"]}
