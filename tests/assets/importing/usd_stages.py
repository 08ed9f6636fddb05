"""Small stages that move, their export to GLB, and its nodes against OpenUSD."""

from pathlib import Path
from typing import Any

import numpy as np
from gltf_oracle import Oracle
from pxr import Usd, UsdGeom, Vt
from tiny_gltf import CUBE_CORNERS, CUBE_FACES
from usd_oracle import UsdOracle

from twinstage.live.export import Exported, ExportOptions, export_files
from twinstage.live.twin import TwinFiles


def exported(stage: Path, folder: Path, **options: Any) -> tuple[Oracle, Exported]:
    out = folder / "out.glb"
    done = export_files(TwinFiles(stage=stage), ExportOptions(out, force=True, **options))
    return Oracle(out.read_bytes()), done


def stage_at(path: Path, *, up: str = "Z", metres: float = 1.0, rate: float = 24.0) -> Usd.Stage:
    stage = Usd.Stage.CreateNew(str(path))
    UsdGeom.SetStageUpAxis(stage, up)
    UsdGeom.SetStageMetersPerUnit(stage, metres)
    stage.SetTimeCodesPerSecond(rate)
    stage.SetStartTimeCode(0)
    stage.SetEndTimeCode(48)
    stage.SetDefaultPrim(UsdGeom.Xform.Define(stage, "/World").GetPrim())
    return stage


def cube(stage: Usd.Stage, path: str) -> UsdGeom.Mesh:
    mesh = UsdGeom.Mesh.Define(stage, path)
    mesh.CreatePointsAttr(Vt.Vec3fArray.FromNumpy(CUBE_CORNERS))
    mesh.CreateFaceVertexCountsAttr([3] * len(CUBE_FACES))
    mesh.CreateFaceVertexIndicesAttr(CUBE_FACES.reshape(-1).tolist())
    mesh.CreateSubdivisionSchemeAttr("none")
    return mesh


def check_nodes(
    found: Oracle, stage: Path, seconds: float, close: float, paths: set[str] | None = None
) -> int:
    """Nodes with meshes stand where XformCache says; returns how many were looked at."""
    wanted, worlds, checked = UsdOracle(stage), found.worlds(seconds), 0
    for number, world in worlds.items():
        node = found.doc["nodes"][number]
        path = node.get("extras", {}).get("prim", "")
        if "mesh" not in node or (paths is not None and path not in paths):
            continue
        there = wanted.world(path, seconds)
        size = max(1.0, float(np.abs(there).max()))
        assert np.abs(world - there).max() < close * size, (path, seconds)
        checked += 1
    return checked


def keys(found: Oracle, name: str, path: str) -> int:
    """Keys of a node's channel in the first animation; 0 where it has none."""
    animation = found.doc["animations"][0]
    for channel in animation["channels"]:
        node = found.doc["nodes"][channel["target"]["node"]]
        if node["name"] == name and channel["target"]["path"] == path:
            return int(found.doc["accessors"][animation["samplers"][channel["sampler"]]["input"]]["count"])
    return 0
