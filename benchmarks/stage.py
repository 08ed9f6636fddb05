"""Opening a large stage and reading it into a snapshot; ten thousand poses into the live layer; a million points.

open_and_snapshot: `open_stage` + `read_snapshot` of a generated stage of 100,000 prims (instance proxies counted) with 10
million triangles in instances, against the least that any reader does: `Usd.Stage.Open`, a world matrix from
`UsdGeom.XformCache` for each prim, and `points`, `faceVertexCounts` and `faceVertexIndices` of each mesh, proxies
included. `ratio` is theirs / ours; the figure of that name is ours / theirs.
The child process that examines foreign files first is a figure of its own.
write_10k_poses: one tick of 10,000 moved prims through the `ColumnWriter`, specs made beforehand, notices delivered.
point_instances, million_instances_memory: one PointInstancer of 10 prototypes.
Each sample of the readers runs in a fresh process; memory is what the process grew beyond its state after the imports.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from _common import figure


def write_plant(path: Path, instances: int, uniques: int, frames: int) -> None:
    """Instances of 20 prototypes of 400 triangles, unique meshes of 200, plain frames; materials and labels."""
    from pxr import Gf, Sdf, Usd, UsdGeom, UsdShade, Vt

    stage = Usd.Stage.CreateNew(str(path))
    UsdGeom.SetStageMetersPerUnit(stage, 0.01)
    UsdGeom.SetStageUpAxis(stage, UsdGeom.Tokens.y)
    stage.SetDefaultPrim(UsdGeom.Xform.Define(stage, "/Plant").GetPrim())
    looks = [UsdShade.Material.Define(stage, f"/Plant/Looks/M{k}") for k in range(20)]
    for k, look in enumerate(looks):
        shader = UsdShade.Shader.Define(stage, f"/Plant/Looks/M{k}/Surface")
        shader.CreateIdAttr("UsdPreviewSurface")
        shader.CreateInput("diffuseColor", Sdf.ValueTypeNames.Color3f).Set((k / 20, 0.5, 0.5))
        look.CreateSurfaceOutput().ConnectToSource(shader.ConnectableAPI(), "surface")
    rng = np.random.default_rng(3)

    def mesh(where: str, side: int, look: int) -> None:
        shape = UsdGeom.Mesh.Define(stage, where)
        grid = np.stack(np.meshgrid(np.arange(side + 1), np.arange(side + 1), [0.0]), -1).reshape(-1, 3)
        points = grid * [1, 1, 0] + rng.normal(0, 0.2, grid.shape)
        first = (np.arange(side)[:, None] * (side + 1) + np.arange(side)).reshape(-1, 1)
        faces = first + np.array([0, 1, side + 2, side + 1])
        shape.CreatePointsAttr(Vt.Vec3fArray.FromNumpy(points.astype(np.float32)))
        shape.CreateFaceVertexCountsAttr(Vt.IntArray.FromNumpy(np.full(len(faces), 4, np.int32)))
        shape.CreateFaceVertexIndicesAttr(Vt.IntArray.FromNumpy(faces.reshape(-1).astype(np.int32)))
        shape.CreateSubdivisionSchemeAttr("none")
        UsdShade.MaterialBindingAPI.Apply(shape.GetPrim()).Bind(looks[look])

    for k in range(20):
        stage.CreateClassPrim(f"/Parts/Part{k}")
        UsdGeom.Xform.Define(stage, f"/Parts/Part{k}/Body").AddTranslateOp().Set((0.0, k, 0.0))
        mesh(f"/Parts/Part{k}/Body/Mesh", 14 + k % 2, k)  # 392 or 450 triangles
    for k in range(uniques):
        UsdGeom.Xform.Define(stage, f"/Plant/Unique/U{k}").AddRotateZOp().Set(float(k))
        mesh(f"/Plant/Unique/U{k}/Mesh", 10, k % 20)
    layer, types = stage.GetRootLayer(), Sdf.ValueTypeNames
    UsdGeom.Xform.Define(stage, "/Plant/Line")
    UsdGeom.Xform.Define(stage, "/Plant/Frames")
    with Sdf.ChangeBlock():
        for k in range(instances + frames):
            is_part = k < instances
            name = f"/Plant/Line/Part_{k}" if is_part else f"/Plant/Frames/F_{k}"
            prim = Sdf.CreatePrimInLayer(layer, name)
            prim.specifier, prim.typeName = Sdf.SpecifierDef, "Xform"
            if is_part:
                prim.instanceable = True
                prim.referenceList.Prepend(Sdf.Reference("", f"/Parts/Part{k % 20}"))
                prim.SetInfo("apiSchemas", Sdf.TokenListOp.Create(["SemanticsLabelsAPI:class"]))
                label = Sdf.AttributeSpec(prim, "semantics:labels:class", types.TokenArray)
                label.default = [f"part{k % 20}"]
            Sdf.AttributeSpec(prim, "xformOp:translate", types.Double3).default = Gf.Vec3d(
                k % 300, 0, k // 300
            )
            Sdf.AttributeSpec(prim, "xformOpOrder", types.TokenArray).default = ["xformOp:translate"]
    stage.Save()


def write_points(path: Path, count: int) -> None:
    """One PointInstancer of 10 cubes, with orientations, scales and ids."""
    from pxr import Usd, UsdGeom, Vt

    stage = Usd.Stage.CreateNew(str(path))
    UsdGeom.SetStageMetersPerUnit(stage, 1.0)
    UsdGeom.SetStageUpAxis(stage, UsdGeom.Tokens.z)
    points = UsdGeom.PointInstancer.Define(stage, "/Points")
    for k in range(10):
        UsdGeom.Cube.Define(stage, f"/Points/Protos/Cube{k}").CreateSizeAttr(1.0 + k)
    rng = np.random.default_rng(3)
    quat = rng.normal(size=(count, 4))
    quat /= np.linalg.norm(quat, axis=1, keepdims=True)
    points.CreatePrototypesRel().SetTargets([f"/Points/Protos/Cube{k}" for k in range(10)])
    points.CreateProtoIndicesAttr(Vt.IntArray.FromNumpy(rng.integers(0, 10, count).astype(np.int32)))
    points.CreatePositionsAttr(Vt.Vec3fArray.FromNumpy(rng.uniform(0, 999, (count, 3)).astype(np.float32)))
    points.CreateOrientationsAttr(Vt.QuathArray.FromNumpy(quat.astype(np.float16)))
    points.CreateScalesAttr(Vt.Vec3fArray.FromNumpy(rng.uniform(0.5, 2, (count, 3)).astype(np.float32)))
    points.CreateIdsAttr(Vt.Int64Array.FromNumpy(rng.permutation(count).astype(np.int64)))
    stage.Save()


def peak_mb() -> float:
    """Most memory that this program ever held [MB]; `ru_maxrss` would begin with what its parent held."""
    try:
        status = Path("/proc/self/status").read_text("ascii", "replace")
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1e3
    except (OSError, StopIteration):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def run_ours(path: str, probe: bool) -> dict[str, Any]:
    """Open and read; seconds, and MB beyond the state before opening and beyond the opened stage."""
    from twinstage.scene.read import read_snapshot
    from twinstage.scene.stage import open_stage

    _warm_up()
    before, busy, start = peak_mb(), time.process_time(), time.perf_counter()
    opened = open_stage(path, probe=probe)
    opened_mb, middle = peak_mb(), time.perf_counter()
    snapshot = read_snapshot(opened)
    end = time.perf_counter()
    sizes = np.array([len(p.triangles) for p in snapshot.prototypes])
    return {
        "seconds": end - start,
        "cpu_seconds": time.process_time() - busy,
        "snapshot_seconds": end - middle,
        "mb": peak_mb() - before,
        "snapshot_mb": peak_mb() - opened_mb,
        "prims": len(snapshot.prims),
        "triangles": int(sizes[snapshot.instances.prototype].sum()),
    }


def _warm_up() -> None:
    """Import what the reader imports, as a running twin has done."""
    import importlib
    import pkgutil

    from pxr import Ar, Gf, Kind, Sdf, Tf, Usd, UsdGeom, UsdLux, UsdShade, UsdUtils, Vt  # noqa: F401

    import twinstage.scene.read as package

    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")


def run_peer(path: str) -> dict[str, Any]:
    """The plain traversal with pxr alone."""
    from pxr import Usd, UsdGeom

    before, busy, start = peak_mb(), time.process_time(), time.perf_counter()
    stage = Usd.Stage.Open(path)
    cache = UsdGeom.XformCache(Usd.TimeCode.EarliestTime())
    prims = triangles = 0
    matrices, arrays = [], []
    for prim in Usd.PrimRange(stage.GetPseudoRoot(), Usd.TraverseInstanceProxies()):
        prims += 1
        matrices.append(cache.GetLocalToWorldTransform(prim))
        mesh = UsdGeom.Mesh(prim)
        if mesh:
            counts = mesh.GetFaceVertexCountsAttr().Get()
            arrays.append((mesh.GetPointsAttr().Get(), counts, mesh.GetFaceVertexIndicesAttr().Get()))
            triangles += 2 * len(counts)  # all faces are quads
    return {
        "seconds": time.perf_counter() - start,
        "cpu_seconds": time.process_time() - busy,
        "mb": peak_mb() - before,
        "prims": prims - 1,
        "triangles": triangles,
    }


def child(kind: str, path: Path) -> dict[str, Any]:
    """One sample in a fresh process."""
    command = [sys.executable, __file__, "--child", kind, str(path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def bench_stage(folder: Path, scale: float, samples: int) -> None:
    """Open and snapshot against the plain traversal."""
    path = folder / "plant.usdc"
    write_plant(path, int(24_000 * scale), int(1500 * scale), int(24_900 * scale))
    rows = [(child("ours", path), child("peer", path)) for _ in range(samples)]
    ours, peers = [r[0] for r in rows], [r[1] for r in rows]
    assert (ours[0]["prims"], ours[0]["triangles"]) == (peers[0]["prims"], peers[0]["triangles"])
    conditions = f"{ours[0]['prims']} prims, {ours[0]['triangles']} triangles drawn, fresh process, no probe"
    name = "Usd.Stage.Open + XformCache + Mesh.Get"
    figure(
        "stage.open_snapshot_ratio_to_plain_traversal",
        [one["seconds"] / other["seconds"] for one, other in rows],
        "ratio",
        conditions,
        peer=name,
        peer_value=1.0,
    )
    for key, unit in (("seconds", "s"), ("cpu_seconds", "s"), ("mb", "MB")):
        peer = statistics.median(r[key] for r in peers)
        ratio = peer / statistics.median(r[key] for r in ours)
        figure(
            f"stage.open_and_snapshot_{key}",
            [r[key] for r in ours],
            unit,
            conditions,
            peer=name,
            peer_value=round(peer, 3),
            ratio=round(ratio, 2),
        )
    probed = [child("probed", path)["seconds"] for _ in range(samples)]
    figure("stage.open_and_snapshot_with_probe", probed, "s", "the same, examined in a child process first")


def bench_points(folder: Path, scale: float, samples: int) -> None:
    """A million points."""
    path = folder / "points.usdc"
    count = int(1_000_000 * scale)
    write_points(path, count)
    rows = [child("ours", path) for _ in range(samples)]
    conditions = f"{count} points of 10 prototypes in one PointInstancer, fresh process"
    figure("stage.point_instances_seconds", [r["snapshot_seconds"] for r in rows], "s", conditions)
    figure(
        "stage.million_instances_memory",
        [r["snapshot_mb"] for r in rows],
        "MB",
        conditions + ", beyond the opened stage",
    )


def bench_live(folder: Path, scale: float, samples: int) -> None:
    """A tick of many moved prims."""
    from pxr import Usd, UsdGeom

    from twinstage.scene.columns import PoseColumns, TickColumns, frozen
    from twinstage.scene.read import read_snapshot
    from twinstage.scene.stage import open_stage
    from twinstage.scene.writer import ColumnWriter

    count = int(10_000 * scale)
    path = folder / "boxes.usdc"
    stage = Usd.Stage.CreateNew(str(path))
    UsdGeom.Xform.Define(stage, "/Boxes")
    for k in range(count):
        UsdGeom.Cube.Define(stage, f"/Boxes/B{k}").AddTranslateOp().Set((float(k), 0.0, 0.0))
    stage.Save()
    opened = open_stage(path, probe=False)
    snapshot = read_snapshot(opened)
    writer = ColumnWriter(opened, snapshot)
    nodes = [i for i, name in enumerate(snapshot.prims.type_name) if name == "Cube"]
    rng = np.random.default_rng(3)

    def tick(ordinal: int) -> TickColumns:
        quat = rng.normal(size=(count, 4))
        quat /= np.linalg.norm(quat, axis=1, keepdims=True)
        return TickColumns(
            PoseColumns(
                ordinal,
                0,
                frozen(np.array(nodes), np.uint32),
                frozen(rng.normal(size=(count, 3)), np.float64),
                frozen(quat, np.float32),
            )
        )

    writer.write(tick(0))
    found, busy = [], []
    for k in range(3 * samples):
        columns = tick(k + 1)
        start, cpu = time.perf_counter(), time.process_time()
        writer.write(columns)
        found.append((time.perf_counter() - start) * 1e3)
        busy.append((time.process_time() - cpu) * 1e3)
    peer = [set_each(stage, count, rng) for _ in range(3 * samples)]
    conditions = f"{count} prims moved in one tick of the live layer, stage open"
    figure(
        "stage.write_10k_poses",
        found,
        "ms",
        conditions,
        cpu_ms=round(statistics.median(busy), 2),
        peer="UsdAttribute.Set loop",
        peer_value=round(statistics.median(peer), 3),
        ratio=round(statistics.median(peer) / statistics.median(found), 2),
    )


def set_each(stage: Any, count: int, rng: np.random.Generator) -> float:
    """Milliseconds that one `Usd.Attribute.Set` a prim takes, for matrices that are at hand as an array."""
    from pxr import Gf, Sdf, Usd

    attributes = []
    with Usd.EditContext(stage, stage.GetSessionLayer()):
        for k in range(count):
            prim = stage.GetPrimAtPath(f"/Boxes/B{k}")
            attributes.append(prim.CreateAttribute("xformOp:transform:live", Sdf.ValueTypeNames.Matrix4d))
            attributes[-1].Set(Gf.Matrix4d(1.0))
        matrices = rng.normal(size=(count, 4, 4))
        start = time.perf_counter()
        for attribute, matrix in zip(attributes, matrices, strict=True):
            attribute.Set(Gf.Matrix4d(matrix.tolist()))
        return (time.perf_counter() - start) * 1e3


def main() -> None:
    """All figures of this file."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="a tenth of the size, one sample")
    parser.add_argument("--child", nargs=2, metavar=("KIND", "PATH"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        kind, path = options.child
        print(json.dumps(run_peer(path) if kind == "peer" else run_ours(path, kind == "probed")))
        return
    scale, samples = (0.1, 1) if options.quick else (1.0, 3)
    with tempfile.TemporaryDirectory() as folder:
        bench_stage(Path(folder), scale, samples)
        bench_points(Path(folder), scale, samples)
        bench_live(Path(folder), scale, samples)


if __name__ == "__main__":
    main()
