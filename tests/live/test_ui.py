"""`twin.ui` over real sockets: what viewers are told and can fetch, and that callbacks hear who did what."""

import hashlib
import json
import queue
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from websockets.sync.client import ClientConnection
from websockets.sync.client import connect as connect_socket

import twinstage
from twinstage.base.errors import UserError
from twinstage.live.producer import Twin
from twinstage.sync.access.choices import AccessChoices
from twinstage.sync.access.roles import Role
from twinstage.sync.access.store import change_tokens
from twinstage.sync.access.tokens import issue
from twinstage.sync.hub import Hub
from twinstage.sync.overlay.controls import Use

STAGE = """#usda 1.0
(
    metersPerUnit = 1
    upAxis = "Z"
)
def Xform "Cell"
{
    def Cube "Agv"
    {
    }
    def Cube "Table"
    {
    }
}
"""


@pytest.fixture
def twin(tmp_path: Path) -> Iterator[Twin]:
    (tmp_path / "cell.usda").write_text(STAGE)
    with twinstage.open(tmp_path / "cell.usda") as opened:
        yield opened


class Viewer:
    """A client of the smallest kind: a socket, and what it was told of overlays."""

    def __init__(self, url: str, token: str | None = None) -> None:
        self.url = url
        self._open = ExitStack()
        dial = connect_socket(f"ws{url[4:]}/ws", subprotocols=["twin.v1"])  # type: ignore[list-item]
        self.socket: ClientConnection = self._open.enter_context(dial)
        self.send(type="hello", token=token)
        assert self.next("welcome")

    def send(self, **message: Any) -> None:
        self.socket.send(json.dumps(message))

    def next(self, kind: str) -> dict[str, Any]:
        while True:
            text = self.socket.recv(timeout=5)
            message = json.loads(text) if isinstance(text, str) else {}
            if kind in (message.get("type"), message.get("event")):
                return dict(message)

    def close(self) -> None:
        self._open.close()


@pytest.fixture
def viewer(twin: Twin) -> Iterator[Viewer]:
    connected = Viewer(twin.serve(port=0))
    yield connected
    connected.close()


def heard(into: "queue.Queue[Use]") -> Use:
    return into.get(timeout=5)


def test_points_reach_a_viewer_exactly_and_a_late_comer_has_them_too(twin: Twin, viewer: Viewer) -> None:
    far = np.array([[10_000.0, 0.0, 1.0], [10_001.5, -2.0, 3.25]])
    twin.ui.points("lidar", far, [[255, 0, 0], [0, 255, 0]], size=0.1, parent="/Cell/Agv")
    data = viewer.next("overlay")["data"]
    (item,) = data["set"]
    assert (item["name"], item["kind"], item["parent"], item["size"]) == ("lidar", "points", "/Cell/Agv", 0.1)
    ref = item["positions"]
    answer = httpx.get(f"{viewer.url}/api/v1/overlays/{ref['data']}")
    assert "immutable" in answer.headers["cache-control"]
    got = np.frombuffer(answer.content, "<f4").reshape(ref["shape"]).astype(float) + item["origin"]
    np.testing.assert_allclose(got, far, atol=1e-6)
    assert ref["data"] == hashlib.sha256(b"f32\0" + answer.content).hexdigest()
    colors = httpx.get(f"{viewer.url}/api/v1/overlays/{item['colors']['data']}").content
    assert list(colors) == [255, 0, 0, 0, 255, 0]
    document = httpx.get(f"{viewer.url}/api/v1/overlays").json()
    assert document == {"version": data["version"], "items": [item]}
    twin.ui.remove("lidar")
    assert viewer.next("overlay")["data"]["gone"] == ["lidar"]
    assert httpx.get(f"{viewer.url}/api/v1/overlays").json()["items"] == []


def test_each_kind_says_what_a_viewer_needs_to_draw_it(twin: Twin) -> None:
    ui = twin.ui
    ui.lines("path", [[0, 0, 0], [1, 0, 0], [1, 1, 0]], "#FF8800")
    ui.frame("tcp", position=(1, 2, 3), rotation=(2, 0, 0, 0), parent="/Cell/Agv")
    ui.text("note", 42, position=(0, 0, 2))
    ui.image("plan", np.zeros((4, 8, 3), np.uint8), width=2.0)
    ui.frustum("camera", fov=0.5, image=np.zeros((4, 8), np.uint8))
    ui.ghost("soon", "/Cell/Agv", (1, 0, 0, 1, 0, 0, 0))
    items = {item["name"]: item for item in ui.board.document()["items"]}
    assert items["path"]["positions"]["shape"] == [2, 2, 3] and items["path"]["color"] == "#ff8800"
    assert items["tcp"]["pose"] == [1, 2, 3, 1, 0, 0, 0]
    assert items["note"]["text"] == "42"
    assert items["plan"]["aspect"] == items["camera"]["aspect"] == 2
    image = ui.board.data(items["plan"]["image"]["data"])
    assert image is not None and image.media_type == "image/png" and image.content.startswith(b"\x89PNG")
    assert items["soon"]["poses"] == {"/Cell/Agv": [1, 0, 0, 1, 0, 0, 0]}


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda ui: ui.points("p", [[0, 0]]), r"the shape \[n, 3\], not \[1, 2\]"),
        (lambda ui: ui.points("p", [[0, 0, float("nan")]]), "not finite"),
        (lambda ui: ui.points("p", [[0, 0, 0]], [[0.5, 2.0, 0.0]]), "from 0 to 1"),
        (lambda ui: ui.points("p", [[0, 0, 0]], parent="/Cell/Agw"), "did you mean '?/Cell/Agv"),
        (lambda ui: ui.lines("l", [[0, 0, 0], [1, 1, 1]], "red"), "#ff8800"),
        (lambda ui: ui.frame("f", rotation=(0, 0, 0, 0)), "zero quaternion"),
        (lambda ui: ui.image("i", b"GIF89a"), "PNG or JPEG"),
        (lambda ui: ui.frustum("c", fov=4), "vertical|angle"),
        (
            lambda ui: ui.ghost("g", "/Cell/Agv", {"/Cell/Table": (0, 0, 0, 1, 0, 0, 0)}),
            "no part of the ghost",
        ),
        (lambda ui: ui.slider("s", min=1, max=1), "no range"),
        (lambda ui: ui.slider("s", min=0, max=1, value=2), "not in 0 to 1"),
        (lambda ui: ui.dropdown("d", ["a"], value="b"), "no option"),
        (lambda ui: ui.button("b", role="boss"), "no role"),
        (lambda ui: ui.text("", "x"), "printable"),
    ],
)
def test_a_mistake_is_one_clear_sentence_and_draws_nothing(twin: Twin, call: Any, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        call(twin.ui)
    assert twin.ui.board.document()["items"] == []


def test_a_slider_used_by_a_viewer_reaches_python_and_everybody(twin: Twin, viewer: Viewer) -> None:
    uses: queue.Queue[Use] = queue.Queue()
    slider = twin.ui.slider("speed", min=0, max=10, value=2, label="Belt speed", unit="m/s")
    slider.on_update(uses.put)
    viewer.next("overlay")
    viewer.send(type="control", name="speed", value=7.5)
    use = heard(uses)
    assert (use.name, use.value, use.by, use.role) == ("speed", 7.5, "local", "engineer")
    assert viewer.next("overlay")["data"]["set"][0]["value"] == 7.5
    assert slider.value == 7.5
    slider.value = 1.0  # what the program sets is told, but is no use
    assert viewer.next("overlay")["data"]["set"][0]["value"] == 1.0
    assert uses.empty()


@pytest.mark.parametrize(
    ("sent", "sentence"),
    [
        ({"name": "speed", "value": 11}, "a number from 0 to 10"),
        ({"name": "speed", "value": True}, "a number from 0 to 10"),
        ({"name": "speed"}, "a number from 0 to 10"),
        ({"name": "sped", "value": 1}, "no control 'sped'"),
        ({"name": "mode", "value": "third"}, "none of its options"),
        ({"name": "on", "value": 1}, "true or false"),
        ({"name": "note", "value": "x" * 2000}, "at most 1000"),
        ({"name": "click /Cell/Agv", "path": "/Cell/Table"}, "on /Cell/Agv or below"),
        ({"name": "click /Cell/Agv", "path": "/Cell/Agv", "position": [0, 0]}, "three numbers"),
        ({"name": "drawn", "value": 1}, "no control 'drawn'"),
    ],
)
def test_a_use_that_is_wrong_is_answered_and_not_told(
    twin: Twin, viewer: Viewer, sent: dict[str, Any], sentence: str
) -> None:
    uses: queue.Queue[Use] = queue.Queue()
    ui = twin.ui
    ui.frame("drawn")
    for control in (
        ui.slider("speed", min=0, max=10),
        ui.dropdown("mode", ["first", "second"]),
        ui.checkbox("on"),
        ui.textbox("note"),
    ):
        control.on_use(uses.put)
    ui.on_click("/Cell/Agv", uses.put)
    viewer.send(type="control", **sent)
    assert sentence in viewer.next("notice")["text"]
    assert uses.empty() and ui.board.get("speed")["value"] == 0  # type: ignore[index]


def test_clicks_and_buttons_call_back_in_order(twin: Twin, viewer: Viewer) -> None:
    uses: queue.Queue[Use] = queue.Queue()
    twin.ui.button("go").on_click(uses.put)

    @twin.ui.on_click("/Cell")  # type: ignore[operator]
    def clicked(use: Use) -> None:
        uses.put(use)

    viewer.send(type="control", name="go")
    viewer.send(type="control", name="click /Cell", path="/Cell/Agv", position=[1, 2, 0.5])
    viewer.send(type="control", name="go")
    assert [heard(uses).name for _ in range(2)] == ["go", "click /Cell"]
    assert heard(uses).name == "go"
    viewer.send(type="control", name="click /Cell", path="/Cell/Agv", position=[1, 2, 0.5])
    use = heard(uses)
    assert (use.prim, use.position, use.value) == ("/Cell/Agv", (1, 2, 0.5), None)


def test_a_callback_that_fails_is_shown_and_the_next_one_is_called(twin: Twin, viewer: Viewer) -> None:
    uses: queue.Queue[Use] = queue.Queue()
    button = twin.ui.button("go")

    @button.on_click
    def wrong(use: Use) -> None:
        raise ValueError("no such recipe")

    button.on_click(uses.put)
    viewer.send(type="control", name="go")
    assert viewer.next("notice")["text"] == "the callback of 'go' failed: ValueError: no such recipe"
    assert heard(uses).name == "go"


def test_a_slow_callback_holds_nothing_up_and_gets_the_newest_value(twin: Twin, viewer: Viewer) -> None:
    begun, go, values = threading.Event(), threading.Event(), []

    def slow(use: Use) -> None:
        values.append(use.value)
        begun.set()
        go.wait(5)

    twin.ui.slider("speed", min=0, max=10).on_use(slow)
    viewer.send(type="control", name="speed", value=1)
    assert begun.wait(5)
    for value in (2, 3, 4):
        viewer.send(type="control", name="speed", value=value)
    viewer.send(type="ping", t=1.0)
    assert viewer.next("pong")  # the stream goes on
    go.set()
    done: queue.Queue[Use] = queue.Queue()
    twin.ui.button("after").on_use(done.put)
    viewer.send(type="control", name="after")
    heard(done)
    assert values == [1, 4]


def test_each_control_asks_for_its_role(tmp_path: Path) -> None:
    (tmp_path / "cell.usda").write_text(STAGE)
    tokens = tmp_path / "tokens.json"
    shown = {}
    for role in (Role.VIEWER, Role.OPERATOR):
        shown[role] = change_tokens(
            tokens,
            lambda held, role=role: issue(  # type: ignore[misc]
                held,
                f"desk {role.word}",
                role,
                now=datetime.now(UTC),
                lifetime=timedelta(days=1),
                random_bytes=lambda n: role.word[:1].encode() * n,
            ),
            create=True,
        )[2]
    uses: queue.Queue[Use] = queue.Queue()
    with twinstage.open(tmp_path / "cell.usda") as twin:
        url = twin.serve(port=0, access=AccessChoices(tokens=tokens))
        twin.ui.button("stop").on_click(uses.put)
        twin.ui.on_click("/Cell/Agv", uses.put)  # for everybody who looks
        looking = Viewer(url, shown[Role.VIEWER])
        looking.send(type="control", name="stop")
        assert "needs the role operator" in looking.next("notice")["text"]
        looking.send(type="control", name="click /Cell/Agv", path="/Cell/Agv")
        assert (heard(uses).by, uses.qsize()) == ("desk viewer", 0)
        working = Viewer(url, shown[Role.OPERATOR])
        working.send(type="control", name="stop")
        use = heard(uses)
        assert (use.name, use.by, use.role) == ("stop", "desk operator", "operator")
        looking.close()
        working.close()


def test_a_server_without_controls_says_so(twin: Twin) -> None:
    hub = Hub(twin.live.snapshot, epoch="e")
    session = hub.connect(lambda: None, now_ns=0)
    session.receive('{"type":"hello"}', now_ns=0, wall_ns=0)
    session.receive('{"type":"control","name":"x"}', now_ns=0, wall_ns=0)
    assert "controls do not work through this server" in str(session.take(0)[-1])
