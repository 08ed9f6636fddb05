"""Joints that copy another are suggested with the signal of the joint that they copy."""

from pathlib import Path

import pytest

from twinstage.live.suggest.propose import propose
from twinstage.scene.joints import joint_mimic
from twinstage.scene.read import read_snapshot
from twinstage.scene.stage import open_stage
from twinstage.telemetry.contract import parse_contract

JOINT = """    def PhysicsPrismaticJoint "{name}" ({data})
    {{
        rel physics:body1 = </R/{name}_body>
        uniform token physics:axis = "X"
    }}
"""
CONTRACT = """contract: 1
sources:
  a: {uri: "memory:a", reader: {format: jsonl, layout: long, time: {field: t, unit: s, epoch: unix}, name: n, value: v}}
signals:
  - {id: gripper.jaw, source: a, field: jaw, unit: mm, type: f64}
"""


def custom(mimic: str, multiplier: float = 1.0, offset: float = 0.0) -> str:
    return (
        "\n        customData = {\n            dictionary joint = {\n"
        f'                string mimic = "{mimic}"\n                double multiplier = {multiplier}\n'
        f"                double offset = {offset}\n            }}\n        }}\n    "
    )


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (custom("jaw"), {"signal": "gripper.jaw"}),
        (custom("jaw", -1.0, 0.5), {"signal": "gripper.jaw", "sign": -1, "offset": 0.5}),
        (custom("jaw", 0.5), {"expr": "0.5 * gripper.jaw"}),
        (custom("nobody"), None),
        ("", None),
    ],
)
def test_a_copy_follows_its_leader(tmp_path: Path, data: str, expected: dict[str, object] | None) -> None:
    joints = JOINT.format(name="jaw", data="") + JOINT.format(name="other", data=data)
    bodies = "".join(f'    def Xform "{n}_body" {{\n    }}\n' for n in ("jaw", "other"))
    (tmp_path / "s.usda").write_text(
        f'#usda 1.0\n(\n    upAxis = "Z"\n)\ndef Xform "R"\n{{\n{bodies}{joints}}}\n'
    )
    opened = open_stage(tmp_path / "s.usda", probe=False)
    suggestions, _ = propose(opened, read_snapshot(opened), parse_contract(CONTRACT))
    found = {s.data["prim"]: s.data for s in suggestions if s.data["kind"] == "joint"}
    assert found["/R/jaw"] == {"kind": "joint", "prim": "/R/jaw", "signal": "gripper.jaw"}
    wanted = None if expected is None else {"kind": "joint", "prim": "/R/other", **expected}
    assert found.get("/R/other") == wanted


def test_custom_data_that_says_nothing(tmp_path: Path) -> None:
    odd = '\n        customData = {\n            string joint = "jaw"\n        }\n    '
    joints = JOINT.format(name="a", data=odd) + JOINT.format(name="b", data=custom("a", float("inf")))
    (tmp_path / "s.usda").write_text(f'#usda 1.0\ndef Xform "R"\n{{\n{joints}}}\n')
    stage = open_stage(tmp_path / "s.usda", probe=False).stage
    assert joint_mimic(stage.GetPrimAtPath("/R/a")) is None
    assert joint_mimic(stage.GetPrimAtPath("/R/b")) is None
    assert joint_mimic(stage.GetPrimAtPath("/R")) is None
