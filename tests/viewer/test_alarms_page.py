"""Alarms in the page: the whole flow by keyboard alone, filters, shelving, sound, notifications, and what the scene shows."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

# What a browser would do with sound and notifications, written down.
SPY = """
window.heard = []; window.told = []; window.started = 0;
const start = OscillatorNode.prototype.start;
OscillatorNode.prototype.start = function (at) { heard.push(this.frequency.value); return start.call(this, at); };
window.Notification = class { constructor(title, more) { told.push([title, more.body]); }
  static permission = "default"; static async requestPermission() { this.permission = "granted"; return "granted"; } };
"""


@pytest.fixture(scope="module")
def page(browser: Any, live: Any) -> Iterator[Any]:
    made = browser.new_context(viewport={"width": 960, "height": 560})
    made.add_init_script(SPY)
    opened = made.new_page()
    problems: list[str] = []
    opened.on("pageerror", lambda error: problems.append(str(error)))
    opened.goto(live.url)
    opened.wait_for_selector(".alarm-badge:visible", timeout=40_000)
    yield opened
    made.close()
    assert problems == []


@pytest.fixture(autouse=True)
def at_rest(live: Any, page: Any, until: Callable[..., Any]) -> Iterator[None]:
    """No alarm stands before and after each test."""
    _calm(live)
    until(page, "twinstage.ready && twinstage.alarms.active === 0")
    yield
    _calm(live)


def _calm(live: Any) -> None:
    live.calm()
    for alarm in live.ask("api/alarms?all=true")["alarms"]:
        for holds, action in (("shelvedUntil", "unshelve"), ("outOfService", "in-service")):
            if alarm[holds]:
                live.ask(f"api/alarms/{action}", {"alarms": [alarm["id"]], "by": "test"})
    import time

    deadline = time.monotonic() + 10
    while (active := live.ask("api/alarms")["alarms"]) and time.monotonic() < deadline:
        unseen = [one["id"] for one in active if one["state"] != "acknowledged"]
        if unseen:
            live.ask("api/alarms/acknowledge", {"alarms": unseen, "by": "test"})
        time.sleep(0.05)


def _pixels(page: Any, near: tuple[int, int, int]) -> int:
    """How many pixels of the picture have about that colour."""
    import io

    import numpy as np
    from PIL import Image

    shot = page.locator("#canvas").screenshot()
    image = np.asarray(Image.open(io.BytesIO(shot)).convert("RGB")).astype(int)
    return int((np.abs(image - near).max(axis=2) < 30).sum())


def test_the_whole_flow_of_an_alarm_by_keyboard_alone(
    live: Any, page: Any, until: Callable[..., Any]
) -> None:
    keyboard = page.keyboard
    page.evaluate("twinstage.select(null); document.activeElement.blur()")
    live.say(motor_temperature=91.5)
    # Raised and seen: banner, badge, tab.
    until(page, "document.querySelector('.alarm-banner')?.checkVisibility()")
    assert "The motor is too hot" in page.inner_text(".alarm-banner")
    assert page.get_attribute(".alarm-badge", "aria-label") == "Alarms: 1 unacknowledged, 1 active"
    # To the list, to the prim.
    keyboard.press("Shift+A")
    row = "document.activeElement.dataset.alarm === 'motor.hot'"
    until(page, row)
    texts = page.text_content("tr[data-alarm='motor.hot']")
    assert "Unacknowledged" in texts and "91.5 °C > 80" in texts and "Motor" in texts and "high" in texts
    before = page.evaluate("twinstage.alarms.camera")
    keyboard.press("Enter")
    until(page, "twinstage.selected === '/Cell/Belt/Motor'")
    until(page, f"Math.hypot(...twinstage.alarms.camera.map((x, k) => x - {before}[k])) > 0.5")
    # Its chart (where the page has charts), acknowledge, journal.
    keyboard.press("Shift+A")
    until(page, row)
    keyboard.press("c")
    until(page, "!!document.querySelector('#panel-charts:not([hidden]) canvas')")
    keyboard.press("Shift+A")
    until(page, row)
    assert live.ask("api/alarms")["alarms"][0]["state"] == "unacknowledged"  # Shift+A is no A
    keyboard.press("a")
    until(page, "document.querySelector('tr[data-alarm=\"motor.hot\"]').dataset.state === 'acknowledged'")
    assert live.ask("api/alarms")["alarms"][0]["state"] == "acknowledged"
    until(page, "document.querySelector('.alarm-banner').hidden")
    keyboard.press("j")
    until(page, "document.querySelectorAll('.journal tr[data-what]').length >= 2")
    told = page.evaluate(
        "[...document.querySelectorAll('.journal tr[data-what]')].slice(0, 2).map((r) => [r.dataset.what, r.dataset.alarm])"
    )
    assert told == [["acknowledged", "motor.hot"], ["raised", "motor.hot"]]
    keyboard.press("Shift+A")
    until(page, "document.activeElement.dataset.alarm === 'motor.hot'")


def test_filters_sorting_and_acknowledging_what_is_shown(
    live: Any, page: Any, until: Callable[..., Any]
) -> None:
    live.say(motor_temperature=95.0, tank_level=5.0, belt_state="fault")
    until(page, "twinstage.alarms.active === 3")
    page.keyboard.press("Shift+A")
    ids = "twinstage.alarms.listed.map((a) => a.id).join()"
    until(page, f"{ids} === 'belt.fault,motor.hot,tank.low'")  # the most urgent first
    page.select_option("select[aria-label='Priority']", "high")
    until(page, f"{ids} === 'belt.fault,motor.hot'")
    page.select_option("select[aria-label='Priority']", "low")
    page.select_option("select[aria-label='Area']", "/Cell/Belt")
    until(page, f"{ids} === 'belt.fault,motor.hot'")
    page.click("[data-tool^='acknowledge']")  # only those two
    until(page, "document.querySelectorAll('tr[data-state=\"acknowledged\"]').length === 2")
    states = {one["id"]: one["state"] for one in live.ask("api/alarms")["alarms"]}
    assert states == {"belt.fault": "acknowledged", "motor.hot": "acknowledged", "tank.low": "unacknowledged"}
    page.select_option("select[aria-label='Area']", "")
    page.select_option("select[aria-label='Which alarms']", "unacknowledged")
    until(page, f"{ids} === 'tank.low'")
    page.select_option("select[aria-label='Which alarms']", "active")


@pytest.mark.parametrize("width", [1000, 860, 380])
def test_since_when_and_what_can_be_done_are_in_sight_whatever_the_width(
    live: Any, open_page: Callable[..., Any], until: Callable[..., Any], width: int
) -> None:
    """On a desk the table has 440 and 580 px here, less what the chosen alarm takes beside it."""
    live.say(motor_temperature=95.0)
    page = open_page(live.url, viewport={"width": width, "height": 640})
    until(page, "twinstage.alarms.active === 1")
    page.evaluate("document.querySelector('#tab-alarms').click()")
    row = page.locator("tr[data-alarm='motor.hot']")
    row.wait_for()
    until(page, "!!document.querySelector('.alarm-detail h3')")
    since, does, table = (
        one.bounding_box()
        for one in (row.locator(".alarm-since"), row.locator(".alarm-does"), page.locator(".alarm-scroll"))
    )
    assert since["width"] > 20 and row.locator(".alarm-since").inner_text() != ""
    assert since["x"] + since["width"] <= does["x"] + 1
    assert does["x"] + does["width"] <= table["x"] + table["width"] + 1
    assert row.locator(".alarm-text").bounding_box()["width"] > 50


def test_shelving_asks_for_a_reason_and_ends(live: Any, page: Any, until: Callable[..., Any]) -> None:
    live.say(tank_level=5.0)
    until(page, "twinstage.alarms.active === 1")
    page.keyboard.press("Shift+A")
    until(page, "document.activeElement.dataset.alarm === 'tank.low'")
    page.keyboard.press("s")
    form, detail = (page.locator(name).bounding_box() for name in (".alarm-form", ".alarm-detail"))
    assert detail["y"] <= form["y"] and form["y"] + form["height"] <= detail["y"] + detail["height"] + 1
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # without a reason nothing is sent
    assert live.ask("api/alarms")["count"] and not live.ask("api/alarms")["alarms"][0]["shelvedUntil"]
    page.keyboard.type("being cleaned")
    page.keyboard.press("Enter")
    until(page, "twinstage.alarms.active === 0")
    (record,) = live.ask("api/alarms/journal?limit=1")["records"]
    assert (record["what"], record["alarm"], record["comment"]) == ("shelved", "tank.low", "being cleaned")
    page.select_option("select[aria-label='Which alarms']", "aside")
    until(page, "document.querySelector('tr[data-alarm=\"tank.low\"]')?.textContent.includes('Shelved')")
    page.focus("tr[data-alarm='tank.low']")
    page.keyboard.press("s")
    until(page, "twinstage.alarms.active === 1")
    page.select_option("select[aria-label='Which alarms']", "active")


def test_out_of_service_and_back(live: Any, page: Any, until: Callable[..., Any]) -> None:
    live.say(tank_level=5.0)
    until(page, "twinstage.alarms.active === 1")
    page.keyboard.press("Shift+A")
    until(page, "document.activeElement.dataset.alarm === 'tank.low'")
    page.keyboard.press("o")
    page.keyboard.type("sensor broken")
    page.keyboard.press("Enter")
    until(page, "twinstage.alarms.active === 0")
    assert [
        one["outOfService"] for one in live.ask("api/alarms?all=true")["alarms"] if one["id"] == "tank.low"
    ] == [True]


def test_sound_is_off_until_it_is_asked_for_and_tells_priorities_apart(
    live: Any, page: Any, until: Callable[..., Any]
) -> None:
    live.say(tank_level=5.0)
    until(page, "twinstage.alarms.active === 1")
    assert page.evaluate("heard") == []
    page.keyboard.press("Shift+A")
    page.click("[data-tool='sound']")
    until(page, "heard.length === 1")  # what it sounds like
    page.evaluate("heard.length = 0")
    live.say(belt_state="fault")
    until(page, "heard.length === 3")
    assert {round(pitch) for pitch in page.evaluate("heard")} == {988}
    page.click("[data-tool='sound']")
    page.evaluate("heard.length = 0")
    live.say(motor_temperature=95.0)
    until(page, "twinstage.alarms.active === 3")
    assert page.evaluate("heard") == []


def test_notifications_come_for_urgent_alarms_once_they_are_asked_for(
    live: Any, page: Any, until: Callable[..., Any]
) -> None:
    live.say(belt_state="fault")
    until(page, "twinstage.alarms.active === 1")
    assert page.evaluate("told") == []
    page.keyboard.press("Shift+A")
    page.click("[data-tool='notifications']")
    until(page, "document.querySelector('[data-tool=notifications]').getAttribute('aria-pressed') === 'true'")
    live.say(tank_level=5.0, motor_temperature=92.0)
    until(page, "told.length === 1")
    assert page.evaluate("told") == [["High alarm: The motor is too hot", "92 °C > 80\nStop the belt"]]
    page.click("[data-tool='notifications']")


def test_a_prim_in_alarm_is_outlined_and_beats_until_it_is_acknowledged(
    live: Any, page: Any, until: Callable[..., Any]
) -> None:
    page.evaluate("twinstage.select(null); document.activeElement.blur()")
    orange = (255, 122, 60)
    rest = _pixels(page, orange)
    live.say(motor_temperature=92.0)
    until(page, "twinstage.alarms.outlined.prims['/Cell/Belt/Motor'] === 'high'")
    until(page, "!twinstage.alarms.outlined.bright")
    until(page, "twinstage.alarms.outlined.bright")
    live.ask("api/alarms/acknowledge", {"alarms": ["motor.hot"], "by": "test"})
    until(page, "twinstage.alarms.active === 1 && twinstage.alarms.listed[0]?.state === 'acknowledged'")
    page.wait_for_timeout(700)
    assert page.evaluate("twinstage.alarms.outlined.bright") is True
    assert _pixels(page, orange) > rest + 5
    live.calm()
    until(page, "twinstage.alarms.active === 0")
    page.wait_for_timeout(100)
    assert _pixels(page, orange) <= rest + 2
