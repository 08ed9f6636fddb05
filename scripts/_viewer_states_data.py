"""States that show something else than the demo: overlays, faulty logs, recordings, datasets. See viewer_pictures.py."""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from _viewer_servers import WAREHOUSE, program, recording, told, twinstage, warehouse
from _viewer_stage import ROOT, WIDE, Missing, Stage, wait
from _viewer_states_twin import CHARTED, layers

SHARED = ROOT.parent / "shared"
EXAMPLES = ROOT / "examples"


def shared(path: str) -> Path:
    """A file beside the checkout."""
    found = SHARED / path
    if not found.exists():
        raise Missing(f"there is no shared/{path} beside the checkout")
    return found


@contextmanager
def serving(folder: Path, stage: str, *more: object) -> Iterator[str]:
    """`twinstage serve` of an example; its address."""
    usd = folder / stage
    with program(
        "serve", usd, "--bindings", folder / "bindings.yaml", "--camera-engine", "off", *more
    ) as url:
        yield url


# --- programs, logs, recordings ------------------------------------------------------------------------------------------


def state_overlays(stage: Stage) -> None:
    with told([sys.executable, str(EXAMPLES / "python/overlays.py"), "300", "0"], "^http") as line:
        page = stage.page("camera=3.9,-10.2,5.2,1.2,-2.6,0.4,42", url=line.strip().rstrip("/") + "/")
        wait(page, "!!twinstage.overlays.drawn.scan?.drawn")
        page.click("#tab-controls")
        stage.shoot(page, "overlays")


def state_stale(stage: Stage) -> None:
    """The minute of silence in a faulty log, looked at afterwards: stale and bad values, a gap in the chart, a grey pump."""
    pump = EXAMPLES / "time_series"
    with (
        tempfile.TemporaryDirectory() as folder,
        serving(pump, "pump.usda", "--speed", "60", "--history", folder) as url,
    ):
        page = stage.page("selected=/Station/Pump", url=url, size=(1280, 800))
        page.evaluate("twinstage.charts.add(['pump.discharge', 'pump.efficiency'])")
        page.evaluate("twinstage.charts.window(300000, null)")
        wait(page, "twinstage.time.now - twinstage.time.firstMs > 720000")
        page.evaluate("twinstage.time.seek(twinstage.time.firstMs + 650000)")
        wait(page, "document.querySelector('#dock-right').innerText.includes('bad, ')", 20)
        wait(page, CHARTED)
        stage.shoot(page, "stale")


def state_report(stage: Stage) -> None:
    """The report on those logs, a page of its own."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "pump.html"
        twinstage("telemetry", "ingest", EXAMPLES / "time_series" / "contract.yaml", "--report", out, code=1)
        page = stage.bare(size=(1240, 825))
        page.goto(out.as_uri())
        stage.shoot(page, "telemetry-report.jpg")


def state_heat(stage: Stage) -> None:
    """Mixers of a factory: their temperatures in colours, and spread over the floor."""
    shared("telemetry/cookie_factory")
    with serving(EXAMPLES / "recordings/cookie_factory", "scene.usda", "--speed", "100") as url:
        temperature = {"signals": "*.temperature"}
        page = stage.page(url=url, kept=layers(color={**temperature, "map": "coolwarm"}, heat=temperature))
        wait(page, "!!document.querySelector('.legend')")
        stage.shoot(page, "heat")


def state_recording(stage: Stage) -> None:
    command = [sys.executable, "-m", "twinstage", "open", str(recording(stage.url)), "--loop", "--port", "0"]
    with told(command, "^Open http") as line:
        page = stage.page("selected=/WorkCell/Robot", url=line.split()[1].rstrip("/") + "/")
        page.evaluate("void twinstage.time.seek(twinstage.time.firstMs + 8000)")
        stage.shoot(page, "recording", wants=("Recording",))


def state_palletizer(stage: Stage) -> None:
    assets = shared("telemetry").parent
    with serving(EXAMPLES / "palletizer", "palletizer.usda", "--asset-root", assets) as url:
        page = stage.page("selected=/Cell/Robot/Physics/joint_3", url=url, size=(1280, 720))
        page.wait_for_timeout(17_000)  # the third crate
        stage.shoot(page, "palletizer.png")


# --- datasets ------------------------------------------------------------------------------------------------------------


@contextmanager
def viewing(stage: Stage, fragment: str, size: tuple[int, int] = WIDE) -> Iterator[Any]:
    """The page of `synth view` on that dataset."""
    recipe = (WAREHOUSE / "recipe.yaml").relative_to(ROOT)  # as the pictures show it
    with program("synth", "view", warehouse(), "--recipe", recipe, says="showing ") as url:
        page = stage.bare(size=size)
        page.goto(f"{url}#{fragment}")
        wait(page, "document.querySelectorAll('.tile img').length > 0 || !!datasets.browser.frame.camera")
        yield page


def state_datasets(stage: Stage) -> None:
    with viewing(stage, "dataset=warehouse&query=class:tote,parcel occlusion>0.3&sort=-occlusion") as page:
        page.locator(".tiles").focus()
        stage.shoot(page, "datasets")


def state_frame(stage: Stage) -> None:
    with viewing(stage, "dataset=warehouse&frame=2&camera=aisle", (1440, 800)) as page:
        wait(page, "!!datasets.browser.frame.camera && !!document.querySelector('.side-command')")
        big = "datasets.browser.frame.camera.objects.findIndex((o) => o.visible_px > 900)"
        page.evaluate(f"datasets.browser.frame.choose({big})")
        page.keyboard.press("v")
        wait(page, "!!document.querySelector('.side-good, .side-bad')", 120)
        stage.shoot(page, "frame")


def state_classes(stage: Stage) -> None:
    with viewing(stage, "dataset=warehouse", (1100, 640)) as page:
        page.click("button:text-is('Classes')")
        wait(page, "!!document.querySelector('dialog[open], [role=dialog]')")
        stage.shoot(page, "classes")


def state_preview(stage: Stage) -> None:
    with program("synth", "preview", EXAMPLES / "parcels" / "recipe.yaml", says="trying ") as url:
        page = stage.bare(size=(1280, 800))
        page.goto(url)
        ready = "document.querySelectorAll('.preview-picture img').length === 6 && !document.querySelector('[data-old=true]')"
        wait(page, ready, 300)
        slider = page.locator("[aria-label='lamps.intensity, greatest']")
        slider.evaluate("e => { e.value = 900; e.dispatchEvent(new Event('input')); }")
        page.locator("[data-randomizer=lamps]").scroll_into_view_if_needed()
        wait(page, "!!document.querySelector('[data-old=true]')", 20)
        wait(page, ready, 300)
        stage.shoot(page, "preview")


def state_look(stage: Stage) -> None:
    """The twin's page looks from where a record was made."""
    assets = shared("assets")
    roots = ("--asset-root", ROOT / "assets/library/workcell", "--asset-root", assets)
    usd = WAREHOUSE / "warehouse.usda"
    with program("serve", usd, *roots, "--datasets", warehouse(), "--camera-engine", "off") as url:
        page = stage.page("panel=datasets", url=url, size=(1280, 860))
        page.click("#tab-datasets")
        wait(page, "document.querySelectorAll('.tile img').length > 3")
        page.locator(".tile", has_text="overview").first.click()
        wait(page, "!!twinstage.datasets.browser.frame.camera")
        page.click("button:text-is('Look from here')")
        stage.shoot(page, "look")
