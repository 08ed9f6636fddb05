"""UsdSkel as files of other formats have it: a mesh at rest, what its vertices hang on, and the shapes it morphs into.

Read with `ReadContext.at_rest`. A gprim that a file cannot bend (no mesh, dual quaternions, a binding that does not fit) is
deformed as it stands instead, as `skel` does it. In-betweens of blend shapes are morph targets of their own. Touches pxr.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from twinstage.scene.columns import F8, I8, frozen
from twinstage.scene.read.context import array
from twinstage.scene.skins import Morph, SkinWeights, strongest

if TYPE_CHECKING:
    from twinstage.scene.read.geometry import MeshData
    from twinstage.scene.read.skel import Skin

CAGE = "gltf.cage"
"""Code of the finding that a mesh was not refined because it bends."""
MOST_INFLUENCES = 16
"""Joints that a vertex of a file hangs on at most: the strongest ones."""


def hangs(skin: "Skin") -> bool:
    """Whether a file can bend or morph that gprim."""
    from pxr import UsdGeom

    query = skin.query
    if skin.prim.GetTypeName() != "Mesh":
        return False
    points = UsdGeom.Mesh(skin.prim).GetPointsAttr().Get(skin.context.time)
    if not points or not (query.HasJointInfluences() or query.HasBlendShapes()):
        return False
    if query.HasBlendShapes() and not _shapes_fit(skin, len(points)):
        return False
    if not query.HasJointInfluences():
        return True
    linear = str(query.GetSkinningMethod()) in ("", "classicLinear")
    if not linear or skin.transforms() is None or not skin.influences_fit(len(points)):
        return False
    bind = np.asarray(skin.skeleton.GetJointWorldBindTransforms(), np.float64)
    joints = len(skin.skeleton.GetJointOrder())
    if bind.shape != (joints, 4, 4) or not np.isfinite(bind).all():
        return False
    return bool((np.abs(np.linalg.det(bind)) > 1e-30).all() and _place(skin).min(initial=0) >= 0)


def _place(skin: "Skin") -> I8:
    """Number in the skeleton of each joint in the gprim's own order; -1 where the skeleton has not got it."""
    order = {str(joint): k for k, joint in enumerate(skin.skeleton.GetJointOrder())}
    own = skin.query.GetJointOrder()
    return np.array([order.get(str(joint), -1) for joint in (own or order)], np.int64)


def joint_weights(skin: "Skin", data: "MeshData") -> SkinWeights | None:
    """What the vertices of the mesh, which was read at rest, hang on; None where they hang on no joints."""
    if not skin.query.HasJointInfluences():
        return None
    assert data.point is not None
    time, conversion = skin.context.time, skin.context.conversion
    count = int(data.point.max()) + 1
    found = skin.query.ComputeVaryingJointInfluences(_points(skin), time)
    width = skin.query.GetNumInfluencesPerComponent()
    joints = _place(skin)[np.asarray(found[0], np.int64)].reshape(-1, width)[:count]
    weights = np.asarray(found[1], np.float64).reshape(-1, width)[:count]
    joints, weights = strongest(*_merged(joints, weights), MOST_INFLUENCES)
    bind = np.linalg.inv(np.asarray(skin.skeleton.GetJointWorldBindTransforms(), np.float64))
    geometry = np.asarray(skin.query.GetGeomBindTransform(time), np.float64)
    whole = geometry @ bind
    whole[:, :, 3] = (0.0, 0.0, 0.0, 1.0)  # row vectors: the inverse leaves a rounding error here
    return SkinWeights(
        points=data.points,
        normals=data.normals,
        joints=frozen(joints[data.point], np.int32),
        weights=frozen(weights[data.point], np.float32),
        bone_from_gprim=frozen(conversion.matrices(whole), np.float64),
    )


def _points(skin: "Skin") -> int:
    from pxr import UsdGeom

    return len(UsdGeom.Mesh(skin.prim).GetPointsAttr().Get(skin.context.time))


def _merged(joints: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each joint once in a row: a file may not name it twice. Negative weights count as 0."""
    weights = np.maximum(weights, 0)
    order = np.argsort(joints, axis=1, kind="stable")
    joints, weights = np.take_along_axis(joints, order, 1), np.take_along_axis(weights, order, 1)
    for k in range(joints.shape[1] - 1, 0, -1):  # from behind, so that a run of three adds up
        same = joints[:, k] == joints[:, k - 1]
        weights[same, k - 1] += weights[same, k]
        weights[same, k] = 0
    return joints, weights


def shape_query(skin: "Skin") -> Any:
    """The UsdSkel.BlendShapeQuery of a gprim."""
    from pxr import UsdSkel

    return UsdSkel.BlendShapeQuery(UsdSkel.BindingAPI(skin.prim))


def sub_shapes(query: Any) -> list[int]:
    """Numbers of the sub-shapes that move something: in-betweens and the shapes themselves, without the rest shapes.

    Sub-shapes lie in order of their weight; of the two of a blend shape that are no in-betweens, the rest shape comes first.
    """
    own: dict[int, int] = {}
    for sub in range(query.GetNumSubShapes()):
        if not query.GetInbetween(sub):
            own[query.GetBlendShapeIndex(sub)] = sub
    return [
        sub
        for sub in range(query.GetNumSubShapes())
        if query.GetInbetween(sub) or own[query.GetBlendShapeIndex(sub)] == sub
    ]


def normal_offsets(query: Any, sub: int) -> "F8 | None":
    """Normal offsets of a sub-shape; None where there are none."""
    between = query.GetInbetween(sub)
    values = (
        between.GetNormalOffsets()
        if between
        else query.GetBlendShape(query.GetBlendShapeIndex(sub)).GetNormalOffsetsAttr().Get()
    )
    found = array(values)
    return None if found is None or not len(found) else found


def _shapes_fit(skin: "Skin", n_points: int) -> bool:
    query = shape_query(skin)
    indices, offsets = query.ComputeBlendShapePointIndices(), query.ComputeSubShapePointOffsets()
    for sub in sub_shapes(query):
        where = np.asarray(indices[query.GetBlendShapeIndex(sub)])
        if len(where) and (where.min() < 0 or where.max() >= n_points):
            return False
        if len(offsets[sub]) not in (0, len(where) or n_points):
            return False
    return True


def morph_targets(skin: "Skin", data: "MeshData") -> tuple[Morph, ...]:
    """The morph targets of the mesh, which was read at rest."""
    if not skin.query.HasBlendShapes():
        return ()
    assert data.point is not None
    query, count = shape_query(skin), _points(skin)
    indices, offsets = query.ComputeBlendShapePointIndices(), query.ComputeSubShapePointOffsets()
    tokens = [str(token) for token in skin.query.GetBlendShapeOrder()]
    out = []
    for sub in sub_shapes(query):
        shape, between = query.GetBlendShapeIndex(sub), query.GetInbetween(sub)
        where = np.asarray(indices[shape], np.int64)
        where = where if len(where) else np.arange(count)
        moved = _at_points(array(offsets[sub]), where, count)[data.point]
        turned = normal_offsets(query, sub)
        tilt = None if turned is None else _at_points(turned, where, count)[data.point]
        touched = (moved != 0).any(1) if tilt is None else (moved != 0).any(1) | (tilt != 0).any(1)
        rows = np.flatnonzero(touched)
        name = tokens[shape] if shape < len(tokens) else f"target_{shape}"
        out.append(
            Morph(
                name=f"{name}_{between.GetAttr().GetName().rpartition(':')[2]}" if between else name,
                rows=frozen(rows, np.int32),
                offsets=frozen(moved[rows] * skin.context.conversion.scale, np.float32),
                normals=None if tilt is None else frozen(tilt[rows], np.float32),
            )
        )
    return tuple(out)


def _at_points(values: "np.ndarray | None", where: np.ndarray, count: int) -> F8:
    out = np.zeros((count, 3))
    if values is not None and len(values) == len(where):
        np.add.at(out, where, values)
    return out
