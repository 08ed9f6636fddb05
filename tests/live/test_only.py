"""A twin of one subtree: it composes only that, follows only its bindings, and says the same of it as the twin of the whole."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from twinstage.base.clock import NS, ManualClock
from twinstage.base.errors import UserError
from twinstage.live.twin import LiveTwin, TwinFiles, open_twin

START = 1_700_000_000 * NS
LINE = """
    def Xform "Line{n}"
    {{
        double3 xformOp:translate = ({n}, 0, 2)
        uniform token[] xformOpOrder = ["xformOp:translate"]
        def Cube "Box"
        {{
            rel material:binding = </Plant/Looks/Red>
        }}
        def Xform "Bin"
        {{
        }}
        def Xform "Cart"
        {{
            def Sphere "Load"
            {{
            }}
        }}
        def PointInstancer "Bolts"
        {{
            int[] protoIndices = [0, 0]
            point3f[] positions = [(0, 0, 0), (1, 0, 0)]
            rel prototypes = </Plant/Parts/Bolt>
        }}
    }}
"""
STAGE = (
    """#usda 1.0
(
    defaultPrim = "Plant"
    metersPerUnit = 1
    upAxis = "Z"
)
def Xform "Plant"
{
    double3 xformOp:translate = (100, 0, 0)
    uniform token[] xformOpOrder = ["xformOp:translate"]
"""
    + LINE.format(n=1)
    + LINE.format(n=2)
    + LINE.format(n=10)
    + """
    def Scope "Looks"
    {
        def Material "Red"
        {
            token outputs:surface.connect = </Plant/Looks/Red/Surface.outputs:surface>
            def Shader "Surface"
            {
                uniform token info:id = "UsdPreviewSurface"
                color3f inputs:diffuseColor.connect = </Plant/Looks/Colors/Source.outputs:out>
                token outputs:surface
            }
        }
        def NodeGraph "Colors"
        {
            def Shader "Source"
            {
                color3f outputs:out
            }
        }
    }
    def Scope "Parts"
    {
        def Cube "Bolt"
        {
        }
    }
}
"""
)
CONTRACT = """contract: 1
sources:
  plc: {uri: "memory:plc", lateness: 0, reader: {format: jsonl, time: {field: t, unit: ns}}}
signals:
  - {id: all.x, source: plc, field: all, unit: m}
  - {id: "1.x", source: plc, field: one, unit: m}
  - {id: "2.x", source: plc, field: two, unit: m}
  - {id: "10.x", source: plc, field: ten, unit: m}
"""
BINDINGS = """bindings: 1
contract: contract.yaml
bindings:
  - {kind: pose, prim: /Plant, position: {y: all.x}}
  - {kind: pose, pattern: "/Plant/Line{n}/Box", position: {x: "{n}.x"}}
  - {kind: pose, prim: /Plant/Line1/Cart, position: {z: "1.x"}}
  - {kind: pose, prim: /Plant/Line2/Cart, frame: /Plant/Line2/Box, position: {z: "2.x"}}
  - {kind: pose, prim: /Plant/Line10/Cart, position: {z: "10.x"}}
  - {kind: attach, frame: /Plant/Line2/Cart, candidates: [/Plant/Line2/Bin], signal: "2.x"}
"""


def make(folder: Path, *only: str, bindings: str = BINDINGS) -> LiveTwin:
    for name, text in {"p.usda": STAGE, "contract.yaml": CONTRACT, "bindings.yaml": bindings}.items():
        (folder / name).write_text(text)
    return open_twin(
        TwinFiles(folder / "p.usda", folder / "bindings.yaml", only=only), clock=ManualClock(START)
    )


def moved(twin: LiveTwin) -> dict[str, np.ndarray]:
    """Where everything drawn is after some ticks, world_from_node by path."""
    for k in range(1, 4):
        now = START + k * NS
        values = {"t": now, "all": 5.0 * k, "one": 1.0 * k, "two": 2.0 * k, "ten": 10.0 * k}
        twin.ingest.offer("plc", (json.dumps(values) + "\n").encode(), now)  # type: ignore[union-attr]
        twin.clock.set(now)  # type: ignore[attr-defined]
        twin.tick(now)
    prims = twin.snapshot.prims
    out: dict[str, np.ndarray] = {}
    for row, path in enumerate(prims.path):
        parent = path.rpartition("/")[0]
        above = out[parent] if parent else np.eye(4)
        out[path] = above @ twin.hub.local(row)
    return out


def test_a_subtree_is_where_the_whole_plant_has_it_and_nothing_else_is_composed(tmp_path: Path) -> None:
    whole, part = make(tmp_path), make(tmp_path, "/Plant/Line1")
    paths = part.snapshot.prims.path
    assert {path for path in paths if path.startswith("/Plant/Line")} == {
        *("/Plant/Line1", "/Plant/Line1/Box", "/Plant/Line1/Bin", "/Plant/Line1/Bolts"),
        *("/Plant/Line1/Cart", "/Plant/Line1/Cart/Load"),
    }
    assert part.opened.stage.GetPrimAtPath("/Plant/Line1") and not part.opened.stage.GetPrimAtPath(
        "/Plant/Line2"
    )
    # What it is drawn with lies elsewhere and is there.
    material = next(each for each in part.snapshot.materials if each.path.endswith("Red"))
    assert material.path == "/Plant/Looks/Red" and part.opened.stage.GetPrimAtPath(
        "/Plant/Looks/Colors/Source"
    )
    drawn = {path for path in paths if path.startswith("/Plant/Line1")}
    count = {twin: len(twin.snapshot.points) for twin in (whole, part)}
    assert count[part] == 2 and count[whole] == 6
    there, here = moved(whole), moved(part)
    for path in drawn:
        np.testing.assert_array_equal(here[path], there[path])
    assert here["/Plant/Line1/Box"][0, 3] == 104 and here["/Plant/Line1/Cart"][1:, 3].tolist() == [15, 5, 1]
    found = [finding.message for finding in part.findings if finding.code == "binding.elsewhere"]
    assert found == ["3 of 6 bindings drive prims outside of /Plant/Line1: other twins have to"]
    for twin in (whole, part):
        twin.let_go()


def test_several_subtrees_and_a_whole_are_served_alike(tmp_path: Path) -> None:
    part = make(tmp_path, "/Plant/Line1", "/Plant/Line2/Cart", "/Plant/Line2/Box")
    assert "/Plant/Line2/Bolts" not in part.snapshot.prims.path and part.plan is not None
    found = [finding.message for finding in part.findings if finding.code == "binding.elsewhere"]
    assert found and found[0].startswith("2 of 6 bindings")
    whole = make(tmp_path, "/Plant")
    assert whole.snapshot.prims.path == make(tmp_path).snapshot.prims.path
    assert not [finding for finding in whole.findings if finding.code == "binding.elsewhere"]


@pytest.mark.parametrize(
    ("only", "said"),
    [
        ("/Plant/Line3", "there is no such prim"),
        ("Plant", "no prim path"),
        ("/", "no prim path"),
        ("/Plant/Line1.x", "no prim path"),
        ("/Plant/Line2/Cart", "counts on /Plant/Line2/Box, which --only /Plant/Line2/Cart leaves out"),
    ],
)
def test_what_cannot_be_served_alone_is_one_sentence(tmp_path: Path, only: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        make(tmp_path, only)


def test_the_command_says_so_and_ends_with_2(tmp_path: Path) -> None:
    from twinstage.cli.app import app

    make(tmp_path).let_go()
    done = CliRunner().invoke(app, ["serve", str(tmp_path / "p.usda"), "--only", "/Plant/Line3"])
    assert done.exit_code == 2 or isinstance(done.exception, UserError)
    assert "there is no such prim" in (done.output + str(done.exception))
