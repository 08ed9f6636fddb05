"""Live bones in the page: the mesh bends on the GPU where pxr bends it in the stage."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hubs import Served

from twinstage.scene.bones import make_bones
from twinstage.scene.columns import PoseColumns, TickColumns, frozen
from twinstage.scene.read import read_snapshot
from twinstage.scene.stage import open_stage
from twinstage.scene.writer import ColumnWriter
from twinstage.sync.hub import Hub

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

# A strip of 4 m by 0.8 m in the wall plane, bent at 2 m; Y-up, centimetres, ten kilometres away.
STAGE = """#usda 1.0
(
    upAxis = "Y"
    metersPerUnit = 0.01
)
def SkelRoot "Arm" (prepend apiSchemas = ["SkelBindingAPI"])
{
    rel skel:skeleton = </Arm/Skel>
    double3 xformOp:translate = (1000000, 0, 0)
    uniform token[] xformOpOrder = ["xformOp:translate"]
    def Skeleton "Skel"
    {
        uniform token[] joints = ["base", "base/fore"]
        uniform matrix4d[] bindTransforms = [
            ((1,0,0,0),(0,1,0,0),(0,0,1,0),(0,0,0,1)), ((1,0,0,0),(0,1,0,0),(0,0,1,0),(200,0,0,1))]
        uniform matrix4d[] restTransforms = [
            ((1,0,0,0),(0,1,0,0),(0,0,1,0),(0,0,0,1)), ((1,0,0,0),(0,1,0,0),(0,0,1,0),(200,0,0,1))]
    }
    def Mesh "Skin" (prepend apiSchemas = ["SkelBindingAPI"])
    {
        uniform token subdivisionScheme = "none"
        uniform bool doubleSided = true
        color3f[] primvars:displayColor = [(0.9, 0.1, 0.05)]
        point3f[] points = [(0, 0, 0), (200, 0, 0), (400, 0, 0), (400, 80, 0), (200, 80, 0), (0, 80, 0)]
        int[] faceVertexCounts = [4, 4]
        int[] faceVertexIndices = [0, 1, 4, 5, 1, 2, 3, 4]
        int[] primvars:skel:jointIndices = [0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1] (interpolation = "vertex"; elementSize = 2)
        float[] primvars:skel:jointWeights = [1, 0, 0.5, 0.5, 0, 1, 0, 1, 0.5, 0.5, 1, 0] (
            interpolation = "vertex"; elementSize = 2)
    }
}
"""
PIXEL = """async ([x, y]) => {
  const bitmap = await createImageBitmap(new Blob([await twinstage.picture()]));
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  const context = canvas.getContext("2d");
  context.drawImage(bitmap, 0, 0);
  const box = document.getElementById("canvas").getBoundingClientRect();
  const at = [(x - box.left) / box.width * bitmap.width, (y - box.top) / box.height * bitmap.height];
  return [...context.getImageData(Math.round(at[0]), Math.round(at[1]), 1, 1).data];
}"""


def red(pixel: list[int]) -> bool:
    return pixel[0] > 2 * max(pixel[1], pixel[2], 20)


def test_a_moved_bone_bends_the_mesh_on_screen_as_in_the_stage(
    root: Path, open_page: Callable[..., Any], until: Callable[..., Any], tmp_path: Path
) -> None:
    from pxr import Gf, Usd, UsdGeom, UsdSkel

    (tmp_path / "arm.usda").write_text(STAGE)
    opened = open_stage(tmp_path / "arm.usda", probe=False)
    make_bones(opened)
    snapshot = read_snapshot(opened)
    writer = ColumnWriter(opened, snapshot)
    node = snapshot.prims.index_of["/Arm/Skel/base/fore"]
    hub = Hub(snapshot, epoch="first")
    served = Served(hub, root / "viewer" / "dist")

    def turn(ordinal: int, angle: float) -> None:
        pose = PoseColumns(
            ordinal,
            1_700_000_000_000_000_000 + ordinal * 50_000_000,
            frozen(np.array([node]), np.uint32),
            frozen(np.array([[2.0, 0, 0]]), np.float64),
            frozen(np.array([[np.cos(angle / 2), 0, 0, np.sin(angle / 2)]]), np.float32),
        )
        writer.write(TickColumns(pose))
        served.do(lambda: hub.publish(TickColumns(pose)))

    turn(1, 0.0)
    served.start()
    try:
        page = open_page(served.url, viewport={"width": 500, "height": 400}, forgive=("404",))
        rest = np.array(page.evaluate("twinstage.drawing.bentAt('/Arm/Skin')"))
        assert np.abs(rest - [10004, 0, 0.8]).max(1).min() < 1e-3
        turn(2, np.pi / 2)
        until(page, "twinstage.drawing.bentAt('/Arm/Skin').some(p => p[2] > 1.9)")
        page.wait_for_timeout(700)  # interpolation comes to its end
        mine = np.array(page.evaluate("twinstage.drawing.bentAt('/Arm/Skin')"))
        flat = Usd.Stage.Open(opened.stage.Flatten())
        assert UsdSkel.BakeSkinning(UsdSkel.Root(flat.GetPrimAtPath("/Arm")), Gf.Interval(0, 0))
        mesh = UsdGeom.Mesh(flat.GetPrimAtPath("/Arm/Skin"))
        matrix = np.array(UsdGeom.XformCache(0).GetLocalToWorldTransform(mesh.GetPrim()))
        theirs = np.array(mesh.GetPointsAttr().Get(0), float) @ matrix[:3, :3] + matrix[3, :3]
        theirs = 0.01 * theirs[:, [0, 2, 1]] * [1, -1, 1]
        gaps = np.linalg.norm(mine[:, None] - theirs[None], axis=2)
        assert gaps.min(1).max() < 1e-3 and gaps.min(0).max() < 1e-3, "a millimetre, at ten kilometres"

        page.evaluate("twinstage.setCameraView('10002,-8,1.5,10002,0,1.4,42')")
        page.wait_for_timeout(400)

        # The GPU draws it there, and a click finds it; where the strip lay at rest there is nothing any more.
        def seen(point: list[float]) -> list[float]:
            return list(page.evaluate("p => twinstage.drawing.project(p)", point))

        up, gone = seen([10001.6, 0, 1.5]), seen([10003.5, 0, 0.4])
        assert red(page.evaluate(PIXEL, up)) and not red(page.evaluate(PIXEL, gone))
        assert page.evaluate("([x, y]) => twinstage.pickAt(x, y)", up) == "/Arm/Skin"
        assert page.evaluate("([x, y]) => twinstage.pickAt(x, y)", gone) is None
        assert page.evaluate("twinstage.select('/Arm/Skin')")
        page.wait_for_timeout(300)
        page.screenshot(path=str(tmp_path / "bent.png"))
    finally:
        served.end()
