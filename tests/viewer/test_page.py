"""The page against a real server under its real Content-Security-Policy, in headless Chromium.

The stage is small and made here, so that every number on the page can be computed another way: world matrices by
`pxr`, what lies under the pointer by where the camera looks.
"""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hubs import Served

from twinstage.scene.columns import (
    EntityColumns,
    PoseColumns,
    SignalColumns,
    StyleColumns,
    TextColumns,
    TickColumns,
    VisibilityColumns,
    empty_pose,
    frozen,
)
from twinstage.scene.snapshot import Snapshot
from twinstage.sync.hub import Hub, SignalMeta
from twinstage.sync.messages import Answer

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

STAGE = """#usda 1.0
(
    defaultPrim = "Cell"
    metersPerUnit = 1
    upAxis = "Z"
)
def Xform "Cell"
{
    def Xform "Arm" (kind = "component")
    {
        double3 xformOp:translate = (4, 0, 0)
        uniform token[] xformOpOrder = ["xformOp:translate"]
        def Xform "Link"
        {
            double3 xformOp:translate = (0, 0, 1)
            float xformOp:rotateZ = 30
            uniform token[] xformOpOrder = ["xformOp:translate", "xformOp:rotateZ"]
            def Cube "Body"
            {
                double size = 1
                color3f[] primvars:displayColor = [(0.9, 0.4, 0.1)]
            }
        }
    }
    def Cube "Crate"
    {
        double size = 1
        double3 xformOp:translate = (-4, 0, 0.5)
        uniform token[] xformOpOrder = ["xformOp:translate"]
    }
    def PointInstancer "Parcels"
    {
        int[] protoIndices = [0, 0]
        int64[] ids = [5, 9]
        point3f[] positions = [(0, 6, 0.5), (0, 9, 0.5)]
        rel prototypes = </Cell/Parcels/Protos/Box>
        def Scope "Protos"
        {
            def Cube "Box"
            {
                double size = 1
            }
        }
    }
    def Camera "Side"
    {
        float2 clippingRange = (0.1, 100)
        double3 xformOp:translate = (0, -20, 1)
        float xformOp:rotateX = 90
        uniform token[] xformOpOrder = ["xformOp:translate", "xformOp:rotateX"]
    }
}
"""
SIGNALS = [SignalMeta("arm.angle", "rad", "f64"), SignalMeta("arm.hot", "K", "f64")]
BINDINGS = {"/Cell/Arm/Link": ["arm.angle", "arm.hot"]}


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    from twinstage.scene.read import read_snapshot
    from twinstage.scene.stage import open_stage

    path = tmp_path_factory.mktemp("stage") / "cell.usda"
    path.write_text(STAGE)
    return read_snapshot(open_stage(path))


def _served(hub: Hub, port: int, viewer: Path) -> Served:
    made = Served(hub, viewer, port)
    made.start()
    return made


def _tick(snapshot: Snapshot, ordinal: int, angle: float, quality: int = 0) -> TickColumns:
    """The link turned by `angle` about Z, one metre up, and its two signals."""
    link = snapshot.prims.index_of["/Cell/Arm/Link"]
    now = 1_700_000_000_000_000_000 + ordinal * 50_000_000
    quaternion = [[np.cos(angle / 2), 0, 0, np.sin(angle / 2)]]
    return TickColumns(
        PoseColumns(
            ordinal,
            now,
            frozen(np.array([link]), np.uint32),
            frozen(np.array([[0.0, 0.0, 1.0]]), np.float64),
            frozen(np.array(quaternion), np.float32),
        ),
        signals=SignalColumns(
            frozen(np.array([0, 1]), np.uint32),
            frozen(np.array([angle, 300.0]), np.float64),
            frozen(np.array([now, now]), np.int64),
            frozen(np.array([quality, 0]), np.uint32),
        ),
    )


def _hub(snapshot: Snapshot, epoch: str, angle: float = 0.5) -> Hub:
    hub = Hub(snapshot, SIGNALS, BINDINGS, epoch=epoch)
    hub.publish(_tick(snapshot, 1, angle))
    return hub


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def _until(page: Any, expression: str, seconds: float = 60.0) -> Any:
    """Polls from outside: the page's policy forbids what `wait_for_function` does inside it."""
    deadline = time.monotonic() + seconds
    while not (value := page.evaluate(expression)):
        assert time.monotonic() < deadline, f"still not after {seconds} s: {expression}"
        page.wait_for_timeout(60)
    return value


@contextmanager
def _opened(browser: Any, url: str) -> Iterator[Any]:
    page = browser.new_page(viewport={"width": 1000, "height": 640})
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on(
        "console",
        lambda message: (
            problems.append(message.text)
            if message.type in ("error", "warning") and "WebSocket" not in message.text
            else None
        ),
    )
    page.goto(url)
    _until(page, "!!(window.twinstage && twinstage.ready)")
    yield page
    page.close()
    # GPU stalls are remarks of the driver on screenshots, not of the page; a server that went away is one of the browser. So is
    # a 404: this server is a hub alone, and panels find out by asking that it keeps no alarms, history or overlays.
    remarks = ("GPU stall", "ERR_CONNECTION_REFUSED", "404 (Not Found)")
    assert [text for text in problems if not any(remark in text for remark in remarks)] == []


@pytest.fixture
def server(root: Path, snapshot: Snapshot) -> Iterator[tuple[Served, int]]:
    port = _free_port()
    running = _served(_hub(snapshot, "first"), port, root / "viewer" / "dist")
    yield running, port
    running.end()


def _world_by_pxr(path: str, angle: float) -> np.ndarray:
    """world_from_prim, column-vector, with the link at `angle`: computed by USD itself."""
    from pxr import Gf, Sdf, Usd, UsdGeom

    layer = Sdf.Layer.CreateAnonymous(".usda")
    layer.ImportFromString(STAGE)
    stage = Usd.Stage.Open(layer)
    stage.GetPrimAtPath("/Cell/Arm/Link").GetAttribute("xformOp:rotateZ").Set(float(np.degrees(angle)))
    world: Gf.Matrix4d = UsdGeom.XformCache().GetLocalToWorldTransform(stage.GetPrimAtPath(path))
    return np.array(world).T


def _centre(page: Any) -> tuple[float, float]:
    box = page.locator("#canvas").bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def _frame(page: Any, path: str) -> None:
    """Looks at a prim, which then lies in the middle of the picture, and selects nothing."""
    assert page.evaluate(f"twinstage.select('{path}')")
    page.keyboard.press("f")
    page.wait_for_timeout(700)
    page.keyboard.press("Escape")
    assert page.evaluate("twinstage.selected") is None


def test_worlds_equal_usd_s_own_and_follow_the_stream(
    browser: Any, server: tuple[Served, int], snapshot: Snapshot
) -> None:
    running, port = server
    with _opened(browser, f"http://127.0.0.1:{port}/") as page:
        for ordinal, angle in ((2, 0.5), (3, -1.2), (4, 2.9)):
            running.do(lambda o=ordinal, a=angle: running.hub.publish(_tick(snapshot, o, a)))
            _until(page, f"Math.abs(twinstage.values['arm.angle'].value - {angle}) < 1e-12")
            for path in ("/Cell/Arm/Link/Body", "/Cell/Crate"):
                held = np.array(page.evaluate(f"twinstage.worldOf('{path}')")).reshape(4, 4)
                np.testing.assert_allclose(held, _world_by_pxr(path, angle), atol=2e-4)
        # The picture is acknowledged, and drawing ends when nothing moves any more.
        assert _until(page, f"twinstage.stats.seq === {running.hub.seq}")
        page.wait_for_timeout(800)
        frames = page.evaluate("twinstage.stats.frames")
        page.wait_for_timeout(600)
        assert page.evaluate("twinstage.stats.frames") <= frames + 1


def test_picking_selects_prims_and_points_and_shows_their_values(
    browser: Any, server: tuple[Served, int], snapshot: Snapshot
) -> None:
    running, port = server
    with _opened(browser, f"http://127.0.0.1:{port}/") as page:
        for path in ("/Cell/Crate", "/Cell/Arm/Link/Body", "/Cell/Parcels[9]"):
            _frame(page, path)
            assert page.evaluate("([x, y]) => twinstage.pickAt(x, y)", list(_centre(page))) == path
            page.mouse.click(*_centre(page))
            assert page.evaluate("twinstage.selected") == path
        page.evaluate("twinstage.select('/Cell/Arm/Link/Body')")
        inspector = page.locator("#panel-properties")
        # The body has no signals of its own: the link's are shown, in degrees and Celsius.
        assert "of Link" in inspector.inner_text()
        _until(page, "document.querySelector('#panel-properties .value').textContent === '28.65'")
        assert "26.85" in inspector.inner_text()
        # Bad quality is marked, and an invisible thing cannot be picked.
        running.do(lambda: running.hub.publish(_tick(snapshot, 2, 0.5, quality=0x80000000)))
        _until(page, "document.querySelector('#panel-properties .signal').dataset.grade === 'bad'")
        _frame(page, "/Cell/Crate")
        crate = frozen(np.array([snapshot.prims.index_of["/Cell/Crate"]]), np.uint32)
        hide = VisibilityColumns(crate, frozen(np.array([False]), np.bool_))
        running.do(lambda: running.hub.publish(TickColumns(empty_pose(3, 0), visibility=hide)))
        _until(page, f"twinstage.pickAt({', '.join(map(str, _centre(page)))}) === null")


def test_colours_reach_the_picture(browser: Any, server: tuple[Served, int], snapshot: Snapshot) -> None:
    import io

    from PIL import Image

    def middle(page: Any) -> np.ndarray:
        page.wait_for_timeout(500)
        picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
        x, y = _centre(page)
        return np.asarray(picture, float)[int(y) - 4 : int(y) + 4, int(x) - 4 : int(x) + 4].mean((0, 1))

    running, port = server
    with _opened(browser, f"http://127.0.0.1:{port}/") as page:
        _frame(page, "/Cell/Crate")
        page.mouse.move(5, 5)
        before = middle(page)
        crate = frozen(np.array([snapshot.prims.index_of["/Cell/Crate"]]), np.uint32)
        for ordinal, rgba in ((2, (255, 0, 0, 255)), (3, (0, 0, 255, 255)), (4, (0, 0, 0, 0))):
            style = StyleColumns(crate, frozen(np.array([rgba]), np.uint8))
            running.do(lambda o=ordinal, s=style: running.hub.publish(TickColumns(empty_pose(o, 0), style=s)))
            _until(page, f"twinstage.stats.seq === {running.hub.seq}")
            after = middle(page)
            if rgba[3]:
                assert np.argmax(after) == np.argmax(rgba[:3]) and after.max() > 2 * after.min() + 20
            else:
                np.testing.assert_allclose(after, before, atol=3)


def test_the_tree_answers_keys_and_search(browser: Any, server: tuple[Served, int]) -> None:
    _, port = server
    with _opened(browser, f"http://127.0.0.1:{port}/") as page:
        tree = page.get_by_role("tree")
        assert tree.get_by_role("treeitem", name="Crate").get_attribute("aria-level") == "2"
        page.keyboard.press("/")
        page.keyboard.type("link camera")
        assert tree.get_by_role("treeitem").count() == 0
        page.get_by_role("searchbox").fill("body")
        assert tree.get_by_role("treeitem").all_inner_texts() == ["Cell", "Arm", "Link", "Body"]
        page.keyboard.press("Enter")
        assert page.evaluate("twinstage.selected") == "/Cell/Arm/Link/Body"
        page.get_by_role("searchbox").fill("")
        tree.focus()
        page.keyboard.press("ArrowLeft")
        page.keyboard.press("ArrowLeft")
        page.keyboard.press("Home")
        page.keyboard.press("Enter")
        assert page.evaluate("twinstage.selected") == "/Cell"
        page.keyboard.press("1")
        page.get_by_role("tab", name="Cameras").click()
        option = page.get_by_role("option", name="Side")
        assert option.get_attribute("aria-selected") == "true"


def test_the_stream_is_exact_and_heals(browser: Any, server: tuple[Served, int], snapshot: Snapshot) -> None:
    running, port = server
    with _opened(browser, f"http://127.0.0.1:{port}/") as page:
        for ordinal in range(2, 8):
            running.do(lambda o=ordinal: running.hub.publish(_tick(snapshot, o, 0.5 + 0.01 * o)))
            _until(page, f"twinstage.stats.seq === {running.hub.seq}")
        assert page.evaluate("twinstage.wire.deltaRows") >= 5
        page.evaluate("twinstage.verify()")
        running.do(lambda: running.hub.publish(_tick(snapshot, 8, 0.6)))
        _until(page, "twinstage.wire.digestsChecked === 1")
        assert page.evaluate("[twinstage.wire.digestsWrong, twinstage.wire.resyncs]") == [0, 0]
        # What is not of interest is not sent; it comes again with everything.
        ticks = page.evaluate("twinstage.wire.ticks")
        page.evaluate("twinstage.interest({prims: ['/Cell/Crate'], signals: ['nothing']})")
        _until(page, f"twinstage.wire.ticks > {ticks}")  # another interest brings a tick of its own
        page.evaluate("twinstage.rate(10)")
        _until(page, "twinstage.stats.hz === 10")
        before = page.evaluate("twinstage.worldOf('/Cell/Arm/Link')")
        running.do(lambda: running.hub.publish(_tick(snapshot, 9, -1.0)))
        page.wait_for_timeout(300)
        assert page.evaluate("twinstage.worldOf('/Cell/Arm/Link')") == before
        page.evaluate("twinstage.interest(null)")
        _until(page, "Math.abs(twinstage.values['arm.angle'].value + 1) < 1e-12")
        held = np.array(page.evaluate("twinstage.worldOf('/Cell/Arm/Link/Body')")).reshape(4, 4)
        np.testing.assert_allclose(held, _world_by_pxr("/Cell/Arm/Link/Body", -1.0), atol=2e-4)


def test_texts_names_and_entities_are_shown(browser: Any, root: Path, snapshot: Snapshot) -> None:
    signals = [
        SignalMeta("arm.mode", "", "enum", {0: "idle", 3: "running"}),
        SignalMeta("arm.order", "", "string"),
    ]
    hub = Hub(snapshot, signals, {"/Cell/Arm/Link": ["arm.mode", "arm.order"]}, epoch="words")
    link = snapshot.prims.index_of["/Cell/Arm/Link"]
    now = frozen(np.array([1_700_000_000_000_000_000]), np.int64)
    good = frozen(np.array([0]), np.uint32)
    hub.publish(
        TickColumns(
            empty_pose(1, 0),
            signals=SignalColumns(good, frozen(np.array([3.0]), np.float64), now, good),
            texts=TextColumns(frozen(np.array([1]), np.uint32), ("Förderer 7",), now, good),
            entities=EntityColumns(frozen(np.array([link]), np.uint32), frozen(np.array([2**40]), np.int64)),
        )
    )
    port = _free_port()
    running = _served(hub, port, root / "viewer" / "dist")
    try:
        with _opened(browser, f"http://127.0.0.1:{port}/") as page:
            assert page.evaluate("twinstage.values['arm.order'].value") == "Förderer 7"
            page.evaluate("twinstage.select('/Cell/Arm/Link')")
            _until(page, "document.querySelector('#panel-properties').innerText.includes('Förderer 7')")
            shown = page.locator("#panel-properties").inner_text()
            assert "running" in shown and str(2**40) in shown
    finally:
        running.end()


def test_a_page_of_the_javascript_client(
    browser: Any, server: tuple[Served, int], snapshot: Snapshot
) -> None:
    running, port = server
    page = browser.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.goto(f"http://127.0.0.1:{port}/client/example.html")
    for ordinal in range(2, 40):
        running.do(lambda o=ordinal: running.hub.publish(_tick(snapshot, o, 0.1 * o)))
        page.wait_for_timeout(60)
        if "/Cell/Arm/Link 4.000 0.000 1.000" in page.locator("#list").inner_text():
            break
    assert "/Cell/Arm/Link 4.000 0.000 1.000" in page.locator("#list").inner_text()
    assert page.locator("#link").inner_text().startswith("live: ")
    asked: list[Any] = []

    def take(fields: Any, who: Any, say: Any, now_ns: int) -> None:
        asked.append((fields["kind"], fields["path"], fields["position"], fields["base"]))
        ok = len(asked) == 1
        told = {} if ok else {"code": "conflict", "error": "ben was faster"}
        say(Answer(fields["id"], ok, 7, **told))

    running.hub.take_command = take
    page.get_by_role("textbox", name="Prim").fill("/Cell/Arm")
    page.get_by_label("to x y z in metres").fill("1, 2 -0.5")
    for said in ("moved, in version 7", "conflict: ben was faster"):
        page.get_by_role("button", name="Move").click()
        page.get_by_text(said).wait_for()
    assert asked == [("move", "/Cell/Arm", [1, 2, -0.5], 0), ("move", "/Cell/Arm", [1, 2, -0.5], 7)]
    page.close()
    assert errors == []


def test_a_restart_and_another_scene_keep_the_selection(
    browser: Any, root: Path, snapshot: Snapshot, server: tuple[Served, int]
) -> None:
    running, port = server
    with _opened(browser, f"http://127.0.0.1:{port}/") as page:
        page.evaluate("twinstage.select('/Cell/Parcels[5]')")
        running.do(lambda: running.hub.replace_scene(snapshot))
        running.do(lambda: running.hub.publish(_tick(snapshot, 2, 1.0)))
        _until(page, "twinstage.ready && Math.abs(twinstage.values['arm.angle'].value - 1) < 1e-9")
        assert page.evaluate("twinstage.selected") == "/Cell/Parcels[5]"
        running.end()
        _until(page, "twinstage.link === 'down'")
        assert "Link lost" in page.get_by_role("alert").inner_text()
        second = _served(_hub(snapshot, "second", angle=-0.25), port, root / "viewer" / "dist")
        try:
            _until(page, "twinstage.ready && twinstage.link === 'live' && twinstage.epoch === 'second'")
            assert page.evaluate("twinstage.selected") == "/Cell/Parcels[5]"
            assert page.evaluate("twinstage.values['arm.angle'].value") == -0.25
            assert not page.get_by_role("alert").is_visible()
        finally:
            second.end()
