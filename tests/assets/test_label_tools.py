"""Layers of labels: what they say is what USD sees, the stage's own files stay as they are, mistakes are named."""

import io
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinstage.assets.label_assign import assign, glob_regex, read_rules, rule_of
from twinstage.assets.label_layer import Assignment, layer_text, write_layer
from twinstage.assets.label_prompt import Dialogue, unlabelled
from twinstage.assets.label_scene import read_label_scene
from twinstage.assets.label_upgrade import upgrade_labels
from twinstage.base.errors import DataError, UserError
from twinstage.cli.app import run
from twinstage.scene.labels import LabelPolicy

HEAD = (
    '#usda 1.0\n(defaultPrim = "World"\nupAxis = "Z"\nmetersPerUnit = 0.01\ntimeCodesPerSecond = 25\n'
    "startTimeCode = 1\nendTimeCode = 9)\n"
)
PART = '#usda 1.0\n(defaultPrim = "Part")\ndef Xform "Part" {\n def Cube "Lid" {\n}\n def Cube "Body" {\nEXTRA\n}\n}\n'
SCENE = (
    HEAD
    + 'def Xform "World" {\n'
    + "".join(f'def Xform "Rack_{k}" {{\n def Cube "Post" {{\n}}\n}}\n' for k in range(3))
    + 'def "Box" (instanceable = true\n references = @./part.usda@) {\n}\n'
    + 'def Mesh "Floor" {\n int[] faceVertexCounts = [4]\n int[] faceVertexIndices = [0, 1, 2, 3]\n'
    + " point3f[] points = [(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0)]\n}\n"
    + 'def Scope "Looks" {\n def Material "Rack_paint" {\n}\n}\n}\n'
)
OLD = (
    'custom string semantic:S:params:semanticType = "class"\ncustom string semantic:S:params:semanticData = "pump"\n'
    'custom token semantic:T:params:semanticType = "color"\ncustom token semantic:T:params:semanticData = "red"\n'
)


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    (tmp_path / "part.usda").write_text(PART.replace("EXTRA", ""))
    (tmp_path / "scene.usda").write_text(SCENE)
    return tmp_path / "scene.usda"


def opened(path: Path) -> Any:
    from pxr import Usd

    return Usd.Stage.Open(str(path))


def direct(path: Path, taxonomy: str = "class", time: float | None = None) -> dict[str, list[str]]:
    """Labels by path, as UsdSemantics has them."""
    from pxr import Usd, UsdSemantics

    stage = opened(path)
    query = UsdSemantics.LabelsQuery(taxonomy, Usd.TimeCode.Default() if time is None else Usd.TimeCode(time))
    found = {str(p.GetPath()): query.ComputeUniqueDirectLabels(p) for p in stage.TraverseAll()}
    return {name: [str(label) for label in labels] for name, labels in found.items() if labels}


def test_patterns_label_what_they_match_and_the_stage_stays(scene: Path, capsys: Any) -> None:
    before, out = scene.read_bytes(), scene.parent / "labels.usda"
    code = run(
        [
            "assets",
            "label",
            str(scene),
            "--out",
            str(out),
            "--set",
            "/World/Rack_*=rack",
            "--set",
            "/World/Box=box",
        ]
    )
    assert code == 0
    assert "4 labels on 4 prims" in capsys.readouterr().out
    assert direct(out) == {**{f"/World/Rack_{k}": ["rack"] for k in range(3)}, "/World/Box": ["box"]}
    assert scene.read_bytes() == before
    a, b = opened(scene), opened(out)
    assert [str(p.GetPath()) for p in a.TraverseAll()] == [str(p.GetPath()) for p in b.TraverseAll()]
    for key in (
        "upAxis",
        "metersPerUnit",
        "timeCodesPerSecond",
        "startTimeCode",
        "endTimeCode",
        "defaultPrim",
    ):
        assert a.GetMetadata(key) == b.GetMetadata(key)
    text = out.read_text()
    assert "subLayers = [\n        @./scene.usda@" in text
    assert "def " not in text


def test_double_star_later_rules_and_other_taxonomies(scene: Path) -> None:
    stage = opened(scene)
    rules = [rule_of("/World/**=thing"), rule_of("/World/**/Post=post"), rule_of("/World/Floor=hall", "room")]
    got = {(a.path, a.taxonomy): a.labels[0] for a in assign(stage, rules)}
    assert got["/World", "class"] == got["/World/Rack_1", "class"] == "thing"
    assert got["/World/Rack_1/Post", "class"] == "post"
    assert got["/World/Floor", "room"] == "hall"
    assert ("/World/Looks/Rack_paint", "class") not in got, "a material is nothing to see"
    assert ("/World/Box/Lid", "class") not in got, "a proxy that is caught with others is left out"


@pytest.mark.parametrize(
    ("rule", "part"),
    [
        ("/World/Rak_1=rack", "did you mean '/World/Rack_1'?"),
        ("/World/Box/Lid=lid", "label /World/Box, or /Part/Lid in part.usda"),
        ("World/Box=box", "begins with /"),
        ("/World/Box", "no label is given"),
    ],
)
def test_rules_that_cannot_hold(scene: Path, capsys: Any, rule: str, part: str) -> None:
    out = scene.parent / "labels.usda"
    assert run(["assets", "label", str(scene), "--out", str(out), "--set", rule]) == 2
    error = capsys.readouterr().err
    assert part in error
    assert len(error.strip().splitlines()) == 1
    assert not out.exists()


def test_out_never_overwrites(scene: Path, capsys: Any) -> None:
    rule = ["--set", "/World/Box=box"]
    for name, part in [
        ("scene.usda", "never overwritten"),
        ("part.usda", "never overwritten"),
        ("x.usdc", "not a .usda file"),
        ("none/x.usda", "does not exist"),
    ]:
        before = {p.name: p.read_bytes() for p in scene.parent.iterdir()}
        assert run(["assets", "label", str(scene), "--out", str(scene.parent / name), *rule]) == 2
        assert part in capsys.readouterr().err
        assert {p.name: p.read_bytes() for p in scene.parent.iterdir()} == before
    (scene.parent / "mine.usda").write_text("mine")
    assert run(["assets", "label", str(scene), "--out", str(scene.parent / "mine.usda"), *rule]) == 2
    assert (scene.parent / "mine.usda").read_text() == "mine"
    assert run(["assets", "label", str(scene), "--out", str(scene.parent / "x.usda")]) == 2
    assert "nothing says what to label" in capsys.readouterr().err


def test_a_layer_elsewhere_says_what_it_needs_to_be_opened(scene: Path, capsys: Any) -> None:
    from twinstage.scene.stage import open_stage

    (scene.parent / "else").mkdir()
    out = scene.parent / "else" / "labels.usda"
    assert run(["assets", "label", str(scene), "--out", str(out), "--set", "/World/Box=box"]) == 0
    assert f"with --asset-root {scene.parent}" in capsys.readouterr().out
    assert open_stage(out, [scene.parent], probe=False).stage.GetPrimAtPath("/World/Box/Lid")
    assert not open_stage(out, probe=False).stage.GetPrimAtPath("/World/Box/Lid"), "outside its folder"


def test_a_stage_that_reaches_outside_is_labelled_without_reading_there(scene: Path) -> None:
    """Checking the layer composes it a second time; the layers that were screened are still the ones in use."""
    (scene.parent / "in").mkdir()
    inner = scene.parent / "in" / "scene.usda"
    inner.write_text(
        SCENE.replace('def "Box" (', 'def "Out" (references = @../scene.usda@) {\n}\ndef "Box" (')
    )
    (scene.parent / "in" / "part.usda").write_text(PART.replace("EXTRA", ""))
    out = scene.parent / "in" / "labels.usda"
    assert run(["assets", "label", str(inner), "--out", str(out), "--set", "/World/**=thing"]) == 0
    assert 'over "Rack_1"' in out.read_text()
    assert 'over "Out"' not in out.read_text()


def test_csv(scene: Path, capsys: Any) -> None:
    table, out = scene.parent / "t.csv", scene.parent / "labels.usda"
    table.write_text(
        'path,label,taxonomy\n/World/Rack_*,rack,\n"/World/Floor",floor,\n/World/Floor,concrete,material\n'
    )
    assert run(["assets", "label", str(scene), "--out", str(out), "--csv", str(table), "--json"]) == 0
    assert direct(out)["/World/Floor"] == ["floor"]
    assert direct(out, "material") == {"/World/Floor": ["concrete"]}
    assert '"prims": 4' in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("a,b\n1,2\n", "line 1 has the columns a, b"),
        ("", "line 1 has the columns nothing"),
        ("pattern,label\n/World,x\n/World,\n", "line 3: no label"),
        ("path,label,taxonomy\n/World,x,a b\n", "line 2: 'a b' is no name"),
        ("path,label\n\n/Nope,x\n", "line 3: no prim matches"),
    ],
)
def test_csv_errors_name_file_and_line(scene: Path, text: str, part: str) -> None:
    table = scene.parent / "t.csv"
    table.write_text(text)
    with pytest.raises(UserError, match=part) as caught:
        assign(opened(scene), read_rules(table))
    assert str(table) in str(caught.value)


def test_interactive_over_a_pipe(scene: Path, capsys: Any, monkeypatch: Any) -> None:
    """Groups come by triangles, then name: Floor, Box, Rack*."""
    out = scene.parent / "labels.usda"
    answers = "floor\noops\n:undo\n=\n:what\n:each\nrack\n\n:quit\n"
    monkeypatch.setattr("sys.stdin", io.StringIO(answers))
    assert run(["assets", "label", str(scene), "--out", str(out), "--interactive"]) == 0
    assert direct(out) == {"/World/Floor": ["floor"], "/World/Box": ["box"], "/World/Rack_0": ["rack"]}
    shown = capsys.readouterr()
    assert "3 labels on 3 prims" in shown.out
    assert "/World/Rack_*" in shown.err
    assert ":what is no command" in shown.err


def test_interactive_that_says_nothing_writes_nothing(scene: Path, capsys: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert run(["assets", "label", str(scene), "--out", str(scene.parent / "o.usda"), "--interactive"]) == 0
    assert "nothing was written" in capsys.readouterr().out
    assert not (scene.parent / "o.usda").exists()


def test_what_is_asked_for(scene: Path) -> None:
    rows = unlabelled(read_label_scene(opened(scene), LabelPolicy()))
    assert [(r.name, r.paths, r.shapes, r.triangles) for r in rows] == [
        ("/World/Floor", ("/World/Floor",), 1, 2),
        ("/World/Box", ("/World/Box",), 2, 0),
        ("/World/Rack_*", tuple(f"/World/Rack_{k}" for k in range(3)), 3, 0),
    ]
    assert [r.suggestion for r in rows] == ["floor", "box", "rack"]
    dialogue = Dialogue(rows)
    assert dialogue.answer(":undo") == "there is nothing to undo"
    for text in ("a", "b", "c"):
        dialogue.answer(text)
    assert dialogue.done
    dialogue.answer(":undo")
    dialogue.answer(":skip")
    assert {a.path: a.labels[0] for a in dialogue.assignments()} == {"/World/Floor": "a", "/World/Box": "b"}


def test_upgrade_makes_the_older_labels_usds_own(tmp_path: Path, capsys: Any) -> None:
    body = (
        HEAD
        + f'def Xform "World" {{\n def Cube "A" {{\n{OLD}}}\n def Cube "B" {{\n}}\n'
        + ' def Cube "C" (prepend apiSchemas = ["SemanticsLabelsAPI:class"]) {\n'
        + f'  token[] semantics:labels:class = ["valve"]\n{OLD}}}\n'
        + ' def Cube "D" {\n custom string semantic:S:params:semanticType = "class"\n'
        + '  custom string semantic:S:params:semanticData.timeSamples = { 1: "open", 5: "shut",\n }\n}\n}\n'
    )
    (tmp_path / "s.usda").write_text(body)
    out = tmp_path / "new.usda"
    assert run(["assets", "upgrade-labels", str(tmp_path / "s.usda"), "--out", str(out)]) == 0
    assert "on 3 prims upgraded" in capsys.readouterr().out
    assert (tmp_path / "s.usda").read_text() == body
    assert direct(out) == {"/World/A": ["pump"], "/World/C": ["valve"]}
    assert direct(out, "color") == {"/World/A": ["red"], "/World/C": ["red"]}
    assert direct(out, time=3.0)["/World/D"] == ["open"]
    assert direct(out, time=7.0)["/World/D"] == ["shut"]
    again = tmp_path / "again.usda"
    assert run(["assets", "upgrade-labels", str(out), "--out", str(again)]) == 0
    assert "nothing was written" in capsys.readouterr().out
    assert not again.exists()


def test_upgrade_reaches_classes_but_not_what_a_reference_brings_into_an_instance(tmp_path: Path) -> None:
    from pxr import Usd, UsdSemantics

    classes = HEAD + f'class Xform "_P" {{\n def Cube "C" {{\n{OLD}}}\n}}\n'
    classes += "".join(f'def "I{k}" (instanceable = true\n inherits = </_P>) {{\n}}\n' for k in range(2))
    (tmp_path / "c.usda").write_text(classes)
    upgrade_labels(opened(tmp_path / "c.usda"), tmp_path / "c_new.usda")
    stage = opened(tmp_path / "c_new.usda")
    query = UsdSemantics.LabelsQuery("class", Usd.TimeCode.Default())
    assert query.ComputeUniqueDirectLabels(stage.GetPrimAtPath("/I1/C")) == ["pump"]

    (tmp_path / "part.usda").write_text(PART.replace("EXTRA", OLD))
    (tmp_path / "scene.usda").write_text(SCENE)
    with pytest.raises(DataError, match=r"2 older labels .* upgrade part\.usda as well"):
        upgrade_labels(opened(tmp_path / "scene.usda"), tmp_path / "new.usda")


def test_a_real_stage_is_labelled_and_read_back(shared: Path, tmp_path: Path) -> None:
    from twinstage.scene.read import read_snapshot
    from twinstage.scene.stage import open_stage

    file = shared / "assets/industrial/usd_optimize/factory.usda"
    stage = open_stage(file, [shared / "assets"], probe=False).stage
    write_layer(stage, tmp_path / "l.usda", assign(stage, [rule_of("/World/Dressing/Cube*=crate")]))
    snapshot = read_snapshot(open_stage(tmp_path / "l.usda", [shared / "assets"], probe=False))
    assert sorted(o.prim_path for o in snapshot.objects if o.name == "crate") == sorted(
        str(p.GetPath())
        for p in stage.GetPrimAtPath("/World/Dressing").GetChildren()
        if p.GetName().startswith("Cube")
    )


def test_same_input_same_bytes(scene: Path) -> None:
    rows = [
        Assignment("/World/Rack_1", ("b",)),
        Assignment("/World/Box", ("a",)),
        Assignment("/World/Box", ("c",), "part"),
    ]
    out = scene.parent / "x.usda"
    assert layer_text(opened(scene), out, rows) == layer_text(opened(scene), out, rows[::-1])


parts = st.lists(st.sampled_from(["a", "b", "ab"]), min_size=1, max_size=4)


@given(parts, parts)
def test_double_star_is_any_number_of_names(prefix: list[str], path: list[str]) -> None:
    """Against prefixes of lists, without regular expressions."""
    pattern = "/" + "/".join(prefix) + "/**"
    assert bool(glob_regex(pattern).fullmatch("/" + "/".join(path))) == (path[: len(prefix)] == prefix)
    pattern = "/**/" + prefix[-1]
    assert bool(glob_regex(pattern).fullmatch("/" + "/".join(path))) == (path[-1] == prefix[-1])
