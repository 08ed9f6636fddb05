"""USD's intrinsic shapes (cube, sphere, cylinder, cone, capsule, plane) as triangles with a declared chord error."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from twinstage.scene.columns import F8
from twinstage.scene.read.context import ReadContext
from twinstage.scene.read.geometry import MeshData
from twinstage.scene.read.skel import Skin
from twinstage.scene.tessellate import Shape, capsule, cone, cube, cylinder, plane, sphere

# Columns: images of the shape's X, Y and Z when its axis (+Z) is laid along the named axis; all proper rotations.
AXES: dict[str, F8] = {
    "X": np.array([[0.0, 0, 1], [1, 0, 0], [0, 1, 0]]),
    "Y": np.array([[0.0, 1, 0], [0, 0, 1], [1, 0, 0]]),
    "Z": np.eye(3),
}
# A plane's axis is its normal; USD lays its width along X, or along Z where the normal is X.
PLANE_AXES: dict[str, F8] = {
    "X": np.array([[0.0, 0, 1], [0, 1, 0], [-1, 0, 0]]),
    "Y": np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]]),
    "Z": np.eye(3),
}


@dataclass(frozen=True, slots=True)
class Form:
    """How one type is made: from lengths of these attributes, laid along its axis by one of these tables."""

    make: Callable[..., Shape]
    lengths: tuple[str, ...]
    axes: dict[str, F8] | None = None


FORMS: dict[str, Form] = {
    "Cube": Form(cube, ("size",)),
    "Sphere": Form(sphere, ("radius",)),
    "Cylinder": Form(cylinder, ("height", "radius", "radius"), AXES),
    "Cylinder_1": Form(cylinder, ("height", "radiusBottom", "radiusTop"), AXES),
    "Cone": Form(cone, ("height", "radius"), AXES),
    "Capsule": Form(capsule, ("height", "radius", "radius"), AXES),
    "Capsule_1": Form(capsule, ("height", "radiusBottom", "radiusTop"), AXES),
    "Plane": Form(plane, ("width", "length"), PLANE_AXES),
}


@lru_cache(maxsize=1024)
def _shape(type_name: str, lengths: tuple[float, ...], axis: str) -> MeshData | None:
    """The triangles; None where the shape has no extent. Scenes repeat few sizes many times."""
    form = FORMS[type_name]
    shape = form.make(*lengths)
    if (
        len(shape.triangles) == 0
        or not np.isfinite(shape.points).all()
        or np.ptp(shape.points, axis=0).max() <= 0
    ):
        return None
    turn = np.eye(3) if form.axes is None else form.axes[axis]
    return MeshData(
        points=(shape.points @ turn.T).astype(np.float32),
        normals=(shape.normals @ turn.T).astype(np.float32),
        triangles=shape.triangles.astype(np.uint32),
        chord_error=shape.chord_error,
    )


def read_gprim(context: ReadContext, prim: Any, uv_name: str, skin: Skin | None = None) -> MeshData | None:
    """The triangles of an intrinsic shape, or None with a finding where it has no size."""
    type_name = str(prim.GetTypeName())
    form = FORMS[type_name]
    scale = context.conversion.scale
    lengths = tuple(_length(context, prim, name) * scale for name in form.lengths)
    axis = str(prim.GetAttribute("axis").Get() or "Z") if form.axes is not None else "Z"
    if form.axes is not None and axis not in form.axes:
        context.finding(
            "gprim.axis", f"{prim.GetPath()}: axis {axis!r} is none of X, Y, Z, so Z is used", prim.GetPath()
        )
        axis = "Z"
    data = _shape(type_name, lengths, axis) if min(lengths) >= 0 else None
    if data is None:
        context.finding(
            "gprim.empty", f"{prim.GetPath()} is not drawn: the {type_name} has no size", prim.GetPath()
        )
        return None
    matrix = None if skin is None else skin.rigid()
    if matrix is not None:
        data = _moved(data, matrix, scale)
    flag = prim.GetAttribute("doubleSided")
    return replace(data, double_sided=True) if flag and flag.Get(context.time) else data


def triangles_of(prim: Any, time: Any) -> int:
    """Triangles that an intrinsic shape is drawn as at a time code; 0 of other types, and where it has no size."""
    form = FORMS.get(str(prim.GetTypeName()))
    if form is None:
        return 0
    try:
        lengths = tuple(float(prim.GetAttribute(name).Get(time)) for name in form.lengths)
    except (TypeError, ValueError):
        return 0
    data = _shape(str(prim.GetTypeName()), lengths, "Z") if min(lengths) >= 0 else None
    return 0 if data is None else len(data.triangles)


def _length(context: ReadContext, prim: Any, name: str) -> float:
    """An attribute's value; 0, with a finding, where it holds something else than a number."""
    value = prim.GetAttribute(name).Get(context.time)
    try:
        return float(value)
    except (TypeError, ValueError):
        path = prim.GetPath()
        context.finding("gprim.type", f"{path}: {name} holds no number, so it counts as 0", path)
        return 0.0


def _moved(data: MeshData, matrix: F8, scale: float) -> MeshData:
    """The shape carried by a row-vector matrix in stage units."""
    normals = data.normals @ np.linalg.pinv(matrix[:3, :3]).T
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    triangles = data.triangles if np.linalg.det(matrix[:3, :3]) >= 0 else data.triangles[:, ::-1]
    return replace(
        data,
        points=(data.points @ matrix[:3, :3] + matrix[3, :3] * scale).astype(np.float32),
        normals=(normals / np.where(length > 0, length, 1.0)).astype(np.float32),
        triangles=np.ascontiguousarray(triangles),
        chord_error=data.chord_error * float(np.linalg.norm(matrix[:3, :3], 2)),
    )
