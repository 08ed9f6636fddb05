"""The table of values, the log and the messages of the wire, of a real twin."""

import csv
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


def at_rest(live: Any) -> None:
    """No alarm is left for the tests that come after."""
    live.calm()
    time.sleep(0.5)
    left = [one["id"] for one in live.ask("api/v1/alarms")["alarms"] if one["state"] != "acknowledged"]
    if left:
        live.ask("api/v1/alarms/acknowledge", {"alarms": left, "by": "test"})


@pytest.fixture(scope="module")
def page(live: Any, live_page: Any, until: Callable[..., Any]) -> Iterator[Any]:
    for tab in ("#tab-tree", "#tab-properties"):
        live_page.click(tab)
    yield live_page
    at_rest(live)


def cells(page: Any, column: str) -> list[str]:
    return [text.strip() for text in page.locator(f"td.value-{column}").all_inner_texts()]


def test_values_are_listed_filtered_and_sorted(live: Any, page: Any, until: Callable[..., Any]) -> None:
    live.say(motor_temperature=61.25, belt_state="fault", agv1_order="order 77", tank_level=42)
    page.evaluate("document.querySelector('#tab-values').click()")
    row = "document.querySelector('tr[data-signal=\"motor.temperature\"]')?.innerText.split('\\t').slice(0, 4).join()"
    until(page, f"{row} === 'motor.temperature,61.25,°C,good'")
    assert cells(page, "signal") == sorted(cells(page, "signal"))
    assert "order 77" in cells(page, "value") and "fault" in cells(page, "value")
    page.fill("#values-filter", "motor")
    until(page, "document.querySelectorAll('td.value-signal').length === 2")
    page.click("th[data-column=value] button")
    page.click("th[data-column=value] button")
    assert cells(page, "signal") == ["motor.temperature", "motor.current"]
    assert page.get_attribute("th[data-column=value]", "aria-sort") == "descending"
    with page.expect_download() as download:
        page.click("#values-csv")
    with open(download.value.path(), newline="") as file:
        rows = list(csv.DictReader(file))
    assert (rows[0]["signal"], rows[0]["value"], rows[0]["unit"]) == ("motor.temperature", "61.25", "°C")
    page.locator("tr[data-signal='motor.temperature']").focus()
    page.keyboard.press("Enter")
    until(page, "twinstage.charts.drawn[0]?.signals.join() === 'motor.temperature'")
    live.calm()


def test_the_log_tells_of_alarms_and_the_link(live: Any, page: Any, until: Callable[..., Any]) -> None:
    live.say(motor_temperature=99.0)
    until(
        page,
        "twinstage.log.lines.some((line) => line.topic === 'alarm' && line.text.includes('motor.hot raised'))",
    )
    assert page.evaluate("twinstage.log.lines[0].text").startswith("Connected as")
    page.evaluate("document.querySelector('#tab-log').click()")
    until(page, "document.querySelector('#log-lines').innerText.includes('motor.hot raised')")
    page.click("[data-topic=alarm]")
    assert "motor.hot raised" not in page.inner_text("#log-lines")
    assert "Connected as" in page.inner_text("#log-lines")
    page.click("[data-topic=alarm]")
    page.fill("#log-filter", "nothing like it")
    assert "Connected as" not in page.inner_text("#log-lines")
    page.fill("#log-filter", "")
    live.calm()


def test_messages_are_taken_apart_and_paused(live: Any, page: Any, until: Callable[..., Any]) -> None:
    page.evaluate("document.querySelector('#tab-wire').click()")
    live.say(agv1_x=1.5, tank_level=43)
    # Values alone may come in a tick of their own after it.
    tick = "twinstage.messages.lines.findLast(({ kind, text }) => kind === 'tick' && /pose/.test(text) && /values/.test(text))"
    until(page, f"!!{tick}")
    line = page.evaluate(tick)
    assert line["rows"] >= 3
    until(page, f"twinstage.stats.seq >= {line['seq']}")  # told when it comes, applied in the next frame
    until(page, "twinstage.messages.lines.some((line) => line.way === 'out' && line.kind === 'ack')")
    page.click("#wire-pause")
    count = page.evaluate("twinstage.messages.lines.length")
    live.say(agv1_x=2.5)
    until(page, "twinstage.values['agv1.x'].value === 2.5")
    assert page.evaluate("twinstage.messages.lines.length") == count
    page.click("#wire-pause")
    live.calm()
