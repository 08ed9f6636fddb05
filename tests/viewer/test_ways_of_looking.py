"""Cameras and tools of the picture: each test reads what changed in the scene graph, the address or the picture."""

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hubs import HubServer

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

# In centimetres with Y up, so that units and axes of the stage are others than those of the page.
STAGE = """#usda 1.0
(
    defaultPrim = "Cell"
    metersPerUnit = 0.01
    upAxis = "Y"
)
def Xform "Cell"
{
    def Xform "Cart"
    {
        def Cube "Box"
        {
            uniform bool doubleSided = 1
            double size = 100
            color3f[] primvars:displayColor = [(0.1, 0.6, 0.2)]
            double3 xformOp:translate = (0, 50, 0)
            uniform token[] xformOpOrder = ["xformOp:translate"]
        }
    }
    def Cube "Far"
    {
        double size = 100
        double3 xformOp:translate = (600, 50, 200)
        uniform token[] xformOpOrder = ["xformOp:translate"]
    }
    def Camera "Plan"
    {
        token projection = "orthographic"
        float horizontalAperture = 9000
        float verticalAperture = 6000
        float2 clippingRange = (1, 10000)
        double3 xformOp:translate = (0, 2000, 0)
        float xformOp:rotateX = -90
        uniform token[] xformOpOrder = ["xformOp:translate", "xformOp:rotateX"]
    }
}
"""
VIEW = "twinstage.cameraView()"


@pytest.fixture(scope="module")
def cell(serve_stage: Callable[[Path], HubServer], tmp_path_factory: pytest.TempPathFactory) -> HubServer:
    path = tmp_path_factory.mktemp("look") / "cell.usda"
    path.write_text(STAGE)
    return serve_stage(path)


@pytest.fixture(scope="module")
def page(browser: Any, cell: HubServer) -> Iterator[Any]:
    from twins import opened

    size = {"width": 1000, "height": 480}
    with opened(browser, cell.url, reduced_motion="reduce", viewport=size) as page:
        yield page


@pytest.fixture(autouse=True)
def home(page: Any) -> None:
    """Each test begins with the home view, and nothing selected."""
    page.evaluate("twinstage.select(null)")
    page.locator("#canvas").focus()
    for tool, key in (("section", "X"), ("measure", "M")):
        if page.evaluate(f"twinstage.{tool}() !== null"):
            page.keyboard.press(f"Shift+{key}")
    page.keyboard.press("0")
    page.keyboard.press("h")
    page.wait_for_timeout(150)


def _direction(page: Any) -> np.ndarray:
    """From what is looked at to the eye, a unit vector."""
    view = page.evaluate(VIEW)
    way = np.subtract(view["position"], view["target"])
    out: np.ndarray = way / np.linalg.norm(way)
    return out


def _middle(page: Any) -> tuple[float, float]:
    box = page.locator("#canvas").bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def _colour(page: Any, x: float, y: float) -> np.ndarray:
    import io

    from PIL import Image

    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    out: np.ndarray = np.asarray(picture, float)[int(y) - 2 : int(y) + 3, int(x) - 2 : int(x) + 3].mean(
        (0, 1)
    )
    return out


def test_keys_look_along_the_axes(page: Any) -> None:
    page.evaluate("twinstage.select('/Cell/Cart')")
    for key, way in (
        ("T", [0, 0, 1]),
        ("H", [0, 0, -1]),
        ("F", [0, -1, 0]),
        ("P", [0, 1, 0]),
        ("R", [1, 0, 0]),
        ("L", [-1, 0, 0]),
    ):
        page.keyboard.press(f"Shift+{key}")
        page.wait_for_timeout(250)
        np.testing.assert_allclose(_direction(page), way, atol=2e-3)
        np.testing.assert_allclose(page.evaluate(VIEW)["target"], [0, 0, 0.5], atol=1e-3)  # the box's middle
        assert page.evaluate("([x, y]) => twinstage.pickAt(x, y)", list(_middle(page))) == "/Cell/Cart/Box"


def test_orthographic_shows_far_things_as_large_as_near_ones(page: Any) -> None:
    page.keyboard.press("Shift+F")
    before = page.evaluate(VIEW)
    page.keyboard.press("Shift+O")
    page.wait_for_timeout(120)
    view = page.evaluate(VIEW)
    away = math.dist(before["position"], before["target"])
    # What is looked at keeps its size.
    assert view["half"] == pytest.approx(away * math.tan(math.radians(before["fov"] / 2)), rel=1e-3)
    assert page.evaluate(VIEW)["fov"] == before["fov"]
    # Picking goes along parallel rays: straight below the two boxes' tops in front view.
    box = page.locator("#canvas").bounding_box()
    metre = box["height"] / (2 * view["half"])
    x0, y0 = _middle(page)

    def at(x: float, z: float) -> Any:
        target = view["target"]
        point = [x0 + (x - target[0]) * metre, y0 - (z - target[2]) * metre]
        return page.evaluate("([x, y]) => twinstage.pickAt(x, y)", point)

    assert at(0, 0.5) == "/Cell/Cart/Box" and at(6, 0.5) == "/Cell/Far"
    assert at(6.45, 0.95) == "/Cell/Far" and at(6.55, 0.95) is None
    page.keyboard.press("Shift+O")
    page.wait_for_timeout(120)
    back = page.evaluate(VIEW)
    assert back["half"] == 0
    np.testing.assert_allclose(math.dist(back["position"], back["target"]), away, rtol=1e-3)


def test_an_orthographic_camera_of_the_stage_is_looked_through(page: Any) -> None:
    page.keyboard.press("1")
    page.wait_for_timeout(150)
    view = page.evaluate(VIEW)
    np.testing.assert_allclose(view["position"], [0, 0, 20], atol=1e-6)
    # Apertures are tenths of a stage unit: 6000 of them are 6 m, and the wider 9 m have to fit, too.
    box = page.locator("#canvas").bounding_box()
    assert view["half"] == pytest.approx(max(3.0, 4.5 * box["height"] / box["width"]), rel=1e-3)
    page.keyboard.press("0")


def test_flying_moves_the_eye_and_leaves_the_keys_to_others_afterwards(
    page: Any, until: Callable[..., Any]
) -> None:
    page.keyboard.press("Shift+W")
    assert page.evaluate(VIEW)["flying"]
    before = page.evaluate(VIEW)
    forward = -_direction(page)
    page.keyboard.down("w")
    until(page, f"Math.hypot(...{VIEW}.position.map((v, c) => v - {before['position']}[c])) > 0.3")
    page.keyboard.up("w")
    moved = np.subtract(page.evaluate(VIEW)["position"], before["position"])
    np.testing.assert_allclose(moved / np.linalg.norm(moved), forward, atol=1e-3)
    # A drag to the right turns the view to the right.
    x, y = _middle(page)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 100, y, steps=4)
    page.mouse.up()
    turned = -_direction(page)
    assert forward[0] * turned[1] - forward[1] * turned[0] < -0.1
    assert page.locator(".mode-badge").inner_text() == "Flying"
    page.keyboard.press("Escape")
    still = page.evaluate(VIEW)["position"]
    page.keyboard.press("w")
    page.wait_for_timeout(200)
    np.testing.assert_allclose(page.evaluate(VIEW)["position"], still, atol=1e-9)
    assert page.locator(".mode-badge").count() == 0


def test_following_keeps_the_camera_beside_what_moves(
    page: Any, cell: HubServer, until: Callable[..., Any]
) -> None:
    page.evaluate("twinstage.select('/Cell/Cart')")
    page.keyboard.press("Shift+C")
    page.wait_for_timeout(150)
    before = page.evaluate(VIEW)
    assert before["following"] == "/Cell/Cart"
    np.testing.assert_allclose(before["target"], [0, 0, 0.5], atol=1e-3)
    cart = cell.snapshot.prims.index_of["/Cell/Cart"]
    # The cart's own pose holds the turn from Y up to Z up (its parent is the cell, which has it).
    cell.move([cart], np.array([[3.0, 0.0, 1.0]]))
    until(page, f"Math.abs({VIEW}.target[0] - 3) < 1e-3")
    after = page.evaluate(VIEW)
    np.testing.assert_allclose(np.subtract(after["position"], before["position"]), [3, -1, 0], atol=1e-3)
    page.keyboard.press("Shift+C")
    cell.move([cart], np.array([[0.0, 0.0, 0.0]]))
    page.wait_for_timeout(600)
    np.testing.assert_allclose(page.evaluate(VIEW)["target"], after["target"], atol=1e-6)


def test_a_view_is_saved_with_a_name_and_comes_back_with_the_address(
    page: Any, cell: HubServer, open_page: Callable[..., Any], until: Callable[..., Any]
) -> None:
    page.evaluate("twinstage.setCameraView('5,-4,3,0,0,0.5,30')")
    page.get_by_role("tab", name="Views").click()
    page.get_by_role("button", name="Save this view").click()
    field = page.get_by_label("Name of the view")
    field.fill("Cart; close & low")
    field.press("Enter")
    until(page, "window.location.hash.includes('views=Cart')")
    address = page.evaluate("window.location.href")
    page.keyboard.press("h")
    page.wait_for_timeout(150)
    assert page.evaluate(VIEW)["fov"] == 42
    page.get_by_role("button", name="Cart; close & low", exact=True).click()
    page.wait_for_timeout(150)
    view = page.evaluate(VIEW)
    np.testing.assert_allclose(
        [*view["position"], *view["target"], view["fov"]], [5, -4, 3, 0, 0, 0.5, 30], atol=2e-3
    )
    # Another browser, with the address alone: the same picture, and the named view.
    other = open_page(
        address, forgive=("404",), reduced_motion="reduce", viewport={"width": 1000, "height": 480}
    )
    view = other.evaluate(VIEW)
    np.testing.assert_allclose([*view["position"], *view["target"]], [5, -4, 3, 0, 0, 0.5], atol=2e-3)
    other.get_by_role("tab", name="Views").click()
    assert other.get_by_role("button", name="Cart; close & low", exact=True).count() == 1
    page.get_by_role("button", name="Remove Cart; close & low").click()
    until(page, "!window.location.hash.includes('views=')")


def test_a_section_cuts_the_picture_open_and_what_is_cut_cannot_be_picked(page: Any) -> None:
    page.evaluate("twinstage.setCameraView('0,-4,0.5,0,0,0.5,42')")
    page.wait_for_timeout(200)
    x, y = _middle(page)
    page.mouse.move(5, 5)
    whole = _colour(page, x, y)
    assert whole[1] > 1.3 * whole[0]  # the box is green
    page.keyboard.press("Shift+X")
    card = page.get_by_role("group", name="Section plane")
    # The stage's Z is the page's -Y: the front half is cut away.
    card.get_by_role("button", name="Z", exact=True).click()
    page.get_by_label("Place of the section").evaluate(
        "(e) => { e.value = '833'; e.dispatchEvent(new Event('input', { bubbles: true })); }"
    )
    card.get_by_role("button", name="Flip").click()
    page.wait_for_timeout(300)
    cut = page.evaluate("twinstage.section()")
    assert cut["axis"] == [0, 1, 0] and cut["name"] == "Z" and "cm" in card.inner_text()
    inside = _colour(page, x, y)
    assert inside[0] > 1.3 * inside[1]  # its filling is rust
    assert page.evaluate("([x, y]) => twinstage.pickAt(x, y)", [x, y]) in ("/Cell/Cart/Box", None)
    # Flipped, its front is there again.
    page.keyboard.press("Shift+Z")
    page.wait_for_timeout(300)
    assert _colour(page, x, y)[1] > 1.3 * _colour(page, x, y)[0]
    page.keyboard.press("Shift+X")
    page.wait_for_timeout(200)
    assert page.evaluate("twinstage.section()") is None and card.is_hidden()


def test_a_section_along_a_picked_face(page: Any) -> None:
    page.evaluate("twinstage.setCameraView('4,0,0.5,0,0,0.5,42')")
    page.wait_for_timeout(200)
    page.keyboard.press("Shift+X")
    page.get_by_role("button", name="Face").click()
    page.mouse.click(*_middle(page))
    page.wait_for_timeout(200)
    cut = page.evaluate("twinstage.section()")
    np.testing.assert_allclose(cut["axis"], [1, 0, 0], atol=1e-6)
    assert cut["at"] == pytest.approx(0.5 - 1e-3, abs=1e-5)
    page.keyboard.press("Shift+X")


def test_measuring_snaps_to_corners_and_tells_metres_and_stage_units(page: Any) -> None:
    page.evaluate("twinstage.setCameraView('0,-4,0.5,0,0,0.5,42')")
    page.wait_for_timeout(200)
    page.keyboard.press("Shift+M")
    box = page.locator("#canvas").bounding_box()
    x0, y0 = _middle(page)
    metre = box["height"] / (2 * math.tan(math.radians(21)) * 3.5)  # of the front face, 3.5 m away
    # Some pixels inside the lower left and the upper right corner of the front face.
    page.mouse.click(x0 - 0.5 * metre + 5, y0 + 0.5 * metre - 5)
    page.mouse.click(x0 + 0.5 * metre - 5, y0 - 0.5 * metre + 5)
    page.wait_for_timeout(200)
    found = page.evaluate("twinstage.measure()")
    np.testing.assert_allclose(found["points"], [[-0.5, -0.5, 0], [0.5, -0.5, 1]], atol=1e-5)
    assert found["distance"] == pytest.approx(math.sqrt(2), abs=1e-5)
    np.testing.assert_allclose(found["delta"], [1, 1, 0], atol=1e-5)  # in the stage's axes: its Y is up
    text = page.get_by_role("group", name="Measure").inner_text()
    assert "1.4142 m" in text and "(141.42 cm)" in text
    # Clicks of the tool select nothing; afterwards they do.
    assert page.evaluate("twinstage.selected") is None
    page.keyboard.press("Shift+M")
    page.mouse.click(x0, y0)
    assert page.evaluate("twinstage.selected") == "/Cell/Cart/Box"


def test_the_grid_and_its_numbers_are_in_units_of_the_stage(page: Any, until: Callable[..., Any]) -> None:
    page.keyboard.press("Shift+T")
    until(page, "twinstage.scale().text.endsWith('cm')")
    page.keyboard.press("Shift+G")
    until(page, "twinstage.scale().labels.length > 4")
    told = page.evaluate("twinstage.scale()")
    assert told["unit"] == "cm" and told["step"] in (50, 100, 200)
    # Seen from above with Y up: X to the right, Z down.
    assert any(text.startswith("X ") for text in told["labels"]) and any(
        text.startswith("Z ") for text in told["labels"]
    )
    labels = page.evaluate(
        """[...document.querySelectorAll('.scale-label:not([hidden])')].map((label) => {
          const box = label.getBoundingClientRect();
          return [label.textContent, box.left, box.top];
        })"""
    )
    z = {float(text[2:].replace("−", "-")): top for text, _, top in labels if text.startswith("Z ")}
    values = sorted(z)
    assert z[values[0]] < z[values[-1]]
    page.keyboard.press("Shift+G")
    until(page, "twinstage.scale().labels.length === 0")
