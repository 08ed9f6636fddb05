"""Bindings files: what is accepted, and every mistake as one sentence with file and line."""

from pathlib import Path
from typing import Any

import pytest

from twinstage.base.errors import UserError
from twinstage.scene.bindings import JointBinding, load_bindings, parse_bindings

STAGE = """def Xform "Cell" {
    def Xform "AGV1" {}
    def Xform "AGV2" {}
    def Scope "Group" {}
    def Cube "Tank" { custom double twin:level = 0
        custom string note = "x"
    }
    def PointInstancer "Parcels" { point3f[] positions = [(0, 0, 0), (1, 0, 0)]
        int[] protoIndices = [0, 0]
        int64[] ids = [7, 9]
        rel prototypes = </Cell/Parcels/Box>
        def Cube "Box" {}
    }
    def PhysicsFixedJoint "Fixed" { rel physics:body1 = </Cell/AGV1>
    }
    def PhysicsRevoluteJoint "Empty" {}
    def Xform "Flat" { float3 xformOp:scale = (1, 1, 3)
        uniform token[] xformOpOrder = ["xformOp:scale"]
    }
}
"""
SIGNALS = {
    "agv1__x": "m",
    "agv1__heading": "rad",
    "agv1__temp": "K",
    "agv1__name": "1 string",
    "agv1__pose": "m pose",
    "door": "1 bool",
    "ratio": "1",
}


def test_the_version_line_and_the_list_share_a_name() -> None:
    text = "bindings: 1  # version\ncontract: c.yaml\nbindings:\n  - {kind: joint, prim: /A, signal: a, axis: Z}\n"
    found = parse_bindings(text, where="b.yaml")
    assert found.contract == "c.yaml"
    assert isinstance(found.bindings[0], JointBinding)
    assert found.where(0) == "b.yaml:4"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{kind: jont, prim: /A, signal: a}", "no binding is of kind 'jont'; did you mean 'joint'"),
        (
            "{kind: joint, prim: /A, singal: a}",
            "a joint binding has no field 'singal'; did you mean 'signal'",
        ),
        ("{kind: joint, signal: a}", "exactly one of prim and pattern"),
        ("{kind: joint, prim: /A, pattern: /B, signal: a}", "exactly one of prim and pattern"),
        ("{kind: joint, prim: /A}", "exactly one of signal and expr"),
        ("{kind: joint, prim: /A, signal: a, sign: 2}", "sign is 2; expected -1 or 1"),
        ("{kind: pose, prim: /A}", "nothing would move"),
        ("{kind: pose, prim: /A, frame: wrld, signal: a}", "frame 'wrld' is unknown"),
        ("{kind: style, prim: /A, signal: a, colormap: [[1, red]]}", "'red' is no colour"),
        ("{kind: style, prim: /A, signal: a, colormap: [[2, '#000000'], [1, '#ffffff']]}", "do not rise"),
        ("{kind: attribute, prim: /A, attribute: b, signal: a, unit: metres}", "not a UCUM code"),
        ("{kind: attach, frame: /A, signal: a, candidates: []}", "candidates"),
        ("[1, 2]", "a binding is a mapping"),
    ],
)
def test_mistakes_in_the_file(line: str, words: str) -> None:
    with pytest.raises(UserError) as error:
        parse_bindings(f"bindings: 1\nbindings:\n  - {line}\n", where="b.yaml")
    assert str(error.value).startswith("b.yaml:3: ")
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"there is no bindings file .*nope\.yaml"):
        load_bindings(tmp_path / "nope.yaml")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{kind: pose, prim: /Cell/AGV3, position: {x: agv1.x}}", "there is no prim /Cell/AGV3; did you mean '/Cell/AGV"),
        ("{kind: pose, prim: /Cell/AGV1, position: {x: agv1.y}}", "no signal 'agv1.y'; did you mean 'agv1.x'"),
        ("{kind: pose, prim: /Cell/AGV1, position: {x: agv1.temp}}",
         "signal 'agv1.temp' has the unit 'K' (a temperature), but a position needs a length"),
        ("{kind: pose, prim: /Cell/AGV1, rotation: {yaw: ratio}}", "a rotation needs an angle"),
        ("{kind: pose, prim: /Cell/AGV1, rotation: {yaw: agv1.name}}", "of type string, and a number is needed"),
        ("{kind: pose, prim: /Cell/AGV1, signal: agv1.x}", "of type f64, and a pose is needed"),
        ("{kind: pose, prim: /Cell/AGV1, position: {x: 'agv1.x +'}}", "is not arithmetic"),
        ("{kind: pose, prim: /Cell/Group, position: {x: agv1.x}}", "/Cell/Group is a Scope, which has no transform"),
        ("{kind: pose, prim: /Cell/AGV1, frame: /Cell/No, position: {x: agv1.x}}", "there is no prim /Cell/No"),
        ("{kind: joint, prim: /Cell/AGV1, signal: agv1.heading}", "is a Xform and no joint, so the binding needs an axis"),
        ("{kind: joint, prim: /Cell/AGV1, signal: agv1.temp, axis: Z}", "a joint that turns needs an angle"),
        ("{kind: joint, prim: /Cell/AGV1, signal: agv1.x, axis: Z, motion: rotate}", "a joint that turns needs an angle"),
        ("{kind: joint, prim: /Cell/AGV1, signal: agv1.heading, axis: Z, coupling: {agv1.temp: 1}}",
         "the coupling of a joint needs"),
        ("{kind: joint, prim: /Cell/AGV1, expr: agv1.x, axis: Z}", "motion has to say"),
        ("{kind: joint, prim: /Cell/Fixed, signal: agv1.heading}", "is a PhysicsFixedJoint; only revolute and prismatic"),
        ("{kind: joint, prim: /Cell/Empty, signal: agv1.heading}", "has no physics:body1"),
        ("{kind: joint, prim: /Cell/Flat, axis: X, signal: agv1.heading}", "scaled by 1, 1, 3, and a turn would shear it"),
        ("{kind: attribute, prim: /Cell/Tank, attribute: 'twin:level', signal: agv1.temp, unit: m}",
         "its unit 'm' needs a length"),
        ("{kind: attribute, prim: /Cell/Tank, attribute: sizes, signal: agv1.x}",
         "has no attribute 'sizes'; did you mean 'size'"),
        ("{kind: attribute, prim: /Cell/Tank, attribute: note, signal: agv1.x}", "is of type string, not a number"),
        ("{kind: style, prim: /Cell/Tank, signal: agv1.x, unit: Cel, colormap: [[1, '#000000']]}", "needs a temperature"),
        ("{kind: instance, prim: /Cell/Parcels, id: 3, position: {x: agv1.x}}", "no point with the id 3; it has 2, ids 7 to 9"),
        ("{kind: instance, prim: /Cell/Tank, id: 3, position: {x: agv1.x}}", "is a Cube, and a PointInstancer is needed"),
        ("{kind: attach, frame: /Cell/AGV1, signal: door, candidates: ['/Cell/Nothing*']}", "no prim matches the candidates"),
        ("{kind: attach, frame: /Cell/AGV1, signal: door, candidates: ['/Cell/AGV1']}",
         "it follows something that moves with /Cell/AGV1 itself"),
        ("{kind: pose, pattern: '/Cell/Cart{n}', position: {x: agv1.x}}", "the pattern '/Cell/Cart{n}' matches no prim"),
        ("{kind: pose, pattern: '/Cell/AGV{n}', position: {x: 'agv{n}.x'}}", "no signal 'agv2.x'"),
    ],
)  # fmt: skip
def test_bindings_that_cannot_hold(make_twin: Any, line: str, words: str) -> None:
    with pytest.raises(UserError) as error:
        make_twin(STAGE, line, SIGNALS)
    assert words in str(error.value)
    assert str(error.value).startswith("bindings:4: "), str(error.value)
    assert "\n" not in str(error.value)


def test_one_prim_moved_twice(make_twin: Any) -> None:
    lines = (
        "{kind: pose, prim: /Cell/AGV1, position: {x: agv1.x}}\n"
        "{kind: joint, prim: /Cell/AGV1, axis: Z, signal: agv1.heading}"
    )
    with pytest.raises(
        UserError, match=r"bindings:5: .*already moved by bindings:4: pose binding of /Cell/AGV1"
    ):
        make_twin(STAGE, lines, SIGNALS)


def test_frames_in_a_circle(make_twin: Any) -> None:
    lines = (
        "{kind: pose, prim: /Cell/AGV1, frame: /Cell/AGV2, position: {x: agv1.x}}\n"
        "{kind: pose, prim: /Cell/AGV2, frame: /Cell/AGV1, position: {x: agv1.x}}"
    )
    with pytest.raises(UserError, match=r"it follows something that moves with /Cell/AGV\d itself"):
        make_twin(STAGE, lines, SIGNALS)


def test_schema_describes_a_real_file(root: Path) -> None:
    import jsonschema
    import yaml

    from twinstage.scene.bindings import json_schema

    text = (root / "examples/palletizer/bindings.yaml").read_text().replace("bindings: 1", "version: 1", 1)
    jsonschema.validate(yaml.safe_load(text), json_schema())
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(
            {"version": 1, "bindings": [{"kind": "joint", "prim": "/A", "singal": "a"}]}, json_schema()
        )
