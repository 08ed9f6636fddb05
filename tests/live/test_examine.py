"""What doctor says of small twins: everything at once, with code, place and advice; nothing about what is right."""

from pathlib import Path
from typing import Any

import pytest

from twinstage.live.checks.codes import CODES
from twinstage.live.examine import examine_twin
from twinstage.live.twin import TwinFiles
from twinstage.scene.problems import RULES

STAGE = """#usda 1.0
(
    defaultPrim = "World"
    metersPerUnit = 1
    upAxis = "Z"
)
def Xform "World"
{
    def Cube "Box" {
    }
    def Cube "Lamp" {
    }
    def Scope "Looks" {
    }
}
"""
CONTRACT = """contract: 1
sources:
  a:
    uri: "file:run.csv"
    reader: {format: csv, layout: wide, time: {column: t, unit: s, epoch: relative}}
    clock: {epoch: now}
signals:
  - {id: a.x, source: a, field: x, unit: m, range: [-1, 1]}
  - {id: a.temp, source: a, field: temp, unit: Cel}
"""


@pytest.fixture
def twin(tmp_path: Path) -> Any:
    def make(*lines: str, stage: str = STAGE, contract: str = CONTRACT) -> list[Any]:
        # USD keeps layers by path while anybody holds them, so every stage gets a file of its own.
        path = tmp_path / f"cell_{len(list(tmp_path.iterdir()))}.usda"
        path.write_text(stage)
        (tmp_path / "contract.yaml").write_text(contract)
        rows = "".join(f"{k / 10},{k / 100},{20 + k}\n" for k in range(60))
        (tmp_path / "run.csv").write_text("t,x,temp\n" + rows)
        (tmp_path / "b.yaml").write_text(
            "bindings: 1\nbindings:\n" + "".join(f"  - {line}\n" for line in lines)
        )
        return examine_twin(TwinFiles(path, tmp_path / "b.yaml"), isolated=False).findings

    return make


GOOD = (
    "{kind: pose, prim: /World/Box, position: {x: a.x}}",
    "{kind: attribute, prim: /World/Lamp, attribute: 'twin:t', signal: a.temp}",
)


def test_nothing_about_a_good_twin(twin: Any) -> None:
    assert [f.message for f in twin(*GOOD) if f.code != "labels.none"] == []


def test_all_problems_at_once(twin: Any) -> None:
    found = twin(
        "{kind: pose, prim: /World/Bax, position: {x: a.x}}",
        "{kind: pose, prim: /World/Looks, position: {x: a.x}}",
        "{kind: jont, prim: /World/Box, signal: a.x}",
        "{kind: pose, prim: /World/Box, position: {x: a.temp}}",
        "{kind: style, prim: /World/Looks, signal: a.temp, colormap: [[0, '#000000']]}",
        "{kind: visibility, prim: /World/Lamp, signal: a.tmp}",
        "{kind: joint, prim: /World/Lamp, signal: a.x, axis: [0, 0, 0]}",
    )
    told = {f.code: f for f in found}
    assert {c for c in told if c.startswith("binding.")} == {
        "binding.prim", "binding.type", "binding.file", "binding.unit", "binding.signal", "binding.axis",
        "binding.style-nothing",
    }  # fmt: skip
    assert "b.yaml:3: pose binding of /World/Bax" in told["binding.prim"].message
    assert told["binding.prim"].path == "/World/Bax"
    assert "did you mean '/World/Box'" in told["binding.prim"].message
    assert "b.yaml:5: no binding is of kind" in told["binding.file"].message.replace("bindings[2]: ", "")
    assert "did you mean 'a.temp'" in told["binding.signal"].message
    for finding in found:
        if finding.code in RULES or finding.code in CODES:
            assert finding.fix, finding
        assert "\n" not in finding.message


def test_two_bad_nodes_and_a_good_one_are_told_apart(twin: Any) -> None:
    """What cannot be folded is left out one after the other, and the rest still compiles."""
    flat = STAGE.replace(
        'def Cube "Box" {\n',
        'def Cube "Box" {\n float3 xformOp:scale = (1, 1, 3)\n uniform token[] xformOpOrder = ["xformOp:scale"]\n',
    ).replace(
        'def Cube "Lamp" {\n',
        'def Cube "Lamp" {\n float3 xformOp:scale = (1, 1, 3)\n uniform token[] xformOpOrder = ["xformOp:scale"]\n',
    )
    contract = CONTRACT + "  - {id: a.turn, source: a, field: x, unit: rad}\n"
    lines = [f"{{kind: joint, prim: /World/{name}, signal: a.turn, axis: X}}" for name in ("Box", "Lamp")]
    found = [
        f
        for f in twin(*lines, GOOD[1].replace("Lamp", "Looks"), stage=flat, contract=contract)
        if f.code == "binding.shear"
    ]
    assert sorted(f.path for f in found) == ["/World/Box", "/World/Lamp"]


def test_layers_that_disagree_unless_a_prim_converts(twin: Any, tmp_path: Path) -> None:
    part = STAGE.replace("metersPerUnit = 1", "metersPerUnit = 0.01").replace('upAxis = "Z"', 'upAxis = "Y"')
    (tmp_path / "part.usda").write_text(part)
    plain = STAGE.replace('def Scope "Looks" {\n', 'def Xform "Part" ( payload = @./part.usda@\n) {\nHERE')
    found = [f for f in twin(*GOOD, stage=plain.replace("HERE", "")) if f.code == "stage.metrics"]
    assert [f.path for f in found] == ["/World/Part"] * 2
    fixed = (
        "float xformOp:rotateX = 90\nfloat3 xformOp:scale = (0.01, 0.01, 0.01)\n"
        'uniform token[] xformOpOrder = ["xformOp:rotateX", "xformOp:scale"]\n'
    )
    (tmp_path / "part.usda").unlink()
    (tmp_path / "part2.usda").write_text(part)
    converted = plain.replace("part.usda", "part2.usda").replace("HERE", fixed)
    assert [f for f in twin(*GOOD, stage=converted) if f.code == "stage.metrics"] == []


def test_a_contract_that_cannot_be_read_leaves_the_stage_examined(twin: Any) -> None:
    found = twin(
        *GOOD,
        contract=CONTRACT.replace("unit: m,", "unit: meters,"),
        stage=STAGE.replace('upAxis = "Z"\n', ""),
    )
    assert {"contract.file", "stage.up-axis"} <= {f.code for f in found}


def test_telemetry(twin: Any) -> None:
    contract = CONTRACT.replace("range: [-1, 1]", "range: [5, 6], period: 10, max_age: 0.01")
    found = {
        f.code: f
        for f in twin(*GOOD, contract=contract.replace("field: temp", "field: temp, where: {t: '99'}"))
    }
    assert {"signal.range", "signal.silent", "signal.max-age"} <= set(found)
    assert "100% of its values lie outside its range [5.0, 6.0] m" in found["signal.range"].message
    assert found["signal.silent"].path == "a.temp"


def test_every_code_is_on_the_page(root: Path) -> None:
    page = (root / "docs" / "doctor.md").read_text("utf-8")
    for table in (RULES, CODES):
        for code, rule in table.items():
            assert f"| `{code}` | {rule.severity} | {rule.meaning} | {rule.fix} |" in page, code


def test_every_code_in_the_sources_has_a_rule(root: Path) -> None:
    import re

    used = set()
    for folder in ("scene", "src/twinstage/live/checks"):
        for path in (root / folder).glob("*.py"):
            used |= set(
                re.findall(r'(?:BindingProblem|finding)\(\s*"([a-z]+\.[a-z-]+)"', path.read_text("utf-8"))
            )
    assert len(used) > 30
    assert used - set(RULES) - set(CODES) == set()


def test_bounds_below_and_beside_a_prim(tmp_path: Path) -> None:
    """Names that begin with another's name are no children of it."""
    names = ["A", "A1", "A_b", "AB", "a"]
    body = "".join(
        f'def Xform "{name}" {{\n double3 xformOp:translate = ({10 * k}, 0, 0)\n'
        ' uniform token[] xformOpOrder = ["xformOp:translate"]\n'
        ' def Cube "Body" {\n}\n}\n'
        for k, name in enumerate(names)
    )
    stage = STAGE.replace('    def Scope "Looks" {\n    }\n', body)
    (tmp_path / "cell.usda").write_text(stage)
    (tmp_path / "contract.yaml").write_text(CONTRACT)
    (tmp_path / "run.csv").write_text("t,x,temp\n0,0,0\n")
    (tmp_path / "b.yaml").write_text(
        "bindings: 1\nbindings:\n  - {kind: pose, prim: /World/A, position: {x: a.x}}\n"
    )
    twin = examine_twin(TwinFiles(tmp_path / "cell.usda", tmp_path / "b.yaml"), isolated=False).twin
    assert twin is not None
    for k, name in enumerate(names):
        below = twin.bounds(below=f"/World/{name}")
        assert below is not None
        assert (below[0][0], below[1][0]) == (10 * k - 1, 10 * k + 1)
        beside = twin.bounds(without=f"/World/{name}")
        assert beside is not None
        assert beside[1][0] == (41 if name != "a" else 31)
    assert twin.bounds(below="/World/B") is None
