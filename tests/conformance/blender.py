"""Blender's own USD import as an independent reader: it brings its own USD, so it always runs in a process of its own."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from conformance.oracle import Oracle, quiet
from conformance.reading import Reading
from conformance.triangles import Match, against_faces

HERE = Path(__file__).resolve().parent
TOLERANCE = 2e-6
"""Of the largest coordinate: Blender keeps points and matrices in float32."""

STAGES = {
    "industrial/fanuc_m710ic/usd/fanuc_m710ic50.usda": "payloads, native instances; m, Z-up",
    "industrial/abb_irb2400/usd/abb_irb2400.usda": "payloads, native instances; m, Z-up",
    "industrial/aws_small_warehouse/small_warehouse.usda": "references, native instances; m, Z-up",
    "industrial/f1tenth_ackermann/CAD_Imports/Template_3/Full_Car_base.usd": "CAD parts as native instances; cm, Z-up",
    "industrial/usd_optimize/factory.usda": "pivots, visibility, purpose; cm, Y-up",
    "industrial/usd_optimize/mergeCastle.usda": "references, visibility; cm, Y-up",
    "industrial/usd_optimize/organizeProtos_displayNames.usda": "native instances; cm, Y-up",
    "industrial/usd_optimize/pointInstancer.usda": "PointInstancers with 1,054 drawings, left-handed; m, Y-up",
    "industrial/newton_cell/rj45_plug.usd": "CAD mesh; m, Z-up",
    "features/usd_optimize/editStageMetrics_pointInstancer.usda": "PointInstancer, left-handed; cm, Y-up",
    "features/usd_optimize/utilityInstance.usda": "payloads and references, visibility; cm, Y-up",
    "features/pixar/pointinstancer/ni_pi_xform.usda": "PointInstancers in a native instance; cm, Y-up",
    "features/tinyusdz/geomsubset-material-001.usda": "GeomSubsets, left-handed; m, Y-up",
    "full/Vehicles/assets/vehicles/van/asset/vanFullAsset.usda": "variants, GeomSubsets; m, Y-up",
    "full/Vehicles/assets/vehicles/van/geo/vanGeo.usd": "GeomSubsets; 2 m a unit, Y-up",
    "features/usdz/BoxAnimated/BoxAnimated.usdz": "usdz, animated transforms; m, Y-up",
    "features/usdz/InterpolationTest/InterpolationTest.usdz": "usdz, animated transforms; m, Y-up",
    "features/usdz/RiggedSimple/RiggedSimple.usdz": "usdz, skinned; m, Y-up",
    "features/usdz/CesiumMan/CesiumMan.usdz": "usdz, skinned; m, Y-up",
}
"""Real stages whose meshes are all polygon meshes, and what they show."""

GAPS: dict[str, str] = {}
"""Known differences of ours; their tests must fail until they are closed."""

OTHERWISE = {
    "features/tinyusdz/hair.usdc": "Blender reads metersPerUnit, written as a float here, as 0.01",
    "features/tinyusdz/suzanne.usdc": "Blender reads metersPerUnit, written as a float here, as 0.01",
    "features/usd_optimize/cubeDegenerateFaces.usda": "Blender drops faces without an area",
    "features/usd_optimize/holeIndices.usda": "Blender draws holes",
    "features/usd_optimize/visibility.usda": "Blender does not evaluate animated visibility when it imports",
    "features/tinyusdz/skintest.usda": "Blender poses this armature otherwise than UsdSkel.BakeSkinning",
    "features/tinyusdz/skintest.usdc": "Blender poses this armature otherwise than UsdSkel.BakeSkinning",
    "features/tinyusdz/skintest-blender-4.1.usda": "Blender poses this armature otherwise than UsdSkel.BakeSkinning",
    "industrial/newton_cell/crazyflie.usd": "concave polygons of four and more corners are cut otherwise",
}
"""Stages that differ for a reason of Blender's."""


@dataclass(frozen=True)
class Faces:
    """Faces in world space [m]: points f8[v, 3], corner counts i[f], point indices i[sum]."""

    points: np.ndarray
    counts: np.ndarray
    indices: np.ndarray


def export(stages: list[Path], folder: Path, python: Path, timeout: float = 300) -> list[Faces]:
    """What Blender draws of each stage, all in one process."""
    command = [str(python), str(HERE / "bpy_export.py"), str(folder), *map(str, stages)]
    env = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME")}
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, env=env)
    if done.returncode != 0:
        raise RuntimeError(f"Blender's import ended with {done.returncode}: {done.stderr[-2000:]}")
    out = []
    for number in range(len(stages)):
        with np.load(folder / f"{number}.npz") as data:
            out.append(Faces(data["points"], data["counts"], data["indices"]))
    return out


def comparable(reading: Reading) -> bool:
    """Whether a stage draws meshes, and polygon meshes only: subdivision is refined by each reader in its way."""
    if reading.opened is None:
        return False
    with quiet():
        drawings = Oracle(reading.opened.stage, None, reading.snapshot().stage.up_axis).drawings or []
    meshes = [d.shape.rule for d in drawings if d.shape.type_name == "Mesh" and d.visible]
    return bool(meshes) and "cage" not in meshes


def our_triangles(reading: Reading) -> np.ndarray:
    """World-space triangles of all visible drawings of UsdGeomMesh prims, f8[t, 3, 3]."""
    assert reading.opened is not None
    snapshot = reading.snapshot()
    parts = [np.empty((0, 3, 3))]
    for k in np.flatnonzero(snapshot.instances.visible).tolist():
        prototype = snapshot.prototypes[snapshot.instances.prototype[k]]
        if reading.opened.stage.GetPrimAtPath(prototype.source).GetTypeName() == "Mesh":
            world = snapshot.instance_world[k]
            points = prototype.points.astype(np.float64) @ world[:3, :3].T + world[:3, 3]
            parts.append(points[prototype.triangles])
    return np.concatenate(parts)


def match(reading: Reading, faces: Faces) -> Match:
    """Our triangles against Blender's."""
    ours = our_triangles(reading)
    size = max(float(np.abs(ours).max(initial=0.0)), float(np.abs(faces.points).max(initial=0.0)))
    return against_faces(ours, faces.points, faces.counts, faces.indices, TOLERANCE * size)
