"""Each rule about labels finds its fault and is silent about the same scene without it."""

import re
from pathlib import Path
from typing import Any

import pytest

from twinstage.assets.check import check_stage
from twinstage.assets.label_map import read_label_map
from twinstage.assets.rules_labels import check_labels
from twinstage.base.errors import UserError
from twinstage.base.finding import Finding

HEAD = '#usda 1.0\n(defaultPrim = "W"\nupAxis = "Z"\nmetersPerUnit = 1)\n'
API = 'prepend apiSchemas = ["SemanticsLabelsAPI:class"]'


def cube(name: str, *labels: str, more: str = "") -> str:
    """A cube with class labels; none given: without the schema."""
    if not labels and not more:
        return f'def Cube "{name}" {{\n}}\n'
    names = ", ".join(f'"{label}"' for label in labels)
    return f'def Cube "{name}" ({API}) {{\n token[] semantics:labels:class = [{names}]\n {more}\n}}\n'


def found(body: str, label_map: dict[str, list[str]] | None = None) -> list[Finding]:
    from pxr import Sdf, Usd

    layer = Sdf.Layer.CreateAnonymous(".usda")
    assert layer.ImportFromString(HEAD + body)
    return list(check_labels(Usd.Stage.Open(layer), label_map))


def codes(body: str, label_map: dict[str, list[str]] | None = None) -> dict[str, tuple[str, str]]:
    return {f.code: (f.path, f.severity) for f in found(body, label_map)}


GOOD = f'def Xform "W" {{\n{cube("A", "box")}{cube("B", "tote")}}}\n'
OLD = 'custom string semantic:S:params:semanticType = "class"\ncustom string semantic:S:params:semanticData = "pump"'
LOOSE = 'def Cube "C" {\n token[] semantics:labels:class = ["pump"]\n}\n'
PROTOTYPE = f'class Xform "_P" {{\n{cube("C", "box")}}}\n'
INSTANCE = (
    'def Xform "I" (instanceable = true\n prepend inherits = </_P>) {\n over "C" (' + API + ") {\n"
    '  token[] semantics:labels:class = ["tote"]\n}\n}\n'
)


def test_good_labels_have_no_findings() -> None:
    assert found(GOOD) == []
    assert found(GOOD, {"box": [], "crate": ["tote"]}) == []


@pytest.mark.parametrize(
    ("extra", "code", "path", "severity"),
    [
        (cube("C", "box", "carton"), "label.ambiguous", "/W/C", "error"),
        (cube("C"), "label.none", "/W/C", "info"),
        (f'def Cube "C" {{\n{OLD}\n}}\n', "label.legacy", "/W/C", "warning"),
        (cube("C", "Box"), "label.case", "/W/C", "warning"),
        (cube("C", ""), "label.empty", "/W/C.semantics:labels:class", "warning"),
        (LOOSE, "label.not-applied", "/W/C", "error"),
    ],
)
def test_one_fault_one_finding(extra: str, code: str, path: str, severity: str) -> None:
    body = f'def Xform "W" {{\n{cube("A", "box")}{cube("B", "tote")}{extra}}}\n'
    assert codes(body)[code] == (path, severity)


def test_an_empty_list_over_labels_takes_them_away_and_is_meant() -> None:
    emptied = (
        f'def Cube "C" ({API}\n prepend inherits = </_P>) {{\n token[] semantics:labels:class = []\n}}\n'
    )
    older = f'def Cube "D" ({API}) {{\n{OLD}\n token[] semantics:labels:class = []\n}}\n'
    pattern = f'class Cube "_P" ({API}) {{\n token[] semantics:labels:class = ["pump"]\n}}\n'
    body = f'def Xform "W" {{\n{cube("A", "box")}{emptied}{older}}}\n'
    assert "label.empty" not in codes(pattern + body)
    assert codes(body)["label.empty"] == ("/W/C.semantics:labels:class", "warning"), (
        "there is nothing below it"
    )


def test_labelled_subsets_that_are_not_told_apart() -> None:
    head = f'def GeomSubset "S" ({API}) {{\n uniform token familyName = "parts"\n'
    subset = f'{head} token[] semantics:labels:class = ["lid"]\n}}\n'
    body = f'def Mesh "W" ({API}) {{\n token[] semantics:labels:class = ["box"]\n{subset}}}\n'
    assert codes(body) == {"label.subset": ("/W/S", "info")}
    assert found(body.replace('"parts"', '"materialBind"')) == []


def test_labels_below_an_instance_that_usd_ignores() -> None:
    body = PROTOTYPE + INSTANCE
    (finding,) = [f for f in found(body) if f.code == "label.below-instance"]
    assert (finding.path, finding.severity) == ("/I/C", "error")
    assert finding.fix.startswith("label /I,")
    assert "label.below-instance" not in codes(body.replace("instanceable = true\n", ""))


def test_labels_below_an_instance_in_a_referenced_file(tmp_path: Path) -> None:
    from pxr import Usd

    (tmp_path / "asset.usda").write_text(HEAD + PROTOTYPE + f'def Xform "W" {{\n{INSTANCE}}}\n')
    (tmp_path / "s.usda").write_text(
        HEAD
        + 'def Xform "W" {\n def "X" (references = @./asset.usda@) {\n}\n def "Y" (references = @./asset.usda@) {\n}\n}\n'
    )
    stage = Usd.Stage.Open(str(tmp_path / "s.usda"))
    assert [f.path for f in check_labels(stage) if f.code == "label.below-instance"] == ["/W/I/C"]


def test_the_map_names_what_it_does_not_know() -> None:
    body = f'def Xform "W" {{\n{cube("A", "box")}{cube("B", "pallet")}{cube("C", "palet")}{cube("D", "floor")}}}\n'
    unknown = {
        f.path: (f.severity, f.fix)
        for f in found(body, {"box": [], "pallet": []})
        if f.code == "label.unknown"
    }
    assert unknown["/W/C"] == ("warning", "did you mean 'pallet'?")
    assert unknown["/W/D"][0] == "info"
    assert set(unknown) == {"/W/C", "/W/D"}


def test_the_map_settles_what_is_ambiguous_without_it() -> None:
    body = f'def Xform "W" {{\n{cube("A", "box", "carton")}}}\n'
    assert "label.ambiguous" not in codes(body, {"carton": []})
    assert "label.ambiguous" in codes(body, {"carton": [], "box": []})


def test_prototypes_of_instancers_are_objects_and_hidden_shapes_are_not() -> None:
    points = (
        'def PointInstancer "P" {\n point3f[] positions = [(0, 0, 0)]\n int[] protoIndices = [0]\n'
        " rel prototypes = [</W/P/A>]\n{}}\n"
    )
    plain = f'def Xform "W" {{\n{cube("B", "box")}{points.replace("{}", cube("A"))}}}\n'
    assert codes(plain) == {"label.none": ("/W/P", "info")}
    assert found(plain.replace(cube("A"), cube("A", "tote"))) == []
    guide = 'def Cube "G" {\n uniform token purpose = "guide"\n}\n'
    assert found(f'def Xform "W" {{\n{cube("B", "box")}{guide}}}\n') == []


def test_prims_of_a_prototype_are_told_once() -> None:
    old = f'class Xform "_P" {{\n def Cube "C" {{\n{OLD}\n}}\n}}\n'
    two = "".join(f'def "I{k}" (instanceable = true\n inherits = </_P>) {{\n}}\n' for k in range(2))
    assert [(f.code, f.path) for f in found(old + two)] == [("label.legacy", "/I0/C")]


def test_a_stage_without_labels_gets_one_line() -> None:
    assert [f.code for f in found('def Xform "W" {\n def Cube "C" {\n}\n}\n')] == ["labels.none"]


def test_the_child_process_gets_the_map(tmp_path: Path) -> None:
    (tmp_path / "s.usda").write_text(HEAD + f'def Xform "W" {{\n{cube("A", "box")}{cube("B", "tote")}}}\n')
    assert "label.unknown" not in {f.code for f in check_stage(tmp_path / "s.usda")}
    assert "label.unknown" in {f.code for f in check_stage(tmp_path / "s.usda", label_map={"box": []})}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("labels: {a: null, b: [x, y], c: z}", {"a": (), "b": ("x", "y"), "c": ("z",)}),
        ("a: [x]", {"a": ("x",)}),
        ("labels:\n- a\n- {name: b, labels: [x]}", {"a": (), "b": ("x",)}),
    ],
)
def test_label_maps(tmp_path: Path, text: str, expected: dict[str, Any]) -> None:
    (tmp_path / "m.yaml").write_text(text)
    assert read_label_map(tmp_path / "m.yaml") == expected


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("a: [", "line 1"),
        ("3", "no classes"),
        ("a: {b: 1}", "no list of labels"),
        ("[[a]]", "a class is a name"),
    ],
)
def test_label_maps_that_are_none(tmp_path: Path, text: str, part: str) -> None:
    (tmp_path / "m.yaml").write_text(text)
    with pytest.raises(UserError, match=part):
        read_label_map(tmp_path / "m.yaml")


def test_every_code_is_on_the_page(root: Path) -> None:
    codes = set(re.findall(r'"(labels?\.[a-z-]+)"', (root / "assets" / "rules_labels.py").read_text("utf-8")))
    rows = set(
        re.findall(r"^\| `(labels?\.[a-z-]+)` \|", (root / "docs" / "labels.md").read_text("utf-8"), re.M)
    )
    assert codes == rows
    assert len(codes) == 10
