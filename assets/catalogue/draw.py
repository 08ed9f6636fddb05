"""A small picture of an asset: the same bytes for the same contents. Touches pxr; `draw_task` runs in the child."""

import base64
import io
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL import Image

SIZE = 256
"""Width and height [px]."""
SPP, VIEWS, VIEW, ELEVATION = 64, 8, 7, 18.0
COLORS = 64
"""Few, so that the file is small."""
DAYLIGHT = ("/ThumbnailSky", "/ThumbnailSun")


def draw_task(request: dict[str, Any]) -> dict[str, Any]:
    """The child's task: {"path", "roots"} -> {"png": base64}; {} where there is nothing to be seen."""
    picture = picture_of(Path(request["path"]), [Path(root) for root in request["roots"]])
    if picture.convert("L").getextrema()[0] == picture.convert("L").getextrema()[1]:
        return {}
    return {"png": base64.b64encode(png_of(picture)).decode("ascii")}


def picture_of(path: Path, roots: "list[Path] | None" = None) -> "Image.Image":
    """The asset with its default variants, from its front right. UserError where it cannot be opened."""
    from PIL import Image

    from twinstage.render.api import Scene
    from twinstage.render.lighting import glowing_materials
    from twinstage.scene.read import read_snapshot
    from twinstage.scene.stage import open_stage

    opened = open_stage(path, asset_roots=roots or [], probe=False)
    snapshot = read_snapshot(opened)
    if snapshot.lights or glowing_materials(snapshot):
        # A lamp, or a panel that glows, would stand in the dark, and a sun of its own is of any size: the same light for all.
        _add_daylight(opened.stage)
        snapshot = read_snapshot(opened)
        ours = [light for light in snapshot.lights if snapshot.prims.path[light.prim] in DAYLIGHT]
        snapshot = replace(snapshot, lights=tuple(ours))
    scene = Scene(snapshot, opened=opened)
    camera = scene.turntable(VIEWS, size=(SIZE, SIZE), elevation=ELEVATION)[VIEW]
    return Image.fromarray(scene.picture(camera, size=(SIZE, SIZE), engine="direct", spp=SPP).rgb)


def _add_daylight(stage: Any) -> None:
    """The sky and sun that a stage without lights has, in its session layer."""
    from pxr import Gf, Usd, UsdGeom, UsdLux

    from twinstage.render.lighting import DEFAULT_DOME, DEFAULT_SUN, DEFAULT_SUN_DIRECTION

    x, y, z = DEFAULT_SUN_DIRECTION
    to = Gf.Vec3d(x, z, -y) if UsdGeom.GetStageUpAxis(stage) == UsdGeom.Tokens.y else Gf.Vec3d(x, y, z)
    with Usd.EditContext(stage, stage.GetSessionLayer()):
        sky = UsdLux.DomeLight.Define(stage, DAYLIGHT[0])
        sky.CreateColorAttr(Gf.Vec3f(*DEFAULT_DOME))
        sun = UsdLux.DistantLight.Define(stage, DAYLIGHT[1])
        sun.CreateColorAttr(Gf.Vec3f(*DEFAULT_SUN))
        sun.CreateIntensityAttr(1.0)
        sun.CreateNormalizeAttr(True)
        sun.AddTransformOp().Set(Gf.Matrix4d().SetRotate(Gf.Rotation(Gf.Vec3d(0, 0, -1), to.GetNormalized())))


def png_of(picture: "Image.Image") -> bytes:
    """A picture as a small PNG."""
    out = io.BytesIO()
    picture.quantize(COLORS).save(out, "PNG", optimize=True)
    return out.getvalue()
