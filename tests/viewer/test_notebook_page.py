"""The notebook's view in Chromium: the real widget in this process, its page's module in a page of another origin.

What a notebook's front end does between them (traits to and fro, messages) is done here by twenty lines; `tests/live` has a
real kernel, and docs/embedding.md says in which front ends it was tried.
"""

import http.server
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("anywidget")
pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

PAGE = """<!doctype html><link rel="icon" href="data:,"><div id="cell" style="width: 640px"></div>
<script type="module">
import view from "./notebook.js";
const state = STATE;
const heard = new Map();
const fire = (event, message) => [...(heard.get(event) ?? [])].forEach((then) => then(message));
const model = {
  get: (name) => state[name], changed: {},
  set(name, value) { state[name] = value; this.changed[name] = value; },
  save_changes() {
    const told = this.changed;
    this.changed = {};
    for (const name in told) fire(`change:${name}`);
    say(["state", told]);
  },
  on: (event, then) => heard.set(event, [...(heard.get(event) ?? []), then]),
  off: (event) => heard.delete(event),
  send: (message) => say(["message", message]),
};
const queue = [];
window.take = () => queue.splice(0);
const say = (what) => queue.push(what);
window.give = (kind, what) => {
  if (kind === "message") return fire("msg:custom", what);
  Object.assign(state, what);
  for (const name in what) fire(`change:${name}`);
};
window.forget = view.render({ model, el: document.getElementById("cell") });
window.loaded = true;
</script>"""
TWIN = "document.querySelector('twin-view')"


class FrontEnd:
    """Carries what page and widget say to each other, when `pump` is called: Playwright's calls belong to one thread."""

    def __init__(self, page: Any, view: Any) -> None:
        self.page, self.view = page, view
        self.from_page = False
        view.observe(self._changed)
        view.send = lambda content, buffers=None: self._give("message", content)

    def _changed(self, change: Any) -> None:
        if change["name"] in self.view.keys and not self.from_page:
            self._give("state", {change["name"]: change["new"]})

    def _give(self, kind: str, what: Any) -> None:
        self.page.evaluate("([kind, what]) => give(kind, what)", [kind, what])

    def pump(self) -> bool:
        for kind, what in self.page.evaluate("window.take ? take() : []"):
            if kind == "message":
                self.view._hear(self.view, what, [])
                continue
            self.from_page = True
            self.view.set_state(what)
            self.from_page = False
        return True


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    from twins import STAGE

    import twinstage

    stage = tmp_path_factory.mktemp("notebook") / "cell.usda"
    stage.write_text(STAGE)
    with twinstage.open(stage) as opened:
        opened.serve(port=0)
        yield opened


@pytest.fixture
def shown(browser: Any, twin: Any, root: Path) -> Iterator[Callable[..., tuple[Any, Any, FrontEnd]]]:
    """`shown(**choices)`: a page with a view in it, the view, and what lies between."""
    script = (root / "viewer" / "dist" / "embed" / "notebook.js").read_bytes()
    state = {"text": ""}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            made = self.path.endswith(".js")
            self.send_response(200)
            self.send_header("content-type", "text/javascript" if made else "text/html")
            self.end_headers()
            self.wfile.write(script if made else PAGE.replace("STATE", state["text"]).encode())

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    contexts = []

    def show(**choices: Any) -> tuple[Any, Any, FrontEnd]:
        view = twin.view(**choices)
        state["text"] = json.dumps(
            {key: value for key, value in view.get_state().items() if not key.startswith("_")}
        )
        contexts.append(browser.new_context(viewport={"width": 680, "height": 420}))
        page = contexts[-1].new_page()
        page.goto(f"http://localhost:{server.server_port}/")
        return page, view, FrontEnd(page, view)

    yield show
    for context in contexts:
        context.close()
    server.shutdown()
    server.server_close()


def inside(page: Any) -> Any:
    return next(frame for frame in page.frames if "/embed" in frame.url)


def until(page: Any, front: FrontEnd, done: Callable[[], Any], seconds: float = 60) -> None:
    import time

    deadline = time.monotonic() + seconds
    while not (front.pump() and done()):
        assert time.monotonic() < deadline, "still not"
        page.wait_for_timeout(60)


def test_selection_camera_and_time_are_values_of_the_program(shown: Any, twin: Any) -> None:
    page, view, front = shown(height=300, selected="/Cell/Belt")
    heard: list[Any] = []
    view.on_select(heard.append)
    assert twin._server.access.embed.origins == ()
    until(page, front, lambda: view.ready)
    assert page.url.startswith(twin._server.access.embed.origins[0])  # its own page, and no other
    assert page.locator("twin-view").bounding_box()["height"] == 300
    frame = inside(page)
    until(page, front, lambda: frame.evaluate("twinstage.selected") == "/Cell/Belt")
    # From the page to the program.
    frame.evaluate("twinstage.select('/Cell/Tank')")
    until(page, front, lambda: view.selected == "/Cell/Tank")
    # And back.
    view.selected = "/Cell/Agv1"
    until(page, front, lambda: frame.evaluate("twinstage.selected") == "/Cell/Agv1")
    view.selected = None
    until(page, front, lambda: frame.evaluate("twinstage.selected") is None)
    assert heard == ["/Cell/Tank", "/Cell/Agv1", None]
    view.look((0, -9, 3), (0, 0, 1))
    until(page, front, lambda: abs(view.camera.get("position", [0, 0, 0])[1] + 9) < 0.01)
    assert view.time is None  # nothing tells the time here
    # The kernel ends: the view says so.
    twin.close()
    until(page, front, lambda: "The kernel of this view has ended" in page.inner_text(".twinstage-note"))


def test_a_view_whose_kernel_does_not_answer_says_so(shown: Any) -> None:
    page, _, _ = shown()
    page.wait_for_function(
        "document.querySelector('.twinstage-note')?.textContent.includes('run the cell again')",
        timeout=20_000,
    )
    assert page.locator("twin-view").count() == 0
