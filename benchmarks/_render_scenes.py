"""Scenes that benchmarks/render.py looks at: the work cell, the warehouse, and balls in any number."""

from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
CELL = ROOT / "assets" / "library" / "workcell" / "workcell.usda"
WAREHOUSE = ROOT.parent / "shared" / "assets" / "industrial" / "aws_small_warehouse" / "small_warehouse.usda"


def read(path: Path) -> Any:
    """The snapshot of a stage; assets of the shared folder may be reached."""
    from twinstage.scene.read import read_snapshot
    from twinstage.scene.stage import open_stage

    roots = [WAREHOUSE.parent.parent.parent] if path == WAREHOUSE else []
    return read_snapshot(open_stage(path, asset_roots=roots, probe=False))


def stage_camera(snapshot: Any, size: tuple[int, int], name: str = "") -> Any:
    """A camera of the stage, square pixels; the first one without a name."""
    from twinstage.render.camera import camera_from_scene, find_camera

    scene_camera = find_camera(snapshot, name) if name else snapshot.cameras[0]
    return camera_from_scene(snapshot, scene_camera, *size, square_pixels=True)


def write_balls(path: Path, instances: int, triangles: int) -> None:
    """A floor, and native instances of ten bumpy balls with about that many triangles each, in a square grid 1 m apart."""
    from pxr import Gf, Sdf, Usd, UsdGeom, UsdShade, Vt

    stage = Usd.Stage.CreateNew(str(path))
    UsdGeom.SetStageMetersPerUnit(stage, 1.0)
    UsdGeom.SetStageUpAxis(stage, UsdGeom.Tokens.z)
    rng = np.random.default_rng(7)

    def mesh(where: str, points: np.ndarray, faces: np.ndarray, color: tuple[float, ...]) -> None:
        shape = UsdGeom.Mesh.Define(stage, where)
        shape.CreatePointsAttr(Vt.Vec3fArray.FromNumpy(points.astype(np.float32)))
        shape.CreateFaceVertexCountsAttr(Vt.IntArray.FromNumpy(np.full(len(faces), faces.shape[1], np.int32)))
        shape.CreateFaceVertexIndicesAttr(Vt.IntArray.FromNumpy(faces.reshape(-1).astype(np.int32)))
        shape.CreateSubdivisionSchemeAttr("none")
        look = UsdShade.Material.Define(stage, where + "_look")
        shader = UsdShade.Shader.Define(stage, where + "_look/Surface")
        shader.CreateIdAttr("UsdPreviewSurface")
        shader.CreateInput("diffuseColor", Sdf.ValueTypeNames.Color3f).Set(color)
        look.CreateSurfaceOutput().ConnectToSource(shader.ConnectableAPI(), "surface")
        UsdShade.MaterialBindingAPI.Apply(shape.GetPrim()).Bind(look)

    side = int(np.ceil(instances**0.5))
    half = side / 2 + 2
    floor = np.array([[-half, -half, 0], [half, -half, 0], [half, half, 0], [-half, half, 0]])
    mesh("/Floor/Mesh", floor, np.array([[0, 1, 2, 3]]), (0.4, 0.4, 0.4))
    rows = max(round((triangles / 4) ** 0.5), 3)
    columns = max(triangles // (2 * rows), 3)
    for k in range(10):
        stage.CreateClassPrim(f"/Balls/Ball{k}")
        points, faces = _ball(rows, columns, rng)
        mesh(f"/Balls/Ball{k}/Mesh", points, faces, tuple(rng.uniform(0.1, 0.8, 3).tolist()))
    layer, types = stage.GetRootLayer(), Sdf.ValueTypeNames
    UsdGeom.Xform.Define(stage, "/Line")
    with Sdf.ChangeBlock():
        for k in range(instances):
            prim = Sdf.CreatePrimInLayer(layer, f"/Line/Part_{k}")
            prim.specifier, prim.typeName, prim.instanceable = Sdf.SpecifierDef, "Xform", True
            prim.referenceList.Prepend(Sdf.Reference("", f"/Balls/Ball{k % 10}"))
            move = Sdf.AttributeSpec(prim, "xformOp:translate", types.Double3)
            move.default = Gf.Vec3d(k % side - side / 2, k // side - side / 2, 0.45)
            order = Sdf.AttributeSpec(prim, "xformOpOrder", types.TokenArray, Sdf.VariabilityUniform)
            order.default = Vt.TokenArray(["xformOp:translate"])
    stage.Save()


def _ball(rows: int, columns: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A closed grid of rows x columns quads, cut into triangles."""
    v, u = np.meshgrid(
        np.linspace(1e-3, np.pi - 1e-3, rows + 1), np.arange(columns) * (2 * np.pi / columns), indexing="ij"
    )
    bump = 0.4 + 0.02 * np.sin(5 * u + rng.uniform(0, 6)) * np.sin(4 * v)
    points = np.stack([bump * np.sin(v) * np.cos(u), bump * np.sin(v) * np.sin(u), bump * np.cos(v)], -1)
    i, j = np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij")
    a, b = i * columns + j, i * columns + (j + 1) % columns
    c, d = a + columns, b + columns
    faces = np.concatenate([np.stack([a, c, b], -1).reshape(-1, 3), np.stack([b, c, d], -1).reshape(-1, 3)])
    return points.reshape(-1, 3), faces


def balls(folder: Path, instances: int, triangles: int) -> tuple[Any, int]:
    """Such a scene as a snapshot, and the triangles that it draws."""
    path = folder / f"balls_{instances}_{triangles}.usdc"
    if not path.exists():
        write_balls(path, instances, triangles)
    snapshot = read(path)
    counts = np.array([len(prototype.triangles) for prototype in snapshot.prototypes])
    return snapshot, int(counts[snapshot.instances.prototype].sum())


def over_all(snapshot: Any, size: tuple[int, int]) -> Any:
    """A camera that sees everything that is drawn."""
    from twinstage.render.framing import frame_scene

    return frame_scene(snapshot, *size)


def moved(snapshot: Any, nodes: np.ndarray, step: int) -> Any:
    """The snapshot with those nodes lifted and turned a little, other than at any other step."""
    from twinstage.scene.columns import PoseColumns, frozen

    local = snapshot.node_local[nodes]
    translation = local[:, :3, 3] + [0.0, 0.0, 0.001 * (step % 97 + 1)]
    half = 0.01 * (step % 89) / 2
    rotation = np.tile([np.cos(half), 0.0, 0.0, np.sin(half)], (len(nodes), 1))
    return snapshot.moved(
        PoseColumns(
            step,
            0,
            frozen(np.asarray(nodes), np.uint32),
            frozen(translation, np.float64),
            frozen(rotation, np.float32),
        )
    )
