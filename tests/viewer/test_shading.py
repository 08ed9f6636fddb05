"""Doubtful data and the stage's own cameras, as the picture shows them."""

import io
import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hubs import Served
from PIL import Image

from twinstage.base.quality import BAD, GOOD, UNCERTAIN_LAST_USABLE
from twinstage.scene.columns import PoseColumns, SignalColumns, TickColumns, empty_pose, frozen
from twinstage.scene.read import read_snapshot
from twinstage.scene.stage import open_stage
from twinstage.sync.hub import Hub, SignalMeta

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

# The vehicle carries a camera of 36 x 24 mm and 30 mm; a cube 10 m before it is of 1 m.
STAGE = """#usda 1.0
(
    defaultPrim = "Site"
    metersPerUnit = 1
    upAxis = "Z"
)
def Xform "Site"
{
    def Cube "Valve"
    {
        double size = 1
        color3f[] primvars:displayColor = [(0.9, 0.1, 0.05)]
    }
    def Cube "Pipe"
    {
        double size = 1
        color3f[] primvars:displayColor = [(0.9, 0.1, 0.05)]
        double3 xformOp:translate = (3, 0, 0)
        uniform token[] xformOpOrder = ["xformOp:translate"]
    }
    def Xform "Vehicle"
    {
        double3 xformOp:translate = (0, -10.5, 0)
        uniform token[] xformOpOrder = ["xformOp:translate"]
        def Camera "Eye"
        {
            float horizontalAperture = 36
            float verticalAperture = 24
            float focalLength = 30
            float2 clippingRange = (0.1, 100)
            float xformOp:rotateX = 90
            uniform token[] xformOpOrder = ["xformOp:rotateX"]
        }
    }
}
"""


class Site(Served):
    """The stage with a signal on its valve; each call is a tick."""

    def __init__(self, stage: Path, viewer: Path) -> None:
        self.snapshot = read_snapshot(open_stage(stage))
        signals = [SignalMeta("valve.flow", "m3/s", "f64")]
        super().__init__(Hub(self.snapshot, signals, {"/Site/Valve": ["valve.flow"]}, epoch="one"), viewer)
        self._ordinal = 0

    def _publish(self, tick: TickColumns) -> int:
        self.do(lambda: self.hub.publish(tick))
        return int(self.hub.seq)

    def read(self, quality: int) -> int:
        """A reading of now, of that quality."""
        self._ordinal += 1
        now = time.time_ns()
        reading = SignalColumns(
            frozen(np.array([0]), np.uint32),
            frozen(np.array([1.0]), np.float64),
            frozen(np.array([now]), np.int64),
            frozen(np.array([quality]), np.uint32),
        )
        return self._publish(TickColumns(empty_pose(self._ordinal, now), signals=reading))

    def drive(self, x: float) -> int:
        """The vehicle to (x, -10.5, 0)."""
        self._ordinal += 1
        vehicle = self.snapshot.prims.index_of["/Site/Vehicle"]
        at = frozen(np.array([[x, -10.5, 0.0]]), np.float64)
        still = frozen(np.array([[1.0, 0, 0, 0]]), np.float32)
        ids = frozen(np.array([vehicle]), np.uint32)
        return self._publish(TickColumns(PoseColumns(self._ordinal, time.time_ns(), ids, at, still)))


@pytest.fixture(scope="module")
def site(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    path = tmp_path_factory.mktemp("site") / "site.usda"
    path.write_text(STAGE)
    made = Site(path, root / "viewer" / "dist")
    made.read(GOOD)
    made.start()
    yield made
    made.end()


@pytest.fixture(scope="module")
def page(browser: Any, site: Site) -> Iterator[Any]:
    from twins import opened

    size = {"width": 900, "height": 420}
    with opened(browser, site.url, forgive=("404",), reduced_motion="reduce", viewport=size) as page:
        page.wait_for_timeout(300)
        yield page


def _redness(page: Any, *points: tuple[float, float]) -> list[float]:
    """Red less green, in bytes, around points of the window."""
    picture = np.asarray(Image.open(io.BytesIO(page.screenshot())).convert("RGB"), float)
    spots = [picture[int(y) - 2 : int(y) + 3, int(x) - 2 : int(x) + 3].mean((0, 1)) for x, y in points]
    return [float(spot[0] - spot[1]) for spot in spots]


def test_bad_data_greys_what_it_is_of_and_stale_data_fades_it(
    site: Site, page: Any, until: Callable[..., Any]
) -> None:
    page.evaluate("twinstage.setCameraView('1.5,-6,0,1.5,0,0,42')")
    page.mouse.move(5, 5)
    box = page.locator("#canvas").bounding_box()
    middle, scale = box["height"] / 2, box["height"] / (2 * math.tan(math.radians(21)) * 5.5)
    valve = (box["x"] + box["width"] / 2 - 1.5 * scale, box["y"] + middle)
    pipe = (box["x"] + box["width"] / 2 + 1.5 * scale, box["y"] + middle)

    def looks(seq: int) -> list[float]:
        until(page, f"twinstage.stats.seq === {seq}")
        page.wait_for_timeout(500)
        return _redness(page, valve, pipe)

    healthy, beside = looks(site.read(GOOD))
    assert healthy > 80 and beside == pytest.approx(healthy, abs=12)
    grey, beside = looks(site.read(BAD))
    assert abs(grey) < 0.25 * healthy and beside > 0.9 * healthy
    again, _ = looks(site.read(GOOD))
    assert again == pytest.approx(healthy, abs=6)
    # What the twin says of a signal of which nothing came for longer than its max_age.
    faded, beside = looks(site.read(UNCERTAIN_LAST_USABLE))
    assert 0.2 * healthy < faded < 0.8 * healthy and beside > 0.9 * healthy


def test_a_camera_on_a_vehicle_is_looked_through_and_carried_along(
    site: Site, page: Any, until: Callable[..., Any]
) -> None:
    site.drive(0.0)
    page.keyboard.press("1")
    page.wait_for_timeout(400)
    box = page.locator("#canvas").bounding_box()
    # All of the camera's 36 x 24 mm is shown, whichever side decides.
    focal = min(box["height"] * 30 / 24, box["width"] * 30 / 36)
    x0, y0 = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    def at(x: float, z: float) -> Any:
        """Path at the picture of a point of the valve's front, 10 m before the camera."""
        return page.evaluate("([x, y]) => twinstage.pickAt(x, y)", [x0 + focal * x / 10, y0 - focal * z / 10])

    assert at(0.46, 0.46) == at(-0.46, -0.46) == "/Site/Valve"
    assert at(0.54, 0) is None and at(0, 0.54) is None
    seq = site.drive(2.0)
    until(page, f"twinstage.stats.seq === {seq} && twinstage.cameraView().position[0] > 1.999")
    np.testing.assert_allclose(page.evaluate("twinstage.cameraView().position"), [2, -10.5, 0], atol=1e-3)
    page.wait_for_timeout(200)
    assert at(0, 0) is None and at(-2.46, 0) == at(-1.54, 0) == "/Site/Valve" and at(1, 0) == "/Site/Pipe"
    page.keyboard.press("0")
