"""UsdRender: the pictures that a stage's author asked for, as data."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from twinstage.scene.read.context import ReadContext
from twinstage.scene.snapshot import PrimTable, RenderProduct
from twinstage.scene.tables import Interned

SETTINGS, PRODUCT = "RenderSettings", "RenderProduct"


def read_render_products(
    context: ReadContext, table: PrimTable, prims: Sequence[Any]
) -> tuple[RenderProduct, ...]:
    """All render products in path order.

    A product's own values count; what it leaves open comes from the RenderSettings that lists it (UsdRenderSettingsBase).
    """
    types = Interned.of(table.type_name)
    settings_of: dict[str, Any] = {}
    for i in np.flatnonzero(types.isin([SETTINGS])).tolist():
        prim = prims[i]
        for target in prim.GetRelationship("products").GetForwardedTargets():
            settings_of.setdefault(str(target), prim)
    products = np.flatnonzero(types.isin([PRODUCT])).tolist()
    return tuple(_read(context, prims[i], settings_of.get(table.path[i])) for i in products)


def _read(context: ReadContext, prim: Any, settings: Any) -> RenderProduct:
    plain = prim.GetPrimDefinition()

    def get(name: str, size: int = 1) -> tuple[float, ...]:
        """`size` numbers; the schema's where none are authored, or something else is."""
        value = _value(context, prim, settings, name)
        numbers = _numbers(value)
        if numbers.shape != (size,) or not np.isfinite(numbers).all():
            numbers = _numbers(plain.GetAttributeFallbackValue(name))
            context.finding(
                "render.value", f"{prim.GetPath()} has {name} {value}; {numbers} is used", prim.GetPath()
            )
        return tuple(numbers.tolist())

    width, height = (int(v) for v in get("resolution", 2))
    x0, y0, x1, y1 = get("dataWindowNDC", 4)
    return RenderProduct(
        path=str(prim.GetPath()),
        camera=_camera(context, prim, settings),
        resolution=(width, height),
        pixel_aspect_ratio=get("pixelAspectRatio")[0],
        aspect_policy=str(_value(context, prim, settings, "aspectRatioConformPolicy")),
        data_window=(x0, y0, x1, y1),
        name=str(prim.GetAttribute("productName").Get(context.time) or ""),
    )


def _value(context: ReadContext, prim: Any, settings: Any, name: str) -> Any:
    own = prim.GetAttribute(name)
    source = settings.GetAttribute(name) if settings and not own.HasAuthoredValue() else own
    return source.Get(context.time)


def _numbers(value: Any) -> np.ndarray:
    """A number or a vector as f8[n]; empty for anything else."""
    try:
        return np.atleast_1d(np.asarray(value, np.float64))
    except (TypeError, ValueError):
        return np.empty(0)


def _camera(context: ReadContext, prim: Any, settings: Any) -> str:
    """Path of the product's camera, "" with a finding where it names something else."""
    targets = prim.GetRelationship("camera").GetForwardedTargets()
    if not targets and settings:
        targets = settings.GetRelationship("camera").GetForwardedTargets()
    if not targets:
        return ""
    camera = context.stage.GetPrimAtPath(targets[0].GetPrimPath())
    if camera and camera.GetTypeName() == "Camera":
        return str(camera.GetPath())
    context.finding(
        "render.camera", f"{prim.GetPath()} names the camera {targets[0]}, which is none", prim.GetPath()
    )
    return ""
