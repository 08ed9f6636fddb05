"""Charts of a real twin's history: what is drawn is what was sent; gaps stay gaps; and it is written as CSV."""

import csv
import io
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def told(live: Any, live_page: Any, until: Callable[..., Any]) -> Iterator[list[tuple[float, float]]]:
    """(moment [ms], current [A]) of readings 50 ms apart, with a silence of 3 s (max_age is 2 s) in their midst."""
    for tab in ("#tab-tree", "#tab-properties"):
        live_page.click(tab)
    sent = []
    for k in range(40):
        if k == 20:
            time.sleep(3)
        state = ("idle", "running", "fault")[k // 15]
        at = live.say(
            motor_current=3 + np.sin(k / 5),
            belt_state=state,
            motor_temperature=40.0 + k,
            tank_level=5.0 if k > 30 else 50,
        )
        sent.append((at / 1e6, float(3 + np.sin(k / 5))))
        time.sleep(0.05)
    until(live_page, f"Math.abs(twinstage.values['motor.current'].value - {sent[-1][1]}) < 1e-9")
    live_page.evaluate("twinstage.charts.add(['motor.current', 'motor.temperature', 'belt.state'])")
    time.sleep(0.6)
    span = sent[-1][0] - sent[0][0] + 500
    live_page.evaluate("([span, end]) => twinstage.charts.window(span, end)", [span, sent[-1][0] + 250])
    until(live_page, "twinstage.charts.drawn[0]?.lines[0]?.length >= 40")
    yield sent
    live.rest()


def test_lines_are_what_was_sent_and_gaps_stay_gaps(live_page: Any, told: list[tuple[float, float]]) -> None:
    drawn = live_page.evaluate("twinstage.charts.drawn")[0]
    assert drawn["signals"] == ["motor.current", "motor.temperature", "belt.state"]
    current = drawn["lines"][0]
    values = [(at * 1000, value) for at, value in current if value is not None]
    begin = told[0][0] - 300
    step = (told[-1][0] + 250 - begin) / 300
    for at, value in told:
        near = [one for one in values if abs(one[0] - at) <= step]
        assert any(abs(one[1] - value) < 1e-6 for one in near), at
    gaps = [at * 1000 for at, value in current if value is None]
    assert len(gaps) == 1
    assert told[19][0] < gaps[0] < told[20][0]
    stale = [shade for shade in drawn["shades"] if shade["grade"] == "stale"]
    assert stale[0]["fromMs"] == pytest.approx(told[19][0] + 2000, abs=2 * step)
    assert stale[0]["toMs"] == pytest.approx(told[20][0], abs=2 * step)
    temperature = [value for _, value in drawn["lines"][1] if value is not None]
    assert temperature[-1] == pytest.approx(79), "in degrees Celsius, as people read it"


def test_states_limits_and_alarms(
    live: Any, live_page: Any, until: Callable[..., Any], told: list[tuple[float, float]]
) -> None:
    live_page.evaluate("twinstage.charts.add(['motor.temperature', 'tank.level'])")
    until(live_page, "twinstage.charts.drawn[1]?.levels.length === 3")
    first, second = live_page.evaluate("twinstage.charts.drawn")
    (row,) = first["rows"]
    spans = [span for span in row["spans"] if span["toMs"] > told[0][0] + 1]
    assert [span["text"] for span in spans] == ["idle", "running", "fault"]
    assert spans[1]["fromMs"] == pytest.approx(told[15][0], abs=1)
    limits = {level["text"]: level["value"] for level in second["levels"]}
    assert limits == {
        "motor.hot": pytest.approx(80),
        "tank.low": pytest.approx(10),
        "tank.high": pytest.approx(95),
    }
    heights = sorted(second["labelHeights"])
    assert len(heights) == 3 and np.diff(heights).min() >= 11, "no name of a limit lies over another"
    until(live_page, "twinstage.charts.drawn[1].alarms.length >= 1")
    raised = live_page.evaluate("twinstage.charts.drawn[1].alarms.at(0).seconds")
    assert raised == pytest.approx(told[31][0] / 1000, abs=0.3)


def test_the_line_is_a_pixel_on_the_canvas(live_page: Any, told: list[tuple[float, float]]) -> None:
    """The color of the first line is there, and not in the gap."""
    count = """() => {
        const canvas = document.querySelector('.plot canvas');
        const { width, height } = canvas;
        const { data } = canvas.getContext('2d').getImageData(0, 0, width, height);
        const columns = new Array(width).fill(0);
        const near = (at, color) => color.every((part, k) => Math.abs(data[4 * at + k] - part) < 12);
        for (let i = 0; i < width * height; i++) if (near(i, [76, 194, 230])) columns[i % width]++;
        return columns;
    }"""
    columns = np.array(live_page.evaluate(count))
    used = np.flatnonzero(columns)
    assert len(used) > 30
    widest = np.diff(used).max()
    share = widest / (used[-1] - used[0])
    want = (told[20][0] - told[19][0]) / (told[-1][0] - told[0][0])
    assert share == pytest.approx(want, abs=0.08)


def test_csv_has_what_is_shown(live_page: Any, told: list[tuple[float, float]]) -> None:
    with live_page.expect_download() as download:
        live_page.locator(".chart-csv").first.click()
    with open(download.value.path(), newline="") as file:
        text = file.read()
    rows = list(csv.DictReader(io.StringIO(text)))
    current = [row for row in rows if row["signal"] == "motor.current"]
    assert [float(row["value"]) for row in current][-40:] == pytest.approx(
        [value for _, value in told], abs=1e-6
    )
    assert {row["quality"] for row in current} == {"0x00000000"}
    assert all(row["time"].endswith("Z") for row in rows)
    assert {row["unit"] for row in rows if row["signal"] == "motor.temperature"} == {"°C"}
    assert [row["value"] for row in rows if row["signal"] == "belt.state"][-3:] == [
        "idle",
        "running",
        "fault",
    ]
    assert "\r\n" in text


def test_zoom_by_keys_and_mouse_and_the_cursor(
    live_page: Any, until: Callable[..., Any], told: list[tuple[float, float]]
) -> None:
    page = live_page
    span = "(([a, b]) => Date.parse(b) - Date.parse(a))(twinstage.charts.shown)"
    before = page.evaluate(span)
    page.locator(".plot").first.focus()
    page.keyboard.press("+")
    assert page.evaluate(span) == pytest.approx(before / 2, abs=2)
    page.keyboard.press("-")
    assert page.evaluate(span) == pytest.approx(before, abs=4)
    end = page.evaluate("Date.parse(twinstage.charts.shown[1])")
    page.keyboard.press("ArrowLeft")
    assert page.evaluate("Date.parse(twinstage.charts.shown[1])") == pytest.approx(end - before / 4, abs=5)
    page.keyboard.press("ArrowRight")
    page.wait_for_timeout(700)
    box = page.locator(".plot .u-over").first.bounding_box()
    shown = page.evaluate("twinstage.charts.shown.map((text) => Date.parse(text))")
    at = told[10][0] + 25
    x = box["x"] + (at - shown[0]) / (shown[1] - shown[0]) * box["width"]
    page.mouse.move(x, box["y"] + 20)
    want = f"{told[10][1]:.2f}"
    until(page, f"twinstage.charts.drawn[0].values['motor.current'].startsWith('{want}')", 5)
    until(page, "twinstage.charts.drawn[1].values['motor.temperature'].startsWith('50')", 5)
    page.mouse.down()
    page.mouse.move(x + 60, box["y"] + 30, steps=4)
    page.mouse.up()
    assert page.evaluate(span) == pytest.approx(60 / box["width"] * before, rel=0.1)


def test_layouts_are_kept(live_page: Any, until: Callable[..., Any], told: list[tuple[float, float]]) -> None:
    page = live_page
    page.click("#charts-save")
    assert page.locator(".chart").count() == 2
    page.locator(".chart-close").first.click()
    page.locator(".chart-close").first.click()
    assert page.locator(".chart").count() == 0
    page.select_option("#charts-layouts", "Layout 1")
    assert page.locator(".chart").count() == 2
    page.click("#charts-follow")
    assert page.get_attribute("#charts-follow", "aria-pressed") == "true"


def test_selection_is_charted_and_follows_live(live: Any, live_page: Any, until: Callable[..., Any]) -> None:
    page = live_page
    page.evaluate("twinstage.select('/Cell/Tank')")
    page.locator("#canvas").focus()
    page.keyboard.press("c")
    until(page, "twinstage.charts.drawn.at(-1).signals.join() === 'tank.level'")
    page.evaluate("twinstage.charts.window(10000, null)")
    live.say(tank_level=33)
    until(page, "twinstage.charts.drawn.at(-1).lines[0]?.some(([, value]) => Math.abs(value - 33) < 1e-9)", 8)
    live.calm()
