"""The catalogue: what it reads off files, what belongs together, and how it is searched."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from twinstage.assets.catalogue import remembered
from twinstage.assets.catalogue.entry import Entry, entry_of
from twinstage.assets.catalogue.facets import facets
from twinstage.assets.catalogue.query import find, parse
from twinstage.assets.catalogue.scan import Catalogue, scan
from twinstage.assets.check import Asked, check_file
from twinstage.assets.library import bundled
from twinstage.base.errors import UserError
from twinstage.cli.app import app

CUBE = """
    def Mesh "Body" {
        float3[] extent = [(0, 0, 0), (1, 2, 3)]
        int[] faceVertexCounts = [3, 4]
        int[] faceVertexIndices = [0, 1, 2, 0, 1, 2, 3]
        point3f[] points = [(0, 0, 0), (1, 0, 0), (1, 2, 0), (0, 2, 3)]
    }
"""


def usda(body: str, kind: str = "", meta: str = "", head: str = 'metersPerUnit = 0.01\nupAxis = "Z"') -> str:
    kind = f'kind = "{kind}"' if kind else ""
    return f'#usda 1.0\n(\ndefaultPrim = "A"\n{head}\n)\ndef Xform "A" (\n{kind}\n{meta}\n) {{\n{body}\n}}\n'


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """A pump of two files, a plant that uses it twice, a copy of the pump, looks alone, and a file that is no USD."""
    root = tmp_path / "shop"
    pump = root / "pump"
    (pump / "payload").mkdir(parents=True)
    (pump / "payload" / "geometry.usda").write_text(usda(CUBE))
    info = (
        'assetInfo = {\nstring name = "Big pump"\nstring[] tags = ["fluid", "rotating"]\n}\n'
        "prepend payload = @./payload/geometry.usda@"
    )
    labels = 'token[] semantics:labels:class = ["pump"]'
    (pump / "pump.usda").write_text(
        usda(labels, "component", f'{info}\nprepend apiSchemas = ["SemanticsLabelsAPI:class"]')
    )
    (pump / "LICENSE").write_text("MIT License\n\nPermission is hereby granted ...")
    two = "\n".join(f'def "P{k}" ( prepend references = @./pump/pump.usda@ ) {{}}' for k in (1, 2))
    (root / "plant.usda").write_text(usda(two, "assembly"))
    (root / "looks.usda").write_text(usda('def Material "M" {}'))
    (root / "broken.usda").write_text("#usda 1.0\ndef Xform {")
    shutil.copytree(pump, root / "copy")
    return root


def test_what_a_file_says_of_itself(library: Path) -> None:
    by_id = {entry.id: entry for entry in scan([library])}
    pump = by_id["pump/pump.usda"]
    assert pump.title == "Big pump" and pump.tags == ("fluid", "rotating") and pump.labels == ("pump",)
    assert pump.kind == "component" and pump.license == "MIT" and pump.library == "shop"
    assert pump.triangles == 3 and pump.size == (0.01, 0.02, 0.03) and pump.meters_per_unit == 0.01
    assert pump.files == ("pump/pump.usda", "pump/payload/geometry.usda")
    assert pump.bytes == sum((library / name).stat().st_size for name in pump.files)
    assert by_id["plant.usda"].triangles == 6 and by_id["plant.usda"].license == ""


def test_parts_looks_and_what_uses_what(library: Path) -> None:
    entries = scan([library])
    assert [entry.id for entry in entries] == [
        "broken.usda",
        "copy/pump.usda",
        "plant.usda",
        "pump/pump.usda",
    ]
    by_id = {entry.id: entry for entry in entries}
    assert by_id["pump/pump.usda"].used_by == ("shop/plant.usda",) and by_id["plant.usda"].used_by == ()
    assert by_id["pump/pump.usda"].digest == by_id["copy/pump.usda"].digest != by_id["plant.usda"].digest
    assert "cannot be read" in by_id["broken.usda"].problem and str(library) in by_id["broken.usda"].problem


def test_only_what_changed_is_read_again_and_the_answer_is_the_same(library: Path, tmp_path: Path) -> None:
    kept, read = tmp_path / "kept" / "index.json", []
    first = scan([library], remember=kept, workers=2, tell=lambda done, of: read.append(of))
    assert read and scan([library]) == first
    read.clear()
    assert scan([library], remember=kept, tell=lambda done, of: read.append(of)) == first and read == []
    geometry = library / "pump" / "payload" / "geometry.usda"
    geometry.write_text(geometry.read_text().replace("2, 3)", "2, 7)"))
    again = {e.id: e for e in scan([library], remember=kept, tell=lambda done, of: read.append(of))}
    assert set(read) == {3}  # the part, the pump over it and the plant
    assert again["pump/pump.usda"].size[2] == 0.07 and again["copy/pump.usda"].size[2] == 0.03
    assert again["pump/pump.usda"].digest != again["copy/pump.usda"].digest
    rows = json.loads(kept.read_text())
    rows["files"] = {
        path: {"stamps": row["stamps"], "facts": {"a": 1}} for path, row in rows["files"].items()
    }
    kept.write_text(json.dumps(rows))
    assert {e.id: e for e in scan([library], remember=kept)} == again


@pytest.mark.parametrize("text", ["{ half", "#usda 1.0", '{"files": 3}', "[1]"])
def test_a_file_that_is_something_else_is_not_lost(library: Path, tmp_path: Path, text: str) -> None:
    other = tmp_path / "robot.usda"
    other.write_text(text)
    with pytest.raises(UserError, match="holds something else"):
        scan([library], remember=other)
    assert other.read_text() == text


def test_a_huge_licence_is_not_read_whole_and_one_outside_not_at_all(library: Path, tmp_path: Path) -> None:
    huge = library / "pump" / "LICENSE"
    with huge.open("r+b") as opened:
        opened.truncate(1 << 40)  # sparse
    (tmp_path / "outside").write_text("Apache License")
    (library / "copy" / "LICENSE").unlink()
    (library / "copy" / "LICENSE").symlink_to(tmp_path / "outside")
    licenses = {entry.id: entry.license for entry in scan([library])}
    assert licenses["pump/pump.usda"] == "MIT" and licenses["copy/pump.usda"] == ""


def test_nothing_outside_the_library_is_read(library: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.usda").write_text(usda(CUBE))
    (library / "nosy.usda").write_text(usda("", "component", "prepend references = @../secret.usda@"))
    assert "nosy.usda" not in {entry.id for entry in scan([library])}  # it draws nothing
    assert "nosy.usda" in {entry.id for entry in scan([library], roots=[tmp_path])}


@pytest.mark.parametrize(("head", "body", "says"), [
    ("metersPerUnit = inf", CUBE, "metersPerUnit is inf"),
    ("metersPerUnit = nan", CUBE, "metersPerUnit is nan"),
    ("metersPerUnit = -1", CUBE, "metersPerUnit is -1"),
    ("metersPerUnit = 1e300", CUBE.replace("(1, 2, 3)]", "(1, 2, 1e30)]"), "its box"),
])  # fmt: skip
def test_units_and_boxes_that_are_no_numbers_are_told(
    tmp_path: Path, head: str, body: str, says: str
) -> None:
    root = tmp_path / "shop"
    root.mkdir()
    (root / "odd.usda").write_text(usda(body, head=head))
    (root / "good.usda").write_text(usda(CUBE))
    good, odd = scan([root])
    assert says in odd.problem and not good.problem and odd.size == (0, 0, 0)
    assert facets([good, odd], [good])


def test_a_licence_that_may_not_be_read_is_named(library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, *asked: Any, plain: Any = Path.open) -> Any:
        if self.name == "LICENSE":
            raise PermissionError(13, "Permission denied")
        return plain(self, *asked)

    monkeypatch.setattr(Path, "open", refuse)
    assert {e.id: e.license for e in scan([library])}["pump/pump.usda"] == "see LICENSE"


def test_a_link_out_of_the_library_is_told_and_not_read(library: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.usda").write_text(usda(CUBE))
    (library / "link.usda").symlink_to(tmp_path / "secret.usda")
    (library / "pump" / "near.usda").symlink_to(library / "pump" / "pump.usda")
    by_id = {entry.id: entry for entry in scan([library])}
    link = by_id["link.usda"]
    assert "leads out of its library" in link.problem and not (link.digest or link.files or link.triangles)
    assert by_id["pump/near.usda"].triangles == 3
    assert not {e.id: e for e in scan([library], roots=[tmp_path])}["link.usda"].problem


def test_contents_are_read_up_to_a_size_and_hashes_not_kept_for_ever(
    library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (library / "broken.usda").open("r+b") as opened:
        opened.truncate(1 << 40)  # sparse: a day to read
    catalogue = Catalogue([library])
    assert next(e for e in catalogue.read() if e.id == "broken.usda").problem
    held = len(catalogue._hashes)
    for k in range(3):
        (library / "plant.usda").write_text(usda(CUBE, meta=f'doc = "{k}"'))
        catalogue.read()
    assert held and len(catalogue._hashes) <= held
    monkeypatch.setattr(remembered, "MOST_BYTES", 100)
    (library / "plant.usda").write_text(usda(CUBE, meta='doc = "more"'))
    plant = next(e for e in catalogue.read() if e.id == "plant.usda")
    assert "GB are read" in plant.problem and not plant.digest


def test_an_entry_survives_json(library: Path) -> None:
    for entry in scan([library]):
        assert entry_of(json.loads(json.dumps(entry.as_dict()))) == entry


PUMP = Entry(
    "fluid/pump.usda", "plant", "Centrifugal pump", "component", ("fluid", "rotating"), ("pump",), "Apache-2.0",
    size=(0.8, 0.3, 1.4), triangles=4000, up_axis="Z", variants={"paint": ("blue", "red")}, bytes=2_500_000, digest="a",
    doc="A pump, and no motor.",
)  # fmt: skip
MOTOR = replace(PUMP, id="drives/motor.usda", title="Motor", tags=("drive",), labels=("motor",), triangles=900, license="",
                size=(0.4, 0.2, 0.2), doc="", digest="b", used_by=("fluid/pump.usda",))  # fmt: skip
COPY = replace(MOTOR, id="old/motor2.usda", title="Old", animated=True)
BROKEN = Entry("x.usda", "plant", "x", problem="it cannot be read")
ALL = [PUMP, MOTOR, COPY, BROKEN]


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("", ["fluid/pump.usda", "drives/motor.usda", "old/motor2.usda", "x.usda"]),
        ("motor", ["drives/motor.usda", "old/motor2.usda", "fluid/pump.usda"]),
        ("MOTOR tag:drive", ["drives/motor.usda", "old/motor2.usda"]),
        ("motor -old", ["drives/motor.usda", "fluid/pump.usda"]),
        ("triangles<1k", ["drives/motor.usda", "old/motor2.usda"]),
        ("triangles>=4000", ["fluid/pump.usda"]),
        ("size>0.5 height>1", ["fluid/pump.usda"]),
        ("bytes<2M", []),
        ("variant:red title:pump", ["fluid/pump.usda"]),
        ('"centrifugal pump"', ["fluid/pump.usda"]),
        ("license:apache", ["fluid/pump.usda"]),
        ("is:unlicensed -is:animated", ["drives/motor.usda"]),
        ("is:duplicate", ["drives/motor.usda", "old/motor2.usda"]),
        ("is:broken", ["x.usda"]),
        ("is:unlabelled", []),
        ("used>0 path:drives", ["drives/motor.usda"]),
        ("used:1", ["drives/motor.usda", "old/motor2.usda"]),
        ("triangles:950..4k", ["fluid/pump.usda"]),
        ("tag:fluid,drive -is:duplicate", ["fluid/pump.usda"]),
        ("title:cent*pump", ["fluid/pump.usda"]),
        ("title:*pum", []),
        ("nothing", []),
    ],
)
def test_queries(text: str, ids: list[str]) -> None:
    found = [entry.id for entry in find(ALL, text)]
    assert found == ids if text.split() and ":" not in text else sorted(found) == sorted(ids)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("triangle<5", "did you mean 'triangles'"),
        ("triangles<many", "'many' is no number"),
        ("triangles<1.2.3", "'1.2.3' is no number"),
        ("triangles:many", "'many' is no number"),
        ("tag<5", "ask tag:WORD"),
        ("is:wrong", "known are"),
        ("a" * 2001, "more than 2000"),
    ],
)
def test_a_query_that_cannot_be_read_says_why(text: str, says: str) -> None:
    with pytest.raises(UserError, match=says):
        find(ALL, text)


@given(st.text(max_size=60))
def test_any_text_is_a_query_or_a_sentence(text: str) -> None:
    try:
        found = find(ALL, text)
    except UserError as error:
        assert "\n" not in str(error).strip("\n")
    else:
        assert {entry.id for entry in found} <= {entry.id for entry in ALL}


@given(
    st.lists(
        st.sampled_from(["pump", "motor", "tag:fluid", "triangles<1000", "is:animated", "size>0.5"]),
        max_size=4,
    )
)
def test_terms_narrow_and_a_minus_turns_them_round(terms: list[str]) -> None:
    whole = {entry.id for entry in find(ALL, " ".join(terms))}
    for k in range(len(terms)):
        assert whole <= {entry.id for entry in find(ALL, " ".join(terms[:k] + terms[k + 1 :]))}
    for term in terms:
        held, turned = ({e.id for e in find(ALL, one)} for one in (term, f"-{term}"))
        assert held | turned == {e.id for e in ALL} and not held & turned


def test_a_better_fit_comes_first() -> None:
    scores = [parse("pump").score(entry) for entry in (PUMP, replace(PUMP, title="Thing", labels=()), MOTOR)]
    assert scores[0] > scores[1] > scores[2] == 0


def test_search_finds_in_the_bundled_set_and_refuses_in_one_sentence(tmp_path: Path, library: Path) -> None:
    run = CliRunner().invoke
    done = run(app, ["assets", "search", "pump", "--library", str(library), "--json"])
    assert (
        done.exit_code == 0 and json.loads(done.stdout)["total"] == 3
    )  # the plant holds what is labelled so
    one = run(app, ["assets", "search", "tag:fluid", "-path:copy", "--library", str(library)])
    assert one.exit_code == 0 and "Big pump" in one.stdout and "used by" in one.stdout
    for words in ("broken", "is:broken"):
        told = run(app, ["assets", "search", words, "--library", str(library)]).stdout
        assert told.count("cannot be read") == 1, told
    none = run(app, ["assets", "search", "elephant", "--library", str(library)])
    assert none.exit_code == 0 and "no asset fits" in none.stdout
    wrong = run(app, ["assets", "search", "--library", str(tmp_path / "nowhere")])
    assert isinstance(wrong.exception, UserError) or wrong.exit_code == 2
    assert bundled("starter").is_dir()


def test_triangles_are_those_that_are_drawn(tmp_path: Path) -> None:
    """Shapes by what they become, copies each, and none of what is hidden or a collider; as `assets check` counts."""
    body = """
    def Cube "Box" {}
    def Sphere "Ball" {}
    def Cube "Collider" { token purpose = "guide"
    }
    def Xform "Gone" { token visibility = "invisible"
        def Cube "Box" {}
    }
    def PointInstancer "Many" {
        rel prototypes = </A/Many/One>
        int[] protoIndices = [0, 0, 0]
        point3f[] positions = [(3, 0, 0), (6, 0, 0), (9, 0, 0)]
        int64[] invisibleIds = [1]
        def Cube "One" {}
    }
"""
    (tmp_path / "a.usda").write_text(usda(body))
    (entry,) = scan([tmp_path])
    drawn = check_file(tmp_path / "a.usda", Asked())
    (tmp_path / "ball.usda").write_text(usda('def Sphere "Ball" {}'))
    ball = check_file(tmp_path / "ball.usda", Asked()).triangles
    assert ball > 100 and entry.triangles == drawn.triangles == 12 + ball + 2 * 12
    assert drawn.prims == 8


def test_real_assets_are_listed(shared: Path) -> None:
    entries = scan(
        [shared / "assets" / "industrial" / "abb_irb2400", shared / "assets" / "full" / "Vehicles"]
    )
    by_id = {entry.id: entry for entry in entries}
    arm = by_id["usd/abb_irb2400.usda"]
    assert arm.joints == 6 and arm.triangles == 12640 and 1.0 < max(arm.size) < 2.5
    assert not any("payload" in entry.id.lower() for entry in entries if entry.library == "abb_irb2400")
    assert any(entry.used_by for entry in entries if entry.library == "Vehicles")
