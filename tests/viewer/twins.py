"""The shared twin of these tests, its pages and its browser: what `conftest` makes fixtures of, and tests import by name."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

ARGUMENTS = [
    "--no-sandbox",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# GPU stalls are remarks of the driver on screenshots, not of the page; a server that went away is one of the browser.
REMARKS = ("GPU stall", "ERR_CONNECTION_REFUSED", "WebSocket", "401 (Unauthorized)")

STAGE = """#usda 1.0
(
    defaultPrim = "Cell"
    metersPerUnit = 1
    upAxis = "Z"
)
def Xform "Cell" (kind = "assembly")
{
    def Xform "Belt" (
        kind = "component"
        prepend apiSchemas = ["SemanticsLabelsAPI:class"]
    )
    {
        token[] semantics:labels:class = ["conveyor"]
        double3 xformOp:translate = (3, 0, 0)
        uniform token[] xformOpOrder = ["xformOp:translate"]
        def Cube "Frame"
        {
            double size = 1
            color3f[] primvars:displayColor = [(0.9, 0.4, 0.1)]
        }
        def Cube "Motor"
        {
            double size = 0.6
            double3 xformOp:translate = (0, 0, 0.8)
            uniform token[] xformOpOrder = ["xformOp:translate"]
            color3f[] primvars:displayColor = [(0.2, 0.6, 0.3)]
        }
    }
    def Xform "Agv1" (
        kind = "component"
        prepend apiSchemas = ["SemanticsLabelsAPI:class"]
    )
    {
        token[] semantics:labels:class = ["vehicle"]
        def Cube "Body"
        {
            double size = 1
            color3f[] primvars:displayColor = [(0.2, 0.4, 0.9)]
        }
    }
    def Xform "Tank" (
        kind = "component"
        variants = {
            string finish = "plain"
        }
        prepend variantSets = "finish"
    )
    {
        variantSet "finish" = {
            "plain" {
            }
            "red" {
                over "Wall"
                {
                    color3f[] primvars:displayColor = [(0.9, 0.05, 0.05)]
                }
            }
        }
        double3 xformOp:translate = (-4, 0, 0)
        uniform token[] xformOpOrder = ["xformOp:translate"]
        def Cylinder "Wall"
        {
            double height = 2
            double radius = 0.8
        }
    }
    def PointInstancer "Parcels"
    {
        int[] protoIndices = [0, 0]
        int64[] ids = [5, 9]
        point3f[] positions = [(0, 4, 0.5), (0, 6, 0.5)]
        rel prototypes = </Cell/Parcels/Protos/Box>
        def Scope "Protos"
        {
            def Cube "Box"
            {
                double size = 1
            }
        }
    }
    def Camera "Side"
    {
        float2 clippingRange = (0.1, 100)
        double3 xformOp:translate = (0, -20, 1)
        float xformOp:rotateX = 90
        uniform token[] xformOpOrder = ["xformOp:translate", "xformOp:rotateX"]
    }
}
"""
# Field names of what `say` sends are those of the signals with `_` for `.`; `quality` is of the
# whole row, so that one that is bad makes all signals bad: `calm` takes that back of all others.
CONTRACT = """contract: 1
description: A small cell for tests of the page
mode: line.mode
sources:
  plc:
    uri: "tcp:{port}"
    lateness: 0
    reader: {{format: jsonl, time: {{field: t, unit: ns}}, quality: quality}}
signals:
  - {{id: belt.speed, source: plc, field: belt_speed, unit: m/s, range: [0, 5], description: "Speed of the belt"}}
  - {{id: belt.running, source: plc, field: belt_running, type: bool}}
  - {{id: belt.state, source: plc, field: belt_state, type: enum, values: [idle, running, fault]}}
  - {{id: motor.temperature, source: plc, field: motor_temperature, unit: Cel, max_age: 600}}
  - {{id: motor.current, source: plc, field: motor_current, unit: A, max_age: 2}}
  - {{id: agv1.x, source: plc, field: agv1_x, unit: m}}
  - {{id: agv1.order, source: plc, field: agv1_order, type: string}}
  - {{id: agv1.count, source: plc, field: agv1_count, type: i64}}
  - {{id: tank.level, source: plc, field: tank_level, unit: "%"}}
  - {{id: line.mode, source: plc, field: line_mode, type: enum, values: [production, maintenance]}}
alarms:
  - {{id: motor.hot, signal: motor.temperature, above: 80, hysteresis: 2, priority: high,
     message: "The motor is too hot", response: "Stop the belt"}}
  - {{id: belt.fault, signal: belt.state, equals: fault, priority: critical, message: "The belt has a fault"}}
  - {{id: tank.low, signal: tank.level, below: 10, priority: medium, message: "The tank is nearly empty"}}
  - {{id: tank.high, signal: tank.level, above: 95, priority: low, suppress_in: [maintenance], message: "The tank is full"}}
"""
BINDINGS = """bindings: 1
contract: contract.yaml
bindings:
  - {kind: pose, prim: /Cell/Agv1, position: {x: agv1.x}}
  - {kind: attribute, prim: /Cell/Belt, attribute: "twin:speed", signal: belt.speed, unit: m/s}
  - {kind: attribute, prim: /Cell/Belt, attribute: "twin:state", signal: belt.state}
  - {kind: attribute, prim: /Cell/Belt/Motor, attribute: "twin:temperature", signal: motor.temperature, unit: Cel}
  - {kind: attribute, prim: /Cell/Belt/Motor, attribute: "twin:current", signal: motor.current, unit: A}
  - {kind: attribute, prim: /Cell/Tank, attribute: "twin:level", signal: tank.level, unit: "%"}
"""
# All is well with these: no alarm is raised.
CALM = {
    "belt_speed": 1.0,
    "belt_running": True,
    "belt_state": "running",
    "motor_temperature": 40.0,
    "motor_current": 3.0,
    "agv1_x": 0.0,
    "agv1_order": "order 1",
    "agv1_count": 1,
    "tank_level": 50.0,
    "line_mode": "production",
}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def _connected(port: int, seconds: float = 60.0) -> socket.socket:
    """To a port that soon listens."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), 10)
        except ConnectionRefusedError:
            assert time.monotonic() < deadline, f"nothing listens at port {port}"
            time.sleep(0.05)


class LiveServer:
    """`twinstage serve` as a program of its own; `say` sends readings to it."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/"
        self._source = free_port()
        self._options = options
        self._child: subprocess.Popen[str] | None = None
        self._socket: socket.socket | None = None
        (folder / "cell.usda").write_text(STAGE)
        (folder / "contract.yaml").write_text(CONTRACT.format(port=self._source))
        (folder / "bindings.yaml").write_text(BINDINGS)

    def start(self) -> None:
        """Starts it, or starts it again at the same address, and tells it that all is well."""
        command = [sys.executable, "-m", "twinstage", "serve", str(self.folder / "cell.usda")]
        command += [
            "--bindings",
            str(self.folder / "bindings.yaml"),
            "--port",
            str(self.port),
            *self._options,
        ]
        log = (self.folder / "serve.log").open("a")
        # What it keeps for the next time is none of the user's.
        kept = {**os.environ, "XDG_CACHE_HOME": str(self.folder / "cache")}
        self._child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, env=kept)
        log.close()
        assert self._child.stdout is not None
        for line in self._child.stdout:
            if line.startswith("serving "):
                break
        else:
            raise AssertionError((self.folder / "serve.log").read_text()[-2000:])
        self._socket = _connected(self._source)
        self.say(**CALM)

    def say(self, seconds_ago: float = 0.0, **values: Any) -> int:
        """Sends one reading of each named field, made so long ago; returns its time [ns since 1970]."""
        assert self._socket is not None
        at = time.time_ns() - round(seconds_ago * 1e9)
        self._socket.sendall((json.dumps({"t": at, **values}) + "\n").encode())
        return at

    def calm(self, *but: str) -> None:
        """All is well again, but for these fields, of which nothing is said."""
        self.say(**{name: value for name, value in CALM.items() if name not in but})

    def rest(self) -> None:
        """Calm, and no alarm is left for the tests that come after."""
        self.calm()
        time.sleep(0.5)
        left = [one["id"] for one in self.ask("api/v1/alarms")["alarms"] if one["state"] != "acknowledged"]
        if left:
            self.ask("api/v1/alarms/acknowledge", {"alarms": left, "by": "test"})

    def ask(self, path: str, body: Any = None) -> Any:
        """GET, or POST with a body: the JSON that the server answers."""
        import urllib.request

        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            self.url + path.lstrip("/"), data, {"content-type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read())

    def stop(self) -> None:
        if self._socket is not None:
            self._socket.close()
        if self._child is None:
            return
        self._child.send_signal(signal.SIGINT)
        try:
            self._child.wait(30)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        assert self._child.stdout is not None
        self._child.stdout.close()
        self._child = None


PATIENCE_S = 60.0
"""For what comes at once on a machine of its own: one that draws on two busy cores takes its time [s]."""


def wait_until(page: Any, expression: str, seconds: float = PATIENCE_S) -> Any:
    """What the expression gives as soon as that is true in JavaScript's sense."""
    deadline = time.monotonic() + seconds
    while not (value := _evaluated(page, expression)):
        assert time.monotonic() < deadline, f"still not after {seconds} s: {expression}"
        page.wait_for_timeout(60)
    return value


def _evaluated(page: Any, expression: str) -> Any:
    """Nothing while the page goes to another one."""
    from playwright.sync_api import Error

    try:
        return page.evaluate(expression)
    except Error as error:
        if "context was destroyed" not in str(error):
            raise
        return None


@contextmanager
def opened(
    browser: Any, url: str, *, ready: bool = True, forgive: tuple[str, ...] = (), **context: Any
) -> Iterator[Any]:
    """A page of its own context (nothing kept from others); errors in its console fail at the end, unless they are forgiven."""
    made = browser.new_context(**{"viewport": {"width": 860, "height": 480}, **context})
    page = made.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on(
        "console",
        lambda message: problems.append(message.text) if message.type in ("error", "warning") else None,
    )
    page.goto(url)
    if ready:
        wait_until(page, "!!(window.twinstage && twinstage.ready)", 2 * PATIENCE_S)
    yield page
    made.close()
    wrong = [text for text in problems if not any(remark in text for remark in (*REMARKS, *forgive))]
    assert not wrong, wrong


def findings(page: Any, state: str) -> list[str]:
    """What axe-core, which the page has already, finds serious there."""
    result = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{state}: {found['id']}: {node['html'][:160]} {node.get('failureSummary', '')[:200]}"
        for found in result["violations"]
        if found["impact"] in ("serious", "critical")
        for node in found["nodes"]
    ]


class Shared:
    """What all tests of this folder share: made for the first that asks, ended after the last one of the folder.

    A session's fixture would end later: then no other folder could start a browser of its own.
    """

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._made: dict[str, Any] = {}

    def get(self, name: str, make: Callable[[], AbstractContextManager[Any]]) -> Any:
        if name not in self._made:
            self._made[name] = self._stack.enter_context(make())
        return self._made[name]

    def end(self) -> None:
        self._made.clear()
        self._stack.close()


SHARED = Shared()


@contextmanager
def chromium() -> Iterator[Any]:
    """Headless, drawing on the processor."""
    from playwright.sync_api import sync_playwright

    names = ("chromium", "chromium-browser", "google-chrome")
    path = next((found for found in map(shutil.which, names) if found), None)
    if path is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("no Chromium, so the page cannot be opened")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield started
        started.close()


@contextmanager
def running(folder: Path) -> Iterator[LiveServer]:
    server = LiveServer(folder, "--history", str(folder / "history"))
    try:
        server.start()
        yield server
    finally:
        server.stop()
