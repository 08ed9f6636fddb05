"""Many files: each once, what they share is told once, outputs for people, programs and code hosts."""

import json
from pathlib import Path

import jsonschema
import pytest
from typer.testing import CliRunner

from twinstage.assets.check import Asked, Checked, check_file
from twinstage.assets.check_folder import check_all, chosen, usd_files
from twinstage.assets.check_sarif import sarif
from twinstage.assets.check_text import report
from twinstage.base.errors import UserError
from twinstage.base.finding import Finding
from twinstage.cli.app import app

HEAD = '#usda 1.0\n(\n    defaultPrim = "A"\n    upAxis = "Z"\n    metersPerUnit = 1\n    MORE\n)\n'
BAD = (
    "int[] faceVertexCounts = [3]\n int[] faceVertexIndices = [0, 1, 7]\n"
    " point3f[] points = [(0, 0, 0), (1, 0, 0), (0, 1, 0)]\n float3[] extent = [(0,0,0),(1,1,0)]\n"
)


def write(path: Path, body: str, more: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(HEAD.replace("MORE", more) + body)
    return path


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """Two scenes that refer to one part with a fault, one of them with a sublayer that has another."""
    folder = tmp_path / "lib"
    write(folder / "parts/bolt.usda", f'def Xform "A" {{\n def Mesh "M" {{\n {BAD} }}\n}}\n')
    for name, more in (("one", ""), ("two", "subLayers = [@layer.usda@]")):
        body = 'def Xform "A" {\n def "Bolt" (references = @parts/bolt.usda@) {\n }\n}\n'
        write(folder / f"{name}.usda", body, more)
    (folder / "layer.usda").write_text(
        '#usda 1.0\nover "A" {\n def Xform "X" {\n uniform token[] xformOpOrder = ["xformOp:scale"]\n }\n}\n'
    )
    (folder / ".hidden").mkdir()
    write(folder / ".hidden/x.usda", 'def Xform "A" {\n}\n')
    return folder


def rows(results: list[Checked]) -> set[tuple[str, str, str]]:
    return {(Path(c.file).name, f.code, f.path) for c in results for f in c.findings if f.severity == "error"}


def test_a_defect_of_ours_loses_nothing_of_the_others(library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("twinstage.assets.check.TASK", "math:gamma")  # a task that fails at what it is given
    (finding,) = check_file(library / "one.usda", Asked()).findings
    assert (finding.code, finding.severity) == ("stage.crash", "error")
    assert "the check of it broke off, which is a defect of Twinstage: TypeError" in finding.message


def test_a_fault_is_told_of_the_file_that_has_it(library: Path) -> None:
    files = usd_files([library, library / "one.usda"])
    assert sorted(f.name for f in files) == ["bolt.usda", "layer.usda", "one.usda", "two.usda"]
    results = check_all(files, Asked((str(library),)), 2)
    assert rows(results) == {
        ("bolt.usda", "mesh.index-range", "/A/M"),
        ("two.usda", "xform.missing-op", "/A/X"),
    }
    (layer,) = [c for c in results if c.file.endswith("layer.usda")]
    assert layer.findings == (), "a sublayer is no scene: it needs no units and no default prim"
    alone = check_all([library / "one.usda"], Asked((str(library),)))
    assert rows(alone) == {("one.usda", "mesh.index-range", "/A/Bolt/M")}, (
        "alone, it is told where it is seen"
    )
    assert alone[0].origins[0] == (str(library / "parts/bolt.usda"), "/A/M.faceVertexIndices")


def test_a_broken_file_among_others(library: Path) -> None:
    (library / "broken.usda").write_text("#usda 1.0\ndef Xform {\n")
    found = rows(check_all(usd_files([library]), Asked((str(library),)), 2))
    assert ("broken.usda", "stage.unreadable", "") in found
    assert ("bolt.usda", "mesh.index-range", "/A/M") in found


def test_choice_by_rule_area_and_requirement(library: Path) -> None:
    results = check_all([library / "parts/bolt.usda"], Asked())
    every = {f.code for f in chosen(results, [], [])[0].findings}
    assert {f.code for f in chosen(results, ["VG.014"], [])[0].findings} == {"mesh.index-range"}
    assert {f.code for f in chosen(results, ["mesh"], [])[0].findings} == {"mesh.index-range"}
    assert {f.code for f in chosen(results, [], ["vg.014"])[0].findings} == every - {"mesh.index-range"}


def test_folders_without_usd_files_are_the_users_mistake(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no USD file"):
        usd_files([tmp_path])


def test_sarif_is_valid_and_says_it_all(library: Path) -> None:
    schema = json.loads((Path(__file__).parent / "sarif-2.1.0-rtm.5.json").read_text())
    results = check_all(usd_files([library]), Asked((str(library),)), 2)
    log = sarif(results, library, "0.1")
    jsonschema.Draft4Validator(schema).validate(log)
    (run,) = log["runs"]
    assert len(run["results"]) == sum(len(c.findings) for c in results)
    (bad,) = [r for r in run["results"] if r["ruleId"] == "mesh.index-range"]
    assert bad["level"] == "error"
    assert bad["locations"][0]["physicalLocation"]["artifactLocation"] == {
        "uri": "parts/bolt.usda",
        "uriBaseId": "SRCROOT",
    }
    assert run["tool"]["driver"]["rules"][bad["ruleIndex"]]["properties"]["requirement"] == "VG.014"
    log["runs"][0]["results"][0]["level"] = "dreadful"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft4Validator(schema).validate(log)


def test_text_is_grouped_and_counted() -> None:
    many = [
        Finding("mesh.unused-points", "warning", f"/W/M{k}", "2 of 8 points belong to no face", "x")
        for k in range(213)
    ]
    one = Finding(
        "stage.units", "error", "", "metersPerUnit is 0; a number greater than 0 was expected", "author it"
    )
    checked = Checked(
        "/d/s.usda", (*many, one), tuple(("/d/s.usda", f.path) for f in (*many, one)), prims=9, triangles=1
    )
    text = "\n".join(report([checked], "/d"))
    assert "/W/M0: 2 of 8 points belong to no face (and 212 more places)" in text
    assert text.count("mesh.unused-points") == 1
    assert text.index("stage.units") < text.index("mesh.unused-points"), "errors come first"
    assert text.endswith("s.usda: 1 error, 213 warnings, 0 notes (9 prims, 1 triangle, 0.0 MB of textures)")


def run(*arguments: object) -> tuple[int, str]:
    done = CliRunner().invoke(app, [str(a) for a in arguments], catch_exceptions=True)
    return done.exit_code, done.stdout


def test_the_command_end_to_end(library: Path, tmp_path: Path) -> None:
    code, out = run("assets", "check", library, "--json", "--sarif", tmp_path / "f.sarif", "--workers", 2)
    assert code == 1
    files = {Path(row["file"]).name: row for row in json.loads(out)["files"]}
    (bad,) = [f for f in files["bolt.usda"]["findings"] if f["severity"] == "error"]
    assert bad["requirement"] == "VG.014"
    assert bad["mend"]["path"] == "/A/M.faceVertexIndices"
    assert json.loads((tmp_path / "f.sarif").read_text())["version"] == "2.1.0"
    assert run("assets", "check", library, "--sarif", tmp_path / "f.sarif")[0] == 1, (
        "the findings of before give way"
    )
    scene = (library / "one.usda").read_bytes()
    done = CliRunner().invoke(app, ["assets", "check", str(library), "--sarif", str(library / "one.usda")])
    assert isinstance(done.exception, UserError) and "one.usda holds something else" in str(done.exception)
    assert (library / "one.usda").read_bytes() == scene
    assert run("assets", "check", library, "--ignore", "VG.014", "--ignore", "xform")[0] == 0
    code, out = run("assets", "check", "--list-rules")
    assert code == 0
    assert "mesh.index-range" in out


def test_a_budget_names_who_uses_it_up(library: Path) -> None:
    from PIL import Image

    Image.new("RGB", (512, 256)).save(library / "wood.png")
    shader = (
        'def Shader "S" {\n uniform token info:id = "UsdUVTexture"\n asset inputs:file = @./wood.png@\n }\n'
    )
    body = f'def Xform "A" {{\n def Cube "Small" {{\n }}\n def Sphere "Big" {{\n }}\n def Material "M" {{\n {shader} }}\n}}\n'
    file = write(library / "rich.usda", body)
    (checked,) = check_all([file], Asked(triangles=100, texture_mb=0.1))
    found = {f.code: f for f in checked.findings if f.severity == "error"}
    assert (
        f"{checked.triangles:,} triangles are drawn, the budget is 100" in found["budget.triangles"].message
    )
    first = next(f for f in checked.findings if f.code == "budget.triangles" and f.severity == "info")
    assert first.path == "/A/Big", "the greatest first"
    assert checked.texture_bytes == 512 * 256 * 4 * 4 // 3
    assert any(
        f.path == "/A/M/S" and "wood.png" in f.message
        for f in checked.findings
        if f.code == "budget.textures"
    )
    (within,) = check_all([file], Asked(triangles=10**6, texture_mb=10))
    assert not [f for f in within.findings if f.code.startswith("budget")]


def test_the_commands_of_the_page_run(root: Path, library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(library.parent)
    library.rename("library")
    Path("textures").mkdir()
    write(Path("robot.usda"), 'def Xform "A" {\n def Sphere "S" {\n }\n}\n')
    page = (root / "docs" / "findings.md").read_text("utf-8")
    commands = [
        line.split("#")[0].split()[1:]
        for line in page.splitlines()
        if line.startswith("    twinstage assets check")
    ]
    assert len(commands) >= 8
    for command in commands:
        done = CliRunner().invoke(app, [*command, *(["--workers", "2"] if "library/" in command else [])])
        assert done.exit_code == ("library/" in command), (command, done.output)
    assert json.loads(Path("out.sarif").read_text())["runs"]


def test_a_circle_of_layers_is_told_once_and_alike_in_every_run(tmp_path: Path) -> None:
    for one, other in (("a", "b"), ("b", "a")):
        write(
            tmp_path / f"{one}.usda",
            f'def Xform "A" (references = @{other}.usda@) {{\n}}\n',
            f"subLayers = [@{other}.usda@]",
        )
    found = [check_file(tmp_path / "a.usda", Asked()).findings for _ in range(2)]
    assert found[0] == found[1] and "usd.diagnostic" not in {f.code for f in found[0]}
    circles = [f.message for f in found[0] if f.code == "arc.cycle"]
    assert len(circles) == 3 and not any("anon:" in message for message in circles)
