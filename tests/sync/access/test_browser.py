"""A real (headless) Chromium signs in: the page, the form, the cookie and the stream behind it."""

import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from access_desk import Desk

from twinstage.sync.access.roles import Role

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]
PAGE = """<!doctype html><title>twin</title><p id="said">...</p><script src="/app.js"></script>"""
SCRIPT = """
const said = document.getElementById("said");
const socket = new WebSocket(location.origin.replace("http", "ws") + "/ws", ["twin.v1"]);
socket.onopen = () => socket.send('{"type":"hello"}');
socket.onmessage = (event) => { said.textContent = JSON.parse(event.data).role; };
socket.onclose = (event) => { said.textContent = event.code + " " + event.reason; };
"""


def chromium() -> str:
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        if os.environ.get("CI"):
            pytest.fail("Chromium is missing; scripts/setup.sh installs it")
        pytest.skip("no Chromium on this machine, so the page cannot be opened")
    return path


@pytest.fixture
def address(desk: Desk, make: ModuleType, tmp_path: Path) -> Iterator[str]:
    """A twin with a page of a few lines in place of the viewer, served from a thread."""
    import asyncio

    from twinstage.sync.hub import Hub
    from twinstage.sync.serve import serve
    from twinstage.sync.server import create_app

    viewer = tmp_path / "viewer"
    viewer.mkdir()
    (viewer / "index.html").write_text(PAGE)
    (viewer / "app.js").write_text(SCRIPT)
    desk.create("wall", Role.VIEWER)
    access, ready, where = desk.access(), threading.Event(), []
    loop_and_stop: list[object] = []

    def main() -> None:
        stop = asyncio.Event()

        def on_ready(url: str) -> None:
            where.append(url)
            loop_and_stop.extend((asyncio.get_running_loop(), stop))
            ready.set()

        hub = Hub(make.snapshot(["/World"]), epoch="e1")
        serve(create_app(hub, viewer_dir=viewer, access=access), port=0, on_ready=on_ready, stop=stop)

    thread = threading.Thread(target=main)
    thread.start()
    assert ready.wait(10)
    yield where[0]
    loop, stop = loop_and_stop
    loop.call_soon_threadsafe(stop.set)  # type: ignore[attr-defined]
    thread.join(10)


def test_a_person_signs_in_and_is_shown_out(address: str, desk: Desk) -> None:
    from playwright.sync_api import sync_playwright

    operator = desk.create("desk 3", Role.OPERATOR)
    errors: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium(), args=["--no-sandbox", "--disable-quic"]
        )
        page = browser.new_page(viewport={"width": 900, "height": 600})
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda told: errors.append(told.text) if "Security Policy" in told.text else None)
        page.goto(address)
        assert page.url == f"{address}/signin"
        box = page.get_by_label("Token")
        assert box.evaluate("box => box === document.activeElement")
        if shots := os.environ.get("SHOTS"):
            page.screenshot(path=f"{shots}/signin.png")
        box.fill("twk_wrong")
        page.get_by_role("button", name="Sign in").click()
        assert "no token of this server" in page.get_by_role("alert").inner_text()
        if shots:
            page.screenshot(path=f"{shots}/wrong.png")
        page.get_by_label("Token").fill(operator)
        page.keyboard.press("Enter")
        page.wait_for_url(f"{address}/")
        page.get_by_text("operator").wait_for()  # what the welcome said: the cookie opened the websocket
        assert page.evaluate("document.cookie") == ""  # no script can read it
        assert operator not in page.content() and "twk_" not in page.url
        desk.revoke("desk 3")
        page.get_by_text("4401 the token 'desk 3' was revoked").wait_for()
        page.goto(address)
        assert page.url == f"{address}/signin"
        assert "'desk 3' was revoked at" in page.get_by_role("alert").inner_text()
        browser.close()
    assert errors == []
    assert [line["via"] for line in desk.lines if line["event"] == "signed_in"] == ["form"]
