"""A browser, and a real `twinstage serve` with bindings, telemetry, alarms and a history, for all tests of the page.

    def test_x(live, live_page, until):
        live.say(belt_speed=2.0)                            # a reading now, over TCP
        until(live_page, "twinstage.values['belt.speed'].value === 2")

`live_page` is one page a module (860 x 480: a desk, not a phone); `open_page(url, ...)` opens another. Each fails its
test on an error in the console. Polls come from outside: the page forbids what `wait_for_function` does inside it.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, nullcontext
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from hubs import HubServer
from twins import SHARED, LiveServer, chromium, opened, running, wait_until


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[None]:
    try:
        yield
    finally:  # also where a page had errors: twins must not outlive their tests
        if nextitem is None or Path(__file__).parent not in nextitem.path.parents:
            SHARED.end()


@pytest.fixture(scope="module")
def browser() -> Any:
    """One Chromium for all tests of this folder."""
    return SHARED.get("browser", chromium)


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A twin that all tests of the page share, with a history; `live.calm()` brings it back to rest."""
    return SHARED.get("live", lambda: running(tmp_path_factory.mktemp("live")))


@pytest.fixture
def make_live(tmp_path: Path) -> Iterator[Callable[..., LiveServer]]:
    """`make_live(*options)` starts a twin of the test's own, to be stopped and started at will."""
    made: list[LiveServer] = []

    def make(*options: str) -> LiveServer:
        folder = tmp_path / f"twin{len(made)}"
        folder.mkdir()
        server = LiveServer(folder, *options)
        made.append(server)
        server.start()
        return server

    yield make
    for server in made:
        server.stop()


@pytest.fixture
def open_page(browser: Any) -> Iterator[Callable[..., Any]]:
    """`open_page(url, ready=True, viewport=..., ...)`: a page that is closed with the test."""
    with ExitStack() as stack:
        yield lambda url, **options: stack.enter_context(opened(browser, url, **options))


@pytest.fixture(scope="module")
def live_page(browser: Any, live: LiveServer) -> Iterator[Any]:
    """One page of the shared twin for all tests of a module."""
    with opened(browser, live.url) as page:
        yield page


@pytest.fixture(scope="session")
def until() -> Callable[..., Any]:
    """`until(page, expression, seconds=60)`: polls until the expression is true, and gives its value."""
    return wait_until


@pytest.fixture(scope="module")
def wide(live_page: Any) -> None:
    """Room for the panels of both sides beside the picture."""
    live_page.set_viewport_size({"width": 1000, "height": 520})
    live_page.wait_for_timeout(500)
    for panel in ("tree", "properties"):
        if not live_page.locator(f"#panel-{panel}").is_visible():
            live_page.click(f"#tab-{panel}")
            live_page.wait_for_timeout(200)
    assert (
        live_page.locator("#panel-tree").is_visible() and live_page.locator("#panel-properties").is_visible()
    )


@pytest.fixture(scope="module")
def axe(root: Path, nodes: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The source of axe-core, for `add_script_tag` in a context with `bypass_csp`; npm fetches it where it is not there."""
    installed = root / "viewer" / "node_modules" / "axe-core" / "axe.min.js"
    if installed.is_file():
        return installed.read_text("utf-8")

    def fetched() -> str:
        node = nodes.with_npm()
        folder = tmp_path_factory.mktemp("axe")
        for name in ("package.json", "package-lock.json"):
            shutil.copy(root / "viewer" / name, folder / name)
        flags = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"]
        done = subprocess.run(
            [*node.npm, *flags], cwd=folder, env=node.env, capture_output=True, text=True, timeout=120
        )
        if done.returncode:
            reason = f"npm cannot fetch axe-core: {done.stderr.strip()[-400:]}"
            (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
        return (folder / "node_modules" / "axe-core" / "axe.min.js").read_text("utf-8")

    return str(SHARED.get("axe", lambda: nullcontext(fetched())))


@pytest.fixture(scope="module")
def serve_stage(root: Path) -> Iterator[Callable[[Path], HubServer]]:
    """`serve_stage(path)`: a server of that stage in this process, whose ticks the test makes; ends with the module."""
    made: list[HubServer] = []

    def serve(stage: Path) -> HubServer:
        made.append(HubServer(stage, root))
        return made[-1]

    yield serve
    for server in made:
        server.end()
