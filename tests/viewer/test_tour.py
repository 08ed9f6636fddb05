"""What docs/tour.md promises: from the open page to a hot motor that is found, charted and acknowledged in two steps."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

MOST_STEPS = 2
TAG = ".label[data-look='alarm'][data-path='/Cell/Belt/Motor']"
BANNER = "document.querySelector('.alarm-banner:not([hidden])')?.innerText ?? ''"


class Newcomer:
    """Clicks and presses keys, and counts them."""

    def __init__(self, page: Any) -> None:
        self.page, self.steps = page, 0

    def click(self, selector: str) -> None:
        self.steps += 1
        self.page.click(selector)

    def press(self, key: str) -> None:
        self.steps += 1
        self.page.keyboard.press(key)


@pytest.fixture(scope="module")
def page(live_page: Any, wide: None) -> Any:
    return live_page


@pytest.fixture(autouse=True)
def at_rest(live: Any, page: Any, until: Callable[..., Any]) -> Iterator[None]:
    """Each test begins, and ends, with no alarm and as the page opens."""
    live.rest()
    page.evaluate("twinstage.select(null); document.activeElement.blur()")
    if page.locator("#panel-charts, #panel-alarms").locator("visible=true").count():
        page.click(".dock.bottom .dock-close")
    until(page, "twinstage.ready && twinstage.alarms.active === 0")
    yield
    live.rest()


def _found(page: Any, until: Callable[..., Any]) -> None:
    """Which motor, where, since when, how far, and its chart with the limit."""
    until(page, "twinstage.selected === '/Cell/Belt/Motor'")
    until(
        page,
        "twinstage.charts.drawn.some(({signals, lines}) => signals.join() === 'motor.temperature' && lines.length > 0)",
        30,
    )
    until(page, "document.querySelector('#panel-charts')?.checkVisibility()")
    until(page, "twinstage.charts.drawn.some(({levels}) => levels.length > 0)")
    text = until(page, BANNER)
    assert "The motor is too hot (91.5 °C > 80)" in text


def _acknowledged(live: Any, page: Any, until: Callable[..., Any]) -> None:
    until(page, "!document.querySelector('.alarm-banner:not([hidden])')")
    (alarm,) = live.ask("api/alarms")["alarms"]
    assert (alarm["id"], alarm["state"]) == ("motor.hot", "acknowledged")


def test_with_the_mouse_from_what_the_picture_says(live: Any, page: Any, until: Callable[..., Any]) -> None:
    newcomer = Newcomer(page)
    live.say(motor_temperature=91.5, tank_level=5.0)  # and something else is wrong, too
    # At first sight, before any step.
    until(
        page,
        f"document.querySelector(\"{TAG}[data-placed='true']\")?.innerText.includes('The motor is too hot')",
    )
    assert "91.5 °C" in page.inner_text(TAG)
    newcomer.click(TAG)
    _found(page, until)
    newcomer.click(".alarm-banner button:text-is('Acknowledge')")
    until(page, f"!document.querySelector(\"{TAG}[data-placed='true']\")")
    states = {one["id"]: one["state"] for one in live.ask("api/alarms")["alarms"]}
    assert states == {"motor.hot": "acknowledged", "tank.low": "unacknowledged"}
    assert newcomer.steps <= MOST_STEPS


def test_from_the_banner(live: Any, page: Any, until: Callable[..., Any]) -> None:
    newcomer = Newcomer(page)
    live.say(motor_temperature=91.5)
    until(page, f"({BANNER}).includes('The motor is too hot')")
    newcomer.click(".alarm-banner button:text-is('Show')")
    _found(page, until)
    newcomer.click(".alarm-banner button:text-is('Acknowledge')")
    _acknowledged(live, page, until)
    assert newcomer.steps <= MOST_STEPS


def test_by_keys(live: Any, page: Any, until: Callable[..., Any]) -> None:
    newcomer = Newcomer(page)
    live.say(motor_temperature=91.5)
    until(page, BANNER)
    newcomer.press("Shift+N")
    _found(page, until)
    newcomer.press("Control+Enter")
    _acknowledged(live, page, until)
    assert newcomer.steps <= MOST_STEPS


def test_from_the_first_row_of_the_list(live: Any, page: Any, until: Callable[..., Any]) -> None:
    live.say(motor_temperature=91.5)
    until(page, "twinstage.alarms.active === 1")
    page.click(".alarm-badge")
    row = page.locator("tr[data-alarm='motor.hot']")
    row.wait_for()
    # Whatever the table's width, its buttons are in sight.
    show, panel = (
        row.locator("[data-does='show']").bounding_box(),
        page.locator(".alarm-scroll").bounding_box(),
    )
    assert show["x"] + show["width"] <= panel["x"] + panel["width"]
    row.locator("[data-does='show']").click()
    _found(page, until)


def test_what_is_normal_again_says_so(live: Any, page: Any, until: Callable[..., Any]) -> None:
    live.say(motor_temperature=91.5)
    until(page, "twinstage.alarms.active === 1")
    live.say(motor_temperature=40.0)
    until(page, f"document.querySelector(\"{TAG}\")?.innerText.includes('back to normal')")
    assert "°C" not in page.inner_text(TAG)


def test_the_banner_and_the_handles_leave_each_other_room(
    live: Any, page: Any, until: Callable[..., Any]
) -> None:
    live.say(motor_temperature=91.5)
    until(page, BANNER)
    for wider in ("", "link"):  # below the link's banner, too
        page.evaluate("wider => document.getElementById('banner').hidden = !wider", wider)
        # The handles follow a frame after the banner has its height.
        box = "document.querySelector('{}').getBoundingClientRect()"
        until(page, f"{box.format('.alarm-banner')}.bottom <= {box.format('.move-bar')}.top")
