"""Points, curves, skinned meshes and the sky's map, as they come out in the picture."""

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hubs import HubServer
from PIL import Image

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

STAGE = """#usda 1.0
(
    defaultPrim = "World"
    metersPerUnit = 1
    upAxis = "Z"
)
def Xform "World"
{
    def Points "Cloud"
    {
        point3f[] points = [(-3, 0, 0), (-2, 0, 0), (-2.5, 0, 1)]
        float[] widths = [0.3, 0.3, 0.6]
        color3f[] primvars:displayColor = [(1, 0, 0), (0, 1, 0), (0, 0, 1)] (interpolation = "vertex")
    }
    def BasisCurves "Cable"
    {
        uniform token type = "cubic"
        uniform token basis = "bezier"
        int[] curveVertexCounts = [4]
        point3f[] points = [(0, 0, 0), (0, 0, 1), (1, 0, 1), (1, 0, 0)]
        float[] widths = [0.12] (interpolation = "constant")
        color3f[] primvars:displayColor = [(0.9, 0.7, 0)]
    }
    def NurbsCurves "Hose"
    {
        int[] curveVertexCounts = [4]
        int[] order = [4]
        double[] knots = [0, 0, 0, 0, 1, 1, 1, 1]
        point3f[] points = [(2, 0, 0), (2, 0, 1), (3, 0, 1), (3, 0, 0)]
        float[] widths = [0.12] (interpolation = "constant")
    }
    def SkelRoot "Figure" (prepend apiSchemas = ["SkelBindingAPI"])
    {
        def Skeleton "Bones"
        {
            uniform token[] joints = ["Root"]
            uniform matrix4d[] bindTransforms = [((1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1))]
            uniform matrix4d[] restTransforms = [((1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (5, 0, 0, 1))]
        }
        def Mesh "Skin" (prepend apiSchemas = ["SkelBindingAPI"])
        {
            rel skel:skeleton = </World/Figure/Bones>
            int[] faceVertexCounts = [4]
            int[] faceVertexIndices = [0, 1, 2, 3]
            point3f[] points = [(-0.5, 0, 0), (0.5, 0, 0), (0.5, 0, 1), (-0.5, 0, 1)]
            uniform bool doubleSided = 1
            uniform token subdivisionScheme = "none"
            int[] primvars:skel:jointIndices = [0, 0, 0, 0] (
                interpolation = "vertex"
                elementSize = 1
            )
            float[] primvars:skel:jointWeights = [1, 1, 1, 1] (
                interpolation = "vertex"
                elementSize = 1
            )
        }
    }
    def Sphere "Mirror" (prepend apiSchemas = ["MaterialBindingAPI"])
    {
        double radius = 0.5
        rel material:binding = </World/Chrome>
        double3 xformOp:translate = (0, 0, -4)
        uniform token[] xformOpOrder = ["xformOp:translate"]
    }
    def Material "Chrome"
    {
        token outputs:surface.connect = </World/Chrome/Shader.outputs:surface>
        def Shader "Shader"
        {
            uniform token info:id = "UsdPreviewSurface"
            color3f inputs:diffuseColor = (1, 1, 1)
            float inputs:metallic = 1
            float inputs:roughness = 0.05
            token outputs:surface
        }
    }
    def DomeLight "Sky"
    {
        float inputs:intensity = 1
        asset inputs:texture:file = @sky.png@
    }
}
"""


@pytest.fixture(scope="module")
def page(
    browser: Any, serve_stage: Callable[[Path], HubServer], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Any]:
    from twins import opened

    folder = tmp_path_factory.mktemp("drawn")
    # Left to right: a quarter is +X (green), the middle +Z (red); the top is +Y (blue); the rest black.
    pixels = np.zeros((64, 128, 3), np.uint8)
    pixels[20:44, 52:76] = [255, 0, 0]
    pixels[20:44, 20:44] = [0, 255, 0]
    pixels[:14] = [0, 0, 255]
    Image.fromarray(pixels).save(folder / "sky.png")
    (folder / "drawn.usda").write_text(STAGE)
    server = serve_stage(folder / "drawn.usda")
    with opened(browser, server.url, forgive=("404",), viewport={"width": 1000, "height": 480}) as page:
        page.wait_for_timeout(800)
        yield page


def _look(
    page: Any, eye: tuple[float, float, float], at: tuple[float, float, float]
) -> tuple[Any, np.ndarray]:
    """Path under the middle of the picture, and its colour."""
    page.evaluate(f"twinstage.setCameraView('{','.join(map(str, [*eye, *at, 42]))}')")
    page.mouse.move(5, 5)
    page.wait_for_timeout(400)
    box = page.locator("#canvas").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    picture = np.asarray(Image.open(io.BytesIO(page.screenshot())).convert("RGB"), float)
    path = page.evaluate("([x, y]) => twinstage.pickAt(x, y)", [x, y])
    return path, picture[int(y) - 2 : int(y) + 3, int(x) - 2 : int(x) + 3].mean((0, 1))


def test_points_are_balls_of_their_widths_and_colours(page: Any) -> None:
    for x, z, channel in ((-3, 0, 0), (-2, 0, 1), (-2.5, 1, 2)):
        path, colour = _look(page, (x, -3, z), (x, 0, z))
        assert path == "/World/Cloud"
        assert colour[channel] > 1.6 * max(np.delete(colour, channel))
    # 0.14 m from the middle of a ball of 0.3 m it is hit, 0.17 m from it not.
    assert _look(page, (-2.86, -3, 0), (-2.86, 0, 0))[0] == "/World/Cloud"
    assert _look(page, (-2.83, -3, 0), (-2.83, 0, 0))[0] is None


def test_curves_are_tubes_along_their_true_course(page: Any) -> None:
    # Half-way along, a cubic Bezier over a square is three quarters up.
    for name, x in (("Cable", 0.5), ("Hose", 2.5)):
        assert _look(page, (x, -3, 0.75), (x, 0, 0.75))[0] == f"/World/{name}"
        assert _look(page, (x, -3, 0.84), (x, 0, 0.84))[0] is None
        assert _look(page, (x, -3, 0.66), (x, 0, 0.66))[0] is None


def test_skinned_meshes_are_drawn_where_their_bones_put_them(page: Any) -> None:
    assert _look(page, (5, -3, 0.5), (5, 0, 0.5))[0] == "/World/Figure/Skin"


def test_metal_mirrors_the_map_of_the_dome(page: Any) -> None:
    ball = (0.0, 0.0, -4.0)
    seen = {
        "red": _look(page, (0, -0.004, -1), ball)[1],
        "green": _look(page, (3, 0, -4), ball)[1],
        "black": _look(page, (-3, 0, -4), ball)[1],
        "blue": _look(page, (0, 3, -4), ball)[1],
    }
    for channel, name in enumerate(("red", "green", "blue")):
        assert seen[name][channel] > 60 and seen[name][channel] > 2 * max(np.delete(seen[name], channel)), (
            seen
        )
    assert max(seen["black"]) < 60, seen
