"""The catalogue in the page: a query narrows the tiles; what is dragged into the picture becomes a prim of the twin where it
was let go, and undo takes it away. Each test looks at what the twin then holds."""

import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from twins import opened

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

Until = Callable[..., Any]
TITLES = "[...document.querySelectorAll('.asset-title')].map((one) => one.textContent)"
FACTS = "document.querySelector('.asset-facts')"
NOTHING = "document.querySelector('.catalogue-empty').innerText"


@pytest.fixture(scope="module")
def page(browser: Any, live: Any, until: Until) -> Iterator[Any]:
    """The catalogue is open below a picture as wide as the window, so there is room for filters."""
    # A query that is none is answered 422, which the browser writes into its log.
    with opened(browser, live.url, forgive=("422",), viewport={"width": 1000, "height": 640}) as page:
        for panel in ("tree", "properties"):
            if page.locator(f"#panel-{panel}").is_visible():
                page.click(f"#tab-{panel}")
        page.keyboard.press("Shift+U")
        until(page, "twinstage.catalogue().total === 11")
        yield page


@pytest.fixture(autouse=True)
def as_designed(live: Any, page: Any, until: Until) -> Iterator[None]:
    yield
    page.evaluate("twinstage.select(null)")  # nobody asks for what is gone
    for edit in live.ask("api/v1/edits")["edits"]:
        if edit["property"] == "asset":
            live.ask(
                "api/v1/commands",
                {"id": f"tidy-{edit['version']}", "kind": "remove", "path": edit["path"]},
            )
    asked(page, until, "")


def asked(page: Any, until: Until, query: str) -> list[str]:
    """Titles of the tiles that a typed query leaves."""
    page.fill(".catalogue-query", query)
    page.press(".catalogue-query", "Enter")
    until(
        page,
        f"twinstage.catalogue().answered === {query!r} && {TITLES}.length === twinstage.catalogue().total",
    )
    return list(page.evaluate(TITLES))


def placed(live: Any) -> list[dict[str, Any]]:
    return [edit for edit in live.ask("api/v1/edits")["edits"] if edit["property"] == "asset"]


def carry(page: Any, until: Until, title: str, x: float, y: float) -> list[float]:
    """A tile is dragged to a place of the picture (in shares), and held there; the point that its box stands on."""
    tile = page.locator(f".asset:has-text('{title}')").bounding_box()
    canvas = page.locator("#canvas").bounding_box()
    page.mouse.move(tile["x"] + 30, tile["y"] + 30)
    page.mouse.down()
    page.mouse.move(tile["x"] + 45, tile["y"] + 10, steps=2)
    page.mouse.move(canvas["x"] + x * canvas["width"], canvas["y"] + y * canvas["height"], steps=3)
    return list(until(page, "twinstage.catalogue().carried?.point"))


def test_a_query_narrows_the_tiles_and_filters_are_part_of_it(page: Any, until: Until) -> None:
    assert asked(page, until, "tag:fluid") == ["Centrifugal pump", "Storage tank"]
    until(page, "[...document.querySelectorAll('.asset img')].every((one) => one.naturalWidth === 256)")
    assert asked(page, until, "label:robot,conveyor -joints:0") == ["Robot arm"]
    page.click(".catalogue [data-facet='label'] [data-key='word label conveyor']")
    until(page, "twinstage.catalogue().query === '-joints:0 label:robot'")
    assert asked(page, until, "nosuchthing") == []
    assert page.evaluate(NOTHING) == "No asset fits the query."
    page.fill(".catalogue-query", "triangels<5")
    page.press(".catalogue-query", "Enter")
    until(page, "/did you mean 'triangles'/.test(document.querySelector('.catalogue-fault').innerText)")
    assert page.evaluate("twinstage.catalogue().query") == "triangels<5"


def test_where_there_is_no_room_filters_lie_over_the_tiles(page: Any, until: Until) -> None:
    opener = page.locator(".catalogue-filters")
    assert not opener.is_visible()
    asked(page, until, "label:robot,conveyor -joints:0")
    page.set_viewport_size({"width": 840, "height": 640})
    try:
        until(page, "document.querySelector('.catalogue .facets').getClientRects().length === 0")
        opener.click()
        assert opener.get_attribute("aria-expanded") == "true"
        page.click(".catalogue [data-facet='label'] [data-key='word label conveyor']")
        until(page, "twinstage.catalogue().query === '-joints:0 label:robot'")
        page.keyboard.press("Escape")
        until(page, "document.querySelector('.catalogue .facets').getClientRects().length === 0")
        assert page.evaluate("document.activeElement.className").endswith("catalogue-filters")
    finally:
        page.set_viewport_size({"width": 1000, "height": 640})
    assert page.locator(".catalogue .facets").is_visible()


def test_details_tell_what_it_is(page: Any, until: Until) -> None:
    asked(page, until, "pump")
    page.click(".asset")
    facts = until(
        page,
        f"/Used here/.test({FACTS}?.innerText) && {FACTS}.innerText",
    )
    for text in (
        "0.836 × 0.281 × 0.376 m",
        "3,960",
        "Apache-2.0",
        "large, medium, small",
        "nowhere",
        "SHA-256",
    ):
        assert text in facts
    page.click(".asset-term:has-text('fluid')")
    until(page, "twinstage.catalogue().answered === 'tag:fluid' && twinstage.catalogue().total === 2")


def test_what_is_dropped_stands_where_it_was_let_go(live: Any, page: Any, until: Until) -> None:
    asked(page, until, "pump")
    point = carry(page, until, "Centrifugal pump", 0.25, 0.8)
    assert page.evaluate("twinstage.catalogue().carried.on") is None and point[2] == pytest.approx(-1)
    assert page.locator(".asset-carry").inner_text().endswith("m on the ground")
    page.mouse.up()
    until(page, "twinstage.selected === '/Cell/Pump'")
    world = page.evaluate("twinstage.worldOf('/Cell/Pump')")
    assert [world[3], world[7], world[11]] == pytest.approx(point, abs=1e-3)
    (edit,) = placed(live)
    assert edit["value"]["asset"] == "starter/pump.usda"
    assert edit["value"]["position"] == pytest.approx(point, abs=1e-3)
    with urllib.request.urlopen(f"{live.url}api/v1/edits/layer.usda", timeout=10) as answer:
        layer = answer.read().decode()
    assert 'def Xform "Pump"' in layer and "pump.usda@" in layer
    page.evaluate("twinstage.select(null)")
    page.locator("#canvas").focus()
    page.keyboard.press("Control+z")
    until(page, "twinstage.worldOf('/Cell/Pump') === null")
    assert placed(live) == []


def test_it_stands_on_what_lies_below_the_pointer_and_escape_puts_it_back(
    live: Any, page: Any, until: Until
) -> None:
    asked(page, until, "box")
    where = page.evaluate(
        """() => { const { left, top, width, height } = document.getElementById("canvas").getBoundingClientRect();
        for (let y = 0.1; y < 0.9; y += 0.02) for (let x = 0.1; x < 0.9; x += 0.02)
          if (twinstage.pickAt(left + x * width, top + y * height) === "/Cell/Agv1/Body")
            return [x, y + 0.01]; return null; }"""
    )
    point = carry(page, until, "Box", *where)
    assert page.evaluate("twinstage.catalogue().carried.on") == "/Cell/Agv1/Body"
    assert point[2] == pytest.approx(0.5, abs=1e-3)  # on its top, not on the ground
    page.keyboard.press("Escape")
    page.mouse.up()
    page.wait_for_timeout(300)
    assert placed(live) == [] and page.evaluate("twinstage.catalogue().carried") is None


def test_keys_place_it_in_the_middle_of_the_view(live: Any, page: Any, until: Until) -> None:
    asked(page, until, "pallet")
    page.press(".catalogue-query", "ArrowDown")
    page.keyboard.press("Home")
    until(page, "twinstage.catalogue().chosen === 'starter/pallet.usda'")
    page.keyboard.press("p")
    until(page, "twinstage.selected === '/Cell/Pallet'")
    until(page, "/\\/Cell\\/Pallet/.test(document.querySelector('.asset-facts').innerText)")
    assert [edit["value"]["asset"] for edit in placed(live)] == ["starter/pallet.usda"]
    page.evaluate("twinstage.select(null)")
    page.click(".asset-link:has-text('/Cell/Pallet')")
    until(page, "twinstage.selected === '/Cell/Pallet'")
