"""The page as an operator meets it: a real server, a real (headless) Chromium.

One test walks the whole way, because that is what an operator does: the tree is there, a robot link moves, a click
answers a prim with live values, and a restart of the server is survived.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def _start(root: Path, port: int) -> subprocess.Popen[str]:
    cell = root / "assets" / "library" / "workcell"
    command = [sys.executable, "-m", "twinstage", "serve", str(cell / "workcell.usda")]
    command += ["--bindings", str(cell / "bindings.yaml"), "--port", str(port)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert child.stdout is not None
    for line in child.stdout:
        if line.startswith("serving "):
            return child
    raise AssertionError(f"the server ended with {child.wait()} before it served")


def _end(child: subprocess.Popen[str]) -> int:
    child.send_signal(signal.SIGINT)
    code = child.wait(timeout=15)
    assert child.stdout is not None
    child.stdout.close()
    return code


def _chromium() -> str:
    for name in ("chromium", "chromium-browser", "google-chrome"):
        path = shutil.which(name)
        if path:
            return path
    if os.environ.get("CI"):
        pytest.fail("Chromium is missing; scripts/setup.sh installs it")
    pytest.skip("no Chromium on this machine, so the page cannot be opened")


@pytest.fixture(scope="module")
def page() -> Iterator[object]:
    from playwright.sync_api import sync_playwright

    arguments = [
        "--no-sandbox",
        "--use-angle=swiftshader",
        "--enable-unsafe-swiftshader",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
    ]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_chromium(), args=arguments)
        # The page forbids eval, as it should; the test's own predicates need it.
        page = browser.new_page(viewport={"width": 1280, "height": 800}, bypass_csp=True)
        yield page
        browser.close()


def test_an_operator_s_first_minute(page: object, root: Path, tmp_path: Path) -> None:
    port = _free_port()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))  # type: ignore[attr-defined]
    server = _start(root, port)
    try:
        _sees_the_tree(page, port)
        _sees_a_link_move(page)
        _follows_in_deltas(page)
        _picks_a_prim(page)
        first_epoch = page.evaluate("twinstage.epoch")  # type: ignore[attr-defined]
        assert _end(server) == 0
        page.wait_for_function("twinstage.link !== 'live'", timeout=15000)  # type: ignore[attr-defined]
        server = _start(root, port)
        _survives_the_restart(page, first_epoch)
    finally:
        page.screenshot(path=str(tmp_path / "last.png"))  # type: ignore[attr-defined]
        if server.poll() is None:
            _end(server)
    assert errors == []


def _sees_the_tree(page: object, port: int) -> None:
    page.goto(f"http://127.0.0.1:{port}/")  # type: ignore[attr-defined]
    page.wait_for_function("window.twinstage && twinstage.ready", timeout=60000)  # type: ignore[attr-defined]
    tree = page.get_by_role("tree")  # type: ignore[attr-defined]
    assert tree.get_by_role("treeitem").filter(has_text="WorkCell").count() >= 1
    assert tree.get_by_role("treeitem").filter(has_text="Robot").count() >= 1


def _moving_link(page: object) -> str:
    """A prim below the robot that has a bound signal: found in the scene, not assumed."""
    return str(
        page.evaluate(  # type: ignore[attr-defined]
            """async () => {
              const scene = await (await fetch('/api/scene')).json();
              const bound = Object.keys(scene.bindings).filter(p => p.startsWith('/WorkCell/Robot'));
              return bound.sort((a, b) => b.length - a.length)[0];
            }"""
        )
    )


def _sees_a_link_move(page: object) -> None:
    link = _moving_link(page)
    before = page.evaluate("path => Array.from(twinstage.worldOf(path))", link)  # type: ignore[attr-defined]
    page.wait_for_function(  # type: ignore[attr-defined]
        "([path, before]) => twinstage.worldOf(path).some((v, i) => Math.abs(v - before[i]) > 1e-3)",
        arg=[link, before],
        timeout=20000,
    )


def _follows_in_deltas(page: object) -> None:
    """Changes instead of absolute poses, compressed bodies, and a state that is the server's by its own hash."""
    page.wait_for_function("twinstage.wire.deltaRows > 0 && twinstage.wire.inflated > 0", timeout=15000)  # type: ignore[attr-defined]
    page.evaluate("twinstage.verify()")  # type: ignore[attr-defined]
    page.wait_for_function("twinstage.wire.digestsChecked > 0", timeout=15000)  # type: ignore[attr-defined]
    wire = page.evaluate("twinstage.wire")  # type: ignore[attr-defined]
    assert set(wire["caps"]) == {"delta", "zstd", "digest", "playhead"}
    trouble = ("digestsWrong", "resyncs", "unknownFrames", "unknownMessages")
    assert [name for name in trouble if wire[name]] == []
    page.wait_for_function("twinstage.stats.latency > 0", timeout=15000)  # type: ignore[attr-defined]
    shown = page.locator("#status").inner_text()  # type: ignore[attr-defined]
    # How fast the server sends depends on how fast this machine draws.
    assert "Latency" in shown and re.search(r"/s (of \d+|on demand)", shown)


def _picks_a_prim(page: object) -> None:
    canvas = page.locator("canvas").first.bounding_box()  # type: ignore[attr-defined]
    hit = None
    for fx, fy in [(0.5, 0.5), (0.4, 0.5), (0.6, 0.5), (0.5, 0.6), (0.5, 0.4), (0.3, 0.6)]:
        x, y = canvas["x"] + fx * canvas["width"], canvas["y"] + fy * canvas["height"]
        page.mouse.click(x, y)  # type: ignore[attr-defined]
        page.wait_for_timeout(300)  # type: ignore[attr-defined]
        hit = page.evaluate("twinstage.selected")  # type: ignore[attr-defined]
        if hit:
            break
    assert hit, "six clicks into the picture hit nothing"
    assert str(hit).startswith("/WorkCell/")
    page.evaluate("path => twinstage.select(path)", _moving_link(page))  # type: ignore[attr-defined]
    page.wait_for_function("Object.keys(twinstage.values).length > 0", timeout=10000)  # type: ignore[attr-defined]


def _survives_the_restart(page: object, first_epoch: str) -> None:
    page.wait_for_function(  # type: ignore[attr-defined]
        "first => twinstage.link === 'live' && twinstage.epoch !== first", arg=first_epoch, timeout=30000
    )
    _sees_a_link_move(page)
