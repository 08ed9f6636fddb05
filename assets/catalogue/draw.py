"""A small picture of an asset: the same bytes for the same contents. Touches pxr; `draw_task` runs in the child."""

import base64
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL import Image

SIZE = 256
"""Width and height [px]."""
SPP, VIEWS, VIEW, ELEVATION = 64, 8, 7, 18.0
COLORS = 64
"""Few, so that the file is small."""


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
    from twinstage.scene.read import read_snapshot
    from twinstage.scene.stage import open_stage

    opened = open_stage(path, asset_roots=roots or [], probe=False)
    scene = Scene(read_snapshot(opened), opened=opened)
    camera = scene.turntable(VIEWS, size=(SIZE, SIZE), elevation=ELEVATION)[VIEW]
    return Image.fromarray(scene.picture(camera, size=(SIZE, SIZE), engine="direct", spp=SPP).rgb)


def png_of(picture: "Image.Image") -> bytes:
    """A picture as a small PNG."""
    out = io.BytesIO()
    picture.quantize(COLORS).save(out, "PNG", optimize=True)
    return out.getvalue()
