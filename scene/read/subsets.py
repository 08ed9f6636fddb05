"""GeomSubsets of meshes: the material slot of each face."""

from typing import Any

import numpy as np

from twinstage.scene.columns import I8
from twinstage.scene.read.context import ReadContext, array


def read_slots(context: ReadContext, mesh: Any, n_faces: int) -> tuple[I8, tuple[str, ...]]:
    """The slot of each authored face, 0 outside all subsets, and the subsets' prim names."""
    slot = np.zeros(n_faces, np.int64)
    names = []
    for subset in material_subsets(mesh):
        faces = array(subset.GetIndicesAttr().Get(context.time), np.int64)
        if faces is None or len(faces) == 0:
            continue
        path = subset.GetPath()
        if faces.min() < 0 or faces.max() >= n_faces:
            wrong = faces[(faces < 0) | (faces >= n_faces)][0]
            context.finding("mesh.subset", f"{path} is left out: it names face {wrong} of {n_faces}", path)
            continue
        shared = int((slot[faces] > 0).sum())
        if shared:
            context.finding(
                "mesh.subset-overlap",
                f"{path}: {shared} of its faces belong to another subset, too; the later subset has them",
                path,
            )
        names.append(str(subset.GetPrim().GetName()))
        slot[faces] = len(names)
    return slot, tuple(names)


def material_subsets(mesh: Any) -> list[Any]:
    """The face subsets of a mesh that carry materials, in namespace order."""
    from pxr import UsdGeom, UsdShade

    return [
        subset
        for subset in UsdGeom.Subset.GetAllGeomSubsets(UsdGeom.Imageable(mesh.GetPrim()))
        if subset.GetElementTypeAttr().Get() == "face"
        and (
            subset.GetFamilyNameAttr().Get() == UsdShade.Tokens.materialBind
            or subset.GetPrim().HasRelationship("material:binding")
        )
    ]
