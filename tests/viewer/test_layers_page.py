"""Live data on the scene: each test reads pixels of the picture, places of labels, or what is kept."""

import io
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def page(browser: Any, live: Any) -> Iterator[Any]:
    """Wide enough for a picture beside the panel of layers."""
    made = browser.new_context(viewport={"width": 900, "height": 500})
    opened = made.new_page()
    problems: list[str] = []
    opened.on("pageerror", lambda error: problems.append(str(error)))
    opened.goto(live.url)
    opened.wait_for_selector("#tab-layers", timeout=40_000)
    opened.click("#tab-properties")
    yield opened
    made.close()
    assert problems == []


@pytest.fixture(autouse=True)
def at_rest(live: Any, page: Any, until: Callable[..., Any]) -> Iterator[None]:
    live.calm()
    page.evaluate("twinstage.select(null)")
    until(page, "twinstage.ready && twinstage.values['motor.temperature']?.value === 313.15")
    yield
    for name in ("tags", "color", "icons", "arrows", "trails", "heat"):
        _switch(page, name, False)


def _open(page: Any) -> None:
    if not page.locator("#layer-tags").is_visible():
        page.click("#tab-layers")


def _switch(page: Any, name: str, on: bool) -> None:
    _open(page)
    page.locator(f"#layer-{name}").set_checked(on)


def _set(page: Any, name: str, field: str, text: str) -> None:
    """Fills a field of a layer, which is opened for it."""
    fold = page.locator(f".layer[data-layer='{name}']")
    if fold.get_attribute("open") is None:
        fold.locator("summary").click()
    fold.get_by_label(field).fill(text)
    fold.get_by_label(field).press("Enter")
    fold.get_by_label(field).blur()


def _picture(page: Any) -> np.ndarray:
    """The canvas as the user sees it, rgb."""
    return np.asarray(Image.open(io.BytesIO(page.locator("#canvas").screenshot())).convert("RGB")).astype(int)


def _at(page: Any, path: str) -> np.ndarray:
    place = page.evaluate(f"twinstage.layers.placeOf('{path}')")
    image = _picture(page)
    x, y = round(place["x"]), round(place["y"])
    return np.asarray(np.median(image[y - 2 : y + 3, x - 2 : x + 3].reshape(-1, 3), axis=0))


def _texts(page: Any) -> dict[str, str]:
    return {one["id"]: one["text"] for one in page.evaluate("twinstage.layers.labels")}


def test_tags_follow_values_quality_and_the_prim(live: Any, page: Any, until: Callable[..., Any]) -> None:
    _switch(page, "tags", True)
    _set(page, "tags", "Which signals", "motor.temperature, tank.level, agv1.x")
    tag = "tags /Cell/Belt/Motor motor.temperature"
    until(page, f"twinstage.layers.labels.some((one) => one.id === '{tag}')")
    assert _texts(page)[tag] == "temperature40.00°C"
    live.say(motor_temperature=55.5)
    until(page, f"twinstage.layers.labels.find((one) => one.id === '{tag}')?.text === 'temperature55.50°C'")
    level = "twinstage.layers.labels.find((one) => one.id === 'tags /Cell/Tank tank.level')?.text"
    assert page.evaluate(level) == "level50.00%"  # as the contract has it; the stream says 0.5
    # It stands by the motor, and moves with what it is of.
    (mine,) = [one for one in page.evaluate("twinstage.layers.labels") if one["id"] == tag]
    place = page.evaluate("twinstage.layers.placeOf('/Cell/Belt/Motor')")
    assert abs(mine["left"] + mine["width"] / 2 - place["x"]) < 120 and abs(mine["top"] - place["y"]) < 90
    agv = "twinstage.layers.labels.find((one) => one.id.startsWith('tags /Cell/Agv1'))"
    before = page.evaluate(f"{agv}?.left ?? -1")
    live.say(agv1_x=-3.0)
    until(page, f"{agv} && Math.abs({agv}.left - {before}) > 8")
    # None hides another.
    boxes = page.evaluate("twinstage.layers.labels")
    for a in boxes:
        for b in boxes:
            if a["id"] < b["id"]:
                apart = (
                    a["left"] + a["width"] <= b["left"]
                    or b["left"] + b["width"] <= a["left"]
                    or a["top"] + a["height"] <= b["top"]
                    or b["top"] + b["height"] <= a["top"]
                )
                assert apart, (a, b)


def _label(page: Any, name: str) -> dict[str, str]:
    """How a tag looks: what the browser has computed."""
    found: dict[str, str] = page.evaluate(
        """name => { const label = [...document.querySelectorAll('.label')].find((e) => e.dataset.id.endsWith(name));
          const [box, value] = [label, label.querySelector('.label-value')].map((e) => getComputedStyle(e));
          return { grade: label.dataset.grade, border: box.borderTopStyle, edge: box.borderTopColor,
                   line: value.textDecorationLine, title: label.title }; }""",
        name,
    )
    return found


def test_tags_say_how_far_their_values_can_be_trusted(
    live: Any, page: Any, until: Callable[..., Any]
) -> None:
    _switch(page, "tags", True)
    _set(page, "tags", "Which signals", "motor.current, tank.level, belt.speed")
    until(page, "twinstage.layers.labels.filter((one) => one.id.startsWith('tags ')).length === 3")
    grade = "[...document.querySelectorAll('.label')].find((e) => e.dataset.id.endsWith('{}'))?.dataset.grade"
    until(page, f"{grade.format('tank.level')} === 'good'")
    good = _label(page, "tank.level")
    assert (good["border"], good["line"], good["title"]) == ("solid", "none", "tank.level, good")
    live.say(quality="Bad_SensorFailure", tank_level=50)
    live.calm("tank_level")
    live.say(quality="Uncertain_SensorNotAccurate", belt_speed=1.0)
    until(page, f"{grade.format('tank.level')} === 'bad'")
    until(page, f"{grade.format('belt.speed')} === 'uncertain'")
    bad = _label(page, "tank.level")
    assert (bad["border"], bad["line"], bad["title"]) == ("dashed", "line-through", "tank.level, bad")
    assert _label(page, "belt.speed")["border"] == "dashed"
    # Nobody speaks of the current for two seconds, and so it is stale.
    until(page, f"{grade.format('motor.current')} === 'stale'")
    stale = _label(page, "motor.current")
    assert stale["border"] == "dashed" and stale["line"] == "none"
    assert len({good["edge"], bad["edge"], stale["edge"]}) == 3
    # And it is so in the picture: the dashes of the bad one are red.
    (mine,) = [one for one in page.evaluate("twinstage.layers.labels") if one["id"].endswith("tank.level")]
    image = _picture(page)
    left, top = round(mine["left"]), round(mine["top"])
    edge = image[top : top + 2, left : left + round(mine["width"])].reshape(-1, 3)
    assert (np.abs(edge - (224, 96, 79)).max(axis=1) < 30).sum() > 8


def test_an_arrow_points_where_the_thing_goes(live: Any, page: Any, until: Callable[..., Any]) -> None:
    live.say(agv1_x=0.0)
    until(page, "Math.abs(twinstage.worldOf('/Cell/Agv1')[3]) < 1e-3")
    page.wait_for_timeout(900)
    _switch(page, "arrows", True)
    blue = (76, 194, 230)

    def ahead_and_behind(way: int) -> tuple[int, int]:
        """Pixels of an arrow on the one and on the other side of the vehicle, while it goes at 1.2 m/s."""
        for k in range(14):
            live.say(agv1_x=way * 0.084 * k)
            page.wait_for_timeout(70)
        until(page, "twinstage.layers.arrows === 1", 3)
        image = _picture(page)
        # From the vehicle to where it will be in a second, wherever it has got to until the picture.
        sides = ((1.4, 1.6, 1.8), (-0.8, -1.0, -1.2))
        found = []
        for side in sides:
            at = [page.evaluate(f"twinstage.layers.project({way * x}, 0, 0)") for x in side]
            spots = [
                image[round(p["y"]) - 9 : round(p["y"]) + 9, round(p["x"]) - 9 : round(p["x"]) + 9]
                for p in at
            ]
            found.append(sum(int((np.abs(spot - blue).max(axis=2) < 40).sum()) for spot in spots))
        return found[0], found[1]

    ahead, behind = ahead_and_behind(1)
    assert ahead > 5 and behind == 0
    until(page, "twinstage.layers.arrows === 0")
    live.say(agv1_x=0.0)
    page.wait_for_timeout(1000)
    ahead, behind = ahead_and_behind(-1)
    assert ahead > 5 and behind == 0


def test_a_click_on_a_tag_selects_its_prim(page: Any, until: Callable[..., Any]) -> None:
    _switch(page, "tags", True)
    _set(page, "tags", "Which signals", "tank.level")
    until(page, "twinstage.layers.labels.length === 1")
    page.locator(".label[data-placed='true']").click()
    assert page.evaluate("twinstage.selected") == "/Cell/Tank"


def test_colour_by_value_paints_only_here_and_has_a_legend(
    live: Any, page: Any, until: Callable[..., Any]
) -> None:
    plain = _at(page, "/Cell/Tank")
    _switch(page, "color", True)
    _set(page, "color", "Which signals", "tank.level")
    fold = page.locator(".layer[data-layer='color']")
    fold.get_by_label("Automatic range").set_checked(False)
    _set(page, "color", "Lowest", "0")
    _set(page, "color", "Highest", "100")
    until(page, "JSON.stringify(twinstage.layers.range) === '[0,100]'")
    assert set(page.locator(".legend:visible").inner_text().split()) == {"level", "%", "0.000", "100.0"}
    live.say(tank_level=94.0)
    until(page, "twinstage.values['tank.level'].value > 0.9")
    page.wait_for_timeout(500)
    yellow = _at(page, "/Cell/Tank")
    live.say(tank_level=12.0)
    page.wait_for_timeout(700)
    purple = _at(page, "/Cell/Tank")
    assert yellow[0] > yellow[2] + 40 and yellow[1] > yellow[2] + 40, yellow  # viridis ends yellow
    assert purple[2] > purple[1] + 15, purple  # and begins purple
    assert "displayColor" not in str(live.ask("api/v1/edits"))
    # Over all values only those of one unit are painted; which, may be chosen.
    _set(page, "color", "Which signals", "")
    fold.get_by_label("Automatic range").set_checked(True)
    choice = fold.get_by_label("Numbers of")
    until(page, "document.getElementById('layer-color-of').options.length > 3")
    choice.select_option("°C")
    until(page, "document.querySelector('.legend:not([hidden])')?.innerText.includes('temperature')")
    assert page.locator(".layer-row[aria-label='Colour by value'] .layer-count").inner_text() == "1 prims"
    choice.select_option("")
    _switch(page, "color", False)
    page.wait_for_timeout(500)
    assert np.abs(_at(page, "/Cell/Tank") - plain).max() < 12
    assert page.locator(".legend:visible").count() == 0


def test_a_moving_thing_leaves_a_trail_and_has_an_arrow(
    live: Any, page: Any, until: Callable[..., Any]
) -> None:
    live.say(agv1_x=-3.0)
    until(page, "Math.abs(twinstage.worldOf('/Cell/Agv1')[3] + 3) < 1e-3")
    page.wait_for_timeout(400)
    before = _picture(page)
    _switch(page, "trails", True)
    _switch(page, "arrows", True)
    for k in range(20):
        live.say(agv1_x=-3.0 + 0.12 * k)
        page.wait_for_timeout(70)
    until(page, "twinstage.layers.trailPieces > 3 && twinstage.layers.arrows === 1")
    # Where the trail runs, the picture has its colour.
    spots = [page.evaluate(f"twinstage.layers.project({x}, 0, 0)") for x in np.linspace(-2.2, -1.4, 12)]
    after = _picture(page)
    changed = [
        np.abs(after[round(p["y"]), round(p["x"])] - before[round(p["y"]), round(p["x"])]).max()
        for p in spots
    ]
    assert max(changed) > 25, changed
    until(page, "twinstage.layers.arrows === 0", 10)  # it stands
    _set(page, "trails", "Length of trails in seconds", "1")
    until(page, "twinstage.layers.trailPieces === 0")


def test_a_heat_map_lies_on_the_floor(live: Any, page: Any, until: Callable[..., Any]) -> None:
    floor = "twinstage.layers.project(0, -1.6, -0.5)"  # the vehicle stands at -0.5
    page.wait_for_timeout(300)
    spot = page.evaluate(floor)
    before = _picture(page)[round(spot["y"]), round(spot["x"])]
    _switch(page, "heat", True)
    _set(page, "heat", "Which signals", "agv1.x, motor.current")
    until(
        page,
        "document.querySelector('.layer-row[aria-label=\"Heat map\"] .layer-count').textContent === '1 sensors'",
    )
    page.wait_for_timeout(400)
    after = _picture(page)[round(spot["y"]), round(spot["x"])]
    assert np.abs(after - before).max() > 15, (before, after)


def test_signs_show_alarms_and_states(live: Any, page: Any, until: Callable[..., Any]) -> None:
    _switch(page, "icons", True)
    sign = "icons /Cell/Belt belt.state"
    until(page, f"twinstage.layers.labels.find((one) => one.id === '{sign}')?.text === 'running'")
    live.say(motor_temperature=95.0)
    until(
        page,
        "twinstage.layers.labels.find((one) => one.id === 'icons /Cell/Belt/Motor mark')?.text === 'high'",
    )
    live.calm()
    live.ask("api/alarms/acknowledge", {"alarms": ["motor.hot"], "by": "test"})
    until(page, "!twinstage.layers.labels.some((one) => one.id === 'icons /Cell/Belt/Motor mark')")


def test_what_is_shown_is_kept_for_the_next_visit(live: Any, page: Any, until: Callable[..., Any]) -> None:
    _switch(page, "tags", True)
    _set(page, "tags", "Below which prim", "/Cell/Belt")
    _set(page, "tags", "Which signals", "belt.speed")
    page.wait_for_timeout(500)
    page.reload()
    until(page, "!!(window.twinstage && twinstage.ready)")
    until(page, "twinstage.layers.labels.map((one) => one.id).join() === 'tags /Cell/Belt belt.speed'")
    _open(page)
    _set(page, "tags", "Below which prim", "")
    _set(page, "tags", "Which signals", "")
