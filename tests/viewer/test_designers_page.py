"""docs/designers.md with a browser: what each of its commands does is seen in the page, in pixels and in the scene."""

import io
import threading
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]
Color = tuple[int, int, int]
SPOTS = """path => { const c = document.querySelector('#canvas').getBoundingClientRect(), found = [];
  for (let y = c.top + 6; y < c.bottom; y += 8) for (let x = c.left + 6; x < c.right; x += 8)
    if (document.elementFromPoint(x, y)?.id === 'canvas' && (twinstage.pickAt(x, y) ?? '').startsWith(path))
      found.push([x, y]);
  return found; }"""


def spots(page: Any, path: str) -> list[list[float]]:
    """Places of the window at which the picture shows that prim, or one below it."""
    return list(page.evaluate(SPOTS, path))


def color_of(page: Any, path: str) -> Color:
    """The median colour of the picture over the places that show that prim."""
    seen = spots(page, path)
    assert seen, f"{path} is nowhere in the picture"
    with Image.open(io.BytesIO(page.screenshot())) as shot:
        picture = shot.convert("RGB")
        pixels = [picture.getpixel((int(x), int(y))) for x, y in seen]
    red, green, blue = (sorted(channel)[len(pixels) // 2] for channel in zip(*pixels, strict=True))
    return red, green, blue


def sees(page: Any, holds: Callable[[], bool], what: str) -> None:
    """It holds within a few seconds: pictures follow the scene by a frame or two."""
    for _ in range(60):
        if holds():
            return
        page.wait_for_timeout(150)
    raise AssertionError(what)


def stands(page: Any, until: Callable[..., Any], path: str, place: list[float]) -> None:
    """The page holds that prim there [m]."""
    close = " && ".join(f"Math.abs(m[{4 * k + 3}] - {value}) < 1e-4" for k, value in enumerate(place))
    until(page, f"(m => m && {close})(twinstage.worldOf('{path}'))", 30)


def test_a_designers_day_is_seen_in_the_browser(
    tutorial: Any, open_page: Callable[..., Any], until: Callable[..., Any]
) -> None:
    for block in (0, 1, 2):  # an STL in, labelled, placed, served
        tutorial.run(block)
    page = open_page(
        f"http://127.0.0.1:{tutorial.port}/", viewport={"width": 700, "height": 420}, forgive=("404",)
    )
    until(page, "twinstage.ready && twinstage.watch().on", 40)
    for k, y in ((1, -0.06), (2, 0.06)):
        stands(page, until, f"/Hall/Bracket_{k}", [0, y, 0])
        assert len(spots(page, f"/Hall/Bracket_{k}")) > 3, "the imported part is in the picture"
    red, _, blue = color_of(page, "/Hall/Table")
    assert blue > red, "the table is as the file says: a bluish grey"
    before = spots(page, "/Hall/Bracket_2")

    tutorial.run(3)  # two saves with a text editor
    stands(page, until, "/Hall/Bracket_2", [0.05, 0.09, 0])
    sees(
        page,
        lambda: color_of(page, "/Hall/Table")[0] > color_of(page, "/Hall/Table")[2] + 15,
        "a brown table",
    )
    sees(
        page, lambda: spots(page, "/Hall/Bracket_2") != before, "the bracket at another place of the picture"
    )

    shown = page.evaluate("twinstage.drawing.revision")
    broken = threading.Thread(
        target=tutorial.run, args=(4,)
    )  # half a file, told for three seconds, and a good one
    broken.start()
    until(page, "!document.querySelector('.watch-bar').hidden", 60)
    assert "hall.usda, line" in page.inner_text(".watch-bar")
    assert page.evaluate("twinstage.drawing.revision") == shown
    assert color_of(page, "/Hall/Table")[0] > color_of(page, "/Hall/Table")[2] + 15, (
        "the last good scene stays"
    )
    broken.join(90)
    until(page, "document.querySelector('.watch-bar').hidden", 30)

    tutorial.run(5)  # moved and hidden by an engineer
    stands(page, until, "/Hall/Bracket_1", [0.1, -0.06, 0])
    sees(page, lambda: not spots(page, "/Hall/Table"), "the table is hidden")
    tutorial.run(6)
    tutorial.run(7)
    stands(page, until, "/Hall/Bracket_1", [0.12, -0.06, 0])

    tutorial.run(9)  # something from the library
    stands(page, until, "/Hall/Pallet", [0.9, 0, -0.3])
    sees(page, lambda: bool(spots(page, "/Hall/Pallet")), "the pallet is in the picture")
    red, _, blue = color_of(page, "/Hall/Pallet")
    assert red > blue + 15, "it is of wood"
