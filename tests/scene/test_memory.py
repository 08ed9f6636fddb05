"""A million instances fit: measured in a fresh process, from the opened stage to the end of the snapshot."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

LIMIT_MB = 300
MEASURE = """
import importlib, pkgutil, sys
from pathlib import Path
import twinstage.scene.read as package
from pxr import Kind, UsdLux, UsdSemantics, UsdShade, UsdSkel, UsdUtils
from twinstage.scene.stage import open_stage

for module in pkgutil.iter_modules(package.__path__):
    importlib.import_module(f"{package.__name__}.{module.name}")

def status(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) / 1e3

opened = open_stage(sys.argv[1], probe=False)
before = status("VmRSS")
snapshot = package.read_snapshot(opened)
print(len(snapshot.instances), len(snapshot.prototypes), len(snapshot.objects), status("VmHWM") - before)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc")
def test_a_million_points_of_ten_prototypes(tmp_path: Path) -> None:
    from pxr import Usd, UsdGeom, Vt

    count = 1_000_000
    path = tmp_path / "points.usdc"
    stage = Usd.Stage.CreateNew(str(path))
    points = UsdGeom.PointInstancer.Define(stage, "/P")
    for k in range(10):
        cube = UsdGeom.Cube.Define(stage, f"/P/Protos/Cube{k}")
        cube.CreateSizeAttr(1.0 + k)
        cube.AddTranslateOp().Set((0.0, 0.0, float(k)))
    rng = np.random.default_rng(2)
    points.CreatePrototypesRel().SetTargets([f"/P/Protos/Cube{k}" for k in range(10)])
    points.CreateProtoIndicesAttr(Vt.IntArray.FromNumpy(rng.integers(0, 10, count).astype(np.int32)))
    points.CreatePositionsAttr(Vt.Vec3fArray.FromNumpy(rng.uniform(0, 99, (count, 3)).astype(np.float32)))
    points.CreateOrientationsAttr(Vt.QuathArray.FromNumpy(rng.normal(size=(count, 4)).astype(np.float16)))
    points.CreateScalesAttr(Vt.Vec3fArray.FromNumpy(rng.uniform(1, 2, (count, 3)).astype(np.float32)))
    points.CreateIdsAttr(Vt.Int64Array.FromNumpy(rng.permutation(count).astype(np.int64)))
    stage.Save()
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(path)], check=True, capture_output=True, text=True, timeout=240
    )
    instances, prototypes, objects, grown = done.stdout.split()
    assert (int(instances), int(prototypes), int(objects)) == (count, 10, count)
    assert float(grown) < LIMIT_MB
