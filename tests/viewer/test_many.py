"""Ten, ten thousand and many more instances: what a frame costs, what is picked, what is left out."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hubs import HubServer, parts

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

COST = "twinstage.drawing.cost"
LARGE = 60_000


@pytest.fixture(scope="module")
def large(
    serve_stage: Callable[[Path], HubServer], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[HubServer]:
    yield serve_stage(parts(tmp_path_factory.mktemp("large") / "large.usdc", LARGE))


@pytest.fixture(scope="module")
def large_page(browser: Any, large: HubServer) -> Iterator[Any]:
    from twins import opened

    with opened(browser, large.url, forgive=("404",)) as page:
        page.wait_for_timeout(500)
        yield page


def test_draw_calls_do_not_grow_with_instances(
    serve_stage: Callable[[Path], HubServer], tmp_path: Path, open_page: Callable[..., Any]
) -> None:
    calls = {}
    for n in (10, 4000):
        page = open_page(serve_stage(parts(tmp_path / f"parts{n}.usdc", n)).url, forgive=("404",))
        page.wait_for_timeout(300)
        assert sum(cell["instances"] for cell in page.evaluate("twinstage.drawing.detail")) == n
        # The least of some frames: now and then one draws the shadow map, too.
        frame = "(() => { twinstage.drawing.draw(); return twinstage.drawing.cost.calls; })()"
        calls[n] = min(page.evaluate(frame) for _ in range(4))
    assert 0 < calls[4000] == calls[10]


def test_many_instances_are_cells_whose_number_is_bounded(large_page: Any) -> None:
    cost = large_page.evaluate(COST)
    # Two prototypes of at most 32 cells each, twice (colour and shadow), and a few of the page's own.
    assert 2 < cost["batches"] <= 64
    assert cost["calls"] <= 2 * 64 + 10
    cells = large_page.evaluate("twinstage.drawing.detail")
    assert sum(cell["instances"] for cell in cells) == LARGE


def test_what_is_out_of_the_picture_is_not_drawn_and_what_is_far_is_drawn_coarsely(large_page: Any) -> None:
    page = large_page
    page.evaluate("twinstage.setCameraView('120,-200,200,120,120,0,42')")
    page.wait_for_timeout(400)
    page.evaluate("twinstage.drawing.draw()")
    far = page.evaluate(COST)
    # All cells are in sight, but not all of their triangles: as they are, they would be 9 million.
    assert far["triangles"] < 1_000_000
    assert any(cell["shape"] == 2 for cell in page.evaluate("twinstage.drawing.detail"))
    # From the edge, looking outwards: nothing of it is drawn.
    page.evaluate("twinstage.setCameraView('-5,0,1,-30,0,1,42')")
    page.wait_for_timeout(400)
    page.evaluate("twinstage.drawing.draw()")
    away = page.evaluate(COST)
    assert away["calls"] <= 10 < 20 < far["calls"]
    # From close by the nearest cells are as they are.
    page.evaluate("twinstage.setCameraView('3,-2,2,3,3,0,42')")
    page.wait_for_timeout(400)
    page.evaluate("twinstage.drawing.draw()")
    assert any(cell["shape"] == 0 for cell in page.evaluate("twinstage.drawing.detail"))


def test_picking_among_many_is_exact_and_quick(large_page: Any) -> None:
    page = large_page
    side = int(np.ceil(np.sqrt(LARGE)))
    for column, row in ((3, 3), (120, 97), (244, 200)):
        page.evaluate(f"twinstage.setCameraView('{column},{row - 4},3,{column},{row},0,42')")
        page.wait_for_timeout(300)
        page.evaluate("twinstage.drawing.draw()")  # what is thinned out while it is far is whole now
        path = f"/Site/Parts[{row * side + column}]"
        box = page.locator("#canvas").bounding_box()
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        assert page.evaluate("([x, y]) => twinstage.pickAt(x, y)", [x, y]) == path
        took = page.evaluate(
            "([x, y]) => { const t = performance.now(); for (let k = 0; k < 5; k++) twinstage.pickAt(x, y);"
            " return (performance.now() - t) / 5; }",
            [x, y],
        )
        assert took < 60  # three's own search among as many takes seconds


def test_a_moved_point_is_drawn_where_it_went_and_alone_is_uploaded(
    large_page: Any, large: HubServer, until: Callable[..., Any]
) -> None:
    page = large_page
    # What the driver is handed: bytes of each bufferSubData.
    page.evaluate(
        """() => {
          const gl = document.getElementById('canvas').getContext('webgl2'), own = gl.bufferSubData;
          window.sent = [];
          gl.bufferSubData = function (...a) {
            window.sent.push(a[4] === undefined ? a[2].byteLength : a[4] * a[2].BYTES_PER_ELEMENT);
            return own.apply(gl, a);
          };
        }"""
    )
    page.evaluate("twinstage.setCameraView('120,-200,200,120,120,0,42')")
    page.wait_for_timeout(600)
    page.evaluate("window.sent.length = 0")
    first = len(large.snapshot.prims)
    rows = np.array([7, 30_007, 59_999])
    places = np.array([[7.0, 0.0, 5.0], [11.0, 90.0, 6.0], [200.0, 30.0, 7.0]])
    seq = large.move(first + rows, places)
    until(page, f"twinstage.stats.seq === {seq}")
    for row, place in zip(rows, places, strict=True):
        expression = f"twinstage.drawing.worldOf('/Site/Parts[{row}]')[0].matrix"
        until(page, f"Math.abs({expression}[11] - {place[2]}) < 1e-3")
        np.testing.assert_allclose(np.array(page.evaluate(expression))[[3, 7, 11]], place, atol=1e-3)
    page.wait_for_timeout(300)
    sent = page.evaluate("window.sent")
    assert 0 < max(sent) <= 64 * 64  # a few matrices of 64 bytes, of 3.8 MB
    large.move(
        first + rows,
        np.array([[7.0, 0, 0], [side_of(30_007)[0], side_of(30_007)[1], 0], [*side_of(59_999), 0]]),
    )


def side_of(row: int) -> tuple[float, float]:
    side = int(np.ceil(np.sqrt(LARGE)))
    return float(row % side), float(row // side)


@pytest.mark.slow
def test_a_million_instances_open_and_fit_into_memory(
    serve_stage: Callable[[Path], HubServer], tmp_path: Path, open_page: Callable[..., Any]
) -> None:
    page = open_page(serve_stage(parts(tmp_path / "million.usdc", 1_000_000)).url, forgive=("404",))
    cost = page.evaluate(COST)
    assert cost["batches"] <= 64 and cost["calls"] <= 2 * 64 + 10
    cdp = page.context.new_cdp_session(page)
    cdp.send("HeapProfiler.collectGarbage")
    heap = cdp.send("Runtime.getHeapUsage")
    held = heap["usedSize"] + heap.get("backingStorageSize", 0)
    assert held < 600 << 20
