"""UsdGeomCamera -> `SceneCamera`: lens in millimetres, distances in metres."""

from collections.abc import Sequence
from typing import Any

from twinstage.scene.read.context import ReadContext
from twinstage.scene.snapshot import PrimTable, SceneCamera

_LENS = (
    "focalLength",
    "horizontalAperture",
    "verticalAperture",
    "horizontalApertureOffset",
    "verticalApertureOffset",
)


def read_cameras(context: ReadContext, table: PrimTable, prims: Sequence[Any]) -> tuple[SceneCamera, ...]:
    """All cameras in path order. A name that occurs twice is replaced by the path with dots for slashes."""
    indices = [i for i, type_name in enumerate(table.type_name) if type_name == "Camera"]
    names = [table.path[i].rpartition("/")[2] for i in indices]
    cameras = []
    for i, name in zip(indices, names, strict=True):
        unique = name if names.count(name) == 1 else table.path[i].strip("/").replace("/", ".")
        cameras.append(_read_camera(context, i, prims[i], unique))
    return tuple(cameras)


def _read_camera(context: ReadContext, index: int, prim: Any, name: str) -> SceneCamera:
    from pxr import UsdGeom

    camera = UsdGeom.Camera(prim)
    scale = context.conversion.scale

    def get(attribute: str) -> float:
        return float(prim.GetAttribute(attribute).Get(context.time))

    # Lens values are tenths of a stage unit.
    focal, width, height, dx, dy = (get(attribute) * scale * 100.0 for attribute in _LENS)
    near, far = camera.GetClippingRangeAttr().Get(context.time)
    return SceneCamera(
        prim=index,
        name=name,
        projection=str(camera.GetProjectionAttr().Get(context.time)),
        focal_length=focal,
        horizontal_aperture=width,
        vertical_aperture=height,
        horizontal_offset=dx,
        vertical_offset=dy,
        near=float(near) * scale,
        far=float(far) * scale,
        f_stop=get("fStop"),
        focus_distance=get("focusDistance") * scale,
    )
