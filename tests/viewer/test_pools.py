"""Reloads leave nothing behind: geometries, textures and programs on the GPU, and the heap, stay as they were."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hubs import HubServer

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

RELOADS = 20
STAGE = """#usda 1.0
(
    defaultPrim = "Cell"
    metersPerUnit = 1
    upAxis = "Z"
)
def Xform "Cell"
{
    def Xform "Looks"
    {
        def Material "Card"
        {
            token outputs:surface.connect = </Cell/Looks/Card/Shader.outputs:surface>
            def Shader "Shader"
            {
                uniform token info:id = "UsdPreviewSurface"
                color3f inputs:diffuseColor.connect = </Cell/Looks/Card/Picture.outputs:rgb>
                token outputs:surface
            }
            def Shader "Picture"
            {
                uniform token info:id = "UsdUVTexture"
                asset inputs:file = @card.png@
                float2 inputs:st.connect = </Cell/Looks/Card/Reader.outputs:result>
                float3 outputs:rgb
            }
            def Shader "Reader"
            {
                uniform token info:id = "UsdPrimvarReader_float2"
                string inputs:varname = "st"
                float2 outputs:result
            }
        }
    }
    def Cube "Crate"
    {
        double3 xformOp:translate = (-3, 0, 0)
        uniform token[] xformOpOrder = ["xformOp:translate"]
    }
    def Mesh "Card" (prepend apiSchemas = ["MaterialBindingAPI"])
    {
        rel material:binding = </Cell/Looks/Card>
        int[] faceVertexCounts = [4]
        int[] faceVertexIndices = [0, 1, 2, 3]
        point3f[] points = [(0, 0, 0), (2, 0, 0), (2, 0, 2), (0, 0, 2)]
        texCoord2f[] primvars:st = [(0, 0), (1, 0), (1, 1), (0, 1)] (interpolation = "vertex")
        uniform token subdivisionScheme = "none"
    }
    def Sphere "Mirrored"
    {
        double3 xformOp:scale = (-1, 1, 1)
        uniform token[] xformOpOrder = ["xformOp:scale"]
    }
}
"""


@pytest.fixture(scope="module")
def cell(serve_stage: Callable[[Path], HubServer], tmp_path_factory: pytest.TempPathFactory) -> HubServer:
    from PIL import Image

    folder = tmp_path_factory.mktemp("pools")
    Image.new("RGB", (256, 256), (200, 120, 40)).save(folder / "card.png")
    (folder / "cell.usda").write_text(STAGE)
    return serve_stage(folder / "cell.usda")


def _heap(cdp: Any) -> tuple[int, int]:
    """Bytes of JavaScript after collections: objects and code, and buffers."""
    for _ in range(3):
        cdp.send("HeapProfiler.collectGarbage")
    usage = cdp.send("Runtime.getHeapUsage")
    return int(usage["usedSize"]), int(usage.get("backingStorageSize", 0))


def test_reloads_leave_nothing_behind(
    cell: HubServer, open_page: Callable[..., Any], until: Callable[..., Any]
) -> None:
    page = open_page(cell.url, forgive=("404",))  # a bare hub says nothing more of a prim
    cdp = page.context.new_cdp_session(page)

    def reload() -> None:
        revision = cell.hub.revision
        cell.reload()
        assert cell.hub.revision == revision + 1
        until(page, f"twinstage.drawing.revision === {revision + 1} && twinstage.ready")
        page.evaluate("twinstage.select('/Cell/Crate')")  # an outline, which has geometries of its own
        page.evaluate("twinstage.drawing.draw()")

    def held() -> dict[str, int]:
        cost = page.evaluate("twinstage.drawing.cost")
        return {name: cost[name] for name in ("geometries", "textures", "programs", "attributes")}

    for _ in range(4):
        reload()
    page.wait_for_timeout(500)
    before, (heap, buffers) = held(), _heap(cdp)
    assert before["geometries"] > 3 and before["textures"] > 0 and before["attributes"] > 3
    for _ in range(RELOADS):
        reload()
    page.wait_for_timeout(500)
    assert held() == before
    after, buffers_after = _heap(cdp)
    assert page.evaluate("twinstage.drawing.scenesAlive") <= 2
    assert buffers_after - buffers < 100_000
    # The browser goes on compiling, and keeps a list of what was fetched: 20 kB a reload at first.
    assert after - heap < 1_500_000


def test_what_a_scene_no_longer_has_leaves_the_gpu(
    cell: HubServer, open_page: Callable[..., Any], until: Callable[..., Any]
) -> None:
    from dataclasses import replace

    page = open_page(cell.url, forgive=("404",))
    page.wait_for_timeout(500)
    page.evaluate("twinstage.drawing.draw()")
    before = page.evaluate("twinstage.drawing.cost")
    whole = cell.snapshot
    rows = whole.instances
    none = {
        name: getattr(rows, name)[:0]
        for name in ("prototype", "node", "prim", "point_id", "material_set", "object", "visible")
    }
    empty = replace(whole, instances=replace(rows, frames=type(rows.frames).identity(0), **none))
    cell.do(lambda: cell.hub.replace_scene(empty, (), {}))
    until(page, f"twinstage.drawing.revision === {cell.hub.revision}")
    page.wait_for_timeout(300)
    page.evaluate("twinstage.drawing.draw()")
    after = page.evaluate("twinstage.drawing.cost")
    assert after["geometries"] <= before["geometries"] - 3
    assert after["attributes"] == 0 < before["attributes"]
    cell.reload()
