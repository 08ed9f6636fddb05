"""UsdRender: the pictures that a stage's author asked for, as data."""

from collections.abc import Sequence
from typing import Any

from twinstage.scene.read.context import ReadContext
from twinstage.scene.snapshot import PrimTable, RenderProduct

SETTINGS, PRODUCT = "RenderSettings", "RenderProduct"


def read_render_products(
    context: ReadContext, table: PrimTable, prims: Sequence[Any]
) -> tuple[RenderProduct, ...]:
    """All render products in path order.

    A product's own values count; what it leaves open comes from the RenderSettings that lists it (UsdRenderSettingsBase).
    """
    settings_of: dict[str, Any] = {}
    for type_name, prim in zip(table.type_name, prims, strict=True):
        if type_name == SETTINGS:
            for target in prim.GetRelationship("products").GetForwardedTargets():
                settings_of.setdefault(str(target), prim)
    products = [i for i, type_name in enumerate(table.type_name) if type_name == PRODUCT]
    return tuple(_read(context, prims[i], settings_of.get(table.path[i])) for i in products)


def _read(context: ReadContext, prim: Any, settings: Any) -> RenderProduct:
    def get(name: str) -> Any:
        own = prim.GetAttribute(name)
        source = settings.GetAttribute(name) if settings and not own.HasAuthoredValue() else own
        return source.Get(context.time)

    cameras = prim.GetRelationship("camera").GetForwardedTargets()
    if not cameras and settings:
        cameras = settings.GetRelationship("camera").GetForwardedTargets()
    width, height = (int(v) for v in get("resolution"))
    window = tuple(float(v) for v in get("dataWindowNDC"))
    camera = str(cameras[0]) if cameras else ""
    if camera and context.stage.GetPrimAtPath(camera).GetTypeName() != "Camera":
        context.finding(
            "render.camera", f"{prim.GetPath()} names the camera {camera}, which is none", prim.GetPath()
        )
    return RenderProduct(
        path=str(prim.GetPath()),
        camera=camera,
        resolution=(width, height),
        pixel_aspect_ratio=float(get("pixelAspectRatio")),
        aspect_policy=str(get("aspectRatioConformPolicy")),
        data_window=(window[0], window[1], window[2], window[3]),
        name=str(get("productName") or ""),
    )
