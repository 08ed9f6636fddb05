"""Texts of an asset may be of any length: they are cut in the child and in the answer, and what is left out is counted."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from twinstage.assets.catalogue.bounds import LONGEST, LONGEST_ENTRY, MOST_ENTRIES, bounded
from twinstage.assets.catalogue.entry import entry_of
from twinstage.assets.catalogue.scan import scan
from twinstage.cli.app import app

LONG = 50_000
CUBE = """
    def Mesh "Body" {
        int[] faceVertexCounts = [3, 4]
        int[] faceVertexIndices = [0, 1, 2, 0, 1, 2, 3]
        point3f[] points = [(0, 0, 0), (1, 0, 0), (1, 2, 0), (0, 2, 3)]
    }
"""


def usda(body: str, kind: str, meta: str) -> str:
    head = 'defaultPrim = "A"\nmetersPerUnit = 1\nupAxis = "Z"'
    return f'#usda 1.0\n(\n{head}\n)\ndef Xform "A" (\nkind = "{kind}"\n{meta}\n) {{\n{body}\n}}\n'


@pytest.fixture
def wordy(tmp_path: Path) -> Path:
    """An asset whose every text is far too long, and has too many of everything."""
    root = tmp_path / "shop"
    root.mkdir()
    long = "x" * LONG
    tags = ", ".join(f'"t{k}"' for k in range(300))
    labels = ", ".join(f'"{k:04}{"y" * 200}"' for k in range(300))
    sets = "".join(f'variantSet "s{k:03}" = {{ "v" {{}} "{long}" {{}} }}\n' for k in range(150))
    names = ", ".join(f'"s{k:03}"' for k in range(150))
    meta = (
        f'assetInfo = {{\nstring name = "{long}"\nstring[] tags = [{tags}]\nstring license = "{long}"\n'
        f'asset identifier = @{long}@\n}}\ndoc = "{long}"\nprepend variantSets = [{names}]\n'
        'prepend apiSchemas = ["SemanticsLabelsAPI:class"]'
    )
    text = usda(f"{CUBE}\ntoken[] semantics:labels:class = [{labels}]\n{sets}", f"k{long}", meta)
    (root / "wordy.usda").write_text(text)
    return root


def test_texts_are_cut_and_counted(wordy: Path) -> None:
    (entry,) = scan([wordy])
    assert entry.problem == ""
    for name, most in LONGEST.items():
        assert len(getattr(entry, name)) <= most, name
    assert len(entry.doc) == LONGEST["doc"] and entry.cut["doc"] == LONG - LONGEST["doc"]
    assert entry.cut["title"] == LONG - LONGEST["title"] and entry.cut["kind"] == LONG + 1 - LONGEST["kind"]
    assert len(entry.tags) == MOST_ENTRIES and entry.cut["tags"] == 200
    assert len(entry.labels) == MOST_ENTRIES and entry.cut["labels"] == 300
    assert {len(label) for label in entry.labels} == {LONGEST_ENTRY}
    assert len(entry.variants) == MOST_ENTRIES and entry.cut["variants"] == 150
    assert max(len(choice) for choices in entry.variants.values() for choice in choices) == LONGEST_ENTRY


def test_the_commands_answer_is_small_and_says_so(wordy: Path) -> None:
    run = CliRunner().invoke(app, ["assets", "search", "--library", str(wordy), "--json"])
    assert run.exit_code == 0 and len(run.output) < 60_000, run.output[:200]
    (row,) = json.loads(run.output)["assets"]
    assert row["cut"]["doc"] == LONG - LONGEST["doc"]
    run = CliRunner().invoke(app, ["assets", "search", "--library", str(wordy)])
    assert run.exit_code == 0 and "left out" in run.output and "48,000 of doc" in run.output


def test_what_an_asset_says_writes_on_no_terminal(tmp_path: Path) -> None:
    root = tmp_path / "shop"
    root.mkdir()
    info = 'assetInfo = {\nstring name = "red \\x1b[31mpump\\x07"\n}\ndoc = "one \\x1b]0;title\\x07"'
    (root / "pump.usda").write_text(usda(CUBE, "", info))
    (root / "two.usda").write_text(usda(CUBE, "", info))
    for words in ([], ["path:pump.usda"]):
        run = CliRunner().invoke(app, ["assets", "search", *words, "--library", str(root)])
        assert run.exit_code == 0 and "pump" in run.output
        assert "\x1b" not in run.output and "\x07" not in run.output


@pytest.mark.parametrize(
    "tags", ["int tags = 5", "string tags = 'fluid'", "double[] tags = [1, 2]", "asset tags = @a@"]
)
def test_tags_of_any_type_make_no_broken_asset(tmp_path: Path, tags: str) -> None:
    root = tmp_path / "shop"
    root.mkdir()
    (root / "a.usda").write_text(usda(CUBE, "", f"assetInfo = {{\n{tags}\n}}"))
    (entry,) = scan([root])
    assert entry.problem == "" and entry.triangles == 3


def test_a_long_problem_is_cut() -> None:
    entry = entry_of({"id": "a.usda", "library": "shop", "problem": "p" * LONG})
    assert len(entry.problem) == LONGEST["problem"] and entry.cut == {"problem": LONG - LONGEST["problem"]}


def test_bounds_hold_twice_and_short_texts_stay() -> None:
    facts = {
        "title": "Pump",
        "tags": ["a"],
        "labels": [],
        "variants": {"s": ["a"]},
        "thumbnail": "p.png",
        "doc": "",
    }
    assert bounded(facts) == facts
    once = bounded({"doc": "d" * LONG, "thumbnail": "t" * 5000, "variants": {"n" * 200: ["a"]}})
    assert bounded(once) == once
    assert once["thumbnail"] == "" and once["variants"] == {}
    assert once["cut"] == {"doc": LONG - LONGEST["doc"], "thumbnail": 5000, "variants": 1}
