"""How bright shadows are: the page's picture against our own path tracer's, at the same places of the scene."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

ROOM = """#usda 1.0
(
    upAxis = "Y"
    metersPerUnit = 1
)
def Xform "Room"
{
    def Mesh "Shell"
    {
        uniform token subdivisionScheme = "none"
        uniform bool doubleSided = true
        color3f[] primvars:displayColor = [(0.6, 0.6, 0.6)]
        point3f[] points = [(-3, 0, 3), (3, 0, 3), (3, 0, -3), (-3, 0, -3), (-3, 3, 3), (3, 3, 3), (3, 3, -3), (-3, 3, -3)]
        int[] faceVertexCounts = [4, 4, 4, 4, 4, 4]
        int[] faceVertexIndices = [0, 1, 2, 3, 7, 6, 5, 4, 0, 4, 5, 1, 1, 5, 6, 2, 2, 6, 7, 3, 3, 7, 4, 0]
    }
    def RectLight "Lamp"
    {
        float inputs:width = 0.6
        float inputs:height = 0.6
        float inputs:intensity = 30
        double3 xformOp:translate = (0, 2.95, 0)
        double3 xformOp:rotateXYZ = (-90, 0, 0)
        uniform token[] xformOpOrder = ["xformOp:translate", "xformOp:rotateXYZ"]
    }
    def Camera "Overview"
    {
        float focalLength = 14
        float horizontalAperture = 24
        float verticalAperture = 18
        float2 clippingRange = (0.05, 100)
        double3 xformOp:translate = (0, 1.4, 2.85)
        uniform token[] xformOpOrder = ["xformOp:translate"]
    }
}
"""


def luminance(rgb: np.ndarray) -> np.ndarray:
    """Linear light of sRGB bytes [..., 3]."""
    value = rgb[..., :3] / 255
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    return np.asarray(linear @ [0.2126, 0.7152, 0.0722])


def around(picture: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Mean of 3 x 3 pixels around places x, y [n, 2]; NaN outside."""
    out = np.full(len(at), np.nan)
    for k, (x, y) in enumerate(np.floor(at).astype(int)):
        if 1 <= x < picture.shape[1] - 1 and 1 <= y < picture.shape[0] - 1:
            out[k] = picture[y - 1 : y + 2, x - 1 : x + 2].mean()
    return out


class Both:
    """One scene in the page and by the path tracer, from its camera `Overview`."""

    def __init__(self, page: Any, stage: Path) -> None:
        from PIL import Image

        from twinstage import render

        scene = render.open(stage)
        made = scene.picture("Overview", size=(320, 240), spp=48, engine="path", aovs=("rgb", "linear"))
        labels = scene.labels("Overview", size=(320, 240), aovs=["depth"])
        view = labels.record()["camera"]
        self.k, self.camera = np.array(view["K"]), np.array(view["camera_from_world"])
        self.ours = np.asarray(made.aovs["linear"], float)[..., :3] @ [0.2126, 0.7152, 0.0722]
        self.depth = np.asarray(labels.aovs["depth"], float)
        self.page = page
        data = page.evaluate("twinstage.picture().then(data => Array.from(new Uint8Array(data)))")
        image = Image.open(io.BytesIO(bytes(data))).convert("RGB")
        box = page.evaluate(
            "(() => { const b = document.getElementById('canvas').getBoundingClientRect();"
            " return [b.left, b.top, b.width, b.height]; })()"
        )
        self.left, self.top, self.scale = box[0], box[1], image.width / box[2]
        self.theirs = luminance(np.asarray(image, float))

    def at(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Luminance of ours and of the page's at places of the world [n, 3]; NaN where something stands before one."""
        local = points @ self.camera[:3, :3].T + self.camera[:3, 3]
        pixel = local @ self.k.T
        pixel = pixel[:, :2] / pixel[:, 2:]
        hidden = ~(np.abs(around(self.depth, pixel) - local[:, 2]) < 0.05)
        seen = np.array(
            self.page.evaluate(
                "all => all.map(p => twinstage.drawing.project(p) ?? [-9, -9])", points.tolist()
            )
        )
        seen = (seen - [self.left, self.top]) * self.scale
        ours = around(self.ours, pixel)
        ours[hidden] = np.nan
        return ours, around(self.theirs, seen)


def test_a_lamplit_room_has_the_light_that_its_walls_throw_back(
    serve_stage: Callable[[Path], Any], open_page: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "room.usda").write_text(ROOM)
    url = serve_stage(tmp_path / "room.usda").url
    page = open_page(f"{url}?quality=high", viewport={"width": 500, "height": 400}, forgive=("404",))
    levels = page.evaluate("twinstage.drawing.lights")
    assert levels["sun"]["intensity"] == 0, "no sun shines through the ceiling"
    both = Both(page, tmp_path / "room.usda")
    spread = np.linspace(-1.2, 1.2, 7)
    ceiling = np.array([(x, y, 3.0) for x in spread for y in (0.8, 1.6)])
    floor = np.array([(x, y, 0.0) for x in spread for y in (-0.4, 0.2, 0.8)])
    (our_dark, page_dark), (our_lit, page_lit) = both.at(ceiling), both.at(floor)
    # The ceiling gets no direct light at all.
    ours, theirs = np.nanmean(our_dark) / np.nanmean(our_lit), np.nanmean(page_dark) / np.nanmean(page_lit)
    assert 0.8 * ours < theirs < 1.25 * ours, (ours, theirs)


def test_shadows_of_the_work_cell_are_as_deep_as_in_our_own_pictures(
    root: Path, serve_stage: Callable[[Path], Any], open_page: Callable[..., Any]
) -> None:
    stage = root / "assets" / "library" / "workcell" / "workcell.usda"
    url = serve_stage(stage).url
    page = open_page(f"{url}?quality=high", viewport={"width": 500, "height": 400}, forgive=("404",))
    both = Both(page, stage)
    x, y = np.meshgrid(np.arange(-5, 6, 0.2), np.arange(-6, 5, 0.2))
    ours, theirs = both.at(np.stack([x.ravel(), y.ravel(), np.zeros(x.size)], 1))
    known = np.isfinite(ours) & np.isfinite(theirs)
    ours, theirs = ours[known] / np.median(ours[known]), theirs[known] / np.median(theirs[known])
    shadow = (ours < 0.6) & (ours > 0.02)
    assert shadow.sum() > 20
    # Corners and what lies under a table get the same light from all sides here: shadows are rather too bright than too dark.
    assert 0.8 < theirs[shadow].mean() / ours[shadow].mean() < 1.6, (
        theirs[shadow].mean(),
        ours[shadow].mean(),
    )
