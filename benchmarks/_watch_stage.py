"""A stage of some 100 MB in one .usdc, materials in it, and a small layer of looks above it."""

from pathlib import Path
from typing import Any

import numpy as np

EDGE = 25
BYTES_A_MESH = 76_800
"""Of a mesh with EDGE points a side: what is faceVarying fills files, as exports from CAD do."""
MATERIALS = 20


def write_crate(path: Path, meshes: int, bump: float = 0.0, red: float = 0.2) -> None:
    """`bump`: how far one corner of mesh 3 is lifted [m]; `red`: of the material in the file."""
    from pxr import Gf, Sdf, Usd, UsdGeom, UsdShade, Vt

    stage = Usd.Stage.CreateNew(str(path))
    stage.SetDefaultPrim(UsdGeom.Xform.Define(stage, "/World").GetPrim())
    UsdGeom.SetStageMetersPerUnit(stage, 1)
    UsdGeom.SetStageUpAxis(stage, "Z")
    looks = [_material(stage, k, (red if k == 3 else 0.2, k / MATERIALS, 0.5)) for k in range(MATERIALS)]
    rng = np.random.default_rng(1)
    steps = np.arange(EDGE)
    x, y = np.meshgrid(steps, steps, indexing="ij")
    at = steps[:-1, None] * EDGE + steps[None, :-1]
    corners = np.stack([at, at + 1, at + 1 + EDGE, at, at + 1 + EDGE, at + EDGE], -1).reshape(-1)
    for k in range(meshes):
        heights = rng.random((EDGE, EDGE)) * 0.1
        if k == 3:
            heights[0, 0] += bump
        points = np.stack([x / EDGE, y / EDGE, heights], -1).reshape(-1, 3).astype(np.float32)
        normals = rng.normal(size=(len(corners), 3)) * 0.05 + (0, 0, 1)
        normals /= np.linalg.norm(normals, axis=1)[:, None]
        mesh = UsdGeom.Mesh.Define(stage, f"/World/M{k}")
        mesh.CreatePointsAttr(Vt.Vec3fArray.FromNumpy(points))
        mesh.CreateFaceVertexIndicesAttr(Vt.IntArray.FromNumpy(corners.astype(np.int32)))
        mesh.CreateFaceVertexCountsAttr(Vt.IntArray.FromNumpy(np.full(len(corners) // 3, 3, np.int32)))
        mesh.CreateNormalsAttr(Vt.Vec3fArray.FromNumpy(normals.astype(np.float32)))
        mesh.SetNormalsInterpolation("faceVarying")
        mesh.CreateSubdivisionSchemeAttr("none")
        low, high = points.min(0).tolist(), points.max(0).tolist()
        mesh.CreateExtentAttr([Gf.Vec3f(*low), Gf.Vec3f(*high)])
        uv = UsdGeom.PrimvarsAPI(mesh).CreatePrimvar(
            "st", Sdf.ValueTypeNames.TexCoord2fArray, UsdGeom.Tokens.faceVarying
        )
        uv.Set(Vt.Vec2fArray.FromNumpy(rng.random((len(corners), 2)).astype(np.float32)))
        mesh.AddTranslateOp().Set((k % 32 * 1.2, k // 32 * 1.2, 0))
        UsdShade.MaterialBindingAPI.Apply(mesh.GetPrim()).Bind(looks[k % MATERIALS])
    stage.Save()


def _material(stage: Any, k: int, color: tuple[float, float, float]) -> Any:
    from pxr import Gf, Sdf, UsdShade

    material = UsdShade.Material.Define(stage, f"/World/Looks/L{k}")
    shader = UsdShade.Shader.Define(stage, f"/World/Looks/L{k}/Surface")
    shader.CreateIdAttr("UsdPreviewSurface")
    shader.CreateInput("diffuseColor", Sdf.ValueTypeNames.Color3f).Set(Gf.Vec3f(*color))
    material.CreateSurfaceOutput().ConnectToSource(shader.ConnectableAPI(), "surface")
    return material


def root_text(red: float) -> str:
    """The root layer: looks above the crate."""
    return f"""#usda 1.0
(
    defaultPrim = "World"
    metersPerUnit = 1
    upAxis = "Z"
    subLayers = [@./big.usdc@]
)
over "World"
{{
    over "Looks"
    {{
        over "L1"
        {{
            over "Surface"
            {{
                color3f inputs:diffuseColor = ({red}, 0.1, 0.1)
            }}
        }}
    }}
}}
"""
