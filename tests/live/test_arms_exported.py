"""The whole way of a robot by its commands: URDF -> package -> suggested bindings -> moved -> exported, and MuJoCo judges.

MuJoCo reads the same URDF by itself and says where each link is; of ours nothing but the exported file is looked at.
"""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from twinstage.cli.app import app

ARMS = ("abb_irb2400/urdf/irb2400.urdf", "fanuc_m710ic/urdf/m710ic50.urdf")
DEGREES = (30.0, 20.0, -10.0, 40.0, 25.0, 90.0)
GRID = 1e-4
"""A pose on the wire is a multiple of 6.1e-5 m, and its rotation is as near."""
BALL = '<inertial><mass value="1"/><inertia ixx="1" iyy="1" izz="1" ixy="0" ixz="0" iyz="0"/></inertial>'


def contract(folder: Path) -> None:
    signals = [
        f"  - {{id: arm.j{k}, source: plc, field: j{k}, unit: deg, type: f64, range: [-360, 360]}}"
        for k in range(1, 7)
    ]
    reader = "{format: jsonl, layout: wide, time: {field: t, unit: ms}}"
    head = ["contract: 1", "sources:", f"  plc: {{uri: 'file:plc.jsonl', reader: {reader}}}", "signals:"]
    (folder / "contract.yaml").write_text("\n".join([*head, *signals]) + "\n")
    rows = [{"t": t, **{f"j{k + 1}": t / 1000 * DEGREES[k] for k in range(6)}} for t in (0, 500, 1000)]
    (folder / "plc.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def where_mujoco_has_them(urdf: Path) -> dict[str, np.ndarray]:
    """world_from_link of each link but the root; without meshes, and each of some mass, so that none is left out."""
    import mujoco

    text = re.sub(r"<(visual|collision|inertial)>.*?</\1>", "", urdf.read_text(), flags=re.S)
    text = re.sub(r'<link name="([^"]*)"\s*/>', r'<link name="\1"></link>', text)
    text = re.sub(r'(<link name="[^"]*">)', rf"\1{BALL}", text)
    text = re.sub(r"(<robot [^>]*>)", r'\1<mujoco><compiler fusestatic="false"/></mujoco>', text, count=1)
    model = mujoco.MjModel.from_xml_string(text)
    data = mujoco.MjData(model)
    for k, degrees in enumerate(DEGREES, 1):
        data.qpos[model.joint(f"joint_{k}").qposadr[0]] = np.radians(degrees)
    mujoco.mj_kinematics(model, data)
    out = {}
    for body in range(1, model.nbody):
        out[model.body(body).name] = np.eye(4)
        out[model.body(body).name][:3, :3] = data.xmat[body].reshape(3, 3)
        out[model.body(body).name][:3, 3] = data.xpos[body]
    return out


@pytest.mark.shared
@pytest.mark.parametrize("arm", ARMS, ids=["abb", "fanuc"])
def test_an_arm_stands_where_mujoco_says(arm: str, shared: Path, tmp_path: Path) -> None:
    from pxr import Usd, UsdGeom

    urdf = shared / "assets" / "industrial" / arm
    contract(tmp_path)
    stage, bindings, out = tmp_path / "arm" / f"{urdf.stem}.usda", tmp_path / "b.yaml", tmp_path / "at.usda"
    for command in (
        ["assets", "import", urdf, "--out", tmp_path / "arm", "--label", "robot_arm"],
        ["bind", "suggest", stage, "--contract", tmp_path / "contract.yaml", "--out", bindings],
        ["bind", "check", stage, "--bindings", bindings],
        ["export", stage, "--bindings", bindings, "--at", "2", "--out", out],
    ):
        done = CliRunner().invoke(app, [str(word) for word in command])
        assert done.exit_code == 0, done.output
    opened = Usd.Stage.Open(str(out))
    cache = UsdGeom.XformCache()
    links = {p.GetName(): p for p in opened.Traverse() if p.IsA(UsdGeom.Xform)}
    expected = where_mujoco_has_them(urdf)
    assert len(expected) >= 9
    for name, world in expected.items():
        found = np.array(cache.GetLocalToWorldTransform(links[name.replace("-", "_")])).T
        np.testing.assert_allclose(found, world, atol=GRID, err_msg=name)
    assert np.abs(expected["link_6"][:3, :3] - np.eye(3)).max() > 0.5, "it moved"
