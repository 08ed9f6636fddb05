"""Coverage of labels: pixels against areas of squares before a flat camera, rules that label what was named, exit codes."""

import json
import re
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from twinstage.assets.coverage.standing import State, standing
from twinstage.cli.app import run
from twinstage.scene.labels import LabelPolicy

HEAD = '#usda 1.0\n(\n    defaultPrim = "W"\n    metersPerUnit = 1\n    upAxis = "Z"\n)\n'
CAMERA = """
    def Camera "Top"
    {
        token projection = "orthographic"
        float horizontalAperture = 80
        float verticalAperture = 40
        float2 clippingRange = (0.1, 100)
        double3 xformOp:translate = (4, 2, 10)
        uniform token[] xformOpOrder = ["xformOp:translate"]
    }
"""
SIZE = "80x40"
"""10 pixels a metre over 8 x 4 m, so that a cube of 1 m is 100 pixels."""


def prim(kind: str, name: str, x: float, y: float, labels: str = "", more: str = "", meta: str = "") -> str:
    """A prim at a place; `labels`: `class: a, b; color: red`."""
    sets = [part.split(":") for part in labels.split(";") if part]
    apis = ", ".join(f'"SemanticsLabelsAPI:{taxonomy.strip()}"' for taxonomy, _ in sets)
    head = f"({meta} {f'prepend apiSchemas = [{apis}]' if apis else ''})" if apis or meta else ""
    said = "".join(
        f"token[] semantics:labels:{t.strip()} = [{', '.join(json.dumps(n.strip()) for n in names.split(','))}]\n"
        for t, names in sets
    )
    size = "double size = 1\n" if kind == "Cube" else ""
    place = (
        f'double3 xformOp:translate = ({x}, {y}, 0)\nuniform token[] xformOpOrder = ["xformOp:translate"]\n'
    )
    return f'def {kind} "{name}" {head}\n{{\n{size}{said}{place}{more}\n}}\n'


def write(folder: Path, *prims: str, name: str = "scene.usda") -> Path:
    path = folder / name
    path.write_text(HEAD + 'def Xform "W"\n{\n' + CAMERA + "".join(prims) + "}\n")
    return path


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str]) -> Any:
    """`told(stage, *flags)`: the exit code and what it says as JSON."""

    def ask(stage: Path, *flags: str) -> tuple[int, dict[str, Any]]:
        code = run(["assets", "coverage", str(stage), "--size", SIZE, "--json", *flags])
        return code, json.loads(capsys.readouterr().out)

    return ask


def mixed(folder: Path) -> Path:
    return write(
        folder,
        prim("Cube", "Rack", 1, 1, "class: rack"),
        prim("Cube", "Bin_1", 3, 1),
        prim("Cube", "Bin_2", 5, 1),
        prim("Cube", "Both", 7, 1, "class: valve, pump"),
        prim("Cube", "Colour", 1, 3, "color: red"),
        prim("Cube", "Away", 90, 1, "class: ghost"),
    )


def test_pixels_are_the_areas_and_alike_prims_go_together(tmp_path: Path, told: Any) -> None:
    code, out = told(mixed(tmp_path))
    assert code == 0
    assert out["total"] == {
        **{"pixels": 3200, "visible": 500, "unlabelled": 300, "ambiguous": 100},
        **{"unlabelled_share": 0.6, "ambiguous_share": 0.2},
    }
    assert [(row["prims"], row["pixels"], row["paths"], row["rules"]) for row in out["unlabelled"]] == [
        ("/W/Bin_*", 200, ["/W/Bin_1", "/W/Bin_2"], ["/W/Bin_*=bin"]),
        ("/W/Colour", 100, ["/W/Colour"], ["/W/Colour=colour"]),
    ]
    assert out["ambiguous"] == [
        {
            **{"path": "/W/Both", "pixels": 100, "share": 0.2, "views": 1},
            **{"labels": ["valve", "pump"], "inherited": False},
        }
    ]
    assert out["never_visible"] == ["ghost"]
    assert out["classes"][0] == {"class": "rack", "objects": 1, "pixels": 100, "views": 1}
    assert out["views"][0]["camera"] == "/W/Top" and out["views"][0]["visible"] == 500


def test_another_taxonomy_has_its_own_answer(tmp_path: Path, told: Any) -> None:
    stage = mixed(tmp_path)
    out = told(stage, "--taxonomy", "color")[1]
    assert out["total"]["unlabelled"] == 400 and out["total"]["ambiguous"] == 0
    assert {row["class"]: row["pixels"] for row in out["classes"]} == {"red": 100}
    assert out["unlabelled"][0]["command"].endswith("--taxonomy color --set '/W/Bin_*=bin'")


def test_the_command_that_is_told_labels_what_it_names(tmp_path: Path, told: Any) -> None:
    stage = mixed(tmp_path)
    rules = [rule for row in told(stage)[1]["unlabelled"] for rule in row["rules"]]
    layer = tmp_path / "labels.usda"
    sets = [part for rule in rules for part in ("--set", rule)]
    assert run(["assets", "label", str(stage), "--out", str(layer), *sets]) == 0
    from twinstage.render.api import open as open_scene

    named = {o.prim_path: o.name for o in open_scene(layer).snapshot.objects}
    assert named["/W/Bin_2"] == "bin" and named["/W/Rack"] == "rack"


def test_a_glob_that_would_label_others_is_not_proposed(tmp_path: Path, told: Any) -> None:
    stage = write(
        tmp_path,
        prim("Cube", "Bin_1", 1, 1),
        prim("Cube", "Bin_2", 3, 1),
        prim("Cube", "Bin_3", 5, 1, "class: tote"),
    )
    assert told(stage)[1]["unlabelled"][0]["rules"] == ["/W/Bin_1=bin", "/W/Bin_2=bin"]


def test_the_map_decides_and_names_labels_that_it_does_not_know(tmp_path: Path, told: Any) -> None:
    (tmp_path / "map.yaml").write_text("valve: [valve]\nrack: []\nrobot: [arm]\n")
    out = told(mixed(tmp_path), "--labels", str(tmp_path / "map.yaml"))[1]
    assert out["total"]["ambiguous"] == 0  # pump is no class of the map, so valve alone decides
    assert out["total"]["unlabelled"] == 300
    assert {row["class"]: row["pixels"] for row in out["classes"]} == {"rack": 100, "valve": 100, "robot": 0}
    assert out["never_visible"] == ["robot"]


def test_what_lies_in_instances_and_points_is_labelled_where_it_can_be(tmp_path: Path, told: Any) -> None:
    (tmp_path / "part.usda").write_text(
        '#usda 1.0\n(defaultPrim = "P")\ndef Xform "P"\n{\ndef Cube "Lid"\n{\ndouble size = 1\n}\n}\n'
    )
    points = (
        "int[] protoIndices = [0, 0]\npoint3f[] positions = [(3, 1, 0), (5, 1, 0)]\nrel prototypes = </W/Many/Protos/Box>\n"
        'def Scope "Protos"\n{\ndef Cube "Box"\n{\ndouble size = 1\n}\n}\n'
    )
    stage = write(
        tmp_path,
        prim("Xform", "Part", 1, 1, meta="instanceable = true\nreferences = @./part.usda@\n"),
        f'def PointInstancer "Many"\n{{\n{points}}}\n',
        prim(
            "Xform",
            "Group",
            0,
            0,
            "class: a, b",
            more=prim("Cube", "Below", 7, 1, meta='kind = "component"\n'),
        ),
        prim("Xform", "Robot", 0, 0, "class: robot", more=prim("Cube", "Tool", 7, 3, "class: gripper")),
    )
    out = told(stage)[1]
    assert [(row["prims"], row["pixels"]) for row in out["unlabelled"]] == [
        ("/W/Many", 200),
        ("/W/Part", 100),
    ]
    assert [(row["path"], row["inherited"]) for row in out["ambiguous"]] == [("/W/Group/Below", True)]
    assert out["nested"] == [
        {"class": "gripper", "also": ["robot"], "objects": 1, "first": "/W/Robot/Tool", "pixels": 100}
    ]


def test_pictures_mark_each_pixel_and_are_the_same_each_time(tmp_path: Path, told: Any) -> None:
    stage = mixed(tmp_path)
    told(stage, "--out", str(tmp_path / "a"))
    told(stage, "--out", str(tmp_path / "b"))
    assert (tmp_path / "a/Top.png").read_bytes() == (tmp_path / "b/Top.png").read_bytes()
    assert (tmp_path / "a/coverage.json").read_bytes() == (tmp_path / "b/coverage.json").read_bytes()
    pixels = np.asarray(Image.open(tmp_path / "a/Top.png").convert("RGB"))[:40]
    count = {
        name: int((pixels == color).all(-1).sum())
        for name, color in {
            "unlabelled": (255, 45, 155),
            "ambiguous": (255, 157, 0),
            "background": (24, 27, 31),
        }.items()
    }
    assert count == {"unlabelled": 300, "ambiguous": 100, "background": 2700}
    assert tuple(pixels[30, 30]) == (255, 45, 155)  # the middle of Bin_1
    rack = pixels[30, 10].astype(int)
    assert rack.max() - rack.min() < 90  # a quiet tone


@pytest.mark.parametrize(("most", "code"), [("59.9", 1), ("60", 0), ("100", 0)])
def test_more_than_allowed_is_exit_1(tmp_path: Path, told: Any, most: str, code: int) -> None:
    assert told(mixed(tmp_path), "--max-unlabelled", most)[0] == code


def test_so_is_more_of_an_ambiguous_class(tmp_path: Path, told: Any) -> None:
    assert told(mixed(tmp_path), "--max-ambiguous", "19")[0] == 1
    assert told(mixed(tmp_path), "--max-ambiguous", "20")[0] == 0


def test_all_views_count_together(tmp_path: Path, told: Any) -> None:
    out = told(mixed(tmp_path), "--views", "3")[1]
    assert [view["name"] for view in out["views"]] == ["round_0", "round_1", "round_2"]
    for name in ("visible", "unlabelled", "ambiguous"):
        assert out["total"][name] == sum(view[name] for view in out["views"])


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--camera", "Topp"], "no camera named 'Topp'"),
        (["--camera", "Top", "--views", "3"], "--camera and --views are two ways to look"),
        (["--taxonomy", "colour"], "has a label of taxonomy 'colour'; did you mean 'color'?"),
        (["--out", "FILE"], "is a file; a folder was expected"),
        (["--size", "big"], "--size is 'big'"),
    ],
)
def test_mistakes_are_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], flags: list[str], sentence: str
) -> None:
    (tmp_path / "file").write_text("")
    flags = [str(tmp_path / "file") if flag == "FILE" else flag for flag in flags]
    assert run(["assets", "coverage", str(mixed(tmp_path)), *flags]) == 2
    assert sentence in capsys.readouterr().err


def test_the_text_for_people(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["assets", "coverage", str(mixed(tmp_path)), "--size", SIZE]) == 0
    out = capsys.readouterr().out
    assert (
        "60.0 % has no label of taxonomy 'class' and 20.0 % an ambiguous class (1 view of 80 x 40 pixels)"
        in out
    )
    assert "40.0 %  /W/Bin_* (2 prims)" in out and "--set '/W/Bin_*=bin'" in out
    assert "/W/Both: valve and pump" in out and "never seen: ghost" in out


def test_which_level_decides() -> None:
    levels = ((("class", ("gripper",)), ("color", ("red", "blue"))), (("class", ("robot", "arm")),))
    free = LabelPolicy()
    assert standing(levels, 3, "class", free).also == ("robot", "arm")
    assert standing(levels, 3, "color", free).state == State.AMBIGUOUS
    assert standing(levels[1:], 0, "class", free).inherited
    mapped = LabelPolicy.of({"robot": ["robot"], "arm": ["arm"]})
    assert standing(levels, 3, "class", mapped).rivals == ("robot", "arm")
    assert standing(levels, 3, "class", mapped).inherited
    assert standing((), 0, "class", free).state == State.UNLABELLED
    assert standing(levels[:1], 3, "class", mapped).unknown == ("gripper",)


def test_the_commands_of_the_page(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (root / "docs/labels.md").read_text("utf-8")
    block = re.search(r"## How much of what is seen has a class\n```\n(.*?)```", text, re.S)
    assert block
    cell = write(tmp_path, prim("Cube", "Rack", 1, 1, "class: rack"), name="cell.usda")
    cell.write_text(cell.read_text().replace('Camera "Top"', 'Camera "Overview"'))
    monkeypatch.chdir(tmp_path)
    commands = [line.split("#")[0] for line in block[1].splitlines()]
    assert len(commands) == 3
    for command in commands:
        assert run([*shlex.split(command)[1:], "--size", SIZE]) == 0, capsys.readouterr().err
    assert {path.name for path in (tmp_path / "seen").iterdir()} == {"Overview.png", "coverage.json"}


def test_viewers_get_labels_by_taxonomy_and_what_is_inside_instances(tmp_path: Path) -> None:
    from twinstage.scene.read import read_snapshot
    from twinstage.scene.stage import open_stage
    from twinstage.sync.hub import Hub
    from twinstage.sync.relay.join import join_documents
    from twinstage.sync.scene_json import scene_document

    (tmp_path / "part.usda").write_text(
        '#usda 1.0\n(defaultPrim = "P")\ndef Xform "P"\n{\ndef Cube "Lid"\n{\ndouble size = 1\n}\n}\n'
    )
    stage = write(
        tmp_path,
        prim("Xform", "Part", 1, 1, meta="instanceable = true\nreferences = @./part.usda@\n"),
        prim(
            "Xform",
            "Robot",
            0,
            0,
            "class: robot; color: red, blue",
            more=prim("Cube", "Tool", 7, 3, "class: gripper"),
        ),
    )
    document = scene_document(Hub(read_snapshot(open_stage(stage)), epoch="e").scene)
    levels = {item["path"]: [dict(one) for one in item["levels"]] for item in document["objects"]}
    assert levels["/W/Robot/Tool"] == [
        {"class": ("gripper",)},
        {"class": ("robot",), "color": ("red", "blue")},
    ]
    nodes = document["nodes"]
    assert [path for path, proxy in zip(nodes["path"], nodes["proxy"], strict=True) if proxy] == [
        "/W/Part/Lid"
    ]
    # A part of a relay whose server is of an older version says nothing of proxies.
    del nodes["proxy"]
    whole, _ = join_documents({"/Line": document}, epoch="e", revision=0)
    assert whole["nodes"]["proxy"] == [False] * whole["nodes"]["count"]
