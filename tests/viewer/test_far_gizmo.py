"""Handles 10 km from the origin stand where the thing is after the origin of the picture has moved, and move it as far."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from twins import opened

import twinstage
from twinstage.live.producer import Twin

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
STAGE = """#usda 1.0
(
    metersPerUnit = 1
    upAxis = "Z"
)
def Xform "Site"
{
    def Cube "Near"
    {
        double size = 1
    }
    def Xform "Far"
    {
        double3 xformOp:translate = (10000, -10000, 5)
        uniform token[] xformOpOrder = ["xformOp:translate"]
        def Cube "Box"
        {
            double size = 1
        }
    }
}
"""
FAR = "/Site/Far"


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Twin]:
    path = tmp_path_factory.mktemp("far") / "site.usda"
    path.write_text(STAGE)
    with twinstage.open(Path(path)) as made:
        made.serve(port=0)
        yield made


def test_the_handles_follow_the_floating_origin(twin: Twin, browser: Any, until: Callable[..., Any]) -> None:
    size = {"width": 860, "height": 480}
    with opened(browser, twin.url, reduced_motion="reduce", viewport=size) as page:
        page.evaluate(f"twinstage.select('{FAR}')")
        page.locator("#canvas").focus()
        page.keyboard.press("t")
        # Looked at from there only now: the origin moves while the handles are shown.
        page.evaluate("twinstage.setCameraView('10000,-10010,8,10000,-10000,5,42')")
        page.wait_for_timeout(400)
        box = page.locator("#canvas").bounding_box()
        middle = page.evaluate("twinstage.layers.placeOf('/Site/Far/Box')")
        x, y = page.evaluate("twinstage.gizmo.handleAt('Z')")
        assert x - box["x"] == pytest.approx(middle["x"], abs=1.5)
        assert 5 < middle["y"] - (y - box["y"]) < 200
        before = page.evaluate(f"twinstage.worldOf('{FAR}')")
        page.mouse.move(x, y)
        page.wait_for_timeout(150)
        page.mouse.down()
        for k in range(1, 6):
            page.mouse.move(x, y - 8 * k)
            page.wait_for_timeout(40)
        page.mouse.up()
        until(page, f"twinstage.worldOf('{FAR}')[11] > {before[11] + 0.05}")
        page.wait_for_timeout(400)
        after = page.evaluate(f"twinstage.worldOf('{FAR}')")
        assert [after[k] for k in (3, 7)] == pytest.approx([10000, -10000], abs=1e-3)
        # It has gone as far as the pointer: 40 px of the picture.
        moved = page.evaluate("twinstage.layers.placeOf('/Site/Far/Box')")
        assert middle["y"] - moved["y"] == pytest.approx(40, abs=4)
