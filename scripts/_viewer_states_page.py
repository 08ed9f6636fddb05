"""The states of the page itself: commands, keys, link, layouts, phone, what it says when something is missing; in other pages.

See viewer_pictures.py.
"""

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

from _viewer_servers import EMBED_PORT, program, told, twinstage
from _viewer_stage import ROOT, Missing, Stage, wait
from _viewer_states_twin import TALL

PHONE = {"size": (390, 760), "has_touch": True, "is_mobile": True}
EMPTY = """#usda 1.0
(
    defaultPrim = "Site"
    metersPerUnit = 1
    upAxis = "Z"
)
def Xform "Site" (kind = "assembly")
{
    def Xform "Hall_1" (kind = "group")
    {
    }
    def Xform "Hall_2" (kind = "group")
    {
    }
}
"""


def state_palette(stage: Stage) -> None:
    page = stage.page(size=(1000, 600))
    page.keyboard.press("Control+k")
    page.keyboard.type("alarm")
    wait(page, "document.querySelectorAll('[role=option]').length > 2")
    stage.shoot(page, "palette")


def state_keys(stage: Stage) -> None:
    page = stage.page(size=(1000, 700))
    page.keyboard.press("?")
    wait(page, "!!document.querySelector('dialog[open], [role=dialog]')")
    stage.shoot(page, "keys")


def state_link(stage: Stage) -> None:
    page = stage.page(size=(1000, 640))
    page.click("#link")
    page.evaluate("twinstage.verify()")
    wait(page, "twinstage.wire.digestsChecked > 0")
    stage.shoot(page, "link")


def state_table(stage: Stage) -> None:
    page = stage.page("selected=/WorkCell/Conveyor/Motor", kept=TALL)
    page.keyboard.press("Shift+E")
    wait(page, "document.querySelectorAll('.scene-table tbody tr').length > 20")
    page.locator(".scene-table tr[aria-current]").first.scroll_into_view_if_needed()
    stage.shoot(page, "table")


def state_layouts(stage: Stage) -> None:
    def layout(name: str, role: str | None, theme: str, **sides: str | None) -> dict[str, Any]:
        return {"name": name, "role": role, "theme": theme, "open": sides, "sizes": {}}

    kept = [
        layout("Night shift", "operator", "dark", left="tree", right=None, bottom="alarms"),
        layout("Commissioning", None, "light", left="tree", right="properties", bottom=None),
    ]
    file = json.dumps({"format": "twinstage.layouts", "version": 1, "layouts": kept})
    page = stage.page(size=(1000, 600), kept=f"localStorage.setItem('twinstage.layouts', {json.dumps(file)})")
    page.keyboard.press("Control+k")
    page.keyboard.type("layouts")
    page.keyboard.press("Enter")
    wait(page, "document.body.innerText.includes('Night shift')")
    stage.shoot(page, "layouts")


def state_phone(stage: Stage) -> None:
    """The picture with its tools, and a panel over it."""
    # Between robot and cabinet.
    page = stage.page("selected=/WorkCell/Conveyor/Motor&camera=0.1,1.2,1.0,0.45,2.72,0.6,42", **PHONE)
    stage.shoot(page, "phone", then=True)
    page.click("#toggle-right")
    wait(page, "document.querySelector('#dock-right').dataset.open === 'true'")
    stage.shoot(page, "phone-panel")


# --- what is missing -----------------------------------------------------------------------------------------------------


def state_lost(stage: Stage) -> None:
    """The link breaks, and the last state stays."""
    page = stage.page(size=(1000, 600))
    page.context.set_offline(True)
    page.evaluate("twinstage.test.drop()")
    wait(page, "document.querySelector('#banner').innerText.includes('next try')")
    stage.shoot(page, "lost", wants=("Link lost", "Reconnecting"))


def state_broken(stage: Stage) -> None:
    """The scene cannot be had."""
    page = stage.bare(size=(1000, 600))
    sentence = "warehouse.usda, line 214: the texture's closing quotation mark is missing."
    page.route("**/api/scene", lambda route: route.fulfill(status=500, json={"error": sentence}))
    page.goto(stage.url)
    wait(page, "document.querySelector('#card')?.dataset.kind === 'broken'")
    page.wait_for_timeout(400)
    stage.shoot(
        page, "broken", wants=("The scene cannot be shown", "Reconnecting", "Link lost", "Connecting")
    )


def state_loading(stage: Stage) -> None:
    page = stage.bare(size=(1000, 600))
    page.route("**/api/scene", lambda route: None)  # never answered
    page.goto(stage.url)
    wait(page, "document.querySelector('#card')?.dataset.kind === 'loading'")
    stage.shoot(page, "loading", wants=("Loading",))


def state_unreachable(stage: Stage) -> None:
    """The server ends before the page has its scene."""
    with tempfile.TemporaryDirectory() as folder:
        usd = Path(folder) / "site.usda"
        usd.write_text(EMPTY)
        page = stage.bare(size=(1000, 600))
        page.route("**/api/scene*", lambda route: None)
        with program("serve", usd) as url:
            page.goto(url)
            wait(page, "document.querySelector('#card')?.dataset.kind === 'loading'")
        wait(page, "document.querySelector('#card')?.dataset.kind === 'unreachable'")
        stage.shoot(page, "unreachable", wants=("cannot be reached", "Reconnecting", "Link lost"))


def state_empty(stage: Stage) -> None:
    """A stage without geometry."""
    with tempfile.TemporaryDirectory() as folder:
        usd = Path(folder) / "site.usda"
        usd.write_text(EMPTY)
        with program("serve", usd) as url:
            page = stage.bare(size=(1000, 600))
            page.goto(url)
            wait(
                page, "document.querySelector('#card')?.dataset.kind === 'empty' && twinstage.link === 'live'"
            )
            stage.shoot(page, "empty", wants=("Nothing to draw",))


def state_signin(stage: Stage) -> None:
    """A twin that asks who one is."""
    with tempfile.TemporaryDirectory() as folder:
        usd, tokens = Path(folder) / "site.usda", Path(folder) / "tokens.json"
        usd.write_text(EMPTY)
        twinstage("token", "create", "--role", "operator", "--name", "desk", "--file", tokens, quiet=True)
        with program("serve", usd, "--tokens", tokens) as url:
            page = stage.bare(size=(700, 440))
            page.goto(f"{url}signin")
            wait(page, "document.forms.length > 0")
            stage.shoot(page, "signin")


# --- in other pages ------------------------------------------------------------------------------------------------------


def state_embed(stage: Stage) -> None:
    """The example: a page of another origin with the demo in it."""
    import http.server
    import threading

    folder = ROOT / "examples" / "embed"

    class Pages(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args, directory=str(folder))

        def do_GET(self) -> None:
            if self.path != "/":
                super().do_GET()
                return
            text = (folder / "index.html").read_text("utf-8").replace("http://127.0.0.1:8000/", stage.url)
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", EMBED_PORT), Pages)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        page = stage.bare(size=(800, 700))
        page.goto(f"http://localhost:{EMBED_PORT}/")
        wait(page, "document.querySelector('twin-view').ready")
        frame = next(frame for frame in page.frames if "/embed" in frame.url)
        wait(frame, "twinstage.ready")
        page.click("#robot")
        wait(frame, "twinstage.selected === '/WorkCell/Robot'")
        stage.shoot(page, "embed")
    finally:
        server.shutdown()
        server.server_close()


def state_notebook(stage: Stage) -> None:
    """A cell in JupyterLab. Needs the package jupyterlab."""
    lab = shutil.which("jupyter-lab")
    if lab is None:
        raise Missing("jupyter-lab is not installed (pip install jupyterlab 'twinstage[jupyter]')")
    code = (
        "import twinstage\nfrom twinstage.assets.library import bundled\n\ncell = bundled('workcell')\n"
        "t = twinstage.open(cell / 'workcell.usda', bindings=cell / 'bindings.yaml')\n"
        "view = t.view(height=320, selected='/WorkCell/Robot')\nview.frame()\nview"
    )
    cell = {
        "cell_type": "code",
        "id": "a",
        "metadata": {},
        "source": code,
        "outputs": [],
        "execution_count": None,
    }
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    book = {"cells": [cell], "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "twin.ipynb").write_text(json.dumps(book))
        command = [
            lab,
            "--no-browser",
            "--allow-root",
            "--IdentityProvider.token=",
            f"--ServerApp.root_dir={folder}",
        ]
        with told([*command, "--ServerApp.port=0"], r"http://(localhost|127\.0\.0\.1):\d+/lab") as line:
            url = line[line.index("http") :].split("?")[0].strip()
            page = stage.bare(size=(900, 700))
            page.goto(f"{url.replace('/lab', '/doc')}/tree/twin.ipynb")
            page.locator(".jp-CodeCell").first.click()
            page.keyboard.press("Shift+Enter")
            page.wait_for_selector("twin-view", timeout=120_000)
            wait(page, "document.querySelector('twin-view').ready", 120)
            frame = next(frame for frame in page.frames if "/embed" in frame.url)
            wait(frame, "twinstage.ready")
            stage.shoot(page, "notebook.jpg")
