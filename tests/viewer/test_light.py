"""Lights, shadows, tone mapping and the sky's map, as they come out in the picture, lean and full."""

import io
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hubs import HubServer
from PIL import Image

from twinstage.render.color import roll_off
from twinstage.scene.color import srgb_from_linear

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

GLOWS = (0.05, 0.4, 0.9, 2.0)
"""Radiances of four squares that only glow; `soft` bends those above 0.8."""

HEAD = """#usda 1.0
(
    defaultPrim = "World"
    metersPerUnit = 1
    upAxis = "Z"
)
def Xform "World"
{
    def Cube "Floor" (prepend apiSchemas = ["MaterialBindingAPI"])
    {
        double size = 1
        rel material:binding = </World/Chalk>
        double3 xformOp:translate = (0, 0, -0.05)
        float3 xformOp:scale = (16, 16, 0.1)
        uniform token[] xformOpOrder = ["xformOp:translate", "xformOp:scale"]
    }
    def Cube "Post" (prepend apiSchemas = ["MaterialBindingAPI"])
    {
        double size = 1
        rel material:binding = </World/Chalk>
        double3 xformOp:translate = (0, 0, 1)
        float3 xformOp:scale = (1, 1, 2)
        uniform token[] xformOpOrder = ["xformOp:translate", "xformOp:scale"]
    }
    def Material "Chalk"
    {
        token outputs:surface.connect = </World/Chalk/Shader.outputs:surface>
        def Shader "Shader"
        {
            uniform token info:id = "UsdPreviewSurface"
            color3f inputs:diffuseColor = (0.5, 0.5, 0.5)
            float inputs:roughness = 1
            token outputs:surface
        }
    }
"""
SUN = """
    def DistantLight "Sun"
    {
        float inputs:intensity = 3
        float inputs:angle = 0.5
        double xformOp:rotateY = 45
        uniform token[] xformOpOrder = ["xformOp:rotateY"]
    }
"""
SQUARE = """
    def Mesh "Glow{k}" (prepend apiSchemas = ["MaterialBindingAPI"])
    {{
        rel material:binding = </World/Lit{k}>
        int[] faceVertexCounts = [4]
        int[] faceVertexIndices = [0, 1, 2, 3]
        point3f[] points = [(-0.5, 0, -0.5), (0.5, 0, -0.5), (0.5, 0, 0.5), (-0.5, 0, 0.5)]
        uniform token subdivisionScheme = "none"
        double3 xformOp:translate = ({x}, -6, 3)
        uniform token[] xformOpOrder = ["xformOp:translate"]
    }}
    def Material "Lit{k}"
    {{
        token outputs:surface.connect = </World/Lit{k}/Shader.outputs:surface>
        def Shader "Shader"
        {{
            uniform token info:id = "UsdPreviewSurface"
            color3f inputs:diffuseColor = (0, 0, 0)
            color3f inputs:emissiveColor = ({glow}, {glow}, {glow})
            float inputs:ior = 1
            float inputs:roughness = 1
            token outputs:surface
        }}
    }}
"""
LAMPS = """
    def RectLight "Red"
    {
        float inputs:intensity = 20
        color3f inputs:color = (1, 0.05, 0.05)
        float inputs:width = 0.6
        float inputs:height = 0.6
        double3 xformOp:translate = (-4, 0, 2.5)
        uniform token[] xformOpOrder = ["xformOp:translate"]
    }
    def SphereLight "Blue"
    {
        float inputs:intensity = 20
        color3f inputs:color = (0.05, 0.05, 1)
        float inputs:radius = 0.2
        double3 xformOp:translate = (4, 0, 2)
        uniform token[] xformOpOrder = ["xformOp:translate"]
    }
"""
SKY = """
    def Sphere "Mirror" (prepend apiSchemas = ["MaterialBindingAPI"])
    {{
        double radius = 0.5
        rel material:binding = </World/Chrome>
        double3 xformOp:translate = (0, 0, 6)
        uniform token[] xformOpOrder = ["xformOp:translate"]
    }}
    def Material "Chrome"
    {{
        token outputs:surface.connect = </World/Chrome/Shader.outputs:surface>
        def Shader "Shader"
        {{
            uniform token info:id = "UsdPreviewSurface"
            color3f inputs:diffuseColor = (1, 1, 1)
            float inputs:metallic = 1
            float inputs:roughness = 0.05
            token outputs:surface
        }}
    }}
    def DomeLight "Sky"
    {{
        float inputs:intensity = 1
        asset inputs:texture:file = @{name}@
    }}
"""


def _sky() -> np.ndarray:
    """f4[64, 128, 3]: the middle (+Z) red, a quarter to the left (+X) green, the top (+Y) blue, else nearly black."""
    pixels = np.full((64, 128, 3), 0.01, np.float32)
    pixels[20:44, 52:76] = [4, 0, 0]
    pixels[20:44, 20:44] = [0, 4, 0]
    pixels[:14] = [0, 0, 4]
    return pixels


def _rgbe(pixels: np.ndarray) -> bytes:
    """A Radiance picture: flat RGBE pixels, rows from the top (Greg Ward, "Real Pixels", Graphics Gems II)."""
    mantissa, exponent = np.frexp(pixels.max(-1))
    scale = mantissa * 256 / pixels.max(-1)
    out = np.concatenate([pixels * scale[..., None], (exponent + 128)[..., None]], -1).astype(np.uint8)
    height, width = pixels.shape[:2]
    return b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n" + f"-Y {height} +X {width}\n".encode() + out.tobytes()


def _exr(pixels: np.ndarray) -> bytes:
    from twinstage.render.picture import exr_bytes

    return exr_bytes({channel: pixels[..., k] for k, channel in enumerate("RGB")})


class Shown:
    """A page that shows one stage; `colours` are of the picture where points of the world are."""

    def __init__(self, page: Any) -> None:
        self.page = page

    def colours(
        self,
        eye: tuple[float, float, float],
        at: tuple[float, float, float],
        *points: tuple[float, float, float],
    ) -> np.ndarray:
        """f8[n, 3], bytes: means of 5 x 5 pixels around each point (not near the vertical through the target)."""
        page = self.page
        page.evaluate(f"twinstage.setCameraView('{','.join(map(str, [*eye, *at, 42]))}')")
        page.mouse.move(5, 5)
        page.wait_for_timeout(400)
        box = page.locator("#canvas").bounding_box()
        picture = np.asarray(Image.open(io.BytesIO(page.screenshot())).convert("RGB"), float)
        forward = np.subtract(at, eye) / np.linalg.norm(np.subtract(at, eye))
        right = np.cross(forward, [0, 0, 1]) / np.linalg.norm(np.cross(forward, [0, 0, 1]))
        up = np.cross(right, forward)
        focal = 0.5 * box["height"] / np.tan(np.radians(21))
        found = []
        for point in points:
            ray = np.subtract(point, eye)
            x = box["x"] + box["width"] / 2 + focal * (ray @ right) / (ray @ forward)
            y = box["y"] + box["height"] / 2 - focal * (ray @ up) / (ray @ forward)
            found.append(picture[int(y) - 2 : int(y) + 3, int(x) - 2 : int(x) + 3].mean((0, 1)))
        return np.array(found)

    @property
    def lights(self) -> Any:
        return self.page.evaluate("twinstage.drawing.lights")


@pytest.fixture(scope="module")
def show(
    browser: Any, serve_stage: Callable[[Path], HubServer], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., Shown]]:
    """show(name, body, quality): the stage in a page, complete; opened once."""
    from twins import opened, wait_until

    folder = tmp_path_factory.mktemp("light")
    (folder / "sky.hdr").write_bytes(_rgbe(_sky()))
    (folder / "sky.exr").write_bytes(_exr(_sky()))
    servers: dict[str, HubServer] = {}
    pages: dict[tuple[str, str], Shown] = {}
    with ExitStack() as stack:

        def made(name: str, body: str, quality: str) -> Shown:
            if name not in servers:
                (folder / f"{name}.usda").write_text(HEAD + body + "}\n")
                servers[name] = serve_stage(folder / f"{name}.usda")
            if (name, quality) not in pages:
                url = f"{servers[name].url}?quality={quality}"
                page = stack.enter_context(
                    opened(browser, url, forgive=("404",), viewport={"width": 900, "height": 420})
                )
                wait_until(page, "twinstage.completeMs > 0", 60)
                pages[name, quality] = Shown(page)
            return pages[name, quality]

        yield made


OUTDOORS = SUN + "".join(SQUARE.format(k=k, x=1.2 * k - 1.8, glow=glow) for k, glow in enumerate(GLOWS))


@pytest.mark.parametrize("quality", ["low", "high"])
def test_what_glows_has_the_renderers_tone(show: Callable[..., Shown], quality: str) -> None:
    spots = [(1.2 * k - 1.8, -6.0, 3.0) for k in range(len(GLOWS))]
    seen = show("outdoors", OUTDOORS, quality).colours((0, -12, 3), (0, -6, 3), *spots)
    want = 255 * srgb_from_linear(roll_off(np.array(GLOWS)))
    np.testing.assert_allclose(seen, np.repeat(np.asarray(want)[:, None], 3, 1), atol=3)


@pytest.mark.parametrize("quality", ["low", "high"])
def test_the_sun_shines_from_its_side_and_throws_a_shadow(show: Callable[..., Shown], quality: str) -> None:
    shown = show("outdoors", OUTDOORS, quality)
    # Turned by 45 degrees about Y, its -Z goes down and towards -X: it stands in +X.
    towards = shown.lights["sun"]["towards"]
    np.testing.assert_allclose(towards, [2**-0.5, 0, 2**-0.5], atol=1e-6)
    shade, sunny, bright_side, dark_side = shown.colours(
        (-2, -14, 12), (0, 0, 0.5), (-1.4, 0.3, 0), (1.4, 0.3, 0), (0.2, 0, 2), (-0.2, -0.5, 1)
    ).mean(1)
    assert shade < 0.8 * sunny, (shade, sunny)
    assert dark_side < 0.9 * bright_side, (dark_side, bright_side)
    # The shadow of 2 m reaches 2 m: beyond it the floor is as bright as on the other side.
    beyond, other = shown.colours((-2, -14, 12), (0, 0, 0.5), (-3.2, 0.3, 0), (3.2, 0.3, 0)).mean(1)
    assert abs(beyond - other) < 0.05 * other, (beyond, other)


def test_lamps_light_what_is_near_them_where_there_is_a_gpu(show: Callable[..., Shown]) -> None:
    shown = show("lamps", LAMPS, "high")
    assert sorted(one["kind"] for one in shown.lights["locals"]) == ["point", "spot"]
    red, blue = shown.colours((0, -16, 9), (0, 0, 0), (-4, 0, 0), (4, 0, 0))
    assert red[0] > red[2] + 25 and blue[2] > blue[0] + 40, (red, blue)
    # Without a GPU lamps only add to the light from all sides.
    assert show("lamps", LAMPS, "low").lights["locals"] == []


@pytest.mark.parametrize("name", ["sky.hdr", "sky.exr"])
def test_metal_mirrors_a_sky_of_high_dynamic_range(show: Callable[..., Shown], name: str) -> None:
    shown = show(name.replace(".", "_"), SKY.format(name=name), "low")
    ball = (0.0, 0.0, 6.0)
    seen = {
        "red": shown.colours((0, -0.05, 9), ball, ball)[0],
        "green": shown.colours((3, 0, 6), ball, ball)[0],
        "black": shown.colours((-3, 0, 6), ball, ball)[0],
        "blue": shown.colours((0, 3, 6), ball, ball)[0],
    }
    for channel, colour in enumerate(("red", "green", "blue")):
        assert seen[colour][channel] > 60 and seen[colour][channel] > 2 * max(
            np.delete(seen[colour], channel)
        ), seen
    assert max(seen["black"]) < 60, seen
