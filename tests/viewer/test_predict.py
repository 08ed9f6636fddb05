"""The ghost of where a part will be: ahead of the real one along its velocity, and only of data that can be trusted."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

SPEED = 1.5
"""Of the vehicle [m/s]."""


def ride(live: Any, page: Any, seconds: float, start: float) -> list[dict[str, Any]]:
    """Moves the vehicle along x, twenty readings a second; what the page predicts meanwhile, beside what it shows."""
    seen, begin = [], time.monotonic()
    look = (
        "(() => { const [one] = twinstage.predictions(); return { ...one, real: twinstage.worldOf('/Cell/Agv1')[3],"
        " name: document.querySelector('.labels')?.innerText } })()"
    )
    while (passed := time.monotonic() - begin) < seconds:
        live.say(agv1_x=start + SPEED * passed)
        page.wait_for_timeout(30)
        if passed > 1.0:
            seen.append(page.evaluate(look))
    return seen


def test_a_moving_part_has_a_ghost_ahead_of_it(
    live: Any, live_page: Any, wide: None, until: Callable[..., Any]
) -> None:
    page = live_page
    live.calm()
    until(page, "twinstage.values['agv1.x']?.value === 0")
    page.evaluate("twinstage.select('/Cell/Agv1')")
    page.locator("#canvas").focus()
    page.keyboard.press("Alt+P")
    until(page, "twinstage.predictions().length === 1")
    assert page.evaluate("twinstage.predictions()[0].seconds") == 2
    until(page, "twinstage.predictions()[0].why !== ''")

    seen = ride(live, page, 4.5, 0.0)
    ahead = [one["place"][0] - one["real"] for one in seen if one["place"]]
    assert len(ahead) > len(seen) * 0.8, "it is there all the time"
    middle = sorted(ahead)[len(ahead) // 2]
    assert middle == pytest.approx(2 * SPEED, rel=0.2), "two seconds of its way"
    assert all(abs(one["place"][1]) < 0.01 for one in seen if one["place"]), "along its velocity"
    assert "Agv1 in 2 s" in json.dumps([one["name"] for one in seen])
    off = page.evaluate("twinstage.predictions()[0].off")
    assert off is not None and off < 0.5, "it has met what happened then"

    until(page, "twinstage.predictions()[0].why === 'stands still'")
    assert page.evaluate("twinstage.predictions()[0].place") is None, "who stands has no ghost"
    page.evaluate("twinstage.time.seek(twinstage.time.now - 2000)")
    until(page, "twinstage.predictions()[0].why === 'the past is shown'")
    page.evaluate("twinstage.time.live()")

    page.keyboard.press("Alt+P")
    until(page, "twinstage.predictions().length === 0")
    live.rest()
