"""Asset records: read from CSV and JSON, put into a tree, joined to prims and signals; mistakes in one sentence."""

import json
from pathlib import Path

import pytest
from pxr import Usd, UsdGeom

from twinstage.base.errors import UserError
from twinstage.cli.app import run
from twinstage.telemetry.asset_records import Assets, join_assets, load_assets, parse_assets
from twinstage.telemetry.asset_spec import AssetsSpec
from twinstage.telemetry.contract import parse_contract

CONTRACT = """
contract: 1
assets: {file: assets.csv, id: AssetNo, parent: Parent, prim: Prim, signals: Tags, delimiter: ";"}
sources:
  s: {uri: "tcp:9000", reader: {format: csv, time: {column: t, unit: s}}}
signals:
  - {id: P-101.flow, source: s, field: a}
  - {id: P-101.hot, source: s, field: b}
  - {id: TI7, source: s, field: c, unit: Cel}
"""
CSV = """AssetNo;Parent;Prim;Tags;Serial;Maker
P-101;L1;;TI7;00420;"Pump; Co"
L1;;/World/Line;;;
M-101;P-101;;;SN9;
M-102;P-101;;;;
"""
SPEC = AssetsSpec(
    file="assets.csv", id="AssetNo", parent="Parent", prim="Prim", signals="Tags", delimiter=";"
)


def parsed(text: str = CSV, spec: AssetsSpec = SPEC, **more: bool) -> Assets:
    return parse_assets(text, spec, where="assets", is_json=more.get("is_json", False))


def test_records_come_parents_first_with_all_that_they_say() -> None:
    assets = parsed()
    assert list(assets.by_id) == ["L1", "P-101", "M-101", "M-102"]
    assert assets.path("M-102") == ["L1", "P-101", "M-102"]
    pump = assets.by_id["P-101"]
    assert (pump.parent, pump.prim, pump.signals, pump.line) == ("L1", "", ("TI7",), 2)
    assert pump.fields == {
        "Serial": "00420",
        "Maker": "Pump; Co",
    }  # text stays text: zeros in front are part of it


def test_json_as_a_list_or_by_id_gives_the_same() -> None:
    spec = AssetsSpec(file="a.json")
    rows = [{"id": "a", "kw": 5.5, "tags": ["x", "y"], "on": True}, {"id": 7, "parent": "a", "none": None}]
    by_id = {"a": {"kw": 5.5, "tags": ["x", "y"], "on": True}, "7": {"parent": "a", "none": None}}
    one, other = (parsed(json.dumps(data), spec, is_json=True) for data in (rows, by_id))
    assert one == other
    assert one.by_id["a"].fields == {"kw": "5.5", "tags": "x y", "on": "true"}
    assert one.path("7") == ["a", "7"]


def test_prims_are_joined_by_path_then_by_what_they_declare_then_by_name() -> None:
    prims = {"/World": "", "/World/Line": "", "/World/Line/Pump": "P-101", "/World/M-101": "", "/a/M-102": "", "/b/M-102": "",
             "/World/Odd": "P-102"}  # fmt: skip
    joined = join_assets(parsed(), parse_contract(CONTRACT), prims)
    assert joined.asset_of == {"/World/Line": "L1", "/World/Line/Pump": "P-101", "/World/M-101": "M-101"}
    assert joined.signals_of["P-101"] == ["P-101.flow", "P-101.hot", "TI7"]
    assert joined.signals_of["L1"] == []
    assert [(f.code, f.message) for f in joined.findings] == [
        ("assets.several-prims", "asset 'M-102' could be any of 2 prims of that name; give its prim"),
        ("assets.no-record",
         "prim /World/Odd says that it is the asset 'P-102', which has no record; did you mean 'P-101'?"),
    ]  # fmt: skip


def test_a_path_that_is_not_there_a_prim_taken_twice_and_an_unknown_signal_are_findings() -> None:
    text = "AssetNo;Parent;Prim;Tags\nA;;/W/x;\nB;;/W/x;\nC;;/W/y;TI8\n"
    joined = join_assets(parsed(text), parse_contract(CONTRACT), {"/W/x": ""})
    assert joined.asset_of == {"/W/x": "A"}
    assert [f.code for f in joined.findings] == ["assets.no-signal", "assets.prim-twice", "assets.no-prim"]
    assert "did you mean '/W/x'?" in joined.findings[2].message
    assert "did you mean 'TI7'?" in joined.findings[0].message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Number;Parent\n1;\n", "assets:1: there is no column 'AssetNo' with ids"),
        ("AssetNo;Parent\na;\na;\n", "assets:3: the asset 'a' is in line 2 already"),
        (
            "AssetNo;Parent\na;pump1\npump;\n",
            "assets:2: asset 'a' is part of 'pump1', which has no record; did you mean 'pump'",
        ),
        ("AssetNo;Parent\na;b\nb;a\n", "assets:2: asset 'a' is part of itself, by way of 'b'"),
        ("AssetNo;Parent\n;x\n", "assets:2: the record has no 'AssetNo'"),
        ("AssetNo;Parent\na;b;c\n", "assets:2: 3 columns; 2 were expected"),
        ('AssetNo;Parent\n"a"x;b\n', "this is no CSV row"),
    ],
)
def test_mistakes_in_a_table_are_one_sentence(text: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        parsed(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "this is not JSON"),
        ("3", "a list of objects was expected"),
        ("[3]", "record 1 is '3'; an object was expected"),
    ],
)
def test_mistakes_in_json_are_one_sentence(text: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        parsed(text, is_json=True)


def test_a_file_stays_inside_of_the_contract_s_folder(tmp_path: Path) -> None:
    (tmp_path / "outside.csv").write_text("id\na\n")
    (tmp_path / "in").mkdir()
    with pytest.raises(UserError, match=r"'../outside.csv' leads out of the contract's folder"):
        load_assets(AssetsSpec(file="../outside.csv"), tmp_path / "in")
    with pytest.raises(UserError, match="there is no file of assets"):
        load_assets(AssetsSpec(file="none.csv"), tmp_path / "in")


def test_the_command_prints_the_tree_with_prims_of_a_real_stage(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stage = Usd.Stage.CreateNew(str(tmp_path / "cell.usda"))
    UsdGeom.SetStageMetersPerUnit(stage, 1.0)
    UsdGeom.Xform.Define(stage, "/World/Line")
    UsdGeom.Cube.Define(stage, "/World/Line/Pump").GetPrim().SetCustomDataByKey("assetId", "P-101")
    stage.Save()
    (tmp_path / "contract.yaml").write_text(CONTRACT)
    (tmp_path / "assets.csv").write_text(CSV)
    command = ["telemetry", "assets", str(tmp_path / "contract.yaml"), "--stage", str(tmp_path / "cell.usda")]
    assert run(command) == 0
    assert capsys.readouterr().out.splitlines() == [
        "L1  /World/Line",
        "  P-101  Serial=00420, Maker=Pump; Co, /World/Line/Pump, 3 signals",
        "    M-101  Serial=SN9",
        "    M-102",
    ]
    assert run([*command, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [row["prim"] for row in told["assets"]] == ["/World/Line", "/World/Line/Pump", "", ""]
    assert run(command[:3]) == 0  # without a stage there are no prims to miss
    capsys.readouterr()
    (tmp_path / "assets.csv").write_text(CSV.replace("/World/Line", "/World/Lin"))
    assert run(command) == 1
    assert "note: asset 'L1' names the prim /World/Lin, which is not in the stage" in capsys.readouterr().out
