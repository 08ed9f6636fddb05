"""`twinstage open`: the time bar of a recording, against the motion that was recorded."""

import io
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hubs import START_NS
from twins import STAGE, free_port, opened

from twinstage.scene.columns import PoseColumns, TickColumns, frozen
from twinstage.scene.glb import bake_prototype
from twinstage.scene.read import read_snapshot
from twinstage.scene.stage import open_stage
from twinstage.sync import messages as m
from twinstage.sync.codec import OP_TICK_END, Frame, decode
from twinstage.sync.hub import Hub
from twinstage.sync.recording.tape import Tape
from twinstage.sync.scene_json import scene_bytes

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
HZ, TICKS = 20, 200
"""Ten seconds in which the vehicle goes 0.1 m a tick."""


def tape_of(folder: Path) -> Path:
    """A recording of a hub's client."""
    (folder / "cell.usda").write_text(STAGE)
    snapshot = read_snapshot(open_stage(folder / "cell.usda"))
    node = list(snapshot.prims.path).index("/Cell/Agv1")
    hub = Hub(snapshot, epoch="recorded")
    out = io.BytesIO()
    tape = Tape(out, library="test")
    for one in snapshot.prototypes:
        tape.file(f"glb/{one.hash}.glb", "model/gltf-binary", bake_prototype(one))

    def publish(k: int) -> None:
        place, turn = np.array([[0.1 * k, 0.0, 0.0]]), np.array([[1.0, 0, 0, 0]])
        when = START_NS + k * 1_000_000_000 // HZ
        rows = frozen(np.array([node]), np.uint32)
        pose = PoseColumns(k + 1, when, rows, frozen(place, np.float64), frozen(turn, np.float32))
        hub.publish(TickColumns(pose, watermark_ns=when), now_ns=when)

    session = hub.connect(lambda: None, now_ns=0)

    def tell(message: Any) -> None:
        session.receive(m.to_text(message), now_ns=0, wall_ns=START_NS)

    def drain() -> None:
        raw: list[bytes] = []
        frames: list[Frame] = []
        while (message := session.next_message(0)) is not None:
            if isinstance(message, str):
                if msgspec.json.decode(message)["type"] == "welcome":
                    tape.scene(scene_bytes(hub.scene))
                    tell(m.Ready(hub.revision))
                continue
            raw.append(message)
            frames += decode(message)
            if frames[-1].header.op == OP_TICK_END:
                tape.tick(raw, frames)
                tell(m.Ack(frames[-1].header.seq))
                raw, frames = [], []

    publish(0)
    tell(m.Hello(caps=["delta", "zstd"]))
    for k in range(TICKS + 1):
        publish(k)
        drain()
    tape.close(START_NS + TICKS * 1_000_000_000 // HZ)
    (folder / "ride.twinrec").write_bytes(out.getvalue())
    return folder / "ride.twinrec"


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A recording that stands still at its begin, by the real command."""
    folder, port = tmp_path_factory.mktemp("ride"), free_port()
    command = [
        sys.executable,
        "-m",
        "twinstage",
        "open",
        str(tape_of(folder)),
        "--port",
        str(port),
        "--paused",
    ]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert any(line.startswith("Open ") for line in child.stdout)
    yield f"http://127.0.0.1:{port}/"
    child.send_signal(signal.SIGINT)
    child.wait(15)
    child.stdout.close()


@pytest.fixture(scope="module")
def page(browser: Any, url: str, until: Callable[..., Any]) -> Iterator[Any]:
    """Whatever is not there is not asked for: a 404 in the console would fail it."""
    with opened(browser, url) as made:
        until(made, "Number.isFinite(twinstage.time.firstMs)")
        yield made


def x_of(page: Any) -> float:
    return float(page.evaluate("twinstage.worldOf('/Cell/Agv1/Body')")[3])


def place(seconds: float) -> float:
    """Where the vehicle was then [m]."""
    return 0.1 * min(max(seconds, 0.0) * HZ, TICKS)


def test_the_bar_is_that_of_the_recording(page: Any, until: Callable[..., Any]) -> None:
    until(page, "document.querySelector('.time-bar') !== null")
    assert page.evaluate("twinstage.time.firstMs") == START_NS / 1e6
    assert page.evaluate("twinstage.time.endMs - twinstage.time.firstMs") == 1000 * TICKS / HZ
    shown = page.evaluate("({ ...twinstage.time.shown })")
    assert (shown["fromMs"], shown["toMs"]) == (START_NS / 1e6, START_NS / 1e6 + 10_000)
    until(page, "document.getElementById('time-when').innerText === '0:00.0 / 0:10.0'")
    assert page.inner_text("#time-live") == "Shared"
    assert page.inner_text("#link-text") == "Recording"
    assert x_of(page) == 0


def test_a_click_on_the_line_goes_there_and_nobody_else_does(
    page: Any, browser: Any, url: str, until: Callable[..., Any]
) -> None:
    box = page.locator("#time-track").bounding_box()
    page.mouse.click(box["x"] + 0.35 * box["width"], box["y"] + 20)
    until(page, "twinstage.time.at !== null && Number.isFinite(twinstage.time.seekMs)")
    until(page, "twinstage.worldOf('/Cell/Agv1/Body')[3] > 1")
    seconds = (page.evaluate("twinstage.time.at") - START_NS / 1e6) / 1000
    assert seconds == pytest.approx(3.5, abs=0.05)
    assert x_of(page) == pytest.approx(place(seconds), abs=0.11)
    assert page.locator("#past-strip").is_hidden(), "nothing in a recording is live, so nothing warns of that"
    with opened(browser, url) as other:
        assert x_of(other) == 0
    page.keyboard.press("l")
    until(page, "twinstage.worldOf('/Cell/Agv1/Body')[3] === 0")


def test_it_plays_backwards_to_the_begin(page: Any, until: Callable[..., Any]) -> None:
    page.evaluate("twinstage.time.seek(twinstage.time.firstMs + 3000)")
    until(page, "Math.abs(twinstage.worldOf('/Cell/Agv1/Body')[3] - 6) < 1e-3")
    page.locator("#canvas").focus()
    page.keyboard.press("Shift+Space")
    assert page.get_attribute("#time-reverse", "aria-pressed") == "true"
    seen = []
    while page.evaluate("twinstage.time.playing"):
        seen.append(page.evaluate("[twinstage.time.at, twinstage.worldOf('/Cell/Agv1/Body')[3]]"))
        page.wait_for_timeout(120)
    times, xs = np.array(seen).T
    assert (np.diff(times) <= 0).all() and len(set(times)) > 5
    # What is held is at most two of ten ticks a second ahead of, that is before, the moment.
    seconds = (times - START_NS / 1e6) / 1000
    assert (xs <= [place(s) + 0.11 for s in seconds]).all()
    assert (xs >= [place(s - 0.35) - 0.11 for s in seconds]).all()
    assert page.evaluate("twinstage.time.at") == pytest.approx(START_NS / 1e6, abs=2)
    until(page, "Math.abs(twinstage.worldOf('/Cell/Agv1/Body')[3]) < 1e-3")
    page.keyboard.press("Shift+Space")
    page.keyboard.press("l")


def test_a_marked_span_is_played_again_and_again(page: Any, until: Callable[..., Any]) -> None:
    box = page.locator("#time-track").bounding_box()
    y = box["y"] + 20
    page.keyboard.down("Shift")
    page.mouse.move(box["x"] + 0.6 * box["width"], y)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.5 * box["width"], y)
    page.mouse.move(box["x"] + 0.45 * box["width"], y)
    page.mouse.up()
    page.keyboard.up("Shift")
    loop = page.evaluate("twinstage.time.loopOf")
    first = START_NS / 1e6
    assert [loop["fromMs"] - first, loop["toMs"] - first] == pytest.approx([4500, 6000], abs=60)
    until(page, f"twinstage.time.playing && twinstage.time.at > {first + 5500}")
    until(page, f"twinstage.time.at < {first + 5000}")
    page.evaluate("twinstage.time.speed(-2)")
    until(page, f"twinstage.time.at < {first + 4800}")
    until(page, f"twinstage.time.at > {first + 5400}")
    page.evaluate("twinstage.time.pause()")
    page.click("#time-loop")
    assert page.evaluate("twinstage.time.loopOf") is None
    page.keyboard.press("l")


def test_others_follow_who_leads(page: Any, browser: Any, url: str, until: Callable[..., Any]) -> None:
    first = START_NS / 1e6
    with opened(browser, url, viewport={"width": 500, "height": 300}) as other:
        until(other, "Number.isFinite(twinstage.time.firstMs)")
        page.evaluate(f"twinstage.time.seek({first + 2000})")
        page.click("#time-together")
        until(page, "twinstage.time.together.part === 'leads'")
        until(other, "document.getElementById('time-together').innerText === 'Follow local'")
        other.click("#time-together")
        until(other, f"twinstage.time.together.part === 'follows' && twinstage.time.at === {first + 2000}")
        until(other, "Math.abs(twinstage.worldOf('/Cell/Agv1/Body')[3] - 4) < 1e-3")
        until(page, "document.getElementById('time-together').innerText === 'Leading, 1 follow'")
        page.evaluate("twinstage.time.speed(-1)")
        page.evaluate(f"twinstage.time.seek({first + 8000})")
        page.evaluate("twinstage.time.play()")
        until(other, "twinstage.time.playing && twinstage.time.rate === -1")
        until(other, f"twinstage.time.at < {first + 7500}")
        assert abs(page.evaluate("twinstage.time.at") - other.evaluate("twinstage.time.at")) < 600
        page.evaluate("twinstage.time.pause()")
        until(other, "!twinstage.time.playing")
        at = page.evaluate("twinstage.time.at")
        until(other, f"Math.abs(twinstage.time.at - {at}) < 1")
        # Who takes time into his own hand goes his own way.
        other.evaluate(f"twinstage.time.seek({first + 1000})")
        until(other, "twinstage.time.together.part === 'none'")
        until(page, "twinstage.time.together.followers.length === 0")
        page.evaluate(f"twinstage.time.seek({first + 9000})")
        other.wait_for_timeout(400)
        assert other.evaluate("twinstage.time.at") == first + 1000
        # The other one takes the lead: who led follows, and is taken along.
        other.evaluate("twinstage.time.together.lead()")
        until(page, f"twinstage.time.together.part === 'follows' && twinstage.time.at === {first + 1000}")
        # A lost connection brings the lead back with it.
        other.evaluate("twinstage.test.drop()")
        until(page, "twinstage.time.together.leader === null || twinstage.time.together.part === 'follows'")
        until(other, "twinstage.link === 'live' && twinstage.time.together.part === 'leads'")
    until(page, "twinstage.time.together.leader === null")
    page.keyboard.press("l")
