"""A twin in a page of another origin: selection both ways, alarms, sign-in, and who may not show it."""

import functools
import http.server
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
TWIN = "document.querySelector('twin-view')"


class Pages:
    """The example's files under an origin of their own, with the twin's address in place of the usual one."""

    def __init__(self, folder: Path) -> None:
        self.twin = ""
        files = {path.name: path.read_text("utf-8") for path in folder.iterdir() if path.suffix != ".md"}
        kinds = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}

        class Handler(http.server.BaseHTTPRequestHandler):
            pages = self

            def do_GET(self) -> None:
                name = self.path.partition("?")[0].lstrip("/") or "index.html"
                text = files.get(name, "").replace("http://127.0.0.1:8000", self.pages.twin.rstrip("/"))
                self.send_response(200 if text else 404)
                self.send_header("content-type", kinds.get(Path(name).suffix, "text/plain"))
                # As strict as a page that shows a twin may be.
                policy = f"default-src 'self'; script-src 'self' {self.pages.twin}; frame-src {self.pages.twin}; img-src data:"
                self.send_header("content-security-policy", policy)
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_: Any) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler))
        self.origin = f"http://localhost:{self._server.server_port}"  # another site than 127.0.0.1
        self.same_site = f"http://127.0.0.1:{self._server.server_port}"  # another origin of its site
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def end(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture(scope="module")
def pages(root: Path) -> Iterator[Pages]:
    made = Pages(root / "examples" / "embed")
    yield made
    made.end()


@contextmanager
def opened(browser: Any, url: str) -> Iterator[tuple[Any, list[str]]]:
    """A page, and what its console says."""
    context = browser.new_context(viewport={"width": 700, "height": 560})
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(f"error {error}"))
    # Before anything of the page runs.
    page.add_init_script(
        """window.asked = []; window.wrong = [];
        document.addEventListener('twin-signin', (event) => asked.push(event.detail.reason));
        document.addEventListener('twin-error', (event) => wrong.push(event.detail.text));"""
    )
    page.goto(url)
    yield page, said
    context.close()


def frame_of(page: Any) -> Any:
    return next(frame for frame in page.frames if "/embed" in frame.url)


def test_a_click_inside_is_an_event_outside_and_the_other_way_round(
    browser: Any, make_live: Callable[..., Any], pages: Pages, until: Callable[..., Any]
) -> None:
    live = make_live("--allow-embed", pages.origin)
    pages.twin = live.url
    with opened(browser, f"{pages.origin}/") as (page, said):
        page.evaluate(
            """window.heard = []; for (const name of ['select', 'click', 'ready', 'alarm', 'error', 'camera'])
            document.addEventListener('twin-' + name, (event) => heard.push([name, event.detail]))"""
        )
        until(page, f"{TWIN}.ready", 60)
        # Only picture, link and time: none of the page around it, and nothing that could be edited by accident.
        inside = frame_of(page)
        shown = [
            name
            for name in (".brand", ".tools", ".dock", ".status", ".bars", ".link", ".embed-clock")
            if any(one.is_visible() for one in inside.query_selector_all(name))
        ]
        assert shown == [".link", ".embed-clock"]
        assert not inside.evaluate("twinstage.commands().some(({id}) => id.startsWith('edit.'))")
        # From inside out.
        page.evaluate(f"{TWIN}.look({{frame: '/Cell/Tank'}})")
        until(page, "heard.filter(([name]) => name === 'camera').length > 1")
        page.wait_for_timeout(600)
        box = page.locator("twin-view").bounding_box()
        page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        until(page, "document.getElementById('selected').textContent === '/Cell/Tank/Wall'")
        assert page.evaluate(f"[{TWIN}.selected, {TWIN}.getAttribute('selected')]") == ["/Cell/Tank/Wall"] * 2
        clicked = page.evaluate("heard.find(([name, it]) => name === 'click' && it.path)[1]")
        assert clicked["path"] == "/Cell/Tank/Wall" and abs(clicked["position"][0] + 4) < 1
        # From outside in, by property and by attribute.
        page.evaluate(f"{TWIN}.selected = '/Cell/Agv1'")
        until(inside, "twinstage.selected === '/Cell/Agv1'")
        page.evaluate(f"{TWIN}.setAttribute('selected', '/Cell/Belt/Motor')")
        until(inside, "twinstage.selected === '/Cell/Belt/Motor'")
        page.evaluate(f"{TWIN}.removeAttribute('selected')")
        until(inside, "twinstage.selected === null")
        # What is not there is told, and changes nothing.
        page.evaluate(f"{TWIN}.zoomTo('/Cell/Nothing')")
        until(page, "heard.some(([name, it]) => name === 'error' && it.text.includes('/Cell/Nothing'))")
        page.evaluate(f"{TWIN}.seek(Date.now())")
        until(page, "heard.some(([name, it]) => name === 'error' && it.text.includes('--history'))")
        page.evaluate(f"{TWIN}.look({{position: [0, -9, 3], target: [0, 0, 1]}})")
        until(page, f"Math.abs({TWIN}.camera.position[1] + 9) < 0.01")
        # An alarm.
        live.say(motor_temperature=91.5)
        until(page, "heard.some(([name, it]) => name === 'alarm' && it.raised.includes('motor.hot'))")
        (alarm,) = page.evaluate(f"{TWIN}.alarms")
        assert (alarm["priority"], alarm["prim"]) == ("high", "/Cell/Belt/Motor")
        assert page.inner_text("#alarms") == "high: The motor is too hot Show"
        page.click("#alarms button")
        until(inside, "twinstage.selected === '/Cell/Belt/Motor'")
        # Panels that the page asks for.
        page.evaluate(f"{TWIN}.panels = 'alarms'")
        until(page, f"{TWIN}.ready", 60)
        inside = frame_of(page)
        until(inside, "!!document.querySelector('tr[data-alarm]')")
        assert inside.evaluate("[...document.querySelectorAll('.tab')].map((tab) => tab.id)") == [
            "tab-alarms"
        ]
        assert [
            text
            for text in said
            if not any(fine in text for fine in ("no history", "/Cell/Nothing", "GPU stall"))
        ] == []


def test_axe_finds_nothing_serious_in_the_compact_page(
    live: Any, open_page: Callable[..., Any], axe: str
) -> None:
    page = open_page(f"{live.url}embed?panels=alarms,properties", bypass_csp=True)
    page.add_script_tag(content=axe)
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
    assert [one["id"] for one in found if one["impact"] in ("serious", "critical")] == []


def test_a_page_that_is_not_named_shows_nothing_and_says_why(
    browser: Any, make_live: Callable[..., Any], pages: Pages, until: Callable[..., Any]
) -> None:
    live = make_live("--allow-embed", "http://panel.example.com")
    pages.twin = live.url
    with opened(browser, f"{pages.origin}/") as (page, said):
        why = until(page, "wrong[0]")
        assert f"twinstage serve --allow-embed {pages.origin}" in why
        assert page.locator("twin-view p").inner_text() == why
        assert any("does not answer in this frame" in text for text in said)
        assert any("frame-ancestors" in text for text in said)  # the browser's own sentence
        assert not page.evaluate(f"{TWIN}.ready")
    log = (live.folder / "serve.log").read_text()
    assert f"pages of {pages.origin} may not show this twin in a frame" in log


def test_signing_in_from_within_a_frame(
    browser: Any, make_live: Callable[..., Any], pages: Pages, until: Callable[..., Any], tmp_path: Path
) -> None:
    tokens = tmp_path / "tokens.json"
    made = [
        sys.executable,
        "-m",
        "twinstage",
        "token",
        "create",
        "--role",
        "viewer",
        "--name",
        "panel",
        "--file",
    ]
    done = subprocess.run([*made, str(tokens)], capture_output=True, text=True, check=True, timeout=60)
    token = re.search(r"twk_[\w-]+", done.stdout)[0]  # type: ignore[index]
    live = make_live("--allow-embed", pages.origin, "--allow-embed", pages.same_site, "--tokens", str(tokens))
    pages.twin = live.url
    with opened(browser, f"{pages.origin}/") as (page, _):
        # By hand, in the frame: nothing of the twin is there before.
        until(page, "asked.length > 0")
        inside = frame_of(page)
        inside.fill("#embed-token", "twk_00000000_wrong")
        inside.press("#embed-token", "Enter")
        until(inside, "document.querySelector('.embed-wrong:not([hidden])')?.textContent.length > 0")
        assert not page.evaluate(f"{TWIN}.ready")
        inside.fill("#embed-token", token)
        inside.press("#embed-token", "Enter")
        until(page, f"{TWIN}.ready", 60)
        assert page.evaluate(f"{TWIN}.info.role") == "viewer"
        # A token is for one twin: another address in the same frame hears nothing of it.
        page.evaluate(f"{TWIN}.token = 'twk_00000000_kept'")
        page.evaluate(f"{TWIN}.src = 'http://127.0.0.1:9/'")
        assert page.evaluate(f"[{TWIN}.tokenText, {TWIN}.asksToken]") == [None, False]
    with opened(browser, f"{pages.same_site}/") as (page, _):
        # Where the browser keeps the frame's cookie, once is enough.
        until(page, "asked.length > 0")
        frame_of(page).fill("#embed-token", token)
        frame_of(page).press("#embed-token", "Enter")
        until(page, f"{TWIN}.ready", 60)
        page.reload()
        until(page, f"{TWIN}.ready", 60)
        assert page.evaluate("asked") == []
    with opened(browser, f"{pages.origin}/") as (page, _):
        # By the page around, which has a token of its own.
        page.evaluate("token => (document.querySelector('twin-view').token = token)", token)
        until(page, f"{TWIN}.ready", 60)
        assert "twk_" not in page.inner_html("html") and all("twk_" not in frame.url for frame in page.frames)
    log = (live.folder / "serve.log").read_text()
    secret = token.split("_", 2)[
        2
    ]  # which may have underscores of its own: what follows the last may be one letter
    assert len(secret) == 43 and secret not in log
