"""Time at a relay of several twins: real servers, one playhead; a twin without a history goes on live and the page says so."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.sync.conftest import Nats
from tests.viewer.twins import LiveServer, free_port

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


@pytest.fixture
def joined(tmp_path: Path) -> Iterator[tuple[LiveServer, LiveServer, str]]:
    """The first twin keeps a history, the second one none; the page of the relay that joins them."""
    (tmp_path / "nats").mkdir()
    nats = Nats(tmp_path / "nats")
    nats.start()
    twins = []
    for name, more in (("one", ("--history", str(tmp_path / "history"))), ("two", ())):
        (tmp_path / name).mkdir()
        twin = LiveServer(tmp_path / name, "--publish", nats.url, "--publish-subject", name, *more)
        twins.append(twin)
        twin.start()
    port = free_port()
    command = [sys.executable, "-m", "twinstage", "relay", nats.url, "--port", str(port)]
    command += ["--join", "/P/One=one", "--join", "/P/Two=two"]
    with (tmp_path / "relay.log").open("w") as log:
        relay = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
    assert relay.stdout is not None and relay.stdout.readline(), (tmp_path / "relay.log").read_text()
    yield twins[0], twins[1], f"http://127.0.0.1:{port}/"
    relay.terminate()
    relay.wait(15)
    relay.stdout.close()
    for twin in twins:
        twin.stop()
    nats.stop()


def test_scrubbing_moves_the_twins_that_have_a_past_and_the_others_go_on(
    joined: tuple[LiveServer, LiveServer, str], open_page: Callable[..., Any], until: Callable[..., Any]
) -> None:
    one, two, url = joined
    told = []
    for k in range(1, 21):
        told.append((one.say(agv1_x=0.1 * k) / 1e6, 0.1 * k))
        time.sleep(0.05)
    two.say(agv1_x=7.0)
    page = open_page(url)
    until(page, "twinstage.time.firstMs > 0")
    assert page.locator("#time-track").is_visible()
    x = "twinstage.worldOf('/P/{}/Cell/Agv1/Body')[3]"
    until(page, f"Math.abs({x.format('Two')} - 7) < 1e-3 && Math.abs({x.format('One')} - 2) < 1e-3")

    for at, where in (told[4], told[14]):
        page.evaluate("ms => { window.before = twinstage.time.seekMs; twinstage.time.seek(ms + 1) }", at)
        until(page, "!Object.is(twinstage.time.seekMs, window.before)")
        assert page.evaluate(x.format("One")) == pytest.approx(where, abs=1e-3)
        assert page.evaluate("twinstage.values['P.One.agv1.x'].value") == pytest.approx(where)
        assert page.evaluate(x.format("Two")) == pytest.approx(7.0, abs=1e-3), "it has no past"
    assert page.inner_text("#past-live-twins") == "/P/Two: live, no history"
    assert page.locator("#past-strip").is_visible()

    two.say(agv1_x=9.0)
    until(page, f"Math.abs({x.format('Two')} - 9) < 1e-3")
    until(page, "twinstage.values['P.Two.agv1.x'].value === 9")
    drawn = page.evaluate("twinstage.boundsOf ? twinstage.boundsOf('/P/Two/Cell/Agv1') : null")
    assert drawn is None or drawn["centre"][0] == pytest.approx(9.0, abs=0.01)
    assert page.evaluate(x.format("One")) == pytest.approx(told[14][1], abs=1e-3), "and the other one stands"

    page.evaluate("twinstage.time.speed(2)")
    page.evaluate("ms => twinstage.time.seek(ms + 1)", told[2][0])
    until(page, f"Math.abs({x.format('One')} - {told[2][1]}) < 1e-3")
    page.evaluate("twinstage.time.play()")
    until(page, f"{x.format('One')} > 1.5")
    assert page.evaluate("twinstage.time.at") >= told[13][0] - 100

    page.keyboard.press("l")
    until(page, f"twinstage.time.at === null && Math.abs({x.format('One')} - 2) < 1e-3")
    assert page.locator("#past-strip").is_hidden()
