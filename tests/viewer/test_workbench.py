"""The workbench in a browser: docks, commands and keys, address, what is kept from one visit to the next."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hubs import parts

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


def _shown(page: Any) -> list[str]:
    return [one.get_attribute("id") for one in page.locator(".dock-page:visible").all()]


def test_values_alarms_and_history_of_a_live_twin_reach_the_page(
    live: Any, live_page: Any, until: Callable[..., Any]
) -> None:
    live.say(motor_temperature=91.5, belt_speed=2.5)
    until(live_page, "Math.abs(twinstage.values['motor.temperature'].value - 364.65) < 1e-9")
    until(live_page, "document.querySelector('#tab-alarms .tab-note')?.textContent === '1'")
    live_page.click("#tab-alarms")
    assert "The motor is too hot" in live_page.inner_text("#alarms")
    live_page.click("tr[data-alarm='motor.hot'] button:text-is('Ack')")
    until(
        live_page, "document.querySelector('tr[data-alarm=\"motor.hot\"]').dataset.state === 'acknowledged'"
    )
    assert live.ask("api/alarms")["alarms"][0]["state"] == "acknowledged"
    live.calm()
    until(live_page, "document.querySelector('#tab-alarms .tab-note').textContent === ''")
    listed = live.ask("api/v1/history/range?signal=motor.temperature&from=0&to=1e9")
    assert 364.65 in [round(row["value"], 6) for row in listed["readings"] if row["value"] is not None]


def test_tabs_open_and_close_sides_by_pointer_and_keys(live_page: Any) -> None:
    page = live_page
    width = page.locator("#canvas").bounding_box()["width"]
    assert "panel-tree" in _shown(page)
    page.click("#tab-cameras")
    assert "panel-cameras" in _shown(page) and "panel-tree" not in _shown(page)
    page.keyboard.press("ArrowLeft")
    assert "panel-tree" in _shown(page)
    assert page.evaluate("document.activeElement.id") == "tab-tree"
    page.click("#tab-tree")
    assert not {"panel-tree", "panel-cameras"} & set(_shown(page))
    assert page.locator("#canvas").bounding_box()["width"] > width + 100
    page.click("#tab-tree")


def test_no_tab_of_a_side_is_out_of_sight(live_page: Any) -> None:
    """However many there are: they stand in rows."""
    outside = """(side) => {
      const dock = document.getElementById(side);
      const [box, body] = [dock.getBoundingClientRect(), dock.querySelector('.dock-body').getBoundingClientRect()];
      return [...dock.querySelectorAll('.tab')].map((tab) => [tab.innerText, tab.getBoundingClientRect()])
        .filter(([, at]) => at.left < box.left || at.right > box.right + 0.5 || at.bottom > body.top + 0.5)
        .map(([name]) => name);
    }"""
    width = "document.getElementById('dock-left').style"
    before = live_page.evaluate(f"{width}.getPropertyValue('--size')")
    live_page.evaluate(f"{width}.setProperty('--size', '200px')")
    try:
        assert live_page.evaluate("document.querySelectorAll('#dock-left .tab').length") >= 4
        assert [live_page.evaluate(outside, f"dock-{side}") for side in ("left", "right")] == [[], []]
    finally:
        live_page.evaluate(f"{width}.setProperty('--size', '{before}')")


def test_an_edge_is_dragged_and_pushed_and_the_layout_is_kept(
    live: Any, open_page: Callable[..., Any], until: Callable[..., Any]
) -> None:
    page = open_page(live.url, viewport={"width": 1200, "height": 500})
    edge = page.locator("#dock-left .dock-edge")
    box = edge.bounding_box()
    page.mouse.move(box["x"] + 3, box["y"] + 200)
    page.mouse.down()
    page.mouse.move(box["x"] + 43, box["y"] + 200, steps=3)
    page.mouse.up()
    assert page.locator("#dock-left").bounding_box()["width"] == pytest.approx(320, abs=1)
    edge.focus()
    page.keyboard.press("ArrowLeft")
    assert page.locator("#dock-left").bounding_box()["width"] == pytest.approx(304, abs=1)
    page.click("#tab-properties")
    page.reload()
    until(page, "!!(window.twinstage && twinstage.ready)")
    assert page.locator("#dock-left").bounding_box()["width"] == pytest.approx(304, abs=1)
    assert "panel-properties" not in _shown(page)


def test_the_address_restores_the_view(
    live: Any, live_page: Any, open_page: Callable[..., Any], until: Callable[..., Any]
) -> None:
    live_page.evaluate("twinstage.select('/Cell/Parcels[9]')")
    live_page.locator("#canvas").focus()
    live_page.keyboard.press("1")
    until(live_page, "/selected=.Cell.Parcels\\[9\\].*through=.Cell.Side/.test(location.hash)")
    link = live_page.url
    live_page.keyboard.press("Escape")
    live_page.keyboard.press("0")
    until(live_page, "!/selected|through/.test(location.hash)")
    other = open_page(link)
    assert other.evaluate("twinstage.selected") == "/Cell/Parcels[9]"
    other.click("#tab-cameras")
    assert other.get_by_role("option", name="Side").get_attribute("aria-selected") == "true"


def test_a_panel_is_moved_to_another_side_and_stays_there(
    serve_stage: Callable[[Path], Any],
    open_page: Callable[..., Any],
    until: Callable[..., Any],
    tmp_path: Path,
) -> None:
    page = open_page(serve_stage(parts(tmp_path / "few.usda", 4)).url)
    page.click("#tab-values")
    assert page.locator("#dock-bottom #panel-values").is_visible()
    page.locator("#tab-values").focus()
    page.keyboard.press("Alt+ArrowRight")
    assert page.locator("#dock-right #panel-values").is_visible()
    assert page.evaluate("document.activeElement.id") == "tab-values"
    page.drag_and_drop("#tab-values", "#dock-left")
    until(page, "document.querySelector('#dock-left #tab-values') !== null")
    assert page.locator("#dock-left #panel-values").is_visible()
    page.reload()
    until(page, "!!(window.twinstage && twinstage.ready)")
    assert page.locator("#dock-left #panel-values").is_visible()
    page.evaluate("twinstage.run('panel.values')")  # closes it where it is
    assert page.locator("#panel-values").is_hidden()
    page.evaluate("twinstage.run('panel.values')")
    assert page.locator("#dock-left #panel-values").is_visible()
    page.locator("#tab-values").focus()
    page.evaluate("twinstage.run('panel.to-bottom')")
    assert page.locator("#dock-bottom #panel-values").is_visible()
