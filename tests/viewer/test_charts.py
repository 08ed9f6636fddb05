"""Charts of a real twin's history: what is drawn is what was sent; gaps stay gaps; and it is written as CSV."""

import base64
import csv
import io
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from PIL import Image

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


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
    end = sent[-1][0] + 250
    # A window that ends later than the newest tick would follow the present.
    window = f"twinstage.charts.window({span}, {end})"
    until(live_page, f"({window}, Math.abs(Date.parse(twinstage.charts.shown[1]) - {end}) < 2)")
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
    until(page, f"twinstage.charts.drawn[0].values['motor.current'].startsWith('{want}')")
    until(page, "twinstage.charts.drawn[1].values['motor.temperature'].startsWith('50')")
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
    until(page, "twinstage.charts.drawn.at(-1).lines[0]?.some(([, value]) => Math.abs(value - 33) < 1e-9)")
    live.calm()


def _near(page: Any, selector: str, colour: tuple[int, int, int], within: int = 10) -> np.ndarray:
    """Where a canvas has nearly that colour, over the page's own ground: [rows, columns]."""
    return np.asarray(
        page.evaluate(
            """([selector, colour, within]) => {
              const canvas = document.querySelector(selector), { width, height } = canvas;
              const flat = Object.assign(document.createElement('canvas'), { width, height });
              const context = flat.getContext('2d', { willReadFrequently: true });
              context.fillStyle = getComputedStyle(document.documentElement).getPropertyValue('--panel');
              context.fillRect(0, 0, width, height);
              context.drawImage(canvas, 0, 0);
              const { data } = context.getImageData(0, 0, width, height);
              const near = (at) => colour.every((part, k) => Math.abs(data[4 * at + k] - part) < within);
              const row = (y) => Array.from({ length: width }, (_, x) => (near(y * width + x) ? 1 : 0));
              return Array.from({ length: height }, (_, y) => row(y));
            }""",
            [selector, colour, within],
        ),
        bool,
    )


@pytest.fixture
def alone(live_page: Any) -> Callable[[list[str]], None]:
    """`alone(signals)`: one chart of these, and no other."""

    def chart(signals: list[str]) -> None:
        while live_page.locator(".chart-close").count():
            live_page.locator(".chart-close").first.click()
        live_page.evaluate("ids => twinstage.charts.add(ids)", signals)

    return chart


def test_many_readings_a_pixel_are_a_band_from_the_least_to_the_greatest(
    live: Any, live_page: Any, until: Callable[..., Any], alone: Callable[[list[str]], None]
) -> None:
    page = live_page
    for k in range(90):
        at = live.say(motor_current=3 + 2 * (-1) ** k)
        time.sleep(0.02)
    alone(["motor.current"])
    ground = page.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--panel').trim()")
    under = np.array([int(ground[k : k + 2], 16) for k in (1, 3, 5)])
    band = tuple(int(part) for part in np.round(0.78 * under + 0.22 * np.array([76, 194, 230])))

    def height() -> int:
        """Of the highest column of the band [px]."""
        return int(_near(page, ".plot canvas", (band[0], band[1], band[2])).sum(0).max())

    page.evaluate("end => twinstage.charts.window(40000, end)", at / 1e6 + 500)
    until(page, "twinstage.charts.drawn[0]?.lines[0]?.length > 2")
    page.wait_for_timeout(700)
    wide = height()
    plot = page.evaluate("document.querySelector('.plot canvas').height")
    assert wide > 0.2 * plot  # from 1 A to 5 A, in one span of time
    # So near that each reading is by itself there is nothing between.
    page.evaluate("end => twinstage.charts.window(400, end)", at / 1e6 - 100)
    until(page, "twinstage.charts.drawn[0]?.lines[0]?.filter(([, value]) => value !== null).length > 8")
    page.wait_for_timeout(700)
    assert height() < 0.2 * wide


def test_uncertain_and_bad_times_are_shaded(
    live: Any, live_page: Any, until: Callable[..., Any], alone: Callable[[list[str]], None]
) -> None:
    page = live_page
    told = {}
    for grade, quality in (
        ("good", None),
        ("uncertain", "Uncertain_SensorNotAccurate"),
        ("bad", "Bad_SensorFailure"),
        ("over", None),
    ):
        for _ in range(8):
            at = live.say(motor_current=2.0, **({"quality": quality} if quality else {}))
            told.setdefault(grade, at / 1e6)
            time.sleep(0.05)
    alone(["motor.current"])
    fromMs, toMs = told["good"] - 200, told["over"] + 300
    page.evaluate("([span, end]) => twinstage.charts.window(span, end)", [toMs - fromMs, toMs])
    until(page, "twinstage.charts.drawn[0]?.shades.some((one) => one.grade === 'bad')")
    page.wait_for_timeout(600)
    shades = {one["grade"]: one for one in page.evaluate("twinstage.charts.drawn[0].shades")}
    assert shades["uncertain"]["fromMs"] == pytest.approx(told["uncertain"], abs=30)
    assert shades["uncertain"]["toMs"] == pytest.approx(told["bad"], abs=80)
    assert shades["bad"]["toMs"] == pytest.approx(told["over"], abs=80)
    # Along the lower edge the shades are nearly solid: there they are, in this order, as wide as they were long.
    box = page.locator(".plot .u-over").bounding_box()
    for grade, name in (("uncertain", "--warn"), ("bad", "--bad")):
        colour = page.evaluate(
            "name => getComputedStyle(document.documentElement).getPropertyValue(name).trim()", name
        )
        rgb = [int(colour[k : k + 2], 16) for k in (1, 3, 5)]
        columns = np.flatnonzero(_near(page, ".plot canvas", (rgb[0], rgb[1], rgb[2]), 40).sum(0) >= 2)
        span = shades[grade]["toMs"] - shades[grade]["fromMs"]
        assert len(columns) == pytest.approx(span / (toMs - fromMs) * box["width"], rel=0.25)
    live.calm()


def test_bool_and_string_signals_are_rows_of_states(
    live: Any, live_page: Any, until: Callable[..., Any], alone: Callable[[list[str]], None]
) -> None:
    page = live_page
    begin = live.say(belt_running=True, agv1_order="take 7") / 1e6
    time.sleep(0.5)
    middle = live.say(belt_running=False, agv1_order="bring 9") / 1e6
    time.sleep(0.5)
    end = live.say(belt_running=True) / 1e6
    alone(["belt.running", "agv1.order"])
    # A window that ends later than the newest tick would follow the present.
    window = f"twinstage.charts.window({end + 1300 - begin}, {end + 300})"
    until(page, f"({window}, Math.abs(Date.parse(twinstage.charts.shown[1]) - {end + 300}) < 2)")
    until(
        page,
        "twinstage.charts.drawn[0]?.rows[0]?.spans.at(-1)?.fromMs > 0 && twinstage.charts.drawn[0].rows.length === 2",
    )
    until(
        page,
        f"twinstage.charts.drawn[0].rows[0].spans.filter(({{ toMs }}) => toMs > {begin} + 1).length === 3",
    )
    page.wait_for_timeout(500)
    rows = {row["signal"]: row["spans"] for row in page.evaluate("twinstage.charts.drawn[0].rows")}
    seen = {name: [one for one in spans if one["toMs"] > begin + 1] for name, spans in rows.items()}
    words = [one["text"] for one in seen["belt.running"]]
    assert len(words) == 3 and words[0] == words[2] != words[1]
    assert [one["text"] for one in seen["agv1.order"]] == ["take 7", "bring 9"]
    assert seen["agv1.order"][1]["fromMs"] == pytest.approx(middle, abs=1)
    # So it is in the picture: what is the same has one colour, what differs another, and they meet where the state changed.
    shown = (begin - 1000, end + 300)
    deadline = time.monotonic() + 10
    runs = _runs(page, 2, shown, begin)
    while [len(row) for row in runs] != [3, 2]:
        assert time.monotonic() < deadline, runs
        page.wait_for_timeout(200)
        runs = _runs(page, 2, shown, begin)
    (on, off, again), (take, bring) = runs
    assert on[0] == again[0]
    for (one, until_ms), (other, _) in ((on, off), (take, bring)):
        assert max(abs(a - b) for a, b in zip(one, other, strict=True)) > 20, runs
        assert until_ms == pytest.approx(middle, abs=30), runs
    live.calm()


def _runs(
    page: Any, rows: int, shown: tuple[float, float], since: float
) -> list[list[tuple[tuple[int, ...], float]]]:
    """Of each row of states: its colours from a moment on, and until when each goes, as the canvas has them [ms].

    Looked at near a row's lower edge, where no word is; the sizes are those of features/charts/timeline.ts.
    """
    url, width = page.evaluate(
        "() => { const c = document.querySelector('.chart canvas.timeline'); return [c.toDataURL(), c.clientWidth]; }"
    )
    pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(url.split(",")[1]))).convert("RGBA"))
    ratio = pixels.shape[1] / width
    ms_per_px = (shown[1] - shown[0]) / ((width - 128) * ratio)
    out = []
    for row in range(rows):
        line = pixels[int((16 + 22 * row + 18.5) * ratio)]
        first = round(120 * ratio + (since - shown[0]) / ms_per_px) + 3
        edges = [
            first,
            *(first + 1 + np.flatnonzero((line[first + 1 :] != line[first:-1]).any(1))),
            len(line),
        ]
        solid = [
            (tuple(int(c) for c in line[a]), shown[0] + (b - 120 * ratio) * ms_per_px)
            for a, b in pairwise(edges)
            if b - a > 6 * ratio and line[a][3] == 255
        ]
        out.append(solid)
    return out
