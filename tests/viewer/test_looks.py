"""For everybody: nothing serious found by axe-core in the page's states and both themes; contrast of the themes' colours;
phones; no key that means two things."""

import re
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from twins import findings

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
TEXTS = ("text", "dim", "faint", "accent", "good", "warn", "bad", "stale")
SURFACES = ("bg", "panel", "raised")
SOFT = (
    ("text", "accent-soft"),
    ("dim", "accent-soft"),
    ("warn", "warn-soft"),
    ("bad", "bad-soft"),
    ("good", "good-soft"),
)


def _themes(root: Path) -> dict[str, dict[str, str]]:
    blocks = re.findall(r":root([^{]*)\{(.*?)\n\}", (root / "viewer/src/styles/theme.css").read_text(), re.S)
    read = {
        sign.strip() or "dark": dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", body))
        for sign, body in blocks
    }
    return {"dark": read["dark"], "light": read["dark"] | read['[data-theme="light"]']}


def _luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one: str, other: str) -> float:
    dark, bright = sorted((_luminance(one), _luminance(other)))
    return (bright + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_text_stands_out_from_each_surface(root: Path, theme: str) -> None:
    colours = _themes(root)[theme]
    assert _contrast("#000000", "#ffffff") == pytest.approx(21)
    pairs = [*product(TEXTS, SURFACES), *SOFT]
    weak = [(text, on) for text, on in pairs if _contrast(colours[text], colours[on]) < 4.5]
    assert weak == []
    # Edges of what can be pressed (WCAG 1.4.11).
    assert _contrast(colours["edge"], colours["panel"]) >= 3


def _states(page: Any) -> list[tuple[str, Callable[[], None], Callable[[], None]]]:
    press = page.keyboard.press

    def palette() -> None:
        press("Control+k")
        page.keyboard.type("mo")

    def layouts() -> None:
        press("Control+k")
        page.keyboard.type("layouts")
        press("Enter")

    def press_in_picture(key: str) -> None:
        page.locator("#canvas").focus()
        press(key)

    def charts() -> None:
        page.evaluate("twinstage.charts.add(['motor.temperature', 'belt.state'])")
        page.wait_for_selector(".plot canvas")

    def filters() -> None:
        _open(page, "tree")
        page.click("[aria-label='Filters']")

    def past() -> None:
        press_in_picture("Space")
        page.wait_for_selector("#past-strip:visible")

    def catalogue() -> None:
        press("Shift+U")
        page.click(".asset")
        page.wait_for_selector(".asset-facts dd .asset-term")

    return [
        ("scene", lambda: None, lambda: None),
        ("selection", lambda: page.evaluate("twinstage.select('/Cell/Belt/Motor')"), lambda: None),
        ("alarms", lambda: page.click("#tab-alarms"), lambda: None),
        ("journal", lambda: press("Shift+J"), lambda: press("Shift+A")),
        ("layers", lambda: page.click("#tab-layers"), lambda: None),
        ("cameras", lambda: page.click("#tab-cameras"), lambda: None),
        ("table", lambda: press("Shift+E"), lambda: press("Escape")),
        ("palette", palette, lambda: press("Escape")),
        ("keys", lambda: press("?"), lambda: press("Escape")),
        ("layouts", layouts, lambda: press("Escape")),
        ("catalogue", catalogue, lambda: None),
        ("link", lambda: page.click("#link"), lambda: press("Escape")),
        ("charts", charts, lambda: None),
        *[
            (tab, lambda tab=tab: _open(page, tab), lambda: None)
            for tab in ("values", "log", "wire", "bind", "edits", "views")
        ],
        ("filters", filters, lambda: page.click("[aria-label='Filters']")),
        ("section", lambda: press_in_picture("Shift+X"), lambda: press("Shift+X")),
        ("measure", lambda: press_in_picture("Shift+M"), lambda: press("Shift+M")),
        ("handles", lambda: press_in_picture("t"), lambda: press("t")),
        ("past", past, lambda: press_in_picture("l")),
    ]


def _open(page: Any, panel: str) -> None:
    """Brings a panel to the front, wherever its tab is."""
    tab = page.locator(f"#tab-{panel}")
    if tab.get_attribute("aria-selected") != "true":
        tab.evaluate("e => e.click()")
    page.wait_for_selector(f"#panel-{panel}:visible")


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_axe_finds_nothing_serious(
    live: Any, open_page: Callable[..., Any], until: Callable[..., Any], axe: str, theme: str
) -> None:
    live.say(motor_temperature=95.0)
    page = open_page(f"{live.url}#theme={theme}", viewport={"width": 1000, "height": 600}, bypass_csp=True)
    until(page, f"document.documentElement.dataset.theme === '{theme}'")
    until(page, "!!document.querySelector('#tab-alarms')")
    page.add_script_tag(content=axe)
    # The test can fail: a picture without words is found.
    page.evaluate("document.body.append(Object.assign(new Image(), {id: 'wrong', src: 'data:,'}))")
    assert any("image-alt" in one for one in findings(page, "wrong"))
    page.evaluate("document.getElementById('wrong').remove()")
    found = []
    for name, enter, leave in _states(page):
        enter()
        page.wait_for_timeout(150)
        found += findings(page, name)
        leave()
    live.calm()
    assert not found, "\n".join(found)


def test_no_key_means_two_things(live_page: Any) -> None:
    listed = live_page.evaluate("twinstage.commands()")
    keys = [(key, one["id"]) for one in listed for key in one["keys"]]
    named: dict[str, list[str]] = {}
    for key, name in keys:
        named.setdefault(key, []).append(name)
    assert {key: ids for key, ids in named.items() if len(ids) > 1 and key != "Escape"} == {}
    assert {"help.palette", "help.keys", "view.home", "scene.search", "panel.tree"} <= {
        one["id"] for one in listed
    }


def test_on_a_phone_panels_lie_over_the_picture_one_at_a_time(
    live: Any, open_page: Callable[..., Any]
) -> None:
    page = open_page(live.url, viewport={"width": 390, "height": 700}, has_touch=True, is_mobile=True)
    assert page.locator("#canvas").bounding_box()["width"] == pytest.approx(390, abs=1)
    assert not page.locator("#panel-tree").is_visible()
    page.tap("#toggle-left")
    assert page.locator("#panel-tree").is_visible()
    assert page.get_attribute("#toggle-left", "aria-expanded") == "true"
    page.evaluate("document.querySelector('#toggle-right').click()")
    assert page.locator("#panel-properties").is_visible() and not page.locator("#panel-tree").is_visible()
    page.keyboard.press("Escape")
    assert not page.locator("#panel-properties").is_visible()
    assert page.evaluate("document.activeElement.id") == "toggle-right"
    # Nothing sticks out at the side, and what was open on a desk is not what a phone begins with.
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert all(page.locator(f"#toggle-{side}").bounding_box()["x"] < 390 - 20 for side in ("left", "right"))
