"""Draws the pictures of docs/viewer.md anew: the page in headless Chromium, one function a state.

    python scripts/viewer_pictures.py                 all of them, into docs/images/viewer-*.jpg
    python scripts/viewer_pictures.py light phone     these alone

A state is a function `state_NAME(stage)` that brings a page to it and calls `stage.shoot(page, "NAME")`. It gets the demo, 60 s
old, whose belt has jammed. Look at each picture before you commit it: a script sees no ugliness.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "docs" / "images"
MOST_BYTES = 150_000
DEMO_AGE_S = 60.0
ARGUMENTS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--no-first-run"]
WIDE = (1280, 760)
EMBED_PORT = 9000
HOT = ".label[data-look='alarm'][data-path='/WorkCell/Conveyor/Motor']"
HOT_TAG = f'document.querySelector("{HOT}")'


@dataclass
class Stage:
    """A browser and a running demo; `page` opens one, `shoot` keeps what is seen."""

    browser: Any
    url: str
    made: list[Path] = field(default_factory=list)

    def page(
        self, fragment: str = "", *, size: tuple[int, int] = WIDE, path: str = "", **context: Any
    ) -> Any:
        """A page of its own context at that address part, once its picture is there."""
        made = self.browser.new_context(viewport={"width": size[0], "height": size[1]}, **context)
        page = made.new_page()
        page.set_default_timeout(240_000)
        page.goto(f"{self.url}{path}" + (f"#{fragment}" if fragment else ""))
        wait(page, "!!(window.twinstage && twinstage.ready)")
        page.wait_for_timeout(2500)
        return page

    def bare_page(self, url: str, *, size: tuple[int, int] = WIDE, **context: Any) -> Any:
        """A page that may never come to a picture."""
        page = self.browser.new_context(viewport={"width": size[0], "height": size[1]}, **context).new_page()
        page.set_default_timeout(240_000)
        page.goto(url)
        return page

    def shoot(self, page: Any, name: str) -> None:
        """Writes docs/images/viewer-NAME.jpg, small enough for the repository, and closes the page."""
        path = IMAGES / f"viewer-{name}.jpg"
        for quality in (84, 74, 64, 54):
            page.screenshot(path=str(path), type="jpeg", quality=quality)
            if path.stat().st_size < MOST_BYTES:
                break
        else:
            raise SystemExit(f"{path.name} stays larger than {MOST_BYTES} bytes: shoot a smaller part")
        self.made.append(path)
        page.context.close()


def wait(page: Any, expression: str, seconds: float = 240.0) -> None:
    """Polls from outside: the page's policy forbids what Playwright does inside it."""
    deadline = time.monotonic() + seconds
    while not page.evaluate(expression):
        if time.monotonic() > deadline:
            raise SystemExit(f"still not after {seconds} s: {expression}")
        page.wait_for_timeout(100)


# --- the workbench ----------------------------------------------------------------------------------------------------


def state_workbench(stage: Stage) -> None:
    page = stage.page("selected=/WorkCell/Conveyor")
    stage.shoot(page, "workbench")


def state_light(stage: Stage) -> None:
    page = stage.page("theme=light")
    stage.shoot(page, "light")


def state_palette(stage: Stage) -> None:
    page = stage.page(size=(1000, 600))
    page.keyboard.press("Control+k")
    page.keyboard.type("cam")
    page.wait_for_timeout(400)
    stage.shoot(page, "palette")


def state_keys(stage: Stage) -> None:
    page = stage.page(size=(1000, 700))
    page.keyboard.press("?")
    page.wait_for_timeout(400)
    stage.shoot(page, "keys")


def state_link(stage: Stage) -> None:
    page = stage.page(size=(1000, 640))
    page.click("#link")
    page.wait_for_timeout(1500)
    stage.shoot(page, "link")


def state_table(stage: Stage) -> None:
    page = stage.page(size=(1100, 700))
    page.keyboard.press("Shift+E")
    page.wait_for_timeout(1500)
    stage.shoot(page, "table")


def state_layouts(stage: Stage) -> None:
    page = stage.page(size=(1000, 600))

    def layout(name: str, role: str | None, theme: str, **sides: str | None) -> dict[str, Any]:
        return {"name": name, "role": role, "theme": theme, "open": sides, "sizes": {}}

    kept = [
        layout("Night shift", "operator", "dark", left="tree", right=None, bottom="alarms"),
        layout("Commissioning", None, "light", left="tree", right="properties", bottom=None),
    ]
    file = json.dumps({"format": "twinstage.layouts", "version": 1, "layouts": kept})
    page.evaluate("file => localStorage.setItem('twinstage.layouts', file)", file)
    page.keyboard.press("Control+k")
    page.keyboard.type("layouts")
    page.keyboard.press("Enter")
    page.wait_for_timeout(400)
    stage.shoot(page, "layouts")


def state_section(stage: Stage) -> None:
    page = stage.page("section=0,1,0,0.6,1,Y&camera=5.5,-11,5.5,0,1,1.4,42", size=(1100, 640))
    stage.shoot(page, "section")


def state_measure(stage: Stage) -> None:
    page = stage.page("camera=0,-0.02,30,0,0,0,42,6.2", size=(1100, 640))
    page.keyboard.press("Shift+G")
    page.keyboard.press("Shift+M")
    box = page.locator("#canvas").bounding_box()
    for x, y in ((0.36, 0.66), (0.66, 0.62)):
        page.mouse.click(box["x"] + x * box["width"], box["y"] + y * box["height"])
        page.wait_for_timeout(500)
    page.mouse.move(5, 5)
    page.wait_for_timeout(1200)
    stage.shoot(page, "measure")


def state_phone(stage: Stage) -> None:
    page = stage.page(size=(390, 760), has_touch=True, is_mobile=True)
    page.click("#toggle-left")
    page.wait_for_timeout(600)
    stage.shoot(page, "phone")


def state_lost(stage: Stage) -> None:
    """The link breaks, and the last state stays."""
    page = stage.page(size=(1000, 600))
    page.context.set_offline(True)
    page.evaluate("twinstage.test.drop()")
    wait(page, "document.querySelector('#banner').innerText.includes('next try')")
    stage.shoot(page, "lost")


def state_broken(stage: Stage) -> None:
    """The scene cannot be had."""
    page = stage.browser.new_context(viewport={"width": 1000, "height": 600}).new_page()
    page.route(
        "**/api/scene", lambda route: route.fulfill(status=500, body='{"error": "the stage is damaged"}')
    )
    page.goto(stage.url)
    wait(page, "document.querySelector('#card')?.dataset.kind === 'broken'")
    page.wait_for_timeout(500)
    stage.shoot(page, "broken")


def state_loading(stage: Stage) -> None:
    page = stage.browser.new_context(viewport={"width": 1000, "height": 600}).new_page()
    page.route("**/api/scene", lambda route: None)  # never answered
    page.goto(stage.url)
    wait(page, "document.querySelector('#card')?.dataset.kind === 'loading'")
    stage.shoot(page, "loading")


# --- tree, properties, edits -------------------------------------------------------------------------------------------


def state_tree(stage: Stage) -> None:
    page = stage.page("selected=/WorkCell/Conveyor/Motor&hidden=/WorkCell/Racks", size=(1100, 640))
    page.click(".tree-panel [aria-label='Filters']")
    page.click(".chip:text-is('Live signals')")
    page.wait_for_timeout(600)
    stage.shoot(page, "tree")


def state_move(stage: Stage) -> None:
    page = stage.page("selected=/WorkCell/Cabinet", size=(1100, 640))
    page.locator("#canvas").focus()
    page.keyboard.press("f")
    page.keyboard.press("t")
    page.wait_for_timeout(1500)
    stage.shoot(page, "move")


def state_bind(stage: Stage) -> None:
    page = stage.page("selected=/WorkCell/Cabinet", size=(1100, 640))
    page.locator("#canvas").focus()
    page.keyboard.press("f")
    page.click("#tab-bind")
    page.fill("[aria-label='Search signals']", "motor")
    page.click(".bind-signal[data-id='motor.temperature']")
    page.select_option("[aria-label='What it drives']", "color")
    for k, value in enumerate(("40", "70")):
        page.locator(".stop input[type=text]").nth(k).fill(value)
    page.click(".bind .button:text-is('Preview')")
    page.wait_for_timeout(1500)
    stage.shoot(page, "bind")


def state_edits(stage: Stage) -> None:
    page = stage.page("selected=/WorkCell/Cabinet", size=(1100, 640))
    for name, value in (("position x", "1.4"), ("rotation yaw", "20")):
        wait(page, "!document.querySelector('.pose-input').readOnly")
        page.locator(f"[aria-label='{name}']").fill(value)
        page.locator(f"[aria-label='{name}']").press("Enter")
        page.wait_for_timeout(1200)
    page.click("#tab-edits")
    page.wait_for_timeout(600)
    page.keyboard.press("Control+z")
    page.wait_for_timeout(1500)
    stage.shoot(page, "edits")
    # The other states see the cell as it was designed.


# --- time, charts, lists -----------------------------------------------------------------------------------------------


def state_past(stage: Stage) -> None:
    page = stage.page("selected=/WorkCell/Conveyor/Motor", size=(1280, 720))
    wait(page, "twinstage.time.firstMs > 0")
    page.evaluate("twinstage.charts.add(['motor.temperature', 'motor.current'])")
    page.evaluate("twinstage.charts.window(60000, null)")
    page.evaluate("twinstage.time.seek(twinstage.time.now - 20000)")
    page.wait_for_timeout(3000)
    stage.shoot(page, "past")


def state_together(stage: Stage) -> None:
    """A marked span, played backwards, with somebody who follows."""
    page = stage.page("selected=/WorkCell/Conveyor/Motor")
    wait(page, "twinstage.time.firstMs > 0")
    other = stage.page(size=(400, 300))
    page.evaluate(
        "() => { const now = twinstage.time.now; twinstage.time.loop(now - 24000, now - 12000);"
        " twinstage.time.seek(now - 16000); twinstage.time.speed(-0.5); twinstage.time.together.lead();"
        " twinstage.time.play(); }"
    )
    page.select_option("#time-span", "60000")
    wait(other, "twinstage.time.together.leader !== null")
    other.evaluate("twinstage.time.together.follow()")
    wait(page, "twinstage.time.together.followers.length === 1")
    page.wait_for_timeout(2500)
    stage.shoot(page, "together")


def state_charts(stage: Stage) -> None:
    page = stage.page("selected=/WorkCell/Conveyor/Motor", size=(1280, 800))
    page.evaluate("localStorage.clear()")
    page.evaluate("twinstage.charts.add(['motor.temperature', 'motor.current', 'conveyor.state'])")
    page.evaluate("twinstage.charts.window(60000, null)")
    page.wait_for_timeout(3000)
    stage.shoot(page, "charts")


def state_messages(stage: Stage) -> None:
    page = stage.page(size=(1100, 700))
    page.click("#tab-wire")
    page.wait_for_timeout(2000)
    stage.shoot(page, "messages")


# --- live data --------------------------------------------------------------------------------------------------------


def state_alarms(stage: Stage) -> None:
    page = stage.page()
    page.keyboard.press("Shift+A")
    page.keyboard.press("Enter")
    page.wait_for_timeout(2500)
    stage.shoot(page, "alarms")


def state_journal(stage: Stage) -> None:
    page = stage.page(size=(1100, 640))
    page.keyboard.press("Shift+J")
    page.wait_for_timeout(2000)
    stage.shoot(page, "journal")


def _with_hot_motor(stage: Stage) -> Any:
    """As the demo's page opens for somebody who has never seen it, while the motor is hot."""
    page = stage.page()
    wait(page, f"{HOT_TAG}?.dataset.grade === 'medium' && {HOT_TAG}.dataset.placed === 'true'")
    return page


def _shown_hot_motor(stage: Stage) -> Any:
    page = _with_hot_motor(stage)
    page.locator(HOT).click()
    wait(page, "twinstage.charts.drawn[0]?.lines.length > 0")
    page.mouse.move(5, 5)
    page.wait_for_timeout(2500)
    return page


def state_tour_1(stage: Stage) -> None:
    stage.shoot(_with_hot_motor(stage), "tour-1")


def state_tour_2(stage: Stage) -> None:
    stage.shoot(_shown_hot_motor(stage), "tour-2")


def state_tour_3(stage: Stage) -> None:
    page = _shown_hot_motor(stage)
    page.click(".alarm-banner button:text-is('Acknowledge')")
    wait(page, "!document.querySelector('.alarm-banner')?.innerText.includes('motor is hot')")
    page.wait_for_timeout(1500)
    stage.shoot(page, "tour-3")


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
        page = stage.bare_page(f"http://localhost:{EMBED_PORT}/", size=(800, 640))
        wait(page, "document.querySelector('twin-view').ready")
        page.click("#robot")
        frame = next(frame for frame in page.frames if "/embed" in frame.url)
        wait(frame, "twinstage.selected === '/WorkCell/Robot'")
        page.wait_for_timeout(5000)
        stage.shoot(page, "embed")
    finally:
        server.shutdown()


def state_layers(stage: Stage) -> None:
    page = stage.page()
    page.click("#tab-layers")
    for name in ("tags", "color", "icons", "trails", "heat"):
        page.locator(f"#layer-{name}").set_checked(True)
    page.wait_for_timeout(4000)
    stage.shoot(page, "layers")


def state_labels(stage: Stage) -> None:
    page = stage.page("through=/WorkCell/Cameras/Overview", size=(1180, 760))
    page.click("#tab-labels")
    page.locator("#labels-on").check()
    for path in ("/WorkCell/Hall", "/WorkCell/Hall/Floor", "/WorkCell/Conveyor"):
        page.get_by_label("Prims by path or pattern").fill(path)
        page.get_by_label("Prims by path or pattern").press("Enter")
    page.click(".labels-form button:text-is('Remove label')")
    wait(page, "twinstage.labels.coverage?.unlabelled > 0", 30)
    page.locator("[data-path='/WorkCell/Conveyor'] input").check()
    page.wait_for_timeout(1500)
    stage.shoot(page, "labels")
    again = stage.page()  # the other states see the cell as it was designed
    again.locator("#canvas").focus()
    again.keyboard.press("Control+z")
    again.wait_for_timeout(2500)
    again.context.close()


def state_overlays(stage: Stage) -> None:
    command = [sys.executable, str(ROOT / "examples/python/overlays.py"), "120", "0"]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    try:
        page = stage.bare_page(child.stdout.readline().strip())
        wait(page, "!!(window.twinstage && twinstage.ready && twinstage.overlays.drawn.scan?.drawn)")
        page.click("#tab-controls")
        page.wait_for_timeout(2500)
        stage.shoot(page, "overlays")
    finally:
        child.terminate()
        child.wait(20)


# --- running ----------------------------------------------------------------------------------------------------------


@contextmanager
def demo() -> Iterator[str]:
    """A demo old enough that something has happened in it."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "twinstage", "demo", "--port", "0", "--out", folder]
        command += ["--allow-embed", f"http://localhost:{EMBED_PORT}"]
        child = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env={**os.environ}
        )
        assert child.stdout is not None
        began, url = time.monotonic(), ""
        try:
            for line in child.stdout:
                if found := re.search(r"serving .* at (http://\S+)", line):
                    url = found[1].rstrip("/") + "/"
                    break
            if not url:
                raise SystemExit("the demo did not start")
            time.sleep(max(0.0, DEMO_AGE_S - (time.monotonic() - began)))
            yield url
        finally:
            child.terminate()
            child.wait(20)


def states() -> dict[str, Callable[[Stage], None]]:
    """All states by name."""
    return {name[6:]: value for name, value in globals().items() if name.startswith("state_")}


# --- datasets: servers of their own, without a demo ---------------------------------------------------------------------

ALONE = ("datasets", "frame", "classes", "preview", "look")
"""States that need no demo."""
SETS = Path(tempfile.gettempdir()) / "twinstage-pictures"
WAREHOUSE = ROOT / "examples" / "warehouse"
SMALL = (
    "engine.kind=raycast",
    "engine.denoise=false",
    "resolution=[480, 360]",
    "export=[]",
    "accept.min_visible_px=40",
)


@contextmanager
def program(*arguments: str, says: str) -> Iterator[str]:
    """A `twinstage` command that serves a page; its address."""
    command = [sys.executable, "-m", "twinstage", *arguments, "--port", "0"]
    child = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    try:
        for line in child.stdout:
            if line.startswith(says):
                yield line.split(" at ")[1].split()[0] + "/"
                break
    finally:
        child.terminate()
        child.wait()


def warehouse() -> Path:
    """A dataset of the warehouse, made once."""
    out = SETS / "warehouse"
    if not (out / "manifest.json").is_file():
        command = [sys.executable, "-m", "twinstage", "synth", "generate", str(WAREHOUSE / "recipe.yaml")]
        command += ["--out", str(out), "--frames", "8", "--no-verify"]
        subprocess.run(
            [*command, *(word for text in SMALL for word in ("--set", text))], cwd=ROOT, check=True
        )
    return SETS


@contextmanager
def viewing(stage: Stage, fragment: str, size: tuple[int, int] = WIDE) -> Iterator[Any]:
    """The page of `synth view` on that dataset."""
    recipe = str((WAREHOUSE / "recipe.yaml").relative_to(ROOT))
    with program("synth", "view", str(warehouse()), "--recipe", recipe, says="showing ") as url:
        page = stage.bare_page(f"{url}#{fragment}", size=size)
        page.set_default_timeout(240_000)
        wait(page, "document.querySelectorAll('.tile img').length > 0 || !!datasets.browser.frame.camera")
        page.wait_for_timeout(3000)
        yield page


def state_datasets(stage: Stage) -> None:
    with viewing(stage, "dataset=warehouse&query=class:tote,parcel occlusion>0.3&sort=-occlusion") as page:
        page.locator(".tiles").focus()
        page.wait_for_timeout(1500)
        stage.shoot(page, "datasets")


def state_frame(stage: Stage) -> None:
    with viewing(stage, "dataset=warehouse&frame=2&camera=aisle") as page:
        wait(page, "!!datasets.browser.frame.camera && !!document.querySelector('.side-command')")
        page.evaluate(
            "datasets.browser.frame.choose(datasets.browser.frame.camera.objects.findIndex((o) => o.visible_px > 900))"
        )
        page.keyboard.press("v")
        wait(page, "!!document.querySelector('.side-good, .side-bad')")
        page.wait_for_timeout(800)
        stage.shoot(page, "frame")


def state_classes(stage: Stage) -> None:
    with viewing(stage, "dataset=warehouse", size=(1100, 640)) as page:
        page.click("button:text-is('Classes')")
        page.wait_for_timeout(800)
        stage.shoot(page, "classes")


def state_preview(stage: Stage) -> None:
    recipe = str((ROOT / "examples" / "parcels" / "recipe.yaml").relative_to(ROOT))
    with program("synth", "preview", recipe, says="trying ") as url:
        page = stage.bare_page(url, size=(1280, 800))
        page.set_default_timeout(240_000)
        ready = "document.querySelectorAll('.preview-picture img').length === 6 && !document.querySelector('[data-old=true]')"
        wait(page, ready, 600)
        slider = page.locator("[aria-label='lamps.intensity, greatest']")
        slider.evaluate("e => { e.value = 900; e.dispatchEvent(new Event('input')); }")
        page.locator("[data-randomizer=lamps]").scroll_into_view_if_needed()
        page.wait_for_timeout(3000)
        wait(page, ready, 600)
        page.wait_for_timeout(800)
        stage.shoot(page, "preview")


def state_look(stage: Stage) -> None:
    """The twin's page looks from where a record was made."""
    roots = (
        "--asset-root",
        str(ROOT / "assets/library/workcell"),
        "--asset-root",
        str(ROOT.parent / "shared/assets"),
    )
    usd = str(WAREHOUSE / "warehouse.usda")
    with program(
        "serve", usd, *roots, "--datasets", str(warehouse()), "--camera-engine", "off", says="serving "
    ) as url:
        page = Stage(stage.browser, url).page("panel=datasets", size=(1280, 860))
        page.click("#tab-datasets")
        wait(page, "document.querySelectorAll('.tile img').length > 3")
        page.locator(".tile", has_text="overview").first.click()
        wait(page, "!!twinstage.datasets.browser.frame.camera")
        page.click("button:text-is('Look from here')")
        page.wait_for_timeout(4000)
        stage.shoot(page, "look")


def main() -> None:
    from playwright.sync_api import sync_playwright

    known = states()
    wanted = sys.argv[1:] or list(known)
    if unknown := [name for name in wanted if name not in known]:
        sys.exit(f"there is no state {unknown[0]!r}; there are {', '.join(known)}")
    chromium = next(
        (p for p in map(shutil.which, ("chromium", "chromium-browser", "google-chrome")) if p), None
    )
    if chromium is None:
        sys.exit("no Chromium on this machine")
    alone = all(name in ALONE for name in wanted)
    with nullcontext("") if alone else demo() as url, sync_playwright() as playwright:
        stage = Stage(playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS), url)
        for name in wanted:
            known[name](stage)
            print(stage.made[-1].relative_to(ROOT), stage.made[-1].stat().st_size, flush=True)
        stage.browser.close()


if __name__ == "__main__":
    main()
