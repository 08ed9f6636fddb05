"""`twin.ui` seen in the page: pixels of what is drawn, and callbacks in Python of what is used there."""

import io
import queue
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from twins import findings

import twinstage
from twinstage.live.producer import Twin
from twinstage.scene.columns import EntityColumns, TickColumns, VisibilityColumns, empty_pose, frozen
from twinstage.sync.overlay.controls import Use

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

STAGE = """#usda 1.0
(
    metersPerUnit = 1
    upAxis = "Z"
)
def Xform "Cell"
{
    def Xform "Agv"
    {
        double3 xformOp:translate = (0, 0, 0)
        uniform token[] xformOpOrder = ["xformOp:translate"]
        def Cube "Body"
        {
            double size = 1
            color3f[] primvars:displayColor = [(0.5, 0.5, 0.5)]
        }
    }
    def Cube "Far"
    {
        double size = 0.4
        double3 xformOp:translate = (4, 3, 0)
        uniform token[] xformOpOrder = ["xformOp:translate"]
    }
}
"""


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Twin]:
    path = tmp_path_factory.mktemp("stage") / "cell.usda"
    path.write_text(STAGE)
    with twinstage.open(Path(path)) as opened:
        opened.serve(port=0)
        yield opened


@pytest.fixture(scope="module")
def page(browser: Any, twin: Twin, until: Callable[..., Any]) -> Iterator[Any]:
    made = browser.new_context(viewport={"width": 960, "height": 460})
    opened = made.new_page()
    problems: list[str] = []
    opened.on("pageerror", lambda error: problems.append(str(error)))
    opened.on("console", lambda told: problems.append(told.text) if told.type == "error" else None)
    opened.goto(twin.url)
    until(opened, "!!(window.twinstage && twinstage.ready && twinstage.overlays.version >= 0)")
    opened.click("#tab-tree")
    yield opened
    made.close()
    assert problems == []


@pytest.fixture(autouse=True)
def nothing_drawn(twin: Twin, page: Any, until: Callable[..., Any]) -> Iterator[None]:
    yield
    twin.ui.clear()
    twin.set("/Cell/Agv", position=(0, 0, 0))
    until(page, "twinstage.overlays.names.length === 0 && Math.abs(twinstage.worldOf('/Cell/Agv')[3]) < 1e-3")


def _picture(page: Any) -> np.ndarray:
    page.wait_for_timeout(300)
    return np.asarray(Image.open(io.BytesIO(page.locator("#canvas").screenshot())).convert("RGB")).astype(int)


def _pixel(page: Any, at: dict[str, float]) -> np.ndarray:
    colour: np.ndarray = _picture(page)[round(at["y"]), round(at["x"])]
    return colour


def _count(image: np.ndarray, near: tuple[int, int, int], within: int = 40) -> int:
    return int((np.abs(image - near).max(axis=2) < within).sum())


def _around(page: Any, image: np.ndarray, place: tuple[float, float, float], reach: int = 14) -> np.ndarray:
    at = page.evaluate(f"twinstage.layers.project({place[0]}, {place[1]}, {place[2]})")
    x, y = round(at["x"]), round(at["y"])
    return image[max(0, y - reach) : y + reach, max(0, x - reach) : x + reach]


def _drawn(page: Any, until: Callable[..., Any], name: str) -> None:
    until(page, f"twinstage.overlays.drawn['{name}']?.drawn")


def test_points_are_drawn_where_they_are_move_with_their_prim_and_go(
    twin: Twin, page: Any, until: Callable[..., Any]
) -> None:
    magenta = (255, 0, 255)
    cloud = twin.ui.points(
        "cloud",
        [[0, 0, 1.2], [0.1, 0, 1.2], [-0.1, 0, 1.2]],
        [[1.0, 0, 1.0]] * 3,
        size=0.2,
        parent="/Cell/Agv",
    )
    _drawn(page, until, "cloud")
    assert _count(_around(page, _picture(page), (0, 0, 1.2)), magenta) > 4
    twin.set("/Cell/Agv", position=(2, 2, 0))
    until(page, "Math.abs(twinstage.worldOf('/Cell/Agv')[3] - 2) < 1e-3")
    page.wait_for_timeout(400)
    image = _picture(page)
    assert _count(_around(page, image, (2, 2, 1.2)), magenta) > 4
    assert _count(_around(page, image, (0, 0, 1.2), 8), magenta) == 0
    cloud.visible = False
    until(page, "!twinstage.overlays.drawn.cloud")
    assert _count(_picture(page), magenta) == 0
    cloud.visible = True
    _drawn(page, until, "cloud")
    cloud.remove()
    until(page, "twinstage.overlays.names.length === 0")
    assert _count(_picture(page), magenta) == 0


def test_lines_frames_images_and_frustums(twin: Twin, page: Any, until: Callable[..., Any]) -> None:
    ui = twin.ui
    ui.lines("path", [[0, -1.5, 0], [2, -1.5, 0], [2, -1.5, 1]], "#ff00ff")
    ui.frame("tcp", position=(0, 0, 1), length=1.0)
    green = np.zeros((8, 16, 3), np.uint8)
    green[:, :] = (0, 255, 0)
    green[:, :4] = (255, 0, 0)  # its left quarter, so that it is seen which way round it is
    # Upright, and seen from the home view: its front looks to -y.
    ui.image("plan", green, position=(2.5, 0, 0.5), rotation=(0.7071068, 0.7071068, 0, 0), width=1.5)
    ui.frustum("camera", position=(-1.5, 0, 1.5), color="#ffff00", depth=1.0)
    for name in ("path", "tcp", "plan", "camera"):
        _drawn(page, until, name)
    image = _picture(page)
    assert _count(_around(page, image, (1, -1.5, 0)), (255, 0, 255), 90) > 3
    assert _count(_around(page, image, (0, 0, 1.8)), (91, 155, 213), 60) > 3  # z is blue
    assert _count(_around(page, image, (1.8, 0, 0.5), 4), (91, 155, 213), 60) == 0  # and not everywhere
    # A frame has an x and a y, too: red and green, each on its own side.
    for axis, hue in (((0.8, 0, 1), 0), ((0, 0.8, 1), 1)):
        spot = _around(page, image, axis, 5).reshape(-1, 3)
        others = np.delete(spot, hue, axis=1).max(axis=1)
        assert (spot[:, hue] > others + 30).sum() > 3, axis
    assert _count(_around(page, image, (2.5, 0, 0.5)), (0, 255, 0)) > 100
    assert _count(_around(page, image, (1.85, 0, 0.5), 6), (255, 0, 0)) > 10
    assert _count(_around(page, image, (3.15, 0, 0.5), 6), (255, 0, 0)) == 0
    assert _count(_around(page, image, (-1.5, 0, 1.0), 40), (255, 255, 0), 90) > 10


def test_a_text_stands_at_its_place(twin: Twin, page: Any, until: Callable[..., Any]) -> None:
    twin.ui.text("note", "drop here", position=(0, 0, 1.5), parent="/Cell/Agv")
    label = "twinstage.layers.labels.find((one) => one.text === 'drop here')"
    until(page, label)
    before = page.evaluate(label)
    at = page.evaluate("twinstage.layers.project(0, 0, 1.5)")
    assert abs(before["left"] + before["width"] / 2 - at["x"]) < 70 and abs(before["top"] - at["y"]) < 50
    twin.set("/Cell/Agv", position=(2, 0, 0))
    until(page, f"{label} && Math.abs({label}.left - {before['left']}) > 20")


def test_a_ghost_stands_beside_the_real_one(twin: Twin, page: Any, until: Callable[..., Any]) -> None:
    rest = _picture(page)
    twin.ui.ghost("soon", "/Cell/Agv", (2.0, 0, 0, 1, 0, 0, 0), color="#00ffff", opacity=0.5)
    _drawn(page, until, "soon")
    image = _picture(page)
    there, was = (_around(page, one, (2, 0, 0)).reshape(-1, 3).mean(axis=0) for one in (image, rest))
    assert there[1] - was[1] > 25 and there[2] - was[2] > 25 and there[0] - was[0] < there[2] - was[2] - 10
    here, before = (_around(page, one, (0, 0, 0)).reshape(-1, 3).mean(axis=0) for one in (image, rest))
    assert np.abs(here - before).max() < 12  # the real one is what it was


def test_a_late_comer_sees_what_is_there(
    twin: Twin, page: Any, open_page: Callable[..., Any], until: Callable[..., Any]
) -> None:
    twin.ui.points("cloud", [[0, 0, 1.2]], "#ff00ff", size=0.3)
    _drawn(page, until, "cloud")
    late = open_page(twin.url, viewport={"width": 960, "height": 460})
    late.click("#tab-tree")
    _drawn(late, until, "cloud")
    assert _count(_around(late, _picture(late), (0, 0, 1.2)), (255, 0, 255)) > 4


def test_controls_reach_python_with_role_and_name(
    twin: Twin, page: Any, until: Callable[..., Any], axe: str
) -> None:
    uses: queue.Queue[Use] = queue.Queue()
    ui = twin.ui
    slider = ui.slider(
        "speed", min=0, max=10, step=0.5, value=2, label="Belt speed", unit="m/s", group="Belt"
    )
    for control in (
        slider,
        ui.button("go", label="Start"),
        ui.checkbox("light", label="Light"),
        ui.dropdown("mode", ["slow", "fast"], label="Mode"),
        ui.textbox("note", label="Note"),
    ):
        control.on_use(uses.put)
    until(page, "document.querySelectorAll('.control').length === 5")
    page.click("#tab-controls")
    page.get_by_label("Belt speed").focus()
    page.keyboard.press("ArrowRight")
    use = uses.get(timeout=5)
    assert (use.name, use.value, use.by, use.role) == ("speed", 2.5, "local", "engineer")
    page.get_by_role("button", name="Start").click()
    use = uses.get(timeout=5)
    assert (use.name, use.value, use.role) == ("go", None, "engineer")
    page.get_by_role("button", name="Start").focus()
    page.keyboard.press("Enter")
    assert uses.get(timeout=5).name == "go"
    page.evaluate(axe)
    assert findings(page, "controls") == []
    page.get_by_label("Light", exact=True).check()
    assert uses.get(timeout=5).value is True
    page.get_by_label("Mode").select_option("fast")
    assert uses.get(timeout=5).value == "fast"
    page.get_by_label("Note").fill("careful")
    page.get_by_label("Note").press("Enter")
    assert uses.get(timeout=5).value == "careful"
    # What the program sets is seen in the page, and is no use.
    page.wait_for_timeout(700)
    slider.value = 9.0
    until(page, "document.querySelector(\"[data-control='speed'] output\").textContent === '9 m/s'")
    assert uses.empty()
    slider.enabled = False
    until(page, "document.querySelector(\"[data-control='speed'] input\").disabled")


def test_a_click_on_a_prim_calls_back_with_the_place(
    twin: Twin, page: Any, until: Callable[..., Any]
) -> None:
    uses: queue.Queue[Use] = queue.Queue()
    twin.ui.on_click("/Cell/Agv", uses.put)
    until(page, "twinstage.overlays.names.includes('click /Cell/Agv')")
    box = page.locator("#canvas").bounding_box()
    at = page.evaluate("twinstage.layers.project(0, -0.5, 0)")  # the middle of the side that looks to -y
    page.mouse.click(box["x"] + at["x"], box["y"] + at["y"])
    use = uses.get(timeout=5)
    assert use.prim == "/Cell/Agv/Body" and use.position is not None
    np.testing.assert_allclose(use.position, (0, -0.5, 0), atol=0.05)
    far = page.evaluate("twinstage.layers.project(4, 3, 0)")
    page.mouse.click(box["x"] + far["x"], box["y"] + far["y"])
    until(page, "twinstage.selected === '/Cell/Far'")
    assert uses.empty()


def test_entities_are_labelled_with_their_id(twin: Twin, page: Any, until: Callable[..., Any]) -> None:
    page.click("#tab-layers")
    page.locator("#layer-entities").set_checked(True)
    node = twin.live.snapshot.prims.index_of["/Cell/Agv"]
    entities = EntityColumns(frozen(np.array([node]), np.uint32), frozen(np.array([41]), np.int64))
    twin.publish(TickColumns(empty_pose(0, 0), entities=entities))
    until(page, "twinstage.layers.labels.some((one) => one.text === '#41')")
    until(page, "twinstage.fades.running.length === 0")
    gone = EntityColumns(frozen(np.array([node]), np.uint32), frozen(np.array([-1]), np.int64))
    twin.publish(TickColumns(empty_pose(0, 0), entities=gone))
    until(page, "!twinstage.layers.labels.some((one) => one.text === '#41')")
    until(page, "twinstage.fades.running.length === 0")
    page.click("#tab-layers")


def test_what_goes_fades_where_it_stood(twin: Twin, page: Any, until: Callable[..., Any]) -> None:
    """The node is hidden in the same tick: what is left is the picture of what has gone, and then nothing."""
    page.evaluate("twinstage.setCameraView('3,-4,2,0,0,0,42')")
    page.wait_for_timeout(400)
    at = page.evaluate("twinstage.layers.project(0, -0.5, 0)")
    node = twin.live.snapshot.prims.index_of["/Cell/Agv"]
    ids = frozen(np.array([node]), np.uint32)

    def tell(entity: int, shown: bool) -> None:
        entities = EntityColumns(ids, frozen(np.array([entity]), np.int64))
        switch = VisibilityColumns(ids, frozen(np.array([shown]), np.bool_))
        twin.publish(TickColumns(empty_pose(0, 0), visibility=switch, entities=entities))

    tell(7, True)
    until(page, "twinstage.fades.running.some((one) => one.path === '/Cell/Agv' && !one.goes)")
    until(page, "twinstage.fades.running.length === 0")
    there = _pixel(page, at)
    tell(-1, False)
    until(page, "twinstage.fades.running.some((one) => one.path === '/Cell/Agv' && one.goes)")
    until(page, "twinstage.fades.running.length === 0")
    page.wait_for_timeout(200)
    assert np.abs(_pixel(page, at) - there).max() > 15
    tell(8, True)
    until(page, "twinstage.fades.running.length === 0")
    page.wait_for_timeout(300)
    assert np.abs(_pixel(page, at) - there).max() < 8
