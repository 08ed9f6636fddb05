"""A real arm as MJCF: MuJoCo reads the URDF of the FANUC arm and writes its own format, with the arm's own meshes."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from twinstage.assets.check import check_stage

PACKAGE = "package://fanuc_m710ic_support/"
COMPILER = '<mujoco><compiler discardvisual="false" fusestatic="false"/></mujoco>'


@pytest.fixture
def arm(shared: Path, tmp_path: Path) -> Path:
    mujoco = pytest.importorskip("mujoco")
    home, out = shared / "assets/industrial/fanuc_m710ic", tmp_path / "mjcf"
    out.mkdir()
    text = (home / "urdf/m710ic50.urdf").read_text()
    for name in sorted(set(re.findall(f'{PACKAGE}([^"]+)', text))):
        flat = name.replace("/", "_")
        shutil.copy(home / name, out / flat)
        text = text.replace(PACKAGE + name, flat)
    urdf = out / "arm.urdf"
    urdf.write_text(re.sub(r"(<robot[^>]*>)", rf"\1{COMPILER}", text, count=1))
    mujoco.mj_saveLastXML(str(out / "arm.xml"), mujoco.MjModel.from_xml_path(str(urdf)))
    return out / "arm.xml"


def test_a_real_arm_moves_as_in_mujoco_and_is_as_large(
    arm: Path, imported: Callable[..., tuple[Path, Any]], arms: Any
) -> None:
    import mujoco

    stage, written = imported(arm, labels=("arm",))
    assert [f for f in check_stage(stage) if f.severity == "error"] == []
    model = mujoco.MjModel.from_xml_path(str(arm))
    data = mujoco.MjData(model)
    names = [model.joint(n).name for n in range(model.njnt)]
    assert len(names) == 6
    drawn = [n for n in range(model.ngeom) if model.geom_group[n] < 3]  # as MuJoCo shows them: colliders, too
    faces = sum(int(model.mesh_facenum[model.geom_dataid[n]]) for n in drawn)
    assert written.triangles == pytest.approx(faces, rel=0.02), "faces without an area are left out"
    moved, rng = arms(stage, dict.fromkeys(names, "revolute")), np.random.default_rng(5)
    for q in [np.zeros(6), *rng.uniform(-1, 1, (6, 6))]:
        data.qpos[:] = q
        mujoco.mj_kinematics(model, data)
        moved.move(dict(zip(names, q, strict=True)))
        links = moved.links()
        for n in range(1, model.nbody):
            found = links[model.body(n).name]
            assert np.abs(found[:3, 3] - data.xpos[n]).max() < 1e-6, (model.body(n).name, q)
            assert np.abs(found[:3, :3] - data.xmat[n].reshape(3, 3)).max() < 1e-6, (model.body(n).name, q)
