"""Blender's own import of glTF, OBJ, STL and PLY: triangles, bounds, materials and images agree with ours.

Needs a Python that has bpy: `.venv-bpy` (scripts/setup.sh makes it in CI), or TWINSTAGE_BPY_PYTHON.
"""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from twinstage.assets.importing.imports import import_file
from twinstage.render.engines.bpy_link import find_python
from twinstage.scene.read import read_snapshot
from twinstage.scene.stage import open_stage

FILES = (
    "convert/gltf_transform/cli/test/in/chr_knight.glb",
    "convert/gltf_transform/core/test/in/BoxTextured_glTF/BoxTextured.gltf",
    "convert/gltf_transform/core/test/in/BoxVertexColors.glb",
    "convert/gltf_transform/core/test/in/Box_glTF-Embedded/Box.gltf",
    "convert/gltf_transform/extensions/test/in/BoxDraco.gltf",
    "convert/gltf_transform/functions/test/in/TwoCubes.glb",
    "convert/trimesh/BoxTextured.glb",
    "convert/trimesh/CesiumMilkTruck.glb",
    "convert/trimesh/TestScene.gltf",
    "convert/trimesh/box.STL",
    "convert/trimesh/busted.STL",
    "convert/trimesh/featuretype.STL",
    "convert/trimesh/fuze.obj",
    "convert/trimesh/fuze.ply",
    "convert/trimesh/groups.obj",
    "convert/trimesh/two_objects.obj",
    "convert/trimesh/unit_cube.STL",
    "industrial/abb_irb2400/meshes/irb2400/collision/link_1.stl",
    "industrial/cookie_factory/CookieFactoryMixer.glb",
    "industrial/cookie_factory/CookieFactoryWaterTank.glb",
    "industrial/cookie_factory/Waste_Container_from_step.glb",
    "industrial/fanuc_m710ic/meshes/m710ic50/visual/link_1.stl",
    "industrial/iot_app_kit/ANIMATED_MIXER.gltf",
    "industrial/iot_app_kit/PALLET_JACK.glb",
    "industrial/rmf_delivery_robot/meshes/WheelMain.obj",
    "industrial/rmf_delivery_robot/meshes/WheelSide.obj",
    "industrial/rmf_delivery_robot/meshes/body.obj",
)


@pytest.fixture(scope="module")
def blender(shared: Path) -> dict[str, dict[str, Any]]:
    python = find_python()
    if python is None:
        pytest.skip("no Python with bpy: set TWINSTAGE_BPY_PYTHON or make .venv-bpy")
    script = Path(__file__).with_name("bpy_import.py")
    paths = [str(shared / "assets" / name) for name in FILES]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    done = subprocess.run(
        [str(python), str(script), *paths],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
        timeout=280,
    )
    (answers,) = [line for line in done.stdout.splitlines() if line.startswith("[{")]  # Blender talks, too
    return dict(zip(FILES, json.loads(answers), strict=True))


@pytest.mark.shared
@pytest.mark.slow
@pytest.mark.parametrize("name", FILES, ids=[Path(name).name for name in FILES])
def test_blender_sees_the_same(
    shared: Path, tmp_path: Path, blender: dict[str, dict[str, Any]], name: str
) -> None:
    if "Draco" in name:
        pytest.importorskip("DracoPy", reason="files compressed with Draco need the extra draco")
    theirs = blender[name]
    written = import_file(shared / "assets" / name, tmp_path / "out")
    # Blender keeps faces without area as long as they name three points.
    assert written.triangles == theirs["triangles"] - theirs["flat"]
    snapshot = read_snapshot(open_stage(tmp_path / "out" / written.root, probe=False))
    corners = []
    worlds: dict[int, np.ndarray] = {}
    for i, parent in enumerate(snapshot.prims.parent.tolist()):
        worlds[i] = (worlds[parent] if parent >= 0 else np.eye(4)) @ snapshot.prims.local[i]
    table = snapshot.instances
    for row in range(len(table)):
        world = worlds[int(table.node[row])] @ table.local[row]
        points = snapshot.prototypes[int(table.prototype[row])].points
        corners.append(points @ world[:3, :3].T + world[:3, 3])
    found = np.concatenate(corners)
    size = float(np.ptp(found, axis=0).max())
    assert np.abs(found.min(0) - theirs["low"]).max() < 1e-5 * size
    assert np.abs(found.max(0) - theirs["high"]).max() < 1e-5 * size
    assert written.materials == theirs["materials"]
    assert written.textures == theirs["images"]
    assert bool(written.animations) == bool(theirs["actions"])
