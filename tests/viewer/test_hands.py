"""Mouse, fingers and keys on the picture: where the camera is then, what is picked, which pixels are there. One page."""

import io
import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hubs import HubServer
from PIL import Image
from twins import opened

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

# The core stands in the back half of the box, so that it is seen only where the front half is cut away.
STAGE = """#usda 1.0
(
    defaultPrim = "Cell"
    metersPerUnit = 1
    upAxis = "Z"
)
def Xform "Cell"
{
    def Cube "Box"
    {
        uniform bool doubleSided = 1
        double size = 1
        color3f[] primvars:displayColor = [(0.1, 0.6, 0.2)]
        double3 xformOp:translate = (0, 0, 0.5)
        uniform token[] xformOpOrder = ["xformOp:translate"]
    }
    def Cube "Core"
    {
        double size = 0.44
        double3 xformOp:translate = (0, 0.26, 0.5)
        uniform token[] xformOpOrder = ["xformOp:translate"]
    }
    def Cube "Far"
    {
        double size = 1
        double3 xformOp:translate = (3, 1, 0.5)
        uniform token[] xformOpOrder = ["xformOp:translate"]
    }
}
"""
VIEW = "twinstage.cameraView()"
BOX = "/Cell/Box"


@pytest.fixture(scope="module")
def page(
    browser: Any, serve_stage: Callable[[Path], HubServer], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Any]:
    path = tmp_path_factory.mktemp("hands") / "cell.usda"
    path.write_text(STAGE)
    size = {"width": 700, "height": 420}
    with opened(
        browser, serve_stage(path).url, reduced_motion="reduce", viewport=size, has_touch=True
    ) as page:
        for tab in ("#tab-tree", "#tab-properties"):
            if page.get_attribute(tab, "aria-selected") == "true":
                page.click(tab)
        yield page


@pytest.fixture(autouse=True)
def home(page: Any) -> None:
    page.evaluate("twinstage.select(null)")
    for tool in ("section", "measure"):
        if page.evaluate(f"twinstage.{tool}() !== null"):
            page.evaluate(f"twinstage.run('view.{tool}')")
    page.locator("#canvas").focus()
    page.evaluate("twinstage.setCameraView('3,-5,3,0,0,0.5,42')")
    rested(page)


def rested(page: Any) -> dict[str, Any]:
    """The view, once nothing of a drag is left in it."""
    seen: list[tuple[int, list[float]]] = []
    deadline = time.monotonic() + 60
    while True:
        found: dict[str, Any] = page.evaluate(VIEW)
        frames = page.evaluate("twinstage.stats.frames")
        seen.append((frames, [*found["position"], *found["target"]]))
        # Of a slow picture the view stays for a while, too: no frame comes any more.
        if len(seen) > 3 and all(one == seen[-1] for one in seen[-4:]):
            return found
        assert time.monotonic() < deadline, "the view does not come to rest"
        page.wait_for_timeout(60)


def away(view: dict[str, Any]) -> float:
    return math.dist(view["position"], view["target"])


def azimuth(view: dict[str, Any]) -> float:
    x, y, _ = np.subtract(view["position"], view["target"])
    return math.degrees(math.atan2(y, x))


def middle(page: Any) -> tuple[float, float]:
    box = page.locator("#canvas").bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def height(page: Any) -> float:
    return float(page.locator("#canvas").bounding_box()["height"])


def place(page: Any, path: str) -> np.ndarray:
    at = page.evaluate(f"twinstage.layers.placeOf('{path}')")
    return np.array([at["x"], at["y"]])


def picture(page: Any) -> np.ndarray:
    """Without its edge, where the ring of the focus is."""
    whole = Image.open(io.BytesIO(page.locator("#canvas").screenshot())).convert("RGB")
    return np.asarray(whole, int)[5:-5, 5:-5]


def drag(page: Any, by: tuple[float, float], button: str = "left") -> None:
    x, y = middle(page)
    page.mouse.move(x, y)
    page.mouse.down(button=button)
    for k in range(1, 5):
        page.mouse.move(x + by[0] * k / 4, y + by[1] * k / 4)
        page.wait_for_timeout(30)
    page.mouse.up(button=button)


def test_a_drag_orbits_the_right_button_pans_and_the_wheel_goes_to_the_pointer(page: Any) -> None:
    before = page.evaluate(VIEW)
    drag(page, (60, 0))
    after = rested(page)
    # As far as the pointer went: a whole turn for the picture's height. The scene goes with the pointer.
    assert azimuth(before) - azimuth(after) == pytest.approx(360 * 60 / height(page), rel=0.05)
    assert away(after) == pytest.approx(away(before), rel=1e-3)
    np.testing.assert_allclose(after["target"], before["target"], atol=1e-4)
    assert page.evaluate("twinstage.selected") is None, "a drag is no click"
    at = place(page, BOX)
    drag(page, (70, -20), "right")
    panned = rested(page)
    np.testing.assert_allclose(place(page, BOX) - at, [70, -20], atol=6)
    assert azimuth(panned) == pytest.approx(azimuth(after), abs=1)
    assert page.locator("[role=menu]").count() == 0, "nor is it a click of the right button"
    box = page.locator("#canvas").bounding_box()
    spot = place(page, BOX)
    page.mouse.click(box["x"] + spot[0], box["y"] + spot[1], button="right")
    assert page.locator("[role=menu]").get_attribute("aria-label", timeout=3000) == f"Actions for {BOX}"
    page.keyboard.press("Escape")
    far = place(page, "/Cell/Far")
    page.mouse.move(box["x"] + far[0], box["y"] + far[1])
    for _ in range(3):
        page.mouse.wheel(0, -120)
        page.wait_for_timeout(60)
    near = rested(page)
    assert away(near) < 0.9 * away(panned)
    np.testing.assert_allclose(place(page, "/Cell/Far"), far, atol=4)
    page.mouse.wheel(0, 240)
    assert away(rested(page)) > 1.05 * away(near)


def test_fingers_turn_move_zoom_and_choose(page: Any) -> None:
    session = page.context.new_cdp_session(page)
    x, y = middle(page)

    def touch(kind: str, *points: tuple[float, float]) -> None:
        told = [{"x": px, "y": py, "id": k} for k, (px, py) in enumerate(points)]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": told})
        page.wait_for_timeout(30)

    before = page.evaluate(VIEW)
    touch("touchStart", (x, y))
    for k in range(1, 5):
        touch("touchMove", (x - 15 * k, y))
    touch("touchEnd")
    turned = rested(page)
    assert azimuth(turned) - azimuth(before) == pytest.approx(360 * 60 / height(page), rel=0.3)
    assert away(turned) == pytest.approx(away(before), rel=1e-3)
    assert page.evaluate("twinstage.selected") is None
    # Two fingers that part come nearer; two that go the same way move the picture.
    touch("touchStart", (x - 30, y), (x + 30, y))
    for k in range(1, 5):
        touch("touchMove", (x - 30 - 10 * k, y), (x + 30 + 10 * k, y))
    touch("touchEnd")
    near = rested(page)
    assert away(near) < 0.75 * away(turned)
    at = place(page, BOX)
    touch("touchStart", (x - 30, y), (x + 30, y))
    for k in range(1, 5):
        touch("touchMove", (x - 30, y + 10 * k), (x + 30, y + 10 * k))
    touch("touchEnd")
    moved = rested(page)
    assert 20 < place(page, BOX)[1] - at[1] < 60
    assert away(moved) == pytest.approx(away(near), rel=0.05)
    box = page.locator("#canvas").bounding_box()
    spot = place(page, BOX)
    page.touchscreen.tap(box["x"] + spot[0], box["y"] + spot[1])
    assert page.evaluate("twinstage.selected") == BOX


def test_arrow_keys_pan_with_ctrl_they_orbit_and_pages_come_nearer(page: Any) -> None:
    before = page.evaluate(VIEW)
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowUp")
    panned = rested(page)
    assert math.dist(panned["target"], before["target"]) > 0.02
    assert azimuth(panned) == pytest.approx(azimuth(before), abs=1)
    page.keyboard.press("Control+ArrowLeft")
    orbited = rested(page)
    assert abs(azimuth(orbited) - azimuth(panned)) > 3
    np.testing.assert_allclose(orbited["target"], panned["target"], atol=0.01)
    page.keyboard.press("Control+ArrowUp")
    raised = rested(page)
    assert raised["position"][2] != pytest.approx(orbited["position"][2], abs=0.1)
    page.keyboard.press("PageUp")
    near = rested(page)
    assert away(near) == pytest.approx(0.85 * away(raised), rel=0.01)
    page.keyboard.press("PageDown")
    assert away(rested(page)) == pytest.approx(away(raised), rel=0.01)
    # With Shift they are of time, and turn nothing.
    still = page.evaluate(VIEW)
    page.keyboard.press("Shift+ArrowLeft")
    np.testing.assert_allclose(rested(page)["position"], still["position"], atol=1e-6)


def test_two_points_are_measured_with_keys_alone(page: Any, until: Callable[..., Any]) -> None:
    page.evaluate(f"twinstage.select('{BOX}')")
    page.keyboard.press("Shift+F")
    view = rested(page)
    page.keyboard.press("Shift+M")
    until(page, "!document.querySelector('.aim').hidden")
    cross = page.locator(".aim").bounding_box()
    np.testing.assert_allclose(
        [cross["x"] + cross["width"] / 2, cross["y"] + cross["height"] / 2], middle(page), atol=1
    )
    page.keyboard.press("Enter")
    for _ in range(8):
        page.keyboard.press("ArrowRight")
    moved = rested(page)
    page.keyboard.press("Enter")
    found = page.evaluate("twinstage.measure()")
    # Nearer than what is looked at, the front moves past the cross as much as the eye does.
    went = math.dist(moved["target"], view["target"])
    assert went > 0.05
    np.testing.assert_allclose(found["points"][0], [0, -0.5, 0.5], atol=1e-3)
    np.testing.assert_allclose(found["points"][1], [went, -0.5, 0.5], atol=2e-3)
    assert found["distance"] == pytest.approx(went, abs=2e-3)
    assert page.evaluate("twinstage.selected") == BOX, "Enter measured, and chose nothing"
    page.keyboard.press("Shift+M")
    until(page, "document.querySelector('.aim').hidden")


def test_a_face_is_cut_along_with_keys_alone(page: Any) -> None:
    page.evaluate(f"twinstage.select('{BOX}')")
    page.keyboard.press("Shift+P")  # from behind
    rested(page)
    page.keyboard.press("Shift+X")
    page.get_by_role("button", name="Face").focus()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "canvas"
    page.keyboard.press("Enter")
    cut = page.evaluate("twinstage.section()")
    np.testing.assert_allclose(cut["axis"], [0, 1, 0], atol=1e-6)
    assert cut["at"] == pytest.approx(0.5 - 1e-3, abs=1e-5)
    page.keyboard.press("Shift+X")


def test_what_is_cut_away_cannot_be_picked_and_what_was_behind_it_can(page: Any) -> None:
    page.evaluate("twinstage.setCameraView('0,-4,0.5,0,0,0.5,42')")
    rested(page)
    pick = "([x, y]) => twinstage.pickAt(x, y)"
    spot = list(middle(page))
    assert page.evaluate(pick, spot) == BOX
    page.evaluate("twinstage.run('view.section')")
    page.get_by_role("group", name="Section plane").get_by_role("button", name="Y", exact=True).click()
    page.get_by_label("Place of the section").evaluate(
        "(e) => { e.value = '150'; e.dispatchEvent(new Event('input', { bubbles: true })); }"
    )
    at = page.evaluate("twinstage.section()")["at"]
    assert -0.5 < at < 0.04
    seen = {page.evaluate(pick, spot)}
    page.keyboard.press("Shift+Z")
    seen_flipped = page.evaluate(pick, spot)
    # One side keeps the front, the other the core that stands behind it.
    assert {*seen, seen_flipped} == {BOX, "/Cell/Core"}


def test_g_takes_the_grid_away_and_brings_it_back(page: Any) -> None:
    with_grid = picture(page)
    page.keyboard.press("g")
    page.wait_for_timeout(250)
    without = picture(page)
    page.keyboard.press("g")
    page.wait_for_timeout(250)
    again = picture(page)
    lines = np.abs(with_grid - without).max(axis=2) > 6
    assert lines.sum() > 150
    # Lines of the ground, not the things that stand on it.
    spot = place(page, BOX)
    x, y = round(spot[0]) - 5, round(spot[1]) - 5
    assert lines[y - 6 : y + 6, x - 6 : x + 6].sum() == 0
    # The picture's resolution adapts meanwhile, so lines may be finer or coarser than before.
    assert (np.abs(again - without).max(axis=2) > 6).sum() > 0.5 * lines.sum()


def test_shift_d_makes_the_page_and_the_picture_light(page: Any, until: Callable[..., Any]) -> None:
    def brightness() -> tuple[float, float]:
        """Of the header, and of the sky in the picture's corner."""
        shot = np.asarray(Image.open(io.BytesIO(page.screenshot())).convert("L"), float)
        return float(np.median(shot[4:40, 300:400])), float(np.median(shot[52:70, 560:690]))

    dark = brightness()
    page.keyboard.press("Shift+D")
    until(page, "document.documentElement.dataset.theme === 'light'")
    page.wait_for_timeout(400)
    light = brightness()
    page.keyboard.press("Shift+D")
    page.wait_for_timeout(400)
    again = brightness()
    assert dark[0] < 70 and dark[1] < 90 and light[0] > 190 and light[1] > 150
    np.testing.assert_allclose(again, dark, atol=6)
