"""The scene's tree and the properties of the selection, against a live twin: what is drawn, picked, listed and told."""

import json
import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("wide"), pytest.mark.timeout(300)]

Until = Callable[..., Any]
TREE = ".tree .row"


@pytest.fixture(autouse=True)
def at_rest(live: Any, live_page: Any) -> Iterator[None]:
    yield
    live_page.evaluate("twinstage.select(null)")
    if live_page.locator(".tree-aside button").is_visible():
        live_page.click(".tree-aside button")
    live_page.fill(".tree-panel input[type=search]", "")
    live.calm()


def rows(page: Any) -> list[str]:
    texts: list[str] = page.locator(f"{TREE} .name").all_inner_texts()
    return texts


def row(page: Any, name: str) -> Any:
    return page.locator(TREE).filter(has=page.locator(f".name:text-is('{name}')"))


def shown(page: Any) -> set[str]:
    page.wait_for_timeout(150)
    return set(page.evaluate("twinstage.shownPaths()"))


def expand_all(page: Any) -> None:
    page.click("[aria-label='Expand all']")


ALL = {
    "/Cell/Belt/Frame",
    "/Cell/Belt/Motor",
    "/Cell/Agv1/Body",
    "/Cell/Tank/Wall",
    "/Cell/Parcels[5]",
    "/Cell/Parcels[9]",
}


def test_the_eye_hides_here_and_nothing_is_sent(live: Any, live_page: Any, until: Until) -> None:
    expand_all(live_page)
    assert shown(live_page) == ALL
    row(live_page, "Belt").hover()
    row(live_page, "Belt").locator(".eye").click()
    until(live_page, "twinstage.shownPaths().length === 4")
    assert shown(live_page) == ALL - {"/Cell/Belt/Frame", "/Cell/Belt/Motor"}
    assert live.ask("api/v1/prims/Cell/Belt")["visible"] is True
    live_page.click("text=Show all")
    until(live_page, "twinstage.shownPaths().length === 6")


def test_isolating_shows_one_thing_alone_a_point_too(live_page: Any, until: Until) -> None:
    live_page.evaluate("twinstage.select('/Cell/Tank')")
    live_page.locator("#canvas").focus()
    live_page.keyboard.press("i")
    until(live_page, "twinstage.shownPaths().length === 1")
    assert shown(live_page) == {"/Cell/Tank/Wall"}
    live_page.keyboard.press("i")
    until(live_page, "twinstage.shownPaths().length === 6")
    live_page.evaluate("twinstage.select('/Cell/Parcels[9]')")
    live_page.keyboard.press("i")
    until(live_page, "twinstage.shownPaths().length === 1")
    assert shown(live_page) == {"/Cell/Parcels[9]"}


def test_what_is_hidden_cannot_be_picked(live_page: Any, until: Until) -> None:
    """Nor is it in the picture: the pixels in its place are others."""
    live_page.evaluate("twinstage.select('/Cell/Tank')")
    live_page.locator("#canvas").focus()
    live_page.keyboard.press("f")
    live_page.evaluate("twinstage.select(null)")
    box = live_page.locator("#canvas").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    until(live_page, f"twinstage.pickAt({x}, {y}) === '/Cell/Tank/Wall'")
    before = pixel(live_page, x, y)
    live_page.evaluate("twinstage.select('/Cell/Tank')")
    live_page.locator("#canvas").focus()
    live_page.keyboard.press("v")
    until(live_page, f"twinstage.pickAt({x}, {y}) !== '/Cell/Tank/Wall'")
    live_page.evaluate("twinstage.select(null)")
    live_page.wait_for_timeout(300)
    assert max(abs(a - b) for a, b in zip(before, pixel(live_page, x, y), strict=True)) > 8


def pixel(page: Any, x: float, y: float) -> tuple[int, ...]:
    from io import BytesIO

    from PIL import Image

    image = page.screenshot(clip={"x": x - 1, "y": y - 1, "width": 3, "height": 3})
    found: tuple[int, ...] = Image.open(BytesIO(image)).convert("RGB").getpixel((1, 1))
    return found


def test_picking_again_with_alt_goes_up_and_keys_go_down(live_page: Any, until: Until) -> None:
    live_page.evaluate("twinstage.select('/Cell/Belt/Motor')")
    live_page.locator("#canvas").focus()
    live_page.keyboard.press("f")
    box = live_page.locator("#canvas").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    until(live_page, f"twinstage.pickAt({x}, {y}) === '/Cell/Belt/Motor'")
    live_page.evaluate("twinstage.select(null)")
    live_page.mouse.click(x, y)
    assert live_page.evaluate("twinstage.selected") == "/Cell/Belt/Motor"
    went = []
    live_page.keyboard.down("Alt")
    for _ in range(3):
        live_page.mouse.click(x, y)
        live_page.wait_for_timeout(80)
        went.append(live_page.evaluate("twinstage.selected"))
    live_page.keyboard.up("Alt")
    assert went == ["/Cell/Belt", "/Cell", "/Cell/Belt/Motor"]
    live_page.locator("#canvas").focus()
    live_page.keyboard.press("u")
    assert live_page.evaluate("twinstage.selected") == "/Cell/Belt"
    live_page.keyboard.press("Alt+U")
    assert live_page.evaluate("twinstage.selected") == "/Cell/Belt/Motor"


def test_a_search_and_filters_leave_what_fits(live: Any, live_page: Any, until: Until) -> None:
    search = live_page.locator(".tree-panel input[type=search]")
    search.fill("type:cube")
    assert set(rows(live_page)) == {
        "Cell",
        "Belt",
        "Frame",
        "Motor",
        "Agv1",
        "Body",
        "Parcels",
        "Protos",
        "Box",
    }
    search.fill("")
    live_page.click("[aria-label='Filters']")
    live_page.select_option("[aria-label='Class']", "vehicle")
    assert rows(live_page) == ["Cell", "Agv1"]
    live_page.select_option("[aria-label='Class']", "")
    live.say(motor_temperature=91.0)
    live_page.click(".chip:text-is('In alarm')")
    until(live_page, "document.querySelectorAll('.tree .row').length === 3")
    assert rows(live_page) == ["Cell", "Belt", "Motor"]
    live_page.click(".chip:text-is('In alarm')")
    live_page.click("[aria-label='Filters']")


def test_the_tree_is_a_tree_for_the_keyboard(live_page: Any, until: Until) -> None:
    live_page.click("[aria-label='Collapse all']")
    assert rows(live_page) == ["Cell"]
    tree = live_page.locator(".tree")
    tree.focus()
    live_page.keyboard.press("Home")
    for key in ("ArrowRight", "ArrowDown", "ArrowDown", "ArrowRight", "ArrowDown", "Enter"):
        live_page.keyboard.press(key)
    assert live_page.evaluate("twinstage.selected") == "/Cell/Belt/Frame"
    active = live_page.locator(f"[id='{tree.get_attribute('aria-activedescendant')}']")
    place = [active.get_attribute(f"aria-{name}") for name in ("level", "posinset", "setsize")]
    assert place == ["3", "1", "2"]
    live_page.keyboard.press("ArrowLeft")
    live_page.keyboard.press("ArrowLeft")
    assert rows(live_page)[:4] == ["Cell", "Agv1", "Belt", "Parcels"]
    assert row(live_page, "Belt").get_attribute("aria-expanded") == "false"


def test_points_are_rows_of_their_instancer(live_page: Any) -> None:
    live_page.evaluate("twinstage.select('/Cell/Parcels[9]')")
    assert "[9]" in rows(live_page)
    row(live_page, "[5]").click()
    assert live_page.evaluate("twinstage.selected") == "/Cell/Parcels[5]"
    assert live_page.locator(".pose-input >> nth=1").input_value() == "4.0000"


def test_the_menu_works_by_keys(live_page: Any, until: Until) -> None:
    live_page.evaluate("twinstage.select('/Cell/Tank')")
    live_page.locator(".tree").focus()
    live_page.keyboard.press("Shift+F10")
    menu = live_page.locator("[role=menu]")
    assert menu.get_attribute("aria-label") == "Actions for /Cell/Tank"
    for _ in range(2):
        live_page.keyboard.press("ArrowDown")
    live_page.keyboard.press("Enter")
    until(live_page, "twinstage.shownPaths().length === 5")
    assert menu.count() == 0
    assert live_page.evaluate("document.activeElement.getAttribute('role')") == "tree"


def test_a_link_brings_back_what_is_hidden(
    live: Any, live_page: Any, open_page: Callable[..., Any], until: Until
) -> None:
    live_page.evaluate("twinstage.select('/Cell/Agv1')")
    live_page.locator("#canvas").focus()
    live_page.keyboard.press("v")
    until(live_page, "location.hash.includes('Agv1')")
    other = open_page(live_page.evaluate("location.href"))
    until(other, "twinstage.shownPaths().length === 5")
    assert other.evaluate("twinstage.shownPaths().includes('/Cell/Agv1/Body')") is False


# --- properties ----------------------------------------------------------------------------------------------------


def test_properties_tell_what_the_api_tells(live: Any, live_page: Any, until: Until) -> None:
    live_page.evaluate("twinstage.select('/Cell/Belt/Motor')")
    until(live_page, "document.querySelectorAll('.attr').length > 3")
    told = live_page.evaluate("twinstage.properties()")
    asked = live.ask("api/v1/prims/Cell/Belt/Motor")
    assert told["world"] == asked["world"]
    assert told["attributes"]["size"] == 0.6
    panel = live_page.locator(".inspector")
    assert panel.locator(".pose-input").first.input_value() == "0.0000"
    live_page.click(".segments button:text-is('World')")
    assert [panel.locator(".pose-input").nth(k).input_value() for k in range(3)] == [
        "3.0000",
        "0.0000",
        "0.8000",
    ]
    live_page.click(".segments button:text-is('Local')")
    names = panel.locator(".attr-name").all_inner_texts()
    assert "twin:temperature" in names and "size" in names


def test_a_value_reads_in_the_contracts_unit_or_in_si(live: Any, live_page: Any, until: Until) -> None:
    live.say(motor_temperature=61.5)
    live_page.evaluate("twinstage.select('/Cell/Belt/Motor')")
    row = "[...document.querySelectorAll('.signal')].find(e => e.title.startsWith('motor.temperature'))"
    reading = f"({row}?.querySelector('.reading').innerText ?? '').replace(/\\s/g, '')"
    until(live_page, f"{reading} === '61.50°C'")
    live_page.click(".segments button:text-is('SI')")
    until(live_page, f"/^334.[67]K$/.test({reading})")
    live_page.click(".segments button:text-is('Contract')")
    sources = live_page.locator(".signal-source").all_inner_texts()
    assert set(sources) == {"plc"}


def test_what_is_moved_by_telemetry_says_why_it_is_locked(live: Any, live_page: Any, until: Until) -> None:
    live_page.evaluate("twinstage.select('/Cell/Agv1')")
    until(
        live_page,
        "/moved by its binding/.test(document.querySelector('.inspector .prop-why')?.innerText ?? '')",
    )
    assert live_page.locator(".pose-input").first.get_attribute("readonly") is not None
    live.say(agv1_x=2.25)
    until(live_page, "document.querySelector('.pose-input').value === '2.2500'")


def test_a_path_and_values_are_copied(live_page: Any, until: Until) -> None:
    live_page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    live_page.evaluate("twinstage.select('/Cell/Belt')")
    until(live_page, "document.querySelectorAll('.attr').length > 1")
    live_page.click("[aria-label='Copy the path']")
    until(live_page, "navigator.clipboard.readText().then(t => t === '/Cell/Belt')")
    live_page.click("text=Copy values")
    until(live_page, "navigator.clipboard.readText().then(t => t.startsWith('{'))")
    copied = json.loads(live_page.evaluate("navigator.clipboard.readText()"))
    assert copied["path"] == "/Cell/Belt"
    assert copied["signals"]["belt.speed"]["value"] == 1.0


def test_breadcrumbs_lead_up(live_page: Any) -> None:
    live_page.evaluate("twinstage.select('/Cell/Belt/Motor')")
    crumbs = live_page.locator(".crumbs")
    assert re.sub(r"\s", "", crumbs.inner_text()) == "/Cell/Belt/Motor"
    crumbs.locator("button").nth(1).click()
    assert live_page.evaluate("twinstage.selected") == "/Cell/Belt"


def inked(page: Any) -> list[tuple[float, float, float]]:
    """Of each column of the first signal's line with something in it: where, its lowest and its highest, in parts of 100."""
    found: list[tuple[float, float, float]] = page.evaluate(
        """() => { const canvas = document.querySelector('.signal .sparkline'), { width, height } = canvas;
          const copy = Object.assign(document.createElement('canvas'), { width, height });
          const context = copy.getContext('2d', { willReadFrequently: true });
          context.drawImage(canvas, 0, 0);
          const { data } = context.getImageData(0, 0, width, height);
          const rows = [...Array(height).keys()];
          return [...Array(width).keys()].flatMap((x) => {
            const ys = rows.filter((y) => data[4 * (y * width + x) + 3] > 40).map((y) => 100 * (1 - y / height));
            return ys.length ? [[100 * x / width, Math.min(...ys), Math.max(...ys)]] : [];
          }); }"""
    )
    return found


def test_a_signal_has_its_age_and_its_course_and_the_longer_one_comes_from_the_history(
    live: Any, live_page: Any, until: Until
) -> None:
    live_page.evaluate("twinstage.select('/Cell/Tank')")
    live.say(tank_level=50)
    age = "document.querySelector('.signal[data-signal=\"tank.level\"] .age')?.innerText"
    until(live_page, f"/^[1-9](\\.\\d)? s$/.test({age})")
    live.say(tank_level=90)
    until(live_page, f"/ ms$/.test({age})")
    live_page.wait_for_timeout(900)
    line = inked(live_page)
    # The step is in the line, at its end: low until a second ago, then high.
    assert line[-1][0] > 95 and line[-1][1] > 70
    assert min(low for x, low, _ in line if x > 80) < 30
    # What this page has not seen itself the history tells.
    live_page.reload()
    until(live_page, "!!(window.twinstage && twinstage.ready)")
    live_page.evaluate("twinstage.select('/Cell/Tank')")
    until(live_page, "document.querySelectorAll('.attr').length > 0")
    live_page.wait_for_timeout(600)

    def tall() -> float:
        line = inked(live_page)
        return max(high for _, _, high in line) - min(low for _, low, _ in line)

    assert tall() < 25, "only the newest value is known"
    live_page.click("[data-span]")
    deadline = time.monotonic() + 60
    while tall() <= 60:
        assert time.monotonic() < deadline, tall()
        live_page.wait_for_timeout(150)
    live_page.click("[data-span]")
    live_page.evaluate("twinstage.select('/Cell/Belt/Motor')")
    stale = "document.querySelector('.signal[data-signal=\"motor.current\"] .age')?.innerText"
    until(live_page, f"/^stale, \\d/.test({stale})")


def test_labels_and_kind_are_told(live_page: Any, until: Until) -> None:
    live_page.evaluate("twinstage.select('/Cell/Belt')")
    until(live_page, "document.querySelectorAll('.attr').length > 1")
    text = live_page.inner_text(".inspector").lower()
    assert "conveyor" in text and "component" in text
    live_page.evaluate("twinstage.select('/Cell/Tank')")
    until(live_page, "!document.querySelector('.inspector').innerText.toLowerCase().includes('conveyor')")
    assert "component" in live_page.inner_text(".inspector").lower()


def test_filters_by_kind_live_signals_trust_and_what_is_hidden(
    live: Any, live_page: Any, until: Until
) -> None:
    names = "[...document.querySelectorAll('.tree .row .name')].map((e) => e.textContent).sort().join()"
    live_page.click("[aria-label='Filters']")
    live_page.select_option("[aria-label='Kind']", "component")
    until(live_page, f"{names} === 'Agv1,Belt,Cell,Tank'")
    live_page.select_option("[aria-label='Kind']", "")
    live_page.click(".chip:text-is('Live signals')")
    until(live_page, f"{names} === 'Agv1,Belt,Cell,Motor,Tank'")
    live_page.click(".chip:text-is('Live signals')")
    live.say(quality="Bad_SensorFailure", tank_level=50)
    live.calm("tank_level", "motor_current")
    live_page.click(".chip:text-is('Stale or bad')")
    until(live_page, f"{names} === 'Belt,Cell,Motor,Tank'", 10)  # nobody speaks of the motor's current
    live.say(tank_level=50)
    until(live_page, f"{names} === 'Belt,Cell,Motor'")
    live_page.click(".chip:text-is('Stale or bad')")
    live_page.evaluate("twinstage.select('/Cell/Agv1')")
    live_page.locator("#canvas").focus()
    live_page.keyboard.press("v")
    live_page.click(".chip:text-is('Hidden')")
    until(live_page, f"{names}.includes('Agv1') && !/Belt|Tank/.test({names})")
    live_page.click(".chip:text-is('Hidden')")
    live_page.click("[aria-label='Filters']")
